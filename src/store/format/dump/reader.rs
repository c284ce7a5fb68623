//! Reading a dump.

use std::io::Read;

use data_encoding::HEXLOWER;
use sha2::Digest;

use super::{END, FRAME_HEAD, HEADER, Header, Item, MAGIC, Mark, RECORD, RECORD_HEAD, VERSION, checksum};
use crate::error::{Error, Result, Status};
use crate::store::format::envelope;
use crate::store::record::{MAX_KEY_LENGTH, MAX_METADATA_LENGTH, MAX_VALUE_LENGTH, Metadata};

/// The longest header's body, in bytes.
const MAX_HEADER: usize = 1 << 27;
const MAX_RECORD: usize = RECORD_HEAD + MAX_KEY_LENGTH + MAX_METADATA_LENGTH + MAX_VALUE_LENGTH;
const END_LENGTH: usize = 8 + 32;

/// Reads a dump from front to back, and checks each byte of it before it is used.
pub struct Reader<R> {
    from: R,
    header: Header,
    identity: String,
    /// What was read so far comes to.
    read: Mark,
    /// What the whole frames of it come to, without the end.
    whole: Mark,
    frame: u64,
    body: Vec<u8>,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// `CORRUPT` for what is no dump, is damaged or is of another version; `IO` when `from` fails.
    pub fn new(from: R) -> Result<Reader<R>> {
        let header = Header {
            id: [0; 16],
            created_unix_ms: 0,
            kind: String::new(),
            database: String::new(),
            table: String::new(),
            prefix: Vec::new(),
        };
        let mut reader = Reader {
            from,
            header,
            identity: String::new(),
            read: Mark::default(),
            whole: Mark::default(),
            frame: 0,
            body: Vec::new(),
            ended: false,
        };
        reader.begin()?;
        Ok(reader)
    }

    /// What the dump says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What tells the dump from every other one: the digest of its header, in hexadecimal.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// How many records were read.
    pub fn records(&self) -> u64 {
        self.read.records
    }

    /// How many bytes were read.
    pub fn bytes(&self) -> u64 {
        self.read.bytes
    }

    /// What the header and the records that were read whole come to.
    pub fn mark(&self) -> &Mark {
        &self.whole
    }

    /// The next record; `None` at the end of a dump that is whole.
    ///
    /// # Errors
    ///
    /// `CORRUPT` that names the record and the byte where the dump is damaged or cut short; `IO` when the file fails.
    pub fn read(&mut self) -> Result<Option<Item>> {
        if self.ended {
            return Ok(None);
        }
        match self.next_frame()? {
            RECORD => {
                let item = self.item()?;
                self.read.records += 1;
                self.whole = self.read.clone();
                Ok(Some(item))
            }
            END => {
                self.end()?;
                Ok(None)
            }
            other => Err(self.damaged(format!("a frame of kind {other:#04x} is unknown"))),
        }
    }

    fn begin(&mut self) -> Result<()> {
        let mut start = [0; MAGIC.len() + 2];
        let length = self.fill(&mut start)?;
        if length < MAGIC.len() || start[..MAGIC.len()] != MAGIC {
            return Err(Error::new(Status::CORRUPT, "dump", "it is no dump of Larder: it does not begin as one"));
        }
        let version = u16::from_le_bytes([start[MAGIC.len()], start[MAGIC.len() + 1]]);
        if length < start.len() {
            return Err(self.damaged("it is cut short"));
        }
        if version != VERSION {
            let text = format!("it is of version {version}; this Larder reads version {VERSION}");
            return Err(Error::new(Status::CORRUPT, "dump", text));
        }
        if self.next_frame()? != HEADER {
            return Err(self.damaged("it does not begin with a header"));
        }
        self.header = self.read_header().ok_or_else(|| self.damaged("the header cannot be read"))?;
        self.whole = self.read.clone();
        self.identity = HEXLOWER.encode(&self.read.digest.clone().finalize());
        Ok(())
    }

    fn read_header(&self) -> Option<Header> {
        let mut rest = Rest(&self.body);
        let id = rest.take(16)?.try_into().ok()?;
        let created_unix_ms = rest.u64()?;
        let mut text = || -> Option<&[u8]> {
            let length = rest.u32()? as usize;
            rest.take(length)
        };
        let utf8 = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
        let (kind, database, table) = (utf8(text()?)?, utf8(text()?)?, utf8(text()?)?);
        let prefix = text()?.to_vec();
        rest.0.is_empty().then_some(Header { id, created_unix_ms, kind, database, table, prefix })
    }

    fn item(&self) -> Result<Item> {
        let (mut item, metadata) =
            self.parse_item().ok_or_else(|| self.damaged("the lengths of its parts contradict each other"))?;
        item.metadata = envelope::check_metadata(metadata).map_err(|error| self.damaged(error.message()))?;
        Ok(item)
    }

    /// The body's record without its metadata, and the bytes of that.
    fn parse_item(&self) -> Option<(Item, &[u8])> {
        let mut rest = Rest(&self.body);
        let (revision, created_unix_ms, expires_unix_ms, max_idle_ms) =
            (rest.u64()?, rest.u64()?, rest.u64()?, rest.u64()?);
        let lengths = [rest.u32()? as usize, rest.u32()? as usize, rest.u32()? as usize];
        let key = rest.take(lengths[0])?.to_vec();
        let metadata = rest.take(lengths[1])?;
        let value = rest.take(lengths[2])?.to_vec();
        let item =
            Item { key, value, metadata: Metadata::default(), revision, created_unix_ms, expires_unix_ms, max_idle_ms };
        rest.0.is_empty().then_some((item, metadata))
    }

    fn end(&mut self) -> Result<()> {
        let mut rest = Rest(&self.body);
        let (records, expected) = (rest.u64().unwrap_or(0), rest.0);
        if records != self.read.records {
            return Err(
                self.damaged(format!("{} records were read, but it says that it has {records}", self.read.records))
            );
        }
        if self.whole.digest.clone().finalize().as_slice() != expected {
            return Err(self.damaged("the digest over all of it is another one"));
        }
        self.frame = self.read.bytes;
        if self.fill(&mut [0])? != 0 {
            return Err(self.damaged("bytes follow its end"));
        }
        self.ended = true;
        Ok(())
    }

    /// Reads a frame into `self.body`, checks it, and says its kind.
    fn next_frame(&mut self) -> Result<u8> {
        self.frame = self.read.bytes;
        let mut head = [0; FRAME_HEAD];
        if self.fill(&mut head)? < head.len() {
            return Err(self.damaged("it is cut short"));
        }
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let possible = match head[0] {
            HEADER => length <= MAX_HEADER,
            RECORD => (RECORD_HEAD..=MAX_RECORD).contains(&length),
            END => length == END_LENGTH,
            other => return Err(self.damaged(format!("a frame of kind {other:#04x} is unknown"))),
        };
        if !possible {
            return Err(self.damaged(format!("a frame of {length} bytes is not possible here")));
        }
        self.read_body(length)?;
        let mut expected = [0; 4];
        if self.fill(&mut expected)? < expected.len() {
            return Err(self.damaged("it is cut short"));
        }
        let expected = u32::from_le_bytes(expected);
        let found = checksum(self.read.checksum, &head, &self.body);
        if found != expected {
            return Err(self.damaged(format!("its checksum is {found:08x}, but should be {expected:08x}")));
        }
        self.read.checksum = expected;
        Ok(head[0])
    }

    /// Reads `length` bytes; memory grows with what is there, not with what a damaged length says.
    fn read_body(&mut self, length: usize) -> Result<()> {
        self.body.clear();
        self.from.by_ref().take(length as u64).read_to_end(&mut self.body).map_err(failed)?;
        self.read.digest.update(&self.body);
        self.read.bytes += self.body.len() as u64;
        if self.body.len() < length {
            return Err(self.damaged("it is cut short"));
        }
        Ok(())
    }

    /// Reads until `into` is full or nothing is left; says how many bytes it got.
    fn fill(&mut self, into: &mut [u8]) -> Result<usize> {
        let mut got = 0;
        while got < into.len() {
            match self.from.read(&mut into[got..]) {
                Ok(0) => break,
                Ok(count) => got += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
        self.read.digest.update(&into[..got]);
        self.read.bytes += got as u64;
        Ok(got)
    }

    fn damaged(&self, why: impl std::fmt::Display) -> Error {
        let text = format!("damaged at byte {}, after {} whole records: {why}", self.frame, self.read.records);
        Error::new(Status::CORRUPT, "dump", text)
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::new(Status::IO, "dump", format!("it cannot be read: {error}"))
}

/// The bytes of a body that were not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }
}
