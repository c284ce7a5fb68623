//! What is known of the stream behind a database: whether there is one, how it is configured, and how one is made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::TARGET;
use super::config::NatsConfig;
use super::connection::{Connection, foreign, pause};
use super::protocol;
use super::session::Version;
use super::wire::json::{flag, number, text};
use crate::clock;
use crate::error::{Error, Result, Status};
use crate::log::{self, Level};
use crate::store::format::Format;
use crate::sync::Mutex;

/// What the plugin writes into the buckets that it creates.
const PLUGIN_DESCRIPTION: &str = "KeyValue storage administered by go-micro store plugin";
/// What Larder writes into its own.
const LARDER_DESCRIPTION: &str = "Larder store";
/// The stream's metadata that says that Larder created it, with the format as its value.
const CREATED_MARK: &str = "larder.format";
/// How far back a server looks for a repeated message, unless the bucket's limit is shorter: two minutes.
const DUPLICATE_WINDOW_MS: u64 = 120_000;

/// What a stream's description says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// When it was created, as the server writes it; another one is another stream.
    pub created: String,
    /// How long the bucket keeps a message, in milliseconds; 0 for ever.
    pub max_age_ms: u64,
    /// Whether it lies in memory.
    pub in_memory: bool,
    /// How many servers hold it.
    pub replicas: u64,
    /// How many values of a key it keeps.
    pub history: i64,
    /// How many bytes it may hold; negative for any.
    pub max_bytes: i64,
    /// How large a message may be; negative for any.
    pub max_message: i64,
    /// Whether any replica answers reads.
    pub allow_direct: bool,
    /// Whether messages may have lifespans of their own.
    pub allow_msg_ttl: bool,
    /// How long the server keeps the mark that it leaves where a lifespan ended, in milliseconds; 0 for no mark.
    pub end_marks_ms: u64,
    /// Whether Larder created it.
    pub is_own: bool,
    /// The format that Larder created it for; empty when it did not.
    pub format: String,
    /// How many messages it holds, marks included.
    pub messages: u64,
    /// How many bytes it holds.
    pub bytes: u64,
    /// The sequence of the first message that it still holds.
    pub first_sequence: u64,
    /// When that was taken, in milliseconds since 1970; 0 where it holds none.
    pub first_unix_ms: u64,
    /// The sequence of its last message.
    pub last_sequence: u64,
    /// When that was taken, in milliseconds since 1970.
    pub last_unix_ms: u64,
    /// When it was so by the server's clock, in milliseconds since 1970. Servers before 2.10 do not say; then by ours.
    pub asked_unix_ms: u64,
}

impl Facts {
    /// What a stream's description says; `None` for what is none.
    pub fn of(info: &Value) -> Option<Facts> {
        let config = info.get("config")?;
        let state = info.get("state")?;
        let signed = |key: &str| config.get(key).and_then(Value::as_i64).unwrap_or(-1);
        let mark = config.get("metadata").map_or("", |metadata| text(metadata, CREATED_MARK));
        Some(Facts {
            created: text(info, "created").to_owned(),
            max_age_ms: number(config, "max_age") / 1_000_000,
            in_memory: text(config, "storage") == "memory",
            replicas: number(config, "num_replicas").max(1),
            history: signed("max_msgs_per_subject"),
            max_bytes: signed("max_bytes"),
            max_message: signed("max_msg_size"),
            allow_direct: flag(config, "allow_direct"),
            allow_msg_ttl: flag(config, "allow_msg_ttl"),
            end_marks_ms: number(config, "subject_delete_marker_ttl") / 1_000_000,
            is_own: !mark.is_empty() || text(config, "description") == LARDER_DESCRIPTION,
            format: mark.to_owned(),
            messages: number(state, "messages"),
            bytes: number(state, "bytes"),
            first_sequence: number(state, "first_seq"),
            first_unix_ms: protocol::unix_ms(text(state, "first_ts")),
            last_sequence: number(state, "last_seq"),
            last_unix_ms: protocol::unix_ms(text(state, "last_ts")),
            asked_unix_ms: match protocol::unix_ms(text(info, "ts")) {
                0 => clock::unix_ms(),
                told => told,
            },
        })
    }

    /// Whether the server can be told to remove a message after a while. Not where it keeps older ones of the same key: the
    /// last of them would be what the key has then. Nor where it leaves a mark in the message's place, which may wipe out one
    /// that was written since.
    pub fn drops_messages(&self) -> bool {
        self.allow_msg_ttl && self.history == 1 && self.end_marks_ms == 0
    }

    /// Where the stream is not as the settings ask; each a name, what was asked and what there is.
    pub fn differences(&self, config: &NatsConfig) -> Vec<(&'static str, Value, Value)> {
        let mut differences = Vec::new();
        let mut compare = |name, asked: Option<Value>, present: Value| {
            if let Some(asked) = asked.filter(|asked| *asked != present) {
                differences.push((name, asked, present));
            }
        };
        let lifespan_ms = config.lifespan.map(|lifespan| lifespan.as_millis() as u64);
        match config.format {
            Format::GoMicro => compare("max_age_ms", lifespan_ms.map(Value::from), self.max_age_ms.into()),
            Format::Raw | Format::Larder if self.max_age_ms != 0 => {
                let longer = lifespan_ms.unwrap_or(u64::MAX) > self.max_age_ms;
                compare("max_age_ms", longer.then_some(0.into()), self.max_age_ms.into());
            }
            Format::Raw | Format::Larder => {}
        }
        let storage = |in_memory| Value::from(if in_memory { "memory" } else { "file" });
        compare("storage", config.disable_persistence.map(storage), storage(self.in_memory));
        compare("replicas", config.replicas.map(Value::from), self.replicas.into());
        compare("history", config.history.map(Value::from), self.history.into());
        compare("max_bytes", config.max_bytes.map(Value::from), self.max_bytes.into());
        let format = (!self.format.is_empty()).then(|| config.format.name().into());
        compare("format", format, self.format.clone().into());
        compare("subject_delete_marker_ttl_ms", Some(0.into()), self.end_marks_ms.into());
        differences
    }
}

/// A database's bucket.
pub(super) struct Bucket {
    /// Its name.
    pub name: String,
    /// The stream behind it.
    pub stream: String,
    facts: Mutex<Option<(u64, Arc<Facts>)>>,
    has_told: AtomicBool,
}

impl Bucket {
    /// The bucket of a name, of which nothing is known yet.
    pub fn new(name: &str) -> Bucket {
        Bucket {
            name: name.to_owned(),
            stream: format!("KV_{name}"),
            facts: Mutex::default(),
            has_told: AtomicBool::new(false),
        }
    }

    /// What was last known of it.
    pub fn known(&self) -> Option<Arc<Facts>> {
        self.facts.lock().as_ref().map(|(_, facts)| Arc::clone(facts))
    }

    /// Has it asked anew before the next use.
    pub fn forget(&self) {
        *self.facts.lock() = None;
    }

    /// What is known of it, asked anew on each session; `None` when there is no such bucket.
    ///
    /// # Errors
    ///
    /// As [`Connection::api`].
    pub async fn facts(&self, connection: &Arc<Connection>, end: Instant) -> Result<Option<Arc<Facts>>> {
        let session = connection.session(end).await?;
        if let Some((asked_on, facts)) = &*self.facts.lock()
            && *asked_on == session.number
        {
            return Ok(Some(Arc::clone(facts)));
        }
        drop(session);
        Box::pin(self.refresh(connection, end)).await
    }

    /// As [`Bucket::facts`], asked of the server now.
    ///
    /// # Errors
    ///
    /// As [`Connection::api`].
    pub async fn refresh(&self, connection: &Arc<Connection>, end: Instant) -> Result<Option<Arc<Facts>>> {
        let asked_on = connection.session(end).await?.number;
        match self.info(connection, end).await? {
            Some(info) => self.learn(connection, &info, asked_on).map(Some),
            None => {
                *self.facts.lock() = None;
                Ok(None)
            }
        }
    }

    /// What the clock of the server shows that leads the bucket, whose time all its messages have. `None` when there is
    /// no such bucket, and before version 2.10.
    ///
    /// # Errors
    ///
    /// As [`Connection::api`].
    pub async fn server_time(&self, connection: &Arc<Connection>, end: Instant) -> Result<Option<SystemTime>> {
        let told_ms = self.info(connection, end).await?.map_or(0, |info| protocol::unix_ms(text(&info, "ts")));
        Ok((told_ms > 0).then(|| UNIX_EPOCH + Duration::from_millis(told_ms)))
    }

    /// What the server says of the stream; `None` when there is none.
    async fn info(&self, connection: &Arc<Connection>, end: Instant) -> Result<Option<Value>> {
        match connection.api(&format!("$JS.API.STREAM.INFO.{}", self.stream), &Value::Null, end).await? {
            Ok(info) => Ok(Some(info)),
            Err(error) if error.is_missing_stream() => Ok(None),
            Err(error) => Err(refused(&self.name, "described", &error)),
        }
    }

    /// As [`Bucket::facts`]; a bucket that does not exist is created.
    ///
    /// # Errors
    ///
    /// As [`Connection::api`], and `UNAVAILABLE` or `CONFIG` when it cannot be created.
    pub async fn bind(&self, connection: &Arc<Connection>, end: Instant) -> Result<Arc<Facts>> {
        if let Some(facts) = self.facts(connection, end).await? {
            return Ok(facts);
        }
        Box::pin(self.create(connection, end)).await
    }

    /// Creates it, once servers that are away for the moment have come back, as in a restart one by one.
    async fn create(&self, connection: &Arc<Connection>, end: Instant) -> Result<Arc<Facts>> {
        loop {
            match self.try_to_create(connection, end).await? {
                Ok(facts) => return Ok(facts),
                Err(error) if error.is_for_a_server_that_is_away() && pause(end).await => {}
                Err(error) => return Err(self.uncreated(&connection.config, &error)),
            }
        }
    }

    async fn try_to_create(
        &self,
        connection: &Arc<Connection>,
        end: Instant,
    ) -> Result<std::result::Result<Arc<Facts>, protocol::ApiError>> {
        let session = connection.session(end).await?;
        let request = creation(&connection.config, &self.name, &self.stream, session.version);
        let asked_on = session.number;
        drop(session);
        match connection.api(&format!("$JS.API.STREAM.CREATE.{}", self.stream), &request, end).await? {
            Ok(info) => {
                log::write(Level::Info, TARGET, || format!("created the bucket {}", self.name));
                self.learn(connection, &info, asked_on).map(Ok)
            }
            // Somebody else was faster, and configured it otherwise.
            Err(error) if error.number == protocol::STREAM_NAME_IN_USE => {
                let facts = self.refresh(connection, end).await?;
                facts.map(Ok).ok_or_else(|| refused(&self.name, "created", &error))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// The error of a bucket that could not be created.
    fn uncreated(&self, config: &NatsConfig, error: &protocol::ApiError) -> Error {
        if error.is_for_a_server_that_is_away() {
            let text = format!(
                "the bucket {} cannot be created: {}; start the servers that are away, or ask for fewer copies",
                self.name, error.description
            );
            return Error::new(Status::UNAVAILABLE, "replicas", text);
        }
        let lacks_servers = matches!(error.number, protocol::REPLICAS_UNSUPPORTED | protocol::NO_SUITABLE_PEERS);
        let Some(replicas) = config.replicas.filter(|_| lacks_servers) else {
            return refused(&self.name, "created", error);
        };
        let text = format!(
            "the bucket {} cannot be created on {replicas} servers: {} (error {}); ask for as many as there are",
            self.name, error.description, error.number
        );
        Error::config("replicas", text)
    }

    /// The sequence of the first message on these subjects at or after one, as the bucket's leader has it.
    ///
    /// # Errors
    ///
    /// As [`Connection::api`].
    pub async fn next_of(
        &self,
        connection: &Arc<Connection>,
        subjects: &str,
        sequence: u64,
        end: Instant,
    ) -> Result<Option<u64>> {
        let request = json!({ "seq": sequence, "next_by_subj": subjects });
        match connection.api(&format!("$JS.API.STREAM.MSG.GET.{}", self.stream), &request, end).await? {
            Ok(answer) => answer.get("message").map(|message| Some(number(message, "seq"))).ok_or_else(foreign),
            Err(error) if error.is_missing_message() || error.is_missing_stream() => Ok(None),
            Err(error) => Err(refused(&self.name, "read", &error)),
        }
    }

    /// When the message of a sequence was taken, in milliseconds since 1970; `None` where the leader shows none.
    ///
    /// # Errors
    ///
    /// As [`Connection::api`].
    pub async fn time_of(&self, connection: &Arc<Connection>, sequence: u64, end: Instant) -> Result<Option<u64>> {
        let subject = format!("$JS.API.STREAM.MSG.GET.{}", self.stream);
        let answer = connection.api(&subject, &json!({ "seq": sequence }), end).await?;
        let message = answer.as_ref().ok().and_then(|answer| answer.get("message"));
        Ok(message.map(|message| protocol::unix_ms(text(message, "time"))))
    }

    fn learn(&self, connection: &Connection, info: &Value, asked_on: u64) -> Result<Arc<Facts>> {
        let facts = Arc::new(Facts::of(info).ok_or_else(foreign)?);
        *self.facts.lock() = Some((asked_on, Arc::clone(&facts)));
        if !self.has_told.swap(true, Ordering::Relaxed) {
            self.tell_differences(&facts, &connection.config);
        }
        Ok(facts)
    }

    fn tell_differences(&self, facts: &Facts, config: &NatsConfig) {
        let differences = facts.differences(config);
        if differences.is_empty() {
            return;
        }
        log::write(Level::Warn, TARGET, || {
            let told: Vec<String> =
                differences.iter().map(|(name, asked, present)| format!("{name} is {present}, not {asked}")).collect();
            format!("the bucket {} is bound as it is: {}", self.name, told.join("; "))
        });
    }
}

/// The request that creates a bucket: for go-micro as its plugin does it, otherwise with lifespans for messages where the
/// server has them.
///
/// The server leaves no mark where a lifespan ended (`subject_delete_marker_ttl`). It decides that a mark is due, and then
/// has it written as any message that wipes out what its key has, without a look at what that is by then (2.11 to 2.15). So
/// it removed records that were written, and acknowledged, just when the one before them ended, which is when caches
/// write. Watches need no mark: they know when each record ends.
fn creation(config: &NatsConfig, bucket: &str, stream: &str, version: Version) -> Value {
    let is_plugins = config.format == Format::GoMicro;
    let max_age_ms = match config.lifespan {
        Some(lifespan) if is_plugins => lifespan.as_millis() as u64,
        _ => 0,
    };
    let window_ms = if max_age_ms == 0 { DUPLICATE_WINDOW_MS } else { max_age_ms.min(DUPLICATE_WINDOW_MS) };
    let mut request = json!({
        "name": stream,
        "description": if is_plugins { PLUGIN_DESCRIPTION } else { LARDER_DESCRIPTION },
        "subjects": [format!("$KV.{bucket}.>")],
        "retention": "limits",
        "max_consumers": -1,
        "max_msgs": -1,
        "max_bytes": config.max_bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
        "max_age": max_age_ms * 1_000_000,
        "max_msgs_per_subject": config.history.unwrap_or(1),
        "max_msg_size": -1,
        "discard": "new",
        "storage": if config.disable_persistence == Some(true) { "memory" } else { "file" },
        "num_replicas": config.replicas.unwrap_or(1),
        "duplicate_window": window_ms * 1_000_000,
        "deny_delete": true,
        "allow_rollup_hdrs": true,
        "allow_direct": true,
    });
    if version >= Version::METADATA {
        request["metadata"] = json!({ CREATED_MARK: config.format.name() });
    }
    if version >= Version::MESSAGE_TTL && !is_plugins {
        request["allow_msg_ttl"] = true.into();
    }
    request
}

/// The error of a request about a bucket that the server refused.
fn refused(bucket: &str, what: &str, error: &protocol::ApiError) -> Error {
    let status = match error.code {
        400 => Status::CONFIG,
        401 | 403 => Status::AUTH,
        _ => Status::UNAVAILABLE,
    };
    let text = format!("the bucket {bucket} cannot be {what}: {} (error {})", error.description, error.number);
    Error::new(status, super::KIND, text)
}
