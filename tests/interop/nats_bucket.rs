//! A bucket that both sides open.

use data_encoding::BASE32;
use serde_json::{Value, json};

use super::ours::Ours;
use super::plugin::{GoStore, Origin, Plugin};
use super::server;
use super::wire::{Message, NatsWire};

/// Runs a test with the plugins of each origin, on a bucket name of its own.
pub fn each_origin(test: &str, run: impl Fn(&Plugin, String)) {
    for origin in Origin::ALL {
        run(&Plugin::start(origin), bucket_name(test, origin));
    }
}

/// A name that no other test has.
pub fn bucket_name(test: &str, origin: Origin) -> String {
    format!("{test}-{}", origin.name())
}

/// A database and a table on a server that these tests share.
pub struct Bucket {
    name: String,
    table: String,
    address: &'static str,
    wire: NatsWire,
}

impl Bucket {
    /// On the current server.
    pub fn new(name: &str, table: &str) -> Bucket {
        Bucket::on(server::nats(), name, table)
    }

    /// On the server at an address.
    pub fn on(address: &'static str, name: &str, table: &str) -> Bucket {
        Bucket { name: name.to_owned(), table: table.to_owned(), address, wire: NatsWire::connect(address) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn wire(&self) -> &NatsWire {
        &self.wire
    }

    /// The plugin on it.
    pub fn go<'a>(&self, plugin: &'a Plugin) -> GoStore<'a> {
        plugin.open(self.go_settings(json!({})))
    }

    /// Settings for the plugin, with more of them.
    pub fn go_settings(&self, more: Value) -> Value {
        let base = json!({
            "type": "nats-js-kv", "nodes": [self.address], "database": self.name, "table": self.table,
        });
        merged(base, more)
    }

    /// Larder on it.
    pub fn larder(&self) -> Ours {
        self.larder_with(json!({}))
    }

    /// Larder on it, with more settings.
    pub fn larder_with(&self, more: Value) -> Ours {
        let base = json!({
            "type": "nats-js-kv", "nodes": [self.address], "database": self.name, "table": self.table,
        });
        Ours::open(merged(base, more))
    }

    /// What lies under a key.
    pub fn message(&self, key: &[u8]) -> Option<Message> {
        let full = match self.table.as_str() {
            "" => key.to_vec(),
            table => [table.as_bytes(), b"_", key].concat(),
        };
        self.wire.message(&self.name, &BASE32.encode(&full))
    }
}

fn merged(mut base: Value, more: Value) -> Value {
    if let (Some(base), Value::Object(more)) = (base.as_object_mut(), more) {
        base.extend(more);
    }
    base
}
