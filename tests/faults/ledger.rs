//! What the writers were told, and what is there in the end.
//!
//! Each key has one writer, which writes 1, 2, 3, … to it. So what is there in the end is at least the last number that
//! was acknowledged, or an acknowledged write was lost; and at most the last that may have happened, or a write that was
//! said to have failed has happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// What one round came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Acknowledged writes that are not there in the end, nor a later one of their key.
    pub lost: u64,
    /// Writes of which the store said that it cannot know.
    pub ambiguous: u64,
    /// Of those, how many came after a later acknowledged one and replaced it.
    pub late: u64,
    /// Writes that were refused: they did not happen.
    pub refused: u64,
    /// Refused writes that happened nevertheless.
    pub phantom: u64,
    /// Increments by compare-and-swap that were acknowledged; their losses count above.
    pub swapped: u64,
    /// Increments that happened although their callers were told that another one was first, or that they were refused.
    pub unclaimed: u64,
    /// Keys of which the watch did not tell the last value.
    pub unseen: u64,
    /// Events that told what had been told.
    pub repeated: u64,
    /// Reads that showed less than the same client had been told before.
    pub stale: u64,
    /// The longest time between two acknowledged writes.
    pub gap: Duration,
    /// From the moment when it could go on to the next acknowledged write, round by round.
    pub follows: Vec<Duration>,
}

/// The history of every key.
#[derive(Debug, Default)]
pub struct Ledger {
    keys: BTreeMap<String, History>,
    acknowledgements: Vec<Instant>,
    stale: u64,
}

#[derive(Debug, Default)]
struct History {
    acknowledged: u64,
    ambiguous: BTreeSet<u64>,
    refused: BTreeSet<u64>,
    count: u64,
}

impl Ledger {
    pub fn acknowledged(&mut self, key: &str, number: u64) {
        let history = self.keys.entry(key.to_owned()).or_default();
        history.acknowledged = number;
        history.count += 1;
        self.acknowledgements.push(Instant::now());
    }

    pub fn ambiguous(&mut self, key: &str, number: u64) {
        self.keys.entry(key.to_owned()).or_default().ambiguous.insert(number);
    }

    pub fn refused(&mut self, key: &str, number: u64) {
        self.keys.entry(key.to_owned()).or_default().refused.insert(number);
    }

    /// A read by the client that wrote the key.
    pub fn read(&mut self, key: &str, found: u64) {
        let history = self.keys.entry(key.to_owned()).or_default();
        if found < history.acknowledged && !history.ambiguous.contains(&found) {
            self.stale += 1;
        }
    }

    pub fn acknowledged_count(&self) -> usize {
        self.acknowledgements.len()
    }

    pub fn keys(&self) -> Vec<String> {
        self.keys.keys().cloned().collect()
    }

    /// Compares with what is there in the end; `could_go_on` is when the fault was over, or decided by the sentinels.
    pub fn tally(&self, found: &BTreeMap<String, u64>, could_go_on: Instant) -> Tally {
        let mut tally = Tally { stale: self.stale, ..Tally::default() };
        for (key, history) in &self.keys {
            let value = found.get(key).copied().unwrap_or(0);
            tally.acknowledged += history.count;
            tally.ambiguous += history.ambiguous.len() as u64;
            tally.refused += history.refused.len() as u64;
            tally.phantom += u64::from(history.refused.contains(&value));
            if value >= history.acknowledged {
                continue;
            }
            match history.ambiguous.contains(&value) {
                true => tally.late += 1,
                // Every number between the two that was acknowledged is gone.
                false => tally.lost += 1,
            }
        }
        let mut sorted = self.acknowledgements.clone();
        sorted.sort_unstable();
        tally.gap = sorted.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
        let next = sorted.iter().find(|at| **at >= could_go_on);
        tally.follows.push(next.map_or(Duration::MAX, |at| *at - could_go_on));
        tally
    }
}

impl Tally {
    /// The sum of rounds, with the worst gap and all times to follow.
    pub fn add(&mut self, other: &Tally) {
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.ambiguous += other.ambiguous;
        self.late += other.late;
        self.refused += other.refused;
        self.phantom += other.phantom;
        self.swapped += other.swapped;
        self.unclaimed += other.unclaimed;
        self.unseen += other.unseen;
        self.repeated += other.repeated;
        self.stale += other.stale;
        self.gap = self.gap.max(other.gap);
        self.follows.extend_from_slice(&other.follows);
    }

    /// The median and the worst time to follow.
    pub fn follow(&self) -> (Duration, Duration) {
        let mut sorted = self.follows.clone();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        (median, sorted.last().copied().unwrap_or_default())
    }
}
