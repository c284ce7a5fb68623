//! What a policy keeps for each slot, in chunks that never move: links, key and uses.
//!
//! Thirteen bytes a slot, and four more where some entry of its chunk does not weigh 1. The uses lie apart from the
//! rest, for hits touch nothing else: sixty-four slots of them share a cache line.

use std::sync::atomic::{AtomicU8, Ordering};

use super::uses::{Epoch, Uses};
use crate::error::Result;
use crate::store::memory::blocks::{no_memory, try_boxed, try_push};

/// Slots in a chunk.
const CHUNK: usize = 256;

/// No slot: the end of a list.
pub(super) const NONE: u32 = u32::MAX;
/// In place of the next slot, of a slot without an entry.
const VACANT: u32 = u32::MAX - 1;

const MAIN: u32 = 1 << 31;

/// The two queues that an entry may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// New entries.
    Window,
    /// Entries that have shown to be worth their room.
    Main,
}

#[derive(Clone, Copy)]
struct Node {
    next: u32,
    previous: u32,
    /// 31 bits of the key's hash, and a bit that says whether the entry is in the main segment.
    key: u32,
}

/// The slots of one shard.
#[derive(Default)]
#[allow(clippy::vec_box, reason = "growth must not copy what there is")]
pub(super) struct Slots {
    nodes: Vec<Box<[Node; CHUNK]>>,
    uses: Vec<Box<[AtomicU8; CHUNK]>>,
    weights: Vec<Option<Box<[u32; CHUNK]>>>,
}

/// A queue of slots: new ones enter at the head.
#[derive(Debug)]
pub(super) struct Queue {
    segment: Segment,
    head: u32,
    tail: u32,
    len: usize,
    weight: u64,
}

impl Slots {
    /// Takes the memory for an entry of `weight` in `slot`.
    ///
    /// # Errors
    ///
    /// `OUT_OF_MEMORY`.
    pub(super) fn reserve(&mut self, slot: u32, weight: u32) -> Result<()> {
        let chunk = slot as usize / CHUNK;
        while self.uses.len() <= chunk {
            if self.nodes.len() == self.uses.len() {
                try_push(&mut self.nodes, try_boxed(Node { next: VACANT, previous: NONE, key: 0 })?)?;
            }
            if self.weights.len() == self.uses.len() {
                try_push(&mut self.weights, None)?;
            }
            try_push(&mut self.uses, try_uses()?)?;
        }
        if weight != 1 && self.weights[chunk].is_none() {
            self.weights[chunk] = Some(try_boxed(1)?);
        }
        Ok(())
    }

    /// Fills `slot`, for which memory was reserved.
    pub(super) fn fill(&mut self, slot: u32, key: u32, weight: u32, uses: Uses) {
        self.node_mut(slot).key = key & !MAIN;
        self.set_weight(slot, weight);
        self.set_uses(slot, uses);
    }

    /// Whether there is an entry in `slot`.
    pub(super) fn is_occupied(&self, slot: u32) -> bool {
        self.nodes.get(slot as usize / CHUNK).is_some_and(|chunk| chunk[slot as usize % CHUNK].next != VACANT)
    }

    /// The key that `slot` was filled with.
    pub(super) fn key(&self, slot: u32) -> u32 {
        self.node(slot).key & !MAIN
    }

    /// The segment that the entry in `slot` is in.
    pub(super) fn segment(&self, slot: u32) -> Segment {
        if self.node(slot).key & MAIN == 0 { Segment::Window } else { Segment::Main }
    }

    /// The weight of the entry in `slot`.
    pub(super) fn weight(&self, slot: u32) -> u32 {
        let (chunk, at) = split(slot);
        self.weights.get(chunk).and_then(Option::as_ref).map_or(1, |weights| weights[at])
    }

    /// Notes the weight of the entry in `slot`, for which memory was reserved.
    pub(super) fn set_weight(&mut self, slot: u32, weight: u32) {
        let (chunk, at) = split(slot);
        if let Some(weights) = &mut self.weights[chunk] {
            weights[at] = weight;
        }
    }

    /// The uses of `slot`, as of `epoch`.
    pub(super) fn uses(&self, slot: u32, epoch: Epoch) -> Uses {
        let (chunk, at) = split(slot);
        Uses::from_byte(self.uses[chunk][at].load(Ordering::Relaxed)).at(epoch)
    }

    /// Sets the uses of `slot`.
    pub(super) fn set_uses(&mut self, slot: u32, uses: Uses) {
        let (chunk, at) = split(slot);
        *self.uses[chunk][at].get_mut() = uses.byte();
    }

    /// Counts a use of `slot`. Of two at the same moment one may be lost.
    #[inline]
    pub(super) fn note_use(&self, slot: u32, epoch: Epoch) {
        let Some(chunk) = self.uses.get(slot as usize / CHUNK) else { return };
        let byte = &chunk[slot as usize % CHUNK];
        let before = byte.load(Ordering::Relaxed);
        let after = Uses::from_byte(before).at(epoch).used().byte();
        // What is used most is not written to, so that it stays shared between the processors' caches.
        if after != before {
            byte.store(after, Ordering::Relaxed);
        }
    }

    /// Brings the uses of a slot to `epoch`, before their own is taken for a later one. `turn` counts up.
    pub(super) fn refresh(&mut self, turn: usize, epoch: Epoch) {
        let slots = self.uses.len() * CHUNK;
        if slots == 0 {
            return;
        }
        let slot = (turn % slots) as u32;
        let uses = self.uses(slot, epoch);
        self.set_uses(slot, uses);
    }

    /// Empties every slot.
    pub(super) fn clear(&mut self) {
        for node in self.nodes.iter_mut().flat_map(|chunk| chunk.iter_mut()) {
            node.next = VACANT;
        }
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        let weights = self.weights.iter().flatten().count();
        self.nodes.len() * size_of::<[Node; CHUNK]>()
            + self.uses.len() * size_of::<[AtomicU8; CHUNK]>()
            + weights * size_of::<[u32; CHUNK]>()
            + (self.nodes.capacity() + self.uses.capacity() + self.weights.capacity()) * size_of::<usize>()
    }

    fn node(&self, slot: u32) -> &Node {
        let (chunk, at) = split(slot);
        &self.nodes[chunk][at]
    }

    fn node_mut(&mut self, slot: u32) -> &mut Node {
        let (chunk, at) = split(slot);
        &mut self.nodes[chunk][at]
    }
}

impl Queue {
    /// An empty queue for the entries of `segment`.
    pub(super) fn new(segment: Segment) -> Queue {
        Queue { segment, head: NONE, tail: NONE, len: 0, weight: 0 }
    }

    /// How many entries are in it.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// What they weigh together.
    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    /// The entry that has been in it for the longest.
    pub(super) fn oldest(&self) -> Option<u32> {
        (self.tail != NONE).then_some(self.tail)
    }

    /// Adds the filled `slot` at the head.
    pub(super) fn push(&mut self, slots: &mut Slots, slot: u32) {
        let head = self.head;
        let node = slots.node_mut(slot);
        node.previous = NONE;
        node.next = head;
        node.key = if self.segment == Segment::Main { node.key | MAIN } else { node.key & !MAIN };
        if head == NONE {
            self.tail = slot;
        } else {
            slots.node_mut(head).previous = slot;
        }
        self.head = slot;
        self.len += 1;
        self.weight += u64::from(slots.weight(slot));
    }

    /// Takes `slot`, which is in this queue, out of it.
    pub(super) fn remove(&mut self, slots: &mut Slots, slot: u32) {
        let Node { next, previous, .. } = *slots.node(slot);
        if previous == NONE {
            self.head = next;
        } else {
            slots.node_mut(previous).next = next;
        }
        if next == NONE {
            self.tail = previous;
        } else {
            slots.node_mut(next).previous = previous;
        }
        slots.node_mut(slot).next = VACANT;
        self.len -= 1;
        self.weight -= u64::from(slots.weight(slot));
    }

    /// Moves the oldest entry to the head.
    pub(super) fn rotate(&mut self, slots: &mut Slots) {
        if let Some(slot) = self.oldest() {
            self.remove(slots, slot);
            self.push(slots, slot);
        }
    }

    /// Notes that `slot`, which is in this queue, weighs `weight` from now on.
    pub(super) fn reweigh(&mut self, slots: &mut Slots, slot: u32, weight: u32) {
        self.weight -= u64::from(slots.weight(slot));
        slots.set_weight(slot, weight);
        self.weight += u64::from(weight);
    }
}

fn split(slot: u32) -> (usize, usize) {
    (slot as usize / CHUNK, slot as usize % CHUNK)
}

fn try_uses() -> Result<Box<[AtomicU8; CHUNK]>> {
    let mut uses = Vec::new();
    uses.try_reserve_exact(CHUNK).map_err(|_| no_memory(CHUNK))?;
    uses.resize_with(CHUNK, AtomicU8::default);
    let boxed: std::result::Result<Box<[AtomicU8; CHUNK]>, _> = uses.into_boxed_slice().try_into();
    Ok(boxed.unwrap_or_else(|_| unreachable!("the slice has as many items")))
}
