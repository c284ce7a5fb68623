//! One database and table of a backend.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::join_all;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::{Error, Result, Status};
use crate::store::event::{Cursor, Watch};
use crate::store::given::Given;
use crate::store::options::{Durability, Entry, Lifetime, ListOptions, Outcome, PutOptions, WatchOptions};
use crate::store::record::Record;
use crate::store::redis::describe;
use crate::store::redis::master::client::{Client, Write};
use crate::store::redis::master::lease::Lane;
use crate::store::redis::records::layout::Layout;
use crate::store::redis::records::reading::{self, CHUNK, Pages, Part};
use crate::store::redis::records::writing::{self, Command, Compares, Terms};
use crate::store::redis::watch::RedisWatch;
use crate::store::redis::wire::{Packed, Value};
use crate::store::redis::{script, server_clock};
use crate::store::reply::Reply;
use crate::store::statistics::Statistics;
use crate::store::{Lookup, Store};

/// The records of one database and table.
#[derive(Clone)]
pub struct RedisStore {
    kind: &'static str,
    client: Arc<Client>,
    layout: Arc<Layout>,
}

impl RedisStore {
    /// A store over a backend's client.
    pub fn new(kind: &'static str, client: Arc<Client>, layout: Layout) -> RedisStore {
        RedisStore { kind, client, layout: Arc::new(layout) }
    }

    fn refuse_closed(&self) -> Result<()> {
        if self.client.closed.is_raised() { Err(Error::closed("store")) } else { Ok(()) }
    }

    fn shared(&self) -> (Arc<Client>, Arc<Layout>) {
        (Arc::clone(&self.client), Arc::clone(&self.layout))
    }

    fn durability(&self, asked: Durability) -> Durability {
        match asked {
            Durability::Default => self.client.config.durability,
            Durability::Replicas(0) => Durability::None,
            asked => asked,
        }
    }

    fn prepare_put(&self, key: &[u8], value: Given<'_>, options: &PutOptions) -> Result<(Command, Durability)> {
        self.refuse_closed()?;
        let durability = self.durability(options.durability);
        let terms = Terms {
            lifespan_ms: self.client.config.lifespan_ms,
            revision: self.client.revisions.propose(self.client.clock.unix_us()),
            may_transact: durability == Durability::None,
        };
        writing::put(&self.layout, key, value, options, terms).map(|command| (command, durability))
    }

    /// Whether what a write says of times can be said: a server was asked for its own, or none is needed.
    fn knows_time(&self) -> bool {
        self.client.clock.has_asked() || !self.layout.has_envelopes()
    }

    /// The reply to a write that says something of times, once there was a server to ask.
    #[cold]
    fn once_time_is_known<T: Send + 'static>(
        &self,
        write: impl FnOnce(&RedisStore) -> Reply<T> + Send + 'static,
    ) -> Reply<T> {
        let store = self.clone();
        Reply::pending(async move {
            store.client.lease(store.client.deadline()).await?;
            let reply = write(&store);
            reply.wait().await
        })
    }

    fn read(&self, key: &[u8], part: Part) -> Reply<Option<Record>> {
        if let Err(error) = self.refuse_closed().and_then(|()| self.layout.check_key(key)) {
            return Reply::Ready(Err(error));
        }
        let (client, layout) = self.shared();
        let packed = reading::get(&layout, key, part);
        let key = key.to_vec();
        Reply::pending(async move {
            client.refuse_long("key", layout.length_of(&key)).await?;
            let answers = client.read(packed, Lane::Quick).await?;
            let found = reading::record(&layout, &key, &answers)?;
            client.counters.read(found.is_some());
            Ok(found)
        })
    }

    fn read_many(&self, keys: &[&[u8]], part: Part) -> Reply<Vec<Option<Record>>> {
        let checked = keys.iter().try_for_each(|key| self.layout.check_key(key));
        if let Err(error) = self.refuse_closed().and(checked) {
            return Reply::Ready(Err(error));
        }
        let (client, layout) = self.shared();
        let full: Vec<Vec<u8>> = keys.iter().map(|key| layout.full(key)).collect();
        Reply::pending(async move {
            client.refuse_long("key", longest(&full)).await?;
            let found = reading::records(&client, &layout, &full, part, client.deadline()).await?;
            for record in &found {
                client.counters.read(record.is_some());
            }
            Ok(found)
        })
    }

    /// A read of an integer.
    fn count(&self, packed: Packed) -> Reply<u64> {
        let client = Arc::clone(&self.client);
        Reply::pending(async move { Ok(count(&client.read(packed, Lane::Quick).await?)) })
    }
}

/// Sends a put to a key of this length and reads its answer.
async fn put(client: &Arc<Client>, key: usize, mut command: Command, durability: Durability) -> Result<Outcome> {
    client.refuse_long("key", key).await?;
    client.refuse_long("value", command.packed.length()).await?;
    let outcome = write(client, &mut command, durability).await?;
    if let Outcome::Done { .. } = outcome {
        client.counters.wrote(1);
    }
    Ok(outcome)
}

/// Sends a command that writes, once more in another way where it was a transaction that came to nothing, and reads what it
/// came to.
async fn write(client: &Arc<Client>, command: &mut Command, durability: Durability) -> Result<Outcome> {
    let deadline = client.deadline();
    if let Some(compares) = command.compares.take()
        && let Some(outcome) = Box::pin(compare(client, compares, &mut command.packed, deadline)).await?
    {
        return Ok(outcome);
    }
    let how = Write { durability, has_written: command.has_written, transacts: command.otherwise.is_some() };
    let answer = client.write_until(std::mem::take(&mut command.packed), how, deadline).await?;
    match &command.otherwise {
        Some(otherwise) if !(command.has_written)(&answer) => {
            let script = otherwise.command();
            let how = Write { durability, has_written: script.has_written, transacts: false };
            script.meaning.outcome(&Box::pin(client.write_until(script.packed, how, deadline)).await?)
        }
        _ => command.meaning.outcome(&answer),
    }
}

/// Reads what a write depends on, and adds its SHA-1 to the commands; says what the write comes to when something else is
/// there.
async fn compare(
    client: &Arc<Client>,
    compares: Box<Compares>,
    packed: &mut Packed,
    deadline: Instant,
) -> Result<Option<Outcome>> {
    let get = Packed::of(&[b"GET", &compares.full]);
    let answers = client.read_until(get, Lane::Quick, deadline).await.map_err(unwritten)?;
    let Some(present) = answers.first().and_then(Value::as_bytes) else { return Ok(Some(Outcome::NotFound)) };
    let revision = script::fingerprint(present);
    if revision != compares.revision {
        return Ok(Some(Outcome::Conflict { revision }));
    }
    packed.word(script::sha1(present).as_bytes());
    Ok(None)
}

/// What it means for a write that the read before it got no answer.
fn unwritten(error: Error) -> Error {
    match error.status() {
        Status::TIMEOUT => {
            Error::new(Status::UNAVAILABLE, "redis", format!("{}; nothing was written", error.message()))
        }
        _ => error,
    }
}

/// The places of entries in groups that may be written in any order: of a key that stands twice, the second is in the
/// second group, so that it is the one that stays.
fn waves(entries: &[Entry<'_>]) -> Vec<Vec<usize>> {
    let mut seen: HashMap<&[u8], usize> = HashMap::with_capacity(entries.len());
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let wave = seen.entry(entry.key).or_default();
        if *wave == waves.len() {
            waves.push(Vec::new());
        }
        waves[*wave].push(place);
        *wave += 1;
    }
    waves
}

fn longest(full: &[Vec<u8>]) -> usize {
    full.iter().map(Vec::len).max().unwrap_or(0)
}

/// Removes full keys; says how many there were.
async fn unlink<K: AsRef<[u8]>>(client: &Arc<Client>, full: &[K], durability: Durability) -> Result<u64> {
    let mut removed = 0;
    for chunk in full.chunks(CHUNK) {
        let mut packed = Packed::default();
        packed.begin(1 + chunk.len());
        packed.word(b"UNLINK");
        for key in chunk {
            packed.word(key.as_ref());
        }
        let how = Write { durability, has_written: writing::is_positive, transacts: false };
        removed += count(&[client.write(packed, how).await?]);
    }
    client.counters.removed(removed);
    Ok(removed)
}

fn count(answers: &[Value]) -> u64 {
    answers.iter().filter_map(Value::as_integer).filter_map(|number| u64::try_from(number).ok()).sum()
}

impl Store for RedisStore {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn is_immediate(&self) -> bool {
        false
    }

    fn peek(&self, _key: &[u8], _visit: &mut dyn FnMut(&Record)) -> Result<Lookup> {
        self.refuse_closed().map(|()| Lookup::Unknown)
    }

    fn get(&self, key: &[u8]) -> Reply<Option<Record>> {
        self.read(key, Part::Whole)
    }

    fn get_many(&self, keys: &[&[u8]]) -> Reply<Vec<Option<Record>>> {
        self.read_many(keys, Part::Whole)
    }

    fn get_value(&self, key: &[u8]) -> Reply<Option<Record>> {
        self.read(key, Part::Values)
    }

    fn get_values(&self, keys: &[&[u8]]) -> Reply<Vec<Option<Record>>> {
        self.read_many(keys, Part::Values)
    }

    fn contains(&self, key: &[u8]) -> Reply<bool> {
        if let Err(error) = self.refuse_closed().and_then(|()| self.layout.check_key(key)) {
            return Reply::Ready(Err(error));
        }
        let (client, full) = (Arc::clone(&self.client), self.layout.full(key));
        Reply::pending(async move {
            client.refuse_long("key", full.len()).await?;
            Ok(count(&client.read(Packed::of(&[b"EXISTS", &full]), Lane::Quick).await?) > 0)
        })
    }

    fn put(&self, key: &[u8], value: &[u8], options: &PutOptions) -> Reply<Outcome> {
        self.put_given(key, Given::Borrowed(value), options)
    }

    fn put_given(&self, key: &[u8], value: Given<'_>, options: &PutOptions) -> Reply<Outcome> {
        if !self.knows_time() {
            // Nothing is proposed before: the next proposal would have to be above it.
            let checked = self.refuse_closed().and_then(|()| writing::check_put(&self.layout, key, &value, options));
            if let Err(error) = checked {
                return Reply::Ready(Err(error));
            }
            let (key, value, options) = (key.to_vec(), value.to_vec(), options.clone());
            return self.once_time_is_known(move |store| store.put(&key, &value, &options));
        }
        let (command, durability) = match self.prepare_put(key, value, options) {
            Ok(prepared) => prepared,
            Err(error) => return Reply::Ready(Err(error)),
        };
        let (client, key) = (Arc::clone(&self.client), self.layout.length_of(key));
        Reply::pending(async move { put(&client, key, command, durability).await })
    }

    fn put_many(&self, entries: &[Entry<'_>]) -> Reply<Vec<Result<Outcome>>> {
        if let Err(error) = self.refuse_closed() {
            return Reply::Ready(Err(error));
        }
        if !self.knows_time() {
            let owned = |entry: &Entry<'_>| (entry.key.to_vec(), entry.value.to_vec(), entry.options.clone());
            let entries: Vec<_> = entries.iter().map(owned).collect();
            return self.once_time_is_known(move |store| {
                let borrowed =
                    entries.iter().map(|(key, value, options)| Entry { key, value, options: options.clone() });
                store.put_many(&borrowed.collect::<Vec<_>>())
            });
        }
        let prepare = |entry: &Entry<'_>| self.prepare_put(entry.key, Given::Borrowed(entry.value), &entry.options);
        let length = |entry: &Entry<'_>| self.layout.length_of(entry.key);
        let prepare_wave = |wave: Vec<usize>| -> Vec<_> {
            wave.into_iter().map(|place| (place, length(&entries[place]), prepare(&entries[place]))).collect()
        };
        let waves: Vec<Vec<_>> = waves(entries).into_iter().map(prepare_wave).collect();
        let client = Arc::clone(&self.client);
        Reply::pending(async move {
            let mut outcomes = Vec::new();
            for wave in waves {
                // Each is a request of its own, all of them on the way at once.
                let writes = wave.into_iter().map(async |(place, key, prepared)| match prepared {
                    Ok((command, durability)) => (place, put(&client, key, command, durability).await),
                    Err(error) => (place, Err(error)),
                });
                outcomes.extend(join_all(writes).await);
            }
            outcomes.sort_unstable_by_key(|(place, _)| *place);
            Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
        })
    }

    fn remove(&self, key: &[u8], revision: Option<u64>) -> Reply<Outcome> {
        if let Err(error) = self.refuse_closed().and_then(|()| self.layout.check_key(key)) {
            return Reply::Ready(Err(error));
        }
        let mut command = writing::remove(&self.layout, key, revision);
        let durability = self.durability(Durability::Default);
        let (client, key) = (Arc::clone(&self.client), self.layout.length_of(key));
        Reply::pending(async move {
            client.refuse_long("key", key).await?;
            let outcome = write(&client, &mut command, durability).await?;
            if let Outcome::Done { .. } = outcome {
                client.counters.removed(1);
            }
            Ok(outcome)
        })
    }

    fn remove_many(&self, keys: &[&[u8]]) -> Reply<u64> {
        let checked = keys.iter().try_for_each(|key| self.layout.check_key(key));
        if let Err(error) = self.refuse_closed().and(checked) {
            return Reply::Ready(Err(error));
        }
        let full: Vec<Vec<u8>> = keys.iter().map(|key| self.layout.full(key)).collect();
        let durability = self.durability(Durability::Default);
        let client = Arc::clone(&self.client);
        Reply::pending(async move {
            client.refuse_long("key", longest(&full)).await?;
            unlink(&client, &full, durability).await
        })
    }

    fn touch(&self, key: &[u8], lifetime: Lifetime) -> Reply<bool> {
        let checked = self.refuse_closed().and_then(|()| self.layout.check_key(key));
        let packed = match checked.and_then(|()| writing::touch(&self.layout, key, lifetime)) {
            Ok(Some(packed)) => packed,
            Ok(None) => return self.contains(key),
            Err(error) => return Reply::Ready(Err(error)),
        };
        if !self.knows_time() {
            let key = key.to_vec();
            return self.once_time_is_known(move |store| store.touch(&key, lifetime));
        }
        let durability = self.durability(Durability::Default);
        let how = Write { durability, has_written: writing::is_positive, transacts: false };
        let (client, key) = (Arc::clone(&self.client), self.layout.length_of(key));
        Reply::pending(async move {
            client.refuse_long("key", key).await?;
            Ok(writing::is_positive(&client.write(packed, how).await?))
        })
    }

    fn list(&self, options: &ListOptions) -> Reply<Vec<Record>> {
        if let Err(error) = self.refuse_closed() {
            return Reply::Ready(Err(error));
        }
        let (client, layout) = self.shared();
        let options = options.clone();
        Reply::pending(async move {
            let deadline = client.deadline();
            let keys = reading::keys(&client, &layout, &options, deadline).await?;
            Pages::new(keys, &options).read(&client, &layout, usize::MAX, deadline).await
        })
    }

    fn cursor(&self, options: &ListOptions) -> Reply<Box<dyn Cursor>> {
        if let Err(error) = self.refuse_closed() {
            return Reply::Ready(Err(error));
        }
        let (client, layout) = self.shared();
        let options = options.clone();
        Reply::pending(async move {
            let keys = reading::keys(&client, &layout, &options, client.deadline()).await?;
            let pages = Arc::new(Mutex::new(Pages::new(keys, &options)));
            Ok(Box::new(RedisCursor { client, layout, pages }) as Box<dyn Cursor>)
        })
    }

    fn clear(&self) -> Reply<u64> {
        if let Err(error) = self.refuse_closed() {
            return Reply::Ready(Err(error));
        }
        let (client, layout) = self.shared();
        let durability = self.durability(Durability::Default);
        Reply::pending(async move {
            let keys = reading::keys(&client, &layout, &ListOptions::default(), client.deadline()).await?;
            unlink(&client, &keys, durability).await
        })
    }

    fn size(&self) -> Reply<u64> {
        if let Err(error) = self.refuse_closed() {
            return Reply::Ready(Err(error));
        }
        // Without a prefix every key of the server's database is ours.
        if self.layout.prefix.is_empty() {
            return self.count(Packed::of(&[b"DBSIZE"]));
        }
        let (client, layout) = self.shared();
        Reply::pending(async move {
            let keys = reading::keys(&client, &layout, &ListOptions::default(), client.deadline()).await?;
            Ok(keys.len() as u64)
        })
    }

    fn watch(&self, options: &WatchOptions) -> Reply<Arc<dyn Watch>> {
        if let Err(error) = self.refuse_closed() {
            return Reply::Ready(Err(error));
        }
        let (client, layout) = self.shared();
        let options = options.clone();
        Reply::pending(async move { Ok(RedisWatch::begin(client, layout, options).await? as Arc<dyn Watch>) })
    }

    fn statistics(&self) -> Reply<Statistics> {
        if let Err(error) = self.refuse_closed() {
            return Reply::Ready(Err(error));
        }
        let client = Arc::clone(&self.client);
        Reply::pending(async move {
            let mut packed = Packed::of(&[b"DBSIZE"]);
            packed.push(&[b"INFO", b"memory"]);
            let answers = client.read(packed, Lane::Quick).await?;
            let entries = count(&answers[..1]);
            let info = answers.get(1).and_then(Value::as_text).unwrap_or_default();
            let used =
                info.lines().find_map(|line| line.strip_prefix("used_memory:")).and_then(|text| text.parse().ok());
            Ok(client.counters.statistics(entries, used.unwrap_or(0)))
        })
    }

    fn ping(&self) -> Reply<()> {
        if let Err(error) = self.refuse_closed() {
            return Reply::Ready(Err(error));
        }
        let client = Arc::clone(&self.client);
        Reply::pending(async move {
            let answers = match client.read(Packed::of(&[b"PING"]), Lane::Quick).await {
                // A user without the right to it is logged in, and was answered.
                Err(error) if error.status() == Status::AUTH && client.is_up() => return Ok(()),
                answers => answers?,
            };
            match answers.first().and_then(Value::as_text) {
                Some("PONG") => Ok(()),
                _ => Err(Error::new(Status::INTERNAL, "redis", "a ping was answered by something else")),
            }
        })
    }

    fn server_time(&self) -> Reply<Option<SystemTime>> {
        if let Err(error) = self.refuse_closed() {
            return Reply::Ready(Err(error));
        }
        let client = Arc::clone(&self.client);
        Reply::pending(async move {
            let answers = client.read(Packed::of(&[b"TIME"]), Lane::Quick).await?;
            Ok(answers.first().and_then(server_clock::moment))
        })
    }

    fn describe(&self) -> serde_json::Value {
        describe::store(self.kind, &self.client, &self.layout)
    }
}

struct RedisCursor {
    client: Arc<Client>,
    layout: Arc<Layout>,
    pages: Arc<Mutex<Pages>>,
}

impl Cursor for RedisCursor {
    fn next(&self, most: usize) -> Reply<Vec<Record>> {
        let (client, layout, pages) = (Arc::clone(&self.client), Arc::clone(&self.layout), Arc::clone(&self.pages));
        Reply::pending(async move {
            let deadline = client.deadline();
            let mut pages = pages.lock().await;
            pages.read(&client, &layout, most.max(1), deadline).await
        })
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stands_twice_is_written_in_two_waves() {
        let entry = |key: &'static [u8]| Entry { key, value: b"", options: PutOptions::default() };
        let entries = [entry(b"a"), entry(b"b"), entry(b"a"), entry(b"c"), entry(b"a"), entry(b"b")];
        assert_eq!(waves(&entries), [vec![0, 1, 3], vec![2, 5], vec![4]]);
        assert!(waves(&[]).is_empty());
    }
}
