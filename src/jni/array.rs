//! Java's byte arrays: copied in and out, never pinned.

use jni_sys::{JNIEnv, jbyteArray, jobjectArray, jsize};

use crate::error::{Error, Result, Status};

/// The environment of the thread that called a native. It is valid until the native returns.
#[derive(Clone, Copy)]
pub struct Environment(*mut JNIEnv);

impl Environment {
    /// # Safety
    ///
    /// `env` is what the virtual machine passed to the native that is running now.
    pub unsafe fn new(env: *mut JNIEnv) -> Environment {
        Environment(env)
    }

    /// A copy of the bytes in an array.
    ///
    /// # Safety
    ///
    /// `array` is null or a live reference to a byte array of the running native.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for null, `OUT_OF_MEMORY`.
    pub unsafe fn bytes(self, array: jbyteArray, name: &'static str) -> Result<Vec<u8>> {
        if array.is_null() {
            return Err(Error::argument(name, "it is null"));
        }
        // SAFETY: the environment is valid by `new`, the array by this function's contract.
        let length = unsafe { ((**self.0).v1_1.GetArrayLength)(self.0, array) } as usize;
        let mut bytes: Vec<u8> = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| no_memory(name, length))?;
        // SAFETY: as above; `length` bytes are reserved, and the call fills all of them: the range is the whole array.
        unsafe {
            ((**self.0).v1_1.GetByteArrayRegion)(self.0, array, 0, length as jsize, bytes.as_mut_ptr().cast());
            bytes.set_len(length);
        }
        Ok(bytes)
    }

    /// As [`Environment::bytes`], with `None` for null.
    ///
    /// # Safety
    ///
    /// As [`Environment::bytes`].
    ///
    /// # Errors
    ///
    /// `OUT_OF_MEMORY`.
    pub unsafe fn optional_bytes(self, array: jbyteArray, name: &'static str) -> Result<Option<Vec<u8>>> {
        if array.is_null() {
            return Ok(None);
        }
        // SAFETY: by this function's contract.
        unsafe { self.bytes(array, name) }.map(Some)
    }

    /// As [`Environment::bytes`], for text.
    ///
    /// # Safety
    ///
    /// As [`Environment::bytes`].
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for null and for what is not UTF-8, `OUT_OF_MEMORY`.
    pub unsafe fn text(self, array: jbyteArray, name: &'static str) -> Result<String> {
        // SAFETY: by this function's contract.
        text(unsafe { self.bytes(array, name) }?, name)
    }

    /// As [`Environment::text`], with `None` for null.
    ///
    /// # Safety
    ///
    /// As [`Environment::bytes`].
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for what is not UTF-8, `OUT_OF_MEMORY`.
    pub unsafe fn optional_text(self, array: jbyteArray, name: &'static str) -> Result<Option<String>> {
        // SAFETY: by this function's contract.
        unsafe { self.optional_bytes(array, name) }?.map(|bytes| text(bytes, name)).transpose()
    }

    /// A new array with a copy of `bytes`; null when Java has no memory for it, and then an `OutOfMemoryError` is
    /// pending.
    pub fn array(self, bytes: &[u8]) -> jbyteArray {
        // An array longer than Java can have is asked for as one that no heap holds, which fails in Java's own way.
        let length = jsize::try_from(bytes.len()).unwrap_or(jsize::MAX);
        // SAFETY: the environment is valid by `new`; the array that the first call makes is as long as `length`, which
        // is at most the length of `bytes`.
        unsafe {
            let array = ((**self.0).v1_1.NewByteArray)(self.0, length);
            if !array.is_null() {
                ((**self.0).v1_1.SetByteArrayRegion)(self.0, array, 0, length, bytes.as_ptr().cast());
            }
            array
        }
    }
}

impl Environment {
    /// A new array of arrays with copies of all that is there, and null for what is not; null when Java has no memory for
    /// it, and then an `OutOfMemoryError` is pending.
    pub fn arrays<'a>(self, all: impl ExactSizeIterator<Item = Option<&'a [u8]>>) -> jobjectArray {
        let length = jsize::try_from(all.len()).unwrap_or(jsize::MAX);
        // SAFETY: the environment is valid by `new`; the name is that of a class which every virtual machine has.
        let arrays = unsafe {
            let class = ((**self.0).v1_1.FindClass)(self.0, c"[B".as_ptr());
            if class.is_null() {
                return std::ptr::null_mut();
            }
            ((**self.0).v1_1.NewObjectArray)(self.0, length, class, std::ptr::null_mut())
        };
        if arrays.is_null() {
            return arrays;
        }
        for (place, bytes) in all.enumerate() {
            let Some(bytes) = bytes else { continue };
            let array = self.array(bytes);
            if array.is_null() {
                return std::ptr::null_mut();
            }
            // SAFETY: both are live references of the running native, and the place is within the array, which is as long
            // as `all`; the reference is not used after it was deleted.
            unsafe {
                ((**self.0).v1_1.SetObjectArrayElement)(self.0, arrays, place as jsize, array);
                ((**self.0).v1_1.DeleteLocalRef)(self.0, array);
            }
        }
        arrays
    }
}

fn text(bytes: Vec<u8>, name: &'static str) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Error::argument(name, format!("it is not UTF-8 text: byte {place} is wrong"))
    })
}

fn no_memory(name: &'static str, length: usize) -> Error {
    Error::new(Status::OUT_OF_MEMORY, name, format!("no memory for a copy of {length} bytes"))
}
