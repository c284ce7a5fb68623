//! What stands between the host and Larder's code: panics, forks, calls from inside callbacks.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, Result, Status};
use crate::runtime;

thread_local! {
    static IN_CALLBACK: Cell<bool> = const { Cell::new(false) };
    static PANIC_ARMED: Cell<bool> = const { Cell::new(false) };
}

/// How many threads have a panic armed: 0 but in tests, so that a guard costs one load for it.
static ARMED: AtomicU32 = AtomicU32::new(0);

/// Runs `body`; a panic in it becomes an error with status `PANIC`.
///
/// # Errors
///
/// What `body` answers, or `PANIC`.
#[inline]
pub fn protect<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    let caught = catch_unwind(AssertUnwindSafe(|| {
        if ARMED.load(Ordering::Relaxed) != 0 {
            panic_if_armed();
        }
        body()
    }));
    match caught {
        Ok(result) => result,
        Err(payload) => Err(runtime::panic_error(&*payload)),
    }
}

/// As [`protect`], for functions that have no way to say an error: `fallback` stands for a panic.
#[inline]
pub fn protect_or<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    protect(|| Ok(body())).unwrap_or(fallback)
}

/// Makes the next guarded call of this thread panic, for tests of a binding.
pub fn arm_panic() {
    if !PANIC_ARMED.replace(true) {
        ARMED.fetch_add(1, Ordering::Relaxed);
    }
}

#[cold]
#[inline(never)]
fn panic_if_armed() {
    // A thread that ends runs destructors of its locals; a guarded call from one of those finds no cell.
    if PANIC_ARMED.try_with(|armed| armed.replace(false)).unwrap_or(false) {
        ARMED.fetch_sub(1, Ordering::Relaxed);
        // Unwinds as a panic does, but calls no hook: what a test asks for needs not be printed.
        std::panic::resume_unwind(Box::new("armed by a test"));
    }
}

/// The process that a handle was made in.
#[derive(Clone, Copy, Debug)]
pub struct Birth(u32);

impl Birth {
    /// This process.
    pub fn now() -> Birth {
        Birth(runtime::generation())
    }

    /// Whether the handle belongs to this process and not to its parent.
    #[inline]
    pub fn is_here(self) -> bool {
        self.0 == runtime::generation_now()
    }

    /// # Errors
    ///
    /// `FORKED` in a child of the process that made the handle.
    #[inline]
    pub fn check(self) -> Result<()> {
        if self.is_here() { Ok(()) } else { Err(forked()) }
    }
}

#[cold]
fn forked() -> Error {
    Error::new(
        Status::FORKED,
        "handle",
        "it was made before this process was forked off, and its threads are in the parent; open a new one here",
    )
}

/// Refuses to block where that could never end.
///
/// # Errors
///
/// `WOULD_DEADLOCK` from inside one of Larder's callbacks or tasks.
pub fn may_block() -> Result<()> {
    if !IN_CALLBACK.get() && !runtime::is_inside() {
        return Ok(());
    }
    Err(Error::new(
        Status::WOULD_DEADLOCK,
        "call",
        "a blocking call from inside a callback would wait for itself; submit the request, or call from another thread",
    ))
}

/// Runs a host's callback, with blocking calls refused meanwhile.
pub fn in_callback<T>(body: impl FnOnce() -> T) -> T {
    let before = IN_CALLBACK.replace(true);
    let result = body();
    IN_CALLBACK.set(before);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_armed_panic_hits_one_call_of_its_own_thread() {
        arm_panic();
        let other = std::thread::spawn(|| protect(|| Ok(1)));
        assert_eq!(other.join().expect("no panic"), Ok(1));
        let error = protect(|| Ok(1)).expect_err("armed");
        assert_eq!(error.status(), Status::PANIC);
        assert_eq!(protect(|| Ok(2)), Ok(2));
    }

    #[test]
    fn blocking_is_refused_inside_a_callback_only() {
        assert!(may_block().is_ok());
        let inside = in_callback(|| may_block().map_err(|error| error.status()));
        assert_eq!(inside, Err(Status::WOULD_DEADLOCK));
        assert!(may_block().is_ok());
    }
}
