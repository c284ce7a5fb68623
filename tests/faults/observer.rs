//! A watch that goes on while something goes wrong: in the end it has told the last value of every key, and nothing twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::store::Store;
use larder::store::event::{Event, EventKind};
use larder::store::options::{WatchOptions, WatchStart};

use super::load::number_of;

/// How many events are taken at once.
const MOST: usize = 1000;

/// What the watch has told.
#[derive(Debug, Default)]
pub struct Observer {
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    /// The number and the revision that each key was last said to have.
    last: BTreeMap<String, (u64, u64)>,
    repeated: u64,
}

impl Observer {
    /// Watches until `stop`. A watch that says that it has dropped something begins anew.
    pub async fn observe(&self, store: Arc<dyn Store>, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Acquire) {
            let options = WatchOptions { start: WatchStart::Existing, ..WatchOptions::default() };
            let Ok(watch) = super::load::answer(store.watch(&options)).await else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            while !stop.load(Ordering::Acquire) {
                let next = tokio::time::timeout(Duration::from_millis(100), super::load::whole(watch.next(MOST)));
                let Ok(events) = next.await else { continue };
                let events = events.expect("a watch goes on whatever happens");
                if stop.load(Ordering::Acquire) {
                    return;
                }
                assert!(!events.is_empty(), "the watch has ended");
                if events.iter().any(|event| event.kind == EventKind::Lost) {
                    break;
                }
                let mut told = self.told.lock().expect("no panic");
                events.iter().for_each(|event| told.take(event));
            }
        }
    }

    /// How many of these keys it has not told the value of that they have.
    pub fn unseen(&self, found: &BTreeMap<String, u64>) -> u64 {
        let told = self.told.lock().expect("no panic");
        let is_unseen = |(key, number): &(&String, &u64)| told.last.get(*key).map(|(last, _)| last) != Some(*number);
        found.iter().filter(is_unseen).count() as u64
    }

    /// How many events told again what had been told.
    pub fn repeated(&self) -> u64 {
        self.told.lock().expect("no panic").repeated
    }
}

impl Told {
    fn take(&mut self, event: &Event) {
        let Some(record) = &event.record else { return };
        let key = String::from_utf8_lossy(record.key()).into_owned();
        if !matches!(event.kind, EventKind::Created | EventKind::Updated) {
            self.last.remove(&key);
            return;
        }
        let told = (number_of(record.value()), record.revision());
        let before = self.last.insert(key, told);
        self.repeated += u64::from(!event.initial && before == Some(told));
    }
}
