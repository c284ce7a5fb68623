//! Servers that the tests share, stores on them, and a client of another make.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use futures_util::StreamExt;
use larder::config::settings::Settings;
use larder::error::{Error, Result, Status};
use larder::store::event::{Event, EventKind, Watch};
use larder::store::nats::NatsBackend;
use larder::store::nats::config::{self, NatsConfig};
use larder::store::options::{Lifetime, Outcome, PutOptions, Term};
use larder::store::reply::Reply;
use larder::store::{Backend, Store};
use serde_json::{Value, json};

use crate::servers::nats::{Nats, Options};
use crate::servers::tools;

pub const FORMATS: [&str; 3] = ["go-micro", "raw", "larder"];

/// A server of the current version, shared by all tests that leave it in peace.
pub fn current() -> String {
    static SERVER: OnceLock<Nats> = OnceLock::new();
    SERVER.get_or_init(|| Nats::single(&Options::default()).expect("a server")).addresses()[0].clone()
}

/// A server of the oldest version.
pub fn oldest() -> String {
    static SERVER: OnceLock<Nats> = OnceLock::new();
    let options = || Options { binary: Some(tools::nats_server_oldest().expect("built")), ..Options::default() };
    SERVER.get_or_init(|| Nats::single(&options()).expect("a server")).addresses()[0].clone()
}

/// Both.
pub fn servers() -> [String; 2] {
    [current(), oldest()]
}

/// A bucket's name that no other test has.
pub fn bucket() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn settings(address: &str, more: Value) -> Result<NatsConfig> {
    let Value::Object(mut values) = more else { panic!("an object") };
    values.entry("nodes").or_insert_with(|| json!([address]));
    let mut settings = Settings::new("stores.test", values);
    let config = config::take(&mut settings)?;
    settings.finish()?;
    Ok(config)
}

pub fn backend(address: &str, more: Value) -> Arc<NatsBackend> {
    if std::env::var_os("LARDER_TEST_LOG").is_some() {
        larder::log::set_sink(Some((larder::log::Level::Debug, |line| eprintln!("{}: {}", line.target, line.message))));
    }
    NatsBackend::open(settings(address, more).expect("usable settings"))
}

/// A store in a bucket of a backend of its own.
pub fn store(address: &str, bucket: &str, more: Value) -> Arc<dyn Store> {
    // A store keeps its connection, and its backend's end would close it.
    let backend = backend(address, more);
    let store = backend.open(bucket, "").expect("a store");
    std::mem::forget(backend);
    store
}

/// The answer to a call that ends by itself.
pub fn wait<T: Send + 'static>(reply: Reply<T>) -> Result<T> {
    larder::wait(reply, None)
}

pub fn get(store: &Arc<dyn Store>, key: &[u8]) -> Option<Vec<u8>> {
    wait(store.get(key)).expect("an answer").map(|record| record.value().to_vec())
}

pub fn put(store: &Arc<dyn Store>, key: &[u8], value: &[u8]) -> u64 {
    done(wait(store.put(key, value, &PutOptions::default())))
}

pub fn done(outcome: Result<Outcome>) -> u64 {
    match outcome.expect("written") {
        Outcome::Done { revision } => revision,
        other => panic!("{other:?}"),
    }
}

pub fn living(lifespan: Duration) -> PutOptions {
    let lifetime = Lifetime { lifespan: Term::For(lifespan), max_idle: Term::Default };
    PutOptions { lifetime, ..PutOptions::default() }
}

pub fn refusal<T>(result: Result<T>) -> (Status, String) {
    let error: Error = result.err().expect("refused");
    (error.status(), error.origin().to_owned())
}

/// Events until one of `kind` came, at most for half a minute.
pub fn events_until(watch: &Arc<dyn Watch>, kind: EventKind) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let end = Instant::now() + Duration::from_secs(30);
    while events.last().is_none_or(|event| event.kind != kind) {
        let left = end.saturating_duration_since(Instant::now());
        events.extend(larder::wait(watch.next(1), Some(left)).unwrap_or_else(|error| panic!("{error}: {events:?}")));
    }
    events
}

/// What events tell: kind, key and value.
pub fn told(events: &[Event]) -> Vec<(EventKind, String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let tell = |event: &Event| {
        let record = event.record.as_ref();
        let (key, value) = record.map_or_else(Default::default, |record| (text(record.key()), text(record.value())));
        (event.kind, key, value)
    };
    events.iter().map(tell).collect()
}

/// A client of another make.
pub struct Foreign {
    runtime: tokio::runtime::Runtime,
    client: async_nats::Client,
}

impl Foreign {
    pub fn new(address: &str) -> Foreign {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let client = runtime.block_on(async_nats::connect(address)).expect("a connection");
        Foreign { runtime, client }
    }

    /// Asks the JetStream API.
    pub fn api(&self, subject: &str, request: Value) -> Value {
        let payload = if request.is_null() { String::new() } else { request.to_string() };
        let asked = self.client.request(format!("$JS.API.{subject}"), payload.into());
        serde_json::from_slice(&self.runtime.block_on(asked).expect("an answer").payload).expect("JSON")
    }

    /// Publishes a message and waits until the stream has it.
    pub fn publish(&self, subject: &str, headers: &[(&str, &str)], body: &str) {
        let mut map = HeaderMap::new();
        headers.iter().for_each(|(name, value)| map.insert(*name, *value));
        let asked = self.client.request_with_headers(subject.to_owned(), map, body.to_owned().into());
        let answer: Value =
            serde_json::from_slice(&self.runtime.block_on(asked).expect("an answer").payload).expect("JSON");
        assert!(answer.get("seq").is_some(), "{answer}");
    }

    /// The headers and body of the last message on a subject.
    pub fn last(&self, stream: &str, subject: &str) -> (String, String) {
        let answer = self.api(&format!("STREAM.MSG.GET.{stream}"), json!({"last_by_subj": subject}));
        let part = |name: &str| {
            let text = answer["message"][name].as_str().unwrap_or_default();
            String::from_utf8_lossy(&data_encoding::BASE64.decode(text.as_bytes()).expect("base64")).into_owned()
        };
        (part("hdrs"), part("data"))
    }

    /// Answers whatever is published under a subject, before anybody else does.
    pub fn answer_all(&self, subject: &str, answer: Value) {
        let client = self.client.clone();
        let mut published = self.runtime.block_on(client.subscribe(subject.to_owned())).expect("a subscription");
        self.runtime.block_on(client.flush()).expect("flushed");
        self.runtime.spawn(async move {
            while let Some(message) = published.next().await {
                if let Some(reply) = message.reply {
                    client.publish(reply, answer.to_string().into()).await.expect("sent");
                }
            }
        });
    }

    pub fn messages(&self, stream: &str) -> u64 {
        self.api(&format!("STREAM.INFO.{stream}"), Value::Null)["state"]["messages"].as_u64().expect("a number")
    }
}
