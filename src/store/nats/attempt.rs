//! What is known of a conditional write that a server has refused.
//!
//! When a network is mended, two servers of a bucket may take themselves for its leader for a moment. Both get the write:
//! the one that leads no more refuses it at once, by what it knew when it was cut off or because it still holds a write
//! that it could not finish, and the other one does it. So a refusal by one of several servers does not prove that the
//! write was not done, unless it says that the key has gone on. What tells:
//!
//! - The write has a name, in the header `Larder-Write`, by which it is known again when its key is read.
//! - The other server's answer, which comes to the same request. It is looked for in every round, and waited for before
//!   the caller is told that the write was not done.
//! - A read that shows less than somebody has seen comes from a server that is behind: the key is read again.
//! - Where nothing says that it was done, and the refusal came from a server that did not know what somebody had seen, the
//!   outcome is `AMBIGUOUS`, unless what is there followed the same message and so left no room for this write.
//!
//! What is not caught: a write whose acknowledgement is lost, when it was written over before its key was read, and the
//! refusal was for a write under way, which is what a busy key gets all day; and a `put_if_absent` of a key that was purged
//! while the old leader was cut off, when that one answers every read, and the other one's answer is lost.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::select_all;
use tokio::time::Instant;

use super::bucket::Facts;
use super::connection::{ambiguous, pause};
use super::protocol::{self, Stored};
use super::socket::{Answers, Reply, random};
use super::wire::Headers;
use crate::deadline;
use crate::error::{Error, Result, Status};
use crate::store::options::Outcome;
use crate::store::remote::slots;

/// The pause after a refusal because another write of the key is under way; so much longer after each further one.
const UNDER_WAY: Duration = Duration::from_millis(1);
/// How long another server's answer is waited for.
const GRACE: Duration = Duration::from_millis(25);

/// What a write depends on, as its message says it.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    /// The sequence that the key's last message must have; 0 for none.
    pub expected: u64,
    /// The write's name; 0 where one server alone decides.
    pub name: u128,
}

impl Claim {
    /// Adds its headers.
    pub fn put_into(self, headers: &mut Headers) {
        headers.insert(protocol::EXPECTED_LAST, self.expected);
        if self.name != 0 {
            headers.insert(protocol::WRITE, format_args!("{:032x}", self.name));
        }
    }
}

/// A write that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// Its own sequence.
    pub sequence: u64,
    /// The sequence that it followed.
    pub followed: u64,
}

/// What the key's last message, as a server gave it, says of the write.
pub(super) enum Verdict {
    /// It was done.
    Done(Done),
    /// The server is behind.
    Behind,
    /// What is there is to be gone by.
    Stands,
}

/// A conditional write, and what is known of it so far.
pub(super) struct Attempt {
    claim: Claim,
    /// It was refused by a server that did not say that the key has gone on, so that another one may have done it.
    is_open: bool,
    /// Some server did not know what somebody had seen already.
    is_in_doubt: bool,
    /// What is there followed the same message as this write would have.
    is_refuted: bool,
    /// The newest sequence of the key that somebody has seen.
    newest: u64,
    /// How often it was refused.
    refusals: u32,
    /// What brings further answers, and what each request expected.
    answers: Vec<(u64, Answers)>,
}

impl Attempt {
    /// One that was not sent yet.
    ///
    /// # Errors
    ///
    /// `IO` when the system gives no random bytes.
    pub fn new(facts: &Facts) -> Result<Attempt> {
        // Never 0, as chance has it.
        let name = if facts.replicas > 1 { u128::from_be_bytes(random()?) } else { 0 };
        let claim = Claim { expected: 0, name };
        Ok(Attempt {
            claim,
            is_open: false,
            is_in_doubt: false,
            is_refuted: false,
            newest: 0,
            refusals: 0,
            answers: Vec::new(),
        })
    }

    /// What it depends on, as it is sent next.
    pub fn expecting(&mut self, expected: u64) -> Claim {
        self.claim.expected = expected;
        self.newest = self.newest.max(expected);
        self.claim
    }

    /// Notes a refusal, which says what the key's last sequence is, or that another write of it is under way.
    pub fn refused(&mut self, last: Option<u64>, answers: Answers) {
        let Claim { expected, name } = self.claim;
        if name == 0 {
            return;
        }
        self.refusals += 1;
        self.newest = self.newest.max(last.unwrap_or(0));
        self.is_open |= last.is_none_or(|last| last < expected);
        // None at all: it may have gone since it was seen.
        self.is_in_doubt |= last.is_some_and(|last| (1..expected).contains(&last));
        self.answers.push((expected, answers));
    }

    /// Judges by the key's last message.
    pub fn judge(&mut self, found: Option<&Stored>) -> Verdict {
        if self.refusals == 0 {
            return Verdict::Stands;
        }
        if let Some(done) = self.further_answer().now_or_never().flatten() {
            return Verdict::Done(done);
        }
        let Claim { expected, name } = self.claim;
        let Some(stored) = found else {
            // What stood in the way of a first write has just gone, or was gone for those who know.
            self.is_in_doubt |= expected == 0 && self.newest > 0;
            return Verdict::Stands;
        };
        if stored.marks.write == name {
            let followed = stored.marks.expected.unwrap_or(expected);
            return Verdict::Done(Done { sequence: stored.sequence, followed });
        }
        if stored.sequence < self.newest {
            self.is_in_doubt = true;
            return Verdict::Behind;
        }
        self.newest = stored.sequence;
        self.is_refuted = stored.sequence > expected && stored.marks.expected == Some(expected);
        Verdict::Stands
    }

    /// The answer of a server that has done it, as soon as there is one; `None` when there will be none.
    async fn further_answer(&mut self) -> Option<Done> {
        while !self.answers.is_empty() {
            let (outcome, place, _) = select_all(self.answers.iter_mut().map(|(_, answers)| answers)).await;
            match outcome {
                slots::Outcome::Answer(Reply::Message(message)) => {
                    if let Some(Ok(sequence)) = protocol::acknowledgement(&message.payload) {
                        return Some(Done { sequence, followed: self.answers[place].0 });
                    }
                }
                _ => drop(self.answers.swap_remove(place)),
            }
        }
        None
    }

    /// Waits before the next round: for the servers to find out who leads, if they seem not to agree, or for another
    /// write of the key that is under way.
    ///
    /// # Errors
    ///
    /// `AMBIGUOUS` when there is no time for another round.
    pub async fn wait(&self, end: Instant) -> Result<()> {
        if self.is_in_doubt {
            // Also where its deadline is moved into the present, as a close does.
            let has_time = deadline::until(end, pause(end)).await;
            return if has_time == Some(true) { Ok(()) } else { Err(unknown()) };
        }
        if self.is_open {
            let moment = Instant::now() + UNDER_WAY * self.refusals;
            deadline::until(moment.min(end), std::future::pending::<()>()).await;
        }
        Ok(())
    }

    /// What its caller is told; `of` makes the outcome of a write that was done after all.
    ///
    /// # Errors
    ///
    /// That of the outcome, and `AMBIGUOUS`.
    pub async fn settle(
        mut self,
        outcome: Result<Outcome>,
        of: impl Fn(Done) -> Outcome,
        end: Instant,
    ) -> Result<Outcome> {
        if matches!(outcome, Ok(Outcome::Done { .. })) || self.refusals == 0 {
            return outcome;
        }
        let is_certain = !self.is_open || (outcome.is_ok() && self.is_refuted);
        let patience = if is_certain { Instant::now() } else { end.min(Instant::now() + GRACE) };
        if let Ok(Some(done)) = tokio::time::timeout_at(patience, self.further_answer()).await {
            return Ok(of(done));
        }
        match outcome {
            Ok(_) if is_certain || !self.is_in_doubt => outcome,
            Ok(_) => Err(unknown()),
            Err(error) if error.status() == Status::AMBIGUOUS || !self.is_open => Err(error),
            Err(error) if error.status() == Status::BUSY && !self.is_in_doubt => Err(error),
            Err(error) => Err(unknown_for(&error)),
        }
    }
}

fn unknown() -> Error {
    ambiguous("a server that led the bucket no more refused the write, and another one may have done it")
}

/// The error of a write that was refused, and of which it could not be found out whether that was so.
fn unknown_for(error: &Error) -> Error {
    ambiguous(&format!("a server refused the write, and whether another one did it was not told: {error}"))
}
