//! The subcommands on a store.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use clap::ArgMatches;
use serde_json::json;

use super::Failure;
use super::exit::Exit;
use super::output::{Output, from_hex};
use super::transfer::endpoint::Endpoint;
use super::{dump, load, migrate, source};
use crate::boundary::wait::wait;
use crate::config::settings::unknown;
use crate::config::{Config, duration};
use crate::error::{Error, Result, Status};
use crate::larder::Larder;
use crate::store::Store;
use crate::store::options::{
    Condition, Durability, Lifetime, ListOptions, Outcome, Projection, PutOptions, Term, WatchOptions, WatchStart,
};
use crate::store::record::Metadata;

type Done = std::result::Result<Exit, Failure>;

/// How many records a list reads at once.
const PAGE: usize = 1024;
/// The subcommands that work on one store.
const COMMANDS: [&str; 10] = ["get", "put", "del", "ls", "watch", "stat", "ping", "dump", "load", "migrate"];

/// An opened larder and the store of it that the arguments name.
pub struct Session {
    store: Arc<dyn Store>,
    larder: Larder,
    config: Config,
    place: Place,
    timeout: Option<Duration>,
    hex: bool,
}

/// Which store the arguments name.
struct Place {
    name: String,
    database: Option<String>,
    table: Option<String>,
}

impl Session {
    /// Opens what the arguments name.
    pub fn open(matches: &ArgMatches) -> Result<Session> {
        let timeout = time(matches, "timeout")?.filter(|timeout| !timeout.is_zero());
        let (config, _) = source::find(matches)?;
        let larder = Larder::from_config(config.clone())?;
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        let name = store_name(text("store"), &larder)?;
        let place = Place { name, database: text("database"), table: text("table") };
        let store = larder.store_at(&place.name, place.database.as_deref(), place.table.as_deref())?;
        Ok(Session { store, larder, config, place, timeout, hex: matches.get_flag("hex") })
    }

    /// The store as one end of a transfer.
    pub fn endpoint(&self) -> Result<Endpoint> {
        self.endpoint_at(&self.place.name, self.place.database.as_deref(), self.place.table.as_deref())
    }

    /// A store of the same configuration as one end of a transfer.
    pub fn endpoint_at(&self, name: &str, database: Option<&str>, table: Option<&str>) -> Result<Endpoint> {
        let store = self.larder.store_at(name, database, table)?;
        // The larder was made of this configuration, so that it has each store of it.
        let section = self.config.stores.get(name).ok_or_else(|| Error::argument("--store", "there is none"))?;
        Ok(Endpoint::new(store, section, database, table, self.timeout))
    }

    /// The name of the store that the arguments name.
    pub fn store_name(&self) -> &str {
        &self.place.name
    }

    /// How long one answer may take.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Runs a subcommand.
    pub fn execute(&self, name: &str, given: &ArgMatches, output: &mut Output<'_>) -> Done {
        output.hex = self.hex;
        match name {
            "get" => self.get(given, output),
            "put" => self.put(given, output),
            "del" => self.del(given, output),
            "ls" => self.ls(given, output),
            "watch" => self.watch(given, output),
            "stat" => self.stat(output),
            "ping" => self.ping(output),
            "dump" => dump::run(self, given, output),
            "load" => load::run(self, given, output),
            "migrate" => migrate::run(self, given, output),
            other => Err(Error::argument("command", unknown(other, COMMANDS, "commands")).into()),
        }
    }

    fn get(&self, given: &ArgMatches, output: &mut Output<'_>) -> Done {
        let key = self.bytes(given, "key")?;
        let Some(record) = wait(self.store.get(&key), self.timeout)? else { return Ok(Exit::NotFound) };
        if given.get_flag("long") {
            output.record(&record)?
        } else {
            output.value(&record)?
        };
        Ok(Exit::Done)
    }

    fn put(&self, given: &ArgMatches, output: &mut Output<'_>) -> Done {
        let key = self.bytes(given, "key")?;
        let value = value(given)?;
        let metadata = metadata(given)?;
        let condition = match given.get_one::<u64>("if-revision") {
            Some(revision) => Condition::IfRevision(*revision),
            None if given.get_flag("if-absent") => Condition::IfAbsent,
            None => Condition::Always,
        };
        let lifetime = Lifetime { lifespan: term(given, "lifespan")?, max_idle: term(given, "max-idle")? };
        let options = PutOptions { lifetime, metadata, condition, durability: durability(given)? };
        tell(wait(self.store.put(&key, &value, &options), self.timeout)?, output)
    }

    fn del(&self, given: &ArgMatches, output: &mut Output<'_>) -> Done {
        let keys = given.get_many::<String>("key").into_iter().flatten();
        let keys = keys.map(|key| self.decode(key, "KEY")).collect::<Result<Vec<_>>>()?;
        if let Some(revision) = given.get_one::<u64>("if-revision") {
            let [key] = keys.as_slice() else {
                return Err(Error::argument("--if-revision", "it goes with one key").into());
            };
            return tell(wait(self.store.remove(key, Some(*revision)), self.timeout)?, output);
        }
        let borrowed: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let removed = wait(self.store.remove_many(&borrowed), self.timeout)?;
        output.object(&json!({"removed": removed}), || format!("{removed} removed\n"))?;
        Ok(if removed == 0 { Exit::NotFound } else { Exit::Done })
    }

    fn ls(&self, given: &ArgMatches, output: &mut Output<'_>) -> Done {
        let long = given.get_flag("long");
        let count = |name: &str| given.get_one::<usize>(name).copied().unwrap_or(0);
        let options = ListOptions {
            prefix: self.bytes(given, "prefix")?,
            suffix: self.bytes(given, "suffix")?,
            offset: count("offset"),
            limit: count("limit"),
            projection: if long { Projection::Records } else { Projection::Keys },
        };
        let cursor = wait(self.store.cursor(&options), self.timeout)?;
        loop {
            let page = wait(cursor.next(PAGE), self.timeout)?;
            if page.is_empty() {
                return Ok(Exit::Done);
            }
            for record in &page {
                if long { output.record(record)? } else { output.key_line(record)? }
            }
        }
    }

    fn watch(&self, given: &ArgMatches, output: &mut Output<'_>) -> Done {
        let start = if given.get_flag("existing") { WatchStart::Existing } else { WatchStart::Now };
        let options = WatchOptions { prefix: self.bytes(given, "prefix")?, start, capacity: 0 };
        let watch = wait(self.store.watch(&options), self.timeout)?;
        let end = given.get_one::<usize>("count").copied().unwrap_or(0);
        let mut told = 0;
        loop {
            // A watch has no deadline: it waits for whatever comes.
            let events = wait(watch.next(if end == 0 { PAGE } else { end - told }), None)?;
            if events.is_empty() {
                return Err(Error::closed("watch").into());
            }
            for event in &events {
                output.event(event)?;
            }
            told += events.len();
            if end != 0 && told >= end {
                return Ok(Exit::Done);
            }
        }
    }

    fn stat(&self, output: &mut Output<'_>) -> Done {
        let size = wait(self.store.size(), self.timeout)?;
        let counted = wait(self.store.statistics(), self.timeout)?;
        let about = self.store.describe();
        let numbers = json!({
            "hits": counted.hits, "misses": counted.misses, "puts": counted.puts, "removals": counted.removals,
            "evictions": counted.evictions, "expirations": counted.expirations, "entries": counted.entries,
            "bytes": counted.bytes,
        });
        output.object(&json!({"size": size, "statistics": numbers, "store": about}), || {
            let mut text = format!("size\t{size}\n");
            for (name, number) in numbers.as_object().into_iter().flatten() {
                text += &format!("{name}\t{number}\n");
            }
            text + &format!("store\t{about}\n")
        })?;
        Ok(Exit::Done)
    }

    fn ping(&self, output: &mut Output<'_>) -> Done {
        let begin = std::time::Instant::now();
        wait(self.store.ping(), self.timeout)?;
        let microseconds = begin.elapsed().as_micros() as u64;
        let object = json!({"answers": true, "microseconds": microseconds});
        output.object(&object, || format!("answers in {microseconds} µs\n"))?;
        Ok(Exit::Done)
    }

    /// The bytes of a key, prefix or suffix as it was given.
    pub fn bytes(&self, given: &ArgMatches, name: &'static str) -> Result<Vec<u8>> {
        let text = given.get_one::<String>(name).map_or("", String::as_str);
        self.decode(text, name)
    }

    fn decode(&self, text: &str, name: &'static str) -> Result<Vec<u8>> {
        if !self.hex {
            return Ok(text.as_bytes().to_vec());
        }
        from_hex(text).ok_or_else(|| Error::argument(name, format!("{text:?} is not hexadecimal")))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = wait(self.larder.close(), Some(Duration::from_secs(1)));
    }
}

/// The store that was asked for, or the only one.
pub fn store_name(given: Option<String>, larder: &Larder) -> Result<String> {
    if let Some(name) = given {
        return Ok(name);
    }
    let names: Vec<&str> = larder.names().collect();
    match names.as_slice() {
        [only] => Ok((*only).to_owned()),
        _ => Err(Error::new(
            Status::NO_SUCH_STORE,
            "--store",
            format!("the configuration has several: {}", names.join(", ")),
        )),
    }
}

fn tell(outcome: Outcome, output: &mut Output<'_>) -> Done {
    let (exit, word, revision) = match outcome {
        Outcome::Done { revision } => (Exit::Done, "done", Some(revision)),
        Outcome::Conflict { revision } => (Exit::Conflict, "conflict", Some(revision)),
        Outcome::NotFound => (Exit::NotFound, "not found", None),
    };
    output.object(&json!({"outcome": word, "revision": revision}), || {
        revision.map_or_else(|| format!("{word}\n"), |revision| format!("{word}\trevision {revision}\n"))
    })?;
    Ok(exit)
}

fn value(given: &ArgMatches) -> std::result::Result<Vec<u8>, Failure> {
    if let Some(value) = given.get_one::<String>("value").filter(|value| *value != "-") {
        return Ok(value.clone().into_bytes());
    }
    let mut value = Vec::new();
    std::io::stdin().read_to_end(&mut value)?;
    Ok(value)
}

fn metadata(given: &ArgMatches) -> Result<Metadata> {
    let mut pairs = Vec::new();
    for text in given.get_many::<String>("metadata").into_iter().flatten() {
        let Some((name, value)) = text.split_once('=') else {
            return Err(Error::argument("--metadata", format!("{text:?} has no \"=\"; expected NAME=VALUE")));
        };
        pairs.push((name, value.as_bytes()));
    }
    Metadata::new(pairs)
}

fn durability(given: &ArgMatches) -> Result<Durability> {
    let Some(text) = given.get_one::<String>("durability") else { return Ok(Durability::Default) };
    match (text.as_str(), text.parse()) {
        ("none", _) => Ok(Durability::None),
        ("all", _) => Ok(Durability::All),
        (_, Ok(replicas @ 1..)) => Ok(Durability::Replicas(replicas)),
        _ => Err(Error::argument(
            "--durability",
            format!("it is {text:?}; expected none, all, or a number from 1 to 255"),
        )),
    }
}

/// A duration among the arguments.
pub fn time(given: &ArgMatches, name: &'static str) -> Result<Option<Duration>> {
    let Some(text) = given.get_one::<String>(name) else { return Ok(None) };
    let parsed = duration::parse(text);
    let expected =
        || Error::argument(name, format!("it is {text:?}; expected a duration such as 300ms, 1.5h or 2h45m"));
    parsed.map(Some).ok_or_else(expected)
}

fn term(given: &ArgMatches, name: &'static str) -> Result<Term> {
    Ok(match time(given, name)? {
        None => Term::Default,
        Some(Duration::ZERO) => Term::Unlimited,
        Some(duration) => Term::For(duration),
    })
}
