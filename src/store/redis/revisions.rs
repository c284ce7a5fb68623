//! The revisions that Larder proposes for its writes.
//!
//! A revision is the moment of the write in microseconds since 1970, by the server's clock as far as it is known. The
//! proposal is checked where the record is: the server takes it only when it is above that of the record it replaces, so
//! that no client's clock is trusted with the order, and a proposal costs the server no look at its own.

use std::sync::atomic::{AtomicU64, Ordering};

/// What is proposed next.
#[derive(Debug, Default)]
pub struct Revisions {
    /// The last one proposed.
    last: AtomicU64,
}

impl Revisions {
    /// A revision above every one that was proposed before: this moment, if it is.
    pub fn propose(&self, now_us: u64) -> u64 {
        let advance = |last: u64| Some(now_us.max(last + 1));
        // The closure never declines.
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, advance);
        last.map_or(now_us, |last| now_us.max(last + 1))
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn proposals_grow_and_follow_the_clock() {
        let revisions = Revisions::default();
        assert_eq!([1000, 1000, 1000, 5000].map(|now| revisions.propose(now)), [1000, 1001, 1002, 5000]);
        // A clock that is set back does not take the proposals back.
        assert_eq!([10, 10, 5003].map(|now| revisions.propose(now)), [5001, 5002, 5003]);
    }
}
