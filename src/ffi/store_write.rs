//! The calls that write, remove or touch one record of a store.

use super::error::larder_error_t;
use super::options::{larder_put_options_t, lifetime, put_options};
use super::pointer::{bytes, call, handle, put, timeout};
use super::store::larder_store_t;
use crate::boundary::wait::wait;
use crate::error::{Result, Status};
use crate::store::options::{Condition, Outcome};

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
