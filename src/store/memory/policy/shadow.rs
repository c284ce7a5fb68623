//! A cache in miniature: what a regime would make of a sample of the requests.
//!
//! Keys that are sampled by their hash behave in a cache of the sample's size as all keys do in the whole (Waldspurger,
//! Saemundsson, Ahmad and Park, "Cache Modeling and Optimization using Miniature Simulations", USENIX ATC 2017).

use super::segments::{Memory, Regime, Segments};

/// The most entries that a shadow holds.
pub(super) const MOST_ENTRIES: usize = 256;
/// Slots of the index; half of them stay empty.
const INDEX: usize = 2 * MOST_ENTRIES;
const EMPTY: u16 = u16::MAX;
/// Entries that one request makes go at most, one more than may come.
const EVICTIONS: usize = 4;

/// Keys that a cache under some regime would hold.
pub(super) struct Shadow {
    regime: Regime,
    segments: Segments,
    /// Slots by key, with linear probing.
    index: Box<[u16; INDEX]>,
    free: Vec<u16>,
}

impl Shadow {
    /// An empty cache under `regime`.
    pub(super) fn new(regime: Regime) -> Shadow {
        let mut segments = Segments::new(Memory::Ghosts);
        // All that it will need, now, when there is time. If this fails the first insertion tries again.
        let _ = segments.reserve(MOST_ENTRIES as u32 - 1, 1);
        Shadow { regime, segments, index: Box::new([EMPTY; INDEX]), free: (0..MOST_ENTRIES as u16).rev().collect() }
    }

    /// Asks for `key`, and takes it in if it is not there. Whether it was, with room for `size` entries.
    pub(super) fn request(&mut self, key: u32, size: usize) -> bool {
        if let Some(slot) = self.find(key) {
            self.segments.note_use(slot);
            return true;
        }
        let size = size.clamp(1, MOST_ENTRIES);
        for _ in 0..EVICTIONS {
            if self.segments.len() < size {
                break;
            }
            let Some((slot, key)) = self.segments.evict(self.regime) else { break };
            self.forget(slot, key);
        }
        let slot = self.free.pop().expect("there is a slot for each entry of a full shadow");
        self.segments.insert(u32::from(slot), key, 1);
        let place = self.probe(key, |slot| slot == EMPTY);
        self.index[place] = slot;
        false
    }

    /// Forgets every key.
    pub(super) fn clear(&mut self) {
        self.segments.clear();
        self.index.fill(EMPTY);
        self.free.clear();
        self.free.extend((0..MOST_ENTRIES as u16).rev());
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.segments.memory() + size_of_val(&*self.index) + self.free.capacity() * size_of::<u16>()
    }

    fn find(&self, key: u32) -> Option<u32> {
        let place = self.probe(key, |slot| slot == EMPTY || self.segments.key(u32::from(slot)) == Some(key));
        let slot = self.index[place];
        (slot != EMPTY).then_some(u32::from(slot))
    }

    fn forget(&mut self, slot: u32, key: u32) {
        let place = self.probe(key, |other| u32::from(other) == slot);
        self.close_gap(place);
        self.free.push(slot as u16);
    }

    /// The first place of `key` whose slot is `wanted`.
    fn probe(&self, key: u32, wanted: impl Fn(u16) -> bool) -> usize {
        let mut place = home(key);
        while !wanted(self.index[place]) {
            place = (place + 1) % INDEX;
        }
        place
    }

    /// Empties a place, and moves back what was pushed past it.
    fn close_gap(&mut self, mut gap: usize) {
        let mut place = gap;
        loop {
            self.index[gap] = EMPTY;
            loop {
                place = (place + 1) % INDEX;
                let slot = self.index[place];
                if slot == EMPTY {
                    return;
                }
                let home = self.segments.key(u32::from(slot)).map_or(place, home);
                let distance = |from: usize| (place + INDEX - from) % INDEX;
                if distance(home) >= distance(gap) {
                    self.index[gap] = slot;
                    gap = place;
                    break;
                }
            }
        }
    }
}

fn home(key: u32) -> usize {
    key as usize % INDEX
}
