//! Allocations that can fail: what the engine's tables grow by.

use crate::error::{Error, Result, Status};

/// A boxed array of copies of `value`.
///
/// # Errors
///
/// `OUT_OF_MEMORY`.
pub(super) fn try_boxed<T: Clone, const N: usize>(value: T) -> Result<Box<[T; N]>> {
    let mut items = Vec::new();
    items.try_reserve_exact(N).map_err(|_| no_memory(N * size_of::<T>()))?;
    items.resize(N, value);
    let boxed: std::result::Result<Box<[T; N]>, _> = items.into_boxed_slice().try_into();
    Ok(boxed.unwrap_or_else(|_| unreachable!("the slice has N items")))
}

/// Pushes where memory may be lacking.
///
/// # Errors
///
/// `OUT_OF_MEMORY`.
pub(super) fn try_push<T>(items: &mut Vec<T>, item: T) -> Result<()> {
    if items.len() == items.capacity() {
        items.try_reserve(1).map_err(|_| no_memory(2 * items.len() * size_of::<T>()))?;
    }
    items.push(item);
    Ok(())
}

/// Has the processor fetch the cache line of `item`, for a use that comes soon.
#[inline]
pub(super) fn prefetch<T>(item: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing that the program sees and never faults, wherever the address points.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(item).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = item;
}

/// The error of an allocation that failed.
pub(super) fn no_memory(bytes: usize) -> Error {
    Error::new(
        Status::OUT_OF_MEMORY,
        "memory",
        format!(
            "no memory for {bytes} more bytes of the store's tables; bound the store with max_bytes or max_entries"
        ),
    )
}
