//! `larder_record_t`: a record by reference.

use super::pointer::put;
use crate::boundary::guard::protect_or;
use crate::error::Status;
use crate::store::record::{RawRecord, Record, pairs};

/// A record that was read: immutable and reference-counted. Any thread may read and free it, also after the store was
/// closed or freed. The pointer is a reference: larder_record_free gives it back.
pub struct larder_record_t {
    _private: [u8; 0],
}

pub(super) fn give(record: Record) -> *const larder_record_t {
    record.into_raw().cast()
}

/// # Safety
///
/// `record` is null or a live reference, which outlives the call of `body`.
unsafe fn with<T>(record: *const larder_record_t, fallback: T, body: impl FnOnce(&Record) -> T) -> T {
    if record.is_null() {
        return fallback;
    }
    // SAFETY: by this function's contract; the pointer came from `give`.
    let record = unsafe { Record::borrow_raw(record.cast::<RawRecord>()) };
    body(&record)
}

/// The key: `length` bytes that live as long as the reference. Not NUL-terminated.
/// Any thread. Does not block. NULL gives NULL and 0. Since ABI 1.
///
/// # Safety
///
/// `record` is null or live, `length` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_record_key(record: *const larder_record_t, length: *mut usize) -> *const u8 {
    // SAFETY: by this function's contract.
    protect_or(std::ptr::null(), || unsafe { part(record, length, Record::key) })
}

/// The value: `length` bytes that live as long as the reference. Not NUL-terminated.
/// Any thread. Does not block. NULL gives NULL and 0. Since ABI 1.
///
/// # Safety
///
/// `record` is null or live, `length` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_record_value(record: *const larder_record_t, length: *mut usize) -> *const u8 {
    // SAFETY: by this function's contract.
    protect_or(std::ptr::null(), || unsafe { part(record, length, Record::value) })
}

/// The metadata in its stored form, see larder_metadata_append: `length` bytes that live as long as the reference.
/// Any thread. Does not block. NULL gives NULL and 0. Since ABI 1.
///
/// # Safety
///
/// `record` is null or live, `length` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_record_metadata(record: *const larder_record_t, length: *mut usize) -> *const u8 {
    // SAFETY: by this function's contract.
    protect_or(std::ptr::null(), || unsafe { part(record, length, Record::metadata_bytes) })
}

/// The value of a name in the record's metadata.
/// Any thread. Does not block. Since ABI 1.
///
/// @param record             the record
/// @param name, name_length  the name, UTF-8
/// @param value              receives where the value is; it lives as long as the reference; may be NULL
/// @param value_length       receives its length; may be NULL
/// @return LARDER_OK; LARDER_NOT_FOUND when there is no such name; LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_record_metadata_get(
    record: *const larder_record_t,
    name: *const u8,
    name_length: usize,
    value: *mut *const u8,
    value_length: *mut usize,
) -> i32 {
    // SAFETY: by this function's contract.
    protect_or(Status::PANIC.0, || unsafe {
        let Ok(name) = super::pointer::text(name, name_length, "name") else { return Status::INVALID_ARGUMENT.0 };
        with(record, Status::INVALID_ARGUMENT.0, |record| {
            let found = pairs(record.metadata_bytes()).find(|(known, _)| *known == name);
            let Some((_, bytes)) = found else { return Status::NOT_FOUND.0 };
            put(value, bytes.as_ptr());
            put(value_length, bytes.len());
            Status::OK.0
        })
    })
}

/// The revision: grows with every write of the same key. 0 for NULL.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `record` is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_record_revision(record: *const larder_record_t) -> u64 {
    // SAFETY: by this function's contract.
    protect_or(0, || unsafe { with(record, 0, Record::revision) })
}

/// Milliseconds until the record expires if nobody reads it; 0 when it has expired meanwhile, -1 for never and for NULL.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `record` is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_record_expires_in_ms(record: *const larder_record_t) -> i64 {
    // SAFETY: by this function's contract.
    protect_or(-1, || unsafe {
        with(record, -1, |record| record.expires_in_ms().map_or(-1, |ms| i64::try_from(ms).unwrap_or(i64::MAX)))
    })
}

/// The record's max-idle in milliseconds; -1 for none and for NULL.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `record` is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_record_max_idle_ms(record: *const larder_record_t) -> i64 {
    // SAFETY: by this function's contract.
    protect_or(-1, || unsafe {
        with(record, -1, |record| match record.max_idle_ms() {
            0 => -1,
            ms => i64::try_from(ms).unwrap_or(i64::MAX),
        })
    })
}

/// A second reference to a record, to be freed on its own. NULL gives NULL.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `record` is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_record_retain(record: *const larder_record_t) -> *const larder_record_t {
    // SAFETY: by this function's contract.
    protect_or(std::ptr::null(), || unsafe { with(record, std::ptr::null(), |record| give(record.clone())) })
}

/// Gives a reference back; the last one frees the record. NULL is fine.
/// Any thread, once for each reference. Does not block. Since ABI 1.
///
/// # Safety
///
/// `record` is null or a live reference that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_record_free(record: *const larder_record_t) {
    protect_or((), || {
        if !record.is_null() {
            // SAFETY: by this function's contract; it was made by `give`.
            drop(unsafe { Record::from_raw(record.cast::<RawRecord>()) });
        }
    });
}

/// # Safety
///
/// `record` is null or live, `length` null or writable.
unsafe fn part(record: *const larder_record_t, length: *mut usize, get: fn(&Record) -> &[u8]) -> *const u8 {
    // SAFETY: by this function's contract.
    unsafe {
        let (data, count) = with(record, (std::ptr::null(), 0), |record| {
            let bytes = get(record);
            (bytes.as_ptr(), bytes.len())
        });
        put(length, count);
        data
    }
}
