//! Writes that depend on what is there.
//!
//! Every condition becomes the sequence that the key's last message must have, which the server checks. The message with
//! that sequence may be a mark or an expired record, which count as no record, so a condition reads before it writes.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::attempt::{Attempt, Claim, Done, Verdict};
use super::bucket::Facts;
use super::entry;
use super::protocol::{self, Stored};
use super::store::Table;
use super::sweep::sweep_now_and_then;
use super::wire::Headers;
use super::write::{Published, Write};
use crate::error::{Error, Result, Status};
use crate::store::options::Outcome;

/// How often a write whose key others write all the time begins anew.
const MOST_ROUNDS: usize = 64;

impl Table {
    /// Writes a record if there is none.
    ///
    /// # Errors
    ///
    /// As [`Table::put`], and `BUSY`.
    pub(super) async fn put_if_absent(&self, facts: Arc<Facts>, write: &Write, end: Instant) -> Result<Outcome> {
        let mut attempt = Attempt::new(&facts)?;
        let outcome = self.try_if_absent(facts, write, &mut attempt, end).await;
        attempt.settle(outcome, written, end).await
    }

    async fn try_if_absent(
        &self,
        mut facts: Arc<Facts>,
        write: &Write,
        attempt: &mut Attempt,
        end: Instant,
    ) -> Result<Outcome> {
        let mut expected = 0;
        for _ in 0..MOST_ROUNDS {
            if let Some(revision) = self.claim(&facts, write, attempt, expected, end).await? {
                return Ok(Outcome::Done { revision });
            }
            let found = self.leaders(&write.nats_key, end).await?;
            expected = match (attempt.judge(found.as_ref()), found) {
                (Verdict::Done(done), _) => return Ok(written(done)),
                (Verdict::Behind, _) => expected,
                (Verdict::Stands, None) => 0,
                (Verdict::Stands, Some(stored)) if self.is_live(&mut facts, &stored, end).await? => {
                    return Ok(Outcome::Conflict { revision: stored.sequence });
                }
                (Verdict::Stands, Some(stored)) => stored.sequence,
            };
            attempt.wait(end).await?;
        }
        Err(contended())
    }

    /// Writes a record if the one that is there has the revision.
    ///
    /// # Errors
    ///
    /// As [`Table::put`], and `BUSY`.
    pub(super) async fn put_if_revision(
        &self,
        facts: Arc<Facts>,
        write: &Write,
        revision: u64,
        end: Instant,
    ) -> Result<Outcome> {
        let mut attempt = Attempt::new(&facts)?;
        let outcome = self.try_if_revision(facts, write, revision, &mut attempt, end).await;
        attempt.settle(outcome, written, end).await
    }

    async fn try_if_revision(
        &self,
        mut facts: Arc<Facts>,
        write: &Write,
        revision: u64,
        attempt: &mut Attempt,
        end: Instant,
    ) -> Result<Outcome> {
        for _ in 0..MOST_ROUNDS {
            let found = self.leaders(&write.nats_key, end).await?;
            match (attempt.judge(found.as_ref()), found) {
                (Verdict::Done(done), _) => return Ok(written(done)),
                (Verdict::Behind, _) => {
                    attempt.wait(end).await?;
                    continue;
                }
                (Verdict::Stands, Some(stored)) if self.is_live(&mut facts, &stored, end).await? => {
                    if stored.sequence != revision {
                        return Ok(Outcome::Conflict { revision: stored.sequence });
                    }
                }
                (Verdict::Stands, _) => return Ok(Outcome::NotFound),
            }
            attempt.wait(end).await?;
            if let Some(revision) = self.claim(&facts, write, attempt, revision, end).await? {
                return Ok(Outcome::Done { revision });
            }
        }
        Err(contended())
    }

    /// Sends a write that is to follow `expected`, and gives its sequence; `None` when it was refused.
    async fn claim(
        &self,
        facts: &Facts,
        write: &Write,
        attempt: &mut Attempt,
        expected: u64,
        end: Instant,
    ) -> Result<Option<u64>> {
        let headers = write.draft.headers(facts, Some(attempt.expecting(expected))).unwrap_or_default();
        self.check_size(facts, write, Some(&headers), end).await?;
        self.send_claim(&write.nats_key, &write.draft.body, &headers, attempt, end).await
    }

    async fn send_claim(
        &self,
        nats_key: &str,
        body: &Bytes,
        headers: &Headers,
        attempt: &mut Attempt,
        end: Instant,
    ) -> Result<Option<u64>> {
        let (published, answers) = self.send_further(&self.keys.subject(nats_key), body, headers, end).await?;
        match published {
            Published::Done(sequence) => Ok(Some(sequence)),
            Published::WrongSequence(last) => {
                attempt.refused(last, answers);
                Ok(None)
            }
            Published::LeadsNoMore => {
                attempt.refused(None, answers);
                Ok(None)
            }
        }
    }

    /// Removes a record, of any revision or of one only; the answer's revision is the one that it had.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, `AMBIGUOUS`, `AUTH`, `BUSY`.
    pub(super) async fn take_out(
        self: &Arc<Self>,
        nats_key: &str,
        revision: Option<u64>,
        end: Instant,
    ) -> Result<Outcome> {
        let Some(facts) = self.facts(end).await? else { return Ok(Outcome::NotFound) };
        let mut attempt = Attempt::new(&facts)?;
        let outcome = self.try_take_out(Arc::clone(&facts), nats_key, revision, &mut attempt, end).await;
        let outcome = attempt.settle(outcome, removed, end).await?;
        if matches!(outcome, Outcome::Done { .. }) {
            self.engine.counters.removed(1);
            sweep_now_and_then(self, &facts);
        }
        Ok(outcome)
    }

    async fn try_take_out(
        &self,
        mut facts: Arc<Facts>,
        nats_key: &str,
        revision: Option<u64>,
        attempt: &mut Attempt,
        end: Instant,
    ) -> Result<Outcome> {
        for _ in 0..MOST_ROUNDS {
            let found = self.leaders(nats_key, end).await?;
            let present = match (attempt.judge(found.as_ref()), found) {
                (Verdict::Done(done), _) => return Ok(removed(done)),
                (Verdict::Behind, _) => {
                    attempt.wait(end).await?;
                    continue;
                }
                (Verdict::Stands, Some(stored)) if self.is_live(&mut facts, &stored, end).await? => stored.sequence,
                (Verdict::Stands, _) => return Ok(Outcome::NotFound),
            };
            if revision.is_some_and(|revision| revision != present) {
                return Ok(Outcome::Conflict { revision: present });
            }
            attempt.wait(end).await?;
            let headers = self.removal(&facts, attempt.expecting(present));
            if self.send_claim(nats_key, &Bytes::new(), &headers, attempt, end).await?.is_some() {
                return Ok(Outcome::Done { revision: present });
            }
        }
        Err(contended())
    }

    /// The headers of the mark of a removal. Where the server can, it removes the mark too, after a while.
    fn removal(&self, facts: &Facts, claim: Claim) -> Headers {
        let mut headers = Headers::default();
        headers.insert(protocol::OPERATION, "DEL");
        claim.put_into(&mut headers);
        if facts.drops_messages() && facts.is_own {
            let seconds = self.config().marker_age.as_secs().max(1);
            headers.insert(protocol::TTL, seconds);
        }
        headers
    }

    /// Whether a message is a record that has not expired; its body is looked at where only that can tell, and the
    /// bucket where its limit alone says no.
    async fn is_live(&self, facts: &mut Arc<Facts>, stored: &Stored, end: Instant) -> Result<bool> {
        if entry::is_dead_by_bucket_only(facts, stored) {
            self.renew(facts, end).await?;
        }
        if !entry::is_live(facts, stored) {
            return Ok(false);
        }
        // What cannot be decoded is there all the same: a write must be able to replace it, and a remove to remove it.
        Ok(entry::record(self.keys.format(), facts, b"", stored).map_or(true, |record| record.is_some()))
    }
}

fn written(done: Done) -> Outcome {
    Outcome::Done { revision: done.sequence }
}

fn removed(done: Done) -> Outcome {
    Outcome::Done { revision: done.followed }
}

fn contended() -> Error {
    let text = format!("others wrote the key {MOST_ROUNDS} times while its condition was looked at; try again");
    Error::new(Status::BUSY, super::KIND, text)
}
