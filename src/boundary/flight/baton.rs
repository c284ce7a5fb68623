//! Who may poll a flight: nobody until it is woken, then one at a time.
//!
//! Invariant: of all that wake a flight and poll it, one at a time has it. Nobody waits for another one: who wakes a
//! flight that is being polled leaves a mark, and whoever polls finds the mark when it puts the flight down.

#[cfg(not(larder_loom))]
use std::sync::atomic::{AtomicU8, Ordering};

#[cfg(larder_loom)]
use loom::sync::atomic::{AtomicU8, Ordering};

/// Somebody polls.
const POLLED: u8 = 1;
/// It is to be polled: it lies where it waits for that, or whoever polls it puts it there afterwards.
const WOKEN: u8 = 1 << 1;
/// It is to be dropped rather than polled.
const ABANDONED: u8 = 1 << 2;
/// It is over.
const OVER: u8 = 1 << 3;

/// What happens to a flight, in one word.
pub struct Baton(AtomicU8);

impl Baton {
    /// Of a flight that whoever makes it polls at once.
    pub fn polled() -> Baton {
        Baton(AtomicU8::new(POLLED))
    }

    /// Of a flight that nobody has.
    pub fn free() -> Baton {
        Baton(AtomicU8::new(0))
    }

    /// Asks for a poll. Says whether the caller has to lay the flight where it waits for one.
    pub fn wake(&self) -> bool {
        self.ask(WOKEN)
    }

    /// Asks for the end. Says the same.
    pub fn abandon(&self) -> bool {
        self.ask(WOKEN | ABANDONED)
    }

    fn ask(&self, for_what: u8) -> bool {
        self.0.fetch_or(for_what, Ordering::AcqRel) & (POLLED | WOKEN | OVER) == 0
    }

    /// Takes a flight that was woken from where it waits.
    pub fn take(&self) {
        self.0.fetch_xor(WOKEN | POLLED, Ordering::AcqRel);
    }

    /// Whether whoever polls is to drop it instead.
    pub fn is_abandoned(&self) -> bool {
        self.0.load(Ordering::Acquire) & ABANDONED != 0
    }

    /// Puts down a flight that was polled and has to wait. Says whether it was woken meanwhile, so that the caller has to
    /// lay it where it waits for the next poll.
    pub fn put_down(&self) -> bool {
        self.0.fetch_and(!POLLED, Ordering::AcqRel) & WOKEN != 0
    }

    /// Nobody polls it any more.
    pub fn end(&self) {
        self.0.fetch_or(OVER, Ordering::AcqRel);
    }

    /// Whether nobody polls it any more.
    pub fn is_over(&self) -> bool {
        self.0.load(Ordering::Acquire) & OVER != 0
    }
}

#[cfg(all(test, larder_loom))]
mod loom_tests {
    use loom::cell::UnsafeCell;
    use loom::sync::atomic::AtomicU32;
    use loom::sync::{Arc, Mutex};

    use super::*;

    /// A flight whose future is over when it has seen both of two events.
    struct Model {
        baton: Baton,
        /// Stands for the future: loom finds two that poll at the same time.
        polls: UnsafeCell<u32>,
        events: AtomicU32,
        /// How often it lies where it waits.
        ready: Mutex<u32>,
    }

    impl Model {
        fn lay(&self) {
            let mut ready = self.ready.lock().expect("no panic");
            *ready += 1;
            assert_eq!(*ready, 1, "it is there once");
        }

        fn happen(&self) {
            self.events.fetch_add(1, Ordering::Relaxed);
            if self.baton.wake() {
                self.lay();
            }
        }

        fn poll(&self) {
            if !self.baton.is_abandoned() {
                // SAFETY: loom fails the model if anybody else has the cell.
                self.polls.with_mut(|polls| unsafe { *polls += 1 });
                if self.events.load(Ordering::Relaxed) < 2 {
                    if self.baton.put_down() {
                        self.lay();
                    }
                    return;
                }
            }
            self.baton.end();
        }

        /// As the task does.
        fn poll_what_is_ready(&self) {
            let is_ready = std::mem::take(&mut *self.ready.lock().expect("no panic")) > 0;
            if is_ready {
                self.baton.take();
                self.poll();
            }
        }
    }

    fn model() -> Arc<Model> {
        Arc::new(Model {
            baton: Baton::polled(),
            polls: UnsafeCell::new(0),
            events: AtomicU32::new(0),
            ready: Mutex::new(0),
        })
    }

    #[test]
    fn loom_finds_no_wake_that_is_lost_and_no_two_that_poll() {
        loom::model(|| {
            let flight = model();
            let submitter = Arc::clone(&flight);
            let submitter = loom::thread::spawn(move || submitter.poll());
            let waker = Arc::clone(&flight);
            let waker = loom::thread::spawn(move || {
                waker.happen();
                waker.happen();
            });
            flight.poll_what_is_ready();
            submitter.join().expect("no panic");
            waker.join().expect("no panic");
            flight.poll_what_is_ready();
            flight.poll_what_is_ready();
            assert!(flight.baton.is_over());
        });
    }

    #[test]
    fn loom_finds_no_flight_that_was_abandoned_and_stays() {
        loom::model(|| {
            let flight = model();
            let submitter = Arc::clone(&flight);
            let submitter = loom::thread::spawn(move || submitter.poll());
            let waker = Arc::clone(&flight);
            let waker = loom::thread::spawn(move || waker.happen());
            if flight.baton.abandon() {
                flight.lay();
            }
            flight.poll_what_is_ready();
            submitter.join().expect("no panic");
            waker.join().expect("no panic");
            flight.poll_what_is_ready();
            flight.poll_what_is_ready();
            assert!(flight.baton.is_over());
        });
    }
}
