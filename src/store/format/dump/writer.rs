//! Writing a dump.

use std::io::Write;

use sha2::Digest;

use super::{END, HEADER, Header, Item, MAGIC, Mark, RECORD, RECORD_HEAD, VERSION};
use crate::error::{Error, Result, Status};

/// Writes a dump from front to back. One that is dropped before [`Writer::finish`] is not whole, and its readers say so.
pub struct Writer<W> {
    to: W,
    mark: Mark,
}

impl<W: Write> Writer<W> {
    /// Begins a dump.
    ///
    /// # Errors
    ///
    /// `IO` when `to` fails; `TOO_LARGE` for a header over 4 GiB.
    pub fn new(to: W, header: &Header) -> Result<Writer<W>> {
        let mut writer = Writer { to, mark: Mark::default() };
        writer.emit(&MAGIC)?;
        writer.emit(&VERSION.to_le_bytes())?;
        let mut body = header.id.to_vec();
        body.extend(header.created_unix_ms.to_le_bytes());
        let texts = [header.kind.as_bytes(), header.database.as_bytes(), header.table.as_bytes(), &header.prefix];
        for text in texts {
            body.extend(length(text.len())?.to_le_bytes());
            body.extend(text);
        }
        writer.frame(HEADER, &[&body])?;
        Ok(writer)
    }

    /// Goes on with a dump that is whole up to `mark`; `to` writes what follows it.
    pub fn go_on(to: W, mark: Mark) -> Writer<W> {
        Writer { to, mark }
    }

    /// Writes a record.
    ///
    /// # Errors
    ///
    /// `IO` when the target fails; `TOO_LARGE` for a record over 4 GiB.
    pub fn write(&mut self, item: &Item) -> Result<()> {
        let mut head = Vec::with_capacity(RECORD_HEAD);
        for number in [item.revision, item.created_unix_ms, item.expires_unix_ms, item.max_idle_ms] {
            head.extend(number.to_le_bytes());
        }
        let parts = [item.key.as_slice(), item.metadata.as_bytes(), item.value.as_slice()];
        for part in parts {
            head.extend(length(part.len())?.to_le_bytes());
        }
        self.frame(RECORD, &[&head, parts[0], parts[1], parts[2]])?;
        self.mark.records += 1;
        Ok(())
    }

    /// Writes the end and flushes; gives back what it was written to.
    ///
    /// # Errors
    ///
    /// `IO` when the target fails.
    pub fn finish(mut self) -> Result<W> {
        let mut body = self.mark.records.to_le_bytes().to_vec();
        body.extend(self.mark.digest.clone().finalize());
        self.frame(END, &[&body])?;
        self.to.flush().map_err(failed)?;
        Ok(self.to)
    }

    /// How many records were written.
    pub fn records(&self) -> u64 {
        self.mark.records
    }

    /// How many bytes were written.
    pub fn bytes(&self) -> u64 {
        self.mark.bytes
    }

    /// What all that was written comes to.
    pub fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Hands over what was written so far.
    ///
    /// # Errors
    ///
    /// `IO` when the target fails.
    pub fn flush(&mut self) -> Result<()> {
        self.to.flush().map_err(failed)
    }

    fn frame(&mut self, kind: u8, parts: &[&[u8]]) -> Result<()> {
        let body = length(parts.iter().map(|part| part.len()).sum())?;
        let mut head = [kind, 0, 0, 0, 0];
        head[1..].copy_from_slice(&body.to_le_bytes());
        // One part after the other gives the checksum of all of them at once, without a copy of the value.
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.mark.checksum.to_le_bytes());
        hasher.update(&head);
        self.emit(&head)?;
        for part in parts {
            hasher.update(part);
            self.emit(part)?;
        }
        self.mark.checksum = hasher.finalize();
        let checksum = self.mark.checksum.to_le_bytes();
        self.emit(&checksum)
    }

    fn emit(&mut self, bytes: &[u8]) -> Result<()> {
        self.mark.digest.update(bytes);
        self.mark.bytes += bytes.len() as u64;
        self.to.write_all(bytes).map_err(failed)
    }
}

fn length(length: usize) -> Result<u32> {
    u32::try_from(length)
        .map_err(|_| Error::new(Status::TOO_LARGE, "dump", format!("{length} bytes are more than a frame holds")))
}

fn failed(error: std::io::Error) -> Error {
    Error::new(Status::IO, "dump", format!("it cannot be written: {error}"))
}
