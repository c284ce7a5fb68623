//! Buckets: created as the plugin does, made anew when they were deleted; marks of removals in them.

use std::time::Duration;

use larder::store::Backend;
use larder::store::nats::NatsBackend;
use larder::store::options::PutOptions;
use larder::{Status, store::options::ListOptions};
use serde_json::{Value, json};

use crate::common::*;

/// What nats.go's key-value layer asks for when the plugin creates a bucket.
pub fn plugins(name: &str, max_age: u64, storage: &str) -> Value {
    json!({
        "name": format!("KV_{name}"), "description": "KeyValue storage administered by go-micro store plugin",
        "subjects": [format!("$KV.{name}.>")], "retention": "limits", "max_consumers": -1, "max_msgs": -1,
        "max_bytes": -1, "max_age": max_age, "max_msgs_per_subject": 1, "max_msg_size": -1, "discard": "new",
        "storage": storage, "num_replicas": 1, "duplicate_window": if max_age == 0 { 120_000_000_000 } else { max_age },
        "deny_delete": true, "allow_rollup_hdrs": true, "allow_direct": true,
    })
}

#[test]
fn a_bucket_is_created_exactly_as_the_plugin_does() {
    for address in servers() {
        let foreign = Foreign::new(&address);
        for (more, max_age, storage) in [
            (json!({"format": "go-micro"}), 0, "file"),
            (json!({"format": "go-micro", "lifespan": "1m", "disable_persistence": true}), 60_000_000_000, "memory"),
        ] {
            let (ours, theirs) = (bucket(), bucket());
            put(&store(&address, &ours, more), b"k", b"v");
            let created = foreign.api(&format!("STREAM.CREATE.KV_{theirs}"), plugins(&theirs, max_age, storage));
            assert_eq!(created.get("error"), None);
            let config = |name: &str| {
                let mut config = foreign.api(&format!("STREAM.INFO.KV_{name}"), Value::Null)["config"].clone();
                let metadata = config["metadata"].as_object_mut();
                // The one thing that is added: the mark of who created it.
                let mark = metadata.and_then(|metadata| metadata.shift_remove("larder.format"));
                if config["metadata"].as_object().is_none_or(serde_json::Map::is_empty) {
                    config.as_object_mut().expect("an object").shift_remove("metadata");
                }
                (config.to_string().replace(name, "NAME"), mark)
            };
            let (ours, mark) = config(&ours);
            assert_eq!(ours, config(&theirs).0);
            assert_eq!(mark.is_some(), address == current(), "{mark:?}");
        }
    }
}

#[test]
fn a_bucket_is_created_as_configured() {
    for address in servers() {
        let name = bucket();
        let more = json!({"history": 5, "max_bytes": "1MiB", "disable_persistence": true});
        let store = store(&address, &name, more);
        put(&store, b"k", b"v");
        let config = Foreign::new(&address).api(&format!("STREAM.INFO.KV_{name}"), Value::Null)["config"].clone();
        assert_eq!(config["max_msgs_per_subject"], 5);
        assert_eq!(config["max_bytes"], 1 << 20);
        assert_eq!(config["storage"], "memory");
        let about = store.describe();
        assert_eq!(about["differences"], json!([]));
        assert_eq!(about["stream"]["created_by_larder"], true);
        // The bucket is full after a while, and says so.
        let value = vec![0; 200_000];
        let fill = |number: u32| wait(store.put(format!("{number}").as_bytes(), &value, &PutOptions::default()));
        let error = (0..20).find_map(|number| fill(number).err()).expect("it is full");
        assert_eq!((error.status(), error.origin()), (Status::UNAVAILABLE, "max_bytes"), "{error}");
    }
}

#[test]
fn a_missing_bucket_is_empty_and_is_not_created_by_reading() {
    for address in servers() {
        let (name, foreign) = (bucket(), Foreign::new(&address));
        let store = store(&address, &name, json!({}));
        let info = || foreign.api(&format!("STREAM.INFO.KV_{name}"), Value::Null);
        for _ in 0..2 {
            assert_eq!(get(&store, b"k"), None);
            assert_eq!(wait(store.size()), Ok(0));
            assert!(wait(store.remove(b"k", None)).is_ok());
            assert_eq!(wait(store.clear()), Ok(0));
            assert!(wait(store.list(&ListOptions::default())).expect("a list").is_empty());
            assert_eq!(info()["error"]["err_code"], 10_059);
            put(&store, b"k", b"v");
            assert_eq!(get(&store, b"k").as_deref(), Some(&b"v"[..]));
            // Under our hands: what was known of it is of no more use.
            foreign.api(&format!("STREAM.DELETE.KV_{name}"), Value::Null);
        }
    }
}

#[test]
fn marks_of_removals_do_not_pile_up_in_our_own_buckets() {
    for address in servers() {
        let (name, foreign) = (bucket(), Foreign::new(&address));
        let mut config = settings(&address, json!({})).expect("usable");
        config.marker_age = Duration::from_secs(1);
        let backend = NatsBackend::open(config);
        let store = backend.open(&name, "").expect("a store");
        let keys: Vec<String> = (0..100).map(|number| format!("k{number}")).collect();
        for key in &keys {
            put(&store, key.as_bytes(), b"v");
        }
        assert_eq!(wait(store.clear()), Ok(100));
        put(&store, b"k7", b"again");
        let stream = format!("KV_{name}");
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while foreign.messages(&stream) > 1 {
            assert!(std::time::Instant::now() < end, "{} messages", foreign.messages(&stream));
            std::thread::sleep(Duration::from_millis(200));
            assert_eq!(wait(store.size()), Ok(1));
        }
        assert_eq!(get(&store, b"k7").as_deref(), Some(&b"again"[..]));
    }
}

#[test]
fn marks_of_removals_do_not_pile_up_where_nobody_lists() {
    let (name, foreign) = (bucket(), Foreign::new(&oldest()));
    let mut config = settings(&oldest(), json!({})).expect("usable");
    config.marker_age = Duration::from_millis(100);
    let backend = NatsBackend::open(config);
    let stores = ["a", "b"].map(|table| backend.open(&name, table).expect("a store"));
    for number in 0..150 {
        for store in &stores {
            put(store, format!("k{number}").as_bytes(), b"v");
            wait(store.remove(format!("k{number}").as_bytes(), None)).expect("removed");
        }
    }
    put(&stores[0], b"stays", b"v");
    // As often as it takes for one of them to be the one that looks, some hundred times.
    let stream = format!("KV_{name}");
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while foreign.messages(&stream) > 150 {
        assert!(std::time::Instant::now() < end, "{} messages", foreign.messages(&stream));
        put(&stores[0], b"comes and goes", b"v");
        wait(stores[0].remove(b"comes and goes", None)).expect("removed");
    }
    assert_eq!(get(&stores[0], b"stays").as_deref(), Some(&b"v"[..]));
    // A server that can is told to do it.
    let (name, foreign) = (bucket(), Foreign::new(&current()));
    let store = store(&current(), &name, json!({}));
    put(&store, b"k", b"v");
    wait(store.remove(b"k", None)).expect("removed");
    let (headers, _) = foreign.last(&format!("KV_{name}"), &format!("$KV.{name}.t.kk"));
    assert!(headers.contains("KV-Operation: DEL") && headers.contains("Nats-TTL: 3600"), "{headers}");
}

#[test]
fn marks_stay_in_buckets_of_others() {
    let (address, name) = (oldest(), bucket());
    let foreign = Foreign::new(&address);
    foreign.api(&format!("STREAM.CREATE.KV_{name}"), plugins(&name, 0, "memory"));
    let mut config = settings(&address, json!({"format": "go-micro"})).expect("usable");
    config.marker_age = Duration::from_millis(1);
    let backend = NatsBackend::open(config);
    let store = backend.open(&name, "").expect("a store");
    for number in 0..100 {
        put(&store, format!("k{number}").as_bytes(), b"v");
    }
    assert_eq!(wait(store.clear()), Ok(100));
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(wait(store.size()), Ok(0));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(foreign.messages(&format!("KV_{name}")), 100);
}
