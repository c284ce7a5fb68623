//! The futures of requests in flight: each polled first by whoever submits it, afterwards by one task for all.
//!
//! A task of the runtime for each request would cost a wake-up of the thread that drives it, a system call, before the
//! request is on its way. Polled by its submitter, a request stands in its connection's queue when `submit` returns, and
//! the connection wakes the runtime once for all that come meanwhile.
//!
//! Invariant: a flight that was woken, or abandoned, is in `ready` or being polled, so that the task comes by.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

use super::guard;
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
    ready: Mutex<Vec<Arc<Flight>>>,
    arrived: AtomicWaker,
}

/// One future on its way.
pub struct Flight {
    flights: Arc<Flights>,
    /// It is in `ready`.
    scheduled: AtomicBool,
    abandoned: AtomicBool,
    /// `None` once it is over.
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
            let polling = tokio::task::unconstrained(poll_fn(move |context| flights.poll(context, &mut turn)));
            runtime.spawn(polling);
        }
        Ok(runtime)
    }

    /// Begins a future, on this thread where that is outside of the runtime and of callbacks.
    pub fn begin(self: &Arc<Flights>, runtime: &Runtime, work: Work) -> Arc<Flight> {
        let flight = Arc::new(Flight {
            flights: Arc::clone(self),
            scheduled: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            work: Mutex::new(Some(work)),
        });
        if guard::may_block().is_ok() {
            runtime.enter(|| flight.poll());
        } else {
            // Whoever submits here may hold what the future needs.
            flight.schedule();
        }
        flight
    }

    /// Ends the task when it has polled what is ready.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.arrived.wake();
    }

    fn poll(&self, context: &mut Context<'_>, turn: &mut Vec<Arc<Flight>>) -> Poll<()> {
        self.arrived.register(context.waker());
        let has_ended = self.ended.load(Ordering::Acquire);
        let has_more = {
            let mut ready = self.ready.lock();
            let count = ready.len().min(TURN);
            turn.extend(ready.drain(..count));
            !ready.is_empty()
        };
        for flight in turn.drain(..) {
            flight.poll();
        }
        if has_more {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if has_ended { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Flight {
    /// Drops the future, soon and in the runtime.
    pub fn abandon(self: &Arc<Flight>) {
        self.abandoned.store(true, Ordering::Release);
        self.schedule();
    }

    /// Whether its future has ended.
    pub fn is_over(&self) -> bool {
        self.work.lock().is_none()
    }

    fn schedule(self: &Arc<Flight>) {
        if self.scheduled.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut ready = self.flights.ready.lock();
        ready.push(Arc::clone(self));
        let is_first = ready.len() == 1;
        drop(ready);
        if is_first {
            self.flights.arrived.wake();
        }
    }

    fn poll(self: &Arc<Flight>) {
        // An exchange, so that what a wake that found it scheduled has told is seen.
        self.scheduled.swap(false, Ordering::AcqRel);
        let mut work = self.work.lock();
        let Some(future) = work.as_mut() else { return };
        if !self.abandoned.load(Ordering::Acquire) {
            let waker = Waker::from(Arc::clone(self));
            let mut context = Context::from_waker(&waker);
            let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context)));
            if matches!(polled, Ok(Poll::Pending)) {
                return;
            }
        }
        let over = work.take();
        drop(work);
        // Its request is completed by the drop at the latest.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(over)));
    }
}

impl Wake for Flight {
    fn wake(self: Arc<Flight>) {
        self.schedule();
    }

    fn wake_by_ref(self: &Arc<Flight>) {
        self.schedule();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    fn work(future: impl Future<Output = ()> + Send + 'static) -> Work {
        Box::pin(future)
    }

    #[test]
    fn what_needs_no_wait_is_over_when_it_has_begun() {
        let flights = Arc::new(Flights::default());
        let runtime = flights.runtime().expect("a runtime");
        assert!(flights.begin(runtime, work(async {})).is_over());
        assert!(flights.begin(runtime, work(async { panic!("on purpose") })).is_over());
    }

    #[test]
    fn what_begins_inside_the_runtime_is_polled_by_the_task_only() {
        thread_local!(static BEGINS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
        let flights = Arc::new(Flights::default());
        let runtime = flights.runtime().expect("a runtime");
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let inside = Arc::clone(&flights);
        runtime.block_on(async move {
            BEGINS.set(true);
            let says = async move { sender.send(BEGINS.get()).expect("the test waits") };
            inside.begin(runtime, work(says));
            BEGINS.set(false);
        });
        assert_eq!(runtime.block_on(receiver), Ok(false));
    }

    #[test]
    fn an_abandoned_future_is_dropped_in_the_runtime() {
        struct Says(std::sync::mpsc::Sender<bool>);
        impl Drop for Says {
            fn drop(&mut self) {
                let _ = self.0.send(runtime::is_inside());
            }
        }
        let flights = Arc::new(Flights::default());
        let runtime = flights.runtime().expect("a runtime");
        let (sender, receiver) = std::sync::mpsc::channel();
        let says = Says(sender);
        let flight = flights.begin(
            runtime,
            work(async move {
                let _says = says;
                std::future::pending().await
            }),
        );
        assert!(!flight.is_over());
        flight.abandon();
        assert_eq!(receiver.recv_timeout(Duration::from_secs(20)), Ok(true));
        assert!(flight.is_over());
        flights.end();
    }

    #[test]
    fn more_than_a_turn_of_flights_end() {
        let flights = Arc::new(Flights::default());
        let runtime = flights.runtime().expect("a runtime");
        let (sender, receiver) = std::sync::mpsc::channel();
        for _ in 0..3 * TURN {
            let sender = sender.clone();
            let twice = async move {
                tokio::task::yield_now().await;
                let _ = sender.send(());
            };
            flights.begin(runtime, work(twice));
        }
        drop(sender);
        for _ in 0..3 * TURN {
            receiver.recv_timeout(Duration::from_secs(20)).expect("each is polled again");
        }
    }
}
