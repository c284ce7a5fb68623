//! Real servers for tests: started on free loopback ports with data of their own, stopped when they are dropped, and
//! dead when the test process dies, however it does.
//!
//! A test takes it in with `#[path = "servers/mod.rs"] mod servers;`; the example program `servers` is the same for
//! tests in other languages. What goes wrong while a server starts is an `Err` with the end of its log; a signal that
//! cannot be sent is a panic, as a test can do nothing about it.

// Each test uses a part of this.
#![allow(dead_code)]

pub mod certificates;
pub mod clock;
pub mod credentials;
pub mod directory;
pub mod namespaces;
pub mod nats;
pub mod place;
pub mod ports;
pub mod process;
pub mod redis;
pub mod sentinel;
pub mod stores;
pub mod tools;

use std::time::{Duration, Instant};

/// What went wrong, as a sentence.
pub type Result<T> = std::result::Result<T, String>;

/// How long a server may take until it answers. Generous: the machine may be busy with everything else.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often a start is tried, when another process took a port in between.
pub const TRIES: usize = 5;

/// Asks again and again until `done` says `Ok`.
///
/// # Errors
///
/// What `done` said last, after `patience`.
pub fn wait_for<T>(what: &str, patience: Duration, mut done: impl FnMut() -> Result<T>) -> Result<T> {
    let end = Instant::now() + patience;
    loop {
        let fault = match done() {
            Ok(value) => return Ok(value),
            Err(fault) => fault,
        };
        if Instant::now() > end {
            return Err(format!("{what}: not within {} s: {fault}", patience.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Starts something anew, on other ports, while it does not come up.
///
/// # Errors
///
/// The last try's.
pub fn retry<T>(mut start: impl FnMut() -> Result<T>) -> Result<T> {
    let mut last = Err("nothing was tried".to_owned());
    for _ in 0..TRIES {
        last = start();
        if last.is_ok() {
            break;
        }
    }
    last
}
