//! What has expired is never shown, and goes away by itself.

use super::*;
use crate::clock;
use crate::store::Lookup;
use crate::store::options::ListOptions;

const SHORT: Duration = Duration::from_millis(30);

each_engine! {
    fn no_operation_shows_an_expired_record(policy) {
        let store = store(unbounded(policy));
        let options = with_lifespan(SHORT);
        for key in [b"a", b"b", b"c", b"d", b"e", b"f"] {
            put_with(&*store, key, b"v", &options);
        }
        let cursor = ready(store.cursor(&ListOptions::default())).expect("cursor");
        put(&*store, b"stays", b"v");
        assert_eq!(size(&*store), 7);
        let deadline = clock::now_ms() + 30;
        while clock::now_ms() < deadline {
            std::hint::spin_loop();
        }
        assert_eq!(size(&*store), 1);
        assert_eq!(store.peek(b"a", &mut |_| panic!("shown")), Ok(Lookup::Miss));
        assert_eq!(get(&*store, b"a"), None);
        assert!(ready(store.get_many(&[b"a", b"b"])).expect("get").iter().all(Option::is_none));
        assert_eq!(ready(store.contains(b"a")), Ok(false));
        assert_eq!(ready(store.touch(b"a", Lifetime::default())), Ok(false));
        assert_eq!(ready(store.list(&ListOptions::default())).expect("list").len(), 1);
        assert!(ready(cursor.next(10)).expect("page").is_empty());
        assert_eq!(ready(store.remove(b"b", None)), Ok(Outcome::NotFound));
        let absent = ready(store.put(b"c", b"new", &with_condition(Condition::IfAbsent))).expect("put");
        assert!(matches!(absent, Outcome::Done { .. }));
        let gone = ready(store.put(b"d", b"new", &with_condition(Condition::IfRevision(4)))).expect("put");
        assert_eq!(gone, Outcome::NotFound);
        assert_eq!(ready(store.remove_many(&[b"e", b"f"])), Ok(0));
        assert_eq!(ready(store.clear()), Ok(2));
    }

    fn what_has_expired_is_swept_without_a_caller(policy) {
        let store = store(unbounded(policy));
        for number in 0..5000_u64 {
            put_with(&*store, &number.to_le_bytes(), b"v", &with_lifespan(SHORT));
            put_with(&*store, &(number + 10_000).to_le_bytes(), b"v", &with_lifespan(Duration::from_secs(600)));
        }
        eventually("swept", || ready(store.statistics()).expect("statistics").entries == 5000);
        assert_eq!(ready(store.statistics()).expect("statistics").expirations, 5000);
        assert_eq!(size(&*store), 5000);
    }

    fn an_earlier_deadline_than_the_sweeper_waits_for_is_kept(policy) {
        let store = store(unbounded(policy));
        put_with(&*store, b"long", b"v", &with_lifespan(Duration::from_secs(3600)));
        std::thread::sleep(Duration::from_millis(100));
        put_with(&*store, b"short", b"v", &with_lifespan(SHORT));
        eventually("swept", || ready(store.statistics()).expect("statistics").entries == 1);
    }

    fn a_read_restarts_max_idle_and_a_look_does_not(policy) {
        let store = store(unbounded(policy));
        let lifetime = Lifetime { lifespan: Term::Default, max_idle: Term::For(Duration::from_secs(1)) };
        let options = PutOptions { lifetime, ..PutOptions::default() };
        put_with(&*store, b"read", b"v", &options);
        put_with(&*store, b"looked at", b"v", &options);
        put_with(&*store, b"touched", b"v", &options);
        for _ in 0..8 {
            std::thread::sleep(Duration::from_millis(150));
            assert!(get(&*store, b"read").is_some());
            assert!(ready(store.touch(b"touched", Lifetime::default())).expect("touch"));
            ready(store.contains(b"looked at")).expect("contains");
            ready(store.list(&ListOptions::default())).expect("list");
        }
        assert!(get(&*store, b"looked at").is_none());
        assert!(get(&*store, b"touched").is_some());
        eventually("idle", || size(&*store) == 0);
        eventually("swept", || ready(store.statistics()).expect("statistics").entries == 0);
    }

    fn defaults_hold_unless_a_write_says_otherwise(policy) {
        let config = MemoryConfig {
            lifespan: Some(Duration::from_secs(100)),
            max_idle: Some(Duration::from_secs(50)),
            ..unbounded(policy)
        };
        let store = store(config);
        put(&*store, b"default", b"v");
        let lifetime = Lifetime { lifespan: Term::Unlimited, max_idle: Term::Unlimited };
        put_with(&*store, b"unlimited", b"v", &PutOptions { lifetime, ..PutOptions::default() });
        let left = |key| ready(store.get(key)).expect("get").expect("there").expires_in_ms();
        assert!(left(b"default").is_some_and(|left| left > 40_000 && left <= 50_000));
        assert_eq!(left(b"unlimited"), None);
    }

    fn millions_of_gets_never_return_an_expired_record(policy) {
        let store = store(MemoryConfig { max_entries: Some(1000), ..unbounded(policy) });
        let gets = if cfg!(debug_assertions) { 1_000_000 } else { 10_000_000 };
        std::thread::scope(|scope| {
            for seed in 0..2 {
                let store = &store;
                scope.spawn(move || {
                    let mut random = Random(seed);
                    for turn in 0..gets / 2 {
                        let key = random.below(500).to_le_bytes();
                        if turn % 16 == 0 {
                            let lifespan = 1 + random.below(20);
                            // The deadline that the value tells is not before the true one.
                            let before = clock::now_ms();
                            put_with(&**store, &key, &[0; 8], &with_lifespan(Duration::from_millis(lifespan)));
                            let _ = before;
                        }
                        let now = clock::now_ms();
                        let mut deadline = None;
                        let found = store.peek(&key, &mut |record| deadline = Some(record.deadline())).expect("peek");
                        if found == Lookup::Hit {
                            let deadline = deadline.expect("shown");
                            assert!(deadline > now, "a record of {deadline} was shown after {now}");
                        }
                    }
                });
            }
        });
    }
}
