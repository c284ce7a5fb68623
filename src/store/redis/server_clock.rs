//! The server's clock, as far as it can be known from here.
//!
//! Moments that a record holds are the server's: when it was written, when it expires, its revision. The server says
//! what time it is when a lease on it begins and once a second from then on, and in between a clock of the kernel counts on
//! that nobody sets and that does not stand still while the machine is suspended. So the wall clocks of writers and readers
//! do not matter: all of them see a record live equally long, to within the time that a question takes to the server and
//! back. While no server has told its time, to a user without the right to ask, the wall clock stands for it, as it is set
//! at each moment.
//!
//! An answer to `TIME` was true at some moment between the question and the answer, which leaves a range. What was taken
//! to be the time stays as it is while it is in the range, and is moved to its nearer end otherwise: one answer that was
//! slow on its way unsettles nothing.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::clock;
use crate::store::redis::wire::Value;

/// What no server has told.
const UNTOLD: i64 = i64::MIN;

/// The clock of whatever server is the master.
#[derive(Debug)]
pub struct ServerClock {
    /// What goes on between two answers.
    elapsed: fn() -> Duration,
    /// What stands for the server's clock until it has told the time.
    wall: fn() -> Duration,
    /// What the server's clock showed when `elapsed` was 0, in microseconds since 1970, or [`UNTOLD`].
    began_us: AtomicI64,
    has_asked: AtomicBool,
}

/// The moment of a question.
#[derive(Clone, Copy, Debug)]
pub struct Asked(Duration);

impl Default for ServerClock {
    fn default() -> ServerClock {
        ServerClock::counting(clock::since_boot, clock::since_1970)
    }
}

impl ServerClock {
    /// A clock that no server has told the time to, on top of these.
    fn counting(elapsed: fn() -> Duration, wall: fn() -> Duration) -> ServerClock {
        ServerClock { elapsed, wall, began_us: AtomicI64::new(UNTOLD), has_asked: AtomicBool::new(false) }
    }

    /// Microseconds since 1970.
    pub fn unix_us(&self) -> u64 {
        let now = match self.began_us.load(Ordering::Relaxed) {
            UNTOLD => micros((self.wall)()),
            began => began.saturating_add(micros((self.elapsed)())),
        };
        u64::try_from(now).unwrap_or(0)
    }

    /// Milliseconds since 1970, as envelopes count.
    pub fn unix_ms(&self) -> u64 {
        self.unix_us() / 1000
    }

    /// The deadline, as [`clock::now_ms`] counts, of a moment of the server's; 0, for never, is [`clock::NEVER`]. What
    /// has passed is 0.
    pub fn deadline_of(&self, expires_unix_ms: u64) -> u64 {
        match expires_unix_ms {
            0 => clock::NEVER,
            at => match at.checked_sub(self.unix_ms()) {
                None | Some(0) => 0,
                Some(left) => clock::now_ms().saturating_add(left),
            },
        }
    }

    /// Whether a server was asked, also one that did not tell.
    pub fn has_asked(&self) -> bool {
        self.has_asked.load(Ordering::Acquire)
    }

    /// The moment before a question.
    pub fn ask(&self) -> Asked {
        Asked((self.elapsed)())
    }

    /// Notes the answer to `TIME`; one that is none leaves what was known.
    pub fn heard(&self, time: &Value, asked: Asked) {
        if let Some(theirs) = read(time) {
            self.heard_between(theirs, asked.0, (self.elapsed)());
        }
        self.has_asked.store(true, Ordering::Release);
    }

    fn heard_between(&self, theirs: i64, asked: Duration, answered: Duration) {
        let (earliest, latest) = (theirs.saturating_sub(micros(answered)), theirs.saturating_sub(micros(asked)));
        let now = match self.began_us.load(Ordering::Relaxed) {
            UNTOLD => earliest.midpoint(latest),
            before => before.clamp(earliest, latest.max(earliest)),
        };
        self.began_us.store(now, Ordering::Relaxed);
    }
}

/// The moment in an answer to `TIME`.
pub fn moment(time: &Value) -> Option<SystemTime> {
    let since = u64::try_from(read(time)?).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_micros(since))
}

/// Microseconds since 1970 in an answer to `TIME`.
fn read(time: &Value) -> Option<i64> {
    let [seconds, micros] = time.as_array()? else { return None };
    Some(seconds.as_integer()?.saturating_mul(1_000_000).saturating_add(micros.as_integer()?))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    const HOUR_US: u64 = 3_600_000_000;

    fn time(unix_us: u64) -> Value {
        let text = |number: u64| Value::Bulk(number.to_string().into());
        Value::Array(vec![text(unix_us / 1_000_000), text(unix_us % 1_000_000)])
    }

    /// Whether two moments are as near as a slow machine makes them.
    fn is_near(one: u64, other: u64) -> bool {
        one.abs_diff(other) < 30_000_000
    }

    #[test]
    fn our_own_clock_stands_for_the_servers_until_it_has_spoken() {
        let clock = ServerClock::default();
        let ours = clock.unix_us();
        assert!(is_near(clock.unix_ms(), clock::unix_ms()) && !clock.has_asked());
        clock.heard(&time(ours + HOUR_US), clock.ask());
        assert!(clock.has_asked() && is_near(clock.unix_us(), ours + HOUR_US));
        // Another one leads, whose clock is behind.
        clock.heard(&time(ours - HOUR_US), clock.ask());
        assert!(is_near(clock.unix_us(), ours - HOUR_US));
        clock.heard(&Value::Error("NOPERM".into()), clock.ask());
        clock.heard(&Value::Array(vec![Value::Nil, Value::Nil]), clock.ask());
        assert!(is_near(clock.unix_us(), ours - HOUR_US));
    }

    /// What the clocks below show, in seconds.
    static ELAPSED: AtomicU64 = AtomicU64::new(0);
    static WALL: AtomicU64 = AtomicU64::new(0);

    #[test]
    fn the_wall_clock_is_followed_while_the_server_does_not_tell_the_time_and_no_longer() {
        let clock = ServerClock::counting(
            || Duration::from_secs(ELAPSED.load(Ordering::Relaxed)),
            || Duration::from_secs(WALL.load(Ordering::Relaxed)),
        );
        let set = |elapsed, wall| {
            ELAPSED.store(elapsed, Ordering::Relaxed);
            WALL.store(wall, Ordering::Relaxed);
            clock.unix_ms() / 1000
        };
        assert_eq!(set(1, 1000), 1000);
        clock.heard(&Value::Error("NOPERM".into()), clock.ask());
        // Somebody sets it.
        assert!(clock.has_asked() && set(2, 5000) == 5000);
        clock.heard(&time(7_000_000_000), clock.ask());
        assert_eq!(set(3, 9000), 7001);
        // An hour's suspension.
        assert_eq!(set(3603, 9000), 10_601);
    }

    #[test]
    fn an_answer_moves_the_clock_only_as_far_as_it_must() {
        let clock = ServerClock::default();
        let heard = |theirs, asked, answered| {
            clock.heard_between(theirs, Duration::from_micros(asked), Duration::from_micros(answered));
            clock.began_us.load(Ordering::Relaxed)
        };
        assert_eq!(heard(10_000, 100, 300), 9_800);
        // A slow answer that could be as true leaves it alone; others prove that it was wrong by so much.
        assert_eq!(heard(20_000, 10_000, 90_000), 9_800);
        assert_eq!(heard(20_000, 10_000, 10_100), 9_900);
        assert_eq!(heard(20_000, 10_300, 10_400), 9_700);
    }

    #[test]
    fn an_answer_to_time_is_a_moment() {
        assert_eq!(moment(&time(7_000_005)), Some(UNIX_EPOCH + Duration::from_micros(7_000_005)));
        let text = |text: &'static str| Value::Bulk(text.into());
        for value in [Value::Nil, Value::Array(vec![text("7")]), Value::Array(vec![text("-7"), text("5")])] {
            assert_eq!(moment(&value), None, "{value:?}");
        }
    }

    #[test]
    fn a_moment_of_the_servers_is_a_deadline_of_ours() {
        let clock = ServerClock::default();
        clock.heard(&time(clock.unix_us() + HOUR_US), clock.ask());
        assert_eq!(clock.deadline_of(0), clock::NEVER);
        // By our own clock it would live for another hour.
        assert_eq!(clock.deadline_of(clock.unix_ms() - 1), 0);
        let left = clock.deadline_of(clock.unix_ms() + 60_000) - clock::now_ms();
        assert!(is_near(left, 60_000), "{left}");
    }
}
