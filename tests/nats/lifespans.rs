//! Lifespans: by the server where it can, and by every reader.

use std::time::Duration;

use larder::store::Backend;
use larder::store::nats::NatsBackend;
use larder::store::options::{Condition, ListOptions, Outcome, PutOptions};
use serde_json::json;

use crate::common::*;

#[test]
fn an_expired_record_is_shown_by_no_read_and_counts_as_absent() {
    for address in servers() {
        for format in FORMATS {
            let name = bucket();
            let store = store(&address, &name, json!({"format": format}));
            let begin = std::time::Instant::now();
            let revision = done(wait(store.put(b"k", b"v", &living(Duration::from_millis(700)))));
            done(wait(store.put(b"long", b"v", &living(Duration::from_secs(3600)))));
            let record = wait(store.get(b"k")).expect("an answer");
            // A machine that stood still meanwhile has seen it expire.
            assert!(record.is_some() || begin.elapsed() >= Duration::from_millis(690));
            let left = record.map_or(Some(0), |record| record.expires_in_ms());
            assert!(left.is_some_and(|left| left <= 700), "{left:?}");
            std::thread::sleep(Duration::from_millis(710));
            assert_eq!(get(&store, b"k"), None, "{format}");
            assert_eq!(wait(store.contains(b"k")), Ok(false));
            assert_eq!(wait(store.list(&ListOptions::default())).expect("a list").len(), 1);
            assert_eq!(wait(store.remove(b"k", None)), Ok(Outcome::NotFound));
            let put_if = |condition| wait(store.put(b"k", b"w", &PutOptions { condition, ..PutOptions::default() }));
            assert_eq!(put_if(Condition::IfRevision(revision)), Ok(Outcome::NotFound));
            assert!(matches!(put_if(Condition::IfAbsent), Ok(Outcome::Done { .. })));
            let left = wait(store.get(b"long")).expect("an answer").expect("there").expires_in_ms();
            assert!(left.is_some_and(|left| left > 3_500_000), "{left:?}");
        }
    }
}

#[test]
fn the_server_removes_what_has_expired_where_it_can() {
    let (address, name) = (current(), bucket());
    let foreign = Foreign::new(&address);
    let store = store(&address, &name, json!({"lifespan": "1s"}));
    put(&store, b"k", b"v");
    let (headers, _) = foreign.last(&format!("KV_{name}"), &format!("$KV.{name}.t.kk"));
    assert!(headers.contains("Nats-TTL: 1\r\n") && headers.contains("Larder-Expires: "), "{headers}");
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while foreign.messages(&format!("KV_{name}")) > 0 {
        assert!(std::time::Instant::now() < end, "it is still there");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(get(&store, b"k"), None);
    assert_eq!(store.describe()["capabilities"]["lifespan"], "by the server and by readers");
}

#[test]
fn a_record_that_outlives_the_servers_clock_stays() {
    let (address, name) = (current(), bucket());
    let foreign = Foreign::new(&address);
    // As Go's longest duration, and Java's word for ever.
    let store = store(&address, &name, json!({"lifespan": "2562047h"}));
    put(&store, b"go", b"v");
    done(wait(store.put(b"java", b"v", &living(Duration::from_millis(i64::MAX as u64)))));
    // A server looks for what has ended once a second.
    std::thread::sleep(Duration::from_millis(2500));
    for key in ["go", "java"] {
        assert_eq!(get(&store, key.as_bytes()).as_deref(), Some(&b"v"[..]), "{key}");
        let (headers, _) = foreign.last(&format!("KV_{name}"), &format!("$KV.{name}.t.k{key}"));
        assert!(headers.contains("Larder-Expires: "), "{headers}");
    }
}

#[test]
fn a_buckets_limit_that_was_raised_since_hides_no_record() {
    let (address, name) = (current(), bucket());
    let foreign = Foreign::new(&address);
    let (limit, seconds) = (Duration::from_secs(5), 1_000_000_000_u64);
    let stream = |max_age: u64| {
        json!({
            "name": format!("KV_{name}"), "subjects": [format!("$KV.{name}.>")], "max_msgs_per_subject": 1,
            "max_age": max_age, "discard": "new", "allow_direct": true, "duplicate_window": seconds,
        })
    };
    let answer = foreign.api(&format!("STREAM.CREATE.KV_{name}"), stream(5 * seconds));
    assert!(answer.get("error").is_none(), "{answer}");
    let store = store(&address, &name, json!({"format": "raw"}));
    // All learn the limit; each is the first to use what it has learnt.
    let [reader, lister, remover] = [(); 3].map(|()| crate::common::store(&address, &name, json!({"format": "raw"})));
    let revision = put(&store, b"k", b"v");
    assert!([&reader, &lister, &remover].iter().all(|store| get(store, b"k").is_some()));
    let answer = foreign.api(&format!("STREAM.UPDATE.KV_{name}"), stream(0));
    assert!(answer.get("error").is_none(), "{answer}");
    std::thread::sleep(limit + Duration::from_millis(100));
    let absent = PutOptions { condition: Condition::IfAbsent, ..PutOptions::default() };
    assert_eq!(wait(store.put(b"k", b"w", &absent)), Ok(Outcome::Conflict { revision }));
    assert_eq!(get(&reader, b"k").as_deref(), Some(&b"v"[..]));
    assert_eq!(wait(lister.size()), Ok(1));
    assert_eq!(wait(remover.remove(b"k", None)), Ok(Outcome::Done { revision }));
}

/// A server that leaves a mark where a message's lifespan ended decides so before it writes the mark, and the mark wipes out
/// what its key has by then: also a record that was written and acknowledged between.
#[test]
fn a_record_that_is_written_when_another_one_of_its_key_expires_stays() {
    const ROUNDS: u64 = 8;
    const LIFESPAN: Duration = Duration::from_secs(1);
    let address = current();
    let backend = backend(&address, json!({}));
    // Each in a bucket of its own, so that the server comes to each end at once.
    let one = |number: u64| {
        let store = backend.open(&bucket(), "").expect("a store");
        let mut missing = 0;
        for round in 0..ROUNDS {
            done(wait(store.put(b"k", b"first", &living(LIFESPAN))));
            std::thread::sleep(LIFESPAN + Duration::from_micros((number * ROUNDS + round) * 7));
            put(&store, b"k", b"second");
            std::thread::sleep(Duration::from_millis(300));
            missing += usize::from(get(&store, b"k").is_none());
        }
        missing
    };
    let missing: usize = std::thread::scope(|scope| {
        let all: Vec<_> = (0..48)
            .map(|number| {
                scope.spawn({
                    let one = &one;
                    move || one(number)
                })
            })
            .collect();
        all.into_iter().map(|one| one.join().expect("no panic")).sum()
    });
    assert_eq!(missing, 0);
}

#[test]
fn a_bucket_where_the_server_leaves_marks_of_ends_is_named_and_told_of_no_ends() {
    let (address, name) = (current(), bucket());
    let stream = json!({
        "name": format!("KV_{name}"), "subjects": [format!("$KV.{name}.>")], "max_msgs_per_subject": 1,
        "discard": "new", "allow_direct": true, "allow_rollup_hdrs": true, "allow_msg_ttl": true,
        "subject_delete_marker_ttl": 2_000_000_000_u64,
    });
    let foreign = Foreign::new(&address);
    let answer = foreign.api(&format!("STREAM.CREATE.KV_{name}"), stream);
    assert!(answer.get("error").is_none(), "{answer}");
    let store = store(&address, &name, json!({}));
    done(wait(store.put(b"k", b"v", &living(Duration::from_secs(60)))));
    let message = foreign.last(&format!("KV_{name}"), &format!("$KV.{name}.>"));
    assert!(message.0.contains("Larder-Expires: ") && !message.0.contains("Nats-TTL"), "{message:?}");
    assert_eq!(store.describe()["capabilities"]["lifespan"], "by readers");
    let differences = store.describe()["differences"].to_string();
    assert!(differences.contains("subject_delete_marker_ttl_ms") && differences.contains("2000"), "{differences}");
}

#[test]
fn neither_an_end_nor_a_mark_that_is_dropped_uncovers_an_older_value() {
    for address in servers() {
        let mut config = settings(&address, json!({"history": 3})).expect("usable");
        config.marker_age = Duration::from_secs(1);
        let backend = NatsBackend::open(config);
        let store = backend.open(&bucket(), "").expect("a store");
        for key in [&b"expires"[..], b"removed"] {
            put(&store, key, b"older");
        }
        done(wait(store.put(b"expires", b"newer", &living(Duration::from_secs(1)))));
        wait(store.remove(b"removed", None)).expect("removed");
        // The server, if it does it, has removed the newer value and the mark, and a list sees to the rest.
        std::thread::sleep(Duration::from_secs(4));
        assert_eq!(wait(store.size()), Ok(0));
        for key in [&b"expires"[..], b"removed"] {
            assert_eq!(get(&store, key), None, "{}", key.escape_ascii());
        }
    }
}
