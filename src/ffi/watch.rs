//! `larder_watch_t`: a stream of events, read by calls or told to a callback.

use std::ffi::c_void;
use std::sync::Arc;

use super::error::larder_error_t;
use super::events::larder_events_t;
use super::options::{larder_watch_options_t, watch_options};
use super::pointer::{call, give, handle, output, required, timeout, wait_from_ms};
use super::store::larder_store_t;
use crate::boundary::guard::{self, protect_or};
use crate::boundary::handle::{WatchHandle, keep_alive, release};
use crate::boundary::reading::WatchReader;
use crate::boundary::wait::wait;
use crate::error::{Error, Result, Status};
use crate::runtime;
use crate::store::event::Event;
use crate::store::reply::Reply;

/// A watch on a store. Any thread may close it; one thread at a time reads it.
pub struct larder_watch_t(pub(super) WatchHandle);

/// A host's function that events are told to. `events` is borrowed for the call. It must not unwind or longjmp; it may
/// block, which holds up this watch and nothing else; a call into Larder that would have to wait answers
/// LARDER_WOULD_DEADLOCK.
pub type larder_watch_callback_t = Option<unsafe extern "C" fn(user: *mut c_void, events: *const larder_events_t)>;

/// A host's function that is called once when `user` is not used any more.
pub type larder_destroy_t = Option<unsafe extern "C" fn(user: *mut c_void)>;

/// How many events a callback is told at once at most.
const CALLBACK_BATCH: usize = 256;

/// Begins to watch a store.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param store    the store
/// @param options  prefix and start; NULL for every key from now on
/// @param watch    receives the watch, to be freed with larder_watch_free
/// @param err      receives the error on failure; may be NULL
/// @return LARDER_OK; errors as larder_store_get_into, and LARDER_UNSUPPORTED by a store that has no watch
///
/// # Safety
///
/// The pointers are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_watch(
    store: *const larder_store_t,
    options: *const larder_watch_options_t,
    watch: *mut *mut larder_watch_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let out = output(watch, "watch")?;
            let (options, timeout_ms) = watch_options(options)?;
            let opened = wait(handle(store, "store")?.0.store()?.watch(&options), timeout(timeout_ms)?)?;
            out.write(give(larder_watch_t(WatchHandle::new(opened))));
            Ok(Status::OK)
        })
    }
}

/// The next events, in the order in which they happened.
///
/// One thread at a time; not from a callback when it has to wait. Blocks until there is an event, at most `wait_ms`.
/// Since ABI 1.
///
/// @param watch    the watch
/// @param most     how many events at most; 0 is an error
/// @param wait_ms  milliseconds to wait for the first; 0 for not at all, negative for without end
/// @param events   receives the events, to be freed with larder_events_free; NULL when there are none
/// @param err      receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_NOT_FOUND when none came in time; LARDER_CLOSED when the watch or its larder was closed,
///         which drops events that were not read; LARDER_WOULD_DEADLOCK, LARDER_FORKED, LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// The pointers are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_watch_next(
    watch: *const larder_watch_t,
    most: usize,
    wait_ms: i64,
    events: *mut *mut larder_events_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let out = required(events, "events")?;
            out.write(std::ptr::null_mut());
            let most = positive(most)?;
            let watch = Arc::clone(handle(watch, "watch")?.0.watch()?);
            let reply = watch.next(most);
            if wait_ms == 0 && matches!(reply, Reply::Pending(_)) {
                return Ok(Status::NOT_FOUND);
            }
            let told = match wait(keep_alive(watch, reply), wait_from_ms(wait_ms)) {
                Err(error) if error.status() == Status::TIMEOUT => return Ok(Status::NOT_FOUND),
                other => other?,
            };
            if told.is_empty() {
                return Err(Error::closed("watch"));
            }
            out.write(give(larder_events_t::new(told)));
            Ok(Status::OK)
        })
    }
}

/// Tells each further event to a callback, on a thread of its own, until the watch is closed. Afterwards the watch is
/// not read by larder_watch_next any more. What the callback uses has to be there until `destroy` is called.
///
/// Any thread, once for a watch. Does not block. Since ABI 1.
///
/// @param watch     the watch
/// @param callback  the function; not NULL
/// @param user      passed to it as it is
/// @param destroy   called once after the last call of `callback`, also when this function fails; may be NULL
/// @param err       receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_IO when there is no thread to be had; LARDER_FORKED, LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// The pointers are null or valid; `callback` and `destroy` may be called from any thread with `user`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_watch_start(
    watch: *const larder_watch_t,
    callback: larder_watch_callback_t,
    user: *mut c_void,
    destroy: larder_destroy_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    let user = User { user, destroy };
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let callback = callback.ok_or_else(|| Error::argument("callback", "it is null"))?;
            let watch = Arc::clone(handle(watch, "watch")?.0.watch()?);
            runtime::spawn_named("larder-watch", move || tell_all(&watch, callback, &user))?;
            Ok(Status::OK)
        })
    }
}

/// Closes a watch: a waiting larder_watch_next answers LARDER_CLOSED, and the callback is told nothing more. A call of it
/// that is under way, or at the point of beginning, is not waited for and may run after this returned: what the callback
/// uses may be freed once `destroy` was called. Idempotent. The handle stays valid until larder_watch_free.
/// Any thread, a callback too. Does not block. Since ABI 1.
///
/// @return LARDER_OK; LARDER_FORKED, LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// `watch` is null or live, `err` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_watch_close(watch: *const larder_watch_t, err: *mut *mut larder_error_t) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            handle(watch, "watch")?.0.watch()?.close();
            Ok(Status::OK)
        })
    }
}

/// Frees a watch, closing it first if it is open. NULL is fine.
/// Any thread, once. Does not block. Since ABI 1.
///
/// # Safety
///
/// `watch` is null or live, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_watch_free(watch: *mut larder_watch_t) {
    protect_or((), || {
        if watch.is_null() {
            return;
        }
        // SAFETY: by this function's contract; it was made by `give`.
        let watch = unsafe { Box::from_raw(watch) };
        let is_here = watch.0.is_here();
        if let Ok(open) = watch.0.watch() {
            open.close();
        }
        release(watch, is_here);
    });
}

/// How many at most: at least one.
///
/// # Errors
///
/// `INVALID_ARGUMENT` for 0.
pub fn positive(most: usize) -> Result<usize> {
    if most == 0 {
        return Err(Error::argument("most", "it is 0; ask for at least one"));
    }
    Ok(most)
}

/// A host's pointer with the function that ends it; dropped exactly once.
pub(super) struct User {
    pub(super) user: *mut c_void,
    pub(super) destroy: larder_destroy_t,
}

// SAFETY: the host promised that the pointer may be used from any thread, one at a time.
unsafe impl Send for User {}

impl Drop for User {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the host's function, called once, after the last use of `user`.
            guard::in_callback(|| unsafe { destroy(self.user) });
        }
    }
}

fn tell_all(
    watch: &Arc<WatchReader>,
    callback: unsafe extern "C" fn(*mut c_void, *const larder_events_t),
    user: &User,
) {
    loop {
        let Ok(told) = guard::protect(|| wait(watch.next(CALLBACK_BATCH), None)) else { return };
        if told.is_empty() {
            return;
        }
        if !tell(watch, told, callback, user) {
            return;
        }
    }
}

/// Tells events, unless the watch was closed since they were read; says whether it did.
fn tell(
    watch: &WatchReader,
    told: Vec<Event>,
    callback: unsafe extern "C" fn(*mut c_void, *const larder_events_t),
    user: &User,
) -> bool {
    let events = larder_events_t::new(told);
    // The last thing before the call: a host that has closed the watch expects none that has not begun.
    if watch.is_closed() {
        return false;
    }
    // SAFETY: the host's function, with the pointer that it gave for it and events that outlive the call.
    guard::in_callback(|| unsafe { callback(user.user, &events) });
    true
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::larder::Larder;
    use crate::store::options::{PutOptions, WatchOptions};

    unsafe extern "C" fn count(user: *mut c_void, _: *const larder_events_t) {
        // SAFETY: the test passes an `AtomicU32` that outlives the call.
        unsafe { &*user.cast::<AtomicU32>() }.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn events_that_were_read_before_the_close_are_not_told_after_it() {
        let calls = AtomicU32::new(0);
        let user = User { user: (&raw const calls).cast_mut().cast(), destroy: None };
        let larder = Larder::open("memory://").expect("a larder");
        let store = larder.store("default").expect("a store");
        let watch = WatchReader::new(wait(store.watch(&WatchOptions::default()), None).expect("a watch"));
        let read = || {
            wait(store.put(b"k", b"v", &PutOptions::default()), None).expect("written");
            wait(watch.next(1), None).expect("open")
        };
        assert!(tell(&watch, read(), count, &user));
        let told = read();
        watch.close();
        assert!(!tell(&watch, told, count, &user));
        assert_eq!(calls.into_inner(), 1);
    }
}
