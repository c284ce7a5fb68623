//! The natives of the completion queue: a Java thread drains it, and completes futures elsewhere.

use jni_sys::{JNIEnv, jboolean, jbyteArray, jclass, jint, jlong};

use super::answer::Answer;
use super::array::Environment;
use super::handles::{free, handle, respond};
use super::request::Parsed;
use crate::boundary::guard::protect;
use crate::boundary::queue::Queue;
use crate::error::Status;
use crate::ffi::pointer::wait_from_ms;
use crate::sync::Mutex;

/// A queue, and completions that were drained when Java had no memory for them.
struct JavaQueue {
    queue: Queue,
    undelivered: Mutex<Vec<u8>>,
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
            let parsed = Parsed::read(&request, value.as_deref())?;
            let timeout = parsed.timeout()?;
            let checked = parsed.check(target)?;
            let queue = handle::<JavaQueue>(queue, "queue")?;
            queue.queue.submit(id as u64, checked.kind, timeout, || checked.start())
        });
        match submitted {
            Ok(()) => std::ptr::null_mut(),
            Err(error) => environment.array(&Answer::error(&error).into_bytes()),
        }
    }
}

/// Takes at most so many completions: for each its id (u64) and its answer. Waits for the first, negative for without
/// end. Answers an empty array when none came in time, null when the queue was closed and all were taken.
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
    let mut bytes = std::mem::take(&mut *queue.undelivered.lock());
    if bytes.is_empty() {
        let most = usize::try_from(most).unwrap_or(1).max(1);
        match protect(|| queue.queue.drain(most, wait_from_ms(wait_ms))) {
            Ok(completions) => {
                for completion in completions {
                    bytes.extend_from_slice(&completion.id.to_le_bytes());
                    Answer::of(completion.operation, completion.result).append_to(&mut bytes);
                }
            }
            Err(error) if error.status() == Status::CLOSED => return std::ptr::null_mut(),
            // Nothing was taken; the dispatcher asks again.
            Err(_) => {}
        }
    }
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
