//! Runs the contract of stores (`tests/contract`) through the crate's own trait. What the cases mean, its README says;
//! here is no expectation of its own.

#[path = "contract/runner/mod.rs"]
mod runner;

use std::path::PathBuf;

use serde_json::Value;

/// The types that this version has; a case for another one is an error in the data.
const TYPES: &[&str] = &["memory", "fault", "noop"];

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

#[test]
fn every_store_type_keeps_the_contract() {
    let mut jobs = Vec::new();
    for (file, document) in documents() {
        for case in document["cases"].as_array().expect("cases") {
            for kind in case["types"].as_array().expect("types") {
                let kind = kind.as_str().expect("a type").to_owned();
                assert!(TYPES.contains(&kind.as_str()), "{file}: there is no type {kind}");
                jobs.push((file.clone(), case.clone(), kind));
            }
        }
    }
    assert!(jobs.len() > 100, "only {} runs: is this the contract?", jobs.len());
    let threads: Vec<_> = jobs
        .into_iter()
        .map(|(file, case, kind)| {
            // Cases sleep more than they work, so each has its thread.
            std::thread::spawn(move || {
                let name = case["name"].as_str().expect("a name").to_owned();
                runner::run(&case, &kind).err().map(|fault| format!("{file}: {name} ({kind}): {fault}"))
            })
        })
        .collect();
    let faults: Vec<String> = threads.into_iter().filter_map(|thread| thread.join().expect("no panic")).collect();
    assert!(faults.is_empty(), "{} runs failed:\n{}", faults.len(), faults.join("\n"));
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
