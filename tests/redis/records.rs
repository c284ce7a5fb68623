//! Conditions, times and lists.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder::Status;
use larder::store::Store;
use larder::store::options::{Condition, Entry, Lifetime, ListOptions, Outcome, Projection, PutOptions, Term};

use crate::support::{Opened, SERVER, done, eventually, on_server, put, value, wait};

const FORMATS: [&str; 2] = ["larder", "raw"];

fn on(condition: Condition) -> PutOptions {
    PutOptions { condition, ..PutOptions::default() }
}

fn keys(store: &Arc<dyn Store>, options: &ListOptions) -> Vec<String> {
    let records = wait(store.list(options)).expect("a list");
    records.iter().map(|record| String::from_utf8_lossy(record.key()).into_owned()).collect()
}

#[test]
fn conditions_are_decided_by_the_server() {
    for format in FORMATS {
        let opened = on_server(format, "cas", "");
        let store = &opened.store;
        wait(store.clear()).expect("cleared");
        let put = |value: &[u8], condition| wait(store.put(b"k", value, &on(condition))).expect("answered");
        assert_eq!(put(b"0", Condition::IfRevision(7)), Outcome::NotFound, "{format}");
        assert_eq!(put(b"0", Condition::IfRevision(0)), Outcome::NotFound, "{format}");
        let Outcome::Done { revision: first } = put(b"1", Condition::IfAbsent) else { panic!("{format}") };
        assert_eq!(put(b"2", Condition::IfAbsent), Outcome::Conflict { revision: first }, "{format}");
        assert_eq!(put(b"2", Condition::IfRevision(first + 1)), Outcome::Conflict { revision: first }, "{format}");
        let Outcome::Done { revision: second } = put(b"2", Condition::IfRevision(first)) else { panic!("{format}") };
        assert_eq!(put(b"3", Condition::IfRevision(first)), Outcome::Conflict { revision: second }, "{format}");
        assert_eq!(wait(store.get(b"k")).expect("read").map(|record| record.revision()), Some(second));
        assert_eq!(wait(store.remove(b"k", Some(first))), Ok(Outcome::Conflict { revision: second }), "{format}");
        assert_eq!(wait(store.remove(b"k", Some(second))), Ok(Outcome::Done { revision: second }), "{format}");
        assert_eq!(wait(store.remove(b"k", None)), Ok(Outcome::NotFound), "{format}");
    }
}

#[test]
fn revisions_of_the_larder_format_grow_with_every_write() {
    let opened = on_server("larder", "revisions", "");
    let mut last = 0;
    for _ in 0..200 {
        let revision = put(&opened.store, b"k", b"the same");
        assert!(revision > last);
        last = revision;
    }
}

#[test]
fn of_many_writers_on_one_condition_one_wins() {
    let opened = on_server("larder", "race", "");
    let store = &opened.store;
    let first = put(store, b"k", b"0");
    let won = std::thread::scope(|scope| {
        let write =
            |_| scope.spawn(|| wait(store.put(b"k", b"1", &on(Condition::IfRevision(first)))).expect("answered"));
        let threads: Vec<_> = (0..8).map(write).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
    });
    assert_eq!(won.iter().filter(|outcome| matches!(outcome, Outcome::Done { .. })).count(), 1, "{won:?}");
}

/// A counter in the first bytes of a value of this length.
fn counted(number: u64, length: usize) -> Vec<u8> {
    let mut value = number.to_le_bytes().to_vec();
    value.resize(length, b'v');
    value
}

#[test]
fn no_increment_by_condition_is_lost() {
    const WRITERS: u64 = 4;
    const TIMES: u64 = 50;
    for (format, length) in [("raw", 8), ("raw", 10_000), ("larder", 8), ("larder", 10_000)] {
        let Opened { larder: _larder, store } = on_server(format, &format!("increments-{format}-{length}"), "");
        put(&store, b"k", &counted(0, length));
        std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    let mut made = 0;
                    while made < TIMES {
                        let record = wait(store.get(b"k")).expect("read").expect("there");
                        let number = u64::from_le_bytes(record.value()[..8].try_into().expect("eight"));
                        let next = counted(number + 1, length);
                        match wait(store.put(b"k", &next, &on(Condition::IfRevision(record.revision())))) {
                            Ok(Outcome::Done { .. }) => made += 1,
                            Ok(Outcome::Conflict { revision }) => assert_ne!(revision, record.revision()),
                            other => panic!("{other:?}"),
                        }
                    }
                });
            }
        });
        assert_eq!(value(&store, b"k"), Some(counted(WRITERS * TIMES, length)), "{format}, {length} bytes");
    }
}

#[test]
fn of_a_bare_value_alone_no_lifespan_is_asked_for() {
    let Opened { larder: _larder, store } = on_server("raw", "values", "");
    let lifetime = Lifetime { lifespan: Term::For(Duration::from_secs(60)), ..Lifetime::default() };
    for (key, length) in [(&b"short"[..], 10), (b"long", 10_000)] {
        let written = vec![b'v'; length];
        let options = PutOptions { lifetime, ..PutOptions::default() };
        let revision = done(wait(store.put(key, &written, &options)));
        let whole = wait(store.get(key)).expect("read").expect("there");
        assert!(whole.expires_in_ms().is_some_and(|left| left <= 60_000));
        let many = wait(store.get_values(&[key, b"none"])).expect("read");
        assert!(many[1].is_none());
        for record in [wait(store.get_value(key)).expect("read"), many[0].clone()] {
            let record = record.expect("there");
            assert_eq!((record.key(), record.value()), (key, &written[..]));
            assert_eq!((record.revision(), record.expires_in_ms()), (revision, None));
        }
    }
}

#[test]
fn a_record_expires_and_a_touch_changes_when() {
    for format in FORMATS {
        let opened = on_server(format, "times", "");
        let store = &opened.store;
        let term = |lifespan| Lifetime { lifespan, max_idle: Term::Default };
        let living = |lifespan| PutOptions { lifetime: term(Term::For(lifespan)), ..PutOptions::default() };
        done(wait(store.put(b"gone", b"v", &living(Duration::from_millis(50)))));
        let revision = done(wait(store.put(b"kept", b"v", &living(Duration::from_millis(1500)))));
        assert_eq!(wait(store.touch(b"kept", term(Term::Unlimited))), Ok(true), "{format}");
        assert_eq!(wait(store.touch(b"none", term(Term::Unlimited))), Ok(false), "{format}");
        std::thread::sleep(Duration::from_millis(2000));
        assert_eq!((value(store, b"gone"), wait(store.contains(b"gone"))), (None, Ok(false)), "{format}");
        let kept = wait(store.get(b"kept")).expect("read").expect("there");
        assert_eq!((kept.expires_in_ms(), kept.revision()), (None, revision), "{format}");
        assert_eq!(wait(store.touch(b"kept", term(Term::For(Duration::from_secs(90))))), Ok(true), "{format}");
        let kept = wait(store.get(b"kept")).expect("read").expect("there");
        assert!(kept.expires_in_ms().is_some_and(|left| left > 50_000), "{format}");
        assert_eq!(kept.revision(), revision, "{format}");
        let idle = Lifetime { lifespan: Term::Default, max_idle: Term::For(Duration::from_secs(1)) };
        let error = wait(store.touch(b"kept", idle)).expect_err("no such clock");
        assert_eq!((error.status(), error.origin()), (Status::UNSUPPORTED, "max_idle"));
    }
}

#[test]
fn signs_of_globs_stand_for_themselves() {
    let odd = ["*", "?", "[a-c]", "\\", "^", "a*b", "ab", "b", "a\\*b"];
    for format in FORMATS {
        let opened = on_server(format, "gl*b[x]", "");
        let neighbour = on_server(format, "glab[x]", "");
        put(&neighbour.store, b"z", b"other table");
        for key in odd {
            put(&opened.store, key.as_bytes(), b"v");
        }
        let list = |prefix: &str, suffix: &str| {
            let (prefix, suffix) = (prefix.as_bytes().to_vec(), suffix.as_bytes().to_vec());
            keys(&opened.store, &ListOptions { prefix, suffix, ..ListOptions::default() })
        };
        let mut all: Vec<String> = odd.iter().map(ToString::to_string).collect();
        all.sort();
        assert_eq!(list("", ""), all, "{format}");
        assert_eq!(list("*", ""), ["*"], "{format}");
        assert_eq!(list("a*", ""), ["a*b"], "{format}");
        assert_eq!(list("", "*b"), ["a*b", "a\\*b"], "{format}");
        assert_eq!(list("ab", "b"), ["ab"], "a short key may be prefix and suffix at once");
        assert_eq!(list("[", ""), ["[a-c]"], "{format}");
        assert_eq!(wait(opened.store.clear()), Ok(odd.len() as u64), "{format}");
        assert_eq!(wait(neighbour.store.size()), Ok(1), "{format}");
    }
}

#[test]
fn lists_have_each_key_once_while_others_write() {
    let opened = on_server("larder", "scan", "");
    let store = &opened.store;
    let names: Vec<String> = (0..3000).map(|number| format!("key-{number:05}")).collect();
    let options = PutOptions::default();
    let entry = |name: &'static str| Entry { key: name.as_bytes(), value: b"v", options: options.clone() };
    let names: Vec<&'static str> = names.into_iter().map(|name| &*name.leak()).collect();
    let entries: Vec<Entry<'_>> = names.iter().copied().map(entry).collect();
    let outcomes = wait(store.put_many(&entries)).expect("written");
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(Outcome::Done { .. }))));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        scope.spawn(|| {
            // Makes the server's table grow and shrink under the scan.
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let key = format!("other-{}", number % 5000);
                put(store, key.as_bytes(), b"");
            }
        });
        for _ in 0..5 {
            let options = ListOptions { prefix: b"key-".to_vec(), ..ListOptions::default() };
            assert_eq!(keys(store, &options), names);
        }
    });
    let page = ListOptions { prefix: b"key-".to_vec(), offset: 10, limit: 3, ..ListOptions::default() };
    assert_eq!(keys(store, &page), ["key-00010", "key-00011", "key-00012"]);
    let page = ListOptions { projection: Projection::Records, ..page };
    let records = wait(store.list(&page)).expect("a list");
    assert!(records.iter().all(|record| record.value() == b"v" && record.revision() > 0));
    let cursor = wait(store.cursor(&ListOptions { limit: 0, offset: 2999, ..page })).expect("a cursor");
    assert_eq!(wait(cursor.next(100)).expect("a page").len(), 1);
    assert!(wait(cursor.next(100)).expect("the end").is_empty());
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn many_at_once_are_answered_in_their_order() {
    for format in FORMATS {
        let opened = on_server(format, "many", "");
        let store = &opened.store;
        put(store, b"a", b"1");
        put(store, b"c", b"3");
        let found = wait(store.get_many(&[b"c", b"b", b"a", b"c"])).expect("read");
        let values: Vec<Option<&[u8]>> =
            found.iter().map(|found| found.as_ref().map(|record| record.value())).collect();
        assert_eq!(values, [Some(&b"3"[..]), None, Some(b"1"), Some(b"3")]);
        assert_eq!(wait(store.remove_many(&[b"a", b"b", b"c"])), Ok(2));
        assert_eq!(wait(store.ping()), Ok(()));
        let about = store.describe();
        assert_eq!((about["connected"].as_bool(), about["role"].as_str()), (Some(true), Some("master")), "{about}");
    }
}

#[test]
fn scripts_that_the_server_forgot_are_loaded_again() {
    let opened = on_server("larder", "scripts", "");
    put(&opened.store, b"k", b"1");
    SERVER.ask(&["SCRIPT", "FLUSH"]).expect("flushed");
    put(&opened.store, b"k", b"2");
    assert_eq!(value(&opened.store, b"k"), Some(b"2".to_vec()));
}

#[test]
fn after_close_every_call_says_so() {
    let opened = on_server("larder", "close", "");
    put(&opened.store, b"k", b"v");
    wait(opened.larder.close()).expect("closed");
    eventually("the end", || wait(opened.store.get(b"k")).is_err_and(|error| error.status() == Status::CLOSED));
    assert_eq!(
        wait(opened.store.put(b"k", b"v", &PutOptions::default())).expect_err("closed").status(),
        Status::CLOSED
    );
}

/// How a revision stands in an envelope.
fn written(revision: u64) -> String {
    revision.to_le_bytes().iter().map(|byte| format!("\\{byte:03}")).collect()
}

#[test]
fn a_revision_is_above_that_of_the_record_replaced_whatever_the_clocks_say() {
    let opened = on_server("larder", "clocks", "");
    let store = &opened.store;
    // Below and above the length from which on a transaction writes.
    for length in [10, 16 << 10] {
        let (key, value) = (format!("k{length}"), vec![b'v'; length]);
        let first = put(store, key.as_bytes(), b"1");
        assert!(put(store, key.as_bytes(), &value) > first);
        // As a client would have written it whose clock is a day ahead.
        let ahead = first + 86_400_000_000;
        let names = SERVER.ask(&["KEYS", &format!("*{key}")]).expect("a name");
        let script = format!("return redis.call('SETRANGE', KEYS[1], 8, '{}')", written(ahead));
        SERVER.ask(&["EVAL", &script, "1", &names]).expect("changed");
        let lifetime = Lifetime { lifespan: Term::For(Duration::from_secs(60)), max_idle: Term::Default };
        let outcome = wait(store.put(key.as_bytes(), &value, &PutOptions { lifetime, ..PutOptions::default() }));
        assert_eq!(outcome, Ok(Outcome::Done { revision: ahead + 1 }), "{length}");
        let record = wait(store.get(key.as_bytes())).expect("read").expect("there");
        assert_eq!((record.revision(), record.value()), (ahead + 1, &value[..]), "{length}");
        assert!(record.expires_in_ms().is_some_and(|left| left > 30_000), "{length}");
        let left = SERVER.ask(&["PTTL", &names]).expect("a number");
        assert!(left.parse::<i64>().is_ok_and(|left| left > 30_000), "{left}");
        assert_eq!(put(store, key.as_bytes(), &value), ahead + 2, "{length}");
        let outcome = wait(store.put(key.as_bytes(), &value, &on(Condition::IfRevision(ahead + 2))));
        assert_eq!(outcome, Ok(Outcome::Done { revision: ahead + 3 }), "{length}");
    }
}

#[test]
fn writers_of_long_values_get_revisions_that_grow_and_differ() {
    let stores: Vec<_> = (0..3).map(|_| on_server("larder", "long", "")).collect();
    let revisions = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for opened in stores.iter().chain(&stores) {
            scope.spawn(|| {
                let mut last = 0;
                for _ in 0..100 {
                    let revision = put(&opened.store, b"k", &[7; 4096]);
                    assert!(revision > last, "{revision} after {last}");
                    last = revision;
                    revisions.lock().expect("no panic").push(revision);
                }
            });
        }
    });
    let mut revisions = revisions.into_inner().expect("no panic");
    let highest = revisions.iter().copied().max();
    revisions.sort_unstable();
    revisions.dedup();
    assert_eq!(revisions.len(), 600);
    let record = wait(stores[0].store.get(b"k")).expect("read").expect("there");
    assert_eq!(Some(record.revision()), highest);
}
