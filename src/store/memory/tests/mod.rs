//! The same tests over every engine.

mod bounds;
mod events;
mod expiry;
mod model;
mod operations;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::error::Result;
use crate::store::options::{Condition, Lifetime, Outcome, PutOptions, Term};
use crate::store::reply::Reply;
use crate::store::{Backend, Store};

/// Runs a test over every engine there is.
macro_rules! each_engine {
    ($($(#[$attribute:meta])* fn $name:ident($policy:ident) $body:block)*) => {
        $(mod $name {
            use super::*;

            fn check($policy: PolicyChoice) $body

            #[test]
            $(#[$attribute])*
            fn with_the_own_engine() {
                check(PolicyChoice::default());
            }

            #[test]
            $(#[$attribute])*
            fn with_moka() {
                check(PolicyChoice::Moka);
            }
        })*
    };
}
use each_engine;

/// How many records an engine may hold over the bound for a moment; moka's limits are told by its description.
fn slack(policy: PolicyChoice) -> u64 {
    u64::from(policy == PolicyChoice::Moka)
}

fn unbounded(policy: PolicyChoice) -> MemoryConfig {
    MemoryConfig { policy, ..MemoryConfig::default() }
}

fn backend(config: MemoryConfig) -> Arc<MemoryBackend> {
    MemoryBackend::open(config).expect("a good configuration")
}

fn store(config: MemoryConfig) -> Arc<dyn Store> {
    backend(config).open("database", "table").expect("open")
}

fn ready<T>(reply: Reply<T>) -> Result<T> {
    match reply {
        Reply::Ready(result) => result,
        Reply::Pending(_) => panic!("a memory store answers at once"),
    }
}

fn put(store: &dyn Store, key: &[u8], value: &[u8]) -> u64 {
    put_with(store, key, value, &PutOptions::default())
}

fn put_with(store: &dyn Store, key: &[u8], value: &[u8], options: &PutOptions) -> u64 {
    match ready(store.put(key, value, options)).expect("put") {
        Outcome::Done { revision } => revision,
        other => panic!("{other:?}"),
    }
}

fn get(store: &dyn Store, key: &[u8]) -> Option<Vec<u8>> {
    ready(store.get(key)).expect("get").map(|record| record.value().to_vec())
}

fn size(store: &dyn Store) -> u64 {
    ready(store.size()).expect("size")
}

fn with_lifespan(lifespan: Duration) -> PutOptions {
    PutOptions {
        lifetime: Lifetime { lifespan: Term::For(lifespan), max_idle: Term::Default },
        ..PutOptions::default()
    }
}

fn with_condition(condition: Condition) -> PutOptions {
    PutOptions { condition, ..PutOptions::default() }
}

/// Waits until `done`, which must come within seconds.
fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Numbers in no order, the same for each seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
