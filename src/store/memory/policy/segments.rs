//! A small window for new entries before a main segment for proven ones, both swept by a clock hand.
//!
//! W-TinyLFU (Einziger, Eytan, Friedman and Manes, "Adaptive Software Cache Management", Middleware 2018) with queues
//! that are put in order when something has to go rather than on each hit, as S3-FIFO and CLOCK do: a hit sets a few
//! bits of its slot's byte. The oldest of the window that was not referenced meets the oldest of the main segment that
//! was not, and the more frequent of the two stays. How large the window is and how much more frequent the newcomer
//! must be is a [`Regime`], which may change between any two evictions.
//!
//! Every entry is in exactly one of the two queues. Sizes are weights: the window has its share of what is held.

use std::alloc::Layout;

use super::ghosts::Ghosts;
use super::slots::{NONE, Queue, Segment, Slots};
use super::uses::{Epoch, Uses};
use crate::error::Result;

/// Entries that one eviction looks at in each segment, at most.
const STEPS: usize = 24;
/// Frequencies age by one epoch each time that as many entries were inserted as this times those that are held.
const INSERTS_PER_EPOCH: usize = 4;
/// Fewer held entries than these count as these for the length of an epoch.
const LEAST_ENTRIES: usize = 64;

/// Entries in the window, at least, so that the newest one is not the next to go.
const LEAST_WINDOW: usize = 2;

/// A rival that is ahead of a newcomer by more uses than these is not the weakest of the main segment: the next
/// newcomer meets another one. Or else a single dead favourite would bar the way until its frequency has aged.
const FAR_AHEAD: u8 = 3;

/// How to choose between new and proven entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Regime {
    /// The window's share of what is held.
    pub(super) window_percent: u8,
    /// By how many uses more than its rival's an entry is admitted to the main segment.
    pub(super) lead: u8,
}

/// Whether evicted keys are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    /// Each with its frequency, for a while.
    Ghosts,
    /// None.
    Forgetful,
}

/// The entries of one shard in two segments.
pub(super) struct Segments {
    slots: Slots,
    window: Queue,
    main: Queue,
    ghosts: Option<Ghosts>,
    epoch: Epoch,
    /// Insertions in this epoch.
    inserts: usize,
    /// What is refreshed next.
    turn: usize,
    newest: u32,
}

impl Segments {
    /// No entries yet.
    pub(super) fn new(memory: Memory) -> Segments {
        Segments {
            slots: Slots::default(),
            window: Queue::new(Segment::Window),
            main: Queue::new(Segment::Main),
            ghosts: (memory == Memory::Ghosts).then(Ghosts::default),
            epoch: Epoch::default(),
            inserts: 0,
            turn: 0,
            newest: NONE,
        }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.window.len() + self.main.len()
    }

    /// The key of the entry in `slot`; `None` if there is none.
    pub(super) fn key(&self, slot: u32) -> Option<u32> {
        self.slots.is_occupied(slot).then(|| self.slots.key(slot))
    }

    /// Counts a use of the entry in `slot`.
    #[inline]
    pub(super) fn note_use(&self, slot: u32) {
        self.slots.note_use(slot, self.epoch);
    }

    /// Takes the memory for an entry of `weight` in `slot`.
    ///
    /// # Errors
    ///
    /// `OUT_OF_MEMORY`.
    pub(super) fn reserve(&mut self, slot: u32, weight: u32) -> Result<()> {
        self.slots.reserve(slot, weight)
    }

    /// Adds the entry of `key`, 31 well-mixed bits, in `slot`.
    pub(super) fn insert(&mut self, slot: u32, key: u32, weight: u32) {
        self.remove(slot);
        self.have(slot, weight);
        self.age();
        let past = self.ghosts.as_mut().map_or(0, |ghosts| ghosts.take(key, self.epoch));
        self.slots.fill(slot, key, weight, Uses::new(past + 1, self.epoch));
        self.window.push(&mut self.slots, slot);
        self.newest = slot;
    }

    /// Counts a use of the entry in `slot`, which weighs `weight` from now on.
    pub(super) fn update(&mut self, slot: u32, weight: u32) {
        self.note_use(slot);
        // Looks at the slot's node only where it has to: that is a cache line more for each write.
        if weight != self.slots.weight(slot) && self.slots.is_occupied(slot) {
            self.have(slot, weight);
            match self.slots.segment(slot) {
                Segment::Window => self.window.reweigh(&mut self.slots, slot, weight),
                Segment::Main => self.main.reweigh(&mut self.slots, slot, weight),
            }
        }
    }

    /// Forgets the entry in `slot`, if there is one, but for its key's frequency.
    pub(super) fn remove(&mut self, slot: u32) {
        if self.slots.is_occupied(slot) {
            self.retire(slot);
        }
    }

    /// Forgets every entry and ghost.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.window = Queue::new(Segment::Window);
        self.main = Queue::new(Segment::Main);
        if let Some(ghosts) = &mut self.ghosts {
            ghosts.clear();
        }
        self.newest = NONE;
    }

    /// Chooses the entry that goes next and removes it; its slot and key.
    pub(super) fn evict(&mut self, regime: Regime) -> Option<(u32, u32)> {
        if let Some(ghosts) = &mut self.ghosts {
            ghosts.fit(self.window.len() + self.main.len());
        }
        let victim = match (self.newcomer(regime), self.stalest()) {
            (Some(newcomer), Some(rival)) => self.loser(newcomer, rival, regime.lead),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => return None,
        };
        let key = self.slots.key(victim);
        self.retire(victim);
        Some((victim, key))
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.slots.memory() + self.ghosts.as_ref().map_or(0, Ghosts::memory)
    }

    /// The entry that has to leave the window; `None` if none has to. What the main segment has room for goes there.
    fn newcomer(&mut self, regime: Regime) -> Option<u32> {
        let held = self.window.weight() + self.main.weight();
        let share = held.saturating_mul(u64::from(regime.window_percent)) / 100;
        for _ in 0..STEPS {
            let slot = self.window.oldest()?;
            let is_within = self.window.len() < LEAST_WINDOW || self.window.weight() < share;
            if is_within && self.main.len() != 0 {
                return None;
            }
            let uses = self.slots.uses(slot, self.epoch);
            if self.window.len() > 1 && (uses.is_referenced() || slot == self.newest) {
                self.slots.set_uses(slot, uses.unreferenced());
                self.window.rotate(&mut self.slots);
                continue;
            }
            let rest = self.window.weight() - u64::from(self.slots.weight(slot));
            if rest < share || self.window.len() <= LEAST_WINDOW {
                return Some(slot);
            }
            self.promote(slot);
        }
        if self.main.len() != 0 {
            return None;
        }
        if self.window.oldest() == Some(self.newest) {
            self.window.rotate(&mut self.slots);
        }
        self.window.oldest()
    }

    /// The entry of the main segment that would go.
    fn stalest(&mut self) -> Option<u32> {
        for _ in 0..STEPS {
            let slot = self.main.oldest()?;
            let uses = self.slots.uses(slot, self.epoch);
            if !uses.is_referenced() {
                return Some(slot);
            }
            self.slots.set_uses(slot, uses.dereferenced());
            self.main.rotate(&mut self.slots);
        }
        self.main.oldest()
    }

    /// Which of the two goes. The other is in the main segment then.
    fn loser(&mut self, newcomer: u32, rival: u32, lead: u8) -> u32 {
        let frequency = |slot| self.slots.uses(slot, self.epoch).frequency();
        let (ours, theirs) = (frequency(newcomer), frequency(rival));
        if ours > theirs + lead {
            self.promote(newcomer);
            return rival;
        }
        if theirs > ours + FAR_AHEAD {
            self.main.rotate(&mut self.slots);
        }
        newcomer
    }

    fn promote(&mut self, slot: u32) {
        self.window.remove(&mut self.slots, slot);
        self.main.push(&mut self.slots, slot);
    }

    /// Takes an entry out of its queue and leaves a ghost.
    fn retire(&mut self, slot: u32) {
        match self.slots.segment(slot) {
            Segment::Window => self.window.remove(&mut self.slots, slot),
            Segment::Main => self.main.remove(&mut self.slots, slot),
        }
        if let Some(ghosts) = &mut self.ghosts {
            ghosts.put(self.slots.key(slot), self.slots.uses(slot, self.epoch).frequency(), self.epoch);
        }
        if self.newest == slot {
            self.newest = NONE;
        }
    }

    fn have(&mut self, slot: u32, weight: u32) {
        if self.slots.reserve(slot, weight).is_err() {
            // Who cannot bear this end reserves first.
            std::alloc::handle_alloc_error(Layout::new::<[u64; 256]>());
        }
    }

    /// Lets time pass by one insertion. Each byte and each ghost is refreshed once an epoch or more often.
    fn age(&mut self) {
        self.inserts += 1;
        if self.inserts >= INSERTS_PER_EPOCH * self.len().max(LEAST_ENTRIES) {
            self.inserts = 0;
            self.epoch = self.epoch.next();
        }
        self.turn = self.turn.wrapping_add(1);
        self.slots.refresh(self.turn, self.epoch);
        if self.turn.is_multiple_of(4)
            && let Some(ghosts) = &mut self.ghosts
        {
            ghosts.refresh(self.turn / 4, self.epoch);
        }
    }
}
