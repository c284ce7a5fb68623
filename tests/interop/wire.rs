//! What lies on the servers, read past both Larder and the plugins.

use ::redis::FromRedisValue;
use async_nats::Client;
use data_encoding::BASE64;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// A NATS server, seen through its JSON API.
pub struct NatsWire {
    runtime: Runtime,
    client: Client,
}

/// A stored message.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub payload: Vec<u8>,
    /// The header block as it was sent; empty without one.
    pub headers: String,
}

impl Message {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).expect("JSON is text")
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = &self.payload[..self.payload.len().min(300)];
        write!(f, "{:?} {:?}", self.headers, String::from_utf8_lossy(start))
    }
}

impl NatsWire {
    /// Connects to `<host>:<port>`.
    pub fn connect(address: &str) -> NatsWire {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = runtime.block_on(async_nats::connect(address)).expect("the server is there");
        NatsWire { runtime, client }
    }

    /// The last message of a key.
    pub fn message(&self, bucket: &str, nats_key: &str) -> Option<Message> {
        let request = json!({"last_by_subj": format!("$KV.{bucket}.{nats_key}")});
        let reply = self.call(&format!("STREAM.MSG.GET.KV_{bucket}"), &request);
        if reply["error"]["err_code"] == 10037 {
            return None;
        }
        let message = &reply["message"];
        assert!(message.is_object(), "{reply}");
        let decode = |text: &Value| BASE64.decode(text.as_str().unwrap_or_default().as_bytes()).expect("base64");
        let headers = String::from_utf8(decode(&message["hdrs"])).expect("text");
        Some(Message { payload: decode(&message["data"]), headers })
    }

    /// Writes a message under a key as some other program would.
    pub fn publish(&self, bucket: &str, nats_key: &str, payload: &[u8]) {
        let acknowledged = self.request(&format!("$KV.{bucket}.{nats_key}"), payload.to_vec());
        assert!(acknowledged["error"].is_null(), "{acknowledged}");
    }

    /// A bucket's configuration, but for what says who made it and what the server adds by itself.
    pub fn bucket(&self, bucket: &str) -> Option<Value> {
        let reply = self.call(&format!("STREAM.INFO.KV_{bucket}"), &json!({}));
        let mut config = reply.get("config")?.clone();
        if let Some(config) = config.as_object_mut() {
            config.remove("metadata");
        }
        Some(config)
    }

    /// Makes a stream, as an operator does beforehand.
    pub fn create_stream(&self, config: &Value) {
        let name = config["name"].as_str().expect("a name");
        let reply = self.call(&format!("STREAM.CREATE.{name}"), config);
        assert!(reply["error"].is_null(), "{reply}");
    }

    fn call(&self, subject: &str, request: &Value) -> Value {
        self.request(&format!("$JS.API.{subject}"), request.to_string().into_bytes())
    }

    fn request(&self, subject: &str, payload: Vec<u8>) -> Value {
        let request = self.client.request(subject.to_owned(), payload.into());
        let reply = self.runtime.block_on(request).unwrap_or_else(|error| panic!("{subject}: {error}"));
        serde_json::from_slice(&reply.payload).expect("JSON")
    }
}

/// A Redis server.
pub struct RedisWire(::redis::Connection);

impl RedisWire {
    /// Connects to `<host>:<port>`.
    pub fn connect(address: &str) -> RedisWire {
        let client = ::redis::Client::open(format!("redis://{address}/")).expect("an address");
        RedisWire(client.get_connection().expect("the server is there"))
    }

    pub fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.call("GET", &[key])
    }

    /// Milliseconds to live; -1 for no end, -2 for no key.
    pub fn ttl_ms(&mut self, key: &[u8]) -> i64 {
        self.call("PTTL", &[key])
    }

    fn call<T: FromRedisValue>(&mut self, name: &str, arguments: &[&[u8]]) -> T {
        let mut command = ::redis::cmd(name);
        for argument in arguments {
            command.arg(*argument);
        }
        command.query(&mut self.0).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}
