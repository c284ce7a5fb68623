//! Messages and the subjects that they lie under.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use super::headers::Block;

/// A subject: a view of the bytes that it came in, or a text of ours.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Subject(Bytes);

impl Subject {
    /// The subject in bytes that were read. What is no UTF-8 in them is replaced: it names no record of ours.
    pub fn of_wire(bytes: Bytes) -> Subject {
        match std::str::from_utf8(&bytes) {
            Ok(_) => Subject(bytes),
            Err(_) => Subject(String::from_utf8_lossy(&bytes).into_owned().into()),
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<String> for Subject {
    fn from(text: String) -> Subject {
        Subject(text.into())
    }
}

impl From<&str> for Subject {
    fn from(text: &str) -> Subject {
        Subject(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl Deref for Subject {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it was published on.
    pub subject: Subject,
    /// Where an answer is expected.
    pub reply: Option<Subject>,
    /// Its headers, if it has any.
    pub headers: Option<Block>,
    /// Its body.
    pub payload: Bytes,
}

impl Message {
    /// The status in its headers: a code as HTTP has them.
    pub fn status(&self) -> Option<u16> {
        self.headers.as_ref()?.status()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.as_ref()?.get(name)
    }
}
