//! Many records by one request: the direct get of many subjects, which servers have from 2.11 on (ADR-31).
//!
//! `$JS.API.DIRECT.GET.<stream>` with `{"multi_last":[…],"max_bytes":…}` is answered by a message for each subject that has
//! one, in the order of their sequences, until they are so many bytes, and one with status 204 at the end. So it has an
//! inbox of its own. Any replica answers; one may be older than the server that we talk to, or behind. What a batch does
//! not bring may be there all the same (a replica that lags, a message that could not be loaded ends the answer, some
//! versions miscount what they left out), and is to be read by itself, which every server can.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::bucket::Facts;
use super::protocol::{SUBJECT, Stored};
use super::session::{Session, Version};
use super::store::Table;
use super::wire::Subject;
use crate::error::Result;

/// How many subjects one request names: as many as the server gives answers to.
const MOST: usize = 1024;
/// How many bytes one request has at most; a server may take fewer.
const MOST_BYTES: usize = 256 << 10;
/// How many bytes of messages are asked for at once. They come behind one another on the connection that others use.
const MOST_ANSWERED: usize = 4 << 20;
/// How long a replica may be silent before the rest is read one by one.
const SILENCE: Duration = Duration::from_secs(2);

/// What a batch has brought, by subjects.
pub(super) type Batch = HashMap<Subject, Stored>;

impl Table {
    /// The messages under subjects, from any replica, as far as they can be read together.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, `AUTH`.
    pub(super) async fn batch(&self, facts: &Facts, subjects: &[Subject], end: Instant) -> Result<Batch> {
        let mut batch = Batch::new();
        let session = self.engine.connection.session(end).await?;
        let is_silent = self.engine.silent_to_batches.load(Ordering::Relaxed) == session.number;
        if !facts.allow_direct || session.version < Version::BATCHES || is_silent {
            return Ok(batch);
        }
        let most_bytes = MOST_BYTES.min(session.socket.max_payload() / 2);
        let mut open: Vec<&Subject> = subjects.iter().collect();
        // Each round brings one at least, or is the last.
        while !open.is_empty() {
            let asked = how_many(&open, most_bytes);
            let before = batch.len();
            if asked == 0 || !self.ask(&session, &open[..asked], &mut batch, end).await? {
                break;
            }
            if batch.len() == before {
                open.drain(..asked);
            } else {
                open.retain(|subject| !batch.contains_key(*subject));
            }
        }
        Ok(batch)
    }

    /// Asks once; false when it is of no use to ask for more.
    async fn ask(&self, session: &Session, subjects: &[&Subject], batch: &mut Batch, end: Instant) -> Result<bool> {
        let mut answers = session.socket.subscribe()?;
        let names: Vec<&str> = subjects.iter().map(|subject| subject.as_str()).collect();
        let question = json!({ "multi_last": names, "max_bytes": MOST_ANSWERED }).to_string();
        let subject = format!("$JS.API.DIRECT.GET.{}", self.bucket.stream);
        session.socket.ask_for_many(subject.into(), answers.inbox().into(), question.into());
        let mut is_silent = true;
        loop {
            let limit = end.min(Instant::now() + SILENCE);
            let Ok(Some(message)) = tokio::time::timeout_at(limit, answers.next()).await else {
                // Not allowed to ask, most likely: each question would cost as long.
                if is_silent && !session.is_lost() && Instant::now() < end {
                    self.engine.silent_to_batches.store(session.number, Ordering::Relaxed);
                }
                return Ok(false);
            };
            is_silent = false;
            match message.status() {
                None | Some(200) => {}
                Some(204) => return Ok(true),
                Some(_) => return Ok(false),
            }
            let Some(subject) = message.header(SUBJECT).map(Subject::from) else { return Ok(false) };
            let Some(stored) = Stored::of_direct(message) else { return Ok(false) };
            batch.insert(subject, stored);
        }
    }
}

/// How many of the subjects go into a request of so many bytes.
fn how_many(subjects: &[&Subject], most_bytes: usize) -> usize {
    let mut room = most_bytes;
    let fits = |subject: &&&Subject| {
        // As JSON writes it, six bytes for one at worst; most are plain.
        let escaped =
            subject.bytes().map(|byte| if byte.is_ascii_graphic() && !b"\"\\".contains(&byte) { 1 } else { 6 });
        let length = escaped.sum::<usize>() + 3;
        let fits = length <= room;
        room = room.saturating_sub(length);
        fits
    };
    subjects.iter().take(MOST).take_while(fits).count()
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_no_more_than_fits() {
        let of = |text: &str, count: usize| {
            let subject = Subject::from(text);
            how_many(&vec![&subject; count], MOST_BYTES)
        };
        assert_eq!(of("0123456789", 5), 5);
        assert_eq!(of("0123456789", 5000), MOST);
        assert_eq!(of(&"s".repeat(MOST_BYTES / 4), 100), 3);
        assert_eq!(of(&"\"".repeat(MOST_BYTES / 4), 100), 0);
        assert_eq!(of(&"s".repeat(2 * MOST_BYTES), 2), 0);
    }
}
