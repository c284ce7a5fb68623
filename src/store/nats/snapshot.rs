//! All that a bucket holds: the last message of each key.
//!
//! A consumer of a replicated bucket lives on any of its servers, and says that it has sent all when the copy there is at
//! its end, however far that copy has fallen behind. So a snapshot is whole only when its feed has come as far as the
//! bucket's leader was when the snapshot was asked for. What was acknowledged before that is in it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::bucket::{Bucket, Facts};
use super::connection::{Connection, pause};
use super::consumer::{Delivered, Feed, Step, Wanted};
use crate::error::{Error, Result, Status};

/// How long a feed that is behind the leader may bring nothing before another one is begun, on another replica perhaps.
const LAG: Duration = Duration::from_millis(500);

/// How far a feed has to come.
pub(super) struct Goal {
    subjects: String,
    /// The sequence of the leader's last message; 0 where there is one copy only.
    last: u64,
    /// The sequence up to which the feed has shown all.
    covered: u64,
    /// A message of the feed's subjects up to the last, which the leader has and the feed has not shown.
    awaited: u64,
}

impl Goal {
    /// What the leader had when it was asked for these facts.
    pub fn new(facts: &Facts, subjects: String) -> Goal {
        let last = if facts.replicas > 1 { facts.last_sequence } else { 0 };
        Goal { subjects, last, covered: 0, awaited: 0 }
    }

    /// Notes what the feed has shown.
    pub fn note(&mut self, sequence: u64) {
        self.covered = self.covered.max(sequence);
    }

    /// Forgets what the leader said of a message that is still to come: it may have been removed.
    pub fn look_again(&mut self) {
        self.awaited = 0;
    }

    /// Whether a feed that has nothing more has come far enough. The last message may be of other subjects, or gone; then
    /// the leader knows whether the feed lacks any.
    ///
    /// # Errors
    ///
    /// As [`Bucket::next_of`].
    pub async fn is_reached(&mut self, connection: &Arc<Connection>, bucket: &Bucket, end: Instant) -> Result<bool> {
        if self.covered >= self.last {
            return Ok(true);
        }
        if self.covered < self.awaited {
            return Ok(false);
        }
        let next = bucket.next_of(connection, &self.subjects, self.covered.saturating_add(1), end).await?;
        match next.filter(|next| *next <= self.last) {
            Some(next) => self.awaited = next,
            None => self.covered = self.last,
        }
        Ok(self.covered >= self.last)
    }

    fn begin_again(&mut self) {
        (self.covered, self.awaited) = (0, 0);
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
        // Its copy is behind, and may catch up at once or never.
        let patience = if has_all { end.min(Instant::now() + LAG) } else { end };
        let step = match tokio::time::timeout_at(patience, feed.next()).await {
            Ok(step) => step,
            Err(_) if Instant::now() < end => return Ok(false),
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
