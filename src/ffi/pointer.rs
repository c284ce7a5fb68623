//! The checks of what a host passes: each turns a raw pointer into something safe, or names the argument at fault.

use std::time::Duration;

use super::error::{larder_error_t, raise};
use crate::boundary::guard;
use crate::boundary::wait::timeout_from_ms;
use crate::error::{Error, Result, Status};

/// No version's struct is larger: what says so was not set, and is not read as far as it says.
const MAX_STRUCT_SIZE: usize = 4096;

/// Runs the body of an exported function: its panic and its error become a status, and an error object if `err` is
/// there for one.
///
/// # Safety
///
/// `err` is null or points to writable memory for a pointer.
#[inline]
pub unsafe fn call(err: *mut *mut larder_error_t, body: impl FnOnce() -> Result<Status>) -> i32 {
    match guard::protect(body) {
        Ok(status) => {
            if !err.is_null() {
                // SAFETY: by this function's contract.
                unsafe { *err = std::ptr::null_mut() };
            }
            status.0
        }
        // SAFETY: by this function's contract.
        Err(error) => unsafe { raise(err, error) },
    }
}

/// A handle behind a pointer.
///
/// # Safety
///
/// `pointer` is null or a live handle of this type.
#[inline]
pub unsafe fn handle<'a, T>(pointer: *const T, name: &'static str) -> Result<&'a T> {
    // SAFETY: by this function's contract.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(name))
}

/// Bytes behind a pointer and a length.
///
/// # Safety
///
/// `data` is null or readable for `length` bytes until the exported function returns.
#[inline]
pub unsafe fn bytes<'a>(data: *const u8, length: usize, name: &'static str) -> Result<&'a [u8]> {
    // SAFETY: by this function's contract.
    unsafe { slice(data, length, name) }
}

/// An array behind a pointer and a count.
///
/// # Safety
///
/// `data` is null or readable for `count` elements, aligned, until the exported function returns.
#[inline]
pub unsafe fn slice<'a, T>(data: *const T, count: usize, name: &'static str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(null(name));
    }
    if count > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Error::argument(name, format!("a length of {count} is impossible")));
    }
    if !data.is_aligned() {
        return Err(Error::argument(name, "the pointer is not aligned for its type"));
    }
    // SAFETY: not null, aligned, of a possible size, and readable by this function's contract.
    Ok(unsafe { std::slice::from_raw_parts(data, count) })
}

/// A caller's buffer to write into.
///
/// # Safety
///
/// `data` is null or writable for `capacity` elements, aligned, until the exported function returns, and nothing else
/// refers to it meanwhile.
#[inline]
pub unsafe fn buffer<'a, T>(data: *mut T, capacity: usize, name: &'static str) -> Result<&'a mut [T]> {
    if capacity == 0 {
        return Ok(&mut []);
    }
    // SAFETY: by this function's contract; the checks are those of `slice`.
    unsafe { slice(data.cast_const(), capacity, name)? };
    // SAFETY: as above, and writable.
    Ok(unsafe { std::slice::from_raw_parts_mut(data, capacity) })
}

/// UTF-8 text behind a pointer and a length.
///
/// # Safety
///
/// As [`bytes`].
pub unsafe fn text<'a>(data: *const u8, length: usize, name: &'static str) -> Result<&'a str> {
    // SAFETY: by this function's contract.
    let bytes = unsafe { bytes(data, length, name)? };
    std::str::from_utf8(bytes)
        .map_err(|error| Error::argument(name, format!("it is not UTF-8 text: byte {} is wrong", error.valid_up_to())))
}

/// Writes an output that the host may leave out.
///
/// # Safety
///
/// `out` is null or writable.
#[inline]
pub unsafe fn put<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: by this function's contract.
        unsafe { out.write(value) };
    }
}

/// An output that the host may not leave out.
///
/// # Errors
///
/// `INVALID_ARGUMENT` when it is null.
#[inline]
pub fn required<T>(out: *mut T, name: &'static str) -> Result<*mut T> {
    if out.is_null() { Err(null(name)) } else { Ok(out) }
}

/// As [`required`], for a pointer that the library gives: it is null until it is given, so that after a failure the host
/// may free it.
///
/// # Safety
///
/// `out` is null or writable.
///
/// # Errors
///
/// As [`required`].
#[inline]
pub unsafe fn output<T>(out: *mut *mut T, name: &'static str) -> Result<*mut *mut T> {
    let out = required(out, name)?;
    // SAFETY: by this function's contract, and not null.
    unsafe { out.write(std::ptr::null_mut()) };
    Ok(out)
}

/// Refuses what this version gives no meaning, so that a later one can.
///
/// # Errors
///
/// `INVALID_ARGUMENT` when it is not zero.
pub fn zero(reserved: &[u64], name: &'static str) -> Result<()> {
    if reserved.iter().any(|number| *number != 0) {
        return Err(Error::argument(name, "it is reserved and not zero; set the whole struct to zero first"));
    }
    Ok(())
}

/// Gives a handle to the host.
pub fn give<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// A struct of options, as large as the host's version of it is: what the host does not know is zero.
///
/// # Safety
///
/// `pointer` is null or points to a readable struct that begins with its `size_t struct_size`; `T` is a C struct for
/// which all-zero bytes are a valid value.
pub unsafe fn options<T: Copy>(pointer: *const T, name: &'static str) -> Result<Option<T>> {
    if pointer.is_null() {
        return Ok(None);
    }
    if !pointer.is_aligned() {
        return Err(Error::argument(name, "the pointer is not aligned for its type"));
    }
    // SAFETY: by this function's contract the struct begins with its size.
    let size = unsafe { pointer.cast::<usize>().read() };
    if !(size_of::<usize>()..=MAX_STRUCT_SIZE).contains(&size) {
        return Err(Error::argument(name, format!("struct_size is {size}; set it to sizeof of the struct")));
    }
    // SAFETY: all-zero bytes are a valid `T` by this function's contract.
    let mut value: T = unsafe { std::mem::zeroed() };
    let known = size.min(size_of::<T>());
    // SAFETY: the host's struct is `size` bytes long, ours is larger or equal to `known`.
    unsafe { std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), (&raw mut value).cast::<u8>(), known) };
    // SAFETY: the host's struct is readable for its own size.
    let beyond = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>().add(known), size - known) };
    if beyond.iter().any(|byte| *byte != 0) {
        let text = format!("it sets a field that this version ({}) does not know", env!("CARGO_PKG_VERSION"));
        return Err(Error::argument(name, text));
    }
    Ok(Some(value))
}

/// A time to wait as the boundary gives it: milliseconds, 0 for not at all, negative for without end.
#[inline]
pub fn wait_from_ms(wait_ms: i64) -> Option<Duration> {
    u64::try_from(wait_ms).ok().map(Duration::from_millis)
}

/// A timeout; see [`timeout_from_ms`].
///
/// # Errors
///
/// `INVALID_ARGUMENT` for a negative number.
#[inline]
pub fn timeout(timeout_ms: i64) -> Result<Option<Duration>> {
    timeout_from_ms(timeout_ms)
}

fn null(name: &'static str) -> Error {
    Error::argument(name, "it is null")
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Sized {
        struct_size: usize,
        number: u64,
    }

    #[test]
    fn a_struct_size_that_was_not_set_is_refused_and_not_followed() {
        for size in [0, 7, MAX_STRUCT_SIZE + 1, usize::MAX / 2, usize::MAX] {
            let given = Sized { struct_size: size, number: 1 };
            // SAFETY: the struct is readable, and all-zero bytes are one.
            let error = unsafe { options(&raw const given, "options") }.err().expect("refused");
            assert_eq!((error.status(), error.origin()), (Status::INVALID_ARGUMENT, "options"), "{size}");
        }
        let given = Sized { struct_size: size_of::<usize>(), number: 1 };
        // SAFETY: as above.
        let read = unsafe { options(&raw const given, "options") }.expect("an older struct").expect("not null");
        assert_eq!(read.number, 0);
    }

    #[test]
    fn an_output_is_null_until_it_is_given() {
        let mut number = 1;
        let mut out = &raw mut number;
        // SAFETY: the pointer is writable.
        unsafe { output(&raw mut out, "out").expect("not null") };
        assert!(out.is_null());
    }
}
