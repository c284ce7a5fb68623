//! Requests as Java writes them, all numbers little-endian:
//!
//! | offset | type | what |
//! | --- | --- | --- |
//! | 0 | u32 | operation |
//! | 4 | u32 | condition of a write, projection of a list (1 for records), start of a watch (1 for what is there) |
//! | 8 | i64 | expected revision; offset of a list |
//! | 16 | i64 | at most so many records or events; limit of a list, capacity of a watch; durability of a write |
//! | 24 | i64 | lifespan in milliseconds |
//! | 32 | i64 | max-idle in milliseconds |
//! | 40 | i64 | timeout in milliseconds |
//! | 48 | u32 | length of the key, or of the prefix |
//! | 52 | u32 | length of the value, or of the suffix; all bits set for a value that comes in an array of its own |
//! | 56 | u32 | length of the metadata |
//! | 60 | u32 | how many items there are, for operations on many |
//! | 64 | | key, value, metadata |
//! | | | items: lengths of key, value and metadata (u32 each), durability (i32), lifespan, max-idle (i64 each), the bytes |
//!
//! A durability is the number that `durability` in `larder_put_options_t` is.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jni_sys::jlong;

use super::handles::handle;
use super::reader::Reader;
use crate::boundary::handle::{CursorHandle, StoreHandle, WatchHandle};
use crate::boundary::operation::{Operation, OperationKind};
use crate::boundary::request::{Request, Target, expected_revision};
use crate::boundary::wait::timeout_from_ms;
use crate::error::Result;
use crate::ffi::options::{lifetime, put_options_of};
use crate::ffi::request::condition_of;
use crate::ffi::watch::positive;
use crate::store::given::Given;
use crate::store::options::{Entry, ListOptions, Projection, WatchOptions, WatchStart};

const VALUE_APART: u32 = u32::MAX;

/// A request that was read, with its bytes borrowed.
pub struct Parsed<'a> {
    kind: OperationKind,
    option: u32,
    number: u64,
    most: i64,
    lifespan_ms: i64,
    max_idle_ms: i64,
    timeout_ms: i64,
    key: &'a [u8],
    value: Given<'a>,
    metadata: &'a [u8],
    items: Vec<Item<'a>>,
}

struct Item<'a> {
    key: &'a [u8],
    value: &'a [u8],
    metadata: &'a [u8],
    durability: i32,
    lifespan_ms: i64,
    max_idle_ms: i64,
}

impl<'a> Parsed<'a> {
    /// Reads a request; `apart` is the value that came in an array of its own.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for bytes that are no request.
    pub fn read(bytes: &'a [u8], apart: Option<Bytes>) -> Result<Parsed<'a>> {
        let mut reader = Reader::new(bytes);
        let kind = OperationKind::from_number(reader.u32()?)?;
        let option = reader.u32()?;
        let number = reader.i64()? as u64;
        let most = reader.i64()?;
        let (lifespan_ms, max_idle_ms, timeout_ms) = (reader.i64()?, reader.i64()?, reader.i64()?);
        let (key, value) = (reader.length()?, reader.u32()?);
        let (metadata, count) = (reader.length()?, reader.length()?);
        Ok(Parsed {
            kind,
            option,
            number,
            most,
            lifespan_ms,
            max_idle_ms,
            timeout_ms,
            key: reader.bytes(key)?,
            value: if value == VALUE_APART {
                Given::Shared(apart.unwrap_or_default())
            } else {
                Given::Borrowed(reader.bytes(value as usize)?)
            },
            metadata: reader.bytes(metadata)?,
            items: (0..count).map(|_| Item::read(&mut reader)).collect::<Result<_>>()?,
        })
    }

    /// What is asked.
    pub fn kind(&self) -> OperationKind {
        self.kind
    }

    /// How long the answer may take.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for a negative number.
    pub fn timeout(&self) -> Result<Option<Duration>> {
        timeout_from_ms(self.timeout_ms)
    }

    /// How long a blocking read of a watch waits for an event: the timeout's number, 0 for not at all, negative for
    /// without end.
    pub fn wait(&self) -> Option<Duration> {
        u64::try_from(self.timeout_ms).ok().map(Duration::from_millis)
    }

    /// The request for the store, cursor or watch behind `pointer`.
    ///
    /// # Safety
    ///
    /// `pointer` is null or a live handle of the kind that the operation is for.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`, `CLOSED`, `FORKED`.
    pub unsafe fn check(self, pointer: jlong) -> Result<Request<'a>> {
        let kind = self.kind;
        // SAFETY: by this function's contract.
        let target = unsafe {
            match kind {
                OperationKind::CursorNext => {
                    let cursor = handle::<CursorHandle>(pointer, "cursor")?.cursor()?;
                    Target::Cursor(Arc::clone(cursor), positive(self.most())?)
                }
                OperationKind::WatchNext => {
                    let watch = handle::<WatchHandle>(pointer, "watch")?.watch()?;
                    Target::Watch(Arc::clone(watch), positive(self.most())?)
                }
                _ => {
                    let store = Arc::clone(handle::<StoreHandle>(pointer, "store")?.store()?);
                    Target::Store(store, self.operation()?)
                }
            }
        };
        Ok(Request { kind, target })
    }

    fn operation(self) -> Result<Operation<'a>> {
        Ok(match self.kind {
            OperationKind::Get => Operation::Get(self.key),
            OperationKind::GetMany => Operation::GetMany(self.keys()),
            OperationKind::GetValue => Operation::GetValue(self.key),
            OperationKind::GetValues => Operation::GetValues(self.keys()),
            OperationKind::Contains => Operation::Contains(self.key),
            OperationKind::Put => {
                let mut options = put_options_of(self.lifespan_ms, self.max_idle_ms, self.durability(), self.metadata)?;
                options.condition = condition_of(self.option, self.number)?;
                Operation::Put(self.key, self.value, options)
            }
            OperationKind::PutMany => Operation::PutMany(self.entries()?),
            OperationKind::Remove => Operation::Remove(self.key, self.expected()?),
            OperationKind::RemoveMany => Operation::RemoveMany(self.keys()),
            OperationKind::Touch => Operation::Touch(self.key, lifetime(self.lifespan_ms, self.max_idle_ms)?),
            OperationKind::List => Operation::List(self.list_options()),
            OperationKind::Cursor => Operation::Cursor(self.list_options()),
            OperationKind::Clear => Operation::Clear,
            OperationKind::Size => Operation::Size,
            OperationKind::Watch => Operation::Watch(self.watch_options()),
            OperationKind::Statistics => Operation::Statistics,
            OperationKind::Ping => Operation::Ping,
            OperationKind::CursorNext | OperationKind::WatchNext => unreachable!("these are not for a store"),
        })
    }

    fn most(&self) -> usize {
        usize::try_from(self.most).unwrap_or(usize::MAX)
    }

    /// The number of the durability; what is no i32 becomes one that is refused.
    fn durability(&self) -> i32 {
        i32::try_from(self.most).unwrap_or(i32::MAX)
    }

    fn keys(&self) -> Vec<&'a [u8]> {
        self.items.iter().map(|item| item.key).collect()
    }

    fn entries(&self) -> Result<Vec<Entry<'a>>> {
        let entry = |item: &Item<'a>| {
            let options = put_options_of(item.lifespan_ms, item.max_idle_ms, item.durability, item.metadata)?;
            Ok(Entry { key: item.key, value: item.value, options })
        };
        self.items.iter().map(entry).collect()
    }

    fn expected(&self) -> Result<Option<u64>> {
        expected_revision(condition_of(self.option, self.number)?)
    }

    fn list_options(&self) -> ListOptions {
        ListOptions {
            prefix: self.key.to_vec(),
            suffix: self.value.to_vec(),
            offset: usize::try_from(self.number).unwrap_or(usize::MAX),
            limit: self.most(),
            projection: if self.option == 0 { Projection::Keys } else { Projection::Records },
        }
    }

    fn watch_options(&self) -> WatchOptions {
        let start = if self.option == 0 { WatchStart::Now } else { WatchStart::Existing };
        WatchOptions { prefix: self.key.to_vec(), start, capacity: self.most() }
    }
}

impl<'a> Item<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Item<'a>> {
        let (key, value, metadata) = (reader.length()?, reader.length()?, reader.length()?);
        let durability = reader.u32()?.cast_signed();
        let (lifespan_ms, max_idle_ms) = (reader.i64()?, reader.i64()?);
        Ok(Item {
            key: reader.bytes(key)?,
            value: reader.bytes(value)?,
            metadata: reader.bytes(metadata)?,
            durability,
            lifespan_ms,
            max_idle_ms,
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::error::Status;
    use crate::store::options::Durability;

    #[test]
    fn bytes_that_are_no_request_are_refused_and_never_read_past_their_end() {
        let mut bytes = vec![0u8; 64];
        bytes[0] = OperationKind::Put as u8;
        assert!(Parsed::read(&bytes, None).is_ok());
        for place in [48, 52, 56, 60] {
            let mut longer = bytes.clone();
            longer[place] = 1;
            let error = Parsed::read(&longer, None).err().expect("it ends early");
            assert_eq!(error.status(), Status::INVALID_ARGUMENT, "{place}");
        }
        for length in 0..64 {
            assert!(Parsed::read(&bytes[..length], None).is_err(), "{length}");
        }
        bytes[0] = 200;
        assert!(Parsed::read(&bytes, None).is_err());
    }

    #[test]
    fn a_durability_is_read_of_one_record_and_of_each_of_many() {
        let mut one = vec![0u8; 64];
        one[0] = OperationKind::Put as u8;
        one[16..24].copy_from_slice(&(-2i64).to_le_bytes());
        let Ok(Operation::Put(_, _, options)) = Parsed::read(&one, None).expect("a request").operation() else {
            panic!("it is a put")
        };
        assert_eq!(options.durability, Durability::All);
        one[16..24].copy_from_slice(&(1i64 << 32).to_le_bytes());
        let refused = Parsed::read(&one, None).expect("a request").operation().err().expect("out of range");
        assert_eq!((refused.status(), refused.origin()), (Status::INVALID_ARGUMENT, "options.durability"));
        let mut many = vec![0u8; 64 + 32];
        many[0] = OperationKind::PutMany as u8;
        many[60] = 1;
        many[64 + 12] = 3;
        let entries = Parsed::read(&many, None).expect("a request").entries().expect("entries");
        assert_eq!(entries[0].options.durability, Durability::Replicas(3));
    }

    #[test]
    fn a_remove_on_condition_that_there_is_nothing_removes_nothing() {
        let mut bytes = vec![0u8; 64];
        bytes[0] = OperationKind::Remove as u8;
        bytes[4] = crate::ffi::request::LARDER_CONDITION_IF_ABSENT as u8;
        let parsed = Parsed::read(&bytes, None).expect("a request");
        assert_eq!(parsed.expected().expect_err("refused").status(), Status::INVALID_ARGUMENT);
    }
}
