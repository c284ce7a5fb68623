//! `include/larder.h` is what `src/ffi` says: `LARDER_WRITE_HEADER=1 cargo test --test header` writes it anew.

use std::path::{Path, PathBuf};

/// The order in which a reader of the header meets the nouns.
const NOUNS: &[&str] = &[
    "process",
    "status",
    "error",
    "bytes",
    "larder",
    "options",
    "store",
    "store_read",
    "store_write",
    "store_many",
    "record",
    "records",
    "metadata",
    "statistics",
    "cursor",
    "watch",
    "events",
    "request",
    "queue",
    "log",
    "fault",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn generate() -> String {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("a configuration");
    let builder = cbindgen::Builder::new().with_config(config);
    let sources = NOUNS.iter().map(|noun| root().join("src/ffi").join(format!("{noun}.rs")));
    let bindings = sources.fold(builder, |builder, source| builder.with_src(source)).generate().expect("bindings");
    let mut text = Vec::new();
    bindings.write(&mut text);
    tidy(&String::from_utf8(text).expect("UTF-8"))
}

/// Leaves out what only Rust readers need (the safety contract is the conventions' and the parameters'), and folds the
/// empty lines that opaque types leave.
fn tidy(header: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut in_safety = false;
    for line in header.lines() {
        in_safety = match line.trim() {
            "* # Safety" => true,
            "*/" => false,
            _ => in_safety,
        };
        if in_safety {
            continue;
        }
        if line.trim() == "*/" {
            while lines.last().is_some_and(|last| last.trim() == "*") {
                lines.pop();
            }
        }
        if line.is_empty() && lines.last().is_some_and(|last| last.is_empty()) {
            continue;
        }
        lines.push(line);
    }
    lines.join("\n") + "\n"
}

fn committed() -> PathBuf {
    root().join("include/larder.h")
}

#[test]
fn the_committed_header_is_what_the_code_says() {
    let current = generate();
    if std::env::var_os("LARDER_WRITE_HEADER").is_some() {
        std::fs::write(committed(), &current).expect("writable");
    }
    let header = std::fs::read_to_string(committed()).expect("include/larder.h");
    assert!(header == current, "include/larder.h is not current; run LARDER_WRITE_HEADER=1 cargo test --test header");
}

#[test]
fn every_file_of_the_boundary_is_in_the_header() {
    let entries = std::fs::read_dir(root().join("src/ffi")).expect("src/ffi");
    let mut files: Vec<String> = entries
        .map(|entry| stem(&entry.expect("an entry").path()))
        .filter(|name| !["mod", "pointer"].contains(&name.as_str()))
        .collect();
    files.sort_unstable();
    let mut nouns: Vec<&str> = NOUNS.to_vec();
    nouns.sort_unstable();
    assert_eq!(files, nouns);
}

fn stem(path: &Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}
