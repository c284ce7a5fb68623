//! What go-micro v4's `nats-js-kv` plugin writes.

use super::Contents;
use crate::error::Result;

/// The NATS key of a record: base32 of `<table>_<key>`, or of the key alone without a table.
pub fn encode_key(_table: &str, _key: &[u8]) -> String {
    todo!()
}

/// The record's key in a NATS key, when it is one of this table; a NATS key that is no base32 is a plain key, as some
/// versions wrote it.
pub fn decode_key(_table: &str, _nats_key: &str) -> Option<Vec<u8>> {
    todo!()
}

/// The JSON envelope, byte for byte as Go's `encoding/json` writes it.
///
/// # Errors
///
/// `INVALID_ARGUMENT` naming `metadata` for a metadata value that is not UTF-8 text, which JSON cannot hold.
pub fn encode(_key: &[u8], _contents: &Contents<'_>) -> Result<Vec<u8>> {
    todo!()
}

/// The record in a JSON envelope, in any spelling that Go's decoder takes.
///
/// # Errors
///
/// `CORRUPT` that says what is wrong.
pub fn decode(_bytes: &[u8]) -> Result<Contents<'static>> {
    todo!()
}
