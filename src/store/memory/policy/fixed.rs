//! Policies that stay what they are: `lru` and `tinylfu`.

use super::segments::{Memory, Regime, Segments};
use super::{Policy, key_of};
use crate::error::Result;

/// A window and a main segment of fixed shares.
pub struct Fixed {
    segments: Segments,
    regime: Regime,
}

impl Fixed {
    /// CLOCK (Corbató, 1968), which approximates the least recently used: all is window, and nothing is remembered.
    pub(super) fn lru() -> Fixed {
        Fixed { segments: Segments::new(Memory::Forgetful), regime: Regime { window_percent: 100, lead: 0 } }
    }

    /// W-TinyLFU with the window of 1 % that its authors propose.
    pub(super) fn tiny_lfu() -> Fixed {
        Fixed { segments: Segments::new(Memory::Ghosts), regime: Regime { window_percent: 1, lead: 1 } }
    }
}

impl Policy for Fixed {
    #[inline]
    fn on_hit(&self, slot: u32, _hash: u64) {
        self.segments.note_use(slot);
    }

    fn reserve(&mut self, slot: u32, weight: u32) -> Result<()> {
        self.segments.reserve(slot, weight)
    }

    fn on_insert(&mut self, slot: u32, hash: u64, weight: u32) {
        self.segments.insert(slot, key_of(hash), weight);
    }

    fn on_update(&mut self, slot: u32, _hash: u64, weight: u32) {
        self.segments.update(slot, weight);
    }

    fn on_remove(&mut self, slot: u32, _hash: u64) {
        self.segments.remove(slot);
    }

    fn evict(&mut self) -> Option<u32> {
        self.segments.evict(self.regime).map(|(slot, _)| slot)
    }

    fn memory(&self) -> usize {
        self.segments.memory()
    }
}
