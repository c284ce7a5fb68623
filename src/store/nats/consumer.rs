//! Messages of a bucket in their order: a consumer of our own that is dropped at the first doubt.
//!
//! The server pushes to an inbox, without acknowledgements, with heartbeats and flow control. A gap in the consumer's own
//! numbers, a heartbeat that tells of a message we do not have, or no heartbeat at all: the feed is broken, and whoever
//! reads it begins a new one behind the last message that it has seen.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::bucket::Bucket;
use super::connection::{Answer, Attempt, Connection, foreign};
use super::protocol::{ApiError, Delivery, Marks, Stored};
use super::session::Session;
use super::socket::Subscription;
use super::wire::json::{number, text};
use super::wire::{Message, Subject};
use crate::error::{Error, Result, Status};

/// How often the server says that it is there while it has no message.
const HEARTBEAT: Duration = Duration::from_millis(700);
/// How long a silence means that the consumer or its server is gone.
const SILENCE: Duration = Duration::from_millis(2_400);
/// After how long without a reader the server removes a consumer.
const INACTIVE: Duration = Duration::from_secs(10);

/// How long the server may take to make a consumer; it may have chosen one that is away for it.
const CREATION: Duration = Duration::from_secs(2);

/// How many heartbeats in a row mean that nothing comes any more.
const PATIENCE: u32 = 5;

const LAST_CONSUMER: &str = "Nats-Last-Consumer";
const STALLED: &str = "Nats-Consumer-Stalled";

/// Where a feed begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// With the last message of each key, and then what comes.
    LastOfEach,
    /// With the message of this sequence, or the first one after it.
    From(u64),
}

/// What a feed is asked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The subjects.
    pub filter: String,
    /// The first message.
    pub start: Start,
    /// Whether bodies are left out.
    pub headers_only: bool,
}

/// A message that was pushed.
pub(super) struct Delivered {
    /// Its subject.
    pub subject: Subject,
    /// What it holds.
    pub stored: Stored,
    /// How many more there were when it was sent.
    pub pending: u64,
}

/// What comes next.
pub(super) enum Step {
    /// A message.
    Message(Delivered),
    /// There is none now.
    Idle,
    /// The feed is of no more use.
    Broken,
}

/// A consumer of a bucket.
pub(super) struct Feed {
    session: Arc<Session>,
    subscription: Subscription,
    stream: String,
    consumer: String,
    last: u64,
    /// How often in a row it was idle while more was expected.
    idle: u32,
    heard: Instant,
    /// How many messages there were when it began.
    pub pending: u64,
}

impl Feed {
    /// Begins a feed; `None` when there is no such bucket.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, `AUTH`, `CLOSED`.
    pub async fn open(
        connection: &Arc<Connection>,
        bucket: &Bucket,
        wanted: &Wanted,
        end: Instant,
    ) -> Result<Option<Feed>> {
        let session = connection.session(end).await?;
        let subscription = session.socket.subscribe()?;
        let subject = Subject::from(format!("$JS.API.CONSUMER.CREATE.{}", bucket.stream));
        let request = Bytes::from(creation(&bucket.stream, subscription.inbox(), wanted).to_string());
        // Once for each inbox: a second consumer that pushes to the same one would be mistaken for the first.
        let answer = match connection.attempt(&subject, &request, CREATION, end).await? {
            Attempt::Answered(Answer::Message(message)) => message,
            _ => return Err(no_consumer("nobody answers")),
        };
        let answer: Value = serde_json::from_slice(&answer.payload).map_err(|_| foreign())?;
        match ApiError::of(&answer) {
            None => {}
            Some(error) if error.is_missing_stream() => return Ok(None),
            Some(error) => return Err(no_consumer(&format!("{} (error {})", error.description, error.number))),
        }
        if session.is_lost() {
            return Err(unreachable_server());
        }
        let consumer = text(&answer, "name").to_owned();
        if consumer.is_empty() {
            return Err(foreign());
        }
        let delivered = answer.get("delivered").map_or(0, |at| number(at, "consumer_seq"));
        let pending = number(&answer, "num_pending").saturating_add(delivered);
        let stream = bucket.stream.clone();
        Ok(Some(Feed { session, subscription, stream, consumer, last: 0, idle: 0, heard: Instant::now(), pending }))
    }

    /// The next step. May be dropped while it waits.
    pub async fn next(&mut self) -> Step {
        loop {
            let message = tokio::select! {
                biased;
                message = self.subscription.next() => message,
                () = tokio::time::sleep_until(self.heard + SILENCE) => None,
            };
            let Some(message) = message else { return Step::Broken };
            self.heard = Instant::now();
            match message.status() {
                None => return self.take(message),
                Some(100) => {
                    if let Some(step) = self.control(&message) {
                        return step;
                    }
                }
                // The consumer was removed, or its server steps down.
                Some(_) => return Step::Broken,
            }
        }
    }

    fn take(&mut self, message: Message) -> Step {
        let Some(delivery) = message.reply.as_deref().and_then(Delivery::parse) else { return Step::Broken };
        if delivery.consumer_sequence != self.last.saturating_add(1) {
            return Step::Broken;
        }
        self.last = delivery.consumer_sequence;
        self.idle = 0;
        let stored = Stored {
            sequence: delivery.stream_sequence,
            time_unix_ms: delivery.time_unix_ms,
            marks: Marks::of(&message),
            body: message.payload,
        };
        Step::Message(Delivered { subject: message.subject, stored, pending: delivery.pending })
    }

    /// Answers a heartbeat or a request of the flow control.
    fn control(&mut self, message: &Message) -> Option<Step> {
        let stalled = message.header(STALLED);
        if let Some(subject) = message.reply.clone().or_else(|| stalled.map(Subject::from)) {
            self.session.socket.publish(subject);
        }
        let told = message.header(LAST_CONSUMER)?.parse::<u64>().ok()?;
        if told != self.last {
            return Some(Step::Broken);
        }
        // A stalled consumer has messages, and waits for the answer just given.
        stalled.is_none().then_some(Step::Idle)
    }

    /// Whether an idle feed has sent all that there was. A heartbeat alone does not say so: a server that is slow to begin
    /// sends one before the first message. Nor does the count, for ever: what was still to come may have been removed.
    pub async fn is_drained(&mut self, connection: &Arc<Connection>, end: Instant) -> bool {
        self.idle += 1;
        let subject = format!("$JS.API.CONSUMER.INFO.{}.{}", self.stream, self.consumer);
        let end = end.min(Instant::now() + CREATION);
        let Ok(Ok(info)) = connection.api(&subject, &Value::Null, end).await else { return false };
        let sent = info.get("delivered").map_or(0, |at| number(at, "consumer_seq"));
        sent == self.last && (number(&info, "num_pending") == 0 || self.idle >= PATIENCE)
    }

    /// Ends it; the server is told, and nobody waits for its answer.
    pub fn close(self) {
        let subject = format!("$JS.API.CONSUMER.DELETE.{}.{}", self.stream, self.consumer);
        self.session.socket.ask_in_vain(subject.into());
    }
}

fn creation(stream: &str, inbox: &str, wanted: &Wanted) -> Value {
    let mut config = json!({
        "deliver_subject": inbox,
        "ack_policy": "none",
        "replay_policy": "instant",
        "max_deliver": 1,
        "filter_subject": wanted.filter,
        "flow_control": true,
        "idle_heartbeat": HEARTBEAT.as_nanos() as u64,
        "inactive_threshold": INACTIVE.as_nanos() as u64,
        "headers_only": wanted.headers_only,
        "mem_storage": true,
        "num_replicas": 1,
    });
    match wanted.start {
        Start::LastOfEach => config["deliver_policy"] = "last_per_subject".into(),
        Start::From(sequence) => {
            config["deliver_policy"] = "by_start_sequence".into();
            config["opt_start_seq"] = sequence.max(1).into();
        }
    }
    json!({ "stream_name": stream, "config": config })
}

fn no_consumer(why: &str) -> Error {
    Error::new(Status::UNAVAILABLE, super::KIND, format!("no consumer could be made: {why}"))
}

fn unreachable_server() -> Error {
    Error::new(Status::UNAVAILABLE, super::KIND, "the connection was lost")
}
