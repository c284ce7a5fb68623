//! Where a record lies: from a table and a key to a subject, and back.
//!
//! | format | subject after `$KV.<bucket>.` | whose tables |
//! | --- | --- | --- |
//! | `go-micro` | base32 of `<table>_<key>` | the plugin's: without a table one sees all of them |
//! | `raw` | `<table>.<key>`, or the key | without a table one sees all of them |
//! | `larder` | `t<table>.k<key>`, escaped | exactly apart |
//!
//! Some versions of the plugin wrote `<table>_<key>` as it is. Such a record is listed under its key, and what was listed is
//! read and removed where it lies; a get of the key looks for the encoded one only, as the plugin does.

use super::wire::Subject;
use crate::error::{Error, Result, Status};
use crate::store::format::{Format, go_micro, names};

/// The longest line that a server takes, unless it is configured otherwise, less what a request has besides its subject:
/// verb, inbox and lengths.
const MAX_SUBJECT_LENGTH: usize = 4096 - 256;

/// What a direct get puts before a record's subject, at most: its own name and the stream's prefix.
const DIRECT_GET: &str = "$JS.API.DIRECT.GET.KV_";

/// A record's key, and how the NATS key that it was found under spells it. Sorted by key, and the own spelling first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The record's key.
    pub key: Vec<u8>,
    spelling: Spelling,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Spelling {
    /// As the format encodes it.
    Own,
    /// As it is, in a format that encodes.
    Plain,
}

/// The keys of one database and table.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    format: Format,
    table: String,
    /// `$KV.<bucket>.`
    subjects: String,
    /// `$JS.API.DIRECT.GET.<stream>.$KV.<bucket>.`
    direct: String,
}

impl Keys {
    /// The keys of `table` in `bucket`.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for a bucket's or table's name that NATS or the format cannot hold.
    pub fn new(format: Format, bucket: &str, table: &str) -> Result<Keys> {
        let is_bucket = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if bucket.is_empty() || !bucket.bytes().all(is_bucket) {
            let text = format!("\"{}\" is no bucket's name; it may hold a-z, A-Z, 0-9, _ and -", bucket.escape_debug());
            return Err(Error::argument("database", text));
        }
        if format == Format::Raw && !table.bytes().all(|byte| is_letter(byte) && byte != b'.') {
            let text =
                "in the raw format it is the first part of the NATS key; it may hold a-z, A-Z, 0-9, _, -, = and /";
            return Err(Error::argument("table", text));
        }
        let subjects = format!("$KV.{bucket}.");
        let direct = format!("{DIRECT_GET}{bucket}.{subjects}");
        let keys = Keys { format, table: table.to_owned(), subjects, direct };
        keys.check_length("table", keys.encode(b"").len())?;
        Ok(keys)
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The NATS key of a record.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for a key that the format cannot hold, `TOO_LARGE` for one that no server takes.
    pub fn nats_key(&self, key: &[u8]) -> Result<String> {
        // Its encoded form is longer: so it need not be made to know that it is too long.
        self.check_length("key", key.len())?;
        if self.format == Format::Raw {
            check_raw(key)?;
        }
        let encoded = self.encode(key);
        if encoded.is_empty() {
            return Err(Error::argument("key", "it is empty, which the format holds only in a table"));
        }
        self.check_length("key", encoded.len())?;
        Ok(encoded)
    }

    fn encode(&self, key: &[u8]) -> String {
        self.format.nats_key(&self.table, key)
    }

    /// Where a message's subject says that its record lies, if it is one of this table.
    pub fn decode(&self, subject: &str) -> Option<Place> {
        let nats_key = subject.strip_prefix(&self.subjects)?;
        let key = match self.format {
            Format::GoMicro => go_micro::decode_key(&self.table, nats_key)?,
            Format::Larder => names::decode_nats_key(&self.table, nats_key)?,
            Format::Raw if self.table.is_empty() => nats_key.as_bytes().to_vec(),
            Format::Raw => nats_key.strip_prefix(&self.table)?.strip_prefix('.')?.as_bytes().to_vec(),
        };
        // Base32 is longer than what it encodes.
        let prefix = if self.table.is_empty() { 0 } else { self.table.len() + 1 };
        let is_plain = self.format == Format::GoMicro && nats_key.len() == prefix + key.len();
        Some(Place { key, spelling: if is_plain { Spelling::Plain } else { Spelling::Own } })
    }

    /// The NATS key of a record where it was found, whatever letters it has.
    pub fn nats_key_at(&self, place: &Place) -> String {
        match place.spelling {
            Spelling::Own => self.encode(&place.key),
            Spelling::Plain if self.table.is_empty() => String::from_utf8_lossy(&place.key).into_owned(),
            Spelling::Plain => format!("{}_{}", self.table, String::from_utf8_lossy(&place.key)),
        }
    }

    /// The subject that a record is published on.
    pub fn subject(&self, nats_key: &str) -> Subject {
        Subject::from(format!("{}{nats_key}", self.subjects))
    }

    /// The subject that asks any replica for a record.
    pub fn direct_get(&self, nats_key: &str) -> Subject {
        Subject::from(format!("{}{nats_key}", self.direct))
    }

    /// The subjects of this table, and of others where the format does not keep them apart.
    pub fn filter(&self) -> String {
        match self.format {
            Format::Larder => format!("{}t{}.*", self.subjects, names::escape(self.table.as_bytes())),
            Format::Raw if !self.table.is_empty() => format!("{}{}.>", self.subjects, self.table),
            Format::Raw | Format::GoMicro => self.all_subjects(),
        }
    }

    /// The subjects of all tables.
    pub fn all_subjects(&self) -> String {
        format!("{}>", self.subjects)
    }

    fn check_length(&self, what: &'static str, encoded: usize) -> Result<()> {
        let limit = MAX_SUBJECT_LENGTH.saturating_sub(self.direct.len());
        if encoded <= limit {
            return Ok(());
        }
        let text = format!("it takes {encoded} bytes of a NATS key; the limit is {limit}");
        Err(Error::new(Status::TOO_LARGE, what, text))
    }
}

/// Whether NATS keys may hold it.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'/' | b'_' | b'=' | b'.')
}

fn check_raw(key: &[u8]) -> Result<()> {
    let has_empty_part = key.split(|byte| *byte == b'.').any(<[u8]>::is_empty);
    if key.is_empty() || has_empty_part || !key.iter().all(|byte| is_letter(*byte)) {
        let text = "the raw format takes NATS keys only: a-z, A-Z, 0-9, _, -, =, / and single dots between them";
        return Err(Error::argument("key", text));
    }
    Ok(())
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn keys(format: Format, table: &str) -> Keys {
        Keys::new(format, "b", table).expect("valid names")
    }

    #[test]
    fn every_format_reads_its_own_keys_back() {
        for (format, table, key, subject) in [
            (Format::GoMicro, "", &b"One"[..], "$KV.b.J5XGK==="),
            (Format::GoMicro, "names", b"Alex", "$KV.b.NZQW2ZLTL5AWYZLY"),
            (Format::Raw, "", b"a.b/c=", "$KV.b.a.b/c="),
            (Format::Raw, "t", b"a.b", "$KV.b.t.a.b"),
            (Format::Larder, "t.", b"\xff", "$KV.b.tt=2E.k=FF"),
        ] {
            let keys = keys(format, table);
            let nats_key = keys.nats_key(key).expect("valid");
            assert_eq!(keys.subject(&nats_key).as_str(), subject);
            let place = keys.decode(subject).expect("of this table");
            assert_eq!((place.key.as_slice(), keys.nats_key_at(&place)), (key, nats_key));
            assert_eq!(keys.decode("$KV.other.x"), None);
        }
    }

    #[test]
    fn what_is_found_is_found_again_under_the_very_key_it_has() {
        for (format, table, nats_key, key) in [
            (Format::GoMicro, "", "legacy", "legacy"),
            (Format::GoMicro, "", "MZXW6", "MZXW6"),
            (Format::GoMicro, "", "ORSXG5A=", "test"),
            (Format::GoMicro, "names", "names_Alex", "Alex"),
            (Format::GoMicro, "names", "names_", ""),
            (Format::Raw, "", "grün!", "grün!"),
            (Format::Raw, "t", "t.a:b", "a:b"),
        ] {
            let keys = keys(format, table);
            let place = keys.decode(&format!("$KV.b.{nats_key}")).expect("of this table");
            assert_eq!(place.key, key.as_bytes());
            assert_eq!(keys.nats_key_at(&place), nats_key);
        }
    }

    #[test]
    fn names_that_nats_cannot_hold_are_refused() {
        for bucket in ["", "a.b", "ä", "a b", "*", "a\r\nPUB x"] {
            let error = Keys::new(Format::Larder, bucket, "").expect_err(bucket);
            assert_eq!((error.status(), error.origin()), (Status::INVALID_ARGUMENT, "database"));
        }
        assert_eq!(Keys::new(Format::Raw, "b", "a.b").expect_err("a dot").origin(), "table");
        for key in [&b""[..], b".", b"a.", b".a", b"a..b", b"a b", b"*", b"\r\n", b"\xff"] {
            let error = keys(Format::Raw, "").nats_key(key).expect_err("no NATS key");
            assert_eq!((error.status(), error.origin()), (Status::INVALID_ARGUMENT, "key"));
        }
        assert_eq!(keys(Format::GoMicro, "").nats_key(b"").expect_err("empty").status(), Status::INVALID_ARGUMENT);
        assert!(keys(Format::Larder, "").nats_key(b"").is_ok());
    }

    #[test]
    fn a_key_over_a_servers_line_is_refused_before_it_is_sent() {
        for format in [Format::GoMicro, Format::Raw, Format::Larder] {
            let keys = keys(format, "t");
            assert!(keys.nats_key(&[b'k'; 1000]).is_ok());
            for length in [4000, 32_000] {
                let error = keys.nats_key(&vec![b'k'; length]).expect_err("too long");
                assert_eq!((error.status(), error.origin()), (Status::TOO_LARGE, "key"));
            }
        }
        let error = Keys::new(Format::Larder, "b", &"t".repeat(5000)).expect_err("too long");
        assert_eq!((error.status(), error.origin()), (Status::TOO_LARGE, "table"));
    }
}
