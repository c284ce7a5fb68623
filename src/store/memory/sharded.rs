//! Larder's own engine: shards, each with its lock, index, slab and policy, over one budget.
//!
//! A get takes one shared lock, one line of the index, one of the slab and the record. A put builds its record before it
//! takes the lock, swaps a pointer under it and frees what it replaced after it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use serde_json::{Value, json};

use super::blocks;
use super::budget::{Budget, Cost, Credit};
use super::engine::{Engine, Look, closed};
use super::hash::Hasher;
use super::lock::Lock;
use super::policy::PolicyKind;
use super::shard::{Core, Discard, NO_DEADLINE, SLOTS_PER_HOLD, Shard, Site, Step, Write, WriteKind};
use super::sweeper::{self, Sweep};
use super::watcher::{Watcher, Watchers};
use crate::clock;
use crate::error::Result;
use crate::store::options::{Condition, Lifetime, Outcome, Term, WatchOptions};
use crate::store::record::{Parts, Record};
use crate::store::statistics::Statistics;
use crate::sync::Mutex;

/// The most shards that a store has unless it is told.
const SHARDS: u64 = 64;
/// A store gets another shard for as many entries of its bound.
const ENTRIES_PER_SHARD: u64 = 2048;
/// A store that is bounded by bytes only gets another shard for as many.
const BYTES_PER_SHARD: u64 = 4 << 20;
/// How often a shard is counted at most where evictions never pause.
const COUNTS_AT_MOST: u32 = 64;
/// Keys that one step of a bulk get looks ahead.
const LOOKAHEAD: usize = 32;
/// With more bytes of records than these a bulk get has them fetched ahead: about what a processor caches near itself.
const CACHED_BYTES: u64 = 1 << 20;

/// What the engine is made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) max_entries: Option<u64>,
    pub(super) max_bytes: Option<u64>,
    pub(super) policy: PolicyKind,
    pub(super) shards: Option<usize>,
}

impl Plan {
    fn shards(&self) -> usize {
        if let Some(shards) = self.shards {
            return shards.next_power_of_two();
        }
        let wanted = match (self.max_entries, self.max_bytes) {
            (None, None) => SHARDS,
            (Some(entries), _) => entries / ENTRIES_PER_SHARD,
            (None, Some(bytes)) => bytes / BYTES_PER_SHARD,
        };
        let wanted = wanted.clamp(1, SHARDS);
        1 << wanted.ilog2()
    }
}

/// Larder's own engine.
pub(super) struct Sharded {
    shards: Box<[Shard]>,
    /// How far to the right a hash is shifted to give its shard.
    shift: u32,
    site: Site,
    plan: Plan,
    closed: AtomicBool,
    /// Held by a write that has to gather room from several shards, so that two of them do not starve each other.
    gathering: Mutex<()>,
    /// The shard that such a write asks first.
    victim: AtomicUsize,
    is_swept: AtomicBool,
    this: Weak<Sharded>,
}

impl Sharded {
    /// An empty engine.
    pub(super) fn new(plan: Plan) -> Arc<Sharded> {
        let count = plan.shards();
        let epoch = clock::now_ms();
        let share = |bound: u64| bound.div_ceil(count as u64);
        let weighs_bytes = plan.max_entries.is_none();
        let capacity = plan.max_entries.or(plan.max_bytes).map(share);
        let mut policies = capacity.map_or(Vec::new(), |capacity| plan.policy.build_all(capacity, count)).into_iter();
        let make = |number| {
            let policy = policies.next();
            Shard {
                core: Lock::new(Core::new(number, epoch, plan.max_entries.map(share), weighs_bytes, policy)),
                earliest: AtomicU32::new(NO_DEADLINE),
            }
        };
        Arc::new_cyclic(|this| Sharded {
            shards: (0..count).map(make).collect(),
            // Of a single shard the mask alone gives the number: a shift by 64 is none.
            shift: (64 - count.ilog2()).min(63),
            site: Site {
                hasher: Hasher::default(),
                budget: Budget::new(plan.max_entries, plan.max_bytes),
                watchers: Watchers::default(),
            },
            plan,
            closed: AtomicBool::new(false),
            gathering: Mutex::new(()),
            victim: AtomicUsize::new(0),
            is_swept: AtomicBool::new(false),
            this: Weak::clone(this),
        })
    }

    #[inline]
    fn shard_number(&self, hash: u64) -> usize {
        (hash >> self.shift) as usize & (self.shards.len() - 1)
    }

    #[inline]
    fn shard(&self, hash: u64) -> &Shard {
        &self.shards[self.shard_number(hash)]
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Relaxed) { Err(closed()) } else { Ok(()) }
    }

    #[inline]
    fn peek_hashed(&self, hash: u64, table: u32, key: &[u8], visit: &mut dyn FnMut(&Record)) -> Look {
        self.shard(hash).core.lock().peek(hash, table, key, visit)
    }

    /// Whether there is more than the processor's caches hold, as far as one shard tells.
    fn is_large(&self, hash: u64) -> bool {
        let held = self.shard(hash).core.lock().counts.bytes;
        held * self.shards.len() as u64 > CACHED_BYTES
    }

    /// Has the records of many hashes fetched: the misses of all keys overlap at each of the three steps on the way,
    /// which no single get can do, for each step needs what the one before it found.
    fn prefetch(&self, hashes: &[u64]) {
        for hash in hashes {
            self.shard(*hash).core.lock().index.prefetch(*hash);
        }
        let mut slots = [None; LOOKAHEAD];
        for (slot, hash) in slots.iter_mut().zip(hashes) {
            let core = self.shard(*hash).core.lock();
            *slot = core.index.guess(*hash);
            if let Some(slot) = *slot {
                core.slab.prefetch(slot);
            }
        }
        for (slot, hash) in slots.iter().zip(hashes) {
            if let Some(slot) = *slot {
                self.shard(*hash).core.lock().prefetch_record(slot);
            }
        }
    }

    fn write(&self, record: Record, condition: Condition, kind: WriteKind) -> Result<Outcome> {
        self.check_open()?;
        let budget = &self.site.budget;
        budget.check(Cost::of(record.size()))?;
        let hash = self.site.hasher.of(&record);
        let deadline = record.deadline();
        let mut credit = Credit::new(budget);
        let write = Write { record, hash, condition, kind };
        let outcome = match self.try_write(write, &mut credit)? {
            Step::Done(outcome) => outcome,
            Step::Full(write) => self.gather(write, &mut credit)?,
        };
        if deadline != clock::NEVER {
            self.have_swept(deadline);
        }
        Ok(outcome)
    }

    fn try_write(&self, write: Write, credit: &mut Credit<'_>) -> Result<Step> {
        let shard = self.shard(write.hash);
        let deadline = write.record.deadline();
        let mut discard = Discard::default();
        let mut core = shard.core.lock();
        let step = core.write(write, &self.site, credit, &mut discard);
        if deadline != clock::NEVER {
            shard.note_deadline(core.slab.tick(deadline));
        }
        drop(core);
        step
    }

    /// Writes what its own shard had no room for: takes room from all shards in turn, a few records of each at a time.
    fn gather(&self, mut write: Write, credit: &mut Credit<'_>) -> Result<Outcome> {
        // Whoever waits here holds nothing: credit in the hands of those who wait would be missing for ever to the one
        // who gathers.
        credit.give_back();
        let _alone = self.gathering.lock();
        let own = self.shard_number(write.hash);
        loop {
            write = match self.try_write(write, credit)? {
                Step::Done(outcome) => return Ok(outcome),
                Step::Full(write) => write,
            };
            self.take_room(own, credit);
        }
    }

    /// Takes the room of a record or more from some shard, if any holds one. The write's own shard gave what it had.
    fn take_room(&self, own: usize, credit: &mut Credit<'_>) {
        for _ in 0..self.shards.len() {
            let number = self.victim.fetch_add(1, Ordering::Relaxed) % self.shards.len();
            if number == own {
                continue;
            }
            let mut discard = Discard::default();
            let mut core = self.shards[number].core.lock();
            if let Some(earned) = core.evict(None, &self.site, &mut discard) {
                credit.earn(earned);
                return;
            }
        }
        // Every record is in the hands of writes that are about to publish theirs.
        std::thread::yield_now();
    }

    /// Has the sweeper come when `deadline` has passed.
    fn have_swept(&self, deadline: u64) {
        if !self.is_swept.load(Ordering::Relaxed) && !self.is_swept.swap(true, Ordering::Relaxed) {
            let this: Weak<dyn Sweep> = self.this.clone();
            self.is_swept.store(sweeper::register(this), Ordering::Relaxed);
        }
        sweeper::expect(deadline);
    }

    fn touch_in_place(&self, hash: u64, table: u32, key: &[u8], lifespan: Term) -> Result<bool> {
        let shard = self.shard(hash);
        let mut core = shard.core.lock();
        if core.closed {
            return Err(closed());
        }
        let Some((slot, record)) = core.find(hash, table, key) else { return Ok(false) };
        if record.is_expired() {
            return Ok(false);
        }
        let record = record.clone();
        let lifespan_deadline = new_deadline(&record, lifespan);
        core.slab.reserve_deadline(slot, lifespan_deadline)?;
        record.set_lifespan_deadline(lifespan_deadline);
        record.note_access();
        let deadline = record.deadline();
        core.slab.set_deadline(slot, deadline);
        if deadline != clock::NEVER {
            shard.note_deadline(core.slab.tick(deadline));
            self.have_swept(deadline);
        }
        Ok(true)
    }

    /// Records of a table that have expired and were not swept yet.
    fn expired(&self, shard: &Shard, table: u32) -> u64 {
        let now = clock::now_ms();
        let mut count = 0;
        let mut chunk = 0;
        loop {
            let core = shard.core.lock();
            // One tick further than what has surely passed, for records that expired within the present tick.
            let passed = core.slab.passed(now) + 1;
            let Some(due) = core.slab.due_chunk(chunk, passed) else { return count };
            let records = core.slab.due_slots(due, 0, passed).filter_map(|slot| core.slab.get(slot));
            count += records.filter(|record| record.table() == table && record.deadline() <= now).count() as u64;
            chunk = due + 1;
        }
    }

    /// Records of a table in a shard that have not expired.
    fn living(&self, shard: &Shard, table: u32) -> u64 {
        let mut attempts = 0;
        loop {
            let left_before = shard.core.lock().counts.left_by_themselves();
            let expired = self.expired(shard, table);
            let core = shard.core.lock();
            attempts += 1;
            // What was counted as expired may have left meanwhile, and would be taken off twice.
            let is_exact = expired == 0 || core.counts.left_by_themselves() == left_before;
            if is_exact || attempts == COUNTS_AT_MOST {
                return core.table_length(table).saturating_sub(expired);
            }
        }
    }

    fn clear_shard(&self, shard: &Shard, table: u32) -> Result<u64> {
        let mut removed = 0;
        let mut next = Some(0);
        while let Some(slot) = next {
            let mut credit = Credit::new(&self.site.budget);
            let mut discard = Discard::default();
            let mut core = shard.core.lock();
            if core.closed {
                return Err(closed());
            }
            if core.table_length(table) == 0 {
                return Ok(removed);
            }
            let (rest, count) = core.clear(table, slot, &self.site, &mut credit, &mut discard);
            next = rest;
            removed += count;
        }
        Ok(removed)
    }

    fn sweep_shard(&self, shard: &Shard, now: u64) {
        let mut next = Some(0);
        while let Some(chunk) = next {
            let mut credit = Credit::new(&self.site.budget);
            let mut discard = Discard::default();
            let mut core = shard.core.lock();
            next = core.sweep(chunk, now, &self.site, &mut credit, &mut discard);
            if next.is_none() {
                shard.earliest.store(core.slab.earliest(), Ordering::Relaxed);
            }
        }
    }
}

impl Shard {
    /// Notes that there is a deadline; the caller holds the exclusive lock.
    fn note_deadline(&self, tick: u32) {
        if tick < self.earliest.load(Ordering::Relaxed) {
            self.earliest.store(tick, Ordering::Relaxed);
        }
    }
}

impl Engine for Sharded {
    #[inline]
    fn peek(&self, table: u32, key: &[u8], visit: &mut dyn FnMut(&Record)) -> Look {
        if self.closed.load(Ordering::Relaxed) {
            return Look::Closed;
        }
        self.peek_hashed(self.site.hasher.hash(table, key), table, key, visit)
    }

    fn peek_many(&self, table: u32, keys: &[&[u8]], visit: &mut dyn FnMut(usize, &Record)) -> Result<()> {
        self.check_open()?;
        // Told by a shard that is needed anyway: one and the same for all would be every reader's bottleneck.
        let is_large = keys.first().is_some_and(|key| self.is_large(self.site.hasher.hash(table, key)));
        for (turn, keys) in keys.chunks(LOOKAHEAD).enumerate() {
            let mut hashes = [0; LOOKAHEAD];
            let hashes = &mut hashes[..keys.len()];
            for (hash, key) in hashes.iter_mut().zip(keys) {
                *hash = self.site.hasher.hash(table, key);
            }
            if is_large {
                self.prefetch(hashes);
            }
            for (place, (key, hash)) in keys.iter().zip(hashes).enumerate() {
                self.peek_hashed(*hash, table, key, &mut |record| visit(turn * LOOKAHEAD + place, record));
            }
        }
        Ok(())
    }

    fn find(&self, table: u32, key: &[u8]) -> Result<Option<Record>> {
        self.check_open()?;
        let hash = self.site.hasher.hash(table, key);
        let core = self.shard(hash).core.lock();
        let found = core.find(hash, table, key).map(|(_, record)| record);
        Ok(found.filter(|record| !record.is_expired()).cloned())
    }

    fn put(&self, record: Record, condition: Condition) -> Result<Outcome> {
        self.write(record, condition, WriteKind::Put)
    }

    fn remove(&self, table: u32, key: &[u8], revision: Option<u64>) -> Result<Outcome> {
        self.check_open()?;
        let hash = self.site.hasher.hash(table, key);
        let mut credit = Credit::new(&self.site.budget);
        let mut discard = Discard::default();
        let mut core = self.shard(hash).core.lock();
        core.remove((hash, table, key), revision, &self.site, &mut credit, &mut discard)
    }

    fn touch(&self, table: u32, key: &[u8], lifetime: Lifetime) -> Result<bool> {
        let hash = self.site.hasher.hash(table, key);
        loop {
            let Some(old) = self.find(table, key)? else { return Ok(false) };
            let max_idle_ms = lifetime.max_idle.resolve_ms(old.max_idle_ms());
            if max_idle_ms == old.max_idle_ms() {
                return self.touch_in_place(hash, table, key, lifetime.lifespan);
            }
            let metadata = old.metadata();
            let parts = Parts {
                table,
                key,
                value: old.value(),
                revision: old.revision(),
                deadline: new_deadline(&old, lifetime.lifespan),
                max_idle_ms,
                metadata: &metadata,
            };
            let condition = Condition::IfRevision(old.revision());
            match self.write(Record::new(parts)?, condition, WriteKind::Touch)? {
                Outcome::Done { .. } => return Ok(true),
                Outcome::NotFound => return Ok(false),
                Outcome::Conflict { .. } => {}
            }
        }
    }

    fn collect(&self, table: u32, wanted: &dyn Fn(&Record) -> bool) -> Result<Vec<Record>> {
        self.check_open()?;
        let mut found = Vec::new();
        for shard in &self.shards {
            let mut slot = 0;
            loop {
                // Memory is taken before the lock.
                found.try_reserve(SLOTS_PER_HOLD as usize).map_err(|_| blocks::no_memory(found.len() * 16))?;
                let core = shard.core.lock();
                let next = slot + SLOTS_PER_HOLD;
                if core.table_length(table) == 0 {
                    break;
                }
                let records = core.slab.occupied(slot, next).map(|(_, record)| record);
                let records = records.filter(|record| record.table() == table && wanted(record));
                found.extend(records.filter(|record| !record.is_expired()).cloned());
                if next >= core.slab.end() {
                    break;
                }
                slot = next;
            }
        }
        Ok(found)
    }

    fn clear(&self, table: u32) -> Result<u64> {
        self.check_open()?;
        let mut removed = 0;
        for shard in &self.shards {
            removed += self.clear_shard(shard, table)?;
        }
        Ok(removed)
    }

    fn size(&self, table: u32) -> Result<u64> {
        self.check_open()?;
        let mut size = 0;
        for shard in &self.shards {
            size += self.living(shard, table);
        }
        Ok(size)
    }

    fn watcher(&self, table: u32, options: &WatchOptions) -> Watcher {
        Watcher::new(table, options, self.shards.len())
    }

    fn watch(&self, watcher: &Arc<Watcher>) -> Result<()> {
        self.check_open()?;
        self.site.watchers.add(watcher);
        if self.closed.load(Ordering::SeqCst) {
            self.site.watchers.close();
            return Err(closed());
        }
        Ok(())
    }

    fn tell_existing(&self, watcher: &Watcher) -> bool {
        let Some((mut number, told)) = watcher.telling() else { return false };
        let Some(shard) = self.shards.get(*number) else { return false };
        let core = shard.core.lock();
        let from = told[*number].load(Ordering::Relaxed);
        let next = from.saturating_add(SLOTS_PER_HOLD);
        for (slot, record) in core.slab.occupied(from, next) {
            if !watcher.wants(record) {
                continue;
            }
            if record.is_expired() {
                watcher.pass_over(*number, slot);
            } else {
                watcher.tell_initial(record);
            }
        }
        if next < core.slab.end() {
            told[*number].store(next, Ordering::Relaxed);
            return true;
        }
        told[*number].store(u32::MAX, Ordering::Relaxed);
        *number += 1;
        if *number == self.shards.len() {
            watcher.tell_current();
        }
        true
    }

    fn unwatch(&self, watcher: &Arc<Watcher>) {
        self.site.watchers.remove(watcher);
    }

    fn statistics(&self) -> Statistics {
        let mut sum = Statistics::default();
        let mut length = 0;
        for shard in &self.shards {
            let core = shard.core.lock();
            sum.puts += core.counts.puts;
            sum.removals += core.counts.removals;
            sum.evictions += core.counts.evictions;
            sum.expirations += core.counts.expirations;
            sum.bytes += core.counts.bytes;
            length += core.slab.len() as u64;
            sum.hits += core.counts.hits;
            sum.misses += core.counts.misses;
        }
        // The shards are read one after another, so a record that room was moved for between two could count twice; the
        // budget is one number.
        sum.entries = self.site.budget.used_entries().unwrap_or(length);
        if let Some(used) = self.site.budget.used_bytes() {
            sum.bytes = sum.bytes.min(used);
        }
        sum
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.site.watchers.close();
        for shard in &self.shards {
            let mut credit = Credit::new(&self.site.budget);
            let mut core = shard.core.lock();
            if core.closed {
                continue;
            }
            core.closed = true;
            let (held, content) = core.take_content();
            drop(core);
            credit.earn(held);
            drop(content);
        }
    }

    fn describe(&self) -> Value {
        let memory: usize = self.shards.iter().map(|shard| shard.core.lock().memory()).sum();
        let policy = self.site.budget.is_bounded().then(|| self.plan.policy.name());
        json!({
            "engine": "larder",
            "policy": policy,
            "shards": self.shards.len(),
            "max_entries": self.plan.max_entries,
            "max_bytes": self.plan.max_bytes,
            "table_bytes": memory,
        })
    }
}

impl Sweep for Sharded {
    fn sweep(&self, now: u64) -> u64 {
        let mut next = clock::NEVER;
        for shard in &self.shards {
            let (passed, earliest) = {
                let core = shard.core.lock();
                (core.slab.passed(now), core.slab.time_of(shard.earliest.load(Ordering::Relaxed)))
            };
            if shard.earliest.load(Ordering::Relaxed) <= passed {
                self.sweep_shard(shard, now);
                let core = shard.core.lock();
                next = next.min(core.slab.time_of(shard.earliest.load(Ordering::Relaxed)));
            } else {
                next = next.min(earliest);
            }
        }
        next
    }
}

/// The end of a record's lifespan that `lifespan` gives it now.
pub(super) fn new_deadline(record: &Record, lifespan: Term) -> u64 {
    match lifespan {
        Term::Default => record.lifespan_deadline(),
        _ => super::deadline_after(lifespan.resolve_ms(0)),
    }
}
