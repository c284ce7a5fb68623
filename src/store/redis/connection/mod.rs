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

mod driver;
pub mod handshake;
pub mod pushes;
mod stream;

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

/// What the driver is asked to send.
enum Command {
    /// The request in this slot.
    Request(Token),
    /// What gets no answer.
    Tell(Packed),
}

#[derive(Default)]
struct State {
    queue: VecDeque<Command>,
    slots: Slots<Packed, Answers>,
    ended: Option<Reason>,
    /// The driver was woken and has not come by yet.
    awake: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
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

    /// Queues a command and wakes the driver for the first of several.
    fn push(&self, mut state: crate::sync::MutexGuard<'_, State>, command: Command) {
        state.queue.push_back(command);
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
        let Some(ticket) = self.send(packed, deadline) else {
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
    fn send(&self, packed: &mut Packed, deadline: Instant) -> Option<Ticket<'_>> {
        let mut state = self.shared.state.lock();
        if state.ended.is_some() {
            return None;
        }
        let token = state.slots.take(std::mem::take(packed), deadline);
        self.shared.push(state, Command::Request(token));
        Some(Ticket { shared: &self.shared, token: Some(token) })
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
        if polled.is_ready() {
            self.token = None;
        }
        polled
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            self.shared.state.lock().slots.release(token);
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
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::pushes::Heard;
    use super::testing::{LONG, connected, run};
    use super::*;
    use crate::store::given::{Given, Loan};

    #[test]
    fn a_connection_ends_with_the_last_of_its_handles() {
        run(async {
            let (connection, mut server, _pushes) = connected().await;
            let other = connection.clone();
            drop(connection);
            assert!(!other.has_ended());
            drop(other);
            let mut rest = Vec::new();
            let read = tokio::time::timeout(LONG, server.read_to_end(&mut rest)).await;
            read.expect("it was hung up").expect("in order");
        });
    }

    #[test]
    fn a_server_that_is_heard_slowly_is_not_silent() {
        run(async {
            let (connection, mut server, _pushes) = connected().await;
            // Keeps the runtime from the connection for most of the time.
            let busy = tokio::spawn(std::future::poll_fn(|context| {
                std::thread::sleep(Duration::from_millis(20));
                context.waker().wake_by_ref();
                Poll::<()>::Pending
            }));
            let speaks = tokio::spawn(async move {
                let words = b">1\r\n+a\r\n".repeat(4096);
                while server.write_all(&words).await.is_ok() {}
            });
            tokio::time::sleep(Duration::from_secs(6)).await;
            assert!(!connection.has_ended(), "{:?}", connection.ended());
            busy.abort();
            drop(connection);
            speaks.await.expect("no panic");
        });
    }

    #[test]
    fn what_looks_like_a_message_is_the_answer_while_one_is_waited_for() {
        const MESSAGE: &[u8] = b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n";
        run(async {
            let (connection, mut server, mut pushes) = connected().await;
            server.write_all(MESSAGE).await.expect("open");
            assert!(matches!(pushes.next().await, Some(Heard::Push(push)) if push.len() == 3));
            let asked = tokio::spawn(async move {
                connection.call(Packed::of(&[b"MGET", b"x", b"y", b"z"]), Instant::now() + LONG).await
            });
            let mut begin = [0; 4];
            server.read_exact(&mut begin).await.expect("it was asked");
            server.write_all(MESSAGE).await.expect("open");
            let answers = asked.await.expect("no panic").expect("answered");
            assert_eq!(answers.first().and_then(Value::as_array).map(<[Value]>::len), Some(3));
        });
    }

    #[test]
    fn a_lent_word_is_not_read_any_more_once_its_caller_has_gone() {
        const WORD: usize = 16 << 10;
        const CALLERS: usize = 1000;
        run(async {
            let (connection, mut server, _pushes) = connected().await;
            let mut words = vec![vec![b'a'; WORD]; CALLERS];
            {
                let mut calls: Vec<_> = words
                    .iter()
                    .map(|word| {
                        let mut packed = Packed::default();
                        packed.begin(1);
                        // SAFETY: the calls are dropped before the words are written to.
                        packed.given(Given::Lent(unsafe { Loan::new(word) }));
                        Box::pin(connection.call(packed, Instant::now() + LONG))
                    })
                    .collect();
                // The server reads nothing yet, so that many of them are not sent when they are given up.
                let few = Duration::from_millis(200);
                let all = futures_util::future::join_all(calls.iter_mut().map(Pin::as_mut));
                assert!(tokio::time::timeout(few, all).await.is_err(), "nobody answers");
            }
            words.iter_mut().for_each(|word| word.fill(b'b'));
            let mut read = Vec::new();
            while let Ok(Ok(1..)) = tokio::time::timeout(Duration::from_secs(1), server.read_buf(&mut read)).await {}
            let sent = read.iter().filter(|byte| **byte == b'a').count() / WORD;
            assert!((1..CALLERS).contains(&sent), "{sent} were sent");
            assert!(!read.contains(&b'b'));
        });
    }
}
