use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::*;
use crate::boundary::reading::WatchReader;
use crate::deadline;
use crate::store::options::{PutOptions, WatchOptions};

fn never() -> Reply<Answer> {
    Reply::pending(std::future::pending())
}

fn soon() -> Reply<Answer> {
    Reply::pending(async {
        tokio::time::sleep(Duration::from_micros(50)).await;
        Ok(Answer::Nothing)
    })
}

fn statuses(queue: &Queue, count: usize) -> Vec<(u64, Status)> {
    let mut seen = Vec::new();
    while seen.len() < count {
        for done in queue.drain(16, Some(Duration::from_secs(20))).expect("open") {
            seen.push((done.id, done.result.map_or_else(|error| error.status(), |_| Status::OK)));
        }
    }
    seen.sort_unstable_by_key(|(id, _)| *id);
    seen
}

#[test]
fn each_request_gets_one_completion_however_it_ends() {
    let queue = Queue::new(0);
    let submit = |id, timeout, start: fn() -> Reply<Answer>| queue.submit(id, OperationKind::Ping, timeout, start);
    submit(1, None, || Reply::Ready(Ok(Answer::Nothing))).expect("accepted");
    submit(2, None, soon).expect("accepted");
    submit(3, Some(Duration::from_millis(1)), never).expect("accepted");
    submit(4, None, || Reply::pending(async { panic!("on purpose") })).expect("accepted");
    submit(5, None, never).expect("accepted");
    submit(6, None, || panic!("on purpose")).expect("accepted");
    assert!(queue.cancel(5).expect("here"));
    assert!(!queue.cancel(5).expect("here"));
    let expected = [
        (1, Status::OK),
        (2, Status::OK),
        (3, Status::TIMEOUT),
        (4, Status::PANIC),
        (5, Status::CANCELLED),
        (6, Status::PANIC),
    ];
    assert_eq!(statuses(&queue, 6), expected);
    assert_eq!(queue.in_flight(), 0);
}

#[test]
fn close_completes_what_is_in_flight_and_then_says_closed() {
    let queue = Queue::new(0);
    queue.submit(7, OperationKind::Ping, None, never).expect("accepted");
    queue.close().expect("here");
    queue.close().expect("a second close is fine");
    assert_eq!(statuses(&queue, 1), [(7, Status::CLOSED)]);
    let error = queue.drain(1, None).err().expect("closed");
    assert_eq!(error.status(), Status::CLOSED);
    let refused = queue.submit(8, OperationKind::Ping, None, never).expect_err("closed");
    assert_eq!(refused.status(), Status::CLOSED);
}

/// A request that was sent, and says so when it has to end.
fn sent() -> Reply<Answer> {
    Reply::pending(std::future::poll_fn(|_| {
        if !deadline::has_come() {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(Err(Error::new(Status::AMBIGUOUS, "store", "it was sent")))
    }))
}

#[test]
fn close_says_of_a_write_that_was_sent_that_it_may_have_happened() {
    type Start = fn() -> Reply<Answer>;
    let requests: [(OperationKind, Option<Duration>, Start, Status); 6] = [
        (OperationKind::Put, None, sent, Status::AMBIGUOUS),
        (OperationKind::Remove, Some(Duration::from_secs(60)), sent, Status::AMBIGUOUS),
        (OperationKind::Put, None, never, Status::CLOSED),
        (OperationKind::PutMany, None, never, Status::AMBIGUOUS),
        (OperationKind::Get, None, never, Status::CLOSED),
        (OperationKind::WatchNext, None, never, Status::CLOSED),
    ];
    let queue = Queue::new(0);
    for (id, (operation, timeout, start, _)) in (0..).zip(&requests) {
        queue.submit(id, *operation, *timeout, start).expect("accepted");
    }
    queue.close().expect("here");
    let expected = (0..).zip(requests.iter().map(|(.., status)| *status));
    assert!(expected.take(requests.len()).eq(statuses(&queue, requests.len())));
    assert_eq!(queue.drain(1, None).err().map(|error| error.status()), Some(Status::CLOSED));
}

#[test]
fn an_answer_that_is_there_when_the_queue_is_closed_is_given() {
    let queue = Queue::new(0);
    let (begin, begun) = std::sync::mpsc::channel();
    let (go_on, goes_on) = std::sync::mpsc::channel::<()>();
    let busy = move || {
        Reply::pending(async move {
            tokio::task::yield_now().await;
            begin.send(()).expect("the test waits");
            let _ = goes_on.recv();
            Ok(Answer::Number(1))
        })
    };
    queue.submit(7, OperationKind::Remove, None, busy).expect("accepted");
    begun.recv().expect("the task begins");
    queue.close().expect("here");
    go_on.send(()).expect("the task waits");
    assert_eq!(statuses(&queue, 1), [(7, Status::OK)]);
}

#[test]
fn of_two_threads_that_drain_each_sees_the_end_when_the_last_request_outlives_the_close() {
    let queue = Arc::new(Queue::new(0));
    let (end, ended) = std::sync::mpsc::channel();
    for _ in 0..2 {
        let (queue, end) = (Arc::clone(&queue), end.clone());
        std::thread::spawn(move || {
            while queue.drain(16, None).is_ok() {}
            let _ = end.send(());
        });
    }
    let start = || {
        let borrowed = Borrowed(Arc::default());
        Reply::pending(async move {
            let _borrowed = borrowed;
            std::future::pending().await
        })
    };
    queue.submit_borrower(7, OperationKind::Put, None, start).expect("accepted");
    while queue.shared.state.lock().waiters < 2 {
        std::thread::yield_now();
    }
    queue.close().expect("here");
    for _ in 0..2 {
        ended.recv_timeout(Duration::from_secs(20)).expect("it does not wait for ever");
    }
}

#[test]
fn of_two_threads_that_drain_without_end_none_returns_empty() {
    const TOTAL: u64 = 20_000;
    let queue = Arc::new(Queue::new(0));
    let drains = || {
        let queue = Arc::clone(&queue);
        std::thread::spawn(move || {
            let (mut taken, mut empty) = (0, 0);
            while let Ok(done) = queue.drain(16, None) {
                taken += done.len() as u64;
                empty += usize::from(done.is_empty());
            }
            (taken, empty)
        })
    };
    let drainers = [drains(), drains()];
    for id in 0..TOTAL {
        queue.submit(id, OperationKind::Ping, None, || Reply::Ready(Ok(Answer::Nothing))).expect("accepted");
        if id % 3 == 2 {
            std::thread::sleep(Duration::from_micros(20));
        }
    }
    queue.close().expect("here");
    let counts = drainers.map(|drainer| drainer.join().expect("no panic"));
    assert_eq!(counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1)), (TOTAL, 0));
}

#[test]
fn a_full_queue_is_busy_until_it_is_drained() {
    let queue = Queue::new(2);
    for id in 0..2 {
        queue.submit(id, OperationKind::Ping, None, soon).expect("accepted");
    }
    let refused = queue.submit(2, OperationKind::Ping, None, soon).expect_err("full");
    assert_eq!(refused.status(), Status::BUSY);
    assert_eq!(statuses(&queue, 2).len(), 2);
    queue.submit(2, OperationKind::Ping, None, soon).expect("accepted");
    let twice = queue.submit(2, OperationKind::Ping, None, never).map_err(|error| error.status());
    assert!(twice.is_ok() || twice == Err(Status::INVALID_ARGUMENT));
}

#[test]
fn a_late_answer_does_not_complete_a_later_request_of_the_same_id() {
    let queue = Queue::new(0);
    let (begin, begun) = std::sync::mpsc::channel();
    let (go_on, goes_on) = std::sync::mpsc::channel::<()>();
    let busy = move || {
        Reply::pending(async move {
            // Polled by the submit first.
            tokio::task::yield_now().await;
            begin.send(()).expect("the test waits");
            // The task is inside a poll while its request is cancelled, so that the cancel cannot stop it.
            let _ = goes_on.recv();
            Ok(Answer::Number(1))
        })
    };
    queue.submit(7, OperationKind::Size, None, busy).expect("accepted");
    begun.recv().expect("the task begins");
    assert!(queue.cancel(7).expect("here"));
    assert_eq!(statuses(&queue, 1), [(7, Status::CANCELLED)]);
    queue.submit(7, OperationKind::Ping, None, never).expect("accepted again");
    go_on.send(()).expect("the task waits");
    queue.submit(8, OperationKind::Ping, None, soon).expect("accepted");
    assert_eq!(statuses(&queue, 1), [(8, Status::OK)]);
    assert_eq!(queue.in_flight(), 1);
}

#[test]
fn a_task_that_is_dropped_without_an_answer_completes() {
    struct PanicsWhenDropped;
    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let queue = Queue::new(0);
    let start = || {
        let guard = PanicsWhenDropped;
        Reply::pending(std::future::poll_fn(move |_| {
            let _kept = &guard;
            std::task::Poll::Ready(Ok(Answer::Nothing))
        }))
    };
    queue.submit(1, OperationKind::Ping, None, start).expect("accepted");
    assert_eq!(statuses(&queue, 1), [(1, Status::PANIC)]);
}

#[test]
fn the_descriptor_stays_readable_after_the_host_has_read_it_and_drained_a_part() {
    let queue = Queue::new(0);
    let descriptor = queue.event_fd().expect("a descriptor");
    for id in 0..3 {
        queue.submit(id, OperationKind::Ping, None, || Reply::Ready(Ok(Answer::Nothing))).expect("accepted");
    }
    let mut count = [0u8; 8];
    // SAFETY: the buffer is 8 bytes long, as an eventfd needs it.
    assert_eq!(unsafe { libc::read(descriptor, count.as_mut_ptr().cast(), count.len()) }, 8);
    assert_eq!(queue.drain(2, Some(Duration::ZERO)).expect("open").len(), 2);
    let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid pollfd.
    assert_eq!(unsafe { libc::poll(&mut poll, 1, 0) }, 1);
}

#[test]
fn the_descriptor_is_readable_exactly_while_completions_wait() {
    let queue = Queue::new(0);
    let descriptor = queue.event_fd().expect("a descriptor");
    let readable = |wait_ms| {
        let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid pollfd.
        unsafe { libc::poll(&mut poll, 1, wait_ms) == 1 }
    };
    assert!(!readable(0));
    for round in 0..100 {
        queue.submit(round, OperationKind::Ping, None, soon).expect("accepted");
        assert!(readable(20_000));
        assert_eq!(queue.drain(16, Some(Duration::ZERO)).expect("open").len(), 1);
        assert!(!readable(0));
    }
}

#[test]
fn cancels_that_race_with_reads_of_a_watch_lose_no_event_and_keep_their_order() {
    const EVENTS: u32 = 2_000;
    let larder = crate::Larder::open("memory://").expect("a larder");
    let store = larder.store("default").expect("a store");
    let watch = wait::wait(store.watch(&WatchOptions::default()), None).expect("a watch");
    let reader = WatchReader::new(watch);
    let queue = Queue::new(0);
    let read_so_far = Arc::new(AtomicU32::new(0));
    let writer = std::thread::spawn({
        let read_so_far = Arc::clone(&read_so_far);
        move || {
            for number in 0..EVENTS {
                wait::wait(store.put(&number.to_be_bytes(), b"", &PutOptions::default()), None).expect("written");
                // However slow the reader is, it finds nothing to read again and again, and a cancel something to cancel.
                while number % 8 == 0 && read_so_far.load(Ordering::Relaxed) <= number {
                    std::thread::yield_now();
                }
            }
        }
    });
    let mut seen = Vec::new();
    let mut cancelled = 0;
    for id in 0.. {
        if seen.len() == EVENTS as usize {
            break;
        }
        let read = || reader.read(3).map(Answer::Events);
        queue.submit(id, OperationKind::WatchNext, None, read).expect("accepted");
        if id % 2 == 0 {
            // Some are answered before it, some are cancelled, and some both at once.
            (0..id % 512).for_each(|_| std::hint::spin_loop());
            queue.cancel(id).expect("here");
        }
        for done in queue.drain(1, Some(Duration::from_secs(20))).expect("open") {
            match done.result {
                Ok(Answer::Events(told)) => seen.extend(told.into_events()),
                Ok(_) => panic!("another answer"),
                Err(_) => cancelled += 1,
            }
            read_so_far.store(seen.len() as u32, Ordering::Relaxed);
        }
    }
    writer.join().expect("no panic");
    let numbers = seen.iter().map(|event| event.record.as_ref().expect("a record").key().to_vec());
    assert!(numbers.eq((0..EVENTS).map(|number| number.to_be_bytes().to_vec())));
    assert!(cancelled > 0);
}

#[test]
fn cancels_that_race_with_answers_never_lose_or_double_a_completion() {
    let queue = Arc::new(Queue::new(0));
    let total = 2_000u64;
    let canceller = {
        let queue = Arc::clone(&queue);
        std::thread::spawn(move || {
            for id in 0..total {
                while queue.cancel(id).expect("here") && id % 3 == 0 {}
                if id % 7 == 0 {
                    std::thread::yield_now();
                }
            }
        })
    };
    for id in 0..total {
        queue.submit(id, OperationKind::Ping, None, soon).expect("accepted");
    }
    let seen = statuses(&queue, total as usize);
    canceller.join().expect("no panic");
    assert!(seen.iter().map(|(id, _)| *id).eq(0..total));
    assert!(queue.drain(1, Some(Duration::ZERO)).expect("open").is_empty());
}

/// Says when it was dropped, which takes a while.
struct Borrowed(Arc<AtomicBool>);

impl Drop for Borrowed {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(30));
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_borrower_completes_when_nothing_of_it_is_left_however_it_ends() {
    type End = fn(&Queue);
    let ends: [(Status, Option<Duration>, u64, End); 6] = [
        (Status::OK, None, 1, |_| {}),
        (Status::PANIC, None, 2, |_| {}),
        (Status::TIMEOUT, Some(Duration::from_millis(1)), 3, |_| {}),
        (Status::CANCELLED, None, 3, |queue| assert!(queue.cancel(7).expect("here"))),
        (Status::CLOSED, None, 3, |queue| queue.close().expect("here")),
        (Status::CANCELLED, None, 3, |queue| {
            assert!(queue.cancel(7).expect("here"));
            queue.close().expect("here");
        }),
    ];
    for (status, timeout, what, end) in ends {
        let queue = Queue::new(0);
        let is_gone = Arc::new(AtomicBool::new(false));
        let borrowed = Borrowed(Arc::clone(&is_gone));
        let start = move || {
            Reply::pending(async move {
                let _borrowed = borrowed;
                tokio::time::sleep(Duration::from_millis(1)).await;
                match what {
                    1 => Ok(Answer::Nothing),
                    2 => panic!("on purpose"),
                    _ => std::future::pending().await,
                }
            })
        };
        queue.submit_borrower(7, OperationKind::Put, timeout, start).expect("accepted");
        end(&queue);
        let seen = statuses(&queue, 1);
        assert!(is_gone.load(Ordering::SeqCst), "{status:?}: it completed before");
        assert_eq!(seen, [(7, status)]);
        assert_eq!(queue.in_flight(), 0);
    }
}

#[test]
fn borrowers_that_are_cancelled_while_they_are_submitted_complete_once_and_are_gone() {
    let queue = Arc::new(Queue::new(0));
    let borrowed = Arc::new(());
    let total = 1_000u64;
    let canceller = {
        let queue = Arc::clone(&queue);
        std::thread::spawn(move || {
            for id in 0..total {
                while !queue.cancel(id).expect("here") {
                    std::hint::spin_loop();
                }
            }
        })
    };
    for id in 0..total {
        let borrowed = Arc::clone(&borrowed);
        let start = move || {
            Reply::pending(async move {
                let _borrowed = borrowed;
                std::future::pending().await
            })
        };
        queue.submit_borrower(id, OperationKind::Put, None, start).expect("accepted");
    }
    canceller.join().expect("no panic");
    let seen = statuses(&queue, total as usize);
    assert_eq!(Arc::strong_count(&borrowed), 1);
    assert!(seen.into_iter().eq((0..total).map(|id| (id, Status::CANCELLED))));
}
