//! Blocking for an answer, with a deadline.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::guard;
use crate::deadline::Within;
use crate::error::{Error, Result, Status};
use crate::runtime::{self, CatchPanic};
use crate::store::reply::{Pending, Reply};

/// The answer to a blocking call; `timeout` of `None` waits without end.
///
/// # Errors
///
/// What the store answers, `TIMEOUT`, `WOULD_DEADLOCK`, or `PANIC`.
#[inline]
pub fn wait<T: Send + 'static>(reply: Reply<T>, timeout: Option<Duration>) -> Result<T> {
    match reply {
        Reply::Ready(result) => result,
        Reply::Pending(future) => block(future, timeout),
    }
}

fn block<T: Send + 'static>(future: Pending<T>, timeout: Option<Duration>) -> Result<T> {
    guard::may_block()?;
    runtime::get()?.block_on(with_deadline(future, timeout))
}

/// The answer of `future`, or `TIMEOUT`; a panic in it is an error.
pub async fn with_deadline<T: Send + 'static>(future: Pending<T>, timeout: Option<Duration>) -> Result<T> {
    let guarded = CatchPanic(future);
    let Some(limit) = timeout else { return guarded.await };
    // A limit that the clock cannot hold is none.
    let at = Instant::now().checked_add(limit);
    let mut within = Within::new(guarded, at);
    match tokio::time::timeout(limit, &mut within).await {
        Ok(result) => result,
        // A store that ends at the deadline itself says why, and whether a write was sent: it is asked once more.
        Err(_) => within.now_or_never().unwrap_or_else(|| Err(timed_out(limit))),
    }
}

/// The error of a deadline that passed.
pub fn timed_out(limit: Duration) -> Error {
    let text = format!("no answer within {} ms; a write may still happen", limit.as_millis());
    Error::new(Status::TIMEOUT, "timeout_ms", text)
}

/// A timeout as the boundary gives it: milliseconds, 0 for none.
///
/// # Errors
///
/// `INVALID_ARGUMENT` for a negative number.
#[inline]
pub fn timeout_from_ms(timeout_ms: i64) -> Result<Option<Duration>> {
    match timeout_ms {
        0 => Ok(None),
        1.. => Ok(Some(Duration::from_millis(timeout_ms as u64))),
        _ => Err(Error::argument("timeout_ms", format!("{timeout_ms} is negative; 0 waits without a deadline"))),
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use std::task::Poll;

    use super::*;

    #[test]
    fn a_store_is_asked_once_more_when_the_deadline_has_passed() {
        let mut polls = 0;
        let future: Pending<()> = Box::pin(std::future::poll_fn(move |_| {
            polls += 1;
            if polls == 1 {
                return Poll::Pending;
            }
            Poll::Ready(Err(Error::new(Status::AMBIGUOUS, "store", "it was sent")))
        }));
        let error = wait(Reply::Pending(future), Some(Duration::ZERO)).expect_err("too late");
        assert_eq!(error.status(), Status::AMBIGUOUS);
    }
}
