//! Faults on purpose, for the tests of a binding.

use crate::boundary::guard::{arm_panic, protect_or};

/// Makes the next call of this thread into the library panic inside, so that a test can see that the panic is caught:
/// the call answers LARDER_PANIC, or what it answers for NULL. For tests only.
/// Any thread. Does not block. Since ABI 1.
#[unsafe(no_mangle)]
pub extern "C" fn larder_fault_arm_panic() {
    protect_or((), arm_panic);
}
