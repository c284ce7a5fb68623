//! Many records by one request: the direct get of many subjects, which servers have from 2.11 on (ADR-31).
//!
//! `$JS.API.DIRECT.GET.<stream>` with `{"multi_last":[…]}` is answered by a message for each subject that has one, in the
//! order of their sequences, and one with status 204 at the end. So it has an inbox of its own. Any replica answers; one
//! may be older than the server that we talk to, or behind. Whatever is not as expected leaves records to be read one by
//! one, which every server can.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::bucket::Facts;
use super::protocol::{NUM_PENDING, SUBJECT, Stored};
use super::session::Version;
use super::store::Table;
use super::wire::{Message, Subject};
use crate::error::Result;

/// How many subjects one request names: as many as the server gives answers to.
const MOST: usize = 1024;
/// How many bytes of subjects one request names: far below the smallest limit of a server.
const MOST_BYTES: usize = 256 << 10;
/// How long a replica may be silent before the rest is read one by one.
const SILENCE: Duration = Duration::from_millis(500);

/// What a batch has brought.
#[derive(Default)]
pub(super) struct Batch {
    /// The messages, by their subjects.
    pub found: HashMap<Subject, Stored>,
    /// Whether a subject that is not among them has no message.
    pub is_whole: bool,
}

enum End {
    /// All has come.
    Whole,
    /// There is more that was not sent, or nobody can tell.
    Cut,
    /// The replica does not know such requests.
    Unknown,
}

impl Table {
    /// The messages under subjects, from any replica, as far as they can be read together.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, `AUTH`.
    pub(super) async fn batch(&self, facts: &Facts, subjects: &[Subject], end: Instant) -> Result<Batch> {
        let mut batch = Batch { is_whole: true, ..Batch::default() };
        let mut rest = subjects;
        while !rest.is_empty() {
            let (next, later) = rest.split_at(how_many(rest));
            rest = later;
            let ended = if facts.allow_direct && self.may_batch(end).await? {
                self.ask(next, &mut batch.found, end).await?
            } else {
                End::Unknown
            };
            if !matches!(ended, End::Whole) {
                batch.is_whole = false;
            }
            if matches!(ended, End::Unknown) {
                break;
            }
        }
        Ok(batch)
    }

    /// Whether the server that we talk to has such requests, and did not leave one without an answer.
    async fn may_batch(&self, end: Instant) -> Result<bool> {
        let session = self.engine.connection.session(end).await?;
        let is_silent = self.engine.silent_to_batches.load(Ordering::Relaxed) == session.number;
        Ok(session.version >= Version::BATCHES && !is_silent)
    }

    async fn ask(&self, subjects: &[Subject], found: &mut HashMap<Subject, Stored>, end: Instant) -> Result<End> {
        let session = self.engine.connection.session(end).await?;
        let mut answers = session.socket.subscribe()?;
        let names: Vec<&str> = subjects.iter().map(Subject::as_str).collect();
        let question = json!({ "multi_last": names }).to_string();
        let subject = format!("$JS.API.DIRECT.GET.{}", self.bucket.stream);
        session.socket.ask_for_many(subject.into(), answers.inbox().into(), question.into());
        let mut is_silent = true;
        loop {
            let limit = end.min(Instant::now() + SILENCE);
            let Ok(Some(message)) = tokio::time::timeout_at(limit, answers.next()).await else {
                // Not allowed to ask, most likely: each question would cost as long.
                if is_silent && !session.is_lost() && Instant::now() < end {
                    self.engine.silent_to_batches.store(session.number, Ordering::Relaxed);
                    return Ok(End::Unknown);
                }
                return Ok(End::Cut);
            };
            is_silent = false;
            match message.status() {
                None | Some(200) => {}
                Some(204) if has_more(&message) => return Ok(End::Cut),
                // The end; or there is none of them.
                Some(204 | 404) => return Ok(End::Whole),
                Some(_) => return Ok(End::Unknown),
            }
            let Some(subject) = message.header(SUBJECT).map(Subject::from) else { return Ok(End::Unknown) };
            let Some(stored) = Stored::of_direct(message) else { return Ok(End::Unknown) };
            found.insert(subject, stored);
        }
    }
}

fn has_more(message: &Message) -> bool {
    message.header(NUM_PENDING).is_some_and(|pending| pending != "0")
}

/// How many of the subjects go into one request.
fn how_many(subjects: &[Subject]) -> usize {
    let mut room = MOST_BYTES;
    let fits = |subject: &&Subject| {
        let length = subject.as_bytes().len() + 3;
        let fits = length <= room;
        room = room.saturating_sub(length);
        fits
    };
    subjects.iter().take(MOST).take_while(fits).count().max(1)
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_no_more_than_fits_and_one_at_least() {
        let of = |length: usize, count: usize| vec![Subject::from("s".repeat(length)); count];
        assert_eq!(how_many(&of(10, 5)), 5);
        assert_eq!(how_many(&of(10, 5000)), MOST);
        assert_eq!(how_many(&of(MOST_BYTES / 4, 100)), 3);
        assert_eq!(how_many(&of(2 * MOST_BYTES, 2)), 1);
    }
}
