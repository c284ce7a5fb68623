//! Writing records.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::bucket::Facts;
use super::connection::{Answer, ambiguous, foreign, pause};
use super::entry::Draft;
use super::protocol::{self, ApiError};
use super::socket::Answers;
use super::store::Table;
use super::wire::{Headers, Subject};
use crate::error::{Error, Result, Status};
use crate::store::options::{Condition, Durability, Lifetime, Outcome, PutOptions, Term};

/// What a publish was answered with.
pub(super) enum Published {
    /// It was done, with this sequence.
    Done(u64),
    /// The key's last message is another one than was expected: the one with this sequence, where the answer says so.
    WrongSequence(Option<u64>),
    /// The server that was asked led the bucket until just now; another one may have done it.
    LeadsNoMore,
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
                let headers = write.draft.headers(&facts, None);
                self.check_size(&facts, write, headers.as_ref(), end).await?;
                let subject = self.keys.subject(&write.nats_key);
                let revision = match self.send(&subject, &write.draft.body, headers.as_ref(), end).await? {
                    Published::Done(revision) => revision,
                    Published::WrongSequence(_) => return Err(foreign()),
                    Published::LeadsNoMore => {
                        return Err(ambiguous("the server that took it leads the bucket no more"));
                    }
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

    /// # Errors
    ///
    /// `TOO_LARGE`, and as [`Connection::session`](super::connection::Connection::session).
    pub(super) async fn check_size(
        &self,
        facts: &Facts,
        write: &Write,
        headers: Option<&Headers>,
        end: Instant,
    ) -> Result<()> {
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
        let connection = &self.engine.connection;
        loop {
            let answer = connection.write(subject.clone(), body.clone(), headers, end).await?;
            if let Some(published) = self.published(&answer)? {
                return Ok(published);
            }
            Box::pin(self.find_taker(end)).await?;
        }
    }

    /// As `send`; gives what brings the answers of others, too.
    ///
    /// # Errors
    ///
    /// As [`Table::put`].
    pub(super) async fn send_further(
        &self,
        subject: &Subject,
        body: &Bytes,
        headers: &Headers,
        end: Instant,
    ) -> Result<(Published, Answers)> {
        let connection = &self.engine.connection;
        loop {
            let (answer, answers) = connection.write_further(subject.clone(), body.clone(), headers, end).await?;
            if let Some(published) = self.published(&answer)? {
                return Ok((published, answers));
            }
            Box::pin(self.find_taker(end)).await?;
        }
    }

    /// What a publish was answered with; `None` when nobody has taken it.
    fn published(&self, answer: &Answer) -> Result<Option<Published>> {
        let Answer::Message(message) = answer else { return Ok(None) };
        match protocol::acknowledgement(&message.payload).ok_or_else(foreign)? {
            Ok(sequence) => Ok(Some(Published::Done(sequence))),
            Err(error) if error.is_wrong_sequence() => Ok(Some(Published::WrongSequence(error.last_sequence()))),
            Err(error) if error.is_of_one_that_leads_no_more() => Ok(Some(Published::LeadsNoMore)),
            Err(error) => Err(self.refused(&error)),
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
        if error.is_for_a_large_message() {
            let text = format!("the bucket {bucket} takes no message of its size: {told}");
            return Error::new(Status::TOO_LARGE, "value", text);
        }
        if error.is_for_a_full_bucket() {
            let text = format!("the bucket {bucket} is full: {told}; remove records or raise its limit");
            return Error::new(Status::UNAVAILABLE, "max_bytes", text);
        }
        if error.may_be_of_one_server_only() && self.has_others() {
            let text = format!("a server of the bucket {bucket} failed at the write, and others may not have: {told}");
            return ambiguous(&text);
        }
        let text = format!("the bucket {bucket} did not take the write: {told}");
        Error::new(Status::UNAVAILABLE, super::KIND, text)
    }

    /// Whether the bucket lies on several servers, or may for all that is known.
    fn has_others(&self) -> bool {
        self.bucket.known().is_none_or(|facts| facts.replicas > 1)
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

/// What is shared so that a write can be driven beside others.
pub(super) type SharedTable = Arc<Table>;
