//! `larder_t`: an opened larder.

use super::bytes::larder_bytes_t;
use super::error::larder_error_t;
use super::options::{larder_store_options_t, store_options};
use super::pointer::{call, give, handle, output, text, wait_from_ms};
use super::store::larder_store_t;
use crate::boundary::guard::protect_or;
use crate::boundary::handle::{LarderHandle, release};
use crate::error::Status;

/// An opened larder: the stores of one configuration. Any thread may use it.
pub struct larder_t(LarderHandle);

/// Opens a larder from a configuration: TOML or JSON text, a URL such as `memory://?max_entries=10000`, a file's
/// address such as `file:///etc/larder.toml`, or the address of what variables of the environment say.
///
/// `env://ocis/STORAGE_USERS_FILEMETADATA_CACHE` is that cache, configured by the variables that oCIS reads for it, as a
/// store called "default"; `env://ocis` is all its caches and stores, each under its name. `opencloud` reads OpenCloud's
/// variables, and `env://larder/NAME` LARDER_STORE, LARDER_NAME_STORE and their settings. Errors name the variable. The
/// environment is read during the call: no other thread may change it meanwhile.
///
/// Any thread. Reads files and connects nothing: stores connect when they are first used. Since ABI 1.
///
/// @param config         the configuration, UTF-8; borrowed for the call
/// @param config_length  its length in bytes
/// @param larder         receives the larder, to be closed with larder_close and freed with larder_free
/// @param err            receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_CONFIG for a configuration that cannot be used (the error names the setting), LARDER_IO
///         for a file that cannot be read, LARDER_INVALID_ARGUMENT, LARDER_PANIC
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_open(
    config: *const u8,
    config_length: usize,
    larder: *mut *mut larder_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let out = output(larder, "larder")?;
            let config = text(config, config_length, "config")?;
            out.write(give(larder_t(LarderHandle::open(config)?)));
            Ok(Status::OK)
        })
    }
}

/// Closes a larder: each later call on it, and on its stores, answers LARDER_CLOSED; watches end; what is in flight
/// completes with LARDER_CLOSED, or with LARDER_AMBIGUOUS where it is a write that may have happened: it was sent to a
/// server, or is one of many records. Idempotent. The handle stays valid until larder_free.
///
/// Any thread; not from a callback when something has to be waited for. Blocks at most `wait_ms`. Since ABI 1.
///
/// @param larder   the larder
/// @param wait_ms  milliseconds to wait for connections to end; 0 for not at all, negative for without end
/// @param err      receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_TIMEOUT when it goes on ending in the background; LARDER_WOULD_DEADLOCK in a callback, when
///         something has to be waited for: it ends in the background too; LARDER_FORKED, LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// `larder` is null or live, `err` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_close(larder: *const larder_t, wait_ms: i64, err: *mut *mut larder_error_t) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            handle(larder, "larder")?.0.close(wait_from_ms(wait_ms))?;
            Ok(Status::OK)
        })
    }
}

/// Frees a larder, closing it first if it is open. Stores, watches and queues that were made of it stay valid and
/// answer LARDER_CLOSED. NULL is fine.
/// Any thread, once. Does not block. Since ABI 1.
///
/// # Safety
///
/// `larder` is null or live, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_free(larder: *mut larder_t) {
    protect_or((), || {
        if larder.is_null() {
            return;
        }
        // SAFETY: by this function's contract; it was made by `larder_open`.
        let larder = unsafe { Box::from_raw(larder) };
        let is_here = larder.0.is_here();
        release(larder, is_here);
    });
}

/// What the larder is: version, stores, their types and settings, as a JSON object without secrets.
/// Any thread. Does not block. Since ABI 1.
///
/// @param larder  the larder
/// @param json    receives the text, to be freed with larder_bytes_free
/// @param err     receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_FORKED, LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// `larder` is null or live, the others null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_describe(
    larder: *const larder_t,
    json: *mut *mut larder_bytes_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let out = output(json, "json")?;
            let description = handle(larder, "larder")?.0.larder()?.describe();
            out.write(larder_bytes_t::give(description.to_string().into_bytes()));
            Ok(Status::OK)
        })
    }
}

/// Opens a store of a larder by the name that the configuration gives it. Handles on the same name, database and table
/// are on the same records.
///
/// Any thread. Does not block. Since ABI 1.
///
/// @param larder       the larder
/// @param name         the store's name, UTF-8; "default" for a configuration of one store
/// @param name_length  its length in bytes
/// @param options      another database and table than configured; may be NULL
/// @param store        receives the store, to be freed with larder_store_free
/// @param err          receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_NO_SUCH_STORE with a suggestion, LARDER_CLOSED, LARDER_FORKED, LARDER_INVALID_ARGUMENT
///
/// # Safety
///
/// `larder` is null or live, the other pointers null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_open(
    larder: *const larder_t,
    name: *const u8,
    name_length: usize,
    options: *const larder_store_options_t,
    store: *mut *mut larder_store_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let out = output(store, "store")?;
            let name = text(name, name_length, "name")?;
            let (database, table) = store_options(options)?;
            out.write(give(larder_store_t(handle(larder, "larder")?.0.store(name, database, table)?)));
            Ok(Status::OK)
        })
    }
}
