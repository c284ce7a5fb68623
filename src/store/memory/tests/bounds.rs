//! Never over the bound, and never under it without need.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

fn storm(config: MemoryConfig, check: impl Fn(&Statistics) + Sync) -> Arc<dyn Store> {
    let store = store(config);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                check(&ready(store.statistics()).expect("statistics"));
            }
        });
        let writers: Vec<_> = (0..4)
            .map(|seed| {
                let store = &store;
                scope.spawn(move || {
                    let mut random = Random(seed);
                    for _ in 0..20_000 {
                        let key = random.below(10_000).to_le_bytes();
                        let value = vec![0; random.below(300) as usize];
                        put(&**store, &key, &value);
                        if random.below(20) == 0 {
                            ready(store.remove(&key, None)).expect("remove");
                        }
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().expect("a writer");
        }
        done.store(true, Ordering::Relaxed);
    });
    check(&ready(store.statistics()).expect("statistics"));
    store
}

use crate::store::statistics::Statistics;

each_engine! {
    fn a_put_storm_never_holds_more_entries_than_the_bound(policy) {
        for bound in [1, 7, 1000] {
            let config = MemoryConfig { max_entries: Some(bound), ..unbounded(policy) };
            let most = bound + slack(policy);
            let store = storm(config, |now| assert!(now.entries <= most, "{} of {bound}", now.entries));
            for number in 0..2 * bound {
                put(&*store, &(1_000_000 + number).to_le_bytes(), b"");
            }
            assert_eq!(size(&*store), bound);
        }
    }

    fn a_put_storm_never_holds_more_bytes_than_the_bound(policy) {
        for bound in [2000, 100_000] {
            let config = MemoryConfig { max_bytes: Some(bound), ..unbounded(policy) };
            let most = bound + slack(policy) * 400;
            let store = storm(config, |now| assert!(now.bytes <= most, "{} of {bound}", now.bytes));
            let listed = ready(store.list(&ListOptions { projection: Projection::Records, ..ListOptions::default() }));
            let held: u64 = listed.expect("list").iter().map(|record| record.size() as u64 + ENTRY_OVERHEAD).sum();
            assert!(held <= bound, "{held} of {bound}");
            assert!(held > bound / 2, "{held} of {bound}");
        }
    }

    fn as_many_keys_as_the_bound_all_fit(policy) {
        for bound in [1, 2, 100, 5000, 20_000] {
            let store = store(MemoryConfig { max_entries: Some(bound), ..unbounded(policy) });
            for number in 0..bound {
                put(&*store, &number.to_le_bytes(), b"v");
            }
            let present = (0..bound).filter(|number| get(&*store, &number.to_le_bytes()).is_some()).count() as u64;
            assert_eq!(present, bound);
            assert_eq!(ready(store.statistics()).expect("statistics").evictions, 0);
            put(&*store, b"one more", b"v");
            assert_eq!(size(&*store), bound);
            assert_eq!(ready(store.statistics()).expect("statistics").evictions, 1);
            let is_kept = get(&*store, b"one more").is_some();
            assert!(is_kept || policy == PolicyChoice::Moka, "the newest is kept");
        }
    }

    fn a_record_larger_than_the_bound_is_refused_and_nothing_leaves_for_it(policy) {
        let store = store(MemoryConfig { max_bytes: Some(100_000), ..unbounded(policy) });
        for number in 0..100_u64 {
            put(&*store, &number.to_le_bytes(), b"v");
        }
        let error = ready(store.put(b"large", &[0; 200_000], &PutOptions::default())).expect_err("too large");
        assert_eq!((error.status(), error.origin()), (Status::TOO_LARGE, "max_bytes"));
        assert!(error.message().contains("100000"), "{error}");
        assert_eq!(size(&*store), 100);
    }

    fn a_large_record_takes_the_room_of_many_small_ones(policy) {
        let store = store(MemoryConfig { max_bytes: Some(64 << 20), ..unbounded(policy) });
        for number in 0..100_000_u64 {
            put(&*store, &number.to_le_bytes(), &[0; 1000]);
        }
        for number in 0..4_u64 {
            let key = format!("large{number}");
            put(&*store, key.as_bytes(), &vec![1; 60 << 20]);
            let held = get(&*store, key.as_bytes()).map(|value| value.len());
            assert!(held == Some(60 << 20) || policy == PolicyChoice::Moka, "{held:?}");
            assert!(ready(store.statistics()).expect("statistics").bytes <= 64 << 20);
        }
    }

    fn a_record_that_grows_makes_room_and_stays(policy) {
        let store = store(MemoryConfig { max_bytes: Some(10_000), ..unbounded(policy) });
        for number in 0..100_u64 {
            put(&*store, &number.to_le_bytes(), b"");
        }
        for length in (0..9000).step_by(500) {
            let last = 99_u64.to_le_bytes();
            put(&*store, &last, &vec![0; length]);
            assert_eq!(get(&*store, &last).map(|value| value.len()), Some(length));
        }
        let revision = ready(store.get(&99_u64.to_le_bytes())).expect("get").expect("there").revision();
        let options = with_condition(Condition::IfRevision(revision));
        let outcome = ready(store.put(&99_u64.to_le_bytes(), &[0; 9900], &options)).expect("put");
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
        assert_eq!(size(&*store), 1);
    }

    fn large_writes_at_the_same_time_do_not_starve_each_other(policy) {
        let store = store(MemoryConfig { max_bytes: Some(16 << 20), shards: Some(8), ..unbounded(policy) });
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let store = &store;
                scope.spawn(move || {
                    for number in 0..20_u64 {
                        put(&**store, &(thread * 100 + number).to_le_bytes(), &vec![0; 10 << 20]);
                        for small in 0..100_u64 {
                            put(&**store, &(1_000_000 + small).to_le_bytes(), &[0; 1000]);
                        }
                    }
                });
            }
        });
        assert!(ready(store.statistics()).expect("statistics").bytes <= 16 << 20);
    }
}

use crate::error::Status;
use crate::store::options::{ListOptions, Projection};
