//! `larder_cursor_t`: reads a large store page by page.

use super::error::larder_error_t;
use super::options::{larder_list_options_t, list_options};
use super::pointer::{call, give, handle, output, required, timeout};
use super::records::larder_records_t;
use super::store::larder_store_t;
use crate::boundary::guard::protect_or;
use crate::boundary::handle::{CursorHandle, keep_alive, release};
use crate::boundary::wait::wait;
use crate::error::Status;
use std::sync::Arc;

/// A cursor over a store: gives its records page by page, sorted by key. One thread at a time.
pub struct larder_cursor_t(pub(super) CursorHandle);

/// Opens a cursor over the records that pass a filter.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param store    the store
/// @param options  the filter; NULL for every key
/// @param cursor   receives the cursor, to be freed with larder_cursor_free
/// @param err      receives the error on failure; may be NULL
/// @return LARDER_OK; errors as larder_store_get_into
///
/// # Safety
///
/// The pointers are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_cursor(
    store: *const larder_store_t,
    options: *const larder_list_options_t,
    cursor: *mut *mut larder_cursor_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let out = output(cursor, "cursor")?;
            let (options, timeout_ms) = list_options(options)?;
            let opened = wait(handle(store, "store")?.0.store()?.cursor(&options), timeout(timeout_ms)?)?;
            out.write(give(larder_cursor_t(CursorHandle::new(opened))));
            Ok(Status::OK)
        })
    }
}

/// The next page. A record that went away since the cursor was opened is left out; one that came since may be.
///
/// One thread at a time. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param cursor      the cursor
/// @param most        how many records at most; 0 is an error
/// @param timeout_ms  milliseconds after which it answers LARDER_TIMEOUT; 0 for never
/// @param records     receives the page, to be freed with larder_records_free; NULL at the end
/// @param err         receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_NOT_FOUND at the end; errors as larder_store_get_into
///
/// # Safety
///
/// The pointers are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_cursor_next(
    cursor: *const larder_cursor_t,
    most: usize,
    timeout_ms: i64,
    records: *mut *mut larder_records_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let out = required(records, "records")?;
            out.write(std::ptr::null_mut());
            let limit = timeout(timeout_ms)?;
            let most = super::watch::positive(most)?;
            let cursor = Arc::clone(handle(cursor, "cursor")?.0.cursor()?);
            let reply = cursor.next(most);
            let page = wait(keep_alive(cursor, reply), limit)?;
            if page.is_empty() {
                return Ok(Status::NOT_FOUND);
            }
            out.write(larder_records_t::give(page.into_iter().map(Some).collect()));
            Ok(Status::OK)
        })
    }
}

/// Frees a cursor. NULL is fine.
/// Any thread, once. Does not block. Since ABI 1.
///
/// # Safety
///
/// `cursor` is null or live, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_cursor_free(cursor: *mut larder_cursor_t) {
    protect_or((), || {
        if cursor.is_null() {
            return;
        }
        // SAFETY: by this function's contract; it was made by `give`.
        let cursor = unsafe { Box::from_raw(cursor) };
        let is_here = cursor.0.is_here();
        release(cursor, is_here);
    });
}
