//! Answers out of a stream of bytes: RESP2 and RESP3, in whatever pieces they come.
//!
//! A frame is measured first, and built only once it is whole, so that its texts are views of the bytes that were read.
//! What cannot be right (a length over the limit, arrays in arrays without end) is an error at once: it is never waited
//! for, and nothing is allocated because a length says so.

use bytes::{Bytes, BytesMut};

use super::value::Value;
use crate::store::remote::incoming::Incoming;

/// The longest text, in bytes: what a server sends at most, with room.
const MAX_TEXT: usize = 1 << 30;
/// The most values in one array.
const MAX_ITEMS: usize = 1 << 26;
/// How deep arrays may lie in arrays.
const MAX_DEPTH: usize = 32;
/// The longest line: a status, an error, a number.
const MAX_LINE: usize = 1 << 16;

/// Why bytes are no answers of a Redis server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// Takes answers out of what was read.
#[derive(Debug, Default)]
pub struct Parser {
    buffer: Incoming,
    /// Fewer bytes than this hold no whole frame.
    needed: usize,
}

impl Parser {
    /// Where what is read goes, at its end; with room for it.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.buffer.room(self.needed)
    }

    /// Keeps no memory for what will be read.
    pub fn rest(&mut self) {
        self.buffer.rest();
    }

    /// The next answer; `None` until more bytes have come.
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes; the connection cannot be used further.
    pub fn next_value(&mut self) -> Result<Option<Value>, Malformed> {
        loop {
            if self.buffer.is_empty() || self.buffer.len() < self.needed {
                return Ok(None);
            }
            let mut cursor = Cursor { bytes: &self.buffer, position: 0, needed: 0 };
            if !cursor.measure(0)? {
                self.needed = cursor.needed.max(self.buffer.len() + 1);
                return Ok(None);
            }
            let length = cursor.position;
            self.needed = 0;
            let frame = self.buffer.take(length);
            let mut builder = Builder { frame: &frame, position: 0 };
            if let Some(value) = builder.build() {
                return Ok(Some(value));
            }
        }
    }
}

/// Walks over a frame that may not be whole.
struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
    needed: usize,
}

impl<'a> Cursor<'a> {
    /// Steps over one value; false when it is not whole.
    fn measure(&mut self, depth: usize) -> Result<bool, Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed("an answer of arrays in arrays without end"));
        }
        let Some(kind) = self.bytes.get(self.position).copied() else { return Ok(false) };
        let Some(line) = self.line()? else { return Ok(false) };
        match kind {
            b'+' | b'-' | b',' | b'(' | b'_' | b'#' => Ok(true),
            b':' => number(line).map(|_| true),
            b'$' | b'=' | b'!' => match length(line, MAX_TEXT)? {
                None => Ok(true),
                Some(text) => self.step(text + 2),
            },
            b'*' | b'~' | b'>' => self.items(length(line, MAX_ITEMS)?.unwrap_or(0), depth),
            b'%' => self.items(2 * length(line, MAX_ITEMS / 2)?.unwrap_or(0), depth),
            // An attribute stands before the value that it is about.
            b'|' => {
                let count = 2 * length(line, MAX_ITEMS / 2)?.unwrap_or(0);
                Ok(self.items(count, depth)? && self.measure(depth + 1)?)
            }
            _ => Err(Malformed("bytes that are no answer of a Redis server; is it one, and is TLS set as it wants?")),
        }
    }

    fn items(&mut self, count: usize, depth: usize) -> Result<bool, Malformed> {
        for _ in 0..count {
            if !self.measure(depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn line(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        let start = self.position + 1;
        let bytes: &'a [u8] = self.bytes;
        let rest = bytes.get(start..).unwrap_or_default();
        let window = &rest[..rest.len().min(MAX_LINE)];
        match window.iter().position(|byte| *byte == b'\n') {
            Some(end) if end > 0 && window[end - 1] == b'\r' => {
                self.position = start + end + 1;
                Ok(Some(&bytes[start..start + end - 1]))
            }
            Some(_) => Err(Malformed("a line without its end")),
            None if rest.len() >= MAX_LINE => Err(Malformed("a line without an end")),
            None => Ok(None),
        }
    }

    fn step(&mut self, count: usize) -> Result<bool, Malformed> {
        let end = self.position + count;
        if end > self.bytes.len() {
            self.needed = end;
            return Ok(false);
        }
        if &self.bytes[end - 2..end] != b"\r\n" {
            return Err(Malformed("a text that is longer than it said"));
        }
        self.position = end;
        Ok(true)
    }
}

fn number(line: &[u8]) -> Result<i64, Malformed> {
    let (negative, digits) = match line {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return Err(Malformed("a number without digits"));
    }
    // Counted downwards, so that the least number has room.
    let below = digits.iter().try_fold(0_i64, |sum, digit| {
        let value = digit.checked_sub(b'0').filter(|value| *value < 10)?;
        sum.checked_mul(10)?.checked_sub(i64::from(value))
    });
    let number = below.and_then(|below| if negative { Some(below) } else { below.checked_neg() });
    number.ok_or(Malformed("a number that is none"))
}

/// A length; `None` for the -1 that stands for nothing.
fn length(line: &[u8], most: usize) -> Result<Option<usize>, Malformed> {
    match number(line)? {
        -1 => Ok(None),
        length if length >= 0 && length as u64 <= most as u64 => Ok(Some(length as usize)),
        _ => Err(Malformed("a length beyond every limit")),
    }
}

/// Builds values out of a frame that was measured.
struct Builder<'a> {
    frame: &'a Bytes,
    position: usize,
}

impl Builder<'_> {
    /// The next value; `None` only for what the measuring would have refused.
    fn build(&mut self) -> Option<Value> {
        let kind = *self.frame.get(self.position)?;
        let start = self.position + 1;
        let end = start + self.frame.get(start..)?.iter().position(|byte| *byte == b'\n')? - 1;
        self.position = end + 2;
        let line = &self.frame[start..end];
        Some(match kind {
            b'+' | b',' | b'(' => Value::Bulk(self.frame.slice(start..end)),
            b'-' => Value::Error(self.frame.slice(start..end)),
            b':' => Value::Integer(number(line).ok()?),
            b'_' => Value::Nil,
            b'#' => Value::Integer(i64::from(line == b"t")),
            b'$' => self.text(line, 0)?.map_or(Value::Nil, Value::Bulk),
            // A verbatim text begins with its format and a colon.
            b'=' => self.text(line, 4)?.map_or(Value::Nil, Value::Bulk),
            b'!' => self.text(line, 0)?.map_or(Value::Nil, Value::Error),
            b'*' | b'~' => match length(line, MAX_ITEMS).ok()? {
                None => Value::Nil,
                Some(count) => Value::Array(self.items(count)?),
            },
            b'>' => Value::Push(self.items(length(line, MAX_ITEMS).ok()?.unwrap_or(0))?),
            b'%' => Value::Array(self.items(2 * length(line, MAX_ITEMS).ok()?.unwrap_or(0))?),
            b'|' => {
                self.items(2 * length(line, MAX_ITEMS).ok()?.unwrap_or(0))?;
                return self.build();
            }
            _ => return None,
        })
    }

    fn items(&mut self, count: usize) -> Option<Vec<Value>> {
        // The items are there, each of three bytes at least, so that the count is no empty promise.
        let mut items = Vec::with_capacity(count.min(self.frame.len() / 3 + 1));
        for _ in 0..count {
            items.push(self.build()?);
        }
        Some(items)
    }

    fn text(&mut self, line: &[u8], skip: usize) -> Option<Option<Bytes>> {
        let Some(length) = length(line, MAX_TEXT).ok()? else { return Some(None) };
        let start = self.position;
        self.position = start + length + 2;
        Some(Some(self.frame.slice(start + skip.min(length)..start + length)))
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn bulk(text: &'static str) -> Value {
        Value::Bulk(Bytes::from_static(text.as_bytes()))
    }

    fn parse(bytes: &[u8]) -> Result<Vec<Value>, Malformed> {
        let mut parser = Parser::default();
        parser.buffer().extend_from_slice(bytes);
        let mut values = Vec::new();
        while let Some(value) = parser.next_value()? {
            values.push(value);
        }
        Ok(values)
    }

    const ALL: &[u8] = b"+OK\r\n-ERR no\r\n:-9223372036854775808\r\n$5\r\nhe\r\nl\r\n$-1\r\n*-1\r\n_\r\n#t\r\n,1.5\r\n(123\r\n\
        =7\r\ntxt:abc\r\n!3\r\nBAD\r\n*2\r\n:1\r\n*1\r\n$0\r\n\r\n%1\r\n+k\r\n:2\r\n~1\r\n:3\r\n>1\r\n+pushed\r\n|1\r\n+a\r\n:1\r\n+after\r\n";

    fn expected() -> Vec<Value> {
        vec![
            bulk("OK"),
            Value::Error(Bytes::from_static(b"ERR no")),
            Value::Integer(i64::MIN),
            bulk("he\r\nl"),
            Value::Nil,
            Value::Nil,
            Value::Nil,
            Value::Integer(1),
            bulk("1.5"),
            bulk("123"),
            bulk("abc"),
            Value::Error(Bytes::from_static(b"BAD")),
            Value::Array(vec![Value::Integer(1), Value::Array(vec![bulk("")])]),
            Value::Array(vec![bulk("k"), Value::Integer(2)]),
            Value::Array(vec![Value::Integer(3)]),
            Value::Push(vec![bulk("pushed")]),
            bulk("after"),
        ]
    }

    #[test]
    fn every_kind_of_answer_is_read() {
        assert_eq!(parse(ALL), Ok(expected()));
    }

    #[test]
    fn answers_come_out_the_same_in_whatever_pieces_they_come() {
        for size in 1..ALL.len() {
            let mut parser = Parser::default();
            let mut values = Vec::new();
            for piece in ALL.chunks(size) {
                parser.buffer().extend_from_slice(piece);
                while let Some(value) = parser.next_value().expect("well formed") {
                    values.push(value);
                }
            }
            assert_eq!(values, expected(), "in pieces of {size}");
        }
    }

    #[test]
    fn what_cannot_be_right_is_refused_at_once() {
        let deep = b"*1\r\n".repeat(100);
        let line = vec![b'+'; MAX_LINE + 2];
        let cases: [&[u8]; 9] = [
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\x15\x03\x03\x00\x02\n",
            b"$99999999999\r\n",
            b"*99999999999\r\n",
            b"$-2\r\n",
            b":12a\r\n",
            b"$1\r\nabc",
            &deep,
            &line,
        ];
        for bytes in cases {
            assert!(parse(bytes).is_err(), "{}", bytes[..bytes.len().min(30)].escape_ascii());
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        fastrand::seed(7);
        for _ in 0..20_000 {
            let mut bytes = ALL.to_vec();
            for _ in 0..1 + fastrand::usize(..4) {
                let place = fastrand::usize(..bytes.len());
                match fastrand::u8(..3) {
                    0 => bytes[place] = fastrand::u8(..),
                    1 => drop(bytes.remove(place)),
                    _ => bytes.insert(place, *fastrand::choice(b"*$:+-0123456789\r\n").expect("not empty")),
                }
            }
            let _ = parse(&bytes);
        }
    }
}
