//! The memory store: records in this process, bounded by entries or bytes, with lifespans and a replacement policy.
//!
//! What always holds:
//!
//! * a record that has expired is never shown;
//! * what is held is never over the bound, not for a moment;
//! * databases and tables are apart, whatever bytes names and keys hold: a record's identity is its table's number and
//!   its key;
//! * the revision of a key grows with every write; revisions of different keys cannot be compared;
//! * nobody pays for others' housekeeping: growth is by one bucket, expiry has its own thread, and a write evicts only
//!   what it needs itself.
//!
//! [`backend`](MemoryBackend) names the tables and opens stores, `store` is the trait's face, and beneath it an
//! `engine`: Larder's own (`sharded`, made of `shard`, `index`, `slab`, `budget` and `policy`), or moka's.

mod backend;
mod blocks;
mod budget;
mod cursor;
mod engine;
mod hash;
mod index;
mod lock;
mod moka_engine;
pub mod policy;
mod shard;
mod sharded;
mod slab;
mod store;
mod sweeper;
mod tables;
#[cfg(test)]
mod tests;
mod watcher;

use std::time::Duration;

pub use backend::MemoryBackend;
pub use budget::ENTRY_OVERHEAD;
pub use policy::PolicyKind;
pub use store::MemoryStore;

use crate::clock;

/// How a memory backend is made. By default it is unbounded, and its records live until they are removed.
#[derive(Clone, Debug, Default)]
pub struct MemoryConfig {
    /// How many entries it holds at most, over all databases and tables; `None` for as many as there are.
    pub max_entries: Option<u64>,
    /// How many bytes it holds at most: of each record its whole block (header, key, value, metadata) and
    /// [`ENTRY_OVERHEAD`]; `None` for as many as there are. Both bounds may be given, and both hold then.
    pub max_bytes: Option<u64>,
    /// How long a record lives whose write does not say; `None` for without end.
    pub lifespan: Option<Duration>,
    /// How long a record lives unread whose write does not say; `None` for without end.
    pub max_idle: Option<Duration>,
    /// Which entry leaves a full store.
    pub policy: PolicyChoice,
    /// How many shards, each with its own lock, rounded up to a power of two, 1 to 4096; `None` for 64, or one for each
    /// 2,048 entries of `max_entries` or 4 MiB of `max_bytes` if that is less. Policies work within a shard, so few
    /// entries in many shards cost hits. moka chooses its own.
    pub shards: Option<usize>,
}

/// The engine of a memory backend, and its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyChoice {
    /// Larder's own engine with one of its policies.
    Own(PolicyKind),
    /// moka's cache. Its limits are told by [`Store::describe`](crate::store::Store::describe).
    Moka,
}

impl PolicyChoice {
    /// Every name that [`PolicyChoice::parse`] knows, the default first.
    pub const NAMES: &'static [&'static str] = &["adaptive", "lru", "tinylfu", "moka"];

    /// The choice of this name; `None` if there is none.
    pub fn parse(name: &str) -> Option<PolicyChoice> {
        if name == "moka" {
            return Some(PolicyChoice::Moka);
        }
        PolicyKind::parse(name).map(PolicyChoice::Own)
    }
}

impl Default for PolicyChoice {
    fn default() -> PolicyChoice {
        PolicyChoice::Own(PolicyKind::default())
    }
}

/// The deadline of what begins to live now for `lifespan_ms`, 0 for without end.
fn deadline_after(lifespan_ms: u64) -> u64 {
    if lifespan_ms == 0 {
        return clock::NEVER;
    }
    clock::now_ms().saturating_add(lifespan_ms)
}
