//! Memory that Java and the natives both see, for requests and answers that are small.
//!
//! A fixed number of slots, each with an input and an output part. Java locks a slot for a call, writes the input,
//! calls, reads the output and unlocks it; a thread that finds its slot taken passes arrays instead. So a call needs
//! nothing of the JNI environment, no thread owns memory, and any number of threads, virtual ones too, share these.
//! Pages that were never used cost no memory.

use std::alloc::{Layout, alloc_zeroed};
use std::ptr::NonNull;

use jni_sys::{jint, jlong};
use once_cell::sync::OnceCell;

use crate::error::{Error, Result, Status};

/// How many slots there are; a power of two.
pub const COUNT: usize = 64;
/// Bytes of a slot's input, and of its output.
pub const PART: usize = 64 << 10;

const SIZE: usize = COUNT * 2 * PART;

static MEMORY: OnceCell<Memory> = OnceCell::new();

struct Memory(NonNull<u8>);

// SAFETY: the memory is never freed, and each slot of it is used by the one thread that locked it.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

/// A locked slot.
pub struct Slot {
    /// What Java wrote.
    pub input: &'static [u8],
    /// What Java will read.
    pub output: &'static mut [u8],
}

/// The memory of all slots, made by the first call and kept for good.
///
/// # Errors
///
/// `OUT_OF_MEMORY`.
pub fn memory() -> Result<NonNull<u8>> {
    let memory = MEMORY.get_or_try_init(|| {
        let layout = Layout::from_size_align(SIZE, 4096).map_err(|_| no_memory())?;
        // SAFETY: the layout's size is not 0.
        NonNull::new(unsafe { alloc_zeroed(layout) }).map(Memory).ok_or_else(no_memory)
    })?;
    Ok(memory.0)
}

/// The number of bytes of all slots.
pub fn size() -> jlong {
    SIZE as jlong
}

/// The slot of a number, with the first `length` bytes of its input.
///
/// # Safety
///
/// The caller holds the slot's lock until it does not use the answer any more.
///
/// # Errors
///
/// `INVALID_ARGUMENT` for a number or a length that is out of range.
pub unsafe fn slot(number: jint, length: jint) -> Result<Slot> {
    let (number, length) = (index(number, COUNT)?, index(length, PART + 1)?);
    let base = memory()?;
    // SAFETY: the memory holds `COUNT` slots of two parts each and is never freed; the number and the length were
    // checked; by the lock nobody else reads or writes this slot, and the two parts do not overlap.
    unsafe {
        let start = base.as_ptr().add(number * 2 * PART);
        Ok(Slot {
            input: std::slice::from_raw_parts(start, length),
            output: std::slice::from_raw_parts_mut(start.add(PART), PART),
        })
    }
}

fn index(number: jint, end: usize) -> Result<usize> {
    usize::try_from(number)
        .ok()
        .filter(|number| *number < end)
        .ok_or_else(|| Error::argument("slot", format!("{number} is out of range, the end is {end}")))
}

fn no_memory() -> Error {
    Error::new(Status::OUT_OF_MEMORY, "slots", format!("no memory for {SIZE} bytes that Java and the library share"))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_is_out_of_range_is_refused() {
        for (number, length) in [(-1, 0), (COUNT as jint, 0), (0, -1), (0, PART as jint + 1)] {
            // SAFETY: nobody else uses slots in this test.
            assert!(unsafe { slot(number, length) }.is_err(), "{number} {length}");
        }
        // SAFETY: as above.
        let last = unsafe { slot(COUNT as jint - 1, PART as jint) }.expect("in range");
        assert_eq!((last.input.len(), last.output.len()), (PART, PART));
    }
}
