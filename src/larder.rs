//! A larder: the stores of one configuration.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::config::settings::unknown;
use crate::config::{Config, StoreConfig};
use crate::error::{Error, Result, Status};
use crate::log::{self, Level};
use crate::store::reply::Reply;
use crate::store::{Backend, Store, open};

/// The stores of one configuration. Any thread may use it; it is closed when it is dropped.
///
/// ```
/// use larder::{Larder, store::options::PutOptions};
///
/// # fn main() -> larder::Result<()> {
/// let larder = Larder::open("memory://?max_entries=10000")?;
/// let store = larder.store("default")?;
/// larder::wait(store.put(b"key", b"value", &PutOptions::default()), None)?;
/// let record = larder::wait(store.get(b"key"), None)?.expect("just written");
/// assert_eq!(record.value(), b"value");
/// # Ok(())
/// # }
/// ```
pub struct Larder {
    backends: BTreeMap<String, Named>,
    closed: AtomicBool,
}

struct Named {
    backend: Arc<dyn Backend>,
    database: String,
    table: String,
}

impl Larder {
    /// Opens a larder from TOML or JSON text, a URL such as `memory://?max_entries=10000`, a file's address such as
    /// `file:///etc/larder.toml`, or a profile of environment variables such as `env://ocis/GRAPH_CACHE`
    /// (see [`profile`](crate::config::profile)). Reads files and connects nothing.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the setting at fault, also a database or table that the type cannot hold; `IO` for a file that cannot be read.
    pub fn open(config: &str) -> Result<Larder> {
        Larder::from_config(Config::parse(config)?)
    }

    /// Opens a larder from a configuration that was read already.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the setting at fault.
    pub fn from_config(config: Config) -> Result<Larder> {
        let mut backends = BTreeMap::new();
        for (name, section) in config.stores {
            backends.insert(name, Named::open(section)?);
        }
        log::write(Level::Info, "larder", || format!("opened with {} stores", backends.len()));
        Ok(Larder { backends, closed: AtomicBool::new(false) })
    }

    /// The store that the configuration calls `name`, on its configured database and table.
    ///
    /// # Errors
    ///
    /// `NO_SUCH_STORE` with a suggestion, `CLOSED`.
    pub fn store(&self, name: &str) -> Result<Arc<dyn Store>> {
        self.store_at(name, None, None)
    }

    /// The store that the configuration calls `name`, on another database or table than configured where one is given.
    ///
    /// # Errors
    ///
    /// `NO_SUCH_STORE` with a suggestion, `CLOSED`, and what the type says of the names.
    pub fn store_at(&self, name: &str, database: Option<&str>, table: Option<&str>) -> Result<Arc<dyn Store>> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::closed("larder"));
        }
        let Some(named) = self.backends.get(name) else {
            let message = unknown(name, self.backends.keys().map(String::as_str), "stores");
            return Err(Error::new(Status::NO_SUCH_STORE, "name", message));
        };
        named.backend.open(database.unwrap_or(&named.database), table.unwrap_or(&named.table))
    }

    /// The names of the stores, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.backends.keys().map(String::as_str)
    }

    /// What the larder is, as a JSON object without secrets.
    pub fn describe(&self) -> serde_json::Value {
        let stores: serde_json::Map<String, serde_json::Value> = self
            .backends
            .iter()
            .map(|(name, named)| {
                let store = named.backend.open(&named.database, &named.table).map(|store| store.describe());
                let about = store.unwrap_or_else(|_| json!({"type": named.backend.kind()}));
                (name.clone(), json!({"database": named.database, "table": named.table, "store": about}))
            })
            .collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "closed": self.closed.load(Ordering::Acquire),
            "stores": stores,
        })
    }

    /// Closes it: each later call on it and on its stores answers `CLOSED`, watches end. Idempotent.
    pub fn close(&self) -> Reply<()> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Reply::Ready(Ok(()));
        }
        log::write(Level::Info, "larder", || "closed".to_owned());
        let mut pending = Vec::new();
        let mut first_error = Ok(());
        for named in self.backends.values() {
            match named.backend.close() {
                Reply::Ready(result) => first_error = first_error.and(result),
                Reply::Pending(future) => pending.push(future),
            }
        }
        if pending.is_empty() {
            return Reply::Ready(first_error);
        }
        Reply::pending(async move {
            for future in pending {
                first_error = first_error.and(future.await);
            }
            first_error
        })
    }
}

impl Drop for Larder {
    fn drop(&mut self) {
        // What a connection still has to say when it ends, nobody waits for.
        let _ = self.close();
    }
}

impl Named {
    fn open(section: StoreConfig) -> Result<Named> {
        let (database, table) = (section.database.clone(), section.table.clone());
        let called = ["database", "table"].map(|key| (key, section.settings.name(key)));
        let backend = open::open(section)?;
        backend.check_place(&database, &table).map_err(|error| as_settings(error, called))?;
        Ok(Named { backend, database, table })
    }
}

/// What a backend says of arguments that a configuration gave, in the names of its settings.
fn as_settings(error: Error, called: [(&str, String); 2]) -> Error {
    match called.into_iter().find(|(key, _)| *key == error.origin()) {
        Some((_, name)) => Error::config(name, error.message().to_owned()),
        None => error,
    }
}
