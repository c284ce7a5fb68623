//! `nats-js-kv`: what two who share a bucket owe each other: its configuration, its age, revisions, events, logins.

use std::time::Duration;

use larder::store::event::EventKind;
use larder::store::options::{Outcome, WatchStart};
use serde_json::{Value, json};

use super::nats_bucket::{Bucket, each_origin};
use super::ours::{Ours, assert_they_share, events, lifespan};
use super::plugin::Filter;
use super::server;

/// What an operator writes before the services start: one entry of ocis-charts, without its replicas.
fn of_the_charts(name: &str) -> Value {
    json!({
        "name": format!("KV_{name}"), "subjects": [format!("$KV.{name}.>")], "retention": "limits",
        "storage": "memory", "num_replicas": 1, "max_age": 24 * 3_600_000_000_000_u64, "max_msgs_per_subject": 1,
        "max_msgs": -1, "max_bytes": -1, "max_msg_size": -1, "max_consumers": -1, "discard": "new",
        "allow_direct": false, "allow_rollup_hdrs": true, "deny_delete": true, "duplicate_window": 120_000_000_000_u64,
    })
}

/// A bucket's configuration with its name left out.
fn configuration(bucket: &Bucket) -> Value {
    let config = bucket.wire().bucket(bucket.name()).expect("it was made").to_string();
    serde_json::from_str(&config.replace(bucket.name(), "NAME")).expect("JSON")
}

fn assert_larder_makes_buckets_as_the_plugin(address: &'static str, test: &str) {
    each_origin(test, |plugin, name| {
        let terms =
            [("", false), ("10s", false), ("2m", false), ("24m", false), ("336h", false), ("", true), ("10m", true)];
        for (place, (ttl, in_memory)) in terms.into_iter().enumerate() {
            let bucket = |maker| Bucket::on(address, &format!("{name}-{place}-{maker}"), "");
            let (theirs, ours) = (bucket("go"), bucket("larder"));
            let (mut asked, mut settings) = (json!({"disablepersistence": in_memory}), json!({}));
            if !ttl.is_empty() {
                asked["ttl"] = json!(ttl);
                settings["lifespan"] = json!(ttl);
            }
            if in_memory {
                settings["disable_persistence"] = json!(true);
            }
            plugin.open(theirs.go_settings(asked.clone())).write(b"key", b"value".as_slice());
            ours.larder_with(settings.clone()).put(b"key", b"value");
            assert_eq!(configuration(&ours), configuration(&theirs), "{settings}");
            assert_they_share(&plugin.open(ours.go_settings(asked.clone())), &ours.larder());
            assert_they_share(&plugin.open(theirs.go_settings(asked)), &theirs.larder());
        }
    });
}

#[test]
fn a_bucket_made_by_larder_is_configured_as_the_plugins() {
    assert_larder_makes_buckets_as_the_plugin(server::nats(), "config");
}

#[test]
fn a_bucket_made_by_larder_is_configured_as_the_plugins_on_the_oldest_server_too() {
    assert_larder_makes_buckets_as_the_plugin(server::oldest_nats(), "oldest-config");
}

#[test]
fn a_bucket_that_is_there_is_used_as_it_is() {
    each_origin("charts", |plugin, name| {
        let bucket = Bucket::new(&name, "events");
        bucket.wire().create_stream(&of_the_charts(&name));
        let before = bucket.wire().bucket(&name);
        let larder = bucket.larder_with(json!({"lifespan": "10s", "disable_persistence": false}));
        let go = plugin.open(bucket.go_settings(json!({"ttl": "10s"})));
        assert_they_share(&go, &larder);
        assert_eq!(bucket.wire().bucket(&name), before);
        let described = larder.describe();
        let differences = described["differences"].as_array().expect("a list");
        let named: Vec<_> = differences.iter().filter_map(|difference| difference["setting"].as_str()).collect();
        assert_eq!(named, ["max_age_ms", "storage"], "{described}");
    });
}

#[test]
fn records_end_with_the_bucket_s_age_whoever_made_it() {
    each_origin("age", |plugin, name| {
        for maker in ["go", "larder"] {
            let bucket = Bucket::new(&format!("{name}-{maker}"), "");
            let go = plugin.open(bucket.go_settings(json!({"ttl": "3s"})));
            let larder = bucket.larder_with(json!({"lifespan": "3s"}));
            if maker == "larder" {
                larder.put(b"first", b"value");
            }
            go.write(b"by go", b"value".as_slice());
            larder.put(b"by larder", b"value");
            assert_eq!(bucket.message(b"by larder").expect("written").headers, "", "the bucket's age is its lifespan");
            assert!(larder.get(b"by go").is_some() && go.read(b"by larder").is_some());
            std::thread::sleep(Duration::from_secs(8));
            for key in [b"by go".as_slice(), b"by larder", b"first"] {
                assert_eq!((go.read(key), larder.value(key)), (None, None), "{maker}");
            }
            assert_eq!(larder.keys(Filter::ALL), Vec::<Vec<u8>>::new());
        }
    });
}

#[test]
fn a_lifespan_of_larder_s_own_hides_nothing_from_go_before_its_end() {
    each_origin("lifespan", |plugin, name| {
        let bucket = Bucket::new(&name, "");
        let (go, larder) = (bucket.go(plugin), bucket.larder());
        larder.put_with(b"short", b"value", lifespan(Duration::from_secs(3)));
        larder.put_with(b"kept", b"value", lifespan(Duration::from_secs(3)));
        let written = bucket.message(b"short").expect("written");
        assert_eq!(written.text(), r#"{"key":"short","data":"dmFsdWU=","metadata":null}"#);
        assert_eq!(go.value(b"short").as_deref(), Some(b"value".as_slice()));
        assert!(larder.get(b"short").expect("there").expires_in_ms().is_some());
        // What Go writes has no end of its own.
        go.write(b"kept", b"by go".as_slice());
        std::thread::sleep(Duration::from_secs(6));
        assert_eq!(larder.value(b"short"), None);
        assert_eq!(larder.keys(Filter::ALL), [b"kept".to_vec()]);
        assert_eq!(larder.value(b"kept").as_deref(), Some(b"by go".as_slice()));
    });
}

#[test]
fn larder_compares_and_swaps_over_what_go_wrote() {
    each_origin("swap", |plugin, name| {
        let bucket = Bucket::new(&name, "events");
        let (go, larder) = (bucket.go(plugin), bucket.larder());
        go.write(b"user", b"[1]".as_slice());
        let seen = larder.get(b"user").expect("there").revision();
        go.write(b"user", b"[1,2]".as_slice());
        let current = larder.get(b"user").expect("there").revision();
        assert!(current > seen);
        assert_eq!(larder.replace(b"user", b"[1,3]", seen), Outcome::Conflict { revision: current });
        assert_eq!(larder.create(b"user", b"[]"), Outcome::Conflict { revision: current });
        assert_eq!(larder.remove_revision(b"user", seen), Outcome::Conflict { revision: current });
        assert_eq!(go.value(b"user").as_deref(), Some(b"[1,2]".as_slice()));
        let Outcome::Done { revision } = larder.replace(b"user", b"[1,2,3]", current) else { panic!("it was current") };
        assert_eq!(go.value(b"user").as_deref(), Some(b"[1,2,3]".as_slice()));
        assert_eq!(larder.remove_revision(b"user", revision), Outcome::Done { revision });
        assert_eq!(go.read(b"user"), None);

        // What Go deleted is free for who writes only where there is none.
        go.write(b"user", b"[4]".as_slice());
        go.delete(b"user");
        assert!(matches!(larder.create(b"user", b"[5]"), Outcome::Done { .. }));
        assert_eq!(go.value(b"user").as_deref(), Some(b"[5]".as_slice()));
    });
}

#[test]
fn larder_watches_what_go_does() {
    each_origin("watch", |plugin, name| {
        let bucket = Bucket::new(&name, "events");
        let (go, larder) = (bucket.go(plugin), bucket.larder());
        go.write(b"a", b"1".as_slice());
        bucket.wire().publish(&name, "ME======", br#"{"key":"a","data":"","metadata":null}"#);
        let watch = larder.watch(WatchStart::Existing);
        let told = |count| -> Vec<_> {
            let told = events(&*watch, count).into_iter().map(|event| {
                let record = event.record.map(|record| (record.key().to_vec(), record.value().to_vec()));
                (event.kind, event.initial, record)
            });
            told.collect()
        };
        let record = |key: &[u8], value: &[u8]| Some((key.to_vec(), value.to_vec()));
        assert_eq!(told(2), [(EventKind::Created, true, record(b"a", b"1")), (EventKind::Current, false, None)]);
        go.write(b"b <\xff>", b"2".as_slice());
        go.write(b"a", b"3".as_slice());
        assert_eq!(
            told(2),
            [(EventKind::Created, false, record(b"b <\xff>", b"2")), (EventKind::Updated, false, record(b"a", b"3")),]
        );
        go.delete(b"a");
        let (kind, _, gone) = told(1).remove(0);
        assert_eq!((kind, gone.expect("a record").0), (EventKind::Removed, b"a".to_vec()));
        go.write(b"a", b"4".as_slice());
        assert_eq!(told(1), [(EventKind::Created, false, record(b"a", b"4"))]);
    });
}

#[test]
fn both_log_in_with_the_same_name_and_password() {
    each_origin("login", |plugin, name| {
        let settings = json!({
            "type": "nats-js-kv", "nodes": [server::guarded_nats()], "database": name, "table": "",
            "username": server::USER, "password": server::PASSWORD,
        });
        assert_they_share(&plugin.open(settings.clone()), &Ours::open(settings));
    });
}
