//! Records on their way from one store to another, or between a store and a file: the engine of `dump`, `load` and
//! `migrate`.
//!
//! A [`plan`] is the keys of a source by ascending revision; a [`source`] reads their records page by page, so that
//! memory holds all keys and the values of one page. A [`sink`] writes pages in their order, whatever fails on the way:
//! it goes back to the first record that is not known to be written and goes on from there. What was done is kept in a
//! [`state`] file or a [`journal`], or is the [`part`] of a dump: from there an interrupted transfer goes on.

use std::path::Path;

pub mod arguments;
pub mod endpoint;
pub mod journal;
pub mod keeps;
pub mod part;
pub mod patience;
pub mod place;
pub mod plan;
pub mod progress;
pub mod sink;
pub mod source;
pub mod stamp;
pub mod state;
pub mod tally;
pub mod verify;

/// What is said of a file that another version of Larder has left, which may not say all that tells one store from
/// another; `instead` is what to do.
pub fn other_version(path: &Path, version: u64, known: u64, instead: &str) -> String {
    let path = path.display();
    let text = format!("{path} is of version {version}, and this Larder goes on with version {known} only");
    format!(
        "{text}: another one does not say the same of stores and records; {instead}, or go on with the Larder that wrote it"
    )
}

/// A key as messages show it: escaped, and not longer than a line takes.
pub fn show_key(key: &[u8]) -> String {
    const MOST: usize = 120;
    let shown = key[..key.len().min(MOST)].escape_ascii();
    if key.len() > MOST { format!("\"{shown}…\" ({} bytes)", key.len()) } else { format!("\"{shown}\"") }
}
