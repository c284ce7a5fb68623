//! The hash of a record's identity: its table's number and its key.

use std::hash::{BuildHasher, Hasher as _};

use foldhash::fast::RandomState;

use crate::store::record::Record;

/// An odd number of well-mixed bits.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

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
        hasher.write(key);
        // The seeded hash of the key alone has weak low bits; one wide multiplication mixes the table in and mends them.
        let product = u128::from(hasher.finish() ^ u64::from(table)) * u128::from(FACTOR);
        (product >> 64) as u64 ^ product as u64
    }

    /// The hash of a record.
    #[inline]
    pub(super) fn of(&self, record: &Record) -> u64 {
        self.hash(record.table(), record.key())
    }
}
