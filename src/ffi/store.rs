//! `larder_store_t`: the calls on one record.

use super::bytes::larder_bytes_t;
use super::error::larder_error_t;
use super::options::{larder_put_options_t, lifetime, put_options};
use super::pointer::{buffer, bytes, call, handle, output, put, required, timeout};
use super::record::{self, larder_record_t};
use super::statistics::larder_statistics_t;
use crate::boundary::guard::protect_or;
use crate::boundary::handle::{StoreHandle, release};
use crate::boundary::wait::wait;
use crate::error::{Result, Status};
use crate::store::Lookup;
use crate::store::options::{Condition, Outcome};
use crate::store::record::Record;

/// The records of one database and table. Any thread may use it.
pub struct larder_store_t(pub(super) StoreHandle);

/// Up to this many bytes a value is copied while its record is pinned; a larger one is copied afterwards, by reference.
pub(crate) const COPIED_WHILE_PINNED: usize = 4096;

/// Closes this handle: each later call on it answers LARDER_CLOSED, and what is in flight on it completes so; other
/// handles on the same records stay open.
/// Idempotent. The handle stays valid until larder_store_free.
/// Any thread. Does not block. Since ABI 1.
///
/// @return LARDER_OK; LARDER_FORKED, LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// `store` is null or live, `err` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_close(store: *const larder_store_t, err: *mut *mut larder_error_t) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            handle(store, "store")?.0.close()?;
            Ok(Status::OK)
        })
    }
}

/// Frees a handle. Requests in flight on it go on. NULL is fine.
/// Any thread, once. Does not block. Since ABI 1.
///
/// # Safety
///
/// `store` is null or live, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_free(store: *mut larder_store_t) {
    protect_or((), || {
        if store.is_null() {
            return;
        }
        // SAFETY: by this function's contract; it was made by `larder_store_open`.
        let store = unsafe { Box::from_raw(store) };
        let is_here = store.0.is_here();
        release(store, is_here);
    });
}

/// 1 when every call on this store but those of a watch is answered at once, without input or output; 0 when calls may
/// wait, so that a host with cheap threads of its own submits them to a queue; 0 for NULL or a closed handle.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `store` is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_is_immediate(store: *const larder_store_t) -> i32 {
    protect_or(0, || {
        // SAFETY: by this function's contract.
        let store = unsafe { store.as_ref() }.and_then(|store| store.0.store().ok());
        store.map_or(0, |store| i32::from(store.is_immediate()))
    })
}

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
            let record = wait(store.0.store()?.get(key), limit)?;
            Ok(Found::of(record.as_ref(), target).tell(value_length, revision))
        })
    }
}

/// Reads a record by reference: nothing is copied, and the record stays as it is whatever happens to the store.
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

/// Writes a record, whatever is there.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param store                the store
/// @param key, key_length      the key, any bytes; borrowed for the call
/// @param value, value_length  the value, any bytes; borrowed for the call
/// @param options              lifespan, max-idle, metadata, deadline, durability; NULL for the defaults
/// @param revision             receives the record's new revision; may be NULL
/// @param err                  receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_TOO_LARGE, LARDER_OUT_OF_MEMORY (the record that was there stays), LARDER_TIMEOUT,
///         LARDER_AMBIGUOUS (read the record, or write it again), LARDER_UNSUPPORTED (a durability that the store cannot
///         give; nothing was written), LARDER_UNAVAILABLE, LARDER_WOULD_DEADLOCK, LARDER_CLOSED, LARDER_FORKED,
///         LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_put(
    store: *const larder_store_t,
    key: *const u8,
    key_length: usize,
    value: *const u8,
    value_length: usize,
    options: *const larder_put_options_t,
    revision: *mut u64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let entry = (bytes(key, key_length, "key")?, bytes(value, value_length, "value")?);
            write(store, entry, options, Condition::Always, revision)
        })
    }
}

/// Writes a record if there is none under its key.
///
/// As larder_store_put, and: Since ABI 1.
///
/// @param revision  receives the new revision, or with LARDER_CONFLICT that of the record that is there; may be NULL
/// @return LARDER_OK; LARDER_CONFLICT when there is a record; errors as larder_store_put
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_put_if_absent(
    store: *const larder_store_t,
    key: *const u8,
    key_length: usize,
    value: *const u8,
    value_length: usize,
    options: *const larder_put_options_t,
    revision: *mut u64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let entry = (bytes(key, key_length, "key")?, bytes(value, value_length, "value")?);
            write(store, entry, options, Condition::IfAbsent, revision)
        })
    }
}

/// Writes a record over the one that is there, if that has the expected revision.
///
/// As larder_store_put, and: Since ABI 1.
///
/// @param expected  the revision that the record must have
/// @param revision  receives the new revision, or with LARDER_CONFLICT that of the record that is there; may be NULL
/// @return LARDER_OK; LARDER_CONFLICT when it has another revision; LARDER_NOT_FOUND when there is none; errors as
///         larder_store_put
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_replace(
    store: *const larder_store_t,
    key: *const u8,
    key_length: usize,
    value: *const u8,
    value_length: usize,
    expected: u64,
    options: *const larder_put_options_t,
    revision: *mut u64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let entry = (bytes(key, key_length, "key")?, bytes(value, value_length, "value")?);
            write(store, entry, options, Condition::IfRevision(expected), revision)
        })
    }
}

/// Removes a record.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param store            the store
/// @param key, key_length  the key, any bytes; borrowed for the call
/// @param timeout_ms       milliseconds after which it answers LARDER_TIMEOUT; 0 for never
/// @param revision         receives the revision that the record had; may be NULL
/// @param err              receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_NOT_FOUND when there was none; errors as larder_store_put
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_remove(
    store: *const larder_store_t,
    key: *const u8,
    key_length: usize,
    timeout_ms: i64,
    revision: *mut u64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let limit = timeout(timeout_ms)?;
            let key = bytes(key, key_length, "key")?;
            let outcome = wait(handle(store, "store")?.0.store()?.remove(key, None), limit)?;
            Ok(tell(outcome, revision))
        })
    }
}

/// Removes a record if it has the expected revision.
///
/// As larder_store_remove, and: Since ABI 1.
///
/// @param expected  the revision that the record must have
/// @param revision  receives the revision that it had, or with LARDER_CONFLICT the one that it has; may be NULL
/// @return LARDER_OK; LARDER_CONFLICT when it has another revision; LARDER_NOT_FOUND; errors as larder_store_put
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_remove_revision(
    store: *const larder_store_t,
    key: *const u8,
    key_length: usize,
    expected: u64,
    timeout_ms: i64,
    revision: *mut u64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let limit = timeout(timeout_ms)?;
            let key = bytes(key, key_length, "key")?;
            let outcome = wait(handle(store, "store")?.0.store()?.remove(key, Some(expected)), limit)?;
            Ok(tell(outcome, revision))
        })
    }
}

/// Restarts a record's max-idle clock, and gives it new terms counted from now. Value and revision stay.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param store            the store
/// @param key, key_length  the key, any bytes; borrowed for the call
/// @param lifespan_ms      new lifespan in milliseconds; 0 to leave it, LARDER_TERM_UNLIMITED for none
/// @param max_idle_ms      new max-idle in milliseconds; 0 to leave it, LARDER_TERM_UNLIMITED for none
/// @param timeout_ms       milliseconds after which it answers LARDER_TIMEOUT; 0 for never
/// @param err              receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_NOT_FOUND when there is none; errors as larder_store_put
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_touch(
    store: *const larder_store_t,
    key: *const u8,
    key_length: usize,
    lifespan_ms: i64,
    max_idle_ms: i64,
    timeout_ms: i64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let limit = timeout(timeout_ms)?;
            let lifetime = lifetime(lifespan_ms, max_idle_ms)?;
            let key = bytes(key, key_length, "key")?;
            let found = wait(handle(store, "store")?.0.store()?.touch(key, lifetime), limit)?;
            Ok(if found { Status::OK } else { Status::NOT_FOUND })
        })
    }
}

/// What was counted since the store's backend was opened, for all its databases and tables.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param store       the store
/// @param timeout_ms  milliseconds after which it answers LARDER_TIMEOUT; 0 for never
/// @param statistics  a struct with its struct_size set; receives the counts
/// @param err         receives the error on failure; may be NULL
/// @return LARDER_OK; errors as larder_store_get_into
///
/// # Safety
///
/// The pointers are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_statistics(
    store: *const larder_store_t,
    timeout_ms: i64,
    statistics: *mut larder_statistics_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let out = required(statistics, "statistics")?;
            let limit = timeout(timeout_ms)?;
            let counted = wait(handle(store, "store")?.0.store()?.statistics(), limit)?;
            larder_statistics_t::from(counted).write_to(out)?;
            Ok(Status::OK)
        })
    }
}

/// Asks whether the store answers.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @return LARDER_OK; errors as larder_store_get_into
///
/// # Safety
///
/// The pointers are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_ping(
    store: *const larder_store_t,
    timeout_ms: i64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let limit = timeout(timeout_ms)?;
            wait(handle(store, "store")?.0.store()?.ping(), limit)?;
            Ok(Status::OK)
        })
    }
}

/// What the store is and what it can do, as a JSON object without secrets.
/// Any thread. Does not block. Since ABI 1.
///
/// @param store  the store
/// @param json   receives the text, to be freed with larder_bytes_free
/// @param err    receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_CLOSED, LARDER_FORKED, LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// The pointers are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_describe(
    store: *const larder_store_t,
    json: *mut *mut larder_bytes_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let out = output(json, "json")?;
            let description = handle(store, "store")?.0.store()?.describe();
            out.write(larder_bytes_t::give(description.to_string().into_bytes()));
            Ok(Status::OK)
        })
    }
}

/// # Safety
///
/// The pointers are null or valid.
#[inline]
unsafe fn write(
    store: *const larder_store_t,
    (key, value): (&[u8], &[u8]),
    options: *const larder_put_options_t,
    condition: Condition,
    revision: *mut u64,
) -> Result<Status> {
    // SAFETY: by this function's contract.
    unsafe {
        let (mut options, timeout_ms) = put_options(options)?;
        options.condition = condition;
        let limit = timeout(timeout_ms)?;
        let outcome = wait(handle(store, "store")?.0.store()?.put(key, value, &options), limit)?;
        Ok(tell(outcome, revision))
    }
}

/// The status of an outcome, its revision written to `revision`.
///
/// # Safety
///
/// `revision` is null or writable.
pub(super) unsafe fn tell(outcome: Outcome, revision: *mut u64) -> Status {
    let (status, number) = status_of(outcome);
    // SAFETY: by this function's contract.
    unsafe { put(revision, number) };
    status
}

/// The status of an outcome, and the revision that goes with it.
pub fn status_of(outcome: Outcome) -> (Status, u64) {
    match outcome {
        Outcome::Done { revision } => (Status::OK, revision),
        Outcome::Conflict { revision } => (Status::CONFLICT, revision),
        Outcome::NotFound => (Status::NOT_FOUND, 0),
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
