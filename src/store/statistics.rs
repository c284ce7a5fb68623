//! What a store counted.

/// Counts since the store was opened, and its present size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Reads that found a record.
    pub hits: u64,
    /// Reads that found none.
    pub misses: u64,
    /// Records written.
    pub puts: u64,
    /// Records removed by callers.
    pub removals: u64,
    /// Records given up to make room.
    pub evictions: u64,
    /// Records whose lifespan or max-idle ended.
    pub expirations: u64,
    /// Records held now, those that have expired but were not swept yet included.
    pub entries: u64,
    /// Bytes held now: headers, keys, values and metadata.
    pub bytes: u64,
}
