//! The calls that read one record of a store.

use super::error::larder_error_t;
use super::pointer::{buffer, bytes, call, handle, put, required, timeout};
use super::record::{self, larder_record_t};
use super::store::larder_store_t;
use crate::boundary::wait::wait;
use crate::error::{Result, Status};
use crate::store::Lookup;
use crate::store::record::Record;

/// Up to this many bytes a value is copied while its record is pinned; a larger one is copied afterwards, by reference.
pub(crate) const COPIED_WHILE_PINNED: usize = 4096;

/// Looks into memory only, and copies the value: never waits, allocates nothing.
///
/// Any thread, a callback too. Does not block. Since ABI 1.
///
/// @param store            the store
/// @param key, key_length  the key, any bytes; borrowed for the call
/// @param value, capacity  the buffer for the value; NULL and 0 to learn its length
/// @param value_length     receives the value's length, also when the buffer is too small; may be NULL
/// @param revision         receives the revision; may be NULL
/// @param err              receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_NOT_FOUND; LARDER_BUFFER_TOO_SMALL (nothing was copied); LARDER_PENDING when memory does
///         not know: ask with larder_store_get_into or a request; LARDER_CLOSED, LARDER_FORKED,
///         LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_peek(
    store: *const larder_store_t,
    key: *const u8,
    key_length: usize,
    value: *mut u8,
    capacity: usize,
    value_length: *mut usize,
    revision: *mut u64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let key = bytes(key, key_length, "key")?;
            let target = buffer(value, capacity, "value")?;
            let found = peek_into(handle(store, "store")?, key, target)?;
            Ok(found.tell(value_length, revision))
        })
    }
}

/// Reads a value into the caller's buffer.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param store            the store
/// @param key, key_length  the key, any bytes; borrowed for the call
/// @param timeout_ms       milliseconds after which it answers LARDER_TIMEOUT; 0 for never
/// @param value, capacity  the buffer for the value; NULL and 0 to learn its length
/// @param value_length     receives the value's length, also when the buffer is too small; may be NULL
/// @param revision         receives the revision; may be NULL
/// @param err              receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_NOT_FOUND; LARDER_BUFFER_TOO_SMALL (nothing was copied); LARDER_TIMEOUT,
///         LARDER_UNAVAILABLE, LARDER_WOULD_DEADLOCK, LARDER_CLOSED, LARDER_FORKED, LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_get_into(
    store: *const larder_store_t,
    key: *const u8,
    key_length: usize,
    timeout_ms: i64,
    value: *mut u8,
    capacity: usize,
    value_length: *mut usize,
    revision: *mut u64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let limit = timeout(timeout_ms)?;
            let key = bytes(key, key_length, "key")?;
            let target = buffer(value, capacity, "value")?;
            let store = handle(store, "store")?;
            let found = peek_into(store, key, target)?;
            if found.status != Status::PENDING {
                return Ok(found.tell(value_length, revision));
            }
            let record = wait(store.0.store()?.get_value(key), limit)?;
            Ok(Found::of(record.as_ref(), target).tell(value_length, revision))
        })
    }
}

/// Reads a record by reference: nothing is copied, and the record stays as it is whatever happens to the store.
/// A record of a server with a value of 4 KiB and more keeps, as long as it lives, all that was read together with it: at
/// least 64 KiB. Copy what is to be kept for long.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param store            the store
/// @param key, key_length  the key, any bytes; borrowed for the call
/// @param timeout_ms       milliseconds after which it answers LARDER_TIMEOUT; 0 for never
/// @param record           receives the record, to be freed with larder_record_free; NULL when there is none
/// @param err              receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_NOT_FOUND; errors as larder_store_get_into
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_get(
    store: *const larder_store_t,
    key: *const u8,
    key_length: usize,
    timeout_ms: i64,
    record: *mut *const larder_record_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let out = required(record, "record")?;
            out.write(std::ptr::null());
            let limit = timeout(timeout_ms)?;
            let key = bytes(key, key_length, "key")?;
            let found = wait(handle(store, "store")?.0.store()?.get(key), limit)?;
            let Some(found) = found else { return Ok(Status::NOT_FOUND) };
            out.write(record::give(found));
            Ok(Status::OK)
        })
    }
}

/// Whether there is a record, without reading it and without counting as a use of it.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @return LARDER_OK; LARDER_NOT_FOUND; errors as larder_store_get_into
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_contains(
    store: *const larder_store_t,
    key: *const u8,
    key_length: usize,
    timeout_ms: i64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let limit = timeout(timeout_ms)?;
            let key = bytes(key, key_length, "key")?;
            let found = wait(handle(store, "store")?.0.store()?.contains(key), limit)?;
            Ok(if found { Status::OK } else { Status::NOT_FOUND })
        })
    }
}

struct Found {
    status: Status,
    length: usize,
    revision: u64,
}

impl Found {
    const NOTHING: Found = Found { status: Status::NOT_FOUND, length: 0, revision: 0 };

    #[inline]
    fn of(record: Option<&Record>, target: &mut [u8]) -> Found {
        let Some(record) = record else { return Found::NOTHING };
        let value = record.value();
        let revision = record.revision();
        let Some(room) = target.get_mut(..value.len()) else {
            return Found { status: Status::BUFFER_TOO_SMALL, length: value.len(), revision };
        };
        room.copy_from_slice(value);
        Found { status: Status::OK, length: value.len(), revision }
    }

    /// # Safety
    ///
    /// The pointers are null or writable.
    #[inline]
    unsafe fn tell(&self, length: *mut usize, revision: *mut u64) -> Status {
        // SAFETY: by this function's contract.
        unsafe {
            put(length, self.length);
            put(revision, self.revision);
        }
        self.status
    }
}

#[inline]
fn peek_into(store: &larder_store_t, key: &[u8], target: &mut [u8]) -> Result<Found> {
    let mut found = Found::NOTHING;
    let mut large = None;
    let lookup = store.0.store()?.peek(key, &mut |record| {
        if record.value().len() > COPIED_WHILE_PINNED {
            large = Some(record.clone());
        } else {
            found = Found::of(Some(record), target);
        }
    })?;
    if let Some(record) = large {
        found = Found::of(Some(&record), target);
    }
    if lookup == Lookup::Unknown {
        found.status = Status::PENDING;
    }
    Ok(found)
}
