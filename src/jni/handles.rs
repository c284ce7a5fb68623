//! What Java holds: pointers to handles in 64-bit numbers, and the natives that make, close and free them.

use jni_sys::{JNIEnv, jboolean, jbyteArray, jclass, jlong, jobjectArray};

use super::answer::{Answer, Large};
use super::array::Environment;
use crate::boundary::guard::{protect, protect_or};
use crate::boundary::handle::{CursorHandle, LarderHandle, StoreHandle, WatchHandle, release};
use crate::error::{Error, Result};
use crate::store::record::Record;

/// The handle behind a pointer that Java holds.
///
/// # Safety
///
/// `pointer` is 0 or a live handle of this type.
///
/// # Errors
///
/// `INVALID_ARGUMENT` for 0.
#[inline]
pub unsafe fn handle<'a, T>(pointer: jlong, name: &'static str) -> Result<&'a T> {
    // SAFETY: by this function's contract.
    unsafe { (pointer as *const T).as_ref() }.ok_or_else(|| Error::argument(name, "it is null"))
}

/// Frees the handle behind a pointer; `is_here` says whether it belongs to this process.
///
/// # Safety
///
/// `pointer` is 0 or a live handle of this type that nobody uses any more.
pub unsafe fn free<T>(pointer: jlong, is_here: impl FnOnce(&T) -> bool) {
    protect_or((), || {
        if pointer == 0 {
            return;
        }
        // SAFETY: by this function's contract; `Answer::handle` boxed it.
        let handle = unsafe { Box::from_raw(pointer as *mut T) };
        let is_here = is_here(&handle);
        release(handle, is_here);
    });
}

/// Answers a native that is not on the fast path: its error and its panic are answers too.
pub fn respond(environment: Environment, body: impl FnOnce() -> Result<Answer>) -> jbyteArray {
    let answer = protect(body).unwrap_or_else(|error| Answer::error(&error));
    environment.array(&answer.into_bytes())
}

/// Opens a larder of a configuration.
pub unsafe extern "system" fn open_larder(env: *mut JNIEnv, _: jclass, config: jbyteArray) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment and the array.
    let environment = unsafe { Environment::new(env) };
    respond(environment, || {
        // SAFETY: as above.
        let config = unsafe { environment.text(config, "config") }?;
        Ok(Answer::handle(LarderHandle::open(&config)?))
    })
}

/// Closes a larder; waits for it so many milliseconds, negative for without end.
pub unsafe extern "system" fn close_larder(env: *mut JNIEnv, _: jclass, larder: jlong, wait_ms: jlong) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment.
    respond(unsafe { Environment::new(env) }, || {
        let wait = crate::ffi::pointer::wait_from_ms(wait_ms);
        // SAFETY: Java holds a live handle.
        unsafe { handle::<LarderHandle>(larder, "larder") }?.close(wait)?;
        Ok(Answer::done())
    })
}

/// Frees a larder.
pub unsafe extern "system" fn free_larder(_: *mut JNIEnv, _: jclass, larder: jlong) {
    // SAFETY: Java frees a handle once, when nobody can use it any more.
    unsafe { free::<LarderHandle>(larder, LarderHandle::is_here) };
}

/// The description of a larder.
pub unsafe extern "system" fn describe_larder(env: *mut JNIEnv, _: jclass, larder: jlong) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment.
    respond(unsafe { Environment::new(env) }, || {
        // SAFETY: Java holds a live handle.
        let description = unsafe { handle::<LarderHandle>(larder, "larder") }?.larder()?.describe();
        Ok(Answer::bytes(description.to_string().into_bytes()))
    })
}

/// Opens a store of a larder; null for the configured database or table.
pub unsafe extern "system" fn open_store(
    env: *mut JNIEnv,
    _: jclass,
    larder: jlong,
    name: jbyteArray,
    database: jbyteArray,
    table: jbyteArray,
) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment and the arrays.
    let environment = unsafe { Environment::new(env) };
    respond(environment, || {
        // SAFETY: as above; Java holds a live handle.
        unsafe {
            let name = environment.text(name, "name")?;
            let database = environment.optional_text(database, "database")?;
            let table = environment.optional_text(table, "table")?;
            let larder = handle::<LarderHandle>(larder, "larder")?;
            Ok(Answer::handle(larder.store(&name, database.as_deref(), table.as_deref())?))
        }
    })
}

/// Whether a store answers at once.
pub unsafe extern "system" fn is_immediate(_: *mut JNIEnv, _: jclass, store: jlong) -> jboolean {
    // SAFETY: Java holds a live handle.
    let immediate = || unsafe { handle::<StoreHandle>(store, "store") }?.store().map(|store| store.is_immediate());
    protect(immediate).unwrap_or(false)
}

/// Closes a store's handle.
pub unsafe extern "system" fn close_store(env: *mut JNIEnv, _: jclass, store: jlong) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment.
    respond(unsafe { Environment::new(env) }, || {
        // SAFETY: Java holds a live handle.
        unsafe { handle::<StoreHandle>(store, "store") }?.close()?;
        Ok(Answer::done())
    })
}

/// Frees a store's handle.
pub unsafe extern "system" fn free_store(_: *mut JNIEnv, _: jclass, store: jlong) {
    // SAFETY: Java frees a handle once, when nobody can use it any more.
    unsafe { free::<StoreHandle>(store, StoreHandle::is_here) };
}

/// The description of a store.
pub unsafe extern "system" fn describe_store(env: *mut JNIEnv, _: jclass, store: jlong) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment.
    respond(unsafe { Environment::new(env) }, || {
        // SAFETY: Java holds a live handle.
        let description = unsafe { handle::<StoreHandle>(store, "store") }?.store()?.describe();
        Ok(Answer::bytes(description.to_string().into_bytes()))
    })
}

/// Frees a cursor.
pub unsafe extern "system" fn free_cursor(_: *mut JNIEnv, _: jclass, cursor: jlong) {
    // SAFETY: Java frees a handle once, when nobody can use it any more.
    unsafe { free::<CursorHandle>(cursor, CursorHandle::is_here) };
}

/// Closes a watch.
pub unsafe extern "system" fn close_watch(env: *mut JNIEnv, _: jclass, watch: jlong) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment.
    respond(unsafe { Environment::new(env) }, || {
        // SAFETY: Java holds a live handle.
        unsafe { handle::<WatchHandle>(watch, "watch") }?.watch()?.close();
        Ok(Answer::done())
    })
}

/// Frees a watch, closing it first.
pub unsafe extern "system" fn free_watch(_: *mut JNIEnv, _: jclass, watch: jlong) {
    let close = |handle: &WatchHandle| {
        if let Ok(open) = handle.watch() {
            open.close();
        }
        handle.is_here()
    };
    // SAFETY: Java frees a handle once, when nobody can use it any more.
    unsafe { free::<WatchHandle>(watch, close) };
}

/// Takes a payload that was too long for one piece, and frees it.
pub unsafe extern "system" fn take_large(env: *mut JNIEnv, _: jclass, large: jlong) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment; an answer made the pointer, and Java takes it once.
    let (environment, large) = unsafe { (Environment::new(env), Box::from_raw(large as *mut Large)) };
    match protect(|| large.into_payload()) {
        Ok(payload) => environment.array(&payload),
        // Java makes its own error for a lack of memory of it.
        Err(_) => std::ptr::null_mut(),
    }
}

/// Takes the value of a record that was too long for one piece, and frees the reference.
pub unsafe extern "system" fn take_value(env: *mut JNIEnv, _: jclass, large: jlong) -> jbyteArray {
    // SAFETY: as in `take_large`.
    let (environment, large) = unsafe { (Environment::new(env), Box::from_raw(large as *mut Large)) };
    match &*large {
        Large::Record(record) => environment.array(record.value()),
        Large::Bytes(bytes) => environment.array(bytes),
        // Nobody asks so for more than one.
        Large::Values(_) => std::ptr::null_mut(),
    }
}

/// Takes the values of records that were too long for one piece, and frees the references.
pub unsafe extern "system" fn take_values(env: *mut JNIEnv, _: jclass, large: jlong) -> jobjectArray {
    // SAFETY: as in `take_large`.
    let (environment, large) = unsafe { (Environment::new(env), Box::from_raw(large as *mut Large)) };
    protect_or(std::ptr::null_mut(), || match &*large {
        Large::Values(records) => environment.arrays(records.iter().map(|record| record.as_ref().map(Record::value))),
        // Java asks so for nothing else.
        Large::Bytes(_) | Large::Record(_) => std::ptr::null_mut(),
    })
}

/// Frees a payload that nobody wants.
pub unsafe extern "system" fn free_large(_: *mut JNIEnv, _: jclass, large: jlong) {
    // SAFETY: as in `take_large`.
    protect_or((), || drop(unsafe { Box::from_raw(large as *mut Large) }));
}
