//! The calls on many records of a store.

use super::error::larder_error_t;
use super::options::{larder_list_options_t, larder_put_options_t, list_options, put_options};
use super::pointer::{buffer, bytes, call, handle, put, required, slice, timeout};
use super::records::larder_records_t;
use super::store::larder_store_t;
use super::store_read::COPIED_WHILE_PINNED;
use super::store_write::status_of;
use crate::boundary::flat::{room_for, split, split_keys};
use crate::boundary::wait::wait;
use crate::error::{Error, Result, Status};
use crate::store::Store;
use crate::store::options::{Entry, Outcome};
use crate::store::record::Record;
use std::sync::Arc;
use std::time::Duration;

/// In place of a value's length: there is no such record.
pub const LARDER_LENGTH_NOT_FOUND: i64 = -1;

/// Reads many records by reference.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param store        the store
/// @param keys         the bytes of all keys, one after the other; borrowed for the call
/// @param keys_length  their number
/// @param key_lengths  the length of each key
/// @param count        how many keys there are
/// @param timeout_ms   milliseconds after which it answers LARDER_TIMEOUT; 0 for never
/// @param records      receives the records in the keys' order, with gaps, to be freed with larder_records_free
/// @param err          receives the error on failure; may be NULL
/// @return LARDER_OK; errors as larder_store_get_into
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_get_many(
    store: *const larder_store_t,
    keys: *const u8,
    keys_length: usize,
    key_lengths: *const u32,
    count: usize,
    timeout_ms: i64,
    records: *mut *mut larder_records_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let out = required(records, "records")?;
            out.write(std::ptr::null_mut());
            let limit = timeout(timeout_ms)?;
            let lengths = slice(key_lengths, count, "key_lengths")?;
            let keys = split_keys(bytes(keys, keys_length, "keys")?, lengths)?;
            let found = wait(handle(store, "store")?.0.store()?.get_many(&keys), limit)?;
            out.write(larder_records_t::give(found));
            Ok(Status::OK)
        })
    }
}

/// Reads many values into one buffer: one after the other, in the keys' order. From a memory store it allocates nothing.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param store, keys, keys_length, key_lengths, count, timeout_ms  as larder_store_get_many
/// @param values, capacity  the buffer for the values
/// @param value_lengths     receives `count` lengths, LARDER_LENGTH_NOT_FOUND where there is no record
/// @param needed            receives the bytes of all values together; may be NULL
/// @param err               receives the error on failure; may be NULL
/// @return LARDER_OK; LARDER_BUFFER_TOO_SMALL (the lengths are right, values are only those that fit in front; ask again
///         with a buffer of `needed` bytes); errors as larder_store_get_into
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_get_many_into(
    store: *const larder_store_t,
    keys: *const u8,
    keys_length: usize,
    key_lengths: *const u32,
    count: usize,
    timeout_ms: i64,
    values: *mut u8,
    capacity: usize,
    value_lengths: *mut i64,
    needed: *mut usize,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let limit = timeout(timeout_ms)?;
            let lengths = slice(key_lengths, count, "key_lengths")?;
            let keys = bytes(keys, keys_length, "keys")?;
            let target = ValueBuffer {
                values: buffer(values, capacity, "values")?,
                lengths: buffer(value_lengths, count, "value_lengths")?,
                filled: 0,
            };
            let total = get_many_into(handle(store, "store")?.0.store()?, keys, lengths, target, limit)?;
            put(needed, total);
            Ok(if total <= capacity { Status::OK } else { Status::BUFFER_TOO_SMALL })
        })
    }
}

/// Writes many records, each whatever is there. Not one transaction: an error of one record is in its place in
/// `statuses`, and the others are written.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param store                                     the store
/// @param keys, keys_length, key_lengths, count     the keys, as larder_store_get_many
/// @param values, values_length, value_lengths      the values in the same form and order
/// @param options, options_count                    NULL and 0 for the defaults, one for all records, or one for each;
///                                                  the deadline is that of the first
/// @param statuses                                  receives `count` statuses; may be NULL
/// @param revisions                                 receives `count` revisions; may be NULL
/// @param err                                       receives the error on failure; may be NULL
/// @return LARDER_OK when all were written; the status of the first that was not; errors as larder_store_put
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_put_many(
    store: *const larder_store_t,
    keys: *const u8,
    keys_length: usize,
    key_lengths: *const u32,
    values: *const u8,
    values_length: usize,
    value_lengths: *const u32,
    count: usize,
    options: *const larder_put_options_t,
    options_count: usize,
    statuses: *mut i32,
    revisions: *mut u64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let keys = split_keys(bytes(keys, keys_length, "keys")?, slice(key_lengths, count, "key_lengths")?)?;
            let value_lengths = slice(value_lengths, count, "value_lengths")?;
            let values = split(bytes(values, values_length, "values")?, value_lengths, "values")?;
            let statuses = optional(statuses, count, "statuses")?;
            let revisions = optional(revisions, count, "revisions")?;
            let (entries, timeout_ms) = entries(&keys, &values, options, options_count)?;
            let outcomes = wait(handle(store, "store")?.0.store()?.put_many(&entries), timeout(timeout_ms)?)?;
            tell_all(outcomes, statuses, revisions)
        })
    }
}

/// Removes many records.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param store, keys, keys_length, key_lengths, count, timeout_ms  as larder_store_get_many
/// @param removed  receives how many there were; may be NULL
/// @param err      receives the error on failure; may be NULL
/// @return LARDER_OK; errors as larder_store_put
///
/// # Safety
///
/// The pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_remove_many(
    store: *const larder_store_t,
    keys: *const u8,
    keys_length: usize,
    key_lengths: *const u32,
    count: usize,
    timeout_ms: i64,
    removed: *mut u64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let limit = timeout(timeout_ms)?;
            let keys = split_keys(bytes(keys, keys_length, "keys")?, slice(key_lengths, count, "key_lengths")?)?;
            let number = wait(handle(store, "store")?.0.store()?.remove_many(&keys), limit)?;
            put(removed, number);
            Ok(Status::OK)
        })
    }
}

/// Lists the records that pass a filter, sorted by key, bytewise. For a large store use larder_store_cursor.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param store    the store
/// @param options  the filter; NULL for every key
/// @param records  receives the records, to be freed with larder_records_free
/// @param err      receives the error on failure; may be NULL
/// @return LARDER_OK, also when there are none; errors as larder_store_get_into
///
/// # Safety
///
/// The pointers are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_list(
    store: *const larder_store_t,
    options: *const larder_list_options_t,
    records: *mut *mut larder_records_t,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let out = required(records, "records")?;
            out.write(std::ptr::null_mut());
            let (options, timeout_ms) = list_options(options)?;
            let found = wait(handle(store, "store")?.0.store()?.list(&options), timeout(timeout_ms)?)?;
            out.write(larder_records_t::give(found.into_iter().map(Some).collect()));
            Ok(Status::OK)
        })
    }
}

/// Removes every record of the store's database and table. Watches see each as removed.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param store       the store
/// @param timeout_ms  milliseconds after which it answers LARDER_TIMEOUT; 0 for never
/// @param removed     receives how many there were; may be NULL
/// @param err         receives the error on failure; may be NULL
/// @return LARDER_OK; errors as larder_store_put
///
/// # Safety
///
/// The pointers are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_clear(
    store: *const larder_store_t,
    timeout_ms: i64,
    removed: *mut u64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let limit = timeout(timeout_ms)?;
            let number = wait(handle(store, "store")?.0.store()?.clear(), limit)?;
            put(removed, number);
            Ok(Status::OK)
        })
    }
}

/// How many records the store's database and table holds; expired ones do not count.
///
/// Any thread. Blocks until the answer or the deadline; a memory store never blocks. Since ABI 1.
///
/// @param store       the store
/// @param timeout_ms  milliseconds after which it answers LARDER_TIMEOUT; 0 for never
/// @param size        receives the number
/// @param err         receives the error on failure; may be NULL
/// @return LARDER_OK; errors as larder_store_get_into
///
/// # Safety
///
/// The pointers are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn larder_store_size(
    store: *const larder_store_t,
    timeout_ms: i64,
    size: *mut u64,
    err: *mut *mut larder_error_t,
) -> i32 {
    // SAFETY: by this function's contract.
    unsafe {
        call(err, || {
            let out = required(size, "size")?;
            let limit = timeout(timeout_ms)?;
            out.write(wait(handle(store, "store")?.0.store()?.size(), limit)?);
            Ok(Status::OK)
        })
    }
}

/// A caller's room for many values.
pub struct ValueBuffer<'a> {
    /// The values go here, one after the other.
    pub values: &'a mut [u8],
    /// A length for each key, [`LARDER_LENGTH_NOT_FOUND`] for none.
    pub lengths: &'a mut [i64],
    /// How many bytes the values so far need, whether they fitted or not.
    pub filled: usize,
}

impl ValueBuffer<'_> {
    fn add(&mut self, index: usize, value: &[u8]) {
        self.fill_in(self.filled, value);
        self.skip(index, value);
    }

    /// Counts a value that is to be filled in later.
    fn skip(&mut self, index: usize, value: &[u8]) {
        self.lengths[index] = value.len() as i64;
        self.filled += value.len();
    }

    /// Copies a value to where it begins, if there is room for all of it.
    fn fill_in(&mut self, start: usize, value: &[u8]) {
        if let Some(room) = self.values.get_mut(start..start + value.len()) {
            room.copy_from_slice(value);
        }
    }

    fn miss(&mut self, index: usize) {
        self.lengths[index] = LARDER_LENGTH_NOT_FOUND;
    }
}

/// Reads many values into a buffer; says how many bytes they need together.
///
/// # Errors
///
/// `INVALID_ARGUMENT` for lengths that do not add up, and what the store answers.
pub fn get_many_into(
    store: &Arc<dyn Store>,
    keys: &[u8],
    key_lengths: &[u32],
    mut target: ValueBuffer<'_>,
    limit: Option<Duration>,
) -> Result<usize> {
    if !store.is_immediate() {
        let found = wait(store.get_values(&split_keys(keys, key_lengths)?), limit)?;
        for (index, record) in found.iter().enumerate() {
            match record {
                Some(record) => target.add(index, record.value()),
                None => target.miss(index),
            }
        }
        return Ok(target.filled);
    }
    target.lengths.fill(LARDER_LENGTH_NOT_FOUND);
    let mut rest = keys;
    for (turn, lengths) in key_lengths.chunks(KEYS_PER_LOOK).enumerate() {
        let mut window: [&[u8]; KEYS_PER_LOOK] = [&[]; KEYS_PER_LOOK];
        let first = turn * KEYS_PER_LOOK;
        for (at, length) in lengths.iter().enumerate() {
            let Some((key, tail)) = rest.split_at_checked(*length as usize) else {
                return Err(Error::argument("keys", format!("number {} ends after the last byte", first + at)));
            };
            window[at] = key;
            rest = tail;
        }
        peek_window(store, &window[..lengths.len()], first, &mut target)?;
    }
    if !rest.is_empty() {
        return Err(Error::argument("keys", format!("{} bytes are left after the last one", rest.len())));
    }
    Ok(target.filled)
}

/// Keys that are looked up together: so many cache misses overlap.
const KEYS_PER_LOOK: usize = 32;

/// Looks up `keys`, the first of which is number `first` of all.
fn peek_window(store: &Arc<dyn Store>, keys: &[&[u8]], first: usize, target: &mut ValueBuffer<'_>) -> Result<()> {
    let mut large: [Option<(Record, usize)>; KEYS_PER_LOOK] = [const { None }; KEYS_PER_LOOK];
    store.peek_many(keys, &mut |place, record| {
        if record.value().len() > COPIED_WHILE_PINNED {
            large[place] = Some((record.clone(), target.filled));
            target.skip(first + place, record.value());
        } else {
            target.add(first + place, record.value());
        }
    })?;
    for (record, start) in large.iter().flatten() {
        target.fill_in(*start, record.value());
    }
    Ok(())
}

/// The entries of a batch, and its timeout in milliseconds.
///
/// # Safety
///
/// `options` is null or readable for `count` structs whose pointers are valid.
pub(super) unsafe fn entries<'a>(
    keys: &[&'a [u8]],
    values: &[&'a [u8]],
    options: *const larder_put_options_t,
    count: usize,
) -> Result<(Vec<Entry<'a>>, i64)> {
    if count > 1 && count != keys.len() {
        let text = format!("{count} options for {} records; give none, one for all, or one for each", keys.len());
        return Err(Error::argument("options_count", text));
    }
    if count > 0 && options.is_null() {
        return Err(Error::argument("options", "it is null"));
    }
    let mut result = room_for(keys.len(), "keys")?;
    let mut timeout_ms = 0;
    for (index, (key, value)) in keys.iter().zip(values).enumerate() {
        let (given, limit) = match count {
            0 => Default::default(),
            // SAFETY: by this function's contract; the array's stride is the host's size of its first element.
            1 => unsafe { put_options(options)? },
            // SAFETY: as above.
            _ => unsafe { put_options(element(options, index))? },
        };
        if index == 0 {
            timeout_ms = limit;
        }
        result.push(Entry { key, value, options: given });
    }
    Ok((result, timeout_ms))
}

/// The element of a host's array whose structs are as large as the first says.
///
/// # Safety
///
/// `first` is an array of more than `index` structs that each begin with the same `size_t struct_size`; the first was
/// looked at before the others are.
pub(super) unsafe fn element<T>(first: *const T, index: usize) -> *const T {
    if index == 0 {
        // Not looked at yet: it may be null or not aligned, which `options` says.
        return first;
    }
    // SAFETY: by this function's contract.
    unsafe {
        let stride = first.cast::<usize>().read();
        first.byte_add(stride * index)
    }
}

/// # Safety
///
/// `data` is null or writable for `count` elements.
unsafe fn optional<'a, T>(data: *mut T, count: usize, name: &'static str) -> Result<&'a mut [T]> {
    if data.is_null() {
        return Ok(&mut []);
    }
    // SAFETY: by this function's contract.
    unsafe { buffer(data, count, name) }
}

fn tell_all(outcomes: Vec<Result<Outcome>>, statuses: &mut [i32], revisions: &mut [u64]) -> Result<Status> {
    let mut first = Ok(Status::OK);
    for (index, outcome) in outcomes.into_iter().enumerate() {
        let (status, revision) = match &outcome {
            Ok(outcome) => status_of(*outcome),
            Err(error) => (error.status(), 0),
        };
        if let Some(place) = statuses.get_mut(index) {
            *place = status.0;
        }
        if let Some(place) = revisions.get_mut(index) {
            *place = revision;
        }
        if status != Status::OK && first == Ok(Status::OK) {
            first = outcome.map(|_| status);
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Backend;
    use crate::store::memory::{MemoryBackend, MemoryConfig};
    use crate::store::options::PutOptions;

    #[test]
    fn large_and_small_values_lie_in_the_order_of_their_keys_and_misses_take_no_room() {
        let backend = MemoryBackend::open(MemoryConfig::default()).expect("a backend");
        let store = backend.open("d", "t").expect("a store");
        let count = 3 * KEYS_PER_LOOK as u8;
        let (mut keys, mut expected, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..count {
            keys.push(number);
            if number % 5 == 4 {
                lengths.push(LARDER_LENGTH_NOT_FOUND);
                continue;
            }
            let length =
                if number % 3 == 0 { COPIED_WHILE_PINNED + usize::from(number) + 1 } else { usize::from(number) };
            let value = vec![number; length];
            wait(store.put(&[number], &value, &PutOptions::default()), None).expect("a put");
            lengths.push(length as i64);
            expected.extend(value);
        }
        let key_lengths = vec![1; keys.len()];
        let mut values = vec![0; expected.len()];
        let mut told = vec![0; keys.len()];
        let target = ValueBuffer { values: &mut values, lengths: &mut told, filled: 0 };
        let total = get_many_into(&store, &keys, &key_lengths, target, None).expect("a get");
        assert_eq!((total, &told), (expected.len(), &lengths));
        assert!(values == expected, "values are out of their places");
    }
}
