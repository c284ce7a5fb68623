//! What a watch tells.

use super::record::Record;
use super::reply::Reply;

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum EventKind {
    /// It is new, or it was there when the watch began.
    Created = 1,
    /// It was written over.
    Updated = 2,
    /// It was removed by a caller.
    Removed = 3,
    /// Its lifespan or max-idle ended.
    Expired = 4,
    /// The store made room.
    Evicted = 5,
    /// All that was there when the watch began has been told; what follows are changes.
    Current = 6,
    /// The reader was too slow: as many events as `lost` says were dropped.
    Lost = 7,
}

/// One event of a watch. Events of one key come in the order in which they happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The record as written; for removed, expired and evicted ones as it last was. `None` for current and lost.
    pub record: Option<Record>,
    /// How many events were dropped, for [`EventKind::Lost`].
    pub lost: u64,
    /// Whether this tells what was there when the watch began.
    pub initial: bool,
}

impl Event {
    /// An event about a record.
    pub fn of(kind: EventKind, record: Record) -> Event {
        Event { kind, record: Some(record), lost: 0, initial: false }
    }
}

/// A stream of events. Dropping it, or closing it, ends it.
pub trait Watch: Send + Sync {
    /// The next events, at least one and at most `most`; an empty answer means that the watch was closed.
    /// Waits until there is one. Cancel-safe: an answer that was not taken is given again.
    fn next(&self, most: usize) -> Reply<Vec<Event>>;

    /// Ends the watch: a waiting `next` answers with nothing.
    fn close(&self);
}

/// Reads a large store page by page, in the order of the keys.
pub trait Cursor: Send + Sync {
    /// The next records, at most `most`; an empty answer is the end. A record that went away since the cursor was
    /// opened is left out; one that came since may be.
    fn next(&self, most: usize) -> Reply<Vec<Record>>;
}
