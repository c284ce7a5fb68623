//! From a configured section to a backend: the one list of store types.

use std::sync::Arc;

use super::Backend;
use super::fault::{Fault, FaultBackend, FaultConfig};
use super::memory::{MemoryBackend, MemoryConfig, PolicyChoice};
use super::nats::{self, NatsBackend};
use super::noop::NoopBackend;
use super::redis::RedisBackend;
use crate::config::StoreConfig;
use crate::config::settings::{Settings, unknown};
use crate::error::{Error, Result, Status};

/// The types that a configuration can name.
pub const KINDS: &[&str] = &["memory", "noop", "fault", nats::KIND, "redis", "redis-sentinel"];

/// Opens the backend of a section; connects nothing.
///
/// # Errors
///
/// `CONFIG` that names the setting: an unknown type, an unknown setting, a malformed value.
pub fn open(config: StoreConfig) -> Result<Arc<dyn Backend>> {
    let mut settings = config.settings;
    let backend: Arc<dyn Backend> = match config.kind.as_str() {
        "memory" => MemoryBackend::open(memory(&mut settings)?)?,
        "noop" => NoopBackend::open(),
        "fault" => {
            let faults = fault(&mut settings)?;
            Arc::new(FaultBackend::new(MemoryBackend::open(memory(&mut settings)?)?, faults))
        }
        nats::KIND => NatsBackend::open(nats::config::take(&mut settings)?),
        "redis" => RedisBackend::open_server(&mut settings)?,
        "redis-sentinel" => RedisBackend::open_sentinel(&mut settings)?,
        other => {
            let message = unknown(other, KINDS.iter().copied(), "store types");
            return Err(Error::config(settings.name("type"), message));
        }
    };
    settings.finish()?;
    Ok(backend)
}

fn memory(settings: &mut Settings) -> Result<MemoryConfig> {
    let bound = |settings: &mut Settings, key, value: Option<u64>| match value {
        Some(0) => Err(Error::config(settings.name(key), "it is 0; leave it out for a store without a bound")),
        other => Ok(other),
    };
    let max_entries = settings.count("max_entries")?;
    let max_entries = bound(settings, "max_entries", max_entries)?;
    let max_bytes = settings.size("max_bytes")?;
    let max_bytes = bound(settings, "max_bytes", max_bytes)?;
    let shards = settings.count("shards")?;
    if let Some(shards) = shards.filter(|shards| !shards.is_power_of_two() || *shards > 1024) {
        let message = format!("it is {shards}; expected a power of two, 1 to 1024");
        return Err(Error::config(settings.name("shards"), message));
    }
    let names = PolicyChoice::NAMES.to_vec();
    let policy = match settings.choice("policy", &names)? {
        None => PolicyChoice::default(),
        Some(name) => PolicyChoice::parse(name).unwrap_or_default(),
    };
    Ok(MemoryConfig {
        max_entries,
        max_bytes,
        lifespan: settings.duration("lifespan")?.filter(|lifespan| !lifespan.is_zero()),
        max_idle: settings.duration("max_idle")?.filter(|max_idle| !max_idle.is_zero()),
        policy,
        shards: shards.map(|shards| shards as usize),
    })
}

fn fault(settings: &mut Settings) -> Result<FaultConfig> {
    let delay = settings.duration("delay")?.unwrap_or_default();
    let fault = match settings.choice("fault", &["none", "error", "panic", "never"])? {
        Some("error") => Some(Fault::Fail(Status::UNAVAILABLE)),
        Some("panic") => Some(Fault::Panic),
        Some("never") => Some(Fault::Never),
        _ => None,
    };
    Ok(FaultConfig { delay, fault })
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::config::names::is_known;

    #[test]
    fn the_settings_of_every_type_are_in_the_list_of_names() {
        for kind in KINDS {
            let nodes = if *kind == "redis-sentinel" { "nodes = \"h/m\"\n" } else { "" };
            let text = format!("type = \"{kind}\"\n{nodes}zzzzzzzzzzzzzzzz = 1");
            let mut config = crate::config::Config::parse(&text).expect("a document");
            let store = config.stores.pop_first().expect("one").1;
            let error = open(store).err().expect("an unknown setting").to_string();
            let (_, known) = error.split_once("the settings here are: ").unwrap_or(("", ""));
            let known = known.split(", ").filter(|name| !name.is_empty());
            assert!(known.clone().count() > 0 || *kind == "noop", "{error}");
            assert_eq!(known.filter(|name| !is_known(name)).collect::<Vec<_>>(), Vec::<&str>::new(), "{kind}");
        }
    }
}
