//! The natives that read and write records.
//!
//! Three have a form of their own because they are called most: [`peek`], [`put`] and [`get_many`], which work in a slot
//! and answer a number. All others, and these where they have to wait or do not fit, go as a request.

use bytes::Bytes;
use jni_sys::{JNIEnv, jbyteArray, jclass, jint, jlong};

use super::answer::{Answer, Large};
use super::array::Environment;
use super::handles::{handle, respond};
use super::request::Parsed;
use super::slots::{self, Slot};
use crate::boundary::guard::protect;
use crate::boundary::handle::StoreHandle;
use crate::boundary::operation::OperationKind;
use crate::boundary::wait::{timeout_from_ms, wait};
use crate::error::{Error, Result, Status};
use crate::ffi::options::lifetime;
use crate::ffi::store_many::{ValueBuffer, get_many_into};
use crate::ffi::store_read::COPIED_WHILE_PINNED;
use crate::ffi::store_write::status_of;
use crate::store::Lookup;
use crate::store::options::PutOptions;

/// There is no such record.
const MISS: jint = -1;
/// Memory does not know: ask with a request.
const UNKNOWN: jint = -2;
/// The values are longer than a slot's output has room for. After [`peek`] a pointer to a [`Large`] stands in their place.
const LARGE: jint = -3;
/// The output holds an error's answer.
const FAILED: jint = -4;
/// The slot's number is wrong, which no output can tell.
const NO_SLOT: jint = -5;

/// Bytes of the revision that comes before a value.
const REVISION: usize = 8;

/// Runs a native that works in a slot.
///
/// # Safety
///
/// Java holds the slot's lock.
#[inline]
unsafe fn in_slot(number: jint, length: jint, body: impl FnOnce(&mut Slot) -> Result<jint>) -> jint {
    // SAFETY: by this function's contract.
    let Ok(mut slot) = (unsafe { slots::slot(number, length) }) else { return NO_SLOT };
    match protect(|| body(&mut slot)) {
        Ok(code) => code,
        Err(error) => tell_error(&mut slot, &error),
    }
}

#[cold]
fn tell_error(slot: &mut Slot, error: &Error) -> jint {
    let bytes = Answer::error(error).into_bytes();
    slot.output[..bytes.len()].copy_from_slice(&bytes);
    FAILED
}

/// Reads a value from memory. The slot's input is the key; the revision (u64) and the value come in its output.
///
/// Answers the value's length, or one of the codes above.
pub unsafe extern "system" fn peek(_: *mut JNIEnv, _: jclass, store: jlong, slot: jint, key_length: jint) -> jint {
    // SAFETY: Java holds a live handle and the slot's lock.
    unsafe {
        in_slot(slot, key_length, |slot| {
            let mut length = MISS;
            let mut large = None;
            let (revision, room) = slot.output.split_at_mut(REVISION);
            let lookup = handle::<StoreHandle>(store, "store")?.store()?.peek(slot.input, &mut |record| {
                let value = record.value();
                revision.copy_from_slice(&record.revision().to_le_bytes());
                if value.len() > COPIED_WHILE_PINNED {
                    large = Some(record.clone());
                    return;
                }
                room[..value.len()].copy_from_slice(value);
                length = value.len() as jint;
            })?;
            if lookup == Lookup::Unknown {
                return Ok(UNKNOWN);
            }
            let Some(record) = large else { return Ok(length) };
            let value = record.value();
            if let Some(room) = room.get_mut(..value.len()) {
                room.copy_from_slice(value);
                return Ok(value.len() as jint);
            }
            let pointer = Box::into_raw(Box::new(Large::Record(record))) as u64;
            room[..8].copy_from_slice(&pointer.to_le_bytes());
            Ok(LARGE)
        })
    }
}

/// Writes a record, whatever is there. The slot's input is the key and the value; the revision comes in its output.
///
/// Answers 0, or one of the codes above.
pub unsafe extern "system" fn put(
    _: *mut JNIEnv,
    _: jclass,
    store: jlong,
    slot: jint,
    key_length: jint,
    length: jint,
    lifespan_ms: jlong,
    max_idle_ms: jlong,
    timeout_ms: jlong,
) -> jint {
    // SAFETY: Java holds a live handle and the slot's lock.
    unsafe {
        in_slot(slot, length, |slot| {
            let key_length = usize::try_from(key_length).unwrap_or(usize::MAX);
            let Some((key, value)) = slot.input.split_at_checked(key_length) else {
                return Err(Error::argument("key", format!("it ends after the slot's {length} bytes")));
            };
            let options = PutOptions { lifetime: lifetime(lifespan_ms, max_idle_ms)?, ..PutOptions::default() };
            let reply = handle::<StoreHandle>(store, "store")?.store()?.put(key, value, &options);
            let (_, revision) = status_of(wait(reply, timeout_from_ms(timeout_ms)?)?);
            slot.output[..8].copy_from_slice(&revision.to_le_bytes());
            Ok(0)
        })
    }
}

/// Reads many values from a store that answers at once. The slot's input is the keys' lengths (u32 each) and the keys;
/// its output is the values' lengths (i64 each, -1 for none) and the values.
///
/// Answers 0, [`LARGE`] when the values do not fit (nothing is in the output then), or one of the codes above.
pub unsafe extern "system" fn get_many(
    _: *mut JNIEnv,
    _: jclass,
    store: jlong,
    slot: jint,
    count: jint,
    length: jint,
) -> jint {
    // SAFETY: Java holds a live handle and the slot's lock.
    unsafe {
        in_slot(slot, length, |slot| {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            // SAFETY: any bits are a valid u32 or i64.
            let (_, lengths, _) = slot.input.align_to::<u32>();
            let keys = count.checked_mul(4).and_then(|start| slot.input.get(start..));
            let (Some(lengths), Some(keys)) = (lengths.get(..count), keys) else {
                return Err(Error::argument("count", format!("{count} keys do not fit into {length} bytes")));
            };
            let Some((head, values)) = slot.output.split_at_mut_checked(count * 8) else { return Ok(LARGE) };
            let capacity = values.len();
            // SAFETY: as above; an output is aligned to a page, so that nothing is in front.
            let (_, value_lengths, _) = head.align_to_mut::<i64>();
            let target = ValueBuffer { values, lengths: value_lengths, filled: 0 };
            let store = handle::<StoreHandle>(store, "store")?.store()?;
            let filled = get_many_into(store, keys, lengths, target, None)?;
            Ok(if filled <= capacity { 0 } else { LARGE })
        })
    }
}

/// Carries out a request that is in a slot, and answers the length of the answer in its output.
pub unsafe extern "system" fn call_in_slot(_: *mut JNIEnv, _: jclass, target: jlong, slot: jint, length: jint) -> jint {
    // SAFETY: Java holds a live handle and the slot's lock.
    unsafe {
        in_slot(slot, length, |slot| {
            let bytes = carry_out(target, slot.input, None)?.into_bytes();
            slot.output[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len() as jint)
        })
    }
}

/// Carries out a request that is in an array, with a value in an array of its own, or null.
pub unsafe extern "system" fn call(
    env: *mut JNIEnv,
    _: jclass,
    target: jlong,
    request: jbyteArray,
    value: jbyteArray,
) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment and the arrays; Java holds a live handle.
    unsafe {
        let environment = Environment::new(env);
        respond(environment, || {
            let request = environment.bytes(request, "request")?;
            let value = environment.optional_bytes(value, "value")?;
            carry_out(target, &request, value.map(Bytes::from))
        })
    }
}

/// # Safety
///
/// `target` is 0 or a live handle of the kind that the operation is for.
unsafe fn carry_out(target: jlong, request: &[u8], value: Option<Bytes>) -> Result<Answer> {
    let parsed = Parsed::read(request, value)?;
    let kind = parsed.kind();
    let limit = if kind == OperationKind::WatchNext { parsed.wait() } else { parsed.timeout()? };
    // SAFETY: by this function's contract.
    let result = wait(unsafe { parsed.check(target)? }.start(), limit);
    Ok(match result {
        Err(error) if kind == OperationKind::WatchNext && error.status() == Status::TIMEOUT => Answer::not_found(),
        other => Answer::of(kind, other),
    })
}
