//! Variables that look like those of a store and are none.

use std::collections::BTreeSet;

use super::environment::Environment;
use super::service::{Dialect, Service, Setting};
use super::{Profile, ocis};

/// A variable that no store reads, and what to do about it.
pub struct Stray {
    /// The variable.
    pub variable: String,
    /// What to do.
    pub advice: String,
}

/// The strays in an environment.
pub fn strays(profile: Profile, environment: &Environment) -> Vec<Stray> {
    match profile.services() {
        Some((dialect, services)) => known_services(&dialect, &services, environment),
        None => environment.names().filter_map(plain).collect(),
    }
}

/// All variables of a profile's stores, secrets' files included.
pub fn known(dialect: &Dialect, services: &[Service]) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for service in services {
        for setting in Setting::ALL {
            for variable in service.variables(dialect, setting) {
                if setting == Setting::Password {
                    known.insert(format!("{variable}_FILE"));
                }
                known.insert(variable);
            }
        }
    }
    known
}

fn known_services(dialect: &Dialect, services: &[Service], environment: &Environment) -> Vec<Stray> {
    let known = known(dialect, services);
    let unread = [dialect.global("CACHE_STORE_DATABASE"), dialect.global("CACHE_STORE_TABLE")];
    let mut prefixes = vec![dialect.global("CACHE"), dialect.global("PERSISTENT_STORE")];
    prefixes.extend(services.iter().map(|service| service.prefix.to_owned()));
    let is_other = |name: &str| known.contains(name) || ocis::OTHERS.contains(&name);
    let strays = environment.names().filter(|name| !is_other(name)).filter_map(|name| {
        if unread.iter().any(|unread| unread == name) {
            let advice =
                format!("no service reads it; the database of all caches is {}", dialect.global("CACHE_DATABASE"));
            return Some(Stray { variable: name.to_owned(), advice });
        }
        let capital = name.to_ascii_uppercase();
        let last = |name: &str| name.rsplit('_').next().map(str::to_owned);
        let nearest = |names: &mut dyn Iterator<Item = &String>| {
            let far = names.map(|known| {
                let distance = strsim::damerau_levenshtein(&capital, known);
                // Beyond a slip of the finger, the last word says best what was meant.
                let rank = if distance <= 2 { 0 } else { 1 + usize::from(last(known) != last(&capital)) };
                (rank, distance, known.clone())
            });
            far.min()
        };
        let begins = |prefix: &&String| {
            capital.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };
        let suggestion = match prefixes.iter().filter(begins).max_by_key(|prefix| prefix.len()) {
            Some(prefix) => nearest(&mut known.iter().filter(|known| known.starts_with(prefix.as_str()))),
            None => nearest(&mut known.iter()).filter(|(_, distance, _)| *distance <= 2),
        };
        let (_, _, suggestion) = suggestion?;
        Some(Stray { variable: name.to_owned(), advice: format!("no store reads it; did you mean {suggestion}?") })
    });
    strays.collect()
}

/// A variable of Larder in which a word is nearly STORE.
fn plain(name: &str) -> Option<Stray> {
    let rest = name.strip_prefix("LARDER_")?;
    let parts: Vec<&str> = rest.split('_').collect();
    if parts.contains(&"STORE") {
        return None;
    }
    let near = parts.iter().position(|part| (1..=2).contains(&strsim::damerau_levenshtein(part, "STORE")))?;
    let mut mended = parts.clone();
    mended[near] = "STORE";
    let advice = format!("no store reads it; did you mean LARDER_{}?", mended.join("_"));
    Some(Stray { variable: name.to_owned(), advice })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(profile: Profile, name: &str) -> Option<String> {
        strays(profile, &Environment::from_iter([(name, "1")])).pop().map(|stray| stray.advice)
    }

    #[test]
    fn a_misspelt_variable_is_told_with_the_right_one() {
        let cases = [
            (Profile::Ocis, "OCIS_CACHE_STORE_NODE", "OCIS_CACHE_STORE_NODES"),
            (Profile::Ocis, "OCIS_CACHE_NODES", "OCIS_CACHE_STORE_NODES"),
            (Profile::Ocis, "OC_CACHE_STORE", "OCIS_CACHE_STORE"),
            (Profile::Ocis, "ocis_cache_ttl", "OCIS_CACHE_TTL"),
            (Profile::Ocis, "OCIS_PERSISTANT_STORE", "OCIS_PERSISTENT_STORE"),
            (Profile::Ocis, "STORAGE_USERS_ID_CACHE_NODES", "STORAGE_USERS_ID_CACHE_STORE_NODES"),
            (Profile::OpenCloud, "OCIS_CACHE_STORE", "OC_CACHE_STORE"),
            (Profile::Larder, "LARDER_SESSIONS_STOER_NODES", "LARDER_SESSIONS_STORE_NODES"),
        ];
        for (profile, name, right) in cases {
            assert_eq!(advice(profile, name), Some(format!("no store reads it; did you mean {right}?")), "{name}");
        }
        assert!(
            advice(Profile::Ocis, "OCIS_CACHE_STORE_TABLE").is_some_and(|advice| advice.contains("no service reads"))
        );
    }

    #[test]
    fn what_belongs_to_something_else_is_left_alone() {
        let others =
            ["PATH", "OCIS_URL", "OCIS_EVENTS_ENDPOINT", "OCIS_EVENTS_ENABLE_TLS", "OCIS_INSECURE", "OCIS_LOG_LEVEL"];
        for name in others.iter().chain(ocis::OTHERS) {
            assert_eq!(advice(Profile::Ocis, name), None, "{name}");
        }
        for name in ["LARDER_CONFIG", "LARDER_LIBRARY", "LARDER_PROFILE_FILE", "LARDER_STORE_NODES", "LARDER_A_STORE"] {
            assert_eq!(advice(Profile::Larder, name), None, "{name}");
        }
    }
}
