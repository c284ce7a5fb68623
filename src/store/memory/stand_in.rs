//! First in, first out: holds the place of the replacement policies.

use std::collections::VecDeque;

use super::policy::Policy;

/// The policies to choose from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PolicyKind {
    /// The oldest entry leaves first.
    #[default]
    Fifo,
}

impl PolicyKind {
    /// A policy for as much weight.
    pub fn build(self, _capacity: u64) -> AnyPolicy {
        AnyPolicy::default()
    }

    /// Its name in a configuration.
    pub fn name(self) -> &'static str {
        "fifo"
    }
}

/// A policy of any kind.
#[derive(Default)]
pub struct AnyPolicy {
    queue: VecDeque<u32>,
}

impl Policy for AnyPolicy {
    fn on_hit(&self, _slot: u32, _hash: u64) {}

    fn on_insert(&mut self, slot: u32, _hash: u64, _weight: u32) {
        self.queue.push_back(slot);
    }

    fn on_update(&mut self, _slot: u32, _hash: u64, _weight: u32) {}

    fn on_remove(&mut self, slot: u32, _hash: u64) {
        self.queue.retain(|known| *known != slot);
    }

    fn evict(&mut self) -> Option<u32> {
        self.queue.pop_front()
    }

    fn set_capacity(&mut self, _capacity: u64) {}

    fn memory(&self) -> usize {
        self.queue.capacity() * 4
    }
}
