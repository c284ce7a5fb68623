//! Reading one record.
//!
//! Any replica may answer a direct get, so that it is fast and may be old for a moment; so may a mirror of the bucket, of
//! which its description does not tell, so that one replica alone proves nothing. The bucket's leader is asked where the
//! bucket allows no direct gets, where `read_your_writes` is set, and where a condition depends on the answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::bucket::Facts;
use super::connection::{Answer, Attempt, foreign, longer, pause};
use super::entry;
use super::list::Listed;
use super::protocol::Stored;
use super::store::Table;
use super::wire::{Block, Subject};
use crate::error::{Error, Result, Status};
use crate::store::record::Record;

/// How long a replica may take at first before the leader is asked how the bucket is; twice as long after each silence,
/// as a large value on a slow line takes its time.
const DIRECT_ATTEMPT: Duration = Duration::from_millis(500);

/// What a replica answered.
enum Direct {
    Found(Stored),
    Nothing,
    /// Nobody answers: the bucket is gone, has no leader, or allows no direct gets any more.
    Nobody,
    /// No answer came in time.
    Silence,
    /// The connection was lost.
    Lost,
}

impl Table {
    /// The record under a key.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, `AUTH`, `CORRUPT`.
    pub(super) async fn read(&self, key: &[u8], nats_key: &str, end: Instant) -> Result<Option<Record>> {
        let Some(facts) = self.facts(end).await? else { return Ok(None) };
        let Some((facts, stored)) = self.stored(facts, nats_key, end).await? else { return Ok(None) };
        self.shown(facts, key, &stored, end).await
    }

    /// The record that a list has found. A replica that is behind the list is not asked twice: the leader is.
    ///
    /// # Errors
    ///
    /// As [`Table::read`].
    pub(super) async fn read_listed(&self, listed: &Listed, end: Instant) -> Result<Option<Record>> {
        let Some(facts) = self.facts(end).await? else { return Ok(None) };
        let nats_key = self.keys.nats_key_at(&listed.place);
        let copy = self.stored(Arc::clone(&facts), &nats_key, end).await?;
        let is_listed = copy.as_ref().is_some_and(|(_, stored)| stored.sequence >= listed.revision);
        let found = match is_listed {
            true => copy,
            false => match self.leaders(&nats_key, end).await {
                // Who may not ask the leader goes by what the copy says.
                Err(error) if error.status() == Status::AUTH => copy,
                stored => stored?.map(|stored| (facts, stored)),
            },
        };
        let Some((facts, stored)) = found else { return Ok(None) };
        self.shown(facts, &listed.place.key, &stored, end).await
    }

    /// The record of a message, if there is one in it.
    ///
    /// # Errors
    ///
    /// As [`Table::read`].
    pub(super) async fn shown(
        &self,
        mut facts: Arc<Facts>,
        key: &[u8],
        stored: &Stored,
        end: Instant,
    ) -> Result<Option<Record>> {
        if entry::is_dead_by_bucket_only(&facts, stored) {
            Box::pin(self.renew(&mut facts, end)).await?;
        }
        entry::record(self.keys.format(), &facts, key, stored)
    }

    /// The message under a key, from where the settings say.
    async fn stored(
        &self,
        mut facts: Arc<Facts>,
        nats_key: &str,
        end: Instant,
    ) -> Result<Option<(Arc<Facts>, Stored)>> {
        let subject = self.keys.direct_get(nats_key);
        let mut limit = DIRECT_ATTEMPT;
        loop {
            if self.config().read_your_writes || !facts.allow_direct {
                return Ok(Box::pin(self.leaders(nats_key, end)).await?.map(|stored| (facts, stored)));
            }
            match self.direct(&subject, limit, end).await? {
                Direct::Found(stored) => return Ok(Some((facts, stored))),
                Direct::Nothing => return Ok(None),
                missing => {
                    if matches!(missing, Direct::Silence) {
                        limit = longer(limit);
                    }
                    let now = Box::pin(self.bucket.refresh(&self.engine.connection, end)).await?;
                    let Some(now) = now else { return Ok(None) };
                    facts = now;
                    if facts.allow_direct && !pause(end).await {
                        let text = format!("no replica of the bucket {} answers", self.bucket.name);
                        return Err(Error::new(Status::UNAVAILABLE, super::KIND, text));
                    }
                }
            }
        }
    }

    async fn direct(&self, subject: &Subject, limit: Duration, end: Instant) -> Result<Direct> {
        let message = match self.engine.connection.attempt(subject, &Bytes::new(), limit, end).await? {
            // Servers before 2.10 leave a question about a bucket that is gone without any answer.
            Attempt::Silence => return Ok(Direct::Silence),
            Attempt::Lost => return Ok(Direct::Lost),
            Attempt::Answered(Answer::NoResponders) => return Ok(Direct::Nobody),
            Attempt::Answered(Answer::Message(message)) => message,
        };
        match message.status() {
            Some(404) => Ok(Direct::Nothing),
            Some(status) if status != 200 => {
                let description = message.headers.as_ref().and_then(Block::description).unwrap_or_default();
                let text = format!("the read was refused: {status} {description}");
                Err(Error::new(Status::UNAVAILABLE, super::KIND, text))
            }
            _ => Stored::of_direct(message).map(Direct::Found).ok_or_else(foreign),
        }
    }

    /// The message under a key, from the bucket's leader.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, `AUTH`.
    pub(super) async fn leaders(&self, nats_key: &str, end: Instant) -> Result<Option<Stored>> {
        let request: Value = json!({ "last_by_subj": self.keys.subject(nats_key).as_str() });
        let subject = format!("$JS.API.STREAM.MSG.GET.{}", self.bucket.stream);
        match self.engine.connection.api(&subject, &request, end).await? {
            Ok(answer) => Stored::of_leader(&answer).map(Some).ok_or_else(foreign),
            Err(error) if error.is_missing_message() || error.is_missing_stream() => Ok(None),
            Err(error) => {
                let text = format!("the read was refused: {} (error {})", error.description, error.number);
                Err(Error::new(Status::UNAVAILABLE, super::KIND, text))
            }
        }
    }
}
