//! Stores: one trait, and its implementations.
//!
//! A [`Backend`] is what a `[stores.<name>]` section of the configuration opens: an engine, or a connection. It gives a
//! [`Store`] for each database and table, and those are exactly isolated from one another whatever bytes a key holds.
//!
//! What needs no input or output is answered at once ([`Reply::Ready`]) on the caller's thread; the rest is a future
//! that the runtime drives. A caller that must not wait asks with [`Store::peek`], which only answers from memory.

pub mod event;
pub mod fault;
pub mod format;
pub mod given;
pub mod memory;
pub mod metadata;
pub mod nats;
pub mod noop;
pub mod open;
pub mod options;
pub mod record;
pub mod redis;
pub mod remote;
pub mod reply;
pub mod statistics;

use std::sync::Arc;
use std::time::SystemTime;

use crate::error::Result;
use event::{Cursor, Watch};
use given::Given;
use options::{Entry, Lifetime, ListOptions, Outcome, PutOptions, WatchOptions};
use record::Record;
use reply::Reply;
use statistics::Statistics;

/// What a look into memory found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The record is there and was shown.
    Hit,
    /// There is none.
    Miss,
    /// Memory does not know; ask with [`Store::get`].
    Unknown,
}

/// An engine or a connection that holds stores by database and table.
pub trait Backend: Send + Sync {
    /// The type's name, as the configuration calls it.
    fn kind(&self) -> &'static str;

    /// The store of a database and table, made when it is first asked for.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for names that the engine cannot hold, `CLOSED` after [`Backend::close`].
    fn open(&self, database: &str, table: &str) -> Result<Arc<dyn Store>>;

    /// Whether [`Backend::open`] would take these names, so that a configuration is refused for them when it is read.
    ///
    /// # Errors
    ///
    /// As [`Backend::open`].
    fn check_place(&self, database: &str, table: &str) -> Result<()> {
        self.open(database, table).map(drop)
    }

    /// Ends it: each later call on its stores answers `CLOSED`, its watches end. Idempotent.
    fn close(&self) -> Reply<()>;
}

/// The records of one database and table.
///
/// Arguments are borrowed for the call only. No method panics on any input, and none holds a lock when it returns.
/// A record that has expired is never shown by any of them.
pub trait Store: Send + Sync {
    /// The type's name, as the configuration calls it.
    fn kind(&self) -> &'static str;

    /// Whether every reply of this store but those of a watch is [`Reply::Ready`].
    fn is_immediate(&self) -> bool;

    /// Looks into memory only; shows a hit to `visit` while the record is pinned. Allocates nothing. `visit` must be
    /// short, must not call the store, and should copy no more than a few KiB: it may run under a lock. For more it
    /// clones the record and copies afterwards.
    ///
    /// # Errors
    ///
    /// `CLOSED`.
    fn peek(&self, key: &[u8], visit: &mut dyn FnMut(&Record)) -> Result<Lookup>;

    /// As [`Store::peek`] for many keys: shows each hit with the place of its key, in the order of the keys. Allocates
    /// nothing. Says whether memory knew of every key; of those that it did not, ask with [`Store::get_many`].
    ///
    /// # Errors
    ///
    /// `CLOSED`.
    fn peek_many(&self, keys: &[&[u8]], visit: &mut dyn FnMut(usize, &Record)) -> Result<bool> {
        let mut knows_all = true;
        for (place, key) in keys.iter().enumerate() {
            knows_all &= self.peek(key, &mut |record| visit(place, record))? != Lookup::Unknown;
        }
        Ok(knows_all)
    }

    /// The record under `key`.
    fn get(&self, key: &[u8]) -> Reply<Option<Record>>;

    /// The records under `keys`, in their order, `None` where there is none.
    fn get_many(&self, keys: &[&[u8]]) -> Reply<Vec<Option<Record>>>;

    /// As [`Store::get`], for whoever needs value and revision alone: expiry and metadata of what it answers may be missing
    /// where the store would have to ask for them.
    fn get_value(&self, key: &[u8]) -> Reply<Option<Record>> {
        self.get(key)
    }

    /// As [`Store::get_many`], with what [`Store::get_value`] says.
    fn get_values(&self, keys: &[&[u8]]) -> Reply<Vec<Option<Record>>> {
        self.get_many(keys)
    }

    /// Whether there is a record under `key`; restarts its max-idle clock no more than [`Store::list`] does.
    fn contains(&self, key: &[u8]) -> Reply<bool>;

    /// Writes a record, if its condition holds.
    fn put(&self, key: &[u8], value: &[u8], options: &PutOptions) -> Reply<Outcome>;

    /// As [`Store::put`], with a value that a store may not have to copy.
    fn put_given(&self, key: &[u8], value: Given<'_>, options: &PutOptions) -> Reply<Outcome> {
        self.put(key, &value, options)
    }

    /// Writes many records, each by its own condition; the outcomes in their order. Not one transaction: an error of
    /// one record is in its place, and the others are written.
    fn put_many(&self, entries: &[Entry<'_>]) -> Reply<Vec<Result<Outcome>>>;

    /// Removes the record under `key`; with `revision` only if it has that one.
    fn remove(&self, key: &[u8], revision: Option<u64>) -> Reply<Outcome>;

    /// Removes the records under `keys`; says how many there were.
    fn remove_many(&self, keys: &[&[u8]]) -> Reply<u64>;

    /// Restarts the max-idle clock of the record under `key` and gives it the terms in `lifetime` that are not
    /// [`Term::Default`](options::Term::Default), counted from now. Value and revision stay. Says whether there was one.
    fn touch(&self, key: &[u8], lifetime: Lifetime) -> Reply<bool>;

    /// The records that pass the filter, sorted by key.
    fn list(&self, options: &ListOptions) -> Reply<Vec<Record>>;

    /// The same page by page, for what is too large for one answer. `offset` and `limit` count over all pages.
    fn cursor(&self, options: &ListOptions) -> Reply<Box<dyn Cursor>>;

    /// Removes every record of this database and table; says how many there were. Watches see each as removed.
    fn clear(&self) -> Reply<u64>;

    /// How many records there are.
    fn size(&self) -> Reply<u64>;

    /// Begins to watch.
    fn watch(&self, options: &WatchOptions) -> Reply<Arc<dyn Watch>>;

    /// What was counted, for the whole backend that holds this store.
    fn statistics(&self) -> Reply<Statistics>;

    /// Whether the store answers: `Ok` when it does.
    fn ping(&self) -> Reply<()>;

    /// What the clock of the server shows that holds the records; `None` where no server does, or it does not tell.
    fn server_time(&self) -> Reply<Option<SystemTime>> {
        Reply::Ready(Ok(None))
    }

    /// What the store is and what it can do, as a JSON object; no secret is in it.
    fn describe(&self) -> serde_json::Value;
}
