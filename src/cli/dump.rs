//! `larder dump`: a store's records into a file, by ascending revision.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::Path;

use clap::ArgMatches;
use serde_json::json;

use super::Failure;
use super::commands::Session;
use super::exit::Exit;
use super::output::Output;
use super::transfer::endpoint::Endpoint;
use super::transfer::part::Part;
use super::transfer::plan::Plan;
use super::transfer::progress::{Progress, Total, size};
use super::transfer::show_key;
use super::transfer::source::{Source, Unreadable};
use crate::clock;
use crate::error::{Error, Result};
use crate::store::format::dump::{Header, Writer};

/// What a dump came to.
#[derive(Default)]
struct Dumped {
    records: u64,
    bytes: u64,
    before: u64,
    stale: u64,
    gone: u64,
    unreadable: u64,
}

/// Dumps the session's store.
pub fn run(session: &Session, given: &ArgMatches, output: &mut Output<'_>) -> std::result::Result<Exit, Failure> {
    let path = given.get_one::<String>("file").map_or("-", String::as_str);
    let resume = given.get_flag("resume");
    if path == "-" && resume {
        return Err(
            Error::argument("--resume", "what went to standard output cannot be read again; name a file").into()
        );
    }
    if path == "-" && std::io::stdout().is_terminal() {
        return Err(Error::argument("FILE", "a dump is binary; name a file, or send it to another program").into());
    }
    let endpoint = session.endpoint()?;
    let mut dump = Dump {
        endpoint: &endpoint,
        header: header(&endpoint, session.bytes(given, "prefix")?),
        unreadable: if given.get_flag("skip-unreadable") { Unreadable::Skip } else { Unreadable::Stop },
        progress: Progress::new("dumped", given.get_flag("progress"), output.is_json()),
        dumped: Dumped::default(),
    };
    if path == "-" {
        dump.write_to(output.raw())?;
        tell_aside(&dump.dumped, output.is_json());
        return Ok(Exit::Done);
    }
    dump.write_file(Path::new(path), resume)?;
    output.object(&dump.dumped.to_json(path), || dump.dumped.sentence(path))?;
    Ok(Exit::Done)
}

fn header(endpoint: &Endpoint, prefix: Vec<u8>) -> Header {
    Header {
        id: std::array::from_fn(|_| fastrand::u8(..)),
        created_unix_ms: clock::unix_ms(),
        kind: endpoint.kind.clone(),
        database: endpoint.database.clone(),
        table: endpoint.table.clone(),
        prefix,
    }
}

struct Dump<'a> {
    endpoint: &'a Endpoint,
    header: Header,
    unreadable: Unreadable,
    progress: Progress,
    dumped: Dumped,
}

impl Dump<'_> {
    fn write_to(&mut self, to: impl Write) -> Result<()> {
        let plan = self.plan()?;
        self.progress.expect(Total::Records(plan.len() as u64), 0);
        let mut writer = Writer::new(BufWriter::with_capacity(1 << 18, to), &self.header)?;
        self.copy(plan, &mut writer)?;
        writer.finish().map(drop)
    }

    fn write_file(&mut self, path: &Path, resume: bool) -> Result<()> {
        let mut part = self.part(path, resume)?;
        self.dumped.records = part.records();
        match self.fill(&mut part) {
            Ok(()) => part.keep(),
            Err(error) => Err(self.stopped(error, part)),
        }
    }

    /// The file to write: what an interrupted dump left of it, or a new one.
    fn part(&mut self, path: &Path, resume: bool) -> Result<Part> {
        let source = &self.endpoint.identity;
        if !resume {
            return Part::begin(path, source, &self.header);
        }
        if !self.endpoint.is_on_server {
            let text = "records in memory are gone with the process that had them; only the dump of a server goes on";
            return Err(Error::argument("--resume", text));
        }
        let Some(part) = Part::find(path, source, &self.header)? else {
            let part = Part::begin(path, source, &self.header)?;
            self.progress.note(&format!("{} has nothing yet; beginning with the first record", part.path().display()));
            return Ok(part);
        };
        if part.torn() > 0 {
            let (torn, part) = (part.torn(), part.path().display());
            self.progress.note(&format!("the last {torn} bytes of {part} are not whole; they are written again"));
        }
        Ok(part)
    }

    fn fill(&mut self, part: &mut Part) -> Result<()> {
        let mut plan = self.plan()?;
        let all = plan.len() as u64;
        self.dumped.stale = part.reconcile(&mut plan)?;
        self.dumped.before = part.records();
        self.progress.expect(Total::Records(all), self.dumped.before);
        let mut writer = part.writer()?;
        self.copy(plan, &mut writer)?;
        writer.finish().map(drop)
    }

    fn plan(&mut self) -> Result<Plan> {
        Plan::read(self.endpoint, &self.header.prefix, |keys| self.progress.listed(keys))
    }

    /// Writes the records of a plan, but not the dump's end.
    fn copy(&mut self, plan: Plan, writer: &mut Writer<impl Write>) -> Result<()> {
        let mut source = Source::new(self.endpoint, plan, self.unreadable);
        loop {
            let items = source.next()?;
            for (key, error) in source.take_left_out() {
                self.dumped.unreadable += 1;
                self.progress.note(&format!("key {} is left out: {error}", show_key(&key)));
            }
            for item in &items {
                writer.write(item)?;
            }
            // What was read is not read again, whatever happens next.
            writer.flush()?;
            (self.dumped.records, self.dumped.bytes) = (writer.records(), writer.bytes());
            self.dumped.gone = source.gone();
            if items.is_empty() {
                self.progress.finish();
                return Ok(());
            }
            self.progress.advance(writer.records(), writer.bytes());
        }
    }

    /// The error of a dump that came to no end: what was done, and how to go on.
    fn stopped(&mut self, error: Error, part: Part) -> Error {
        self.progress.finish();
        let done = self.dumped.records;
        if done == 0 || !self.endpoint.is_on_server {
            part.discard();
            return error;
        }
        let part = part.path().display();
        let how = format!("{done} records are in {part}; the same command with --resume goes on");
        Error::new(error.status(), error.origin().to_owned(), format!("{}; {how}", error.message()))
    }
}

/// Where the dump itself is the standard output, what it came to goes beside it.
fn tell_aside(dumped: &Dumped, json: bool) {
    let mut stderr = std::io::stderr();
    // A closed standard error leaves nobody to tell.
    let _ = if json {
        writeln!(stderr, "{}", dumped.to_json("-"))
    } else {
        write!(stderr, "{}", dumped.sentence("standard output"))
    };
}

impl Dumped {
    fn to_json(&self, file: &str) -> serde_json::Value {
        json!({
            "file": file, "records": self.records, "bytes": self.bytes, "before": self.before, "stale": self.stale,
            "gone": self.gone, "unreadable": self.unreadable,
        })
    }

    fn sentence(&self, file: &str) -> String {
        let mut text = format!("{} records in {file}, {}", self.records, size(self.bytes));
        if self.before > 0 {
            text += &format!("; {} were there before", self.before);
        }
        if self.stale > 0 {
            text += &format!("; {} that had changed or gone since were taken out", self.stale);
        }
        if self.gone > 0 {
            text += &format!("; {} went away meanwhile", self.gone);
        }
        if self.unreadable > 0 {
            text += &format!("; {} of another format left out", self.unreadable);
        }
        text + "\n"
    }
}
