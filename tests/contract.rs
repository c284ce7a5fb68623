//! Runs the contract of stores (`tests/contract`) through the crate's own trait. What the cases mean, its README says;
//! here is no expectation of its own. Server types run against what the file of `LARDER_TEST_STORES` names, and else
//! against servers that this program starts itself.

#[path = "contract/runner/mod.rs"]
mod runner;
#[path = "servers/mod.rs"]
mod servers;

use std::path::PathBuf;
use std::sync::Mutex;

use runner::kind::Kind;
use serde_json::{Value, json};
use servers::stores::{Stores, VARIABLE};

/// Cases sleep more than they work, so many run at once.
const AT_ONCE: usize = 32;

fn directory() -> PathBuf {
    std::env::var_os("LARDER_CONTRACT")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/contract"), PathBuf::from)
}

fn documents() -> Vec<(String, Value)> {
    let entries = std::fs::read_dir(directory()).expect("the contract's directory");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("readable");
        let document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(document["format"], 1, "{name}: a format that this runner does not know");
        (name, document)
    };
    paths.into_iter().map(read).collect()
}

/// How to reach the servers, and the servers if they are this program's own.
fn stores() -> (Value, Option<Stores>) {
    let Some(path) = std::env::var_os(VARIABLE) else {
        let stores = Stores::start().expect("the servers");
        return (stores.types(), Some(stores));
    };
    let text = std::fs::read_to_string(path).expect(VARIABLE);
    (serde_json::from_str(&text).expect(VARIABLE), None)
}

#[test]
fn every_store_type_keeps_the_contract() {
    let (types, _servers) = stores();
    // For whoever works on one: a part of a case's name, and of a type's.
    let wanted = |variable: &str, name: &str| std::env::var(variable).map_or(true, |part| name.contains(&part));
    let mut jobs = Vec::new();
    for (file, document) in documents() {
        for case in document["cases"].as_array().expect("cases") {
            let kinds = Kind::of_case(case, &types).unwrap_or_else(|fault| panic!("{file}: {}: {fault}", case["name"]));
            jobs.extend(kinds.into_iter().map(|kind| (file.clone(), case.clone(), kind)));
        }
    }
    assert!(jobs.len() > 300, "only {} runs: is this the contract?", jobs.len());
    jobs.retain(|(_, case, kind)| {
        let name = case["name"].as_str().expect("a name");
        wanted("LARDER_CONTRACT_CASE", name) && wanted("LARDER_CONTRACT_TYPE", &kind.name)
    });
    let (jobs, faults) = (Mutex::new(jobs.into_iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((file, case, kind)) = next(&jobs) {
                    if let Err(fault) = runner::run(&case, &kind) {
                        let name = case["name"].as_str().expect("a name");
                        let fault = format!("{file}: {name} ({}): {fault}", kind.name);
                        faults.lock().expect("no panic").push(fault);
                    }
                }
            });
        }
    });
    let mut faults = faults.into_inner().expect("no panic");
    faults.sort_unstable();
    assert!(faults.is_empty(), "{} runs failed:\n{}", faults.len(), faults.join("\n"));
}

/// The next one; the lock is gone when it is there.
fn next<T>(jobs: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    jobs.lock().expect("no panic").next()
}

#[test]
fn no_name_of_a_case_is_used_twice() {
    let mut names = Vec::new();
    for (_, document) in documents() {
        let cases = document["cases"].as_array().expect("cases").iter();
        names.extend(cases.map(|case| case["name"].as_str().expect("a name").to_owned()));
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_case_is_run_for_each_variant_that_it_does_not_except() {
    let entry = |of: &str| json!({"settings": {}, "prefixed": "table", "variant_of": of});
    let plain = json!({"settings": {}, "prefixed": "table"});
    let types = json!({"redis": plain, "redis tls": entry("redis"), "redis raw": entry("redis"), "other": plain});
    let run = |types_of_case: Value, except: Value| {
        let kinds = Kind::of_case(&json!({"types": types_of_case, "except": except}), &types)?;
        Ok::<Vec<String>, String>(kinds.into_iter().map(|kind| kind.name).collect())
    };
    let names = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(run(json!(["memory", "redis"]), Value::Null), names(&["memory", "redis", "redis tls", "redis raw"]));
    assert_eq!(run(json!(["redis"]), json!({"why": ["redis raw"]})), names(&["redis", "redis tls"]));
    assert_eq!(run(json!(["redis raw"]), Value::Null), names(&["redis raw"]));
    let refused = |types: Value, except: Value, text: &str| {
        let fault = run(types, except).expect_err(text);
        assert!(fault.contains(text), "{fault}");
    };
    refused(json!(["other"]), json!({"why": ["redis raw"]}), "redis raw is excepted");
    refused(json!(["redis"]), json!({"why": ["redis"]}), "redis is excepted");
    refused(json!(["redis"]), json!({" ": ["redis raw"]}), "without a reason");
    refused(json!(["redis", "redis raw"]), Value::Null, "redis raw is named twice");
    refused(json!(["redis typo"]), Value::Null, "no type redis typo");
}
