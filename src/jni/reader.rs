//! Reads the numbers and bytes of a request that Java wrote, all little-endian.

use crate::error::{Error, Result};

/// What is left of a request.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` when there are fewer.
    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        let Some((front, rest)) = self.0.split_at_checked(length) else {
            let text = format!("{length} bytes are missing at its end, only {} are left", self.0.len());
            return Err(Error::argument("request", text));
        };
        self.0 = rest;
        Ok(front)
    }

    /// # Errors
    ///
    /// As [`Reader::bytes`].
    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// # Errors
    ///
    /// As [`Reader::bytes`].
    pub fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A length that comes before its bytes.
    ///
    /// # Errors
    ///
    /// As [`Reader::bytes`].
    pub fn length(&mut self) -> Result<usize> {
        self.u32().map(|length| length as usize)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.bytes(N)?;
        // The slice is N bytes long, so the conversion cannot fail.
        Ok(bytes.try_into().unwrap_or([0; N]))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_ends_early_is_refused() {
        let mut reader = Reader::new(&[7, 0, 0, 0, 1]);
        assert_eq!(reader.u32(), Ok(7));
        assert!(reader.u32().is_err());
        assert_eq!(reader.bytes(1), Ok(&[1][..]));
        assert!(reader.i64().is_err());
    }
}
