//! What the tests have in common.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use larder::store::Store;
use larder::store::event::{Event, Watch};
use larder::store::options::{Outcome, PutOptions, WatchOptions};
use larder::store::reply::Reply;
use larder::{Larder, Result};

use crate::servers::redis::{Options, Redis};

/// One server for all tests that disturb nobody: each has a table of its own.
pub static SERVER: LazyLock<Redis> = LazyLock::new(|| Redis::start(&Options::default()).expect("a server"));

/// How long a call may take in a test: far longer than it does.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A larder and its one store.
pub struct Opened {
    pub larder: Larder,
    pub store: Arc<dyn Store>,
}

/// Opens a configuration, TOML or a URL.
pub fn open(config: &str) -> Opened {
    let larder = Larder::open(config).expect(config);
    let store = larder.store("default").expect("a store");
    Opened { larder, store }
}

/// A store on the shared server.
pub fn on_server(format: &str, table: &str, more: &str) -> Opened {
    open(&format!("redis://{}/?format={format}&database=d&table={table}{more}", SERVER.address()))
}

pub fn wait<T: Send + 'static>(reply: Reply<T>) -> Result<T> {
    larder::wait(reply, Some(PATIENCE))
}

pub fn put(store: &Arc<dyn Store>, key: &[u8], value: &[u8]) -> u64 {
    done(wait(store.put(key, value, &PutOptions::default())))
}

pub fn done(outcome: Result<Outcome>) -> u64 {
    match outcome.expect("written") {
        Outcome::Done { revision } => revision,
        other => panic!("{other:?}"),
    }
}

/// The value under a key.
pub fn value(store: &Arc<dyn Store>, key: &[u8]) -> Option<Vec<u8>> {
    wait(store.get(key)).expect("read").map(|record| record.value().to_vec())
}

pub fn watch(store: &Arc<dyn Store>, options: &WatchOptions) -> Arc<dyn Watch> {
    wait(store.watch(options)).expect("a watch")
}

/// Events of a watch until `done` says of all that came that they are enough.
pub fn events_until(watch: &Arc<dyn Watch>, mut enough: impl FnMut(&[Event]) -> bool) -> Vec<Event> {
    let mut events = Vec::new();
    let end = Instant::now() + PATIENCE;
    while !enough(&events) {
        assert!(Instant::now() < end, "only {} came: {:?}", events.len(), &events[..events.len().min(20)]);
        if let Ok(more) = larder::wait(watch.next(100), Some(Duration::from_millis(500))) {
            assert!(!more.is_empty(), "the watch has ended after {events:?}");
            events.extend(more);
        }
    }
    events
}

/// Asks again and again until it is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what} does not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}
