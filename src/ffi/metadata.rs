//! Metadata in its stored form, built by C programs.

use super::error::larder_error_t;
use super::pointer::{buffer, bytes, call, put, text};
use crate::error::{Error, Status};
use crate::store::record::MAX_METADATA_LENGTH;

/// Appends a name and a value to metadata in its stored form, which is, for each pair: the name's length (u32
/// little-endian), the value's length (u32 little-endian), name, value; a name that stands twice counts once, with the
/// last value.
///
/// Any thread; the buffer by one at a time. Does not block, allocates nothing. Since ABI 1.
///
/// @param metadata, capacity   the buffer that holds the metadata
/// @param length               the bytes that are used so far, 0 at first; receives the new length, also when the
///                             buffer is too small: then make it that large, set this back to what was used, and
///                             append again
/// @param name, name_length    the name, UTF-8
/// @param value, value_length  the value, any bytes
/// @param err                  receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_BUFFER_TOO_SMALL (nothing was appended); LARDER_TOO_LARGE over 1 MiB;
///         LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_metadata_append(
    metadata: *mut u8,
    capacity: usize,
    length: *mut usize,
    name: *const u8,
    name_length: usize,
    value: *const u8,
    value_length: usize,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let used = *super::pointer::handle(length.cast_const(), "length")?;
            let target = buffer(metadata, capacity, "metadata")?;
            let (name, value) = (text(name, name_length, "name")?, bytes(value, value_length, "value")?);
            let end = [8, name.len(), value.len()]
                .iter()
                .try_fold(used, |sum, part| sum.checked_add(*part))
                .ok_or_else(|| Error::argument("length", format!("{used} is impossible")))?;
            if end > MAX_METADATA_LENGTH {
                let text = format!("it would be {end} bytes long; the limit is {MAX_METADATA_LENGTH}");
                return Err(Error::new(Status::TOO_LARGE, "metadata", text));
            }
            put(length, end);
            let Some(room) = target.get_mut(used..end) else { return Ok(Status::BUFFER_TOO_SMALL) };
            let (lengths, pair) = room.split_at_mut(8);
            lengths[..4].copy_from_slice(&(name.len() as u32).to_le_bytes());
            lengths[4..].copy_from_slice(&(value.len() as u32).to_le_bytes());
            pair[..name.len()].copy_from_slice(name.as_bytes());
            pair[name.len()..].copy_from_slice(value);
            Ok(Status::OK)
        })
    }
}
