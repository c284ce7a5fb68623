//! `larder_queue_t`: requests in, completions out.

use super::bytes::larder_bytes_t;
use super::cursor::larder_cursor_t;
use super::error::larder_error_t;
use super::events::larder_events_t;
use super::pointer::{buffer, call, give, handle, options, output, put, required, wait_from_ms, zero};
use super::record::{self, larder_record_t};
use super::records::larder_records_t;
use super::request::larder_request_t;
use super::statistics::larder_statistics_t;
use super::store_many::element;
use super::store_write::status_of;
use super::watch::larder_watch_t;
use crate::boundary::guard::protect_or;
use crate::boundary::handle::release;
use crate::boundary::operation::{Answer, OperationKind};
use crate::boundary::queue::{Completion, Queue};
use crate::error::{Error, Result, Status};
use crate::store::options::Outcome;

/// A completion queue: requests are submitted with an id, and completions are drained in batches, in the order in which
/// they come. Any thread may submit, drain, cancel and close.
pub struct larder_queue_t(Queue);

/// What a request came to. Each pointer that is not NULL belongs to whoever drained it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct larder_completion_t {
    /// The request's id.
    pub id: u64,
    /// The status; positive and negative ones as the blocking call of the same operation has them.
    pub status: i32,
    /// The request's operation.
    pub operation: u32,
    /// A revision, a count or a size.
    pub number: u64,
    /// Of LARDER_OPERATION_GET and LARDER_OPERATION_GET_VALUE; freed with larder_record_free.
    pub record: *const larder_record_t,
    /// Of operations that read many; freed with larder_records_free.
    pub records: *mut larder_records_t,
    /// Of LARDER_OPERATION_WATCH_NEXT; freed with larder_events_free.
    pub events: *mut larder_events_t,
    /// Of LARDER_OPERATION_CURSOR; freed with larder_cursor_free.
    pub cursor: *mut larder_cursor_t,
    /// Of LARDER_OPERATION_WATCH; freed with larder_watch_free.
    pub watch: *mut larder_watch_t,
    /// Of LARDER_OPERATION_PUT_MANY and LARDER_OPERATION_STATISTICS; freed with larder_bytes_free.
    pub bytes: *mut larder_bytes_t,
    /// Why it failed; freed with larder_error_free.
    pub error: *mut larder_error_t,
    /// Zero.
    pub reserved: [u64; 2],
}

/// Opens a queue. Requests of any larder of this process can go through it.
///
/// Any thread. Does not block. Since ABI 1.
///
/// @param capacity  how many requests may be accepted and not yet drained; 0 for 65,536
/// @param queue     receives the queue, to be closed with larder_queue_close and freed with larder_queue_free
/// @param err       receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// The pointers are null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_queue_open(
    capacity: usize,
    queue: *mut *mut larder_queue_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            output(queue, "queue")?.write(give(larder_queue_t(Queue::new(capacity))));
            Ok(Status::OK)
        })
    }
}

/// A file descriptor that is readable while completions wait and once the queue is closed: for poll, epoll or an event
/// loop. It belongs to the queue and lives as long as it does; reading it (8 bytes) is allowed and not needed.
///
/// Any thread. Does not block. Since ABI 1.
///
/// @param queue       the queue
/// @param descriptor  receives the descriptor
/// @param err         receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_IO when the kernel gives none; LARDER_FORKED, LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// The pointers are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_queue_descriptor(
    queue: *const larder_queue_t,
    descriptor: *mut i32,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            required(descriptor, "descriptor")?.write(handle(queue, "queue")?.0.event_fd()?);
            Ok(Status::OK)
        })
    }
}

/// Submits requests. Each accepted one gets exactly one completion, whatever happens; a refused one keeps nothing. The
/// requests before the first refused one are accepted.
///
/// Any thread, a callback too. Does not block. Since ABI 1.
///
/// @param queue     the queue
/// @param requests  the requests; borrowed for the call
/// @param count     how many
/// @param accepted  receives how many were accepted, from the front; may be NULL
/// @param err       receives the error of the first refused one; may be NULL
/// @return LARDER_OK when all were accepted; LARDER_BUSY when too many are in flight or not drained; LARDER_CLOSED,
///         LARDER_FORKED, LARDER_INVALID_ARGUMENT (also for an id that is in flight)
///
/// # Safety
///
/// The pointers are null or valid for their lengths, those inside the requests too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_queue_submit(
    queue: *const larder_queue_t,
    requests: *const larder_request_t,
    count: usize,
    accepted: *mut usize,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            put(accepted, 0);
            let queue = handle(queue, "queue")?;
            for index in 0..count {
                let request = options(element(requests, index), "requests")?;
                let request = request.ok_or_else(|| Error::argument("requests", "it is null"))?;
                zero(&request.reserved, "requests.reserved")?;
                let (checked, timeout) = request.check()?;
                checked.submit(&queue.0, request.id, timeout)?;
                put(accepted, index + 1);
            }
            Ok(Status::OK)
        })
    }
}

/// Takes completions, in the order in which they came.
///
/// Any thread. Blocks until there is one, at most `wait_ms`; the thread serves the connections of stores meanwhile.
/// Since ABI 1.
///
/// @param queue                  the queue
/// @param completions, capacity  the array to fill; at least one
/// @param wait_ms                milliseconds to wait for the first; 0 for not at all, negative for without end
/// @param count                  receives how many were filled in; 0 when none came in time
/// @param err                    receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_CLOSED when the queue was closed and all completions were taken; LARDER_WOULD_DEADLOCK
///         from a callback when it has to wait; LARDER_FORKED, LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_queue_drain(
    queue: *const larder_queue_t,
    completions: *mut larder_completion_t,
    capacity: usize,
    wait_ms: i64,
    count: *mut usize,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let out = required(count, "count")?;
            out.write(0);
            let room =
                buffer(completions.cast::<std::mem::MaybeUninit<larder_completion_t>>(), capacity, "completions")?;
            super::watch::positive(room.len())?;
            let taken = handle(queue, "queue")?.0.drain(room.len(), wait_from_ms(wait_ms))?;
            out.write(taken.len());
            for (place, completion) in room.iter_mut().zip(taken) {
                place.write(larder_completion_t::from(completion));
            }
            Ok(Status::OK)
        })
    }
}

/// Cancels a request: it completes with LARDER_CANCELLED. A write that was under way may still happen.
/// Any thread, a callback too. Does not block. Since ABI 1.
///
/// @return LARDER_OK; LARDER_NOT_FOUND when no such request is in flight, because it completed; LARDER_FORKED,
///         LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// `queue` is null or live, `err` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_queue_cancel(
    queue: *const larder_queue_t,
    id: u64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let was_in_flight = handle(queue, "queue")?.0.cancel(id)?;
            Ok(if was_in_flight { Status::OK } else { Status::NOT_FOUND })
        })
    }
}

/// How many requests are in flight: accepted and not completed. 0 for NULL.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `queue` is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_queue_in_flight(queue: *const larder_queue_t) -> usize {
    // SAFETY: by this function's contract.
    protect_or(0, || unsafe { queue.as_ref() }.map_or(0, |queue| queue.0.in_flight()))
}

/// Closes a queue: requests in flight complete with LARDER_CLOSED, or with LARDER_AMBIGUOUS where one is a write that may
/// have happened: it was sent to a server, or is one of many records. New ones are refused. What has completed can still
/// be drained. A write completes a moment later, as soon as it was asked whether it was sent and the library does not read
/// any more what it was lent; no server can delay that. Idempotent. The handle stays valid until larder_queue_free.
/// Any thread, a callback too. Does not block. Since ABI 1.
///
/// @return LARDER_OK; LARDER_FORKED, LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// `queue` is null or live, `err` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_queue_close(queue: *const larder_queue_t, err: *mut *mut larder_error_t) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            handle(queue, "queue")?.0.close()?;
            Ok(Status::OK)
        })
    }
}

/// Frees a queue, closing it first if it is open; completions that were not drained are freed with it. NULL is fine.
/// Where values were lent to requests that may be in flight, close it and drain it until LARDER_CLOSED before.
/// Any thread, once; not while another call on it runs. Does not block. Since ABI 1.
///
/// # Safety
///
/// `queue` is null or live, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_queue_free(queue: *mut larder_queue_t) {
    protect_or((), || {
        if queue.is_null() {
            return;
        }
        // SAFETY: by this function's contract; it was made by `give`.
        let queue = unsafe { Box::from_raw(queue) };
        let is_here = queue.0.is_here();
        release(queue, is_here);
    });
}

impl larder_completion_t {
    fn empty(id: u64, operation: OperationKind) -> larder_completion_t {
        larder_completion_t {
            id,
            status: Status::OK.0,
            operation: operation as u32,
            number: 0,
            record: std::ptr::null(),
            records: std::ptr::null_mut(),
            events: std::ptr::null_mut(),
            cursor: std::ptr::null_mut(),
            watch: std::ptr::null_mut(),
            bytes: std::ptr::null_mut(),
            error: std::ptr::null_mut(),
            reserved: [0; 2],
        }
    }

    fn fill(&mut self, answer: Answer) -> Result<Status> {
        match answer {
            Answer::Nothing => {}
            Answer::Number(number) => self.number = number,
            Answer::Found(found) => return Ok(if found { Status::OK } else { Status::NOT_FOUND }),
            Answer::Outcome(outcome) => {
                let (status, revision) = status_of(outcome);
                self.number = revision;
                return Ok(status);
            }
            Answer::Outcomes(outcomes) => {
                let (bytes, first) = outcomes_flat(outcomes);
                self.bytes = larder_bytes_t::give(bytes);
                return first;
            }
            Answer::Record(None) => return Ok(Status::NOT_FOUND),
            Answer::Record(Some(found)) => {
                self.number = found.revision();
                self.record = record::give(found);
            }
            Answer::Records(page) if page.is_empty() && self.operation == OperationKind::CursorNext as u32 => {
                return Ok(Status::NOT_FOUND);
            }
            Answer::Records(records) => self.records = larder_records_t::give(records),
            Answer::Events(told) => {
                let events = told.into_events();
                if events.is_empty() {
                    return Err(Error::closed("watch"));
                }
                self.events = give(larder_events_t::new(events));
            }
            Answer::Cursor(cursor) => self.cursor = give(larder_cursor_t(cursor)),
            Answer::Watch(watch) => self.watch = give(larder_watch_t(watch)),
            Answer::Statistics(counted) => self.bytes = larder_statistics_t::from(counted).give(),
        }
        Ok(Status::OK)
    }
}

impl From<Completion> for larder_completion_t {
    fn from(completion: Completion) -> larder_completion_t {
        let mut result = larder_completion_t::empty(completion.id, completion.operation);
        match completion.result.and_then(|answer| result.fill(answer)) {
            Ok(status) => result.status = status.0,
            Err(error) => {
                result.status = error.status().0;
                result.error = give(larder_error_t::from(&error));
            }
        }
        result
    }
}

/// The outcomes of a batch as the documentation of `LARDER_OPERATION_PUT_MANY` has them, and the first that is not OK.
pub fn outcomes_flat(outcomes: Vec<Result<Outcome>>) -> (Vec<u8>, Result<Status>) {
    let mut bytes = Vec::with_capacity(outcomes.len() * 16);
    let mut first = Ok(Status::OK);
    for outcome in outcomes {
        let (status, revision) = outcome.as_ref().map_or_else(|error| (error.status(), 0), |done| status_of(*done));
        bytes.extend_from_slice(&status.0.to_le_bytes());
        bytes.extend_from_slice(&0u32.to_le_bytes());
        bytes.extend_from_slice(&revision.to_le_bytes());
        if status != Status::OK && first == Ok(Status::OK) {
            first = outcome.map(|_| status);
        }
    }
    (bytes, first)
}
