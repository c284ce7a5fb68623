//! One connection to one server, from its login to its loss.
//!
//! A session never reconnects: what waits in it when it is lost is dropped, so that nothing is sent after its caller was
//! told that it failed, and [`Connection`](super::connection::Connection) makes a new one.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::time::Instant;

use super::config::{NatsConfig, Node};
use super::socket::{self, Answers, Reply, Socket};
use super::wire::{Headers, Message, Subject};
use crate::error::Result;
use crate::store::remote::slots::Outcome;

/// The status of an answer that says that nobody listens.
const NO_RESPONDERS: u16 = 503;

/// What one request came to.
pub(super) enum Asked {
    /// An answer came.
    Answer(Message),
    /// Nobody listens on the subject: nothing was done.
    NoResponders,
    /// The server denied it, in these words: nothing was done.
    Denied(String),
    /// The server takes no line as long as it needs, it said in these words, and hung up: nothing was done.
    TooLong(String),
    /// The connection was lost, or the time was over, before it was sent: nothing was done.
    Unsent,
    /// The connection was lost before an answer came.
    Lost,
    /// No answer came in time.
    TimedOut,
}

/// A connection to one server.
pub(super) struct Session {
    /// The connection.
    pub socket: Socket,
    /// The server's version.
    pub version: Version,
    /// A number that no other session of this process has.
    pub number: u64,
}

/// A server's version; anything that follows the three numbers is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub u64, pub u64, pub u64);

impl Version {
    /// The first with metadata of streams.
    pub const METADATA: Version = Version(2, 10, 0);
    /// The first with lifespans of messages.
    pub const MESSAGE_TTL: Version = Version(2, 11, 0);

    /// The first with direct gets of many subjects.
    pub const BATCHES: Version = Version(2, 11, 0);

    fn parse(text: &str) -> Version {
        let mut numbers = text.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Version(next(), next(), next())
    }
}

impl Session {
    /// Connects to `node` and logs in.
    ///
    /// # Errors
    ///
    /// `AUTH` when the server refuses the login, `CONFIG` for a secret's file that cannot be read, `UNAVAILABLE` with
    /// what went wrong otherwise.
    pub async fn connect(config: &NatsConfig, node: &Node) -> Result<Session> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let socket = socket::open(config, node).await?;
        let version = Version::parse(&socket.info().version);
        Ok(Session { socket, version, number: NUMBER.fetch_add(1, Ordering::Relaxed) })
    }

    /// Whether the connection is gone.
    pub fn is_lost(&self) -> bool {
        self.socket.lost().is_raised()
    }

    /// Whether it takes requests: it is there, and its server is not about to leave.
    pub fn is_usable(&self) -> bool {
        !self.is_lost() && !self.socket.leaving().is_raised()
    }

    /// Sends a request and waits for its answer, at most until `end`.
    pub async fn ask(&self, subject: Subject, payload: Bytes, headers: Option<Headers>, end: Instant) -> Asked {
        self.socket.request(subject, headers, payload, end).await.into()
    }

    /// As [`Session::ask`], for what more than one may answer: gives the first answer, and what brings the others.
    pub async fn ask_further(
        &self,
        subject: Subject,
        payload: Bytes,
        headers: Option<Headers>,
        end: Instant,
    ) -> (Asked, Answers) {
        let mut answers = self.socket.request_further(subject, headers, payload, end);
        ((&mut answers).await.into(), answers)
    }
}

impl From<Outcome<Reply>> for Asked {
    fn from(outcome: Outcome<Reply>) -> Asked {
        match outcome {
            Outcome::Answer(Reply::Message(message)) if message.status() == Some(NO_RESPONDERS) => Asked::NoResponders,
            Outcome::Answer(Reply::Message(message)) => Asked::Answer(message),
            Outcome::Answer(Reply::Denied(text)) => Asked::Denied(text),
            Outcome::Answer(Reply::TooLong(text)) => Asked::TooLong(text),
            Outcome::Ended { sent: true } => Asked::Lost,
            Outcome::Late { sent: true } => Asked::TimedOut,
            Outcome::Ended { sent: false } | Outcome::Late { sent: false } => Asked::Unsent,
        }
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_their_numbers() {
        assert_eq!(Version::parse("2.15.2"), Version(2, 15, 2));
        assert_eq!(Version::parse("2.11.0-preview.1"), Version(2, 11, 0));
        assert_eq!(Version::parse("dev"), Version::default());
        assert!(Version::parse("2.9.25") < Version::METADATA && Version::parse("2.11.0") >= Version::MESSAGE_TTL);
    }
}
