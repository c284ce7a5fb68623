//! What a case has open.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder::store::Store;
use larder::store::event::{Cursor, Event, Watch};
use larder::store::options::{ListOptions, Projection};
use larder::{Larder, Status};
use serde_json::{Value, json};

use super::answer::{Answer, Saved, events, kind_name};
use super::kind::{Kind, Names};
use super::{bytes, known};

pub struct State {
    pub larder: Larder,
    names: Names,
    pub handles: BTreeMap<String, Arc<dyn Store>>,
    pub closed: Vec<String>,
    pub saved: Saved,
    pub cursors: BTreeMap<String, (Box<dyn Cursor>, usize)>,
    pub watches: BTreeMap<String, Reader>,
}

/// A watch with the events that came with one answer and that no step asked for yet.
pub struct Reader {
    watch: Arc<dyn Watch>,
    waiting: VecDeque<Event>,
}

/// What a reader waits for before it gives up, unless a step says otherwise.
const PATIENCE_MS: u64 = 20_000;

impl State {
    pub fn open(case: &Value, kind: &Kind) -> Result<State, String> {
        let names = kind.names();
        let config = json!({"stores": {"default": kind.section(case, &names)?}}).to_string();
        let larder = Larder::open(&config).map_err(|error| format!("{config}: {error}"))?;
        let mut handles = BTreeMap::from([("main".to_owned(), larder.store("default").map_err(|e| e.to_string())?)]);
        for (name, fields) in case["handles"].as_object().into_iter().flatten() {
            known(fields, &["database", "table"])?;
            let opened = open_names(&larder, "default", &names, fields)?;
            handles.insert(name.clone(), opened.map_err(|error| error.to_string())?);
        }
        let (closed, saved, cursors, watches) = Default::default();
        Ok(State { larder, names, handles, closed, saved, cursors, watches })
    }

    /// The store of a handle. Rust has no handles that close: a step that closes one is remembered here.
    pub fn store(&self, step: &Value) -> Result<Result<&dyn Store, larder::Error>, String> {
        let name = step["on"].as_str().unwrap_or("main");
        let store = self.handles.get(name).ok_or_else(|| format!("there is no handle {name}"))?;
        if self.closed.iter().any(|closed| closed == name) {
            return Ok(Err(larder::Error::closed("store")));
        }
        Ok(Ok(store.as_ref()))
    }

    pub fn open_store(&self, step: &Value) -> Result<Answer, String> {
        known(step, &["op", "expect", "name", "database", "table"])?;
        let name = step["name"].as_str().ok_or("no name")?;
        let opened = open_names(&self.larder, name, &self.names, step)?;
        Ok(opened.map_or_else(|error| Answer::error(&error), |_| Answer::of(Status::OK)))
    }

    pub fn read_cursor(&mut self, step: &Value) -> Result<Answer, String> {
        known(step, &["op", "expect", "cursor", "count", "timeout_ms"])?;
        let name = step["cursor"].as_str().ok_or("no cursor")?;
        let (cursor, page) = self.cursors.get(name).ok_or_else(|| format!("there is no cursor {name}"))?;
        let count = step["count"].as_u64().map_or(usize::MAX, |count| count as usize);
        let mut records = Vec::new();
        while records.len() < count {
            match larder::wait(cursor.next((*page).min(count - records.len())), super::step::timeout(step)) {
                Err(error) => return Ok(Answer::error(&error)),
                Ok(found) if found.is_empty() => break,
                Ok(found) => records.extend(found.into_iter().map(Some)),
            }
        }
        Ok(Answer { records: Some(records), ..Answer::of(Status::OK) })
    }

    pub fn add_watch(&mut self, step: &Value, watch: Arc<dyn Watch>) -> Result<(), String> {
        let name = step["watch"].as_str().ok_or("no watch")?;
        self.watches.insert(name.to_owned(), Reader { watch, waiting: VecDeque::new() });
        Ok(())
    }

    /// A step that reads a watch; these check themselves.
    pub fn read_watch(&mut self, operation: &str, step: &Value) -> Result<(), String> {
        let name = step["watch"].as_str().ok_or("no watch")?;
        let reader = self.watches.get_mut(name).ok_or_else(|| format!("there is no watch {name}"))?;
        let patience = Duration::from_millis(step["wait_ms"].as_u64().unwrap_or(PATIENCE_MS));
        match operation {
            "watch_read" => {
                known(step, &["op", "expect", "watch", "order", "wait_ms"])?;
                known(&step["expect"], &["events"])?;
                let expected = step["expect"]["events"].as_array().ok_or("no events")?;
                let in_any_order = match step["order"].as_str() {
                    None | Some("exact") => false,
                    Some("any") => true,
                    Some(other) => return Err(format!("there is no order {other}")),
                };
                let told = reader.read(expected.len(), Instant::now() + patience)?;
                events(expected, &told, in_any_order, &self.saved)
            }
            "watch_quiet" => {
                known(step, &["op", "watch", "ms"])?;
                let end = Instant::now() + Duration::from_millis(step["ms"].as_u64().ok_or("no ms")?);
                let told = reader.read(1, end)?;
                told.first().map_or(Ok(()), |event| Err(format!("there came {event:?}")))
            }
            "watch_skip_to" => {
                known(step, &["op", "watch", "kind", "count", "wait_ms"])?;
                reader.skip(step["kind"].as_str().ok_or("no kind")?, step["count"].as_u64().unwrap_or(1), patience)
            }
            "watch_close" => {
                known(step, &["op", "watch"])?;
                reader.watch.close();
                Ok(())
            }
            "watch_ended" => {
                known(step, &["op", "watch", "wait_ms"])?;
                match larder::wait(reader.watch.next(1), Some(patience)) {
                    Ok(told) if told.is_empty() => Ok(()),
                    other => Err(format!("expected the end, got {other:?}")),
                }
            }
            _ => Err(format!("there is no operation {operation}")),
        }
    }
}

impl Reader {
    /// So many events, or those that came until `end`.
    fn read(&mut self, count: usize, end: Instant) -> Result<Vec<Event>, String> {
        while self.waiting.len() < count {
            let left = end.saturating_duration_since(Instant::now());
            match larder::wait(self.watch.next(64), Some(left)) {
                Err(error) if error.status() == Status::TIMEOUT => break,
                Err(error) => return Err(error.to_string()),
                Ok(told) if told.is_empty() => return Err("the watch has ended".to_owned()),
                Ok(told) => self.waiting.extend(told),
            }
        }
        let count = count.min(self.waiting.len());
        Ok(self.waiting.drain(..count).collect())
    }

    fn skip(&mut self, kind: &str, count: u64, patience: Duration) -> Result<(), String> {
        let end = Instant::now() + patience;
        let mut seen = 0;
        while seen < count {
            let told = self.read(1, end)?;
            let event = told.first().ok_or_else(|| format!("only {seen} of {count} came"))?;
            seen += u64::from(kind_name(event.kind) == kind);
        }
        Ok(())
    }
}

type Opened = larder::Result<Arc<dyn Store>>;

fn open_names(larder: &Larder, name: &str, names: &Names, fields: &Value) -> Result<Opened, String> {
    let (database, table) = (names.name("database", &fields["database"])?, names.name("table", &fields["table"])?);
    Ok(larder.store_at(name, database.as_deref(), table.as_deref()))
}

pub fn list_options(step: &Value, projection: Projection) -> Result<ListOptions, String> {
    let number = |field: &str| step[field].as_u64().unwrap_or(0) as usize;
    let (offset, limit) = (number("offset"), number("limit"));
    let (prefix, suffix) = (bytes::optional(&step["prefix"])?, bytes::optional(&step["suffix"])?);
    Ok(ListOptions { prefix, suffix, offset, limit, projection })
}
