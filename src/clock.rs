//! The clock that lifespans run by: milliseconds of the kernel's monotonic clock.
//!
//! A deadline is `now + lifespan` with both readings rounded down to whole milliseconds, so that a record is never
//! served after its lifespan and dies at most one millisecond early.

/// A deadline that never comes.
pub const NEVER: u64 = u64::MAX;

/// How far the coarse clock may lag behind the exact one, in milliseconds: one tick of a 100 Hz kernel, doubled.
pub const COARSE_LAG_MS: u64 = 20;

/// Milliseconds since an arbitrary point before the process began.
#[inline]
pub fn now_ms() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// As [`now_ms`], several times cheaper, but up to [`COARSE_LAG_MS`] behind; never ahead.
#[inline]
pub fn coarse_ms() -> u64 {
    read(libc::CLOCK_MONOTONIC_COARSE)
}

/// Whether `deadline` (as [`now_ms`] counts) has come: exact, at the coarse clock's price when it is far away.
#[inline]
pub fn has_passed(deadline: u64) -> bool {
    if deadline == NEVER {
        return false;
    }
    let coarse = coarse_ms();
    if coarse >= deadline {
        return true;
    }
    deadline - coarse <= COARSE_LAG_MS && now_ms() >= deadline
}

/// Milliseconds since 1970 by the wall clock, as servers and envelopes count.
pub fn unix_ms() -> u64 {
    read(libc::CLOCK_REALTIME)
}

/// The deadline, as [`now_ms`] counts, of a moment of the wall clock; 0, for never, is [`NEVER`]. What has passed is 0.
pub fn deadline_of_unix(expires_unix_ms: u64) -> u64 {
    match expires_unix_ms {
        0 => NEVER,
        at => match at.checked_sub(unix_ms()) {
            None | Some(0) => 0,
            Some(left) => now_ms().saturating_add(left),
        },
    }
}

#[inline]
fn read(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec for the call to fill; the clock ids used here exist on every Linux kernel.
    unsafe { libc::clock_gettime(clock, &mut now) };
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarse_clock_is_behind_by_less_than_its_lag() {
        for _ in 0..1000 {
            let coarse = coarse_ms();
            let exact = now_ms();
            assert!(coarse <= exact, "{coarse} is ahead of {exact}");
            assert!(exact - coarse <= COARSE_LAG_MS, "{coarse} lags {exact}");
        }
    }

    #[test]
    fn never_does_not_come() {
        assert!(!has_passed(NEVER));
        assert!(has_passed(now_ms()));
        assert!(!has_passed(now_ms() + 10_000));
    }
}
