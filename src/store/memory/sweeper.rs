//! The one thread that removes what has expired, for all engines of the process.
//!
//! It is started with the first record that has a deadline, sleeps until the earliest deadline it knows of, and ends
//! when the last engine is gone. Writers only lower that deadline, and wake the thread only when they do.

use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::clock;

/// What the sweeper calls: an engine that removes what has expired.
pub(super) trait Sweep: Send + Sync {
    /// Removes what has expired at `now`; says when to come again.
    fn sweep(&self, now: u64) -> u64;
}

/// The shortest time between two sweeps, so that a store whose records expire all the time costs little.
const PAUSE: Duration = Duration::from_millis(40);

struct State {
    engines: Vec<Weak<dyn Sweep>>,
    is_running: bool,
}

static STATE: Mutex<State> = Mutex::new(State { engines: Vec::new(), is_running: false });
static WAKE: Condvar = Condvar::new();
/// The earliest deadline that a sweep was asked for and that none has taken up yet.
static EXPECTED: AtomicU64 = AtomicU64::new(clock::NEVER);

/// Has an engine swept until it is gone.
pub(super) fn register(engine: Weak<dyn Sweep>) {
    let mut state = STATE.lock();
    state.engines.push(engine);
    if state.is_running {
        return;
    }
    // Without the thread nothing expired is shown either; only its memory stays until it is written over or evicted.
    state.is_running = spawn();
}

/// Has a sweep come soon after `deadline`.
#[inline]
pub(super) fn expect(deadline: u64) {
    if deadline < EXPECTED.load(Ordering::Relaxed) && deadline < EXPECTED.fetch_min(deadline, Ordering::Relaxed) {
        // The lock makes sure that the thread either sees the new deadline or is waiting already.
        drop(STATE.lock());
        WAKE.notify_one();
    }
}

fn spawn() -> bool {
    crate::runtime::spawn_named("larder-sweep", run).is_ok()
}

fn run() {
    loop {
        // Set before the sweep looks, so that what is written meanwhile asks for another one.
        EXPECTED.store(clock::NEVER, Ordering::Relaxed);
        let Some(next) = sweep_all() else { return };
        expect_quietly(next);
        std::thread::sleep(PAUSE);
        let mut state = STATE.lock();
        loop {
            let now = clock::now_ms();
            let expected = EXPECTED.load(Ordering::Relaxed);
            if expected <= now {
                break;
            }
            // Engines that are gone are noticed within a minute, which ends the thread.
            let pause = Duration::from_millis((expected - now).min(60_000));
            if WAKE.wait_for(&mut state, pause).timed_out() {
                break;
            }
        }
    }
}

fn expect_quietly(deadline: u64) {
    EXPECTED.fetch_min(deadline, Ordering::Relaxed);
}

/// Sweeps every engine; when to come again, `None` when there is no engine left and the thread has signed off.
fn sweep_all() -> Option<u64> {
    let engines: Vec<_> = {
        let mut state = STATE.lock();
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
