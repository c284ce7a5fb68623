//! Pages over a table: the sorted references of when the cursor was opened, looked up anew as they are read.

use std::collections::VecDeque;
use std::sync::Arc;

use super::engine::Engine;
use super::store::project;
use crate::error::Result;
use crate::store::event::Cursor;
use crate::store::options::Projection;
use crate::store::record::Record;
use crate::store::reply::Reply;
use crate::sync::Mutex;

/// A cursor over a memory engine.
pub(super) struct MemoryCursor<E: Engine> {
    engine: Arc<E>,
    table: u32,
    projection: Projection,
    rest: Mutex<Rest>,
}

struct Rest {
    records: VecDeque<Record>,
    /// How many more may be given.
    limit: usize,
}

impl<E: Engine> MemoryCursor<E> {
    /// A cursor over `records`, which are sorted, that gives at most `limit`, 0 for all.
    pub(super) fn new(
        engine: Arc<E>,
        table: u32,
        records: Vec<Record>,
        limit: usize,
        projection: Projection,
    ) -> MemoryCursor<E> {
        let limit = if limit == 0 { usize::MAX } else { limit };
        MemoryCursor { engine, table, projection, rest: Mutex::new(Rest { records: records.into(), limit }) }
    }

    fn page(&self, most: usize) -> Result<Vec<Record>> {
        let mut rest = self.rest.lock();
        let most = most.max(1).min(rest.limit);
        let mut page = Vec::new();
        while page.len() < most {
            let Some(known) = rest.records.pop_front() else { break };
            if let Some(record) = self.engine.find(self.table, known.key())? {
                page.push(project(record, self.projection)?);
            }
        }
        rest.limit -= page.len();
        Ok(page)
    }
}

impl<E: Engine> Cursor for MemoryCursor<E> {
    fn next(&self, most: usize) -> Reply<Vec<Record>> {
        Reply::Ready(self.page(most))
    }
}
