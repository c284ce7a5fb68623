//! Buckets that are there already: bound as they are, never altered, and told where they are not as the settings ask.

use std::sync::Mutex;

use larder::log::{self, Level, Line};
use serde_json::{Value, json};

use crate::buckets::plugins;
use crate::common::*;

/// What was said, by all tests of this program.
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn listen(line: Line) {
    if line.level == Level::Warn && line.target == "store.nats" {
        SAID.lock().expect("no panic").push(line.message);
    }
}

/// What was said about a bucket.
fn said(bucket: &str) -> Vec<String> {
    let about = format!("the bucket {bucket} is bound as it is: ");
    let said = SAID.lock().expect("no panic");
    said.iter().filter_map(|line| line.strip_prefix(&about)).map(str::to_owned).collect()
}

/// A bucket of somebody else's with these settings, and what there is of it when it was used by ours.
fn bound(address: &str, theirs: &[(&str, Value)], ours: Value) -> (Value, Vec<String>) {
    let (name, foreign) = (bucket(), Foreign::new(address));
    let mut request = plugins(&name, 0, "file");
    theirs.iter().for_each(|(setting, value)| request[setting] = value.clone());
    let created = foreign.api(&format!("STREAM.CREATE.KV_{name}"), request);
    assert_eq!(created.get("error"), None);
    let config = || foreign.api(&format!("STREAM.INFO.KV_{name}"), Value::Null)["config"].clone();
    let before = config();
    log::set_sink(Some((Level::Warn, listen)));
    let store = store(address, &name, ours);
    for value in [b"v", b"w"] {
        put(&store, b"k", value);
    }
    assert_eq!(wait(store.clear()), Ok(1));
    assert_eq!(config(), before, "it was altered");
    (store.describe()["differences"].clone(), said(&name))
}

#[test]
fn an_existing_bucket_is_bound_as_it_is_and_the_differences_are_told() {
    let (address, name) = (current(), bucket());
    let foreign = Foreign::new(&address);
    let mut request = plugins(&name, 3_600_000_000_000, "memory");
    request["allow_direct"] = false.into();
    foreign.api(&format!("STREAM.CREATE.KV_{name}"), request);
    let describe = || foreign.api(&format!("STREAM.INFO.KV_{name}"), Value::Null)["config"].clone();
    let before = describe();
    let more = json!({"format": "go-micro", "lifespan": "24m", "disable_persistence": false, "replicas": 3});
    let store = store(&address, &name, more);
    put(&store, b"k", b"v");
    let record = wait(store.get(b"k")).expect("an answer").expect("written");
    let left = record.expires_in_ms().expect("the bucket's limit");
    assert!((3_500_000..=3_600_000).contains(&left), "{left}");
    assert_eq!(wait(store.clear()), Ok(1));
    assert_eq!(before, describe());
    let expected = json!([
        {"setting": "max_age_ms", "asked": 1_440_000, "present": 3_600_000},
        {"setting": "storage", "asked": "file", "present": "memory"},
        {"setting": "replicas", "asked": 3, "present": 1},
    ]);
    assert_eq!(store.describe()["differences"], expected);
}

#[test]
fn each_setting_that_a_bucket_has_otherwise_is_told_by_itself_in_the_log_and_the_description() {
    let hour = ("max_age", json!(3_600_000_000_000_u64));
    let in_memory = ("storage", json!("memory"));
    // What there is, what is asked, and how the difference is told: name, asked, present.
    let cases = [
        (in_memory.clone(), json!({"disable_persistence": false}), ("storage", json!("file"), json!("memory"))),
        (("storage", json!("file")), json!({"disable_persistence": true}), ("storage", json!("memory"), json!("file"))),
        (("num_replicas", json!(1)), json!({"replicas": 3}), ("replicas", json!(3), json!(1))),
        (("max_msgs_per_subject", json!(7)), json!({"history": 5}), ("history", json!(5), json!(7))),
        (("max_bytes", json!(1 << 20)), json!({"max_bytes": "2MiB"}), ("max_bytes", json!(2 << 20), json!(1 << 20))),
        (("max_bytes", json!(-1)), json!({"max_bytes": "2MiB"}), ("max_bytes", json!(2 << 20), json!(-1))),
        (hour.clone(), json!({"lifespan": "24m"}), ("max_age_ms", json!(1_440_000), json!(3_600_000))),
        (hour.clone(), json!({"lifespan": "48h"}), ("max_age_ms", json!(172_800_000), json!(3_600_000))),
        (("max_age", json!(0)), json!({"lifespan": "24m"}), ("max_age_ms", json!(1_440_000), json!(0))),
        // In the other formats each record has its own lifespan, which the bucket must not be shorter than.
        (hour.clone(), json!({"format": "larder", "lifespan": "48h"}), ("max_age_ms", json!(0), json!(3_600_000))),
        (hour.clone(), json!({"format": "larder"}), ("max_age_ms", json!(0), json!(3_600_000))),
        (hour.clone(), json!({"format": "raw"}), ("max_age_ms", json!(0), json!(3_600_000))),
    ];
    for address in servers() {
        for (theirs, ours, (name, asked, present)) in &cases {
            let mut settings = json!({"format": "go-micro"});
            ours.as_object().expect("an object").iter().for_each(|(name, value)| settings[name] = value.clone());
            let (told, said) = bound(&address, std::slice::from_ref(theirs), settings);
            let expected = json!([{"setting": name, "asked": asked, "present": present}]);
            assert_eq!(told, expected, "{ours} on {theirs:?}");
            assert_eq!(said, [format!("{name} is {present}, not {asked}")], "{ours} on {theirs:?}");
        }
    }
}

#[test]
fn a_bucket_that_is_as_the_settings_ask_or_about_which_they_say_nothing_is_not_talked_about() {
    let all = [
        ("storage", json!("memory")),
        ("max_msgs_per_subject", json!(7)),
        ("max_bytes", json!(1 << 20)),
        ("max_age", json!(3_600_000_000_000_u64)),
    ];
    let same = json!({
        "format": "go-micro", "disable_persistence": true, "replicas": 1, "history": 7, "max_bytes": "1MiB",
        "lifespan": "1h",
    });
    for address in servers() {
        for ours in [same.clone(), json!({"format": "go-micro"}), json!({"format": "larder", "lifespan": "1m"})] {
            assert_eq!(bound(&address, &all, ours.clone()), (json!([]), Vec::new()), "{ours}");
        }
    }
}

#[test]
fn what_differs_is_said_once_however_often_the_bucket_is_opened_and_used() {
    let (address, name) = (current(), bucket());
    Foreign::new(&address).api(&format!("STREAM.CREATE.KV_{name}"), plugins(&name, 0, "memory"));
    log::set_sink(Some((Level::Warn, listen)));
    let backend = backend(&address, json!({"format": "go-micro", "disable_persistence": false}));
    use larder::store::Backend;
    for table in ["a", "b", "a"] {
        let store = backend.open(&name, table).expect("a store");
        put(&store, b"k", b"v");
        store.describe();
    }
    assert_eq!(said(&name), ["storage is \"memory\", not \"file\""]);
}
