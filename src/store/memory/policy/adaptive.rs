//! The default policy: the regime of window and main segment that suits the requests, found by miniature simulation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::segments::{Memory, Segments};
use super::tuner::{FIRST, REGIMES, Tuner};
use super::{Policy, key_of};
use crate::error::Result;

/// A window whose size, and a rule of admission whose rigour, follow the requests.
///
/// The shards of one store share what they learn: the first of them tries the regimes on the requests that it sees,
/// which are a fair sample of all since keys go to shards by their hash, and the others follow it.
pub struct Adaptive {
    segments: Segments,
    choice: Arc<AtomicU8>,
    tuner: Option<Box<Tuner>>,
}

impl Adaptive {
    /// A policy that learns.
    pub(super) fn learner() -> Adaptive {
        let choice = Arc::new(AtomicU8::new(FIRST));
        let tuner = Some(Box::new(Tuner::new(Arc::clone(&choice))));
        Adaptive { segments: Segments::new(Memory::Ghosts), choice, tuner }
    }

    /// A policy for another shard of the same store, that does what this one has learned.
    pub(super) fn follower(&self) -> Adaptive {
        Adaptive { segments: Segments::new(Memory::Ghosts), choice: Arc::clone(&self.choice), tuner: None }
    }
}

impl Policy for Adaptive {
    #[inline]
    fn on_hit(&self, slot: u32, hash: u64) {
        self.segments.note_use(slot);
        if let Some(tuner) = &self.tuner {
            tuner.note(key_of(hash));
        }
    }

    fn reserve(&mut self, slot: u32, weight: u32) -> Result<()> {
        self.segments.reserve(slot, weight)
    }

    fn on_insert(&mut self, slot: u32, hash: u64, weight: u32) {
        let key = key_of(hash);
        self.segments.insert(slot, key, weight);
        if let Some(tuner) = &mut self.tuner {
            tuner.enter(key);
        }
    }

    fn on_update(&mut self, slot: u32, hash: u64, weight: u32) {
        self.segments.update(slot, weight);
        if let Some(tuner) = &self.tuner {
            tuner.note(key_of(hash));
        }
    }

    fn on_remove(&mut self, slot: u32, _hash: u64) {
        let Some(key) = self.segments.key(slot) else { return };
        self.segments.remove(slot);
        if let Some(tuner) = &mut self.tuner {
            tuner.leave(key);
        }
    }

    fn evict(&mut self) -> Option<u32> {
        let regime = REGIMES[usize::from(self.choice.load(Ordering::Relaxed))];
        let (slot, key) = self.segments.evict(regime)?;
        if let Some(tuner) = &mut self.tuner {
            tuner.evict(key);
        }
        Some(slot)
    }

    fn memory(&self) -> usize {
        self.segments.memory() + self.tuner.as_ref().map_or(0, |tuner| tuner.memory())
    }
}
