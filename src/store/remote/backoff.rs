//! How long to wait before the next attempt.

use std::time::Duration;

/// Delays that double up to a cap, each shortened by up to a half at random, so that many clients do not come back at once.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    attempt: u32,
}

impl Backoff {
    /// Delays from `first` to `most`.
    pub fn new(first: Duration, most: Duration) -> Backoff {
        Backoff { first, most, attempt: 0 }
    }

    /// The next delay.
    pub fn next_delay(&mut self) -> Duration {
        let delay = Backoff::delay(self.first, self.most, self.attempt);
        self.attempt = self.attempt.saturating_add(1);
        delay
    }

    /// Begins anew, after a success.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    /// The delay before attempt number `attempt`, counted from 0.
    pub fn delay(first: Duration, most: Duration, attempt: u32) -> Duration {
        let whole = first.saturating_mul(1 << attempt.min(20)).min(most);
        whole / 2 + whole.mul_f64(fastrand::f64() / 2.0)
    }
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
}
