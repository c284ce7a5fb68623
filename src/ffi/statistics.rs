//! `larder_statistics_t`: what a store counted.

use super::bytes::larder_bytes_t;
use crate::error::{Error, Result};
use crate::store::statistics::Statistics;

/// Counts since the store's backend was opened, and its present size.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct larder_statistics_t {
    /// sizeof(larder_statistics_t), set by the caller.
    pub struct_size: usize,
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

impl From<Statistics> for larder_statistics_t {
    fn from(counted: Statistics) -> larder_statistics_t {
        larder_statistics_t {
            struct_size: size_of::<larder_statistics_t>(),
            hits: counted.hits,
            misses: counted.misses,
            puts: counted.puts,
            removals: counted.removals,
            evictions: counted.evictions,
            expirations: counted.expirations,
            entries: counted.entries,
            bytes: counted.bytes,
        }
    }
}

impl larder_statistics_t {
    /// The struct as bytes, for a completion.
    pub(super) fn give(self) -> *mut larder_bytes_t {
        let numbers = [
            self.struct_size as u64,
            self.hits,
            self.misses,
            self.puts,
            self.removals,
            self.evictions,
            self.expirations,
            self.entries,
            self.bytes,
        ];
        larder_bytes_t::give(numbers.iter().flat_map(|number| number.to_ne_bytes()).collect())
    }

    /// Writes as much as the host's version of the struct has room for.
    ///
    /// # Safety
    ///
    /// `out` points to a struct of the size that it begins with.
    pub(super) unsafe fn write_to(mut self, out: *mut larder_statistics_t) -> Result<()> {
        // SAFETY: by this function's contract.
        let size = unsafe { out.cast::<usize>().read() };
        if size < size_of::<usize>() {
            let text = format!("struct_size is {size}; set it to sizeof(larder_statistics_t)");
            return Err(Error::argument("statistics", text));
        }
        self.struct_size = size;
        let known = size.min(size_of::<larder_statistics_t>());
        // SAFETY: both are at least `known` bytes long.
        unsafe { std::ptr::copy_nonoverlapping((&raw const self).cast::<u8>(), out.cast::<u8>(), known) };
        Ok(())
    }
}
