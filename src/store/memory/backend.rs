//! A memory backend: its configuration checked, its tables named, its stores opened.

use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::moka_engine::MokaEngine;
use super::sharded::{Plan, Sharded};
use super::store::{Defaults, MemoryStore};
use super::tables::Tables;
use super::{MemoryConfig, PolicyChoice};
use crate::error::{Error, Result};
use crate::store::options::Term;
use crate::store::reply::Reply;
use crate::store::{Backend, Store};

/// The most shards that can be asked for.
const MAX_SHARDS: usize = 4096;

/// Records in this process, in as many databases and tables as are opened.
pub struct MemoryBackend {
    engine: AnyEngine,
    defaults: Defaults,
    tables: Tables,
}

enum AnyEngine {
    Own(Arc<Sharded>),
    Moka(Arc<MokaEngine>),
}

impl MemoryBackend {
    /// An empty backend. Starts no thread and takes next to no memory.
    ///
    /// # Errors
    ///
    /// `CONFIG` for a bound of 0, a lifespan or max-idle of 0, or a number of shards outside 1 to 4096, or both bounds
    /// for moka, which holds one.
    pub fn open(config: MemoryConfig) -> Result<Arc<MemoryBackend>> {
        check(&config)?;
        let defaults =
            Defaults { lifespan_ms: milliseconds(config.lifespan), max_idle_ms: milliseconds(config.max_idle) };
        let engine = match config.policy {
            PolicyChoice::Own(policy) => AnyEngine::Own(Sharded::new(Plan {
                max_entries: config.max_entries,
                max_bytes: config.max_bytes,
                policy,
                shards: config.shards,
            })),
            PolicyChoice::Moka => AnyEngine::Moka(MokaEngine::new(config.max_entries, config.max_bytes)?),
        };
        Ok(Arc::new(MemoryBackend { engine, defaults, tables: Tables::default() }))
    }
}

impl Backend for MemoryBackend {
    fn kind(&self) -> &'static str {
        super::store::KIND
    }

    fn open(&self, database: &str, table: &str) -> Result<Arc<dyn Store>> {
        match &self.engine {
            AnyEngine::Own(engine) => open(engine, self.defaults, &self.tables, database, table),
            AnyEngine::Moka(engine) => open(engine, self.defaults, &self.tables, database, table),
        }
    }

    fn close(&self) -> Reply<()> {
        match &self.engine {
            AnyEngine::Own(engine) => engine.close(),
            AnyEngine::Moka(engine) => engine.close(),
        }
        Reply::Ready(Ok(()))
    }
}

fn open<E: Engine>(
    engine: &Arc<E>,
    defaults: Defaults,
    tables: &Tables,
    database: &str,
    table: &str,
) -> Result<Arc<dyn Store>> {
    if engine.is_closed() {
        return Err(Error::closed("store"));
    }
    let table = tables.number(database, table)?;
    Ok(Arc::new(MemoryStore::new(Arc::clone(engine), table, defaults)))
}

fn check(config: &MemoryConfig) -> Result<()> {
    let zero = |setting: &'static str, what: &str| {
        Err(Error::config(setting, format!("0 {what}; leave it out for none, or give a larger one")))
    };
    if config.max_entries == Some(0) {
        return zero("max_entries", "would hold nothing: the type noop does that, and without a bound");
    }
    if config.max_bytes == Some(0) {
        return zero("max_bytes", "would hold nothing: the type noop does that, and without a bound");
    }
    if config.lifespan == Some(Duration::ZERO) {
        return zero("lifespan", "would let every record expire at once");
    }
    if config.max_idle == Some(Duration::ZERO) {
        return zero("max_idle", "would let every record expire at once");
    }
    match config.shards {
        Some(shards) if !(1..=MAX_SHARDS).contains(&shards) => {
            Err(Error::config("shards", format!("{shards} is not from 1 to {MAX_SHARDS}")))
        }
        _ => Ok(()),
    }
}

fn milliseconds(duration: Option<Duration>) -> u64 {
    duration.map_or(0, |duration| Term::For(duration).resolve_ms(0))
}
