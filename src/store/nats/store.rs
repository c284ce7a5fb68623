//! One database and table on the servers, as the rest of Larder sees it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::KIND;
use super::backend::Engine;
use super::bucket::{Bucket, Facts};
use super::config::NatsConfig;
use super::key::Keys;
use super::list::{NatsCursor, WINDOW};
use super::watch;
use super::write::{Write, refuse_max_idle};
use crate::error::{Error, Result, Status};
use crate::store::event::{Cursor, Watch};
use crate::store::format::Format;
use crate::store::options::{Entry, Lifetime, ListOptions, Outcome, PutOptions, Term, WatchOptions};
use crate::store::record::Record;
use crate::store::reply::Reply;
use crate::store::statistics::Statistics;
use crate::store::{Lookup, Store};

/// The records of one database and table, and what they lie on.
pub(super) struct Table {
    /// The backend's.
    pub engine: Arc<Engine>,
    /// The database.
    pub bucket: Arc<Bucket>,
    /// The table.
    pub keys: Keys,
}

impl Table {
    /// The backend's settings.
    pub fn config(&self) -> &NatsConfig {
        &self.engine.connection.config
    }

    /// The lifespan of a record that has none of its own, in milliseconds; 0 for none. The plugin's is the bucket's.
    pub fn default_lifespan_ms(&self) -> u64 {
        match self.keys.format() {
            Format::GoMicro => 0,
            Format::Raw | Format::Larder => {
                self.config().lifespan.map_or(0, |lifespan| Term::For(lifespan).resolve_ms(0))
            }
        }
    }

    /// What is known of the bucket; `None` when there is none.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, `AUTH`, `CLOSED`.
    pub async fn facts(&self, end: Instant) -> Result<Option<Arc<Facts>>> {
        self.bucket.facts(&self.engine.connection, end).await
    }

    /// When the present call has to end. Asked while its future is polled.
    pub fn end(&self) -> Instant {
        self.engine.connection.end()
    }

    /// Asks the bucket anew; what was known stays where it is gone.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, `AUTH`, `CLOSED`.
    pub async fn renew(&self, facts: &mut Arc<Facts>, end: Instant) -> Result<()> {
        if let Some(now) = self.bucket.refresh(&self.engine.connection, end).await? {
            *facts = now;
        }
        Ok(())
    }

    async fn put_all(&self, writes: Vec<Result<Write>>, end: Instant) -> Vec<Result<Outcome>> {
        let mut names = HashSet::new();
        // Of two writes of one key the later has to win, so such a batch is written one after the other.
        let is_apart = writes.iter().flatten().all(|write| names.insert(write.nats_key.as_str()));
        let window = if is_apart { WINDOW } else { 1 };
        let mut outcomes = Vec::with_capacity(writes.len());
        for window in writes.chunks(window) {
            let puts = window.iter().map(|write| async {
                match write {
                    Ok(write) => self.put(write, end).await,
                    Err(error) => Err(error.clone()),
                }
            });
            // Without tokio's budget, at whose end what is left would be sent in reverse: revisions follow the order.
            outcomes.extend(tokio::task::unconstrained(join_all(puts)).await);
        }
        outcomes
    }

    async fn remove_all(self: &Arc<Self>, nats_keys: Vec<String>, end: Instant) -> Result<u64> {
        let mut removed = 0;
        for window in nats_keys.chunks(WINDOW) {
            let removals = window.iter().map(|nats_key| self.take_out(nats_key, None, end));
            for outcome in join_all(removals).await {
                removed += u64::from(matches!(outcome?, Outcome::Done { .. }));
            }
        }
        Ok(removed)
    }

    async fn statistics(&self, end: Instant) -> Result<Statistics> {
        let (mut entries, mut bytes) = (0, 0);
        for bucket in self.engine.buckets() {
            if let Some(facts) = bucket.refresh(&self.engine.connection, end).await? {
                entries = u64::saturating_add(entries, facts.messages);
                bytes = u64::saturating_add(bytes, facts.bytes);
            }
        }
        Ok(self.engine.counters.statistics(entries, bytes))
    }

    /// What a question came to that had no answer: a server that is connected is late where its deadline passed, and not
    /// away. A write says `UNAVAILABLE` of the same: nothing of it was sent.
    fn late(&self, error: Error, end: Instant) -> Error {
        let is_late = error.status() == Status::UNAVAILABLE && Instant::now() >= end;
        if !is_late || self.engine.connection.current().is_none() {
            return error;
        }
        Error::new(Status::TIMEOUT, error.origin().to_owned(), error.message().to_owned())
    }

    async fn ping(&self, end: Instant) -> Result<()> {
        let connection = &self.engine.connection;
        let answer = match connection.api("$JS.API.INFO", &Value::Null, end).await {
            // A user that may look at its own bucket only is logged in all the same.
            Err(error) if error.status() == Status::AUTH && connection.current().is_some() => {
                return self.bucket.refresh(connection, end).await.map(drop);
            }
            answer => answer?,
        };
        match answer {
            Ok(_) => Ok(()),
            Err(error) => {
                let text = format!("JetStream refuses: {} (error {})", error.description, error.number);
                Err(Error::new(Status::UNAVAILABLE, KIND, text))
            }
        }
    }
}

/// A store on a bucket.
pub(super) struct NatsStore {
    table: Arc<Table>,
}

impl NatsStore {
    /// The store of a table.
    pub fn new(table: Table) -> NatsStore {
        NatsStore { table: Arc::new(table) }
    }

    /// A reply that `work` gives; `CLOSED` at once after the backend was closed.
    fn reply<T, F>(&self, work: impl FnOnce(Arc<Table>) -> F) -> Reply<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        if let Err(error) = self.table.engine.check_open() {
            return Reply::Ready(Err(error));
        }
        Reply::pending(work(Arc::clone(&self.table)))
    }

    /// A reply to what changes nothing, asked until the call's deadline.
    fn question<T, F>(&self, work: impl FnOnce(Arc<Table>, Instant) -> F + Send + 'static) -> Reply<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.reply(move |table| async move {
            let end = table.end();
            let asked = Arc::clone(&table);
            work(table, end).await.map_err(|error| asked.late(error, end))
        })
    }
}

/// Ends a call at once with an argument's error.
macro_rules! checked {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Reply::Ready(Err(error)),
        }
    };
}

impl Store for NatsStore {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn is_immediate(&self) -> bool {
        false
    }

    fn peek(&self, _key: &[u8], _visit: &mut dyn FnMut(&Record)) -> Result<Lookup> {
        self.table.engine.check_open().map(|()| Lookup::Unknown)
    }

    fn get(&self, key: &[u8]) -> Reply<Option<Record>> {
        let nats_key = checked!(self.table.keys.nats_key(key));
        let key = key.to_vec();
        self.question(move |table, end| async move {
            let record = table.read(&key, &nats_key, end).await?;
            table.engine.counters.read(record.is_some());
            Ok(record)
        })
    }

    fn get_many(&self, keys: &[&[u8]]) -> Reply<Vec<Option<Record>>> {
        for key in keys {
            checked!(self.table.keys.nats_key(key));
        }
        let keys = keys.iter().map(|key| key.to_vec()).collect();
        self.question(move |table, end| async move {
            let records = table.read_many(keys, end).await?;
            records.iter().for_each(|record| table.engine.counters.read(record.is_some()));
            Ok(records)
        })
    }

    fn contains(&self, key: &[u8]) -> Reply<bool> {
        let nats_key = checked!(self.table.keys.nats_key(key));
        let key = key.to_vec();
        self.question(move |table, end| async move { Ok(table.read(&key, &nats_key, end).await?.is_some()) })
    }

    fn put(&self, key: &[u8], value: &[u8], options: &PutOptions) -> Reply<Outcome> {
        let write = checked!(self.table.prepare(key, value, options));
        self.reply(move |table| async move {
            let end = table.end();
            table.put(&write, end).await
        })
    }

    fn put_many(&self, entries: &[Entry<'_>]) -> Reply<Vec<Result<Outcome>>> {
        let prepare = |entry: &Entry<'_>| self.table.prepare(entry.key, entry.value, &entry.options);
        let writes = entries.iter().map(prepare).collect();
        self.reply(move |table| async move {
            let end = table.end();
            Ok(table.put_all(writes, end).await)
        })
    }

    fn remove(&self, key: &[u8], revision: Option<u64>) -> Reply<Outcome> {
        let nats_key = checked!(self.table.keys.nats_key(key));
        self.reply(move |table| async move {
            let end = table.end();
            table.take_out(&nats_key, revision, end).await
        })
    }

    fn remove_many(&self, keys: &[&[u8]]) -> Reply<u64> {
        let nats_keys = keys.iter().map(|key| self.table.keys.nats_key(key)).collect::<Result<Vec<_>>>();
        let mut nats_keys = checked!(nats_keys);
        nats_keys.sort_unstable();
        nats_keys.dedup();
        self.reply(move |table| async move {
            let end = table.end();
            table.remove_all(nats_keys, end).await
        })
    }

    fn touch(&self, key: &[u8], lifetime: Lifetime) -> Reply<bool> {
        checked!(refuse_max_idle(lifetime));
        if lifetime.lifespan != Term::Default {
            let text =
                "a message cannot be changed on NATS, so a new lifespan takes a new revision; put the record again";
            return Reply::Ready(Err(Error::new(Status::UNSUPPORTED, "lifespan", text)));
        }
        self.contains(key)
    }

    fn list(&self, options: &ListOptions) -> Reply<Vec<Record>> {
        let options = options.clone();
        self.question(move |table, end| async move { table.list(&options, end).await })
    }

    fn cursor(&self, options: &ListOptions) -> Reply<Box<dyn Cursor>> {
        let options = options.clone();
        self.question(move |table, end| async move {
            let listed = table.listed(&options, end).await?;
            Ok(Box::new(NatsCursor::new(table, listed, options.projection)) as Box<dyn Cursor>)
        })
    }

    fn clear(&self) -> Reply<u64> {
        self.reply(move |table| async move {
            let end = table.end();
            // Each record by its own mark and not by a purge, of which no watch would hear.
            let nats_keys = table.nats_keys(end).await?;
            table.remove_all(nats_keys, end).await
        })
    }

    fn size(&self) -> Reply<u64> {
        self.question(move |table, end| async move { Ok(table.list(&ListOptions::default(), end).await?.len() as u64) })
    }

    fn watch(&self, options: &WatchOptions) -> Reply<Arc<dyn Watch>> {
        let options = options.clone();
        self.question(move |table, end| async move { watch::begin(table, options, end).await })
    }

    fn statistics(&self) -> Reply<Statistics> {
        self.question(move |table, end| async move { table.statistics(end).await })
    }

    fn ping(&self) -> Reply<()> {
        self.question(move |table, end| async move { table.ping(end).await })
    }

    fn server_time(&self) -> Reply<Option<SystemTime>> {
        self.question(move |table, end| async move { table.bucket.server_time(&table.engine.connection, end).await })
    }

    fn describe(&self) -> Value {
        let (table, config) = (&self.table, self.table.config());
        let facts = table.bucket.known();
        let session = table.engine.connection.current();
        let mut about = Map::new();
        about.insert("type".into(), KIND.into());
        about.insert("format".into(), config.format.name().into());
        about.insert("bucket".into(), table.bucket.name.clone().into());
        let nodes: Vec<String> = config.nodes.iter().map(super::config::Node::address).collect();
        about.insert("nodes".into(), nodes.into());
        about.insert("connected".into(), session.is_some().into());
        about.insert(
            "connected_to".into(),
            session.as_ref().map(|session| session.socket.info().server_name.clone()).into(),
        );
        about.insert("server_version".into(), session.map(|session| session.socket.info().version.clone()).into());
        let trouble = table.engine.connection.trouble().map(|error| error.to_string());
        about.insert("trouble".into(), trouble.into());
        let differences = facts.as_ref().map(|facts| {
            let differences = facts.differences(config).into_iter();
            differences
                .map(|(name, asked, present)| json!({ "setting": name, "asked": asked, "present": present }))
                .collect::<Vec<_>>()
        });
        about.insert("differences".into(), differences.unwrap_or_default().into());
        about.insert("stream".into(), facts.as_ref().map_or(Value::Null, |facts| describe_stream(facts)));
        about.insert("capabilities".into(), capabilities(config, facts.as_deref()));
        Value::Object(about)
    }
}

fn describe_stream(facts: &Facts) -> Value {
    json!({
        "max_age_ms": facts.max_age_ms,
        "storage": if facts.in_memory { "memory" } else { "file" },
        "replicas": facts.replicas,
        "history": facts.history,
        "max_bytes": facts.max_bytes,
        "allow_direct": facts.allow_direct,
        "allow_msg_ttl": facts.allow_msg_ttl,
        "created_by_larder": facts.is_own,
    })
}

fn capabilities(config: &NatsConfig, facts: Option<&Facts>) -> Value {
    let by_server = facts.map(Facts::drops_messages);
    let apart = match config.format {
        Format::Larder => "exactly",
        Format::Raw => "by the first part of the key; without a table all are seen",
        Format::GoMicro => "by a prefix, as the plugin does; without a table all are seen",
    };
    json!({
        "lifespan": by_server.map(|by_server| if by_server { "by the server and by readers" } else { "by readers" }),
        "lifespan_clock": "the writer's for a record's own, the server's for the bucket's; compared with the reader's",
        "max_idle": false,
        "touch_lifespan": false,
        "metadata": config.format != Format::Raw,
        "read_your_writes": config.read_your_writes || facts.is_some_and(|facts| !facts.allow_direct),
        "replicas_acknowledged": facts.map(|facts| facts.replicas / 2),
        "tables_apart": apart,
        "watch": "changes in their order, continued over reconnects; of a key that changes faster than the server passes on, the \
                  last change; a removed record is told of without its value",
    })
}
