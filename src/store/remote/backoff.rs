//! How long to wait before the next attempt.

use std::time::Duration;

use tokio::time::Instant;

/// How long a server that went away may only be restarting.
const RESTART: Duration = Duration::from_secs(30);
/// The longest delay until then: so late at most is its return noticed.
const RESTART_DELAY: Duration = Duration::from_millis(200);

/// Delays that double up to a cap, each shortened by up to a half at random, so that many clients do not come back at once.
/// The cap is low at first, while the server may only be restarting.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    attempt: u32,
    /// When the first delay was asked for.
    begun: Option<Instant>,
}

impl Backoff {
    /// Delays from `first` to `most`.
    pub fn new(first: Duration, most: Duration) -> Backoff {
        Backoff { first, most, attempt: 0, begun: None }
    }

    /// The next delay.
    pub fn next_delay(&mut self) -> Duration {
        let away = self.begun.get_or_insert_with(Instant::now).elapsed();
        let delay = Backoff::delay(self.first, longest(self.most, away), self.attempt);
        self.attempt = self.attempt.saturating_add(1);
        delay
    }

    /// Begins anew, after a success.
    pub fn reset(&mut self) {
        (self.attempt, self.begun) = (0, None);
    }

    /// The delay before an attempt to reach a server that is restarting.
    pub fn restart_delay() -> Duration {
        Backoff::delay(RESTART_DELAY, RESTART_DELAY, 0)
    }

    /// The delay before attempt number `attempt`, counted from 0.
    pub fn delay(first: Duration, most: Duration, attempt: u32) -> Duration {
        let whole = first.saturating_mul(1 << attempt.min(20)).min(most);
        whole / 2 + whole.mul_f64(fastrand::f64() / 2.0)
    }
}

/// The longest delay after a server has been away so long.
fn longest(most: Duration, away: Duration) -> Duration {
    if away < RESTART { most.min(RESTART_DELAY) } else { most }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap_and_begin_anew_after_a_reset() {
        let (first, most) = (Duration::from_millis(10), Duration::from_millis(100));
        let mut backoff = Backoff::new(first, most);
        for whole in [10, 20, 40, 80, 100, 100] {
            let delay = backoff.next_delay();
            let whole = Duration::from_millis(whole);
            assert!(delay >= whole / 2 && delay <= whole, "{delay:?} of {whole:?}");
        }
        backoff.reset();
        assert!(backoff.next_delay() <= first);
    }
    #[test]
    fn a_server_that_may_only_restart_is_tried_often() {
        let most = Duration::from_secs(2);
        assert_eq!(longest(most, Duration::from_secs(29)), RESTART_DELAY);
        assert_eq!(longest(most, Duration::from_secs(31)), most);
        let least = Duration::from_millis(5);
        assert_eq!((longest(least, Duration::ZERO), longest(least, Duration::MAX)), (least, least));
        let mut backoff = Backoff::new(Duration::from_millis(50), most);
        assert!((0..20).all(|_| backoff.next_delay() <= RESTART_DELAY));
    }
}
