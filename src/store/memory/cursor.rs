//! Pages over a table: the sorted keys of when the cursor was opened, looked up as they are read.

use std::sync::Arc;

use super::blocks;
use super::engine::Engine;
use super::store::project;
use crate::error::Result;
use crate::store::event::Cursor;
use crate::store::options::Projection;
use crate::store::record::Record;
use crate::store::reply::Reply;
use crate::sync::Mutex;

/// Many keys in one piece of memory, so that an open cursor pins no record.
pub(super) struct Keys {
    bytes: Vec<u8>,
    /// Where each key ends.
    ends: Vec<usize>,
}

impl Keys {
    /// The keys of `records`, in their order.
    ///
    /// # Errors
    ///
    /// `OUT_OF_MEMORY`.
    pub(super) fn of(records: &[Record]) -> Result<Keys> {
        let size = records.iter().map(|record| record.key().len()).sum();
        let mut keys = Keys { bytes: Vec::new(), ends: Vec::new() };
        keys.bytes.try_reserve_exact(size).map_err(|_| blocks::no_memory(size))?;
        keys.ends
            .try_reserve_exact(records.len())
            .map_err(|_| blocks::no_memory(size_of::<usize>() * records.len()))?;
        for record in records {
            keys.bytes.extend_from_slice(record.key());
            keys.ends.push(keys.bytes.len());
        }
        Ok(keys)
    }

    fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.bytes[start..end])
    }
}

/// A cursor over a memory engine.
pub(super) struct MemoryCursor<E: Engine> {
    engine: Arc<E>,
    table: u32,
    projection: Projection,
    keys: Keys,
    place: Mutex<Place>,
}

struct Place {
    /// The first key that was not read.
    next: usize,
    /// How many more records may be given.
    limit: usize,
}

impl<E: Engine> MemoryCursor<E> {
    /// A cursor over `keys`, which are sorted, that gives at most `limit` records, 0 for all.
    pub(super) fn new(engine: Arc<E>, table: u32, keys: Keys, limit: usize, projection: Projection) -> MemoryCursor<E> {
        let limit = if limit == 0 { usize::MAX } else { limit };
        MemoryCursor { engine, table, projection, keys, place: Mutex::new(Place { next: 0, limit }) }
    }

    /// The next page. A failure leaves the cursor where it is, so that nothing is lost when it is asked again.
    fn page(&self, most: usize) -> Result<Vec<Record>> {
        let mut place = self.place.lock();
        let most = most.max(1).min(place.limit);
        let mut page = Vec::new();
        let mut next = place.next;
        while page.len() < most {
            let Some(key) = self.keys.get(next) else { break };
            next += 1;
            if let Some(record) = self.engine.find(self.table, key)? {
                blocks::try_push(&mut page, project(record, self.projection)?)?;
            }
        }
        place.next = next;
        place.limit -= page.len();
        Ok(page)
    }
}

impl<E: Engine> Cursor for MemoryCursor<E> {
    fn next(&self, most: usize) -> Reply<Vec<Record>> {
        Reply::Ready(self.page(most))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::clock;
    use crate::store::record::{Metadata, Parts};

    #[test]
    fn keys_come_back_as_they_were_the_empty_one_too() {
        let metadata = Metadata::default();
        let record = |key| {
            let (value, deadline) = (&b"value"[..], clock::NEVER);
            Record::new(Parts { table: 0, key, value, revision: 1, deadline, max_idle_ms: 0, metadata: &metadata })
        };
        let expected = [&b""[..], b"a", b"", b"long"];
        let records: Vec<Record> = expected.iter().map(|key| record(key).expect("memory")).collect();
        let keys = Keys::of(&records).expect("memory");
        let read: Vec<&[u8]> = (0..).map_while(|index| keys.get(index)).collect();
        assert_eq!(read, expected);
    }
}
