//! Log lines for the host.

use std::ffi::{CString, c_char, c_void};

use super::error::larder_error_t;
use super::pointer::{buffer, call, give, handle, put, wait_from_ms};
use super::watch::{User, larder_destroy_t};
use crate::boundary::guard::{self, protect_or};
use crate::boundary::log::{Delivered, LogReader};
use crate::error::{Error, Result, Status};
use crate::log::Level;
use crate::per_process::PerProcess;
use crate::runtime;
use crate::sync::Mutex;
use std::sync::Arc;

/// Something failed that a person should look at.
pub const LARDER_LOG_ERROR: i32 = 1;
/// Something is not as it should be, and Larder goes on.
pub const LARDER_LOG_WARN: i32 = 2;
/// Something began or ended.
pub const LARDER_LOG_INFO: i32 = 3;
/// For whoever looks for a fault.
pub const LARDER_LOG_DEBUG: i32 = 4;

/// A reader of the library's log lines. There is one at a time: a newer one ends an older.
pub struct larder_log_t(LogReader);

/// A host's function that log lines are told to: level, the part of Larder that speaks, the text (both NUL-terminated
/// UTF-8, borrowed for the call), and how many lines were dropped before this one because the function was too slow.
/// It must not unwind or longjmp; it may block.
pub type larder_log_callback_t = Option<
    unsafe extern "C" fn(user: *mut c_void, level: i32, target: *const c_char, message: *const c_char, dropped: u64),
>;

static STARTED: PerProcess<Mutex<Option<Arc<LogReader>>>> = PerProcess::new();

/// Begins to listen to log lines of a level and graver. Lines never hold a key, a value or a secret. At most 1024 wait
/// for the reader; further ones are dropped and counted.
/// Any thread. Does not block. Since ABI 1.
///
/// @param level  LARDER_LOG_ERROR to LARDER_LOG_DEBUG
/// @param log    receives the reader, to be freed with larder_log_free
/// @param err    receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// The pointers are null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_log_open(
    level: i32,
    log: *mut *mut larder_log_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let out = super::pointer::output(log, "log")?;
            out.write(give(larder_log_t(LogReader::open(known(level)?))));
            Ok(Status::OK)
        })
    }
}

/// The next line, as "target: message".
///
/// One thread at a time. Blocks until there is a line, at most `wait_ms`. Since ABI 1.
///
/// @param log             the reader
/// @param wait_ms         milliseconds to wait; 0 for not at all, negative for without end
/// @param level           receives the level; may be NULL
/// @param line, capacity  the buffer; a longer line is cut, at the end of a character
/// @param length          receives the length of what was copied; may be NULL
/// @param dropped         receives how many lines were dropped before this one; may be NULL
/// @param err             receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_NOT_FOUND when none came in time; LARDER_CLOSED, LARDER_WOULD_DEADLOCK,
///         LARDER_FORKED, LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_log_next(
    log: *const larder_log_t,
    wait_ms: i64,
    level: *mut i32,
    line: *mut u8,
    capacity: usize,
    length: *mut usize,
    dropped: *mut u64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let target = buffer(line, capacity, "line")?;
            if wait_ms != 0 {
                guard::may_block()?;
            }
            let Some(delivered) = handle(log, "log")?.0.next(wait_from_ms(wait_ms))? else {
                return Ok(Status::NOT_FOUND);
            };
            let text = format!("{}: {}", delivered.line.target, delivered.line.message);
            let end = (0..=capacity.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            target[..end].copy_from_slice(&text.as_bytes()[..end]);
            put(level, delivered.line.level as i32);
            put(length, end);
            put(dropped, delivered.dropped);
            Ok(Status::OK)
        })
    }
}

/// Ends the listening: a waiting larder_log_next answers LARDER_CLOSED. Idempotent.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `log` is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_log_close(log: *const larder_log_t) {
    protect_or((), || {
        // SAFETY: by this function's contract.
        if let Some(log) = unsafe { log.as_ref() } {
            log.0.close();
        }
    });
}

/// Frees a reader, closing it first. NULL is fine.
/// Any thread, once; not while larder_log_next runs on it. Does not block. Since ABI 1.
///
/// # Safety
///
/// `log` is null or live, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_log_free(log: *mut larder_log_t) {
    protect_or((), || {
        if !log.is_null() {
            // SAFETY: by this function's contract; it was made by `give`.
            unsafe { Box::from_raw(log) }.0.close();
        }
    });
}

/// Tells log lines of a level and graver to a callback, on a thread of its own, until larder_log_stop or another reader.
/// What the callback uses has to be there until `destroy` is called.
/// Any thread. Does not block. Since ABI 1.
///
/// @param level     LARDER_LOG_ERROR to LARDER_LOG_DEBUG
/// @param callback  the function; not NULL
/// @param user      passed to it as it is
/// @param destroy   called once after the last call of `callback`, also when this function fails; may be NULL
/// @param err       receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_IO when there is no thread to be had; LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// `callback` and `destroy` may be called from any thread with `user`; `err` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_log_start(
    level: i32,
    callback: larder_log_callback_t,
    user: *mut c_void,
    destroy: larder_destroy_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    let user = User { user, destroy };
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let callback = callback.ok_or_else(|| Error::argument("callback", "it is null"))?;
            let level = known(level)?;
            // Held while the reader is opened, so that of two that start the one that listens is the one that is kept.
            let mut started = STARTED.get().lock();
            let reader = Arc::new(LogReader::open(level));
            let listening = Arc::clone(&reader);
            let spawned = runtime::spawn_named("larder-log", move || {
                while let Ok(Some(delivered)) = listening.next(None) {
                    tell(&listening, callback, &user, &delivered);
                }
            });
            if let Err(error) = spawned {
                reader.close();
                return Err(error);
            }
            *started = Some(reader);
            Ok(Status::OK)
        })
    }
}

/// Ends what larder_log_start began: the callback is told nothing more. A call of it that is under way, or at the point of
/// beginning, is not waited for and may run after this returned: what the callback uses may be freed once `destroy` was
/// called. Idempotent.
/// Any thread. Does not block. Since ABI 1.
#[unsafe(no_mangle)]
pub extern "C" fn larder_log_stop() {
    protect_or((), || {
        let started = STARTED.get().lock().take();
        if let Some(reader) = started {
            reader.close();
        }
    });
}

fn known(level: i32) -> Result<Level> {
    Level::from_number(level)
        .ok_or_else(|| Error::argument("level", format!("{level} is none; LARDER_LOG_ERROR is 1, LARDER_LOG_DEBUG 4")))
}

/// Tells a line, unless the reader was closed since it was read.
fn tell(
    reader: &LogReader,
    callback: unsafe extern "C" fn(*mut c_void, i32, *const c_char, *const c_char, u64),
    user: &User,
    delivered: &Delivered,
) {
    let c_text = |text: &str| CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default();
    let (target, message) = (c_text(delivered.line.target), c_text(&delivered.line.message));
    let level = delivered.line.level as i32;
    // The last thing before the call: a host that has stopped it expects none that has not begun.
    if !reader.is_open() {
        return;
    }
    // SAFETY: the host's function, with the pointer that it gave for it and texts that outlive the call.
    guard::in_callback(|| unsafe { callback(user.user, level, target.as_ptr(), message.as_ptr(), delivered.dropped) });
}

// The header shows plain numbers; here is the proof that they are those of the levels.
const _: () = {
    assert!(LARDER_LOG_ERROR == Level::Error as i32);
    assert!(LARDER_LOG_WARN == Level::Warn as i32);
    assert!(LARDER_LOG_INFO == Level::Info as i32);
    assert!(LARDER_LOG_DEBUG == Level::Debug as i32);
};

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::log::Line;

    unsafe extern "C" fn count(user: *mut c_void, _: i32, _: *const c_char, _: *const c_char, _: u64) {
        // SAFETY: the test passes an `AtomicU32` that outlives the call.
        unsafe { &*user.cast::<AtomicU32>() }.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn a_line_that_was_read_before_the_end_is_not_told_after_it() {
        let calls = AtomicU32::new(0);
        let user = User { user: (&raw const calls).cast_mut().cast(), destroy: None };
        let message = "a line".to_owned();
        let line = Line { level: Level::Error, target: "test", message, time: std::time::SystemTime::now() };
        tell(&LogReader::ended(), count, &user, &Delivered { line, dropped: 0 });
        assert_eq!(calls.into_inner(), 0);
    }
}
