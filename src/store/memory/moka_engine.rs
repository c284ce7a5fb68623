//! moka's cache as the engine: TinyLFU as its authors keep it, for those who want that one.
//!
//! The semantics are those of the own engine as far as moka lets them be; [`Engine::describe`] tells what differs:
//! moka decides itself when it evicts and expires, and whether a new record is worth another's place. Every write of a
//! key holds the key's stripe of [`Writers`], so conditions, revisions and events of writes are exact; moka tells of
//! evictions and expiries when it comes to them.

use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use moka::Equivalent;
use moka::notification::RemovalCause;
use moka::sync::Cache;
use serde_json::{Value, json};

use super::budget::{Budget, Cost};
use super::engine::{Engine, Look, closed};
use super::hash::Hasher;
use super::sharded::new_deadline;
use super::sweeper::{self, Sweep};
use super::watcher::{Watcher, Watchers};
use crate::clock;
use crate::error::{Error, Result};
use crate::store::event::EventKind;
use crate::store::options::{Condition, Lifetime, Outcome, WatchOptions};
use crate::store::record::{Parts, Record};
use crate::store::statistics::Statistics;
use crate::sync::{Mutex, RwLock};

const STRIPES: usize = 64;
/// Writes that may be under way at once; so many entries before the bound they begin to go one by one.
const MARGIN: u64 = 64;
/// How often moka is asked to make room before a write goes on.
const ATTEMPTS: usize = 8;
/// moka's own timers are about this coarse.
const SWEEP_PERIOD_MS: u64 = 1000;

/// A record's identity, owned.
struct Identity {
    table: u32,
    key: Box<[u8]>,
}

/// A record's identity, borrowed.
#[derive(Clone, Copy)]
struct Borrowed<'a> {
    table: u32,
    key: &'a [u8],
}

impl Identity {
    fn borrowed(&self) -> Borrowed<'_> {
        Borrowed { table: self.table, key: &self.key }
    }
}

impl Hash for Identity {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.borrowed().hash(state);
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Identity) -> bool {
        self.table == other.table && self.key == other.key
    }
}

impl Eq for Identity {}

impl Hash for Borrowed<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u32(self.table);
        state.write(self.key);
    }
}

impl Equivalent<Identity> for Borrowed<'_> {
    fn equivalent(&self, identity: &Identity) -> bool {
        self.table == identity.table && *self.key == *identity.key
    }
}

/// Tells moka when a record expires. It may be told too late a time, for every read looks at the record itself.
struct Expiry;

impl Expiry {
    fn left(record: &Record) -> Option<Duration> {
        let lifespan = record.lifespan_deadline();
        let max_idle = record.max_idle_ms();
        let now = clock::now_ms();
        let idle = if max_idle == 0 { clock::NEVER } else { now.saturating_add(max_idle) };
        let deadline = lifespan.min(idle);
        (deadline != clock::NEVER).then(|| Duration::from_millis(deadline.saturating_sub(now)))
    }
}

impl moka::Expiry<Identity, Record> for Expiry {
    fn expire_after_create(&self, _: &Identity, record: &Record, _: Instant) -> Option<Duration> {
        Expiry::left(record)
    }

    fn expire_after_read(
        &self,
        _: &Identity,
        record: &Record,
        _: Instant,
        before: Option<Duration>,
        _: Instant,
    ) -> Option<Duration> {
        if record.max_idle_ms() == 0 { before } else { Expiry::left(record) }
    }

    fn expire_after_update(&self, _: &Identity, record: &Record, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Expiry::left(record)
    }
}

/// What writers hold: the key's stripe, and a share of the gate that a watch closes while it takes stock.
struct Writers {
    gate: RwLock<()>,
    stripes: Box<[Mutex<()>]>,
    /// Held by a write into a full store until moka has made room.
    full: Mutex<()>,
}

#[derive(Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    puts: AtomicU64,
    removals: AtomicU64,
    evictions: AtomicU64,
    expirations: AtomicU64,
    entries: AtomicU64,
    bytes: AtomicU64,
}

/// What moka's listener shares with the engine.
#[derive(Default)]
struct Told {
    counts: Counts,
    watchers: Watchers,
}

impl Told {
    fn arrived(&self, record: &Record) {
        self.counts.entries.fetch_add(1, Ordering::Relaxed);
        self.counts.bytes.fetch_add(record.size() as u64, Ordering::Relaxed);
    }

    /// Moka lets go of a record, which happens once to each that was inserted.
    fn left(&self, record: &Record, cause: RemovalCause) {
        self.counts.entries.fetch_sub(1, Ordering::Relaxed);
        self.counts.bytes.fetch_sub(record.size() as u64, Ordering::Relaxed);
        match cause {
            RemovalCause::Size => {
                add(&self.counts.evictions);
                self.tell(EventKind::Evicted, record);
            }
            RemovalCause::Expired => {
                add(&self.counts.expirations);
                self.tell(EventKind::Expired, record);
            }
            // The caller's own doing, counted and told there.
            RemovalCause::Explicit | RemovalCause::Replaced => {}
        }
    }

    fn tell(&self, kind: EventKind, record: &Record) {
        if self.watchers.any() {
            // No spinning lock is held here.
            drop(self.watchers.tell(0, 0, kind, record));
        }
    }
}

/// moka as the engine.
pub(super) struct MokaEngine {
    cache: Cache<Identity, Record>,
    told: Arc<Told>,
    writers: Writers,
    hasher: Hasher,
    /// Only for the refusal of what is larger than the bound.
    budget: Budget,
    max_entries: Option<u64>,
    max_bytes: Option<u64>,
    revision: AtomicU64,
    closed: AtomicBool,
    is_swept: AtomicBool,
    this: Weak<MokaEngine>,
}

impl MokaEngine {
    /// An empty engine.
    ///
    /// # Errors
    ///
    /// `CONFIG` when both bounds are given: moka holds one.
    pub(super) fn new(max_entries: Option<u64>, max_bytes: Option<u64>) -> Result<Arc<MokaEngine>> {
        if max_entries.is_some() && max_bytes.is_some() {
            return Err(Error::config(
                "policy",
                "moka holds one bound: give either max_entries or max_bytes, or choose another policy",
            ));
        }
        let told = Arc::new(Told::default());
        let listener = Arc::clone(&told);
        let mut builder = Cache::builder()
            .expire_after(Expiry)
            .eviction_listener(move |_: Arc<Identity>, record: Record, cause| listener.left(&record, cause));
        if let Some(bound) = max_entries.or(max_bytes) {
            builder = builder.max_capacity(bound);
        }
        if max_bytes.is_some() {
            builder = builder.weigher(|_, record: &Record| weight(record));
        }
        let cache = builder.build();
        Ok(Arc::new_cyclic(|this| MokaEngine {
            cache,
            told,
            writers: Writers {
                gate: RwLock::new(()),
                stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(),
                full: Mutex::new(()),
            },
            hasher: Hasher::default(),
            budget: Budget::new(None, max_bytes),
            max_entries,
            max_bytes,
            revision: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            is_swept: AtomicBool::new(false),
            this: Weak::clone(this),
        }))
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Relaxed) { Err(closed()) } else { Ok(()) }
    }

    /// Does `change` as the only writer of a key.
    fn exclusively<T>(&self, key: Borrowed<'_>, change: impl FnOnce() -> Result<T>) -> Result<T> {
        let _gate = self.writers.gate.read();
        let hash = self.hasher.hash(key.table, key.key) as usize;
        let _stripe = self.writers.stripes[hash % STRIPES].lock();
        self.check_open()?;
        change()
    }

    /// What is under a key and has not expired; what has expired goes.
    fn present(&self, key: Borrowed<'_>) -> Option<Record> {
        let record = self.cache.get(&key)?;
        if !record.is_expired() {
            return Some(record);
        }
        if self.cache.remove(&key).is_some() {
            add(&self.told.counts.expirations);
            self.told.tell(EventKind::Expired, &record);
        }
        None
    }

    /// Inserts, and has moka make room if it must.
    fn insert(&self, record: Record) {
        let is_nearly_full = self.is_over(MARGIN, record.size() as u64 * MARGIN);
        let _one_by_one = is_nearly_full.then(|| self.writers.full.lock());
        let deadline = record.deadline();
        self.told.arrived(&record);
        self.cache.insert(Identity { table: record.table(), key: record.key().into() }, record);
        if is_nearly_full {
            for _ in 0..ATTEMPTS {
                if !self.is_over(0, 0) {
                    break;
                }
                self.cache.run_pending_tasks();
            }
            self.evict_what_moka_left();
        }
        if deadline != clock::NEVER {
            self.have_swept(deadline);
        }
    }

    /// moka's own sum of weights has been seen to lag behind what it holds: the rest of the room is made here.
    fn evict_what_moka_left(&self) {
        if !self.is_over(0, 0) {
            return;
        }
        for (identity, record) in &self.cache {
            if !self.is_over(0, 0) {
                return;
            }
            if self.cache.remove(&identity.borrowed()).is_some() {
                add(&self.told.counts.evictions);
                self.told.tell(EventKind::Evicted, &record);
            }
        }
    }

    /// Whether so many more entries and bytes would be over the bound.
    fn is_over(&self, entries: u64, bytes: u64) -> bool {
        let held = self.told.counts.entries.load(Ordering::Relaxed);
        let over_entries = self.max_entries.is_some_and(|bound| held + entries > bound);
        let over_bytes = self.max_bytes.is_some_and(|bound| {
            let held = Cost { entries: held, bytes: self.told.counts.bytes.load(Ordering::Relaxed) };
            held.with_overhead() + bytes > bound
        });
        over_entries || over_bytes
    }

    fn have_swept(&self, deadline: u64) {
        if !self.is_swept.swap(true, Ordering::Relaxed) {
            let this: Weak<dyn Sweep> = self.this.clone();
            self.is_swept.store(sweeper::register(this), Ordering::Relaxed);
        }
        sweeper::expect(deadline);
    }

    fn write(&self, mut record: Record, condition: Condition) -> Result<Outcome> {
        let owned = record.key().to_vec();
        let key = Borrowed { table: record.table(), key: &owned };
        self.exclusively(key, || {
            let present = self.present(key);
            let revision = present.as_ref().map(Record::revision);
            match (condition, revision) {
                (Condition::IfAbsent, Some(revision)) => return Ok(Outcome::Conflict { revision }),
                (Condition::IfRevision(_), None) => return Ok(Outcome::NotFound),
                (Condition::IfRevision(expected), Some(revision)) if expected != revision => {
                    return Ok(Outcome::Conflict { revision });
                }
                _ => {}
            }
            let revision = self.revision.fetch_add(1, Ordering::Relaxed) + 1;
            record.set_revision(revision);
            add(&self.told.counts.puts);
            let kind = if present.is_some() { EventKind::Updated } else { EventKind::Created };
            self.told.tell(kind, &record);
            self.insert(record);
            Ok(Outcome::Done { revision })
        })
    }

    fn remove_present(&self, key: Borrowed<'_>, expected: Option<u64>) -> Outcome {
        let Some(record) = self.present(key) else { return Outcome::NotFound };
        let revision = record.revision();
        if expected.is_some_and(|expected| expected != revision) {
            return Outcome::Conflict { revision };
        }
        if self.cache.remove(&key).is_none() {
            // moka took it meanwhile, and has told so.
            return Outcome::NotFound;
        }
        add(&self.told.counts.removals);
        self.told.tell(EventKind::Removed, &record);
        Outcome::Done { revision }
    }

    fn touched(old: Record, lifetime: Lifetime) -> Result<Record> {
        let max_idle_ms = lifetime.max_idle.resolve_ms(old.max_idle_ms());
        let deadline = new_deadline(&old, lifetime.lifespan);
        if max_idle_ms == old.max_idle_ms() {
            old.set_lifespan_deadline(deadline);
            old.note_access();
            return Ok(old);
        }
        Record::new(Parts {
            table: old.table(),
            key: old.key(),
            value: old.value(),
            revision: old.revision(),
            deadline,
            max_idle_ms,
            metadata: &old.metadata(),
        })
    }
}

impl Engine for MokaEngine {
    fn peek(&self, table: u32, key: &[u8], visit: &mut dyn FnMut(&Record)) -> Look {
        if self.closed.load(Ordering::Relaxed) {
            return Look::Closed;
        }
        match self.cache.get(&Borrowed { table, key }) {
            Some(record) if !record.is_expired() => {
                record.note_access();
                add(&self.told.counts.hits);
                visit(&record);
                Look::Hit
            }
            _ => {
                add(&self.told.counts.misses);
                Look::Miss
            }
        }
    }

    fn find(&self, table: u32, key: &[u8]) -> Result<Option<Record>> {
        self.check_open()?;
        Ok(self.cache.get(&Borrowed { table, key }).filter(|record| !record.is_expired()))
    }

    fn put(&self, record: Record, condition: Condition) -> Result<Outcome> {
        self.check_open()?;
        self.budget.check(Cost::of(record.size()))?;
        self.write(record, condition)
    }

    fn remove(&self, table: u32, key: &[u8], revision: Option<u64>) -> Result<Outcome> {
        let key = Borrowed { table, key };
        self.exclusively(key, || Ok(self.remove_present(key, revision)))
    }

    fn touch(&self, table: u32, key: &[u8], lifetime: Lifetime) -> Result<bool> {
        let key = Borrowed { table, key };
        self.exclusively(key, || {
            let Some(old) = self.present(key) else { return Ok(false) };
            // Inserted anew, so that moka asks for its expiry again.
            self.insert(MokaEngine::touched(old, lifetime)?);
            Ok(true)
        })
    }

    fn collect(&self, table: u32, wanted: &dyn Fn(&Record) -> bool) -> Result<Vec<Record>> {
        self.check_open()?;
        let records = self.cache.iter().map(|(_, record)| record);
        Ok(records.filter(|record| record.table() == table && wanted(record) && !record.is_expired()).collect())
    }

    fn clear(&self, table: u32) -> Result<u64> {
        let mut removed = 0;
        // What has expired is told as such on the way.
        let all: Vec<Record> = self.cache.iter().map(|(_, record)| record).collect();
        for record in all.iter().filter(|record| record.table() == table) {
            let outcome = self.remove(table, record.key(), None)?;
            removed += u64::from(matches!(outcome, Outcome::Done { .. }));
        }
        self.check_open()?;
        Ok(removed)
    }

    fn size(&self, table: u32) -> Result<u64> {
        Ok(self.collect(table, &|_| true)?.len() as u64)
    }

    fn watcher(&self, table: u32, options: &WatchOptions) -> Watcher {
        Watcher::new(table, options, 1)
    }

    fn watch(&self, watcher: &Arc<Watcher>) -> Result<()> {
        let _gate = self.writers.gate.write();
        self.check_open()?;
        watcher.take_stock_at(clock::now_ms());
        self.told.watchers.add(watcher);
        let Some((_, told)) = watcher.telling() else { return Ok(()) };
        told[0].store(u32::MAX, Ordering::Relaxed);
        for (_, record) in &self.cache {
            if watcher.wants(&record) && watcher.has_announced(&record) {
                watcher.tell_initial(&record);
            }
        }
        watcher.tell_current();
        Ok(())
    }

    fn tell_existing(&self, _watcher: &Watcher) -> bool {
        false
    }

    fn unwatch(&self, watcher: &Arc<Watcher>) {
        self.told.watchers.remove(watcher);
    }

    fn statistics(&self) -> Statistics {
        let counts = &self.told.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Statistics {
            hits: read(&counts.hits),
            misses: read(&counts.misses),
            puts: read(&counts.puts),
            removals: read(&counts.removals),
            evictions: read(&counts.evictions),
            expirations: read(&counts.expirations),
            entries: read(&counts.entries),
            bytes: read(&counts.bytes),
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn close(&self) {
        let _gate = self.writers.gate.write();
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        self.told.watchers.close();
        self.cache.invalidate_all();
        self.cache.run_pending_tasks();
    }

    fn describe(&self) -> Value {
        json!({
            "engine": "moka",
            "policy": "moka",
            "max_entries": self.max_entries,
            "max_bytes": self.max_bytes,
            "limits": [
                "moka may hold one record over the bound for the moment in which it chooses what goes",
                "moka may choose a new record itself to go, so that a put is followed by a miss",
                "events of evictions and expiries come when moka gets to them: within about two seconds, and possibly \
                 after the event of the key's next write",
                "a watch that begins with what is there keeps writers waiting while it takes stock",
                "size, list and clear look at every record of the backend",
                "not to be used in a forked child: the locks inside moka keep a table of the process, which the child \
                 inherits with threads in it that do not exist there"
            ],
        })
    }
}

impl Sweep for MokaEngine {
    fn sweep(&self, now: u64) -> u64 {
        self.cache.run_pending_tasks();
        if self.told.counts.entries.load(Ordering::Relaxed) == 0 { clock::NEVER } else { now + SWEEP_PERIOD_MS }
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

fn weight(record: &Record) -> u32 {
    u32::try_from(Cost::of(record.size()).bytes).unwrap_or(u32::MAX)
}
