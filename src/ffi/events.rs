//! `larder_events_t`: what a watch told.

use once_cell::sync::OnceCell;

use super::pointer::put;
use super::record::larder_record_t;
use crate::boundary::flat;
use crate::boundary::guard::protect_or;
use crate::store::event::{Event, EventKind};

/// The record is new, or was there when the watch began.
pub const LARDER_EVENT_CREATED: i32 = 1;
/// The record was written over.
pub const LARDER_EVENT_UPDATED: i32 = 2;
/// The record was removed by a caller.
pub const LARDER_EVENT_REMOVED: i32 = 3;
/// The record's lifespan or max-idle ended.
pub const LARDER_EVENT_EXPIRED: i32 = 4;
/// The store made room.
pub const LARDER_EVENT_EVICTED: i32 = 5;
/// All that was there when the watch began has been told; there is no record.
pub const LARDER_EVENT_CURRENT: i32 = 6;
/// The reader was too slow, and events were dropped: larder_events_lost says how many; there is no record.
pub const LARDER_EVENT_LOST: i32 = 7;

/// Events in the order in which they happened. Any thread may read them. Whoever got them from larder_watch_next or a
/// completion frees them with larder_events_free; those that a callback gets are borrowed.
pub struct larder_events_t {
    pub(super) events: Vec<Event>,
    flat: OnceCell<Vec<u8>>,
}

impl larder_events_t {
    pub(super) fn new(events: Vec<Event>) -> larder_events_t {
        larder_events_t { events, flat: OnceCell::new() }
    }
}

/// # Safety
///
/// `events` is null or live.
unsafe fn at<'a>(events: *const larder_events_t, index: usize) -> Option<&'a Event> {
    // SAFETY: by this function's contract.
    unsafe { events.as_ref() }?.events.get(index)
}

/// How many events there are. 0 for NULL.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `events` is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_events_count(events: *const larder_events_t) -> usize {
    // SAFETY: by this function's contract.
    protect_or(0, || unsafe { events.as_ref() }.map_or(0, |events| events.events.len()))
}

/// What happened: one of LARDER_EVENT_*. 0 for an index that is out of range. Expect numbers of later versions.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `events` is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_events_kind(events: *const larder_events_t, index: usize) -> i32 {
    // SAFETY: by this function's contract.
    protect_or(0, || unsafe { at(events, index) }.map_or(0, |event| event.kind as i32))
}

/// The record as written; for a removed, expired or evicted one as it last was. NULL where the event has none. It is
/// borrowed: it lives as long as `events`.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `events` is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_events_record(events: *const larder_events_t, index: usize) -> *const larder_record_t {
    protect_or(std::ptr::null(), || {
        // SAFETY: by this function's contract.
        let record = unsafe { at(events, index) }.and_then(|event| event.record.as_ref());
        record.map_or(std::ptr::null(), |record| record.as_raw().cast())
    })
}

/// 1 when the event tells what was there when the watch began, 0 otherwise.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `events` is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_events_initial(events: *const larder_events_t, index: usize) -> i32 {
    // SAFETY: by this function's contract.
    protect_or(0, || unsafe { at(events, index) }.map_or(0, |event| i32::from(event.initial)))
}

/// How many events were dropped, for LARDER_EVENT_LOST; 0 otherwise.
/// Any thread. Does not block. Since ABI 1.
///
/// # Safety
///
/// `events` is null or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_events_lost(events: *const larder_events_t, index: usize) -> u64 {
    // SAFETY: by this function's contract.
    protect_or(0, || unsafe { at(events, index) }.map_or(0, |event| event.lost))
}

/// All events in one piece of memory that lives as long as `events`: items as larder_records_flat has them, but with
/// the event's kind in the low byte of the u16 at 6, bit 8 of it set for what was there when the watch began, and the
/// number of dropped events in place of the revision for a `lost` one.
/// Any thread. Does not block. NULL, and a lack of memory, give NULL and 0. Since ABI 1.
///
/// # Safety
///
/// `events` is null or live, `length` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_events_flat(events: *const larder_events_t, length: *mut usize) -> *const u8 {
    protect_or(std::ptr::null(), || {
        // SAFETY: by this function's contract.
        let events = unsafe { events.as_ref() };
        let bytes = events.and_then(|events| events.flat.get_or_try_init(|| flat::events(&events.events)).ok());
        // SAFETY: by this function's contract.
        unsafe { put(length, bytes.map_or(0, Vec::len)) };
        bytes.map_or(std::ptr::null(), |bytes| bytes.as_ptr())
    })
}

/// Frees events. NULL is fine.
/// Any thread, once. Does not block. Since ABI 1.
///
/// # Safety
///
/// `events` is null or live, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_events_free(events: *mut larder_events_t) {
    protect_or((), || {
        if !events.is_null() {
            // SAFETY: by this function's contract; it was boxed when it was given.
            drop(unsafe { Box::from_raw(events) });
        }
    });
}

// The header shows plain numbers; here is the proof that they are those of the events.
const _: () = {
    assert!(LARDER_EVENT_CREATED == EventKind::Created as i32);
    assert!(LARDER_EVENT_UPDATED == EventKind::Updated as i32);
    assert!(LARDER_EVENT_REMOVED == EventKind::Removed as i32);
    assert!(LARDER_EVENT_EXPIRED == EventKind::Expired as i32);
    assert!(LARDER_EVENT_EVICTED == EventKind::Evicted as i32);
    assert!(LARDER_EVENT_CURRENT == EventKind::Current as i32);
    assert!(LARDER_EVENT_LOST == EventKind::Lost as i32);
};
