//! What is to be read from a store: its keys by ascending revision.

use crate::boundary::wait::wait;
use crate::cli::transfer::endpoint::Endpoint;
use crate::cli::transfer::patience::can_pass;
use crate::cli::transfer::stamp::Stamp;
use crate::clock;
use crate::error::Result;
use crate::store::options::{ListOptions, Projection};
use crate::store::record::Record;

/// How many keys are listed at once.
const PAGE: usize = 4096;

/// Keys in one piece of memory, with revisions and expiries: 32 bytes a record besides its key.
#[derive(Default)]
pub struct Plan {
    keys: Vec<u8>,
    places: Vec<Place>,
    with_lifespan: u64,
    with_max_idle: u64,
}

struct Place {
    stamp: Stamp,
    start: usize,
    length: u32,
}

impl Plan {
    /// Lists what is in the store under a prefix. A list that breaks off is begun anew.
    ///
    /// # Errors
    ///
    /// What the store answers, when patience is at its end.
    pub fn read(endpoint: &Endpoint, prefix: &[u8], mut listed: impl FnMut(usize)) -> Result<Plan> {
        let mut attempts = endpoint.patience.attempts();
        loop {
            let failure = match Plan::list(endpoint, prefix, &mut listed) {
                Ok(plan) => return Ok(plan),
                Err(error) => error,
            };
            if !can_pass(&failure) {
                return Err(failure);
            }
            attempts.again(failure)?;
        }
    }

    fn list(endpoint: &Endpoint, prefix: &[u8], listed: &mut impl FnMut(usize)) -> Result<Plan> {
        let options = ListOptions { prefix: prefix.to_vec(), projection: Projection::Keys, ..ListOptions::default() };
        let timeout = endpoint.timeout;
        let cursor = wait(endpoint.store.cursor(&options), timeout)?;
        let mut plan = Plan::default();
        loop {
            let page = wait(cursor.next(PAGE), timeout)?;
            if page.is_empty() {
                break;
            }
            page.iter().for_each(|record| plan.note(record));
            listed(plan.len());
        }
        plan.sort();
        Ok(plan)
    }

    fn note(&mut self, record: &Record) {
        self.with_lifespan += u64::from(record.lifespan_deadline() != clock::NEVER);
        self.with_max_idle += u64::from(record.max_idle_ms() != 0);
        self.push(record.key(), Stamp::of(record));
    }

    /// Adds a key; [`Plan::sort`] puts it in its place.
    pub fn push(&mut self, key: &[u8], stamp: Stamp) {
        self.places.push(Place { stamp, start: self.keys.len(), length: key.len() as u32 });
        self.keys.extend_from_slice(key);
    }

    /// Sorts by revision; what has the same, by key.
    pub fn sort(&mut self) {
        let keys = &self.keys;
        let key = |place: &Place| &keys[place.start..place.start + place.length as usize];
        self.places.sort_unstable_by(|a, b| a.stamp.revision.cmp(&b.stamp.revision).then_with(|| key(a).cmp(key(b))));
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The key at a place, and what it was listed with.
    pub fn get(&self, place: usize) -> (&[u8], Stamp) {
        let Place { stamp, start, length } = self.places[place];
        (&self.keys[start..start + length as usize], stamp)
    }

    /// Leaves in only what `wanted` says.
    pub fn retain(&mut self, mut wanted: impl FnMut(&[u8], Stamp) -> bool) {
        let keys = &self.keys;
        self.places.retain(|place| wanted(&keys[place.start..place.start + place.length as usize], place.stamp));
    }

    /// How many of the records that were listed have a lifespan.
    pub fn with_lifespan(&self) -> u64 {
        self.with_lifespan
    }

    /// How many of the records that were listed have a max-idle.
    pub fn with_max_idle(&self) -> u64 {
        self.with_max_idle
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_by_revision_then_by_key() {
        let mut plan = Plan::default();
        for (key, revision) in [("c", 2), ("b", 9), ("", 9), ("long", 1)] {
            plan.push(key.as_bytes(), Stamp { revision, expires_unix_ms: 0 });
        }
        plan.sort();
        let order: Vec<(&[u8], u64)> =
            (0..plan.len()).map(|place| (plan.get(place).0, plan.get(place).1.revision)).collect();
        assert_eq!(order, [(b"long".as_slice(), 1), (b"c", 2), (b"", 9), (b"b", 9)]);
        plan.retain(|key, _| key != b"c");
        assert_eq!(plan.len(), 3);
    }
}
