//! Names and keys of any bytes in the letters that every engine takes (`larder` format).
//!
//! | what | how it is written |
//! | --- | --- |
//! | ASCII letters, digits, `_`, `-` | as they are |
//! | any other byte | `=` and two upper case hexadecimal digits |
//! | NATS key | `t<table>.k<key>`, both escaped |
//! | Redis key | `larder:<database>:<table>:`, both escaped, then the key as it is |
//!
//! The escape is one-to-one: each text is read back to one name, and a text that no name is written as is refused. No
//! escaped name holds the `.` or `:` that ends it, so that no two records share a key whatever bytes they are of.

/// `bytes` with all but ASCII letters, digits, `_` and `-` written as `=` and two upper case hexadecimal digits.
pub fn escape(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if is_plain(*byte) {
            text.push(char::from(*byte));
        } else {
            text.push('=');
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 0xf)]));
        }
    }
    text
}

/// What [`escape`] made `text` of; `None` for a text that it never makes.
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = match first {
            b'=' => {
                let (digits, tail) = tail.split_at_checked(2)?;
                let byte = nibble(digits[0])? << 4 | nibble(digits[1])?;
                if is_plain(byte) {
                    return None;
                }
                bytes.push(byte);
                tail
            }
            byte if is_plain(*byte) => {
                bytes.push(*byte);
                tail
            }
            _ => return None,
        };
    }
    Some(bytes)
}

/// The NATS key of a record: `t<table>.k<key>`, both escaped, so that no two pairs share one.
pub fn encode_nats_key(table: &str, key: &[u8]) -> String {
    format!("t{}.k{}", escape(table.as_bytes()), escape(key))
}

/// The record's key in a NATS key of this table.
pub fn decode_nats_key(table: &str, nats_key: &str) -> Option<Vec<u8>> {
    let (named, key) = nats_key.strip_prefix('t')?.split_once(".k")?;
    if named != escape(table.as_bytes()) {
        return None;
    }
    unescape(key)
}

/// What every Redis key of a database and table begins with; the record's key follows as it is. No prefix is the
/// beginning of another one.
pub fn redis_prefix(database: &str, table: &str) -> Vec<u8> {
    format!("larder:{}:{}:", escape(database.as_bytes()), escape(table.as_bytes())).into_bytes()
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_read_back_from_letters_that_a_nats_key_may_have() {
        let all: Vec<u8> = (0..=255).collect();
        let text = escape(&all);
        assert!(text.bytes().all(|byte| is_plain(byte) || byte == b'='), "{text}");
        assert_eq!(unescape(&text), Some(all));
        assert_eq!(escape(b"a.b/c=\xff"), "a=2Eb=2Fc=3D=FF");
    }

    #[test]
    fn a_text_that_no_name_is_written_as_is_refused() {
        for text in ["=", "=4", "=41", "=5F", "=2e", "=G0", "a.b", "a b", "é", "=2", "a=", "=2\u{e9}"] {
            assert_eq!(unescape(text), None, "{text}");
        }
    }

    #[test]
    fn a_nats_key_belongs_to_one_table_and_key() {
        assert_eq!(encode_nats_key("a.b", b"k.\xff"), "ta=2Eb.kk=2E=FF");
        assert_eq!(encode_nats_key("", b""), "t.k");
        assert_eq!(decode_nats_key("a.b", "ta=2Eb.kk=2E=FF"), Some(b"k.\xff".to_vec()));
        for (table, nats_key) in [("a", "ta=2Eb.kx"), ("", "ta.kx"), ("a", "a.kx"), ("a", "ta.x"), ("a", "ta.kx.y")] {
            assert_eq!(decode_nats_key(table, nats_key), None, "{table} {nats_key}");
        }
    }

    #[test]
    fn no_redis_prefix_is_the_beginning_of_another() {
        assert_eq!(redis_prefix("d:1", "t"), b"larder:d=3A1:t:");
        let names = ["", "a", "ab", "a:", ":", "b", "a:b"];
        let prefixes: Vec<Vec<u8>> =
            names.iter().flat_map(|database| names.iter().map(|table| redis_prefix(database, table))).collect();
        for (at, one) in prefixes.iter().enumerate() {
            assert!(prefixes.iter().enumerate().all(|(place, other)| place == at || !other.starts_with(one)));
        }
    }
}
