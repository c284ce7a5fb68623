//! What a part of a dump is of: the line beside it.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::output::{from_hex, to_hex};
use crate::cli::transfer::other_version;
use crate::error::{Error, Result, Status};
use crate::store::format::dump::Header;

/// Version 1 did not say of the store all that tells it from another one.
const VERSION: u64 = 2;

/// Which store and prefix a part is of, and what its header has that no other dump's has.
#[derive(Debug, PartialEq, Eq)]
pub struct Origin {
    source: String,
    prefix: Vec<u8>,
    id: [u8; 16],
    created_unix_ms: u64,
}

impl Origin {
    /// Of a dump that begins.
    pub fn new(source: &str, header: &Header) -> Origin {
        let Header { id, created_unix_ms, prefix, .. } = header;
        Origin { source: source.to_owned(), prefix: prefix.clone(), id: *id, created_unix_ms: *created_unix_ms }
    }

    /// Reads the line at `path`, about the file at `part`.
    ///
    /// # Errors
    ///
    /// `IO` when it cannot be read, `CORRUPT` when it is missing or something else, `INVALID_ARGUMENT` when it is of another
    /// version.
    pub fn read(path: &Path, part: &Path) -> Result<Origin> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                let text = format!("{} cannot be read: {error}", path.display());
                return Err(Error::new(Status::IO, "--resume", text));
            }
        };
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if let Some(version) = value["larder_dump"].as_u64().filter(|version| *version != VERSION) {
            let text = other_version(path, version, VERSION, "without --resume the dump begins anew");
            return Err(Error::argument("--resume", text));
        }
        Origin::parse(&bytes).ok_or_else(|| {
            let (path, part) = (path.display(), part.display());
            let text = format!("{path} does not say what {part} is a dump of; without --resume it begins anew");
            Error::new(Status::CORRUPT, "--resume", text)
        })
    }

    /// The line's contents; `None` for what is none.
    pub fn parse(bytes: &[u8]) -> Option<Origin> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        if value["larder_dump"].as_u64() != Some(VERSION) {
            return None;
        }
        let hex = |name: &str| from_hex(value[name].as_str()?);
        Some(Origin {
            source: value["source"].as_str()?.to_owned(),
            prefix: hex("prefix")?,
            id: hex("id")?.try_into().ok()?,
            created_unix_ms: value["created_unix_ms"].as_u64()?,
        })
    }

    /// Writes the line to `path`.
    ///
    /// # Errors
    ///
    /// What the file answers.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let Origin { source, prefix, id, created_unix_ms } = self;
        let (prefix, id) = (to_hex(prefix), to_hex(id));
        let object = json!({
            "larder_dump": VERSION, "source": source, "prefix": prefix, "id": id, "created_unix_ms": created_unix_ms,
        });
        writeln!(file, "{object}")?;
        file.sync_all()
    }

    /// The header of the part that this is about, if it is the part of a dump of `source` that `like` would begin.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` that names what is another one.
    pub fn header_of(&self, source: &str, like: &Header, part: &Path) -> Result<Header> {
        let differs = |what: &str, was: &str, is: &str| {
            let part = part.display();
            let text = format!("{part} is about another {what}: {was}, and not {is}; without --resume it begins anew");
            Err(Error::argument("--resume", text))
        };
        if self.source != source {
            return differs("store", &self.source, source);
        }
        if self.prefix != like.prefix {
            let shown = |prefix: &[u8]| format!("\"{}\"", prefix.escape_ascii());
            return differs("prefix", &shown(&self.prefix), &shown(&like.prefix));
        }
        Ok(Header { id: self.id, created_unix_ms: self.created_unix_ms, ..like.clone() })
    }
}
