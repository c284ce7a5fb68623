//! The policies by name, and any of them as one type.

use super::Policy;
use super::adaptive::Adaptive;
use super::fixed::Fixed;
use crate::error::Result;

/// A replacement policy, as the configuration names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PolicyKind {
    /// `adaptive`: a window and a main segment that follow the requests.
    #[default]
    Adaptive,
    /// `lru`: about the least recently used entry goes (CLOCK).
    Lru,
    /// `tinylfu`: a small window before entries chosen by frequency.
    TinyLfu,
}

impl PolicyKind {
    /// Every name that [`PolicyKind::parse`] knows, the default first.
    pub const NAMES: &'static [&'static str] = &["adaptive", "lru", "tinylfu"];

    /// The policy of this name; `None` if there is none.
    pub fn parse(name: &str) -> Option<PolicyKind> {
        match name {
            "adaptive" => Some(PolicyKind::Adaptive),
            "lru" => Some(PolicyKind::Lru),
            "tinylfu" => Some(PolicyKind::TinyLfu),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            PolicyKind::Adaptive => "adaptive",
            PolicyKind::Lru => "lru",
            PolicyKind::TinyLfu => "tinylfu",
        }
    }

    /// A policy for a store of one shard, which holds up to `capacity` (entries, or bytes).
    pub fn build(self, capacity: u64) -> AnyPolicy {
        // Whatever a shard holds when it first evicts is what it holds, so none of them has to know beforehand.
        let _ = capacity;
        match self {
            PolicyKind::Adaptive => AnyPolicy::Adaptive(Adaptive::learner()),
            PolicyKind::Lru => AnyPolicy::Fixed(Fixed::lru()),
            PolicyKind::TinyLfu => AnyPolicy::Fixed(Fixed::tiny_lfu()),
        }
    }

    /// Policies for the `count` shards of one store, each of which holds up to `capacity`. They learn together, in the
    /// memory that one of them takes: about 26 KiB for all.
    pub fn build_all(self, capacity: u64, count: usize) -> Vec<AnyPolicy> {
        let mut policies = Vec::with_capacity(count);
        for _ in 0..count {
            let policy = match policies.first() {
                Some(AnyPolicy::Adaptive(learner)) => AnyPolicy::Adaptive(learner.follower()),
                _ => self.build(capacity),
            };
            policies.push(policy);
        }
        policies
    }
}

/// Any policy, dispatched without a table of functions.
// One lives in each shard, in place: a pointer would cost each hit a cache line more than the unused bytes do.
#[allow(clippy::large_enum_variant)]
pub enum AnyPolicy {
    /// See [`PolicyKind::Adaptive`].
    Adaptive(Adaptive),
    /// See [`PolicyKind::Lru`] and [`PolicyKind::TinyLfu`].
    Fixed(Fixed),
}

macro_rules! each {
    ($any:expr, $policy:ident => $call:expr) => {
        match $any {
            AnyPolicy::Adaptive($policy) => $call,
            AnyPolicy::Fixed($policy) => $call,
        }
    };
}

impl Policy for AnyPolicy {
    #[inline]
    fn on_hit(&self, slot: u32, hash: u64) {
        each!(self, policy => policy.on_hit(slot, hash));
    }

    #[inline]
    fn on_miss(&self, hash: u64) {
        each!(self, policy => policy.on_miss(hash));
    }

    #[inline]
    fn reserve(&mut self, slot: u32, weight: u32) -> Result<()> {
        each!(self, policy => policy.reserve(slot, weight))
    }

    #[inline]
    fn on_insert(&mut self, slot: u32, hash: u64, weight: u32) {
        each!(self, policy => policy.on_insert(slot, hash, weight));
    }

    #[inline]
    fn on_update(&mut self, slot: u32, hash: u64, weight: u32) {
        each!(self, policy => policy.on_update(slot, hash, weight));
    }

    #[inline]
    fn on_remove(&mut self, slot: u32, hash: u64) {
        each!(self, policy => policy.on_remove(slot, hash));
    }

    #[inline]
    fn evict(&mut self) -> Option<u32> {
        each!(self, policy => policy.evict())
    }

    #[inline]
    fn set_capacity(&mut self, capacity: u64) {
        each!(self, policy => policy.set_capacity(capacity));
    }

    fn memory(&self) -> usize {
        each!(self, policy => policy.memory())
    }
}
