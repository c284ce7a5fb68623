//! What a watch knows of the records it watches, and the events that a new reading of one means.

use std::collections::HashMap;

use bytes::Bytes;

use crate::clock;
use crate::error::Result;
use crate::store::event::{Event, EventKind};
use crate::store::record::{Metadata, Parts, Record};

/// How many bytes of records are kept, so that a removed one can be told as it last was. Beyond it a record is told
/// without its value.
const MOST_BYTES: usize = 64 << 20;
/// How much earlier than its deadline by our clock a record may have expired by the server's.
const CLOCK_SKEW_MS: u64 = 50;

/// The records that a watch has told, or had no need to tell.
#[derive(Default)]
pub(super) struct Known {
    records: HashMap<Bytes, Record, foldhash::fast::RandomState>,
    bytes: usize,
}

impl Known {
    /// Notes what was read under a full key; the event that this is, if it is one.
    ///
    /// # Errors
    ///
    /// `OUT_OF_MEMORY`.
    pub(super) fn observe(&mut self, full: &Bytes, found: Option<Record>) -> Result<Option<Event>> {
        let (known, before) = self.records.remove_entry(full).unzip();
        if let Some(before) = &before {
            self.bytes -= before.size();
        }
        let Some(found) = found else {
            return Ok(before.map(|record| Event::of(end_of(&record), record)));
        };
        let has_room = self.bytes + found.size() <= MOST_BYTES;
        // A copy: a long value as it was read holds on to all that was read with it.
        let kept = if has_room { copy(&found, found.value(), &found.metadata())? } else { without_value(&found)? };
        self.bytes += kept.size();
        // A copy: a key as it was read holds on to all that was read with it.
        let known = known.unwrap_or_else(|| Bytes::copy_from_slice(full));
        self.records.insert(known, kept);
        let kind = match before {
            None => EventKind::Created,
            Some(before) if before.revision() != found.revision() => EventKind::Updated,
            Some(_) => return Ok(None),
        };
        Ok(Some(Event::of(kind, found)))
    }

    /// The full keys that are known.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Bytes> {
        self.records.keys()
    }
}

/// How a record that is not there any more went.
fn end_of(record: &Record) -> EventKind {
    let deadline = record.deadline();
    let is_over = deadline != clock::NEVER && clock::now_ms() + CLOCK_SKEW_MS >= deadline;
    if is_over { EventKind::Expired } else { EventKind::Removed }
}

fn without_value(record: &Record) -> Result<Record> {
    copy(record, b"", &Metadata::default())
}

fn copy(record: &Record, value: &[u8], metadata: &Metadata) -> Result<Record> {
    let (revision, deadline) = (record.revision(), record.lifespan_deadline());
    Record::new(Parts { table: record.table(), key: record.key(), value, revision, deadline, max_idle_ms: 0, metadata })
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn record(value: &[u8], revision: u64, deadline: u64) -> Record {
        let metadata = &Metadata::default();
        Record::new(Parts { table: 0, key: b"k", value, revision, deadline, max_idle_ms: 0, metadata }).expect("small")
    }

    #[test]
    fn readings_are_told_as_what_changed_between_them() {
        let mut known = Known::default();
        let mut observe = |found| {
            let event = known.observe(&Bytes::from_static(b"k"), found).expect("memory");
            event.map(|event| (event.kind, event.record.expect("a record").value().to_vec()))
        };
        assert_eq!(observe(None), None);
        assert_eq!(observe(Some(record(b"1", 1, clock::NEVER))), Some((EventKind::Created, b"1".to_vec())));
        assert_eq!(observe(Some(record(b"1", 1, clock::NEVER))), None);
        assert_eq!(observe(Some(record(b"2", 2, clock::NEVER))), Some((EventKind::Updated, b"2".to_vec())));
        assert_eq!(observe(None), Some((EventKind::Removed, b"2".to_vec())));
        assert_eq!(observe(Some(record(b"3", 3, clock::now_ms()))), Some((EventKind::Created, b"3".to_vec())));
        assert_eq!(observe(None), Some((EventKind::Expired, b"3".to_vec())));
        assert_eq!(observe(None), None);
        assert_eq!((known.bytes, known.records.len()), (0, 0));
    }
}
