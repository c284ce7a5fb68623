//! Each operation once, and what must not happen.

use super::*;
use crate::error::Status;
use crate::store::Lookup;
use crate::store::options::{Entry, ListOptions, Projection};
use crate::store::record::Metadata;

fn keys(store: &dyn Store, options: &ListOptions) -> Vec<Vec<u8>> {
    let records = ready(store.list(options)).expect("list");
    records.iter().map(|record| record.key().to_vec()).collect()
}

each_engine! {
    fn a_record_is_read_as_it_was_written(policy) {
        let store = store(unbounded(policy));
        let metadata = Metadata::new([("content-type", &b"text"[..])]).expect("small");
        put_with(&*store, b"k", b"v", &PutOptions { metadata: metadata.clone(), ..PutOptions::default() });
        let record = ready(store.get(b"k")).expect("get").expect("there");
        assert_eq!((record.key(), record.value(), record.metadata()), (&b"k"[..], &b"v"[..], metadata));
        assert_eq!(record.expires_in_ms(), None);
        let mut seen = Vec::new();
        assert_eq!(store.peek(b"k", &mut |record| seen = record.value().to_vec()), Ok(Lookup::Hit));
        assert_eq!(seen, b"v");
        assert_eq!(store.peek(b"x", &mut |_| panic!("shown a miss")), Ok(Lookup::Miss));
    }

    fn a_look_at_many_keys_shows_each_hit_in_its_place_and_order(policy) {
        // With values that are more than a processor caches, and with ones that are not.
        for value_length in [0, 4000] {
            let store = store(unbounded(policy));
            let keys: Vec<String> = (0..1000).map(|number| format!("key-{number}")).collect();
            for key in keys.iter().step_by(2) {
                put(&*store, key.as_bytes(), &vec![key.len() as u8; value_length]);
            }
            let slices: Vec<&[u8]> = keys.iter().map(String::as_bytes).collect();
            let mut seen = Vec::new();
            let knows_all = store.peek_many(&slices, &mut |place, record| {
                assert_eq!((record.key(), record.value().len()), (slices[place], value_length));
                seen.push(place);
            });
            assert_eq!(knows_all, Ok(true));
            assert_eq!(seen, (0..1000).step_by(2).collect::<Vec<_>>());
        }
    }

    fn a_write_over_a_record_replaces_all_of_it_and_raises_its_revision(policy) {
        let store = store(unbounded(policy));
        let metadata = Metadata::new([("a", &b"1"[..])]).expect("small");
        let first = put_with(&*store, b"k", b"one", &PutOptions { metadata, ..PutOptions::default() });
        let second = put(&*store, b"k", b"two");
        assert!(second > first && first > 0);
        let record = ready(store.get(b"k")).expect("get").expect("there");
        assert_eq!((record.value(), record.revision()), (&b"two"[..], second));
        assert!(record.metadata().is_empty());
        ready(store.remove(b"k", None)).expect("remove");
        assert!(put(&*store, b"k", b"three") > second, "a new life of the key has a later revision");
    }

    fn conditions_decide_by_presence_and_revision(policy) {
        let store = store(unbounded(policy));
        let attempt = |condition| ready(store.put(b"k", b"v", &with_condition(condition))).expect("put");
        assert_eq!(attempt(Condition::IfRevision(1)), Outcome::NotFound);
        let Outcome::Done { revision } = attempt(Condition::IfAbsent) else { panic!("it was absent") };
        assert_eq!(attempt(Condition::IfAbsent), Outcome::Conflict { revision });
        assert_eq!(attempt(Condition::IfRevision(revision + 1)), Outcome::Conflict { revision });
        let Outcome::Done { revision: later } = attempt(Condition::IfRevision(revision)) else { panic!("it matched") };
        assert_eq!(ready(store.remove(b"k", Some(revision))), Ok(Outcome::Conflict { revision: later }));
        assert_eq!(ready(store.remove(b"k", Some(later))), Ok(Outcome::Done { revision: later }));
        assert_eq!(ready(store.remove(b"k", Some(later))), Ok(Outcome::NotFound));
        assert_eq!(ready(store.remove(b"k", None)), Ok(Outcome::NotFound));
        assert!(matches!(attempt(Condition::IfAbsent), Outcome::Done { .. }));
    }

    fn many_are_written_read_and_removed_in_their_order(policy) {
        let store = store(unbounded(policy));
        let names: Vec<Vec<u8>> = (0..100).map(|number| format!("key{number}").into_bytes()).collect();
        let entries: Vec<Entry<'_>> =
            names.iter().map(|key| Entry { key, value: key, options: PutOptions::default() }).collect();
        let outcomes = ready(store.put_many(&entries)).expect("put");
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(Outcome::Done { .. }))));
        let mut wanted: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        wanted.insert(50, b"none");
        let found = ready(store.get_many(&wanted)).expect("get");
        assert_eq!(found.len(), 101);
        for (key, record) in wanted.iter().zip(&found) {
            match record {
                Some(record) => assert_eq!((record.key(), record.value()), (*key, *key)),
                None => assert_eq!(*key, b"none"),
            }
        }
        assert_eq!(ready(store.remove_many(&wanted)), Ok(100));
        assert_eq!(size(&*store), 0);
    }

    fn one_bad_record_of_many_does_not_keep_the_others_out(policy) {
        let store = store(MemoryConfig { max_bytes: Some(10_000), ..unbounded(policy) });
        let large = vec![0; 20_000];
        let entry = |key: &'static [u8], value| Entry { key, value, options: PutOptions::default() };
        let outcomes = ready(store.put_many(&[entry(b"a", b"1"), entry(b"b", &large), entry(b"c", b"3")])).expect("put");
        assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
        let error = outcomes[1].as_ref().expect_err("too large");
        assert_eq!((error.status(), error.origin()), (Status::TOO_LARGE, "max_bytes"));
        assert_eq!((get(&*store, b"a"), get(&*store, b"c")), (Some(b"1".to_vec()), Some(b"3".to_vec())));
    }

    fn tables_and_databases_are_apart_whatever_names_and_keys_hold(policy) {
        let backend = backend(unbounded(policy));
        let names = ["", "a", "a/b", "b", "a\0", "\0a", "a_b", "_"];
        let keys: [&[u8]; 8] = [b"", b"a", b"b/c", b"c", b"\0", b"a\0b", b"/c", &[0xff; 3]];
        let value = |database: &str, table: &str, key: &[u8]| format!("{database:?} {table:?} {key:?}").into_bytes();
        for database in names {
            for table in names {
                let store = backend.open(database, table).expect("open");
                for key in keys {
                    assert!(!ready(store.contains(key)).expect("contains"), "{database:?} {table:?} {key:?}");
                    put(&*store, key, &value(database, table, key));
                }
            }
        }
        for database in names {
            for table in names {
                let store = backend.open(database, table).expect("open again");
                assert_eq!(size(&*store), keys.len() as u64);
                assert_eq!(ready(store.list(&ListOptions::default())).expect("list").len(), keys.len());
                for key in keys {
                    assert_eq!(get(&*store, key), Some(value(database, table, key)));
                }
            }
        }
        let one = backend.open("a", "b").expect("open");
        assert_eq!(ready(one.clear()), Ok(8));
        assert_eq!(size(&*one), 0);
        let other = backend.open("a", "b/c").expect("open");
        assert_eq!(size(&*other), 0);
        assert_eq!(size(&*backend.open("a/b", "").expect("open")), 8);
    }

    fn a_list_is_sorted_and_counts_offset_and_limit_after_the_filter(policy) {
        let store = store(unbounded(policy));
        for number in (0..200).rev() {
            put(&*store, format!("k{number:03}").as_bytes(), b"value");
            put(&*store, format!("other{number:03}").as_bytes(), b"value");
        }
        let list = |prefix: &str, suffix: &str, offset, limit| {
            let options = ListOptions {
                prefix: prefix.into(),
                suffix: suffix.into(),
                offset,
                limit,
                projection: Projection::Keys,
            };
            keys(&*store, &options).into_iter().map(|key| String::from_utf8(key).expect("text")).collect::<Vec<_>>()
        };
        assert_eq!(list("k", "", 0, 3), ["k000", "k001", "k002"]);
        assert_eq!(list("k", "7", 2, 2), ["k027", "k037"]);
        assert_eq!(list("", "199", 0, 0), ["k199", "other199"]);
        assert_eq!(list("k", "", 198, 10), ["k198", "k199"]);
        assert_eq!(list("k", "", 200, 10), [""; 0]);
        assert_eq!(list("k", "", usize::MAX, usize::MAX), [""; 0]);
        assert_eq!(list("none", "", 0, 0), [""; 0]);
        assert_eq!(list("", "", 0, 0).len(), 400);
        assert!(list("", "", 0, 0).is_sorted());
    }

    fn a_projection_to_keys_leaves_value_and_metadata_out(policy) {
        let store = store(unbounded(policy));
        let options = PutOptions {
            metadata: Metadata::new([("a", &b"1"[..])]).expect("small"),
            ..with_lifespan(Duration::from_secs(60))
        };
        let revision = put_with(&*store, b"k", b"value", &options);
        let list = |projection| {
            let options = ListOptions { projection, ..ListOptions::default() };
            ready(store.list(&options)).expect("list").remove(0)
        };
        let key = list(Projection::Keys);
        assert_eq!((key.key(), key.value(), key.revision()), (&b"k"[..], &b""[..], revision));
        assert!(key.metadata().is_empty());
        assert!(key.expires_in_ms().is_some_and(|left| left > 50_000));
        let whole = list(Projection::Records);
        assert_eq!((whole.value(), whole.metadata().get("a")), (&b"value"[..], Some(&b"1"[..])));
    }

    fn a_cursor_gives_every_record_once_and_leaves_out_what_went_away(policy) {
        let store = store(unbounded(policy));
        for number in 0..1000 {
            put(&*store, format!("{number:04}").as_bytes(), b"old");
        }
        let options = ListOptions { offset: 10, limit: 500, projection: Projection::Records, ..ListOptions::default() };
        let cursor = ready(store.cursor(&options)).expect("cursor");
        let first = ready(cursor.next(100)).expect("page");
        assert_eq!((first.len(), first[0].key()), (100, &b"0010"[..]));
        ready(store.remove(b"0110", None)).expect("remove");
        put(&*store, b"0111", b"new");
        put(&*store, b"0000-later", b"new");
        let second = ready(cursor.next(2)).expect("page");
        assert_eq!((second[0].key(), second[0].value()), (&b"0111"[..], &b"new"[..]));
        let mut rest = Vec::new();
        loop {
            let page = ready(cursor.next(64)).expect("page");
            if page.is_empty() {
                break;
            }
            rest.extend(page);
        }
        assert_eq!(rest.len(), 398);
        assert!(rest.is_sorted_by(|a, b| a.key() < b.key()));
    }

    fn a_touch_gives_new_terms_and_keeps_value_and_revision(policy) {
        let store = store(unbounded(policy));
        let revision = put(&*store, b"k", b"v");
        let touch = |lifespan, max_idle| ready(store.touch(b"k", Lifetime { lifespan, max_idle })).expect("touch");
        let look = || ready(store.get(b"k")).expect("get").expect("there");
        assert!(touch(Term::Default, Term::Default));
        assert_eq!(look().expires_in_ms(), None);
        assert!(touch(Term::For(Duration::from_secs(100)), Term::Default));
        assert!(look().expires_in_ms().is_some_and(|left| left > 90_000 && left <= 100_000));
        assert!(touch(Term::Default, Term::For(Duration::from_secs(50))));
        assert!(look().expires_in_ms().is_some_and(|left| left > 40_000 && left <= 50_000));
        assert_eq!(look().max_idle_ms(), 50_000);
        assert!(touch(Term::Unlimited, Term::Unlimited));
        let record = look();
        assert_eq!((record.value(), record.revision(), record.expires_in_ms()), (&b"v"[..], revision, None));
        assert!(!ready(store.touch(b"none", Lifetime::default())).expect("touch"));
    }

    fn keys_of_no_byte_and_of_64_kib_and_values_of_100_mib_are_held(policy) {
        let store = store(unbounded(policy));
        let long = vec![7; 64 << 10];
        put(&*store, b"", b"empty");
        put(&*store, &long, b"");
        assert_eq!(get(&*store, b""), Some(b"empty".to_vec()));
        assert_eq!(get(&*store, &long), Some(Vec::new()));
        assert_eq!(get(&*store, &long[1..]), None);
        let large = vec![1; 100 << 20];
        put(&*store, b"large", &large);
        let record = ready(store.get(b"large")).expect("get").expect("there");
        assert!(record.value() == large);
    }

    fn statistics_are_exact_in_one_thread(policy) {
        let store = store(unbounded(policy));
        put(&*store, b"a", b"1");
        put(&*store, b"a", b"2");
        put(&*store, b"b", b"3");
        get(&*store, b"a");
        get(&*store, b"x");
        ready(store.get_many(&[b"a", b"b", b"x"])).expect("get");
        ready(store.contains(b"a")).expect("contains");
        ready(store.remove(b"b", None)).expect("remove");
        ready(store.remove(b"b", None)).expect("remove");
        let statistics = ready(store.statistics()).expect("statistics");
        let bytes = ready(store.get(b"a")).expect("get").expect("there").size() as u64;
        assert_eq!((statistics.hits, statistics.misses), (3, 2));
        assert_eq!((statistics.puts, statistics.removals, statistics.evictions), (3, 1, 0));
        assert_eq!((statistics.entries, statistics.bytes), (1, bytes));
    }

    fn after_close_every_call_says_so_and_the_content_is_gone(policy) {
        let backend = backend(unbounded(policy));
        let store = backend.open("d", "t").expect("open");
        put(&*store, b"k", b"v");
        let held = ready(store.get(b"k")).expect("get").expect("there");
        let cursor = ready(store.cursor(&ListOptions::default())).expect("cursor");
        ready(backend.close()).expect("close");
        ready(backend.close()).expect("close again");
        let closed = |status: Status| assert_eq!(status, Status::CLOSED);
        closed(backend.open("d", "t").err().expect("closed").status());
        closed(ready(store.get(b"k")).expect_err("closed").status());
        closed(ready(store.get_many(&[b"k"])).expect_err("closed").status());
        closed(ready(store.contains(b"k")).expect_err("closed").status());
        closed(ready(store.put(b"k", b"v", &PutOptions::default())).expect_err("closed").status());
        closed(ready(store.put_many(&[])).expect_err("closed").status());
        closed(ready(store.remove(b"k", None)).expect_err("closed").status());
        closed(ready(store.remove_many(&[b"k"])).expect_err("closed").status());
        closed(ready(store.touch(b"k", Lifetime::default())).expect_err("closed").status());
        closed(ready(store.list(&ListOptions::default())).expect_err("closed").status());
        closed(ready(store.cursor(&ListOptions::default())).err().expect("closed").status());
        closed(ready(cursor.next(1)).expect_err("closed").status());
        closed(ready(store.clear()).expect_err("closed").status());
        closed(ready(store.size()).expect_err("closed").status());
        closed(ready(store.ping()).expect_err("closed").status());
        closed(store.peek(b"k", &mut |_| panic!("shown")).expect_err("closed").status());
        assert_eq!(held.value(), b"v", "a record in a caller's hand outlives the store");
        closed(ready(store.statistics()).expect_err("closed").status());
    }
}

#[test]
fn a_setting_that_makes_no_sense_is_refused_by_name() {
    let refused = |config| MemoryBackend::open(config).err().map(|error| error.origin().to_owned());
    let base = MemoryConfig::default;
    assert_eq!(refused(MemoryConfig { max_entries: Some(0), ..base() }).as_deref(), Some("max_entries"));
    assert_eq!(refused(MemoryConfig { max_bytes: Some(0), ..base() }).as_deref(), Some("max_bytes"));
    assert_eq!(refused(MemoryConfig { lifespan: Some(Duration::ZERO), ..base() }).as_deref(), Some("lifespan"));
    assert_eq!(refused(MemoryConfig { max_idle: Some(Duration::ZERO), ..base() }).as_deref(), Some("max_idle"));
    assert_eq!(refused(MemoryConfig { shards: Some(0), ..base() }).as_deref(), Some("shards"));
    assert_eq!(refused(MemoryConfig { shards: Some(5000), ..base() }).as_deref(), Some("shards"));
    assert_eq!(refused(base()), None);
}

#[test]
fn every_name_of_a_policy_is_known_and_its_engine_says_it() {
    assert!(PolicyKind::NAMES.iter().all(|name| PolicyChoice::NAMES.contains(name)));
    for name in PolicyChoice::NAMES {
        let policy = PolicyChoice::parse(name).expect("a known name");
        let store = store(MemoryConfig { max_entries: Some(10), ..unbounded(policy) });
        assert_eq!(store.describe()["policy"], *name);
    }
    assert_eq!(PolicyChoice::parse("none"), None);
}
