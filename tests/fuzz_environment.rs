//! Environments, fed to the profiles as mutations of a kept corpus (`tests/corpus/environment.txt`): whatever variables
//! hold, opening succeeds or names one of them, checking and explaining end, and no secret is shown.
//!
//! `LARDER_FUZZ_ROUNDS` makes the run longer, `LARDER_FUZZ_SEED` makes it another; a failure prints its input.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use larder::config::profile::check::check;
use larder::config::profile::environment::Environment;
use larder::config::profile::{Profile, Sources, explain};
use larder::{Error, Status};

const CORPUS: &str = include_str!("corpus/environment.txt");

/// What the corpus uses as password, and nothing may show.
const SECRET: &str = "geheim";

const WORDS: &[&str] = &[
    "",
    " ",
    ",",
    "\u{0}",
    "-",
    "+",
    "0",
    "1e9",
    "9223372036854775807ns",
    "true",
    "T",
    "nats-js-kv",
    "redis",
    "memory",
    "noop",
    "://",
    "@",
    "?",
    "/",
    "5m",
    "\u{e9}",
    "=",
    "_FILE",
    "_STORE",
    "STORE",
    "{",
    "[",
];

type Variables = Vec<(String, String)>;

fn number_from(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A small generator of random numbers (xorshift64*, Vigna 2016).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

fn seeds() -> Vec<Variables> {
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    CORPUS.split("---\n").map(|text| text.lines().filter_map(pair).collect()).collect()
}

/// Cuts, joins and changes names and values. Passwords stay as they are, so that they are known when they show.
fn mutate(random: &mut Random, seeds: &[Variables]) -> Variables {
    let mut variables = random.of(seeds).clone();
    let others = random.of(seeds).clone();
    variables.extend(others.into_iter().filter(|_| random.below(2) == 0));
    for _ in 0..1 + random.below(4) {
        let at = random.below(variables.len());
        let names: Vec<String> = variables.iter().map(|(name, _)| name.clone()).collect();
        let Some((name, value)) = variables.get_mut(at) else { break };
        match random.below(5) {
            0 if !value.contains(SECRET) => *value = (*random.of(WORDS)).to_owned(),
            1 if !value.contains(SECRET) => {
                let place = value.char_indices().map(|(at, _)| at).nth(random.below(value.len())).unwrap_or(0);
                let word: &str = random.of::<&str>(WORDS);
                value.insert_str(place, word);
            }
            2 => *name = random.of(&names).clone(),
            3 if !value.contains(SECRET) => {
                let other = random.of(&names).rsplit_once('_').map_or(String::new(), |(_, end)| format!("_{end}"));
                name.push_str(&other);
            }
            _ => {
                variables.remove(at);
            }
        }
    }
    variables
}

/// Whether the secret came to where any value is shown: no password, and not the password in an address.
fn shows_by_right(variables: &Variables) -> bool {
    let is_hidden = |name: &str, value: &str| {
        let is_address = name.ends_with("_NODES") || name.ends_with("_ENDPOINT");
        name.ends_with("_PASSWORD") || (is_address && value.contains(":geheim@"))
    };
    variables.iter().any(|(name, value)| value.contains(SECRET) && !is_hidden(name, value))
}

fn refused(error: &Error) {
    assert_eq!(error.status(), Status::CONFIG, "{error}");
    assert!(!error.origin().is_empty() && !error.message().is_empty(), "{error}");
}

fn examine(variables: &Variables) {
    let environment: Environment =
        variables.iter().filter(|(name, _)| name != "LARDER_PROFILE_FILE").cloned().collect();
    let mut said = String::new();
    for profile in Profile::ALL {
        let sources = Sources::new(profile, environment.clone(), None).expect("no file is named");
        match sources.all() {
            Ok(config) => assert!(!config.stores.is_empty()),
            Err(error) => {
                refused(&error);
                said += &error.to_string();
            }
        }
        for service in ["GRAPH_CACHE", "ACTIVITYLOG", "sessions", "A"] {
            if let Err(error) = sources.one(service) {
                refused(&error);
                said += &error.to_string();
            }
        }
        for finding in check(&sources, None, &|_| Ok(())).unwrap_or_default() {
            said += &(finding.text() + &finding.json().to_string());
        }
        match explain::profile(&sources, None) {
            Ok(all) => all.iter().for_each(|explained| said += &(explained.text() + &explained.json().to_string())),
            Err(error) => refused(&error),
        }
    }
    assert!(shows_by_right(variables) || !said.contains(SECRET), "a secret shows");
}

#[test]
fn any_environment_is_read_or_refused_with_a_reason_and_shows_no_secret() {
    let seeds = seeds();
    let mut random = Random(number_from("LARDER_FUZZ_SEED", 0x5eed_0e17) | 1);
    let run = |variables: &Variables| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| examine(variables))) {
            eprintln!("the variables are: {variables:?}");
            resume_unwind(panic);
        }
    };
    seeds.iter().for_each(run);
    for _ in 0..number_from("LARDER_FUZZ_ROUNDS", 600).min(1_000_000) {
        run(&mutate(&mut random, &seeds));
    }
}
