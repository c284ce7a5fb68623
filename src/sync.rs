//! Locks that a forked child can use: a mutex, a reader-writer lock and a condition variable.
//!
//! They are the standard library's, which keep all they know in themselves, so that one made in the child is whole.
//! `parking_lot` keeps its sleepers in a table of the process: the child inherits it with threads in it that do not exist
//! there, and its own new threads, whose memory lies where theirs was, corrupt it. A lock whose holder panicked goes on
//! to be usable: what it guards is changed in steps that each leave it whole.

use std::ops::{Deref, DerefMut};
use std::sync::{PoisonError, RwLockReadGuard, RwLockWriteGuard, WaitTimeoutResult};
use std::time::{Duration, Instant};

/// A value that one thread at a time has.
#[derive(Debug, Default)]
pub struct Mutex<T>(std::sync::Mutex<T>);

/// A mutex in hand; dropping it gives it back.
pub struct MutexGuard<'a, T> {
    /// Missing only while a condition variable waits with it.
    held: Option<std::sync::MutexGuard<'a, T>>,
}

/// A value that many threads read, or one changes.
#[derive(Debug, Default)]
pub struct RwLock<T>(std::sync::RwLock<T>);

/// Where threads wait for a change of what a mutex guards. They may wake without one.
#[derive(Debug, Default)]
pub struct Condvar(std::sync::Condvar);

impl<T> Mutex<T> {
    /// A free mutex.
    pub const fn new(value: T) -> Mutex<T> {
        Mutex(std::sync::Mutex::new(value))
    }

    /// Takes the mutex; waits while another thread has it.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { held: Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)) }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.held.as_ref().expect("a guard in hand holds its mutex")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("a guard in hand holds its mutex")
    }
}

impl<T> RwLock<T> {
    /// A free lock.
    pub const fn new(value: T) -> RwLock<T> {
        RwLock(std::sync::RwLock::new(value))
    }

    /// Takes the lock to read; waits while a thread has it to write. Not to be taken twice by one thread.
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock to write; waits while any thread has it.
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Condvar {
    /// Nobody waits.
    pub const fn new() -> Condvar {
        Condvar(std::sync::Condvar::new())
    }

    /// Gives the mutex back, sleeps until it is notified, and takes the mutex again.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let Some(held) = guard.held.take() else { return };
        guard.held = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    /// As [`Condvar::wait`], at most for `limit`.
    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, limit: Duration) -> WaitTimeoutResult {
        let held = guard.held.take().expect("a guard in hand holds its mutex");
        let (held, result) = self.0.wait_timeout(held, limit).unwrap_or_else(PoisonError::into_inner);
        guard.held = Some(held);
        result
    }

    /// As [`Condvar::wait`], at most until `end`.
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, end: Instant) -> WaitTimeoutResult {
        self.wait_for(guard, end.saturating_duration_since(Instant::now()))
    }

    /// Wakes one thread that waits.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all threads that wait.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_is_woken_and_has_the_mutex() {
        let shared = std::sync::Arc::new((Mutex::new(0), Condvar::new()));
        let other = std::sync::Arc::clone(&shared);
        let waiter = std::thread::spawn(move || {
            let mut value = other.0.lock();
            while *value == 0 {
                other.1.wait(&mut value);
            }
            *value += 1;
        });
        *shared.0.lock() = 1;
        shared.1.notify_one();
        waiter.join().expect("no panic");
        assert_eq!(*shared.0.lock(), 2);
    }

    #[test]
    fn a_wait_ends_at_its_limit() {
        let (mutex, changed) = (Mutex::new(()), Condvar::new());
        let mut guard = mutex.lock();
        let end = Instant::now() + Duration::from_millis(5);
        while !changed.wait_until(&mut guard, end).timed_out() {}
        assert!(Instant::now() >= end);
        assert!(changed.wait_for(&mut guard, Duration::ZERO).timed_out());
    }

    #[test]
    fn a_lock_whose_holder_panicked_is_usable() {
        let (mutex, lock) = (Mutex::new(1), RwLock::new(1));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let (_held, _written) = (mutex.lock(), lock.write());
            panic!("on purpose");
        }));
        assert!(caught.is_err());
        assert_eq!((*mutex.lock(), *lock.read()), (1, 1));
        *lock.write() = 2;
    }
}
