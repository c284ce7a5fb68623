//! One shard: the records whose hash leads here, under one lock, and every change that can happen to one.
//!
//! Invariant, whenever the lock is free: slab, index, policy and counts know the same slots; the credit of every record
//! here has been taken from the budget.

use std::sync::atomic::AtomicU32;

use super::blocks;
use super::budget::{Budget, Cost, Credit, ENTRY_OVERHEAD};
use super::engine::{Look, closed};
use super::hash::Hasher;
use super::index::Index;
use super::lock::Lock;
use super::policy::{AnyPolicy, Policy};
use super::slab::{self, Slab};
use super::watcher::{Wakes, Watchers};
use crate::error::Result;
use crate::store::event::EventKind;
use crate::store::options::{Condition, Outcome};
use crate::store::record::Record;

/// Records removed at most under one hold of the lock by what is not an ordinary write: some 10 µs.
pub(super) const REMOVALS_PER_HOLD: usize = 8;
/// Slots looked at under one hold of the lock by what goes over all.
pub(super) const SLOTS_PER_HOLD: u32 = 64;

/// What is left of changed records, and who is to know of them: to be dropped after the lock.
#[derive(Default)]
pub(super) struct Discard {
    first: Option<Record>,
    second: Option<Record>,
    more: Vec<Record>,
    /// Watchers to be woken.
    told: Wakes,
}

impl Discard {
    fn push(&mut self, record: Option<Record>) {
        let Some(record) = record else { return };
        if self.first.is_none() {
            self.first = Some(record);
        } else if self.second.is_none() {
            self.second = Some(record);
        } else {
            self.more.push(record);
        }
    }
}

/// What a shard needs to know of the engine around it.
pub(super) struct Site {
    pub(super) hasher: Hasher,
    pub(super) budget: Budget,
    pub(super) watchers: Watchers,
}

/// A write on its way to a shard.
pub(super) struct Write {
    pub(super) record: Record,
    pub(super) hash: u64,
    pub(super) condition: Condition,
    pub(super) kind: WriteKind,
}

/// Whether a write is a caller's put, or the same record with other terms.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteKind {
    Put,
    Touch,
}

/// What came of an attempt to write.
pub(super) enum Step {
    Done(Outcome),
    /// Room is lacking, and this shard has none to give within one hold of the lock.
    Full(Write),
}

/// A shard and what is counted beside its lock.
#[repr(align(128))]
pub(super) struct Shard {
    pub(super) core: Lock<Core>,
    /// No coarse deadline here comes before this one.
    pub(super) earliest: AtomicU32,
}

/// What is counted under the lock.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) puts: u64,
    pub(super) removals: u64,
    pub(super) evictions: u64,
    pub(super) expirations: u64,
    /// Sizes of the records held now.
    pub(super) bytes: u64,
}

impl Counts {
    /// Records that left without a caller's removing them, so far.
    pub(super) fn left_by_themselves(&self) -> u64 {
        self.expirations + self.evictions
    }
}

/// What the lock guards.
pub(super) struct Core {
    pub(super) index: Index,
    pub(super) slab: Slab,
    pub(super) policy: Option<AnyPolicy>,
    number: usize,
    weighs_bytes: bool,
    revision: u64,
    /// Records held, by table number.
    tables: Vec<u32>,
    pub(super) counts: Counts,
    pub(super) closed: bool,
}

impl Core {
    /// An empty shard of that number, made for as many entries as are expected.
    pub(super) fn new(
        number: usize,
        epoch: u64,
        expected: Option<u64>,
        weighs_bytes: bool,
        policy: Option<AnyPolicy>,
    ) -> Core {
        Core {
            index: Index::new(expected),
            slab: Slab::new(epoch),
            policy,
            number,
            weighs_bytes,
            revision: 0,
            tables: Vec::new(),
            counts: Counts::default(),
            closed: false,
        }
    }

    /// The slot and record under a key, expired or not.
    #[inline(always)]
    pub(super) fn find(&self, hash: u64, table: u32, key: &[u8]) -> Option<(u32, &Record)> {
        self.find_with(hash, table, key, |_| {})
    }

    /// As [`Core::find`]; `seen` is told each slot that is looked at, before its record has come from memory.
    #[inline(always)]
    fn find_with(&self, hash: u64, table: u32, key: &[u8], seen: impl Fn(u32)) -> Option<(u32, &Record)> {
        let mut found = None;
        self.index.find(hash, |slot| {
            seen(slot);
            let Some(record) = self.slab.get(slot) else { return false };
            record.prefetch();
            let same = record.table() == table && is_same(record.key(), key);
            if same {
                found = Some((slot, record));
            }
            same
        });
        found
    }

    /// Has the processor fetch the record that is probably meant, once its slot is at hand.
    #[inline]
    pub(super) fn prefetch_record(&self, slot: u32) {
        if let Some(record) = self.slab.get(slot) {
            record.prefetch();
        }
    }

    /// Shows the record under a key, and counts the read.
    #[inline]
    pub(super) fn peek(&mut self, hash: u64, table: u32, key: &[u8], visit: &mut dyn FnMut(&Record)) -> Look {
        if let Some((slot, record)) = self.find(hash, table, key)
            && !record.is_expired()
        {
            record.note_access();
            if let Some(policy) = &self.policy {
                policy.on_hit(slot, hash);
            }
            visit(record);
            self.counts.hits += 1;
            return Look::Hit;
        }
        if let Some(policy) = &self.policy {
            policy.on_miss(hash);
        }
        self.counts.misses += 1;
        Look::Miss
    }

    /// Writes, if the condition holds and there is room or room can be made here.
    pub(super) fn write(
        &mut self,
        mut write: Write,
        site: &Site,
        credit: &mut Credit<'_>,
        discard: &mut Discard,
    ) -> Result<Step> {
        if self.closed {
            return Err(closed());
        }
        let seen = |slot| self.slab.prefetch_deadline(slot);
        let mut present = self.find_with(write.hash, write.record.table(), write.record.key(), seen);
        if let Some((slot, record)) = present
            && record.is_expired()
        {
            credit.earn(self.take_out(slot, write.hash, EventKind::Expired, site, discard));
            present = None;
        }
        let present = present.map(|(slot, record)| (slot, record.revision(), record.size()));
        match (write.condition, present) {
            (Condition::IfAbsent, Some((_, revision, _))) => return Ok(Step::Done(Outcome::Conflict { revision })),
            (Condition::IfRevision(_), None) => return Ok(Step::Done(Outcome::NotFound)),
            (Condition::IfRevision(expected), Some((_, revision, _))) if expected != revision => {
                return Ok(Step::Done(Outcome::Conflict { revision }));
            }
            _ => {}
        }
        if let Some((slot, _, size)) = present {
            self.slab.reserve_deadline(slot, write.record.deadline())?;
            self.reserve_policy(slot, &write.record)?;
            let need = write.record.size().saturating_sub(size) as u64;
            if need != 0 && !self.make_room(Cost { entries: 0, bytes: need }, Some(slot), site, credit, discard) {
                return Ok(Step::Full(write));
            }
            credit.earn(Cost { entries: 0, bytes: size.saturating_sub(write.record.size()) as u64 });
            return Ok(Step::Done(self.replace(slot, write, site, discard)));
        }
        if !self.make_room(Cost::of(write.record.size()), None, site, credit, discard) {
            return Ok(Step::Full(write));
        }
        let reserved = self.reserve(&write.record);
        if let Err(error) = reserved {
            credit.earn(Cost::of(write.record.size()));
            return Err(error);
        }
        self.revision += 1;
        write.record.set_revision(self.revision);
        Ok(Step::Done(self.insert(reserved?, write, site, discard)))
    }

    /// Makes credit of a record that the policy gives up; `None` when there is none but `except`.
    pub(super) fn evict(&mut self, except: Option<u32>, site: &Site, discard: &mut Discard) -> Option<Cost> {
        let weighs_bytes = self.weighs_bytes;
        let policy = self.policy.as_mut()?;
        let mut slot = policy.evict()?;
        if Some(slot) == except {
            // A record that is about to be written over stays; the policy never evicts the slot inserted last while
            // there is another one.
            let record = self.slab.get(slot)?;
            policy.on_insert(slot, site.hasher.of(record), weight(record, weighs_bytes));
            slot = policy.evict()?;
            if Some(slot) == except {
                let record = self.slab.get(slot)?;
                policy.on_insert(slot, site.hasher.of(record), weight(record, weighs_bytes));
                return None;
            }
        }
        let hash = site.hasher.of(self.slab.get(slot)?);
        Some(self.take_out(slot, hash, EventKind::Evicted, site, discard))
    }

    /// Takes a record out for the reason that `cause` names, tells of it, and returns its credit, which the caller owes
    /// to the budget.
    pub(super) fn take_out(
        &mut self,
        slot: u32,
        hash: u64,
        cause: EventKind,
        site: &Site,
        discard: &mut Discard,
    ) -> Cost {
        let Some(record) = self.slab.remove(slot) else { return Cost::default() };
        self.index.remove(hash, slot);
        // The policy that evicted a slot has forgotten it already.
        if cause != EventKind::Evicted
            && let Some(policy) = &mut self.policy
        {
            policy.on_remove(slot, hash);
        }
        match cause {
            EventKind::Evicted => self.counts.evictions += 1,
            EventKind::Expired => self.counts.expirations += 1,
            _ => self.counts.removals += 1,
        }
        self.counts.bytes -= record.size() as u64;
        self.tables[record.table() as usize] -= 1;
        if site.watchers.any() {
            discard.told.add(site.watchers.tell(self.number, slot, cause, &record));
        }
        let cost = Cost::of(record.size());
        discard.push(Some(record));
        cost
    }

    /// Removes the record under a key.
    pub(super) fn remove(
        &mut self,
        (hash, table, key): (u64, u32, &[u8]),
        expected: Option<u64>,
        site: &Site,
        credit: &mut Credit<'_>,
        discard: &mut Discard,
    ) -> Result<Outcome> {
        if self.closed {
            return Err(closed());
        }
        let Some((slot, record)) = self.find(hash, table, key) else { return Ok(Outcome::NotFound) };
        let revision = record.revision();
        if record.is_expired() {
            credit.earn(self.take_out(slot, hash, EventKind::Expired, site, discard));
            return Ok(Outcome::NotFound);
        }
        if expected.is_some_and(|expected| expected != revision) {
            return Ok(Outcome::Conflict { revision });
        }
        credit.earn(self.take_out(slot, hash, EventKind::Removed, site, discard));
        Ok(Outcome::Done { revision })
    }

    /// How many records of a table are here, expired ones included.
    pub(super) fn table_length(&self, table: u32) -> u64 {
        self.tables.get(table as usize).copied().unwrap_or(0).into()
    }

    /// Removes expired records of the first due chunk from `chunk` on, a few of them; where to go on, if anywhere.
    pub(super) fn sweep(
        &mut self,
        chunk: usize,
        now: u64,
        site: &Site,
        credit: &mut Credit<'_>,
        discard: &mut Discard,
    ) -> Option<usize> {
        let passed = self.slab.passed(now);
        let chunk = self.slab.due_chunk(chunk, passed)?;
        let mut due = [0; REMOVALS_PER_HOLD];
        let mut count = 0;
        for slot in self.slab.due_slots(chunk, 0, passed).take(REMOVALS_PER_HOLD) {
            due[count] = slot;
            count += 1;
        }
        for slot in &due[..count] {
            let Some(record) = self.slab.get(*slot) else { continue };
            let deadline = record.deadline();
            if deadline > now {
                // A read has moved the end of its max-idle on.
                self.slab.set_deadline(*slot, deadline);
                continue;
            }
            let hash = site.hasher.of(record);
            credit.earn(self.take_out(*slot, hash, EventKind::Expired, site, discard));
        }
        if count == REMOVALS_PER_HOLD {
            return Some(chunk);
        }
        self.slab.renew_earliest(chunk);
        Some(chunk + 1)
    }

    /// Removes a few records of a table, from `slot` on; where to go on, if anywhere, and how many had not expired.
    pub(super) fn clear(
        &mut self,
        table: u32,
        slot: u32,
        site: &Site,
        credit: &mut Credit<'_>,
        discard: &mut Discard,
    ) -> (Option<u32>, u64) {
        let end = self.slab.end().min(slot.saturating_add(SLOTS_PER_HOLD));
        let mut due = [(0, false); REMOVALS_PER_HOLD];
        let mut count = 0;
        for (slot, record) in self.slab.occupied(slot, end) {
            if record.table() == table && count < REMOVALS_PER_HOLD {
                due[count] = (slot, record.is_expired());
                count += 1;
            }
        }
        let mut removed = 0;
        for (slot, has_expired) in &due[..count] {
            let Some(record) = self.slab.get(*slot) else { continue };
            let cause = if *has_expired { EventKind::Expired } else { EventKind::Removed };
            removed += u64::from(!has_expired);
            let hash = site.hasher.of(record);
            credit.earn(self.take_out(*slot, hash, cause, site, discard));
        }
        let next = if count == REMOVALS_PER_HOLD { due[count - 1].0 + 1 } else { end };
        ((next < self.slab.end()).then_some(next), removed)
    }

    /// Gives up all content; what it cost, and the content, to be dropped after the lock.
    pub(super) fn take_content(&mut self) -> (Cost, Slab) {
        let slab = std::mem::replace(&mut self.slab, Slab::new(0));
        self.index = Index::new(None);
        self.policy = None;
        let entries = slab.len() as u64;
        let bytes = std::mem::take(&mut self.counts.bytes) + entries * ENTRY_OVERHEAD;
        self.tables.clear();
        (Cost { entries, bytes }, slab)
    }

    /// Bytes that the shard's tables hold, the records not counted.
    pub(super) fn memory(&self) -> usize {
        self.index.memory() + self.slab.memory() + self.policy.as_ref().map_or(0, Policy::memory)
    }

    fn make_room(
        &mut self,
        need: Cost,
        except: Option<u32>,
        site: &Site,
        credit: &mut Credit<'_>,
        discard: &mut Discard,
    ) -> bool {
        if !site.budget.is_bounded() {
            return true;
        }
        for _ in 0..REMOVALS_PER_HOLD {
            if credit.spend(need) {
                return true;
            }
            let Some(earned) = self.evict(except, site, discard) else { return false };
            credit.earn(earned);
        }
        credit.spend(need)
    }

    fn reserve(&mut self, record: &Record) -> Result<u32> {
        let table = record.table() as usize;
        while self.tables.len() <= table {
            blocks::try_push(&mut self.tables, 0)?;
        }
        self.index.reserve()?;
        let slot = self.slab.reserve(record.deadline())?;
        self.reserve_policy(slot, record)?;
        Ok(slot)
    }

    fn reserve_policy(&mut self, slot: u32, record: &Record) -> Result<()> {
        let weight = weight(record, self.weighs_bytes);
        self.policy.as_mut().map_or(Ok(()), |policy| policy.reserve(slot, weight))
    }

    fn insert(&mut self, slot: u32, write: Write, site: &Site, discard: &mut Discard) -> Outcome {
        let Write { record, hash, kind, .. } = write;
        let revision = record.revision();
        self.counts.bytes += record.size() as u64;
        self.counts.puts += u64::from(kind == WriteKind::Put);
        self.tables[record.table() as usize] += 1;
        if let Some(policy) = &mut self.policy {
            policy.on_insert(slot, hash, weight(&record, self.weighs_bytes));
        }
        if site.watchers.any() {
            discard.told.add(site.watchers.tell(self.number, slot, EventKind::Created, &record));
        }
        self.slab.insert(slot, record);
        let slab = &self.slab;
        self.index.insert(hash, slot, |slot| slab.get(slot).map_or(0, |record| site.hasher.of(record)));
        Outcome::Done { revision }
    }

    fn replace(&mut self, slot: u32, write: Write, site: &Site, discard: &mut Discard) -> Outcome {
        let Write { mut record, hash, kind, .. } = write;
        if kind == WriteKind::Put {
            self.revision += 1;
            record.set_revision(self.revision);
            self.counts.puts += 1;
        }
        let revision = record.revision();
        self.counts.bytes += record.size() as u64;
        if let Some(policy) = &mut self.policy {
            policy.on_update(slot, hash, weight(&record, self.weighs_bytes));
        }
        if kind == WriteKind::Put && site.watchers.any() {
            discard.told.add(site.watchers.tell(self.number, slot, EventKind::Updated, &record));
        }
        let old = self.slab.replace(slot, record);
        self.counts.bytes -= old.as_ref().map_or(0, |old| old.size() as u64);
        discard.push(old);
        Outcome::Done { revision }
    }
}

/// Whether two keys are the same; without a call for those of 8 to 16 bytes.
#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match (a.len(), a.first_chunk::<8>(), a.last_chunk::<8>(), b.first_chunk::<8>(), b.last_chunk::<8>()) {
        (8..=16, Some(a_first), Some(a_last), Some(b_first), Some(b_last)) => a_first == b_first && a_last == b_last,
        _ => a == b,
    }
}

/// What a policy counts a record as.
fn weight(record: &Record, weighs_bytes: bool) -> u32 {
    if weighs_bytes { u32::try_from(record.size()).unwrap_or(u32::MAX) } else { 1 }
}

/// The coarse deadline of a shard without any.
pub(super) const NO_DEADLINE: u32 = slab::NEVER;
