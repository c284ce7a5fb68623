//! The dump: the records of a store as a file, or as a stream that is written and read once from front to back.
//!
//! Version 1. All numbers are little-endian. A dump is the magic, the version, and frames:
//!
//! ```text
//! magic     8 bytes   89 'L' 'D' 'M' 'P' 0d 0a 1a     (what treats it as text damages it, and that shows)
//! version   u16       1
//! frame     kind u8, length u32, body (`length` bytes), checksum u32
//! ```
//!
//! A frame's checksum is the CRC-32 (IEEE 802.3) of the checksum before it (4 bytes; 0 before the first frame), its
//! kind, its length and its body. Each is chained to the one before, so that a frame that is missing, or stands twice or
//! elsewhere, is found where it happens, before the record in it is used.
//!
//! ```text
//! 'H' header, the first frame
//!     id        16 bytes    at random; no two dumps have the same
//!     created   u64         milliseconds since 1970
//!     type, database, table, prefix    each u32 length, bytes; the first three are UTF-8
//! 'R' record, as many as there are, by ascending revision
//!     revision  u64
//!     created   u64         milliseconds since 1970; 0 where the store does not know
//!     expires   u64         milliseconds since 1970; 0 for never
//!     max-idle  u64         milliseconds; 0 for none
//!     key length u32, metadata length u32, value length u32
//!     key, metadata, value
//! 'E' end, the last frame; nothing follows
//!     records   u64         how many
//!     digest    32 bytes    SHA-256 of all bytes from the magic to the last record's frame
//! ```
//!
//! Metadata is pairs, sorted by name: name length u32, value length u32, name (UTF-8), value.
//!
//! A reader takes only the versions that it knows, and a body with bytes left over is damaged: what is new gets a new
//! version. A record that has expired by the time it is read is still in the dump; its reader leaves it out.

mod reader;
mod writer;

pub use reader::Reader;
pub use writer::Writer;

use sha2::Sha256;

use super::super::record::Metadata;

/// What a dump begins with.
pub const MAGIC: [u8; 8] = *b"\x89LDMP\r\n\x1a";
/// The version that is written, and the only one that is read.
pub const VERSION: u16 = 1;

const HEADER: u8 = b'H';
const RECORD: u8 = b'R';
const END: u8 = b'E';

/// The bytes of a frame before its body.
const FRAME_HEAD: usize = 5;
/// The bytes of a record's body before its key.
const RECORD_HEAD: usize = 4 * 8 + 3 * 4;

/// What a dump says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Tells it from every other dump.
    pub id: [u8; 16],
    /// When it was begun, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// The type of the store it is of.
    pub kind: String,
    /// The database it is of.
    pub database: String,
    /// The table it is of.
    pub table: String,
    /// What all keys in it begin with.
    pub prefix: Vec<u8>,
}

/// One record, as it travels between stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
    /// The metadata.
    pub metadata: Metadata,
    /// The revision it had where it comes from.
    pub revision: u64,
    /// When it was written, in milliseconds since 1970; 0 where that is not known.
    pub created_unix_ms: u64,
    /// When its lifespan ends, in milliseconds since 1970; 0 for never.
    pub expires_unix_ms: u64,
    /// How long it lives unread, in milliseconds; 0 for as long as its lifespan.
    pub max_idle_ms: u64,
}

impl Item {
    /// How many bytes it is about: key, metadata and value.
    pub fn size(&self) -> u64 {
        (self.key.len() + self.metadata.as_bytes().len() + self.value.len()) as u64
    }

    /// Whether it has expired at a moment in milliseconds since 1970.
    pub fn is_expired(&self, now_unix_ms: u64) -> bool {
        self.expires_unix_ms != 0 && self.expires_unix_ms <= now_unix_ms
    }
}

/// What a dump comes to from its beginning to the end of one of its frames: where a writer can go on with it.
#[derive(Clone, Default)]
pub struct Mark {
    digest: Sha256,
    checksum: u32,
    records: u64,
    bytes: u64,
}

impl Mark {
    /// How many records there are up to here.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// How many bytes there are up to here.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn checksum(before: u32, head: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&before.to_le_bytes());
    hasher.update(head);
    hasher.update(body);
    hasher.finalize()
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
