//! Versions and the names of statuses.

use std::ffi::c_char;

use crate::boundary::guard::protect_or;
use crate::error::Status;

/// The number of the ABI: a binding works with a library whose number is its own or greater.
pub const LARDER_ABI_VERSION: u32 = 1;

/// The number of the ABI that this library has: `LARDER_ABI_VERSION` of the header it was built with. A program checks
/// it before anything else when it loads the library at run time.
/// Any thread. Does not block. Since ABI 1.
#[unsafe(no_mangle)]
pub extern "C" fn larder_abi_version() -> u32 {
    protect_or(0, || LARDER_ABI_VERSION)
}

/// The version of the library, such as "0.1.0": static NUL-terminated text.
/// Any thread. Does not block. Since ABI 1.
#[unsafe(no_mangle)]
pub extern "C" fn larder_version() -> *const c_char {
    protect_or(c"".as_ptr(), || concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast())
}

/// The name of a status, such as "NOT_FOUND": static NUL-terminated text. "INTERNAL" for a negative number that this
/// version does not know, "UNKNOWN" for such a positive one.
/// Any thread. Does not block. Since ABI 1.
#[unsafe(no_mangle)]
pub extern "C" fn larder_status_name(status: i32) -> *const c_char {
    protect_or(c"".as_ptr(), || static_text(Status(status), 0))
}

/// A sentence about a status: static NUL-terminated text.
/// Any thread. Does not block. Since ABI 1.
#[unsafe(no_mangle)]
pub extern "C" fn larder_status_text(status: i32) -> *const c_char {
    protect_or(c"".as_ptr(), || static_text(Status(status), 1))
}

fn static_text(status: Status, which: usize) -> *const c_char {
    use once_cell::race::OnceBox;
    use std::collections::HashMap;
    use std::ffi::CString;

    // Two threads may both make it. A lock around it could be held by a thread of the parent at the moment of a fork.
    static TEXTS: OnceBox<HashMap<i32, [CString; 2]>> = OnceBox::new();

    let texts = TEXTS.get_or_init(|| {
        let c_text = |text: &str| CString::new(text).unwrap_or_default();
        let unknown = (i32::MAX, [c_text("UNKNOWN"), c_text("an answer of a newer version")]);
        let known = Status::ALL.iter().map(|(status, name, text)| (status.0, [c_text(name), c_text(text)]));
        Box::new(known.chain([unknown]).collect())
    });
    let known = Status::from_code(status.0).0;
    texts.get(&known).or_else(|| texts.get(&i32::MAX)).map_or(c"".as_ptr(), |texts| texts[which].as_ptr())
}
