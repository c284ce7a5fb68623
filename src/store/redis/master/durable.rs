//! Writes that count as done only when replicas have them.
//!
//! They share a connection of their own, because `WAIT` holds up all that comes behind it. One task sends what has
//! gathered as one pipeline, `write, write, …, ROLE, WAIT, ROLE`, and judges all of it by the last three answers: the
//! first `ROLE` says how long the master's stream is with these writes in it, `WAIT` gives the replicas time and has
//! them report, and the second `ROLE` says how far each of them is. Who has a write is judged by that, by address:
//! `WAIT` alone only counts.
//!
//! `WAIT` is asked for what the pipeline's own writes need of the replicas that are attached, and for no longer than
//! their callers wait. A write that it did not settle is judged by the `ROLE` of every pipeline after it, and has one of
//! its own only while there is nothing to send, and that a short one: replicas that one write waits for in vain hold no
//! other up.
//!
//! # What an acknowledged write with `all` survives, and why
//!
//! In a planned failover (`SENTINEL FAILOVER`) counting replicas is not enough:
//!
//! 1. The sentinel tells replica R to be master. R leaves the old master M. From here on M takes writes that R will
//!    never have, for up to ten seconds, with its other replicas still attached, which acknowledge them.
//! 2. The other replicas are told to follow R, and drop what R has not.
//! 3. M is told to follow R, and drops it too.
//!
//! So a write is safe exactly when R had it before it left, and nobody knows R beforehand. Hence every replica that can
//! be promoted has to have it: all that the sentinels know, without those that they would not choose
//! ([`Candidates`](crate::store::redis::sentinel::Candidates), where the reasons stand). That list is the measure, and
//! not what M has attached: R is missing from the latter as soon as it is promoted, which is the moment that matters.
//! After `WAIT` came back on the same connection,
//!
//! * `ROLE` must still say master, so that no demotion came between the write and the answer;
//! * every candidate must be in `ROLE`'s list of attached replicas, and as far as the write: R is not from step 1 on, so
//!   that no write after it is acknowledged, whatever other replicas say;
//! * every other attached replica must be as far, unless the sentinels would not choose it: they may come to know one
//!   that they do not know yet. An old master that is attached after all is a replica like any other;
//! * one attached replica at least must be as far;
//! * at least one sentinel must be there to say who is the master: while none can be asked, nothing is acknowledged.
//!
//! What fails one of these is asked for again until its deadline, and then is `AMBIGUOUS`. When the sentinels have named
//! another master before we answer, the server is left, and nothing more of it is acknowledged, whatever the durability.
//!
//! A replica that died or hangs stays in `ROLE`'s list until the master gives it up (`repl-timeout`, a minute). It is
//! waited for until a majority of the sentinels takes it for down, and no longer. Without sentinels nobody says so, and
//! `all` means all that are attached.
//!
//! `replicas(n)` with fewer than all survives the crash of the master when the sentinels promote a replica that has the
//! write. Among replicas of one priority they take the one that is furthest by what it last reported; one with a better
//! priority (`replica-priority`, the lower number) they take however far behind it is. It does **not** survive every
//! planned failover: the promoted replica may be one that `n` others stood in for.

use std::ops::Range;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::select_all;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::store::options::Durability;
use crate::store::redis::connection::handshake::plain;
use crate::store::redis::connection::{Address, Answers, Connection, Reason, Unanswered};
use crate::store::redis::master::lease::{LONG, Lease};
use crate::store::redis::master::replicas::Replicas;
use crate::store::redis::master::request::{Request, Ticket};
use crate::store::redis::master::role::{Attached, Role};
use crate::store::redis::sentinel::{Candidates, Monitor};
use crate::store::redis::wire::{Packed, Place, Value};

/// How long one `WAIT` holds the connection: so late at most is it noticed that less is needed than was waited for.
const SLICE: Duration = Duration::from_millis(100);
/// As [`SLICE`], for writes that a `WAIT` has not settled: so long at most do they hold up one that comes meanwhile.
const SHORT_SLICE: Duration = Duration::from_millis(10);
/// How long is rested when nothing new was sent and nothing settled, or `WAIT` came back at once and settled nothing: it
/// counts also who need not have the write, and would come back at once again.
const REST: Duration = Duration::from_millis(10);
/// The shortest `WAIT`: to the server 0 is for ever.
const SHORTEST: Duration = Duration::from_millis(1);
/// How long the answers to one pipeline may take, besides the time that its bytes take.
const PATIENCE: Duration = Duration::from_secs(4);
/// The most writes in one pipeline.
const BATCH: usize = 1024;
/// How many bytes of writes make a pipeline full. One write may be longer.
const BATCH_BYTES: usize = 1 << 20;

/// A write that replicas have to have.
struct Job {
    request: Request,
    needed: Durability,
    /// Whether an answer means that something was written.
    has_written: fn(&Value) -> bool,
}

/// A write that was done on the master and waits for its replicas. Its value is not kept.
struct Open {
    request: Request,
    needed: Durability,
    answer: Value,
    /// How long the master's stream was with it.
    offset: u64,
}

/// Why the task ends.
enum End {
    /// The server may be no master any more, or a write that was sent is lost: the server is left.
    Leave(Reason),
    /// The connection is lost, and nothing with it: another one serves as well.
    Lost(Reason),
}

/// The way to the task that sends durable writes.
pub struct Committer {
    jobs: mpsc::UnboundedSender<Job>,
    connection: Connection,
}

impl Committer {
    /// Starts the task, on a connection of its own to the master at `address`.
    pub fn start(
        lease: Weak<Lease>,
        address: Address,
        connection: Connection,
        monitor: Option<Arc<Monitor>>,
    ) -> Committer {
        let (sender, jobs) = mpsc::unbounded_channel();
        let task = Task {
            lease,
            address,
            connection: connection.clone(),
            monitor,
            jobs,
            open: Vec::new(),
            seen: Replicas::default(),
            rests: false,
        };
        tokio::spawn(task.run());
        Committer { jobs: sender, connection }
    }

    /// Sends one write, whose caller waits until the deadline. Its one answer comes when so many replicas have it, or when
    /// it was refused or wrote nothing, as `has_written` says of the answer.
    pub fn send(
        &self,
        packed: Packed,
        needed: Durability,
        has_written: fn(&Value) -> bool,
        deadline: Instant,
    ) -> Ticket {
        let (request, ticket) = Request::new(packed, deadline);
        if let Err(refused) = self.jobs.send(Job { request, needed, has_written }) {
            let reason = self.connection.ended().unwrap_or_else(|| "the connection ended".into());
            refused.0.request.end(false, &reason);
        }
        ticket
    }

    /// Whether it takes no more writes.
    pub fn has_ended(&self) -> bool {
        self.connection.has_ended()
    }

    /// Ends it; what was sent is told so.
    pub fn end(&self, reason: &str) {
        self.connection.end(reason);
    }
}

struct Task {
    lease: Weak<Lease>,
    address: Address,
    connection: Connection,
    monitor: Option<Arc<Monitor>>,
    jobs: mpsc::UnboundedReceiver<Job>,
    open: Vec<Open>,
    /// The replicas as the master last had them.
    seen: Replicas,
    /// The last `WAIT` was of no use.
    rests: bool,
}

impl Task {
    async fn run(mut self) {
        loop {
            let fresh = match self.gather().await {
                Ok(fresh) => fresh,
                Err(end) => return self.fail(&end),
            };
            if fresh.is_empty() && self.open.is_empty() {
                if self.jobs.is_closed() {
                    return;
                }
                continue;
            }
            if let Err(end) = self.round(fresh).await {
                return self.fail(&end);
            }
        }
    }

    /// The writes to send next; waits for one unless some are open, or a little while after a `WAIT` that was of no use.
    /// An error when the connection ends meanwhile.
    async fn gather(&mut self) -> Result<Vec<Job>, End> {
        let mut fresh: Vec<Job> = Vec::new();
        let rests = std::mem::take(&mut self.rests);
        if self.open.is_empty() {
            tokio::select! {
                job = self.jobs.recv() => fresh.extend(job),
                reason = self.connection.wait_for_end() => return Err(End::Lost(reason)),
            }
        } else if rests && let Ok(job) = tokio::time::timeout(REST, self.jobs.recv()).await {
            fresh.extend(job);
        }
        let mut bytes: usize = fresh.iter().map(|job| job.request.packed.length()).sum();
        while fresh.len() < BATCH
            && bytes < BATCH_BYTES
            && let Ok(job) = self.jobs.try_recv()
        {
            bytes += job.request.packed.length();
            fresh.push(job);
        }
        fresh.retain(|job| job.request.phase.send());
        Ok(fresh)
    }

    /// Sends one pipeline and judges it; an error ends the task.
    async fn round(&mut self, mut fresh: Vec<Job>) -> Result<(), End> {
        self.open.retain(|open| !open.request.answer.is_closed());
        let is_new = !fresh.is_empty();
        let (count, slice) = if is_new {
            self.question(&mut fresh.iter().map(|job| (job.needed, job.request.deadline)), SLICE)
        } else {
            self.question(&mut self.open.iter().map(|open| (open.needed, open.request.deadline)), SHORT_SLICE)
        };
        let are_long: Vec<bool> = fresh.iter().map(|job| job.request.packed.length() > LONG).collect();
        let (mut packed, parts) = pipeline(&mut fresh, count, slice);
        let deadline = Instant::now() + patience(packed.length());
        let long = fresh.iter_mut().zip(are_long).filter(|(_, is_long)| *is_long).map(|(job, _)| job);
        let answered = ask(&self.connection, &mut packed, deadline, long.collect()).await;
        let mut answers = match answered {
            Ok(answers) => answers,
            Err(unanswered) => {
                let (sent, reason) = match unanswered {
                    Unanswered::Broken(broken) => (broken.sent, broken.reason),
                    Unanswered::Late { sent } => (sent, Reason::from("no answer in time")),
                };
                for (mut job, part) in fresh.into_iter().zip(parts) {
                    if !sent {
                        job.request.packed = packed.command(part);
                    }
                    job.request.end(sent, &reason);
                }
                return Err(if sent || !self.open.is_empty() { End::Leave(reason) } else { End::Lost(reason) });
            }
        };
        let confirmed = Confirmed::take(&mut answers);
        let came_back = confirmed.as_ref().is_ok_and(|confirmed| confirmed.counted >= count);
        // Whatever it was that went wrong, it is told to those whose writes were made.
        let offset = confirmed.as_ref().map_or(u64::MAX, |confirmed| confirmed.offset);
        for ((job, part), answer) in fresh.into_iter().zip(parts).zip(answers) {
            let Job { request, needed, has_written } = job;
            if answer.as_error().is_none() && has_written(&answer) {
                self.open.push(Open { request, needed, answer, offset });
            } else {
                let _ = request.answer.send((Ok(Answers::from_buf([answer])), packed.command(part)));
            }
        }
        drop(packed);
        let before = self.open.len();
        confirmed.and_then(|confirmed| self.judge(confirmed)).map_err(End::Leave)?;
        self.rests = (came_back || !is_new) && self.open.len() == before;
        Ok(())
    }

    /// How many replicas `WAIT` has to count for these writes, and how long.
    fn question(&self, writes: &mut dyn Iterator<Item = (Durability, Instant)>, slice: Duration) -> (usize, Duration) {
        let candidates = self.candidates();
        let (mut count, mut left) = (0, SHORTEST);
        for (needed, deadline) in writes {
            count = count.max(self.seen.to_count(needed, candidates.as_ref()));
            left = left.max(deadline.saturating_duration_since(Instant::now()));
        }
        (count, left.min(slice))
    }

    /// Answers the writes that are safe; an error when the server may not be the master any more.
    fn judge(&mut self, confirmed: Confirmed) -> Result<(), Reason> {
        self.seen = confirmed.replicas;
        if self.lease.upgrade().is_none_or(|lease| lease.has_ended()) {
            return Err("the server was left".into());
        }
        // Looked at again: the sentinels may have spoken since.
        let decided = self.monitor.as_ref().and_then(|monitor| monitor.decided());
        if let Some(other) = decided.filter(|decided| *decided != self.address) {
            return Err(format!("the sentinels name {other} as the master").into());
        }
        let candidates = self.candidates();
        for open in std::mem::take(&mut self.open) {
            let is_safe = match open.needed {
                Durability::All => {
                    candidates.as_ref().is_some_and(|candidates| self.seen.all_have(open.offset, candidates))
                }
                Durability::Replicas(needed) => self.seen.count(open.offset) >= usize::from(needed),
                Durability::Default | Durability::None => true,
            };
            if is_safe {
                let _ = open.request.answer.send((Ok(Answers::from_buf([open.answer])), Packed::default()));
            } else {
                self.open.push(open);
            }
        }
        Ok(())
    }

    /// The replicas that could be promoted; `None` when the sentinels name another master, or none of them can be asked.
    fn candidates(&self) -> Option<Candidates> {
        match &self.monitor {
            Some(monitor) => monitor.candidates_after(&self.address),
            None => Some(Candidates::default()),
        }
    }

    /// Tells everybody that waits that it cannot be known any more.
    fn fail(mut self, end: &End) {
        let (End::Leave(reason) | End::Lost(reason)) = end;
        self.connection.end(reason);
        if let (End::Leave(_), Some(lease)) = (end, self.lease.upgrade()) {
            lease.retire(reason);
        }
        for open in self.open {
            open.request.end(true, reason);
        }
        self.jobs.close();
        while let Ok(job) = self.jobs.try_recv() {
            job.request.end(false, reason);
        }
    }
}

/// Sends one pipeline. Once the caller of one of its long writes has gone, the server must not get the rest any more: it
/// would write what was given up after newer writes that it acknowledged on another connection.
async fn ask(
    connection: &Connection,
    packed: &mut Packed,
    deadline: Instant,
    long: Vec<&mut Job>,
) -> Result<Answers, Unanswered> {
    if long.is_empty() {
        return connection.ask(packed, deadline).await;
    }
    let gone = select_all(long.into_iter().map(|job| Box::pin(job.request.answer.closed())));
    let mut asked = pin!(connection.ask_to_write(packed, deadline));
    tokio::select! {
        answered = &mut asked => return answered,
        _ = gone => connection.give_up_long_writes(),
    }
    asked.await
}

/// How long the answers to a pipeline of so many bytes may take, by a wire that carries a megabyte a second at least. A
/// server that hangs is noticed by the connection, long before.
fn patience(bytes: usize) -> Duration {
    PATIENCE + Duration::from_micros(bytes as u64)
}

/// The pipeline of these writes, which takes their commands, and where in it each of them is. The first one's bytes are not
/// copied, nor any long value's.
fn pipeline(fresh: &mut [Job], count: usize, slice: Duration) -> (Packed, Vec<Range<Place>>) {
    let mut packed = Packed::default();
    let mut parts = Vec::with_capacity(fresh.len());
    for job in fresh {
        let start = packed.end();
        let commands = std::mem::take(&mut job.request.packed);
        if start == Place::default() {
            packed = commands;
        } else {
            packed.append(&commands);
        }
        parts.push(start..packed.end());
    }
    packed.push(&[b"ROLE"]);
    packed.push(&[b"WAIT", count.to_string().as_bytes(), slice.as_millis().to_string().as_bytes()]);
    packed.push(&[b"ROLE"]);
    (packed, parts)
}

/// What the last answers of a pipeline say.
struct Confirmed {
    /// How long the stream is, with the pipeline's writes in it.
    offset: u64,
    /// How many replicas `WAIT` counted.
    counted: usize,
    replicas: Replicas,
}

impl Confirmed {
    /// Takes the answers to `ROLE`, `WAIT` and `ROLE` from the end.
    fn take(answers: &mut Answers) -> Result<Confirmed, Reason> {
        let mut last = answers.drain(answers.len().saturating_sub(3)..);
        let (before, waited, after) = (last.next(), last.next(), last.next());
        let (offset, _) = master(before)?;
        // Who may not wait must not ask again and again either.
        if let Some(text) = waited.as_ref().and_then(Value::as_error) {
            return Err(format!("it does not wait for its replicas ({})", plain(text)).into());
        }
        let (_, attached) = master(after)?;
        let counted = waited.and_then(|waited| usize::try_from(waited.as_integer()?).ok()).unwrap_or(0);
        Ok(Confirmed { offset, counted, replicas: Replicas::new(attached, offset) })
    }
}

/// What a master says of its stream and its replicas.
fn master(answer: Option<Value>) -> Result<(u64, Vec<Attached>), Reason> {
    let answer = answer.unwrap_or(Value::Nil);
    match Role::read(&answer) {
        Some(Role::Master { offset, replicas }) => Ok((offset, replicas)),
        Some(Role::Replica | Role::Sentinel { .. }) => Err("the server is a replica now".into()),
        None => Err(format!("it does not say its role ({})", plain(answer.as_error().unwrap_or("no answer"))).into()),
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
