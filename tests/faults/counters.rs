//! Callers that count by compare-and-swap while something goes wrong: no increment may be lost, and none be done twice.
//!
//! Several callers raise one number, each by one from the revision that it has read. So the number is in the end at
//! least the count of the acknowledged increments, and at most that and the ambiguous ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use larder::Status;
use larder::store::Store;
use larder::store::options::{Condition, Durability, Outcome, PutOptions};

use super::ledger::Tally;
use super::load::{answer, number_of, patient};

/// The record that they all count in.
const KEY: &[u8] = b"counter";
/// How many callers there are.
pub const CALLERS: usize = 3;

/// What they were told.
#[derive(Debug, Default)]
pub struct Counters {
    acknowledged: AtomicU64,
    ambiguous: AtomicU64,
}

impl Counters {
    /// One caller's work until `stop`.
    pub async fn count(&self, store: Arc<dyn Store>, durability: Durability, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Acquire) {
            self.step(&store, durability).await;
            // The writers are the load; these are rather to meet one another.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn step(&self, store: &Arc<dyn Store>, durability: Durability) {
        let Ok(found) = answer(store.get(KEY)).await else { return };
        let (number, condition) = match &found {
            Some(record) => (number_of(record.value()), Condition::IfRevision(record.revision())),
            None => (0, Condition::IfAbsent),
        };
        let options = PutOptions { durability, condition, ..PutOptions::default() };
        match answer(store.put(KEY, (number + 1).to_string().as_bytes(), &options)).await {
            Ok(Outcome::Done { .. }) => _ = self.acknowledged.fetch_add(1, Ordering::Relaxed),
            // Another caller was first.
            Ok(_) => {}
            Err(error) => match error.status() {
                Status::AMBIGUOUS | Status::TIMEOUT => _ = self.ambiguous.fetch_add(1, Ordering::Relaxed),
                Status::UNAVAILABLE | Status::BUSY => {}
                _ => panic!("counting: {error:?}"),
            },
        }
    }

    /// How many increments were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Adds what was lost, and what was done that nobody was told of, to what the writers came to.
    pub fn add_to(&self, tally: &mut Tally, reader: &Arc<dyn Store>) {
        let found = patient(|| larder::wait(reader.get(KEY), Some(super::load::LIMIT)));
        let number = found.map_or(0, |record| number_of(record.value()));
        let (acknowledged, ambiguous) =
            (self.acknowledged.load(Ordering::Relaxed), self.ambiguous.load(Ordering::Relaxed));
        tally.swapped += acknowledged;
        tally.lost += acknowledged.saturating_sub(number);
        tally.unclaimed += number.saturating_sub(acknowledged + ambiguous);
    }
}
