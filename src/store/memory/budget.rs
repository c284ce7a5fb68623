//! What a store may hold: one pool of entries and bytes that all shards draw from.
//!
//! A record is published only with credit that was taken out of the pool first, and its credit goes back only after it
//! is gone, so that what is held never passes the bound, not for a moment. Credit moves straight from an evicted record
//! to the one that replaces it, so a full store does not touch the pool.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result, Status};

/// What a bound by bytes counts for an entry besides its record: its share of index, slab, policy and allocator.
pub const ENTRY_OVERHEAD: u64 = 48;

/// Entries and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

impl Cost {
    /// What a record of `size` bytes costs.
    pub(super) fn of(size: usize) -> Cost {
        Cost { entries: 1, bytes: size as u64 + ENTRY_OVERHEAD }
    }

    pub(super) fn add(&mut self, other: Cost) {
        self.entries += other.entries;
        self.bytes += other.bytes;
    }

    /// The bytes of records together with their overhead.
    pub(super) fn with_overhead(self) -> u64 {
        self.bytes + self.entries * ENTRY_OVERHEAD
    }

    fn covers(&self, need: Cost) -> bool {
        self.entries >= need.entries && self.bytes >= need.bytes
    }
}

/// One bounded dimension: what is left of it.
struct Pool {
    bound: u64,
    left: AtomicU64,
}

impl Pool {
    fn new(bound: u64) -> Pool {
        Pool { bound, left: AtomicU64::new(bound) }
    }

    /// Takes up to `most`; says how much.
    fn take(&self, most: u64) -> u64 {
        let mut left = self.left.load(Ordering::Relaxed);
        loop {
            let taken = left.min(most);
            if taken == 0 {
                return 0;
            }
            match self.left.compare_exchange_weak(left, left - taken, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return taken,
                Err(now) => left = now,
            }
        }
    }

    fn give(&self, amount: u64) {
        if amount != 0 {
            self.left.fetch_add(amount, Ordering::Relaxed);
        }
    }

    fn used(&self) -> u64 {
        self.bound - self.left.load(Ordering::Relaxed)
    }
}

/// The pool of one store.
pub(super) struct Budget {
    entries: Option<Pool>,
    bytes: Option<Pool>,
}

impl Budget {
    /// A pool of as many entries and bytes; `None` for as many as there may be.
    pub(super) fn new(max_entries: Option<u64>, max_bytes: Option<u64>) -> Budget {
        Budget { entries: max_entries.map(Pool::new), bytes: max_bytes.map(Pool::new) }
    }

    /// Whether there is any bound.
    pub(super) fn is_bounded(&self) -> bool {
        self.entries.is_some() || self.bytes.is_some()
    }

    /// Refuses a record that could never be held.
    ///
    /// # Errors
    ///
    /// `TOO_LARGE`.
    pub(super) fn check(&self, cost: Cost) -> Result<()> {
        let Some(pool) = &self.bytes else { return Ok(()) };
        if cost.bytes <= pool.bound {
            return Ok(());
        }
        let message = format!(
            "the record takes {} bytes with its key, metadata and overhead; the store holds {} in all: raise max_bytes, \
             or split the value",
            cost.bytes, pool.bound
        );
        Err(Error::new(Status::TOO_LARGE, "max_bytes", message))
    }

    /// What is held by entries; `None` without a bound on them.
    pub(super) fn used_entries(&self) -> Option<u64> {
        self.entries.as_ref().map(Pool::used)
    }

    /// What is held in bytes, overhead included; `None` without a bound on them.
    pub(super) fn used_bytes(&self) -> Option<u64> {
        self.bytes.as_ref().map(Pool::used)
    }

    fn give(&self, cost: Cost) {
        if let Some(pool) = &self.entries {
            pool.give(cost.entries);
        }
        if let Some(pool) = &self.bytes {
            pool.give(cost.bytes);
        }
    }
}

/// Credit in the hand of one operation; what it did not spend goes back to the pool.
pub(super) struct Credit<'a> {
    budget: &'a Budget,
    held: Cost,
}

impl<'a> Credit<'a> {
    /// No credit yet.
    pub(super) fn new(budget: &'a Budget) -> Credit<'a> {
        Credit { budget, held: Cost::default() }
    }

    /// Takes what a record leaves behind.
    pub(super) fn earn(&mut self, cost: Cost) {
        self.held.add(cost);
    }

    /// Spends `need`, drawing what is missing from the pool; whether it sufficed. What was drawn stays in hand.
    pub(super) fn spend(&mut self, need: Cost) -> bool {
        if let Some(pool) = &self.budget.entries
            && self.held.entries < need.entries
        {
            self.held.entries += pool.take(need.entries - self.held.entries);
        }
        if let Some(pool) = &self.budget.bytes
            && self.held.bytes < need.bytes
        {
            self.held.bytes += pool.take(need.bytes - self.held.bytes);
        }
        let need = Cost {
            entries: if self.budget.entries.is_some() { need.entries } else { 0 },
            bytes: if self.budget.bytes.is_some() { need.bytes } else { 0 },
        };
        if !self.held.covers(need) {
            return false;
        }
        self.held.entries -= need.entries;
        self.held.bytes -= need.bytes;
        true
    }

    /// Gives all that is in hand back to the pool.
    pub(super) fn give_back(&mut self) {
        self.budget.give(std::mem::take(&mut self.held));
    }
}

impl Drop for Credit<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_spent_goes_back() {
        let budget = Budget::new(Some(2), Some(1000));
        let mut credit = Credit::new(&budget);
        assert!(credit.spend(Cost { entries: 1, bytes: 400 }));
        assert!(!credit.spend(Cost { entries: 1, bytes: 601 }));
        drop(credit);
        assert_eq!((budget.used_entries(), budget.used_bytes()), (Some(1), Some(400)));
    }

    #[test]
    fn earned_credit_is_spent_before_the_pool_is_asked() {
        let budget = Budget::new(Some(1), None);
        assert!(Credit::new(&budget).spend(Cost { entries: 1, bytes: 5 }));
        let mut credit = Credit::new(&budget);
        assert!(!credit.spend(Cost { entries: 1, bytes: 5 }));
        credit.earn(Cost { entries: 1, bytes: 5 });
        assert!(credit.spend(Cost { entries: 1, bytes: 5 }));
        drop(credit);
        assert_eq!(budget.used_entries(), Some(1));
    }
}
