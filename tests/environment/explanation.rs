//! Explanations: where each setting of a service comes from.

use larder::config::profile::explain::{self, Explanation};
use larder::config::profile::{Profile, ocis};

use super::sources;

fn explained(variables: &[(&str, &str)], service: &str) -> Explanation {
    let mut all = explain::profile(&sources(Profile::Ocis, variables), Some(service)).expect("known");
    all.pop().expect("one")
}

#[test]
fn an_explanation_says_which_source_won_and_what_it_overrode() {
    let variables = [
        ("OCIS_CACHE_STORE", "nats-js-kv"),
        ("OCIS_CACHE_STORE_NODES", "nats://user:geheim@a:4222"),
        ("STORAGE_SYSTEM_CACHE_STORE_NODES", "b:4222"),
        ("OCIS_CACHE_AUTH_PASSWORD", "geheim"),
        ("STORAGE_SYSTEM_CACHE_TTL", ""),
    ];
    let explained = explained(&variables, "STORAGE_SYSTEM_CACHE");
    let text = explained.text();
    let object = explained.json();
    let expected = [
        "type                 nats-js-kv  (OCIS_CACHE_STORE; over default = memory)",
        "nodes                b:4222  (STORAGE_SYSTEM_CACHE_STORE_NODES; over OCIS_CACHE_STORE_NODES = nats://(hidden)@a:4222; \
         over default = 127.0.0.1:9233)",
        "password             (hidden)  (OCIS_CACHE_AUTH_PASSWORD)",
        "lifespan             24m  (default; over STORAGE_SYSTEM_CACHE_TTL = )",
        "^ STORAGE_SYSTEM_CACHE_TTL is empty, which changes nothing",
        "username             -  (not set)",
    ];
    for line in expected {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
    assert_eq!(object["settings"]["nodes"]["source"], "variable");
    assert_eq!(object["settings"]["nodes"]["name"], "STORAGE_SYSTEM_CACHE_STORE_NODES");
    assert_eq!(object["settings"]["nodes"]["overrode"][1]["source"], "default");
    assert!(!(text + &object.to_string()).contains("geheim"));
}

#[test]
fn an_explanation_says_what_a_type_does_not_use_and_what_is_malformed() {
    let text = explained(&[("USERLOG_STORE_TTL", "5m"), ("OCIS_PERSISTENT_STORE_ENABLE_TLS", "on")], "USERLOG").text();
    assert!(text.contains("does not reach records of type memory"), "{text}");
    assert!(text.contains("malformed: it is \"on\"; expected true or false"), "{text}");
    let all = explain::profile(&sources(Profile::Ocis, &[]), None).expect("known");
    assert_eq!(all.len(), ocis::SERVICES.len());
}
