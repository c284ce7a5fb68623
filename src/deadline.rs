//! The deadline of the call that is being answered, for whoever has to know it before it passes.
//!
//! The boundary ends a call when its deadline passes. A store that talks to a server wants to know that moment while it
//! works: not to begin what cannot be done in time, to stop waiting when nobody waits for the answer any more, and to tell
//! a write that was sent ([`Status::AMBIGUOUS`](crate::Status::AMBIGUOUS)) from one that never left. The deadline is in force while the
//! call's future is polled, and a task that the future spawns does not inherit it.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::Instant;

thread_local! {
    static CURRENT: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// When the call whose future is being polled ends; `None` outside of one, or when it waits without end.
pub fn current() -> Option<Instant> {
    CURRENT.get()
}

/// A future in whose polls [`current`] is `at`.
pub struct Within<F> {
    future: F,
    at: Option<Instant>,
}

impl<F> Within<F> {
    /// `future`, which ends at `at`.
    pub fn new(future: F, at: Option<Instant>) -> Within<F> {
        Within { future, at }
    }
}

/// Puts back what was there before, also when the poll panics.
struct Restore(Option<Instant>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

impl<F: Future + Unpin> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _restore = Restore(CURRENT.replace(self.at));
        Pin::new(&mut self.future).poll(context)
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_future_knows_its_deadline_and_its_caller_does_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let at = Instant::now() + Duration::from_secs(5);
            let inner = Box::pin(async {
                tokio::task::yield_now().await;
                current()
            });
            assert_eq!(Within::new(inner, Some(at)).await, Some(at));
            assert_eq!(current(), None);
        });
    }
}
