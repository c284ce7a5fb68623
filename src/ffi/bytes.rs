//! `larder_bytes_t`: bytes that the library gives to the host.

use super::pointer::put;
use crate::boundary::guard::protect_or;

/// Bytes that the library made, such as a description. Immutable: any thread may read them.
/// The caller frees them with `larder_bytes_free`.
pub struct larder_bytes_t {
    /// Ends with a NUL that is not counted.
    bytes: Vec<u8>,
}

impl larder_bytes_t {
    pub(crate) fn give(mut bytes: Vec<u8>) -> *mut larder_bytes_t {
        bytes.push(0);
        Box::into_raw(Box::new(larder_bytes_t { bytes }))
    }
}

/// Where the bytes are, and how many. A NUL follows them that is not counted, so that text can be printed as it is.
/// The memory lives as long as `bytes`. NULL gives an empty answer.
/// Any thread. Does not block. Since ABI 1.
///
/// @param bytes   the bytes
/// @param length  receives their number; may be NULL
///
/// # Safety
///
/// `bytes` is null or live, `length` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_bytes_data(bytes: *const larder_bytes_t, length: *mut usize) -> *const u8 {
    protect_or(c"".as_ptr().cast(), || {
        // SAFETY: by this function's contract.
        let Some(bytes) = (unsafe { bytes.as_ref() }) else {
            // SAFETY: by this function's contract.
            unsafe { put(length, 0) };
            return c"".as_ptr().cast();
        };
        // SAFETY: by this function's contract.
        unsafe { put(length, bytes.bytes.len() - 1) };
        bytes.bytes.as_ptr()
    })
}

/// Frees bytes. NULL is fine.
/// Any thread, once. Does not block. Since ABI 1.
///
/// # Safety
///
/// `bytes` is null or live, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_bytes_free(bytes: *mut larder_bytes_t) {
    protect_or((), || {
        if !bytes.is_null() {
            // SAFETY: by this function's contract; it was made by `give`.
            drop(unsafe { Box::from_raw(bytes) });
        }
    });
}
