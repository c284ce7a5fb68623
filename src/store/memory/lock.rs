//! The lock of a shard: exclusive, one atomic operation to take it and a plain store to give it back.
//!
//! Critical sections here are some tens of nanoseconds long, shorter than what any lock that can wake a sleeper costs
//! (its release is an atomic operation as well), and shorter than the second and third shared write to the lock's line
//! that a reader-writer lock needs. Who finds it taken spins, then yields, then sleeps for short times: only while the
//! holder itself was put off its processor does it come to that. This is reasoned, not measured against another lock.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SPINS: u32 = 100;
const YIELDS: u32 = 32;
const SLEEP: Duration = Duration::from_micros(50);

/// A value that one thread at a time has.
pub(super) struct Lock<T> {
    is_taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by one thread at a time, which has taken the lock; it moves between threads with it.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A free lock.
    pub(super) fn new(value: T) -> Lock<T> {
        Lock { is_taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Takes the lock; waits while another thread has it. Not fair, and not to be taken twice by one thread.
    #[inline]
    pub(super) fn lock(&self) -> Guard<'_, T> {
        if self.is_taken.swap(true, Ordering::Acquire) {
            self.wait();
        }
        Guard { lock: self, _thread: PhantomData }
    }

    #[cold]
    fn wait(&self) {
        let mut turn: u32 = 0;
        loop {
            if !self.is_taken.load(Ordering::Relaxed) && !self.is_taken.swap(true, Ordering::Acquire) {
                return;
            }
            turn = turn.saturating_add(1);
            match turn {
                0..SPINS => std::hint::spin_loop(),
                SPINS..YIELDS_END => std::thread::yield_now(),
                _ => std::thread::sleep(SLEEP),
            }
        }
    }
}

const YIELDS_END: u32 = SPINS + YIELDS;

/// The lock in hand; dropping it gives it back.
pub(super) struct Guard<'a, T> {
    lock: &'a Lock<T>,
    /// Takes away what a reference to the lock would give: a guard shared between threads shows the value to both.
    _thread: PhantomData<*const ()>,
}

// SAFETY: a shared guard only gives out shared references to the value.
unsafe impl<T: Sync> Sync for Guard<'_, T> {}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: a guard exists only while its thread has the lock, and shared borrows of the guard rule out exclusive
        // ones.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: a guard exists only while its thread has the lock, and it is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.is_taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_at_a_time_has_the_value() {
        let lock = Lock::new((0_u64, 0_u64));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        let mut both = lock.lock();
                        both.0 += 1;
                        assert_eq!(both.0, both.1 + 1);
                        both.1 += 1;
                    }
                });
            }
        });
        assert_eq!(*lock.lock(), (160_000, 160_000));
    }

    #[test]
    fn a_panic_gives_the_lock_back() {
        let lock = Lock::new(());
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = lock.lock();
            panic!("inside");
        }));
        assert!(caught.is_err());
        drop(lock.lock());
    }
}
