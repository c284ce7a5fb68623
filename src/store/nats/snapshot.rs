//! All that a bucket holds: the last message of each key.
//!
//! When a consumer says that it has sent all, that need not be so. Its server takes a message that was written over off the
//! count at once, and counts the one that replaced it a moment later. And a consumer of a replicated bucket lives on any of
//! its servers, and counts what the copy there has, however far that copy has fallen behind. So a snapshot is whole only
//! when the bucket's leader has nothing beyond what its feed has shown. A bucket that is written all the time always has:
//! there the leader is asked so often that a key which exists all the while hardly escapes each time. What was acknowledged
//! before the snapshot was asked for, and not written over since, is in it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::bucket::{Bucket, Facts};
use super::connection::{Connection, pause};
use super::consumer::{Delivered, Feed, Step, Wanted};
use crate::error::{Error, Result, Status};

/// How long a feed that is behind the leader may bring nothing before another one is begun, on another replica perhaps.
const LAG: Duration = Duration::from_millis(500);

/// How often the leader of a bucket that is written all the time is asked what else it has.
const ROUNDS: u32 = 8;

/// How far a feed has to come.
pub(super) struct Goal {
    subjects: String,
    /// The sequence of the leader's last message at the beginning.
    last: u64,
    /// Whether a feed may live on a copy that lacks some of them.
    is_replicated: bool,
    /// The sequence up to which the feed has shown all.
    covered: u64,
    /// A message of the feed's subjects, which the leader has and the feed has not shown.
    awaited: u64,
    /// It is late, and may have been removed.
    is_doubtful: bool,
    /// How often the leader is asked yet before its having something new is taken for the usual.
    rounds: u32,
}

impl Goal {
    /// What the leader had when it was asked for these facts.
    pub fn new(facts: &Facts, subjects: String) -> Goal {
        let (last, is_replicated) = (facts.last_sequence, facts.replicas > 1);
        Goal { subjects, last, is_replicated, covered: 0, awaited: 0, is_doubtful: false, rounds: ROUNDS }
    }

    /// Notes what the feed has shown.
    pub fn note(&mut self, sequence: u64) {
        self.covered = self.covered.max(sequence);
    }

    /// Has the leader asked again for a message that is still to come: it may have been removed.
    pub fn look_again(&mut self) {
        self.is_doubtful = true;
    }

    /// Whether the feed has shown what was there at the beginning. One of a single copy has when it says that it has no more:
    /// only of what was written since, its count may be wrong.
    fn has_beginning(&self) -> bool {
        !self.is_replicated || self.covered >= self.last
    }

    /// The sequence behind which the leader may have what the feed lacks. A server looks for it message by message, so no more
    /// is asked for than is needed.
    fn checked(&self) -> u64 {
        if self.has_beginning() { self.covered.max(self.last) } else { self.covered }
    }

    /// Whether a feed that has nothing more has come far enough: whether the leader knows of nothing that it lacks.
    ///
    /// # Errors
    ///
    /// As [`Bucket::next_of`].
    pub async fn is_reached(&mut self, connection: &Arc<Connection>, bucket: &Bucket, end: Instant) -> Result<bool> {
        let is_doubtful = std::mem::take(&mut self.is_doubtful);
        if self.covered < self.awaited && !is_doubtful {
            return Ok(false);
        }
        if self.rounds == 0 && self.has_beginning() {
            return Ok(true);
        }
        let next = match bucket.next_of(connection, &self.subjects, self.checked().saturating_add(1), end).await {
            // Who may not ask goes by the consumer's count.
            Err(error) if error.status() == Status::AUTH && self.has_beginning() => None,
            next => next?,
        };
        match next {
            // It is on its way.
            Some(next) if next == self.awaited => Ok(false),
            Some(next) if next <= self.last || self.rounds > 0 => {
                self.rounds = self.rounds.saturating_sub(1);
                self.awaited = next;
                Ok(false)
            }
            _ => Ok(true),
        }
    }

    fn begin_again(&mut self) {
        (self.covered, self.awaited, self.is_doubtful, self.rounds) = (0, 0, false, ROUNDS);
    }
}

/// Shows the last message of each key to `each`, and says whether there is such a bucket; `facts` are of now. When the feed
/// breaks midway, or stays behind the leader, it begins anew, and `each` is told so with `None`.
///
/// # Errors
///
/// As [`Feed::open`]; `UNAVAILABLE` when it did not come to its end in time.
pub(super) async fn snapshot(
    connection: &Arc<Connection>,
    bucket: &Bucket,
    facts: &Facts,
    wanted: &Wanted,
    end: Instant,
    mut each: impl FnMut(Option<Delivered>),
) -> Result<bool> {
    let mut goal = Goal::new(facts, wanted.filter.clone());
    loop {
        let mut feed = match Feed::open(connection, bucket, wanted, end).await {
            Ok(Some(feed)) => feed,
            Ok(None) => return Ok(false),
            Err(error) if error.status() == Status::UNAVAILABLE && pause(end).await => continue,
            Err(error) => return Err(error),
        };
        each(None);
        goal.begin_again();
        let read = read(&mut feed, &mut goal, connection, bucket, end, &mut each).await;
        feed.close();
        if read? {
            return Ok(true);
        }
    }
}

/// Reads a feed until it has come as far as the goal; false when another one has to be begun.
async fn read(
    feed: &mut Feed,
    goal: &mut Goal,
    connection: &Arc<Connection>,
    bucket: &Bucket,
    end: Instant,
    each: &mut impl FnMut(Option<Delivered>),
) -> Result<bool> {
    let mut has_all = feed.pending == 0;
    loop {
        if has_all && goal.is_reached(connection, bucket, end).await? {
            return Ok(true);
        }
        // Its copy is behind, and may catch up at once or never; or what it lacked is gone.
        let patience = if has_all { end.min(Instant::now() + LAG) } else { end };
        let step = match tokio::time::timeout_at(patience, feed.next()).await {
            Ok(step) => step,
            Err(_) if Instant::now() < end => {
                goal.look_again();
                let is_reached = goal.is_reached(connection, bucket, end).await?;
                // Another feed may live on a copy that has it; where there is one only, it comes.
                if is_reached || goal.is_replicated {
                    return Ok(is_reached);
                }
                continue;
            }
            Err(_) => {
                let text = "the bucket could not be listed before the deadline; ask with a longer one";
                return Err(Error::new(Status::UNAVAILABLE, super::KIND, text));
            }
        };
        match step {
            Step::Message(delivered) => {
                has_all = delivered.pending == 0;
                goal.note(delivered.stored.sequence);
                each(Some(delivered));
            }
            Step::Idle => {
                has_all = feed.is_drained(connection, end).await;
                goal.look_again();
            }
            Step::Broken => return Ok(false),
        }
    }
}
