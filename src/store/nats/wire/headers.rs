//! Headers of messages: written as a block, and looked up in one without a map being made.

use std::fmt::Write;

use bytes::Bytes;

const VERSION: &str = "NATS/1.0";

/// Headers of a message that will be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// The lines, each with its end.
    lines: String,
}

impl Headers {
    /// Adds a header. Line ends in its value, which would begin another one, are left out.
    pub fn insert(&mut self, name: &str, value: impl std::fmt::Display) {
        let start = self.lines.len();
        // Writing into a text cannot fail.
        let _ = write!(self.lines, "{name}: {value}");
        if self.lines[start..].contains(['\r', '\n']) {
            let line = self.lines.split_off(start);
            self.lines.extend(line.chars().filter(|c| !matches!(c, '\r' | '\n')));
        }
        self.lines.push_str("\r\n");
    }

    /// How many bytes they take on the wire.
    pub fn length(&self) -> usize {
        VERSION.len() + 2 + self.lines.len() + 2
    }

    /// Appends them as they stand on the wire.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(VERSION.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(self.lines.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// Headers as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block(Bytes);

impl Block {
    /// The headers in bytes; what is no header in them is passed by.
    pub fn new(bytes: Bytes) -> Block {
        Block(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The status in the first line, as `NATS/1.0 503` has one.
    pub fn status(&self) -> Option<u16> {
        self.after_version()?.split(' ').next()?.parse().ok()
    }

    /// What follows the status in the first line.
    pub fn description(&self) -> Option<&str> {
        let (_, text) = self.after_version()?.split_once(' ')?;
        Some(text.trim()).filter(|text| !text.is_empty())
    }

    /// The value of the last header of this name: where a server adds its own to those that somebody stored, they are last.
    pub fn get(&self, name: &str) -> Option<&str> {
        let lines = self.0.split(|byte| *byte == b'\n').skip(1);
        let values = lines.filter_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b":"));
        values.filter_map(|value| std::str::from_utf8(value).ok()).map(str::trim).last()
    }

    fn after_version(&self) -> Option<&str> {
        let line = self.0.split(|byte| *byte == b'\n').next()?;
        let rest = std::str::from_utf8(line).ok()?.strip_prefix(VERSION)?;
        Some(rest.strip_prefix(' ')?.trim())
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn headers_are_written_line_by_line_and_found_again() {
        let mut headers = Headers::default();
        headers.insert("A", 17);
        headers.insert("A-B", "two\r\nX: 1");
        let mut out = Vec::new();
        headers.write(&mut out);
        assert_eq!(out, b"NATS/1.0\r\nA: 17\r\nA-B: twoX: 1\r\n\r\n");
        assert_eq!(headers.length(), out.len());
        let block = Block::new(out.into());
        assert_eq!((block.get("A"), block.get("A-B"), block.get("X")), (Some("17"), Some("twoX: 1"), None));
        assert_eq!((block.status(), block.description()), (None, None));
    }

    #[test]
    fn of_two_headers_the_servers_own_which_is_behind_counts() {
        let block = Block::new(Bytes::from_static(b"NATS/1.0\r\nNats-Sequence: 9\r\nNats-Sequence: 1\r\n\r\n"));
        assert_eq!(block.get("Nats-Sequence"), Some("1"));
    }

    #[test]
    fn a_status_is_read_with_and_without_a_description() {
        let read = |text: &'static str| {
            let block = Block::new(Bytes::from_static(text.as_bytes()));
            (block.status(), block.description().map(str::to_owned))
        };
        assert_eq!(read("NATS/1.0 503\r\n\r\n"), (Some(503), None));
        assert_eq!(read("NATS/1.0 404 Message Not Found\r\n\r\n"), (Some(404), Some("Message Not Found".into())));
        assert_eq!(read("NATS/1.0   100  Idle\r\nA: b\r\n\r\n"), (Some(100), Some("Idle".into())));
        for text in ["", "NATS/1.0", "NATS/1.0 \r\n", "NATS/1.0 x y", "HTTP/1.1 200 OK", "NATS/1.0 99999999"] {
            assert_eq!(read(text).0, None, "{text}");
        }
    }
}
