//! The statuses as the header has them.

use crate::error::Status;

/// Done.
pub const LARDER_OK: i32 = 0;
/// There is no such record, or it has expired.
pub const LARDER_NOT_FOUND: i32 = 1;
/// The caller's buffer is smaller than the value; the needed length was returned.
pub const LARDER_BUFFER_TOO_SMALL: i32 = 2;
/// The record is there already, or its revision is another one than was expected.
pub const LARDER_CONFLICT: i32 = 3;
/// The answer needs input or output: submit the request, or use the blocking call.
pub const LARDER_PENDING: i32 = 4;
/// A fault inside Larder.
pub const LARDER_INTERNAL: i32 = -1;
/// An argument is null, out of range or not what it must be.
pub const LARDER_INVALID_ARGUMENT: i32 = -2;
/// The configuration cannot be used.
pub const LARDER_CONFIG: i32 = -3;
/// The handle was closed. A write that was under way was not sent to a server; one that was answers LARDER_AMBIGUOUS.
pub const LARDER_CLOSED: i32 = -4;
/// The deadline passed before the answer came.
pub const LARDER_TIMEOUT: i32 = -5;
/// The request was cancelled.
pub const LARDER_CANCELLED: i32 = -6;
/// Too many requests are in flight.
pub const LARDER_BUSY: i32 = -7;
/// A key, value or batch is larger than the store takes.
pub const LARDER_TOO_LARGE: i32 = -8;
/// The store cannot do this.
pub const LARDER_UNSUPPORTED: i32 = -9;
/// The store cannot be reached.
pub const LARDER_UNAVAILABLE: i32 = -10;
/// A blocking call was made from inside one of Larder's callbacks.
pub const LARDER_WOULD_DEADLOCK: i32 = -11;
/// The handle was made before a fork and is used in the child.
pub const LARDER_FORKED: i32 = -12;
/// Larder's own code panicked; the panic was caught at the boundary.
pub const LARDER_PANIC: i32 = -13;
/// Memory could not be had.
pub const LARDER_OUT_OF_MEMORY: i32 = -14;
/// A file or a socket failed.
pub const LARDER_IO: i32 = -15;
/// Whether the write happened cannot be known: it was sent, and no answer came, or fewer replicas than it asked for are
/// known to have it. Read the record to find out, or write the same value again where that is harmless. A write on a
/// condition may find its own first try: after LARDER_CONFLICT read and compare.
pub const LARDER_AMBIGUOUS: i32 = -16;
/// The store refused the credentials.
pub const LARDER_AUTH: i32 = -17;
/// The configuration has no store of that name.
pub const LARDER_NO_SUCH_STORE: i32 = -18;
/// What the store holds under the key cannot be decoded.
pub const LARDER_CORRUPT: i32 = -19;

// The header shows plain numbers; here is the proof that they are those of the statuses.
const _: () = {
    assert!(LARDER_OK == Status::OK.0);
    assert!(LARDER_NOT_FOUND == Status::NOT_FOUND.0);
    assert!(LARDER_BUFFER_TOO_SMALL == Status::BUFFER_TOO_SMALL.0);
    assert!(LARDER_CONFLICT == Status::CONFLICT.0);
    assert!(LARDER_PENDING == Status::PENDING.0);
    assert!(LARDER_INTERNAL == Status::INTERNAL.0);
    assert!(LARDER_INVALID_ARGUMENT == Status::INVALID_ARGUMENT.0);
    assert!(LARDER_CONFIG == Status::CONFIG.0);
    assert!(LARDER_CLOSED == Status::CLOSED.0);
    assert!(LARDER_TIMEOUT == Status::TIMEOUT.0);
    assert!(LARDER_CANCELLED == Status::CANCELLED.0);
    assert!(LARDER_BUSY == Status::BUSY.0);
    assert!(LARDER_TOO_LARGE == Status::TOO_LARGE.0);
    assert!(LARDER_UNSUPPORTED == Status::UNSUPPORTED.0);
    assert!(LARDER_UNAVAILABLE == Status::UNAVAILABLE.0);
    assert!(LARDER_WOULD_DEADLOCK == Status::WOULD_DEADLOCK.0);
    assert!(LARDER_FORKED == Status::FORKED.0);
    assert!(LARDER_PANIC == Status::PANIC.0);
    assert!(LARDER_OUT_OF_MEMORY == Status::OUT_OF_MEMORY.0);
    assert!(LARDER_IO == Status::IO.0);
    assert!(LARDER_AMBIGUOUS == Status::AMBIGUOUS.0);
    assert!(LARDER_AUTH == Status::AUTH.0);
    assert!(LARDER_NO_SUCH_STORE == Status::NO_SUCH_STORE.0);
    assert!(LARDER_CORRUPT == Status::CORRUPT.0);
};
