//! `redis` and `redis-sentinel`.

use std::time::Duration;

use larder::store::event::EventKind;
use larder::store::options::{Outcome, WatchStart};
use serde_json::{Value, json};

use super::ours::{Ours, events, lifespan, wait};
use super::plugin::{Filter, GoStore, Origin, Plugin};
use super::samples;
use super::server;
use super::wire::RedisWire;

/// A table of both sides on the server that these tests share. The format knows no database, so the table keeps tests
/// apart.
struct Table {
    name: String,
    wire: RedisWire,
}

impl Table {
    fn new(name: &str) -> Table {
        Table { name: name.to_owned(), wire: RedisWire::connect(server::redis()) }
    }

    fn settings(&self) -> Value {
        json!({"type": "redis", "nodes": [server::redis()], "database": "ignored", "table": self.name})
    }

    fn go<'a>(&self, plugin: &'a Plugin) -> GoStore<'a> {
        plugin.open(self.settings())
    }

    fn larder(&self) -> Ours {
        Ours::open(self.settings())
    }

    fn raw(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.wire.get(&[self.name.as_bytes(), key].concat())
    }

    fn ttl_ms(&mut self, key: &[u8]) -> i64 {
        self.wire.ttl_ms(&[self.name.as_bytes(), key].concat())
    }
}

fn each_origin(test: &str, run: impl Fn(&Plugin, String)) {
    for origin in Origin::ALL {
        run(&Plugin::start(origin), format!("{test}-{}/", origin.name()));
    }
}

/// Redis takes the empty key too.
fn assigned() -> Vec<(Vec<u8>, Vec<u8>)> {
    let keys = samples::keys().into_iter().chain([Vec::new()]);
    keys.zip(samples::values().into_iter().cycle()).collect()
}

#[test]
fn the_same_write_by_go_and_by_larder_leaves_the_same_bytes() {
    each_origin("bytes", |plugin, name| {
        let (mut theirs, mut ours) = (Table::new(&format!("{name}go/")), Table::new(&format!("{name}larder/")));
        let (go, larder) = (theirs.go(plugin), ours.larder());
        for (key, value) in assigned() {
            go.write_with(&key, Some(&value), json!({"dropped": true}));
            larder.put(&key, &value);
            assert_eq!(ours.raw(&key).as_ref(), Some(&value), "{:?}", String::from_utf8_lossy(&key));
            assert_eq!(ours.raw(&key), theirs.raw(&key));
            assert_eq!((ours.ttl_ms(&key), theirs.ttl_ms(&key)), (-1, -1));
        }
        go.write_with(b"nil", None, Value::Null);
        assert_eq!(theirs.larder().value(b"nil"), Some(Vec::new()));
    });
}

#[test]
fn each_reads_what_the_other_wrote() {
    each_origin("reads", |plugin, name| {
        let table = Table::new(&name);
        let (go, larder) = (table.go(plugin), table.larder());
        for (key, value) in assigned() {
            go.write_with(&key, Some(&value), Value::Null);
            let record = larder.get(&key).expect("Go wrote it");
            assert_eq!((record.key(), record.value()), (key.as_slice(), value.as_slice()));
            assert_eq!(record.expires_in_ms(), None);
            larder.put(&key, b"by larder");
            let record = go.read(&key).expect("Larder wrote it");
            assert_eq!(
                (record.key.as_slice(), record.value.as_deref()),
                (key.as_slice(), Some(b"by larder".as_slice()))
            );
            assert_eq!(record.expiry, None);
        }
        assert_eq!((larder.value(b"nobody wrote this"), go.read(b"nobody wrote this")), (None, None));
    });
}

#[test]
fn lifespans_go_both_ways() {
    each_origin("lifespans", |plugin, name| {
        let mut table = Table::new(&name);
        let (go, larder) = (table.go(plugin), table.larder());
        let terms = [("10m", 600_000), ("90s", 90_000), ("1500ms", 1_500), ("1h0m0.25s", 3_600_250)];
        for (text, ms) in terms {
            let seen = |ttl_ms: i64| ttl_ms > 0 && ttl_ms <= ms && ttl_ms > ms - 60_000;
            go.write_for(b"by go", b"value", text);
            let left = larder.get(b"by go").expect("there").expires_in_ms().expect("an end");
            assert!(seen(table.ttl_ms(b"by go")) && seen(left as i64), "{text}: {left}");
            larder.put_with(b"by larder", b"value", lifespan(Duration::from_millis(ms as u64)));
            assert!(seen(table.ttl_ms(b"by larder")), "{text}");
            let left = go.read(b"by larder").expect("there").expiry.expect("an end");
            // The plugin asks for whole seconds, which Redis rounds.
            assert!(left <= Duration::from_millis(ms as u64 + 500), "{text}: {left:?}");
        }
        // A write without one ends it.
        larder.put(b"by go", b"value");
        go.write(b"by larder", b"value".as_slice());
        assert_eq!((table.ttl_ms(b"by go"), table.ttl_ms(b"by larder")), (-1, -1));
    });
}

#[test]
fn a_record_that_expired_is_gone_for_both() {
    each_origin("expired", |plugin, name| {
        let table = Table::new(&name);
        let (go, larder) = (table.go(plugin), table.larder());
        go.write_for(b"by go", b"value", "1s");
        larder.put_with(b"by larder", b"value", lifespan(Duration::from_secs(1)));
        std::thread::sleep(Duration::from_secs(4));
        for key in [b"by go".as_slice(), b"by larder"] {
            assert_eq!((go.read(key), larder.value(key)), (None, None));
        }
        assert_eq!((go.list(Filter::ALL), larder.keys(Filter::ALL)), (Vec::new(), Vec::new()));
    });
}

#[test]
fn both_list_what_both_wrote() {
    each_origin("lists", |plugin, name| {
        let table = Table::new(&name);
        let (go, larder) = (table.go(plugin), table.larder());
        for (place, key) in samples::keys().iter().enumerate() {
            match place % 2 {
                0 => go.write(key, b"by go".as_slice()),
                _ => drop(larder.put(key, b"by larder")),
            }
        }
        Table::new(&format!("other-{name}")).larder().put(b"elsewhere", b"value");
        let mut expected = samples::keys();
        expected.sort();
        assert_eq!(larder.keys(Filter::ALL), expected);
        // The plugin may repeat a key, as Redis does.
        let theirs = |filter| {
            let mut keys = go.list(filter);
            keys.dedup();
            keys
        };
        assert_eq!(theirs(Filter::ALL), expected);
        let plain = [Filter::prefix(b"s"), Filter::prefix(b"/"), Filter::suffix(b"0000"), Filter::prefix(b"bad\xff")];
        let globs =
            [Filter::prefix(b"*"), Filter::prefix(b"globs*?[a-z]\\"), Filter::suffix(b"{}^"), Filter::prefix(b"?")];
        for filter in plain.iter().chain(&globs) {
            let passes = |key: &&Vec<u8>| key.starts_with(filter.prefix) && key.ends_with(filter.suffix);
            let wanted: Vec<_> = expected.iter().filter(passes).cloned().collect();
            assert_eq!(larder.keys(*filter), wanted, "{filter:?}");
        }
        for filter in plain {
            assert_eq!(theirs(filter), larder.keys(filter), "{filter:?}");
        }
        // Where the plugin gives the key that was searched for, Larder gives the record's own.
        let records = larder.records(Filter::suffix(b"0000"));
        let values: Vec<_> = records.iter().map(|record| record.value().to_vec()).collect();
        let mut their_values: Vec<_> =
            go.read_many(Filter::suffix(b"0000")).into_iter().filter_map(|it| it.value).collect();
        their_values.sort();
        let mut sorted = values.clone();
        sorted.sort();
        assert_eq!(their_values, sorted);
        assert!(records.iter().all(|record| record.key().ends_with(b"0000")));
    });
}

#[test]
fn what_one_deletes_is_gone_for_the_other_and_can_be_written_again() {
    each_origin("deletes", |plugin, name| {
        let table = Table::new(&name);
        let (go, larder) = (table.go(plugin), table.larder());
        for key in samples::keys() {
            larder.put(&key, b"one");
            go.delete(&key);
            assert_eq!(larder.value(&key), None);
            larder.put(&key, b"two");
            larder.remove(&key);
            assert_eq!(go.read(&key), None);
            go.write(&key, b"three".as_slice());
            assert_eq!(larder.value(&key).as_deref(), Some(b"three".as_slice()));
        }
    });
}

#[test]
fn larder_compares_and_swaps_over_what_go_wrote() {
    each_origin("swap", |plugin, name| {
        let table = Table::new(&name);
        let (go, larder) = (table.go(plugin), table.larder());
        go.write(b"user", b"[1]".as_slice());
        let seen = larder.get(b"user").expect("there").revision();
        go.write(b"user", b"[1,2]".as_slice());
        let current = larder.get(b"user").expect("there").revision();
        assert_ne!(current, seen);
        assert_eq!(larder.replace(b"user", b"[1,3]", seen), Outcome::Conflict { revision: current });
        assert_eq!(larder.create(b"user", b"[]"), Outcome::Conflict { revision: current });
        assert_eq!(larder.remove_revision(b"user", seen), Outcome::Conflict { revision: current });
        let Outcome::Done { revision } = larder.replace(b"user", b"[1,2,3]", current) else { panic!("it was current") };
        assert_eq!(go.value(b"user").as_deref(), Some(b"[1,2,3]".as_slice()));
        assert_eq!(larder.get(b"user").expect("there").revision(), revision);
        assert!(matches!(larder.remove_revision(b"user", revision), Outcome::Done { .. }));
        assert_eq!(go.read(b"user"), None);
        assert!(matches!(larder.create(b"user", b"[5]"), Outcome::Done { .. }));
        assert_eq!(go.value(b"user").as_deref(), Some(b"[5]".as_slice()));
    });
}

#[test]
fn larder_counts_and_clears_what_go_wrote() {
    each_origin("clear", |plugin, name| {
        let table = Table::new(&name);
        let (go, larder) = (table.go(plugin), table.larder());
        let elsewhere = Table::new(&format!("other-{name}")).go(plugin);
        for key in [b"a".as_slice(), b"b", b"c"] {
            go.write(key, b"value".as_slice());
        }
        elsewhere.write(b"a", b"kept".as_slice());
        assert_eq!(larder.values(&[b"c", b"nobody's", b"a"]), [Some(b"value".to_vec()), None, Some(b"value".to_vec())]);
        assert_eq!(larder.size(), 3);
        larder.clear();
        assert_eq!((larder.size(), go.value(b"b")), (0, None));
        assert_eq!(elsewhere.value(b"a").as_deref(), Some(b"kept".as_slice()));
    });
}

#[test]
fn a_call_without_a_table_meets_larder_there() {
    each_origin("scoped", |plugin, name| {
        let table = Table::new(&name);
        let (go, larder) = (table.go(plugin), table.larder());
        let key = format!("{name}key").into_bytes();
        go.scoped("database", "").write(&key, b"by go".as_slice());
        let store = larder.at("database", "");
        assert_eq!(wait(store.get(&key)).expect("Go wrote it").value(), b"by go");
        // The format joins table and key without a mark.
        assert_eq!(larder.value(b"key").as_deref(), Some(b"by go".as_slice()));
    });
}

#[test]
fn larder_watches_what_go_does() {
    each_origin("watch", |plugin, name| {
        let table = Table::new(&name);
        let (go, larder) = (table.go(plugin), table.larder());
        go.write(b"a", b"1".as_slice());
        let watch = larder.watch(WatchStart::Existing);
        let begun = events(&*watch, 2);
        assert_eq!((begun[0].kind, begun[1].kind), (EventKind::Created, EventKind::Current));
        go.write(b"a", b"2".as_slice());
        let changed = events(&*watch, 1).remove(0);
        let record = changed.record.expect("a record");
        assert_eq!((record.key(), record.value()), (b"a".as_slice(), b"2".as_slice()));
        go.delete(b"a");
        let gone = events(&*watch, 1).remove(0);
        assert_eq!((gone.kind, gone.record.expect("a record").key()), (EventKind::Removed, b"a".as_slice()));
    });
}

#[test]
fn both_find_the_master_through_the_sentinels() {
    each_origin("sentinel", |plugin, name| {
        let group = server::sentinels();
        let settings = json!({
            "type": "redis-sentinel", "nodes": group.nodes(), "database": "ignored", "table": name,
        });
        let (go, larder) = (plugin.open(settings.clone()), Ours::open(settings));
        go.write(b"by go", b"1".as_slice());
        larder.put(b"by larder", b"2");
        assert_eq!(larder.value(b"by go").as_deref(), Some(b"1".as_slice()));
        assert_eq!(go.value(b"by larder").as_deref(), Some(b"2".as_slice()));
        assert_eq!(larder.keys(Filter::ALL), go.list(Filter::ALL));
    });
}
