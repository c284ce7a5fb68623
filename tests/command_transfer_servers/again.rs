//! Transfers that are given again: what a second run takes for done, and what it does not.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use larder::config::Config;
use larder::larder::Larder;
use larder::store::format::dump::{Item, Reader};
use larder::store::options::{Lifetime, Term};

use super::servers::nats::{self, Nats};
use super::servers::redis::{self, Redis};
use super::{command, done, file, nats_config, redis_config, text, told};

#[test]
fn a_record_that_ends_a_load_leaves_what_is_behind_it_unwritten() {
    let server = Redis::start(&redis::Options::default()).expect("a server");
    let config = redis_config(&server, "");
    let path = file("ends");
    let puts: String = (0..100).map(|number| format!("put k{number:02} v\n")).collect();
    done("memory://", &["run"], &format!("{puts}dump {}", text(&path)));
    done(&config, &["put", "k30", "somebody else's"], "");
    let load = ["load", "--if-exists", "fail", text(&path)];
    let (code, said) = told(&config, &load);
    assert!(code == Some(3) && said.contains("under \"k30\" already"), "{said}");
    // In which order they come, a store in memory says; all that it wrote it has also counted.
    let written = done(&config, &["ls"], "").lines().count() - 1;
    assert!(said.contains(&format!("; {written} records of ")), "{written} written: {said}");
    // What it wrote itself is no reason to end once more.
    done(&config, &["del", "k30"], "");
    let resumed = done(&config, &[&load[..], &["--resume"]].concat(), "");
    assert!(resumed.contains("100 records: 100 written"), "{resumed}");
}

const HOUR_MS: u64 = 3_600_000;

/// The moment of expiry of a record in a dump, as hours from now.
fn hours(path: &Path, key: &str) -> Option<u64> {
    let mut reader = Reader::new(std::fs::File::open(path).expect("there")).expect("a dump");
    let mut items = std::iter::from_fn(|| reader.read().expect("whole"));
    let Item { expires_unix_ms, .. } = items.find(|item| item.key == key.as_bytes()).expect("it is in the dump");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    (expires_unix_ms != 0).then(|| (expires_unix_ms - now.as_millis() as u64).div_ceil(HOUR_MS))
}

/// Dumps until the part has grown by a few pages, and no further. False when it was done before.
fn dump_a_part(config: &str, path: &Path) -> bool {
    let mut dump = command(config, &["dump", text(path)]);
    let mut child = dump.stdin(Stdio::null()).spawn().expect("it starts");
    let part = format!("{}.larder-part", text(path));
    let begin = Instant::now();
    while std::fs::metadata(&part).map_or(0, |about| about.len()) < 200_000 && begin.elapsed() < Duration::from_secs(60)
    {
        if child.try_wait().expect("a child").is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    !child.wait().expect("it ends").success()
}

/// Has a dump go on after the lifespans of its first records changed, and those records have to be in it as they are.
fn go_on_after_touches(server: &Redis, format: &str) {
    let config = redis_config(server, &format!("format = \"{format}\"\n"));
    let path = file(&format!("touched-{format}"));
    let value = "v".repeat(1000);
    let in_part = (0..4).any(|attempt| {
        let puts = (0..20_000 << attempt).map(|number| format!("put k{number:06} {number}{value} --lifespan 2h\n"));
        done(&config, &["run"], &puts.collect::<String>());
        dump_a_part(&config, &path)
    });
    assert!(in_part, "it was always done before it was killed");
    let held = first_keys(&path);
    // Of a bare value a write of the same is a touch: its revision is its digest.
    if format == "raw" {
        let put = |key: &str| format!("put {key} {}{value}", key[1..].parse::<u32>().expect("a number"));
        done(&config, &["run"], &format!("{} --lifespan 9h\n{}\n", put(&held[0]), put(&held[1])));
    } else {
        touch(&config, &held[0], Term::For(Duration::from_secs(9 * 3600)));
        touch(&config, &held[1], Term::Unlimited);
    }
    let resumed = done(&config, &["--json", "dump", "--resume", text(&path)], "");
    let resumed: serde_json::Value = serde_json::from_str(&resumed).expect("JSON");
    assert!(resumed["before"].as_u64().is_some_and(|before| before > 0), "{resumed}");
    let found = held.map(|key| hours(&path, &key));
    assert_eq!((&resumed["stale"], found), (&2.into(), [Some(9), None, Some(2)]), "{format}: {resumed}");
    assert!(done(&config, &["load", "--verify", text(&path)], "").contains("the dump is whole"));
}

/// The keys of the first records in the part of a dump.
fn first_keys(path: &Path) -> [String; 3] {
    let part = std::fs::File::open(format!("{}.larder-part", text(path))).expect("there");
    let mut reader = Reader::new(part).expect("a dump");
    [(); 3].map(|()| String::from_utf8(reader.read().expect("whole").expect("a record").key).expect("text"))
}

/// Gives a record another lifespan, which the command cannot.
fn touch(config: &str, key: &str, lifespan: Term) {
    let larder = Larder::from_config(Config::parse(config).expect("valid")).expect("valid");
    let store = larder.store_at("r", None, None).expect("there");
    let lifetime = Lifetime { lifespan, ..Lifetime::default() };
    let touched = larder::boundary::wait::wait(store.touch(key.as_bytes(), lifetime), Some(Duration::from_secs(60)));
    assert_eq!(touched, Ok(true));
}

#[test]
fn a_dump_that_goes_on_has_the_lifespans_that_records_have_now() {
    let server = Redis::start(&redis::Options::default()).expect("a server");
    go_on_after_touches(&server, "raw");
    server.ask(&["FLUSHALL"]).expect("it answers");
    go_on_after_touches(&server, "larder");
}

/// A Redis with bare records and a NATS that takes all but one of them, so that a migration is never done with its state.
fn all_but_one() -> (Redis, Nats) {
    let options = nats::Options { max_payload: Some(32 << 10), ..nats::Options::default() };
    let (redis, nats) = (Redis::start(&redis::Options::default()), Nats::single(&options));
    let (redis, nats) = (redis.expect("a server"), nats.expect("a server"));
    let large = "x".repeat(64 << 10);
    let puts = format!("put large {large}\nput a 1 --lifespan 2h\nput b 2 --lifespan 2h\nput c 3\n");
    done(&bare(&redis), &["run"], &puts);
    (redis, nats)
}

fn bare(redis: &Redis) -> String {
    redis_config(redis, "format = \"raw\"\n")
}

#[test]
fn a_migration_with_a_state_writes_lifespans_that_changed_whatever_it_does_with_what_is_there() {
    let (redis, nats) = all_but_one();
    for (if_exists, hours_then) in [("overwrite", 9), ("fail", 7)] {
        let (from, to, state) = (bare(&redis), nats_config(&nats, if_exists), file(&format!("touched-{if_exists}")));
        let migrate = ["migrate", "--to", &to, "--state", text(&state), "--if-exists", if_exists];
        let (code, said) = told(&from, &migrate);
        assert!(code == Some(5) && said.contains("3 written"), "{said}");
        done(&from, &["put", "a", "1", "--lifespan", &format!("{hours_then}h")], "");
        let (code, said) = told(&from, &[&migrate[..], &["--verify"]].concat());
        assert!(code == Some(5) && said.contains("1 written") && said.contains("2 were done before"), "{said}");
        assert!(said.contains("verified: 3 records are the same"), "{said}");
        let listed = done(&to, &["--json", "ls", "a"], "");
        let listed: serde_json::Value = serde_json::from_str(&listed).expect("one record");
        let left = listed["expires_in_ms"].as_u64().map(|left| left.div_ceil(HOUR_MS));
        assert_eq!(left, Some(hours_then), "{listed}");
    }
}

#[test]
fn what_a_verification_misses_the_same_command_writes_again() {
    let (redis, nats) = all_but_one();
    let (from, to, state) = (bare(&redis), nats_config(&nats, "lost"), file("lost"));
    let migrate = ["migrate", "--to", &to, "--state", text(&state)];
    let (code, said) = told(&from, &migrate);
    assert!(code == Some(5) && said.contains("3 written"), "{said}");
    // Lost and damaged behind its back.
    done(&to, &["run"], "del b\nput c other\n");
    let verify = [&migrate[..], &["--verify", "--skip-too-large"]].concat();
    // What somebody else has changed would end a run that is to change nothing of others: only what is missing is written.
    let fail = [&verify[..], &["--if-exists", "fail"]].concat();
    let (code, said) = told(&from, &fail);
    let expected = "NOT the same: 1 records are missing in the target, 1 are different";
    assert!(code == Some(5) && said.contains(expected), "{said}");
    assert!(said.contains("the same command writes 1 of them again"), "{said}");
    let (code, said) = told(&from, &fail);
    assert!(code == Some(5) && said.contains("1 written") && said.contains("1 are different"), "{said}");
    assert!(!said.contains("of them again"), "{said}");
    let (code, said) = told(&from, &verify);
    assert!(code == Some(5) && said.contains("the same command writes 1 of them again"), "{said}");
    let (code, said) = told(&from, &verify);
    assert!(code == Some(0) && said.contains("1 written"), "{said}");
    assert!(said.contains("verified: 3 records are the same") && !state.exists(), "{said}");
}
