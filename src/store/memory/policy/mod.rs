//! Replacement policies: which entry leaves a full shard.
//!
//! A policy knows entries by the small slot number that the shard gave them and by the hash of their key; it never sees
//! a key or a record. Every slot between `on_insert` and `on_remove` (or the `evict` that returned it) is known exactly
//! once, and no other slot is ever returned.
//!
//! All of them stand on `segments`: a window of new entries before a main segment of proven ones, both put in order
//! only when something has to go, so that a hit costs one byte. The default, [`Adaptive`], changes the window's size
//! and the rule of admission by what the `tuner` learns from `shadow`s, caches in miniature that try each regime on a
//! sample of the keys. That takes 17 bytes an entry (13 in `slots`, 4 in `ghosts`; 4 more where weights differ), and 26
//! KiB a store.
//!
//! `cargo bench --bench hit_ratio` measures them. What it and its prototypes showed on 27 traces and sizes, in mean
//! share of Belady's optimum, and worst gap to the best of a row in points:
//!
//! * adaptive 85.9 %, 1.1 (85.8 to 85.9 % with six seeds of the hash, 85.1 % in eight shards); moka 77.4 %, 15;
//!   quick_cache 77.6 %, 33; LRU 65.9 %, 99;
//! * no fixed window does well everywhere: 1 % fails where recency rules, 20 % and more on loops; the best, of 10 %,
//!   reaches 83.2 %, 9. To know beforehand which of two to five regimes suits each row would give 85.5 to 86.4 %;
//! * ARC reaches 72 %, LIRS 74 to 79 %, S3-FIFO 77 %: each has rows that it loses by 25 points or more;
//! * ghosts with frequencies, two for each entry, do as well as exact counts of all keys (83.2 and 83.5 % at 10 %);
//! * a fifth regime, or one that promotes from the window on a hit, gains nothing on average, and a last window of 95 %
//!   loses 0.4 points; sizes of 128 to 1024 entries of a shadow all do within 0.4 points of one another;
//! * a main segment whose tail moves on after each comparison loses a point; one that never does is barred by dead
//!   favourites when popularity drifts. So it moves on only from a rival that is far ahead.

mod adaptive;
mod fixed;
mod ghosts;
mod kind;
mod segments;
mod shadow;
mod slots;
#[cfg(test)]
mod tests;
mod tuner;
mod uses;

pub use adaptive::Adaptive;
pub use fixed::Fixed;
pub use kind::{AnyPolicy, PolicyKind};

use crate::error::Result;

/// One shard's replacement policy. Slots are small numbers (dense, reused) that the shard gives to its entries.
///
/// All methods are called under the shard's exclusive lock, but for [`Policy::on_hit`] and [`Policy::on_miss`], which
/// run under its shared lock, at the same time as others of these two.
pub trait Policy: Send + Sync {
    /// A hit on the entry in `slot`, whose key hashes to `hash`. Atomics only; no allocation.
    fn on_hit(&self, slot: u32, hash: u64);

    /// A read that found nothing under the key that hashes to `hash`.
    fn on_miss(&self, hash: u64) {
        let _ = hash;
    }

    /// Takes the memory that [`Policy::on_insert`] or [`Policy::on_update`] of an entry of `weight` in `slot` will
    /// need, for those that cannot fail: without it they end the process when there is none.
    ///
    /// # Errors
    ///
    /// `OUT_OF_MEMORY`.
    fn reserve(&mut self, slot: u32, weight: u32) -> Result<()> {
        let _ = (slot, weight);
        Ok(())
    }

    /// A new entry of `weight` took `slot`.
    fn on_insert(&mut self, slot: u32, hash: u64, weight: u32);

    /// The entry in `slot` was written over and now weighs `weight`. Counts as a use.
    fn on_update(&mut self, slot: u32, hash: u64, weight: u32);

    /// The entry in `slot` went away for another reason than eviction.
    fn on_remove(&mut self, slot: u32, hash: u64);

    /// Chooses the next victim, forgets it and returns its slot; `None` when it holds nothing. Never the slot inserted
    /// last, unless that is the only one. Amortised constant time, and bounded in each call.
    fn evict(&mut self) -> Option<u32>;

    /// Tells the weight (entries, or bytes) that the shard may hold from now on. Shards share one budget, so it
    /// changes. A policy that takes a shard to be full whenever it has to evict needs not be told.
    fn set_capacity(&mut self, capacity: u64) {
        let _ = capacity;
    }

    /// Bytes of memory that the policy uses now.
    fn memory(&self) -> usize;
}

/// The 31 bits by which policies know a key. They depend on all bits of `hash`, for a shard's keys have some in common.
#[inline]
fn key_of(hash: u64) -> u32 {
    ((hash ^ hash >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as u32
}
