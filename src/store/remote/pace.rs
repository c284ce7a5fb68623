//! Whether a request may wait for the next answer, in place of waking the task that sends it.
//!
//! That task sleeps until something can be read, or it is woken. A wake from another thread costs a system call, and two
//! switches between threads; for one request at a time it is worth it. While many requests are with the server and their
//! answers come one shortly after the other, the next answer wakes the task anyway, and it takes with it what was queued
//! meanwhile. As Nagle's algorithm (RFC 896) does it for short segments, but only where the wait is short: answers come at
//! most [`QUICK`] apart, and the more requests are out, the more of them may wait.
//!
//! It is for a server that answers in the order of the requests, so that each that is out says that an answer will come
//! before that to a new one.

use std::time::Duration;

use tokio::time::Instant;

/// Below so many requests that are with the server, none waits.
const MANY: usize = 16;
/// Of so many requests that are with the server, one may wait.
const SHARE: usize = 8;
/// How far apart the answers come at most, on average, where a request waits for the next.
const QUICK: Duration = Duration::from_micros(100);
/// A longer pause counts as this one, so that a single one does not outweigh what follows for long. After such a pause none
/// waits: what was is no sign of what comes.
const LONGEST: Duration = Duration::from_millis(10);
/// How many of the last answers the average is of, about.
const LAST: u32 = 8;

/// How answers came lately.
#[derive(Default)]
pub struct Pace {
    last: Option<Instant>,
    /// How far apart they came on average, the later the more it counts.
    apart: Option<Duration>,
}

impl Pace {
    /// Notes that answers have come, any number of them at once.
    pub fn note_answers(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            let apart = now.saturating_duration_since(last).min(LONGEST);
            self.apart = Some(self.apart.map_or(apart, |before| (before * (LAST - 1) + apart) / LAST));
        }
    }

    /// Whether the last of so many queued requests may wait, while so many are with the server.
    pub fn lets_wait(&self, queued: usize, unanswered: usize, now: impl FnOnce() -> Instant) -> bool {
        unanswered >= MANY
            && queued <= unanswered / SHARE
            && self.apart.is_some_and(|apart| apart <= QUICK)
            && self.last.is_some_and(|last| now().saturating_duration_since(last) < LONGEST)
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    /// After answers that far apart, and the moment of the last.
    fn at_intervals(micros: &[u64]) -> (Pace, Instant) {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        pace.note_answers(now);
        for micros in micros {
            now += Duration::from_micros(*micros);
            pace.note_answers(now);
        }
        (pace, now)
    }

    fn lets_wait((pace, last): &(Pace, Instant), queued: usize, unanswered: usize) -> bool {
        pace.lets_wait(queued, unanswered, || *last + Duration::from_micros(20))
    }

    #[test]
    fn a_request_waits_only_among_many_whose_answers_come_quickly() {
        let quick = at_intervals(&[20; 20]);
        for (queued, unanswered, waits) in
            [(1, 15, false), (1, 16, true), (2, 16, true), (3, 16, false), (8, 64, true), (9, 64, false), (1, 0, false)]
        {
            assert_eq!(lets_wait(&quick, queued, unanswered), waits, "{queued} of {unanswered}");
        }
        assert!(!lets_wait(&(Pace::default(), Instant::now()), 1, 64) && !lets_wait(&at_intervals(&[]), 1, 64));
        assert!(!lets_wait(&at_intervals(&[500; 20]), 1, 64));
    }

    #[test]
    fn a_request_does_not_wait_after_a_pause() {
        let (quick, last) = at_intervals(&[20; 20]);
        assert!(quick.lets_wait(1, 64, || last + LONGEST / 2));
        assert!(!quick.lets_wait(1, 64, || last + LONGEST));
    }

    #[test]
    fn answers_in_bursts_with_a_round_trip_between_them_are_not_quick() {
        let bursts: Vec<u64> = [20, 20, 20, 1000].repeat(10);
        for end in 1..=bursts.len() {
            let is_begin = end < 4;
            assert_eq!(lets_wait(&at_intervals(&bursts[..end]), 1, 64), is_begin, "after {end}");
        }
    }

    #[test]
    fn a_long_pause_is_forgotten_soon() {
        let mut intervals = vec![60_000_000];
        intervals.extend([20; 50]);
        assert!(lets_wait(&at_intervals(&intervals), 1, 64));
    }
}
