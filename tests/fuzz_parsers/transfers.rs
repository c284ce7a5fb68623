//! What is kept so that a transfer can go on: the journal of a migration, the progress of a load, and what is beside the
//! part of a dump. Whatever stands in them is taken as it is or refused with a reason, and what is taken reads back.

use std::path::PathBuf;

use larder::cli::kept::{Journal, Keeper, Origin, Stamp, State, Tally};
use larder::{Error, Status};

use super::{fuzz, hex_lines, lines};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}-{name}", std::process::id()))
}

fn refused(error: &Error, origin: &str) {
    let is_known = matches!(error.status(), Status::CORRUPT | Status::INVALID_ARGUMENT);
    assert!(is_known && error.origin() == origin && !error.message().is_empty(), "{error}");
}

/// Keys whose digests are in the corpus, and what they are done with there.
const KEYS: [&[u8]; 3] = [b"k", b"l", b""];
const DONE: Stamp = Stamp { revision: 1, expires_unix_ms: 0 };

#[test]
fn any_journal_is_gone_on_with_or_refused_and_keeps_what_is_noted() {
    let path = file("journal");
    fuzz(&hex_lines("journal.txt"), 3_000, |random, input| {
        std::fs::write(&path, input).expect("writable");
        let mut journal = match Journal::open(&path, "a", "b") {
            Ok(journal) => journal,
            Err(error) => {
                refused(&error, "--state");
                assert_eq!(std::fs::read(&path).expect("there"), input, "it was changed");
                return;
            }
        };
        let done: Vec<bool> = KEYS.iter().map(|key| journal.is_done(key, DONE)).collect();
        assert!(journal.has_begun() != input.is_empty());
        let kept = std::fs::read(&path).expect("there");
        assert!(input.is_empty() || input.starts_with(&kept), "what was whole is not the beginning of what was there");
        let key = KEYS[random.below(KEYS.len())];
        journal.note([(key, DONE)].into_iter()).expect("writable");
        drop(journal);
        let again = Journal::open(&path, "a", "b").expect("its own");
        for (known, done) in KEYS.iter().zip(done) {
            assert_eq!(again.is_done(known, DONE), done || *known == key);
        }
    });
    let _ = std::fs::remove_file(path);
}

#[test]
fn any_progress_of_a_load_is_taken_whole_or_refused() {
    let path = file("progress");
    let another = State {
        dump: "another".to_owned(),
        target: String::new(),
        if_exists: String::new(),
        records: 0,
        tally: Tally::default(),
    };
    fuzz(&lines("progress.txt"), 3_000, |_, input| {
        std::fs::write(&path, input).expect("writable");
        match State::read(&path) {
            Ok(state) => {
                let state = state.expect("it is there");
                if let Err(error) = state.must_match(&another, &path) {
                    refused(&error, "--resume");
                }
                Keeper::new(path.clone()).keep(&state).expect("writable");
                assert_eq!(State::read(&path).expect("whole"), Some(state));
            }
            Err(error) => refused(&error, "--resume"),
        }
    });
    let _ = std::fs::remove_file(path);
}

#[test]
fn any_word_on_what_a_part_is_of_is_taken_whole_or_is_none() {
    let path = file("origin");
    fuzz(&lines("part_sources.txt"), 3_000, |_, input| {
        let Some(origin) = Origin::parse(input) else { return };
        origin.write(&path).expect("writable");
        assert_eq!(Origin::read(&path, &path).ok(), Some(origin));
    });
    let _ = std::fs::remove_file(path);
}
