//! The revisions that Larder proposes for its writes.
//!
//! A revision is the moment of the write in microseconds since 1970, by the server's clock as far as it is known. The
//! proposal is checked where the record is: the server takes it only when it is above that of the record it replaces, so
//! that no client's clock is trusted with the order, and a proposal costs the server no look at its own.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::store::redis::wire::Value;

/// What is proposed next.
#[derive(Debug, Default)]
pub struct Revisions {
    /// How many microseconds the server's clock is ahead of ours.
    ahead_us: AtomicI64,
    /// The last one proposed.
    last: AtomicU64,
}

impl Revisions {
    /// A revision above every one that was proposed before.
    pub fn propose(&self) -> u64 {
        let now = unix_us().saturating_add_signed(self.ahead_us.load(Ordering::Relaxed));
        let advance = |last: u64| Some(now.max(last + 1));
        // The closure never declines.
        self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, advance).map_or(now, |last| now.max(last + 1))
    }

    /// Notes the server's answer to `TIME`; one that is none changes nothing.
    pub fn heard(&self, time: &Value) {
        let Some(theirs) = moment(time) else { return };
        let in_us = |moment| i64::try_from(us_of(moment)).unwrap_or(i64::MAX);
        self.ahead_us.store(in_us(theirs).saturating_sub(in_us(SystemTime::now())), Ordering::Relaxed);
    }
}

/// The moment in a server's answer to `TIME`.
pub fn moment(time: &Value) -> Option<SystemTime> {
    let [seconds, micros] = time.as_array()? else { return None };
    let number = |value: &Value| value.as_integer().and_then(|number| u64::try_from(number).ok());
    let since = Duration::from_secs(number(seconds)?).checked_add(Duration::from_micros(number(micros)?))?;
    UNIX_EPOCH.checked_add(since)
}

fn unix_us() -> u64 {
    us_of(SystemTime::now())
}

fn us_of(moment: SystemTime) -> u64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn time(seconds: u64) -> Value {
        Value::Array(vec![Value::Bulk(seconds.to_string().into()), Value::Bulk("5".into())])
    }

    #[test]
    fn proposals_grow_and_follow_the_servers_clock() {
        let revisions = Revisions::default();
        let first = revisions.propose();
        let begin = unix_us();
        assert!(first <= begin && first + 60_000_000 > begin);
        let mut last = first;
        for _ in 0..1000 {
            let next = revisions.propose();
            assert!(next > last);
            last = next;
        }
        revisions.heard(&time(unix_us() / 1_000_000 + 3600));
        let ahead = revisions.propose();
        assert!(ahead > unix_us() + 3_500_000_000);
        // A server whose clock is behind does not take the proposals back.
        revisions.heard(&time(unix_us() / 1_000_000 - 3600));
        assert_eq!(revisions.propose(), ahead + 1);
        revisions.heard(&Value::Nil);
        assert_eq!(revisions.propose(), ahead + 2);
    }

    #[test]
    fn an_answer_to_time_is_a_moment() {
        assert_eq!(moment(&time(7)), Some(UNIX_EPOCH + Duration::from_micros(7_000_005)));
        let none = [
            Value::Nil,
            Value::Array(vec![Value::Bulk("7".into())]),
            Value::Array(vec![Value::Bulk("-7".into()), Value::Bulk("5".into())]),
        ];
        for value in none {
            assert_eq!(moment(&value), None, "{value:?}");
        }
    }
}
