//! Flights by themselves.

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

#[test]
fn a_submitter_that_is_preempted_in_its_first_poll_holds_up_no_leader() {
    let flights = Arc::new(Flights::default());
    let runtime = flights.runtime().expect("a runtime");
    let (woken, wakers) = std::sync::mpsc::channel::<Waker>();
    let (go_on, preempted) = std::sync::mpsc::channel::<()>();
    let (ended, end) = std::sync::mpsc::channel();
    let mut is_first = true;
    let future = poll_fn(move |context| {
        if !is_first {
            let _ = ended.send("polled again");
            return Poll::Ready(());
        }
        is_first = false;
        woken.send(context.waker().clone()).expect("the test waits");
        let _ = preempted.recv();
        Poll::Pending
    });
    let begun = Arc::clone(&flights);
    let submitter = std::thread::spawn(move || begun.begin(runtime, work(future)).is_over());
    wakers.recv_timeout(Duration::from_secs(20)).expect("it polls").wake();
    let (led, leads) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime.block_on(async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        });
        let _ = led.send("has led");
    });
    assert_eq!(leads.recv_timeout(Duration::from_secs(20)), Ok("has led"));
    go_on.send(()).expect("the submitter waits");
    assert_eq!(end.recv_timeout(Duration::from_secs(20)), Ok("polled again"));
    submitter.join().expect("no panic");
    flights.end();
}

/// What a test looks at from outside of a future.
struct Inside {
    waker: Waker,
    dropped: std::sync::mpsc::Receiver<()>,
}

/// Begins a future that is over at its second poll.
fn begin_two_polls(flights: &Arc<Flights>, runtime: &'static Runtime) -> (Arc<Flight>, Inside) {
    struct SaysDropped(std::sync::mpsc::Sender<()>);
    impl Drop for SaysDropped {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (told, wakers) = std::sync::mpsc::channel();
    let (says, dropped) = std::sync::mpsc::channel();
    let says = SaysDropped(says);
    let mut is_first = true;
    let future = poll_fn(move |context| {
        let _says = &says;
        let _ = told.send(context.waker().clone());
        if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
    });
    let flight = flights.begin(runtime, work(future));
    (flight, Inside { waker: wakers.recv().expect("it was polled"), dropped })
}

fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(std::time::Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn what_is_woken_or_abandoned_after_the_end_is_dropped_and_nothing_stays() {
    let flights = Arc::new(Flights::default());
    let runtime = flights.runtime().expect("a runtime");
    let (over, of_over) = begin_two_polls(&flights, runtime);
    of_over.waker.wake_by_ref();
    of_over.dropped.recv_timeout(Duration::from_secs(20)).expect("it is over");
    let (woken, of_woken) = begin_two_polls(&flights, runtime);
    let (abandoned, of_abandoned) = begin_two_polls(&flights, runtime);
    flights.end();
    // The test's own, and one of each flight.
    eventually("the task ends", || Arc::strong_count(&flights) == 4);

    of_over.waker.wake();
    of_woken.waker.wake();
    abandoned.abandon();
    for inside in [&of_woken.dropped, &of_abandoned.dropped] {
        inside.recv_timeout(Duration::from_secs(20)).expect("its future is dropped");
    }
    drop((over, woken, abandoned, of_abandoned.waker));
    eventually("nothing holds the flights", || Arc::strong_count(&flights) == 1);
}
