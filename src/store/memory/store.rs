//! The face of a memory engine: one database and table of it, with the backend's default lifetimes.
//!
//! Every operation but a watch's `next` is answered at once. A read counts as a hit or a miss and restarts max-idle with
//! `peek`, `get` and `get_many` only; `contains`, lists and cursors look without leaving a trace.

use std::sync::Arc;

use super::blocks;
use super::cursor::{Keys, MemoryCursor};
use super::engine::{Engine, Look, closed};
use super::watcher::MemoryWatch;
use crate::error::{Error, Result, Status};
use crate::store::event::{Cursor, Watch};
use crate::store::options::{Durability, Entry, Lifetime, ListOptions, Outcome, Projection, PutOptions, WatchOptions};
use crate::store::record::{Metadata, Parts, Record};
use crate::store::reply::Reply;
use crate::store::statistics::Statistics;
use crate::store::{Lookup, Store};

/// The type's name in a configuration.
pub(super) const KIND: &str = "memory";

/// How long records live whose writes do not say, in milliseconds; 0 for without end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Defaults {
    pub(super) lifespan_ms: u64,
    pub(super) max_idle_ms: u64,
}

/// The records of one database and table of a memory backend.
#[allow(private_bounds, reason = "engines are chosen by configuration; nobody else implements one")]
pub struct MemoryStore<E: Engine> {
    engine: Arc<E>,
    table: u32,
    defaults: Defaults,
}

#[allow(private_bounds, reason = "as above")]
impl<E: Engine> MemoryStore<E> {
    pub(super) fn new(engine: Arc<E>, table: u32, defaults: Defaults) -> MemoryStore<E> {
        MemoryStore { engine, table, defaults }
    }

    fn write(&self, key: &[u8], value: &[u8], options: &PutOptions) -> Result<Outcome> {
        if !matches!(options.durability, Durability::Default | Durability::None) {
            return Err(self.no_replicas());
        }
        let lifespan_ms = options.lifetime.lifespan.resolve_ms(self.defaults.lifespan_ms);
        let record = Record::new(Parts {
            table: self.table,
            key,
            value,
            revision: 0,
            deadline: super::deadline_after(lifespan_ms),
            max_idle_ms: options.lifetime.max_idle.resolve_ms(self.defaults.max_idle_ms),
            metadata: &options.metadata,
        })?;
        self.engine.put(record, options.condition)
    }

    #[cold]
    fn no_replicas(&self) -> Error {
        if self.engine.is_closed() {
            return closed();
        }
        let text = "a store in this process has no replicas; write with the default, or with none";
        Error::new(Status::UNSUPPORTED, "durability", text)
    }

    fn look(&self, key: &[u8]) -> Result<Option<Record>> {
        let mut found = None;
        match self.engine.peek(self.table, key, &mut |record| found = Some(record.clone())) {
            Look::Closed => Err(closed()),
            _ => Ok(found),
        }
    }

    fn look_at_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Record>>> {
        let mut found = Vec::new();
        found.try_reserve_exact(keys.len()).map_err(|_| blocks::no_memory(size_of::<Record>() * keys.len()))?;
        found.resize(keys.len(), None);
        self.engine.peek_many(self.table, keys, &mut |place, record| found[place] = Some(record.clone()))?;
        Ok(found)
    }

    fn sorted(&self, options: &ListOptions) -> Result<Vec<Record>> {
        let mut records = self.engine.collect(self.table, &|record| options.matches(record.key()))?;
        // Of a key that was written meanwhile the last revision stays.
        records.sort_unstable_by(|a, b| a.key().cmp(b.key()).then(b.revision().cmp(&a.revision())));
        records.dedup_by(|later, kept| later.key() == kept.key());
        // Sorting many takes its time.
        records.retain(|record| !record.is_expired());
        records.drain(..options.offset.min(records.len()));
        Ok(records)
    }

    fn page(&self, options: &ListOptions) -> Result<Vec<Record>> {
        let mut records = self.sorted(options)?;
        if options.limit != 0 {
            records.truncate(options.limit);
        }
        records.into_iter().map(|record| project(record, options.projection)).collect()
    }

    fn open_cursor(&self, options: &ListOptions) -> Result<Box<dyn Cursor>> {
        let records = self.sorted(options)?;
        let engine = Arc::clone(&self.engine);
        let keys = Keys::of(&records)?;
        Ok(Box::new(MemoryCursor::new(engine, self.table, keys, options.limit, options.projection)))
    }

    fn begin_watch(&self, options: &WatchOptions) -> Result<Arc<dyn Watch>> {
        let watcher = self.engine.watcher(self.table, options);
        Ok(Arc::new(MemoryWatch::begin(&self.engine, watcher)?))
    }
}

impl<E: Engine> Store for MemoryStore<E> {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn is_immediate(&self) -> bool {
        true
    }

    fn peek(&self, key: &[u8], visit: &mut dyn FnMut(&Record)) -> Result<Lookup> {
        match self.engine.peek(self.table, key, visit) {
            Look::Hit => Ok(Lookup::Hit),
            Look::Miss => Ok(Lookup::Miss),
            Look::Closed => Err(closed()),
        }
    }

    fn peek_many(&self, keys: &[&[u8]], visit: &mut dyn FnMut(usize, &Record)) -> Result<bool> {
        self.engine.peek_many(self.table, keys, visit)?;
        Ok(true)
    }

    fn get(&self, key: &[u8]) -> Reply<Option<Record>> {
        Reply::Ready(self.look(key))
    }

    fn get_many(&self, keys: &[&[u8]]) -> Reply<Vec<Option<Record>>> {
        Reply::Ready(self.look_at_many(keys))
    }

    fn contains(&self, key: &[u8]) -> Reply<bool> {
        Reply::Ready(self.engine.find(self.table, key).map(|found| found.is_some()))
    }

    fn put(&self, key: &[u8], value: &[u8], options: &PutOptions) -> Reply<Outcome> {
        Reply::Ready(self.write(key, value, options))
    }

    fn put_many(&self, entries: &[Entry<'_>]) -> Reply<Vec<Result<Outcome>>> {
        if self.engine.is_closed() {
            return Reply::Ready(Err(closed()));
        }
        let write = |entry: &Entry<'_>| self.write(entry.key, entry.value, &entry.options);
        Reply::Ready(Ok(entries.iter().map(write).collect()))
    }

    fn remove(&self, key: &[u8], revision: Option<u64>) -> Reply<Outcome> {
        Reply::Ready(self.engine.remove(self.table, key, revision))
    }

    fn remove_many(&self, keys: &[&[u8]]) -> Reply<u64> {
        let mut removed = 0;
        for key in keys {
            match self.engine.remove(self.table, key, None) {
                Ok(Outcome::Done { .. }) => removed += 1,
                Ok(_) => {}
                Err(error) => return Reply::Ready(Err(error)),
            }
        }
        Reply::Ready(Ok(removed))
    }

    fn touch(&self, key: &[u8], lifetime: Lifetime) -> Reply<bool> {
        Reply::Ready(self.engine.touch(self.table, key, lifetime))
    }

    fn list(&self, options: &ListOptions) -> Reply<Vec<Record>> {
        Reply::Ready(self.page(options))
    }

    fn cursor(&self, options: &ListOptions) -> Reply<Box<dyn Cursor>> {
        Reply::Ready(self.open_cursor(options))
    }

    fn clear(&self) -> Reply<u64> {
        Reply::Ready(self.engine.clear(self.table))
    }

    fn size(&self) -> Reply<u64> {
        Reply::Ready(self.engine.size(self.table))
    }

    fn watch(&self, options: &WatchOptions) -> Reply<Arc<dyn Watch>> {
        Reply::Ready(self.begin_watch(options))
    }

    fn statistics(&self) -> Reply<Statistics> {
        if self.engine.is_closed() {
            return Reply::Ready(Err(closed()));
        }
        Reply::Ready(Ok(self.engine.statistics()))
    }

    fn ping(&self) -> Reply<()> {
        if self.engine.is_closed() {
            return Reply::Ready(Err(closed()));
        }
        Reply::Ready(Ok(()))
    }

    fn describe(&self) -> serde_json::Value {
        let mut description = self.engine.describe();
        description["type"] = KIND.into();
        description["lifespan_ms"] = (self.defaults.lifespan_ms != 0).then_some(self.defaults.lifespan_ms).into();
        description["max_idle_ms"] = (self.defaults.max_idle_ms != 0).then_some(self.defaults.max_idle_ms).into();
        description
    }
}

/// What a list shows of a record: all of it, or a copy without value and metadata.
pub(super) fn project(record: Record, projection: Projection) -> Result<Record> {
    if projection == Projection::Records {
        return Ok(record);
    }
    let copy = Record::new(Parts {
        table: record.table(),
        key: record.key(),
        value: &[],
        revision: record.revision(),
        deadline: record.lifespan_deadline(),
        max_idle_ms: record.max_idle_ms(),
        metadata: &Metadata::default(),
    })?;
    copy.set_last_access(record.last_access());
    Ok(copy)
}
