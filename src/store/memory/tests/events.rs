//! What a watch tells.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::store::event::{Event, EventKind, Watch};
use crate::store::options::{WatchOptions, WatchStart};

fn watch(store: &dyn Store, options: &WatchOptions) -> Arc<dyn Watch> {
    ready(store.watch(options)).expect("watch")
}

fn existing() -> WatchOptions {
    WatchOptions { start: WatchStart::Existing, ..WatchOptions::default() }
}

/// The next events, if there is one by now.
fn now(watch: &dyn Watch) -> Vec<Event> {
    match watch.next(usize::MAX) {
        Reply::Ready(events) => events.expect("watch"),
        Reply::Pending(_) => Vec::new(),
    }
}

fn next(watch: &dyn Watch) -> Vec<Event> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime");
    let next = watch.next(usize::MAX).wait();
    runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(10), next).await.expect("an event").expect("open") })
}

fn told(events: &[Event]) -> Vec<(EventKind, Vec<u8>)> {
    let key = |event: &Event| event.record.as_ref().map_or(Vec::new(), |record| record.key().to_vec());
    events.iter().map(|event| (event.kind, key(event))).collect()
}

/// Applies events to what a reader believes the store holds.
fn replay(state: &mut BTreeMap<Vec<u8>, (u64, Vec<u8>)>, events: &[Event]) -> bool {
    let mut is_current = false;
    for event in events {
        let Some(record) = &event.record else {
            assert_eq!(event.kind, EventKind::Current, "nothing is lost");
            is_current = true;
            continue;
        };
        let key = record.key().to_vec();
        match event.kind {
            EventKind::Created => {
                let before = state.insert(key, (record.revision(), record.value().to_vec()));
                assert!(before.is_none(), "created twice: {record:?}");
            }
            EventKind::Updated => {
                let before = state.insert(key, (record.revision(), record.value().to_vec()));
                assert!(before.is_some_and(|(revision, _)| revision < record.revision()), "{record:?}");
            }
            _ => {
                let before = state.remove(&key);
                assert_eq!(
                    before.map(|(revision, _)| revision),
                    Some(record.revision()),
                    "{:?} {record:?}",
                    event.kind
                );
            }
        }
    }
    is_current
}

each_engine! {
    fn changes_are_told_in_order_and_by_kind(policy) {
        let store = store(unbounded(policy));
        put(&*store, b"before", b"v");
        let watch = watch(&*store, &WatchOptions::default());
        put(&*store, b"a", b"1");
        put(&*store, b"a", b"2");
        ready(store.remove(b"a", None)).expect("remove");
        put_with(&*store, b"b", b"1", &with_lifespan(Duration::from_millis(1)));
        let mut events = now(&*watch);
        while events.len() < 5 {
            events.extend(next(&*watch));
        }
        let expected = [
            (EventKind::Created, b"a".to_vec()),
            (EventKind::Updated, b"a".to_vec()),
            (EventKind::Removed, b"a".to_vec()),
            (EventKind::Created, b"b".to_vec()),
            (EventKind::Expired, b"b".to_vec()),
        ];
        assert_eq!(told(&events), expected);
        assert_eq!(events[2].record.as_ref().map(|record| record.value().to_vec()), Some(b"2".to_vec()));
        ready(store.clear()).expect("clear");
        assert_eq!(told(&now(&*watch)), [(EventKind::Removed, b"before".to_vec())]);
    }

    fn only_the_tables_own_keys_with_the_prefix_are_told(policy) {
        let backend = backend(unbounded(policy));
        let store = backend.open("d", "t").expect("open");
        let other = backend.open("d", "u").expect("open");
        let watch = watch(&*store, &WatchOptions { prefix: b"a/".to_vec(), ..WatchOptions::default() });
        put(&*store, b"a/1", b"");
        put(&*store, b"b/1", b"");
        put(&*other, b"a/2", b"");
        ready(other.clear()).expect("clear");
        assert_eq!(told(&now(&*watch)), [(EventKind::Created, b"a/1".to_vec())]);
    }

    fn making_room_is_told(policy) {
        let store = store(MemoryConfig { max_entries: Some(2), ..unbounded(policy) });
        let watch = watch(&*store, &WatchOptions::default());
        for key in [b"a", b"b", b"c"] {
            put(&*store, key, b"");
        }
        let mut state = BTreeMap::new();
        eventually("evicted", || {
            replay(&mut state, &now(&*watch));
            state.len() == 2
        });
        assert_eq!(ready(store.statistics()).expect("statistics").evictions, 1);
    }

    fn what_is_there_is_told_first_and_then_current(policy) {
        let store = store(unbounded(policy));
        for number in 0..3000_u64 {
            put(&*store, &number.to_le_bytes(), b"v");
        }
        let watch = watch(&*store, &WatchOptions { capacity: 10, ..existing() });
        let mut state = BTreeMap::new();
        let mut initial = 0;
        loop {
            let events = now(&*watch);
            initial += events.iter().filter(|event| event.initial).count();
            if replay(&mut state, &events) {
                break;
            }
        }
        assert_eq!((state.len(), initial), (3000, 3000));
        put(&*store, b"later", b"v");
        let later = now(&*watch);
        assert_eq!((told(&later), later[0].initial), (vec![(EventKind::Created, b"later".to_vec())], false));
    }

    fn an_empty_table_is_current_at_once(policy) {
        let store = store(unbounded(policy));
        let watch = watch(&*store, &existing());
        assert_eq!(told(&now(&*watch)), [(EventKind::Current, Vec::new())]);
    }

    fn the_replay_of_all_events_is_the_final_state_whatever_writers_do_meanwhile(policy) {
        for round in 0..10 {
            // moka tells of an eviction when it gets to it, maybe after the key's next write: its description says so.
            let max_entries = (policy != PolicyChoice::Moka).then_some(700);
            let store = store(MemoryConfig { max_entries, shards: Some(4), ..unbounded(policy) });
            let write = |seed: u64, count: u64| {
                let mut random = Random(seed);
                for _ in 0..count {
                    let key = random.below(1000).to_le_bytes();
                    match random.below(4) {
                        0 => drop(ready(store.remove(&key, None)).expect("remove")),
                        _ => drop(put(&*store, &key, &random.next().to_le_bytes())),
                    }
                }
            };
            write(round, 2000);
            let mut state = BTreeMap::new();
            std::thread::scope(|scope| {
                for seed in 1..3 {
                    let write = &write;
                    scope.spawn(move || write(round * 10 + seed, 5000));
                }
                let watch = watch(&*store, &WatchOptions { capacity: 1_000_000, ..existing() });
                let mut is_current = false;
                let mut quiet = 0;
                while !is_current || quiet < 50 {
                    let events = match watch.next(17) {
                        Reply::Ready(events) => events.expect("open"),
                        Reply::Pending(_) => Vec::new(),
                    };
                    is_current |= replay(&mut state, &events);
                    quiet = if events.is_empty() { quiet + 1 } else { 0 };
                    if events.is_empty() {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
            });
            let options = ListOptions { projection: Projection::Records, ..ListOptions::default() };
            let records = ready(store.list(&options)).expect("list");
            let held: BTreeMap<_, _> = records
                .iter()
                .map(|record| (record.key().to_vec(), (record.revision(), record.value().to_vec())))
                .collect();
            assert!(held == state, "{} held, {} replayed", held.len(), state.len());
        }
    }

    fn a_reader_that_is_too_slow_is_told_how_much_it_lost(policy) {
        let store = store(unbounded(policy));
        let watch = watch(&*store, &WatchOptions { capacity: 10, ..WatchOptions::default() });
        for number in 0..100_u64 {
            put(&*store, &number.to_le_bytes(), b"");
        }
        let Reply::Ready(Ok(first)) = watch.next(5) else { panic!("events wait") };
        assert_eq!(first.len(), 5);
        put(&*store, b"after", b"");
        let rest = now(&*watch);
        let kinds: Vec<_> = rest.iter().map(|event| (event.kind, event.lost)).collect();
        let mut expected = vec![(EventKind::Created, 0); 5];
        expected.extend([(EventKind::Lost, 90), (EventKind::Created, 0)]);
        assert_eq!(kinds, expected);
        assert!(now(&*watch).is_empty());
    }

    fn a_waiting_reader_is_woken_by_a_change_and_by_an_end(policy) {
        let backend = backend(unbounded(policy));
        let store = backend.open("d", "t").expect("open");
        let first = watch(&*store, &WatchOptions::default());
        let second = watch(&*store, &WatchOptions::default());
        let third = watch(&*store, &WatchOptions::default());
        let waits = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let woken = scope.spawn(|| {
                waits.store(true, Ordering::Relaxed);
                next(&*first)
            });
            eventually("waits", || waits.load(Ordering::Relaxed));
            std::thread::sleep(Duration::from_millis(10));
            put(&*store, b"k", b"v");
            assert_eq!(told(&woken.join().expect("reader")), [(EventKind::Created, b"k".to_vec())]);
            assert_eq!(told(&next(&*second)), [(EventKind::Created, b"k".to_vec())]);
            assert_eq!(told(&next(&*third)), [(EventKind::Created, b"k".to_vec())]);
            let ended = [scope.spawn(|| next(&*second)), scope.spawn(|| next(&*third))];
            std::thread::sleep(Duration::from_millis(10));
            second.close();
            ready(backend.close()).expect("close");
            for reader in ended {
                assert!(reader.join().expect("reader").is_empty());
            }
        });
        assert!(next(&*second).is_empty());
        assert!(ready(store.watch(&WatchOptions::default())).is_err());
    }

    fn a_wait_that_is_given_up_takes_no_event_with_it(policy) {
        let store = store(unbounded(policy));
        let watch = watch(&*store, &WatchOptions::default());
        let Reply::Pending(wait) = watch.next(1) else { panic!("there is nothing yet") };
        put(&*store, b"k", b"v");
        drop(wait);
        assert_eq!(told(&now(&*watch)), [(EventKind::Created, b"k".to_vec())]);
    }
}

use crate::store::options::{ListOptions, Projection};
