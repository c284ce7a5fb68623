//! Wire formats: what a store's bytes on a server look like. One file a format, each with its source and its vectors.
//!
//! | format | key | value | who else reads it |
//! | --- | --- | --- | --- |
//! | `go-micro` | [`go_micro`] | JSON envelope on NATS, the bare value on Redis | oCIS, OpenCloud, go-micro v4 |
//! | `raw` | as it is | the bare value | anybody |
//! | `larder` | [`names`] | [`envelope`] | Larder, in every language |

pub mod dump;
pub mod envelope;
pub mod go_micro;
pub mod names;

use std::borrow::Cow;

use super::record::Metadata;

/// A wire format, as the setting `format` names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// What go-micro's store plugins write.
    GoMicro,
    /// Bare keys and values.
    Raw,
    /// Larder's own envelope, which keeps everything that a record has.
    #[default]
    Larder,
}

impl Format {
    /// The names that a configuration knows.
    pub const NAMES: [&'static str; 3] = ["go-micro", "raw", "larder"];

    /// The format of a name.
    pub fn parse(name: &str) -> Option<Format> {
        match name {
            "go-micro" => Some(Format::GoMicro),
            "raw" => Some(Format::Raw),
            "larder" => Some(Format::Larder),
            _ => None,
        }
    }

    /// What every Redis key of a database and table begins with; the record's key follows as it is.
    pub fn redis_prefix(self, database: &str, table: &str) -> Vec<u8> {
        match self {
            Format::Larder => names::redis_prefix(database, table),
            Format::GoMicro | Format::Raw => table.as_bytes().to_vec(),
        }
    }

    /// The NATS key of a record in the bucket of its database.
    pub fn nats_key(self, table: &str, key: &[u8]) -> String {
        match self {
            Format::GoMicro => go_micro::encode_key(table, key),
            Format::Larder => names::encode_nats_key(table, key),
            Format::Raw if table.is_empty() => String::from_utf8_lossy(key).into_owned(),
            Format::Raw => format!("{table}.{}", String::from_utf8_lossy(key)),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Format::GoMicro => Self::NAMES[0],
            Format::Raw => Self::NAMES[1],
            Format::Larder => Self::NAMES[2],
        }
    }
}

/// What an envelope holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents<'a> {
    /// The key, where the envelope repeats it (go-micro's does).
    pub key: Option<Cow<'a, [u8]>>,
    /// The value.
    pub value: Cow<'a, [u8]>,
    /// The metadata.
    pub metadata: Metadata,
    /// When it was written, in milliseconds since 1970; 0 where the envelope does not say.
    pub created_unix_ms: u64,
    /// When it expires, in milliseconds since 1970; 0 for never.
    pub expires_unix_ms: u64,
    /// The revision, where the envelope and not the engine keeps it; else 0.
    pub revision: u64,
}
