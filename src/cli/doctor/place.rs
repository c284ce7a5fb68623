//! Login, and the place where records lie: a bucket, a master, or this process's memory.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::advice::login::on_login;
use super::advice::refusal::on_error;
use super::step::Finding;
use crate::boundary::wait::wait;
use crate::cli::transfer::endpoint::Endpoint;
use crate::config::StoreConfig;
use crate::error::{Error, Status};

/// How long sentinels may take to answer that have just been connected to: as long as a connection may.
const HEARING: Duration = Duration::from_secs(2);

/// Whether the store answers, which takes a login where it asks for one.
pub fn login(endpoint: &Endpoint, section: &StoreConfig) -> Finding {
    match wait(endpoint.store.ping(), endpoint.timeout) {
        Ok(()) => Finding::fine("the store answers"),
        // A Redis that cannot save refuses even a ping, and reads all the same: what it does not do, the write shows.
        Err(error) if error.status() == Status::IO => Finding::warning(error.to_string(), on_error(&error)),
        Err(error) => Finding::failed(error.status(), error.to_string(), on_login(section, &error)),
    }
}

/// What a failed call says, with advice.
pub fn failed(error: &Error) -> Finding {
    Finding::failed(error.status(), error.to_string(), on_error(error))
}

/// The bucket or the master, and how it differs from what was asked for.
pub fn place(endpoint: &Endpoint, probe: &[u8]) -> Finding {
    // The look into it makes the store find out what there is.
    if let Err(error) = wait(endpoint.store.contains(probe), endpoint.timeout) {
        return failed(&error);
    }
    let about = heard_out(endpoint);
    match about["type"].as_str().unwrap_or("") {
        "nats-js-kv" => bucket(&about),
        "redis" | "redis-sentinel" => master(&about),
        kind => Finding::fine(format!("of type {kind}, in this process")),
    }
}

/// What the store says of itself, once every sentinel has spoken or has had the time to.
fn heard_out(endpoint: &Endpoint) -> Value {
    let end = Instant::now() + HEARING;
    loop {
        let about = endpoint.store.describe();
        let mut sentinels = about["sentinels"].as_array().into_iter().flatten();
        if sentinels.all(|sentinel| sentinel["reachable"] == true) || Instant::now() >= end {
            return about;
        }
        std::thread::sleep(HEARING / 40);
    }
}

fn bucket(about: &Value) -> Finding {
    let name = about["bucket"].as_str().unwrap_or("?");
    let Some(stream) = about["stream"].as_object() else {
        return Finding::fine(format!("bucket {name} is not there yet; the first write creates it"));
    };
    let facts: Vec<String> = stream.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let detail = format!("bucket {name}: {}", facts.join(", "));
    let differences: Vec<String> = about["differences"].as_array().into_iter().flatten().map(difference).collect();
    if differences.is_empty() {
        return Finding::fine(detail);
    }
    Finding::warning(
        format!("{detail}; {}", differences.join(", ")),
        "A bucket that is there is never altered: change it with the tools of NATS (nats stream edit), or the settings.",
    )
}

fn difference(difference: &Value) -> String {
    let text = |name: &str| difference[name].as_str().map_or_else(|| difference[name].to_string(), str::to_owned);
    format!("{} should be {} but is {}", text("setting"), text("asked"), text("present"))
}

fn master(about: &Value) -> Finding {
    let text = |name: &str| about[name].as_str().unwrap_or("?").to_owned();
    let mut detail = format!("version {}", text("server_version"));
    let Some(sentinels) = about["sentinels"].as_array() else {
        return Finding::fine(format!("server {}, {detail}", text("server")));
    };
    detail = format!("master {} at {}, {detail}", text("master_name"), text("master"));
    let silent: Vec<&str> = sentinels
        .iter()
        .filter(|sentinel| sentinel["reachable"] != true)
        .filter_map(|sentinel| sentinel["address"].as_str())
        .collect();
    let (all, heard) = (sentinels.len(), sentinels.len() - silent.len());
    detail += &format!(", {heard} of {all} sentinels heard");
    if silent.is_empty() {
        return Finding::fine(detail);
    }
    let advice = if heard * 2 > all {
        "A sentinel that cannot be asked does not tell of a failover; bring it back, or take it out of the nodes."
    } else {
        "Without most of the sentinels there is no failover; bring them back, or let them announce addresses that are \
         reachable from here (sentinel announce-ip)."
    };
    Finding::warning(format!("{detail}; silent: {}", silent.join(", ")), advice)
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::doctor::step::Outcome;

    #[test]
    fn a_bucket_that_differs_is_warned_of_setting_by_setting() {
        let stream = json!({"replicas": 1});
        let differs = json!([{"setting": "replicas", "asked": 3, "present": 1}]);
        let found = bucket(&json!({"bucket": "b", "stream": stream, "differences": differs}));
        assert_eq!(found.outcome, Outcome::Warning);
        assert!(found.detail.ends_with("replicas should be 3 but is 1"), "{}", found.detail);
        assert_eq!(bucket(&json!({"bucket": "b", "stream": stream})).outcome, Outcome::Fine);
        assert!(bucket(&json!({"bucket": "b", "stream": null})).detail.contains("not there yet"));
    }

    #[test]
    fn sentinels_that_are_silent_are_named() {
        let sentinel = |address: &str, reachable: bool| json!({"address": address, "reachable": reachable});
        let about = |reachable: bool| json!({"master_name": "m", "master": "h:1", "sentinels": [sentinel("a:1", true), sentinel("b:2", reachable)]});
        assert_eq!(master(&about(true)).outcome, Outcome::Fine);
        let found = master(&about(false));
        assert!(found.detail.ends_with("1 of 2 sentinels heard; silent: b:2"), "{}", found.detail);
        assert!(found.advice.is_some_and(|advice| advice.contains("no failover")));
    }
}
