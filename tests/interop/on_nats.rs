//! `nats-js-kv`: records, keys, lists, deletes.

use serde_json::{Value, json};

use super::nats_bucket::{Bucket, bucket_name, each_origin};
use super::ours::{Ours, metadata, wait};
use super::plugin::{Filter, Origin, Plugin};
use super::samples::{self, TABLES};

/// A value for each key, and each value at least once.
fn assigned() -> Vec<(Vec<u8>, Vec<u8>)> {
    samples::keys().into_iter().zip(samples::values().into_iter().cycle()).collect()
}

#[test]
fn the_same_write_by_go_and_by_larder_leaves_the_same_bytes() {
    each_origin("bytes", |plugin, name| {
        for table in TABLES {
            let (theirs, ours) =
                (Bucket::new(&format!("{name}-go"), table), Bucket::new(&format!("{name}-larder"), table));
            let (go, larder) = (theirs.go(plugin), ours.larder());
            for (key, value) in assigned() {
                go.write_with(&key, Some(&value), Value::Null);
                larder.put(&key, &value);
                let written = ours.message(&key).expect("Larder wrote it");
                assert_eq!(
                    Some(&written),
                    theirs.message(&key).as_ref(),
                    "{table}: {:?}",
                    String::from_utf8_lossy(&key)
                );
                assert_eq!(written.headers, "", "no lifespan, no headers");
            }
        }
    });
}

#[test]
fn what_go_wrote_larder_reads() {
    each_origin("reads", |plugin, name| {
        for table in TABLES {
            let bucket = Bucket::new(&name, table);
            let (go, larder) = (bucket.go(plugin), bucket.larder());
            for (key, value) in assigned() {
                go.write_with(&key, Some(&value), Value::Null);
                let record = larder.get(&key).expect("Go wrote it");
                assert_eq!((record.key(), record.value()), (key.as_slice(), value.as_slice()));
                assert!(record.metadata().is_empty() && record.expires_in_ms().is_none());
            }
            assert_eq!(larder.value(b"nobody wrote this"), None);
        }
    });
}

#[test]
fn what_larder_wrote_go_reads_as_if_go_had_written_it() {
    each_origin("written", |plugin, name| {
        for table in TABLES {
            let (theirs, ours) =
                (Bucket::new(&format!("{name}-go"), table), Bucket::new(&format!("{name}-larder"), table));
            let (go_there, go_here, larder) = (theirs.go(plugin), ours.go(plugin), ours.larder());
            for (key, value) in assigned() {
                go_there.write_with(&key, Some(&value), Value::Null);
                larder.put(&key, &value);
                let read = go_here.read(&key).expect("Larder wrote it");
                assert_eq!(read.value.as_deref(), Some(value.as_slice()));
                assert_eq!(Some(read), go_there.read(&key));
            }
        }
    });
}

#[test]
fn a_nil_value_of_go_is_an_empty_one() {
    each_origin("nil", |plugin, name| {
        let bucket = Bucket::new(&name, "");
        let (go, larder) = (bucket.go(plugin), bucket.larder());
        go.write_with(b"nil", None, Value::Null);
        assert_eq!(bucket.message(b"nil").expect("written").text(), r#"{"key":"nil","data":null,"metadata":null}"#);
        assert_eq!(larder.value(b"nil"), Some(Vec::new()));
        larder.put(b"nil", b"");
        assert_eq!(bucket.message(b"nil").expect("written").text(), r#"{"key":"nil","data":"","metadata":null}"#);
        assert_eq!(go.value(b"nil"), Some(Vec::new()));
    });
}

#[test]
fn metadata_of_go_reads_as_text_with_every_digit() {
    each_origin("metadata", |plugin, name| {
        let bucket = Bucket::new(&name, "events");
        let (go, larder) = (bucket.go(plugin), bucket.larder());
        let written = r#"{
            "type": "events.Foo", "<&>\u2028": "<&>\u2028é", "empty": "", "number": 5, "negative": -1.5,
            "big": 9007199254740993, "exponent": 1e+21, "true": true, "null": null,
            "list": [1, "two", null], "nested": {"b": {"c": [2.5]}, "a": "<"}
        }"#;
        go.write_with(b"id", Some(b"value"), serde_json::from_str(written).expect("JSON"));
        let record = larder.get(b"id").expect("Go wrote it");
        let metadata = record.metadata();
        let text = |name| metadata.get(name).map(|value| std::str::from_utf8(value).expect("text"));
        for (name, value) in [
            ("type", "events.Foo"),
            ("<&>\u{2028}", "<&>\u{2028}é"),
            ("empty", ""),
            ("number", "5"),
            ("negative", "-1.5"),
            ("big", "9007199254740993"),
            ("exponent", "1e+21"),
            ("true", "true"),
            ("null", "null"),
            ("list", r#"[1,"two",null]"#),
        ] {
            assert_eq!(text(name), Some(value), "{name}");
        }
        let nested: Value = serde_json::from_str(text("nested").expect("there")).expect("JSON");
        assert_eq!(nested, json!({"a": "<", "b": {"c": [2.5]}}));
        assert_eq!(metadata.iter().count(), 11);

        go.write_with(b"none", Some(b"value"), json!({}));
        assert!(larder.get(b"none").expect("written").metadata().is_empty());
    });
}

#[test]
fn metadata_of_larder_is_what_go_would_have_written() {
    each_origin("metadata-ours", |plugin, name| {
        let (theirs, ours) = (Bucket::new(&format!("{name}-go"), ""), Bucket::new(&format!("{name}-larder"), ""));
        let (go, larder) = (theirs.go(plugin), ours.larder());
        let pairs = [
            ("type", "events.Foo"),
            ("Z", "1"),
            ("a<b>&c", "\u{2029}\u{8}\u{c}\"\\"),
            ("é", "ü\u{1F4E6}"),
            ("", ""),
            ("n", "5"),
        ];
        go.write_with(
            b"id",
            Some(b"value"),
            pairs.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect(),
        );
        larder.put_with(b"id", b"value", metadata(&pairs));
        assert_eq!(ours.message(b"id"), theirs.message(b"id"));
        assert_eq!(ours.go(plugin).read(b"id"), go.read(b"id"));
        // A write replaces what was there.
        larder.put(b"id", b"value");
        assert_eq!(ours.go(plugin).read(b"id").expect("there").metadata, Value::Null);
    });
}

#[test]
fn both_list_what_both_wrote() {
    each_origin("lists", |plugin, name| {
        let events = Bucket::new(&name, "events");
        let (go, larder) = (events.go(plugin), events.larder());
        for (place, key) in samples::keys().iter().enumerate() {
            match place % 2 {
                0 => go.write_with(key, Some(b"by go"), Value::Null),
                _ => drop(larder.put(key, b"by larder")),
            }
        }
        go.write(b"gone", b"by go".as_slice());
        larder.put(b"gone too", b"by larder");
        larder.remove(b"gone");
        go.delete(b"gone too");

        let other = Bucket::new(&name, "names");
        other.go(plugin).write(b"Alex", b"Some value".as_slice());
        other.larder().put(b"Jones", b"Another value");

        let mut expected = samples::keys();
        expected.sort();
        assert_eq!(larder.keys(Filter::ALL), expected);
        assert_eq!(go.list(Filter::ALL), expected);
        let filters = [
            Filter::prefix(b"s"),
            Filter::prefix(b"bad\xff"),
            Filter::prefix(b"nothing begins so"),
            Filter::suffix(b"0000"),
            Filter::suffix(b"*"),
            Filter { suffix: b"0000", ..Filter::prefix(b"some-") },
            Filter::prefix(b"*"),
        ];
        for filter in filters {
            let keys = larder.keys(filter);
            assert_eq!(go.list(filter), keys, "{filter:?}");
            let passes = |key: &&Vec<u8>| key.starts_with(filter.prefix) && key.ends_with(filter.suffix);
            assert_eq!(keys, expected.iter().filter(passes).cloned().collect::<Vec<_>>(), "{filter:?}");
        }

        // Without a table the plugin shows all tables, each key with the table before it. So does the format.
        let whole = Bucket::new(&name, "");
        let all = whole.larder().keys(Filter::ALL);
        assert_eq!(whole.go(plugin).list(Filter::ALL), all);
        assert!(all.contains(&b"names_Alex".to_vec()) && all.contains(&b"events_One".to_vec()));
    });
}

#[test]
fn a_list_is_cut_by_offset_and_limit() {
    each_origin("limits", |plugin, name| {
        let bucket = Bucket::new(&name, "");
        let (go, larder) = (bucket.go(plugin), bucket.larder());
        for place in 0..20 {
            go.write_with(format!("k{place:02}").as_bytes(), Some(b"v"), Value::Null);
        }
        let cut = |offset, limit| Filter { offset, limit, ..Filter::prefix(b"k") };
        for (offset, limit) in [(0, 0), (0, 5), (5, 5), (18, 5), (25, 5), (7, 0)] {
            let keys = larder.keys(cut(offset, limit));
            let expected = (0..20).skip(offset).take(if limit == 0 { 20 } else { limit });
            assert_eq!(keys, expected.map(|place| format!("k{place:02}").into_bytes()).collect::<Vec<_>>());
            // The plugin's order depends on its client; how many there are does not.
            assert_eq!(go.list(cut(offset, limit)).len(), keys.len(), "{offset} {limit}");
        }
    });
}

#[test]
fn both_read_whole_records_by_prefix() {
    each_origin("records", |plugin, name| {
        let bucket = Bucket::new(&name, "");
        let (go, larder) = (bucket.go(plugin), bucket.larder());
        go.write_with(b"daily_a", Some(b"1"), json!({"by": "go"}));
        larder.put_with(b"daily_b", b"2", metadata(&[("by", "larder")]));
        larder.put(b"weekly_a", b"3");
        for filter in [Filter::prefix(b"daily_"), Filter::suffix(b"_a")] {
            let theirs = go.read_many(filter);
            let ours = larder.records(filter);
            assert_eq!((theirs.len(), ours.len()), (2, 2));
            for (theirs, ours) in theirs.iter().zip(&ours) {
                assert_eq!((theirs.key.as_slice(), theirs.value.as_deref()), (ours.key(), Some(ours.value())));
                let by = ours.metadata();
                assert_eq!(theirs.metadata["by"].as_str().map(str::as_bytes), by.get("by"));
            }
        }
    });
}

#[test]
fn an_empty_bucket_and_a_missing_one_list_as_empty() {
    each_origin("empty", |plugin, name| {
        let bucket = Bucket::new(&name, "");
        let larder = bucket.larder();
        assert_eq!((larder.value(b"key"), larder.keys(Filter::ALL)), (None, Vec::new()));
        let go = bucket.go(plugin);
        go.write(b"key", b"value".as_slice());
        assert_eq!(larder.value(b"key").as_deref(), Some(b"value".as_slice()));
        go.delete(b"key");
        assert_eq!((larder.value(b"key"), larder.keys(Filter::ALL)), (None, Vec::new()));
        go.delete_bucket(&name);
        assert_eq!((larder.value(b"key"), larder.keys(Filter::ALL)), (None, Vec::new()));
        larder.put(b"key", b"again");
        assert_eq!(bucket.go(plugin).value(b"key").as_deref(), Some(b"again".as_slice()));
    });
}

#[test]
fn what_one_deletes_is_gone_for_the_other_and_can_be_written_again() {
    each_origin("deletes", |plugin, name| {
        for table in TABLES {
            let bucket = Bucket::new(&name, table);
            let (go, larder) = (bucket.go(plugin), bucket.larder());
            for key in samples::keys() {
                let key = key.as_slice();
                larder.put(key, b"one");
                go.delete(key);
                assert_eq!(larder.value(key), None);
                larder.put(key, b"two");
                assert_eq!(go.value(key).as_deref(), Some(b"two".as_slice()));
                larder.remove(key);
                let mark = bucket.message(key).expect("a mark");
                assert!(mark.payload.is_empty() && mark.headers.contains("\r\nKV-Operation: DEL\r\n"), "{mark:?}");
                assert_eq!(go.read(key), None);
                assert_eq!(larder.value(key), None);
                go.write(key, b"three".as_slice());
                assert_eq!(larder.value(key).as_deref(), Some(b"three".as_slice()));
            }
        }
    });
}

#[test]
fn larder_counts_and_clears_what_go_wrote() {
    each_origin("clear", |plugin, name| {
        let bucket = Bucket::new(&name, "events");
        let (go, larder) = (bucket.go(plugin), bucket.larder());
        let elsewhere = Bucket::new(&name, "names").go(plugin);
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
fn keys_that_an_early_ocis_left_plain_are_listed() {
    each_origin("plain", |plugin, name| {
        let bucket = Bucket::new(&name, "events");
        let early = plugin.open(bucket.go_settings(json!({"plainkeys": true})));
        early.write(b"user-id", b"[]".as_slice());
        let (go, larder) = (bucket.go(plugin), bucket.larder());
        go.write(b"userid", b"[]".as_slice());
        assert_eq!(larder.keys(Filter::ALL), [b"user-id".to_vec(), b"userid".to_vec()]);
        assert_eq!(go.list(Filter::ALL), larder.keys(Filter::ALL));
        let records = larder.records(Filter::prefix(b"user-"));
        assert_eq!(
            records.iter().map(|record| (record.key(), record.value())).collect::<Vec<_>>(),
            [(b"user-id".as_slice(), b"[]".as_slice())]
        );
        // An exact read looks for the encoded key, there as here.
        assert_eq!((go.read(b"user-id"), larder.value(b"user-id")), (None, None));
    });
}

#[test]
fn a_call_that_names_its_database_and_table_meets_larder_there() {
    each_origin("scoped", |plugin, name| {
        let (opened, meant) = (Bucket::new(&format!("{name}-roles"), ""), format!("{name}-pkg"));
        let go = opened.go(plugin);
        let larder = opened.larder();
        go.scoped(&meant, "roles").write(b"id", b"bundle".as_slice());
        let store = larder.at(&meant, "roles");
        let record = wait(store.get(b"id")).expect("Go wrote it");
        assert_eq!(record.value(), b"bundle");
        assert_eq!(larder.value(b"id"), None);
        wait(store.put(b"other", b"by larder", &Default::default()));
        assert_eq!(go.scoped(&meant, "roles").value(b"other").as_deref(), Some(b"by larder".as_slice()));
    });
}

#[test]
fn vectors_of_a_real_deployment_read_back() {
    let bucket = Bucket::new(&bucket_name("vectors", Origin::Ocis), "");
    let plugin = Plugin::start(Origin::Ocis);
    let go = bucket.go(&plugin);
    let nats_key = "ON2G64TBM5SS25LTMVZHGLJRERZW63LFFVQWI3LJNYWXK43FOIWWSZBNGAYDAMBNGAYDAMBQGAYDAMBQGAYCC43PNVSS2YLENVUW4\
                    LLVONSXELLJMQWTAMBQGAWTAMBQGAYDAMBQGAYDAMA=";
    let key = b"storage-users-1$some-admin-user-id-0000-000000000000!some-admin-user-id-0000-000000000000";
    go.write(key, b"[]".as_slice());
    let message = bucket.wire().message(bucket.name(), nats_key).expect("there");
    assert!(message.text().contains(r#""data":"W10=""#));
    let larder: Ours = bucket.larder();
    assert_eq!(larder.value(key).as_deref(), Some(b"[]".as_slice()));
}
