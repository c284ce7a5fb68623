//! What a caller may say with a call: times and metadata of a write, filters of a list, the start of a watch.

use std::time::Duration;

use super::record::Metadata;

/// How long something lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Term {
    /// As the store is configured.
    #[default]
    Default,
    /// Without end, whatever the store's default.
    Unlimited,
    /// For this long; rounded up to a whole millisecond.
    For(Duration),
}

impl Term {
    /// The term in milliseconds, 0 for without end; `default_ms` (0 for without end) stands for [`Term::Default`].
    pub fn resolve_ms(self, default_ms: u64) -> u64 {
        match self {
            Term::Default => default_ms,
            Term::Unlimited => 0,
            // In 64 bits: a division of 128 would cost as much as the rest of a write.
            Term::For(duration) => {
                let rest_ms = u64::from(duration.subsec_nanos().div_ceil(1_000_000));
                duration.as_secs().saturating_mul(1_000).saturating_add(rest_ms).max(1)
            }
        }
    }
}

/// How long a record lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime {
    /// Time from the write to the expiry.
    pub lifespan: Term,
    /// Time from the last read or write to the expiry.
    pub max_idle: Term,
}

/// On what a write depends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// On nothing: the last writer wins.
    #[default]
    Always,
    /// There must be no record under the key.
    IfAbsent,
    /// The record's revision must be this one.
    IfRevision(u64),
}

/// How much of a replicated store has to have a write before it counts as done. A write of which that much cannot be
/// known in time answers `AMBIGUOUS`, never success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// As the store is configured.
    #[default]
    Default,
    /// The server that took it.
    None,
    /// So many replicas besides it, at least.
    Replicas(u8),
    /// Every replica that could become the master, and one at least.
    All,
}

/// Options of one write.
#[derive(Clone, Debug, Default)]
pub struct PutOptions {
    /// How long the record lives.
    pub lifetime: Lifetime,
    /// Metadata to store with it; replaces what was there.
    pub metadata: Metadata,
    /// On what the write depends.
    pub condition: Condition,
    /// How many replicas have to have it; `UNSUPPORTED` by a store that has none.
    pub durability: Durability,
}

/// What a conditional write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done; the record has this revision (after a remove: the revision it had).
    Done {
        /// The revision.
        revision: u64,
    },
    /// Not done: the record that is there has this revision.
    Conflict {
        /// The revision.
        revision: u64,
    },
    /// Not done: there is no record.
    NotFound,
}

/// One record to write among many.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Its options.
    pub options: PutOptions,
}

/// What a list gives of each record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Projection {
    /// Key, revision and times; the value and the metadata are empty.
    #[default]
    Keys,
    /// All of it.
    Records,
}

/// Which records a list gives. Results are sorted by key, bytewise; offset and limit count what the filter left.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// Only keys that begin with this.
    pub prefix: Vec<u8>,
    /// Only keys that end with this.
    pub suffix: Vec<u8>,
    /// How many to leave out at the front.
    pub offset: usize,
    /// How many to give at most; 0 for all.
    pub limit: usize,
    /// Keys only, or whole records.
    pub projection: Projection,
}

impl ListOptions {
    /// Whether a key passes prefix and suffix. The two may overlap in a short key.
    pub fn matches(&self, key: &[u8]) -> bool {
        key.starts_with(&self.prefix) && key.ends_with(&self.suffix)
    }
}

/// Where a watch begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WatchStart {
    /// With the next change.
    #[default]
    Now,
    /// With a `created` event, marked as initial, for each record that is there when the watch comes to it, then one
    /// `current` event, then changes. Replayed, the events give what is there now.
    Existing,
}

/// Options of a watch.
#[derive(Clone, Debug, Default)]
pub struct WatchOptions {
    /// Only keys that begin with this.
    pub prefix: Vec<u8>,
    /// Where it begins.
    pub start: WatchStart,
    /// How many events may wait for the reader; 0 for 65,536. Beyond it events are dropped, and one `lost` event says how many.
    pub capacity: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_rounded_up_to_a_whole_millisecond_and_does_not_overflow() {
        let expected = [
            (Duration::ZERO, 1),
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(1), 1),
            (Duration::from_nanos(1_000_001), 2),
            (Duration::new(2, 999_999_999), 3_000),
            (Duration::from_millis(i64::MAX as u64), i64::MAX as u64),
            (Duration::MAX, u64::MAX),
        ];
        for (duration, ms) in expected {
            assert_eq!(Term::For(duration).resolve_ms(7), ms, "{duration:?}");
        }
        assert_eq!((Term::Default.resolve_ms(7), Term::Unlimited.resolve_ms(7)), (7, 0));
    }
}
