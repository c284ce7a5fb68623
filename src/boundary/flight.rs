//! The futures of requests in flight: each polled first by whoever submits it, afterwards by one task for all.
//!
//! A task of the runtime for each request would cost a wake-up of the thread that drives it, a system call, before the
//! request is on its way. Polled by its submitter, a request stands in its connection's queue when `submit` returns, and
//! the connection wakes the runtime once for all that come meanwhile.
//!
//! Invariant: a flight that was woken, or abandoned, is in `ready` or being polled, so that the task comes by. Nobody waits
//! for who polls it: a submitter that is preempted in its first poll holds up no task of the runtime ([`Baton`]). After the
//! end there is no `ready` any more, in which nobody would come by: what is woken then is polled by a task of its own.

mod baton;

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use self::baton::Baton;
use super::guard;
use crate::deadline;
use crate::error::Result;
use crate::runtime::{self, Runtime};
use crate::sync::Mutex;

/// How many flights are polled before the connections have their turn again.
const TURN: usize = 256;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The flights of one queue, and the task that polls them.
#[derive(Default)]
pub struct Flights {
    begun: AtomicBool,
    ended: AtomicBool,
    ready: Mutex<Ready>,
    arrived: AtomicWaker,
}

/// Where flights wait for the task.
enum Ready {
    Gathered(Vec<Arc<Flight>>),
    /// The task is gone.
    Ended(&'static Runtime),
}

/// One future on its way.
pub struct Flight {
    flights: Arc<Flights>,
    baton: Baton,
    /// Whether its future is asked for its last word before it is dropped.
    is_closed: AtomicBool,
    /// `None` once it is over. Its lock is free for who has the baton, the only one who takes it.
    work: Mutex<Option<Work>>,
}

impl Flights {
    /// The runtime, with the task that polls.
    ///
    /// # Errors
    ///
    /// As [`runtime::get`].
    pub fn runtime(self: &Arc<Flights>) -> Result<&'static Runtime> {
        let runtime = runtime::get()?;
        if !self.begun.load(Ordering::Relaxed) && !self.begun.swap(true, Ordering::Relaxed) {
            let flights = Arc::clone(self);
            let mut turn = Vec::new();
            // Each flight would spend of this task's budget.
            let poll = poll_fn(move |context| flights.poll(runtime, context, &mut turn));
            let polling = tokio::task::unconstrained(poll);
            runtime.spawn(polling);
        }
        Ok(runtime)
    }

    /// Begins a future, on this thread where that is outside of the runtime and of callbacks.
    pub fn begin(self: &Arc<Flights>, runtime: &Runtime, work: Work) -> Arc<Flight> {
        let may_poll = guard::may_block().is_ok();
        let baton = if may_poll { Baton::polled() } else { Baton::free() };
        let (flights, is_closed) = (Arc::clone(self), AtomicBool::new(false));
        let flight = Arc::new(Flight { flights, baton, is_closed, work: Mutex::new(Some(work)) });
        if may_poll {
            runtime.enter(|| flight.poll());
        } else {
            // Whoever submits here may hold what the future needs.
            flight.wake_by_ref();
        }
        flight
    }

    /// Ends the task when it has polled what is ready.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.arrived.wake();
    }

    fn poll(&self, runtime: &'static Runtime, context: &mut Context<'_>, turn: &mut Vec<Arc<Flight>>) -> Poll<()> {
        self.arrived.register(context.waker());
        let has_ended = self.ended.load(Ordering::Acquire);
        let has_more = self.ready.lock().move_to(turn);
        turn.drain(..).for_each(|flight| flight.poll_when_woken());
        if has_more {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if !has_ended {
            return Poll::Pending;
        }
        let last = std::mem::replace(&mut *self.ready.lock(), Ready::Ended(runtime));
        last.into_gathered().iter().for_each(Flight::poll_when_woken);
        Poll::Ready(())
    }
}

impl Ready {
    /// Moves at most a [`TURN`] of flights. Says whether there are more.
    fn move_to(&mut self, turn: &mut Vec<Arc<Flight>>) -> bool {
        let Ready::Gathered(flights) = self else { return false };
        let count = flights.len().min(TURN);
        turn.extend(flights.drain(..count));
        !flights.is_empty()
    }

    fn into_gathered(self) -> Vec<Arc<Flight>> {
        match self {
            Ready::Gathered(flights) => flights,
            Ready::Ended(_) => Vec::new(),
        }
    }
}

impl Default for Ready {
    fn default() -> Ready {
        Ready::Gathered(Vec::new())
    }
}

impl Flight {
    /// Drops the future, soon and in the runtime.
    pub fn abandon(self: &Arc<Flight>) {
        if self.baton.abandon() {
            self.lay_ready();
        }
    }

    /// As [`Flight::abandon`], once the future was polled with its deadline in the present.
    pub fn close(self: &Arc<Flight>) {
        // Seen by who sees that it was abandoned.
        self.is_closed.store(true, Ordering::Relaxed);
        self.abandon();
    }

    /// Whether its future has ended.
    pub fn is_over(&self) -> bool {
        self.baton.is_over()
    }

    fn lay_ready(self: &Arc<Flight>) {
        let mut ready = self.flights.ready.lock();
        let flight = Arc::clone(self);
        match &mut *ready {
            Ready::Gathered(flights) => {
                flights.push(flight);
                let is_first = flights.len() == 1;
                drop(ready);
                if is_first {
                    self.flights.arrived.wake();
                }
            }
            Ready::Ended(runtime) => {
                let runtime = *runtime;
                drop(ready);
                runtime.spawn(async move { flight.poll_when_woken() });
            }
        }
    }

    fn poll_when_woken(self: &Arc<Flight>) {
        self.baton.take();
        self.poll();
    }

    /// For who has the baton.
    fn poll(self: &Arc<Flight>) {
        let is_abandoned = self.baton.is_abandoned();
        if !is_abandoned && self.has_to_wait() {
            // Polled again by the task, not here: a future that wakes itself would keep this thread.
            if self.baton.put_down() {
                self.lay_ready();
            }
            return;
        }
        if is_abandoned && self.is_closed.load(Ordering::Relaxed) {
            deadline::within(Some(Instant::now()), || self.has_to_wait());
        }
        let over = self.work.lock().take();
        self.baton.end();
        // Its request is completed by the drop at the latest.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(over)));
    }

    fn has_to_wait(self: &Arc<Flight>) -> bool {
        let mut work = self.work.lock();
        let Some(future) = work.as_mut() else { return false };
        let waker = Waker::from(Arc::clone(self));
        let mut context = Context::from_waker(&waker);
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context)));
        matches!(polled, Ok(Poll::Pending))
    }
}

impl Wake for Flight {
    fn wake(self: Arc<Flight>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Flight>) {
        if self.baton.wake() {
            self.lay_ready();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
