//! How long to go on when a store does not answer.

use std::time::{Duration, Instant};

use crate::boundary::wait::wait;
use crate::error::{Error, Result, Status};
use crate::store::remote::backoff::Backoff;
use crate::store::reply::Reply;

const FIRST: Duration = Duration::from_millis(50);
const MOST: Duration = Duration::from_secs(2);

/// For how long a failing call is made again; counted from its first attempt.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    timeout: Option<Duration>,
}

/// The attempts at one thing.
pub struct Attempts {
    end: Option<Instant>,
    backoff: Backoff,
}

impl Patience {
    /// Patience of `timeout`; `None` without end.
    pub fn new(timeout: Option<Duration>) -> Patience {
        Patience { timeout }
    }

    /// Begins attempts at something.
    pub fn attempts(self) -> Attempts {
        let end = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Attempts { end, backoff: Backoff::new(FIRST, MOST) }
    }

    /// The answer to a call that may be made again.
    ///
    /// # Errors
    ///
    /// The last one, when patience is at its end; at once what no second attempt can mend.
    pub fn ask<T: Send + 'static>(self, mut call: impl FnMut() -> Reply<T>) -> Result<T> {
        let mut attempts = self.attempts();
        loop {
            match wait(call(), attempts.left()) {
                Err(error) if can_pass(&error) => attempts.again(error)?,
                answer => return answer,
            }
        }
    }
}

impl Attempts {
    /// How long the next attempt may take.
    pub fn left(&self) -> Option<Duration> {
        // Not zero: an attempt that may take no time says nothing of the store.
        self.end.map(|end| end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)))
    }

    /// Waits for the next attempt, after one that failed with `error`.
    ///
    /// # Errors
    ///
    /// `error`, when patience is at its end.
    pub fn again(&mut self, error: Error) -> Result<()> {
        let delay = self.backoff.next_delay();
        let Some(end) = self.end else {
            std::thread::sleep(delay);
            return Ok(());
        };
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(error);
        }
        std::thread::sleep(delay.min(left));
        Ok(())
    }
}

/// Whether the same call can succeed a moment later.
pub fn can_pass(error: &Error) -> bool {
    error.is_retryable() || error.status() == Status::AMBIGUOUS
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_can_pass_is_tried_again_until_it_does() {
        let mut calls = 0;
        let answer = Patience::new(None).ask(|| {
            calls += 1;
            let busy = Error::new(Status::BUSY, "store", "busy");
            Reply::Ready(if calls < 3 { Err(busy) } else { Ok(calls) })
        });
        assert_eq!(answer, Ok(3));
    }

    #[test]
    fn patience_ends_with_the_last_error_and_what_cannot_pass_ends_at_once() {
        let fail = |status| {
            let mut calls = 0;
            let answer: Result<()> = Patience::new(Some(Duration::from_millis(120))).ask(|| {
                calls += 1;
                Reply::Ready(Err(Error::new(status, "store", "no")))
            });
            (answer.expect_err("it fails").status(), calls)
        };
        let (status, calls) = fail(Status::UNAVAILABLE);
        assert!(status == Status::UNAVAILABLE && calls > 1, "{calls} calls");
        assert_eq!(fail(Status::AUTH), (Status::AUTH, 1));
    }
}
