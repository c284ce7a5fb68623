//! `larder load`: a dump's records into a store.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use serde_json::{Value, json};

use super::Failure;
use super::commands::Session;
use super::exit::Exit;
use super::output::Output;
use super::transfer::endpoint::Endpoint;
use super::transfer::progress::{Progress, Total, size};
use super::transfer::show_key;
use super::transfer::sink::{Before, IfExists, Sink};
use super::transfer::state::{Keeper, State};
use crate::error::{Error, Result, Status};
use crate::store::format::dump::{Item, Reader};

const PAGE_RECORDS: usize = 512;
const PAGE_BYTES: u64 = 4 << 20;

type Dump = Reader<BufReader<Box<dyn Read>>>;
type Done = std::result::Result<Exit, Failure>;

/// Loads a dump into the session's store, or only checks it.
pub fn run(session: &Session, given: &ArgMatches, output: &mut Output<'_>) -> Done {
    if given.get_flag("verify") {
        return verify(given, output);
    }
    let path = file(given);
    let keeper = keeper(given, path)?;
    let (reader, length) = open(path)?;
    let mut progress = Progress::new("loaded", given.get_flag("progress"), output.is_json());
    progress.expect(length.map_or(Total::Unknown, Total::Bytes), 0);
    let endpoint = session.endpoint()?;
    let if_exists = IfExists::parse(given.get_one::<String>("if-exists").map_or("", String::as_str));
    let sink = Sink::new(&endpoint, if_exists, given.get_flag("lossy"));
    let state = State {
        dump: reader.identity().to_owned(),
        target: endpoint.identity.clone(),
        if_exists: if_exists.name().to_owned(),
        records: 0,
        tally: sink.tally.clone(),
    };
    let mut load = Load { reader, sink, state, keeper, progress, before: Before::Nothing };
    if given.get_flag("resume") {
        load.resume()?;
    }
    if let Err(error) = load.all() {
        return Err(load.stopped(error, path).into());
    }
    let too_large = load.state.tally.too_large;
    load.finish(&endpoint, output)?;
    Ok(if too_large > 0 && !given.get_flag("skip-too-large") { Exit::Failed } else { Exit::Done })
}

/// Reads a dump to its end and says whether it is whole.
pub fn verify(given: &ArgMatches, output: &mut Output<'_>) -> Done {
    let (mut reader, length) = open(file(given))?;
    let mut progress = Progress::new("verified", given.get_flag("progress"), output.is_json());
    progress.expect(length.map_or(Total::Unknown, Total::Bytes), 0);
    while reader.read()?.is_some() {
        progress.advance(reader.records(), reader.bytes());
    }
    progress.finish();
    let header = reader.header();
    let (records, bytes) = (reader.records(), reader.bytes());
    let object = json!({
        "whole": true, "records": records, "bytes": bytes, "identity": reader.identity(), "type": header.kind,
        "database": header.database, "table": header.table, "created_unix_ms": header.created_unix_ms,
    });
    output.object(&object, || {
        let of = format!("of type {}, database {:?}, table {:?}", header.kind, header.database, header.table);
        format!("the dump is whole: {records} records, {}, {of}\n", size(bytes))
    })?;
    Ok(Exit::Done)
}

struct Load<'a> {
    reader: Dump,
    sink: Sink<'a>,
    state: State,
    keeper: Option<Keeper>,
    progress: Progress,
    before: Before,
}

impl Load<'_> {
    /// Goes to where an interrupted load was.
    fn resume(&mut self) -> Result<()> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        let Some(was) = State::read(keeper.path())? else {
            self.progress.note(&format!("{} is not there; beginning with the first record", keeper.path().display()));
            return Ok(());
        };
        was.must_match(&self.state, keeper.path())?;
        // What is left out is verified all the same: the checksums are chained.
        while self.reader.records() < was.records {
            if self.reader.read()?.is_none() {
                let text = format!("{} says that more was loaded than the dump has", keeper.path().display());
                return Err(Error::new(Status::CORRUPT, "--resume", text));
            }
        }
        self.sink.tally = was.tally.clone();
        self.progress.expect(self.progress.total(), was.records);
        self.state = was;
        // What was written after the file was, nobody knows.
        self.before = Before::Perhaps;
        Ok(())
    }

    fn all(&mut self) -> Result<()> {
        self.keep()?;
        loop {
            let (items, end) = self.page();
            let written = self.sink.write(&items, self.before);
            self.state.records += written.done as u64;
            self.state.tally = self.sink.tally.clone();
            for key in self.sink.take_too_large() {
                self.progress.note(&format!("key {} is left out: too large for the target", show_key(&key)));
            }
            self.progress.advance(self.state.records, self.reader.bytes());
            if let Some(error) = written.failure {
                return Err(error);
            }
            if let Some(keeper) = &mut self.keeper {
                keeper.note(&self.state)?;
            }
            match end {
                None => {}
                Some(Ok(())) => return Ok(()),
                Some(Err(error)) => return Err(error),
            }
        }
    }

    /// The next records, and how the dump ended if it did. What is whole before a damaged record is still written.
    fn page(&mut self) -> (Vec<Item>, Option<Result<()>>) {
        let mut items = Vec::new();
        let mut bytes = 0;
        while items.len() < PAGE_RECORDS && bytes < PAGE_BYTES {
            match self.reader.read() {
                Ok(Some(item)) => {
                    bytes += item.size();
                    items.push(item);
                }
                Ok(None) => return (items, Some(Ok(()))),
                Err(error) => return (items, Some(Err(error))),
            }
        }
        (items, None)
    }

    fn keep(&mut self) -> Result<()> {
        self.keeper.as_mut().map_or(Ok(()), |keeper| keeper.keep(&self.state))
    }

    /// The error of a load that came to no end: what was done, and how to go on.
    fn stopped(&mut self, error: Error, path: &str) -> Error {
        let kept = self.keep();
        self.progress.finish();
        let done = self.state.records;
        let how = match (&self.keeper, kept) {
            (Some(_), Ok(())) => format!("{done} records of {path} are done; the same command with --resume goes on"),
            (Some(_), Err(lost)) => format!("{done} records of {path} are done, but that could not be kept: {lost}"),
            (None, _) => format!("{done} records are done"),
        };
        Error::new(error.status(), error.origin().to_owned(), format!("{}; {how}", error.message()))
    }

    fn finish(mut self, endpoint: &Endpoint, output: &mut Output<'_>) -> std::result::Result<(), Failure> {
        self.progress.finish();
        if let Some(keeper) = &self.keeper {
            keeper.remove()?;
        }
        let tally = &self.state.tally;
        let mut object = serde_json::Map::from_iter([("records".to_owned(), Value::from(tally.records()))]);
        object.extend(tally.to_json());
        object.insert("target".to_owned(), json!(endpoint.identity));
        let text = format!("{} records: {}\n", tally.records(), tally.sentence());
        output.object(&Value::Object(object), || text)?;
        Ok(())
    }
}

fn file(given: &ArgMatches) -> &str {
    given.get_one::<String>("file").map_or("-", String::as_str)
}

/// Opens a dump; also says its length, where it has one.
fn open(path: &str) -> Result<(Dump, Option<u64>)> {
    if path == "-" {
        let stdin: Box<dyn Read> = Box::new(std::io::stdin());
        return Ok((Reader::new(BufReader::new(stdin))?, None));
    }
    let failed = |error: std::io::Error| Error::new(Status::IO, "FILE", format!("{path} cannot be read: {error}"));
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    let length = about.is_file().then_some(about.len());
    let reader: Box<dyn Read> = Box::new(file);
    let reader = Reader::new(BufReader::with_capacity(1 << 18, reader));
    let named = |error: Error| Error::new(error.status(), "FILE", format!("{path}: {}", error.message()));
    Ok((reader.map_err(named)?, length))
}

/// What keeps how far the load came; nothing for standard input, of which there is only one reading.
fn keeper(given: &ArgMatches, path: &str) -> Result<Option<Keeper>> {
    let named = given.get_one::<String>("state").map(PathBuf::from);
    if path == "-" {
        let once = |name| Err(Error::argument(name, "standard input cannot be read a second time; name a file"));
        return match named {
            Some(_) => once("--state"),
            None if given.get_flag("resume") => once("--resume"),
            None => Ok(None),
        };
    }
    let beside = || Path::new(&format!("{path}.larder-progress")).to_owned();
    Ok(Some(Keeper::new(named.unwrap_or_else(beside))))
}
