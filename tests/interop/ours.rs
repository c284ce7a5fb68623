//! Larder's side, through the crate's own interface.

use std::sync::Arc;
use std::time::Duration;

use larder::Larder;
use larder::config::Config;
use larder::config::profile::Profile;
use larder::config::profile::environment::Environment;
use larder::store::Store;
use larder::store::event::{Event, Watch};
use larder::store::options::{
    Condition, Lifetime, ListOptions, Outcome, Projection, PutOptions, Term, WatchOptions, WatchStart,
};
use larder::store::record::{Metadata, Record};
use larder::store::reply::Reply;
use serde_json::{Value, json};

use super::plugin::{Filter, GoStore};

/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// One larder with one store in the format of go-micro.
pub struct Ours {
    larder: Larder,
    store: Arc<dyn Store>,
}

impl Ours {
    /// Opens a store with these settings besides the format.
    pub fn open(settings: Value) -> Ours {
        let mut settings = settings;
        settings["format"] = json!("go-micro");
        let config = json!({"stores": {"default": settings}}).to_string();
        Ours::of(Larder::open(&config).expect("a good configuration"))
    }

    /// Opens the store of a service by variables.
    pub fn of_variables(profile: Profile, service: &str, variables: &Environment) -> Ours {
        let config = Config::from_environment(profile, service, variables).expect("good variables");
        Ours::of(Larder::from_config(config).expect("a good configuration"))
    }

    fn of(larder: Larder) -> Ours {
        let store = larder.store("default").expect("there is one");
        Ours { larder, store }
    }

    /// The same connection on another database and table.
    pub fn at(&self, database: &str, table: &str) -> Arc<dyn Store> {
        self.larder.store_at("default", Some(database), Some(table)).expect("good names")
    }

    pub fn put(&self, key: &[u8], value: &[u8]) -> u64 {
        self.put_with(key, value, PutOptions::default())
    }

    pub fn put_with(&self, key: &[u8], value: &[u8], options: PutOptions) -> u64 {
        match wait(self.store.put(key, value, &options)) {
            Outcome::Done { revision } => revision,
            other => panic!("{:?}: {other:?}", String::from_utf8_lossy(key)),
        }
    }

    /// Writes over the record of this revision.
    pub fn replace(&self, key: &[u8], value: &[u8], revision: u64) -> Outcome {
        let condition = Condition::IfRevision(revision);
        wait(self.store.put(key, value, &PutOptions { condition, ..PutOptions::default() }))
    }

    /// Writes where there is none.
    pub fn create(&self, key: &[u8], value: &[u8]) -> Outcome {
        let condition = Condition::IfAbsent;
        wait(self.store.put(key, value, &PutOptions { condition, ..PutOptions::default() }))
    }

    pub fn get(&self, key: &[u8]) -> Option<Record> {
        wait(self.store.get(key))
    }

    pub fn value(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.get(key).map(|record| record.value().to_vec())
    }

    pub fn values(&self, keys: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        let records = wait(self.store.get_many(keys));
        records.into_iter().map(|record| record.map(|record| record.value().to_vec())).collect()
    }

    pub fn size(&self) -> u64 {
        wait(self.store.size())
    }

    pub fn clear(&self) -> u64 {
        wait(self.store.clear())
    }

    pub fn remove(&self, key: &[u8]) -> Outcome {
        wait(self.store.remove(key, None))
    }

    pub fn remove_revision(&self, key: &[u8], revision: u64) -> Outcome {
        wait(self.store.remove(key, Some(revision)))
    }

    /// The keys, sorted.
    pub fn keys(&self, filter: Filter) -> Vec<Vec<u8>> {
        self.list(filter, Projection::Keys).iter().map(|record| record.key().to_vec()).collect()
    }

    /// Whole records, sorted by key.
    pub fn records(&self, filter: Filter) -> Vec<Record> {
        self.list(filter, Projection::Records)
    }

    fn list(&self, filter: Filter, projection: Projection) -> Vec<Record> {
        let options = ListOptions {
            prefix: filter.prefix.to_vec(),
            suffix: filter.suffix.to_vec(),
            offset: filter.offset,
            limit: filter.limit,
            projection,
        };
        wait(self.store.list(&options))
    }

    pub fn watch(&self, start: WatchStart) -> Arc<dyn Watch> {
        wait(self.store.watch(&WatchOptions { start, ..WatchOptions::default() }))
    }

    pub fn describe(&self) -> Value {
        self.store.describe()
    }
}

/// What either writes the other one reads, lists and deletes.
pub fn assert_they_share(go: &GoStore<'_>, larder: &Ours) {
    go.write(b"by go", b"1".as_slice());
    larder.put(b"by larder", b"2");
    assert_eq!(larder.value(b"by go").as_deref(), Some(b"1".as_slice()));
    assert_eq!(go.value(b"by larder").as_deref(), Some(b"2".as_slice()));
    assert_eq!(larder.keys(Filter::ALL), go.list(Filter::ALL));
    larder.remove(b"by go");
    go.delete(b"by larder");
    assert_eq!((go.read(b"by go"), larder.value(b"by larder")), (None, None));
}

/// So many events, however they come.
pub fn events(watch: &dyn Watch, count: usize) -> Vec<Event> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let more = wait(watch.next(count - seen.len()));
        assert!(!more.is_empty(), "the watch ended after {seen:?}");
        seen.extend(more);
    }
    seen
}

/// Options with metadata.
pub fn metadata(pairs: &[(&str, &str)]) -> PutOptions {
    let pairs = pairs.iter().map(|(name, value)| (*name, value.as_bytes()));
    PutOptions { metadata: Metadata::new(pairs).expect("small"), ..PutOptions::default() }
}

/// Options with a lifespan.
pub fn lifespan(lifespan: Duration) -> PutOptions {
    let lifetime = Lifetime { lifespan: Term::For(lifespan), ..Lifetime::default() };
    PutOptions { lifetime, ..PutOptions::default() }
}

/// The answer, which must come.
pub fn wait<T: Send + 'static>(reply: Reply<T>) -> T {
    larder::wait(reply, Some(PATIENCE)).expect("an answer")
}
