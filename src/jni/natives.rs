//! The table of natives, and the one symbol by which Java finds it.

use std::ffi::{CStr, c_void};

use jni_sys::{JNIEnv, JNINativeMethod, jbyteArray, jclass, jint, jobject};

use super::{handles, log, queue, slots, store};
use crate::boundary::guard::{arm_panic, protect_or};
use crate::ffi::process::LARDER_ABI_VERSION;

use super::array::Environment;

/// Name, signature and function of a native.
type Native = (&'static CStr, &'static CStr, *const c_void);

/// What `io.larder.Native` declares.
fn table() -> Vec<Native> {
    vec![
        (c"slots", c"()Ljava/nio/ByteBuffer;", shared_slots as *const c_void),
        (c"version", c"()[B", version as *const c_void),
        (c"armPanic", c"()V", arm as *const c_void),
        (c"openLarder", c"([B)[B", handles::open_larder as *const c_void),
        (c"closeLarder", c"(JJ)[B", handles::close_larder as *const c_void),
        (c"freeLarder", c"(J)V", handles::free_larder as *const c_void),
        (c"describeLarder", c"(J)[B", handles::describe_larder as *const c_void),
        (c"openStore", c"(J[B[B[B)[B", handles::open_store as *const c_void),
        (c"isImmediate", c"(J)Z", handles::is_immediate as *const c_void),
        (c"closeStore", c"(J)[B", handles::close_store as *const c_void),
        (c"freeStore", c"(J)V", handles::free_store as *const c_void),
        (c"describeStore", c"(J)[B", handles::describe_store as *const c_void),
        (c"freeCursor", c"(J)V", handles::free_cursor as *const c_void),
        (c"closeWatch", c"(J)[B", handles::close_watch as *const c_void),
        (c"freeWatch", c"(J)V", handles::free_watch as *const c_void),
        (c"takeLarge", c"(J)[B", handles::take_large as *const c_void),
        (c"takeValue", c"(J)[B", handles::take_value as *const c_void),
        (c"takeValues", c"(J)[[B", handles::take_values as *const c_void),
        (c"freeLarge", c"(J)V", handles::free_large as *const c_void),
        (c"peek", c"(JII)I", store::peek as *const c_void),
        (c"put", c"(JIIIJJJ)I", store::put as *const c_void),
        (c"getMany", c"(JIII)I", store::get_many as *const c_void),
        (c"callInSlot", c"(JII)I", store::call_in_slot as *const c_void),
        (c"call", c"(J[B[B)[B", store::call as *const c_void),
        (c"openQueue", c"(I)[B", queue::open_queue as *const c_void),
        (c"submit", c"(JJJ[B[B)[B", queue::submit as *const c_void),
        (c"drain", c"(JIJ)[B", queue::drain as *const c_void),
        (c"cancel", c"(JJ)Z", queue::cancel as *const c_void),
        (c"inFlight", c"(J)J", queue::in_flight as *const c_void),
        (c"closeQueue", c"(J)[B", queue::close_queue as *const c_void),
        (c"freeQueue", c"(J)V", queue::free_queue as *const c_void),
        (c"openLog", c"(I)[B", log::open_log as *const c_void),
        (c"nextLog", c"(JJ)[B", log::next_log as *const c_void),
        (c"closeLog", c"(J)V", log::close_log as *const c_void),
        (c"freeLog", c"(J)V", log::free_log as *const c_void),
    ]
}

/// Registers the natives of `io.larder.Native` and answers the ABI's number. Java calls it first, once for each time
/// that it loads the library.
///
/// # Safety
///
/// Called by the virtual machine only, with its environment and the class that declares the natives.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_io_larder_Native_initialize(env: *mut JNIEnv, class: jclass) -> jint {
    protect_or(0, || {
        for (name, signature, function) in table() {
            let method = JNINativeMethod {
                name: name.as_ptr().cast_mut(),
                signature: signature.as_ptr().cast_mut(),
                fnPtr: function.cast_mut(),
            };
            // SAFETY: by this function's contract; the texts are static, and the function has the signature's shape. A
            // native that an older Java side does not declare is left out: what it does declare is there.
            unsafe {
                if ((**env).v1_2.RegisterNatives)(env, class, &method, 1) != 0 {
                    ((**env).v1_2.ExceptionClear)(env);
                }
            }
        }
        LARDER_ABI_VERSION as jint
    })
}

/// The memory of the slots as a direct buffer; null for a lack of memory.
unsafe extern "system" fn shared_slots(env: *mut JNIEnv, _: jclass) -> jobject {
    protect_or(std::ptr::null_mut(), || {
        let Ok(memory) = slots::memory() else { return std::ptr::null_mut() };
        // SAFETY: the virtual machine passed the environment; the memory is that large and is never freed.
        unsafe { ((**env).v1_4.NewDirectByteBuffer)(env, memory.as_ptr().cast(), slots::size()) }
    })
}

/// The library's version.
unsafe extern "system" fn version(env: *mut JNIEnv, _: jclass) -> jbyteArray {
    // SAFETY: the virtual machine passed the environment.
    unsafe { Environment::new(env) }.array(env!("CARGO_PKG_VERSION").as_bytes())
}

/// Makes the next native of this thread panic, for a test.
unsafe extern "system" fn arm(_: *mut JNIEnv, _: jclass) {
    protect_or((), arm_panic);
}
