//! A value on its way into a store: borrowed, shared, or lent.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

/// A value as a put is given it.
#[derive(Debug)]
pub enum Given<'a> {
    /// Borrowed for the call: who needs it longer copies it.
    Borrowed(&'a [u8]),
    /// Shared: who needs it longer keeps it.
    Shared(Bytes),
    /// Lent until the request is over.
    Lent(Loan),
}

/// Bytes that somebody else keeps where they are until the reply to the request that they came with is gone: until it was
/// given, or its future was dropped. Whoever is handed a loan drops it by then, and nobody can copy one.
pub struct Loan {
    start: *const u8,
    length: usize,
}

// SAFETY: the bytes are not written to while they are lent, so that any thread may read them.
unsafe impl Send for Loan {}
// SAFETY: as above.
unsafe impl Sync for Loan {}

impl Loan {
    /// Lends bytes.
    ///
    /// # Safety
    ///
    /// They stay where they are, and as they are, until the loan is dropped.
    pub unsafe fn new(bytes: &[u8]) -> Loan {
        Loan { start: bytes.as_ptr(), length: bytes.len() }
    }

    /// Leaves out the first `count` bytes, or all where there are fewer.
    pub fn advance(&mut self, count: usize) {
        let rest = self.get(count..).unwrap_or_default();
        (self.start, self.length) = (rest.as_ptr(), rest.len());
    }
}

impl Deref for Loan {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: it was made of a slice whose bytes are there until `self` is dropped.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.length)
    }
}

impl Deref for Given<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Given::Borrowed(bytes) => bytes,
            Given::Shared(bytes) => bytes,
            Given::Lent(loan) => loan,
        }
    }
}
