//! Reading a store's records in the order of a plan, with the values of one page in memory.

use crate::cli::transfer::endpoint::Endpoint;
use crate::cli::transfer::plan::Plan;
use crate::cli::transfer::show_key;
use crate::cli::transfer::stamp::{Stamp, expires_unix_ms};
use crate::error::{Error, Result, Status};
use crate::store::format::dump::Item;
use crate::store::record::Record;

/// How many records a page has at most.
const MOST_RECORDS: usize = 1024;
/// About how many bytes of values a page may have.
const PAGE_BYTES: usize = 8 << 20;
/// How often a record that was written since it was listed goes to the end of the line.
const ROUNDS: u32 = 3;

/// What to do with a record that the source cannot decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It ends the transfer.
    Stop,
    /// It is left out, and told.
    Skip,
}

/// Reads the records of a plan.
pub struct Source<'a> {
    endpoint: &'a Endpoint,
    plan: Plan,
    place: usize,
    page: usize,
    changed: Plan,
    round: u32,
    unreadable: Unreadable,
    left_out: Vec<(Vec<u8>, Error)>,
    gone: u64,
}

impl<'a> Source<'a> {
    /// Reads what `plan` says.
    pub fn new(endpoint: &'a Endpoint, plan: Plan, unreadable: Unreadable) -> Source<'a> {
        Source {
            endpoint,
            plan,
            place: 0,
            page: 32,
            changed: Plan::default(),
            round: 0,
            unreadable,
            left_out: Vec::new(),
            gone: 0,
        }
    }

    /// The next records, by ascending revision; none at the end. What went away since it was listed is left out; what
    /// was written since then comes after all others, as its new revision says.
    ///
    /// # Errors
    ///
    /// What the store answers, when patience is at its end; `CORRUPT` that names the key of what cannot be decoded.
    pub fn next(&mut self) -> Result<Vec<Item>> {
        loop {
            if self.place == self.plan.len() && !self.next_round() {
                return Ok(Vec::new());
            }
            let end = self.plan.len().min(self.place + self.page);
            let found = self.fetch(self.place, end)?;
            let mut items = Vec::with_capacity(found.len());
            for (place, record) in (self.place..end).zip(found) {
                self.take(place, record, &mut items);
            }
            self.place = end;
            self.adapt(&items);
            if !items.is_empty() {
                return Ok(items);
            }
        }
    }

    /// How many records went away between being listed and being read.
    pub fn gone(&self) -> u64 {
        self.gone
    }

    /// What was left out since the last call, because it could not be decoded.
    pub fn take_left_out(&mut self) -> Vec<(Vec<u8>, Error)> {
        std::mem::take(&mut self.left_out)
    }

    fn take(&mut self, place: usize, record: Option<Record>, items: &mut Vec<Item>) {
        let (key, stamp) = self.plan.get(place);
        let Some(record) = record else {
            let is_told = self.left_out.iter().any(|(left_out, _)| left_out == key);
            self.gone += u64::from(!is_told);
            return;
        };
        if record.revision() != stamp.revision && self.round < ROUNDS {
            self.changed.push(key, Stamp::of(&record));
            return;
        }
        items.push(item_of(&record));
    }

    fn next_round(&mut self) -> bool {
        if self.changed.len() == 0 {
            return false;
        }
        self.plan = std::mem::take(&mut self.changed);
        self.plan.sort();
        self.place = 0;
        self.round += 1;
        true
    }

    fn fetch(&mut self, from: usize, to: usize) -> Result<Vec<Option<Record>>> {
        let endpoint = self.endpoint;
        let keys: Vec<&[u8]> = (from..to).map(|place| self.plan.get(place).0).collect();
        match endpoint.patience.ask(|| endpoint.store.get_many(&keys)) {
            Err(error) if error.status() == Status::CORRUPT => self.fetch_one_by_one(from, to),
            answer => answer,
        }
    }

    /// One record of the page cannot be decoded: which one, only a look at each says.
    fn fetch_one_by_one(&mut self, from: usize, to: usize) -> Result<Vec<Option<Record>>> {
        let mut found = Vec::with_capacity(to - from);
        for place in from..to {
            let (key, _) = self.plan.get(place);
            match self.endpoint.patience.ask(|| self.endpoint.store.get(key)) {
                Err(error) if error.status() == Status::CORRUPT => {
                    if self.unreadable == Unreadable::Stop {
                        let text = format!("key {}: {error}; --skip-unreadable leaves it out", show_key(key));
                        return Err(Error::new(Status::CORRUPT, "source", text));
                    }
                    let key = key.to_vec();
                    self.left_out.push((key, error));
                    found.push(None);
                }
                answer => found.push(answer?),
            }
        }
        Ok(found)
    }

    /// Makes the next page as large as this one's values allow.
    fn adapt(&mut self, items: &[Item]) {
        if items.is_empty() {
            return;
        }
        let bytes: u64 = items.iter().map(Item::size).sum();
        let each = (bytes as usize / items.len()).max(1);
        // At most doubled: what follows may be larger than what was.
        self.page = (PAGE_BYTES / each).clamp(1, MOST_RECORDS).min(self.page * 2);
    }
}

/// A record as it travels.
pub fn item_of(record: &Record) -> Item {
    Item {
        key: record.key().to_vec(),
        value: record.value().to_vec(),
        metadata: record.metadata(),
        revision: record.revision(),
        created_unix_ms: 0,
        expires_unix_ms: expires_unix_ms(record),
        max_idle_ms: record.max_idle_ms(),
    }
}
