//! Watches: what they tell, and that they go on where they were when a server comes back.

use std::time::Duration;

use larder::store::Backend;
use larder::store::event::EventKind::{Created, Current, Expired, Lost, Removed, Updated};
use larder::store::nats::NatsBackend;
use larder::store::options::{WatchOptions, WatchStart};
use serde_json::{Value, json};

use crate::common::*;
use crate::gate::Gate;
use crate::puppet;
use crate::servers::nats::{Nats, Options};

fn existing() -> WatchOptions {
    WatchOptions { start: WatchStart::Existing, ..WatchOptions::default() }
}

#[test]
fn a_watch_tells_what_happened_to_the_records_of_its_table() {
    for address in servers() {
        for format in FORMATS {
            let name = bucket();
            let backend = backend(&address, json!({"format": format}));
            let store = backend.open(&name, "t").expect("a store");
            let other = backend.open(&name, "u").expect("a store");
            put(&store, b"there", b"1");
            put(&other, b"there", b"1");
            let now = wait(store.watch(&WatchOptions::default())).expect("a watch");
            let all = wait(store.watch(&existing())).expect("a watch");
            let some = wait(store.watch(&WatchOptions { prefix: b"n".to_vec(), ..existing() })).expect("a watch");
            assert_eq!(told(&events_until(&some, Current)).len(), 1);
            let first = events_until(&all, Current);
            assert_eq!(told(&first)[0], (Created, "there".to_owned(), "1".to_owned()));
            assert!(first[0].initial && first.len() == 2);
            put(&store, b"there", b"2");
            let revision = put(&store, b"new", b"3");
            put(&other, b"new", b"other");
            // A bucket keeps the last message of each key: a server that is slow to pass on may have nothing else left.
            let before = [&now, &all, &some].map(|watch| events_until(watch, Created));
            wait(store.remove(b"new", None)).expect("removed");
            done(wait(store.put(b"brief", b"4", &living(Duration::from_millis(1800)))));
            let text = |kind, key: &str, value: &str| (kind, key.to_owned(), value.to_owned());
            let expected = [
                text(Updated, "there", "2"),
                text(Created, "new", "3"),
                text(Removed, "new", ""),
                text(Created, "brief", "4"),
                text(Expired, "brief", ""),
            ];
            let [of_now, of_all, of_some] = before;
            for (mut events, watch) in [(of_now, &now), (of_all, &all)] {
                events.extend(events_until(watch, Expired));
                assert_eq!(told(&events), expected, "{format}");
                assert_eq!(events[2].record.as_ref().map(|record| record.revision()), Some(revision));
                assert!(events.iter().all(|event| !event.initial));
            }
            assert_eq!(told(&[of_some, events_until(&some, Removed)].concat()), expected[1..3]);
            // That the server removes the message then tells nothing anew, and the key is a new one.
            std::thread::sleep(Duration::from_millis(800));
            put(&store, b"brief", b"5");
            assert_eq!(told(&events_until(&all, Created)), [text(Created, "brief", "5")]);
        }
    }
}

#[test]
fn a_watch_goes_by_the_bucket_s_limit_as_it_is_when_a_record_would_end() {
    const SECOND: u64 = 1_000_000_000;
    let address = current();
    let foreign = Foreign::new(&address);
    let stream = |name: &str, max_age: u64| {
        json!({
            "name": format!("KV_{name}"), "subjects": [format!("$KV.{name}.>")], "max_msgs_per_subject": 1,
            "max_age": max_age, "discard": "new", "allow_direct": true, "duplicate_window": SECOND,
        })
    };
    // What the limit becomes, and what is told of a record that is put before it would end by the old one and after that.
    let same = [Created, Expired, Created];
    for (limit, expected) in [(0, &[Created, Updated][..]), (3600 * SECOND, &[Created, Updated]), (2 * SECOND, &same)] {
        let name = bucket();
        let answer = foreign.api(&format!("STREAM.CREATE.KV_{name}"), stream(&name, 2 * SECOND));
        assert!(answer.get("error").is_none(), "{answer}");
        let store = store(&address, &name, json!({"format": "raw"}));
        let watch = wait(store.watch(&WatchOptions::default())).expect("a watch");
        put(&store, b"k", b"1");
        let answer = foreign.api(&format!("STREAM.UPDATE.KV_{name}"), stream(&name, limit));
        assert!(answer.get("error").is_none(), "{answer}");
        std::thread::sleep(Duration::from_millis(2600));
        put(&store, b"k", b"2");
        wait(store.remove(b"k", None)).expect("removed");
        let mut events = events_until(&watch, Removed);
        events.pop();
        let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
        assert_eq!(kinds, expected, "{limit}");
    }
}

#[test]
fn what_was_there_is_told_in_full_however_small_the_queue() {
    let store = store(&current(), &bucket(), json!({}));
    for number in 0..500 {
        put(&store, format!("k{number}").as_bytes(), b"v");
    }
    let watch = wait(store.watch(&WatchOptions { capacity: 7, ..existing() })).expect("a watch");
    let events = events_until(&watch, Current);
    assert_eq!(events.len(), 501);
    for number in 0..50 {
        put(&store, format!("k{number}").as_bytes(), b"w");
    }
    std::thread::sleep(Duration::from_millis(300));
    let events = events_until(&watch, Lost);
    let lost = events.last().map_or(0, |event| event.lost);
    assert_eq!(events.len() as u64 - 1 + lost, 50);
}

#[test]
fn a_bucket_that_was_made_anew_is_told_of() {
    let (address, name) = (current(), bucket());
    let foreign = Foreign::new(&address);
    let store = store(&address, &name, json!({}));
    put(&store, b"a", b"1");
    put(&store, b"b", b"1");
    let watch = wait(store.watch(&WatchOptions::default())).expect("a watch");
    foreign.api(&format!("STREAM.DELETE.KV_{name}"), Value::Null);
    put(&store, b"c", b"2");
    let events = told(&events_until(&watch, Created));
    assert_eq!(events, [(Lost, String::new(), String::new()), (Created, "c".to_owned(), "2".to_owned())]);
    put(&store, b"c", b"3");
    assert_eq!(told(&events_until(&watch, Updated)), [(Updated, "c".to_owned(), "3".to_owned())]);
}

#[test]
fn a_bucket_that_was_made_anew_is_told_of_when_the_first_attempt_to_resume_fails() {
    let (mut consumers, mut created) = (0, "then");
    let address = puppet::start(move |line, asked| match asked.subject.as_str() {
        "$JS.API.STREAM.INFO.KV_b" => line.answer(asked, &puppet::stream(created, 1, 1)),
        "$JS.API.STREAM.MSG.GET.KV_b" => line.answer(asked, &puppet::error(404, 10_037)),
        "$JS.API.CONSUMER.CREATE.KV_b" => {
            consumers += 1;
            match consumers {
                // What was there when the watch began.
                1 => {
                    line.answer(asked, &puppet::consumer(1));
                    line.push(&asked.inbox(), "$KV.b.k1", (1, 1), 0);
                }
                // What comes after; and the bucket goes away.
                2 => {
                    line.answer(asked, &puppet::consumer(0));
                    created = "now";
                    line.tell(&asked.inbox(), "409 Consumer Deleted", "");
                }
                3 => line.answer(asked, &puppet::error(503, 10_074)),
                _ => {
                    line.answer(asked, &puppet::consumer(1));
                    line.push(&asked.inbox(), "$KV.b.k2", (1, 1), 0);
                }
            }
        }
        _ => {}
    });
    let store = store(&address, "b", json!({"format": "raw", "timeout": "60s"}));
    let watch = wait(store.watch(&WatchOptions::default())).expect("a watch");
    let events = told(&events_until(&watch, Created));
    assert_eq!(events, [(Lost, String::new(), String::new()), (Created, "k2".to_owned(), "v".to_owned())]);
}

#[test]
fn a_change_that_cannot_be_read_is_told_as_lost_and_ends_nothing() {
    let (address, name) = (current(), bucket());
    let (foreign, store) = (Foreign::new(&address), store(&address, &name, json!({})));
    let watch = wait(store.watch(&WatchOptions::default())).expect("a watch");
    done(wait(store.put(b"k", b"1", &living(Duration::from_secs(1)))));
    foreign.publish(&format!("$KV.{name}.t.kk"), &[], "no record");
    foreign.publish(&format!("$KV.{name}.t.knew"), &[], "no record either");
    let first = events_until(&watch, Lost);
    let kinds: Vec<_> = first.iter().map(|event| event.kind).collect();
    // The record that the first one was would have ended.
    std::thread::sleep(Duration::from_millis(1500));
    put(&store, b"k", b"2");
    put(&store, b"new", b"2");
    let rest = events_until(&watch, Created);
    assert_eq!(kinds, [Created, Lost]);
    let lost: u64 = [&first, &rest].iter().flat_map(|events| events.iter()).map(|event| event.lost).sum();
    assert_eq!(lost, 2, "{rest:?}");
    let text = |kind, key: &str, value: &str| (kind, key.to_owned(), value.to_owned());
    let rest: Vec<_> = told(&rest).into_iter().filter(|(kind, ..)| *kind != Lost).collect();
    assert_eq!(rest, [text(Updated, "k", "2"), text(Created, "new", "2")]);
    // A watch of what is there leaves it out, as a list does.
    foreign.publish(&format!("$KV.{name}.t.kk"), &[], "no record");
    let watch = wait(store.watch(&existing())).expect("a watch");
    assert_eq!(told(&events_until(&watch, Current)), [text(Created, "new", "2"), text(Current, "", "")]);
}

#[test]
fn a_bucket_that_is_gone_is_told_of_once_and_so_is_what_comes_after_it() {
    for address in servers() {
        let name = bucket();
        let (foreign, store) = (Foreign::new(&address), store(&address, &name, json!({})));
        put(&store, b"a", b"1");
        done(wait(store.put(b"b", b"1", &living(Duration::from_secs(9)))));
        let watch = wait(store.watch(&WatchOptions::default())).expect("a watch");
        foreign.api(&format!("STREAM.DELETE.KV_{name}"), Value::Null);
        let lost = events_until(&watch, Lost);
        assert_eq!((lost.len(), lost[0].lost), (1, 2), "{lost:?}");
        // Nor is it told of the end of what is gone.
        std::thread::sleep(Duration::from_secs(9));
        put(&store, b"a", b"2");
        assert_eq!(told(&events_until(&watch, Created)), [(Created, "a".to_owned(), "2".to_owned())]);
        put(&store, b"a", b"3");
        assert_eq!(told(&events_until(&watch, Updated)), [(Updated, "a".to_owned(), "3".to_owned())]);
    }
}

#[test]
fn a_bucket_that_counts_anew_under_its_old_date_is_another_one() {
    let mut nats = Nats::cluster(&Options::default()).expect("three servers");
    for history in [1, 5] {
        let name = bucket();
        let of = |node: &str| {
            json!({
                "nodes": [node], "replicas": 1, "history": history, "disable_persistence": true, "format": "raw",
                "timeout": "60s",
            })
        };
        let first = store("", &name, of(&nats.addresses()[0]));
        put(&first, b"gone", b"1");
        let home = nats.leader_of(&format!("KV_{name}")).expect("a leader");
        let other = nats.addresses()[(home + 1) % 3].clone();
        let gate = Gate::to(&other);
        let watch = wait(store("", &name, of(&gate.address)).watch(&existing())).expect("a watch");
        assert_eq!(events_until(&watch, Current).len(), 2);
        let writer = store("", &name, of(&other));
        put(&writer, b"gone-too", b"1");
        put(&writer, b"x", b"1");
        assert_eq!(events_until(&watch, Created).len(), 1);
        assert_eq!(events_until(&watch, Created).len(), 1);
        gate.shut();
        nats.node(home).process().kill();
        nats.node(home).start_again().expect("it starts");
        // More than the watch has seen, and its last message is there again or was written over.
        let keys = ["a", "b", if history == 1 { "d" } else { "c" }, "d", "e"];
        for key in keys {
            put(&writer, key.as_bytes(), b"2");
        }
        gate.open();
        put(&writer, b"end", b"2");
        let mut events = Vec::new();
        while events.last().is_none_or(|(_, key, _)| key != "end") {
            events.extend(told(&events_until(&watch, Created)));
        }
        let expected = |kind, key: &str| (kind, key.to_owned(), if kind == Lost { "" } else { "2" }.to_owned());
        let mut all = vec![expected(Lost, "")];
        let created = if history == 1 { vec!["a", "b", "d", "e", "end"] } else { vec!["a", "b", "c", "d", "e", "end"] };
        all.extend(created.into_iter().map(|key| expected(Created, key)));
        assert_eq!(events, all, "{history}");
        // The next server that is killed may be the one behind it.
        gate.shut();
    }
}

#[test]
fn a_server_that_is_behind_makes_no_watch_believe_that_the_bucket_is_another_one() {
    let (mut consumers, mut looks_behind) = (0, 3);
    let address = puppet::start(move |line, asked| match asked.subject.as_str() {
        "$JS.API.STREAM.INFO.KV_b" => {
            // It led until it was cut off, and answers as it did then.
            let is_behind = consumers == 2 && looks_behind > 0;
            looks_behind -= i32::from(is_behind);
            line.answer(asked, &puppet::stream("then", 3, if is_behind { 5 } else { 7 }));
        }
        "$JS.API.STREAM.MSG.GET.KV_b" => line.answer(asked, &puppet::error(404, 10_037)),
        "$JS.API.CONSUMER.CREATE.KV_b" => {
            consumers += 1;
            line.answer(asked, &puppet::consumer(u64::from(consumers != 2)));
            match consumers {
                1 => line.push(&asked.inbox(), "$KV.b.k1", (7, 1), 0),
                2 => line.tell(&asked.inbox(), "409 Consumer Deleted", ""),
                _ => line.push(&asked.inbox(), "$KV.b.k2", (8, 1), 0),
            }
        }
        _ => {}
    });
    let store = store(&address, "b", json!({"format": "raw", "timeout": "60s"}));
    let watch = wait(store.watch(&WatchOptions::default())).expect("a watch");
    assert_eq!(told(&events_until(&watch, Created)), [(Created, "k2".to_owned(), "v".to_owned())]);
}

#[test]
fn a_watch_misses_and_repeats_nothing_when_its_server_dies_or_hangs() {
    let mut nats = Nats::single(&Options::default()).expect("a server");
    let address = nats.addresses()[0].clone();
    let name = bucket();
    let store = store(&address, &name, json!({"timeout": "30s"}));
    let watch = wait(store.watch(&WatchOptions::default())).expect("a watch");
    put(&store, b"end", b"");
    let mut expected = vec![(Created, "end".to_owned(), String::new())];
    for round in 0..3 {
        match round {
            0 => {}
            1 => {
                nats.node(0).process().kill();
                std::thread::sleep(Duration::from_millis(500));
                nats.node(0).start_again().expect("it starts");
            }
            _ => {
                nats.node(0).process().pause();
                std::thread::sleep(Duration::from_millis(3500));
                nats.node(0).process().resume();
            }
        }
        // A writer of its own connection, which may be there before the watch is.
        let writer = crate::common::store(&address, &name, json!({"timeout": "30s"}));
        for number in 0..100 {
            let key = format!("{round}-{number}");
            put(&writer, key.as_bytes(), b"v");
            expected.push((Created, key, "v".to_owned()));
        }
    }
    // A key that the watch knows: of one that came and went while it had no connection, the bucket keeps the mark only.
    wait(store.remove(b"end", None)).expect("removed");
    expected.push((Removed, "end".to_owned(), String::new()));
    assert_eq!(told(&events_until(&watch, Removed)), expected);
}

#[test]
fn a_removal_whose_mark_is_gone_when_a_watch_is_back_is_told_as_lost() {
    let (address, name) = (current(), bucket());
    let (gate, foreign, store) = (Gate::to(&address), Foreign::new(&address), store(&address, &name, json!({})));
    let mut config = settings(&gate.address, json!({})).expect("usable");
    config.marker_age = Duration::from_secs(1);
    let backend = NatsBackend::open(config);
    let watched = backend.open(&name, "").expect("a store");
    for key in [&b"stays"[..], b"goes", b"goes with a mark"] {
        put(&store, key, b"1");
    }
    let watch = wait(watched.watch(&existing())).expect("a watch");
    assert_eq!(events_until(&watch, Current).len(), 4);
    gate.shut();
    for key in [&b"goes"[..], b"goes with a mark"] {
        wait(store.remove(key, None)).expect("removed");
    }
    let purged = foreign.api(&format!("STREAM.PURGE.KV_{name}"), json!({"filter": format!("$KV.{name}.t.kgoes")}));
    assert_eq!(purged["purged"], 1, "{purged}");
    // More than half of the age of marks.
    std::thread::sleep(Duration::from_millis(1500));
    gate.open();
    let lost = events_until(&watch, Lost);
    assert_eq!((lost.len(), lost[0].lost), (1, 1), "{lost:?}");
    assert_eq!(told(&events_until(&watch, Removed)).last().expect("one").1, "goes with a mark");
    // It is known no more: the same key is a new one.
    put(&store, b"goes", b"2");
    assert_eq!(told(&events_until(&watch, Created)).last().expect("one").1, "goes");
}
