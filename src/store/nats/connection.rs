//! The one connection of a backend: made at the first call, and made anew for ever when it is lost.
//!
//! Its manager tries the servers in turn, with short pauses at first, so that a restarted server is found again soon, and
//! longer ones when nobody has come back for a while. Callers wait for a session until their own deadline.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::TARGET;
use super::config::{NatsConfig, Node};
use super::protocol::ApiError;
use super::session::{Asked, Session};
use super::socket::Answers;
use super::wire::{Headers, Message, Subject};
use crate::error::{Error, Result, Status};
use crate::log::{self, Level};
use crate::runtime::{self, Signal};
use crate::store::remote::backoff::Backoff;
use crate::{deadline, sync::Mutex};

/// The pause before the second attempt to connect.
const FIRST_DELAY: Duration = Duration::from_millis(50);
/// How long the first attempt to read may take before it is made again, perhaps of another replica; the next one takes
/// twice as long after each silence, so that a large answer on a slow line comes through in the end.
const READ_ATTEMPT: Duration = Duration::from_secs(2);
/// How long an attempt to read takes at most.
const MOST_ATTEMPT: Duration = Duration::from_secs(300);
/// The pause before what found no responder is asked again: a leader is being elected, or JetStream still starts.
const RETRY_DELAY: Duration = Duration::from_millis(50);
/// A session that ends sooner was brief; after the second of two in a row there is a pause.
const BRIEF: Duration = Duration::from_secs(1);

/// What the connection is at now.
#[derive(Clone)]
enum Link {
    /// There is none, because of this, or because none was made yet.
    Down(Option<Error>),
    /// There is one.
    Up(Arc<Session>),
    /// It was closed for good.
    Closed,
}

/// The connection of a backend.
pub(super) struct Connection {
    /// The backend's settings.
    pub config: Arc<NatsConfig>,
    link: watch::Sender<Link>,
    is_started: AtomicBool,
    closing: Signal,
    /// Servers that the cluster told of.
    discovered: Mutex<BTreeSet<String>>,
}

/// What one attempt came to.
pub(super) enum Attempt {
    /// It was answered.
    Answered(Answer),
    /// No answer came in time.
    Silence,
    /// The connection was lost before, or nothing was sent.
    Lost,
}

/// What an answered request came to.
pub(super) enum Answer {
    /// A message.
    Message(Message),
    /// Nobody listens on the subject: nothing was done.
    NoResponders,
}

impl Connection {
    /// A connection that is not made yet.
    pub fn new(config: NatsConfig) -> Arc<Connection> {
        Arc::new(Connection {
            config: Arc::new(config),
            link: watch::Sender::new(Link::Down(None)),
            is_started: AtomicBool::new(false),
            closing: Signal::default(),
            discovered: Mutex::default(),
        })
    }

    /// When the call that is being answered ends: at its caller's deadline, or as configured. To be asked in the call's
    /// own future.
    pub fn end(&self) -> Instant {
        deadline::current().unwrap_or_else(|| Instant::now() + self.config.timeout)
    }

    /// The session there is now, if there is one.
    pub fn current(&self) -> Option<Arc<Session>> {
        match &*self.link.borrow() {
            Link::Up(session) if session.is_usable() => Some(Arc::clone(session)),
            _ => None,
        }
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.closing.is_raised()
    }

    /// Raised when it is closed.
    pub fn closing(&self) -> &Signal {
        &self.closing
    }

    /// Why there is no session now, if an attempt failed.
    pub fn trouble(&self) -> Option<Error> {
        match &*self.link.borrow() {
            Link::Down(reason) => reason.clone(),
            _ => None,
        }
    }

    /// A session, as soon as there is one.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE` with the reason when there is none at `end`, `AUTH` or `CONFIG` at once when trying again is no use
    /// without a change, `CLOSED`.
    pub async fn session(self: &Arc<Self>, end: Instant) -> Result<Arc<Session>> {
        if let Some(session) = self.current() {
            return Ok(session);
        }
        Box::pin(self.wait_for_session(end)).await
    }

    #[cold]
    async fn wait_for_session(self: &Arc<Self>, end: Instant) -> Result<Arc<Session>> {
        self.start()?;
        let mut link = self.link.subscribe();
        loop {
            let now = link.borrow_and_update().clone();
            let trouble = match now {
                Link::Closed => return Err(Error::closed("store")),
                Link::Up(session) if session.is_usable() => return Ok(session),
                Link::Up(_) => None,
                Link::Down(Some(error)) if matches!(error.status(), Status::AUTH | Status::CONFIG) => {
                    return Err(error);
                }
                Link::Down(trouble) => trouble,
            };
            match tokio::time::timeout_at(end, link.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Error::closed("store")),
                Err(_) => return Err(trouble.unwrap_or_else(|| self.no_connection())),
            }
        }
    }

    /// Asks what changes nothing: anew when the connection is lost or a replica is silent, until `end`.
    ///
    /// # Errors
    ///
    /// As [`Connection::session`]; `UNAVAILABLE` when no answer came, `AUTH` when the server denied the question,
    /// `TOO_LARGE` when it takes no subject as long.
    pub async fn read(self: &Arc<Self>, subject: &Subject, payload: &Bytes, end: Instant) -> Result<Answer> {
        let mut limit = READ_ATTEMPT;
        loop {
            match self.attempt(subject, payload, limit, end).await? {
                Attempt::Answered(answer) => return Ok(answer),
                Attempt::Silence => limit = longer(limit),
                Attempt::Lost => {}
            }
            if Instant::now() >= end {
                let text = "no answer came before the deadline; the server is too slow, or the bucket has no leader";
                return Err(Error::new(Status::UNAVAILABLE, super::KIND, text));
            }
        }
    }

    /// Asks what changes nothing: once, for `limit` at most.
    ///
    /// # Errors
    ///
    /// As [`Connection::session`]; `AUTH` when the server denied the question, `TOO_LARGE` when it takes no subject as long.
    pub async fn attempt(
        self: &Arc<Self>,
        subject: &Subject,
        payload: &Bytes,
        limit: Duration,
        end: Instant,
    ) -> Result<Attempt> {
        let session = self.session(end).await?;
        match session.ask(subject.clone(), payload.clone(), None, end.min(Instant::now() + limit)).await {
            Asked::Answer(message) => Ok(Attempt::Answered(Answer::Message(message))),
            Asked::NoResponders => Ok(Attempt::Answered(Answer::NoResponders)),
            Asked::Denied(text) => Err(denied(&text)),
            Asked::TooLong(text) => Err(too_long(&text)),
            Asked::Lost | Asked::Unsent => {
                tokio::task::yield_now().await;
                Ok(Attempt::Lost)
            }
            Asked::TimedOut => Ok(Attempt::Silence),
        }
    }

    /// Asks what changes something: sends it once.
    ///
    /// # Errors
    ///
    /// As [`Connection::session`], when nothing was sent; `AMBIGUOUS` when it was and no answer came; `AUTH` when the
    /// server denied it, `TOO_LARGE` when it takes no subject as long.
    pub async fn write(
        self: &Arc<Self>,
        subject: Subject,
        payload: Bytes,
        headers: Option<&Headers>,
        end: Instant,
    ) -> Result<Answer> {
        loop {
            let session = self.session(end).await?;
            let asked = session.ask(subject.clone(), payload.clone(), headers.cloned(), end).await;
            if let Some(answer) = written(asked, end)? {
                return Ok(answer);
            }
            tokio::task::yield_now().await;
        }
    }

    /// As [`Connection::write`], for what more than one may answer: gives the first answer, and what brings the others.
    ///
    /// # Errors
    ///
    /// As [`Connection::write`].
    pub async fn write_further(
        self: &Arc<Self>,
        subject: Subject,
        payload: Bytes,
        headers: &Headers,
        end: Instant,
    ) -> Result<(Answer, Answers)> {
        loop {
            let session = self.session(end).await?;
            let (asked, answers) =
                session.ask_further(subject.clone(), payload.clone(), Some(headers.clone()), end).await;
            if let Some(answer) = written(asked, end)? {
                return Ok((answer, answers));
            }
            tokio::task::yield_now().await;
        }
    }

    /// Asks the JetStream API, again while it has no responder, until `end`.
    ///
    /// # Errors
    ///
    /// As [`Connection::read`]; `UNAVAILABLE` when the server has no JetStream. The API's own error is in the answer.
    pub async fn api(
        self: &Arc<Self>,
        subject: &str,
        request: &Value,
        end: Instant,
    ) -> Result<std::result::Result<Value, ApiError>> {
        let subject = Subject::from(subject);
        let payload = if request.is_null() { Bytes::new() } else { Bytes::from(request.to_string()) };
        loop {
            match self.read(&subject, &payload, end).await? {
                Answer::Message(message) => {
                    let answer: Value = serde_json::from_slice(&message.payload).map_err(|_| foreign())?;
                    return Ok(match ApiError::of(&answer) {
                        // A leader is being elected, or the server still recovers its streams.
                        Some(error) if error.code == 503 && pause(end).await => continue,
                        Some(error) => Err(error),
                        None => Ok(answer),
                    });
                }
                Answer::NoResponders => {
                    let has_jetstream = self.current().is_none_or(|session| session.socket.info().jetstream);
                    if !has_jetstream || !pause(end).await {
                        return Err(no_jetstream());
                    }
                }
            }
        }
    }

    /// Ends it: whoever waits and whoever comes is told that it is closed.
    pub fn close(&self) {
        self.closing.raise();
        if let Link::Up(session) = self.link.send_replace(Link::Closed) {
            session.socket.end("it was closed");
        }
    }

    fn no_connection(&self) -> Error {
        let nodes: Vec<String> = self.config.nodes.iter().map(Node::address).collect();
        Error::new(Status::UNAVAILABLE, "nodes", format!("no connection to {} came about in time", nodes.join(", ")))
    }

    fn start(self: &Arc<Self>) -> Result<()> {
        if self.is_closed() {
            return Err(Error::closed("store"));
        }
        if self.is_started.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let manager = Arc::clone(self);
        let spawned = runtime::get().map(|runtime| runtime.spawn(async move { manager.manage().await }));
        if spawned.is_err() {
            self.is_started.store(false, Ordering::Release);
        }
        spawned.map(drop)
    }

    async fn manage(self: Arc<Self>) {
        let closing = self.closing.clone();
        let work = async {
            let mut session = Arc::new(self.connect().await);
            let mut losses = Losses::new(self.config.max_reconnect_delay);
            loop {
                self.told(&session);
                let begun = Instant::now();
                let (lost, leaving) = (session.socket.lost().clone(), session.socket.leaving().clone());
                self.set(Link::Up(Arc::clone(&session)));
                let successor = tokio::select! {
                    () = lost.raised() => None,
                    // While the server waits for its clients to leave, what is in flight still gets its answers.
                    successor = self.succeed(&session, &leaving) => Some(successor),
                };
                session = match successor {
                    Some(successor) => Arc::new(successor),
                    None => {
                        let level = if self.closing.is_raised() { Level::Debug } else { Level::Warn };
                        let reason = session.socket.reason();
                        log::write(level, TARGET, || {
                            format!("the connection was lost: {}", reason.as_deref().unwrap_or("it was closed"))
                        });
                        // What it told of its cluster since it began.
                        self.discover(&session);
                        drop(session);
                        let text = "the connection was lost and is being made anew";
                        self.set(Link::Down(Some(Error::new(Status::UNAVAILABLE, "nodes", text))));
                        if let Some(delay) = losses.next_delay(begun.elapsed()) {
                            tokio::time::sleep(delay).await;
                        }
                        Arc::new(self.connect().await)
                    }
                };
            }
        };
        let work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(work);
        tokio::select! {
            () = closing.raised() => {}
            () = work => {}
        }
    }

    /// A session with another server, once this one says that it leaves.
    async fn succeed(&self, session: &Session, leaving: &Signal) -> Session {
        leaving.raised().await;
        log::write(Level::Info, TARGET, || "the server is about to leave; connecting to another one".to_owned());
        loop {
            // What it told of its cluster since it began.
            self.discover(session);
            // One that leaves takes no new connection.
            if let Ok(session) = self.try_servers().await {
                return session;
            }
            tokio::time::sleep(Backoff::restart_delay()).await;
        }
    }

    /// A session with any of the servers, however long it takes.
    async fn connect(&self) -> Session {
        let mut backoff = Backoff::new(FIRST_DELAY, self.config.max_reconnect_delay);
        loop {
            match self.try_servers().await {
                Ok(session) => return session,
                Err(error) => {
                    log::write(Level::Warn, TARGET, || format!("no connection: {error}"));
                    self.set(Link::Down(Some(error)));
                }
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
    }

    async fn try_servers(&self) -> Result<Session> {
        let mut worst: Option<Error> = None;
        for node in self.servers() {
            match Session::connect(&self.config, &node).await {
                Ok(session) => return Ok(session),
                // A refused login says more than a server that is away.
                Err(error) if worst.as_ref().is_none_or(|worst| worst.status() == Status::UNAVAILABLE) => {
                    worst = Some(error);
                }
                Err(_) => {}
            }
        }
        Err(worst.unwrap_or_else(|| self.no_connection()))
    }

    /// The servers in the order in which they are tried: in any, so that clients spread, the configured ones first.
    fn servers(&self) -> Vec<Node> {
        let configured = &self.config.nodes;
        let like = configured.first();
        let mut told: Vec<Node> = self.discovered.lock().iter().filter_map(|text| Node::parse(text)).collect();
        told.retain(|node| !configured.iter().any(|known| known.address() == node.address()));
        for node in &mut told {
            node.tls = like.is_some_and(|like| like.tls);
            node.login = like.map(|like| like.login.clone()).unwrap_or_default();
        }
        let mut servers = configured.clone();
        fastrand::shuffle(&mut servers);
        fastrand::shuffle(&mut told);
        servers.extend(told);
        servers
    }

    fn told(&self, session: &Session) {
        let info = session.socket.info();
        log::write(Level::Info, TARGET, || format!("connected to {} (nats-server {})", info.server_name, info.version));
        self.discover(session);
    }

    fn discover(&self, session: &Session) {
        *self.discovered.lock() = session.socket.info().connect_urls.iter().cloned().collect();
    }

    fn set(&self, link: Link) {
        self.link.send_if_modified(|current| {
            let is_open = !matches!(current, Link::Closed);
            if is_open {
                *current = link;
            }
            is_open
        });
    }
}

/// Sessions that were lost, one after the other.
struct Losses {
    backoff: Backoff,
    /// Whether the last one was brief.
    was_brief: bool,
}

impl Losses {
    fn new(most: Duration) -> Losses {
        Losses { backoff: Backoff::new(FIRST_DELAY, most), was_brief: false }
    }

    /// What to wait before the next session, after one that went on for so long. A restarted server is to be found again at
    /// once; one that hangs up on us again and again, whatever it is that we send, is not to be asked thousands of times.
    fn next_delay(&mut self, went_on: Duration) -> Option<Duration> {
        let is_brief = went_on < BRIEF;
        if !is_brief {
            self.backoff.reset();
        }
        let is_again = std::mem::replace(&mut self.was_brief, is_brief) && is_brief;
        is_again.then(|| self.backoff.next_delay())
    }
}

/// What became of a write; `None` when none of it has left, so that it may go to the next session.
fn written(asked: Asked, end: Instant) -> Result<Option<Answer>> {
    match asked {
        Asked::Answer(message) => Ok(Some(Answer::Message(message))),
        Asked::NoResponders => Ok(Some(Answer::NoResponders)),
        Asked::Denied(text) => Err(denied(&text)),
        Asked::TooLong(text) => Err(too_long(&text)),
        Asked::Lost => Err(ambiguous("the connection was lost before the server acknowledged it")),
        Asked::TimedOut => Err(ambiguous("the server did not acknowledge it before the deadline")),
        Asked::Unsent if Instant::now() >= end => {
            let text = "the server took nothing before the deadline; the write was not sent";
            Err(Error::new(Status::UNAVAILABLE, super::KIND, text))
        }
        Asked::Unsent => Ok(None),
    }
}

/// How long the next attempt to read may take after one in which nobody answered.
pub(super) fn longer(limit: Duration) -> Duration {
    limit.saturating_mul(2).min(MOST_ATTEMPT)
}

/// Waits a moment before another attempt; no when there is no time for one and its answer, so that the caller is told what
/// the last one was refused for.
pub(super) async fn pause(end: Instant) -> bool {
    let next = Instant::now() + Backoff::delay(RETRY_DELAY, RETRY_DELAY, 0);
    if next + RETRY_DELAY >= end {
        return false;
    }
    tokio::time::sleep_until(next).await;
    true
}

/// The error of a write of which nobody knows whether it happened.
pub(super) fn ambiguous(why: &str) -> Error {
    let text = format!("{why}: it may or may not have happened; read the record before writing it again");
    Error::new(Status::AMBIGUOUS, super::KIND, text)
}

/// The error of an answer that makes no sense.
pub(super) fn foreign() -> Error {
    let text = "the answer is none of JetStream's; another service may listen on its subjects";
    Error::new(Status::CORRUPT, super::KIND, text)
}

fn denied(text: &str) -> Error {
    Error::new(Status::AUTH, "username", format!("the server denied the request: {text}"))
}

fn too_long(text: &str) -> Error {
    let text = format!("the server takes no line as long as its subject needs ({text}); raise max_control_line");
    Error::new(Status::TOO_LARGE, "key", text)
}

fn no_jetstream() -> Error {
    let text = "JetStream does not answer: it is not enabled for this server or account, or has no leader";
    Error::new(Status::UNAVAILABLE, super::KIND, text)
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_limit_grows_to_what_a_clock_can_be_set_on_by() {
        let last = (0..100).fold(READ_ATTEMPT, |limit, _| longer(limit));
        assert_eq!((longer(READ_ATTEMPT), last), (2 * READ_ATTEMPT, MOST_ATTEMPT));
    }

    #[test]
    fn only_sessions_that_end_again_and_again_are_paused_between() {
        let (long, brief) = (2 * BRIEF, BRIEF / 2);
        let mut losses = Losses::new(Duration::from_secs(2));
        let mut is_paused = |went_on| losses.next_delay(went_on).is_some();
        let expected = [(long, false), (brief, false), (brief, true), (brief, true), (long, false), (brief, false)];
        for (went_on, pause) in expected {
            assert_eq!(is_paused(went_on), pause, "{went_on:?}");
        }
    }
}
