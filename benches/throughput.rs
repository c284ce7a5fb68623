//! Larder's memory store beside quick_cache and moka, in one run.
//!
//! `cargo bench --bench throughput [-- [--quick] [--cpu] [speed] [eviction] [latency] [memory]]`. Sixteen-byte keys,
//! 100-byte values, Zipf 0.99, a lifespan on every entry that each read checks; a get copies the value out. A store takes
//! keys of any length, so what it is measured against does so too: quick_cache with boxed keys, looked up by slices.
//! quick_cache with keys of a fixed length in its table stands beside it. Candidates take turns within each round, and
//! what is printed are medians over the rounds, the ratio being the median of the rounds' ratios: on a noisy machine only
//! those mean anything. Memory is the growth of a child process's resident set; a stall is told beside the longest pause that an
//! idle loop of the same length sees on this machine. With `--cpu`, speeds are by the processor time that the workers
//! used instead of the clock on the wall: for a machine that others use too, though blind to waits for a lock.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use larder::clock;
use larder::store::memory::{MemoryBackend, MemoryConfig};
use larder::store::options::PutOptions;
use larder::store::record::Record;
use larder::store::reply::Reply;
use larder::store::{Backend, Lookup, Store};

const KEY: usize = 16;
const VALUE: usize = 100;
/// What Larder allocates for a key and a value: its header, and both.
const RECORD: usize = 36 + KEY + VALUE;
const LIFESPAN: Duration = Duration::from_secs(3600);
/// Key numbers drawn in advance for each thread.
const DRAWN: usize = 1 << 20;

type Key = [u8; KEY];

fn mix(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The key of a number: made, not looked up, so that the harness misses no cache line of its own.
fn key(number: u32) -> Key {
    let mut key = [0; KEY];
    key[..8].copy_from_slice(&mix(u64::from(number) + 1).to_le_bytes());
    key[8..].copy_from_slice(&u64::from(number).to_le_bytes());
    key
}

/// Numbers below `count`, number k with a probability proportional to 1 / (k + 1) ^ 0.99.
fn zipf(count: u32, seed: u64) -> Vec<u32> {
    let mut sum = 0.0;
    let cumulative: Vec<f64> = (1..=count)
        .map(|rank| {
            sum += f64::from(rank).powf(-0.99);
            sum
        })
        .collect();
    let draw = |turn: usize| {
        let unit = mix(seed.wrapping_mul(0x9e37_79b9).wrapping_add(turn as u64 + 1)) as f64 / u64::MAX as f64;
        let rank = cumulative.partition_point(|weight| *weight < unit * sum) as u32;
        // Popular keys shall not be neighbours in memory, as they would be if they were filled in in their order.
        (u64::from(rank.min(count - 1)) * 2_654_435_761 % u64::from(count)) as u32
    };
    (0..DRAWN).map(draw).collect()
}

trait Cache: Sync {
    fn get(&self, key: &Key, out: &mut [u8; VALUE]) -> bool;
    fn put(&self, key: &Key, value: &[u8; VALUE]);
    /// Copies each value out; how many there were.
    fn get_many(&self, keys: &[Key], out: &mut [[u8; VALUE]]) -> usize {
        keys.iter().zip(out).map(|(key, out)| usize::from(self.get(key, out))).sum()
    }
}

struct Larder(Arc<dyn Store>);

impl Larder {
    fn new(capacity: Option<u64>) -> Larder {
        let config = MemoryConfig { max_entries: capacity, lifespan: Some(LIFESPAN), ..MemoryConfig::default() };
        Larder(MemoryBackend::open(config).expect("a good configuration").open("bench", "bench").expect("open"))
    }
}

impl Cache for Larder {
    fn get(&self, key: &Key, out: &mut [u8; VALUE]) -> bool {
        let looked = self.0.peek(key, &mut |record| out.copy_from_slice(record.value()));
        looked == Ok(Lookup::Hit)
    }

    fn put(&self, key: &Key, value: &[u8; VALUE]) {
        let Reply::Ready(Ok(_)) = self.0.put(key, value, &PutOptions::default()) else { panic!("a put failed") };
    }

    fn get_many(&self, keys: &[Key], out: &mut [[u8; VALUE]]) -> usize {
        let mut slices: [&[u8]; 128] = [&[]; 128];
        for (slice, key) in slices.iter_mut().zip(keys) {
            *slice = key;
        }
        let mut count = 0;
        let visit = &mut |place: usize, record: &Record| {
            out[place].copy_from_slice(record.value());
            count += 1;
        };
        self.0.peek_many(&slices[..keys.len()], visit).expect("an open store");
        count
    }
}

/// A value that expires, for the caches that leave that to their caller.
#[derive(Clone)]
struct Timed {
    deadline: u64,
    bytes: Arc<[u8]>,
}

impl Timed {
    fn new(value: &[u8]) -> Timed {
        Timed { deadline: clock::now_ms() + LIFESPAN.as_millis() as u64, bytes: value.into() }
    }
}

fn copy_unless_expired(value: Option<Timed>, out: &mut [u8; VALUE]) -> bool {
    let Some(value) = value else { return false };
    if clock::has_passed(value.deadline) {
        return false;
    }
    out.copy_from_slice(&value.bytes);
    true
}

struct QuickCache(quick_cache::sync::Cache<Box<[u8]>, Timed>);

impl Cache for QuickCache {
    fn get(&self, key: &Key, out: &mut [u8; VALUE]) -> bool {
        copy_unless_expired(self.0.get(&key[..]), out)
    }

    fn put(&self, key: &Key, value: &[u8; VALUE]) {
        self.0.insert(key[..].into(), Timed::new(value));
    }
}

struct QuickCacheFixed(quick_cache::sync::Cache<Key, Timed>);

impl Cache for QuickCacheFixed {
    fn get(&self, key: &Key, out: &mut [u8; VALUE]) -> bool {
        copy_unless_expired(self.0.get(key), out)
    }

    fn put(&self, key: &Key, value: &[u8; VALUE]) {
        self.0.insert(*key, Timed::new(value));
    }
}

struct Moka(moka::sync::Cache<Key, Arc<[u8]>>);

struct Expiry;

impl moka::Expiry<Key, Arc<[u8]>> for Expiry {
    fn expire_after_create(&self, _: &Key, _: &Arc<[u8]>, _: Instant) -> Option<Duration> {
        Some(LIFESPAN)
    }
}

impl Cache for Moka {
    fn get(&self, key: &Key, out: &mut [u8; VALUE]) -> bool {
        let Some(value) = self.0.get(key) else { return false };
        out.copy_from_slice(&value);
        true
    }

    fn put(&self, key: &Key, value: &[u8; VALUE]) {
        self.0.insert(*key, value[..].into());
    }
}

const FIXED: &str = "quick_cache, fixed 16-byte keys";
const NAMES: [&str; 4] = ["larder", "quick_cache", FIXED, "moka"];

fn make(name: &str, capacity: u64) -> Box<dyn Cache> {
    match name {
        "larder" => Box::new(Larder::new(Some(capacity))),
        "quick_cache" => Box::new(QuickCache(quick_cache::sync::Cache::new(capacity as usize))),
        FIXED => Box::new(QuickCacheFixed(quick_cache::sync::Cache::new(capacity as usize))),
        "moka" => Box::new(Moka(moka::sync::Cache::builder().max_capacity(capacity).expire_after(Expiry).build())),
        other => panic!("there is no candidate {other}"),
    }
}

fn fill(cache: &dyn Cache, keys: u32) {
    for number in 0..keys {
        cache.put(&key(number), &[number as u8; VALUE]);
    }
}

#[derive(Clone, Copy)]
enum Work {
    Get,
    Mixed,
    Put,
    /// A get, and a put of what was missed.
    ReadThrough,
    Bulk(usize),
}

impl Work {
    fn name(self) -> String {
        match self {
            Work::Get => "get".into(),
            Work::Mixed => "75/25".into(),
            Work::Put => "put".into(),
            Work::ReadThrough => "get, put on miss".into(),
            Work::Bulk(keys) => format!("get of {keys}, per key"),
        }
    }

    /// Works through `numbers` from `from` on until told to stop; how many operations that were.
    fn run(self, cache: &dyn Cache, numbers: &[u32], from: usize, stop: &AtomicBool) -> u64 {
        let mut out = [0; VALUE];
        let mut outs = [[0; VALUE]; 128];
        let mut keys = [[0; KEY]; 128];
        let value = [7; VALUE];
        let mut at = from % numbers.len();
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            for _ in 0..64 {
                let number = numbers[at];
                at = (at + 1) % numbers.len();
                match self {
                    Work::Get => _ = black_box(cache.get(&key(number), &mut out)),
                    Work::Mixed if at.is_multiple_of(4) => cache.put(&key(number), &value),
                    Work::Mixed => _ = black_box(cache.get(&key(number), &mut out)),
                    Work::Put => cache.put(&key(number), &value),
                    Work::ReadThrough => {
                        if !cache.get(&key(number), &mut out) {
                            cache.put(&key(number), &value);
                        }
                    }
                    Work::Bulk(size) => {
                        for key_of in &mut keys[..size] {
                            *key_of = key(numbers[at]);
                            at = (at + 1) % numbers.len();
                        }
                        black_box(cache.get_many(&keys[..size], &mut outs[..size]));
                        count += size as u64 - 1;
                    }
                }
                black_box(&out);
            }
            count += 64;
        }
        count
    }
}

/// Processor time that this thread has used.
fn thread_time() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec for the call to fill.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// What a speed is measured by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    Wall,
    Processor,
}

/// Million operations a second of as many threads as there are streams of numbers.
fn speed(cache: &dyn Cache, work: Work, streams: &[Vec<u32>], from: usize, plan: &Plan) -> f64 {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let start = Instant::now();
        let threads: Vec<_> = streams
            .iter()
            .map(|numbers| {
                let stop = &stop;
                scope.spawn(move || {
                    let before = thread_time();
                    let count = work.run(cache, numbers, from, stop);
                    (count, thread_time() - before)
                })
            })
            .collect();
        std::thread::sleep(plan.time);
        stop.store(true, Ordering::Relaxed);
        let done: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("a worker")).collect();
        let count: u64 = done.iter().map(|(count, _)| count).sum();
        let time = match plan.measure {
            Time::Wall => start.elapsed(),
            Time::Processor => done.iter().map(|(_, used)| *used).sum::<Duration>() / done.len() as u32,
        };
        count as f64 / time.as_secs_f64() / 1e6
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

struct Plan {
    rounds: usize,
    time: Duration,
    measure: Time,
    /// Memory and stalls.
    entries: u32,
}

fn table_of_speeds(plan: &Plan, keys: u32, capacity: u32, works: &[Work]) {
    let caches: Vec<Box<dyn Cache>> = NAMES.iter().map(|name| make(name, u64::from(capacity))).collect();
    for cache in &caches {
        fill(&**cache, keys);
    }
    let streams = [zipf(keys, 1), zipf(keys, 2)];
    println!("\n{keys} keys, room for {capacity}: million operations a second");
    println!("| work | threads | {} | larder / quick_cache | bar | larder / fixed |", NAMES.join(" | "));
    println!("|---|---|---|---|---|---|---|---|---|");
    for work in works {
        for threads in 1..=2 {
            let mut speeds: [Vec<f64>; NAMES.len()] = Default::default();
            for round in 0..plan.rounds {
                for turn in 0..NAMES.len() {
                    // Each candidate is first as often as the others.
                    let which = (turn + round) % NAMES.len();
                    let from = round * 77_777;
                    let measured = speed(&*caches[which], *work, &streams[..threads], from, plan);
                    speeds[which].push(measured);
                }
            }
            let over = |other: &Vec<f64>| median(speeds[0].iter().zip(other).map(|(own, other)| own / other).collect());
            let (ratio, fixed_ratio) = (over(&speeds[1]), over(&speeds[2]));
            let [own, quick, fixed, moka] = speeds.map(median);
            let name = work.name();
            println!(
                "| {name} | {threads} | {own:.2} | {quick:.2} | {fixed:.2} | {moka:.2} | **{ratio:.2}** | ≥ 1.0 | {fixed_ratio:.2} |"
            );
        }
    }
}

/// Durations in nanoseconds, sorted.
struct Latencies(Vec<u32>);

impl Latencies {
    fn of(count: usize, mut operation: impl FnMut(usize)) -> Latencies {
        let mut all = Vec::with_capacity(count);
        for turn in 0..count {
            let start = Instant::now();
            operation(turn);
            all.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
        }
        all.sort_unstable();
        Latencies(all)
    }

    fn part(&self, share: f64) -> f64 {
        let last = self.0.len() - 1;
        f64::from(self.0[(last as f64 * share) as usize]) / 1000.0
    }

    fn row(&self) -> [f64; 5] {
        [self.part(0.5), self.part(0.99), self.part(0.9999), self.part(0.99999), self.part(1.0)]
    }
}

fn print_latencies(name: &str, rounds: &[[f64; 5]]) -> f64 {
    let column = |at: usize| median(rounds.iter().map(|row| row[at]).collect());
    let over = median(rounds.iter().map(|row| row[4]).collect());
    println!("| {name} | {:.3} | {:.3} | {:.2} | {:.2} | {over:.1} |", column(0), column(1), column(2), column(3));
    column(1)
}

fn table_of_latencies(plan: &Plan, keys: u32) {
    println!(
        "\nlatencies of one thread, {keys} keys, in µs, medians over rounds (bars: get p99 ≤ 1.2 × quick_cache, no stall over 50)"
    );
    println!("| what | p50 | p99 | p99.99 | p99.999 | longest |");
    println!("|---|---|---|---|---|---|");
    let numbers = zipf(keys, 3);
    let count = plan.entries as usize;
    let caches: Vec<Box<dyn Cache>> = NAMES.iter().map(|name| make(name, u64::from(keys))).collect();
    for cache in &caches {
        fill(&**cache, keys);
    }
    let mut gets: [Vec<[f64; 5]>; NAMES.len()] = Default::default();
    let mut puts: [Vec<[f64; 5]>; NAMES.len()] = Default::default();
    let mut idle = Vec::new();
    for _ in 0..plan.rounds {
        idle.push(Latencies::of(count, |_| {}).row());
        for (which, cache) in caches.iter().enumerate() {
            let mut out = [0; VALUE];
            let get = |turn: usize| {
                black_box(cache.get(&key(numbers[turn % DRAWN]), &mut out));
            };
            gets[which].push(Latencies::of(count, get).row());
            let put = |turn: usize| cache.put(&key(numbers[turn % DRAWN]), &[1; VALUE]);
            puts[which].push(Latencies::of(count, put).row());
        }
    }
    print_latencies("nothing: the machine's own pauses", &idle);
    let mut p99 = [0.0; NAMES.len()];
    for (which, name) in NAMES.iter().enumerate() {
        p99[which] = print_latencies(&format!("{name} get"), &gets[which]);
    }
    for (which, name) in NAMES.iter().enumerate() {
        print_latencies(&format!("{name} put"), &puts[which]);
    }
    println!("get p99, larder / quick_cache: **{:.2}** (bar ≤ 1.2)", p99[0] / p99[1]);
}

/// Growth from nothing, where tables that are copied as a whole stall their caller.
fn table_of_growth(plan: &Plan) {
    let count = plan.entries;
    println!("\nputs of {count} new keys into an empty store, in µs");
    println!("| what | p50 | p99 | p99.99 | p99.999 | longest |");
    println!("|---|---|---|---|---|---|");
    let mut rows: [Vec<[f64; 5]>; 4] = Default::default();
    for _ in 0..plan.rounds {
        rows[0].push(Latencies::of(count as usize, |_| {}).row());
        let unbounded = Larder::new(None);
        rows[1].push(Latencies::of(count as usize, |turn| unbounded.put(&key(turn as u32), &[1; VALUE])).row());
        drop(unbounded);
        let quick = make("quick_cache", u64::from(count));
        rows[2].push(Latencies::of(count as usize, |turn| quick.put(&key(turn as u32), &[1; VALUE])).row());
        drop(quick);
        // The bytes of an entry and no table: what the allocator and the kernel's page faults take.
        let mut blocks: Vec<Box<[u8]>> = Vec::with_capacity(count as usize);
        blocks.extend((0..count).map(|_| Box::default()));
        let allocate = |turn: usize| blocks[turn] = vec![1; RECORD].into_boxed_slice();
        rows[3].push(Latencies::of(count as usize, allocate).row());
    }
    let names = ["nothing: the machine's own pauses", "larder, unbounded", "quick_cache", "malloc and fill alone"];
    for (name, rows) in names.iter().zip(&rows) {
        print_latencies(name, rows);
    }
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages: u64 = statm.split(' ').nth(1).and_then(|field| field.parse().ok()).expect("a number of pages");
    pages * 4096
}

/// In a child process: fills one candidate and prints the growth of the resident set by entry.
fn measure_memory(name: &str, entries: u32) {
    let before = resident_bytes();
    let cache = make(name, u64::from(entries));
    fill(&*cache, entries);
    let mut out = [0; VALUE];
    let held = (0..entries).filter(|number| cache.get(&key(*number), &mut out)).count();
    println!("{}", (resident_bytes() - before) as f64 / held as f64);
}

fn table_of_memory(plan: &Plan) {
    println!("\nbytes an entry at {} entries (116 of payload; bar ≤ 200)", plan.entries);
    let program = std::env::current_exe().expect("the path of this program");
    for name in NAMES {
        let output = std::process::Command::new(&program).args(["--memory", name, &plan.entries.to_string()]).output();
        let output = output.expect("a child of this program");
        print!("{name}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

/// Gets of one candidate and nothing else, to be looked at with a profiler.
fn profile(name: &str, time: Duration) {
    const KEYS: u32 = 1 << 15;
    let cache = make(name, u64::from(KEYS));
    fill(&*cache, KEYS);
    let plan = Plan { rounds: 1, time, measure: Time::Processor, entries: KEYS };
    println!("{:.2} million gets a second", speed(&*cache, Work::Get, &[zipf(KEYS, 1)], 0, &plan));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name, entries] = &arguments[..]
        && flag == "--memory"
    {
        return measure_memory(name, entries.parse().expect("a number of entries"));
    }
    if let [flag, name, seconds] = &arguments[..]
        && flag == "--profile"
    {
        return profile(name, Duration::from_secs(seconds.parse().expect("a number of seconds")));
    }
    let measure = if arguments.iter().any(|argument| argument == "--cpu") { Time::Processor } else { Time::Wall };
    let plan = if arguments.iter().any(|argument| argument == "--quick") {
        Plan { rounds: 5, time: Duration::from_millis(40), measure, entries: 200_000 }
    } else {
        Plan { rounds: 11, time: Duration::from_millis(100), measure, entries: 1_000_000 }
    };
    let works = [Work::Get, Work::Mixed, Work::Put, Work::Bulk(16), Work::Bulk(100)];
    let only = |name: &str| {
        arguments.iter().all(|argument| argument.starts_with("--")) || arguments.iter().any(|argument| argument == name)
    };
    if only("speed") {
        table_of_speeds(&plan, 1 << 15, 1 << 15, &works);
        table_of_speeds(&plan, 1_000_000, 1_000_000, &works);
    }
    if only("eviction") {
        table_of_speeds(&plan, 1 << 17, 1 << 15, &[Work::ReadThrough, Work::Mixed, Work::Put]);
    }
    if only("latency") {
        table_of_latencies(&plan, 1 << 15);
        table_of_growth(&plan);
    }
    if only("memory") {
        table_of_memory(&plan);
    }
}
