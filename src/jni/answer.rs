//! Answers as Java reads them, all numbers little-endian:
//!
//! | offset | type | what |
//! | --- | --- | --- |
//! | 0 | i32 | status |
//! | 4 | u32 | operation, 0 for none |
//! | 8 | u64 | a revision, a count, a size, or a pointer to a new handle |
//! | 16 | u64 | a pointer to a [`Large`] payload that Java fetches by a further call; 0 when it follows here |
//! | 24 | u32 | length of the payload that follows |
//! | 28 | u32 | 0 |
//! | 32 | | payload, padded to a multiple of 8 bytes |
//!
//! The payload is, of an error: length of the source (u32), source, message; of records and events: their flat form; of
//! statistics: eight numbers (u64); of a write of many: length (u64) of the first error, 0 for none, that error as above
//! padded to 8 bytes, then the outcomes as `LARDER_OPERATION_PUT_MANY` has them.

use crate::boundary::flat;
use crate::boundary::handle::{CursorHandle, WatchHandle};
use crate::boundary::operation::{Answer as Answered, OperationKind};
use crate::error::{Error, Result, Status};
use crate::ffi::queue::outcomes_flat;
use crate::ffi::store_write::status_of;
use crate::store::options::Outcome;
use crate::store::record::Record;
use crate::store::statistics::Statistics;

const HEADER: usize = 32;

/// An answer, header included, of at most this many bytes is given in one piece, unless it is a record; of a longer one
/// the payload is fetched.
const IN_ONE_PIECE: usize = super::slots::PART;

/// A record of at most this many bytes is given in one piece. What a longer one would be copied for more often costs more
/// than the further call that fetches it, and what many of them come to is an array that a collector treats as a burden.
const RECORD_IN_ONE_PIECE: usize = 1 << 10;

/// An answer for Java.
pub struct Answer {
    status: Status,
    operation: u32,
    number: u64,
    payload: Payload,
}

enum Payload {
    Nothing,
    Bytes(Vec<u8>),
    Record(Record),
    /// Too long for one piece.
    Values(Vec<Option<Record>>),
}

/// A payload that Java fetches.
pub enum Large {
    /// As it is.
    Bytes(Vec<u8>),
    /// A record that was read by its key.
    Record(Record),
    /// Records whose values were asked for.
    Values(Vec<Option<Record>>),
}

impl Answer {
    /// Done, with nothing to say.
    pub fn done() -> Answer {
        Answer::number(0)
    }

    /// Done, with a number or a pointer.
    pub fn number(number: u64) -> Answer {
        Answer { status: Status::OK, operation: 0, number, payload: Payload::Nothing }
    }

    /// Done, with bytes.
    pub fn bytes(bytes: Vec<u8>) -> Answer {
        Answer { payload: Payload::Bytes(bytes), ..Answer::done() }
    }

    /// Nothing came.
    pub fn not_found() -> Answer {
        Answer { status: Status::NOT_FOUND, ..Answer::done() }
    }

    /// A new handle, which Java will free.
    pub fn handle<T>(handle: T) -> Answer {
        Answer::number(Box::into_raw(Box::new(handle)) as u64)
    }

    /// A failure.
    pub fn error(error: &Error) -> Answer {
        Answer { status: error.status(), payload: Payload::Bytes(error_bytes(error)), ..Answer::done() }
    }

    /// What an operation of a store came to.
    pub fn of(operation: OperationKind, result: Result<Answered>) -> Answer {
        let mut answer = result
            .and_then(|answered| Answer::of_success(operation, answered))
            .unwrap_or_else(|error| Answer::error(&error));
        answer.operation = operation as u32;
        answer
    }

    fn of_success(operation: OperationKind, answered: Answered) -> Result<Answer> {
        Ok(match answered {
            Answered::Nothing => Answer::done(),
            Answered::Number(number) => Answer::number(number),
            Answered::Found(true) => Answer::done(),
            Answered::Found(false) | Answered::Record(None) => Answer::not_found(),
            Answered::Outcome(outcome) => {
                let (status, number) = status_of(outcome);
                Answer { status, ..Answer::number(number) }
            }
            Answered::Outcomes(outcomes) => Answer::bytes(outcomes_bytes(outcomes)),
            Answered::Record(Some(record)) => {
                Answer { payload: Payload::Record(record.clone()), ..Answer::number(record.revision()) }
            }
            Answered::Records(page) if page.is_empty() && operation == OperationKind::CursorNext => Answer::not_found(),
            Answered::Records(records) if operation == OperationKind::GetValues && is_long(&records) => {
                Answer { payload: Payload::Values(records), ..Answer::done() }
            }
            Answered::Records(records) => Answer::bytes(flat::records(&records)?),
            Answered::Events(told) if told.events().is_empty() => return Err(Error::closed("watch")),
            Answered::Events(told) => {
                // Where there is no memory for them they go back.
                let bytes = flat::events(told.events())?;
                drop(told.into_events());
                Answer::bytes(bytes)
            }
            Answered::Cursor(cursor) => Answer::handle(cursor),
            Answered::Watch(watch) => Answer::handle(watch),
            Answered::Statistics(counted) => Answer::bytes(statistics_bytes(counted)),
        })
    }

    /// The answer in its form for Java, appended to `target`. A payload too long for one piece is left behind, for Java
    /// to fetch.
    pub fn append_to(self, target: &mut Vec<u8>) {
        let (bytes, large) = match self.payload {
            Payload::Nothing => (Vec::new(), None),
            Payload::Bytes(bytes) if HEADER + bytes.len() <= IN_ONE_PIECE => (bytes, None),
            Payload::Bytes(bytes) => (Vec::new(), Some(Large::Bytes(bytes))),
            Payload::Record(record) if record.size() <= RECORD_IN_ONE_PIECE => {
                (flat::records(&[Some(record)]).unwrap_or_default(), None)
            }
            Payload::Record(record) => (Vec::new(), Some(Large::Record(record))),
            Payload::Values(records) => (Vec::new(), Some(Large::Values(records))),
        };
        let large = large.map_or(0, |large| Box::into_raw(Box::new(large)) as u64);
        target.reserve(HEADER + bytes.len() + 8);
        target.extend_from_slice(&self.status.0.to_le_bytes());
        target.extend_from_slice(&self.operation.to_le_bytes());
        target.extend_from_slice(&self.number.to_le_bytes());
        target.extend_from_slice(&large.to_le_bytes());
        target.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        target.extend_from_slice(&0u32.to_le_bytes());
        target.extend_from_slice(&bytes);
        target.resize(target.len().next_multiple_of(8), 0);
    }

    /// The answer in its form for Java.
    pub fn into_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append_to(&mut bytes);
        bytes
    }
}

impl Large {
    /// The payload in the form that it would have had in one piece.
    ///
    /// # Errors
    ///
    /// `OUT_OF_MEMORY`.
    pub fn into_payload(self) -> Result<Vec<u8>> {
        match self {
            Large::Bytes(bytes) => Ok(bytes),
            Large::Record(record) => flat::records(&[Some(record)]),
            Large::Values(records) => flat::records(&records),
        }
    }
}

/// Whether records are too many bytes for one piece.
fn is_long(records: &[Option<Record>]) -> bool {
    HEADER + flat::length_of_records(records) > IN_ONE_PIECE
}

/// Frees what answers in their form for Java point to; `before` bytes stand in front of each.
///
/// # Safety
///
/// [`Answer::append_to`] wrote them, and nobody has used their pointers or will.
pub unsafe fn free_answers(bytes: &[u8], before: usize) {
    let mut rest = bytes;
    while let Some((header, tail)) = rest.get(before..).and_then(|rest| rest.split_first_chunk::<HEADER>()) {
        let u32_at = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        // SAFETY: by this function's contract the pointers are those that `of_success` and `append_to` made.
        unsafe { free_pointers(u32_at(0) as i32, u32_at(4), u64_at(8), u64_at(16)) };
        rest = tail.get((u32_at(24) as usize).next_multiple_of(8)..).unwrap_or_default();
    }
}

/// # Safety
///
/// The numbers are those of one answer, whose pointers nobody uses.
unsafe fn free_pointers(status: i32, operation: u32, number: u64, large: u64) {
    let is_done = status == Status::OK.0;
    // SAFETY: by this function's contract; an answer that is done has a handle in its number exactly for these two
    // operations.
    unsafe {
        if large != 0 {
            drop(Box::from_raw(large as *mut Large));
        }
        if is_done && operation == OperationKind::Cursor as u32 {
            drop(Box::from_raw(number as *mut CursorHandle));
        }
        if is_done && operation == OperationKind::Watch as u32 {
            drop(Box::from_raw(number as *mut WatchHandle));
        }
    }
}

fn error_bytes(error: &Error) -> Vec<u8> {
    let (source, message) = (error.origin().as_bytes(), error.message().as_bytes());
    let mut bytes = Vec::with_capacity(4 + source.len() + message.len());
    bytes.extend_from_slice(&(source.len() as u32).to_le_bytes());
    bytes.extend_from_slice(source);
    bytes.extend_from_slice(message);
    bytes
}

fn outcomes_bytes(outcomes: Vec<Result<Outcome>>) -> Vec<u8> {
    let first = outcomes.iter().find_map(|outcome| outcome.as_ref().err());
    let mut error = first.map(error_bytes).unwrap_or_default();
    let mut bytes = (error.len() as u64).to_le_bytes().to_vec();
    error.resize(error.len().next_multiple_of(8), 0);
    bytes.append(&mut error);
    bytes.append(&mut outcomes_flat(outcomes).0);
    bytes
}

fn statistics_bytes(counted: Statistics) -> Vec<u8> {
    let Statistics { hits, misses, puts, removals, evictions, expirations, entries, bytes } = counted;
    let numbers = [hits, misses, puts, removals, evictions, expirations, entries, bytes];
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_status_source_and_message() {
        let bytes = Answer::of(OperationKind::Ping, Err(Error::closed("store"))).into_bytes();
        assert_eq!(bytes[..8], [252, 255, 255, 255, 17, 0, 0, 0]);
        assert_eq!(bytes.len() % 8, 0);
        assert_eq!(bytes[32..36], 5u32.to_le_bytes());
        assert!(bytes[36..].starts_with(b"storeit was closed"));
    }

    #[test]
    fn a_long_payload_is_left_behind_to_be_fetched() {
        let bytes = Answer::bytes(vec![7; IN_ONE_PIECE]).into_bytes();
        assert_eq!(bytes.len(), HEADER);
        let pointer = u64::from_le_bytes(bytes[16..24].try_into().expect("8 bytes"));
        // SAFETY: the answer made it, and nobody else takes it.
        let large = unsafe { Box::from_raw(pointer as *mut Large) };
        assert_eq!(large.into_payload().expect("memory"), vec![7; IN_ONE_PIECE]);
    }
}
