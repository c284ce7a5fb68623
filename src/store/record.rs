//! A record: key, value, metadata, revision and times, in one reference-counted allocation.
//!
//! Every store answers with this type, and the C and Java boundaries hand out the same allocation, so that a read by
//! reference costs one atomic increment and no copy. A record is immutable once it is shared, but for the three cells
//! that a cache moves on: deadline, last access and the policy's own bits.
//!
//! ```text
//! | header (36 bytes) | key | value | (aligned to 8, only with the EXTRA flag) max-idle, last access, metadata |
//! | header (36 bytes) | key | (aligned to 8) `Bytes` of a shared value | as above |
//! ```
//!
//! A long value that came from a server stays where it was read: a copy would cost as much as all else that is done with it.
//!
//! The header is packed because a cache's memory is mostly headers: at 16 bytes of key and 100 of value the whole block
//! is 152 bytes, the largest that malloc serves from its 160-byte class.

use std::alloc::Layout;
use std::borrow::Cow;
use std::ptr::NonNull;
#[cfg(not(larder_loom))]
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

#[cfg(larder_loom)]
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use bytes::Bytes;

use crate::clock;
use crate::error::{Error, Result, Status};

pub use super::metadata::{MAX_METADATA_LENGTH, Metadata, Pair, pairs};

/// The largest key, in bytes.
pub const MAX_KEY_LENGTH: usize = 1 << 26;
/// The largest value, in bytes.
pub const MAX_VALUE_LENGTH: usize = (1 << 31) - 1;

/// From so many bytes on a value that came from a server is shared.
const LONG: usize = 4 << 10;

const HAS_EXTRA: u32 = 1 << 31;
/// Set in the value's length of a record whose value is shared.
const IS_SHARED: u32 = 1 << 31;
/// The bits of the flag word that belong to the store that holds the record.
const STORE_BITS: u32 = 0xffff;

#[repr(C)]
struct Header {
    revision: u64,
    deadline: AtomicU64,
    references: AtomicU32,
    flags: AtomicU32,
    key_length: u32,
    /// And whether it is shared.
    value_length: u32,
    /// Stands for the block's bytes: loom sees that no read of them can come after, or at the same time as, the free.
    #[cfg(larder_loom)]
    bytes: loom::cell::UnsafeCell<()>,
    table: u32,
}

#[repr(C)]
struct Extra {
    max_idle_ms: u64,
    last_access: AtomicU64,
    metadata_length: u64,
}

const PAYLOAD: usize = std::mem::offset_of!(Header, table) + size_of::<u32>();

/// What a new record is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The store's number for the database and table that the record lies in.
    pub table: u32,
    /// The key, any bytes.
    pub key: &'a [u8],
    /// The value, any bytes.
    pub value: &'a [u8],
    /// The revision it will have.
    pub revision: u64,
    /// When it expires, by [`clock::now_ms`]; [`clock::NEVER`] for never.
    pub deadline: u64,
    /// How long it lives without being read, in milliseconds; 0 for as long as its lifespan.
    pub max_idle_ms: u64,
    /// The metadata.
    pub metadata: &'a Metadata,
}

/// A shared, immutable record. A clone is a second reference to the same allocation.
pub struct Record {
    block: NonNull<Header>,
}

// SAFETY: the block is immutable but for atomics, and its count is atomic, so it may be shared and dropped by any thread.
unsafe impl Send for Record {}
// SAFETY: as above.
unsafe impl Sync for Record {}

impl Record {
    /// A new record with one reference.
    ///
    /// # Errors
    ///
    /// `TOO_LARGE` for a key over [`MAX_KEY_LENGTH`] or a value over [`MAX_VALUE_LENGTH`], `OUT_OF_MEMORY` where the
    /// allocator has no room.
    pub fn new(parts: Parts<'_>) -> Result<Record> {
        let shape = Shape::Plain { key: parts.key.len(), value: parts.value.len() };
        let block = Record::begin(&parts, shape, parts.value.len())?;
        // SAFETY: the block has room for the value behind the key, which was written, and nobody else has it.
        unsafe {
            let place = block.as_ptr().cast::<u8>().add(PAYLOAD + parts.key.len());
            place.copy_from_nonoverlapping(parts.value.as_ptr(), parts.value.len());
        }
        Ok(Record { block })
    }

    /// As [`Record::new`], with a value that is not copied, instead of that in `parts`. It keeps all memory that it is a
    /// view of from being used again, for as long as the record lives.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn over(parts: Parts<'_>, value: Bytes) -> Result<Record> {
        let key = parts.key.len();
        let length = value.len() as u32;
        let block = Record::begin(&parts, Shape::Shared { key }, value.len())?;
        // SAFETY: the block has room for it at this aligned place, and nobody else has it.
        unsafe {
            block.as_ptr().cast::<u8>().add(shared_offset(key)).cast::<Bytes>().write(value);
            (&raw mut (*block.as_ptr()).value_length).write(length | IS_SHARED);
        }
        Ok(Record { block })
    }

    /// As [`Record::new`], with a value that was found in `memory` or taken out of it, instead of that in `parts`: copied,
    /// unless it is long.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn found(parts: Parts<'_>, value: Cow<'_, [u8]>, memory: &Bytes) -> Result<Record> {
        if value.len() < LONG {
            return Record::new(Parts { value: &value, ..parts });
        }
        match value {
            Cow::Owned(value) => Record::over(parts, value.into()),
            Cow::Borrowed(value) => match memory.as_ptr_range().contains(&value.as_ptr()) {
                true => Record::over(parts, memory.slice_ref(value)),
                false => Record::new(Parts { value, ..parts }),
            },
        }
    }

    /// The block of a record that lacks its value, which has to be written where the shape has room for it, and in `over`
    /// noted as shared: before that it is no record, and its drop would take it for one of another shape.
    fn begin(parts: &Parts<'_>, shape: Shape, value_length: usize) -> Result<NonNull<Header>> {
        if parts.key.len() > MAX_KEY_LENGTH {
            return Err(too_large("key", parts.key.len(), MAX_KEY_LENGTH));
        }
        if value_length > MAX_VALUE_LENGTH {
            return Err(too_large("value", value_length, MAX_VALUE_LENGTH));
        }
        let has_extra = parts.max_idle_ms != 0 || !parts.metadata.is_empty();
        let metadata = parts.metadata.as_bytes();
        let layout = layout(shape, has_extra.then_some(metadata.len()));
        // SAFETY: the layout is never of size 0: the header alone is larger.
        let raw = unsafe { std::alloc::alloc(layout) };
        let Some(block) = NonNull::new(raw.cast::<Header>()) else {
            return Err(Error::new(
                Status::OUT_OF_MEMORY,
                "value",
                format!("no memory for a record of {} bytes", layout.size()),
            ));
        };
        // SAFETY: the block was allocated with room for all that `layout` counts, is not shared yet, and the header's
        // fields are written one by one because its tail padding is payload.
        unsafe {
            let header = block.as_ptr();
            (&raw mut (*header).revision).write(parts.revision);
            (&raw mut (*header).deadline).write(AtomicU64::new(parts.deadline));
            (&raw mut (*header).references).write(AtomicU32::new(1));
            (&raw mut (*header).flags).write(AtomicU32::new(if has_extra { HAS_EXTRA } else { 0 }));
            (&raw mut (*header).key_length).write(parts.key.len() as u32);
            (&raw mut (*header).value_length).write(value_length as u32);
            #[cfg(larder_loom)]
            (&raw mut (*header).bytes).write(loom::cell::UnsafeCell::new(()));
            (&raw mut (*header).table).write(parts.table);
            raw.add(PAYLOAD).copy_from_nonoverlapping(parts.key.as_ptr(), parts.key.len());
            if has_extra {
                let extra = raw.add(extra_offset(shape)).cast::<Extra>();
                extra.write(Extra {
                    max_idle_ms: parts.max_idle_ms,
                    last_access: AtomicU64::new(clock::now_ms()),
                    metadata_length: metadata.len() as u64,
                });
                extra.add(1).cast::<u8>().copy_from_nonoverlapping(metadata.as_ptr(), metadata.len());
            }
        }
        Ok(block)
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        // SAFETY: `key_length` bytes after the header were initialised by `begin` and live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.base().add(PAYLOAD), self.key_length()) }
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> &[u8] {
        #[cfg(larder_loom)]
        self.header().bytes.with(|_| ());
        if let Some(shared) = self.shared() {
            return shared;
        }
        // SAFETY: `value_length` bytes after the key were initialised by `new` and live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.base().add(PAYLOAD + self.key_length()), self.value_length()) }
    }

    /// The value of a record that shares it.
    #[inline]
    fn shared(&self) -> Option<&Bytes> {
        if self.header().value_length & IS_SHARED == 0 {
            return None;
        }
        // SAFETY: with the bit set, `over` wrote it at this aligned place of the block.
        Some(unsafe { &*self.base().add(shared_offset(self.key_length())).cast::<Bytes>() })
    }

    fn shape(&self) -> Shape {
        match self.header().value_length & IS_SHARED {
            0 => Shape::Plain { key: self.key_length(), value: self.value_length() },
            _ => Shape::Shared { key: self.key_length() },
        }
    }

    /// The revision: grows with every write of the same key.
    #[inline]
    pub fn revision(&self) -> u64 {
        // SAFETY: initialised by `begin`; written again only by `set_revision`, which holds the only reference.
        unsafe { (*self.block.as_ptr()).revision }
    }

    /// The store's number for the record's database and table.
    #[inline]
    pub fn table(&self) -> u32 {
        // SAFETY: initialised by `begin`, never written again.
        unsafe { (*self.block.as_ptr()).table }
    }

    /// Has the processor fetch all cache lines of a small block at once, before the caller looks at the first.
    #[inline]
    pub(crate) fn prefetch(&self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch reads nothing that the program sees and never faults, wherever the address points.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(self.base().cast());
            _mm_prefetch::<_MM_HINT_T0>(self.base().wrapping_add(64).cast());
            _mm_prefetch::<_MM_HINT_T0>(self.base().wrapping_add(128).cast());
        }
    }

    /// Gives a record that nobody else holds its revision, before it is shared.
    ///
    /// # Panics
    ///
    /// When there is a second reference: a shared record is immutable.
    #[inline]
    pub fn set_revision(&mut self, revision: u64) {
        assert_eq!(self.header().references.load(Ordering::Acquire), 1, "a shared record keeps its revision");
        // SAFETY: this is the only reference, by the check above, and it is borrowed exclusively, so that no clone can
        // be made meanwhile; nobody else reads the field.
        unsafe { (&raw mut (*self.block.as_ptr()).revision).write(revision) };
    }

    /// The metadata, decoded on each call.
    pub fn metadata(&self) -> Metadata {
        Metadata { blob: self.metadata_bytes().to_vec() }
    }

    /// The metadata in its stored form; see [`Metadata::from_bytes`].
    pub fn metadata_bytes(&self) -> &[u8] {
        let Some(extra) = self.extra() else { return &[] };
        let offset = extra_offset(self.shape()) + size_of::<Extra>();
        // SAFETY: `metadata_length` bytes follow the extra part; `begin` initialised them.
        unsafe { std::slice::from_raw_parts(self.base().add(offset), extra.metadata_length as usize) }
    }

    /// The longest time without a read, in milliseconds; 0 for none.
    pub fn max_idle_ms(&self) -> u64 {
        self.extra().map_or(0, |extra| extra.max_idle_ms)
    }

    /// When the record expires if nobody reads it, by [`clock::now_ms`]; [`clock::NEVER`] for never.
    #[inline]
    pub fn deadline(&self) -> u64 {
        let lifespan = self.lifespan_deadline();
        let Some(extra) = self.extra() else { return lifespan };
        if extra.max_idle_ms == 0 {
            return lifespan;
        }
        lifespan.min(extra.last_access.load(Ordering::Relaxed).saturating_add(extra.max_idle_ms))
    }

    /// When the lifespan ends, whatever the reads; [`clock::NEVER`] for never.
    #[inline]
    pub fn lifespan_deadline(&self) -> u64 {
        self.header().deadline.load(Ordering::Relaxed)
    }

    /// Gives the record a new end of its lifespan.
    pub fn set_lifespan_deadline(&self, deadline: u64) {
        self.header().deadline.store(deadline, Ordering::Relaxed);
    }

    /// Milliseconds until the record expires if nobody reads it; `None` for never, 0 when it has expired.
    pub fn expires_in_ms(&self) -> Option<u64> {
        let deadline = self.deadline();
        (deadline != clock::NEVER).then(|| deadline.saturating_sub(clock::now_ms()))
    }

    /// Whether it has expired and must not be shown.
    #[inline]
    pub fn is_expired(&self) -> bool {
        clock::has_passed(self.deadline())
    }

    /// Notes a read: restarts the max-idle clock of a record that has one.
    #[inline]
    pub fn note_access(&self) {
        if let Some(extra) = self.extra()
            && extra.max_idle_ms != 0
        {
            extra.last_access.store(clock::now_ms(), Ordering::Relaxed);
        }
    }

    /// When it was last read or written, by [`clock::now_ms`]; 0 for a record without max-idle.
    pub fn last_access(&self) -> u64 {
        self.extra().map_or(0, |extra| extra.last_access.load(Ordering::Relaxed))
    }

    /// Sets when it was last read or written, for a copy of another record; nothing without max-idle.
    pub fn set_last_access(&self, time: u64) {
        if let Some(extra) = self.extra() {
            extra.last_access.store(time, Ordering::Relaxed);
        }
    }

    /// The 16 bits that belong to the store that holds the record.
    #[inline]
    pub fn store_bits(&self) -> u16 {
        (self.header().flags.load(Ordering::Relaxed) & STORE_BITS) as u16
    }

    /// Sets the store's 16 bits. The store must be their only writer (its lock, or a benign race of its own).
    #[inline]
    pub fn set_store_bits(&self, bits: u16) {
        let kept = self.header().flags.load(Ordering::Relaxed) & !STORE_BITS;
        self.header().flags.store(kept | u32::from(bits), Ordering::Relaxed);
    }

    /// Its size in bytes, as a bound by bytes counts it: header, key, value and metadata.
    #[inline]
    pub fn size(&self) -> usize {
        self.layout().size() + self.shared().map_or(0, Bytes::len)
    }

    /// Gives the reference away as a pointer, for a boundary that cannot hold a `Record`.
    pub fn into_raw(self) -> *const RawRecord {
        let raw = self.block.as_ptr().cast::<RawRecord>().cast_const();
        std::mem::forget(self);
        raw
    }

    /// A pointer to the record that lives as long as this reference, as [`Record::borrow_raw`] takes it.
    pub fn as_raw(&self) -> *const RawRecord {
        self.block.as_ptr().cast::<RawRecord>().cast_const()
    }

    /// Takes back what [`Record::into_raw`] gave.
    ///
    /// # Safety
    ///
    /// `raw` came from `into_raw`, and each such pointer is taken back once.
    pub unsafe fn from_raw(raw: *const RawRecord) -> Record {
        // SAFETY: by the caller's contract it is not null and owns a reference.
        Record { block: unsafe { NonNull::new_unchecked(raw.cast_mut().cast::<Header>()) } }
    }

    /// Looks at what a raw pointer refers to, without taking its reference.
    ///
    /// # Safety
    ///
    /// `raw` came from `into_raw`, and its reference outlives the returned guard.
    pub unsafe fn borrow_raw(raw: *const RawRecord) -> std::mem::ManuallyDrop<Record> {
        // SAFETY: the reference is not dropped, because the record is never dropped.
        std::mem::ManuallyDrop::new(unsafe { Record::from_raw(raw) })
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: the block lives as long as a reference to it does. The reference covers the header's tail padding, which is
        // payload, padding or past a short block's end; nobody writes it once the record is made, and `layout` has room for it.
        unsafe { self.block.as_ref() }
    }

    #[inline]
    fn base(&self) -> *const u8 {
        self.block.as_ptr().cast::<u8>().cast_const()
    }

    #[inline]
    fn key_length(&self) -> usize {
        self.header().key_length as usize
    }

    #[inline]
    fn value_length(&self) -> usize {
        (self.header().value_length & !IS_SHARED) as usize
    }

    #[inline]
    fn extra(&self) -> Option<&Extra> {
        if self.header().flags.load(Ordering::Relaxed) & HAS_EXTRA == 0 {
            return None;
        }
        let offset = extra_offset(self.shape());
        // SAFETY: with the flag set, `begin` wrote an `Extra` at this aligned offset of the block.
        Some(unsafe { &*self.base().add(offset).cast::<Extra>() })
    }

    fn layout(&self) -> Layout {
        let metadata = self.extra().map(|extra| extra.metadata_length as usize);
        layout(self.shape(), metadata)
    }
}

/// What a raw record pointer points to; never made in Rust.
#[repr(C)]
pub struct RawRecord {
    _private: [u8; 0],
}

impl Clone for Record {
    #[inline]
    fn clone(&self) -> Record {
        let before = self.header().references.fetch_add(1, Ordering::Relaxed);
        if before > u32::MAX / 2 {
            // A count that overflows would free a block in use; no caller can hold two billion references honestly.
            std::process::abort();
        }
        Record { block: self.block }
    }
}

impl Drop for Record {
    #[inline]
    fn drop(&mut self) {
        if self.header().references.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        // Pairs with the release above: all uses by other threads come before the block is freed.
        fence(Ordering::Acquire);
        #[cfg(larder_loom)]
        self.header().bytes.with_mut(|_| ());
        let layout = self.layout();
        if self.shared().is_some() {
            // SAFETY: `over` wrote it there, this was the last reference, and nobody looks at it any more.
            unsafe {
                std::ptr::drop_in_place(
                    self.block.as_ptr().cast::<u8>().add(shared_offset(self.key_length())).cast::<Bytes>(),
                )
            };
        }
        // SAFETY: this was the last reference, and the layout is the one it was allocated with.
        unsafe { std::alloc::dealloc(self.block.as_ptr().cast::<u8>(), layout) };
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record")
            .field("key", &self.key().escape_ascii().to_string())
            .field("value_length", &self.value_length())
            .field("revision", &self.revision())
            .finish_non_exhaustive()
    }
}

/// How a block is laid out, by the lengths of what is in it.
#[derive(Clone, Copy)]
enum Shape {
    Plain { key: usize, value: usize },
    Shared { key: usize },
}

impl Shape {
    /// Where key and value end.
    fn end(self) -> usize {
        match self {
            Shape::Plain { key, value } => PAYLOAD + key + value,
            Shape::Shared { key } => shared_offset(key) + size_of::<Bytes>(),
        }
    }
}

fn shared_offset(key: usize) -> usize {
    (PAYLOAD + key).next_multiple_of(align_of::<Bytes>())
}

fn extra_offset(shape: Shape) -> usize {
    shape.end().next_multiple_of(align_of::<Extra>())
}

fn layout(shape: Shape, metadata: Option<usize>) -> Layout {
    let size = match metadata {
        None => shape.end(),
        Some(length) => extra_offset(shape) + size_of::<Extra>() + length,
    };
    // The lengths are bounded by MAX_KEY_LENGTH, MAX_VALUE_LENGTH and the metadata's own bound, so the sum cannot
    // overflow; a block is never smaller than the header's own size, tail padding included.
    Layout::from_size_align(size.max(size_of::<Header>()), align_of::<Header>()).expect("a record's size is bounded")
}

pub(super) fn too_large(what: &'static str, length: usize, limit: usize) -> Error {
    Error::new(Status::TOO_LARGE, what, format!("it is {length} bytes long; the limit is {limit}"))
}

#[cfg(all(test, not(larder_loom)))]
mod tests;

#[cfg(all(test, larder_loom))]
mod loom_tests;
