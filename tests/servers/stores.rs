//! The servers behind the server types of the contract (`tests/contract/README.md`), and the file that tells runners
//! of all languages how to reach them.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::certificates::Certificates;
use super::directory::Directory;
use super::nats::{self, Nats};
use super::redis::{self, Redis};
use super::sentinel::Group;
use super::{Result, sentinel};

/// Names the file, for the runners.
pub const VARIABLE: &str = "LARDER_TEST_STORES";

const USER: &str = "larder";
const PASSWORD: &str = "pass word: \"%&=\\";
// A sentinel's configuration is read word by word.
const REDIS_PASSWORD: &str = "a%2Fpassword&of=servers";
const SENTINEL_PASSWORD: &str = "another+password";

/// The servers.
pub struct Stores {
    nats: Nats,
    nats_tls: Nats,
    nats_cluster: Nats,
    nats_cluster_tls: Nats,
    redis: Redis,
    redis_tls: Redis,
    group: Group,
    group_tls: Group,
    certificates: Certificates,
    directory: Directory,
}

impl Stores {
    /// Starts them all.
    ///
    /// # Errors
    ///
    /// When one does not come up.
    pub fn start() -> Result<Stores> {
        let certificates = Certificates::new()?;
        let login = nats::Login::User(USER.to_owned(), PASSWORD.to_owned());
        let nats_tls = nats::Options { login, tls: nats::Tls::server(&certificates), ..nats::Options::default() };
        let servers = redis::Options { login: redis::Login::user(USER, REDIS_PASSWORD), ..redis::Options::default() };
        let sentinels =
            redis::Options { login: redis::Login::password(SENTINEL_PASSWORD), ..redis::Options::default() };
        let (servers, sentinels) = (servers.with_tls(&certificates), sentinels.with_tls(&certificates));
        let plain = redis::Options::default();
        // What waits for an election or for one another does it at the same time.
        let waited = std::thread::scope(|scope| {
            let group = scope.spawn(|| Group::start(&plain, &plain));
            let group_tls = scope.spawn(|| Group::start(&servers, &sentinels));
            let nats_cluster = scope.spawn(|| Nats::cluster(&nats::Options::default()));
            let nats_cluster_tls = Nats::cluster(&nats_tls);
            (joined(group), joined(group_tls), joined(nats_cluster), nats_cluster_tls)
        });
        Ok(Stores {
            nats: Nats::single(&nats::Options::default())?,
            nats_tls: Nats::single(&nats_tls)?,
            nats_cluster: waited.2?,
            nats_cluster_tls: waited.3?,
            redis: Redis::start(&plain)?,
            redis_tls: Redis::start(&servers)?,
            group: waited.0?,
            group_tls: waited.1?,
            certificates,
            directory: Directory::new()?,
        })
    }

    /// What stands in the file: for each server type of the contract the settings of a store, which of its names,
    /// database or table, keeps the records of one run apart from those of all others, and for a variant of a type which
    /// type that is.
    pub fn types(&self) -> Value {
        let root_ca = &self.certificates.root_ca;
        let nats = json!({"type": "nats-js-kv", "nodes": self.nats.addresses(), "format": "larder"});
        // One bucket for all: three servers that agree take their time to make one.
        let cluster = json!({"database": "contract", "replicas": 3, "read_your_writes": true});
        let nats_login = json!({"username": USER, "password": PASSWORD, "tls": true, "tls_root_ca": root_ca});
        let redis = json!({"type": "redis", "nodes": [self.redis.address()], "format": "larder"});
        let redis_login = json!({"username": USER, "password": REDIS_PASSWORD, "tls": true, "tls_root_ca": root_ca});
        let sentinel = json!({"type": "redis-sentinel", "nodes": self.group.nodes(), "format": "larder"});
        let sentinels: Vec<_> = self.group_tls.sentinels.iter().map(sentinel::Sentinel::address).collect();
        let sentinel_login = json!({
            "nodes": sentinels, "master": sentinel::MASTER,
            "sentinel_password": SENTINEL_PASSWORD, "sentinel_tls": true, "sentinel_tls_root_ca": root_ca,
        });
        let (go_micro, raw) = (json!({"format": "go-micro"}), json!({"format": "raw"}));
        let of_cluster = json!({"nodes": self.nats_cluster.addresses()});
        let of_cluster_tls = json!({"nodes": self.nats_cluster_tls.addresses()});
        let of_nats_tls = json!({"nodes": self.nats_tls.addresses()});
        let of_redis_tls = json!({"nodes": [self.redis_tls.address()]});
        json!({
            "nats-js-kv": entry("database", &nats),
            "nats-js-kv go-micro": variant(&nats, "database", &[&go_micro]),
            "nats-js-kv raw": variant(&nats, "database", &[&raw]),
            "nats-js-kv tls": variant(&nats, "database", &[&of_nats_tls, &nats_login]),
            "nats-js-kv cluster": variant(&nats, "table", &[&of_cluster, &cluster]),
            "nats-js-kv cluster tls": variant(&nats, "table", &[&of_cluster_tls, &cluster, &nats_login]),
            "redis": entry("database", &redis),
            // These formats know no database.
            "redis go-micro": variant(&redis, "table", &[&go_micro]),
            "redis raw": variant(&redis, "table", &[&raw]),
            "redis tls": variant(&redis, "database", &[&of_redis_tls, &redis_login]),
            "redis-sentinel": entry("database", &sentinel),
            "redis-sentinel go-micro": variant(&sentinel, "table", &[&go_micro]),
            "redis-sentinel tls": variant(&sentinel, "database", &[&redis_login, &sentinel_login]),
        })
    }

    /// Writes the file and says where it is.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self) -> Result<PathBuf> {
        write(&self.directory, &self.types())
    }
}

/// The servers that clients are measured on: one of each engine, so that no other one works meanwhile. Redis keeps nothing
/// on disk: what it rewrites there now and then would be counted against whichever client has its turn.
pub struct Measured {
    nats: Nats,
    redis: Redis,
    directory: Directory,
}

impl Measured {
    /// Starts them.
    ///
    /// # Errors
    ///
    /// When one does not come up.
    pub fn start() -> Result<Measured> {
        let in_memory = redis::Options { more: "appendonly no\n".to_owned(), ..redis::Options::default() };
        Ok(Measured {
            nats: Nats::single(&nats::Options::default())?,
            redis: Redis::start(&in_memory)?,
            directory: Directory::new()?,
        })
    }

    /// Writes the file and says where it is: as that of [`Stores`], with fewer types.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self) -> Result<PathBuf> {
        let of = |store: &str, nodes: Vec<String>| {
            entry("database", &json!({"type": store, "nodes": nodes, "format": "larder"}))
        };
        let types = json!({
            "nats-js-kv": of("nats-js-kv", self.nats.addresses()),
            "redis": of("redis", vec![self.redis.address()]),
        });
        write(&self.directory, &types)
    }
}

/// A type: each case has to name it.
fn entry(prefixed: &str, settings: &Value) -> Value {
    json!({"settings": settings, "prefixed": prefixed})
}

/// A variant of a type, with other settings over those of the type: each case that names the type runs for it too.
fn variant(plain: &Value, prefixed: &str, others: &[&Value]) -> Value {
    let mut settings = plain.clone();
    for (name, value) in others.iter().filter_map(|others| others.as_object()).flatten() {
        settings[name] = value.clone();
    }
    // The name of a plain type is that of the store.
    json!({"settings": settings, "prefixed": prefixed, "variant_of": plain["type"]})
}

fn joined<T>(started: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    started.join().unwrap_or_else(|_| Err("a panic".to_owned()))
}

fn write(directory: &Directory, types: &Value) -> Result<PathBuf> {
    directory.write("stores.json", &format!("{types:#}\n"))
}
