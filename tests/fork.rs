//! A process that is forked while Larder's threads sleep, hold locks and wait for answers: the child can open a larder
//! of its own and use all of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use larder::Larder;
use larder::boundary::operation::{Answer, OperationKind};
use larder::boundary::queue::Queue;
use larder::store::Store;
use larder::store::event::EventKind;
use larder::store::options::{Lifetime, PutOptions, Term, WatchOptions};

const FORKS: usize = 20;
const LIMIT: Duration = Duration::from_secs(10);
const MEMORY_AND_FAULT: &str = "[stores.default]\ntype = \"memory\"\n[stores.late]\ntype = \"fault\"\n";

fn brief() -> PutOptions {
    let lifetime = Lifetime { lifespan: Term::For(Duration::from_millis(5)), max_idle: Term::Default };
    PutOptions { lifetime, ..PutOptions::default() }
}

/// Waits for an answer on the completion queue, by the runtime's own thread.
fn submit_and_drain(late: &Arc<dyn Store>) {
    let queue = Queue::new(0);
    let get = || late.get(b"delay:5:k").map(Answer::Record);
    queue.submit(1, OperationKind::Get, Some(LIMIT), get).expect("accepted");
    let done = queue.drain(1, Some(LIMIT)).expect("open");
    assert_eq!(done.len(), 1);
    assert!(matches!(done[0].result, Ok(Answer::Record(Some(_)))));
}

/// All that has a lock or a thread behind it, in the child.
fn use_a_larder_of_its_own() {
    let larder = Larder::open(MEMORY_AND_FAULT).expect("a larder");
    let store = larder.store("default").expect("a store");
    let watch = larder::wait(store.watch(&WatchOptions::default()), None).expect("a watch");
    larder::wait(store.put(b"k", b"v", &brief()), None).expect("written");
    larder::wait(store.put(b"stays", b"v", &PutOptions::default()), None).expect("written");
    assert!(larder::wait(store.get(b"stays"), None).expect("open").is_some());
    // The sweeper's thread is the child's own: somebody tells that a record expired, though nobody looks at it.
    let has_expired = |event: &larder::store::event::Event| event.kind == EventKind::Expired;
    while !larder::wait(watch.next(16), Some(LIMIT)).expect("the sweeper runs").iter().any(has_expired) {}

    let late = larder.store("late").expect("a store");
    larder::wait(late.put(b"delay:5:k", b"v", &PutOptions::default()), Some(LIMIT)).expect("written");
    assert!(larder::wait(late.get(b"delay:5:k"), Some(LIMIT)).expect("answered").is_some());
    submit_and_drain(&late);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let late = Arc::clone(&late);
            std::thread::spawn(move || larder::wait(late.get(b"delay:5:k"), Some(LIMIT)).expect("answered"))
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
}

/// Forks, and has the child do `body`; how it ended, `None` when it did not end in time.
fn run_in_child(body: fn()) -> Option<i32> {
    // SAFETY: the child runs `body` on the one thread that it has and ends by `_exit`; that `body` may run after the
    // fork of a process with threads is what this test is about. The C library makes its allocator fit for it.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no process");
    if child == 0 {
        let result = std::panic::catch_unwind(body);
        // SAFETY: ends the process, and runs nothing of the test's harness.
        unsafe { libc::_exit(if result.is_ok() { 0 } else { 1 }) };
    }
    let end = Instant::now() + LIMIT;
    let mut status = 0;
    while Instant::now() < end {
        // SAFETY: waits for the child that was just made, without blocking.
        if unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) } == child {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    // SAFETY: as above; the child exists until it was waited for.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, &mut status, 0);
    }
    None
}

#[test]
fn a_child_forked_while_threads_sleep_and_requests_are_in_flight_uses_a_larder_of_its_own() {
    let larder = Larder::open(MEMORY_AND_FAULT).expect("a larder");
    let (store, late) = (larder.store("default").expect("a store"), larder.store("late").expect("a store"));
    let queue = Queue::new(0);
    for id in 0..8 {
        queue.submit(id, OperationKind::Get, None, || late.get(b"never:").map(Answer::Record)).expect("accepted");
    }
    let is_over = Arc::new(AtomicBool::new(false));
    // Threads that wait for an answer, that drain the queue, and that keep the sweeper going.
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let _ = larder::wait(late.get(b"never:"), Some(Duration::from_millis(50)));
                }
            });
        }
        scope.spawn(|| while queue.drain(16, Some(Duration::from_millis(50))).is_ok() {});
        scope.spawn(|| {
            for number in 0_u32.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                larder::wait(store.put(&number.to_le_bytes(), b"v", &brief()), None).expect("written");
                if number % 64 == 0 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        });
        std::thread::sleep(Duration::from_millis(100));
        let mut outcomes = Vec::new();
        for _ in 0..FORKS {
            std::thread::sleep(Duration::from_millis(7));
            outcomes.push(run_in_child(use_a_larder_of_its_own));
        }
        is_over.store(true, Ordering::Relaxed);
        queue.close().expect("here");
        assert_eq!(outcomes, [Some(0); FORKS], "None for a child that hung, 0 for one that did all");
    });
}
