//! Names and keys of any bytes in the letters that every engine takes (`larder` format).

/// `bytes` with all but ASCII letters, digits, `_` and `-` written as `=` and two upper case hexadecimal digits.
pub fn escape(_bytes: &[u8]) -> String {
    todo!()
}

/// What [`escape`] made `text` of; `None` for a text that it never makes.
pub fn unescape(_text: &str) -> Option<Vec<u8>> {
    todo!()
}

/// The NATS key of a record: `t<table>.k<key>`, both escaped, so that no two pairs share one.
pub fn encode_nats_key(_table: &str, _key: &[u8]) -> String {
    todo!()
}

/// The record's key in a NATS key of this table.
pub fn decode_nats_key(_table: &str, _nats_key: &str) -> Option<Vec<u8>> {
    todo!()
}

/// What every Redis key of a database and table begins with; the record's key follows as it is. No prefix is the
/// beginning of another one.
pub fn redis_prefix(_database: &str, _table: &str) -> Vec<u8> {
    todo!()
}
