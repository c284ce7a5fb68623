//! The one tokio runtime of the process, and how blocking calls meet it.
//!
//! It is created by the first call that needs it, runs on one current-thread scheduler, and all its threads are named
//! and have every signal blocked. A blocking caller does not hand its request to another thread and sleep: it *leads*,
//! that is, it drives the reactor itself until its own future is done, which costs one thread switch less in each
//! direction (the multi-thread scheduler measured four times a blocking socket's latency). When nobody leads, a
//! background thread does.
//!
//! A thread that waits for the completions of many requests *attends*: it leads too, and so takes what it has read itself.
//! It leaves the lead to whoever blocks for one answer: two that lead in turns would wake each other for every answer.
//!
//! Invariant: while a task is runnable, either a caller is inside `block_on`, or the background thread is, or it will
//! be within twice [`LINGER`], or [`LINGER_FOR_ATTENDANT`]. The background thread lingers so that a caller that makes one
//! blocking call after another does not have to win the reactor back each time; a `spawn` ends the lingering at once. It
//! lingers longer for a thread that attends: that is back when it has given out what it took, and two that drive in turns
//! move what they touch between processors.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::error::{Error, Result, Status};
use crate::per_process::PerProcess;
use crate::sync::{Condvar, Mutex};

/// How long the background thread stays away after the last blocking caller left.
const LINGER: Duration = Duration::from_micros(200);

/// As [`LINGER`], after a thread that attended.
const LINGER_FOR_ATTENDANT: Duration = Duration::from_millis(2);

/// How many short waits the background thread takes before it sleeps until the last caller leaves.
const SHORT_WAITS: u32 = 16;

/// How often a thread that attends looks whether callers still block, at first.
const AWAY: Duration = Duration::from_millis(2);

/// How often it looks at least, while the same callers stay.
const LONGEST_AWAY: Duration = Duration::from_millis(256);

static GENERATION: AtomicU32 = AtomicU32::new(0);

static CURRENT: PerProcess<Mutex<Option<&'static Runtime>>> = PerProcess::new();

static HAS_HANDLER: AtomicBool = AtomicBool::new(false);

/// A number that is another one in a forked child than in its parent.
///
/// The first call registers the handler that changes it; handles call it when they are made.
pub fn generation() -> u32 {
    if !HAS_HANDLER.load(Ordering::Acquire) {
        register_handler();
    }
    GENERATION.load(Ordering::Relaxed)
}

/// Two threads may both register it, and the child then counts two further. A lock around it could be held by a thread
/// of the parent at the moment of a fork.
#[cold]
fn register_handler() {
    extern "C" fn in_child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the handler only increments an atomic, which is safe in a forked child, and the object that holds it is
    // never unloaded (`nodelete`).
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    HAS_HANDLER.store(true, Ordering::Release);
}

/// As [`generation`], for checks on the hot path: a load, nothing else.
#[inline]
pub fn generation_now() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// The runtime of this process.
pub struct Runtime {
    tokio: tokio::runtime::Runtime,
    gate: Mutex<Gate>,
    gate_changed: Condvar,
    give_way: Notify,
    attendants_give_way: Notify,
    background_waits: AtomicBool,
    /// The last blocking call had its answer without a wait, and so drove nothing.
    ended_at_once: AtomicBool,
}

#[derive(Default)]
struct Gate {
    /// Who is inside `block_on`, or attends and leads.
    present: usize,
    /// How many of those attend.
    attendants: usize,
    /// Who came last attends.
    is_attended: bool,
    /// How often somebody came or left.
    changes: u64,
    /// Visits that are no attendance.
    calls: u64,
    spawned: bool,
    /// The background thread sleeps until the last caller leaves, and wants to be told.
    sleeps_long: bool,
}

/// The runtime, created on first use. In a forked child it is a new one: the parent's threads do not exist there.
///
/// # Errors
///
/// `IO` when the kernel gives no thread or no poller.
pub fn get() -> Result<&'static Runtime> {
    let mut current = CURRENT.get().lock();
    if let Some(runtime) = *current {
        return Ok(runtime);
    }
    let runtime = Arc::new(Runtime::new()?);
    let driven = Arc::clone(&runtime);
    // Kept for good only once it is driven: where threads are scarce, each further call tries again.
    spawn_named("larder-io", move || driven.drive_in_background())?;
    let runtime: &'static Runtime = Box::leak(Box::new(runtime));
    *current = Some(runtime);
    Ok(runtime)
}

/// Starts a thread with a name and every signal blocked, so that no host's signal handler runs on it.
///
/// # Errors
///
/// `IO` when the kernel gives no thread.
pub fn spawn_named(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    let blocked = SignalsBlocked::new();
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body);
    drop(blocked);
    thread.map(drop).map_err(|error| Error::new(Status::IO, "thread", format!("{name} could not start: {error}")))
}

struct SignalsBlocked(libc::sigset_t);

impl SignalsBlocked {
    fn new() -> SignalsBlocked {
        // SAFETY: both sets are plain data that the calls fill; a new thread inherits the mask of its creator.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
            SignalsBlocked(before)
        }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the set is the mask that this thread had before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
    }
}

impl Runtime {
    fn new() -> Result<Runtime> {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("larder-blocking")
            .on_thread_start(|| std::mem::forget(SignalsBlocked::new()))
            .build()
            .map_err(|error| Error::new(Status::IO, "runtime", format!("it could not start: {error}")))?;
        Ok(Runtime {
            tokio,
            gate: Mutex::default(),
            gate_changed: Condvar::new(),
            give_way: Notify::new(),
            attendants_give_way: Notify::new(),
            background_waits: AtomicBool::new(false),
            ended_at_once: AtomicBool::new(false),
        })
    }

    /// Runs `future` to its end on this thread, and everything else that is runnable meanwhile.
    ///
    /// Must not be called from inside the runtime; see [`is_inside`].
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        // Whoever makes one call after another that ends at once would keep others from driving, and drives nothing.
        let is_polled = self.ended_at_once.load(Ordering::Relaxed);
        if is_polled && let Poll::Ready(result) = self.poll_once(future.as_mut()) {
            return result;
        }
        let mut polls = 0u32;
        let result = self.lead(poll_fn(|context| {
            polls = polls.saturating_add(1);
            future.as_mut().poll(context)
        }));
        let ended_at_once = !is_polled && polls == 1;
        if ended_at_once != is_polled {
            self.ended_at_once.store(ended_at_once, Ordering::Relaxed);
        }
        result
    }

    /// Polls `future`, which is polled again at once where it has to wait.
    fn poll_once<T>(&self, future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        let _inside = self.tokio.enter();
        future.poll(&mut Context::from_waker(std::task::Waker::noop()))
    }

    fn lead<T>(&self, future: impl Future<Output = T>) -> T {
        let attendants = {
            let mut gate = self.gate.lock();
            gate.calls += 1;
            gate.enter(false);
            gate.attendants
        };
        let leave = LeaveGate { runtime: self, attends: false };
        self.have_background_give_way();
        if attendants > 0 {
            self.attendants_give_way.notify_waiters();
        }
        let result = self.tokio.block_on(future);
        drop(leave);
        result
    }

    /// As [`Runtime::block_on`], for a wait that may be long and whose thread leads while it is here, but leaves the
    /// lead to callers who block for an answer of their own.
    pub fn attend<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            if let Some(result) = self.lead_until_called(future.as_mut()) {
                return result;
            }
            let mut away = Away::default();
            let _inside = self.tokio.enter();
            let ended = park_on(future.as_mut(), || away.rest(&self.gate.lock()));
            if let Some(result) = ended {
                return result;
            }
        }
    }

    /// `None` when a caller came, or is here.
    fn lead_until_called<T>(&self, mut future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        let mut called = pin!(self.attendants_give_way.notified());
        called.as_mut().enable();
        {
            let mut gate = self.gate.lock();
            if gate.present > gate.attendants {
                return None;
            }
            gate.attendants += 1;
            gate.enter(true);
        }
        let leave = LeaveGate { runtime: self, attends: true };
        self.have_background_give_way();
        let result = self.tokio.block_on(poll_fn(|context| {
            if let Poll::Ready(result) = future.as_mut().poll(context) {
                return Poll::Ready(Some(result));
            }
            called.as_mut().poll(context).map(|()| None)
        }));
        drop(leave);
        result
    }

    /// Starts `future` as a task of its own. A panic in it is caught: `on_panic` says what it then does.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let handle = self.tokio.spawn(future).abort_handle();
        if self.background_waits.load(Ordering::Acquire) {
            self.gate.lock().spawned = true;
            self.gate_changed.notify_one();
        }
        handle
    }

    /// Runs `body` on this thread as if inside the runtime, which does not run meanwhile for it.
    pub fn enter<T>(&self, body: impl FnOnce() -> T) -> T {
        let _inside = self.tokio.enter();
        body()
    }

    fn have_background_give_way(&self) {
        if !self.background_waits.load(Ordering::Acquire) {
            self.give_way.notify_one();
        }
    }

    fn drive_in_background(&self) {
        loop {
            self.await_turn();
            self.tokio.block_on(self.give_way.notified());
        }
    }

    /// Returns when no caller is there and none was for as long as it lingers, or a task was spawned while nobody led.
    fn await_turn(&self) {
        self.background_waits.store(true, Ordering::Release);
        let mut gate = self.gate.lock();
        let mut short_waits = 0;
        loop {
            let changes = gate.changes;
            if gate.present > 0 && short_waits >= SHORT_WAITS {
                gate.sleeps_long = true;
                self.gate_changed.wait(&mut gate);
                gate.sleeps_long = false;
                short_waits = 0;
                continue;
            }
            let linger = if gate.is_attended { LINGER_FOR_ATTENDANT } else { LINGER };
            let timed_out = self.gate_changed.wait_for(&mut gate, linger).timed_out();
            short_waits += 1;
            let quiet = timed_out && gate.changes == changes;
            if gate.present == 0 && (quiet || gate.spawned) {
                break;
            }
        }
        gate.spawned = false;
        self.background_waits.store(false, Ordering::Release);
    }
}

impl Gate {
    fn enter(&mut self, attends: bool) {
        self.present += 1;
        self.changes += 1;
        self.is_attended = attends;
    }

    fn leave(&mut self, attends: bool) {
        self.present -= 1;
        self.changes += 1;
        self.attendants -= usize::from(attends);
    }
}

/// How long a thread that attends leaves the lead to others.
#[derive(Default)]
struct Away {
    calls: Option<u64>,
    rest: Duration,
}

impl Away {
    /// The time until it looks again; `None` when nobody blocks and nobody has since it looked.
    fn rest(&mut self, gate: &Gate) -> Option<Duration> {
        let is_same = self.calls == Some(gate.calls);
        if is_same && gate.present == gate.attendants {
            return None;
        }
        self.calls = Some(gate.calls);
        self.rest = if is_same { LONGEST_AWAY.min(self.rest * 2) } else { AWAY };
        Some(self.rest)
    }
}

struct LeaveGate<'a> {
    runtime: &'a Runtime,
    attends: bool,
}

impl Drop for LeaveGate<'_> {
    fn drop(&mut self) {
        let mut gate = self.runtime.gate.lock();
        gate.leave(self.attends);
        let is_awaited = gate.present == 0 && gate.sleeps_long;
        drop(gate);
        if is_awaited {
            self.runtime.gate_changed.notify_one();
        }
    }
}

/// Polls `future` on this thread whenever it is woken, and at the intervals that `rest` gives; `None` when that gives
/// none. Nobody drives the runtime for it.
pub fn park_on<T>(
    mut future: Pin<&mut impl Future<Output = T>>,
    mut rest: impl FnMut() -> Option<Duration>,
) -> Option<T> {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Unpark>) {
            self.0.unpark();
        }
    }
    let waker = std::task::Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            return Some(result);
        }
        std::thread::park_timeout(rest()?);
    }
}

/// Whether this thread is inside the runtime now, so that it must not block. One that ends counts as inside once its
/// locals are gone: the runtime cannot be entered from there.
pub fn is_inside() -> bool {
    match tokio::runtime::Handle::try_current() {
        Ok(_) => true,
        Err(error) => error.is_thread_local_destroyed(),
    }
}

/// Ends a wait from another thread, once and for good.
#[derive(Clone, Default)]
pub struct Signal(Arc<Raised>);

#[derive(Default)]
struct Raised {
    is_raised: AtomicBool,
    waiting: Notify,
    /// Those that are raised with it, as far as somebody still has them.
    children: Mutex<Vec<Weak<Raised>>>,
}

impl Raised {
    fn raise(&self) {
        // Under the lock: a child that is added at the same time finds it raised, or is found here.
        let children = {
            let mut children = self.children.lock();
            self.is_raised.store(true, Ordering::Release);
            std::mem::take(&mut *children)
        };
        self.waiting.notify_waiters();
        children.iter().filter_map(Weak::upgrade).for_each(|child| child.raise());
    }
}

impl Signal {
    /// A signal that is raised with this one, or by itself: whoever waits for either waits for one.
    pub fn child(&self) -> Signal {
        let child = Signal::default();
        let mut children = self.0.children.lock();
        if self.is_raised() {
            drop(children);
            child.raise();
            return child;
        }
        children.retain(|child| child.strong_count() > 0);
        children.push(Arc::downgrade(&child.0));
        drop(children);
        child
    }

    /// Raises it.
    pub fn raise(&self) {
        self.0.raise();
    }

    /// Whether it was raised.
    pub fn is_raised(&self) -> bool {
        self.0.is_raised.load(Ordering::Acquire)
    }

    /// Returns when it was raised.
    pub async fn raised(&self) {
        let mut notified = pin!(self.0.waiting.notified());
        // Registered before the look, so that a raise between the two is not missed.
        notified.as_mut().enable();
        if !self.is_raised() {
            notified.await;
        }
    }
}

/// A future whose panic is a value.
pub struct CatchPanic<F>(pub F);

impl<T, F: Future<Output = Result<T>> + Unpin> Future for CatchPanic<F> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let future = Pin::new(&mut self.0);
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
            Ok(poll) => poll,
            Err(payload) => Poll::Ready(Err(panic_error(&*payload))),
        }
    }
}

/// The error that a caught panic becomes.
pub fn panic_error(payload: &(dyn std::any::Any + Send)) -> Error {
    let text = payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned());
    Error::new(Status::PANIC, "larder", format!("a panic was caught, please report it: {text}"))
}

#[cfg(all(test, not(loom)))]
mod tests;
