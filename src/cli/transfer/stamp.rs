//! What says whether a record is the one that was read before: its revision, and when it expires.
//!
//! The revision alone does not: a touch gives a record another lifespan and leaves the revision, and where the revision
//! is a digest of the value, so does a write of the same value.

use crate::clock;
use crate::store::format::dump::Item;
use crate::store::record::Record;

/// By how much two moments of expiry may differ and be the same: some stores count in seconds, and each by its own clock.
const TOLERANCE_MS: u64 = 5_000;

/// A record's revision and expiry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The revision.
    pub revision: u64,
    /// When it expires, in milliseconds since 1970; 0 for never.
    pub expires_unix_ms: u64,
}

impl Stamp {
    /// A record's.
    pub fn of(record: &Record) -> Stamp {
        Stamp { revision: record.revision(), expires_unix_ms: expires_unix_ms(record) }
    }

    /// That of a record on its way.
    pub fn of_item(item: &Item) -> Stamp {
        Stamp { revision: item.revision, expires_unix_ms: item.expires_unix_ms }
    }

    /// Whether both are of one record that has not changed in between.
    pub fn agrees(&self, other: &Stamp) -> bool {
        self.revision == other.revision && expires_alike(self.expires_unix_ms, other.expires_unix_ms)
    }
}

/// Whether two moments of expiry are the same, but for how clocks differ.
pub fn expires_alike(one: u64, other: u64) -> bool {
    match (one, other) {
        (0, 0) => true,
        (0, _) | (_, 0) => false,
        (one, other) => one.abs_diff(other) <= TOLERANCE_MS,
    }
}

/// Whether a record that expires at this moment may have expired already by another clock.
pub fn may_have_expired(item: &Item) -> bool {
    item.is_expired(clock::unix_ms().saturating_add(TOLERANCE_MS))
}

/// When a record expires, in milliseconds since 1970; 0 for never.
pub fn expires_unix_ms(record: &Record) -> u64 {
    match record.lifespan_deadline() {
        clock::NEVER => 0,
        deadline => clock::unix_ms().saturating_add(deadline.saturating_sub(clock::now_ms())).max(1),
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_changed_when_its_revision_or_its_expiry_has() {
        let stamp = |revision, expires_unix_ms| Stamp { revision, expires_unix_ms };
        let one = stamp(7, 1_700_000_000_000);
        assert!(one.agrees(&one) && stamp(7, 0).agrees(&stamp(7, 0)));
        assert!(one.agrees(&stamp(7, 1_700_000_000_000 - TOLERANCE_MS)));
        for other in [stamp(8, one.expires_unix_ms), stamp(7, one.expires_unix_ms + TOLERANCE_MS + 1), stamp(7, 0)] {
            assert!(!one.agrees(&other) && !other.agrees(&one), "{other:?}");
        }
    }
}
