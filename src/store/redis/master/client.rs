//! Requests on whatever server is the master, until their deadline.
//!
//! A read is asked again on the next connection as often as it has to be. A write is asked again only while it is certain
//! that it was not executed: it was not sent, or the server refused it. One that was sent and got no answer is
//! `AMBIGUOUS`, at once when the connection ends, at its deadline otherwise.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::deadline;
use crate::error::{Error, Result, Status};
use crate::runtime::Signal;
use crate::store::options::Durability;
use crate::store::redis::config::{Place, RedisConfig};
use crate::store::redis::connection::handshake::plain;
use crate::store::redis::connection::{Answers, Unanswered};
use crate::store::redis::master::keeper;
use crate::store::redis::master::lease::{LONG, Lane, Lease};
use crate::store::redis::master::refusal::{self, Refusal};
use crate::store::redis::master::transaction;
use crate::store::redis::records::layout::{self, MAX_BULK};
use crate::store::redis::revisions::Revisions;
use crate::store::redis::script;
use crate::store::redis::sentinel::Monitor;
use crate::store::redis::server_clock::ServerClock;
use crate::store::redis::wire::{Packed, Value};
use crate::store::remote::counters::Counters;

/// No server can be told to take shorter words than this.
const LEAST_LIMIT: usize = 1 << 20;
/// How long to wait before a server is asked again that cannot answer for the moment.
const PAUSE: Duration = Duration::from_millis(20);

/// Whether there is a master to talk to.
#[derive(Clone)]
pub enum Line {
    /// Not now, for this reason if there is one.
    Down(Option<Error>),
    /// This one.
    Up(Arc<Lease>),
}

/// What the stores of one backend share.
pub struct Client {
    /// How it is configured.
    pub config: RedisConfig,
    /// What is counted.
    pub counters: Counters,
    /// The sentinels, for a store that has some.
    pub monitor: Option<Arc<Monitor>>,
    /// Raised at the end.
    pub closed: Signal,
    /// The master of this moment.
    pub line: watch::Sender<Line>,
    /// What is proposed for the next write.
    pub revisions: Revisions,
    /// What time it is on the master.
    pub clock: Arc<ServerClock>,
    /// Whether the server tells the user of changes.
    pub may_track: AtomicBool,
    /// The longest key or value that the server takes, in bytes.
    pub most_bytes: AtomicUsize,
    started: AtomicBool,
    /// It was told that a server does not say its role.
    pub has_warned_of_role: AtomicBool,
}

/// How a write is to be made.
#[derive(Clone, Copy)]
pub struct Write {
    /// How many replicas have to have it.
    pub durability: Durability,
    /// Whether an answer means that something was written.
    pub has_written: fn(&Value) -> bool,
    /// Whether it is a transaction. It comes to nothing where the user may make none.
    pub transacts: bool,
}

impl Client {
    /// A client that connects nothing yet.
    pub fn new(config: RedisConfig) -> Arc<Client> {
        let closed = Signal::default();
        let monitor = match &config.place {
            Place::Server(_) => None,
            Place::Sentinels(sentinels) => {
                let (dial, delay) = (config.sentinel.clone(), config.max_reconnect_delay);
                Some(Monitor::new(sentinels, dial, delay, closed.clone()))
            }
        };
        let line = watch::Sender::new(Line::Down(None));
        let counters = Counters::default();
        Arc::new(Client {
            config,
            counters,
            monitor,
            closed,
            line,
            revisions: Revisions::default(),
            clock: Arc::default(),
            may_track: AtomicBool::new(true),
            most_bytes: AtomicUsize::new(MAX_BULK),
            started: AtomicBool::new(false),
            has_warned_of_role: AtomicBool::new(false),
        })
    }

    /// A client with the usual settings that has this lease, and looks for none.
    #[cfg(all(test, not(larder_loom)))]
    pub fn holding(lease: Option<Arc<Lease>>) -> Arc<Client> {
        let mut settings = crate::config::settings::Settings::new("", serde_json::Map::new());
        let config = RedisConfig::take(&mut settings, crate::store::redis::config::SERVER).expect("the usual");
        let client = Client::new(config);
        client.started.store(true, Ordering::Release);
        if let Some(lease) = lease {
            client.line.send_replace(Line::Up(lease));
        }
        client
    }

    /// When the present call has to end.
    pub fn deadline(&self) -> Instant {
        deadline::current().unwrap_or_else(|| Instant::now() + self.config.timeout)
    }

    /// Whether there is a master now, and the login to it stands.
    pub fn is_up(&self) -> bool {
        matches!(&*self.line.borrow(), Line::Up(lease) if !lease.has_ended())
    }

    /// The master, waiting for one until the deadline; inside the runtime.
    ///
    /// # Errors
    ///
    /// `CLOSED`; `AUTH` and `CONFIG` at once, because waiting mends neither; `UNAVAILABLE` at the deadline.
    pub async fn lease(self: &Arc<Self>, deadline: Instant) -> Result<Arc<Lease>> {
        if let Line::Up(lease) = &*self.line.borrow()
            && !lease.has_ended()
        {
            return Ok(Arc::clone(lease));
        }
        Box::pin(self.wait_for_lease(deadline)).await
    }

    #[cold]
    async fn wait_for_lease(self: &Arc<Self>, deadline: Instant) -> Result<Arc<Lease>> {
        if !self.started.swap(true, Ordering::AcqRel) {
            keeper::start(self);
        }
        let mut changes = self.line.subscribe();
        let mut why = None;
        loop {
            if self.closed.is_raised() {
                return Err(Error::closed("store"));
            }
            match &*changes.borrow_and_update() {
                Line::Up(lease) if !lease.has_ended() => return Ok(Arc::clone(lease)),
                Line::Down(Some(error)) if matches!(error.status(), Status::AUTH | Status::CONFIG) => {
                    return Err(error.clone());
                }
                Line::Down(Some(error)) => why = Some(error.clone()),
                Line::Up(_) | Line::Down(None) => {}
            }
            tokio::select! {
                changed = changes.changed() => {
                    if changed.is_err() {
                        return Err(Error::closed("store"));
                    }
                }
                () = self.closed.raised() => {}
                () = tokio::time::sleep_until(deadline) => return Err(unavailable(why)),
            }
        }
    }

    /// Refuses what is longer than the server takes it, before it is sent: the server would hang up, on whoever else asks
    /// by the connection too.
    ///
    /// # Errors
    ///
    /// `TOO_LARGE` naming `what`; as [`Client::lease`], where a server has to be asked for its limit.
    pub async fn refuse_long(self: &Arc<Self>, what: &'static str, length: usize) -> Result<()> {
        if length <= LEAST_LIMIT {
            return Ok(());
        }
        self.lease(self.deadline()).await?;
        layout::check(what, length, self.most_bytes.load(Ordering::Relaxed))
    }

    /// The answers to a read.
    ///
    /// # Errors
    ///
    /// As [`Client::lease`]; `TIMEOUT` when a server was asked and did not answer in time; what a refusal means.
    pub async fn read(self: &Arc<Self>, packed: Packed, lane: Lane) -> Result<Answers> {
        self.read_until(packed, lane, self.deadline()).await
    }

    /// As [`Client::read`], with a deadline of its own.
    ///
    /// # Errors
    ///
    /// As [`Client::read`].
    pub async fn read_until(self: &Arc<Self>, mut packed: Packed, lane: Lane, deadline: Instant) -> Result<Answers> {
        loop {
            let lease = self.lease(deadline).await?;
            match lease.connection(lane).ask(&mut packed, deadline).await {
                Ok(answers) => match refusal::find(&answers) {
                    None => return Ok(answers),
                    Some(refusal) => Box::pin(self.heed(refusal, &lease, deadline)).await?,
                },
                Err(Unanswered::Broken(broken)) => lease.retire(&broken.reason),
                Err(Unanswered::Late { sent: true }) => return Err(late(&lease)),
                Err(Unanswered::Late { sent: false }) => return Err(unavailable(None)),
            }
        }
    }

    /// The answer to one command that writes, or to the last of several.
    ///
    /// # Errors
    ///
    /// As [`Client::lease`]; `AMBIGUOUS` when it cannot be known whether it was executed, or whether as many replicas
    /// have it as it wants; what a refusal means.
    pub async fn write(self: &Arc<Self>, packed: Packed, how: Write) -> Result<Value> {
        self.write_until(packed, how, self.deadline()).await
    }

    /// As [`Client::write`], with a deadline of its own.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn write_until(self: &Arc<Self>, mut packed: Packed, how: Write, deadline: Instant) -> Result<Value> {
        loop {
            let lease = self.lease(deadline).await?;
            if how.transacts && !lease.may_transact.load(Ordering::Relaxed) {
                return Ok(Value::Nil);
            }
            let outcome = if how.durability == Durability::None {
                let lane = if packed.length() > LONG { Lane::Long } else { Lane::Quick };
                lease.connection(lane).ask_to_write(&mut packed, deadline).await
            } else {
                let submitted = Box::pin(self.submit_durable(&lease, &mut packed, how, deadline)).await?;
                let Some(outcome) = submitted else { continue };
                outcome
            };
            match outcome {
                Ok(answers) if how.transacts && transaction::judge(&answers).is_some() => {
                    return settle(&lease, &answers);
                }
                Ok(mut answers) => match refusal::find(&answers) {
                    None => return Ok(answers.pop().unwrap_or(Value::Nil)),
                    Some(refusal) => Box::pin(self.heed(refusal, &lease, deadline)).await?,
                },
                Err(Unanswered::Broken(broken)) if broken.sent => {
                    lease.retire(&broken.reason);
                    let text =
                        format!("{}: {}; the write may have happened, read to see", lease.address, broken.reason);
                    return Err(Error::new(Status::AMBIGUOUS, "redis", text));
                }
                Err(Unanswered::Broken(broken)) if how.durability == Durability::None => lease.retire(&broken.reason),
                // Whether the server has to be left for it, the committer knows.
                Err(Unanswered::Broken(broken)) => Box::pin(pause(deadline, &broken.reason)).await?,
                Err(Unanswered::Late { sent: true }) => return Err(unconfirmed(&lease, how.durability)),
                Err(Unanswered::Late { sent: false }) => return Err(unavailable(None)),
            }
        }
    }

    /// Sends a write that replicas have to have, and waits for what comes of it; `None` when it has to be tried again.
    async fn submit_durable(
        &self,
        lease: &Arc<Lease>,
        packed: &mut Packed,
        how: Write,
        deadline: Instant,
    ) -> Result<Option<std::result::Result<Answers, Unanswered>>> {
        let made = lease.committer(&self.config.server, self.monitor.as_ref());
        match tokio::time::timeout_at(deadline, made).await {
            Ok(Ok(committer)) => {
                // The committer may be about to send what its caller has given up.
                packed.own();
                let ticket = committer.send(std::mem::take(packed), how.durability, how.has_written, deadline);
                let (outcome, given_back) = ticket.wait().await;
                *packed = given_back;
                Ok(Some(outcome))
            }
            Ok(Err(error)) if error.status() == Status::UNAVAILABLE => {
                // The others of this lease are served; whether the server is lost, their own connections tell.
                pause(deadline, error.message()).await?;
                Ok(None)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(unavailable(None)),
        }
    }

    /// Does what a refusal asks for; an error ends the call.
    async fn heed(&self, refusal: Refusal, lease: &Arc<Lease>, deadline: Instant) -> Result<()> {
        match refusal {
            Refusal::Final(error) => Err(error),
            Refusal::LoggedOut(error) => {
                lease.retire(error.message());
                Err(error)
            }
            Refusal::Demoted => {
                lease.retire("the server is no master any more");
                pause(deadline, "the server is a replica and takes no writes").await
            }
            Refusal::Later(text) => pause(deadline, &text).await,
            Refusal::NoScript => {
                let loaded = lease.connection(Lane::Long).call(script::load(), deadline).await;
                match loaded.as_deref().ok().and_then(refusal::find) {
                    // It would not keep them the next time either.
                    Some(Refusal::Final(error) | Refusal::LoggedOut(error)) => Err(error),
                    // Whatever else came of it, the next attempt shows it.
                    _ => pause(deadline, "it does not keep its scripts").await,
                }
            }
        }
    }

    /// Waits a little before a server is asked again that refused for `why`.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE` when the deadline is nearer.
    pub async fn pause(&self, deadline: Instant, why: &str) -> Result<()> {
        pause(deadline, why).await
    }

    /// Ends it: whoever waits is told `CLOSED`.
    pub fn close(&self) {
        self.closed.raise();
        if let Line::Up(lease) = self.line.send_replace(Line::Down(Some(Error::closed("store")))) {
            lease.retire("the store was closed");
        }
    }
}

/// What a transaction came to that was none; its lease takes no more of them where the user has no right to them.
#[cold]
fn settle(lease: &Lease, answers: &[Value]) -> Result<Value> {
    if transaction::is_denied(answers) {
        lease.may_transact.store(false, Ordering::Relaxed);
    }
    match transaction::judge(answers) {
        None => Ok(Value::Nil),
        Some(transaction::Broken::Written) => Ok(Value::Array(answers[1..3].to_vec())),
        Some(transaction::Broken::Unwritten { is_open }) => {
            if is_open {
                lease.retire("the server does not end a transaction for this user");
            }
            Ok(Value::Nil)
        }
        Some(transaction::Broken::Torn) => {
            let why = answers[2].as_error().unwrap_or_default();
            let text = format!(
                "{}: the record was not written ({}), and what it was to replace may be gone, because the server refused \
                 the transaction in which both belong; read to see",
                lease.address,
                plain(why)
            );
            Err(Error::new(Status::AMBIGUOUS, "redis", text))
        }
    }
}

/// Waits a little before a server is asked again that refused for `why`; `UNAVAILABLE` when the deadline is nearer, or so
/// near that the answer would come too late: of a write nobody would know then that it was refused once more.
async fn pause(deadline: Instant, why: &str) -> Result<()> {
    let end = Instant::now() + PAUSE;
    if end + PAUSE >= deadline {
        // At once: at the deadline itself the call could end without the reason.
        return Err(Error::new(Status::UNAVAILABLE, "redis", format!("the server refuses until now: {why}")));
    }
    tokio::time::sleep_until(end).await;
    Ok(())
}

fn unavailable(why: Option<Error>) -> Error {
    match why {
        Some(error) => Error::new(Status::UNAVAILABLE, error.origin().to_owned(), error.message().to_owned()),
        None => Error::new(Status::UNAVAILABLE, "redis", "no server could be asked before the deadline"),
    }
}

fn late(lease: &Lease) -> Error {
    Error::new(Status::TIMEOUT, "redis", format!("{} did not answer before the deadline", lease.address))
}

fn unconfirmed(lease: &Lease, durability: Durability) -> Error {
    let what = match durability {
        Durability::None | Durability::Default => "did not confirm the write".to_owned(),
        Durability::Replicas(count) => format!("did not confirm that {count} replicas have the write"),
        Durability::All => "did not confirm that every replica has the write".to_owned(),
    };
    let text = format!("{} {what} before the deadline; it may have happened, read to see", lease.address);
    Error::new(Status::AMBIGUOUS, "redis", text)
}
