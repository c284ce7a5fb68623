//! Writes that count as done only when replicas have them.
//!
//! They share a connection of their own, because `WAIT` holds up all that comes behind it. One task sends what has
//! gathered as one pipeline, `write, write, …, WAIT, ROLE`, and judges all of it by the last two answers.
//!
//! # What an acknowledged write with `all` survives, and why
//!
//! `WAIT` alone counts replicas, and in a planned failover (`SENTINEL FAILOVER`) counting is not enough:
//!
//! 1. The sentinel tells replica R to be master. R leaves the old master M. From here on M takes writes that R will
//!    never have, for up to ten seconds, with its other replicas still attached, which acknowledge them.
//! 2. The other replicas are told to follow R, and drop what R has not.
//! 3. M is told to follow R, and drops it too.
//!
//! So a write is safe exactly when R had it before it left, and nobody knows R beforehand. Hence every replica that can
//! be promoted has to have it: all that the sentinels know. That list is the measure, and not what M has attached: R is
//! missing from the latter as soon as it is promoted, which is the moment that matters. After `WAIT` came back on the
//! same connection,
//!
//! * `ROLE` must still say master, so that no demotion came between the write and the answer;
//! * every replica that the sentinels know must be in `ROLE`'s list of attached replicas: R is not from step 1 on, so
//!   that no write after it is acknowledged, whatever other replicas say;
//! * `WAIT` must have counted as many as that list is long, so that a replica that the sentinels do not know yet cannot
//!   stand in for one that lags;
//! * the sentinels must not have named another master before we answer, and at least one of them must be there to say so:
//!   while none can be asked, nothing is acknowledged.
//!
//! What fails one of these is asked for again until its deadline, and then is `AMBIGUOUS`.
//!
//! A replica that a majority of all sentinels (of those that there are, not of those that answer) takes for down is not
//! waited for: a failover would not choose it, and without this no write would be acknowledged from a crash until the
//! repair. On the smaller side of a partition there is no such majority, so that the replicas on the other side count as
//! missing and nothing is acknowledged. What remains: a replica that was down, comes back, and is promoted before it
//! has caught up, while every replica that has the write is gone: that is a second fault within the first.
//!
//! `replicas(n)` with fewer than all survives the crash of the master when the sentinels promote a replica that has the
//! write, which they do as long as one is reachable, since they choose the furthest. It does **not** survive every
//! planned failover: the promoted replica may be one that `n` others stood in for.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::store::options::Durability;
use crate::store::redis::connection::{Address, Answers, Connection, Reason, Unanswered};
use crate::store::redis::master::lease::Lease;
use crate::store::redis::master::request::{Request, Ticket};
use crate::store::redis::sentinel::Monitor;
use crate::store::redis::wire::{Packed, Value};

/// How long one `WAIT` holds the connection: shorter than the silence after which a connection is given up.
const SLICE: Duration = Duration::from_millis(500);
/// How long the answers to one pipeline may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// The most writes in one pipeline.
const BATCH: usize = 1024;

/// A write that replicas have to have.
struct Job {
    request: Request,
    needed: Durability,
    /// Whether an answer means that something was written.
    has_written: fn(&Value) -> bool,
}

/// A write that was done on the master and waits for its replicas.
struct Open {
    job: Job,
    answer: Value,
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
        let task =
            Task { lease, address, connection: connection.clone(), monitor, jobs, open: Vec::new(), attached: 0 };
        tokio::spawn(task.run());
        Committer { jobs: sender, connection }
    }

    /// Sends one write. Its one answer comes when so many replicas have it, or when it was refused or wrote nothing, as
    /// `has_written` says of the answer.
    pub fn send(&self, packed: Packed, needed: Durability, has_written: fn(&Value) -> bool) -> Ticket {
        let (request, ticket) = Request::new(packed);
        if let Err(refused) = self.jobs.send(Job { request, needed, has_written }) {
            let reason = self.connection.ended().unwrap_or_else(|| "the connection ended".into());
            refused.0.request.end(false, &reason);
        }
        ticket
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
    /// How many replicas the master had attached when it was last asked.
    attached: usize,
}

impl Task {
    async fn run(mut self) {
        loop {
            let fresh = self.gather().await;
            if fresh.is_empty() && self.open.is_empty() {
                if self.jobs.is_closed() {
                    return;
                }
                continue;
            }
            if let Err(reason) = self.round(fresh).await {
                return self.fail(&reason);
            }
        }
    }

    /// The writes to send next; waits for one unless some are open.
    async fn gather(&mut self) -> Vec<Job> {
        let mut fresh = Vec::new();
        if self.open.is_empty() {
            fresh.extend(self.jobs.recv().await);
        }
        while fresh.len() < BATCH
            && let Ok(job) = self.jobs.try_recv()
        {
            fresh.push(job);
        }
        fresh.retain(|job| job.request.phase.send());
        fresh
    }

    /// Sends one pipeline and judges it; an error ends the task.
    async fn round(&mut self, fresh: Vec<Job>) -> Result<(), Reason> {
        self.open.retain(|open| !open.job.request.answer.is_closed());
        let must = self.must_have();
        let count = fresh.iter().map(|job| job.needed).chain(self.open.iter().map(|open| open.job.needed));
        let count = count.map(|needed| self.wanted(needed, must.as_deref())).max().unwrap_or(0);
        let packed = pipeline(&fresh, count);
        let answered = self.connection.call(packed, Instant::now() + PATIENCE).await;
        let mut answers = match answered {
            Ok(answers) => answers,
            Err(unanswered) => {
                let (sent, reason) = match unanswered {
                    Unanswered::Broken(broken) => (broken.sent, broken.reason),
                    Unanswered::Late { sent } => (sent, Reason::from("no answer in time")),
                };
                for job in fresh {
                    job.request.end(sent, &reason);
                }
                return Err(reason);
            }
        };
        let role = answers.pop().unwrap_or(Value::Nil);
        let acknowledged = answers.pop().and_then(|value| value.as_integer()).unwrap_or(-1);
        for (job, answer) in fresh.into_iter().zip(answers) {
            if answer.as_error().is_none() && (job.has_written)(&answer) {
                self.open.push(Open { job, answer });
            } else {
                let _ = job.request.answer.send(Ok(Answers::from_buf([answer])));
            }
        }
        self.judge(acknowledged, &role)
    }

    fn judge(&mut self, acknowledged: i64, role: &Value) -> Result<(), Reason> {
        let attached = match read_role(role) {
            Some(Role::Master { replicas }) => replicas,
            Some(Role::Replica) => return Err("the server is a replica now".into()),
            None => return Err("the server does not say its role".into()),
        };
        self.attached = attached.len();
        // Looked at again: the sentinels may have spoken since.
        let must = self.must_have();
        if self.lease.upgrade().is_none_or(|lease| lease.has_ended()) {
            return Err("the server was left".into());
        }
        let count = usize::try_from(acknowledged).unwrap_or(0);
        let has_all = must.is_some_and(|must| must.iter().all(|replica| attached.contains(replica)));
        for open in std::mem::take(&mut self.open) {
            let is_safe = match open.job.needed {
                Durability::All => has_all && count >= attached.len().max(1),
                Durability::Replicas(needed) => count >= usize::from(needed),
                Durability::Default | Durability::None => true,
            };
            if is_safe {
                let _ = open.job.request.answer.send(Ok(Answers::from_buf([open.answer])));
            } else {
                self.open.push(open);
            }
        }
        Ok(())
    }

    /// The replicas that every durable write with `all` must have; `None` when the sentinels name another master, or
    /// none of them can be asked.
    fn must_have(&self) -> Option<Vec<Address>> {
        match &self.monitor {
            Some(monitor) => monitor.replicas_of(&self.address),
            None => Some(Vec::new()),
        }
    }

    fn wanted(&self, needed: Durability, must: Option<&[Address]>) -> usize {
        match needed {
            Durability::All => must.map_or(0, <[Address]>::len).max(self.attached).max(1),
            Durability::Replicas(needed) => usize::from(needed),
            Durability::Default | Durability::None => 0,
        }
    }

    /// Tells everybody that waits that it cannot be known any more.
    fn fail(mut self, reason: &Reason) {
        self.connection.end(reason);
        if let Some(lease) = self.lease.upgrade() {
            lease.retire(reason);
        }
        for open in self.open {
            open.job.request.end(true, reason);
        }
        self.jobs.close();
        while let Ok(job) = self.jobs.try_recv() {
            job.request.end(false, reason);
        }
    }
}

fn pipeline(fresh: &[Job], count: usize) -> Packed {
    let mut packed = Packed::default();
    for job in fresh {
        packed.append(&job.request.packed);
    }
    packed.push(&[b"WAIT", count.to_string().as_bytes(), SLICE.as_millis().to_string().as_bytes()]);
    packed.push(&[b"ROLE"]);
    packed
}

/// What a server says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A master, with these replicas attached.
    Master {
        /// Where they are, by their own account.
        replicas: Vec<Address>,
    },
    /// A replica, or a sentinel.
    Replica,
}

/// The role in an answer to `ROLE`; `None` when it is none.
pub fn read_role(answer: &Value) -> Option<Role> {
    let parts = answer.as_array()?;
    if parts.first()?.as_text()? != "master" {
        return Some(Role::Replica);
    }
    let replicas = parts.get(2).and_then(Value::as_array).unwrap_or_default().iter().filter_map(|replica| {
        let [host, port, ..] = replica.as_array()? else { return None };
        Some(Address { host: host.as_text()?.to_owned(), port: u16::try_from(port.as_integer()?).ok()? })
    });
    Some(Role::Master { replicas: replicas.collect() })
}
