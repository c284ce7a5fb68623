//! The structs of options that calls take.

use std::time::Duration;

use super::pointer::{bytes, options, text, zero};
use crate::error::{Error, Result};
use crate::store::options::{
    Durability, Lifetime, ListOptions, Projection, PutOptions, Term, WatchOptions, WatchStart,
};
use crate::store::record::{Metadata, pairs};

/// A lifespan or max-idle without end, whatever the store's default is.
pub const LARDER_TERM_UNLIMITED: i64 = -1;

/// A write is done when the server that took it has it, whatever the store's default is.
pub const LARDER_DURABILITY_NONE: i32 = -1;
/// A write is done when every replica that could become the master has it, and one at least.
pub const LARDER_DURABILITY_ALL: i32 = -2;

/// A list gives keys, revisions and times; values and metadata are empty.
pub const LARDER_LIST_KEYS: u32 = 0;
/// A list gives whole records.
pub const LARDER_LIST_RECORDS: u32 = 1;

/// A watch begins with the next change.
pub const LARDER_WATCH_NOW: u32 = 0;
/// A watch begins with a `created` event for each record that is there when the watch comes to it, then one `current`
/// event, then changes. Replayed, the events give what is there now.
pub const LARDER_WATCH_EXISTING: u32 = 1;

/// Options of a write. Zero in all fields but `struct_size` is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct larder_put_options_t {
    /// sizeof(larder_put_options_t).
    pub struct_size: usize,
    /// Milliseconds that the record lives; 0 for the store's default, LARDER_TERM_UNLIMITED for ever.
    pub lifespan_ms: i64,
    /// Milliseconds that it lives without being read; 0 for the store's default, LARDER_TERM_UNLIMITED for ever.
    pub max_idle_ms: i64,
    /// Metadata in its stored form, see `larder_metadata_append`; NULL for none.
    pub metadata: *const u8,
    /// Bytes of metadata.
    pub metadata_length: usize,
    /// Milliseconds after which the call answers LARDER_TIMEOUT; 0 for never.
    pub timeout_ms: i64,
    /// How much of a replicated store must have the write before it counts as done: 0 for the store's default, 1 to 255
    /// for so many replicas at least besides the server that took it, LARDER_DURABILITY_NONE or LARDER_DURABILITY_ALL. A
    /// store that has no replicas takes 0 and LARDER_DURABILITY_NONE, and answers LARDER_UNSUPPORTED to the others.
    pub durability: i32,
    /// Zero.
    pub reserved_flags: u32,
    /// Zero.
    pub reserved: [u64; 3],
}

/// Which records a list or a cursor gives: sorted by key, bytewise; offset and limit count what the filter left.
/// Zero in all fields but `struct_size` gives every key.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct larder_list_options_t {
    /// sizeof(larder_list_options_t).
    pub struct_size: usize,
    /// Only keys that begin with this; NULL for all.
    pub prefix: *const u8,
    /// Bytes of prefix.
    pub prefix_length: usize,
    /// Only keys that end with this; NULL for all.
    pub suffix: *const u8,
    /// Bytes of suffix.
    pub suffix_length: usize,
    /// How many to leave out at the front.
    pub offset: u64,
    /// How many to give at most; 0 for all.
    pub limit: u64,
    /// LARDER_LIST_KEYS or LARDER_LIST_RECORDS.
    pub projection: u32,
    /// Zero.
    pub reserved_flags: u32,
    /// Milliseconds after which the call answers LARDER_TIMEOUT; 0 for never.
    pub timeout_ms: i64,
    /// Zero.
    pub reserved: [u64; 4],
}

/// Options of a watch. Zero in all fields but `struct_size` watches every key from now on.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct larder_watch_options_t {
    /// sizeof(larder_watch_options_t).
    pub struct_size: usize,
    /// Only keys that begin with this; NULL for all.
    pub prefix: *const u8,
    /// Bytes of prefix.
    pub prefix_length: usize,
    /// LARDER_WATCH_NOW or LARDER_WATCH_EXISTING.
    pub start: u32,
    /// Zero.
    pub reserved_flags: u32,
    /// How many events may wait for the reader; 0 for 65,536. Beyond it events are dropped and one `lost` event tells.
    pub capacity: u64,
    /// Milliseconds after which the call answers LARDER_TIMEOUT; 0 for never.
    pub timeout_ms: i64,
    /// Zero.
    pub reserved: [u64; 4],
}

/// Which records of a named store a handle is on. NULL names are those that the configuration gives.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct larder_store_options_t {
    /// sizeof(larder_store_options_t).
    pub struct_size: usize,
    /// UTF-8; NULL for the configured database.
    pub database: *const u8,
    /// Bytes of database.
    pub database_length: usize,
    /// UTF-8; NULL for the configured table.
    pub table: *const u8,
    /// Bytes of table.
    pub table_length: usize,
    /// Zero.
    pub reserved: [u64; 4],
}

pub(super) fn term(milliseconds: i64, name: &'static str) -> Result<Term> {
    match milliseconds {
        0 => Ok(Term::Default),
        LARDER_TERM_UNLIMITED => Ok(Term::Unlimited),
        1.. => Ok(Term::For(Duration::from_millis(milliseconds as u64))),
        _ => {
            let text = format!("{milliseconds} is negative; -1 is without end, 0 the store's default");
            Err(Error::argument(name, text))
        }
    }
}

/// A lifetime from the numbers that any boundary has.
///
/// # Errors
///
/// `INVALID_ARGUMENT` for negative times but -1.
pub fn lifetime(lifespan_ms: i64, max_idle_ms: i64) -> Result<Lifetime> {
    Ok(Lifetime { lifespan: term(lifespan_ms, "lifespan_ms")?, max_idle: term(max_idle_ms, "max_idle_ms")? })
}

/// A durability from the number that any boundary has.
///
/// # Errors
///
/// `INVALID_ARGUMENT` for a number that stands for none.
fn durability_of(number: i32) -> Result<Durability> {
    match number {
        0 => Ok(Durability::Default),
        LARDER_DURABILITY_NONE => Ok(Durability::None),
        LARDER_DURABILITY_ALL => Ok(Durability::All),
        _ => match u8::try_from(number) {
            Ok(replicas) => Ok(Durability::Replicas(replicas)),
            Err(_) => {
                let text = format!("{number} is none; 1 to 255 are replicas, -1 none, -2 all, 0 the store's default");
                Err(Error::argument("options.durability", text))
            }
        },
    }
}

/// # Safety
///
/// `pointer` is null or a readable struct whose pointers are readable for their lengths.
pub(super) unsafe fn put_options(pointer: *const larder_put_options_t) -> Result<(PutOptions, i64)> {
    // SAFETY: by this function's contract; all-zero is a valid struct of numbers and pointers.
    let Some(given) = (unsafe { options(pointer, "options")? }) else { return Ok((PutOptions::default(), 0)) };
    zero(&given.reserved, "options.reserved")?;
    zero(&[given.reserved_flags.into()], "options.reserved_flags")?;
    // SAFETY: by this function's contract.
    let metadata = unsafe { bytes(given.metadata, given.metadata_length, "options.metadata")? };
    let result = put_options_of(given.lifespan_ms, given.max_idle_ms, given.durability, metadata)?;
    Ok((result, given.timeout_ms))
}

/// Put options from the numbers and bytes that any boundary has.
///
/// # Errors
///
/// `INVALID_ARGUMENT` for negative times, for a durability that is none and for metadata that is not in its stored form,
/// `TOO_LARGE` for too much of it.
pub fn put_options_of(lifespan_ms: i64, max_idle_ms: i64, durability: i32, metadata: &[u8]) -> Result<PutOptions> {
    let (lifetime, durability) = (lifetime(lifespan_ms, max_idle_ms)?, durability_of(durability)?);
    let mut result = PutOptions { lifetime, durability, ..PutOptions::default() };
    if !metadata.is_empty() {
        if Metadata::from_bytes(metadata).is_none() {
            let text = "it is not in the stored form; build it with larder_metadata_append";
            return Err(Error::argument("options.metadata", text));
        }
        // Made anew from its pairs: stored metadata is sorted, and holds each name once.
        result.metadata = Metadata::new(pairs(metadata))?;
    }
    Ok(result)
}

/// # Safety
///
/// As [`put_options`].
pub(super) unsafe fn list_options(pointer: *const larder_list_options_t) -> Result<(ListOptions, i64)> {
    // SAFETY: by this function's contract; all-zero is a valid struct of numbers and pointers.
    let Some(given) = (unsafe { options(pointer, "options")? }) else { return Ok((ListOptions::default(), 0)) };
    zero(&given.reserved, "options.reserved")?;
    zero(&[given.reserved_flags.into()], "options.reserved_flags")?;
    let projection = match given.projection {
        LARDER_LIST_KEYS => Projection::Keys,
        LARDER_LIST_RECORDS => Projection::Records,
        other => return Err(Error::argument("options.projection", format!("{other} is none"))),
    };
    Ok((
        ListOptions {
            // SAFETY: by this function's contract.
            prefix: unsafe { bytes(given.prefix, given.prefix_length, "options.prefix")? }.to_vec(),
            // SAFETY: by this function's contract.
            suffix: unsafe { bytes(given.suffix, given.suffix_length, "options.suffix")? }.to_vec(),
            offset: usize::try_from(given.offset).unwrap_or(usize::MAX),
            limit: usize::try_from(given.limit).unwrap_or(usize::MAX),
            projection,
        },
        given.timeout_ms,
    ))
}

/// # Safety
///
/// As [`put_options`].
pub(super) unsafe fn watch_options(pointer: *const larder_watch_options_t) -> Result<(WatchOptions, i64)> {
    // SAFETY: by this function's contract; all-zero is a valid struct of numbers and pointers.
    let Some(given) = (unsafe { options(pointer, "options")? }) else { return Ok((WatchOptions::default(), 0)) };
    zero(&given.reserved, "options.reserved")?;
    zero(&[given.reserved_flags.into()], "options.reserved_flags")?;
    let start = match given.start {
        LARDER_WATCH_NOW => WatchStart::Now,
        LARDER_WATCH_EXISTING => WatchStart::Existing,
        other => return Err(Error::argument("options.start", format!("{other} is none"))),
    };
    // SAFETY: by this function's contract.
    let prefix = unsafe { bytes(given.prefix, given.prefix_length, "options.prefix")? }.to_vec();
    let capacity = usize::try_from(given.capacity).unwrap_or(usize::MAX);
    Ok((WatchOptions { prefix, start, capacity }, given.timeout_ms))
}

/// # Safety
///
/// As [`put_options`]; the texts live as long as the host's memory does.
pub(super) unsafe fn store_options<'a>(
    pointer: *const larder_store_options_t,
) -> Result<(Option<&'a str>, Option<&'a str>)> {
    // SAFETY: by this function's contract; all-zero is a valid struct of numbers and pointers.
    let Some(given) = (unsafe { options(pointer, "options")? }) else { return Ok((None, None)) };
    zero(&given.reserved, "options.reserved")?;
    // SAFETY: by this function's contract.
    let database = unsafe { text(given.database, given.database_length, "options.database")? };
    // SAFETY: by this function's contract.
    let table = unsafe { text(given.table, given.table_length, "options.table")? };
    Ok(((!given.database.is_null()).then_some(database), (!given.table.is_null()).then_some(table)))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::error::Status;

    #[test]
    fn each_number_is_one_durability_or_refused_by_name() {
        let known = [
            (0, Durability::Default),
            (LARDER_DURABILITY_NONE, Durability::None),
            (LARDER_DURABILITY_ALL, Durability::All),
            (1, Durability::Replicas(1)),
            (255, Durability::Replicas(255)),
        ];
        for (number, durability) in known {
            assert_eq!(put_options_of(0, 0, number, &[]).expect("known").durability, durability, "{number}");
        }
        for number in [i32::MIN, -3, 256, i32::MAX] {
            let error = put_options_of(0, 0, number, &[]).expect_err("out of range");
            assert_eq!((error.status(), error.origin()), (Status::INVALID_ARGUMENT, "options.durability"), "{number}");
        }
    }
}
