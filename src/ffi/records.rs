//! `larder_records_t`: many records with one free.

use once_cell::sync::OnceCell;

use super::pointer::put;
use super::record::larder_record_t;
use crate::boundary::flat;
use crate::boundary::guard::protect_or;
use crate::store::record::Record;

/// Records in an order, with gaps for those that were asked for and are not there. Any thread may read them.
/// The caller frees them with larder_records_free.
pub struct larder_records_t {
    records: Vec<Option<Record>>,
    flat: OnceCell<Vec<u8>>,
}

impl larder_records_t {
    pub(super) fn give(records: Vec<Option<Record>>) -> *mut larder_records_t {
        Box::into_raw(Box::new(larder_records_t { records, flat: OnceCell::new() }))
    }
}

/// How many records there are, gaps included. 0 for NULL.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `records` is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_records_count(records: *const larder_records_t) -> usize {
    // SAFETY: by this function's contract.
    protect_or(0, || unsafe { records.as_ref() }.map_or(0, |records| records.records.len()))
}

/// The record at an index; NULL for a gap and for an index that is out of range. It is borrowed: it lives as long as
/// `records`, and is not freed; larder_record_retain gives a reference that lives longer.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `records` is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_records_at(records: *const larder_records_t, index: usize) -> *const larder_record_t {
    protect_or(std::ptr::null(), || {
        // SAFETY: by this function's contract.
        let records = unsafe { records.as_ref() };
        let record = records.and_then(|records| records.records.get(index)).and_then(Option::as_ref);
        record.map_or(std::ptr::null(), |record| record.as_raw().cast())
    })
}

/// All records in one piece of memory that lives as long as `records`, for hosts to which a call is dear. All numbers
/// are little-endian, each item is padded to a multiple of 8 bytes:
///
/// ```text
/// 0  u32 length of the item, padding included     24  u64 revision
/// 4  u16 1 for a record, 0 for a gap              32  i64 milliseconds until it expires, -1 for never
/// 6  u16 0                                        40  i64 max-idle in milliseconds, -1 for none
/// 8  u32 length of the key                        48  key, value, metadata in its stored form
/// 12 u32 length of the value
/// 16 u32 length of the metadata
/// 20 u32 0
/// ```
///
/// Any thread. Does not block. NULL, and a lack of memory, give NULL and 0. Since ABI 1.
///
/// # Safety
///
/// `records` is null or live, `length` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_records_flat(records: *const larder_records_t, length: *mut usize) -> *const u8 {
    protect_or(std::ptr::null(), || {
        // SAFETY: by this function's contract.
        let records = unsafe { records.as_ref() };
        let bytes = records.and_then(|records| records.flat.get_or_try_init(|| flat::records(&records.records)).ok());
        // SAFETY: by this function's contract.
        unsafe { put(length, bytes.map_or(0, Vec::len)) };
        bytes.map_or(std::ptr::null(), |bytes| bytes.as_ptr())
    })
}

/// Frees records. NULL is fine.
/// Any thread, once. Does not block. Since ABI 1.
///
/// # Safety
///
/// `records` is null or live, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_records_free(records: *mut larder_records_t) {
    protect_or((), || {
        if !records.is_null() {
            // SAFETY: by this function's contract; it was made by `give`.
            drop(unsafe { Box::from_raw(records) });
        }
    });
}
