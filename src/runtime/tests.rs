use super::*;
use std::time::Instant;

#[test]
fn blocking_calls_from_many_threads_all_end() {
    let runtime = get().expect("runtime");
    let threads: Vec<_> = (0..8)
        .map(|number| {
            std::thread::spawn(move || {
                for _ in 0..50 {
                    runtime.block_on(async { tokio::time::sleep(Duration::from_micros(number * 100)).await });
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
}

#[test]
fn a_spawned_task_runs_while_nobody_blocks_and_right_after_a_blocking_call() {
    let runtime = get().expect("runtime");
    for _ in 0..200 {
        runtime.block_on(async {});
        let (sender, receiver) = std::sync::mpsc::channel();
        runtime.spawn(async move { sender.send(()).expect("the receiver waits") });
        receiver.recv_timeout(Duration::from_secs(20)).expect("the task runs");
    }
}

#[test]
fn a_long_blocking_call_does_not_stop_the_background_for_good() {
    let runtime = get().expect("runtime");
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
    let begin = Instant::now();
    let (sender, receiver) = std::sync::mpsc::channel();
    runtime.spawn(async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        sender.send(()).expect("the receiver waits");
    });
    receiver.recv_timeout(Duration::from_secs(20)).expect("the timer fires");
    assert!(begin.elapsed() >= Duration::from_millis(5));
}

#[test]
fn a_thread_that_attends_lets_blocking_callers_lead_and_gets_its_own_answer() {
    let runtime = get().expect("runtime");
    for round in 0..20 {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let attends = std::thread::spawn(move || runtime.attend(receiver).expect("an answer"));
        for _ in 0..round {
            runtime.block_on(async { tokio::time::sleep(Duration::from_micros(200)).await });
        }
        // The answer comes from a task that only somebody who leads can run.
        runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let _ = sender.send(round);
        });
        assert_eq!(attends.join().expect("no panic"), round);
    }
}

#[test]
fn calls_that_end_at_once_do_not_keep_the_runtime_from_being_driven() {
    let runtime = get().expect("runtime");
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let calls = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            runtime.block_on(std::future::ready(()));
        }
    });
    std::thread::sleep(Duration::from_millis(20));
    let (sender, receiver) = std::sync::mpsc::channel();
    let attended = sender.clone();
    runtime.spawn(async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let _ = sender.send("spawned");
    });
    let first = receiver.recv_timeout(Duration::from_secs(20));
    let (answer, answered) = tokio::sync::oneshot::channel();
    runtime.spawn(async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let _ = answer.send(());
    });
    std::thread::spawn(move || {
        let _ = runtime.attend(answered);
        let _ = attended.send("attended");
    });
    let second = receiver.recv_timeout(Duration::from_secs(20));
    stop.store(true, Ordering::Relaxed);
    calls.join().expect("no panic");
    assert_eq!((first, second), (Ok("spawned"), Ok("attended")));
}

#[test]
fn a_thread_that_attends_looks_ever_more_rarely_while_the_same_callers_stay() {
    let mut gate = Gate { present: 1, calls: 1, ..Gate::default() };
    let mut away = Away::default();
    let rests: Vec<_> = (0..10).map(|_| away.rest(&gate)).collect();
    assert_eq!((rests[0], rests[1], rests[9]), (Some(AWAY), Some(AWAY * 2), Some(LONGEST_AWAY)));
    gate.calls = 2;
    assert_eq!(away.rest(&gate), Some(AWAY));
    gate.present = 0;
    assert_eq!(away.rest(&gate), None);
}

#[test]
fn a_thread_whose_locals_are_gone_counts_as_inside() {
    struct Says(std::sync::mpsc::Sender<bool>);
    impl Drop for Says {
        fn drop(&mut self) {
            let _ = self.0.send(is_inside());
        }
    }
    thread_local!(static SAYS: std::cell::RefCell<Option<Says>> = const { std::cell::RefCell::new(None) });
    let (sender, receiver) = std::sync::mpsc::channel();
    let ends = std::thread::spawn(move || {
        // What was used first goes last.
        SAYS.set(Some(Says(sender)));
        is_inside()
    });
    assert!(!ends.join().expect("no panic"));
    assert_eq!(receiver.recv_timeout(Duration::from_secs(20)), Ok(true));
}

#[test]
fn a_thread_that_attends_sees_its_deadline_while_a_caller_leads() {
    let runtime = get().expect("runtime");
    let caller = std::thread::spawn(|| runtime.block_on(async { tokio::time::sleep(Duration::from_secs(2)).await }));
    let begin = Instant::now();
    let never = std::future::pending::<()>();
    let ended = runtime.attend(async { tokio::time::timeout(Duration::from_millis(20), never).await });
    assert!(ended.is_err() && begin.elapsed() >= Duration::from_millis(20));
    caller.join().expect("no panic");
}

#[test]
fn a_thread_that_parks_is_woken_and_otherwise_ends_with_its_rests() {
    let (sender, mut receiver) = tokio::sync::oneshot::channel();
    let sends = std::thread::spawn(move || sender.send(7).expect("it waits"));
    assert_eq!(park_on(Pin::new(&mut receiver), || Some(Duration::from_secs(20))), Some(Ok(7)));
    sends.join().expect("no panic");
    let mut rests = 3;
    let ended = park_on(pin!(std::future::pending::<()>()), || {
        rests -= 1;
        (rests > 0).then_some(Duration::from_millis(1))
    });
    assert_eq!((ended, rests), (None, 0));
}

#[test]
fn a_panic_in_a_future_is_an_error() {
    let future = Box::pin(async { panic!("on purpose") });
    let result: Result<()> = get().expect("runtime").block_on(CatchPanic(future));
    let error = result.expect_err("a panic");
    assert_eq!(error.status(), Status::PANIC);
    assert!(error.message().contains("on purpose"), "{error}");
}

#[test]
fn a_child_is_raised_with_its_parent_and_also_by_itself() {
    let parent = Signal::default();
    let (alone, with_parent) = (parent.child(), parent.child());
    alone.raise();
    assert!(alone.is_raised() && !parent.is_raised() && !with_parent.is_raised());
    let waiting = with_parent.clone();
    let waits = std::thread::spawn(move || get().expect("runtime").block_on(waiting.raised()));
    std::thread::sleep(Duration::from_millis(20));
    parent.raise();
    waits.join().expect("no panic");
    assert!(parent.child().is_raised(), "the parent was raised before");
}

#[test]
fn a_parent_keeps_nothing_of_children_that_are_gone() {
    let parent = Signal::default();
    for _ in 0..1000 {
        drop(parent.child());
    }
    assert!(parent.0.children.lock().len() <= 1);
}

#[test]
fn a_raised_signal_stays_raised() {
    let signal = Signal::default();
    signal.raise();
    get().expect("runtime").block_on(signal.raised());
    assert!(signal.is_raised());
}
