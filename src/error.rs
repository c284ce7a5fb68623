//! Status codes and errors: the one place where a code gets its number.
//!
//! A code is an `i32`, the same in Rust, C, Go and Java. Zero is success, a positive code is an answer that is not an
//! error (there is no such record, the buffer is too small), a negative code is an error. A number is never reused.

use std::borrow::Cow;
use std::fmt;

/// What a call came to, as one number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Status(pub i32);

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        impl Status {
            $($(#[$doc])* pub const $name: Status = Status($code);)*

            /// Every status that has a name, by ascending absolute number within its kind.
            pub const ALL: &'static [(Status, &'static str, &'static str)] =
                &[$((Status($code), stringify!($name), $text),)*];
        }
    };
}

statuses! {
    /// Done.
    OK = 0, "done";
    /// There is no such record, or it has expired.
    NOT_FOUND = 1, "there is no such record";
    /// The caller's buffer is smaller than the value; the needed length was returned.
    BUFFER_TOO_SMALL = 2, "the buffer is smaller than the value";
    /// The record is there already, or its revision is another one than was expected.
    CONFLICT = 3, "the record's revision is another one than was expected";
    /// The answer needs input or output: submit the request, or use the blocking call.
    PENDING = 4, "the answer needs input or output";
    /// A fault inside Larder.
    INTERNAL = -1, "internal fault";
    /// An argument is null, out of range or not what it must be.
    INVALID_ARGUMENT = -2, "invalid argument";
    /// The configuration cannot be used.
    CONFIG = -3, "the configuration cannot be used";
    /// The handle was closed.
    CLOSED = -4, "closed";
    /// The deadline passed before the answer came.
    TIMEOUT = -5, "the deadline passed";
    /// The request was cancelled.
    CANCELLED = -6, "cancelled";
    /// Too many requests are in flight.
    BUSY = -7, "too many requests in flight";
    /// A key, value or batch is larger than the store takes.
    TOO_LARGE = -8, "too large";
    /// The store cannot do this.
    UNSUPPORTED = -9, "not supported by this store";
    /// The store cannot be reached.
    UNAVAILABLE = -10, "the store cannot be reached";
    /// A blocking call was made from inside one of Larder's callbacks.
    WOULD_DEADLOCK = -11, "a blocking call from inside a callback";
    /// The handle was made before a fork and is used in the child.
    FORKED = -12, "the handle belongs to the process that forked";
    /// Larder's own code panicked; the panic was caught at the boundary.
    PANIC = -13, "a panic was caught";
    /// Memory could not be had.
    OUT_OF_MEMORY = -14, "out of memory";
    /// A file or a socket failed.
    IO = -15, "input or output failed";
    /// Whether the write happened cannot be known.
    AMBIGUOUS = -16, "whether the write happened is not known";
    /// The store refused the credentials.
    AUTH = -17, "the credentials were refused";
    /// The configuration has no store of that name.
    NO_SUCH_STORE = -18, "the configuration has no such store";
    /// What the store holds under the key cannot be decoded.
    CORRUPT = -19, "the stored entry cannot be decoded";
}

impl Status {
    /// The code of a number that came over the boundary; an unknown negative one reads as `INTERNAL`.
    pub fn from_code(code: i32) -> Status {
        let known = Self::ALL.iter().any(|(status, ..)| status.0 == code);
        if known || code > 0 { Status(code) } else { Status::INTERNAL }
    }

    /// The constant's name, such as `NOT_FOUND`; `INTERNAL` for an unknown negative number, `UNKNOWN` for a positive.
    pub fn name(self) -> &'static str {
        self.entry().map_or("UNKNOWN", |entry| entry.1)
    }

    /// A sentence for people.
    pub fn text(self) -> &'static str {
        self.entry().map_or("an answer of a newer version", |entry| entry.2)
    }

    /// Whether this is an error: its number is negative.
    pub fn is_error(self) -> bool {
        self.0 < 0
    }

    /// Whether the same request can succeed later without any change.
    pub fn is_retryable(self) -> bool {
        matches!(self, Status::TIMEOUT | Status::BUSY | Status::UNAVAILABLE)
    }

    fn entry(self) -> Option<&'static (Status, &'static str, &'static str)> {
        let status = Self::from_code(self.0);
        Self::ALL.iter().find(|(known, ..)| *known == status)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

/// Why a call failed: the status, what was attempted on what, and what to do about it.
///
/// The message never holds a secret. The source names the setting, argument or store type that is at fault.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    status: Status,
    source: Cow<'static, str>,
    message: Cow<'static, str>,
}

/// A result with Larder's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of `status`, about `source` (a setting, an argument, a store type), that says `message`.
    pub fn new(status: Status, source: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Error {
        Error { status, source: source.into(), message: message.into() }
    }

    /// A call on something that was closed.
    pub fn closed(what: &'static str) -> Error {
        Error::new(Status::CLOSED, what, "it was closed; open it anew to go on")
    }

    /// An argument that cannot be used.
    pub fn argument(name: &'static str, message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Status::INVALID_ARGUMENT, name, message)
    }

    /// A setting that cannot be used.
    pub fn config(setting: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Status::CONFIG, setting, message)
    }

    /// The number and kind of the failure.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The setting, argument or store type at fault.
    pub fn origin(&self) -> &str {
        &self.source
    }

    /// What happened and what to do, without the source.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same request can succeed later without any change.
    pub fn is_retryable(&self) -> bool {
        self.status.is_retryable()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.source, self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {self}", self.status)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_negative_number_reads_as_internal() {
        assert_eq!(Status::from_code(-9999), Status::INTERNAL);
        assert_eq!(Status(-9999).name(), "INTERNAL");
    }

    #[test]
    fn no_number_is_used_twice() {
        let mut codes: Vec<i32> = Status::ALL.iter().map(|(status, ..)| status.0).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Status::ALL.len());
    }
}
