//! What a memory engine does, so that stores, watches and cursors stand on any of them.

use std::sync::Arc;

use serde_json::Value;

use super::watcher::Watcher;
use crate::error::{Error, Result};
use crate::store::options::{Condition, Lifetime, Outcome, WatchOptions};
use crate::store::record::Record;
use crate::store::statistics::Statistics;

/// What a look came to. Not a `Result`: on the way of every get, the size of an error costs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// The record was shown.
    Hit,
    /// There is none.
    Miss,
    /// The engine was closed.
    Closed,
}

/// The answer of an engine that was closed.
pub(super) fn closed() -> Error {
    Error::closed("store")
}

/// Records of many tables, by table number and key, within one bound.
///
/// All methods may be called from any thread at any time; those with a `Result` answer `CLOSED` after
/// [`Engine::close`], the others answer as an empty engine does.
pub(super) trait Engine: Send + Sync + 'static {
    /// Shows the record under `key` and counts a hit or a miss.
    fn peek(&self, table: u32, key: &[u8], visit: &mut dyn FnMut(&Record)) -> Look;

    /// As [`Engine::peek`] for many keys, by the place of each key.
    fn peek_many(&self, table: u32, keys: &[&[u8]], visit: &mut dyn FnMut(usize, &Record)) -> Result<()> {
        for (place, key) in keys.iter().enumerate() {
            if self.peek(table, key, &mut |record| visit(place, record)) == Look::Closed {
                return Err(closed());
            }
        }
        Ok(())
    }

    /// The record under `key`, without counting a read or restarting its max-idle clock.
    fn find(&self, table: u32, key: &[u8]) -> Result<Option<Record>>;

    /// Writes a record that nobody else holds, if `condition` holds, and gives it its revision.
    fn put(&self, record: Record, condition: Condition) -> Result<Outcome>;

    /// Removes the record under `key`, if it has `revision` where that is given.
    fn remove(&self, table: u32, key: &[u8], revision: Option<u64>) -> Result<Outcome>;

    /// Gives the record under `key` new terms; whether there was one.
    fn touch(&self, table: u32, key: &[u8], lifetime: Lifetime) -> Result<bool>;

    /// Every record of a table that `wanted` accepts, in no order. One that is written meanwhile may come twice.
    fn collect(&self, table: u32, wanted: &dyn Fn(&Record) -> bool) -> Result<Vec<Record>>;

    /// Removes every record of a table; how many there were.
    fn clear(&self, table: u32) -> Result<u64>;

    /// How many records of a table have not expired.
    fn size(&self, table: u32) -> Result<u64>;

    /// A watcher that fits this engine.
    fn watcher(&self, table: u32, options: &WatchOptions) -> Watcher;

    /// Has `watcher` told of every change from now on.
    fn watch(&self, watcher: &Arc<Watcher>) -> Result<()>;

    /// Tells a watcher some more of what was there when it came; `false` when all was told.
    fn tell_existing(&self, watcher: &Watcher) -> bool;

    /// Stops telling `watcher`.
    fn unwatch(&self, watcher: &Arc<Watcher>);

    /// What was counted.
    fn statistics(&self) -> Statistics;

    /// Whether it was closed.
    fn is_closed(&self) -> bool;

    /// Frees the content and ends the watches. Idempotent.
    fn close(&self);

    /// What the engine is, for people, and what it cannot do.
    fn describe(&self) -> Value;
}
