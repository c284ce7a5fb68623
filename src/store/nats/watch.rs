//! Watches: a feed of the table's messages, turned into events by what was known of each key before.
//!
//! The watch remembers the sequence of the last message that it has seen. When its feed breaks, whatever the reason, it
//! begins a new one behind that message, so that nothing is told twice, and what each key has by then is not missed; what
//! came and went meanwhile is not told where the bucket no longer has it. Marks of removals do not stay for ever, either:
//! after an absence that is long beside their age, the keys that are gone without one are counted, and a `lost` event tells
//! how many. So it does when the bucket itself is gone, or another one, and then what is there now.
//!
//! Whether a record is new or written over, a message does not say. So a watch knows the keys: a hash and a revision for
//! each, and the key itself for those that expire, which it tells of by its own clock where the server leaves no mark.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::TARGET;
use super::bucket::Facts;
use super::consumer::{Delivered, Feed, Start, Step, Wanted};
use super::entry::{self, Limited};
use super::known::{End, Known, State};
use super::protocol::{Mark, Stored};
use super::snapshot::{Goal, snapshot};
use super::store::Table;
use crate::clock;
use crate::error::{Error, Result, Status};
use crate::log::{self, Level};
use crate::runtime;
use crate::store::event::{Event, EventKind, Watch};
use crate::store::options::{WatchOptions, WatchStart};
use crate::store::remote::events::Queue;
use crate::store::reply::Reply;

/// How long one attempt to begin anew may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// How often the leader of a replicated bucket is asked what an idle watch should have seen.
const CHECK: Duration = Duration::from_secs(2);
/// How long one of several servers may say that a bucket has less than was seen, before that is believed.
const BEHIND: Duration = Duration::from_secs(10);
/// How long apart two looks at a bucket's limit are at least, and how long one may take.
const LIMIT_LOOK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// The pause between two looks for a bucket that is gone.
const MISSING_DELAY: Duration = Duration::from_millis(500);

/// Begins a watch. When this is done, every later change is told of.
///
/// # Errors
///
/// `UNAVAILABLE`, `AUTH`, `CLOSED`.
pub(super) async fn begin(table: Arc<Table>, options: WatchOptions, end: Instant) -> Result<Arc<dyn Watch>> {
    let connection = &table.engine.connection;
    table.bucket.bind(connection, end).await?;
    let queue = Arc::new(Queue::new(options.capacity));
    table.engine.enlist(&queue)?;
    let mut watcher = Watcher::new(Arc::clone(&table), options, Arc::clone(&queue));
    let feed = loop {
        match watcher.first_feed(end).await {
            Ok(Some(feed)) => break feed,
            // The bucket went away while we looked.
            Ok(None) => drop(table.bucket.bind(connection, end).await?),
            Err(error) if error.status() == Status::UNAVAILABLE && super::connection::pause(end).await => {}
            Err(error) => return Err(error),
        }
    };
    let ending = CloseOnDrop(Arc::clone(&queue));
    let task = runtime::get()?.spawn(async move {
        let _ending = ending;
        watcher.run(feed).await;
    });
    Ok(Arc::new(NatsWatch { queue, task }))
}

/// However the task ends, its reader is told.
struct CloseOnDrop(Arc<Queue>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A watch as its reader has it.
struct NatsWatch {
    queue: Arc<Queue>,
    task: AbortHandle,
}

impl Watch for NatsWatch {
    fn next(&self, most: usize) -> Reply<Vec<Event>> {
        if let Some(events) = self.queue.take(most) {
            return Reply::Ready(Ok(events));
        }
        let queue = Arc::clone(&self.queue);
        Reply::pending(async move { Ok(queue.wait(most).await) })
    }

    fn close(&self) {
        self.queue.close();
        self.task.abort();
    }
}

impl Drop for NatsWatch {
    fn drop(&mut self) {
        self.close();
    }
}

/// A watch as it works.
struct Watcher {
    table: Arc<Table>,
    options: WatchOptions,
    queue: Arc<Queue>,
    facts: Arc<Facts>,
    /// When the bucket was asked for its limit last, as [`clock::now_ms`] counts.
    limit_asked: u64,
    /// When it may be asked again.
    limit_pause: Instant,
    known: Known,
    /// When the server was last heard of, since the machine was started.
    heard: Duration,
    /// The sequence of the last message that was seen, or that was there before the watch.
    last: u64,
    /// When the server took it, in milliseconds since 1970.
    last_unix_ms: u64,
    /// Whether what is being told was there when the watch began.
    is_initial: bool,
    /// How far the feed has to come to have told all that was there.
    goal: Goal,
    /// When the leader was last asked what an idle feed should have seen.
    checked: Instant,
    /// The message that it then had.
    awaited: Option<u64>,
    /// Since when whoever answers says that the bucket has less than was seen.
    behind: Option<Instant>,
    /// Whether the bucket was gone when it was last looked for, which was told.
    is_gone: bool,
}

impl Watcher {
    fn new(table: Arc<Table>, options: WatchOptions, queue: Arc<Queue>) -> Watcher {
        let is_initial = options.start == WatchStart::Existing;
        let facts = Arc::<Facts>::default();
        Watcher {
            goal: Goal::new(&facts, table.keys.filter()),
            table,
            options,
            queue,
            facts,
            limit_asked: 0,
            limit_pause: Instant::now(),
            known: Known::default(),
            heard: clock::since_boot(),
            last: 0,
            last_unix_ms: 0,
            is_initial,
            checked: Instant::now(),
            awaited: None,
            behind: None,
            is_gone: false,
        }
    }

    /// The first feed; `None` when there is no bucket.
    async fn first_feed(&mut self, end: Instant) -> Result<Option<Feed>> {
        let (table, asked) = (Arc::clone(&self.table), clock::now_ms());
        let Some(facts) = table.bucket.refresh(&table.engine.connection, end).await? else { return Ok(None) };
        (self.facts, self.limit_asked) = (facts, asked);
        if self.is_initial {
            self.goal = Goal::new(&self.facts, table.keys.filter());
            let feed = self.open(Start::LastOfEach, end).await?;
            if feed.as_ref().is_some_and(|feed| feed.pending == 0) {
                self.end_initial_if_whole(end).await;
            }
            return Ok(feed);
        }
        // What is there up to here is known, what follows is told.
        (self.last, self.last_unix_ms) = (self.facts.last_sequence, self.facts.last_unix_ms);
        let wanted = self.wanted(Start::LastOfEach, true);
        let (last, mut seen) = (self.last, Vec::new());
        let each = |delivered: Option<Delivered>| match delivered {
            None => seen.clear(),
            Some(delivered) if delivered.stored.sequence <= last => seen.push(delivered),
            Some(_) => {}
        };
        if !snapshot(&table.engine.connection, &table.bucket, &self.facts, &wanted, end, each).await? {
            return Ok(None);
        }
        self.known.clear();
        for Delivered { subject, stored, .. } in seen {
            if let Some(key) = self.key_of(&subject)
                && entry::is_live(&self.facts, &stored)
            {
                self.learn(&key, &stored, entry::deadline(&self.facts, &stored));
            }
        }
        self.open(Start::From(self.last.saturating_add(1)), end).await
    }

    fn wanted(&self, start: Start, headers_only: bool) -> Wanted {
        Wanted { filter: self.table.keys.filter(), start, headers_only }
    }

    async fn open(&self, start: Start, end: Instant) -> Result<Option<Feed>> {
        Feed::open(&self.table.engine.connection, &self.table.bucket, &self.wanted(start, false), end).await
    }

    async fn run(mut self, mut feed: Feed) {
        let closing = self.table.engine.connection.closing().clone();
        loop {
            let next_expiry = self.next_expiry();
            let step = tokio::select! {
                biased;
                () = closing.raised() => return,
                step = feed.next() => step,
                () = until(next_expiry) => {
                    self.expire().await;
                    continue;
                }
            };
            let is_behind = matches!(step, Step::Idle) && self.is_behind().await;
            let step = if is_behind { Step::Broken } else { step };
            if !matches!(step, Step::Broken) {
                self.heard = clock::since_boot();
            }
            match step {
                Step::Message(delivered) => {
                    let is_last = delivered.pending == 0;
                    self.take(delivered).await;
                    if is_last {
                        self.end_initial_if_whole(Instant::now() + ATTEMPT).await;
                    }
                }
                Step::Idle if self.is_initial => {
                    self.goal.look_again();
                    let end = Instant::now() + ATTEMPT;
                    if feed.is_drained(&self.table.engine.connection, end).await {
                        self.end_initial_if_whole(end).await;
                    }
                }
                Step::Idle => {}
                Step::Broken => {
                    log::write(Level::Debug, TARGET, || format!("a watch resumes after {}", self.last));
                    // Its consumer is of no more use, and its subscription ends with it.
                    drop(feed);
                    let resumed = tokio::select! {
                        () = closing.raised() => return,
                        resumed = self.resume() => resumed,
                    };
                    feed = resumed;
                }
            }
        }
    }

    /// Whether the leader has had a message for a while that the feed's replica does not come to. A consumer lives on one
    /// replica, and says that it is idle when that one has fallen behind.
    async fn is_behind(&mut self) -> bool {
        if self.facts.replicas < 2 || self.checked.elapsed() < CHECK {
            return false;
        }
        self.checked = Instant::now();
        let was_awaited = self.awaited.take().is_some_and(|sequence| sequence > self.last);
        if !was_awaited {
            let (table, next) = (&self.table, self.last.saturating_add(1));
            let subjects = table.keys.filter();
            let asked = table.bucket.next_of(&table.engine.connection, &subjects, next, Instant::now() + CHECK);
            self.awaited = asked.await.ok().flatten();
        }
        was_awaited
    }

    /// A feed that goes on where the last one broke, however long it takes.
    async fn resume(&mut self) -> Feed {
        loop {
            match self.try_resume().await {
                Ok(Some(feed)) => return feed,
                // Removed for good, or about to be made anew: whoever writes next does.
                Ok(None) => {
                    self.lose_bucket();
                    tokio::time::sleep(MISSING_DELAY).await;
                }
                Err(error) => {
                    log::write(Level::Debug, TARGET, || format!("a watch could not resume yet: {error}"));
                    self.wait_and_expire(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Tells, once, that all known keys are gone with their bucket.
    fn lose_bucket(&mut self) {
        if !std::mem::replace(&mut self.is_gone, true) {
            log::write(Level::Warn, TARGET, || {
                format!("the bucket {} is gone; a watch waits for another one", self.table.bucket.name)
            });
            self.forget_all(self.known.len());
        }
    }

    /// Tells that it lost track, and begins with nothing.
    fn forget_all(&mut self, lost: usize) {
        self.queue.lose(lost as u64);
        self.known.clear();
        (self.last, self.last_unix_ms) = (0, 0);
        (self.awaited, self.behind) = (None, None);
    }

    /// Records expire while there is no connection too.
    async fn wait_and_expire(&mut self, delay: Duration) {
        tokio::time::sleep(delay).await;
        self.expire_certain();
    }

    async fn try_resume(&mut self) -> Result<Option<Feed>> {
        let (table, asked) = (Arc::clone(&self.table), clock::now_ms());
        let attempt = || Instant::now() + ATTEMPT;
        let refreshed = table.bucket.refresh(&table.engine.connection, attempt()).await;
        let Ok(Some(facts)) = refreshed else {
            // Nobody says that it has less.
            self.behind = None;
            return refreshed.map(|_| None);
        };
        if !self.is_gone && !self.is_another(&facts, attempt()).await? {
            if clock::since_boot().saturating_sub(self.heard) > table.config().marker_age / 2 {
                self.count_unmarked(&facts, attempt()).await?;
            }
            let feed = self.open(Start::From(self.last.saturating_add(1)), attempt()).await?;
            (self.facts, self.limit_asked) = (facts, asked);
            if feed.as_ref().is_some_and(|feed| feed.pending == 0) {
                self.end_initial_if_whole(attempt()).await;
            }
            return Ok(feed);
        }
        let Some(feed) = self.open(Start::LastOfEach, attempt()).await? else { return Ok(None) };
        // Not before: an attempt that fails must not forget that the bucket is another one.
        (self.facts, self.limit_asked) = (facts, asked);
        self.goal = Goal::new(&self.facts, table.keys.filter());
        if !std::mem::replace(&mut self.is_gone, false) {
            log::write(Level::Warn, TARGET, || {
                format!("the bucket {} was made anew; a watch tells that it lost track", table.bucket.name)
            });
            self.forget_all(self.known.len().max(1));
        }
        Ok(Some(feed))
    }

    /// Whether the bucket is another one than it was.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE` while it may as well be that one of several servers has not learned yet that it leads no more.
    async fn is_another(&mut self, facts: &Facts, end: Instant) -> Result<bool> {
        if facts.created != self.facts.created {
            return Ok(true);
        }
        if facts.last_sequence >= self.last {
            self.behind = None;
            return self.is_renumbered(facts, end).await;
        }
        let since = *self.behind.get_or_insert_with(Instant::now);
        if facts.replicas > 1 && since.elapsed() < BEHIND {
            return Err(Error::new(Status::UNAVAILABLE, super::KIND, "the server that answers is behind"));
        }
        Ok(true)
    }

    /// Whether the bucket begins anew under its old date. In a cluster that is the date of its assignment, which outlasts
    /// what one server had of it in its memory.
    async fn is_renumbered(&self, facts: &Facts, end: Instant) -> Result<bool> {
        let table = &self.table;
        if self.last == 0 || self.last_unix_ms == 0 {
            return Ok(false);
        }
        match table.bucket.time_of(&table.engine.connection, self.last, end).await {
            Ok(Some(taken)) => Ok(taken != self.last_unix_ms),
            // What was written over tells nothing, but what comes before it was not taken after it.
            Ok(None) => Ok(facts.first_sequence <= self.last && facts.first_unix_ms > self.last_unix_ms),
            Err(error) if error.status() == Status::AUTH => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Tells how many of the known keys are gone without a mark that the feed could show.
    async fn count_unmarked(&mut self, facts: &Facts, end: Instant) -> Result<()> {
        self.expire_certain();
        let wanted = self.wanted(Start::LastOfEach, true);
        let table = Arc::clone(&self.table);
        let mut present = HashSet::new();
        let each = |delivered: Option<Delivered>| match delivered {
            None => present.clear(),
            Some(delivered) => present.extend(self.key_of(&delivered.subject).map(|key| self.known.hash(&key))),
        };
        if !snapshot(&table.engine.connection, &table.bucket, facts, &wanted, end, each).await? {
            return Ok(());
        }
        let gone = self.known.retain(&present);
        if gone > 0 {
            self.queue.lose(gone as u64);
        }
        // It was heard of: the next attempt need not count again.
        self.heard = clock::since_boot();
        Ok(())
    }

    /// The key of a message that the reader wants to know of.
    fn key_of(&self, subject: &str) -> Option<Vec<u8>> {
        self.table.keys.decode(subject).map(|place| place.key).filter(|key| key.starts_with(&self.options.prefix))
    }

    async fn take(&mut self, delivered: Delivered) {
        let Delivered { subject, stored, .. } = delivered;
        // A replica that is behind begins with its own end.
        if stored.sequence <= self.last {
            return;
        }
        (self.last, self.last_unix_ms) = (stored.sequence, stored.time_unix_ms);
        self.goal.note(stored.sequence);
        let Some(key) = self.key_of(&subject) else { return };
        if self.is_initial {
            // What is there is not dropped for want of room: the server waits for the reader.
            self.queue.room().await;
        }
        self.expire_before(&key, &stored).await;
        if entry::is_dead_by_bucket_only(&self.facts, &stored) {
            self.ask_limit().await;
        }
        let kind = match stored.marks.mark {
            Mark::Removed => EventKind::Removed,
            Mark::Expired => EventKind::Expired,
            Mark::None => return self.take_record(&key, &stored),
        };
        self.tell_gone(&key, kind);
    }

    fn take_record(&mut self, key: &[u8], stored: &Stored) {
        let record = match entry::record(self.table.keys.format(), &self.facts, key, stored) {
            Ok(Some(record)) => record,
            // It came late, and has expired already.
            Ok(None) => return self.tell_gone(key, EventKind::Expired),
            Err(error) => return self.take_unreadable(key, stored, &error),
        };
        let was_known = self.learn(key, stored, record.deadline()).is_some();
        let kind = if was_known { EventKind::Updated } else { EventKind::Created };
        self.queue.push(Event { initial: self.is_initial && !was_known, ..Event::of(kind, record) });
    }

    /// Tells that a change is lost. What was there before the watch is left out, as lists do.
    fn take_unreadable(&mut self, key: &[u8], stored: &Stored, error: &Error) {
        log::write(Level::Warn, TARGET, || format!("left out of a watch: {error}"));
        let was_known = self.known.get(key).is_some();
        if was_known {
            // What its reader knows of has gone on, and ends when this does.
            self.learn(key, stored, entry::deadline(&self.facts, stored));
        }
        if was_known || !self.is_initial {
            self.queue.lose(1);
        }
    }

    /// Tells of a record that is no more; nothing of one that nobody was told of.
    fn tell_gone(&mut self, key: &[u8], kind: EventKind) {
        if let Some(known) = self.known.remove(key) {
            self.push_gone(key, kind, known);
        }
    }

    fn push_gone(&self, key: &[u8], kind: EventKind, known: State) {
        match entry::bare(key, known.revision, known.deadline) {
            Ok(record) => self.queue.push(Event::of(kind, record)),
            Err(_) => self.queue.lose(1),
        }
    }

    fn learn(&mut self, key: &[u8], stored: &Stored, deadline: u64) -> Option<State> {
        let limited = Limited::of(&self.facts, stored, deadline);
        self.known.learn(key, State { revision: stored.sequence, deadline }, limited)
    }

    /// Ends the telling of what was there, if the feed, which has nothing more, has come as far as the leader was.
    async fn end_initial_if_whole(&mut self, end: Instant) {
        if !self.is_initial {
            return;
        }
        let table = Arc::clone(&self.table);
        // An error is none of the reader's: the next idle feed asks again.
        if !matches!(self.goal.is_reached(&table.engine.connection, &table.bucket, end).await, Ok(true)) {
            return;
        }
        self.is_initial = false;
        self.queue.push_always(Event { kind: EventKind::Current, record: None, lost: 0, initial: false });
    }

    fn next_expiry(&self) -> Option<Duration> {
        let end = self.known.next_end()?;
        let delay = Duration::from_millis(end.deadline.saturating_sub(clock::now_ms()));
        if self.is_certain(end) {
            return Some(delay);
        }
        Some(delay.max(self.limit_pause.saturating_duration_since(Instant::now())))
    }

    /// Tells of the records whose time has come. The bucket's limit may have been raised: what it alone ends is told when
    /// it was asked for since.
    async fn expire(&mut self) {
        if !self.expire_certain() {
            self.ask_limit().await;
            self.expire_certain();
        }
    }

    /// Tells of the records whose time has come for certain; whether these were all.
    fn expire_certain(&mut self) -> bool {
        let mut doubtful = Vec::new();
        while let Some(end) = self.known.take_due() {
            if !self.is_certain(&end) {
                doubtful.push(end);
                continue;
            }
            match end.limited.map(|limited| limited.deadline(&self.facts)) {
                Some(deadline) if !clock::has_passed(deadline) => {
                    let state = State { revision: end.revision, deadline };
                    self.known.learn(&end.key, state, end.limited);
                }
                _ => self.tell_gone(&end.key, EventKind::Expired),
            }
        }
        let were_all = doubtful.is_empty();
        doubtful.into_iter().for_each(|end| self.known.keep(end));
        were_all
    }

    /// Whether a record ends then whatever was done to the bucket, or the bucket was asked since.
    fn is_certain(&self, end: &End) -> bool {
        end.limited.is_none() || end.deadline <= self.limit_asked
    }

    /// Asks for the bucket's limit; what was known stays where there is no answer, and where the bucket is another one,
    /// which the feed will notice.
    async fn ask_limit(&mut self) {
        let (apart, patience) = LIMIT_LOOK;
        let (table, asked) = (Arc::clone(&self.table), clock::now_ms());
        let answer = table.bucket.refresh(&table.engine.connection, Instant::now() + patience).await;
        self.limit_pause = Instant::now() + apart;
        if let Ok(Some(facts)) = answer
            && facts.created == self.facts.created
        {
            (self.facts, self.limit_asked) = (facts, asked);
        }
    }

    /// Tells that a record had expired before the message came that its key has now.
    async fn expire_before(&mut self, key: &[u8], stored: &Stored) {
        let is_over = self.known.get(key).is_some_and(|known| clock::has_passed(known.deadline));
        if is_over && stored.marks.mark != Mark::Expired {
            self.expire().await;
        }
    }
}

/// Ends after `delay`; never without one.
async fn until(delay: Option<Duration>) {
    match delay {
        Some(delay) => tokio::time::sleep(delay).await,
        None => std::future::pending().await,
    }
}
