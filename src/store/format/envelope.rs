//! The `larder` envelope.
//!
//! What a record has besides its key, in one value of an engine that holds bare bytes. Numbers are little endian and
//! unsigned, times are milliseconds since 1970:
//!
//! | at | bytes | what |
//! | --- | --- | --- |
//! | 0 | 3 | `F5 4C 52`: a byte that no UTF-8 text holds, then `LR` |
//! | 3 | 1 | version: 1 |
//! | 4 | 1 | codec, how the value's bytes are written: 0 as they are; others are reserved |
//! | 5 | 1 | flags, none of them used yet: a reader refuses any of bits 0 to 3 that it does not know, and ignores bits 4 to 7 |
//! | 6 | 2 | header's length: 40, or more where a later writer added fields, which a reader skips |
//! | 8 | 8 | revision, where the engine keeps none; else 0 |
//! | 16 | 8 | when it was written |
//! | 24 | 8 | when it expires; 0 for never |
//! | 32 | 4 | metadata's length |
//! | 36 | 4 | zero |
//! | header's length | metadata's length | metadata, sorted by name: `name length (4), value length (4), name (UTF-8), value` each |
//! | then | to the end | value |
//!
//! The places of revision and expiry never change within a version: scripts inside a server read them.
//! `tests/vectors/larder_format.json` holds envelopes to check another reader or writer with.

use std::borrow::Cow;

use super::{Contents, go_micro};
use crate::error::{Error, Result, Status};
use crate::store::record::{MAX_METADATA_LENGTH, Metadata};

const MAGIC: [u8; 3] = [0xf5, b'L', b'R'];
const VERSION: u8 = 1;
const CODEC_PLAIN: u8 = 0;
/// The flags that a reader must understand; of them it knows none.
const CRITICAL_FLAGS: u8 = 0x0f;
/// How long the part is that each envelope begins with: all but metadata and value.
pub const HEADER_LENGTH: usize = 40;

/// The bytes of an envelope.
pub fn encode(contents: &Contents<'_>) -> Vec<u8> {
    let metadata = contents.metadata.as_bytes();
    let mut bytes = Vec::with_capacity(HEADER_LENGTH + metadata.len() + contents.value.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[VERSION, CODEC_PLAIN, 0]);
    bytes.extend_from_slice(&(HEADER_LENGTH as u16).to_le_bytes());
    bytes.extend_from_slice(&contents.revision.to_le_bytes());
    bytes.extend_from_slice(&contents.created_unix_ms.to_le_bytes());
    bytes.extend_from_slice(&contents.expires_unix_ms.to_le_bytes());
    // MAX_METADATA_LENGTH is far below what 32 bits count.
    bytes.extend_from_slice(&(metadata.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(metadata);
    bytes.extend_from_slice(&contents.value);
    bytes
}

/// The envelope in `bytes`; borrows from them.
///
/// # Errors
///
/// `CORRUPT` that says what the bytes are instead: another format, a newer version, cut short.
pub fn decode(bytes: &[u8]) -> Result<Contents<'_>> {
    if !is_envelope(bytes) {
        return Err(corrupt(no_envelope(bytes)));
    }
    let (header_length, metadata_length) = check_header(bytes)?;
    let body = bytes.get(header_length..).ok_or_else(|| cut_short(bytes, header_length))?;
    let Some((metadata, value)) = body.split_at_checked(metadata_length) else {
        return Err(cut_short(bytes, header_length + metadata_length));
    };
    Ok(Contents {
        key: None,
        value: Cow::Borrowed(value),
        metadata: check_metadata(metadata)?,
        created_unix_ms: number(bytes, 16),
        expires_unix_ms: number(bytes, 24),
        revision: number(bytes, 8),
    })
}

/// What an envelope's beginning tells without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// As [`Contents::revision`].
    pub revision: u64,
    /// As [`Contents::expires_unix_ms`].
    pub expires_unix_ms: u64,
}

/// What the first [`HEADER_LENGTH`] bytes of an envelope tell.
///
/// # Errors
///
/// As [`decode`], of what it would refuse for these bytes.
pub fn decode_header(bytes: &[u8]) -> Result<Header> {
    if !is_envelope(bytes) {
        return Err(corrupt(no_envelope(bytes)));
    }
    check_header(bytes)?;
    Ok(Header { revision: number(bytes, 8), expires_unix_ms: number(bytes, 24) })
}

/// Whether bytes begin as an envelope does, of any version.
pub(super) fn is_envelope(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The lengths of header and metadata, when this reader understands the header.
fn check_header(bytes: &[u8]) -> Result<(usize, usize)> {
    match bytes.get(MAGIC.len()) {
        None => return Err(cut_short(bytes, HEADER_LENGTH)),
        Some(&VERSION) => {}
        Some(version) => {
            let text =
                format!("it is an envelope of version {version}; this Larder reads version {VERSION}: use a newer one");
            return Err(corrupt(text));
        }
    }
    if bytes.len() < HEADER_LENGTH {
        return Err(cut_short(bytes, HEADER_LENGTH));
    }
    let (codec, flags) = (bytes[4], bytes[5]);
    if codec != CODEC_PLAIN {
        return Err(corrupt(format!("its value is written in codec {codec}, which this Larder does not know")));
    }
    if flags & CRITICAL_FLAGS != 0 {
        return Err(corrupt(format!("its flags are {flags:#04x}, which this Larder does not know")));
    }
    let header_length = usize::from(u16::from_le_bytes([bytes[6], bytes[7]]));
    if header_length < HEADER_LENGTH {
        return Err(corrupt(format!("its header is {header_length} bytes long; the shortest is {HEADER_LENGTH}")));
    }
    let lengths = number(bytes, 32);
    if lengths >> 32 != 0 {
        return Err(corrupt("bytes 36 to 39 of its header are not zero"));
    }
    Ok((header_length, lengths as usize))
}

/// The metadata in bytes, when it is as a store takes it.
///
/// # Errors
///
/// `CORRUPT` when it is too long, not whole, or its names are not sorted.
pub(super) fn check_metadata(stored: &[u8]) -> Result<Metadata> {
    if stored.len() > MAX_METADATA_LENGTH {
        let text = format!("its metadata is {} bytes long; the limit is {MAX_METADATA_LENGTH}", stored.len());
        return Err(corrupt(text));
    }
    let Some(metadata) = Metadata::from_bytes(stored) else {
        return Err(corrupt("its metadata is not whole, or a name in it is not UTF-8"));
    };
    if !metadata.iter().is_sorted_by(|one, two| one.0 < two.0) {
        return Err(corrupt("the names in its metadata are not sorted, or one stands twice"));
    }
    Ok(metadata)
}

/// The 64-bit number at a place inside the header.
fn number(header: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&header[at..at + 8]);
    u64::from_le_bytes(bytes)
}

/// What bytes without the magic look like.
fn no_envelope(bytes: &[u8]) -> &'static str {
    if bytes.is_empty() {
        return "it is empty; an envelope of the larder format was expected";
    }
    if MAGIC.starts_with(bytes) {
        return "it is cut short: the first bytes of an envelope of the larder format, and no more";
    }
    if go_micro::decode(bytes).is_ok() {
        return "it is a go-micro JSON envelope; read this store with format = \"go-micro\"";
    }
    "it is bare bytes, not an envelope of the larder format; read this store with the format that it was written in, \
     such as \"raw\""
}

fn cut_short(bytes: &[u8], expected: usize) -> Error {
    corrupt(format!("it is cut short: {} bytes of an envelope that has at least {expected}", bytes.len()))
}

fn corrupt(text: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Status::CORRUPT, "entry", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents() -> Contents<'static> {
        Contents {
            key: None,
            value: Cow::Borrowed(b"value"),
            metadata: Metadata::new([("a", &b"1"[..]), ("b", b"\xff")]).expect("small"),
            created_unix_ms: 1_700_000_000_000,
            expires_unix_ms: 1_700_000_060_000,
            revision: 7,
        }
    }

    fn refusal(bytes: &[u8]) -> String {
        let error = decode(bytes).expect_err("no envelope");
        assert_eq!((error.status(), error.origin()), (Status::CORRUPT, "entry"));
        error.message().to_owned()
    }

    #[test]
    fn an_envelope_gives_back_what_it_was_made_of_and_copies_no_value() {
        let bytes = encode(&contents());
        let read = decode(&bytes).expect("an envelope");
        assert_eq!(read, contents());
        assert!(matches!(read.value, Cow::Borrowed(_)));
        assert_eq!(bytes[..8], [0xf5, b'L', b'R', 1, 0, 0, 40, 0]);
        assert_eq!(bytes[8..16], 7u64.to_le_bytes());
        assert_eq!(bytes[24..32], 1_700_000_060_000u64.to_le_bytes());
    }

    #[test]
    fn an_envelope_cut_anywhere_before_its_value_is_refused_as_cut_short() {
        let bytes = encode(&contents());
        for length in 1..bytes.len() - 5 {
            assert!(refusal(&bytes[..length]).contains("cut short"), "{length}");
        }
    }

    #[test]
    fn the_fields_of_a_later_writer_are_skipped() {
        let mut bytes = encode(&contents());
        bytes[5] = 0xf0;
        bytes[6] = 48;
        bytes.splice(40..40, [9; 8]);
        assert_eq!(decode(&bytes), Ok(contents()));
    }

    #[test]
    fn what_is_no_envelope_is_called_by_its_name() {
        let changed = |at: usize, byte: u8| {
            let mut bytes = encode(&contents());
            bytes[at] = byte;
            let (header, refusal) = (decode_header(&bytes[..HEADER_LENGTH]), refusal(&bytes));
            match at < HEADER_LENGTH {
                true => assert_eq!(header.expect_err("as the whole").message(), refusal),
                false => assert!(header.is_ok()),
            }
            refusal
        };
        let header = decode_header(&encode(&contents())[..HEADER_LENGTH]).expect("an envelope");
        assert_eq!((header.revision, header.expires_unix_ms), (7, 1_700_000_060_000));
        assert!(changed(3, 2).contains("version 2"));
        assert!(changed(4, 9).contains("codec 9"));
        assert!(changed(5, 1).contains("0x01"));
        assert!(changed(6, 39).contains("39 bytes"));
        assert!(changed(36, 1).contains("not zero"));
        assert!(changed(40, 0xff).contains("not whole"));
        assert!(changed(48, b'c').contains("not sorted"));
        assert!(refusal(b"").contains("empty"));
        assert!(refusal(b"secret words").contains("bare bytes"));
        assert!(refusal(br#"{"key":"a","data":"YQ==","metadata":null}"#).contains("go-micro JSON"));
        assert!(!refusal(b"secret words").contains("secret"));
    }
}
