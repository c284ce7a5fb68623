//! The deadline of the call that is being answered, for whoever has to know it before it passes.
//!
//! The boundary ends a call when its deadline passes. A store that talks to a server wants to know that moment while it
//! works: not to begin what cannot be done in time, to stop waiting when nobody waits for the answer any more, and to tell
//! a write that was sent ([`Status::AMBIGUOUS`](crate::Status::AMBIGUOUS)) from one that never left. The deadline is in force while the
//! call's future is polled, and a task that the future spawns does not inherit it.
//!
//! A call that is closed has its deadline moved to that moment and is polled once more, so that it says the same then.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::time::Instant;

thread_local! {
    static CURRENT: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// When the call whose future is being polled ends; `None` outside of one, or when it waits without end.
pub fn current() -> Option<Instant> {
    CURRENT.get()
}

/// Whether [`current`] has come.
pub fn has_come() -> bool {
    current().is_some_and(|at| at <= Instant::now())
}

/// Runs `body` with [`current`] at `at`, or where it is if that is earlier.
pub fn within<T>(at: Option<Instant>, body: impl FnOnce() -> T) -> T {
    let outer = current();
    let nearer = outer.into_iter().chain(at).min();
    let _restore = Restore(CURRENT.replace(nearer));
    body()
}

/// What `future` comes to by `end`, and before the call's deadline, which may have been moved; `None` if nothing.
pub async fn until<F: Future>(end: Instant, future: F) -> Option<F::Output> {
    let mut waiting = pin!(tokio::time::timeout_at(end, future));
    poll_fn(|context| match waiting.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(result.ok()),
        Poll::Pending if has_come() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// A future in whose polls [`current`] is `at`, or earlier where it is polled by one that ends before.
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
        let at = self.at;
        within(at, || Pin::new(&mut self.future).poll(context))
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

    #[test]
    fn a_call_that_is_ended_by_another_one_ends_no_later() {
        let now = Instant::now();
        let later = now + Duration::from_secs(5);
        let mut inner = Within::new(Box::pin(async { (current(), has_come()) }), Some(later));
        let polled =
            within(Some(now), || Pin::new(&mut inner).poll(&mut Context::from_waker(std::task::Waker::noop())));
        assert_eq!(polled, Poll::Ready((Some(now), true)));
        assert_eq!((current(), has_come()), (None, false));
    }
}
