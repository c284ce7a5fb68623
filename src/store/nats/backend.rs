//! The backend: one connection, and the stores on it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use super::KIND;
use super::bucket::Bucket;
use super::config::NatsConfig;
use super::connection::Connection;
use super::key::Keys;
use super::store::{NatsStore, Table};
use crate::error::{Error, Result};
use crate::store::remote::counters::Counters;
use crate::store::remote::events::Queue;
use crate::store::reply::Reply;
use crate::store::{Backend, Store};
use crate::sync::Mutex;

/// What a bucket is called that nobody named, as the plugin has it.
const DEFAULT_BUCKET: &str = "default";

/// What the stores of one backend share.
pub(super) struct Engine {
    /// The connection.
    pub connection: Arc<Connection>,
    /// What was counted.
    pub counters: Counters,
    /// The number of the session in which a request for many records was left without an answer; 0 for none.
    pub silent_to_batches: AtomicU64,
    /// Whether old marks are being removed.
    pub is_sweeping: AtomicBool,
    buckets: Mutex<HashMap<String, Arc<Bucket>>>,
    watches: Mutex<Vec<Weak<Queue>>>,
}

impl Engine {
    /// Whether it was not closed.
    ///
    /// # Errors
    ///
    /// `CLOSED`.
    pub fn check_open(&self) -> Result<()> {
        if self.connection.is_closed() { Err(Error::closed("store")) } else { Ok(()) }
    }

    /// The buckets that stores were opened on.
    pub fn buckets(&self) -> Vec<Arc<Bucket>> {
        self.buckets.lock().values().cloned().collect()
    }

    /// Has a watch ended with the backend.
    ///
    /// # Errors
    ///
    /// `CLOSED`.
    pub fn enlist(&self, queue: &Arc<Queue>) -> Result<()> {
        let mut watches = self.watches.lock();
        // Looked at under the lock that closing takes, so that no watch is left behind.
        self.check_open()?;
        watches.retain(|queue| queue.strong_count() != 0);
        watches.push(Arc::downgrade(queue));
        Ok(())
    }

    fn close(&self) {
        self.connection.close();
        let watches = std::mem::take(&mut *self.watches.lock());
        for queue in watches.iter().filter_map(Weak::upgrade) {
            queue.close();
        }
    }
}

/// A connection to the servers, and the stores on it.
pub struct NatsBackend {
    engine: Arc<Engine>,
}

impl NatsBackend {
    /// A backend of these settings; connects nothing.
    pub fn open(config: NatsConfig) -> Arc<NatsBackend> {
        let engine = Engine {
            connection: Connection::new(config),
            counters: Counters::default(),
            silent_to_batches: AtomicU64::new(0),
            is_sweeping: AtomicBool::new(false),
            buckets: Mutex::default(),
            watches: Mutex::default(),
        };
        Arc::new(NatsBackend { engine: Arc::new(engine) })
    }

    /// The bucket's name, and the keys in it.
    fn keys<'a>(&self, database: &'a str, table: &str) -> Result<(&'a str, Keys)> {
        let name = if database.is_empty() { DEFAULT_BUCKET } else { database };
        Ok((name, Keys::new(self.engine.connection.config.format, name, table)?))
    }
}

impl Backend for NatsBackend {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn open(&self, database: &str, table: &str) -> Result<Arc<dyn Store>> {
        self.engine.check_open()?;
        let (name, keys) = self.keys(database, table)?;
        let bucket = {
            let mut buckets = self.engine.buckets.lock();
            Arc::clone(buckets.entry(name.to_owned()).or_insert_with(|| Arc::new(Bucket::new(name))))
        };
        let table = Table { engine: Arc::clone(&self.engine), bucket, keys };
        Ok(Arc::new(NatsStore::new(table)))
    }

    fn check_place(&self, database: &str, table: &str) -> Result<()> {
        self.keys(database, table).map(drop)
    }

    fn close(&self) -> Reply<()> {
        self.engine.close();
        Reply::Ready(Ok(()))
    }
}

impl Drop for NatsBackend {
    fn drop(&mut self) {
        self.engine.close();
        self.engine.is_sweeping.store(true, Ordering::Release);
    }
}
