//! Globals that a forked child gets anew.
//!
//! At the moment of a fork, threads of the parent may hold any lock, and in the child nobody ever lets it go; threads that
//! a global counts on do not exist there. So each global of Larder that has a lock or a thread behind it belongs to one
//! process: the child makes its own when it first looks, and leaves the parent's where it is.

use std::sync::atomic::{AtomicPtr, Ordering};

use crate::runtime;

/// One `T` for this process; made with its default on first use.
pub struct PerProcess<T: 'static> {
    current: AtomicPtr<Made<T>>,
}

struct Made<T> {
    generation: u32,
    value: T,
}

impl<T: Default + Send + Sync> PerProcess<T> {
    /// Nothing yet.
    pub const fn new() -> PerProcess<T> {
        PerProcess { current: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// The value of this process.
    #[inline]
    pub fn get(&self) -> &'static T {
        let current = self.current.load(Ordering::Acquire);
        // SAFETY: it is null or was made by `make`, which publishes what it has written and never frees it afterwards.
        match unsafe { current.as_ref() } {
            Some(made) if made.generation == runtime::generation_now() => &made.value,
            _ => self.make(current),
        }
    }

    #[cold]
    fn make(&self, stale: *mut Made<T>) -> &'static T {
        let made = Box::into_raw(Box::new(Made { generation: runtime::generation(), value: T::default() }));
        match self.current.compare_exchange(stale, made, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: it was just made, and is never freed from here on.
            Ok(_) => unsafe { &(*made).value },
            Err(_) => {
                // SAFETY: it was just made, and nobody else has seen it.
                drop(unsafe { Box::from_raw(made) });
                self.get()
            }
        }
    }
}

impl<T: Default + Send + Sync> Default for PerProcess<T> {
    fn default() -> PerProcess<T> {
        PerProcess::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn all_threads_of_a_process_see_the_same_value() {
        static COUNT: PerProcess<AtomicU32> = PerProcess::new();
        let threads: Vec<_> =
            (0..8).map(|_| std::thread::spawn(|| COUNT.get().fetch_add(1, Ordering::Relaxed))).collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(COUNT.get().load(Ordering::Relaxed), 8);
    }
}
