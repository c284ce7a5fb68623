//! One connection to one server: requests of any number of callers, pipelined.
//!
//! A caller leaves its bytes in a [slot](crate::store::remote::slots) and waits there for its answer; one task for each
//! connection ([`driver`]) writes all that is queued in one piece, and gives the answers out in the order of the requests.
//! So that 64 callers cost one system call, not 64, no request allocates more than its bytes, and nobody's lost interest
//! costs anybody else anything: a request whose caller has gone is not sent, and the answer to one that was sent is read
//! and dropped.
//!
//! What a caller has to know when the connection ends is whether its request was sent. Its slot knows: the driver notes
//! there that it sends it.
//!
//! # A long write that is given up ends the connection
//!
//! When the deadline of a write passes, or its caller goes, its last bytes may still be here or in the kernel. They would
//! go on being sent, and the server would execute it whenever it has them all: after writes that were sent later on
//! another connection, were acknowledged, and are replaced by it. A server cannot execute a command of which bytes are
//! missing, so the connection is ended, and the kernel forgets what the server's has not taken
//! ([`forget_unsent`](crate::store::remote::socket::forget_unsent)). The price is that other writes which were sent on the
//! server's connections become ambiguous.
//!
//! So it is done for what is worth it. Not for reads. Not for a write of up to [`LONG_WRITE`] bytes: it is out within
//! one writing of the socket, unless the server takes nothing, which is noticed within seconds and ends the connection
//! too; writes as short as it share one connection, which keeps their order; and deadlines that are shorter than the
//! wire's delay would end every connection. And not for a write that the server's kernel has taken whole: nobody can take
//! that back.

mod driver;
pub mod handshake;
pub mod pushes;
mod stream;
mod stride;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use futures_util::task::AtomicWaker;
use smallvec::SmallVec;
use tokio::time::Instant;

use crate::store::redis::wire::{Packed, Value};
use crate::store::remote::pace::Pace;
use crate::store::remote::slots::{Outcome, Slots, Token};
use crate::sync::Mutex;

pub use crate::store::remote::drive::Reason;
pub use stream::{Address, Tls};

/// The answers to the commands of one request.
pub type Answers = SmallVec<[Value; 1]>;

/// A request that got no answer because its connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Whether it may have reached the server.
    pub sent: bool,
    /// Why the connection ended.
    pub reason: Reason,
}

/// A request that got no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The connection ended.
    Broken(Broken),
    /// The deadline passed first.
    Late {
        /// Whether the request may have reached the server.
        sent: bool,
    },
}

/// From so many bytes on a write that is given up must not arrive late.
const LONG_WRITE: usize = 64 << 10;

/// What the driver is asked to send.
enum Command {
    /// The request in this slot.
    Request {
        /// The slot.
        token: Token,
        /// It is a long write.
        is_long_write: bool,
    },
    /// What gets no answer.
    Tell(Packed),
}

#[derive(Default)]
struct State {
    queue: VecDeque<Command>,
    slots: Slots<Packed, Answers>,
    pace: Pace,
    ended: Option<Reason>,
    /// The driver was woken and has not come by yet.
    awake: bool,
    abandoned: Abandoned,
}

/// Which long writes the server must not get any more, as far as it lacks bytes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Abandoned {
    #[default]
    None,
    /// Those that nobody waits for.
    Unawaited,
    /// All that were sent.
    All,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// The driver has it while it reads what is lent to requests that it has taken from the queue.
    reading: Mutex<()>,
    arrived: AtomicWaker,
    ended: tokio::sync::Notify,
    /// Whether `ended` of the state is set, for a look without the lock.
    has_ended: AtomicBool,
}

impl Shared {
    /// Ends the connection and tells every request so.
    fn end(&self, reason: &Reason) {
        let wakers = {
            let mut state = self.state.lock();
            state.ended.get_or_insert_with(|| Arc::clone(reason));
            self.has_ended.store(true, Ordering::Release);
            state.queue.clear();
            state.slots.end()
        };
        wakers.into_iter().for_each(Waker::wake);
        self.ended.notify_waiters();
        self.arrived.wake();
    }

    /// Has the driver look whether the server has all of the long writes that were given up.
    fn abandon(&self, which: Abandoned) {
        {
            let mut state = self.state.lock();
            if state.abandoned != Abandoned::All {
                state.abandoned = which;
            }
        }
        self.arrived.wake();
    }

    /// Returns when the driver reads nothing any more that was lent to a request which was taken back before the call.
    fn wait_for_reader(&self) {
        drop(self.reading.lock());
    }

    /// Queues a command, and wakes the driver for the first of several, unless an answer will.
    fn push(&self, mut state: crate::sync::MutexGuard<'_, State>, command: Command) {
        let is_request = matches!(command, Command::Request { .. });
        state.queue.push_back(command);
        if is_request && state.pace.lets_wait(state.queue.len(), state.slots.unanswered(), Instant::now) {
            return;
        }
        let is_first = !std::mem::replace(&mut state.awake, true);
        drop(state);
        if is_first {
            self.arrived.wake();
        }
    }
}

/// Ends a connection with its last handle. The driver has none, or one whose dialling was given up would live for ever.
struct Held(Arc<Shared>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.end(&Reason::from("nobody holds the connection any more"));
    }
}

/// A connection. Clones share it; it ends when it is told to, when it fails, or with the last of its handles.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
    _held: Arc<Held>,
}

/// A request on its way. Dropping it gives it up.
struct Ticket<'a> {
    shared: &'a Shared,
    /// `None` when there is nothing to wait for any more.
    token: Option<Token>,
    is_long_write: bool,
}

impl Connection {
    /// Begins to drive a stream; inside the runtime. What the server says unasked goes to `pushes`.
    pub fn start(stream: stream::Stream, pushes: Option<pushes::Sender>) -> Connection {
        let shared = Arc::new(Shared::default());
        tokio::spawn(driver::drive(stream, Arc::clone(&shared), pushes));
        let held = Arc::new(Held(Arc::clone(&shared)));
        Connection { shared, _held: held }
    }

    /// Sends commands whose answers nobody waits for, or that have none.
    pub fn tell(&self, packed: Packed) {
        let state = self.shared.state.lock();
        if state.ended.is_none() {
            self.shared.push(state, Command::Tell(packed));
        }
    }

    /// The answers to commands, or why there are none by the deadline.
    ///
    /// # Errors
    ///
    /// As [`Connection::ask`].
    pub async fn call(&self, mut packed: Packed, deadline: Instant) -> Result<Answers, Unanswered> {
        self.ask(&mut packed, deadline).await
    }

    /// As [`Connection::call`], with the commands kept, so that they can be sent to another server. At the deadline a
    /// request that was not sent is taken back.
    ///
    /// # Errors
    ///
    /// That the connection ended, or the deadline passed, and whether the request had been sent.
    pub async fn ask(&self, packed: &mut Packed, deadline: Instant) -> Result<Answers, Unanswered> {
        self.exchange(packed, deadline, false).await
    }

    /// As [`Connection::ask`], for commands that write: when they are long and given up before the server has all of
    /// them, the connection ends with them.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn ask_to_write(&self, packed: &mut Packed, deadline: Instant) -> Result<Answers, Unanswered> {
        let is_long_write = packed.length() > LONG_WRITE;
        self.exchange(packed, deadline, is_long_write).await
    }

    /// Gives up the long writes that were sent and that the server has not all of: the connection ends when there is one.
    /// For whoever asks on behalf of others.
    pub fn give_up_long_writes(&self) {
        self.shared.abandon(Abandoned::All);
    }

    async fn exchange(
        &self,
        packed: &mut Packed,
        deadline: Instant,
        is_long_write: bool,
    ) -> Result<Answers, Unanswered> {
        let Some(ticket) = self.send(packed, deadline, is_long_write) else {
            return Err(Unanswered::Broken(Broken { sent: false, reason: self.reason() }));
        };
        let (outcome, request) = ticket.await;
        *packed = request;
        match outcome {
            Outcome::Answer(answers) => Ok(answers),
            Outcome::Ended { sent } => Err(Unanswered::Broken(Broken { sent, reason: self.reason() })),
            Outcome::Late { sent } => Err(Unanswered::Late { sent }),
        }
    }

    /// `None` when the connection has ended; the commands stay then.
    fn send(&self, packed: &mut Packed, deadline: Instant, is_long_write: bool) -> Option<Ticket<'_>> {
        let mut state = self.shared.state.lock();
        if state.ended.is_some() {
            return None;
        }
        let token = state.slots.take(std::mem::take(packed), deadline);
        self.shared.push(state, Command::Request { token, is_long_write });
        Some(Ticket { shared: &self.shared, token: Some(token), is_long_write })
    }

    fn reason(&self) -> Reason {
        self.ended().unwrap_or_else(|| "the connection ended".into())
    }

    /// Ends it. Requests that were sent are told that they were.
    pub fn end(&self, reason: &str) {
        self.shared.end(&Reason::from(reason));
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.shared.has_ended.load(Ordering::Acquire)
    }

    /// Why it ended; `None` while it has not.
    pub fn ended(&self) -> Option<Reason> {
        self.shared.state.lock().ended.clone()
    }

    /// Returns when it has ended.
    pub async fn wait_for_end(&self) -> Reason {
        let mut notified = std::pin::pin!(self.shared.ended.notified());
        loop {
            notified.as_mut().enable();
            if let Some(reason) = self.ended() {
                return reason;
            }
            notified.as_mut().await;
            notified.set(self.shared.ended.notified());
        }
    }
}

impl Future for Ticket<'_> {
    type Output = (Outcome<Answers>, Packed);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(token) = self.token else {
            return Poll::Ready((Outcome::Ended { sent: true }, Packed::default()));
        };
        let polled = self.shared.state.lock().slots.poll(token, context);
        let Poll::Ready((outcome, packed)) = &polled else { return Poll::Pending };
        self.token = None;
        if self.is_long_write && *outcome == (Outcome::Late { sent: true }) {
            self.shared.abandon(Abandoned::Unawaited);
        }
        if !matches!(outcome, Outcome::Answer(_)) && packed.has_loans() {
            self.shared.wait_for_reader();
        }
        polled
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            self.shared.state.lock().slots.release(token);
            if self.is_long_write {
                self.shared.abandon(Abandoned::Unawaited);
            }
            self.shared.wait_for_reader();
        }
    }
}

/// Connections to a server that a test plays itself.
#[cfg(all(test, not(larder_loom)))]
pub mod testing {
    use std::time::Duration;

    use tokio::net::{TcpListener, TcpStream};

    use super::pushes::Pushes;
    use super::*;

    /// Longer than anything takes.
    pub const LONG: Duration = Duration::from_secs(30);

    /// A connection that listens, and the server's side of it.
    pub async fn connected() -> (Connection, TcpStream, Pushes) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let ours = TcpStream::connect(address).await.expect("it listens");
        let (sender, pushes) = pushes::queue();
        let connection = Connection::start(stream::Stream::Plain(ours), Some(sender));
        (connection, listener.accept().await.expect("connected").0, pushes)
    }

    /// Runs a test where connections can be made.
    pub fn run<T: Send + 'static>(test: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, done) = std::sync::mpsc::channel();
        let task = async move { sender.send(test.await).expect("it is waited for") };
        drop(crate::runtime::get().expect("a runtime").spawn(task));
        done.recv_timeout(2 * LONG).expect("it does not hang")
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
