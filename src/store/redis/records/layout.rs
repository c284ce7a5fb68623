//! Where a record lies in Redis and what its bytes are, by the wire format.
//!
//! | format | key | value | revision | expiry |
//! | --- | --- | --- | --- | --- |
//! | `larder` | [`Format::redis_prefix`], key | [`envelope`] | in the envelope | of the key, and in the envelope |
//! | `go-micro`, `raw` | table, key, with nothing between; no database | bare | the content's fingerprint | of the key |
//!
//! All that an envelope says of times is by the server's clock ([`ServerClock`]), whoever writes or reads it.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use crate::clock;
use crate::error::{Error, Result, Status};
use crate::store::format::{Contents, Format, envelope};
use crate::store::options::Projection;
use crate::store::record::{MAX_KEY_LENGTH, Metadata, Parts, Record};
use crate::store::redis::script;
use crate::store::redis::server_clock::ServerClock;

/// The longest key or value that a server takes, in bytes (`proto-max-bulk-len`, unless it was changed).
pub const MAX_BULK: usize = 512 << 20;

/// The layout of one database and table.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The wire format.
    pub format: Format,
    /// What every key of it begins with.
    pub prefix: Vec<u8>,
    /// The clock that envelopes are written by.
    pub clock: Arc<ServerClock>,
}

impl Layout {
    /// The layout of a database and table in a format.
    pub fn new(format: Format, database: &str, table: &str, clock: Arc<ServerClock>) -> Layout {
        Layout { format, prefix: format.redis_prefix(database, table), clock }
    }

    /// Whether values are envelopes.
    pub fn has_envelopes(&self) -> bool {
        self.format == Format::Larder
    }

    /// Where a key lies.
    pub fn full(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix, key].concat()
    }

    /// The record's key in a server's; `None` for one that is not of this layout.
    pub fn key_of<'a>(&self, full: &'a [u8]) -> Option<&'a [u8]> {
        full.strip_prefix(self.prefix.as_slice())
    }

    /// Refuses a key that every server, or any reader, would refuse.
    ///
    /// # Errors
    ///
    /// `TOO_LARGE`.
    pub fn check_key(&self, key: &[u8]) -> Result<()> {
        check("key", self.length_of(key), MAX_KEY_LENGTH)
    }

    /// How long a key is where it lies.
    pub fn length_of(&self, key: &[u8]) -> usize {
        self.prefix.len() + key.len()
    }

    /// Refuses a value that the server would refuse.
    ///
    /// # Errors
    ///
    /// `TOO_LARGE`.
    pub fn check_value(&self, value: &[u8], metadata: &Metadata) -> Result<()> {
        let around = if self.has_envelopes() { envelope::HEADER_LENGTH + metadata.as_bytes().len() } else { 0 };
        check("value", value.len(), MAX_BULK - around)
    }

    /// The record in what the server holds under a key; `left_ms` is the key's remaining time as `PTTL` says it, where
    /// the envelope does not. `None` for one that has expired.
    ///
    /// # Errors
    ///
    /// `CORRUPT` for what is no envelope where one should be; what [`Record::new`] says.
    pub fn record(&self, key: &[u8], stored: &Bytes, left_ms: i64, projection: Projection) -> Result<Option<Record>> {
        let contents = if self.has_envelopes() { envelope::decode(stored)? } else { bare(stored) };
        let deadline = match self.has_envelopes() {
            true => self.clock.deadline_of(contents.expires_unix_ms),
            false => deadline_of(left_ms),
        };
        if clock::has_passed(deadline) {
            return Ok(None);
        }
        let none = Metadata::default();
        let parts =
            Parts { table: 0, key, value: b"", revision: contents.revision, deadline, max_idle_ms: 0, metadata: &none };
        match projection {
            Projection::Keys => Record::new(parts).map(Some),
            Projection::Records => {
                let parts = Parts { metadata: &contents.metadata, ..parts };
                Record::found(parts, contents.value, stored).map(Some)
            }
        }
    }

    /// As [`Layout::record`], without value and metadata, from the fixed part of an envelope alone.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn record_of_header(&self, key: &[u8], header: &[u8]) -> Result<Option<Record>> {
        let envelope::Header { revision, expires_unix_ms } = envelope::decode_header(header)?;
        let deadline = self.clock.deadline_of(expires_unix_ms);
        if clock::has_passed(deadline) {
            return Ok(None);
        }
        let metadata = &Metadata::default();
        Record::new(Parts { table: 0, key, value: b"", revision, deadline, max_idle_ms: 0, metadata }).map(Some)
    }
}

fn bare(stored: &[u8]) -> Contents<'_> {
    Contents {
        key: None,
        value: Cow::Borrowed(stored),
        metadata: Metadata::default(),
        created_unix_ms: 0,
        expires_unix_ms: 0,
        revision: script::fingerprint(stored),
    }
}

/// The deadline of a key that lives so many milliseconds longer: -1 for ever, -2 for one that has gone.
fn deadline_of(left_ms: i64) -> u64 {
    match left_ms {
        -1 => clock::NEVER,
        left => u64::try_from(left).map_or(0, |left| clock::now_ms().saturating_add(left)),
    }
}

/// Refuses what is longer than the server takes it.
///
/// # Errors
///
/// `TOO_LARGE` naming `what`.
pub fn check(what: &'static str, length: usize, limit: usize) -> Result<()> {
    if length <= limit {
        return Ok(());
    }
    Err(Error::new(Status::TOO_LARGE, what, format!("it is {length} bytes long; the limit is {limit}")))
}

/// A text that matches itself alone in a glob of Redis.
pub fn escape_glob(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        if b"*?[]\\^-".contains(byte) {
            escaped.push(b'\\');
        }
        escaped.push(*byte);
    }
    escaped
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn go_micro_keys_are_table_and_key_and_know_no_database() {
        let layout = Layout::new(Format::GoMicro, "db", "events", Arc::default());
        assert_eq!(layout.full(b"user"), b"eventsuser");
        assert_eq!(layout.key_of(b"eventsuser"), Some(&b"user"[..]));
        assert_eq!(layout.key_of(b"other"), None);
    }

    #[test]
    fn a_bare_value_has_its_fingerprint_for_a_revision_and_the_keys_time_to_live() {
        let layout = Layout::new(Format::Raw, "", "", Arc::default());
        let read =
            |left| layout.record(b"k", &Bytes::from_static(b"abc"), left, Projection::Records).expect("a record");
        let record = read(-1).expect("living");
        assert_eq!(
            (record.value(), record.revision(), record.expires_in_ms()),
            (&b"abc"[..], 0x78a_f5f9_4892_f395, None)
        );
        assert!(read(60_000).expect("living").expires_in_ms().is_some_and(|left| left > 50_000 && left <= 60_000));
        assert!(read(-2).is_none());
    }

    #[test]
    fn the_fixed_part_of_an_envelope_tells_revision_and_expiry() {
        let layout = Layout::new(Format::Larder, "d", "t", Arc::default());
        let contents = Contents { revision: 7, expires_unix_ms: clock::unix_ms() + 60_000, ..bare(b"value") };
        let stored = envelope::encode(&contents);
        let record =
            layout.record_of_header(b"k", &stored[..envelope::HEADER_LENGTH]).expect("an envelope").expect("living");
        assert_eq!((record.key(), record.value(), record.revision()), (&b"k"[..], &b""[..], 7));
        assert!(record.expires_in_ms().is_some_and(|left| left > 50_000));
        let mut newer = stored.clone();
        newer[3] = 2;
        let mut packed = stored.clone();
        packed[4] = 1;
        for bad in [&stored[..20], &[b'x'; envelope::HEADER_LENGTH], b"", &newer, &packed] {
            assert_eq!(layout.record_of_header(b"k", bad).expect_err("no envelope").status(), Status::CORRUPT);
        }
    }

    #[test]
    fn a_key_over_the_limit_is_refused_before_it_is_sent() {
        let layout = Layout::new(Format::Raw, "", "t", Arc::default());
        assert_eq!(layout.check_key(&vec![0; MAX_KEY_LENGTH - 1]), Ok(()));
        let error = layout.check_key(&vec![0; MAX_KEY_LENGTH]).expect_err("too large");
        assert_eq!((error.status(), error.origin()), (Status::TOO_LARGE, "key"));
    }

    #[test]
    fn a_glob_of_an_escaped_text_is_the_text() {
        assert_eq!(escape_glob(b"a*b?[c]\\d^-"), b"a\\*b\\?\\[c\\]\\\\d\\^\\-");
    }
}
