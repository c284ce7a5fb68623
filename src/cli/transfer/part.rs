//! A dump that is not whole yet: `FILE.larder-part`, which takes the name of FILE when it is.
//!
//! It is a dump without its end, so its own checksums say how far it is whole. Beside it, `FILE.larder-part-source` says
//! in a line of JSON which store it is of, for a dump itself does not name its servers. Only their owner may read both.
//!
//! A key is in it once. Whoever goes on with it lists the store first: a record that is in it with the revision and the
//! expiry that the store has is kept; one that has changed or gone since is taken out, and the rest is written behind what
//! was kept.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufReader, BufWriter, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::plan::Plan;
use super::stamp::Stamp;
use crate::error::{Error, Result, Status};
use crate::store::format::dump::{Header, Mark, Reader, Writer};

use origin::Origin;

pub mod origin;

const BUFFER: usize = 1 << 18;

/// A dump that is being written.
pub struct Part {
    paths: Paths,
    file: File,
    mark: Mark,
    torn: u64,
    held: HashMap<u128, Stamp>,
}

/// Where the pieces of a dump to a file are.
struct Paths {
    file: PathBuf,
    part: PathBuf,
    origin: PathBuf,
    /// Where a part goes that something is taken out of.
    new: PathBuf,
}

impl Paths {
    fn of(file: &Path) -> Paths {
        let beside = |end: &str| {
            let mut name = file.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        Paths {
            file: file.to_owned(),
            part: beside(".larder-part"),
            origin: beside(".larder-part-source"),
            new: beside(".larder-part-new"),
        }
    }

    /// Removes what says nothing without the part. What cannot be removed, the next dump writes over.
    fn tidy(&self) {
        for path in [&self.origin, &self.new] {
            let _ = std::fs::remove_file(path);
        }
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::new(Status::IO, "FILE", format!("{} cannot be written: {error}", self.file.display()))
    }
}

impl Part {
    /// Begins a dump to `path`, of the store that `source` says. What was there of another one is gone.
    ///
    /// # Errors
    ///
    /// `IO`; `BUSY` when another process writes it.
    pub fn begin(path: &Path, source: &str, header: &Header) -> Result<Part> {
        let paths = Paths::of(path);
        let failed = |error| paths.failed(&error);
        let file = open(&paths.part).map_err(failed)?;
        lock(&file, &paths.part)?;
        // Empty, it is nobody's, until it is said whose it is.
        file.set_len(0).map_err(failed)?;
        Origin::new(source, header).write(&paths.origin).map_err(failed)?;
        let mark = Writer::new(&file, header)?.mark().clone();
        Ok(Part { paths, file, mark, torn: 0, held: HashMap::new() })
    }

    /// What an interrupted dump to `path` left, of the same store and prefix; `None` when there is nothing of use.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` when it is of another store or prefix, `CORRUPT` when it is something else; `IO`; `BUSY` when
    /// another process writes it.
    pub fn find(path: &Path, source: &str, header: &Header) -> Result<Option<Part>> {
        let paths = Paths::of(path);
        let file = match OpenOptions::new().read(true).write(true).open(&paths.part) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(paths.failed(&error)),
        };
        lock(&file, &paths.part)?;
        let length = file.metadata().map_err(|error| paths.failed(&error))?.len();
        if length == 0 {
            return Ok(None);
        }
        let origin = Origin::read(&paths.origin, &paths.part)?;
        let header = origin.header_of(source, header, &paths.part)?;
        if !begins_so(&file, length, &header, &paths)? {
            return Ok(None);
        }
        let mut reader = Reader::new(BufReader::with_capacity(BUFFER, &file))?;
        let mut held = HashMap::new();
        let torn = loop {
            match reader.read() {
                Ok(Some(item)) => drop(held.insert(digest(&item.key), Stamp::of_item(&item))),
                // Killed between its end and its name; it goes on as any other.
                Ok(None) => break 0,
                Err(error) if error.status() == Status::CORRUPT => break length - reader.mark().bytes(),
                Err(error) => return Err(error),
            }
        };
        let mark = reader.mark().clone();
        Ok(Some(Part { paths, file, mark, torn, held }))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.paths.part
    }

    /// How many records are in it.
    pub fn records(&self) -> u64 {
        self.mark.records()
    }

    /// How many bytes at its end were not whole, and are written again.
    pub fn torn(&self) -> u64 {
        self.torn
    }

    /// Takes out of `plan` what is in this file already, and out of this file what is not in the plan any more or with
    /// another revision or expiry. Says how many records the latter were.
    ///
    /// # Errors
    ///
    /// `IO`.
    pub fn reconcile(&mut self, plan: &mut Plan) -> Result<u64> {
        let mut stale = std::mem::take(&mut self.held);
        plan.retain(|key, stamp| {
            let digest = digest(key);
            let is_held = stale.get(&digest).is_some_and(|held| held.agrees(&stamp));
            if is_held {
                stale.remove(&digest);
            }
            !is_held
        });
        if !stale.is_empty() {
            self.take_out(&stale)?;
        }
        Ok(stale.len() as u64)
    }

    /// Writes behind what is there.
    ///
    /// # Errors
    ///
    /// `IO`.
    pub fn writer(&mut self) -> Result<Writer<BufWriter<&File>>> {
        let failed = |error| self.paths.failed(&error);
        self.file.set_len(self.mark.bytes()).map_err(failed)?;
        (&self.file).seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Writer::go_on(BufWriter::with_capacity(BUFFER, &self.file), self.mark.clone()))
    }

    /// Gives it its name, now that it is whole.
    ///
    /// # Errors
    ///
    /// `IO`.
    pub fn keep(self) -> Result<()> {
        let kept = self.file.sync_all().and_then(|()| std::fs::rename(&self.paths.part, &self.paths.file));
        kept.map_err(|error| self.paths.failed(&error))?;
        self.paths.tidy();
        Ok(())
    }

    /// Removes it: nothing in it is worth to go on from.
    pub fn discard(self) {
        let _ = std::fs::remove_file(&self.paths.part);
        self.paths.tidy();
    }

    /// Writes it anew without some records. Until the new one is whole, the old one stays.
    fn take_out(&mut self, stale: &HashMap<u128, Stamp>) -> Result<()> {
        let failed = |error| self.paths.failed(&error);
        let new = open(&self.paths.new).map_err(failed)?;
        lock(&new, &self.paths.new)?;
        new.set_len(0).map_err(failed)?;
        (&self.file).seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut reader = Reader::new(BufReader::with_capacity(BUFFER, &self.file))?;
        let mut writer = Writer::new(BufWriter::with_capacity(BUFFER, &new), reader.header())?;
        while reader.records() < self.mark.records() {
            let Some(item) = reader.read()? else { break };
            if !stale.contains_key(&digest(&item.key)) {
                writer.write(&item)?;
            }
        }
        writer.flush()?;
        self.mark = writer.mark().clone();
        drop(writer);
        new.sync_all().and_then(|()| std::fs::rename(&self.paths.new, &self.paths.part)).map_err(failed)?;
        self.file = new;
        Ok(())
    }
}

/// Whether a file has the whole beginning of a dump with this header; false where it was cut off within.
fn begins_so(file: &File, length: u64, header: &Header, paths: &Paths) -> Result<bool> {
    let mut start = Vec::new();
    Writer::new(&mut start, header)?;
    let mut found = vec![0; start.len().min(length as usize)];
    file.read_exact_at(&mut found, 0).map_err(|error| paths.failed(&error))?;
    if found == start[..found.len()] {
        return Ok(found.len() == start.len());
    }
    let (part, origin) = (paths.part.display(), paths.origin.display());
    let text = format!("{part} is not the dump that {origin} is about; without --resume it begins anew");
    Err(Error::new(Status::CORRUPT, "--resume", text))
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Keeps other processes away from a file; the kernel lets go of it when this one ends, however that happens.
fn lock(file: &File, path: &Path) -> Result<()> {
    let is_still_there = || {
        let (held, named) = (file.metadata().ok()?, std::fs::metadata(path).ok()?);
        Some((held.dev(), held.ino()) == (named.dev(), named.ino()))
    };
    // A file system that knows no locks keeps nobody away.
    let is_free = !matches!(file.try_lock(), Err(TryLockError::WouldBlock));
    // Locked after its last owner gave it its name, it is a dump that is whole and no part any more.
    if is_free && is_still_there() == Some(true) {
        return Ok(());
    }
    let text = format!("another process writes {}; wait for it, or name another file", path.display());
    Err(Error::new(Status::BUSY, "FILE", text))
}

/// A key as it is remembered: no two keys have the same.
fn digest(key: &[u8]) -> u128 {
    Sha256::digest(key)[..16].try_into().map_or(0, u128::from_le_bytes)
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
