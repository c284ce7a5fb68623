//! The records of one shard, by slot number, in chunks that never move.
//!
//! A chunk keeps, only if one of its records ever had a deadline, a coarse deadline of four bytes for each slot, so that
//! a sweep reads a few cache lines instead of every record. Invariants: a slot without a record has no deadline; a
//! record's coarse deadline is never later than 32 ms after its true one, unless a read has moved the true one on;
//! a chunk's `earliest` is never after any coarse deadline in it.

use super::blocks::{prefetch, try_boxed, try_push};
use crate::clock;
use crate::error::Result;
use crate::store::record::Record;

/// Slots in a chunk.
pub(super) const CHUNK: usize = 256;
/// A coarse deadline that never comes.
pub(super) const NEVER: u32 = u32::MAX;

const TICK_BITS: u32 = 5;
const WORDS: usize = CHUNK / 64;

type Deadlines = Box<[u32; CHUNK]>;

struct Chunk {
    occupied: [u64; WORDS],
    deadlines: Option<Deadlines>,
}

/// Records by slot number.
pub(super) struct Slab {
    #[allow(clippy::vec_box, reason = "a vector of whole chunks would copy them all when it grows")]
    records: Vec<Box<[Option<Record>; CHUNK]>>,
    chunks: Vec<Chunk>,
    earliest: Vec<u32>,
    /// One bit for each chunk with room.
    room: Vec<u64>,
    /// What coarse deadlines count from, by [`clock::now_ms`].
    epoch: u64,
    len: usize,
}

impl Slab {
    /// An empty slab whose coarse deadlines count from `epoch`, by [`clock::now_ms`]. Allocates nothing.
    pub(super) fn new(epoch: u64) -> Slab {
        Slab { records: Vec::new(), chunks: Vec::new(), earliest: Vec::new(), room: Vec::new(), epoch, len: 0 }
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The record in `slot`.
    #[inline]
    pub(super) fn get(&self, slot: u32) -> Option<&Record> {
        self.records.get(slot as usize / CHUNK)?[slot as usize % CHUNK].as_ref()
    }

    /// Has the processor fetch where the record of `slot` is noted.
    #[inline]
    pub(super) fn prefetch(&self, slot: u32) {
        if let Some(chunk) = self.records.get(slot as usize / CHUNK) {
            prefetch(&chunk[slot as usize % CHUNK]);
        }
    }

    /// Has the processor fetch the coarse deadline of `slot`.
    #[inline]
    pub(super) fn prefetch_deadline(&self, slot: u32) {
        if let Some(deadlines) = self.chunks.get(slot as usize / CHUNK).and_then(|chunk| chunk.deadlines.as_ref()) {
            prefetch(&deadlines[slot as usize % CHUNK]);
        }
    }

    /// Takes the memory for one more record, which may have a deadline or not.
    ///
    /// # Errors
    ///
    /// `OUT_OF_MEMORY`.
    pub(super) fn reserve(&mut self, deadline: u64) -> Result<u32> {
        let chunk = match self.first_with_room() {
            Some(chunk) => chunk,
            None => self.add_chunk()?,
        };
        if deadline != clock::NEVER {
            self.reserve_deadlines(chunk)?;
        }
        let occupied = &self.chunks[chunk].occupied;
        let word = occupied.iter().position(|word| *word != u64::MAX).expect("the chunk has room");
        Ok((chunk * CHUNK + word * 64) as u32 + occupied[word].trailing_ones())
    }

    /// Takes the memory for `deadline` of an occupied slot.
    ///
    /// # Errors
    ///
    /// `OUT_OF_MEMORY`.
    pub(super) fn reserve_deadline(&mut self, slot: u32, deadline: u64) -> Result<()> {
        if deadline == clock::NEVER {
            return Ok(());
        }
        self.reserve_deadlines(slot as usize / CHUNK)
    }

    /// Puts a record into the slot that [`Slab::reserve`] named.
    pub(super) fn insert(&mut self, slot: u32, record: Record) {
        let (chunk, at) = split(slot);
        self.set_deadline(slot, record.deadline());
        self.records[chunk][at] = Some(record);
        let occupied = &mut self.chunks[chunk].occupied;
        occupied[at / 64] |= 1 << (at % 64);
        if *occupied == [u64::MAX; WORDS] {
            self.room[chunk / 64] &= !(1 << (chunk % 64));
        }
        self.len += 1;
    }

    /// Puts another record into an occupied slot; gives back the old one.
    pub(super) fn replace(&mut self, slot: u32, record: Record) -> Option<Record> {
        let (chunk, at) = split(slot);
        self.set_deadline(slot, record.deadline());
        self.records[chunk][at].replace(record)
    }

    /// Empties a slot.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Record> {
        let (chunk, at) = split(slot);
        let record = self.records.get_mut(chunk)?[at].take()?;
        self.chunks[chunk].occupied[at / 64] &= !(1 << (at % 64));
        if let Some(deadlines) = &mut self.chunks[chunk].deadlines {
            deadlines[at] = NEVER;
        }
        self.room[chunk / 64] |= 1 << (chunk % 64);
        self.len -= 1;
        Some(record)
    }

    /// Notes the deadline of a slot, for which memory was reserved if it has one.
    pub(super) fn set_deadline(&mut self, slot: u32, deadline: u64) {
        let (chunk, at) = split(slot);
        let tick = self.tick(deadline);
        if let Some(deadlines) = &mut self.chunks[chunk].deadlines {
            deadlines[at] = tick;
            self.earliest[chunk] = self.earliest[chunk].min(tick);
        }
    }

    /// The coarse deadline of an exact one: the end of the tick in which it lies.
    pub(super) fn tick(&self, deadline: u64) -> u32 {
        if deadline == clock::NEVER {
            return NEVER;
        }
        let ticks = (deadline.saturating_sub(self.epoch) >> TICK_BITS) + 1;
        u32::try_from(ticks).unwrap_or(NEVER).min(NEVER - 1)
    }

    /// The exact time at which a coarse deadline has come.
    pub(super) fn time_of(&self, tick: u32) -> u64 {
        if tick == NEVER { clock::NEVER } else { self.epoch + (u64::from(tick) << TICK_BITS) }
    }

    /// The last coarse deadline that has come at `now`.
    pub(super) fn passed(&self, now: u64) -> u32 {
        u32::try_from(now.saturating_sub(self.epoch) >> TICK_BITS).unwrap_or(NEVER).min(NEVER - 1)
    }

    /// The first chunk, from `chunk` on, in which a deadline may have come by `passed`.
    pub(super) fn due_chunk(&self, chunk: usize, passed: u32) -> Option<usize> {
        let rest = self.earliest.get(chunk..)?;
        rest.iter().position(|earliest| *earliest <= passed).map(|at| chunk + at)
    }

    /// Slots of a chunk whose coarse deadline has come by `passed`, from place `from` of the chunk on.
    pub(super) fn due_slots(&self, chunk: usize, from: usize, passed: u32) -> impl Iterator<Item = u32> {
        let deadlines = self.chunks.get(chunk).and_then(|chunk| chunk.deadlines.as_deref());
        let due = deadlines.into_iter().flatten().enumerate().skip(from);
        due.filter(move |(_, tick)| **tick <= passed).map(move |(at, _)| (chunk * CHUNK + at) as u32)
    }

    /// Finds a chunk's earliest coarse deadline anew.
    pub(super) fn renew_earliest(&mut self, chunk: usize) {
        let deadlines = self.chunks[chunk].deadlines.as_deref();
        self.earliest[chunk] = deadlines.map_or(NEVER, |ticks| ticks.iter().copied().min().unwrap_or(NEVER));
    }

    /// The earliest coarse deadline of all, or an earlier one.
    pub(super) fn earliest(&self) -> u32 {
        self.earliest.iter().copied().min().unwrap_or(NEVER)
    }

    /// The occupied slots from `from` on, and before `end`.
    pub(super) fn occupied(&self, from: u32, end: u32) -> impl Iterator<Item = (u32, &Record)> {
        let end = (end as usize).min(self.chunks.len() * CHUNK) as u32;
        (from..end).filter_map(|slot| self.get(slot).map(|record| (slot, record)))
    }

    /// The number after the last slot.
    pub(super) fn end(&self) -> u32 {
        (self.chunks.len() * CHUNK) as u32
    }

    /// Bytes that the slab holds, the records not counted.
    pub(super) fn memory(&self) -> usize {
        let deadlines = self.chunks.iter().filter(|chunk| chunk.deadlines.is_some()).count();
        self.chunks.len() * (CHUNK * size_of::<Option<Record>>() + size_of::<Chunk>() + 12)
            + deadlines * CHUNK * size_of::<u32>()
    }

    fn first_with_room(&self) -> Option<usize> {
        let word = self.room.iter().position(|word| *word != 0)?;
        Some(word * 64 + self.room[word].trailing_zeros() as usize)
    }

    fn add_chunk(&mut self) -> Result<usize> {
        let chunk = self.chunks.len();
        if chunk.is_multiple_of(64) && self.room.len() == chunk / 64 {
            try_push(&mut self.room, 0)?;
        }
        // The three are pushed in this order so that a failure leaves no chunk half made.
        if self.earliest.len() == chunk {
            try_push(&mut self.earliest, NEVER)?;
        }
        if self.records.len() == chunk {
            try_push(&mut self.records, try_boxed(None)?)?;
        }
        try_push(&mut self.chunks, Chunk { occupied: [0; WORDS], deadlines: None })?;
        self.room[chunk / 64] |= 1 << (chunk % 64);
        Ok(chunk)
    }

    fn reserve_deadlines(&mut self, chunk: usize) -> Result<()> {
        if self.chunks[chunk].deadlines.is_none() {
            self.chunks[chunk].deadlines = Some(try_boxed(NEVER)?);
        }
        Ok(())
    }
}

#[inline]
fn split(slot: u32) -> (usize, usize) {
    (slot as usize / CHUNK, slot as usize % CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::{Metadata, Parts};

    fn record(deadline: u64) -> Record {
        let metadata = Metadata::default();
        let parts =
            Parts { table: 0, key: b"k", value: b"", revision: 1, deadline, max_idle_ms: 0, metadata: &metadata };
        Record::new(parts).expect("small")
    }

    fn insert(slab: &mut Slab, deadline: u64) -> u32 {
        let slot = slab.reserve(deadline).expect("memory");
        slab.insert(slot, record(deadline));
        slot
    }

    #[test]
    fn slots_are_dense_and_reused() {
        let mut slab = Slab::new(0);
        for expected in 0..20_000 {
            assert_eq!(insert(&mut slab, clock::NEVER), expected);
        }
        assert!(slab.remove(300).is_some());
        assert!(slab.remove(300).is_none());
        assert!(slab.remove(19_999).is_some());
        assert_eq!(insert(&mut slab, clock::NEVER), 300);
        assert_eq!(insert(&mut slab, clock::NEVER), 19_999);
        assert_eq!(insert(&mut slab, clock::NEVER), 20_000);
        assert_eq!(slab.occupied(0, u32::MAX).count(), slab.len());
    }

    #[test]
    fn a_coarse_deadline_comes_after_the_exact_one_and_within_a_tick() {
        let slab = Slab::new(1000);
        for deadline in 1000..2000 {
            let time = slab.time_of(slab.tick(deadline));
            assert!(time > deadline && time <= deadline + 32, "{deadline} {time}");
            assert!(slab.passed(time) >= slab.tick(deadline));
            assert!(slab.passed(deadline) < slab.tick(deadline));
        }
        assert_eq!(slab.tick(clock::NEVER), NEVER);
        assert_eq!(slab.tick(clock::NEVER - 1), NEVER - 1);
    }

    #[test]
    fn only_slots_whose_deadline_has_come_are_due() {
        let mut slab = Slab::new(0);
        for deadline in 0..1000 {
            insert(&mut slab, deadline * 10);
        }
        let passed = slab.passed(5000);
        let mut due = Vec::new();
        let mut chunk = 0;
        while let Some(next) = slab.due_chunk(chunk, passed) {
            due.extend(slab.due_slots(next, 0, passed));
            chunk = next + 1;
        }
        assert!(due.iter().all(|slot| *slot <= 500), "{due:?}");
        assert!(due.len() >= 496, "{}", due.len());
    }
}
