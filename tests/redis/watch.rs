//! Watches, also over lost connections.

use std::time::Duration;

use larder::Status;
use larder::store::event::{Event, EventKind};
use larder::store::options::{Lifetime, ListOptions, Outcome, PutOptions, Term, WatchOptions, WatchStart};

use crate::servers::redis::{Options, Redis};
use crate::support::{done, events_until, on_server, open, put, wait, watch};

fn told(event: &Event) -> (EventKind, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let record = event.record.as_ref();
    let key = record.map_or(String::new(), |record| text(record.key()));
    (event.kind, key, record.map_or(String::new(), |record| text(record.value())))
}

fn is(event: &Event, kind: EventKind, key: &str, value: &str) -> bool {
    told(event) == (kind, key.to_owned(), value.to_owned())
}

#[test]
fn changes_are_told_in_order_for_each_key() {
    for format in ["larder", "raw"] {
        let opened = on_server(format, "watch", "");
        let store = &opened.store;
        wait(store.clear()).expect("cleared");
        put(store, b"before", b"0");
        let watching = watch(store, &WatchOptions { prefix: b"".to_vec(), ..WatchOptions::default() });
        // Each is read before the next comes: several at once may be one event.
        let step = |kind, key: &str, value: &str| {
            let events = events_until(&watching, |events| !events.is_empty());
            assert!(events.len() == 1 && is(&events[0], kind, key, value), "{format}: {events:?}");
        };
        put(store, b"a", b"1");
        step(EventKind::Created, "a", "1");
        put(store, b"a", b"2");
        step(EventKind::Updated, "a", "2");
        put(store, b"before", b"1");
        step(EventKind::Updated, "before", "1");
        assert!(matches!(wait(store.remove(b"a", None)), Ok(Outcome::Done { .. })));
        step(EventKind::Removed, "a", "2");
        let lifetime = Lifetime { lifespan: Term::For(Duration::from_millis(300)), max_idle: Term::Default };
        done(wait(store.put(b"short", b"v", &PutOptions { lifetime, ..PutOptions::default() })));
        step(EventKind::Created, "short", "v");
        step(EventKind::Expired, "short", "v");
        watching.close();
        assert!(wait(watching.next(1)).expect("the end").is_empty());
    }
}

#[test]
fn a_write_of_the_same_bytes_is_told_where_there_are_revisions_and_said_not_to_be_where_there_are_none() {
    for (format, is_told) in [("larder", true), ("raw", false), ("go-micro", false)] {
        let opened = on_server(format, &format!("same-{format}"), "");
        put(&opened.store, b"k", b"1");
        let watching = watch(&opened.store, &WatchOptions::default());
        put(&opened.store, b"k", b"1");
        put(&opened.store, b"other", b"1");
        let events = events_until(&watching, |events| events.iter().any(|event| told(event).1 == "other"));
        let has_told = events.iter().any(|event| is(event, EventKind::Updated, "k", "1"));
        let limits = opened.store.describe()["watch_limits"].as_str().expect("a text").to_owned();
        assert_eq!((has_told, !limits.contains("the bytes that were there")), (is_told, is_told), "{format}: {limits}");
    }
}

#[test]
fn a_user_who_may_not_be_told_of_changes_learns_it_before_and_when_it_watches() {
    let more = "user app on >secret ~* &* +@all -client|tracking\n".to_owned();
    let server = Redis::start(&Options { more, ..Options::default() }).expect("a server");
    let opened = open(&format!("redis://app:secret@{}", server.address()));
    let store = &opened.store;
    put(store, b"k", b"1");
    let about = store.describe();
    assert_eq!((about["watch"].as_str(), about["protocol"].as_u64()), (Some("none"), Some(3)), "{about}");
    assert!(about["watch_limits"].as_str().is_some_and(|text| text.contains("+client|tracking")), "{about}");
    let error = wait(store.watch(&WatchOptions::default())).err().expect("no right");
    assert_eq!((error.status(), error.origin()), (Status::AUTH, "watch"), "{error}");
    assert!(error.message().contains("+client|tracking"), "{error}");
    // The right is enough once it is given, also on the connections that there are.
    server.ask(&["ACL", "SETUSER", "app", "+client|tracking"]).expect("given");
    let watching = watch(store, &WatchOptions::default());
    assert_eq!(store.describe()["watch"], "tracking");
    put(store, b"k", b"2");
    let events = events_until(&watching, |events| !events.is_empty());
    assert!(is(&events[0], EventKind::Created, "k", "2") || is(&events[0], EventKind::Updated, "k", "2"), "{events:?}");
    // Whoever may from the beginning is told so.
    let all = open(&format!("redis://{}", server.address()));
    put(&all.store, b"k", b"3");
    assert_eq!(all.store.describe()["watch"], "tracking");
}

#[test]
fn what_was_there_is_told_first_and_then_that_it_was_all() {
    let opened = on_server("larder", "existing", "");
    let store = &opened.store;
    for number in 0..1200 {
        put(store, format!("k{number:04}").as_bytes(), b"v");
    }
    put(store, b"other", b"v");
    let options = WatchOptions { prefix: b"k".to_vec(), start: WatchStart::Existing, capacity: 10 };
    let watching = watch(store, &options);
    let events = events_until(&watching, |events| events.iter().any(|event| event.kind == EventKind::Current));
    assert_eq!(events.len(), 1201);
    assert!(events[..1200].iter().all(|event| event.initial && event.kind == EventKind::Created));
    assert!(events[..1200].is_sorted_by_key(|event| event.record.as_ref().expect("a record").key().to_vec()));
    put(store, b"k-new", b"v");
    let events = events_until(&watching, |events| !events.is_empty());
    assert!(is(&events[0], EventKind::Created, "k-new", "v") && !events[0].initial);
}

#[test]
fn many_long_values_are_not_read_at_once() {
    const COUNT: u64 = 40;
    let server = Redis::start(&Options::default()).expect("a server");
    let opened = open(&format!("redis://{}", server.address()));
    for number in 0..COUNT {
        put(&opened.store, format!("k{number}").as_bytes(), &vec![7; 1 << 20]);
    }
    let watching = watch(&opened.store, &WatchOptions { start: WatchStart::Existing, ..WatchOptions::default() });
    let events = events_until(&watching, |events| events.iter().any(|event| event.kind == EventKind::Current));
    assert_eq!(events.len() as u64, COUNT + 1);
    let stats = server.ask(&["INFO", "commandstats"]).expect("an answer");
    let calls =
        stats.lines().find_map(|line| line.strip_prefix("cmdstat_mget:calls=")?.split(',').next()?.parse().ok());
    assert!(calls.is_some_and(|calls: u64| calls > COUNT / 3), "{stats}");
}

#[test]
fn a_reader_that_is_too_slow_is_told_how_much_it_lost() {
    let opened = on_server("larder", "slow", "");
    let watching = watch(&opened.store, &WatchOptions { capacity: 5, ..WatchOptions::default() });
    for number in 0..200 {
        put(&opened.store, format!("k{number}").as_bytes(), b"v");
    }
    std::thread::sleep(Duration::from_millis(500));
    let events = events_until(&watching, |events| events.iter().any(|event| event.kind == EventKind::Lost));
    let lost: u64 = events.iter().map(|event| event.lost).sum();
    assert_eq!(events.len() as u64 - 1 + lost, 200, "{events:?}");
}

/// Has the server make so many records at once, of which it tells at once: 16 KiB of key for each.
fn write_long_keys(server: &Redis, name: &str, count: u64) {
    let script = "local k=string.rep('x',16384) for i=1,ARGV[1] do redis.call('SET',KEYS[1]..i..k,'v') end";
    server.ask(&["EVAL", script, "1", name, &count.to_string()]).expect("written");
}

#[test]
fn what_is_said_while_the_reader_rests_is_not_kept_without_bound_and_the_watch_catches_up() {
    let server = Redis::start(&Options::default()).expect("a server");
    let opened = open(&format!("redis://{}?format=raw", server.address()));
    write_long_keys(&server, "before", 300);
    let options = WatchOptions { start: WatchStart::Existing, capacity: 100, ..WatchOptions::default() };
    let watching = watch(&opened.store, &options);
    // The watch waits for room for the third hundred; meanwhile the server says 25 MiB.
    for name in ["a", "b", "c", "d", "e"] {
        write_long_keys(&server, name, 300);
    }
    wait(opened.store.ping()).expect("an answer");
    let total = 6 * 300;
    let lost = |events: &[Event]| events.iter().map(|event| event.lost).sum::<u64>();
    let created = |events: &[Event]| events.iter().filter(|event| event.kind == EventKind::Created).count() as u64;
    let events = events_until(&watching, |events| created(events) + lost(events) >= total);
    assert_eq!(created(&events) + lost(&events), total);
    // From here on it is in step again.
    put(&opened.store, b"last", b"1");
    let events = events_until(&watching, |events| !events.is_empty());
    assert!(events.len() == 1 && is(&events[0], EventKind::Created, "last", "1"), "{} events", events.len());
}

/// Cuts all connections, and waits until their end was noticed: a write into one of them would be ambiguous.
fn cut(server: &Redis) {
    server.ask(&["CLIENT", "KILL", "TYPE", "normal"]).expect("killed");
    std::thread::sleep(Duration::from_millis(200));
}

#[test]
fn nothing_is_missed_over_a_restart() {
    let mut server = Redis::start(&Options::default()).expect("a server");
    let opened = open(&format!("redis://{}", server.address()));
    let store = &opened.store;
    for key in [b"kept", b"gone", b"newr"] {
        put(store, key, b"1");
    }
    let watching = watch(store, &WatchOptions::default());
    // The watch cannot hear of what another client does while its own connections are cut again and again.
    cut(&server);
    put(store, b"newr", b"2");
    put(store, b"more", b"1");
    wait(store.remove(b"gone", None)).expect("removed");
    cut(&server);
    let seen = |events: &[Event], kind, key, value| events.iter().filter(|event| is(event, kind, key, value)).count();
    let all = |events: &[Event]| {
        seen(events, EventKind::Updated, "newr", "2") == 1
            && seen(events, EventKind::Created, "more", "1") == 1
            && seen(events, EventKind::Removed, "gone", "1") == 1
    };
    let events = events_until(&watching, all);
    assert_eq!(events.len(), 3, "{events:?}");
    server.process().kill();
    server.start_again().expect("it comes back");
    put(store, b"last", b"1");
    let events = events_until(&watching, |events| seen(events, EventKind::Created, "last", "1") == 1);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(wait(store.list(&ListOptions::default())).expect("a list").len(), 4);
}
