//! Removing the marks that removals leave in buckets that Larder created.
//!
//! A mark tells watches of the removal, and is of use to nobody when it is old. Servers from 2.11 on drop it themselves, as
//! its `Nats-TTL` says. In buckets that they did not make, Larder does: a list has the old marks removed that it came by,
//! and a removal looks for them now and then, so that they do not pile up where nobody lists. By chance and not by a count:
//! so programs that remove little and end soon do their share. Buckets of others are left as they are.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::bucket::Facts;
use super::consumer::{Delivered, Start, Wanted};
use super::protocol::Mark;
use super::snapshot::snapshot;
use super::write::SharedTable;
use crate::runtime;

/// How many marks a list passes by without having the old ones removed.
const TOLERATED: usize = 64;
/// How many are removed at a time.
const MOST: usize = 1 << 16;
/// How many removals there are to one search, at least. Where the bucket holds more than four times as many messages, there
/// are a quarter as many removals as messages, so that a search costs each of them four messages.
const REMOVALS: u64 = 256;
/// How long a search may take.
const SEARCH: Duration = Duration::from_secs(60);

/// The marks that somebody came by.
pub(super) struct Marks {
    /// Since when one is old.
    before: u64,
    seen: usize,
    old: Vec<Old>,
}

struct Old {
    subject: String,
    sequence: u64,
}

impl Marks {
    /// None yet; those are old that were left longer ago than `age` by the server's clock, which has dated them. Ours may be
    /// ahead, and a watch that is away for a moment would miss what was removed meanwhile.
    pub fn new(facts: &Facts, age: Duration) -> Marks {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        Marks { before: facts.asked_unix_ms.saturating_sub(age), seen: 0, old: Vec::new() }
    }

    /// Notes a message, if it is a mark.
    pub fn note(&mut self, delivered: &Delivered) {
        let stored = &delivered.stored;
        if stored.marks.mark == Mark::None {
            return;
        }
        self.seen += 1;
        if stored.time_unix_ms < self.before && self.old.len() < MOST {
            self.old.push(Old { subject: delivered.subject.to_string(), sequence: stored.sequence });
        }
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.seen = 0;
        self.old.clear();
    }

    /// Whether there are so many that it is worth removing the old ones.
    pub fn are_many(&self) -> bool {
        self.seen > TOLERATED && !self.old.is_empty()
    }
}

/// Has old marks removed, in a task of its own.
pub(super) fn sweep(table: &SharedTable, marks: Marks) {
    begin(table, |table| purge(table, marks));
}

/// Has a removal look for old marks now and then, in a task of its own.
pub(super) fn sweep_now_and_then(table: &SharedTable, facts: &Facts) {
    let is_servers = facts.drops_messages() || !facts.is_own;
    if !is_servers && fastrand::u64(..REMOVALS.max(facts.messages / 4)) == 0 {
        begin(table, search);
    }
}

/// Runs a sweep, unless there is one.
fn begin<F>(table: &SharedTable, work: impl FnOnce(SharedTable) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let Ok(runtime) = runtime::get() else { return };
    if table.engine.is_sweeping.swap(true, Ordering::AcqRel) {
        return;
    }
    let (work, ending) = (work(Arc::clone(table)), Ending(Arc::clone(table)));
    runtime.spawn(async move {
        let _ending = ending;
        work.await;
    });
}

/// However a sweep ends, another one may begin.
struct Ending(SharedTable);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.engine.is_sweeping.store(false, Ordering::Release);
    }
}

/// Removes the old marks of all the bucket's tables.
async fn search(table: SharedTable) {
    let (connection, end) = (&table.engine.connection, Instant::now() + SEARCH);
    let Ok(Some(facts)) = table.bucket.refresh(connection, end).await else { return };
    // It may have been made anew since, by somebody else.
    if !facts.is_own {
        return;
    }
    let wanted = Wanted { filter: table.keys.all_subjects(), start: Start::LastOfEach, headers_only: true };
    let mut marks = Marks::new(&facts, table.config().marker_age);
    let each = |delivered: Option<Delivered>| match delivered {
        Some(delivered) => marks.note(&delivered),
        None => marks.clear(),
    };
    if matches!(snapshot(connection, &table.bucket, &facts, &wanted, end, each).await, Ok(true)) {
        purge(Arc::clone(&table), marks).await;
    }
}

/// Removes marks; newer messages of their keys stay.
async fn purge(table: SharedTable, marks: Marks) {
    let connection = &table.engine.connection;
    let subject = format!("$JS.API.STREAM.PURGE.{}", table.bucket.stream);
    for Old { subject: filter, sequence } in marks.old {
        // The server purges below the sequence, so a record written since is out of its reach.
        let Some(above) = sequence.checked_add(1) else { continue };
        let request = json!({ "filter": filter, "seq": above });
        if !matches!(connection.api(&subject, &request, connection.end()).await, Ok(Ok(_))) {
            return;
        }
    }
}
