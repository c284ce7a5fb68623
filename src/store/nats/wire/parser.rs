//! Frames out of a stream of bytes, in whatever pieces they come.
//!
//! A message is built only once it is whole, and is then views of the bytes that were read. What cannot be right (a line
//! without an end, a length over the limit) is an error at once: it is never waited for, and nothing is allocated because
//! a length says so.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::headers::Block;
use super::message::{Message, Subject};
use crate::store::remote::incoming::Incoming;

/// The longest line, in bytes. The longest that comes is a server's description in a large cluster.
const MAX_LINE: usize = 1 << 18;
/// The largest message, in bytes: a server's largest is 64 MiB, and a leader's answer has it in base64.
const MAX_MESSAGE: usize = 1 << 27;

/// Why bytes are no frames of a NATS server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

const FOREIGN: Malformed = Malformed("bytes that are no NATS; is it a NATS server, and is TLS set as it wants?");

/// What a server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Its description of itself, as JSON.
    Info(Bytes),
    /// A message for the subscription of this number.
    Message(u64, Message),
    /// It asks whether we are there.
    Ping,
    /// It says that it is there.
    Pong,
    /// It has taken a command.
    Ok,
    /// It complains; the text without its quotes.
    Error(Bytes),
}

/// Takes frames out of what was read.
#[derive(Debug, Default)]
pub struct Parser {
    buffer: Incoming,
    /// Fewer bytes than this hold no whole frame.
    needed: usize,
    /// So many bytes hold no line's end.
    scanned: usize,
}

/// A message's line, with where its parts lie.
struct Head {
    number: u64,
    subject: Range<usize>,
    reply: Option<Range<usize>>,
    headers: usize,
    whole: usize,
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

    /// Whether there is nothing that was read and not taken.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The next frame; `None` until more bytes have come.
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes; the connection cannot be used further.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Malformed> {
        if self.buffer.len() < self.needed {
            return Ok(None);
        }
        let Some(end) = self.line_end()? else { return Ok(None) };
        let line = &self.buffer[..end - 2];
        let frame = match line {
            [b'M', b'S', b'G', b' ' | b'\t', ..] => return self.message(end, head(line, 4, false)?),
            [b'H', b'M', b'S', b'G', b' ' | b'\t', ..] => return self.message(end, head(line, 5, true)?),
            b"PING" => Frame::Ping,
            b"PONG" => Frame::Pong,
            b"+OK" => Frame::Ok,
            [b'I', b'N', b'F', b'O', b' ' | b'\t', ..] => {
                return Ok(Some(Frame::Info(self.take(end).slice(5..end - 2))));
            }
            [b'-', b'E', b'R', b'R', ..] => {
                let bytes = self.take(end);
                let text = bytes[4..end - 2].trim_ascii();
                let text = text.strip_prefix(b"'").unwrap_or(text);
                return Ok(Some(Frame::Error(bytes.slice_ref(text.strip_suffix(b"'").unwrap_or(text)))));
            }
            _ => return Err(FOREIGN),
        };
        self.take(end);
        Ok(Some(frame))
    }

    /// Where the first line ends, with its end.
    fn line_end(&mut self) -> Result<Option<usize>, Malformed> {
        let first = self.buffer.first();
        if first.is_some_and(|byte| !b"MHPI+-".contains(byte)) {
            return Err(FOREIGN);
        }
        let window = &self.buffer[..self.buffer.len().min(MAX_LINE)];
        match window[self.scanned..].iter().position(|byte| *byte == b'\n') {
            Some(place) => {
                let end = self.scanned + place + 1;
                if end < 2 || window[end - 2] != b'\r' {
                    return Err(Malformed("a line without its end"));
                }
                Ok(Some(end))
            }
            None if window.len() == MAX_LINE => Err(Malformed("a line without an end")),
            None => {
                self.scanned = window.len();
                Ok(None)
            }
        }
    }

    fn message(&mut self, line: usize, head: Head) -> Result<Option<Frame>, Malformed> {
        let end = line + head.whole;
        if self.buffer.len() < end + 2 {
            self.needed = end + 2;
            self.scanned = 0;
            return Ok(None);
        }
        if &self.buffer[end..end + 2] != b"\r\n" {
            return Err(Malformed("a message that is longer than it said"));
        }
        let bytes = self.take(end + 2);
        let subject = |range: Range<usize>| Subject::of_wire(bytes.slice(range));
        let body = line + head.headers;
        let message = Message {
            subject: subject(head.subject),
            reply: head.reply.map(subject),
            headers: (head.headers > 0).then(|| Block::new(bytes.slice(line..body))),
            payload: bytes.slice(body..end),
        };
        Ok(Some(Frame::Message(head.number, message)))
    }

    fn take(&mut self, length: usize) -> Bytes {
        (self.needed, self.scanned) = (0, 0);
        self.buffer.take(length)
    }
}

/// Reads `<subject> <number> [reply] [length of the headers] <length>` from `from` on.
fn head(line: &[u8], from: usize, has_headers: bool) -> Result<Head, Malformed> {
    let mut words: [Range<usize>; 5] = Default::default();
    let (mut count, mut at) = (0, from);
    loop {
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        at += line[at..].iter().take_while(|byte| is_blank(byte)).count();
        let length = line[at..].iter().take_while(|byte| !is_blank(byte)).count();
        if length == 0 {
            break;
        }
        *words.get_mut(count).ok_or(Malformed("a message with too many words in its line"))? = at..at + length;
        count += 1;
        at += length;
    }
    let lengths = if has_headers { 2 } else { 1 };
    let reply = match count.checked_sub(2 + lengths) {
        Some(0) => None,
        Some(1) => Some(words[2].clone()),
        _ => return Err(Malformed("a message with too few or too many words in its line")),
    };
    let number_at = |place: usize| number(&line[words[place].clone()]);
    let whole = number_at(count - 1)?;
    let headers = if has_headers { number_at(count - 2)? } else { 0 };
    if whole > MAX_MESSAGE as u64 || headers > whole {
        return Err(Malformed("a length beyond every limit"));
    }
    let subject = words[0].clone();
    Ok(Head { number: number_at(1)?, subject, reply, headers: headers as usize, whole: whole as usize })
}

fn number(digits: &[u8]) -> Result<u64, Malformed> {
    let number = digits.iter().try_fold(0_u64, |sum, digit| {
        let value = digit.checked_sub(b'0').filter(|value| *value < 10)?;
        sum.checked_mul(10)?.checked_add(u64::from(value))
    });
    number.filter(|_| !digits.is_empty()).ok_or(Malformed("a number that is none"))
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::store::remote::incoming::MOST_AHEAD;

    fn parse(pieces: &[&[u8]]) -> Result<Vec<Frame>, Malformed> {
        let mut parser = Parser::default();
        let mut frames = Vec::new();
        for piece in pieces {
            parser.buffer().extend_from_slice(piece);
            while let Some(frame) = parser.next_frame()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    const ALL: &[u8] = b"INFO {\"server_name\":\"n\"} \r\nPING\r\nPONG\r\n+OK\r\n-ERR 'Stale Connection'\r\n-ERR x\r\n\
        MSG a.b 7 2\r\n\r\n\r\nMSG a 8 _INBOX.x.1 0\r\n\r\nHMSG a\t9  12 12\r\nNATS/1.0\r\n\r\n\r\n\
        HMSG a 1 r 19 23\r\nNATS/1.0 503 No\r\n\r\n\xffMSG\r\nPONG\r\n";

    fn message(
        number: u64,
        subject: &str,
        reply: Option<&str>,
        headers: Option<&'static str>,
        body: &'static [u8],
    ) -> Frame {
        let headers = headers.map(|text| Block::new(Bytes::from_static(text.as_bytes())));
        let message = Message {
            subject: subject.into(),
            reply: reply.map(Subject::from),
            headers,
            payload: Bytes::from_static(body),
        };
        Frame::Message(number, message)
    }

    fn expected() -> Vec<Frame> {
        vec![
            Frame::Info(Bytes::from_static(b"{\"server_name\":\"n\"} ")),
            Frame::Ping,
            Frame::Pong,
            Frame::Ok,
            Frame::Error(Bytes::from_static(b"Stale Connection")),
            Frame::Error(Bytes::from_static(b"x")),
            message(7, "a.b", None, None, b"\r\n"),
            message(8, "a", Some("_INBOX.x.1"), None, b""),
            message(9, "a", None, Some("NATS/1.0\r\n\r\n"), b""),
            message(1, "a", Some("r"), Some("NATS/1.0 503 No\r\n\r\n"), b"\xffMSG"),
            Frame::Pong,
        ]
    }

    #[test]
    fn every_kind_of_frame_is_read() {
        assert_eq!(parse(&[ALL]), Ok(expected()));
    }

    #[test]
    fn frames_come_out_the_same_wherever_the_bytes_are_cut() {
        for at in 0..=ALL.len() {
            assert_eq!(parse(&[&ALL[..at], &ALL[at..]]), Ok(expected()), "cut at {at}");
        }
        for size in 1..ALL.len() {
            let pieces: Vec<&[u8]> = ALL.chunks(size).collect();
            assert_eq!(parse(&pieces), Ok(expected()), "in pieces of {size}");
        }
    }

    #[test]
    fn what_cannot_be_right_is_refused_at_once() {
        let line = [&b"-ERR "[..], &vec![b'x'; MAX_LINE]].concat();
        let cases: [&[u8]; 16] = [
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\x15\x03\x03",
            b"\r\n",
            b"PING\n",
            b"PINGS\r\n",
            b"MSG a 1\r\n",
            b"MSG a 1 r s 0\r\n",
            b"MSG a x 0\r\n",
            b"MSG a 1 -1\r\n",
            b"MSG a 1 999999999999\r\n",
            b"MSG a 1 99999999999999999999\r\n",
            b"HMSG a 1 3 2\r\n",
            b"HMSG a 1 0\r\n",
            b"MSG a 1 1\r\nabc",
            b"MSG \r\n",
            &line,
        ];
        for bytes in cases {
            assert!(parse(&[bytes]).is_err(), "{}", bytes[..bytes.len().min(40)].escape_ascii());
        }
    }

    #[test]
    fn room_is_made_for_what_a_length_says_only_as_it_comes() {
        let mut parser = Parser::default();
        parser.buffer().extend_from_slice(b"MSG a 1 134217728\r\n");
        assert_eq!(parser.next_frame(), Ok(None));
        assert!(parser.buffer().capacity() <= 4 * MOST_AHEAD);
    }

    #[test]
    fn a_subject_that_is_no_text_is_some_other_subject() {
        let frames = parse(&[b"MSG a\xff 1 0\r\n\r\n"]).expect("well formed");
        assert_eq!(frames, [message(1, "a\u{fffd}", None, None, b"")]);
    }
}
