//! One connection to one server: requests of any number of callers, and subscriptions.
//!
//! A caller leaves its request in a [slot](crate::store::remote::slots) and waits there for its answer; one task for each connection
//! ([`driver`]) writes all that is queued in one piece, and gives out what comes. So that 64 callers cost one system call,
//! not 64, and no request allocates. All answers come to one subscription, `_INBOX.<random>.*`.
//!
//! What a caller has to know when the connection ends is whether its request was sent. The driver notes that in the slot
//! when it takes the request out of the queue; a request whose slot was given up before is not sent, and none is once the
//! server has said that it leaves: what was sent before gets its answer, and the rest goes to another server.

mod driver;
mod login;
mod stream;
mod token;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use data_encoding::BASE32_DNSSEC;
use futures_util::task::AtomicWaker;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::wire::{Headers, Info, Message, Subject};
use crate::error::{Error, Result, Status};
use crate::runtime::Signal;
use crate::store::remote::slots::{Outcome, Slots, Token};
use crate::sync::Mutex;

pub use login::open;

/// The number of the subscription that answers come to.
const ANSWERS: u64 = 1;

/// How many messages may wait for a subscription's reader. They are far fewer: a consumer's are held back by the server's
/// flow control, and a batch has an answer for each of the 1,024 subjects that it names at most.
const SUBSCRIPTION_CAPACITY: usize = 1 << 20;

/// What a request sends.
#[derive(Default)]
struct Request {
    subject: Subject,
    headers: Option<Headers>,
    payload: Bytes,
}

/// What a request is answered with.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// A message.
    Message(Message),
    /// The server denied it, in these words.
    Denied(String),
    /// The server takes no line as long as its own, it says in these words.
    TooLong(String),
}

/// What the driver is asked to send.
enum Command {
    /// The request in this slot.
    Request(Token),
    Publish {
        subject: Subject,
        token: Option<Token>,
    },
    /// A request whose answers come to a subscription.
    AskForMany {
        subject: Subject,
        inbox: Subject,
        payload: Bytes,
    },
    Subscribe {
        number: u64,
        subject: Subject,
        messages: mpsc::Sender<Message>,
    },
    Unsubscribe {
        number: u64,
    },
}

#[derive(Default)]
struct State {
    queue: VecDeque<Command>,
    slots: Slots<Request, Reply>,
    /// Why the connection ended, if it has.
    ended: Option<Arc<str>>,
    /// The driver was woken and has not come by yet.
    is_awake: bool,
}

struct Shared {
    state: Mutex<State>,
    arrived: AtomicWaker,
    lost: Signal,
    leaving: Signal,
    info: Mutex<Arc<Info>>,
    max_payload: AtomicUsize,
    next_number: AtomicU64,
    /// What the subjects of answers begin with, up to the token.
    inbox: Box<str>,
}

impl Shared {
    fn new(inbox: String, info: Info) -> Shared {
        let shared = Shared {
            state: Mutex::default(),
            arrived: AtomicWaker::new(),
            lost: Signal::default(),
            leaving: Signal::default(),
            info: Mutex::default(),
            max_payload: AtomicUsize::new(0),
            next_number: AtomicU64::new(ANSWERS + 1),
            inbox: inbox.into(),
        };
        shared.learn(info);
        shared
    }

    fn learn(&self, info: Info) {
        self.max_payload.store(info.max_payload, Ordering::Relaxed);
        if info.is_leaving {
            self.leaving.raise();
        }
        *self.info.lock() = Arc::new(info);
    }

    /// Ends the connection, and tells every request so.
    fn end(&self, reason: &str) {
        let wakers = {
            let mut state = self.state.lock();
            state.ended.get_or_insert_with(|| Arc::from(reason));
            // Subscriptions that were not made yet end with their commands.
            state.queue.clear();
            state.slots.end()
        };
        // First, so that who is told of the loss finds the connection gone.
        self.lost.raise();
        wakers.into_iter().for_each(std::task::Waker::wake);
        self.arrived.wake();
    }

    fn push(&self, state: &mut State, command: Command) -> bool {
        state.queue.push_back(command);
        !std::mem::replace(&mut state.is_awake, true)
    }

    /// Queues a request, unless the connection has ended.
    fn ask(&self, request: Request, end: Instant) -> Option<Token> {
        let mut state = self.state.lock();
        if state.ended.is_some() {
            return None;
        }
        let token = state.slots.take(request, end);
        let is_first = self.push(&mut state, Command::Request(token));
        drop(state);
        if is_first {
            self.arrived.wake();
        }
        Some(token)
    }

    /// Queues a command, unless the connection has ended.
    fn tell(&self, command: Command) {
        let mut state = self.state.lock();
        if state.ended.is_some() {
            return;
        }
        let is_first = self.push(&mut state, command);
        drop(state);
        if is_first {
            self.arrived.wake();
        }
    }
}

/// A connection that is logged in. It ends when it is dropped, when it is told to, or when it fails.
pub struct Socket {
    shared: Arc<Shared>,
}

impl Socket {
    /// What the server said of itself last.
    pub fn info(&self) -> Arc<Info> {
        Arc::clone(&self.shared.info.lock())
    }

    /// How many bytes a message may have, headers included.
    pub fn max_payload(&self) -> usize {
        self.shared.max_payload.load(Ordering::Relaxed)
    }

    /// Raised when it has ended.
    pub fn lost(&self) -> &Signal {
        &self.shared.lost
    }

    /// Raised when the server says that it will leave.
    pub fn leaving(&self) -> &Signal {
        &self.shared.leaving
    }

    /// Why it ended; `None` while it has not.
    pub fn reason(&self) -> Option<Arc<str>> {
        self.shared.state.lock().ended.clone()
    }

    /// Sends a request; its answer comes by the ticket, or that there is none at the deadline.
    pub fn request(&self, subject: Subject, headers: Option<Headers>, payload: Bytes, end: Instant) -> Ticket<'_> {
        Ticket { shared: &self.shared, token: self.shared.ask(Request { subject, headers, payload }, end) }
    }

    /// As [`Socket::request`], for what more than one may answer.
    pub fn request_further(&self, subject: Subject, headers: Option<Headers>, payload: Bytes, end: Instant) -> Answers {
        let token = self.shared.ask(Request { subject, headers, payload }, end);
        Answers { shared: Arc::clone(&self.shared), token }
    }

    /// Sends an empty request whose answer nobody waits for.
    pub fn ask_in_vain(&self, subject: Subject) {
        self.shared.tell(Command::Publish { subject, token: Some(Token::NOBODY) });
    }

    /// Sends a request whose answers, any number of them, come to the inbox of a subscription.
    pub fn ask_for_many(&self, subject: Subject, inbox: Subject, payload: Bytes) {
        self.shared.tell(Command::AskForMany { subject, inbox, payload });
    }

    /// Sends an empty message.
    pub fn publish(&self, subject: Subject) {
        self.shared.tell(Command::Publish { subject, token: None });
    }

    /// Subscribes to an inbox of its own.
    ///
    /// # Errors
    ///
    /// As [`inbox`].
    pub fn subscribe(&self) -> Result<Subscription> {
        let subject = inbox()?;
        let number = self.shared.next_number.fetch_add(1, Ordering::Relaxed);
        let (sender, messages) = mpsc::channel(SUBSCRIPTION_CAPACITY);
        self.shared.tell(Command::Subscribe { number, subject: subject.as_str().into(), messages: sender });
        Ok(Subscription { shared: Arc::clone(&self.shared), number, inbox: subject, messages })
    }

    /// Ends it.
    pub fn end(&self, reason: &str) {
        self.shared.end(reason);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.end("it was closed");
    }
}

/// A request on its way. Dropping it gives it up: it is not sent if it was not, and its answer is nobody's.
pub struct Ticket<'a> {
    shared: &'a Shared,
    /// `None` when there is nothing to wait for.
    token: Option<Token>,
}

impl Future for Ticket<'_> {
    type Output = Outcome<Reply>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome<Reply>> {
        let Some(token) = self.token else { return Poll::Ready(Outcome::Ended { sent: false }) };
        let polled = self.shared.state.lock().slots.poll(token, context);
        if polled.is_ready() {
            self.token = None;
        }
        polled.map(|(outcome, _)| outcome)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            self.shared.state.lock().slots.release(token);
        }
    }
}

/// A request that may be answered more than once: after an answer it can be waited for again, until its deadline. Dropping
/// it gives it up.
pub struct Answers {
    shared: Arc<Shared>,
    /// `None` when there is nothing more to wait for.
    token: Option<Token>,
}

impl Future for Answers {
    type Output = Outcome<Reply>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome<Reply>> {
        let Some(token) = self.token else { return Poll::Ready(Outcome::Ended { sent: false }) };
        let polled = self.shared.state.lock().slots.poll_further(token, context);
        if matches!(polled, Poll::Ready(Outcome::Ended { .. } | Outcome::Late { .. })) {
            self.token = None;
        }
        polled
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            self.shared.state.lock().slots.release(token);
        }
    }
}

/// Messages that come to an inbox.
pub struct Subscription {
    shared: Arc<Shared>,
    number: u64,
    inbox: String,
    messages: mpsc::Receiver<Message>,
}

impl Subscription {
    /// The subject to which messages are to be sent.
    pub fn inbox(&self) -> &str {
        &self.inbox
    }

    /// The next message; `None` when there will be none. May be dropped while it waits.
    pub async fn next(&mut self) -> Option<Message> {
        self.messages.recv().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.tell(Command::Unsubscribe { number: self.number });
    }
}

/// A subject that nobody else has, nor can guess.
///
/// # Errors
///
/// As [`random`].
fn inbox() -> Result<String> {
    Ok(format!("_INBOX.{}", BASE32_DNSSEC.encode(&random::<15>()?)))
}

/// Bytes that nobody can guess.
///
/// # Errors
///
/// `IO` when the system gives no random bytes.
pub fn random<const COUNT: usize>() -> Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Error::new(Status::IO, super::KIND, "the system gives no random bytes"))?;
    Ok(bytes)
}
