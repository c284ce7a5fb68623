//! Writers that write and read back while something goes wrong, beside those that count and one that watches.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use larder::boundary::wait::with_deadline;
use larder::store::Store;
use larder::store::options::{Durability, PutOptions};
use larder::store::reply::Reply;
use larder::{Result, Status};

use super::counters::{CALLERS, Counters};
use super::ledger::{Ledger, Tally};
use super::observer::Observer;

/// How many writers there are, each with keys of its own.
const WRITERS: usize = 16;
/// How many keys a writer has.
const KEYS: u64 = 20;
/// How long the servers have to agree on what there is, after the fault.
const SETTLED: Duration = Duration::from_secs(15);
/// How long a call may take.
pub const LIMIT: Duration = Duration::from_secs(5);

/// Writers at work.
pub struct Load {
    ledger: Arc<Mutex<Ledger>>,
    counters: Arc<Counters>,
    observer: Arc<Observer>,
    stop: Arc<AtomicBool>,
    running: Arc<()>,
    watching_ends: Arc<AtomicBool>,
}

impl Load {
    /// Begins to write, to count and to watch through a store.
    pub fn start(store: &Arc<dyn Store>, durability: Durability) -> Load {
        let load = Load {
            ledger: Arc::default(),
            counters: Arc::default(),
            observer: Arc::default(),
            stop: Arc::default(),
            running: Arc::new(()),
            watching_ends: Arc::default(),
        };
        let runtime = larder::runtime::get().expect("a runtime");
        let (observer, watched, watching_ends) = (load.observer.clone(), store.clone(), load.watching_ends.clone());
        runtime.spawn(async move { observer.observe(watched, watching_ends).await });
        for _ in 0..CALLERS {
            let (counters, store) = (load.counters.clone(), store.clone());
            let (stop, running) = (load.stop.clone(), load.running.clone());
            runtime.spawn(async move {
                counters.count(store, durability, stop).await;
                drop(running);
            });
        }
        for number in 0..WRITERS {
            let writer = Writer {
                store: store.clone(),
                ledger: load.ledger.clone(),
                options: PutOptions { durability, ..PutOptions::default() },
            };
            let (stop, running) = (load.stop.clone(), load.running.clone());
            runtime.spawn(async move {
                let mut step = 0;
                while !stop.load(Ordering::Acquire) {
                    writer.step(&format!("writer-{number}-key-{}", step % KEYS), 1 + step / KEYS).await;
                    step += 1;
                }
                drop(running);
            });
        }
        load
    }

    /// Returns when so many more writes than now have been acknowledged, and an increment beside them.
    pub fn wait_for(&self, more: usize) {
        let target = self.count() + more;
        let counted = self.counters.acknowledged();
        let end = Instant::now() + Duration::from_secs(60);
        while self.count() < target || self.counters.acknowledged() == counted {
            assert!(Instant::now() < end, "no write or no increment was acknowledged for a minute");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn count(&self) -> usize {
        self.ledger.lock().expect("no panic").acknowledged_count()
    }

    /// Ends the writing.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        let end = Instant::now() + Duration::from_secs(60);
        while Arc::strong_count(&self.running) > 1 {
            assert!(Instant::now() < end, "a writer hangs");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it, reads everything by a client of its own, and counts.
    pub fn finish(self, reader: &Arc<dyn Store>, could_go_on: Instant) -> Tally {
        self.stop();
        // Writes that are still on the way to a server that hung come now or never.
        std::thread::sleep(Duration::from_millis(300));
        let ledger = self.ledger.lock().expect("no panic");
        let end = Instant::now() + SETTLED;
        let mut unsettled = 0;
        let tally = loop {
            let found = read_all(reader, &ledger.keys());
            let mut tally = ledger.tally(&found, could_go_on);
            (tally.unseen, tally.repeated) = (self.observer.unseen(&found), self.observer.repeated());
            self.counters.add_to(&mut tally, reader);
            if tally.lost + tally.unseen == 0 || Instant::now() > end {
                break tally;
            }
            // A server that led until a moment ago may still answer as if it did. What is lost stays lost.
            unsettled = tally.lost;
            std::thread::sleep(Duration::from_millis(200));
        };
        self.watching_ends.store(true, Ordering::Release);
        Tally { stale: tally.stale + unsettled, ..tally }
    }
}

fn read_all(reader: &Arc<dyn Store>, keys: &[String]) -> BTreeMap<String, u64> {
    let borrowed: Vec<&[u8]> = keys.iter().map(String::as_bytes).collect();
    let found = patient(|| larder::wait(reader.get_many(&borrowed), Some(LIMIT)));
    let present = keys.iter().zip(found).filter_map(|(key, record)| Some((key.clone(), number_of(record?.value()))));
    present.collect()
}

struct Writer {
    store: Arc<dyn Store>,
    ledger: Arc<Mutex<Ledger>>,
    options: PutOptions,
}

impl Writer {
    async fn step(&self, key: &str, number: u64) {
        let written = answer(self.store.put(key.as_bytes(), number.to_string().as_bytes(), &self.options)).await;
        match written.map_err(|error| (error.status(), error)) {
            Ok(_) => self.ledger().acknowledged(key, number),
            // What a deadline or a panic leaves open counts as not known, too.
            Err((Status::AMBIGUOUS | Status::TIMEOUT, _)) => self.ledger().ambiguous(key, number),
            Err((Status::UNAVAILABLE | Status::BUSY, _)) => {
                self.ledger().refused(key, number);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err((_, error)) => panic!("{key}: {error:?}"),
        }
        if let Ok(found) = answer(self.store.get(key.as_bytes())).await {
            self.ledger().read(key, found.map_or(0, |record| number_of(record.value())));
        }
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("no panic")
    }
}

/// What a call answers within [`LIMIT`].
pub async fn answer<T: Send + 'static>(reply: Reply<T>) -> Result<T> {
    match reply {
        Reply::Ready(result) => result,
        Reply::Pending(future) => with_deadline(future, Some(LIMIT)).await,
    }
}

/// What a call answers, however long that takes.
pub async fn whole<T: Send + 'static>(reply: Reply<T>) -> Result<T> {
    match reply {
        Reply::Ready(result) => result,
        Reply::Pending(future) => future.await,
    }
}

/// The number that a record holds.
pub fn number_of(value: &[u8]) -> u64 {
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).expect("a number, as it was written")
}

/// Calls until it succeeds: the servers are well again, or will be in a moment.
pub fn patient<T>(call: impl Fn() -> Result<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        match call() {
            Ok(value) => return value,
            Err(error) => assert!(Instant::now() < end, "the servers do not come back: {error:?}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
