//! What is known of a conditional write that a server has refused.
//!
//! When a network is mended, two servers of a bucket may take themselves for its leader for a moment. Both get the write:
//! the one that leads no more refuses it at once, by what it knew when it was cut off or because it still holds a write
//! that it could not finish, and the other one does it. So a refusal by one of several servers does not prove that the
//! write was not done, unless it says that the key has gone on. What tells:
//!
//! - The write has a name, in the header `Larder-Write`, by which it is known again when its key is read.
//! - The other server's answer, which comes to the same request. It is waited for where the key has gone on, and what is
//!   there does not follow what this write was to follow.
//! - Where neither says that it was done, and the refusal came from a server that did not know what somebody had seen, the
//!   outcome is `AMBIGUOUS`.
//!
//! What is not caught: a `put_if_absent` of a key that was purged while the old leader was cut off, when that one answers
//! both the write and the question after it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::select_all;
use once_cell::sync::OnceCell;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::Instant;

use super::bucket::Facts;
use super::connection::{ambiguous, pause};
use super::protocol::{self, Stored};
use super::socket::{Answers, Reply};
use super::wire::Headers;
use crate::error::{Error, Result, Status};
use crate::store::options::Outcome;
use crate::store::remote::slots;

/// The pause after a refusal because another write of the key is under way; so much longer after each further one.
const UNDER_WAY: Duration = Duration::from_millis(1);
/// How long another server's answer is waited for. It was sent before the message that made it wanted.
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

/// A conditional write, and what is known of it so far.
pub(super) struct Attempt {
    claim: Claim,
    /// It was refused by a server that did not say that the key has gone on, so that another one may have done it.
    is_open: bool,
    /// That server was behind: it did not know what somebody had seen already.
    is_in_doubt: bool,
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
        let claim = Claim { expected: 0, name: if facts.replicas > 1 { name()? } else { 0 } };
        Ok(Attempt { claim, is_open: false, is_in_doubt: false, refusals: 0, answers: Vec::new() })
    }

    /// What it depends on, as it is sent next.
    pub fn expecting(&mut self, expected: u64) -> Claim {
        self.claim.expected = expected;
        self.claim
    }

    /// Notes a refusal, which says what the key's last sequence is, or that another write of it is under way.
    pub fn refused(&mut self, last: Option<u64>, answers: Answers) {
        if self.claim.name == 0 {
            return;
        }
        self.refusals += 1;
        let is_behind = last.is_some_and(|last| last < self.claim.expected);
        self.is_open |= is_behind || last.is_none();
        self.is_in_doubt |= is_behind;
        self.answers.push((self.claim.expected, answers));
    }

    /// Whether a message is older than the one that this write was sent to follow: who answers so leads no more.
    pub fn is_after(&self, stored: &Stored) -> bool {
        self.is_open && stored.sequence < self.claim.expected
    }

    /// Judges by the key's last message: where the write was done, gives it; otherwise it was not, as far as can be told.
    ///
    /// # Errors
    ///
    /// `AMBIGUOUS` when it may have been.
    pub async fn judge(&mut self, found: Option<&Stored>) -> Result<Option<Done>> {
        let Claim { expected, name } = self.claim;
        if self.refusals == 0 {
            return Ok(None);
        }
        let Some(stored) = found else {
            if self.is_in_doubt && expected != 0 {
                return self.wait_for_other().await;
            }
            // What stood in the way is not there: it has just gone, or was gone for those who know.
            self.is_in_doubt |= !self.is_open;
            return Ok(None);
        };
        if stored.marks.write == name {
            return Ok(Some(Done { sequence: stored.sequence, followed: stored.marks.expected.unwrap_or(expected) }));
        }
        self.is_in_doubt |= self.is_after(stored);
        let has_gone_on = self.is_open && stored.sequence > expected;
        // One that followed the same message leaves no room for this write.
        if !has_gone_on || stored.marks.expected == Some(expected) {
            return Ok(None);
        }
        self.wait_for_other().await
    }

    /// Waits for the answer of another server.
    async fn wait_for_other(&mut self) -> Result<Option<Done>> {
        match self.other_answer().await {
            None if self.is_in_doubt => Err(unknown()),
            done => Ok(done),
        }
    }

    async fn other_answer(&mut self) -> Option<Done> {
        let end = Instant::now() + GRACE;
        while !self.answers.is_empty() {
            let next = select_all(self.answers.iter_mut().map(|(_, answers)| answers));
            let (outcome, place, _) = tokio::time::timeout_at(end, next).await.ok()?;
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
            return if pause(end).await { Ok(()) } else { Err(unknown()) };
        }
        if self.is_open {
            let moment = Instant::now() + UNDER_WAY * self.refusals;
            tokio::time::sleep_until(moment.min(end)).await;
        }
        Ok(())
    }

    /// What its caller is told; `of` makes the outcome of a write that was done after all.
    pub async fn settle(mut self, outcome: Result<Outcome>, of: impl Fn(Done) -> Outcome) -> Result<Outcome> {
        let Err(error) = outcome else { return outcome };
        if !self.is_open {
            return Err(error);
        }
        let done = self.other_answer().await;
        done.map(of).ok_or_else(|| if error.status() == Status::AMBIGUOUS { error } else { unknown_for(&error) })
    }
}

/// A name that no other write has, of this process or another one; never 0.
///
/// # Errors
///
/// `IO` when the system gives no random bytes.
fn name() -> Result<u128> {
    static PROCESS: OnceCell<u64> = OnceCell::new();
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let process = PROCESS.get_or_try_init(|| {
        let mut bytes = [0; 8];
        let filled = SystemRandom::new().fill(&mut bytes);
        filled.map_err(|_| Error::new(Status::IO, super::KIND, "the system gives no random bytes"))?;
        Ok::<u64, Error>(u64::from_be_bytes(bytes))
    })?;
    Ok(u128::from(*process) << 64 | u128::from(COUNT.fetch_add(1, Ordering::Relaxed)))
}

fn unknown() -> Error {
    ambiguous("a server that led the bucket no more refused the write, and another one may have done it")
}

/// The error of a write that was refused, and of which it could not be found out whether that was so.
fn unknown_for(error: &Error) -> Error {
    ambiguous(&format!("a server refused the write, and whether another one did it was not told: {error}"))
}
