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
    redis: Redis,
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
        // Sentinels need seconds to find one another, so all find at once.
        let (group, group_tls) = std::thread::scope(|scope| {
            let group = scope.spawn(|| Group::start(&plain, &plain));
            let group_tls = Group::start(&servers, &sentinels);
            (group.join().unwrap_or_else(|_| Err("a panic".to_owned())), group_tls)
        });
        Ok(Stores {
            nats: Nats::single(&nats::Options::default())?,
            nats_tls: Nats::single(&nats_tls)?,
            nats_cluster: Nats::cluster(&nats::Options::default())?,
            redis: Redis::start(&plain)?,
            group: group?,
            group_tls: group_tls?,
            certificates,
            directory: Directory::new()?,
        })
    }

    /// What stands in the file: for each server type of the contract the settings of a store, and which of its names,
    /// database or table, keeps the records of one run apart from those of all others.
    pub fn types(&self) -> Value {
        let root_ca = &self.certificates.root_ca;
        let (nats, redis) = (self.nats.addresses(), vec![self.redis.address()]);
        let of = |prefixed: &str, settings: Value| json!({"settings": settings, "prefixed": prefixed});
        json!({
            "nats-js-kv": of("database", json!({"type": "nats-js-kv", "nodes": nats, "format": "larder"})),
            "nats-js-kv go-micro": of("database", json!({"type": "nats-js-kv", "nodes": nats, "format": "go-micro"})),
            "nats-js-kv tls": of("database", json!({
                "type": "nats-js-kv", "nodes": self.nats_tls.addresses(), "format": "larder",
                "username": USER, "password": PASSWORD, "tls": true, "tls_root_ca": root_ca,
            })),
            // One bucket for all: three servers that agree take their time to make one.
            "nats-js-kv cluster": of("table", json!({
                "type": "nats-js-kv", "nodes": self.nats_cluster.addresses(), "format": "larder", "database": "contract",
                "replicas": 3, "read_your_writes": true,
            })),
            "redis": of("database", json!({"type": "redis", "nodes": redis, "format": "larder"})),
            // The format knows no database.
            "redis go-micro": of("table", json!({"type": "redis", "nodes": redis, "format": "go-micro"})),
            "redis-sentinel": of("database", json!({
                "type": "redis-sentinel", "nodes": self.group.nodes(), "format": "larder",
            })),
            "redis-sentinel tls": of("database", json!({
                "type": "redis-sentinel",
                "nodes": self.group_tls.sentinels.iter().map(sentinel::Sentinel::address).collect::<Vec<_>>(),
                "master": sentinel::MASTER, "format": "larder",
                "username": USER, "password": REDIS_PASSWORD, "tls": true, "tls_root_ca": root_ca,
                "sentinel_password": SENTINEL_PASSWORD, "sentinel_tls": true, "sentinel_tls_root_ca": root_ca,
            })),
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
        let of = |store: &str, nodes: Vec<String>| json!({"prefixed": "database", "settings": {"type": store, "nodes": nodes, "format": "larder"}});
        let types = json!({
            "nats-js-kv": of("nats-js-kv", self.nats.addresses()),
            "redis": of("redis", vec![self.redis.address()]),
        });
        write(&self.directory, &types)
    }
}

fn write(directory: &Directory, types: &Value) -> Result<PathBuf> {
    directory.write("stores.json", &format!("{types:#}\n"))
}
