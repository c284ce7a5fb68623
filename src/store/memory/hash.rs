//! The hash of a record's identity: its table's number and its key.

use std::hash::{BuildHasher, Hasher as _};

use foldhash::quality::RandomState;

use crate::store::record::Record;

/// A hash function seeded anew for each engine, for keys may come from those who would have them collide.
#[derive(Default)]
pub(super) struct Hasher {
    seed: RandomState,
}

impl Hasher {
    /// The hash of a key in a table.
    #[inline]
    pub(super) fn hash(&self, table: u32, key: &[u8]) -> u64 {
        let mut hasher = self.seed.build_hasher();
        hasher.write_u32(table);
        hasher.write(key);
        hasher.finish()
    }

    /// The hash of a record.
    #[inline]
    pub(super) fn of(&self, record: &Record) -> u64 {
        self.hash(record.table(), record.key())
    }
}
