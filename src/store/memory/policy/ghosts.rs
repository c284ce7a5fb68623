//! How often keys were used that are no longer held.
//!
//! The same that a frequency sketch tells, but about the keys that were evicted last rather than about all: a held
//! entry counts for itself. A ghost is two bytes (a fingerprint, a frequency and its epoch) in a bucket of eight, which
//! is a queue by age from which the least frequent falls out first. Two keys of equal fingerprint in one bucket (one
//! lookup in a hundred) share their frequency, which costs a wrong guess and nothing else.
//!
//! Buckets are found by linear hashing (Litwin, VLDB 1980), so the table grows and shrinks by a small chunk at a time.
//! No ghost is moved then: those that would have to be are not found again, and age.

use super::uses::{Epoch, Uses};
use crate::error::Result;
use crate::store::memory::blocks::{try_boxed, try_push};

const WAYS: usize = 8;
const CHUNK: usize = 64;
/// Ghosts that there is room for, for each entry that is held.
const GHOSTS_PER_ENTRY: usize = 2;

const FREQUENCY_BITS: u32 = 4;
const EPOCH_BITS: u32 = 2;
const FINGERPRINT_SHIFT: u32 = FREQUENCY_BITS + EPOCH_BITS;
/// Where a key's fingerprint begins; the bits below choose its bucket.
const KEY_FINGERPRINT_SHIFT: u32 = 21;

/// No ghost has the frequency 0.
const EMPTY: u16 = 0;

type Bucket = [u16; WAYS];

/// Frequencies of keys that are not held.
#[derive(Default)]
pub(super) struct Ghosts {
    #[allow(clippy::vec_box, reason = "growth must not copy what there is")]
    chunks: Vec<Box<[Bucket; CHUNK]>>,
}

impl Ghosts {
    /// Grows or shrinks by a chunk at most, towards the size that `entries` held entries call for.
    pub(super) fn fit(&mut self, entries: usize) {
        let wanted = (entries * GHOSTS_PER_ENTRY).div_ceil(WAYS * CHUNK);
        if self.chunks.len() < wanted {
            // Without memory for more there are just fewer ghosts.
            let _ = self.grow();
        } else if self.chunks.len() > 2 * wanted + 1 {
            self.chunks.pop();
        }
    }

    /// Forgets the ghost of `key`; its frequency, 0 if there was none.
    pub(super) fn take(&mut self, key: u32, epoch: Epoch) -> u8 {
        let Some(bucket) = self.bucket(key) else { return 0 };
        let fingerprint = fingerprint(key);
        let found = bucket.iter().position(|ghost| *ghost != EMPTY && ghost >> FINGERPRINT_SHIFT == fingerprint);
        let Some(at) = found else { return 0 };
        let frequency = frequency(bucket[at], epoch);
        bucket[at..].rotate_left(1);
        bucket[WAYS - 1] = EMPTY;
        frequency
    }

    /// Remembers `key`, unless all ghosts in its bucket are more frequent.
    pub(super) fn put(&mut self, key: u32, frequency: u8, epoch: Epoch) {
        let Some(bucket) = self.bucket(key) else { return };
        let mut place = WAYS - 1;
        let mut least = u8::MAX;
        for at in (0..WAYS).rev() {
            let other = self::frequency(bucket[at], epoch);
            if other < least {
                (place, least) = (at, other);
            }
        }
        if frequency == 0 || least > frequency {
            return;
        }
        bucket[..=place].rotate_right(1);
        bucket[0] = ghost(fingerprint(key), frequency, epoch);
    }

    /// Brings the ghosts of a bucket to `epoch`, before their own is taken for a later one. `turn` counts up.
    pub(super) fn refresh(&mut self, turn: usize, epoch: Epoch) {
        let buckets = self.chunks.len() * CHUNK;
        if buckets == 0 {
            return;
        }
        let at = turn % buckets;
        for entry in &mut self.chunks[at / CHUNK][at % CHUNK] {
            let frequency = frequency(*entry, epoch);
            *entry = if frequency == 0 { EMPTY } else { ghost(*entry >> FINGERPRINT_SHIFT, frequency, epoch) };
        }
    }

    /// Forgets every ghost.
    pub(super) fn clear(&mut self) {
        self.chunks.iter_mut().for_each(|chunk| chunk.fill([EMPTY; WAYS]));
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.chunks.len() * size_of::<[Bucket; CHUNK]>() + self.chunks.capacity() * size_of::<usize>()
    }

    fn bucket(&mut self, key: u32) -> Option<&mut Bucket> {
        let count = self.chunks.len() * CHUNK;
        let round = 1 << count.checked_ilog2()?;
        let mut at = key as usize & (2 * round - 1);
        if at >= count {
            at &= round - 1;
        }
        Some(&mut self.chunks[at / CHUNK][at % CHUNK])
    }

    fn grow(&mut self) -> Result<()> {
        try_push(&mut self.chunks, try_boxed([EMPTY; WAYS])?)
    }
}

fn fingerprint(key: u32) -> u16 {
    (key >> KEY_FINGERPRINT_SHIFT) as u16
}

fn ghost(fingerprint: u16, frequency: u8, epoch: Epoch) -> u16 {
    fingerprint << FINGERPRINT_SHIFT | u16::from(epoch.bits()) << FREQUENCY_BITS | u16::from(frequency)
}

fn frequency(ghost: u16, epoch: Epoch) -> u8 {
    let written = Epoch::from_bits((ghost >> FREQUENCY_BITS) as u8);
    Uses::new(ghost as u8 & 15, written).at(epoch).frequency()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ghosts(entries: usize) -> Ghosts {
        let mut ghosts = Ghosts::default();
        for _ in 0..entries {
            ghosts.fit(entries);
        }
        ghosts
    }

    fn key(number: u32) -> u32 {
        number.wrapping_mul(0x9E37_79B1) >> 1
    }

    #[test]
    fn a_ghost_keeps_its_frequency_until_it_is_taken() {
        let mut ghosts = ghosts(100);
        let epoch = Epoch::default();
        ghosts.put(key(7), 9, epoch);
        assert_eq!(ghosts.take(key(7), epoch.next()), 4);
        assert_eq!(ghosts.take(key(7), epoch), 0);
    }

    #[test]
    fn the_least_frequent_ghost_falls_out_first() {
        let mut ghosts = ghosts(1);
        let epoch = Epoch::default();
        let same_bucket = |number: u32| number << KEY_FINGERPRINT_SHIFT;
        ghosts.put(same_bucket(0), 1, epoch);
        for number in 1..=WAYS as u32 {
            ghosts.put(same_bucket(number), 2, epoch);
        }
        assert_eq!(ghosts.take(same_bucket(0), epoch), 0);
        assert_eq!(ghosts.take(same_bucket(1), epoch), 2);
    }

    #[test]
    fn a_table_that_grows_by_chunks_finds_each_new_ghost() {
        let mut ghosts = Ghosts::default();
        let epoch = Epoch::default();
        for number in 0..2000 {
            ghosts.fit(number as usize);
            ghosts.put(key(number), 3, epoch);
            assert!(number == 0 || ghosts.take(key(number), epoch) == 3);
        }
        assert_eq!(ghosts.chunks.len(), 8);
        for _ in 0..20 {
            ghosts.fit(0);
        }
        assert_eq!(ghosts.chunks.len(), 1);
    }

    #[test]
    fn what_nobody_asks_for_is_gone_after_a_few_epochs() {
        let mut ghosts = ghosts(10);
        let mut epoch = Epoch::default();
        ghosts.put(key(1), 7, epoch);
        for _ in 0..4 {
            epoch = epoch.next();
            (0..CHUNK).for_each(|turn| ghosts.refresh(turn, epoch));
        }
        assert_eq!(ghosts.take(key(1), epoch), 0);
    }
}
