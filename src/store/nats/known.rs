//! What a watch knows of the records that it has told of.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use super::entry::Limited;
use crate::{clock, clock::NEVER};

/// How many ends of records that were written over are kept whatever the number of keys.
const SPARE_ENDS: usize = 1024;

/// What is known of a key.
#[derive(Clone, Copy)]
pub(super) struct State {
    /// The record's revision.
    pub revision: u64,
    /// When it expires.
    pub deadline: u64,
}

/// When a record expires.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End {
    /// The moment.
    pub deadline: u64,
    /// The record's revision.
    pub revision: u64,
    /// Its key.
    pub key: Box<[u8]>,
    /// Where it is the bucket's limit that ends it.
    pub limited: Option<Limited>,
}

/// The records by hashes of their keys, and the ends of those that expire.
#[derive(Default)]
pub(super) struct Known {
    hasher: FixedState,
    keys: HashMap<u64, State>,
    ends: BinaryHeap<Reverse<End>>,
}

impl Known {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.ends.clear();
    }

    /// What a key goes by.
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// What is known of a key.
    pub fn get(&self, key: &[u8]) -> Option<State> {
        self.keys.get(&self.hash(key)).copied()
    }

    /// Forgets a key, and says what was known of it.
    pub fn remove(&mut self, key: &[u8]) -> Option<State> {
        self.keys.remove(&self.hash(key))
    }

    /// Forgets the keys that are not among these hashes, and says how many they were.
    pub fn retain(&mut self, present: &HashSet<u64>) -> usize {
        let before = self.keys.len();
        self.keys.retain(|key, _| present.contains(key));
        before - self.keys.len()
    }

    /// Notes a record, and says what was known of its key before; `limited` where the bucket's limit ends it.
    pub fn learn(&mut self, key: &[u8], state: State, limited: Option<Limited>) -> Option<State> {
        let State { revision, deadline } = state;
        if deadline != NEVER {
            self.ends.push(Reverse(End { deadline, revision, key: key.into(), limited }));
        }
        let before = self.keys.insert(self.hash(key), state);
        self.forget_outdated();
        before
    }

    /// The next end.
    pub fn next_end(&self) -> Option<&End> {
        self.ends.peek().map(|Reverse(end)| end)
    }

    /// Takes the next end out that has come, of a record that was not written over.
    pub fn take_due(&mut self) -> Option<End> {
        while clock::has_passed(self.next_end()?.deadline) {
            let Reverse(end) = self.ends.pop()?;
            // A later write of the key has an end of its own.
            if self.is_current(&end) {
                return Some(end);
            }
        }
        None
    }

    /// Puts an end back that was taken out.
    pub fn keep(&mut self, end: End) {
        self.ends.push(Reverse(end));
    }

    fn is_current(&self, end: &End) -> bool {
        self.get(&end.key).is_some_and(|known| known.revision == end.revision)
    }

    /// Drops the ends of records that were written over, once they are more than half: there are as many as writes.
    fn forget_outdated(&mut self) {
        if self.ends.len() <= 2 * self.keys.len() + SPARE_ENDS {
            return;
        }
        let mut ends = std::mem::take(&mut self.ends);
        ends.retain(|Reverse(end)| self.is_current(end));
        self.ends = ends;
    }
}
