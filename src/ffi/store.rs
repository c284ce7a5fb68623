//! `larder_store_t`: the handle, and what is known of its store.

use super::bytes::larder_bytes_t;
use super::error::larder_error_t;
use super::pointer::{call, handle, output, required, timeout};
use super::statistics::larder_statistics_t;
use crate::boundary::guard::protect_or;
use crate::boundary::handle::{StoreHandle, release};
use crate::boundary::wait::wait;
use crate::error::Status;

/// The records of one database and table. Any thread may use it.
pub struct larder_store_t(pub(super) StoreHandle);

/// Closes this handle: each later call on it answers LARDER_CLOSED, and what is in flight on it completes so, or with
/// LARDER_AMBIGUOUS where it is a write that may have happened: it was sent to a server, or is one of many records. Other
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
