//! Ends what is in flight when its handle is closed: each reply that is still to come answers `CLOSED` then, or
//! `AMBIGUOUS` where it is of a write that was sent ([`last_word`]).
//!
//! Only stores that have to wait are wrapped, so that a memory hit pays nothing for it.

use std::sync::Arc;
use std::time::SystemTime;

use super::last_word;
use crate::error::{Error, Result};
use crate::runtime::Signal;
use crate::store::event::{Cursor, Watch};
use crate::store::given::Given;
use crate::store::options::{Entry, Lifetime, ListOptions, Outcome, PutOptions, WatchOptions};
use crate::store::record::Record;
use crate::store::reply::Reply;
use crate::store::statistics::Statistics;
use crate::store::{Lookup, Store};

/// A store whose replies end when its handle or its larder is closed.
pub struct Closing {
    store: Arc<dyn Store>,
    ends: Ends,
}

/// A cursor of such a store.
struct ClosingCursor {
    cursor: Box<dyn Cursor>,
    ends: Ends,
}

/// What ends a reply: the handle, also with its larder, of which it is known apart only to say who it was.
#[derive(Clone)]
struct Ends {
    handle: Signal,
    larder: Signal,
}

impl Closing {
    /// `store` as a handle has it that ends with `handle`, a child of `larder`; the same store where no reply ever waits.
    pub fn over(store: Arc<dyn Store>, handle: Signal, larder: Signal) -> Arc<dyn Store> {
        if store.is_immediate() { store } else { Arc::new(Closing { store, ends: Ends { handle, larder } }) }
    }

    fn end<T: Send + 'static>(&self, reply: Reply<T>) -> Reply<T> {
        self.ends.end(reply, false)
    }

    /// As [`Closing::end`], for a write of many records.
    fn end_many<T: Send + 'static>(&self, reply: Reply<T>) -> Reply<T> {
        self.ends.end(reply, true)
    }
}

impl Ends {
    fn end<T: Send + 'static>(&self, reply: Reply<T>, writes_many: bool) -> Reply<T> {
        let Reply::Pending(mut future) = reply else { return reply };
        let ends = self.clone();
        Reply::pending(async move {
            let answered = tokio::select! {
                biased;
                result = &mut future => Some(result),
                () = ends.handle.raised() => None,
            };
            let last = match answered {
                Some(result) if !ends.handle.is_raised() => return result,
                // The store may have been closed meanwhile, and say so in other words.
                Some(result) => Some(result),
                None => last_word::ask(&mut future),
            };
            last_word::settle(last, ends.closed(), writes_many)
        })
    }

    fn closed(&self) -> Error {
        Error::closed(if self.larder.is_raised() { "larder" } else { "store" })
    }
}

impl Store for Closing {
    fn kind(&self) -> &'static str {
        self.store.kind()
    }

    fn is_immediate(&self) -> bool {
        false
    }

    fn peek(&self, key: &[u8], visit: &mut dyn FnMut(&Record)) -> Result<Lookup> {
        self.store.peek(key, visit)
    }

    fn get(&self, key: &[u8]) -> Reply<Option<Record>> {
        self.end(self.store.get(key))
    }

    fn get_many(&self, keys: &[&[u8]]) -> Reply<Vec<Option<Record>>> {
        self.end(self.store.get_many(keys))
    }

    fn get_value(&self, key: &[u8]) -> Reply<Option<Record>> {
        self.end(self.store.get_value(key))
    }

    fn get_values(&self, keys: &[&[u8]]) -> Reply<Vec<Option<Record>>> {
        self.end(self.store.get_values(keys))
    }

    fn contains(&self, key: &[u8]) -> Reply<bool> {
        self.end(self.store.contains(key))
    }

    fn put(&self, key: &[u8], value: &[u8], options: &PutOptions) -> Reply<Outcome> {
        self.end(self.store.put(key, value, options))
    }

    fn put_given(&self, key: &[u8], value: Given<'_>, options: &PutOptions) -> Reply<Outcome> {
        self.end(self.store.put_given(key, value, options))
    }

    fn put_many(&self, entries: &[Entry<'_>]) -> Reply<Vec<Result<Outcome>>> {
        self.end_many(self.store.put_many(entries))
    }

    fn remove(&self, key: &[u8], revision: Option<u64>) -> Reply<Outcome> {
        self.end(self.store.remove(key, revision))
    }

    fn remove_many(&self, keys: &[&[u8]]) -> Reply<u64> {
        self.end_many(self.store.remove_many(keys))
    }

    fn touch(&self, key: &[u8], lifetime: Lifetime) -> Reply<bool> {
        self.end(self.store.touch(key, lifetime))
    }

    fn list(&self, options: &ListOptions) -> Reply<Vec<Record>> {
        self.end(self.store.list(options))
    }

    fn cursor(&self, options: &ListOptions) -> Reply<Box<dyn Cursor>> {
        let ends = self.ends.clone();
        self.end(self.store.cursor(options))
            .map(|cursor| -> Box<dyn Cursor> { Box::new(ClosingCursor { cursor, ends }) })
    }

    fn clear(&self) -> Reply<u64> {
        self.end_many(self.store.clear())
    }

    fn size(&self) -> Reply<u64> {
        self.end(self.store.size())
    }

    fn watch(&self, options: &WatchOptions) -> Reply<Arc<dyn Watch>> {
        self.end(self.store.watch(options))
    }

    fn statistics(&self) -> Reply<Statistics> {
        self.end(self.store.statistics())
    }

    fn ping(&self) -> Reply<()> {
        self.end(self.store.ping())
    }

    fn server_time(&self) -> Reply<Option<SystemTime>> {
        self.end(self.store.server_time())
    }

    fn describe(&self) -> serde_json::Value {
        self.store.describe()
    }
}

impl Cursor for ClosingCursor {
    fn next(&self, most: usize) -> Reply<Vec<Record>> {
        self.ends.end(self.cursor.next(most), false)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::boundary::handle::LarderHandle;
    use crate::boundary::wait::wait;
    use crate::error::Status;
    use std::time::Duration;

    fn blocked_get(close: impl FnOnce(&LarderHandle, &crate::boundary::handle::StoreHandle)) -> Status {
        let larder = LarderHandle::open("fault://").expect("a larder");
        let handle = larder.store("default", None, None).expect("a store");
        let store = handle.store().expect("open").clone();
        let waiting = std::thread::spawn(move || wait(store.get(b"never:"), Some(Duration::from_secs(60))));
        std::thread::sleep(Duration::from_millis(20));
        close(&larder, &handle);
        waiting.join().expect("no panic").expect_err("it never answers").status()
    }

    #[test]
    fn a_call_in_flight_ends_when_its_handle_or_its_larder_is_closed() {
        let by_store = blocked_get(|_, store| store.close().expect("here"));
        let by_larder = blocked_get(|larder, _| larder.close(None).expect("here"));
        assert_eq!((by_store, by_larder), (Status::CLOSED, Status::CLOSED));
    }

    #[test]
    fn a_page_in_flight_ends_when_the_handle_or_the_larder_of_its_cursor_is_closed() {
        struct Never;
        impl Cursor for Never {
            fn next(&self, _: usize) -> Reply<Vec<Record>> {
                Reply::pending(std::future::pending())
            }
        }
        for is_handle in [true, false] {
            let larder = Signal::default();
            let ends = Ends { handle: larder.child(), larder };
            let closed = if is_handle { ends.handle.clone() } else { ends.larder.clone() };
            let page = ClosingCursor { cursor: Box::new(Never), ends }.next(1);
            let waiting = std::thread::spawn(move || wait(page, Some(Duration::from_secs(60))));
            std::thread::sleep(Duration::from_millis(20));
            closed.raise();
            let error = waiting.join().expect("no panic").expect_err("it never answers");
            assert_eq!((error.status(), error.origin()), (Status::CLOSED, if is_handle { "store" } else { "larder" }));
        }
    }

    #[test]
    fn a_write_that_was_sent_is_ambiguous_when_its_handle_is_closed() {
        let larder = Signal::default();
        let ends = Ends { handle: larder.child(), larder: larder.clone() };
        let sent = Reply::<()>::pending(std::future::poll_fn(|_| {
            if !crate::deadline::has_come() {
                return std::task::Poll::Pending;
            }
            std::task::Poll::Ready(Err(Error::new(Status::AMBIGUOUS, "redis", "it was sent")))
        }));
        let reply = ends.end(sent, false);
        let waiting = std::thread::spawn(move || wait(reply, Some(Duration::from_secs(60))));
        std::thread::sleep(Duration::from_millis(20));
        larder.raise();
        let error = waiting.join().expect("no panic").expect_err("it never answers");
        assert_eq!((error.status(), error.origin()), (Status::AMBIGUOUS, "larder"));
    }

    #[test]
    fn what_the_store_says_of_its_own_end_is_said_of_what_was_closed() {
        let larder = Signal::default();
        let ends = Ends { handle: larder.child(), larder: larder.clone() };
        let reply = ends.end(Reply::<()>::pending(std::future::ready(Err(Error::closed("store")))), false);
        larder.raise();
        let error = wait(reply, None).expect_err("closed");
        assert_eq!((error.status(), error.origin()), (Status::CLOSED, "larder"));
    }

    #[test]
    fn a_larder_that_is_freed_ends_what_is_in_flight() {
        let larder = LarderHandle::open("fault://").expect("a larder");
        let handle = larder.store("default", None, None).expect("a store");
        let reply = handle.store().expect("open").get(b"never:");
        drop(larder);
        let error = wait(reply, Some(Duration::from_secs(60))).expect_err("it never answers");
        assert_eq!(error.status(), Status::CLOSED);
    }
}
