//! What lies on the server, seen by redis-cli.

use std::time::Duration;

use larder::Status;
use larder::store::options::{Condition, Lifetime, PutOptions, Term};
use larder::store::record::Metadata;

use crate::support::{SERVER, done, on_server, put, value, wait};

fn living(lifespan: Duration) -> PutOptions {
    PutOptions {
        lifetime: Lifetime { lifespan: Term::For(lifespan), max_idle: Term::Default },
        ..PutOptions::default()
    }
}

#[test]
fn go_micro_records_are_bare_values_under_table_and_key() {
    let opened = on_server("go-micro", "gm-", "");
    put(&opened.store, b"key", b"va\x00l");
    assert_eq!(SERVER.ask(&["STRLEN", "gm-key"]).expect("an answer"), "4");
    assert_eq!(SERVER.ask(&["PTTL", "gm-key"]).expect("an answer"), "-1");
    done(wait(opened.store.put(b"short", b"v", &living(Duration::from_secs(100)))));
    let left: i64 = SERVER.ask(&["PTTL", "gm-short"]).expect("an answer").parse().expect("a number");
    assert!(left > 50_000 && left <= 100_000, "{left}");
    SERVER.ask(&["SET", "gm-theirs", "by another", "EX", "50"]).expect("written");
    let record = wait(opened.store.get(b"theirs")).expect("read").expect("there");
    assert_eq!(record.value(), b"by another");
    assert!(record.expires_in_ms().is_some_and(|left| left > 20_000 && left <= 50_000));
    let metadata = Metadata::new([("a", &b"1"[..])]).expect("small");
    let error =
        wait(opened.store.put(b"k", b"v", &PutOptions { metadata, ..PutOptions::default() })).expect_err("no room");
    assert_eq!((error.status(), error.origin()), (Status::UNSUPPORTED, "metadata"));
}

#[test]
fn larder_records_keep_everything_and_any_bytes() {
    let opened = on_server("larder", "any", "");
    let metadata = Metadata::new([("b", &b"\x00\xff"[..]), ("a", b"")]).expect("small");
    for key in [&b""[..], b"k", b"\x00\xff\r\n*?[", "schlüssel".as_bytes()] {
        let options = PutOptions { metadata: metadata.clone(), ..living(Duration::from_secs(100)) };
        let revision = done(wait(opened.store.put(key, b"\r\n\x00", &options)));
        let record = wait(opened.store.get(key)).expect("read").expect("there");
        assert_eq!((record.key(), record.value(), record.revision()), (key, &b"\r\n\x00"[..], revision));
        assert_eq!(record.metadata(), metadata);
        assert!(record.expires_in_ms().is_some_and(|left| left > 50_000 && left <= 100_000));
    }
    assert_eq!(SERVER.ask(&["EXISTS", "larder:d:any:k"]).expect("an answer"), "1");
    let left: i64 = SERVER.ask(&["PTTL", "larder:d:any:k"]).expect("an answer").parse().expect("a number");
    assert!(left > 50_000, "{left}");
    assert_eq!(SERVER.ask(&["GETRANGE", "larder:d:any:k", "1", "2"]).expect("an answer"), "LR");
}

#[test]
fn a_foreign_value_under_a_larder_key_is_corrupt_and_a_foreign_type_too() {
    let opened = on_server("larder", "foreign", "");
    SERVER.ask(&["SET", "larder:d:foreign:a", "bare"]).expect("written");
    SERVER.ask(&["RPUSH", "larder:d:foreign:b", "x"]).expect("written");
    for key in [b"a", b"b"] {
        assert_eq!(wait(opened.store.get(key)).expect_err("foreign").status(), Status::CORRUPT);
    }
}

#[test]
fn a_foreign_value_has_no_revision_and_is_replaced_by_a_put_and_by_nothing_else() {
    let opened = on_server("larder", "foreign-bytes", "");
    let store = &opened.store;
    let full = "larder:d:foreign-bytes:k";
    let lifetime = Lifetime { lifespan: Term::For(Duration::from_secs(60)), max_idle: Term::Default };
    let is_corrupt = |status: Status| assert_eq!(status, Status::CORRUPT);
    // Empty, shorter than a revision's place, shorter than an envelope's header, and longer.
    for length in [0, 5, 20, 2000] {
        let foreign = "x".repeat(length);
        SERVER.ask(&["SET", full, &foreign]).expect("written");
        for condition in [Condition::IfAbsent, Condition::IfRevision(0x7878_7878_7878_7878), Condition::IfRevision(7)] {
            let options = PutOptions { condition, ..PutOptions::default() };
            is_corrupt(wait(store.put(b"k", b"v", &options)).expect_err("foreign").status());
        }
        for revision in [None, Some(7)] {
            is_corrupt(wait(store.remove(b"k", revision)).expect_err("foreign").status());
        }
        is_corrupt(wait(store.touch(b"k", lifetime)).expect_err("foreign").status());
        assert_eq!(SERVER.ask(&["GET", full]).expect("a value"), foreign);
        // By the script, and by a transaction.
        for value_length in [10, 16 << 10] {
            SERVER.ask(&["SET", full, &foreign]).expect("written");
            let value = vec![b'v'; value_length];
            let first = put(store, b"k", &value);
            assert!(first < 1 << 52, "{first:#x}, {length}");
            assert!(put(store, b"k", &value) > first, "{length}");
        }
        done(wait(store.remove(b"k", None)));
    }
    assert_eq!(wait(store.touch(b"k", lifetime)), Ok(false));
}

#[test]
fn large_values_go_both_ways_whole() {
    let opened = on_server("larder", "large", "");
    let large: Vec<u8> = (0..20_000_000_u32).map(|number| (number % 251) as u8).collect();
    put(&opened.store, b"k", &large);
    assert!(value(&opened.store, b"k") == Some(large), "another value");
}

#[test]
fn tables_and_databases_are_apart_in_the_larder_format() {
    let opened = on_server("larder", "one", "");
    let other = opened.larder.store_at("default", Some("d"), Some("two")).expect("a store");
    let third = opened.larder.store_at("default", Some("e"), Some("one")).expect("a store");
    put(&opened.store, b"k", b"1");
    put(&other, b"k", b"2");
    assert_eq!(
        (value(&opened.store, b"k"), value(&other, b"k"), value(&third, b"k")),
        (Some(b"1".into()), Some(b"2".into()), None)
    );
    assert_eq!((wait(opened.store.clear()), wait(other.size())), (Ok(1), Ok(1)));
}
