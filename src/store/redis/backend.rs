//! The backend: one client, and a store for each database and table.

use std::sync::Arc;

use crate::config::settings::Settings;
use crate::error::{Error, Result};
use crate::store::redis::config::{RedisConfig, SENTINEL, SERVER};
use crate::store::redis::master::client::Client;
use crate::store::redis::records::layout::Layout;
use crate::store::redis::store::RedisStore;
use crate::store::reply::Reply;
use crate::store::{Backend, Store};

/// A connection to a Redis server, or to the master that sentinels name.
pub struct RedisBackend {
    kind: &'static str,
    client: Arc<Client>,
}

impl RedisBackend {
    /// Opens the backend of a section of type `redis`; connects nothing.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the setting at fault.
    pub fn open_server(settings: &mut Settings) -> Result<Arc<RedisBackend>> {
        RedisBackend::open(settings, SERVER)
    }

    /// Opens the backend of a section of type `redis-sentinel`; connects nothing.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the setting at fault.
    pub fn open_sentinel(settings: &mut Settings) -> Result<Arc<RedisBackend>> {
        RedisBackend::open(settings, SENTINEL)
    }

    fn open(settings: &mut Settings, kind: &'static str) -> Result<Arc<RedisBackend>> {
        let client = Client::new(RedisConfig::take(settings, kind)?);
        Ok(Arc::new(RedisBackend { kind, client }))
    }
}

impl Backend for RedisBackend {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn open(&self, database: &str, table: &str) -> Result<Arc<dyn Store>> {
        if self.client.closed.is_raised() {
            return Err(Error::closed("store"));
        }
        let layout = Layout::new(self.client.config.format, database, table, Arc::clone(&self.client.clock));
        Ok(Arc::new(RedisStore::new(self.kind, Arc::clone(&self.client), layout)))
    }

    fn close(&self) -> Reply<()> {
        self.client.close();
        Reply::Ready(Ok(()))
    }
}

impl Drop for RedisBackend {
    fn drop(&mut self) {
        self.client.close();
    }
}
