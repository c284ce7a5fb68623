//! Records are written, read, listed and removed, in each format and on both versions of the server.

use larder::store::event::Cursor;
use larder::store::options::{
    Condition, Durability, Entry, Lifetime, ListOptions, Outcome, Projection, PutOptions, Term,
};
use larder::store::record::Metadata;
use larder::store::{Backend, Lookup};
use larder::{Status, error};
use serde_json::json;
use std::time::Duration;

use crate::common::*;
use crate::gate::Gate;
use crate::servers::nats::{Nats, Options};

#[test]
fn every_format_gives_back_what_was_written() {
    for address in servers() {
        for format in FORMATS {
            let store = store(&address, &bucket(), json!({"format": format}));
            assert_eq!(get(&store, b"k"), None);
            for (key, value) in [(&b"k"[..], &b"value"[..]), (b"empty", b""), (b"bin", b"\0\xff\r\n"), (b"a/b=", b"x")]
            {
                let revision = put(&store, key, value);
                let record = wait(store.get(key)).expect("an answer").expect("written");
                assert_eq!((record.key(), record.value(), record.revision()), (key, value, revision), "{format}");
                assert_eq!(record.expires_in_ms(), None);
            }
            assert_eq!(wait(store.size()), Ok(4));
            assert_eq!(wait(store.contains(b"k")), Ok(true));
            let many = wait(store.get_many(&[b"empty", b"none", b"k"])).expect("an answer");
            let values: Vec<_> = many.iter().map(|record| record.as_ref().map(|record| record.value())).collect();
            assert_eq!(values, [Some(&b""[..]), None, Some(b"value")]);
            assert_eq!(wait(store.ping()), Ok(()));
            assert_eq!(store.peek(b"k", &mut |_| {}), Ok(Lookup::Unknown));
        }
    }
}

#[test]
fn metadata_is_kept_where_the_format_has_a_place_for_it() {
    let metadata = Metadata::new([("type", &b"events.Foo"[..]), ("a", b"1")]).expect("small");
    let options = PutOptions { metadata: metadata.clone(), ..PutOptions::default() };
    for format in ["go-micro", "larder"] {
        let store = store(&current(), &bucket(), json!({"format": format}));
        done(wait(store.put(b"k", b"v", &options)));
        assert_eq!(wait(store.get(b"k")).expect("an answer").expect("written").metadata(), metadata);
    }
    let raw = store(&current(), &bucket(), json!({"format": "raw"}));
    assert_eq!(refusal(wait(raw.put(b"k", b"v", &options))), (Status::UNSUPPORTED, "metadata".to_owned()));
}

#[test]
fn the_plugins_records_are_read_and_its_bytes_are_written() {
    for address in servers() {
        let (name, foreign) = (bucket(), Foreign::new(&address));
        let backend = backend(&address, json!({"format": "go-micro"}));
        let store = backend.open(&name, "names").expect("a store");
        put(&store, b"Alex", b"Some value");
        let subject = format!("$KV.{name}.NZQW2ZLTL5AWYZLY");
        let envelope = r#"{"key":"Alex","data":"U29tZSB2YWx1ZQ==","metadata":null}"#;
        assert_eq!(foreign.last(&format!("KV_{name}"), &subject), (String::new(), envelope.to_owned()));
        foreign.publish(&subject, &[], r#"{"key":"Alex","data":"b3RoZXI=","metadata":{"n":5}}"#);
        let record = wait(store.get(b"Alex")).expect("an answer").expect("there");
        assert_eq!((record.value(), record.metadata().get("n")), (&b"other"[..], Some(&b"5"[..])));
        foreign.publish(&subject, &[("KV-Operation", "DEL")], "");
        assert_eq!(get(&store, b"Alex"), None);
        foreign.publish(&subject, &[], "no envelope");
        assert_eq!(wait(store.get(b"Alex")).expect_err("unreadable").status(), Status::CORRUPT);
        assert_eq!(wait(store.list(&ListOptions::default())).expect("a list").len(), 1);
        assert!(wait(store.remove(b"Alex", None)).is_ok_and(|outcome| matches!(outcome, Outcome::Done { .. })));
        assert_eq!(foreign.last(&format!("KV_{name}"), &subject).1, "");
    }
}

#[test]
fn conditions_hold_against_marks_and_report_what_is_there() {
    for address in servers() {
        for format in FORMATS {
            let store = store(&address, &bucket(), json!({"format": format}));
            let put_if = |condition| {
                wait(store.put(b"k", b"v", &PutOptions { condition, ..PutOptions::default() })).expect("an answer")
            };
            assert_eq!(put_if(Condition::IfRevision(1)), Outcome::NotFound);
            let Outcome::Done { revision: first } = put_if(Condition::IfAbsent) else { panic!("absent") };
            assert_eq!(put_if(Condition::IfAbsent), Outcome::Conflict { revision: first });
            let Outcome::Done { revision: second } = put_if(Condition::IfRevision(first)) else { panic!("right") };
            assert!(second > first);
            assert_eq!(put_if(Condition::IfRevision(first)), Outcome::Conflict { revision: second });
            assert_eq!(wait(store.remove(b"k", Some(first))), Ok(Outcome::Conflict { revision: second }));
            assert_eq!(wait(store.remove(b"k", Some(second))), Ok(Outcome::Done { revision: second }));
            assert_eq!(wait(store.remove(b"k", None)), Ok(Outcome::NotFound));
            // The mark of the removal has a sequence of its own, which is nobody's revision.
            assert_eq!(put_if(Condition::IfRevision(second + 1)), Outcome::NotFound);
            assert!(matches!(put_if(Condition::IfAbsent), Outcome::Done { .. }), "{format}");
        }
    }
}

#[test]
fn of_many_writers_of_one_revision_one_wins() {
    let name = bucket();
    let first = put(&store(&current(), &name, json!({})), b"k", b"0");
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let store = store(&current(), &name, json!({}));
            let options = PutOptions { condition: Condition::IfRevision(first), ..PutOptions::default() };
            std::thread::spawn(move || wait(store.put(b"k", b"1", &options)).expect("an answer"))
        })
        .collect();
    let outcomes: Vec<_> = writers.into_iter().map(|writer| writer.join().expect("no panic")).collect();
    let winners = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Done { .. })).count();
    assert_eq!(winners, 1, "{outcomes:?}");
}

#[test]
fn lists_are_filtered_sorted_and_of_one_table() {
    for address in servers() {
        for format in FORMATS {
            let backend = backend(&address, json!({"format": format}));
            let name = bucket();
            let store = backend.open(&name, "a").expect("a store");
            let other = backend.open(&name, "b").expect("a store");
            let options = ListOptions::default();
            assert!(wait(store.list(&options)).expect("a list").is_empty());
            let keys: Vec<String> = (0..300).map(|number| format!("k{:03}", (number * 7) % 300)).collect();
            let entry = |key: &'static str| Entry {
                key: key.as_bytes(),
                value: key.as_bytes(),
                options: PutOptions::default(),
            };
            let entries: Vec<Entry<'_>> = keys.iter().map(|key| entry(String::leak(key.clone()))).collect();
            assert!(wait(store.put_many(&entries)).expect("outcomes").iter().all(Result::is_ok));
            put(&other, b"k000", b"other");
            wait(store.remove(b"k005", None)).expect("removed");
            let all = wait(store.list(&options)).expect("a list");
            let listed: Vec<_> = all.iter().map(|record| String::from_utf8_lossy(record.key()).into_owned()).collect();
            let mut expected = keys.clone();
            expected.sort();
            expected.retain(|key| key != "k005");
            assert_eq!(listed, expected, "{format}");
            assert!(all.iter().all(|record| record.value().is_empty() && record.revision() != 0));
            for limit in [2, 0] {
                let options = ListOptions {
                    prefix: b"k01".to_vec(),
                    suffix: b"".to_vec(),
                    offset: 3,
                    limit,
                    projection: Projection::Records,
                };
                let page = wait(store.list(&options)).expect("a list");
                let values: Vec<&[u8]> = page.iter().map(|record| record.value()).collect();
                assert_eq!(values[..2], [&b"k013"[..], b"k014"]);
                assert_eq!(page.len(), if limit == 0 { 7 } else { 2 });
            }
            let cursor =
                wait(store.cursor(&ListOptions { projection: Projection::Records, ..options })).expect("a cursor");
            wait(store.remove(b"k299", None)).expect("removed");
            assert_eq!(drain(cursor.as_ref()), expected[..expected.len() - 1]);
            assert_eq!(wait(store.clear()), Ok(298));
            assert_eq!((wait(store.size()), get(&other, b"k000")), (Ok(0), Some(b"other".to_vec())));
        }
    }
}

#[test]
fn a_page_of_a_large_bucket_is_read_by_one_request_where_the_server_can() {
    // More than a small bucket in all, and less than one answer has in a page.
    const LENGTH: usize = 2900;
    const COUNT: usize = 1500;
    for (address, can_batch) in [(current(), true), (oldest(), false)] {
        for format in FORMATS {
            let name = bucket();
            let writer = store(&address, &name, json!({"format": format}));
            let keys: Vec<String> = (0..COUNT).map(|number| format!("k{number:04}")).collect();
            let values: Vec<Vec<u8>> = (0..COUNT).map(|number| vec![number as u8; LENGTH]).collect();
            let entries: Vec<Entry<'_>> = keys
                .iter()
                .zip(&values)
                .map(|(key, value)| Entry { key: key.as_bytes(), value, options: PutOptions::default() })
                .collect();
            assert!(wait(writer.put_many(&entries)).expect("outcomes").iter().all(Result::is_ok));
            let gate = Gate::to(&address);
            let reader = store(&gate.address, &name, json!({"format": format}));
            let single = format!("PUB $JS.API.DIRECT.GET.KV_{name}.");
            let together = format!("PUB $JS.API.DIRECT.GET.KV_{name} ");
            let asked = || (gate.count(together.as_bytes()), gate.count(single.as_bytes()));

            let options = ListOptions { offset: 3, limit: 200, projection: Projection::Records, ..Default::default() };
            let page = wait(reader.list(&options)).expect("a list");
            let read: Vec<_> = page.iter().map(|record| (record.key(), record.value())).collect();
            let expected: Vec<_> = (3..203).map(|number| (keys[number].as_bytes(), &values[number][..])).collect();
            assert!(read == expected, "{format}");
            assert_eq!(asked(), if can_batch { (1, 0) } else { (0, 200) }, "{format}");

            let cursor = wait(reader.cursor(&ListOptions { projection: Projection::Records, ..Default::default() }));
            let cursor = cursor.expect("a cursor");
            for (key, value) in [("k0001", b"new"), ("k0002", b"two")] {
                put(&writer, key.as_bytes(), value);
            }
            wait(writer.remove(b"k0000", None)).expect("removed");
            let page = wait(cursor.next(1200)).expect("a page");
            assert_eq!((page.len(), page[0].key(), page[0].value()), (1199, &b"k0001"[..], &b"new"[..]), "{format}");
            assert!(page[1..].is_sorted_by_key(|record| record.key().to_vec()));
            let rest = wait(cursor.next(1200)).expect("a page");
            assert_eq!((rest.len(), rest[0].key(), rest[299].value()), (300, &b"k1200"[..], &values[1499][..]));
            // The page and what is left of a thousand, and of the record that is gone its key alone.
            let batches = 1 + 2 + 1;
            assert_eq!(asked(), if can_batch { (batches, 0) } else { (0, 200 + COUNT) }, "{format}");
        }
    }
}

#[test]
fn pages_are_read_one_by_one_for_a_user_who_may_not_ask_for_many() {
    let permissions = r#"{ publish: { allow: ["$JS.API.>", "$KV.>"], deny: ["$JS.API.DIRECT.GET.KV_denied"] } }"#;
    let more = format!(
        r#"authorization {{ users: [ {{ user: all, password: "p" }}, {{ user: few, password: "p", permissions: {permissions} }} ] }}"#
    );
    let server = Nats::single(&Options { more, ..Options::default() }).expect("a server");
    let address = server.addresses()[0].clone();
    let open = |user: &str| store(&address, "denied", json!({"format": "raw", "username": user, "password": "p"}));
    let writer = open("all");
    for number in 0..500 {
        put(&writer, format!("k{number:03}").as_bytes(), &[7; 10_000]);
    }
    let reader = open("few");
    let options = ListOptions { limit: 100, projection: Projection::Records, ..Default::default() };
    for _ in 0..3 {
        let begun = std::time::Instant::now();
        let page = wait(reader.list(&options)).expect("a list");
        assert_eq!((page.len(), page[99].value().len()), (100, 10_000));
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn what_a_list_shows_is_read_and_removed_where_it_lies() {
    let letters = (json!({"format": "raw"}), ["a:b", "gr\u{fc}n!", "plain"], ["a:b", "gr\u{fc}n!", "plain"]);
    // The third is base32 of "coded", and the first another spelling of it, which a get does not read.
    let legacy = (json!({"format": "go-micro"}), ["coded", "legacy", "MNXWIZLE"], ["coded", "legacy", ""]);
    for address in servers() {
        let foreign = Foreign::new(&address);
        for (more, nats_keys, keys) in [letters.clone(), legacy.clone()] {
            let name = bucket();
            let store = store(&address, &name, more.clone());
            put(&store, b"own", b"own");
            for (number, nats_key) in nats_keys.iter().enumerate() {
                let value = if more["format"] == "raw" {
                    format!("{number}")
                } else {
                    format!(
                        r#"{{"key":"any","data":"{}"}}"#,
                        data_encoding::BASE64.encode(number.to_string().as_bytes())
                    )
                };
                foreign.publish(&format!("$KV.{name}.{nats_key}"), &[], &value);
            }
            let mut expected: Vec<String> =
                keys.iter().filter(|key| !key.is_empty()).map(|key| key.to_string()).collect();
            expected.push("own".to_owned());
            expected.sort();
            let keys_of = |records: &[larder::store::record::Record]| -> Vec<String> {
                records.iter().map(|record| String::from_utf8_lossy(record.key()).into_owned()).collect()
            };
            for projection in [Projection::Keys, Projection::Records] {
                for limit in [0, 100] {
                    let options = ListOptions { limit, projection, ..ListOptions::default() };
                    let list = wait(store.list(&options)).expect("a list");
                    assert_eq!(keys_of(&list), expected, "{more} {limit}");
                    let cursor = wait(store.cursor(&options)).expect("a cursor");
                    let mut pages = wait(cursor.next(2)).expect("a page");
                    pages.extend(wait(cursor.next(9)).expect("a page"));
                    assert_eq!(keys_of(&pages), expected, "{more} {limit}");
                    let values: Vec<&[u8]> = pages.iter().chain(&list).map(|record| record.value()).collect();
                    let coded = if more["format"] == "raw" { &b"0"[..] } else { b"2" };
                    assert!(
                        projection == Projection::Keys || values.iter().filter(|value| **value == coded).count() == 2
                    );
                }
            }
            assert_eq!(wait(store.size()), Ok(expected.len() as u64));
            assert_eq!(wait(store.clear()), Ok(4));
            assert_eq!(wait(store.size()), Ok(0));
        }
    }
}

fn drain(cursor: &dyn Cursor) -> Vec<String> {
    let mut keys = Vec::new();
    loop {
        let page = wait(cursor.next(100)).expect("a page");
        if page.is_empty() {
            return keys;
        }
        keys.extend(page.iter().map(|record| String::from_utf8_lossy(record.value()).into_owned()));
    }
}

#[test]
fn what_nats_cannot_do_is_refused_by_name() {
    let store = store(&current(), &bucket(), json!({}));
    let idle = Lifetime { lifespan: Term::Default, max_idle: Term::For(Duration::from_secs(1)) };
    let refused = |options: PutOptions| refusal(wait(store.put(b"k", b"v", &options)));
    let unsupported = |origin: &str| (Status::UNSUPPORTED, origin.to_owned());
    assert_eq!(refused(PutOptions { lifetime: idle, ..PutOptions::default() }), unsupported("max_idle"));
    assert_eq!(refusal(wait(store.touch(b"k", idle))), unsupported("max_idle"));
    let forever = Lifetime { lifespan: Term::Unlimited, max_idle: Term::Default };
    assert_eq!(refusal(wait(store.touch(b"k", forever))), unsupported("lifespan"));
    for durability in [Durability::All, Durability::Replicas(1)] {
        assert_eq!(refused(PutOptions { durability, ..PutOptions::default() }), unsupported("durability"));
    }
    assert_eq!(wait(store.touch(b"k", Lifetime::default())), Ok(false));
    assert_eq!(get(&store, b"k"), None);
}

#[test]
fn what_is_too_large_is_refused_before_it_is_sent() {
    for address in servers() {
        let store = store(&address, &bucket(), json!({}));
        put(&store, b"k", b"v");
        let options = PutOptions::default();
        let too_large = |origin: &str| (Status::TOO_LARGE, origin.to_owned());
        assert_eq!(refusal(wait(store.put(b"k", &vec![0; 1 << 20], &options))), too_large("value"));
        assert_eq!(refusal(wait(store.put(&[b'k'; 32_000], b"v", &options))), too_large("key"));
        // The longest key that is taken, by all operations, and a value that just fits.
        let longest = (1000..4000).rev().find(|length| store.peek_key(*length)).expect("some length");
        let key = vec![b'k'; longest];
        put(&store, &key, &vec![b'v'; (1 << 20) - 200]);
        assert_eq!(get(&store, &key).map(|value| value.len()), Some((1 << 20) - 200));
        assert_eq!(wait(store.size()), Ok(2));
        assert!(matches!(wait(store.remove(&key, None)), Ok(Outcome::Done { .. })));
        assert_eq!(get(&store, b"k").as_deref(), Some(&b"v"[..]));
    }
}

trait Longest {
    fn peek_key(&self, length: usize) -> bool;
}

impl Longest for std::sync::Arc<dyn larder::store::Store> {
    fn peek_key(&self, length: usize) -> bool {
        matches!(self.contains(&vec![b'k'; length]), larder::store::reply::Reply::Pending(_))
    }
}

#[test]
fn a_closed_backend_says_so_and_ends_its_watches() {
    let backend = backend(&current(), json!({}));
    let store = backend.open(&bucket(), "").expect("a store");
    let watch = wait(store.watch(&Default::default())).expect("a watch");
    put(&store, b"k", b"v");
    wait(backend.close()).expect("closed");
    while !wait(watch.next(9)).expect("an answer").is_empty() {}
    let closed: fn(error::Error) -> Status = |error| error.status();
    assert_eq!(wait(store.get(b"k")).map_err(closed).err(), Some(Status::CLOSED));
    assert_eq!(backend.open("b", "").err().map(closed), Some(Status::CLOSED));
    assert_eq!(store.peek(b"k", &mut |_| {}).err().map(closed), Some(Status::CLOSED));
}
