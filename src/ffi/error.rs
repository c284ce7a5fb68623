//! `larder_error_t`: why a call failed.

use std::ffi::{CString, c_char};

use super::pointer::put;
use crate::boundary::guard::protect_or;
use crate::error::{Error, Status};

/// Why a call failed: a status, a message for people, the setting, argument or store type at fault.
/// Immutable: any thread may read it. The caller frees it with `larder_error_free`.
pub struct larder_error_t {
    status: Status,
    message: CString,
    source: CString,
}

/// Gives `error` to the host, if it asked for it, and answers its status.
///
/// # Safety
///
/// `err` is null or writable.
#[cold]
pub unsafe fn raise(err: *mut *mut larder_error_t, error: Error) -> i32 {
    let status = error.status();
    if !err.is_null() {
        // SAFETY: by this function's contract.
        unsafe { put(err, Box::into_raw(Box::new(larder_error_t::from(&error)))) };
    }
    status.0
}

impl From<&Error> for larder_error_t {
    fn from(error: &Error) -> larder_error_t {
        larder_error_t { status: error.status(), message: c_text(&error.to_string()), source: c_text(error.origin()) }
    }
}

fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}

/// The status of an error, always negative. `LARDER_INVALID_ARGUMENT` for NULL.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `error` is null or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_error_code(error: *const larder_error_t) -> i32 {
    // SAFETY: by this function's contract.
    protect_or(Status::PANIC.0, || unsafe { error.as_ref() }.map_or(Status::INVALID_ARGUMENT.0, |error| error.status.0))
}

/// What happened, on what, and what to do about it: NUL-terminated UTF-8 that lives as long as the error. Never NULL.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `error` is null or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_error_message(error: *const larder_error_t) -> *const c_char {
    // SAFETY: by this function's contract.
    protect_or(c"".as_ptr(), || unsafe { error.as_ref() }.map_or(c"".as_ptr(), |error| error.message.as_ptr()))
}

/// The setting, argument or store type at fault: NUL-terminated UTF-8 that lives as long as the error. Never NULL.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `error` is null or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_error_source(error: *const larder_error_t) -> *const c_char {
    // SAFETY: by this function's contract.
    protect_or(c"".as_ptr(), || unsafe { error.as_ref() }.map_or(c"".as_ptr(), |error| error.source.as_ptr()))
}

/// 1 when the same call can succeed later without any change, 0 otherwise. 0 for NULL.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `error` is null or a live error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_error_retryable(error: *const larder_error_t) -> i32 {
    // SAFETY: by this function's contract.
    protect_or(0, || unsafe { error.as_ref() }.map_or(0, |error| i32::from(error.status.is_retryable())))
}

/// Frees an error. NULL is fine.
/// Any thread, once. Does not block. Since ABI 1.
///
/// # Safety
///
/// `error` is null or a live error that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_error_free(error: *mut larder_error_t) {
    protect_or((), || {
        if !error.is_null() {
            // SAFETY: by this function's contract; it was made by `raise` or a completion.
            drop(unsafe { Box::from_raw(error) });
        }
    });
}
