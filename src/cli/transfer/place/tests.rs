use serde_json::{Map, json};

use super::*;
use crate::config::Config;
use crate::larder::Larder;

/// The place of a section's store, as the store resolves what the section leaves out.
fn place(settings: Value) -> Place {
    let sections = Map::from_iter([("s".to_owned(), settings)]);
    let config = Config::parse(&json!({ "stores": sections }).to_string()).expect("valid");
    let section = config.stores["s"].clone();
    let store = Larder::from_config(config).expect("valid").store_at("s", None, None).expect("there");
    Place::new(&section, &store.describe(), &section.database, &section.table)
}

fn redis(settings: Value) -> Place {
    of("redis", "h:1", settings)
}

fn nats(settings: Value) -> Place {
    of("nats-js-kv", "h:1", settings)
}

fn of(kind: &str, nodes: &str, settings: Value) -> Place {
    let mut section = json!({"type": kind, "nodes": nodes});
    let fields = section.as_object_mut().expect("an object");
    fields.extend(settings.as_object().expect("an object").clone());
    place(section)
}

#[test]
fn what_tells_stores_apart_is_in_its_words_and_no_secret_is() {
    let cases = [
        (redis(json!({})), "redis at h:1, db 0, format larder, database \"\", table \"\""),
        (
            redis(json!({"db": "3", "format": "raw", "username": "u", "password": "hush", "table": "t"})),
            "redis at h:1, db 3, format raw, database \"\", table \"t\"",
        ),
        (
            of("redis-sentinel", "b:2/m,a:1/m", json!({"sentinel_password": "hush"})),
            "redis-sentinel at a:1, b:2, master \"m\", db 0, format larder, database \"\", table \"\"",
        ),
        (
            of("redis-sentinel", "a:1", json!({"master": "n"})),
            "redis-sentinel at a:1, master \"n\", db 0, format larder, database \"\", table \"\"",
        ),
        (
            nats(json!({"username": "u", "password": "hush"})),
            "nats-js-kv at h:1, user \"u\", format larder, database \"\", table \"\"",
        ),
        (
            of("nats-js-kv", "nats://u:hush@h:1", json!({"format": "go-micro", "database": "d"})),
            "nats-js-kv at h:1, user \"u\", format go-micro, database \"d\", table \"\"",
        ),
        (of("nats-js-kv", "nats://hush@h:1", json!({})), "nats-js-kv at h:1, format larder, database \"\", table \"\""),
        (nats(json!({"token": "hush"})), "nats-js-kv at h:1, format larder, database \"\", table \"\""),
        (nats(json!({"nkey": "hush"})), "nats-js-kv at h:1, format larder, database \"\", table \"\""),
        (
            nats(json!({"credentials": "/c"})),
            "nats-js-kv at h:1, credentials \"/c\", format larder, database \"\", table \"\"",
        ),
        (place(json!({"type": "memory", "database": "d"})), "memory, database \"d\", table \"\""),
    ];
    for (place, expected) in cases {
        assert_eq!(place.to_string(), expected);
    }
}

/// What two places have to do with one another, in a word.
fn met(from: &Place, to: &Place, prefix: &str) -> &'static str {
    match from.meeting(to, prefix.as_bytes()) {
        Meeting::Apart => "apart",
        Meeting::Same => "same",
        Meeting::Overlap(..) => "overlap",
    }
}

/// Whether what is said of two places is said of them in either order.
fn assert_met(from: &Place, to: &Place, prefix: &str, expected: &str) {
    for (from, to) in [(from, to), (to, from)] {
        assert_eq!(met(from, to, prefix), expected, "{from} to {to}, prefix {prefix:?}");
    }
}

#[test]
fn redis_keys_of_databases_masters_and_tables_are_apart_or_not_by_the_format() {
    let at = |format: &str, database: &str, table: &str| {
        redis(json!({"format": format, "database": database, "table": table}))
    };
    let larder = at("larder", "", "");
    assert_met(&larder, &larder, "k", "same");
    assert_met(&larder, &redis(json!({"db": 1})), "", "apart");
    assert_met(&larder, &of("redis", "h:2", json!({})), "", "apart");
    assert_met(&larder, &at("larder", "", "t"), "", "apart");
    let master = |name: &str| of("redis-sentinel", "a:1,b:1", json!({ "master": name }));
    assert_met(&master("m"), &master("n"), "", "apart");
    assert_met(&master("m"), &of("redis-sentinel", "b:1,c:1/m", json!({"master": "m"})), "", "same");
    // No database, and the same bytes.
    assert_met(&at("go-micro", "d", "t"), &at("go-micro", "e", "t"), "", "same");
    assert_met(&at("go-micro", "", "t"), &at("raw", "", "t"), "", "same");
    assert_met(&at("go-micro", "", "events"), &at("larder", "", "events"), "", "apart");
    // One without a table sees every key.
    assert_met(&at("go-micro", "", ""), &larder, "", "overlap");
    assert_met(&at("go-micro", "", ""), &larder, "l", "overlap");
    assert_met(&at("go-micro", "", ""), &larder, "users/", "apart");
    assert_met(&at("raw", "", "a"), &at("go-micro", "", "ab"), "", "overlap");
    assert_met(&at("raw", "", "a"), &at("go-micro", "", "ab"), "x", "apart");
    assert_met(&at("raw", "", "larder:::"), &larder, "", "overlap");
}

#[test]
fn nats_keys_of_a_bucket_are_apart_or_not_by_the_format() {
    let at = |format: &str, table: &str| nats(json!({"format": format, "table": table}));
    let users = |name: &str| nats(json!({"username": name, "password": "p"}));
    assert_met(&users("u"), &users("v"), "", "apart");
    assert_met(&users("u"), &users("u"), "", "same");
    assert_met(&at("larder", ""), &nats(json!({"database": "default"})), "", "same");
    assert_met(&at("larder", ""), &nats(json!({"database": "d"})), "", "apart");
    for table in ["", "events"] {
        assert_met(&at("go-micro", table), &at("larder", ""), "", "apart");
        assert_met(&at("go-micro", table), &at("larder", table), "", "apart");
    }
    assert_met(&at("go-micro", "events"), &at("raw", "events"), "", "apart");
    assert_met(&at("go-micro", "events"), &at("raw", ""), "", "overlap");
    assert_met(&at("go-micro", ""), &at("raw", ""), "lower", "apart");
    assert_met(&at("go-micro", ""), &at("go-micro", "events"), "", "overlap");
    assert_met(&at("go-micro", "a"), &at("go-micro", "a_b"), "", "overlap");
    assert_met(&at("go-micro", "a"), &at("go-micro", "a^"), "", "apart");
    assert_met(&at("raw", ""), &at("larder", "t"), "", "overlap");
    assert_met(&at("raw", "t"), &at("larder", "t"), "", "apart");
    assert_met(&at("raw", "tt"), &at("larder", "t"), "", "overlap");
}
