//! One watch's queue, and the list of them that an engine tells.
//!
//! Events are pushed while the engine holds the lock of the key's shard, so those of one key come in order. A watcher
//! that wants what is there already is told of it shard by shard and slot by slot, by its reader: a change in a slot
//! that the telling has not come to yet is not told, for the slot's record will be. So there is no gap and no repeat.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::engine::Engine;
use crate::error::Result;
use crate::store::event::{Event, EventKind, Watch};
use crate::store::options::{WatchOptions, WatchStart};
use crate::store::record::Record;
use crate::store::reply::Reply;
use crate::sync::{Mutex, MutexGuard, RwLock};

/// How many events wait at most, unless the options say otherwise.
const CAPACITY: usize = 65_536;

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    lost: u64,
    closed: bool,
}

impl Queue {
    fn push(&mut self, event: Event, capacity: usize) {
        if self.events.len() >= capacity {
            self.lost += 1;
            return;
        }
        self.admit_loss();
        self.events.push_back(event);
    }

    fn admit_loss(&mut self) {
        if self.lost != 0 {
            let lost = std::mem::take(&mut self.lost);
            self.events.push_back(Event { kind: EventKind::Lost, record: None, lost, initial: false });
        }
    }

    fn take(&mut self, most: usize) -> Vec<Event> {
        let count = self.events.len().min(most.max(1));
        let mut taken: Vec<Event> = self.events.drain(..count).collect();
        if self.events.is_empty() && taken.len() < most.max(1) {
            self.admit_loss();
            taken.extend(self.events.pop_front());
        }
        taken
    }
}

/// How far the telling of what was there has come.
pub(super) struct Progress {
    /// For each shard, the first slot that was not told; `u32::MAX` when all were.
    told: Box<[AtomicU32]>,
    /// The shard that is told now; held by whoever tells.
    shard: Mutex<usize>,
    /// Slots whose record had expired when the telling came by: nobody is told of how it leaves. An entry is read and
    /// written under its shard's lock.
    passed_over: Mutex<HashSet<(usize, u32)>>,
    /// When the stock was taken, for an engine that takes it at one point in time; 0 for one that tells by slots.
    stock_taken_at: AtomicU64,
}

/// A watch as its engine sees it.
pub(super) struct Watcher {
    table: u32,
    prefix: Vec<u8>,
    capacity: usize,
    queue: Mutex<Queue>,
    arrived: Notify,
    progress: Option<Progress>,
}

impl Watcher {
    /// A watcher of `table`, for an engine of `shards` shards.
    pub(super) fn new(table: u32, options: &WatchOptions, shards: usize) -> Watcher {
        let progress = (options.start == WatchStart::Existing).then(|| Progress {
            told: (0..shards).map(|_| AtomicU32::new(0)).collect(),
            shard: Mutex::new(0),
            passed_over: Mutex::default(),
            stock_taken_at: AtomicU64::new(0),
        });
        Watcher {
            table,
            prefix: options.prefix.clone(),
            capacity: if options.capacity == 0 { CAPACITY } else { options.capacity },
            queue: Mutex::default(),
            arrived: Notify::new(),
            progress,
        }
    }

    /// Whether it wants to know of this record.
    pub(super) fn wants(&self, record: &Record) -> bool {
        record.table() == self.table && record.key().starts_with(&self.prefix)
    }

    /// The telling of what was there, if it was asked for; one caller at a time.
    pub(super) fn telling(&self) -> Option<(MutexGuard<'_, usize>, &[AtomicU32])> {
        let progress = self.progress.as_ref()?;
        Some((progress.shard.lock(), &progress.told))
    }

    /// Notes that the record in a slot had expired when the telling came by. The caller holds the shard's lock.
    pub(super) fn pass_over(&self, shard: usize, slot: u32) {
        if let Some(progress) = &self.progress {
            progress.passed_over.lock().insert((shard, slot));
        }
    }

    /// Has a record that expired before `time` be one that the reader never heard of.
    pub(super) fn take_stock_at(&self, time: u64) {
        if let Some(progress) = &self.progress {
            progress.stock_taken_at.store(time, Ordering::Relaxed);
        }
    }

    /// Whether a record had not expired when the stock was taken.
    pub(super) fn has_announced(&self, record: &Record) -> bool {
        let taken_at = self.progress.as_ref().map_or(0, |progress| progress.stock_taken_at.load(Ordering::Relaxed));
        record.deadline() > taken_at
    }

    /// Tells a record that was there. Its caller is the reader, so that nobody has to be woken.
    pub(super) fn tell_initial(&self, record: &Record) {
        let event = Event { initial: true, ..Event::of(EventKind::Created, record.clone()) };
        self.push(event, usize::MAX);
    }

    /// Tells that all that was there has been told.
    pub(super) fn tell_current(&self) {
        let event = Event { kind: EventKind::Current, record: None, lost: 0, initial: false };
        self.push(event, usize::MAX);
    }

    /// Tells a change.
    pub(super) fn tell(&self, kind: EventKind, record: &Record) {
        self.push(Event::of(kind, record.clone()), self.capacity);
    }

    /// Whether this change is one that the reader never heard the beginning of; true once for what was passed over.
    fn is_unknown(&self, shard: usize, slot: u32, kind: EventKind, record: &Record) -> bool {
        let Some(progress) = &self.progress else { return false };
        if progress.passed_over.lock().remove(&(shard, slot)) {
            return true;
        }
        matches!(kind, EventKind::Expired | EventKind::Evicted) && !self.has_announced(record)
    }

    fn is_left_to_telling(&self, shard: usize, slot: u32) -> bool {
        let told = self.progress.as_ref().map_or(u32::MAX, |progress| progress.told[shard].load(Ordering::Relaxed));
        slot >= told
    }

    fn push(&self, event: Event, capacity: usize) {
        let mut queue = self.queue.lock();
        if queue.closed {
            return;
        }
        queue.push(event, capacity);
    }

    /// Events that wait; an empty answer when it was closed, `None` when there are none.
    fn take(&self, most: usize) -> Option<Vec<Event>> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Some(Vec::new());
        }
        let taken = queue.take(most);
        (!taken.is_empty()).then_some(taken)
    }

    /// Ends it: what waits is dropped, and whoever waits is answered.
    pub(super) fn close(&self) {
        let waiting = {
            let mut queue = self.queue.lock();
            queue.closed = true;
            std::mem::take(&mut queue.events)
        };
        drop(waiting);
        self.arrived.notify_waiters();
    }
}

/// Watchers that were told something and are still to be woken: when this is dropped, which is after the shard's lock,
/// because a wake may make a system call.
#[derive(Default)]
#[must_use]
pub(super) struct Wakes(Vec<Arc<Watcher>>);

impl Wakes {
    /// Has those of `other` woken with these, each once.
    pub(super) fn add(&mut self, mut other: Wakes) {
        for watcher in other.0.drain(..) {
            if !self.0.iter().any(|known| Arc::ptr_eq(known, &watcher)) {
                self.0.push(watcher);
            }
        }
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        for watcher in &self.0 {
            watcher.arrived.notify_waiters();
        }
    }
}

/// All watchers of one engine.
#[derive(Default)]
pub(super) struct Watchers {
    count: AtomicUsize,
    list: RwLock<Vec<Arc<Watcher>>>,
}

impl Watchers {
    /// Whether there is one. A change that begins after [`Watchers::add`] came back sees it.
    #[inline]
    pub(super) fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    /// Adds one.
    pub(super) fn add(&self, watcher: &Arc<Watcher>) {
        let mut list = self.list.write();
        list.push(Arc::clone(watcher));
        self.count.store(list.len(), Ordering::SeqCst);
    }

    /// Takes one out.
    pub(super) fn remove(&self, watcher: &Arc<Watcher>) {
        let mut list = self.list.write();
        list.retain(|known| !Arc::ptr_eq(known, watcher));
        self.count.store(list.len(), Ordering::SeqCst);
    }

    /// Tells all of a change to the record in a slot. The caller holds the shard's exclusive lock, and drops the answer
    /// after it.
    pub(super) fn tell(&self, shard: usize, slot: u32, kind: EventKind, record: &Record) -> Wakes {
        let mut wakes = Wakes::default();
        for watcher in self.list.read().iter() {
            let wants = watcher.wants(record) && !watcher.is_left_to_telling(shard, slot);
            if wants && !watcher.is_unknown(shard, slot, kind, record) {
                watcher.tell(kind, record);
                wakes.0.push(Arc::clone(watcher));
            }
        }
        wakes
    }

    /// Ends all.
    pub(super) fn close(&self) {
        let mut list = self.list.write();
        self.count.store(0, Ordering::SeqCst);
        for watcher in list.drain(..) {
            watcher.close();
        }
    }
}

/// A watch on a memory engine.
pub(super) struct MemoryWatch<E: Engine> {
    shared: Arc<Shared<E>>,
}

struct Shared<E: Engine> {
    engine: Arc<E>,
    watcher: Arc<Watcher>,
}

impl<E: Engine> MemoryWatch<E> {
    /// Begins to watch.
    ///
    /// # Errors
    ///
    /// `CLOSED`.
    pub(super) fn begin(engine: &Arc<E>, watcher: Watcher) -> Result<MemoryWatch<E>> {
        let watcher = Arc::new(watcher);
        engine.watch(&watcher)?;
        Ok(MemoryWatch { shared: Arc::new(Shared { engine: Arc::clone(engine), watcher }) })
    }
}

impl<E: Engine> Shared<E> {
    fn take(&self, most: usize) -> Option<Vec<Event>> {
        loop {
            if let Some(events) = self.watcher.take(most) {
                return Some(events);
            }
            if !self.engine.tell_existing(&self.watcher) {
                // What the last telling pushed, or nothing.
                return self.watcher.take(most);
            }
        }
    }

    async fn wait(&self, most: usize) -> Vec<Event> {
        loop {
            let mut arrived = std::pin::pin!(self.watcher.arrived.notified());
            arrived.as_mut().enable();
            if let Some(events) = self.take(most) {
                return events;
            }
            arrived.await;
        }
    }
}

impl<E: Engine> Watch for MemoryWatch<E> {
    fn next(&self, most: usize) -> Reply<Vec<Event>> {
        if let Some(events) = self.shared.take(most) {
            return Reply::Ready(Ok(events));
        }
        let shared = Arc::clone(&self.shared);
        Reply::pending(async move { Ok(shared.wait(most).await) })
    }

    fn close(&self) {
        self.shared.engine.unwatch(&self.shared.watcher);
        self.shared.watcher.close();
    }
}

impl<E: Engine> Drop for MemoryWatch<E> {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::larder::Larder;
    use crate::store::options::{Lifetime, PutOptions, Term};
    use std::time::Duration;

    fn kinds_after_an_expired_record(config: &str) -> Vec<EventKind> {
        let larder = Larder::open(config).expect("a larder");
        let store = larder.store("default").expect("a store");
        let lifetime = Lifetime { lifespan: Term::For(Duration::from_millis(2)), max_idle: Term::Default };
        let brief = PutOptions { lifetime, ..PutOptions::default() };
        crate::wait(store.put(b"k", b"", &brief), None).expect("written");
        // Expired, and most likely not swept.
        std::thread::sleep(Duration::from_millis(4));
        let existing = WatchOptions { start: WatchStart::Existing, ..WatchOptions::default() };
        let watch = crate::wait(store.watch(&existing), None).expect("a watch");
        let mut kinds = Vec::new();
        while kinds.last() != Some(&EventKind::Current) {
            kinds.extend(crate::wait(watch.next(16), None).expect("open").iter().map(|event| event.kind));
        }
        crate::wait(store.put(b"k", b"", &PutOptions::default()), None).expect("written");
        crate::wait(store.put(b"end", b"", &PutOptions::default()), None).expect("written");
        while kinds.iter().filter(|kind| **kind == EventKind::Created).count() < 2 {
            kinds.extend(crate::wait(watch.next(16), None).expect("open").iter().map(|event| event.kind));
        }
        kinds
    }

    #[test]
    fn a_record_that_had_expired_when_a_watch_began_is_never_told_of() {
        let expected = [EventKind::Current, EventKind::Created, EventKind::Created];
        for config in ["memory://", "memory://?policy=moka"] {
            for _ in 0..30 {
                assert_eq!(kinds_after_an_expired_record(config), expected, "{config}");
            }
        }
    }

    #[test]
    fn a_waiting_reader_is_woken_by_every_kind_of_change() {
        let larder = Larder::open("memory://?max_entries=2&shards=1&policy=lru").expect("a larder");
        let store = larder.store("default").expect("a store");
        let watch = crate::wait(store.watch(&WatchOptions::default()), None).expect("a watch");
        let (sender, told) = std::sync::mpsc::channel();
        let reading = Arc::clone(&watch);
        let reader = std::thread::spawn(move || {
            loop {
                let events = crate::wait(reading.next(1), None).expect("open");
                let Some(event) = events.first() else { return };
                sender.send(event.kind).expect("the test listens");
            }
        });
        let put = |key: &[u8]| {
            crate::wait(store.put(key, b"", &PutOptions::default()), None).expect("written");
        };
        let changes: [(&dyn Fn(), EventKind); 4] = [
            (&|| put(b"a"), EventKind::Created),
            (&|| put(b"a"), EventKind::Updated),
            (&|| assert!(crate::wait(store.remove(b"a", None), None).is_ok()), EventKind::Removed),
            (&|| [b"b", b"c", b"d"].iter().for_each(|key| put(*key)), EventKind::Evicted),
        ];
        for (change, expected) in changes {
            // So that it sleeps when the change comes.
            std::thread::sleep(Duration::from_millis(5));
            change();
            while told.recv_timeout(Duration::from_secs(20)).expect("it was woken") != expected {}
        }
        watch.close();
        reader.join().expect("no panic");
    }
}
