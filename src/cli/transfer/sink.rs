//! Writing records to a store, in their order.

use std::time::Duration;

use futures_util::future::join_all;

use super::endpoint::Endpoint;
use super::keeps::Keeps;
use super::patience::can_pass;
use super::show_key;
use super::stamp::{expires_alike, expires_unix_ms};
use super::tally::Tally;
use crate::boundary::wait::wait;
use crate::clock;
use crate::error::{Error, Result, Status};
use crate::store::format::dump::Item;
use crate::store::options::{Condition, Entry, Lifetime, Outcome, PutOptions, Term};
use crate::store::record::{Metadata, Record};
use crate::store::reply::Reply;

/// What to do with a record whose key the target has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfExists {
    /// It is written over.
    #[default]
    Overwrite,
    /// It stays.
    Skip,
    /// It ends the transfer, and nothing behind it is written, unless it came there while its page was.
    Fail,
}

impl IfExists {
    /// The words on the command line.
    pub const NAMES: [&'static str; 3] = ["overwrite", "skip", "fail"];

    /// The way of a word; the first for what is none.
    pub fn parse(word: &str) -> IfExists {
        match word {
            "skip" => IfExists::Skip,
            "fail" => IfExists::Fail,
            _ => IfExists::Overwrite,
        }
    }

    /// Its word.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// Whether this transfer, before it was interrupted or answered ambiguously, may have written a record already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// No: what is there is somebody else's.
    Nothing,
    /// Perhaps: what is there and is the same counts as written.
    Perhaps,
}

/// Writes records to a store.
pub struct Sink<'a> {
    endpoint: &'a Endpoint,
    keeps: Keeps,
    if_exists: IfExists,
    lossy: bool,
    /// What the records came to so far.
    pub tally: Tally,
    too_large: Vec<Vec<u8>>,
    /// Whether the store has its connection and its place, so that many writes go out in their order.
    is_settled: bool,
}

/// How far a page came.
pub struct Written {
    /// How many records from its beginning are done.
    pub done: usize,
    /// Why not all of them.
    pub failure: Option<Error>,
}

impl<'a> Sink<'a> {
    /// Writes to `endpoint`; `lossy` lets go of what it cannot keep.
    pub fn new(endpoint: &'a Endpoint, if_exists: IfExists, lossy: bool) -> Sink<'a> {
        let (keeps, tally) = (endpoint.keeps(), Tally::default());
        Sink { endpoint, keeps, if_exists, lossy, tally, too_large: Vec::new(), is_settled: false }
    }

    /// Writes records in their order. What fails and can pass is tried again, from the first record on that is not known
    /// to be written, until patience is at its end.
    pub fn write(&mut self, items: &[Item], mut before: Before) -> Written {
        let mut done = 0;
        let mut attempts = self.endpoint.patience.attempts();
        while done < items.len() {
            // Writes that all wait for a connection, or for a bucket to be made, go out in any order afterwards: the
            // first one goes alone.
            let end = if self.is_settled { items.len() } else { done + 1 };
            let step = self.step(&items[done..end], before, attempts.left());
            done += step.done;
            self.is_settled = step.failure.is_none();
            if step.done > 0 {
                attempts = self.endpoint.patience.attempts();
            }
            let Some(error) = step.failure else { continue };
            let failure = if can_pass(&error) { attempts.again(error).err() } else { Some(error) };
            if failure.is_some() {
                return Written { done, failure };
            }
            before = Before::Perhaps;
        }
        Written { done, failure: None }
    }

    /// The keys that were too large for the target since the last call.
    pub fn take_too_large(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.too_large)
    }

    fn step(&mut self, items: &[Item], before: Before, timeout: Option<Duration>) -> Written {
        let free = match self.count_free(items, before, timeout) {
            Ok(free) => free,
            Err(error) => return Written { done: 0, failure: Some(error) },
        };
        let written = self.write_at_once(&items[..free], before, timeout);
        if written.failure.is_some() || written.done < free || free == items.len() {
            return written;
        }
        Written { failure: Some(taken(&items[free])), ..written }
    }

    /// How many records there are before the first whose key somebody else has, where that one ends the transfer: a
    /// store that was given a whole page writes what is behind a refused record all the same.
    fn count_free(&self, items: &[Item], before: Before, timeout: Option<Duration>) -> Result<usize> {
        if self.if_exists != IfExists::Fail {
            return Ok(items.len());
        }
        let now = clock::unix_ms();
        for (place, is_taken) in self.look(items, timeout)?.into_iter().enumerate() {
            let item = &items[place];
            let is_taken = match is_taken {
                Ok(is_taken) => is_taken && !item.is_expired(now),
                Err(error) if can_pass(&error) => return Err(error),
                // Of such a key the write itself says what is wrong with it.
                Err(_) => false,
            };
            if is_taken && (before == Before::Nothing || self.own_of(item)?.is_none()) {
                return Ok(place);
            }
        }
        Ok(items.len())
    }

    /// Whether the target has each of these keys; all are asked for at once.
    fn look(&self, items: &[Item], timeout: Option<Duration>) -> Result<Vec<Result<bool>>> {
        let replies: Vec<Reply<bool>> = items.iter().map(|item| self.endpoint.store.contains(&item.key)).collect();
        wait(Reply::pending(async move { Ok(join_all(replies.into_iter().map(Reply::wait)).await) }), timeout)
    }

    fn write_at_once(&mut self, items: &[Item], before: Before, timeout: Option<Duration>) -> Written {
        let now = clock::unix_ms();
        let mut entries = Vec::with_capacity(items.len());
        let mut ready = 0;
        let mut refusal = None;
        for item in items {
            if !item.is_expired(now) {
                match self.options(item, now) {
                    Ok(options) => entries.push(Entry { key: &item.key, value: &item.value, options }),
                    Err(error) => {
                        refusal = Some(error);
                        break;
                    }
                }
            }
            ready += 1;
        }
        let outcomes = match self.put(&entries, timeout) {
            Err(error) if error.status() == Status::TOO_LARGE && ready > 1 => {
                // All of it at once is too much.
                return self.write_at_once(&items[..ready / 2], before, timeout);
            }
            Err(error) if error.status() == Status::TOO_LARGE => vec![Err(error)],
            Err(error) => return Written { done: 0, failure: Some(error) },
            Ok(outcomes) => outcomes,
        };
        let mut outcomes = outcomes.into_iter();
        for (place, item) in items[..ready].iter().enumerate() {
            let settled = if item.is_expired(now) {
                self.tally.expired += 1;
                Ok(())
            } else {
                let missing = || Error::new(Status::INTERNAL, "target", "a write has no outcome");
                self.settle(item, outcomes.next().unwrap_or_else(|| Err(missing())), before)
            };
            if let Err(error) = settled {
                return Written { done: place, failure: Some(error) };
            }
        }
        Written { done: ready, failure: refusal }
    }

    fn put(&self, entries: &[Entry<'_>], timeout: Option<Duration>) -> Result<Vec<Result<Outcome>>> {
        if entries.is_empty() { Ok(Vec::new()) } else { wait(self.endpoint.store.put_many(entries), timeout) }
    }

    fn settle(&mut self, item: &Item, outcome: Result<Outcome>, before: Before) -> Result<()> {
        match outcome {
            Ok(Outcome::Done { .. }) => self.note_written(item),
            Ok(Outcome::Conflict { .. } | Outcome::NotFound) => return self.settle_conflict(item, before),
            Err(error) if error.status() == Status::TOO_LARGE => {
                self.tally.too_large += 1;
                self.too_large.push(item.key.clone());
            }
            Err(error) if can_pass(&error) => return Err(error),
            Err(error) => {
                let text = format!("key {}: {}", show_key(&item.key), error.message());
                return Err(Error::new(error.status(), error.origin().to_owned(), text));
            }
        }
        Ok(())
    }

    fn settle_conflict(&mut self, item: &Item, before: Before) -> Result<()> {
        let own = if before == Before::Perhaps { self.own_of(item)? } else { None };
        if let Some(own) = own.filter(|own| self.is_as_long(item, own) || self.if_exists == IfExists::Fail) {
            if !self.is_as_long(item, &own) {
                self.write_over(item, own.revision())?;
            }
            self.note_written(item);
            return Ok(());
        }
        if self.if_exists == IfExists::Skip {
            self.tally.skipped += 1;
            return Ok(());
        }
        Err(taken(item))
    }

    /// What the target has under an item's key, if it is what this transfer would have written, whenever it expires.
    fn own_of(&self, item: &Item) -> Result<Option<Record>> {
        let found = self.endpoint.patience.ask(|| self.endpoint.store.get(&item.key))?;
        Ok(found.filter(|record| {
            record.value() == item.value && (!self.keeps.metadata || record.metadata() == item.metadata)
        }))
    }

    fn is_as_long(&self, item: &Item, own: &Record) -> bool {
        !self.keeps.lifespan || expires_alike(item.expires_unix_ms, expires_unix_ms(own))
    }

    /// Writes a record that has got another lifespan since this transfer wrote it.
    fn write_over(&self, item: &Item, revision: u64) -> Result<()> {
        let options =
            PutOptions { condition: Condition::IfRevision(revision), ..self.options(item, clock::unix_ms())? };
        match self.endpoint.patience.ask(|| self.endpoint.store.put(&item.key, &item.value, &options))? {
            Outcome::Done { .. } => Ok(()),
            Outcome::Conflict { .. } | Outcome::NotFound => Err(taken(item)),
        }
    }

    fn note_written(&mut self, item: &Item) {
        self.tally.written += 1;
        self.tally.reduced += u64::from(self.lost_of(item).is_some());
    }

    /// What the target cannot keep of a record.
    fn lost_of(&self, item: &Item) -> Option<&'static str> {
        if !self.keeps.metadata && !item.metadata.is_empty() {
            return Some("metadata");
        }
        if !self.keeps.lifespan && item.expires_unix_ms != 0 {
            return Some("lifespan of each record");
        }
        (!self.keeps.max_idle && item.max_idle_ms != 0).then_some("max-idle")
    }

    fn options(&self, item: &Item, now_unix_ms: u64) -> Result<PutOptions> {
        if let Some(lost) = self.lost_of(item).filter(|_| !self.lossy) {
            let text = format!("it keeps no {lost}, and the record {} has one", show_key(&item.key));
            return Err(Error::new(Status::UNSUPPORTED, "target", format!("{text}; --lossy writes the rest of it")));
        }
        let for_ms = |ms: u64| Term::For(Duration::from_millis(ms));
        let lifespan = match item.expires_unix_ms {
            // Without end also where the target's records usually end.
            _ if !self.keeps.lifespan => Term::Default,
            0 => Term::Unlimited,
            at => for_ms(at.saturating_sub(now_unix_ms).max(1)),
        };
        let max_idle = match item.max_idle_ms {
            _ if !self.keeps.max_idle => Term::Default,
            0 => Term::Unlimited,
            ms => for_ms(ms),
        };
        let metadata = if self.keeps.metadata { item.metadata.clone() } else { Metadata::default() };
        let condition = if self.if_exists == IfExists::Overwrite { Condition::Always } else { Condition::IfAbsent };
        Ok(PutOptions { lifetime: Lifetime { lifespan, max_idle }, metadata, condition, ..PutOptions::default() })
    }
}

/// The error of a record whose key somebody else has.
fn taken(item: &Item) -> Error {
    let text = format!("the target has a record under {} already; use overwrite or skip", show_key(&item.key));
    Error::new(Status::CONFLICT, "--if-exists", text)
}
