//! The `larder` envelope.

use super::Contents;
use crate::error::Result;

/// The bytes of an envelope.
pub fn encode(_contents: &Contents<'_>) -> Vec<u8> {
    todo!()
}

/// The envelope in `bytes`; borrows from them.
///
/// # Errors
///
/// `CORRUPT` that says what the bytes are instead: another format, a newer version, cut short.
pub fn decode(_bytes: &[u8]) -> Result<Contents<'_>> {
    todo!()
}
