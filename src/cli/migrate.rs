//! `larder migrate`: a store's records into another store.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use clap::ArgMatches;
use serde_json::{Map, Value, json};

use super::Failure;
use super::commands::{Session, store_name};
use super::exit::Exit;
use super::output::Output;
use super::source as configuration;
use super::transfer::endpoint::Endpoint;
use super::transfer::journal::Journal;
use super::transfer::place::Meeting;
use super::transfer::plan::Plan;
use super::transfer::progress::{Progress, Total};
use super::transfer::show_key;
use super::transfer::sink::{Before, IfExists, Sink};
use super::transfer::source::{Source, Unreadable};
use super::transfer::stamp::Stamp;
use super::transfer::tally::Tally;
use super::transfer::verify::{Verified, verify};
use crate::boundary::wait::wait;
use crate::error::{Error, Result, Status};
use crate::larder::Larder;
use crate::store::format::dump::Item;

/// Keys up to this length, in bytes, every store takes.
const SURELY_SHORT: usize = 1000;

/// Copies the session's store.
pub fn run(session: &Session, given: &ArgMatches, output: &mut Output<'_>) -> std::result::Result<Exit, Failure> {
    let source = session.endpoint()?;
    let target = Target::open(session, given)?;
    target.refuse_source(session, &source, &session.bytes(given, "prefix")?)?;
    let mut migration = Migration::new(session, given, &source, &target.endpoint, output.is_json())?;
    migration.plan()?;
    migration.copy()?;
    let verified = given.get_flag("verify").then(|| migration.verify()).transpose()?;
    let is_good = verified.as_ref().is_none_or(Verified::is_good);
    let too_large = migration.tally.too_large > 0 && !given.get_flag("skip-too-large");
    migration.tell(verified, output)?;
    migration.end(is_good && !too_large)?;
    Ok(if is_good && !too_large { Exit::Done } else { Exit::Failed })
}

/// Where records go, with the larder that it belongs to where that is another than the session's.
struct Target {
    endpoint: Endpoint,
    name: String,
    larder: Option<Larder>,
}

impl Target {
    fn open(session: &Session, given: &ArgMatches) -> Result<Target> {
        let text = |name: &str| given.get_one::<String>(name).cloned();
        let (database, table) = (text("to-database"), text("to-table"));
        let Some(config) = text("to") else {
            let name = text("to-store").unwrap_or_else(|| session.store_name().to_owned());
            if text("to-store").is_none() && database.is_none() && table.is_none() {
                return Err(Error::argument("--to", "where to? Give --to, --to-store, --to-database or --to-table"));
            }
            let endpoint = session.endpoint_at(&name, database.as_deref(), table.as_deref())?;
            return Ok(Target { endpoint, name, larder: None });
        };
        let config = configuration::read(&config)?;
        let larder = Larder::from_config(config.clone())?;
        let name = store_name(text("to-store"), &larder)
            .map_err(|error| Error::new(error.status(), "--to-store", error.message().to_owned()))?;
        let store = larder.store_at(&name, database.as_deref(), table.as_deref())?;
        let section = config.stores.get(&name).ok_or_else(|| Error::argument("--to-store", "there is none"))?;
        let endpoint = Endpoint::new(store, section, database.as_deref(), table.as_deref(), session.timeout());
        Ok(Target { endpoint, name, larder: Some(larder) })
    }

    /// Refuses a migration that would read what it writes, or write over what it reads.
    fn refuse_source(&self, session: &Session, source: &Endpoint, prefix: &[u8]) -> Result<()> {
        let target = &self.endpoint;
        let meeting = if source.is_on_server {
            source.place.meeting(&target.place, prefix)
        } else {
            // Memory of another larder is another store, even when all that can be said of both is the same.
            let is_memory_of_both = self.larder.is_none() && self.name == session.store_name();
            if is_memory_of_both && source.place == target.place { Meeting::Same } else { Meeting::Apart }
        };
        let text = match meeting {
            Meeting::Apart => return Ok(()),
            Meeting::Same if source.identity == target.identity => {
                format!("source and target are the same store: {}", source.identity)
            }
            Meeting::Same => format!("source and target are the same store: {}; {}", source.identity, target.identity),
            Meeting::Overlap(here, there) => format!(
                "source and target would list or overwrite records of one another: keys of {} begin with \"{}\" on the \
                 server, keys of {} with \"{}\"; migrate to another db or bucket, or narrow it with --prefix",
                source.identity,
                here.escape_ascii(),
                target.identity,
                there.escape_ascii(),
            ),
        };
        Err(Error::argument("--to", text))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(larder) = &self.larder {
            let _ = wait(larder.close(), Some(Duration::from_secs(1)));
        }
    }
}

struct Migration<'a> {
    source: &'a Endpoint,
    target: &'a Endpoint,
    prefix: Vec<u8>,
    if_exists: IfExists,
    lossy: bool,
    unreadable: Unreadable,
    journal: Option<Journal>,
    progress: Progress,
    plan: Plan,
    tally: Tally,
    before: u64,
    gone: u64,
    again: u64,
    left_out: HashSet<Vec<u8>>,
}

impl<'a> Migration<'a> {
    fn new(
        session: &Session,
        given: &ArgMatches,
        source: &'a Endpoint,
        target: &'a Endpoint,
        json: bool,
    ) -> Result<Migration<'a>> {
        let state = given.get_one::<String>("state");
        let journal = state.map(|path| Journal::open(Path::new(path), &source.identity, &target.identity));
        Ok(Migration {
            source,
            target,
            prefix: session.bytes(given, "prefix")?,
            if_exists: IfExists::parse(given.get_one::<String>("if-exists").map_or("", String::as_str)),
            lossy: given.get_flag("lossy"),
            unreadable: if given.get_flag("skip-unreadable") { Unreadable::Skip } else { Unreadable::Stop },
            journal: journal.transpose()?,
            progress: Progress::new("migrated", given.get_flag("progress"), json),
            plan: Plan::default(),
            tally: Tally::default(),
            before: 0,
            gone: 0,
            again: 0,
            left_out: HashSet::new(),
        })
    }

    /// Lists what is to be done, and refuses what would lose something unasked.
    fn plan(&mut self) -> Result<()> {
        let mut plan = Plan::read(self.source, &self.prefix, |keys| self.progress.listed(keys))?;
        self.check_losses(&plan)?;
        let all = plan.len();
        if let Some(journal) = &self.journal {
            plan.retain(|key, stamp| !journal.is_done(key, stamp));
        }
        self.before = (all - plan.len()) as u64;
        self.progress.expect(Total::Records(all as u64), self.before);
        self.plan = plan;
        Ok(())
    }

    fn check_losses(&mut self, plan: &Plan) -> Result<()> {
        let (has, keeps) = (self.source.keeps(), self.target.keeps());
        let with_metadata = if has.metadata && !keeps.metadata && !self.lossy { self.count_metadata()? } else { 0 };
        let mut losses = keeps.losses(plan, with_metadata);
        let too_long = self.count_long_keys(plan)?;
        if too_long > 0 {
            losses.push(format!("it takes no keys as long as {too_long} of them are"));
        }
        if losses.is_empty() {
            return Ok(());
        }
        let losses = losses.join("; ");
        if self.lossy {
            self.progress.note(&format!("the target does not keep all: {losses}"));
            return Ok(());
        }
        Err(Error::new(Status::UNSUPPORTED, "--to", format!("{losses}; --lossy writes what it does keep")))
    }

    /// How many keys the target refuses for their length. It says so before it asks its server.
    fn count_long_keys(&self, plan: &Plan) -> Result<u64> {
        let mut count = 0;
        for key in (0..plan.len()).map(|place| plan.get(place).0).filter(|key| key.len() > SURELY_SHORT) {
            match self.target.patience.ask(|| self.target.store.contains(key)) {
                Err(error) if error.status() == Status::TOO_LARGE => count += 1,
                answer => drop(answer?),
            }
        }
        Ok(count)
    }

    fn count_metadata(&mut self) -> Result<u64> {
        let plan = Plan::read(self.source, &self.prefix, |_| {})?;
        let mut source = Source::new(self.source, plan, self.unreadable);
        let mut count = 0;
        loop {
            let items = source.next()?;
            source.take_left_out();
            if items.is_empty() {
                return Ok(count);
            }
            count += items.iter().filter(|item| !item.metadata.is_empty()).count() as u64;
        }
    }

    fn copy(&mut self) -> Result<()> {
        let mut source = Source::new(self.source, std::mem::take(&mut self.plan), self.unreadable);
        let mut sink = Sink::new(self.target, self.if_exists, self.lossy);
        let before = match &self.journal {
            Some(journal) if journal.has_begun() => Before::Perhaps,
            _ => Before::Nothing,
        };
        let mut bytes = 0;
        loop {
            let items = source.next().map_err(|error| self.stopped(error))?;
            for (key, error) in source.take_left_out() {
                self.progress.note(&format!("key {} is left out: {error}", show_key(&key)));
                self.left_out.insert(key);
            }
            if items.is_empty() {
                break;
            }
            let written = sink.write(&items, before);
            self.tally = sink.tally.clone();
            let done = &items[..written.done];
            bytes += done.iter().map(Item::size).sum::<u64>();
            self.note_done(done, sink.take_too_large())?;
            self.progress.advance(self.before + self.tally.records(), bytes);
            if let Some(error) = written.failure {
                return Err(self.stopped(error));
            }
        }
        self.gone = source.gone();
        self.progress.finish();
        Ok(())
    }

    fn note_done(&mut self, done: &[Item], too_large: Vec<Vec<u8>>) -> Result<()> {
        for key in &too_large {
            self.progress.note(&format!("key {} is left out: too large for the target", show_key(key)));
        }
        self.left_out.extend(too_large);
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let kept = done.iter().filter(|item| !self.left_out.contains(&item.key));
        journal.note(kept.map(|item| (item.key.as_slice(), Stamp::of_item(item))))
    }

    fn stopped(&mut self, error: Error) -> Error {
        self.progress.finish();
        let done = self.before + self.tally.records();
        let how = match &self.journal {
            Some(_) => format!("{done} records are done; the same command goes on"),
            None => format!("{done} records are done; with --state the next one could go on where it stops"),
        };
        Error::new(error.status(), error.origin().to_owned(), format!("{}; {how}", error.message()))
    }

    fn verify(&mut self) -> Result<Verified> {
        let (source, target) = (self.source, self.target);
        let verified = verify(source, target, &self.prefix, self.if_exists, &self.left_out, &mut self.progress)?;
        if let Some(journal) = &mut self.journal {
            // What was written and is not there any more would otherwise be left out for ever.
            self.again = journal.void(&verified.wrong)?;
        }
        Ok(verified)
    }

    fn tell(&self, verified: Option<Verified>, output: &mut Output<'_>) -> std::io::Result<()> {
        let tally = &self.tally;
        let mut object = Map::from_iter([("records".to_owned(), Value::from(tally.records()))]);
        object.extend(tally.to_json());
        object.insert("before".to_owned(), json!(self.before));
        object.insert("gone".to_owned(), json!(self.gone));
        object.insert("source".to_owned(), json!(self.source.identity));
        object.insert("target".to_owned(), json!(self.target.identity));
        let mut text = format!("{} records: {}\n", tally.records(), tally.sentence());
        if self.before > 0 {
            text += &format!("{} were done before\n", self.before);
        }
        if let Some(verified) = verified {
            object.insert("verified".to_owned(), to_json(&verified));
            object.insert("again".to_owned(), json!(self.again));
            text += &sentence(&verified);
            if self.again > 0 {
                text += &format!("the same command writes {} of them again\n", self.again);
            }
        }
        output.object(&Value::Object(object), || text)
    }

    fn end(self, is_good: bool) -> Result<()> {
        match self.journal {
            Some(journal) if is_good => journal.remove(),
            _ => Ok(()),
        }
    }
}

fn to_json(verified: &Verified) -> Value {
    json!({
        "good": verified.is_good(), "same": verified.same, "missing": verified.missing,
        "different": verified.different, "kept": verified.kept, "source_digest": verified.source_digest,
        "target_digest": verified.target_digest,
    })
}

fn sentence(verified: &Verified) -> String {
    let Verified { same, missing, different, kept, .. } = verified;
    if verified.is_good() {
        let kept = if *kept > 0 { format!(", {kept} left as they were") } else { String::new() };
        return format!("verified: {same} records are the same{kept}; digest {}\n", verified.source_digest);
    }
    let text =
        format!("NOT the same: {missing} records are missing in the target, {different} are different, {same} same");
    format!("{text}; digest {}, in the target {}\n", verified.source_digest, verified.target_digest)
}
