//! The operations that can be submitted to a queue: their numbers, their arguments, their answers.

use std::sync::Arc;

use super::handle::{CursorHandle, WatchHandle};
use super::reading::Told;
use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::given::Given;
use crate::store::options::{Entry, Lifetime, ListOptions, Outcome, PutOptions, WatchOptions};
use crate::store::record::Record;
use crate::store::reply::Reply;
use crate::store::statistics::Statistics;

/// The number of an operation over the boundary; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
#[allow(missing_docs, reason = "each is the method of Store of that name")]
pub enum OperationKind {
    Get = 1,
    GetMany = 2,
    Contains = 3,
    Put = 4,
    PutMany = 5,
    Remove = 6,
    RemoveMany = 7,
    Touch = 8,
    List = 9,
    Cursor = 10,
    CursorNext = 11,
    Clear = 12,
    Size = 13,
    Watch = 14,
    WatchNext = 15,
    Statistics = 16,
    Ping = 17,
    GetValue = 18,
    GetValues = 19,
}

impl OperationKind {
    /// The operation of a number.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for a number that this version does not know.
    pub fn from_number(number: u32) -> Result<OperationKind> {
        const ALL: [OperationKind; 19] = [
            OperationKind::Get,
            OperationKind::GetMany,
            OperationKind::Contains,
            OperationKind::Put,
            OperationKind::PutMany,
            OperationKind::Remove,
            OperationKind::RemoveMany,
            OperationKind::Touch,
            OperationKind::List,
            OperationKind::Cursor,
            OperationKind::CursorNext,
            OperationKind::Clear,
            OperationKind::Size,
            OperationKind::Watch,
            OperationKind::WatchNext,
            OperationKind::Statistics,
            OperationKind::Ping,
            OperationKind::GetValue,
            OperationKind::GetValues,
        ];
        ALL.into_iter()
            .find(|kind| *kind as u32 == number)
            .ok_or_else(|| Error::argument("operation", format!("{number} is no operation of this version")))
    }
}

impl OperationKind {
    /// Whether it changes something.
    pub fn writes(self) -> bool {
        matches!(self, OperationKind::Put | OperationKind::Remove | OperationKind::Touch) || self.writes_many()
    }

    /// Whether it changes more than one record.
    pub fn writes_many(self) -> bool {
        matches!(self, OperationKind::PutMany | OperationKind::RemoveMany | OperationKind::Clear)
    }
}

/// An operation with its arguments, borrowed until it was started.
pub enum Operation<'a> {
    /// [`Store::get`].
    Get(&'a [u8]),
    /// [`Store::get_many`].
    GetMany(Vec<&'a [u8]>),
    /// [`Store::get_value`].
    GetValue(&'a [u8]),
    /// [`Store::get_values`].
    GetValues(Vec<&'a [u8]>),
    /// [`Store::contains`].
    Contains(&'a [u8]),
    /// [`Store::put_given`].
    Put(&'a [u8], Given<'a>, PutOptions),
    /// [`Store::put_many`].
    PutMany(Vec<Entry<'a>>),
    /// [`Store::remove`].
    Remove(&'a [u8], Option<u64>),
    /// [`Store::remove_many`].
    RemoveMany(Vec<&'a [u8]>),
    /// [`Store::touch`].
    Touch(&'a [u8], Lifetime),
    /// [`Store::list`].
    List(ListOptions),
    /// [`Store::cursor`].
    Cursor(ListOptions),
    /// [`Store::clear`].
    Clear,
    /// [`Store::size`].
    Size,
    /// [`Store::watch`].
    Watch(WatchOptions),
    /// [`Store::statistics`].
    Statistics,
    /// [`Store::ping`].
    Ping,
}

/// What an operation answered.
pub enum Answer {
    /// Done, with nothing to say.
    Nothing,
    /// A count.
    Number(u64),
    /// Yes or no.
    Found(bool),
    /// Of a write.
    Outcome(Outcome),
    /// Of many writes.
    Outcomes(Vec<Result<Outcome>>),
    /// Of a read.
    Record(Option<Record>),
    /// Of a read of many.
    Records(Vec<Option<Record>>),
    /// Of a watch.
    Events(Told),
    /// A new cursor.
    Cursor(CursorHandle),
    /// A new watch.
    Watch(WatchHandle),
    /// Counts.
    Statistics(Statistics),
}

/// Starts an operation on `store`, which the reply keeps alive.
pub fn start(store: Arc<dyn Store>, operation: Operation<'_>) -> Reply<Answer> {
    match operation {
        Operation::Get(key) => keeping(store.get(key), store, Answer::Record),
        Operation::GetMany(keys) => keeping(store.get_many(&keys), store, Answer::Records),
        Operation::GetValue(key) => keeping(store.get_value(key), store, Answer::Record),
        Operation::GetValues(keys) => keeping(store.get_values(&keys), store, Answer::Records),
        Operation::Contains(key) => keeping(store.contains(key), store, Answer::Found),
        Operation::Put(key, value, options) => keeping(store.put_given(key, value, &options), store, Answer::Outcome),
        Operation::PutMany(entries) => keeping(store.put_many(&entries), store, Answer::Outcomes),
        Operation::Remove(key, revision) => keeping(store.remove(key, revision), store, Answer::Outcome),
        Operation::RemoveMany(keys) => keeping(store.remove_many(&keys), store, Answer::Number),
        Operation::Touch(key, lifetime) => keeping(store.touch(key, lifetime), store, Answer::Found),
        Operation::List(options) => keeping(store.list(&options), store, present),
        Operation::Cursor(options) => {
            keeping(store.cursor(&options), store, |cursor| Answer::Cursor(CursorHandle::new(cursor)))
        }
        Operation::Clear => keeping(store.clear(), store, Answer::Number),
        Operation::Size => keeping(store.size(), store, Answer::Number),
        Operation::Watch(options) => {
            keeping(store.watch(&options), store, |watch| Answer::Watch(WatchHandle::new(watch)))
        }
        Operation::Statistics => keeping(store.statistics(), store, Answer::Statistics),
        Operation::Ping => keeping(store.ping(), store, |()| Answer::Nothing),
    }
}

/// The reply as an answer; it keeps alive whom it is from.
pub fn keeping<K: Send + Sync + ?Sized + 'static, T: Send + 'static>(
    reply: Reply<T>,
    kept: Arc<K>,
    answer: impl FnOnce(T) -> Answer + Send + 'static,
) -> Reply<Answer> {
    match reply {
        Reply::Ready(result) => Reply::Ready(result.map(answer)),
        // One future for both: each would be a piece of memory of its own, for every request.
        Reply::Pending(future) => Reply::pending(async move {
            let result = future.await;
            drop(kept);
            result.map(answer)
        }),
    }
}

/// Records that are all there.
pub fn present(records: Vec<Record>) -> Answer {
    Answer::Records(records.into_iter().map(Some).collect())
}
