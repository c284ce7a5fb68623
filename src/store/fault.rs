//! The `fault` type: a memory store that answers late, wrongly or not at all, for testing a binding without a server.
//!
//! Every answer comes through the runtime, never at once, so that a binding's asynchronous way is taken. A key that
//! begins with a fault's name and a colon gets that fault, and the rest of it is an ordinary part of the key:
//!
//! * `delay:<milliseconds>:` answers that much later;
//! * `error:<status>:` answers that status, such as `error:UNAVAILABLE:`;
//! * `panic:` panics in the task;
//! * `never:` never answers.
//!
//! The setting `delay` delays every answer; `fault` (`error`, `panic`, `never`) gives every call that fault.

use std::sync::Arc;
use std::time::Duration;

use super::event::{Cursor, Watch};
use super::options::{Entry, Lifetime, ListOptions, Outcome, PutOptions, WatchOptions};
use super::record::Record;
use super::reply::Reply;
use super::statistics::Statistics;
use super::{Backend, Lookup, Store};
use crate::error::{Error, Result, Status};

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The answer comes later.
    Delay(Duration),
    /// The answer is an error of this status.
    Fail(Status),
    /// The task panics.
    Panic,
    /// No answer comes.
    Never,
}

/// How a fault backend behaves.
#[derive(Clone, Debug, Default)]
pub struct FaultConfig {
    /// How much later every answer comes.
    pub delay: Duration,
    /// A fault for every call.
    pub fault: Option<Fault>,
}

/// A backend that wraps another one in faults.
pub struct FaultBackend {
    inner: Arc<dyn Backend>,
    config: FaultConfig,
}

impl FaultBackend {
    /// Wraps `inner`, whose replies must be ready at once.
    pub fn new(inner: Arc<dyn Backend>, config: FaultConfig) -> FaultBackend {
        FaultBackend { inner, config }
    }
}

impl Backend for FaultBackend {
    fn kind(&self) -> &'static str {
        "fault"
    }

    fn open(&self, database: &str, table: &str) -> Result<Arc<dyn Store>> {
        let inner = self.inner.open(database, table)?;
        Ok(Arc::new(FaultStore { inner, config: self.config.clone() }))
    }

    fn close(&self) -> Reply<()> {
        self.inner.close()
    }
}

struct FaultStore {
    inner: Arc<dyn Store>,
    config: FaultConfig,
}

impl FaultStore {
    /// The reply, late and with the fault that the configuration or the key asks for. The work itself is done before:
    /// as with a server, a write may have happened although no answer came.
    fn answer<T: Send + 'static>(&self, key: &[u8], reply: Reply<T>) -> Reply<T> {
        let fault = self.config.fault.clone().or_else(|| fault_of(key));
        let delay = self.config.delay;
        Reply::pending(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            match fault {
                None => {}
                Some(Fault::Delay(more)) => tokio::time::sleep(more).await,
                Some(Fault::Fail(status)) => return Err(Error::new(status, "fault", "an error on purpose")),
                // Unwinds as a panic does, but calls no hook: what a test asks for needs not be printed.
                Some(Fault::Panic) => std::panic::resume_unwind(Box::new("a panic on purpose")),
                Some(Fault::Never) => std::future::pending().await,
            }
            reply.wait().await
        })
    }
}

/// The record, unless it has expired while the answer was late.
fn living(found: Option<Record>) -> Option<Record> {
    found.filter(|record| !record.is_expired())
}

/// The fault that a key asks for.
fn fault_of(key: &[u8]) -> Option<Fault> {
    let text = String::from_utf8_lossy(key);
    let (name, rest) = text.split_once(':')?;
    match name {
        "panic" => Some(Fault::Panic),
        "never" => Some(Fault::Never),
        "delay" => rest.split_once(':')?.0.parse().ok().map(|ms| Fault::Delay(Duration::from_millis(ms))),
        "error" => {
            let status = rest.split_once(':')?.0;
            Status::ALL
                .iter()
                .find(|(known, name, _)| *name == status && known.is_error())
                .map(|entry| Fault::Fail(entry.0))
        }
        _ => None,
    }
}

impl Store for FaultStore {
    fn kind(&self) -> &'static str {
        "fault"
    }

    fn is_immediate(&self) -> bool {
        false
    }

    fn peek(&self, key: &[u8], _: &mut dyn FnMut(&Record)) -> Result<Lookup> {
        // Asked only whether the store is open, by what counts as no use: what is there, the runtime tells.
        match self.inner.contains(key) {
            Reply::Ready(answer) => answer.map(|_| Lookup::Unknown),
            Reply::Pending(_) => Ok(Lookup::Unknown),
        }
    }

    fn get(&self, key: &[u8]) -> Reply<Option<Record>> {
        self.answer(key, self.inner.get(key)).map(living)
    }

    fn get_many(&self, keys: &[&[u8]]) -> Reply<Vec<Option<Record>>> {
        let reply = self.answer(keys.first().copied().unwrap_or_default(), self.inner.get_many(keys));
        reply.map(|found| found.into_iter().map(living).collect())
    }

    fn get_value(&self, key: &[u8]) -> Reply<Option<Record>> {
        self.answer(key, self.inner.get_value(key)).map(living)
    }

    fn get_values(&self, keys: &[&[u8]]) -> Reply<Vec<Option<Record>>> {
        let reply = self.answer(keys.first().copied().unwrap_or_default(), self.inner.get_values(keys));
        reply.map(|found| found.into_iter().map(living).collect())
    }

    fn contains(&self, key: &[u8]) -> Reply<bool> {
        self.answer(key, self.inner.contains(key))
    }

    fn put(&self, key: &[u8], value: &[u8], options: &PutOptions) -> Reply<Outcome> {
        self.answer(key, self.inner.put(key, value, options))
    }

    fn put_many(&self, entries: &[Entry<'_>]) -> Reply<Vec<Result<Outcome>>> {
        self.answer(entries.first().map(|entry| entry.key).unwrap_or_default(), self.inner.put_many(entries))
    }

    fn remove(&self, key: &[u8], revision: Option<u64>) -> Reply<Outcome> {
        self.answer(key, self.inner.remove(key, revision))
    }

    fn remove_many(&self, keys: &[&[u8]]) -> Reply<u64> {
        self.answer(keys.first().copied().unwrap_or_default(), self.inner.remove_many(keys))
    }

    fn touch(&self, key: &[u8], lifetime: Lifetime) -> Reply<bool> {
        self.answer(key, self.inner.touch(key, lifetime))
    }

    fn list(&self, options: &ListOptions) -> Reply<Vec<Record>> {
        let reply = self.answer(&options.prefix, self.inner.list(options));
        reply.map(|found| found.into_iter().filter(|record| !record.is_expired()).collect())
    }

    fn cursor(&self, options: &ListOptions) -> Reply<Box<dyn Cursor>> {
        self.answer(&options.prefix, self.inner.cursor(options))
    }

    fn clear(&self) -> Reply<u64> {
        self.answer(b"", self.inner.clear())
    }

    fn size(&self) -> Reply<u64> {
        self.answer(b"", self.inner.size())
    }

    fn watch(&self, options: &WatchOptions) -> Reply<Arc<dyn Watch>> {
        self.answer(&options.prefix, self.inner.watch(options))
    }

    fn statistics(&self) -> Reply<Statistics> {
        self.answer(b"", self.inner.statistics())
    }

    fn ping(&self) -> Reply<()> {
        self.answer(b"", self.inner.ping())
    }

    fn describe(&self) -> serde_json::Value {
        serde_json::json!({"type": "fault", "over": self.inner.describe()})
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::larder::Larder;
    use crate::store::options::{ListOptions, PutOptions};

    #[test]
    fn a_record_that_expires_while_the_answer_is_late_is_not_shown() {
        let larder = Larder::open("fault://?lifespan=20ms").expect("a larder");
        let store = larder.store("default").expect("a store");
        let key = b"delay:60:k";
        let late = || ListOptions { prefix: key.to_vec(), ..ListOptions::default() };
        // The work is done before the delay, so that the record is found, and is too old when it is shown.
        let write = || drop(store.put(key, b"v", &PutOptions::default()));
        write();
        assert!(crate::wait(store.get(key), None).expect("open").is_none());
        write();
        assert_eq!(crate::wait(store.get_many(&[key]), None).expect("open").iter().flatten().count(), 0);
        write();
        assert!(crate::wait(store.list(&late()), None).expect("open").is_empty());
    }

    #[test]
    fn a_look_into_memory_counts_no_read() {
        let larder = Larder::open("fault://").expect("a larder");
        let store = larder.store("default").expect("a store");
        store.peek(b"k", &mut |_| {}).expect("open");
        let counted = crate::wait(store.statistics(), None).expect("open");
        assert_eq!((counted.hits, counted.misses), (0, 0));
    }
}
