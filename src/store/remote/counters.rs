//! What a store on a server counts on this side of the connection.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::statistics::Statistics;

/// Counts of one backend.
#[derive(Debug, Default)]
pub struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    puts: AtomicU64,
    removals: AtomicU64,
}

impl Counters {
    /// Counts a read.
    pub fn read(&self, found: bool) {
        if found { &self.hits } else { &self.misses }.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts writes.
    pub fn wrote(&self, count: u64) {
        self.puts.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts removals.
    pub fn removed(&self, count: u64) {
        self.removals.fetch_add(count, Ordering::Relaxed);
    }

    /// What was counted, with what the server says it holds.
    pub fn statistics(&self, entries: u64, bytes: u64) -> Statistics {
        Statistics {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            puts: self.puts.load(Ordering::Relaxed),
            removals: self.removals.load(Ordering::Relaxed),
            entries,
            bytes,
            ..Statistics::default()
        }
    }
}
