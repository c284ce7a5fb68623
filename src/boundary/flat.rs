//! Flat forms: many keys, or many records, in one piece of memory, so that a batch costs one crossing and no pointer
//! into a garbage-collected heap.
//!
//! Keys: their bytes one after the other, and an array of their lengths.
//!
//! Records and events, all numbers little-endian, each item padded to a multiple of 8 bytes:
//!
//! | offset | type | what |
//! | --- | --- | --- |
//! | 0 | u32 | length of the whole item, padding included |
//! | 4 | u16 | 1 if there is a record, 0 for a miss or an event without one |
//! | 6 | u16 | kind of event (low byte), 0 outside a watch; bit 8: what was there when the watch began |
//! | 8 | u32 | length of the key |
//! | 12 | u32 | length of the value |
//! | 16 | u32 | length of the metadata in its stored form |
//! | 20 | u32 | 0 |
//! | 24 | u64 | revision; for a `lost` event how many events were dropped |
//! | 32 | i64 | milliseconds until it expires, -1 for never |
//! | 40 | i64 | max-idle in milliseconds, -1 for none |
//! | 48 | | key, value, metadata |

use crate::error::{Error, Result, Status};
use crate::store::event::Event;
use crate::store::record::Record;

const HEADER: usize = 48;

/// Bit of the kind field that marks what was there when a watch began.
pub const INITIAL: u16 = 1 << 8;

/// The keys in a flat form.
///
/// # Errors
///
/// `INVALID_ARGUMENT` when the lengths do not add up to the bytes, `OUT_OF_MEMORY`.
pub fn split_keys<'a>(bytes: &'a [u8], lengths: &[u32]) -> Result<Vec<&'a [u8]>> {
    split(bytes, lengths, "keys")
}

/// The parts of a flat form called `name`.
///
/// # Errors
///
/// `INVALID_ARGUMENT` when the lengths do not add up to the bytes, `OUT_OF_MEMORY`.
pub fn split<'a>(bytes: &'a [u8], lengths: &[u32], name: &'static str) -> Result<Vec<&'a [u8]>> {
    let mut parts = room_for(lengths.len(), name)?;
    let mut rest = bytes;
    for (index, length) in lengths.iter().enumerate() {
        let Some((part, tail)) = rest.split_at_checked(*length as usize) else {
            let text = format!("number {index} is {length} bytes long, but {} bytes are left", rest.len());
            return Err(Error::argument(name, text));
        };
        parts.push(part);
        rest = tail;
    }
    if !rest.is_empty() {
        return Err(Error::argument(name, format!("{} bytes are left after the last one", rest.len())));
    }
    Ok(parts)
}

/// A list with room for `count` items of the argument `name`, whose number the host gave.
///
/// # Errors
///
/// `OUT_OF_MEMORY`.
pub fn room_for<T>(count: usize, name: &'static str) -> Result<Vec<T>> {
    let mut items = Vec::new();
    items.try_reserve_exact(count).map_err(|_| {
        Error::new(Status::OUT_OF_MEMORY, name, format!("no memory to hold {count} of them; ask for fewer at once"))
    })?;
    Ok(items)
}

/// Records in their flat form.
///
/// # Errors
///
/// `OUT_OF_MEMORY`.
pub fn records(records: &[Option<Record>]) -> Result<Vec<u8>> {
    let mut flat = reserve(length_of_records(records))?;
    for record in records {
        write_item(&mut flat, record.as_ref(), 0, record.as_ref().map_or(0, Record::revision));
    }
    Ok(flat)
}

/// How many bytes records take in their flat form.
pub fn length_of_records(records: &[Option<Record>]) -> usize {
    records.iter().map(|record| item_length(record.as_ref())).sum()
}

/// Events in their flat form.
///
/// # Errors
///
/// `OUT_OF_MEMORY`.
pub fn events(events: &[Event]) -> Result<Vec<u8>> {
    let size = events.iter().map(|event| item_length(event.record.as_ref())).sum();
    let mut flat = reserve(size)?;
    for event in events {
        let initial = if event.initial { INITIAL } else { 0 };
        let number = event.record.as_ref().map_or(event.lost, Record::revision);
        write_item(&mut flat, event.record.as_ref(), event.kind as u16 | initial, number);
    }
    Ok(flat)
}

fn reserve(size: usize) -> Result<Vec<u8>> {
    let mut flat = Vec::new();
    flat.try_reserve_exact(size)
        .map_err(|_| Error::new(Status::OUT_OF_MEMORY, "records", format!("no memory for {size} bytes of records")))?;
    Ok(flat)
}

fn item_length(record: Option<&Record>) -> usize {
    let payload = record.map_or(0, |record| record.key().len() + record.value().len() + record.metadata_bytes().len());
    (HEADER + payload).next_multiple_of(8)
}

fn write_item(flat: &mut Vec<u8>, record: Option<&Record>, kind: u16, number: u64) {
    let (key, value, metadata) =
        record.map_or((&[][..], &[][..], &[][..]), |record| (record.key(), record.value(), record.metadata_bytes()));
    let expires_in = record.and_then(Record::expires_in_ms).map_or(-1, |ms| i64::try_from(ms).unwrap_or(i64::MAX));
    let max_idle = record.map(Record::max_idle_ms).filter(|ms| *ms != 0);
    let length = item_length(record);
    let end = flat.len() + length;
    flat.extend_from_slice(&(length as u32).to_le_bytes());
    flat.extend_from_slice(&u16::from(record.is_some()).to_le_bytes());
    flat.extend_from_slice(&kind.to_le_bytes());
    flat.extend_from_slice(&(key.len() as u32).to_le_bytes());
    flat.extend_from_slice(&(value.len() as u32).to_le_bytes());
    flat.extend_from_slice(&(metadata.len() as u32).to_le_bytes());
    flat.extend_from_slice(&0u32.to_le_bytes());
    flat.extend_from_slice(&number.to_le_bytes());
    flat.extend_from_slice(&expires_in.to_le_bytes());
    flat.extend_from_slice(&max_idle.map_or(-1, |ms| i64::try_from(ms).unwrap_or(i64::MAX)).to_le_bytes());
    for part in [key, value, metadata] {
        flat.extend_from_slice(part);
    }
    flat.resize(end, 0);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::clock;
    use crate::store::record::{Metadata, Parts};

    #[test]
    fn lengths_that_do_not_add_up_are_refused() {
        assert_eq!(split_keys(b"abc", &[1, 0, 2]).expect("whole"), [&b"a"[..], b"", b"bc"]);
        for lengths in [&[4u32][..], &[1, 1], &[]] {
            let error = split_keys(b"abc", lengths).expect_err("not whole");
            assert_eq!((error.status(), error.origin()), (Status::INVALID_ARGUMENT, "keys"));
        }
    }

    #[test]
    fn more_items_than_memory_holds_are_refused() {
        let error = room_for::<u64>(usize::MAX / 16, "keys").expect_err("too many");
        assert_eq!((error.status(), error.origin()), (Status::OUT_OF_MEMORY, "keys"));
    }

    #[test]
    fn a_flat_record_has_the_documented_layout() {
        let metadata = Metadata::new([("m", &b"x"[..])]).expect("small");
        let record = Record::new(Parts {
            table: 0,
            key: b"key",
            value: b"value",
            revision: 9,
            deadline: clock::NEVER,
            max_idle_ms: 1000,
            metadata: &metadata,
        })
        .expect("small");
        let flat = records(&[None, Some(record)]).expect("memory");
        assert_eq!(flat[..8], [48, 0, 0, 0, 0, 0, 0, 0]);
        let item = &flat[48..];
        assert_eq!(item.len() % 8, 0);
        assert_eq!(item[0] as usize, item.len());
        assert_eq!((item[4], item[8], item[12], item[16], item[24]), (1, 3, 5, 10, 9));
        assert_eq!(i64::from_le_bytes(item[40..48].try_into().expect("8 bytes")), 1000);
        assert_eq!(&item[48..56], b"keyvalue");
    }
}
