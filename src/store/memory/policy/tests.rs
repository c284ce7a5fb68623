//! What every policy has to do, whichever it is.

use std::collections::{HashMap, HashSet};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use super::{AnyPolicy, Policy, PolicyKind};

const KINDS: [PolicyKind; 3] = [PolicyKind::Adaptive, PolicyKind::Lru, PolicyKind::TinyLfu];

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        hash(self.0)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn hash(key: u64) -> u64 {
    let mixed = (key ^ key >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

/// A cache that checks its policy at each step.
struct Checked {
    policy: AnyPolicy,
    slots: HashMap<u64, u32>,
    entries: Vec<Option<(u64, u32)>>,
    free: Vec<u32>,
    weight: u64,
    capacity: u64,
    newest: Option<u32>,
}

impl Checked {
    fn new(kind: PolicyKind, capacity: u64) -> Checked {
        let policy = kind.build(capacity);
        Checked { policy, slots: HashMap::new(), entries: vec![], free: vec![], weight: 0, capacity, newest: None }
    }

    /// Whether it was a hit.
    fn get(&mut self, key: u64, weight: u32) -> bool {
        if let Some(slot) = self.slots.get(&key) {
            self.policy.on_hit(*slot, hash(key));
            return true;
        }
        self.policy.on_miss(hash(key));
        self.insert(key, weight);
        false
    }

    fn insert(&mut self, key: u64, weight: u32) {
        while self.weight + u64::from(weight) > self.capacity && self.evict() {}
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.entries.len() as u32 - 1
        });
        self.policy.reserve(slot, weight).unwrap();
        self.policy.on_insert(slot, hash(key), weight);
        self.entries[slot as usize] = Some((key, weight));
        self.slots.insert(key, slot);
        self.weight += u64::from(weight);
        self.newest = Some(slot);
    }

    fn update(&mut self, key: u64, weight: u32) {
        let Some(slot) = self.slots.get(&key) else { return };
        self.policy.reserve(*slot, weight).unwrap();
        self.policy.on_update(*slot, hash(key), weight);
        let entry = self.entries[*slot as usize].as_mut().unwrap();
        self.weight = self.weight - u64::from(entry.1) + u64::from(weight);
        entry.1 = weight;
        while self.weight > self.capacity && self.evict() {}
    }

    fn remove(&mut self, key: u64) {
        let Some(slot) = self.slots.get(&key).copied() else { return };
        self.policy.on_remove(slot, hash(key));
        self.forget(slot);
    }

    fn resize(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.policy.set_capacity(capacity);
        while self.weight > capacity && self.evict() {}
    }

    fn evict(&mut self) -> bool {
        let Some(slot) = self.policy.evict() else {
            assert!(self.slots.is_empty(), "a policy gave up while {} entries are held", self.slots.len());
            return false;
        };
        assert!(self.newest != Some(slot) || self.slots.len() == 1, "the newest entry was evicted before others");
        self.forget(slot);
        true
    }

    fn forget(&mut self, slot: u32) {
        let (key, weight) = self.entries[slot as usize].take().expect("the slot holds an entry");
        assert_eq!(self.slots.remove(&key), Some(slot));
        self.weight -= u64::from(weight);
        self.free.push(slot);
        if self.newest == Some(slot) {
            self.newest = None;
        }
    }

    fn drain(&mut self) {
        let held = self.slots.len();
        for _ in 0..held {
            assert!(self.evict());
        }
        assert_eq!(self.policy.evict(), None);
    }
}

fn hit_ratio(cache: &mut Checked, requests: impl Iterator<Item = u64>) -> f64 {
    let (mut hits, mut count) = (0, 0);
    for key in requests {
        hits += u64::from(cache.get(key, 1));
        count += 1;
    }
    hits as f64 / count as f64
}

#[test]
fn every_slot_is_known_exactly_once_whatever_happens() {
    for kind in KINDS {
        for seed in 0..8 {
            let mut random = Random(seed);
            let capacity = 1 << random.below(14);
            let most = if seed % 2 == 0 { 1 } else { 1 + capacity / 4 };
            let mut cache = Checked::new(kind, capacity);
            for _ in 0..40_000 {
                let key = random.below(capacity * 2 + 3) * random.below(3);
                let weight = 1 + random.below(most) as u32;
                match random.below(16) {
                    0 => cache.remove(key),
                    1 | 2 => cache.update(key, weight),
                    3 if random.below(100) == 0 => cache.resize(1 + random.below(2 * capacity)),
                    4 if random.below(100) == 0 => cache.drain(),
                    5 => drop(cache.evict()),
                    _ => drop(cache.get(key, weight)),
                }
                assert!(cache.weight <= cache.capacity || cache.slots.len() == 1);
            }
            cache.drain();
        }
    }
}

#[test]
fn a_slot_without_an_entry_is_ignored() {
    for kind in KINDS {
        let mut policy = kind.build(10);
        policy.on_hit(5, 1);
        policy.on_remove(5, 1);
        policy.on_update(5, 1, 7);
        assert_eq!(policy.evict(), None);
        policy.on_insert(3, 1, 1);
        policy.on_insert(3, 2, 1);
        assert_eq!(policy.evict(), Some(3));
        assert_eq!(policy.evict(), None);
    }
}

#[test]
fn a_policy_takes_at_most_twenty_bytes_an_entry_of_equal_weight_and_twenty_four_of_any() {
    const ENTRIES: u64 = 65_536;
    for kind in KINDS {
        for (weight, most) in [(1, 20.0), (100, 24.0)] {
            let mut cache = Checked::new(kind, ENTRIES * u64::from(weight));
            let mut random = Random(1);
            for _ in 0..4 * ENTRIES {
                cache.get(random.below(ENTRIES * 3), weight);
            }
            let each = cache.policy.memory() as f64 / ENTRIES as f64;
            assert!(each <= most, "{}: {each:.1} bytes an entry", kind.name());
        }
    }
}

#[test]
fn the_shards_of_a_store_learn_in_the_memory_of_one() {
    let one = PolicyKind::Adaptive.build(1000).memory();
    let all: usize = PolicyKind::Adaptive.build_all(1000, 64).iter().map(Policy::memory).sum();
    assert!(one > 8 << 10 && all < one + (8 << 10), "{one} bytes for one, {all} for 64");
}

#[test]
fn an_eviction_looks_at_a_few_entries_only_when_all_were_used() {
    for kind in KINDS {
        let mut cache = Checked::new(kind, 100_000);
        let mut least = Duration::MAX;
        for _ in 0..10 {
            for key in 0..100_000 {
                cache.get(key, 1);
            }
            let start = Instant::now();
            assert!(cache.policy.evict().map(|slot| cache.forget(slot)).is_some());
            least = least.min(start.elapsed());
        }
        // To look at all of them takes milliseconds. The least of ten, for there is other work on the machine.
        assert!(least < Duration::from_micros(200), "{}: {least:?}", kind.name());
    }
}

#[test]
fn a_loop_larger_than_the_cache_still_hits() {
    let mut cache = Checked::new(PolicyKind::Adaptive, 1000);
    hit_ratio(&mut cache, (0..200_000).map(|request| request % 2000));
    let ratio = hit_ratio(&mut cache, (0..100_000).map(|request| request % 2000));
    assert!(ratio > 0.45, "{ratio}");
}

#[test]
fn what_is_asked_for_again_at_once_hits_though_all_else_was_frequent() {
    let mut cache = Checked::new(PolicyKind::Adaptive, 1000);
    let mut random = Random(3);
    hit_ratio(&mut cache, (0..100_000).map(|_| random.below(900)));
    // Each key twice and never again: only recency helps.
    let twice = |request: u64| 1_000_000 + request / 2 + 200 * (request % 2);
    hit_ratio(&mut cache, (0..100_000).map(twice));
    let ratio = hit_ratio(&mut cache, (100_000..200_000).map(twice));
    assert!(ratio > 0.45, "{ratio}");
}

#[test]
fn a_scan_does_not_wash_out_what_is_popular() {
    let mut cache = Checked::new(PolicyKind::Adaptive, 1000);
    let mut random = Random(5);
    let mixed: Vec<u64> = (0..200_000).map(|at| if at & 1 == 0 { random.below(800) } else { 1_000_000 + at }).collect();
    hit_ratio(&mut cache, mixed[..100_000].iter().copied());
    let ratio = hit_ratio(&mut cache, mixed[100_000..].iter().copied());
    assert!(ratio > 0.47, "{ratio}");
}

#[test]
fn hits_of_many_threads_at_once_do_no_harm() {
    for kind in KINDS {
        let mut cache = Checked::new(kind, 5000);
        for key in 0..5000 {
            cache.get(key, 1);
        }
        let barrier = Barrier::new(4);
        let (policy, slots) = (&cache.policy, &cache.slots);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let barrier = &barrier;
                scope.spawn(move || {
                    let mut random = Random(thread);
                    barrier.wait();
                    for _ in 0..20_000 {
                        let key = random.below(5000);
                        policy.on_hit(slots[&key], hash(key));
                    }
                });
            }
        });
        for key in 5000..6000 {
            cache.get(key, 1);
        }
        let slots: HashSet<u32> = cache.slots.values().copied().collect();
        assert_eq!(slots.len(), 5000);
        cache.drain();
    }
}

#[test]
fn a_name_reads_back_as_its_policy() {
    for kind in KINDS {
        assert_eq!(PolicyKind::parse(kind.name()), Some(kind));
        assert!(PolicyKind::NAMES.contains(&kind.name()));
    }
    assert_eq!(PolicyKind::parse("fifo"), None);
    assert_eq!(PolicyKind::parse(PolicyKind::NAMES[0]), Some(PolicyKind::default()));
}
