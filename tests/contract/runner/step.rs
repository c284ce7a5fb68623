//! One step: its arguments, the call, the answer.

use std::time::Duration;

use larder::store::Store;
use larder::store::options::{
    Condition, Durability, Entry, Lifetime, Outcome, Projection, PutOptions, Term, WatchOptions, WatchStart,
};
use larder::store::reply::Reply;
use larder::{Larder, Status};
use serde_json::Value;

use super::answer::{Answer, saved_revision};
use super::case::{State, list_options};
use super::{bytes, known};

/// What an operation takes besides `op`, `on`, `timeout_ms`, `expect` and `save`.
fn arguments(operation: &str) -> Option<&'static [&'static str]> {
    const WRITE: &[&str] = &["key", "value", "lifespan_ms", "max_idle_ms", "metadata", "durability"];
    const REPLACE: &[&str] = &["key", "value", "lifespan_ms", "max_idle_ms", "metadata", "durability", "revision"];
    const LIST: &[&str] = &["prefix", "suffix", "offset", "limit"];
    Some(match operation {
        "get" | "contains" | "remove" => &["key"],
        "get_into" => &["key", "capacity"],
        "get_many" | "remove_many" => &["keys"],
        "put" | "put_if_absent" => WRITE,
        "replace" => REPLACE,
        "put_many" => &["records"],
        "remove_revision" => &["key", "revision"],
        "touch" => &["key", "lifespan_ms", "max_idle_ms"],
        "list" | "read" => LIST,
        "cursor_open" => &["cursor", "page", "projection", "prefix", "suffix", "offset", "limit"],
        "watch_open" => &["watch", "start", "prefix", "capacity"],
        "clear" | "size" | "statistics" | "ping" | "describe" | "close_store" => &[],
        _ => return None,
    })
}

pub fn timeout(step: &Value) -> Option<Duration> {
    step["timeout_ms"].as_u64().map(Duration::from_millis)
}

impl State {
    pub fn step(&mut self, step: &Value) -> Result<(), String> {
        let operation = step["op"].as_str().ok_or("no op")?;
        if operation.starts_with("watch_") && operation != "watch_open" {
            return self.read_watch(operation, step);
        }
        let answer = match operation {
            "sleep" => {
                known(step, &["op", "ms"])?;
                std::thread::sleep(Duration::from_millis(step["ms"].as_u64().ok_or("no ms")?));
                Answer::of(Status::OK)
            }
            "close_larder" => done(self.larder.close(), None, |()| Answer::of(Status::OK)),
            "open" => {
                let opened = Larder::open(step["config"].as_str().ok_or("no config")?);
                opened.map_or_else(|error| Answer::error(&error), |_| Answer::of(Status::OK))
            }
            "open_store" => self.open_store(step)?,
            "cursor_read" => self.read_cursor(step)?,
            _ => self.call(operation, step)?,
        };
        answer.check(&step["expect"], &self.saved)?;
        if let Some(name) = step["save"].as_str() {
            self.saved.insert(name.to_owned(), answer.revision.ok_or("there is no revision to save")?);
        }
        Ok(())
    }

    fn call(&mut self, operation: &str, step: &Value) -> Result<Answer, String> {
        let mut fields = arguments(operation).ok_or_else(|| format!("there is no operation {operation}"))?.to_vec();
        fields.extend(["op", "on", "timeout_ms", "expect", "save"]);
        known(step, &fields)?;
        if operation == "close_store" {
            self.closed.push(step["on"].as_str().unwrap_or("main").to_owned());
            return Ok(Answer::of(Status::OK));
        }
        let store = match self.store(step)? {
            Ok(store) => store,
            Err(error) => return Ok(Answer::error(&error)),
        };
        let limit = timeout(step);
        match operation {
            "cursor_open" => {
                let projection = match step["projection"].as_str() {
                    Some("keys") => Projection::Keys,
                    Some("records") => Projection::Records,
                    _ => return Err("no projection".to_owned()),
                };
                let page = step["page"].as_u64().ok_or("no page")? as usize;
                match larder::wait(store.cursor(&list_options(step, projection)?), limit) {
                    Err(error) => Ok(Answer::error(&error)),
                    Ok(cursor) => {
                        self.cursors.insert(step["cursor"].as_str().ok_or("no cursor")?.to_owned(), (cursor, page));
                        Ok(Answer::of(Status::OK))
                    }
                }
            }
            "watch_open" => match larder::wait(store.watch(&watch_options(step)?), limit) {
                Err(error) => Ok(Answer::error(&error)),
                Ok(watch) => {
                    self.add_watch(step, watch)?;
                    Ok(Answer::of(Status::OK))
                }
            },
            "put_many" => {
                let answer = put_many(store, step)?;
                for (index, record) in step["records"].as_array().into_iter().flatten().enumerate() {
                    if let (Some(name), Some(outcomes)) = (record["save"].as_str(), &answer.outcomes) {
                        self.saved.insert(name.to_owned(), outcomes[index].1);
                    }
                }
                Ok(answer)
            }
            _ => self.call_store(operation, step, store),
        }
    }

    fn call_store(&self, operation: &str, step: &Value, store: &dyn Store) -> Result<Answer, String> {
        let limit = timeout(step);
        let key = || bytes::bytes(&step["key"]);
        let expected = || saved_revision(&step["revision"], &self.saved);
        let records = |found: Vec<_>| Answer { records: Some(found), ..Answer::of(Status::OK) };
        let whole = |found: Vec<_>| records(found.into_iter().map(Some).collect());
        Ok(match operation {
            "get" => done(store.get(&key()?), limit, |record| match record {
                None => Answer::of(Status::NOT_FOUND),
                Some(record) => {
                    Answer { revision: Some(record.revision()), record: Some(record), ..Answer::of(Status::OK) }
                }
            }),
            "get_into" => get_into(store, step, limit)?,
            "get_many" => {
                let keys = bytes::many(&step["keys"])?;
                let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
                done(store.get_many(&keys), limit, records)
            }
            "remove_many" => {
                let keys = bytes::many(&step["keys"])?;
                let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
                done(store.remove_many(&keys), limit, Answer::number)
            }
            "contains" => done(store.contains(&key()?), limit, found),
            "put" => self.put(store, step, Condition::Always)?,
            "put_if_absent" => self.put(store, step, Condition::IfAbsent)?,
            "replace" => self.put(store, step, Condition::IfRevision(expected()?))?,
            "remove" => done(store.remove(&key()?, None), limit, outcome),
            "remove_revision" => done(store.remove(&key()?, Some(expected()?)), limit, outcome),
            "touch" => done(store.touch(&key()?, lifetime(step)), limit, found),
            "list" => done(store.list(&list_options(step, Projection::Keys)?), limit, whole),
            "read" => done(store.list(&list_options(step, Projection::Records)?), limit, whole),
            "clear" => done(store.clear(), limit, Answer::number),
            "size" => done(store.size(), limit, Answer::number),
            "statistics" => done(store.statistics(), limit, |counted| Answer {
                statistics: Some(counted),
                ..Answer::of(Status::OK)
            }),
            "ping" => done(store.ping(), limit, |()| Answer::of(Status::OK)),
            "describe" => Answer { description: Some(store.describe()), ..Answer::of(Status::OK) },
            _ => return Err(format!("there is no operation {operation}")),
        })
    }

    fn put(&self, store: &dyn Store, step: &Value, condition: Condition) -> Result<Answer, String> {
        let options = put_options(step, condition)?;
        let reply = store.put(&bytes::bytes(&step["key"])?, &bytes::bytes(&step["value"])?, &options);
        Ok(done(reply, timeout(step), outcome))
    }
}

fn done<T: Send + 'static>(reply: Reply<T>, limit: Option<Duration>, answer: impl FnOnce(T) -> Answer) -> Answer {
    larder::wait(reply, limit).map_or_else(|error| Answer::error(&error), answer)
}

fn found(is_there: bool) -> Answer {
    Answer::of(if is_there { Status::OK } else { Status::NOT_FOUND })
}

fn told(outcome: Outcome) -> (Status, u64) {
    match outcome {
        Outcome::Done { revision } => (Status::OK, revision),
        Outcome::Conflict { revision } => (Status::CONFLICT, revision),
        Outcome::NotFound => (Status::NOT_FOUND, 0),
    }
}

fn outcome(outcome: Outcome) -> Answer {
    let (status, revision) = told(outcome);
    Answer { revision: Some(revision), ..Answer::of(status) }
}

/// As a caller with a buffer does it: what memory knows is copied at once, the rest comes as a record.
fn get_into(store: &dyn Store, step: &Value, limit: Option<Duration>) -> Result<Answer, String> {
    let capacity = step["capacity"].as_u64().ok_or("no capacity")?;
    let reply = done(store.get(&bytes::bytes(&step["key"])?), limit, |record| {
        let Some(record) = record else { return Answer::of(Status::NOT_FOUND) };
        let length = record.value().len() as u64;
        let fits = length <= capacity;
        Answer {
            status: Some(if fits { Status::OK } else { Status::BUFFER_TOO_SMALL }),
            length: Some(length),
            revision: Some(record.revision()),
            value: fits.then(|| record.value().to_vec()),
            ..Answer::default()
        }
    });
    Ok(reply)
}

fn put_many(store: &dyn Store, step: &Value) -> Result<Answer, String> {
    let mut parts = Vec::new();
    for record in step["records"].as_array().ok_or("no records")? {
        known(record, &["key", "value", "lifespan_ms", "max_idle_ms", "metadata", "durability", "save"])?;
        let options = put_options(record, Condition::Always)?;
        parts.push((bytes::bytes(&record["key"])?, bytes::bytes(&record["value"])?, options));
    }
    let entries: Vec<Entry<'_>> =
        parts.iter().map(|(key, value, options)| Entry { key, value, options: options.clone() }).collect();
    Ok(done(store.put_many(&entries), timeout(step), |outcomes| {
        let outcomes: Vec<(Status, u64)> =
            outcomes.into_iter().map(|done| done.map_or_else(|error| (error.status(), 0), told)).collect();
        let first = outcomes.iter().map(|(status, _)| *status).find(|status| *status != Status::OK);
        Answer { outcomes: Some(outcomes), ..Answer::of(first.unwrap_or(Status::OK)) }
    }))
}

fn term(value: &Value) -> Term {
    match value.as_i64() {
        None | Some(0) => Term::Default,
        Some(-1) => Term::Unlimited,
        Some(ms) => Term::For(Duration::from_millis(ms as u64)),
    }
}

fn lifetime(step: &Value) -> Lifetime {
    Lifetime { lifespan: term(&step["lifespan_ms"]), max_idle: term(&step["max_idle_ms"]) }
}

fn put_options(step: &Value, condition: Condition) -> Result<PutOptions, String> {
    let (lifetime, metadata) = (lifetime(step), bytes::metadata(&step["metadata"])?);
    Ok(PutOptions { lifetime, metadata, condition, durability: durability(&step["durability"])? })
}

fn durability(value: &Value) -> Result<Durability, String> {
    match value {
        Value::Null => Ok(Durability::Default),
        Value::String(text) if text == "none" => Ok(Durability::None),
        Value::String(text) if text == "all" => Ok(Durability::All),
        other => {
            let replicas = other.as_u64().and_then(|replicas| u8::try_from(replicas).ok());
            replicas.map(Durability::Replicas).ok_or_else(|| format!("there is no durability {other}"))
        }
    }
}

fn watch_options(step: &Value) -> Result<WatchOptions, String> {
    let start = match step["start"].as_str() {
        None | Some("now") => WatchStart::Now,
        Some("existing") => WatchStart::Existing,
        Some(other) => return Err(format!("there is no start {other}")),
    };
    let capacity = step["capacity"].as_u64().unwrap_or(0) as usize;
    Ok(WatchOptions { prefix: bytes::optional(&step["prefix"])?, start, capacity })
}
