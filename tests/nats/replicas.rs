//! Buckets on several servers, of which one has fallen behind: what was acknowledged is in every list all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::store::event::EventKind::{Created, Current};
use larder::store::options::{ListOptions, Projection, PutOptions, WatchOptions, WatchStart};
use larder::{Status, store::Store};
use serde_json::{Value, json};

use crate::common::*;
use crate::puppet::{self, Asked, Line};
use crate::servers::nats::{Nats, Options};

/// What became of a consumer that lives on a replica which lacks the second of two records.
#[derive(Clone, Copy, PartialEq)]
enum Laggard {
    /// It comes to the record when the leader is asked for it.
    CatchesUp,
    /// It never does; the next consumer lives elsewhere.
    StaysBehind,
    /// The leader has nothing more on these subjects.
    LacksNothing,
}

/// A leader with `k1` and `k2` as the fifth and seventh message, and how many consumers were made.
fn leader(laggard: Laggard, replicas: u64) -> (String, Arc<AtomicU64>) {
    let consumers = Arc::new(AtomicU64::new(0));
    let made = Arc::clone(&consumers);
    let mut inbox = String::new();
    let script = move |line: &mut Line, asked: &Asked| match asked.subject.as_str() {
        // Of one copy a feed lacks only what was written since.
        "$JS.API.STREAM.INFO.KV_b" => {
            line.answer(asked, &puppet::stream("then", replicas, if replicas == 1 { 6 } else { 7 }))
        }
        "$JS.API.CONSUMER.CREATE.KV_b" => {
            let number = made.fetch_add(1, Ordering::Relaxed);
            line.answer(asked, &puppet::consumer(1));
            inbox = asked.inbox();
            let is_behind = laggard != Laggard::StaysBehind || number == 0;
            line.push(&inbox, "$KV.b.k1", (5, 1), u64::from(!is_behind));
            if !is_behind {
                line.push(&inbox, "$KV.b.k2", (7, 2), 0);
            }
        }
        "$JS.API.STREAM.MSG.GET.KV_b" if laggard == Laggard::LacksNothing || asked.body["seq"] == 8 => {
            line.answer(asked, &puppet::error(404, 10_037))
        }
        // A watch that resumes asks whether the bucket is the same, and is told when the message was taken that it has seen.
        "$JS.API.STREAM.MSG.GET.KV_b" if asked.body == json!({ "seq": 5 }) => {
            let message = json!({ "subject": "$KV.b.k1", "seq": 5, "time": "2023-11-14T22:13:20Z" });
            line.answer(asked, &json!({ "message": message }));
        }
        "$JS.API.STREAM.MSG.GET.KV_b" => {
            let from = if replicas == 1 { 7 } else { 6 };
            assert_eq!(asked.body, json!({ "seq": from, "next_by_subj": "$KV.b.>" }));
            line.answer(asked, &json!({ "message": { "subject": "$KV.b.k2", "seq": 7 } }));
            if laggard == Laggard::CatchesUp {
                line.push(&inbox, "$KV.b.k2", (7, 2), 0);
            }
        }
        _ => {}
    };
    (puppet::start(script), consumers)
}

#[test]
fn a_list_waits_until_its_replica_has_caught_up_with_the_leader() {
    // Where there is one copy, its server counts what has just been written over as gone, and not yet what replaced it.
    for replicas in [1, 3] {
        let (address, _) = leader(Laggard::CatchesUp, replicas);
        let store = store(&address, "b", json!({"format": "raw", "timeout": "60s"}));
        assert_eq!(wait(store.size()), Ok(2), "{replicas}");
    }
}

#[test]
fn a_list_begins_again_when_its_replica_stays_behind_the_leader() {
    let (address, consumers) = leader(Laggard::StaysBehind, 3);
    let store = store(&address, "b", json!({"format": "raw", "timeout": "60s"}));
    assert_eq!(wait(store.list(&ListOptions::default())).expect("a list").len(), 2);
    assert_eq!(consumers.load(Ordering::Relaxed), 2);
}

#[test]
fn a_list_waits_for_no_message_that_is_of_other_subjects_or_gone() {
    for replicas in [1, 3] {
        let (address, consumers) = leader(Laggard::LacksNothing, replicas);
        let store = store(&address, "b", json!({"format": "raw", "timeout": "60s"}));
        assert_eq!(wait(store.size()), Ok(1), "{replicas}");
        assert_eq!(consumers.load(Ordering::Relaxed), 1, "{replicas}");
    }
}

#[test]
fn a_watch_says_that_it_is_current_when_it_has_told_all_that_the_leader_had() {
    for (laggard, replicas) in [(Laggard::CatchesUp, 1), (Laggard::CatchesUp, 3), (Laggard::StaysBehind, 3)] {
        let (address, _) = leader(laggard, replicas);
        let store = store(&address, "b", json!({"format": "raw", "timeout": "60s"}));
        let existing = WatchOptions { start: WatchStart::Existing, ..WatchOptions::default() };
        let watch = wait(store.watch(&existing)).expect("a watch");
        let text = |kind, key: &str, value: &str| (kind, key.to_owned(), value.to_owned());
        let expected = [text(Created, "k1", "v"), text(Created, "k2", "v"), text(Current, "", "")];
        assert_eq!(told(&events_until(&watch, Current)), expected);
    }
}

/// A list costs one question more than its consumer, where nobody writes, and no more than some where everybody does.
#[test]
fn a_list_of_a_bucket_that_is_written_all_the_time_comes_to_its_end() {
    for (is_busy, expected) in [(false, 1..=1), (true, 2..=8)] {
        let questions = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&questions);
        let mut inbox = String::new();
        let address = puppet::start(move |line, asked| match asked.subject.as_str() {
            "$JS.API.STREAM.INFO.KV_b" => line.answer(asked, &puppet::stream("then", 1, 1)),
            "$JS.API.CONSUMER.CREATE.KV_b" => {
                line.answer(asked, &puppet::consumer(1));
                inbox = asked.inbox();
                line.push(&inbox, "$KV.b.k", (1, 1), 0);
            }
            "$JS.API.STREAM.MSG.GET.KV_b" => {
                counted.fetch_add(1, Ordering::Relaxed);
                if !is_busy {
                    return line.answer(asked, &puppet::error(404, 10_037));
                }
                let next = asked.body["seq"].as_u64().expect("a number");
                line.answer(asked, &json!({ "message": { "subject": "$KV.b.k", "seq": next } }));
                line.push(&inbox, "$KV.b.k", (next, next), 0);
            }
            _ => {}
        });
        let store = store(&address, "b", json!({"format": "raw", "timeout": "60s"}));
        assert_eq!(wait(store.size()), Ok(1));
        let questions = questions.load(Ordering::Relaxed);
        assert!(expected.contains(&questions), "{questions}");
    }
}

/// A server takes a message that was written over off a consumer's count before it counts the one that replaced it.
#[test]
fn a_key_that_is_written_over_all_the_time_is_in_every_list() {
    for address in servers() {
        let name = bucket();
        let more = || json!({"format": "raw", "timeout": "30s"});
        let (lister, writer) = (store(&address, &name, more()), store(&address, &name, more()));
        let keys = [&b"a"[..], b"b", b"c"];
        for key in keys {
            put(&writer, key, b"v");
        }
        let is_over = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while is_over.load(Ordering::Relaxed) == 0 {
                    for key in keys {
                        put(&writer, key, b"v");
                    }
                }
            });
            let sizes: Vec<u64> = (0..400).map(|_| wait(lister.size()).unwrap_or(0)).collect();
            is_over.store(1, Ordering::Relaxed);
            assert!(
                sizes.iter().all(|size| *size == 3),
                "{} are short",
                sizes.iter().filter(|size| **size < 3).count()
            );
        });
    }
}

/// A leader that has the newest message of `k`, and a copy of the bucket that was nearest and has not come to it: another
/// replica, or a mirror, of which the bucket does not tell.
fn leader_and_copy(replicas: u64) -> String {
    puppet::start(move |line, asked| match asked.subject.as_str() {
        "$JS.API.STREAM.INFO.KV_b" => {
            let mut stream = puppet::stream("then", replicas, 7);
            // Too many for a list to bring all bodies.
            stream["state"]["bytes"] = (1 << 30).into();
            line.answer(asked, &stream);
        }
        "$JS.API.CONSUMER.CREATE.KV_b" => {
            line.answer(asked, &puppet::consumer(1));
            line.push(&asked.inbox(), "$KV.b.k", (7, 1), 0);
        }
        "$JS.API.DIRECT.GET.KV_b.$KV.b.k" => line.answer_late(asked, 5, Duration::ZERO),
        "$JS.API.STREAM.MSG.GET.KV_b" if asked.body.get("next_by_subj").is_some() => {
            line.answer(asked, &puppet::error(404, 10_037));
        }
        "$JS.API.STREAM.MSG.GET.KV_b" => {
            let body = data_encoding::BASE64.encode(b"fresh");
            line.answer(asked, &json!({ "message": { "subject": "$KV.b.k", "seq": 7, "data": body } }));
        }
        _ => {}
    })
}

#[test]
fn reads_ask_the_leader_where_a_copy_may_be_behind_and_that_matters() {
    for replicas in [1, 3] {
        for (read_your_writes, expected) in [(false, &b"v"[..]), (true, &b"fresh"[..])] {
            let more = json!({"format": "raw", "timeout": "60s", "read_your_writes": read_your_writes});
            let store = store(&leader_and_copy(replicas), "b", more);
            assert_eq!(get(&store, b"k").as_deref(), Some(expected), "{read_your_writes}");
            let many = wait(store.get_many(&[b"k"])).expect("an answer");
            assert_eq!(many[0].as_ref().map(|record| record.value()), Some(expected), "{read_your_writes}");
            assert_eq!(store.describe()["capabilities"]["read_your_writes"], read_your_writes);
        }
    }
}

#[test]
fn a_record_of_a_list_is_read_from_the_leader_where_a_copy_does_not_have_it_yet() {
    for replicas in [1, 3] {
        let store = store(&leader_and_copy(replicas), "b", json!({"format": "raw", "timeout": "60s"}));
        let first = ListOptions { limit: 1, projection: Projection::Records, ..ListOptions::default() };
        let page = wait(store.list(&first)).expect("a list");
        let page: Vec<_> = page.iter().map(|record| (record.key(), record.value())).collect();
        assert_eq!(page, [(&b"k"[..], &b"fresh"[..])], "{replicas}");
    }
}

#[test]
fn a_short_list_asks_for_single_records_where_the_bucket_holds_far_more() {
    for (bytes, expected) in [(1_u64 << 20, 0), (1 << 30, 1)] {
        let gets = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&gets);
        let address = puppet::start(move |line, asked| match asked.subject.as_str() {
            "$JS.API.STREAM.INFO.KV_b" => {
                let mut stream = puppet::stream("then", 1, 2);
                stream["state"]["bytes"] = bytes.into();
                line.answer(asked, &stream);
            }
            "$JS.API.CONSUMER.CREATE.KV_b" => {
                line.answer(asked, &puppet::consumer(2));
                line.push(&asked.inbox(), "$KV.b.k1", (1, 1), 1);
                line.push(&asked.inbox(), "$KV.b.k2", (2, 2), 0);
            }
            "$JS.API.STREAM.MSG.GET.KV_b" => line.answer(asked, &puppet::error(404, 10_037)),
            "$JS.API.DIRECT.GET.KV_b.$KV.b.k1" => {
                counted.fetch_add(1, Ordering::Relaxed);
                line.answer_late(asked, 1, Duration::ZERO);
            }
            _ => {}
        });
        let store = store(&address, "b", json!({"format": "raw", "timeout": "60s"}));
        let first = ListOptions { limit: 1, projection: Projection::Records, ..ListOptions::default() };
        let page = wait(store.list(&first)).expect("a list");
        let page: Vec<_> = page.iter().map(|record| (record.key(), record.value())).collect();
        assert_eq!(page, [(&b"k1"[..], &b"v"[..])]);
        assert_eq!(gets.load(Ordering::Relaxed), expected, "{bytes}");
    }
}

#[test]
fn a_bucket_is_created_on_as_many_servers_as_asked() {
    let nats = Nats::large_cluster(&Options::default()).expect("five servers");
    let foreign = Foreign::new(&nats.addresses()[0]);
    for replicas in 1..=5 {
        let name = bucket();
        let store = store("", &name, json!({"nodes": nats.addresses(), "replicas": replicas, "timeout": "30s"}));
        put(&store, b"k", b"v");
        let config = &foreign.api(&format!("STREAM.INFO.KV_{name}"), Value::Null)["config"];
        assert_eq!(config["num_replicas"], replicas);
        assert_eq!(store.describe()["stream"]["replicas"], replicas);
    }
}

#[test]
fn three_servers_refuse_five_copies_of_a_bucket_by_the_setting_s_name() {
    let nats = Nats::cluster(&Options::default()).expect("three servers");
    is_too_few_servers(&store("", &bucket(), json!({"nodes": nats.addresses(), "replicas": 5, "timeout": "30s"})));
}

#[test]
fn a_server_that_is_alone_refuses_copies_of_a_bucket_by_the_setting_s_name() {
    for address in servers() {
        is_too_few_servers(&store(&address, &bucket(), json!({"replicas": 3})));
    }
}

fn is_too_few_servers(store: &Arc<dyn Store>) {
    let refused = wait(store.put(b"k", b"v", &PutOptions::default())).expect_err("too few servers");
    assert_eq!((refused.status(), refused.origin()), (Status::CONFIG, "replicas"), "{refused}");
}

#[test]
fn lists_of_a_cluster_hold_all_that_was_acknowledged_while_a_server_catches_up() {
    let mut nats = Nats::cluster(&Options::default()).expect("three servers");
    let name = bucket();
    let more = |nodes: Value| json!({"nodes": nodes, "replicas": 3, "timeout": "30s", "format": "raw"});
    let store = store("", &name, more(json!(nats.addresses())));
    put(&store, b"first", b"");
    let leader = nats.leader_of(&format!("KV_{name}")).expect("a leader");
    let node = nats.addresses()[leader].clone();
    let backend = backend("", more(json!([node])));
    let table = larder::store::Backend::open(backend.as_ref(), &name, "t").expect("a store");
    let value = vec![b'v'; 2000];
    for round in 0..3 {
        nats.node((leader + 1) % 3).process().pause();
        for number in 0..1000 {
            put(&table, format!("{round}-{number}").as_bytes(), &value);
        }
        nats.node((leader + 1) % 3).process().resume();
        for _ in 0..10 {
            assert_eq!(wait(table.size()), Ok((round + 1) * 1000));
        }
    }
    // The last message is of another table than these are.
    put(&store, b"second", b"");
    assert_eq!(wait(table.size()), Ok(3000));
    let empty = larder::store::Backend::open(backend.as_ref(), &name, "none").expect("a store");
    assert_eq!(wait(empty.size()), Ok(0));
    assert_eq!(wait(table.clear()), Ok(3000));
    assert_eq!(wait(table.size()), Ok(0));
}
