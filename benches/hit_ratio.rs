//! Hit ratios on recorded requests: Belady's optimum, LRU, the memory store, each of its policies by itself, moka and
//! quick_cache.
//!
//! `LARDER_TRACES` names a directory of `<trace>.u64.xz` files: ids of eight bytes, little-endian, one for each
//! request. A request is a get, and on a miss a put. `LARDER_SHARDS` (1 by default) spreads the policies' entries over
//! as many shards, each with its part of the room. One table of all is printed, in per cent; traces that are not there
//! are left out.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::Command;

use larder::store::memory::policy::{AnyPolicy, Policy, PolicyKind};
use larder::store::memory::{MemoryBackend, MemoryConfig};
use larder::store::options::PutOptions;
use larder::store::reply::Reply;
use larder::store::{Backend, Lookup, Store};

const ROWS: [(&str, usize); 27] = [
    ("oltp", 250),
    ("oltp", 500),
    ("oltp", 1000),
    ("oltp", 2000),
    ("p3", 25_000),
    ("p3", 50_000),
    ("p3", 100_000),
    ("loop", 250),
    ("loop", 500),
    ("loop", 1000),
    ("sprite", 200),
    ("sprite", 400),
    ("sprite", 600),
    ("sprite", 1000),
    ("web07", 500),
    ("web07", 1000),
    ("web07", 2000),
    ("web12", 500),
    ("web12", 1000),
    ("web12", 2000),
    ("corda", 512),
    ("corda", 1024),
    ("corda", 10_000),
    ("orm-night", 1000),
    ("orm-night", 2500),
    ("orm-night", 5000),
    ("orm-night", 10_000),
];

/// A cache of a given room that is asked for keys.
type Contender = fn(&[u64], usize) -> u64;

const CONTENDERS: [(&str, Contender); 8] = [
    ("OPT", optimum),
    ("LRU", least_recently_used),
    ("the store", store),
    ("adaptive", |trace, room| policy(PolicyKind::Adaptive, trace, room)),
    ("lru", |trace, room| policy(PolicyKind::Lru, trace, room)),
    ("tinylfu", |trace, room| policy(PolicyKind::TinyLfu, trace, room)),
    ("moka", moka),
    ("quick_cache", quick_cache),
];

fn main() {
    let Some(directory) = std::env::var_os("LARDER_TRACES") else {
        println!("LARDER_TRACES names no directory of traces; no hit ratio is measured");
        return;
    };
    let mut table = Table::default();
    table.print_head();
    let mut loaded: Option<(&str, Vec<u64>)> = None;
    for (name, room) in ROWS {
        if loaded.as_ref().is_none_or(|(other, _)| *other != name) {
            loaded = read(Path::new(&directory), name).map(|trace| (name, trace));
        }
        if let Some((_, trace)) = &loaded {
            let ratios = CONTENDERS.map(|(_, hits)| 100.0 * hits(trace, room) as f64 / trace.len() as f64);
            table.print_row(&format!("{name} {room}"), &ratios);
        }
    }
    table.print_summary();
}

/// The sums that the last lines show.
#[derive(Default)]
struct Table {
    rows: usize,
    shares: [f64; CONTENDERS.len()],
    gaps: [f64; CONTENDERS.len()],
}

impl Table {
    fn print_head(&self) {
        print!("{:<18}", "trace, entries");
        CONTENDERS.iter().for_each(|(name, _)| print!("{name:>12}"));
        println!();
    }

    fn print_row(&mut self, name: &str, ratios: &[f64; CONTENDERS.len()]) {
        print!("{name:<18}");
        ratios.iter().for_each(|ratio| print!("{ratio:>12.1}"));
        println!();
        let best = ratios[1..].iter().copied().fold(0.0, f64::max);
        for (at, ratio) in ratios.iter().enumerate() {
            self.shares[at] += ratio / ratios[0];
            self.gaps[at] = f64::max(self.gaps[at], best - ratio);
        }
        self.rows += 1;
    }

    fn print_summary(&self) {
        print!("{:<18}", "share of OPT, mean");
        self.shares.iter().for_each(|share| print!("{:>12.1}", 100.0 * share / self.rows as f64));
        print!("\n{:<18}", "worst gap to best");
        self.gaps.iter().for_each(|gap| print!("{gap:>12.1}"));
        println!();
    }
}

fn read(directory: &Path, name: &str) -> Option<Vec<u64>> {
    let path = directory.join(format!("{name}.u64.xz"));
    if !path.exists() {
        return None;
    }
    let output = Command::new("xz").arg("-dc").arg(&path).output().expect("xz is needed to unpack the traces");
    assert!(output.status.success(), "xz could not unpack {}", path.display());
    let ids = output.stdout.chunks_exact(8);
    Some(ids.map(|id| u64::from_le_bytes(id.try_into().expect("eight bytes"))).collect())
}

/// Belady's optimum where a key may be passed by: whatever is asked for again last, or never, is not held.
fn optimum(trace: &[u64], room: usize) -> u64 {
    let mut upcoming = HashMap::new();
    let mut next_use = vec![usize::MAX; trace.len()];
    for (at, key) in trace.iter().enumerate().rev() {
        next_use[at] = upcoming.insert(key, at).unwrap_or(usize::MAX);
    }
    let mut hits = 0;
    let mut held = BTreeSet::new();
    for (at, next) in next_use.into_iter().enumerate() {
        hits += u64::from(held.remove(&at));
        if next != usize::MAX {
            held.insert(next);
        }
        if held.len() > room {
            held.pop_last();
        }
    }
    hits
}

fn least_recently_used(trace: &[u64], room: usize) -> u64 {
    let mut hits = 0;
    let mut uses: HashMap<u64, usize> = HashMap::new();
    let mut order = BTreeSet::new();
    for (at, key) in trace.iter().enumerate() {
        if let Some(last) = uses.insert(*key, at) {
            hits += 1;
            order.remove(&(last, *key));
        }
        order.insert((at, *key));
        if order.len() > room
            && let Some((_, oldest)) = order.pop_first()
        {
            uses.remove(&oldest);
        }
    }
    hits
}

fn moka(trace: &[u64], room: usize) -> u64 {
    let cache = moka::sync::Cache::new(room as u64);
    let mut hits = 0;
    for key in trace {
        if cache.get(key).is_some() {
            hits += 1;
        } else {
            cache.insert(*key, ());
        }
    }
    hits
}

fn quick_cache(trace: &[u64], room: usize) -> u64 {
    let cache = quick_cache::unsync::Cache::new(room);
    replay_quick_cache(cache, trace)
}

fn replay_quick_cache(mut cache: quick_cache::unsync::Cache<u64, ()>, trace: &[u64]) -> u64 {
    let mut hits = 0;
    for key in trace {
        if cache.get(key).is_some() {
            hits += 1;
        } else {
            cache.insert(*key, ());
        }
    }
    hits
}

/// The memory store as it is by default, in as many shards as it thinks right.
fn store(trace: &[u64], room: usize) -> u64 {
    let config = MemoryConfig { max_entries: Some(room as u64), ..MemoryConfig::default() };
    let backend = MemoryBackend::open(config).expect("the configuration is good");
    let store: std::sync::Arc<dyn Store> = backend.open("traces", "requests").expect("the backend is open");
    let mut hits = 0;
    for key in trace {
        let key = key.to_le_bytes();
        if store.peek(&key, &mut |_| ()).expect("the store is open") == Lookup::Hit {
            hits += 1;
            continue;
        }
        let Reply::Ready(Ok(_)) = store.put(&key, &[], &PutOptions::default()) else { panic!("a put failed") };
    }
    hits
}

fn policy(kind: PolicyKind, trace: &[u64], room: usize) -> u64 {
    let count = std::env::var("LARDER_SHARDS").map_or(1, |count| count.parse().expect("LARDER_SHARDS is a number"));
    let policies = kind.build_all((room / count) as u64, count);
    let mut shards: Vec<Shard> = policies.into_iter().map(|policy| Shard::new(policy, room / count)).collect();
    let mut hits = 0;
    for key in trace {
        let hash = hash(*key);
        hits += u64::from(shards[(hash >> 32) as usize % count].get(*key, hash));
    }
    hits
}

/// The least that can stand on a policy: which key is in which slot.
struct Shard {
    policy: AnyPolicy,
    room: usize,
    slots: HashMap<u64, u32>,
    keys: Vec<u64>,
}

impl Shard {
    fn new(policy: AnyPolicy, room: usize) -> Shard {
        Shard { policy, room, slots: HashMap::new(), keys: Vec::new() }
    }

    fn get(&mut self, key: u64, hash: u64) -> bool {
        if let Some(slot) = self.slots.get(&key) {
            self.policy.on_hit(*slot, hash);
            return true;
        }
        self.policy.on_miss(hash);
        let slot = self.free_slot();
        self.policy.on_insert(slot, hash, 1);
        self.keys[slot as usize] = key;
        self.slots.insert(key, slot);
        false
    }

    fn free_slot(&mut self) -> u32 {
        if self.keys.len() < self.room {
            self.keys.push(0);
            return self.keys.len() as u32 - 1;
        }
        let slot = self.policy.evict().expect("a full shard has a victim");
        self.slots.remove(&self.keys[slot as usize]);
        slot
    }
}

/// A hash that is the same in each run. `LARDER_SEED` gives another one, and so another sample to those that sample.
fn hash(key: u64) -> u64 {
    static SEED: std::sync::LazyLock<u64> =
        std::sync::LazyLock::new(|| std::env::var("LARDER_SEED").map_or(0, |seed| seed.parse().expect("a number")));
    let mixed = key.wrapping_add(1 + *SEED).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}
