//! One connection to one server: requests of any number of callers, pipelined.
//!
//! A caller leaves its bytes in the queue and waits for its own answer; one task per connection ([`driver`]) writes all
//! that is queued in one piece, and gives the answers out in the order of the requests. So that 64 callers cost one
//! system call, not 64, and nobody's lost interest costs anybody else anything: a request whose caller has gone is not
//! sent, and the answer to one that was sent is read and dropped.
//!
//! What a caller has to know when the connection ends is whether its request was sent. That is decided once, by an
//! exchange on the request's phase: the driver takes a request to send it, or its caller takes it back.

mod driver;
pub mod handshake;
mod stream;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use futures_util::task::AtomicWaker;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::store::redis::wire::{Packed, Value};
use crate::sync::Mutex;

pub use stream::{Address, Tls};

/// Why a connection ended, for logs and errors.
pub type Reason = Arc<str>;

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

/// What a request is answered with.
pub type Answers = Result<Vec<Value>, Broken>;

const QUEUED: u8 = 0;
const SENT: u8 = 1;
const WITHDRAWN: u8 = 2;

/// Whether a request was sent, or taken back.
#[derive(Debug, Default)]
pub struct Phase(AtomicU8);

impl Phase {
    /// Takes the request to send it; false when its caller has gone.
    pub fn send(&self) -> bool {
        self.change_to(SENT)
    }

    fn change_to(&self, phase: u8) -> bool {
        self.0.compare_exchange(QUEUED, phase, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// A request as its sender has it.
pub struct Request {
    /// The commands.
    pub packed: Arc<Packed>,
    /// Whether it was sent.
    pub phase: Arc<Phase>,
    /// Where the answers go.
    pub answer: oneshot::Sender<Answers>,
}

impl Request {
    /// A request, and the ticket by which its caller gets the answers.
    pub fn new(packed: Arc<Packed>) -> (Request, Ticket) {
        let (sender, answer) = oneshot::channel();
        let phase = Arc::new(Phase::default());
        (Request { packed, phase: Arc::clone(&phase), answer: sender }, Ticket { phase, answer })
    }

    /// Tells the caller that there will be no answer.
    pub fn end(self, sent: bool, reason: &Reason) {
        // Whoever no longer waits has nothing to be told.
        let _ = self.answer.send(Err(Broken { sent, reason: Arc::clone(reason) }));
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Request>,
    ended: Option<Reason>,
    /// The driver was woken and has not come by yet.
    awake: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    arrived: AtomicWaker,
    ended: tokio::sync::Notify,
    /// Whether `ended` of the queue is set, for a look without the lock.
    has_ended: AtomicBool,
}

impl Shared {
    /// Ends the connection: what was not sent is told so here; what was sent, by the driver.
    fn end(&self, reason: &Reason) {
        let waiting = {
            let mut queue = self.queue.lock();
            queue.ended.get_or_insert_with(|| Arc::clone(reason));
            self.has_ended.store(true, Ordering::Release);
            std::mem::take(&mut queue.waiting)
        };
        for request in waiting {
            request.end(false, reason);
        }
        self.ended.notify_waiters();
        self.arrived.wake();
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

/// A request on its way.
pub struct Ticket {
    phase: Arc<Phase>,
    answer: oneshot::Receiver<Answers>,
}

impl Connection {
    /// Begins to drive a stream; inside the runtime. What the server says unasked goes to `pushes`.
    pub fn start(stream: stream::Stream, pushes: Option<mpsc::UnboundedSender<Vec<Value>>>) -> Connection {
        let shared = Arc::new(Shared::default());
        tokio::spawn(driver::drive(stream, Arc::clone(&shared), pushes));
        let held = Arc::new(Held(Arc::clone(&shared)));
        Connection { shared, _held: held }
    }

    /// Sends commands; their answers come by the ticket.
    pub fn send(&self, packed: Arc<Packed>) -> Ticket {
        let (request, ticket) = Request::new(packed);
        let mut queue = self.shared.queue.lock();
        if let Some(reason) = queue.ended.clone() {
            drop(queue);
            request.end(false, &reason);
            return ticket;
        }
        queue.waiting.push_back(request);
        let is_first = !std::mem::replace(&mut queue.awake, true);
        drop(queue);
        if is_first {
            self.shared.arrived.wake();
        }
        ticket
    }

    /// Sends commands whose answers nobody waits for.
    pub fn tell(&self, packed: Packed) {
        let ticket = self.send(Arc::new(packed));
        tokio::spawn(async move { drop(ticket.answer_only().await) });
    }

    /// The answers to commands, or why there are none by the deadline.
    ///
    /// # Errors
    ///
    /// As [`Ticket::wait`].
    pub async fn call(&self, packed: Packed, deadline: Instant) -> Result<Vec<Value>, Unanswered> {
        self.send(Arc::new(packed)).wait(deadline).await
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
        self.shared.queue.lock().ended.clone()
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

impl Ticket {
    /// The answers. At the deadline a request that was not sent is taken back.
    ///
    /// # Errors
    ///
    /// That the connection ended, or the deadline passed, and whether the request had been sent.
    pub async fn wait(mut self, deadline: Instant) -> Result<Vec<Value>, Unanswered> {
        match tokio::time::timeout_at(deadline, &mut self.answer).await {
            Ok(Ok(Ok(values))) => Ok(values),
            Ok(Ok(Err(broken))) => Err(Unanswered::Broken(broken)),
            // The driver was dropped with its runtime.
            Ok(Err(_)) => Err(Unanswered::Broken(Broken { sent: !self.withdraw(), reason: "it was dropped".into() })),
            Err(_) => Err(Unanswered::Late { sent: !self.withdraw() }),
        }
    }

    /// The answers, however long they take.
    async fn answer_only(mut self) -> Option<Answers> {
        (&mut self.answer).await.ok()
    }

    /// Takes the request back; false when it was sent.
    fn withdraw(&self) -> bool {
        self.phase.change_to(WITHDRAWN)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.withdraw();
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    /// A connection that listens, and the server's side of it.
    async fn connected() -> (Connection, TcpStream, mpsc::UnboundedReceiver<Vec<Value>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let ours = TcpStream::connect(address).await.expect("it listens");
        let (sender, pushes) = mpsc::unbounded_channel();
        let connection = Connection::start(stream::Stream::Plain(ours), Some(sender));
        (connection, listener.accept().await.expect("connected").0, pushes)
    }

    fn run<T: Send + 'static>(test: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, done) = std::sync::mpsc::channel();
        let task = async move { sender.send(test.await).expect("it is waited for") };
        drop(crate::runtime::get().expect("a runtime").spawn(task));
        done.recv_timeout(2 * LONG).expect("it does not hang")
    }

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
    fn what_looks_like_a_message_is_the_answer_while_one_is_waited_for() {
        const MESSAGE: &[u8] = b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n";
        run(async {
            let (connection, mut server, mut pushes) = connected().await;
            server.write_all(MESSAGE).await.expect("open");
            assert_eq!(pushes.recv().await.map(|push| push.len()), Some(3));
            let ticket = connection.send(Arc::new(Packed::of(&[b"MGET", b"x", b"y", b"z"])));
            let mut begin = [0; 4];
            server.read_exact(&mut begin).await.expect("it was asked");
            server.write_all(MESSAGE).await.expect("open");
            let answers = ticket.wait(Instant::now() + LONG).await.expect("answered");
            assert_eq!(answers.first().and_then(Value::as_array).map(<[Value]>::len), Some(3));
        });
    }
}
