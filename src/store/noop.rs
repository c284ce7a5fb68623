//! The noop store: takes everything, holds nothing. For switching a cache off, and for measuring what is around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tokio::sync::Notify;

use super::event::{Cursor, Event, Watch};
use super::options::{Condition, Entry, Lifetime, ListOptions, Outcome, PutOptions, WatchOptions, WatchStart};
use super::record::{self, Record};
use super::reply::Reply;
use super::statistics::Statistics;
use super::{Backend, Lookup, Store};
use crate::error::{Error, Result, Status};
use crate::store::event::EventKind;

const KIND: &str = "noop";

/// A backend whose stores are always empty.
pub struct NoopBackend {
    state: Arc<State>,
}

struct State {
    closed: AtomicBool,
    ended: Notify,
}

impl State {
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn answer<T>(&self, answer: T) -> Reply<T> {
        Reply::Ready(if self.is_closed() { Err(Error::closed("store")) } else { Ok(answer) })
    }
}

impl NoopBackend {
    /// A backend whose stores are always empty.
    pub fn open() -> Arc<NoopBackend> {
        Arc::new(NoopBackend { state: Arc::new(State { closed: AtomicBool::new(false), ended: Notify::new() }) })
    }
}

impl Backend for NoopBackend {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn open(&self, _database: &str, _table: &str) -> Result<Arc<dyn Store>> {
        if self.state.is_closed() {
            return Err(Error::closed("store"));
        }
        Ok(Arc::new(NoopStore { state: Arc::clone(&self.state) }))
    }

    fn close(&self) -> Reply<()> {
        self.state.closed.store(true, Ordering::Release);
        self.state.ended.notify_waiters();
        Reply::Ready(Ok(()))
    }
}

/// A store that is always empty. Writes are taken, with revision 0, and forgotten; keys and values are held to the
/// limits of [`Record`](record::Record), so that switching to a real store brings no new error. Any durability is taken:
/// what nobody holds nobody can lose.
pub struct NoopStore {
    state: Arc<State>,
}

impl Store for NoopStore {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn is_immediate(&self) -> bool {
        true
    }

    fn peek(&self, _key: &[u8], _visit: &mut dyn FnMut(&Record)) -> Result<Lookup> {
        if self.state.is_closed() { Err(Error::closed("store")) } else { Ok(Lookup::Miss) }
    }

    fn get(&self, _key: &[u8]) -> Reply<Option<Record>> {
        self.state.answer(None)
    }

    fn get_many(&self, keys: &[&[u8]]) -> Reply<Vec<Option<Record>>> {
        let mut found = Vec::new();
        if found.try_reserve_exact(keys.len()).is_err() {
            let text = format!("no memory to answer {} of them; ask for fewer at once", keys.len());
            return Reply::Ready(Err(Error::new(Status::OUT_OF_MEMORY, "keys", text)));
        }
        found.resize(keys.len(), None);
        self.state.answer(found)
    }

    fn contains(&self, _key: &[u8]) -> Reply<bool> {
        self.state.answer(false)
    }

    fn put(&self, key: &[u8], value: &[u8], options: &PutOptions) -> Reply<Outcome> {
        if self.state.is_closed() {
            return Reply::Ready(Err(Error::closed("store")));
        }
        Reply::Ready(take(key, value, options))
    }

    fn put_many(&self, entries: &[Entry<'_>]) -> Reply<Vec<Result<Outcome>>> {
        self.state.answer(entries.iter().map(|entry| take(entry.key, entry.value, &entry.options)).collect())
    }

    fn remove(&self, _key: &[u8], _revision: Option<u64>) -> Reply<Outcome> {
        self.state.answer(Outcome::NotFound)
    }

    fn remove_many(&self, _keys: &[&[u8]]) -> Reply<u64> {
        self.state.answer(0)
    }

    fn touch(&self, _key: &[u8], _lifetime: Lifetime) -> Reply<bool> {
        self.state.answer(false)
    }

    fn list(&self, _options: &ListOptions) -> Reply<Vec<Record>> {
        self.state.answer(Vec::new())
    }

    fn cursor(&self, _options: &ListOptions) -> Reply<Box<dyn Cursor>> {
        self.state.answer(Box::new(NoopCursor { state: Arc::clone(&self.state) }))
    }

    fn clear(&self) -> Reply<u64> {
        self.state.answer(0)
    }

    fn size(&self) -> Reply<u64> {
        self.state.answer(0)
    }

    fn watch(&self, options: &WatchOptions) -> Reply<Arc<dyn Watch>> {
        let tells_current = options.start == WatchStart::Existing;
        self.state.answer(Arc::new(NoopWatch {
            backend: Arc::clone(&self.state),
            shared: Arc::new(Waiting { tells_current: AtomicBool::new(tells_current), ..Waiting::default() }),
        }))
    }

    fn statistics(&self) -> Reply<Statistics> {
        self.state.answer(Statistics::default())
    }

    fn ping(&self) -> Reply<()> {
        self.state.answer(())
    }

    fn describe(&self) -> serde_json::Value {
        json!({ "type": KIND })
    }
}

fn take(key: &[u8], value: &[u8], options: &PutOptions) -> Result<Outcome> {
    let limits = [("key", key.len(), record::MAX_KEY_LENGTH), ("value", value.len(), record::MAX_VALUE_LENGTH)];
    for (what, length, limit) in limits {
        if length > limit {
            let message = format!("it is {length} bytes long; the limit is {limit}");
            return Err(Error::new(Status::TOO_LARGE, what, message));
        }
    }
    Ok(match options.condition {
        Condition::Always | Condition::IfAbsent => Outcome::Done { revision: 0 },
        Condition::IfRevision(_) => Outcome::NotFound,
    })
}

struct NoopCursor {
    state: Arc<State>,
}

impl Cursor for NoopCursor {
    fn next(&self, _most: usize) -> Reply<Vec<Record>> {
        self.state.answer(Vec::new())
    }
}

#[derive(Default)]
struct Waiting {
    closed: AtomicBool,
    tells_current: AtomicBool,
    ended: Notify,
}

struct NoopWatch {
    backend: Arc<State>,
    shared: Arc<Waiting>,
}

impl Watch for NoopWatch {
    fn next(&self, _most: usize) -> Reply<Vec<Event>> {
        if self.backend.is_closed() || self.shared.closed.load(Ordering::Acquire) {
            return Reply::Ready(Ok(Vec::new()));
        }
        if self.shared.tells_current.swap(false, Ordering::AcqRel) {
            let current = Event { kind: EventKind::Current, record: None, lost: 0, initial: false };
            return Reply::Ready(Ok(vec![current]));
        }
        let backend = Arc::clone(&self.backend);
        let shared = Arc::clone(&self.shared);
        Reply::pending(async move {
            let mut backend_ended = std::pin::pin!(backend.ended.notified());
            let mut ended = std::pin::pin!(shared.ended.notified());
            backend_ended.as_mut().enable();
            ended.as_mut().enable();
            if !backend.is_closed() && !shared.closed.load(Ordering::Acquire) {
                tokio::select! {
                    () = backend_ended => {}
                    () = ended => {}
                }
            }
            Ok(Vec::new())
        })
    }

    fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.ended.notify_waiters();
    }
}

impl Drop for NoopWatch {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready<T>(reply: Reply<T>) -> Result<T> {
        match reply {
            Reply::Ready(result) => result,
            Reply::Pending(_) => panic!("the noop store answers at once"),
        }
    }

    #[test]
    fn it_takes_everything_and_holds_nothing() {
        let store = NoopBackend::open().open("d", "t").expect("open");
        let put = |condition| ready(store.put(b"k", b"v", &PutOptions { condition, ..PutOptions::default() }));
        assert_eq!(put(Condition::Always), Ok(Outcome::Done { revision: 0 }));
        assert_eq!(put(Condition::IfAbsent), Ok(Outcome::Done { revision: 0 }));
        assert_eq!(put(Condition::IfRevision(1)), Ok(Outcome::NotFound));
        assert!(ready(store.get(b"k")).expect("open").is_none());
        assert_eq!(ready(store.contains(b"k")), Ok(false));
        assert_eq!(ready(store.remove(b"k", None)), Ok(Outcome::NotFound));
        assert_eq!(ready(store.size()), Ok(0));
        assert!(ready(store.list(&ListOptions::default())).expect("open").is_empty());
    }

    #[test]
    fn after_close_every_call_says_so() {
        let backend = NoopBackend::open();
        let store = backend.open("d", "t").expect("open");
        ready(backend.close()).expect("close");
        ready(backend.close()).expect("close again");
        assert_eq!(ready(store.size()).expect_err("closed").status(), Status::CLOSED);
        assert_eq!(ready(store.put(b"", b"", &PutOptions::default())).expect_err("closed").status(), Status::CLOSED);
        assert!(backend.open("d", "t").is_err());
    }
}
