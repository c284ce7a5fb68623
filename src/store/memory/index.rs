//! From a hash to slot numbers: a hash table that grows by one bucket at a time.
//!
//! Linear hashing (Litwin, 1980) over buckets of one cache line: twelve slot numbers, one byte of hash for each (as
//! F14's and Swiss tables' tags) and a link to an overflow bucket. A find touches one line in all but a few of a hundred
//! cases, an insert moves at most the entries of one bucket, and nothing is ever copied as a whole, so that no caller
//! pays for a growth.
//!
//! Invariant: a slot is in the chain of the bucket that its hash addresses, once. Memory is taken by
//! [`Index::reserve`], which may fail; [`Index::insert`] after it does not.

use super::blocks::{prefetch, try_boxed};
use crate::error::Result;

const WIDTH: usize = 12;
const ALL: u32 = (1 << WIDTH) - 1;
/// Entries per bucket that the table grows towards: at this mean one bucket of sixteen overflows.
const TARGET: usize = 8;
const NO_LINK: u32 = u32::MAX;
const BLOCK: usize = 32;
/// Bits of the hash that choose among the buckets that one base bucket was split into.
const LEVEL_BITS: u32 = 18;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Bucket {
    slots: [u32; WIDTH],
    /// Twelve tags, 0 for none.
    tags: [u8; WIDTH],
    link: u32,
}

const EMPTY: Bucket = Bucket { slots: [0; WIDTH], tags: [0; WIDTH], link: NO_LINK };

impl Bucket {
    /// The places, as bits, whose tag is `tag`.
    #[inline]
    #[cfg(target_arch = "x86_64")]
    fn matching(&self, tag: u8) -> u32 {
        use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
        let offset = std::mem::offset_of!(Bucket, tags);
        // SAFETY: SSE2 is part of every x86-64; the 16 bytes from `tags` on are the tags and the link, all within the
        // bucket that the pointer is derived from.
        let found = unsafe {
            let tags = std::ptr::from_ref(self).byte_add(offset).cast::<__m128i>();
            _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(tags), _mm_set1_epi8(tag.cast_signed())))
        };
        found.cast_unsigned() & ALL
    }

    /// The places, as bits, whose tag is `tag`.
    #[inline]
    #[cfg(not(target_arch = "x86_64"))]
    fn matching(&self, tag: u8) -> u32 {
        let mut found = 0;
        for (place, known) in self.tags.iter().enumerate() {
            found |= u32::from(*known == tag) << place;
        }
        found
    }
}

/// Buckets in blocks, so that growth copies none.
struct Blocks {
    #[allow(clippy::vec_box, reason = "a vector of whole blocks would copy them all when it grows")]
    blocks: Vec<Box<[Bucket; BLOCK]>>,
}

impl Blocks {
    #[inline]
    fn get(&self, number: u32) -> &Bucket {
        &self.blocks[number as usize / BLOCK][number as usize % BLOCK]
    }

    #[inline]
    fn get_mut(&mut self, number: u32) -> &mut Bucket {
        &mut self.blocks[number as usize / BLOCK][number as usize % BLOCK]
    }

    fn reserve(&mut self, buckets: u32) -> Result<()> {
        while self.blocks.len() * BLOCK < buckets as usize {
            let block = try_boxed(EMPTY)?;
            super::blocks::try_push(&mut self.blocks, block)?;
        }
        Ok(())
    }
}

/// Where in the index a slot number lies.
#[derive(Clone, Copy)]
enum Place {
    Primary(u32),
    Overflow(u32),
}

/// Slot numbers by hash.
pub(super) struct Index {
    primary: Blocks,
    base: u32,
    level: u32,
    /// The bits of the hash's upper half that choose in this round: `level` + 1 ones.
    spread: u32,
    buckets: u32,
    entries: usize,
    overflow: Blocks,
    /// First of the unused overflow buckets, linked.
    free: u32,
    /// Overflow buckets made so far.
    overflow_buckets: u32,
}

impl Index {
    /// An index that is at its best around `expected` entries, if that is known. Allocates nothing.
    pub(super) fn new(expected: Option<u64>) -> Index {
        Index {
            primary: Blocks { blocks: Vec::new() },
            base: base_for(expected),
            level: 0,
            spread: 1,
            buckets: 0,
            entries: 0,
            overflow: Blocks { blocks: Vec::new() },
            free: NO_LINK,
            overflow_buckets: 0,
        }
    }

    /// The slot with this hash that `is` accepts.
    #[inline(always)]
    pub(super) fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.buckets == 0 {
            return None;
        }
        let tag = tag(hash);
        let mut bucket = self.primary.get(self.address(hash));
        loop {
            let mut found = bucket.matching(tag);
            while found != 0 {
                let slot = bucket.slots[found.trailing_zeros() as usize];
                if is(slot) {
                    return Some(slot);
                }
                found &= found - 1;
            }
            if bucket.link == NO_LINK {
                return None;
            }
            bucket = self.overflow.get(bucket.link);
        }
    }

    /// Has the processor fetch the bucket of a hash.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        if self.buckets != 0 {
            prefetch(self.primary.get(self.address(hash)));
        }
    }

    /// The first slot in the bucket of a hash that may be the one.
    #[inline]
    pub(super) fn guess(&self, hash: u64) -> Option<u32> {
        if self.buckets == 0 {
            return None;
        }
        let bucket = self.primary.get(self.address(hash));
        let found = bucket.matching(tag(hash));
        (found != 0).then(|| bucket.slots[found.trailing_zeros() as usize])
    }

    /// Takes the memory that one insert needs.
    ///
    /// # Errors
    ///
    /// `OUT_OF_MEMORY`.
    pub(super) fn reserve(&mut self) -> Result<()> {
        if self.buckets == 0 {
            self.primary.reserve(self.base)?;
            self.buckets = self.base;
        }
        // A split may need one overflow bucket for its new chain, the insert itself another one.
        self.primary.reserve(self.buckets + 1)?;
        self.overflow.reserve(self.overflow_buckets + 3)
    }

    /// Adds a slot that is not in the index yet; [`Index::reserve`] came right before. `hash_of` gives any slot's hash.
    pub(super) fn insert(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) {
        self.add(hash, slot);
        self.entries += 1;
        if self.entries > self.buckets as usize * TARGET && self.level < LEVEL_BITS {
            self.split(hash_of);
        }
    }

    /// Takes a slot out; whether it was there.
    pub(super) fn remove(&mut self, hash: u64, slot: u32) -> bool {
        if self.buckets == 0 {
            return false;
        }
        let tag = tag(hash);
        let home = self.address(hash);
        let mut place = Place::Primary(home);
        loop {
            let bucket = self.bucket_mut(place);
            let mut found = bucket.matching(tag);
            while found != 0 {
                let at = found.trailing_zeros() as usize;
                if bucket.slots[at] == slot {
                    bucket.tags[at] = 0;
                    self.entries -= 1;
                    self.unlink_if_empty(home, place);
                    return true;
                }
                found &= found - 1;
            }
            if bucket.link == NO_LINK {
                return false;
            }
            place = Place::Overflow(bucket.link);
        }
    }

    /// Bytes that the index holds.
    pub(super) fn memory(&self) -> usize {
        let blocks = self.primary.blocks.len() + self.overflow.blocks.len();
        blocks * BLOCK * size_of::<Bucket>()
            + (self.primary.blocks.capacity() + self.overflow.blocks.capacity()) * size_of::<usize>()
    }

    #[inline]
    fn address(&self, hash: u64) -> u32 {
        let home = ((u64::from(hash as u32) * u64::from(self.base)) >> 32) as u32;
        let spread = (hash >> 32) as u32 & self.spread;
        let address = home + self.base * spread;
        if address < self.buckets {
            return address;
        }
        // The bucket is not split yet in this round: its twin's entries are still in it.
        home + self.base * (spread & (self.spread >> 1))
    }

    fn bucket_mut(&mut self, place: Place) -> &mut Bucket {
        match place {
            Place::Primary(number) => self.primary.get_mut(number),
            Place::Overflow(number) => self.overflow.get_mut(number),
        }
    }

    fn add(&mut self, hash: u64, slot: u32) {
        let mut place = Place::Primary(self.address(hash));
        loop {
            let bucket = self.bucket_mut(place);
            let empty = bucket.matching(0);
            if empty != 0 {
                let at = empty.trailing_zeros() as usize;
                bucket.slots[at] = slot;
                bucket.tags[at] = tag(hash);
                return;
            }
            if bucket.link == NO_LINK {
                let link = self.take_overflow();
                self.bucket_mut(place).link = link;
                place = Place::Overflow(link);
                continue;
            }
            place = Place::Overflow(bucket.link);
        }
    }

    /// Splits the next bucket of the round: what addresses its new twin moves there.
    fn split(&mut self, hash_of: impl Fn(u32) -> u64) {
        let old = self.buckets - (self.base << self.level);
        let mut moved: Option<Bucket> = Some(std::mem::replace(self.primary.get_mut(old), EMPTY));
        let new = self.buckets;
        *self.primary.get_mut(new) = EMPTY;
        self.buckets += 1;
        if self.buckets == self.base << (self.level + 1) {
            self.level += 1;
            self.spread = (2 << self.level) - 1;
        }
        while let Some(bucket) = moved {
            // The chain's own overflow buckets are given back before their entries are added again, so that a split
            // needs at most one more overflow bucket than it had.
            moved = (bucket.link != NO_LINK).then(|| self.give_back(bucket.link));
            for at in 0..WIDTH {
                if bucket.tags[at] != 0 {
                    self.add(hash_of(bucket.slots[at]), bucket.slots[at]);
                }
            }
        }
    }

    fn take_overflow(&mut self) -> u32 {
        if self.free != NO_LINK {
            let taken = self.free;
            self.free = self.overflow.get(taken).link;
            *self.overflow.get_mut(taken) = EMPTY;
            return taken;
        }
        let taken = self.overflow_buckets;
        self.overflow_buckets += 1;
        *self.overflow.get_mut(taken) = EMPTY;
        taken
    }

    fn give_back(&mut self, number: u32) -> Bucket {
        let free = self.free;
        self.free = number;
        std::mem::replace(self.overflow.get_mut(number), Bucket { link: free, ..EMPTY })
    }

    fn unlink_if_empty(&mut self, home: u32, place: Place) {
        let Place::Overflow(number) = place else { return };
        let bucket = *self.overflow.get(number);
        if bucket.matching(0) != ALL {
            return;
        }
        let mut before = Place::Primary(home);
        while self.bucket_mut(before).link != number {
            before = Place::Overflow(self.bucket_mut(before).link);
        }
        self.bucket_mut(before).link = bucket.link;
        self.give_back(number);
    }
}

#[inline]
fn tag(hash: u64) -> u8 {
    (hash >> 50) as u8 | 1 << 7
}

/// The number of base buckets with which a round of splits ends just where `expected` entries need it.
fn base_for(expected: Option<u64>) -> u32 {
    const SMALL: u64 = 8;
    let Some(expected) = expected else { return SMALL as u32 };
    let mut buckets = expected.div_ceil(TARGET as u64).max(1);
    while buckets > 2 * SMALL {
        buckets = buckets.div_ceil(2);
    }
    buckets as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix(number: u64) -> u64 {
        let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    fn hash_of(slot: u32) -> u64 {
        mix(u64::from(slot))
    }

    #[test]
    fn every_slot_is_found_at_every_size_and_gone_after_its_removal() {
        for expected in [None, Some(1), Some(500), Some(20_000)] {
            let mut index = Index::new(expected);
            for slot in 0..20_000 {
                index.reserve().expect("memory");
                index.insert(hash_of(slot), slot, hash_of);
                let some = slot / 3;
                assert_eq!(index.find(hash_of(some), |found| found == some), Some(some));
            }
            for slot in 0..20_000 {
                assert_eq!(index.find(hash_of(slot), |found| found == slot), Some(slot));
            }
            for slot in (0..20_000).step_by(2) {
                assert!(index.remove(hash_of(slot), slot));
                assert!(!index.remove(hash_of(slot), slot));
            }
            for slot in 0..20_000 {
                let found = index.find(hash_of(slot), |found| found == slot);
                assert_eq!(found.is_some(), slot % 2 == 1, "{slot}");
            }
        }
    }

    #[test]
    fn slots_of_one_and_the_same_hash_are_kept_apart() {
        let mut index = Index::new(None);
        for slot in 0..1000 {
            index.reserve().expect("memory");
            index.insert(7, slot, |_| 7);
        }
        for slot in 0..1000 {
            assert_eq!(index.find(7, |found| found == slot), Some(slot));
        }
        for slot in 0..1000 {
            assert!(index.remove(7, slot));
        }
        assert_eq!(index.find(7, |_| true), None);
    }

    #[test]
    fn an_index_made_for_its_size_takes_no_more_than_ten_bytes_an_entry() {
        let mut index = Index::new(Some(16_000));
        for slot in 0..16_000 {
            index.reserve().expect("memory");
            index.insert(hash_of(slot), slot, hash_of);
        }
        assert!(index.memory() < 160_000, "{}", index.memory());
    }
}
