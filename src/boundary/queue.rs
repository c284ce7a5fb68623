//! The completion queue: requests go in with an id, completions come out in batches.
//!
//! Invariant: each accepted id gets exactly one completion, whatever happens. An accepted request is either in
//! `in_flight` or its completion is in `done`, or was drained; whoever takes an id out of `in_flight` — the task that
//! finished, a cancel, the close — puts the one completion in. A late answer finds no id, or the id with another serial
//! because the host has used it again, and is dropped; events in it go back to their watch.
//!
//! A request that reads what its host lends it, a *borrower*, completes only when nothing of its future is left: a cancel
//! or the close says what it will complete with, has its future dropped, and leaves the rest to that. So does the close
//! with a write, whose [last word](last_word) it has to hear before: it may have been sent.

use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::flight::{Flight, Flights};
use super::guard::{self, Birth};
use super::last_word;
use super::operation::{Answer, OperationKind};
use super::wait;
use crate::error::{Error, Result, Status};
use crate::runtime;
use crate::store::reply::{Pending, Reply};
use crate::sync::{Mutex, MutexGuard};

/// How many requests may be accepted and not yet drained, where the host says nothing.
pub const DEFAULT_CAPACITY: usize = 65_536;

/// How long a thread sleeps at a time that waits without a runtime.
const MOMENT: Duration = Duration::from_secs(1);

/// The answer to a request.
pub struct Completion {
    /// The id that the request was submitted with.
    pub id: u64,
    /// What was asked.
    pub operation: OperationKind,
    /// What was answered.
    pub result: Result<Answer>,
}

/// A queue of requests and completions; shared by its handle and the tasks in flight.
pub struct Queue {
    birth: Birth,
    capacity: usize,
    shared: Arc<Shared>,
    flights: Arc<Flights>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Told of a completion, and of the close.
    changed: Notify,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// How many requests were accepted.
    accepted: u64,
    in_flight: HashMap<u64, InFlight, foldhash::fast::RandomState>,
    done: VecDeque<Completion>,
    event: Option<OwnedFd>,
    waiters: usize,
}

struct InFlight {
    /// Tells two requests apart that have the same id one after the other.
    serial: u64,
    operation: OperationKind,
    flight: Option<Arc<Flight>>,
    borrows: bool,
    /// How it was ended, if it completes once its future is gone.
    ending: Option<Ending>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Cancelled,
    Closed,
}

impl Queue {
    /// A queue that holds at most `capacity` requests, accepted and not yet drained; 0 for [`DEFAULT_CAPACITY`].
    pub fn new(capacity: usize) -> Queue {
        let capacity = if capacity == 0 { DEFAULT_CAPACITY } else { capacity };
        Queue { birth: Birth::now(), capacity, shared: Arc::default(), flights: Arc::default() }
    }

    /// # Errors
    ///
    /// `FORKED`.
    pub fn check(&self) -> Result<()> {
        self.birth.check()
    }

    /// Whether it belongs to this process.
    pub fn is_here(&self) -> bool {
        self.birth.is_here()
    }

    /// Accepts a request, which `start` then starts. A refused one is not started and keeps nothing.
    ///
    /// # Errors
    ///
    /// `FORKED`, `CLOSED`, `BUSY` at the capacity, `INVALID_ARGUMENT` for an id that is in flight.
    pub fn submit(
        &self,
        id: u64,
        operation: OperationKind,
        timeout: Option<Duration>,
        start: impl FnOnce() -> Reply<Answer>,
    ) -> Result<()> {
        let serial = self.accept(id, operation, false)?;
        self.begin(id, serial, timeout, start);
        Ok(())
    }

    /// As [`Queue::submit`], for a request that reads what its host lends it: however it ends, by then nothing of its reply
    /// is left.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn submit_borrower(
        &self,
        id: u64,
        operation: OperationKind,
        timeout: Option<Duration>,
        start: impl FnOnce() -> Reply<Answer>,
    ) -> Result<()> {
        let serial = self.accept(id, operation, true)?;
        self.begin(id, serial, timeout, start);
        Ok(())
    }

    fn begin(&self, id: u64, serial: u64, timeout: Option<Duration>, start: impl FnOnce() -> Reply<Answer>) {
        let ticket = Ticket { shared: Some(Arc::clone(&self.shared)), id, serial };
        let reply = guard::protect(|| Ok(start())).unwrap_or_else(|error| Reply::Ready(Err(error)));
        match reply {
            Reply::Ready(result) => ticket.complete(result),
            Reply::Pending(future) => self.run(ticket, future, timeout),
        }
    }

    fn accept(&self, id: u64, operation: OperationKind, borrows: bool) -> Result<u64> {
        self.check()?;
        let mut state = self.shared.state.lock();
        if state.closed {
            return Err(Error::closed("queue"));
        }
        if state.in_flight.len() + state.done.len() >= self.capacity {
            let text = format!("{} requests are in flight or not drained; drain, then submit again", self.capacity);
            return Err(Error::new(Status::BUSY, "queue", text));
        }
        if state.in_flight.contains_key(&id) {
            return Err(Error::argument("id", format!("{id} is in flight already")));
        }
        state.accepted += 1;
        let serial = state.accepted;
        state.in_flight.insert(id, InFlight { serial, operation, flight: None, borrows, ending: None });
        Ok(serial)
    }

    fn run(&self, ticket: Ticket, future: Pending<Answer>, timeout: Option<Duration>) {
        let runtime = match self.flights.runtime() {
            Ok(runtime) => runtime,
            Err(error) => {
                drop(future);
                return ticket.complete(Err(error));
            }
        };
        let (id, serial) = (ticket.id, ticket.serial);
        let errand = Errand { future, ticket };
        let work = Box::pin(async move {
            // The ticket first, so that it is dropped last.
            let (ticket, future) = errand.apart();
            let result = wait::with_deadline(future, timeout).await;
            ticket.complete(result);
        });
        let flight = self.flights.begin(runtime, work);
        let mut state = self.shared.state.lock();
        // Gone already when it completed, was cancelled or closed meanwhile; then the flight has nobody to tell.
        let ending = match state.in_flight.get_mut(&id).filter(|request| request.serial == serial) {
            Some(request) if request.ending.is_none() => {
                request.flight = Some(flight);
                return;
            }
            Some(request) => request.ending,
            None => None,
        };
        drop(state);
        if flight.is_over() {
            return;
        }
        match ending {
            Some(Ending::Closed) => flight.close(),
            Some(Ending::Cancelled) | None => flight.abandon(),
        }
    }

    /// Cancels a request: it completes with `CANCELLED`. Says whether it was in flight.
    ///
    /// # Errors
    ///
    /// `FORKED`.
    pub fn cancel(&self, id: u64) -> Result<bool> {
        self.check()?;
        let mut state = self.shared.state.lock();
        let Some(request) = state.in_flight.get_mut(&id) else { return Ok(false) };
        if request.borrows || request.ending.is_some() {
            let flight = request.end(Ending::Cancelled);
            drop(state);
            flight.iter().for_each(Flight::abandon);
            return Ok(true);
        }
        let Some(request) = state.in_flight.remove(&id) else { return Ok(false) };
        self.shared.push(&mut state, Completion { id, operation: request.operation, result: Err(cancelled()) });
        drop(state);
        if let Some(flight) = request.flight {
            flight.abandon();
        }
        Ok(true)
    }

    /// Takes at most `most` completions. Waits for the first: not at all with `Some(ZERO)`, without end with `None`.
    /// Nothing is answered when none came in time.
    ///
    /// # Errors
    ///
    /// `FORKED`; `CLOSED` when it was closed and all completions were taken; `WOULD_DEADLOCK` from inside a callback.
    pub fn drain(&self, most: usize, wait: Option<Duration>) -> Result<Vec<Completion>> {
        self.check()?;
        let mut state = self.shared.state.lock();
        if !state.is_ready() && wait != Some(Duration::ZERO) {
            drop(state);
            guard::may_block()?;
            state = self.shared.wait_until_ready(wait);
        }
        if state.done.is_empty() && state.has_ended() {
            return Err(Error::closed("queue"));
        }
        let count = most.min(state.done.len());
        let taken: Vec<Completion> = state.done.drain(..count).collect();
        if state.done.is_empty() && !state.has_ended() {
            state.quiet_event();
        } else {
            // The host may have read the descriptor, and further completions raise it only when none wait.
            state.raise_event();
        }
        Ok(taken)
    }

    /// A file descriptor that is readable while completions wait, or the queue is closed. It belongs to the queue;
    /// reading it is allowed and not needed.
    ///
    /// # Errors
    ///
    /// `FORKED`; `IO` when the kernel gives none.
    pub fn event_fd(&self) -> Result<RawFd> {
        self.check()?;
        let mut state = self.shared.state.lock();
        if state.event.is_none() {
            state.event = Some(new_event()?);
            if state.is_ready() {
                state.raise_event();
            }
        }
        Ok(state.event.as_ref().map_or(-1, AsRawFd::as_raw_fd))
    }

    /// Requests accepted and not yet completed.
    pub fn in_flight(&self) -> usize {
        if !self.is_here() {
            return 0;
        }
        self.shared.state.lock().in_flight.len()
    }

    /// Refuses new requests and completes those in flight with `CLOSED`, a write that may have been sent with `AMBIGUOUS`.
    /// Reads complete at once, the others when the runtime comes by. What is complete can still be drained. Idempotent;
    /// never blocks.
    ///
    /// # Errors
    ///
    /// `FORKED`.
    pub fn close(&self) -> Result<()> {
        self.check()?;
        let mut state = self.shared.state.lock();
        if state.closed {
            return Ok(());
        }
        state.closed = true;
        let asked: Vec<Arc<Flight>> = state
            .in_flight
            .values_mut()
            .filter(|request| request.has_last_word())
            .filter_map(|request| request.end(Ending::Closed))
            .collect();
        let requests: Vec<(u64, InFlight)> =
            state.in_flight.extract_if(|_, request| !request.has_last_word()).collect();
        let mut flights = Vec::with_capacity(requests.len());
        for (id, request) in requests {
            let result = Err(Error::closed("queue"));
            state.done.push_back(Completion { id, operation: request.operation, result });
            flights.extend(request.flight);
        }
        if state.is_ready() {
            state.raise_event();
        }
        drop(state);
        self.shared.changed.notify_waiters();
        asked.iter().for_each(Flight::close);
        flights.iter().for_each(Flight::abandon);
        Ok(())
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // A handle of the parent is leaked before it gets here, so this is the queue's own process.
        let _ = self.close();
        self.flights.end();
    }
}

/// The duty to complete an accepted request. Dropped without an answer, because its task was aborted or panicked, it
/// answers `PANIC`, which tells nobody when a cancel or the close has answered already.
struct Ticket {
    /// Taken by the answer.
    shared: Option<Arc<Shared>>,
    id: u64,
    serial: u64,
}

/// A request that has not begun. Dropped, it completes when nothing of its future is left: fields are dropped in their order.
struct Errand {
    future: Pending<Answer>,
    ticket: Ticket,
}

impl Errand {
    fn apart(self) -> (Ticket, Pending<Answer>) {
        (self.ticket, self.future)
    }
}

impl Ticket {
    fn complete(mut self, result: Result<Answer>) {
        if let Some(shared) = self.shared.take() {
            shared.complete(self.id, self.serial, Some(result));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.complete(self.id, self.serial, None);
        }
    }
}

impl Shared {
    /// Completes a request with what was answered, if anything was, and with how it was ended.
    fn complete(&self, id: u64, serial: u64, answered: Option<Result<Answer>>) {
        // Given on after the lock: it may wake the next read of a watch.
        let _turn;
        let mut state = self.state.lock();
        let Some(request) = state.in_flight.get_mut(&id).filter(|request| request.serial == serial) else { return };
        let operation = request.operation;
        let mut result = match request.ending {
            Some(Ending::Cancelled) => Err(cancelled()),
            Some(Ending::Closed) => last_word::settle(answered, Error::closed("queue"), operation.writes_many()),
            None => answered.unwrap_or_else(|| Err(unanswered())),
        };
        state.in_flight.remove(&id);
        // From here on nothing keeps the events from the host.
        _turn = if let Ok(Answer::Events(told)) = &mut result { told.settle() } else { None };
        self.push(&mut state, Completion { id, operation, result });
        if state.has_ended() {
            // There is something to say to each that waits, and one of them takes the last completion.
            self.changed.notify_waiters();
        }
    }

    fn push(&self, state: &mut State, completion: Completion) {
        let was_empty = state.done.is_empty();
        state.done.push_back(completion);
        if state.waiters > 0 {
            self.changed.notify_one();
        }
        if was_empty {
            state.raise_event();
        }
    }

    /// Waits until something can be drained, or `wait` is over. What one thread was woken for, another may have taken.
    fn wait_until_ready(&self, wait: Option<Duration>) -> MutexGuard<'_, State> {
        let end = wait.and_then(|wait| Instant::now().checked_add(wait));
        loop {
            self.wait_for_one(end.map(|end| end.saturating_duration_since(Instant::now())));
            let state = self.state.lock();
            if state.is_ready() || end.is_some_and(|end| end <= Instant::now()) {
                return state;
            }
        }
    }

    /// Drives the runtime until there is a completion, so that the thread that reads an answer is the one that takes it.
    fn wait_for_one(&self, wait: Option<Duration>) {
        self.state.lock().waiters += 1;
        let arrival = self.arrival();
        match (runtime::get(), wait) {
            (Ok(runtime), None) => runtime.attend(arrival),
            (Ok(runtime), Some(limit)) => {
                // Nothing came in time where it ends so.
                let _ = runtime.attend(async { tokio::time::timeout(limit, arrival).await });
            }
            // What needs no runtime is still answered.
            (Err(_), wait) => {
                let end = wait.and_then(|wait| Instant::now().checked_add(wait));
                let left = || end.map_or(Some(MOMENT), |end| end.checked_duration_since(Instant::now()));
                let _ = runtime::park_on(pin!(arrival), left);
            }
        }
        self.state.lock().waiters -= 1;
    }

    async fn arrival(&self) {
        let mut changed = pin!(self.changed.notified());
        loop {
            // Registered before the look, so that a change between the two is not missed.
            changed.as_mut().enable();
            if self.state.lock().is_ready() {
                return;
            }
            changed.as_mut().await;
            changed.set(self.changed.notified());
        }
    }
}

impl InFlight {
    /// Whether it completes only when its future is gone.
    fn has_last_word(&self) -> bool {
        self.borrows || self.operation.writes()
    }

    /// Says how it ends, unless it was said before; its flight has to be ended so, if it has one yet.
    fn end(&mut self, ending: Ending) -> Option<Arc<Flight>> {
        self.ending.get_or_insert(ending);
        self.flight.take()
    }
}

impl State {
    fn is_ready(&self) -> bool {
        self.has_ended() || !self.done.is_empty()
    }

    /// It was closed, and there will be no completion beside those that are there.
    fn has_ended(&self) -> bool {
        self.closed && self.in_flight.is_empty()
    }

    fn raise_event(&self) {
        let Some(event) = &self.event else { return };
        let one = 1u64.to_ne_bytes();
        // SAFETY: the descriptor is open while `event` is, and the buffer is 8 bytes long. The descriptor does not block;
        // at a counter that is full, after 2^64 raises that nobody read, it fails and stays readable.
        unsafe { libc::write(event.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    fn quiet_event(&self) {
        let Some(event) = &self.event else { return };
        let mut count = [0u8; 8];
        // SAFETY: as above; the descriptor does not block, and a counter that the host has read already answers EAGAIN.
        unsafe { libc::read(event.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}

fn cancelled() -> Error {
    Error::new(Status::CANCELLED, "request", "it was cancelled; a write may still happen")
}

fn unanswered() -> Error {
    Error::new(Status::PANIC, "request", "its task ended without an answer")
}

fn new_event() -> Result<OwnedFd> {
    // SAFETY: a plain system call; the result is checked.
    let descriptor = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
    if descriptor < 0 {
        let error = std::io::Error::last_os_error();
        return Err(Error::new(Status::IO, "queue", format!("the kernel gives no eventfd: {error}")));
    }
    // SAFETY: the descriptor was just made and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

#[cfg(all(test, not(loom)))]
mod tests;
