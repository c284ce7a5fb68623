//! The natives of the completion queue: a Java thread drains it, and completes futures elsewhere.

use std::time::Duration;

use bytes::Bytes;
use jni_sys::{JNIEnv, jboolean, jbyteArray, jclass, jint, jlong};

use super::answer::{Answer, free_answers};
use super::array::Environment;
use super::handles::{free, handle, respond};
use super::request::Parsed;
use crate::boundary::guard::{protect, protect_or};
use crate::boundary::queue::{Completion, Queue};
use crate::error::Status;
use crate::ffi::pointer::wait_from_ms;
use crate::sync::Mutex;

/// How long the dispatcher is held up when completions could not be taken, so that it does not ask in a busy loop.
const PAUSE: Duration = Duration::from_millis(10);

/// Bytes of the id in front of an answer.
const ID: usize = 8;

/// A queue, and completions that were drained when Java had no memory for them.
struct JavaQueue {
    queue: Queue,
    undelivered: Mutex<Vec<u8>>,
}

impl JavaQueue {
    /// Completions in their form for Java: those that were not delivered, or else at most `most` further ones. `None`
    /// when there will be no more.
    fn next(&self, most: usize, wait: Option<Duration>) -> Option<Vec<u8>> {
        let mut bytes = std::mem::take(&mut *self.undelivered.lock());
        if !bytes.is_empty() {
            return Some(bytes);
        }
        match protect(|| self.queue.drain(most, wait)) {
            Ok(completions) => completions.into_iter().for_each(|completion| append(completion, &mut bytes)),
            Err(error) if matches!(error.status(), Status::CLOSED | Status::FORKED) => return None,
            // Nothing was taken; the dispatcher asks again.
            Err(_) => std::thread::sleep(PAUSE),
        }
        Some(bytes)
    }
}

impl Drop for JavaQueue {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut *self.undelivered.lock());
        // SAFETY: `append` wrote them, and Java was given none of them.
        unsafe { free_answers(&bytes, ID) };
    }
}

/// Appends a completion: its id and its answer. A panic on the way becomes its answer, for each id has one.
fn append(completion: Completion, bytes: &mut Vec<u8>) {
    let Completion { id, operation, result } = completion;
    let start = bytes.len();
    let write = protect(|| {
        bytes.extend_from_slice(&id.to_le_bytes());
        Answer::of(operation, result).append_to(bytes);
        Ok(())
    });
    if let Err(error) = write {
        bytes.truncate(start);
        bytes.extend_from_slice(&id.to_le_bytes());
        Answer::of(operation, Err(error)).append_to(bytes);
    }
}

/// Opens a queue for so many requests; 0 for the default.
pub unsafe extern "system" fn open_queue(env: *mut JNIEnv, _: jclass, capacity: jint) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment.
    respond(unsafe { Environment::new(env) }, || {
        let queue = Queue::new(usize::try_from(capacity).unwrap_or_default());
        Ok(Answer::handle(JavaQueue { queue, undelivered: Mutex::default() }))
    })
}

/// Submits a request. Answers null when it was accepted, and the error's answer when it was refused.
pub unsafe extern "system" fn submit(
    env: *mut JNIEnv,
    _: jclass,
    queue: jlong,
    id: jlong,
    target: jlong,
    request: jbyteArray,
    value: jbyteArray,
) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment and the arrays; Java holds live handles.
    unsafe {
        let environment = Environment::new(env);
        let submitted = protect(|| {
            let request = environment.bytes(request, "request")?;
            let value = environment.optional_bytes(value, "value")?;
            let parsed = Parsed::read(&request, value.map(Bytes::from))?;
            let timeout = parsed.timeout()?;
            let checked = parsed.check(target)?;
            let queue = handle::<JavaQueue>(queue, "queue")?;
            checked.submit(&queue.queue, id as u64, timeout)
        });
        match submitted {
            Ok(()) => std::ptr::null_mut(),
            Err(error) => environment.array(&Answer::error(&error).into_bytes()),
        }
    }
}

/// Takes at most so many completions: for each its id (u64) and its answer. Waits for the first, negative for without
/// end. Answers an empty array when none came in time, null when the queue was closed and all were taken or it belongs
/// to the parent of this process.
pub unsafe extern "system" fn drain(
    env: *mut JNIEnv,
    _: jclass,
    queue: jlong,
    most: jint,
    wait_ms: jlong,
) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment; Java holds a live handle.
    let (environment, queue) = unsafe { (Environment::new(env), handle::<JavaQueue>(queue, "queue")) };
    let Ok(queue) = queue else { return std::ptr::null_mut() };
    let most = usize::try_from(most).unwrap_or(1).max(1);
    let Some(bytes) = protect_or(Some(Vec::new()), || queue.next(most, wait_from_ms(wait_ms))) else {
        return std::ptr::null_mut();
    };
    let array = environment.array(&bytes);
    if array.is_null() {
        *queue.undelivered.lock() = bytes;
    }
    array
}

/// Cancels a request; says whether it was in flight.
pub unsafe extern "system" fn cancel(_: *mut JNIEnv, _: jclass, queue: jlong, id: jlong) -> jboolean {
    // SAFETY: Java holds a live handle.
    protect(|| unsafe { handle::<JavaQueue>(queue, "queue") }?.queue.cancel(id as u64)).unwrap_or(false)
}

/// How many requests are in flight.
pub unsafe extern "system" fn in_flight(_: *mut JNIEnv, _: jclass, queue: jlong) -> jlong {
    // SAFETY: Java holds a live handle.
    protect(|| Ok(unsafe { handle::<JavaQueue>(queue, "queue") }?.queue.in_flight() as jlong)).unwrap_or(0)
}

/// Closes a queue.
pub unsafe extern "system" fn close_queue(env: *mut JNIEnv, _: jclass, queue: jlong) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment; Java holds a live handle.
    unsafe {
        respond(Environment::new(env), || {
            handle::<JavaQueue>(queue, "queue")?.queue.close()?;
            Ok(Answer::done())
        })
    }
}

/// Frees a queue.
pub unsafe extern "system" fn free_queue(_: *mut JNIEnv, _: jclass, queue: jlong) {
    // SAFETY: Java frees a handle once, when nobody can use it any more.
    unsafe { free::<JavaQueue>(queue, |queue| queue.queue.is_here()) };
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::boundary::guard::arm_panic;
    use crate::boundary::handle::WatchHandle;
    use crate::boundary::operation::{Answer as Answered, OperationKind};
    use crate::larder::Larder;
    use crate::store::options::WatchOptions;
    use crate::store::reply::Reply;

    fn empty() -> JavaQueue {
        JavaQueue { queue: Queue::new(0), undelivered: Mutex::default() }
    }

    fn submit(queue: &JavaQueue, id: u64, operation: OperationKind, answer: Answered) {
        queue.queue.submit(id, operation, None, || Reply::Ready(Ok(answer))).expect("accepted");
    }

    #[test]
    fn a_panic_on_the_way_to_java_is_the_answer_of_its_request() {
        let queue = empty();
        submit(&queue, 5, OperationKind::Size, Answered::Number(7));
        let mut taken = queue.queue.drain(1, Some(Duration::ZERO)).expect("open");
        let mut bytes = vec![1, 2, 3];
        arm_panic();
        append(taken.remove(0), &mut bytes);
        assert_eq!(bytes[..3], [1, 2, 3]);
        assert_eq!(bytes[3..11], 5u64.to_le_bytes());
        assert_eq!(bytes[11..15], Status::PANIC.0.to_le_bytes());
    }

    #[test]
    fn handles_and_payloads_that_java_never_got_are_freed_with_the_queue() {
        let larder = Larder::open("memory://").expect("a larder");
        let watch = crate::wait(larder.store("default").expect("a store").watch(&WatchOptions::default()), None);
        let watch = watch.expect("a watch");
        let alive = std::sync::Arc::downgrade(&watch);
        let queue = empty();
        submit(&queue, 1, OperationKind::Watch, Answered::Watch(WatchHandle::new(watch)));
        let outcomes = vec![Err(crate::Error::closed("store")); 1 << 16];
        submit(&queue, 2, OperationKind::PutMany, Answered::Outcomes(outcomes));
        let bytes = queue.next(16, Some(Duration::ZERO)).expect("open");
        assert_eq!(bytes.len(), 2 * (ID + 32), "the second is left behind to be fetched");
        *queue.undelivered.lock() = bytes;
        assert!(alive.upgrade().is_some());
        drop(queue);
        assert!(alive.upgrade().is_none());
    }

    #[test]
    fn a_closed_queue_has_no_more() {
        let queue = empty();
        queue.queue.close().expect("here");
        assert!(queue.next(1, None).is_none());
    }
}
