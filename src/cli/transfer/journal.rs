//! Which records of a store a migration has done: a file that grows by what each page added.
//!
//! A revision need not grow over all keys of a store, so no single one says how far a migration came; the journal holds
//! each key's digest with the revision and the expiry that were written. It begins with a line of JSON that says from where
//! to where, and goes on with batches: count (u32), so many entries of digest, revision and expiry (u64 each), CRC-32
//! (u32), all little-endian. Of a key, the last entry counts, and one of revision 0 says that it
//! is to be done again. A batch at the end that is not whole was being written when
//! the migration was interrupted, and counts as not done.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::other_version;
use super::stamp::Stamp;
use crate::error::{Error, Result, Status};

/// Version 1 did not say of both stores all that tells them from others, nor when a record expires.
const VERSION: u64 = 2;
const ENTRY: usize = 24;
/// Says of a key that it is not done any more. A record that has this revision, as no writer gives it, is done each time.
const VOID: Stamp = Stamp { revision: 0, expires_unix_ms: 0 };

/// The file, and what stands in it.
pub struct Journal {
    file: File,
    path: PathBuf,
    done: HashMap<u64, Stamp>,
    has_begun: bool,
}

impl Journal {
    /// Goes on with the journal at `path`, or begins it.
    ///
    /// # Errors
    ///
    /// `IO`; `CORRUPT` when the file is something else; `INVALID_ARGUMENT` when it is about other stores, or of another
    /// version.
    pub fn open(path: &Path, from: &str, to: &str) -> Result<Journal> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(|error| failed(path, &error))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| failed(path, &error))?;
        let mut journal = Journal { file, path: path.to_owned(), done: HashMap::new(), has_begun: !bytes.is_empty() };
        if bytes.is_empty() {
            journal.begin(from, to)?;
        } else {
            journal.go_on(&bytes, from, to)?;
        }
        Ok(journal)
    }

    fn begin(&mut self, from: &str, to: &str) -> Result<()> {
        self.append(format!("{}\n", json!({"larder_journal": VERSION, "from": from, "to": to})).as_bytes())
    }

    fn go_on(&mut self, bytes: &[u8], from: &str, to: &str) -> Result<()> {
        let (line, rest) = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) => bytes.split_at(end + 1),
            None => return Err(self.foreign()),
        };
        let head: Value = serde_json::from_slice(line).map_err(|_| self.foreign())?;
        let version = head["larder_journal"].as_u64().ok_or_else(|| self.foreign())?;
        if version != VERSION {
            let text = other_version(&self.path, version, VERSION, "name another file, with which all is done again");
            return Err(Error::argument("--state", text));
        }
        for (name, is) in [("from", from), ("to", to)] {
            let was = head[name].as_str().unwrap_or("");
            if was != is {
                let path = self.path.display();
                let text = format!("{path} is about a migration {name} {was}, and not {name} {is}; name another file");
                return Err(Error::argument("--state", text));
            }
        }
        let whole = line.len() + self.replay(rest);
        // What is not whole is written over.
        self.file.set_len(whole as u64).map_err(|error| failed(&self.path, &error))?;
        self.file.seek(SeekFrom::End(0)).map_err(|error| failed(&self.path, &error))?;
        Ok(())
    }

    /// Takes whole batches in; says how many bytes they are.
    fn replay(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some((entries, length)) = batch(&bytes[at..]) {
            for entry in entries.chunks_exact(ENTRY) {
                let number = |from: usize| entry[from..from + 8].try_into().map_or(0, u64::from_le_bytes);
                self.done.insert(number(0), Stamp { revision: number(8), expires_unix_ms: number(16) });
            }
            at += length;
        }
        at
    }

    /// Whether a key's record is done as it is now.
    pub fn is_done(&self, key: &[u8], stamp: Stamp) -> bool {
        self.done.get(&digest(key)).is_some_and(|done| *done != VOID && done.agrees(&stamp))
    }

    /// Whether a migration before this one wrote to it.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// How many records are done.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.done.len()
    }

    /// Notes keys whose records are not in the target as they should be: those that were done are to be done again. Says
    /// how many they are.
    ///
    /// # Errors
    ///
    /// `IO`.
    pub fn void(&mut self, keys: &[Vec<u8>]) -> Result<u64> {
        let is_done = |key: &&[u8]| self.done.get(&digest(key)).is_some_and(|done| *done != VOID);
        let again: Vec<&[u8]> = keys.iter().map(Vec::as_slice).filter(is_done).collect();
        self.note(again.iter().map(|key| (*key, VOID)))?;
        Ok(again.len() as u64)
    }

    /// Notes records that are done.
    ///
    /// # Errors
    ///
    /// `IO`.
    pub fn note<'a>(&mut self, records: impl Iterator<Item = (&'a [u8], Stamp)>) -> Result<()> {
        let mut bytes = vec![0; 4];
        for (key, stamp) in records {
            let digest = digest(key);
            if self.done.insert(digest, stamp) != Some(stamp) {
                bytes.extend([digest, stamp.revision, stamp.expires_unix_ms].map(u64::to_le_bytes).as_flattened());
            }
        }
        let count = ((bytes.len() - 4) / ENTRY) as u32;
        if count == 0 {
            return Ok(());
        }
        bytes[..4].copy_from_slice(&count.to_le_bytes());
        let checksum = crc32fast::hash(&bytes);
        bytes.extend(checksum.to_le_bytes());
        self.append(&bytes)
    }

    /// Removes the file, when all is done.
    ///
    /// # Errors
    ///
    /// `IO`.
    pub fn remove(self) -> Result<()> {
        std::fs::remove_file(&self.path).map_err(|error| failed(&self.path, &error))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes).and_then(|()| self.file.sync_data());
        written.map_err(|error| failed(&self.path, &error))
    }

    fn foreign(&self) -> Error {
        let text = format!("{} is no journal of a migration; name another file", self.path.display());
        Error::new(Status::CORRUPT, "--state", text)
    }
}

/// The entries of the batch that `bytes` begin with, and its whole length; `None` when it is not whole.
fn batch(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let count = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let end = count.checked_mul(ENTRY)?.checked_add(4)?;
    let checksum = u32::from_le_bytes(bytes.get(end..end.checked_add(4)?)?.try_into().ok()?);
    (crc32fast::hash(&bytes[..end]) == checksum).then(|| (&bytes[4..end], end + 4))
}

/// A key as the journal knows it.
pub fn digest(key: &[u8]) -> u64 {
    let digest = Sha256::digest(key);
    digest[..8].try_into().map_or(0, u64::from_le_bytes)
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Status::IO, "--state", format!("{} cannot be used: {error}", path.display()))
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_done_and_a_torn_end_is_not() {
        let path = std::env::temp_dir().join(format!("larder-journal-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let stamp = |revision| Stamp { revision, expires_unix_ms: 9_000_000 };
        let mut journal = Journal::open(&path, "a", "b").expect("writable");
        journal.note([(b"k".as_slice(), stamp(1)), (b"l", stamp(2))].into_iter()).expect("writable");
        let whole = std::fs::metadata(&path).expect("there").len();
        journal.note([(b"m".as_slice(), stamp(3))].into_iter()).expect("writable");
        drop(journal);
        let length = std::fs::metadata(&path).expect("there").len();
        for cut in (whole..=length).rev() {
            OpenOptions::new().write(true).open(&path).expect("there").set_len(cut).expect("cut");
            let journal = Journal::open(&path, "a", "b").expect("whole");
            let is_done = |key: &[u8], revision| journal.is_done(key, stamp(revision));
            assert!(is_done(b"k", 1) && is_done(b"l", 2) && !is_done(b"k", 2));
            assert!(!journal.is_done(b"k", Stamp { revision: 1, expires_unix_ms: 0 }), "it expires no more");
            assert_eq!(is_done(b"m", 3), cut == length, "cut at {cut} of {length}");
        }
        let mut journal = Journal::open(&path, "a", "b").expect("whole");
        journal.note([(b"n".as_slice(), stamp(4))].into_iter()).expect("writable");
        assert_eq!(journal.void(&[b"n".to_vec(), b"never done".to_vec()]), Ok(1));
        assert!(!Journal::open(&path, "a", "b").expect("whole").is_done(b"n", stamp(4)));
        journal.note([(b"n".as_slice(), stamp(4))].into_iter()).expect("writable");
        assert!(Journal::open(&path, "a", "b").expect("whole").is_done(b"n", stamp(4)));
        assert_eq!(Journal::open(&path, "a", "b").expect("whole").len(), 3);
        let error = Journal::open(&path, "a", "c").err().expect("another target");
        assert!(error.message().contains("to b, and not to c"), "{error}");
        std::fs::write(&path, "{\"larder_journal\":1,\"from\":\"a\",\"to\":\"b\"}\n").expect("writable");
        let error = Journal::open(&path, "a", "b").err().expect("of an earlier Larder");
        assert!(error.message().contains("is of version 1") && error.message().contains("another file"), "{error}");
        std::fs::write(&path, "else").expect("writable");
        assert_eq!(Journal::open(&path, "a", "b").err().expect("foreign").status(), Status::CORRUPT);
        let _ = std::fs::remove_file(&path);
    }
}
