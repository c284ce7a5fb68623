//! One connection's worth of a watch.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::known::Known;
use crate::error::{Error, Result, Status};
use crate::store::event::{Event, EventKind};
use crate::store::options::{ListOptions, WatchOptions, WatchStart};
use crate::store::record::Record;
use crate::store::redis::connection::pushes::{self, Heard, Pushes};
use crate::store::redis::connection::{Answers, Connection, Unanswered};
use crate::store::redis::master::client::Client;
use crate::store::redis::master::lease::Lane;
use crate::store::redis::master::refusal::{self, Refusal};
use crate::store::redis::records::layout::Layout;
use crate::store::redis::records::reading::{self, CHUNK, Part};
use crate::store::redis::watch::portion::Portion;
use crate::store::redis::wire::{Packed, Value};
use crate::store::remote::events::Queue;

/// How long one reading may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long reading everything may take, after a connection was lost.
const LONG_PATIENCE: Duration = Duration::from_secs(600);

/// A watch's task.
pub(super) struct Session {
    client: Arc<Client>,
    layout: Arc<Layout>,
    options: WatchOptions,
    queue: Arc<Queue>,
    known: Known,
    /// Told once, when the watch has begun or cannot.
    ready: Option<oneshot::Sender<Result<()>>>,
    /// What was there is still being told.
    tells_initial: bool,
    portion: Portion,
}

/// What the server says to have changed.
enum Changed {
    Keys(Vec<Bytes>),
    Everything,
}

impl Session {
    pub(super) fn new(
        client: Arc<Client>,
        layout: Arc<Layout>,
        options: WatchOptions,
        queue: Arc<Queue>,
        ready: oneshot::Sender<Result<()>>,
    ) -> Session {
        let tells_initial = options.start == WatchStart::Existing;
        let (known, portion) = Default::default();
        Session { client, layout, options, queue, known, ready: Some(ready), tells_initial, portion }
    }

    /// The longest pause between two sessions.
    pub(super) fn max_delay(&self) -> Duration {
        self.client.config.max_reconnect_delay
    }

    /// Whether the watch cannot begin, which its caller is told. One that has begun goes on for ever.
    pub(super) fn has_failed_for_good(&mut self, error: &Error) -> bool {
        let can_wait = matches!(error.status(), Status::UNAVAILABLE | Status::TIMEOUT);
        if self.ready.as_ref().is_some_and(|ready| ready.is_closed()) {
            return true;
        }
        match self.ready.take() {
            Some(ready) if can_wait => {
                self.ready = Some(ready);
                false
            }
            Some(ready) => {
                let _ = ready.send(Err(error.clone()));
                true
            }
            None => error.status() == Status::CLOSED,
        }
    }

    /// Connects, reads everything, and tells changes until the connection or the master is lost.
    pub(super) async fn run(&mut self, first_deadline: Instant) -> Error {
        let deadline = if self.ready.is_some() { first_deadline } else { Instant::now() + LONG_PATIENCE };
        match self.watch(deadline).await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    async fn watch(&mut self, deadline: Instant) -> Result<Never> {
        let lease = self.client.lease(deadline).await?;
        let (sender, mut pushes) = pushes::queue();
        let dialed = self.client.config.server.connect(&lease.address, Some(sender)).await?;
        // Its only handle: it ends with this session.
        let connection = dialed.connection;
        if dialed.protocol < 3 {
            let text = "the server cannot tell of changes; version 6 or newer is needed";
            return Err(Error::new(Status::UNSUPPORTED, "watch", text));
        }
        self.track(&connection).await?;
        // From here on every change is told; what was there is told at the reader's pace.
        let deadline = if self.tells_initial {
            self.say_ready();
            Instant::now() + LONG_PATIENCE
        } else {
            deadline
        };
        tokio::select! {
            read = self.read_everything(deadline) => read?,
            reason = lease.wait_for_end() => return Err(lost(&reason)),
        }
        self.say_ready();
        if self.tells_initial {
            let current = Event { kind: EventKind::Current, record: None, lost: 0, initial: false };
            self.queue.push_patiently(current).await;
            self.tells_initial = false;
        }
        loop {
            tokio::select! {
                heard = pushes.next() => {
                    let Some(heard) = heard else { return Err(lost("the connection ended")) };
                    match gather(heard, &mut pushes) {
                        Changed::Keys(keys) => self.read_again(&connection, keys).await?,
                        Changed::Everything => self.read_everything(Instant::now() + LONG_PATIENCE).await?,
                    }
                }
                reason = connection.wait_for_end() => return Err(lost(&reason)),
                reason = lease.wait_for_end() => return Err(lost(&reason)),
            }
        }
    }

    /// Has the server tell of changes on this connection.
    async fn track(&self, connection: &Connection) -> Result<()> {
        let prefix = self.layout.full(&self.options.prefix);
        let mut words: Vec<&[u8]> = vec![b"CLIENT", b"TRACKING", b"ON", b"BCAST"];
        if !prefix.is_empty() {
            words.extend([&b"PREFIX"[..], &prefix]);
        }
        let tracking = call(connection, Packed::of(&words)).await;
        let is_denied = tracking.as_ref().is_err_and(|error| error.status() == Status::AUTH);
        if tracking.is_ok() || is_denied {
            // The right may have been given or taken since the server was asked for it.
            self.client.may_track.store(tracking.is_ok(), Ordering::Relaxed);
        }
        tracking.map(drop).map_err(|error| if is_denied { denied(&error) } else { error })
    }

    /// Reads every record of the watch, and tells what is different from what is known. A watch that begins tells
    /// nothing here.
    async fn read_everything(&mut self, deadline: Instant) -> Result<()> {
        let filter = ListOptions { prefix: self.options.prefix.clone(), ..ListOptions::default() };
        let keys = reading::keys(&self.client, &self.layout, &filter, deadline).await?;
        let present: HashSet<&Bytes> = keys.iter().collect();
        let gone: Vec<Bytes> = self.known.keys().filter(|known| !present.contains(known)).cloned().collect();
        for full in gone {
            self.observe(&full, None).await?;
        }
        let mut left = keys.as_slice();
        while let Some(chunk) = self.portion.begin(&mut left) {
            let packed = reading::ask(&self.layout, chunk, Part::Whole);
            let answers = self.client.read_until(packed, Lane::Long, deadline).await?;
            self.portion.end(chunk.len(), &answers);
            self.compare(chunk, &answers).await?;
        }
        Ok(())
    }

    /// Reads keys that changed, on the connection that said so.
    async fn read_again(&mut self, connection: &Connection, keys: Vec<Bytes>) -> Result<()> {
        let mut left = keys.as_slice();
        while let Some(chunk) = self.portion.begin(&mut left) {
            let answers = call(connection, reading::ask(&self.layout, chunk, Part::Whole)).await?;
            self.portion.end(chunk.len(), &answers);
            self.compare(chunk, &answers).await?;
        }
        Ok(())
    }

    /// Tells what the answers to a reading of full keys say that is not known.
    async fn compare(&mut self, chunk: &[Bytes], answers: &[Value]) -> Result<()> {
        for (place, full) in chunk.iter().enumerate() {
            let Some(key) = self.layout.key_of(full).filter(|key| key.starts_with(&self.options.prefix)) else {
                continue;
            };
            // What cannot be read is as good as gone for the watch, and must not end it.
            let found = reading::answered(&self.layout, key, answers, place, Part::Whole).unwrap_or(None);
            self.observe(full, found).await?;
        }
        Ok(())
    }

    async fn observe(&mut self, full: &Bytes, found: Option<Record>) -> Result<()> {
        if self.tells_initial {
            // Before it is known: whoever gives this up while it waits has told nothing, and the next session tells it. The
            // room stays, because nobody else adds to the queue.
            self.queue.room().await;
        }
        let Some(event) = self.known.observe(full, found)? else { return Ok(()) };
        if self.tells_initial {
            let initial = event.kind == EventKind::Created;
            self.queue.push_always(Event { initial, ..event });
        } else if self.ready.is_none() {
            self.queue.push(event);
        }
        Ok(())
    }

    fn say_ready(&mut self) {
        if let Some(ready) = self.ready.take() {
            let _ = ready.send(Ok(()));
        }
    }
}

fn denied(error: &Error) -> Error {
    Error::new(error.status(), "watch", format!("the server does not tell this user of changes: {}", error.message()))
}

enum Never {}

async fn call(connection: &Connection, packed: Packed) -> Result<Answers> {
    let answers = match connection.call(packed, Instant::now() + PATIENCE).await {
        Ok(answers) => answers,
        Err(Unanswered::Broken(broken)) => return Err(lost(&broken.reason)),
        Err(Unanswered::Late { .. }) => return Err(lost("no answer in time")),
    };
    match refusal::find(&answers) {
        None => Ok(answers),
        Some(Refusal::Final(error) | Refusal::LoggedOut(error)) => Err(error),
        Some(_) => Err(lost("the server cannot be read for the moment")),
    }
}

/// All that has been said to have changed until now, each key once.
fn gather(first: Heard, pushes: &mut Pushes) -> Changed {
    let mut keys: Vec<Bytes> = Vec::new();
    let mut next = Some(first);
    while let Some(heard) = next {
        let Heard::Push(push) = heard else { return Changed::Everything };
        if let [Value::Bulk(kind), changed] = push.as_slice()
            && kind.as_ref() == b"invalidate"
        {
            let Some(changed) = changed.as_array() else { return Changed::Everything };
            keys.extend(
                changed.iter().filter_map(|key| if let Value::Bulk(key) = key { Some(key.clone()) } else { None }),
            );
        }
        next = if keys.len() < CHUNK { pushes.try_next() } else { None };
    }
    let mut seen = HashSet::new();
    keys.retain(|key| seen.insert(key.clone()));
    Changed::Keys(keys)
}

fn lost(reason: &str) -> Error {
    Error::new(Status::UNAVAILABLE, "redis", reason.to_owned())
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::clock;
    use crate::store::format::Format;
    use crate::store::record::{Metadata, Parts};

    fn record(key: &[u8]) -> Record {
        let (deadline, metadata) = (clock::NEVER, &Metadata::default());
        Record::new(Parts { table: 0, key, value: b"", revision: 1, deadline, max_idle_ms: 0, metadata })
            .expect("small")
    }

    #[test]
    fn a_record_that_waited_for_room_when_its_session_ended_is_told_by_the_next() {
        let layout = Arc::new(Layout::new(Format::Raw, "", "", Arc::default()));
        let options = WatchOptions { start: WatchStart::Existing, ..WatchOptions::default() };
        let queue = Arc::new(Queue::new(1));
        let (ready, _began) = oneshot::channel();
        let mut session = Session::new(Client::holding(None), layout, options, Arc::clone(&queue), ready);
        let mut is_told = |key: &'static [u8]| {
            let full = Bytes::from_static(key);
            let observed = pin!(session.observe(&full, Some(record(key))));
            observed.poll(&mut Context::from_waker(Waker::noop())).is_ready()
        };
        assert_eq!([b"a", b"b"].map(|key| is_told(key)), [true, false]);
        assert_eq!(queue.take(9).map(|events| events.len()), Some(1));
        assert!(is_told(b"b"));
        let events = queue.take(9).expect("the second");
        assert!(events.len() == 1 && events[0].initial && events[0].record.as_ref().is_some_and(|b| b.key() == b"b"));
    }
}
