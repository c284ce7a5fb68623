//! Writing and removing records.
//!
//! Every condition becomes the sequence that the key's last message must have, which the server checks. The message with
//! that sequence may be a mark or an expired record, which count as no record, so a condition reads before it writes.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::bucket::Facts;
use super::connection::{Answer, foreign, pause};
use super::entry::{self, Draft};
use super::protocol::{self, ApiError, Stored};
use super::store::Table;
use super::sweep::sweep_now_and_then;
use super::wire::{Headers, Subject};
use crate::error::{Error, Result, Status};
use crate::store::options::{Condition, Durability, Lifetime, Outcome, PutOptions, Term};

/// How often a write whose key others write all the time begins anew.
const MOST_ROUNDS: usize = 64;

/// What a publish was answered with.
enum Published {
    Done(u64),
    /// The key's last message is another one than was expected.
    WrongSequence,
}

/// A write that was prepared on its caller's thread.
pub(super) struct Write {
    /// The NATS key.
    pub nats_key: String,
    /// The message.
    pub draft: Draft,
    /// On what it depends.
    pub condition: Condition,
    /// How many replicas must have it.
    pub durability: Durability,
}

impl Table {
    /// Prepares a write.
    ///
    /// # Errors
    ///
    /// `UNSUPPORTED` for what the format or NATS does not have, `INVALID_ARGUMENT` and `TOO_LARGE` for the key, and what
    /// the format's encoder says.
    pub(super) fn prepare(&self, key: &[u8], value: &[u8], options: &PutOptions) -> Result<Write> {
        refuse_max_idle(options.lifetime)?;
        let nats_key = self.keys.nats_key(key)?;
        let draft = Draft::new(self.keys.format(), key, value, options, self.default_lifespan_ms())?;
        Ok(Write { nats_key, draft, condition: options.condition, durability: options.durability })
    }

    /// Writes a record, if its condition holds.
    ///
    /// # Errors
    ///
    /// `TOO_LARGE`, `UNSUPPORTED`, `UNAVAILABLE`, `AMBIGUOUS`, `AUTH`.
    pub(super) async fn put(&self, write: &Write, end: Instant) -> Result<Outcome> {
        let facts = self.bucket.bind(&self.engine.connection, end).await?;
        check_durability(write.durability, &facts)?;
        let outcome = match write.condition {
            Condition::Always => {
                let revision = match self.publish(&facts, write, None, end).await? {
                    Published::Done(revision) => revision,
                    Published::WrongSequence => return Err(foreign()),
                };
                Outcome::Done { revision }
            }
            Condition::IfAbsent => Box::pin(self.put_if_absent(facts, write, end)).await?,
            Condition::IfRevision(revision) => Box::pin(self.put_if_revision(facts, write, revision, end)).await?,
        };
        if matches!(outcome, Outcome::Done { .. }) {
            self.engine.counters.wrote(1);
        }
        Ok(outcome)
    }

    async fn put_if_absent(&self, mut facts: Arc<Facts>, write: &Write, end: Instant) -> Result<Outcome> {
        let mut expected = 0;
        for _ in 0..MOST_ROUNDS {
            match self.publish(&facts, write, Some(expected), end).await? {
                Published::Done(revision) => return Ok(Outcome::Done { revision }),
                Published::WrongSequence => match self.leaders(&write.nats_key, end).await? {
                    None => expected = 0,
                    Some(stored) if self.is_live(&mut facts, &stored, end).await? => {
                        return Ok(Outcome::Conflict { revision: stored.sequence });
                    }
                    Some(stored) => expected = stored.sequence,
                },
            }
        }
        Err(contended())
    }

    async fn put_if_revision(
        &self,
        mut facts: Arc<Facts>,
        write: &Write,
        revision: u64,
        end: Instant,
    ) -> Result<Outcome> {
        for _ in 0..MOST_ROUNDS {
            match self.leaders(&write.nats_key, end).await? {
                Some(stored) if self.is_live(&mut facts, &stored, end).await? => {
                    if stored.sequence != revision {
                        return Ok(Outcome::Conflict { revision: stored.sequence });
                    }
                }
                _ => return Ok(Outcome::NotFound),
            }
            if let Published::Done(revision) = self.publish(&facts, write, Some(revision), end).await? {
                return Ok(Outcome::Done { revision });
            }
        }
        Err(contended())
    }

    /// Removes a record, of any revision or of one only; the answer's revision is the one that it had.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, `AMBIGUOUS`, `AUTH`.
    pub(super) async fn take_out(
        self: &Arc<Self>,
        nats_key: &str,
        revision: Option<u64>,
        end: Instant,
    ) -> Result<Outcome> {
        let Some(mut facts) = self.facts(end).await? else { return Ok(Outcome::NotFound) };
        for _ in 0..MOST_ROUNDS {
            let present = match self.leaders(nats_key, end).await? {
                Some(stored) if self.is_live(&mut facts, &stored, end).await? => stored.sequence,
                _ => return Ok(Outcome::NotFound),
            };
            if revision.is_some_and(|revision| revision != present) {
                return Ok(Outcome::Conflict { revision: present });
            }
            let subject = self.keys.subject(nats_key);
            let headers = self.removal(&facts, present);
            if let Published::Done(_) = self.send(&subject, &Bytes::new(), Some(&headers), end).await? {
                self.engine.counters.removed(1);
                sweep_now_and_then(self, &facts);
                return Ok(Outcome::Done { revision: present });
            }
        }
        Err(contended())
    }

    /// The headers of the mark of a removal. Where the server can, it removes the mark too, after a while.
    fn removal(&self, facts: &Facts, expected: u64) -> Headers {
        let mut headers = Headers::default();
        headers.insert(protocol::OPERATION, "DEL");
        headers.insert(protocol::EXPECTED_LAST, expected);
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

    async fn publish(&self, facts: &Facts, write: &Write, expected: Option<u64>, end: Instant) -> Result<Published> {
        let headers = write.draft.headers(facts, expected);
        self.check_size(facts, write, headers.as_ref(), end).await?;
        self.send(&self.keys.subject(&write.nats_key), &write.draft.body, headers.as_ref(), end).await
    }

    async fn check_size(&self, facts: &Facts, write: &Write, headers: Option<&Headers>, end: Instant) -> Result<()> {
        let session = self.engine.connection.session(end).await?;
        let whole = write.draft.body.len() + headers.map_or(0, Headers::length);
        let of_server = session.socket.max_payload();
        let limit = usize::try_from(facts.max_message).map_or(of_server, |of_bucket| of_bucket.min(of_server));
        if whole <= limit {
            return Ok(());
        }
        let text = format!("it takes {whole} bytes in its message; the limit of the server and bucket is {limit}");
        Err(Error::new(Status::TOO_LARGE, "value", text))
    }

    /// Publishes a message and waits for the acknowledgement of the bucket's servers.
    async fn send(
        &self,
        subject: &Subject,
        body: &Bytes,
        headers: Option<&Headers>,
        end: Instant,
    ) -> Result<Published> {
        loop {
            let connection = &self.engine.connection;
            match connection.write(subject.clone(), body.clone(), headers, end).await? {
                Answer::Message(message) => {
                    let Some(answer) = protocol::acknowledgement(&message.payload) else { return Err(foreign()) };
                    match answer {
                        Ok(sequence) => return Ok(Published::Done(sequence)),
                        Err(error) if error.is_wrong_sequence() => return Ok(Published::WrongSequence),
                        Err(error) => return Err(self.refused(&error)),
                    }
                }
                Answer::NoResponders => Box::pin(self.find_taker(end)).await?,
            }
        }
    }

    /// For a message that nobody has taken: makes the bucket anew where it is gone, or waits a little for its leader.
    async fn find_taker(&self, end: Instant) -> Result<()> {
        let connection = &self.engine.connection;
        let was_there = self.bucket.refresh(connection, end).await?.is_some();
        self.bucket.bind(connection, end).await?;
        if was_there && !pause(end).await {
            let text = format!("the bucket {} has no leader", self.bucket.name);
            return Err(Error::new(Status::UNAVAILABLE, super::KIND, text));
        }
        Ok(())
    }

    fn refused(&self, error: &ApiError) -> Error {
        if error.number == protocol::MESSAGE_TTL_DISABLED {
            // It was allowed when the bucket was looked at.
            self.bucket.forget();
        }
        let bucket = &self.bucket.name;
        let told = format!("{} (error {})", error.description, error.number);
        match error.number {
            protocol::MESSAGE_EXCEEDS_MAXIMUM => Error::new(
                Status::TOO_LARGE,
                "value",
                format!("the bucket {bucket} takes no message of its size: {told}"),
            ),
            protocol::STREAM_STORE_FAILED if error.description.contains("maximum") => {
                let text = format!("the bucket {bucket} is full: {told}; remove records or raise its limit");
                Error::new(Status::UNAVAILABLE, "max_bytes", text)
            }
            _ => {
                let text = format!("the bucket {bucket} did not take the write: {told}");
                Error::new(Status::UNAVAILABLE, super::KIND, text)
            }
        }
    }
}

/// Refuses a max-idle time: a read on NATS leaves no trace that could restart a clock.
///
/// # Errors
///
/// `UNSUPPORTED`.
pub(super) fn refuse_max_idle(lifetime: Lifetime) -> Result<()> {
    match lifetime.max_idle {
        Term::For(_) => {
            let text = "NATS does not know when a record was read; use a lifespan";
            Err(Error::new(Status::UNSUPPORTED, "max_idle", text))
        }
        Term::Default | Term::Unlimited => Ok(()),
    }
}

/// Whether an acknowledgement covers what is asked: it comes when a majority of the bucket's servers has the message.
fn check_durability(durability: Durability, facts: &Facts) -> Result<()> {
    let covered = facts.replicas / 2;
    let text = match durability {
        Durability::Default | Durability::None => return Ok(()),
        Durability::Replicas(count) if u64::from(count) <= covered => return Ok(()),
        Durability::Replicas(count) => format!("{count} replicas besides the one that took it are asked for"),
        Durability::All => "all replicas are asked for".to_owned(),
    };
    let replicas = facts.replicas;
    let text =
        format!("{text}; the bucket is on {replicas} servers, and an acknowledgement covers {covered} besides one");
    Err(Error::new(Status::UNSUPPORTED, "durability", text))
}

fn contended() -> Error {
    let text = format!("others wrote the key {MOST_ROUNDS} times while its condition was looked at; try again");
    Error::new(Status::BUSY, super::KIND, text)
}

/// What is shared so that a write can be driven beside others.
pub(super) type SharedTable = Arc<Table>;
