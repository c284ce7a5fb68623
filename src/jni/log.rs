//! The natives of the log: a Java thread reads lines and passes them to SLF4J.

use jni_sys::{JNIEnv, jbyteArray, jclass, jint, jlong};

use super::answer::Answer;
use super::array::Environment;
use super::handles::{free, handle, respond};
use crate::boundary::guard::protect_or;
use crate::boundary::log::LogReader;
use crate::error::Error;
use crate::ffi::pointer::wait_from_ms;
use crate::log::Level;

/// Begins to listen to lines of a level and graver.
pub unsafe extern "system" fn open_log(env: *mut JNIEnv, _: jclass, level: jint) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment.
    respond(unsafe { Environment::new(env) }, || {
        let level = Level::from_number(level).ok_or_else(|| Error::argument("level", format!("{level} is none")))?;
        Ok(Answer::handle(LogReader::open(level)))
    })
}

/// The next line: level (u32), length of the target (u32), lines dropped before it (u64), target, message.
pub unsafe extern "system" fn next_log(env: *mut JNIEnv, _: jclass, log: jlong, wait_ms: jlong) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment.
    respond(unsafe { Environment::new(env) }, || {
        // SAFETY: Java holds a live handle.
        let reader = unsafe { handle::<LogReader>(log, "log") }?;
        let Some(delivered) = reader.next(wait_from_ms(wait_ms))? else { return Ok(Answer::not_found()) };
        let (target, message) = (delivered.line.target.as_bytes(), delivered.line.message.as_bytes());
        let mut bytes = Vec::with_capacity(16 + target.len() + message.len());
        bytes.extend_from_slice(&(delivered.line.level as u32).to_le_bytes());
        bytes.extend_from_slice(&(target.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&delivered.dropped.to_le_bytes());
        bytes.extend_from_slice(target);
        bytes.extend_from_slice(message);
        Ok(Answer::bytes(bytes))
    })
}

/// Ends the listening.
pub unsafe extern "system" fn close_log(_: *mut JNIEnv, _: jclass, log: jlong) {
    protect_or((), || {
        // SAFETY: Java holds a live handle.
        if let Ok(reader) = unsafe { handle::<LogReader>(log, "log") } {
            reader.close();
        }
    });
}

/// Frees a reader, closing it first.
pub unsafe extern "system" fn free_log(_: *mut JNIEnv, _: jclass, log: jlong) {
    let close = |reader: &LogReader| {
        reader.close();
        true
    };
    // SAFETY: Java frees a handle once, when nobody can use it any more.
    unsafe { free::<LogReader>(log, close) };
}
