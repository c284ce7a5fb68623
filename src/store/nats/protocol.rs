//! JetStream on the wire: what requests and answers look like.

use bytes::Bytes;
use serde_json::Value;

use super::wire::Message;
use super::wire::json::{number, text};

/// The answer's code for what is not there.
const CODE_NOT_FOUND: u64 = 404;
/// The answer's code for what cannot be done now.
const UNAVAILABLE: u64 = 503;
/// Errors of the JetStream API by number, as the server's own list has them.
pub(super) const STREAM_NOT_FOUND: u64 = 10_059;
pub(super) const NO_MESSAGE: u64 = 10_037;
pub(super) const REPLICAS_UNSUPPORTED: u64 = 10_074;
pub(super) const NO_SUITABLE_PEERS: u64 = 10_005;
pub(super) const STREAM_NAME_IN_USE: u64 = 10_058;
pub(super) const WRONG_LAST_SEQUENCE: u64 = 10_071;
pub(super) const WRONG_LAST_SEQUENCE_CONSTANT: u64 = 10_164;
pub(super) const STREAM_STORE_FAILED: u64 = 10_077;
pub(super) const INSUFFICIENT_RESOURCES: u64 = 10_023;
pub(super) const MESSAGE_EXCEEDS_MAXIMUM: u64 = 10_054;
pub(super) const MESSAGE_TTL_DISABLED: u64 = 10_166;

/// The header that makes a write depend on the last sequence of its key.
pub(super) const EXPECTED_LAST: &str = "Nats-Expected-Last-Subject-Sequence";
/// The header with a message's lifespan, for the server.
pub(super) const TTL: &str = "Nats-TTL";
/// The header that marks a removal.
pub(super) const OPERATION: &str = "KV-Operation";
/// The header of a marker that the server wrote.
pub(super) const MARKER_REASON: &str = "Nats-Marker-Reason";
/// The header with the subject of a message that was asked for with others.
pub(super) const SUBJECT: &str = "Nats-Subject";
/// The header with a message's place in its stream.
const SEQUENCE: &str = "Nats-Sequence";
/// The header with the moment at which the server took a message.
const TIME_STAMP: &str = "Nats-Time-Stamp";
/// The header with the end of a record's lifespan (milliseconds since 1970), for Larder's readers.
pub(super) const EXPIRES: &str = "Larder-Expires";
/// The header with the name of a conditional write, 32 digits of base 16, in buckets on several servers.
pub(super) const WRITE: &str = "Larder-Write";

/// Why the JetStream API refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// A code as HTTP has them.
    pub code: u64,
    /// The server's own number of the error.
    pub number: u64,
    /// A sentence.
    pub description: String,
}

impl ApiError {
    /// Whether there would be servers enough if one that is away came back. Older servers give no reason.
    pub fn is_for_a_server_that_is_away(&self) -> bool {
        self.number == NO_SUITABLE_PEERS && self.description.contains("peer offline")
    }

    /// The error in an answer, if it is one.
    pub fn of(answer: &Value) -> Option<ApiError> {
        let error = answer.get("error")?;
        Some(ApiError {
            code: number(error, "code"),
            number: number(error, "err_code"),
            description: text(error, "description").to_owned(),
        })
    }

    /// Whether it says that there is no such stream.
    pub fn is_missing_stream(&self) -> bool {
        self.number == STREAM_NOT_FOUND
    }

    /// Whether it says that there is no such message.
    pub fn is_missing_message(&self) -> bool {
        self.number == NO_MESSAGE || (self.code == CODE_NOT_FOUND && !self.is_missing_stream())
    }

    /// Whether it says that the key's last sequence is another one than was expected.
    pub fn is_wrong_sequence(&self) -> bool {
        matches!(self.number, WRONG_LAST_SEQUENCE | WRONG_LAST_SEQUENCE_CONSTANT)
    }

    /// Whether it says that the server stepped down while it took a write (`raft: not leader`, without a number). Servers
    /// from 2.14 on are silent then.
    pub fn is_of_one_that_leads_no_more(&self) -> bool {
        self.code == UNAVAILABLE && self.number == 0
    }

    /// Whether it says that the bucket is full, by its own limits.
    pub fn is_for_a_full_bucket(&self) -> bool {
        self.number == STREAM_STORE_FAILED && self.description.contains("maximum")
    }

    /// Whether it says that no server stores a message of such a size.
    pub fn is_for_a_large_message(&self) -> bool {
        let is_too_large = self.number == STREAM_STORE_FAILED && self.description.contains("too large");
        self.number == MESSAGE_EXCEEDS_MAXIMUM || is_too_large
    }

    /// Whether the server may have failed by itself at what the bucket's servers had agreed on: until 2.12 its disk
    /// (`no space left on device`), until 2.11 its memory, and its store that is being closed.
    pub fn may_be_of_one_server_only(&self) -> bool {
        let is_of_store = self.number == STREAM_STORE_FAILED && !self.is_for_a_full_bucket();
        (is_of_store && !self.is_for_a_large_message()) || self.number == INSUFFICIENT_RESOURCES
    }

    /// The last sequence in an answer for a wrong one; it is not in one that is for another write of the key under way.
    pub fn last_sequence(&self) -> Option<u64> {
        self.description.rsplit_once(": ")?.1.parse().ok()
    }
}

/// What a publish was answered with: its sequence, or why not. `None` for bytes that are no such answer.
pub fn acknowledgement(payload: &[u8]) -> Option<Result<u64, ApiError>> {
    // An acknowledgement is short and always of one shape, `{"stream":"KV_x","seq":7}`, and there is one for each write.
    const SEQUENCE: &[u8] = b"\"seq\":";
    let is_error = payload.starts_with(b"{\"error\"");
    if !is_error && let Some(at) = payload.windows(SEQUENCE.len()).position(|window| window == SEQUENCE) {
        let digits = payload[at + SEQUENCE.len()..].iter().skip_while(|byte| **byte == b' ');
        let digits = digits.take_while(|byte| byte.is_ascii_digit());
        let sequence = digits.fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        if sequence != 0 {
            return Some(Ok(sequence));
        }
    }
    let answer: Value = serde_json::from_slice(payload).ok()?;
    ApiError::of(&answer).map(Err)
}

/// What kind of message lies under a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// A record.
    #[default]
    None,
    /// The mark of a removal.
    Removed,
    /// The mark that the server leaves where a lifespan ended.
    Expired,
}

/// What a message's headers say of the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Whether it is a record.
    pub mark: Mark,
    /// When it expires, in milliseconds since 1970, for Larder's readers; 0 for never.
    pub expires_unix_ms: u64,
    /// How long the server keeps it, in milliseconds from when it was written; 0 for ever.
    pub ttl_ms: u64,
    /// The last sequence of its key that it depended on.
    pub expected: Option<u64>,
    /// The name of the conditional write that made it; 0 where it has none.
    pub write: u128,
}

impl Marks {
    /// Notes one header.
    fn note(&mut self, name: &str, value: &str) {
        match name {
            OPERATION if matches!(value, "DEL" | "PURGE") => self.mark = Mark::Removed,
            MARKER_REASON => self.mark = if value == "MaxAge" { Mark::Expired } else { Mark::Removed },
            EXPIRES => self.expires_unix_ms = value.parse().unwrap_or(0),
            TTL => self.ttl_ms = ttl_ms(value),
            EXPECTED_LAST => self.expected = value.parse().ok(),
            WRITE => self.write = u128::from_str_radix(value, 16).unwrap_or(0),
            _ => {}
        }
    }

    /// Of a message's headers.
    pub fn of(message: &Message) -> Marks {
        message.headers.as_ref().map_or_else(Marks::default, |headers| Marks::of_block(headers.as_bytes()))
    }

    /// Of headers as they stand on the wire.
    pub fn of_block(block: &[u8]) -> Marks {
        let mut marks = Marks::default();
        for line in String::from_utf8_lossy(block).lines() {
            if let Some((name, value)) = line.split_once(':') {
                marks.note(name, value.trim());
            }
        }
        marks
    }
}

/// Whole seconds, or a duration as Go writes it; 0 for `never` and for what is none.
fn ttl_ms(text: &str) -> u64 {
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.saturating_mul(1000);
    }
    crate::config::duration::parse(text).map_or(0, |duration| duration.as_millis() as u64)
}

/// A message of a bucket.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its place in the stream, which is the record's revision.
    pub sequence: u64,
    /// When the server took it, in milliseconds since 1970; 0 where the answer did not say.
    pub time_unix_ms: u64,
    /// What its headers say.
    pub marks: Marks,
    /// Its body.
    pub body: Bytes,
}

impl Stored {
    /// The message that a direct get answered with; `None` when it is no such answer.
    pub fn of_direct(message: Message) -> Option<Stored> {
        let sequence = message.header(SEQUENCE)?.parse().ok()?;
        let time_unix_ms = message.header(TIME_STAMP).map_or(0, unix_ms);
        Some(Stored { sequence, time_unix_ms, marks: Marks::of(&message), body: message.payload })
    }

    /// The message in the leader's answer; `None` when it is no such answer.
    pub fn of_leader(answer: &Value) -> Option<Stored> {
        let message = answer.get("message")?;
        let decode = |key: &str| base64_simd::STANDARD.decode_to_vec(text(message, key)).ok();
        let marks = Marks::of_block(&decode("hdrs")?);
        let time = unix_ms(text(message, "time"));
        Some(Stored { sequence: number(message, "seq"), time_unix_ms: time, marks, body: decode("data")?.into() })
    }
}

/// What the reply subject of a delivered message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The message's place in the stream.
    pub stream_sequence: u64,
    /// Its place among what this consumer was sent.
    pub consumer_sequence: u64,
    /// When the server took it, in milliseconds since 1970.
    pub time_unix_ms: u64,
    /// How many more there are now.
    pub pending: u64,
}

impl Delivery {
    /// Reads `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<nanoseconds>.<pending>`, or
    /// the longer form that has domain and account after `ACK`.
    pub fn parse(reply: &str) -> Option<Delivery> {
        let tokens: Vec<&str> = reply.split('.').collect();
        let skipped = match tokens.len() {
            9 => 0,
            11.. => 2,
            _ => return None,
        };
        if tokens[..2] != ["$JS", "ACK"] {
            return None;
        }
        let number = |place: usize| tokens.get(place + skipped)?.parse::<u64>().ok();
        Some(Delivery {
            stream_sequence: number(5)?,
            consumer_sequence: number(6)?,
            time_unix_ms: number(7)? / 1_000_000,
            pending: number(8)?,
        })
    }
}

/// Milliseconds since 1970 of a moment as RFC 3339 writes it; 0 for what is none.
pub fn unix_ms(text: &str) -> u64 {
    parse_time(text).unwrap_or(0)
}

fn parse_time(text: &str) -> Option<u64> {
    let field = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
    };
    let milliseconds = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let milliseconds = milliseconds.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let offset_minutes = match zone.as_bytes() {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), ..] => {
            let minutes = zone.get(1..3)?.parse::<i64>().ok()? * 60 + zone.get(4..6)?.parse::<i64>().ok()?;
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    let days = days_since_1970(year, month, day);
    let seconds = ((days * 24 + hour) * 60 + minute - offset_minutes) * 60 + second;
    u64::try_from(seconds * 1000 + milliseconds).ok()
}

/// Days from 1970-01-01 in the Gregorian calendar. Years are counted from March, so that a leap day ends one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_away_is_told_from_one_that_is_not_there() {
        let is_away = |number, description: &str| {
            ApiError { code: 400, number, description: description.to_owned() }.is_for_a_server_that_is_away()
        };
        assert!(is_away(NO_SUITABLE_PEERS, "no suitable peers for placement, peer offline"));
        assert!(!is_away(NO_SUITABLE_PEERS, "no suitable peers for placement"));
        assert!(!is_away(REPLICAS_UNSUPPORTED, "replicas > 1 not supported in non-clustered mode"));
    }

    #[test]
    fn a_refusal_says_what_the_last_sequence_is_or_nothing() {
        let last = |number, description: &str| {
            ApiError { code: 400, number, description: description.to_owned() }.last_sequence()
        };
        assert_eq!(last(WRONG_LAST_SEQUENCE, "wrong last sequence: 17"), Some(17));
        assert_eq!(last(WRONG_LAST_SEQUENCE, "wrong last sequence: ?"), None);
        assert_eq!(last(WRONG_LAST_SEQUENCE_CONSTANT, "wrong last sequence"), None);
    }

    #[test]
    fn acknowledgements_and_refusals_are_told_apart() {
        type Case<'a> = (&'a [u8], Option<Result<u64, u64>>);
        let expected: [Case<'_>; 5] = [
            (br#"{"stream":"KV_x","seq":7}"#, Some(Ok(7))),
            (br#"{"stream":"KV_x","domain":"d","seq": 18446744073709551615,"duplicate":true}"#, Some(Ok(u64::MAX))),
            (
                br#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 3"},"seq":0}"#,
                Some(Err(10_071)),
            ),
            (br#"{"stream":"KV_x","seq":0}"#, None),
            (b"+OK", None),
        ];
        for (payload, answer) in expected {
            let parsed = acknowledgement(payload).map(|result| result.map_err(|error| error.number));
            assert_eq!(parsed, answer, "{}", payload.escape_ascii());
        }
    }

    #[test]
    fn moments_are_milliseconds_since_1970() {
        let expected = [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:34:56.7Z", 951_827_696_700),
            ("2026-11-23T03:02:23.123456789Z", 1_795_402_943_123),
            ("2026-11-23T04:02:23.1239+01:00", 1_795_402_943_123),
            ("1969-12-31T23:00:00-01:30", 1_800_000),
            ("", 0),
            ("yesterday", 0),
            ("2026-11-23T04:02:23", 0),
        ];
        for (text, ms) in expected {
            assert_eq!(unix_ms(text), ms, "{text}");
        }
    }

    #[test]
    fn a_delivery_is_read_in_both_of_its_forms() {
        let expected =
            Delivery { stream_sequence: 5, consumer_sequence: 2, time_unix_ms: 1_700_000_000_123, pending: 9 };
        for reply in
            ["$JS.ACK.KV_x.c.1.5.2.1700000000123456789.9", "$JS.ACK.hub.hash.KV_x.c.1.5.2.1700000000123456789.9.rand"]
        {
            assert_eq!(Delivery::parse(reply), Some(expected), "{reply}");
        }
        for reply in ["", "$JS.ACK.a.b.c", "$JS.ACK.KV_x.c.1.x.2.3.9", "a.b.c.d.e.f.g.h.i"] {
            assert_eq!(Delivery::parse(reply), None, "{reply}");
        }
    }

    #[test]
    fn headers_say_what_a_message_is() {
        let marks = Marks::of_block(b"NATS/1.0\r\nKV-Operation: DEL\r\nNats-TTL: 1m30s\r\nLarder-Expires: 17\r\n\r\n");
        assert_eq!(marks, Marks { mark: Mark::Removed, expires_unix_ms: 17, ttl_ms: 90_000, ..Marks::default() });
        let of_write = b"NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: 7\r\nLarder-Write: 00ff\r\n\r\n";
        assert_eq!(Marks::of_block(of_write), Marks { expected: Some(7), write: 255, ..Marks::default() });
        assert_eq!(Marks::of_block(b"NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\n\r\n").mark, Mark::Expired);
        assert_eq!(Marks::of_block(b"\xff\xfe").mark, Mark::None);
        assert_eq!((ttl_ms("5"), ttl_ms("never"), ttl_ms("2s")), (5000, 0, 2000));
    }
}
