//! What a server answers.

use bytes::Bytes;

/// One answer, in the kinds that Larder tells apart. What RESP3 adds is folded into them: a map is an array of names and
/// values by turns, a set is an array, a boolean is 0 or 1, and numbers that are no integers stay text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// There is nothing.
    Nil,
    /// An integer.
    Integer(i64),
    /// A status such as `OK`, or a text.
    Bulk(Bytes),
    /// The server refused: its code and text.
    Error(Bytes),
    /// Several answers in one.
    Array(Vec<Value>),
    /// What the server says without having been asked.
    Push(Vec<Value>),
}

impl Value {
    /// The bytes of a text.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        self.as_bulk().map(|bytes| &**bytes)
    }

    /// The bytes of a text, to be shared.
    pub fn as_bulk(&self) -> Option<&Bytes> {
        match self {
            Value::Bulk(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// The integer, also of a text that is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            other => other.as_text()?.parse().ok(),
        }
    }

    /// The answers in an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(values) => Some(values),
            _ => None,
        }
    }

    /// The value under `name` in a map.
    pub fn field(&self, name: &str) -> Option<&Value> {
        let pairs = self.as_array()?.chunks_exact(2);
        pairs.into_iter().find(|pair| pair[0].as_bytes() == Some(name.as_bytes())).map(|pair| &pair[1])
    }

    /// The refusal, as text.
    pub fn as_error(&self) -> Option<&str> {
        match self {
            Value::Error(bytes) => Some(std::str::from_utf8(bytes).unwrap_or("an error that is no text")),
            _ => None,
        }
    }
}
