//! `larder_request_t`: an operation to submit to a queue.

use std::sync::Arc;
use std::time::Duration;

use super::cursor::larder_cursor_t;
use super::options::{
    larder_list_options_t, larder_put_options_t, larder_watch_options_t, list_options, put_options, watch_options,
};
use super::pointer::{bytes, handle, slice};
use super::store::larder_store_t;
use super::store_many::entries;
use super::watch::{larder_watch_t, positive};
use crate::boundary::flat::{split, split_keys};
use crate::boundary::operation::{Operation, OperationKind};
use crate::boundary::request::{Request, Target, expected_revision};
use crate::boundary::wait::timeout_from_ms;
use crate::error::{Error, Result};
use crate::store::given::{Given, Loan};
use crate::store::options::Condition;

/// Reads a record: key. Answers record; LARDER_NOT_FOUND without one.
pub const LARDER_OPERATION_GET: u32 = 1;
/// Reads many: keys. Answers records.
pub const LARDER_OPERATION_GET_MANY: u32 = 2;
/// Whether there is a record: key. Answers LARDER_OK or LARDER_NOT_FOUND.
pub const LARDER_OPERATION_CONTAINS: u32 = 3;
/// Writes: key, value, condition, revision, put. Answers the revision in number.
pub const LARDER_OPERATION_PUT: u32 = 4;
/// Writes many: keys, values, put and put_count. Answers LARDER_OK or the first other status, and bytes with, for each
/// record, its status (i32), 0 (u32) and revision (u64), little-endian.
pub const LARDER_OPERATION_PUT_MANY: u32 = 5;
/// Removes: key, condition, revision. Answers the revision in number.
pub const LARDER_OPERATION_REMOVE: u32 = 6;
/// Removes many: keys. Answers how many there were in number.
pub const LARDER_OPERATION_REMOVE_MANY: u32 = 7;
/// Restarts clocks: key, and the lifespan and max-idle in put. Answers LARDER_OK or LARDER_NOT_FOUND.
pub const LARDER_OPERATION_TOUCH: u32 = 8;
/// Lists: list. Answers records.
pub const LARDER_OPERATION_LIST: u32 = 9;
/// Opens a cursor: list. Answers cursor.
pub const LARDER_OPERATION_CURSOR: u32 = 10;
/// The next page: cursor, most. Answers records; LARDER_NOT_FOUND at the end.
pub const LARDER_OPERATION_CURSOR_NEXT: u32 = 11;
/// Removes all. Answers how many there were in number.
pub const LARDER_OPERATION_CLEAR: u32 = 12;
/// How many records there are, in number.
pub const LARDER_OPERATION_SIZE: u32 = 13;
/// Begins to watch: watch_options. Answers watch.
pub const LARDER_OPERATION_WATCH: u32 = 14;
/// The next events: watch, most. Answers events; LARDER_CLOSED at the end.
pub const LARDER_OPERATION_WATCH_NEXT: u32 = 15;
/// Counts. Answers bytes that hold a larder_statistics_t.
pub const LARDER_OPERATION_STATISTICS: u32 = 16;
/// Whether the store answers.
pub const LARDER_OPERATION_PING: u32 = 17;
/// Reads a value: key. As LARDER_OPERATION_GET, but expiry and metadata of the record may be missing, where the store
/// would have to ask for them.
pub const LARDER_OPERATION_GET_VALUE: u32 = 18;
/// Reads many values: keys. As LARDER_OPERATION_GET_MANY, but expiry and metadata may be missing.
pub const LARDER_OPERATION_GET_VALUES: u32 = 19;

/// A write whatever is there.
pub const LARDER_CONDITION_ALWAYS: u32 = 0;
/// A write if there is no record.
pub const LARDER_CONDITION_IF_ABSENT: u32 = 1;
/// A write or remove if the record has the revision.
pub const LARDER_CONDITION_IF_REVISION: u32 = 2;

/// A flag: the value is lent, not borrowed for the call only. It stays where it is, and as it is, until the request's
/// completion was drained, and the library reads it there instead of copying it, where that saves something: on Redis, from
/// 4 KiB to 1 MiB. For LARDER_OPERATION_PUT. A request that is cancelled, or whose queue is closed, completes as
/// soon as the library does not read the value any more, which no server can delay.
pub const LARDER_REQUEST_LENDS_VALUE: u64 = 1;

/// A request. What its operation does not name stays zero. All that it points to is borrowed for
/// larder_queue_submit only: the library copies what it needs. LARDER_REQUEST_LENDS_VALUE makes an exception.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct larder_request_t {
    /// sizeof(larder_request_t), the same in every request of an array.
    pub struct_size: usize,
    /// What the completion will carry; no two requests in flight on a queue have the same.
    pub id: u64,
    /// One of LARDER_OPERATION_*.
    pub operation: u32,
    /// One of LARDER_CONDITION_*.
    pub condition: u32,
    /// The store; not NULL but for LARDER_OPERATION_CURSOR_NEXT and LARDER_OPERATION_WATCH_NEXT.
    pub store: *const larder_store_t,
    /// The cursor of LARDER_OPERATION_CURSOR_NEXT.
    pub cursor: *const larder_cursor_t,
    /// The watch of LARDER_OPERATION_WATCH_NEXT.
    pub watch: *const larder_watch_t,
    /// The key, or the bytes of all keys one after the other.
    pub key: *const u8,
    /// Bytes of key.
    pub key_length: usize,
    /// The length of each key, for operations on many.
    pub key_lengths: *const u32,
    /// The value, or the bytes of all values one after the other.
    pub value: *const u8,
    /// Bytes of value.
    pub value_length: usize,
    /// The length of each value, for LARDER_OPERATION_PUT_MANY.
    pub value_lengths: *const u32,
    /// How many keys there are, for operations on many.
    pub count: usize,
    /// Options of writes: NULL, one, or for LARDER_OPERATION_PUT_MANY one for each record. Their deadline is not used.
    pub put: *const larder_put_options_t,
    /// How many put options there are.
    pub put_count: usize,
    /// The filter of a list or a cursor; may be NULL. Its deadline is not used.
    pub list: *const larder_list_options_t,
    /// The options of a watch; may be NULL. Their deadline is not used.
    pub watch_options: *const larder_watch_options_t,
    /// The expected revision of LARDER_CONDITION_IF_REVISION.
    pub revision: u64,
    /// How many records or events at most, for LARDER_OPERATION_CURSOR_NEXT and LARDER_OPERATION_WATCH_NEXT.
    pub most: usize,
    /// Milliseconds after which it completes with LARDER_TIMEOUT; 0 for never.
    pub timeout_ms: i64,
    /// Flags, LARDER_REQUEST_*; 0 for none.
    pub flags: u64,
    /// Zero.
    pub reserved: [u64; 3],
}

impl larder_request_t {
    /// # Safety
    ///
    /// All pointers are null or valid for their lengths.
    pub(super) unsafe fn check<'a>(&self) -> Result<(Request<'a>, Option<Duration>)> {
        let kind = OperationKind::from_number(self.operation)?;
        let timeout = timeout_from_ms(self.timeout_ms)?;
        self.check_flags(kind)?;
        // SAFETY: by this function's contract.
        let target = unsafe {
            match kind {
                OperationKind::CursorNext => {
                    let cursor = Arc::clone(handle(self.cursor, "cursor")?.0.cursor()?);
                    Target::Cursor(cursor, positive(self.most)?)
                }
                OperationKind::WatchNext => {
                    let watch = Arc::clone(handle(self.watch, "watch")?.0.watch()?);
                    Target::Watch(watch, positive(self.most)?)
                }
                _ => {
                    let store = Arc::clone(handle(self.store, "store")?.0.store()?);
                    Target::Store(store, self.operation(kind)?)
                }
            }
        };
        Ok((Request { kind, target }, timeout))
    }

    /// # Safety
    ///
    /// As [`larder_request_t::check`].
    unsafe fn operation<'a>(&self, kind: OperationKind) -> Result<Operation<'a>> {
        // SAFETY: by this function's contract.
        unsafe {
            Ok(match kind {
                OperationKind::Get => Operation::Get(self.one_key()?),
                OperationKind::GetMany => Operation::GetMany(self.keys()?),
                OperationKind::GetValue => Operation::GetValue(self.one_key()?),
                OperationKind::GetValues => Operation::GetValues(self.keys()?),
                OperationKind::Contains => Operation::Contains(self.one_key()?),
                OperationKind::Put => {
                    let (mut options, _) = put_options(self.put)?;
                    options.condition = self.condition()?;
                    Operation::Put(self.one_key()?, self.given_value()?, options)
                }
                OperationKind::PutMany => {
                    let lengths = slice(self.value_lengths, self.count, "value_lengths")?;
                    let values = split(bytes(self.value, self.value_length, "value")?, lengths, "value")?;
                    Operation::PutMany(entries(&self.keys()?, &values, self.put, self.put_count)?.0)
                }
                OperationKind::Remove => Operation::Remove(self.one_key()?, self.expected()?),
                OperationKind::RemoveMany => Operation::RemoveMany(self.keys()?),
                OperationKind::Touch => {
                    let (options, _) = put_options(self.put)?;
                    Operation::Touch(self.one_key()?, options.lifetime)
                }
                OperationKind::List => Operation::List(list_options(self.list)?.0),
                OperationKind::Cursor => Operation::Cursor(list_options(self.list)?.0),
                OperationKind::Clear => Operation::Clear,
                OperationKind::Size => Operation::Size,
                OperationKind::Watch => Operation::Watch(watch_options(self.watch_options)?.0),
                OperationKind::Statistics => Operation::Statistics,
                OperationKind::Ping => Operation::Ping,
                OperationKind::CursorNext | OperationKind::WatchNext => unreachable!("these have no store"),
            })
        }
    }

    fn check_flags(&self, kind: OperationKind) -> Result<()> {
        match self.flags {
            0 => Ok(()),
            LARDER_REQUEST_LENDS_VALUE if kind == OperationKind::Put => Ok(()),
            LARDER_REQUEST_LENDS_VALUE => {
                Err(Error::argument("requests.flags", "only LARDER_OPERATION_PUT is lent a value"))
            }
            other => Err(Error::argument("requests.flags", format!("{other:#x} is none of this version"))),
        }
    }

    /// # Safety
    ///
    /// As [`larder_request_t::check`].
    unsafe fn given_value<'a>(&self) -> Result<Given<'a>> {
        // SAFETY: by this function's contract.
        let value = unsafe { bytes(self.value, self.value_length, "value") }?;
        if self.flags & LARDER_REQUEST_LENDS_VALUE == 0 {
            return Ok(Given::Borrowed(value));
        }
        // SAFETY: by the flag's contract the bytes stay until the completion was drained, and the queue makes none before
        // the request's reply is gone.
        Ok(Given::Lent(unsafe { Loan::new(value) }))
    }

    /// # Safety
    ///
    /// As [`larder_request_t::check`].
    unsafe fn one_key<'a>(&self) -> Result<&'a [u8]> {
        // SAFETY: by this function's contract.
        unsafe { bytes(self.key, self.key_length, "key") }
    }

    /// # Safety
    ///
    /// As [`larder_request_t::check`].
    unsafe fn keys<'a>(&self) -> Result<Vec<&'a [u8]>> {
        // SAFETY: by this function's contract.
        unsafe { split_keys(self.one_key()?, slice(self.key_lengths, self.count, "key_lengths")?) }
    }

    fn condition(&self) -> Result<Condition> {
        condition_of(self.condition, self.revision)
    }

    fn expected(&self) -> Result<Option<u64>> {
        expected_revision(self.condition()?)
    }
}

/// The condition of a number.
///
/// # Errors
///
/// `INVALID_ARGUMENT` for a number that is none.
pub fn condition_of(condition: u32, revision: u64) -> Result<Condition> {
    match condition {
        LARDER_CONDITION_ALWAYS => Ok(Condition::Always),
        LARDER_CONDITION_IF_ABSENT => Ok(Condition::IfAbsent),
        LARDER_CONDITION_IF_REVISION => Ok(Condition::IfRevision(revision)),
        other => Err(Error::argument("condition", format!("{other} is none"))),
    }
}

// The header shows plain numbers; here is the proof that they are those of the operations.
const _: () = {
    assert!(LARDER_OPERATION_GET == OperationKind::Get as u32);
    assert!(LARDER_OPERATION_GET_MANY == OperationKind::GetMany as u32);
    assert!(LARDER_OPERATION_CONTAINS == OperationKind::Contains as u32);
    assert!(LARDER_OPERATION_PUT == OperationKind::Put as u32);
    assert!(LARDER_OPERATION_PUT_MANY == OperationKind::PutMany as u32);
    assert!(LARDER_OPERATION_REMOVE == OperationKind::Remove as u32);
    assert!(LARDER_OPERATION_REMOVE_MANY == OperationKind::RemoveMany as u32);
    assert!(LARDER_OPERATION_TOUCH == OperationKind::Touch as u32);
    assert!(LARDER_OPERATION_LIST == OperationKind::List as u32);
    assert!(LARDER_OPERATION_CURSOR == OperationKind::Cursor as u32);
    assert!(LARDER_OPERATION_CURSOR_NEXT == OperationKind::CursorNext as u32);
    assert!(LARDER_OPERATION_CLEAR == OperationKind::Clear as u32);
    assert!(LARDER_OPERATION_SIZE == OperationKind::Size as u32);
    assert!(LARDER_OPERATION_WATCH == OperationKind::Watch as u32);
    assert!(LARDER_OPERATION_WATCH_NEXT == OperationKind::WatchNext as u32);
    assert!(LARDER_OPERATION_STATISTICS == OperationKind::Statistics as u32);
    assert!(LARDER_OPERATION_PING == OperationKind::Ping as u32);
    assert!(LARDER_OPERATION_GET_VALUE == OperationKind::GetValue as u32);
    assert!(LARDER_OPERATION_GET_VALUES == OperationKind::GetValues as u32);
};
