//! The one thread that removes what has expired, for all engines of the process.
//!
//! It is started with the first record that has a deadline, sleeps until the earliest deadline it knows of, and ends
//! when the last engine is gone. Writers only lower that deadline, and wake the thread only when they do.

use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock;
use crate::per_process::PerProcess;
use crate::sync::{Condvar, Mutex};

/// What the sweeper calls: an engine that removes what has expired.
pub(super) trait Sweep: Send + Sync {
    /// Removes what has expired at `now`; says when to come again.
    fn sweep(&self, now: u64) -> u64;
}

/// The shortest time between two sweeps, so that a store whose records expire all the time costs little.
const PAUSE: Duration = Duration::from_millis(40);

#[derive(Default)]
struct State {
    engines: Vec<Weak<dyn Sweep>>,
    is_running: bool,
}

struct Sweeper {
    state: Mutex<State>,
    wake: Condvar,
    /// The earliest deadline that a sweep was asked for and that none has taken up yet.
    expected: AtomicU64,
}

impl Default for Sweeper {
    fn default() -> Sweeper {
        Sweeper { state: Mutex::default(), wake: Condvar::new(), expected: AtomicU64::new(clock::NEVER) }
    }
}

static SWEEPER: PerProcess<Sweeper> = PerProcess::new();

/// Has an engine swept until it is gone; whether there is a thread to do it. Without one nothing expired is shown
/// either, only its memory stays until it is written over or evicted; the engine asks again with its next deadline.
pub(super) fn register(engine: Weak<dyn Sweep>) -> bool {
    let mut state = SWEEPER.get().state.lock();
    if !state.is_running {
        state.is_running = spawn();
    }
    if state.is_running {
        state.engines.push(engine);
    }
    state.is_running
}

/// Has a sweep come soon after `deadline`.
#[inline]
pub(super) fn expect(deadline: u64) {
    let sweeper = SWEEPER.get();
    let expected = &sweeper.expected;
    if deadline < expected.load(Ordering::Relaxed) && deadline < expected.fetch_min(deadline, Ordering::Relaxed) {
        // The lock makes sure that the thread either sees the new deadline or is waiting already.
        drop(sweeper.state.lock());
        sweeper.wake.notify_one();
    }
}

fn spawn() -> bool {
    crate::runtime::spawn_named("larder-sweep", run).is_ok()
}

fn run() {
    let sweeper = SWEEPER.get();
    loop {
        // Set before the sweep looks, so that what is written meanwhile asks for another one.
        sweeper.expected.store(clock::NEVER, Ordering::Relaxed);
        let Some(next) = sweep_all(sweeper) else { return };
        sweeper.expected.fetch_min(next, Ordering::Relaxed);
        std::thread::sleep(PAUSE);
        let mut state = sweeper.state.lock();
        loop {
            let now = clock::now_ms();
            let expected = sweeper.expected.load(Ordering::Relaxed);
            if expected <= now {
                break;
            }
            // Engines that are gone are noticed within a minute, which ends the thread.
            let pause = Duration::from_millis((expected - now).min(60_000));
            if sweeper.wake.wait_for(&mut state, pause).timed_out() {
                break;
            }
        }
    }
}

/// Sweeps every engine; when to come again, `None` when there is no engine left and the thread has signed off.
fn sweep_all(sweeper: &Sweeper) -> Option<u64> {
    let engines: Vec<_> = {
        let mut state = sweeper.state.lock();
        state.engines.retain(|engine| engine.strong_count() != 0);
        if state.engines.is_empty() {
            state.is_running = false;
            return None;
        }
        state.engines.iter().filter_map(Weak::upgrade).collect()
    };
    let mut next = clock::NEVER;
    for engine in &engines {
        let swept = std::panic::AssertUnwindSafe(|| engine.sweep(clock::now_ms()));
        // A fault in one engine must not end the expiry of the others.
        next = next.min(std::panic::catch_unwind(swept).unwrap_or(clock::NEVER));
    }
    Some(next)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::larder::Larder;
    use crate::store::options::{Lifetime, PutOptions, Term};
    use std::time::Instant;

    #[test]
    fn a_size_is_never_too_small_while_the_sweeper_is_at_work() {
        const STAY: u64 = 200;
        let larder = Larder::open("memory://?shards=1").expect("a larder");
        let store = larder.store("default").expect("a store");
        for number in 0..STAY {
            crate::wait(store.put(&number.to_le_bytes(), b"", &PutOptions::default()), None).expect("written");
        }
        let lifetime = Lifetime { lifespan: Term::For(Duration::from_millis(1)), max_idle: Term::Default };
        let brief = PutOptions { lifetime, ..PutOptions::default() };
        let end = Instant::now() + Duration::from_millis(600);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0_u32.. {
                    if Instant::now() > end {
                        break;
                    }
                    crate::wait(store.put(&number.to_le_bytes(), b"", &brief), None).expect("written");
                }
            });
            while Instant::now() < end {
                assert!(crate::wait(store.size(), None).expect("open") >= STAY);
            }
        });
    }
}
