//! The clock that lifespans run by: milliseconds of the kernel's monotonic clock. And the clocks by which moments of the
//! world outside are known.
//!
//! A deadline is `now + lifespan` with both readings rounded down to whole milliseconds, so that a record is never
//! served after its lifespan and dies at most one millisecond early.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// How long ago the machine was started. Unlike [`now_ms`] it goes on while the machine is suspended, as the clocks of
/// others do.
pub fn since_boot() -> Duration {
    let now = get(libc::CLOCK_BOOTTIME);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// How long ago 1970 was by the wall clock.
pub fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
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
    let now = get(clock);
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

#[inline]
fn get(clock: libc::clockid_t) -> libc::timespec {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec for the call to fill; the clock ids used here exist on every Linux kernel.
    unsafe { libc::clock_gettime(clock, &mut now) };
    now
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

    /// A time namespace moves the kernel's clock as a suspended machine does: this test runs itself in one.
    #[test]
    #[cfg(not(larder_loom))]
    fn the_time_for_which_the_machine_was_suspended_counts_since_boot() {
        const SUSPENDED: &str = "LARDER_TEST_SUSPENDED";
        const NAME: &str = "clock::tests::the_time_for_which_the_machine_was_suspended_counts_since_boot";
        let uptime = std::fs::read_to_string("/proc/uptime").expect("the kernel tells");
        let uptime: f64 = uptime.split(' ').next().and_then(|text| text.parse().ok()).expect("seconds");
        assert!((since_boot().as_secs_f64() - uptime).abs() < 30.0, "{:?} and {uptime} s", since_boot());
        if std::env::var_os(SUSPENDED).is_some() {
            return;
        }
        let unshare = |program: &std::path::Path| {
            let mut command = std::process::Command::new("unshare");
            command.args(["--time", "--boottime", "3600", "--"]).arg(program).env(SUSPENDED, "1");
            command
        };
        // Not everybody may make one.
        if !unshare("true".as_ref()).output().is_ok_and(|output| output.status.success()) {
            return;
        }
        let itself = std::env::current_exe().expect("it has a name");
        let output = unshare(&itself).args(["--exact", NAME]).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }

    #[test]
    fn never_does_not_come() {
        assert!(!has_passed(NEVER));
        assert!(has_passed(now_ms()));
        assert!(!has_passed(now_ms() + 10_000));
    }
}
