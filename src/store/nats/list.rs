//! Lists, sizes and cursors: one consumer over all keys, with the bodies where all of them are wanted or the bucket is small.
//!
//! Where few records of a large bucket are wanted, those of a short list or of a cursor's page, the consumer brings headers
//! only: the bodies of the whole bucket would be far more. Those of the page are read [together](super::batch); from a
//! server before 2.11 each by a request of its own, all sent at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::TARGET;
use super::batch::Batch;
use super::consumer::{Delivered, Start, Wanted};
use super::entry;
use super::key::Place;
use super::snapshot::snapshot;
use super::store::Table;
use super::sweep::{Marks, sweep};
use super::wire::Subject;
use super::write::SharedTable;
use crate::error::{Error, Result, Status};
use crate::log::{self, Level};
use crate::store::event::Cursor;
use crate::store::options::{ListOptions, Projection};
use crate::store::record::Record;
use crate::store::reply::Reply;
use crate::sync::Mutex;

/// How many records of a large bucket a list reads one by one, beside each other, rather than with the bodies of all.
const MOST_SINGLE_READS: usize = 1024;
/// How many bytes a bucket may hold for a short list to be read with the bodies of all.
const SMALL: u64 = 4 << 20;
/// How many reads or writes of one call are under way at once.
pub(super) const WINDOW: usize = 1024;

/// A record that a list has found.
#[derive(Clone)]
pub(super) struct Listed {
    /// Where it lies.
    pub place: Place,
    /// Its revision then.
    pub revision: u64,
}

impl Table {
    /// The records that pass the filter, sorted by key.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, `AUTH`.
    pub(super) async fn list(self: &Arc<Self>, options: &ListOptions, end: Instant) -> Result<Vec<Record>> {
        let is_page = (1..=MOST_SINGLE_READS).contains(&options.limit);
        if options.projection == Projection::Records && is_page && !self.is_small(end).await? {
            let listed = self.listed(options, end).await?;
            return self.read_page(&listed, end).await;
        }
        let found = self.window(options, options.projection == Projection::Records, end).await?;
        Ok(found.into_iter().map(|(_, record)| record).collect())
    }

    /// Whether all that the bucket held when it was last asked is hardly more than a page of it.
    async fn is_small(&self, end: Instant) -> Result<bool> {
        Ok(self.facts(end).await?.is_none_or(|facts| facts.bytes <= SMALL))
    }

    /// What passes the filter, sorted by key, to be read later.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, `AUTH`.
    pub(super) async fn listed(self: &Arc<Self>, options: &ListOptions, end: Instant) -> Result<Vec<Listed>> {
        let found = self.window(options, false, end).await?.into_iter();
        Ok(found.map(|(place, record)| Listed { place, revision: record.revision() }).collect())
    }

    /// The NATS keys of all records, in every spelling.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, `AUTH`.
    pub(super) async fn nats_keys(self: &Arc<Self>, end: Instant) -> Result<Vec<String>> {
        let all = self.all(&ListOptions::default(), false, end).await?;
        Ok(all.iter().map(|(place, _)| self.keys.nats_key_at(place)).collect())
    }

    async fn window(
        self: &Arc<Self>,
        options: &ListOptions,
        bodies: bool,
        end: Instant,
    ) -> Result<Vec<(Place, Record)>> {
        let mut found = self.all(options, bodies, end).await?;
        // Of two spellings of a key, the one that a get reads.
        found.dedup_by(|(next, _), (first, _)| next.key == first.key);
        found.drain(..options.offset.min(found.len()));
        found.truncate(if options.limit == 0 { usize::MAX } else { options.limit });
        Ok(found)
    }

    /// What is still there of what was listed, in its order, without what cannot be read.
    async fn read_page(&self, listed: &[Listed], end: Instant) -> Result<Vec<Record>> {
        let Some(facts) = self.facts(end).await? else { return Ok(Vec::new()) };
        let asks_leader = self.config().read_your_writes;
        let mut page = Vec::with_capacity(listed.len());
        for window in listed.chunks(WINDOW) {
            let subjects = window.iter().map(|listed| self.keys.subject(&self.keys.nats_key_at(&listed.place)));
            let subjects: Vec<Subject> = subjects.collect();
            let mut batch = if asks_leader { Batch::new() } else { self.batch(&facts, &subjects, end).await? };
            let reads = window.iter().zip(subjects).map(|(listed, subject)| {
                let stored = batch.remove(&subject).filter(|stored| stored.sequence >= listed.revision);
                let facts = Arc::clone(&facts);
                async move {
                    match stored {
                        Some(stored) => self.shown(facts, &listed.place.key, &stored, end).await,
                        None => self.read_listed(listed, end).await,
                    }
                }
            });
            let reads: Vec<_> = reads.collect();
            for found in join_all(reads).await {
                match found {
                    Ok(record) => page.extend(record),
                    Err(error) if error.status() == Status::CORRUPT => warn_of_omission(&error),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(page)
    }

    /// The records under keys, in their order.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, `AUTH`, `CORRUPT`, and what [`Keys::nats_key`](super::key::Keys::nats_key) says of a key.
    pub(super) async fn read_many(&self, keys: Vec<Vec<u8>>, end: Instant) -> Result<Vec<Option<Record>>> {
        let mut found = Vec::with_capacity(keys.len());
        for window in keys.chunks(WINDOW) {
            let reads = window.iter().map(|key| async {
                let nats_key = self.keys.nats_key(key)?;
                self.read(key, &nats_key, end).await
            });
            found.extend(join_all(reads).await);
        }
        found.into_iter().collect()
    }

    /// All records that pass the filter's prefix and suffix, sorted, and where they lie; without bodies they have no value.
    async fn all(self: &Arc<Self>, options: &ListOptions, bodies: bool, end: Instant) -> Result<Vec<(Place, Record)>> {
        // Asked now: what an old limit calls expired is not left out.
        let connection = &self.engine.connection;
        let Some(facts) = self.bucket.refresh(connection, end).await? else { return Ok(Vec::new()) };
        let mut records: BTreeMap<Place, Record> = BTreeMap::new();
        let mut marks = Marks::new(&facts, self.config().marker_age);
        let mut failure = Ok(());
        let format = self.keys.format();
        let each = |delivered: Option<Delivered>| {
            let Some(delivered) = delivered else {
                records.clear();
                marks.clear();
                return;
            };
            marks.note(&delivered);
            let Delivered { subject, stored, .. } = delivered;
            let Some(place) = self.keys.decode(&subject).filter(|place| options.matches(&place.key)) else { return };
            let key = place.key.as_slice();
            let record = if !entry::is_live(&facts, &stored) {
                Ok(None)
            } else if bodies {
                entry::record(format, &facts, key, &stored)
            } else {
                entry::bare(key, stored.sequence, entry::deadline(&facts, &stored)).map(Some)
            };
            match record {
                Ok(Some(record)) => drop(records.insert(place, record)),
                // A newer message of the key came while we read.
                Ok(None) => drop(records.remove(&place)),
                Err(error) if error.status() == Status::CORRUPT => warn_of_omission(&error),
                Err(error) => failure = Err(error),
            }
        };
        let wanted = Wanted { filter: self.keys.filter(), start: Start::LastOfEach, headers_only: !bodies };
        snapshot(connection, &self.bucket, &facts, &wanted, end, each).await?;
        failure?;
        if facts.is_own && marks.are_many() {
            sweep(self, marks);
        }
        // What expired while the rest came must not be shown.
        Ok(records.into_iter().filter(|(_, record)| !record.is_expired()).collect())
    }
}

fn warn_of_omission(error: &Error) {
    log::write(Level::Warn, TARGET, || format!("left out of a list: {error}"));
}

/// Reads the records that were listed when it was opened, page by page.
pub(super) struct NatsCursor {
    table: SharedTable,
    listed: Arc<Vec<Listed>>,
    projection: Projection,
    /// How many of them were given; moved on when a page is whole, so that one that was not taken is read again.
    done: Arc<Mutex<usize>>,
}

impl NatsCursor {
    /// A cursor over what was listed.
    pub fn new(table: SharedTable, listed: Vec<Listed>, projection: Projection) -> NatsCursor {
        NatsCursor { table, listed: Arc::new(listed), projection, done: Arc::default() }
    }
}

impl Cursor for NatsCursor {
    fn next(&self, most: usize) -> Reply<Vec<Record>> {
        let (table, listed) = (Arc::clone(&self.table), Arc::clone(&self.listed));
        let (done, projection) = (Arc::clone(&self.done), self.projection);
        Reply::pending(async move {
            let end = table.engine.connection.end();
            loop {
                let from = *done.lock();
                let to = from.saturating_add(most.max(1)).min(listed.len());
                if from == to {
                    table.engine.check_open()?;
                    return Ok(Vec::new());
                }
                let mut page = table.read_page(&listed[from..to], end).await?;
                if projection == Projection::Keys {
                    let bare =
                        page.iter().map(|record| entry::bare(record.key(), record.revision(), record.deadline()));
                    page = bare.collect::<Result<_>>()?;
                }
                *done.lock() = to;
                // A page of which every record went away is not the end.
                if !page.is_empty() {
                    return Ok(page);
                }
            }
        })
    }
}
