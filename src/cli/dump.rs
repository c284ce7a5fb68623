//! `larder dump`: a store's records into a file, by ascending revision.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use serde_json::json;

use super::Failure;
use super::commands::Session;
use super::exit::Exit;
use super::output::Output;
use super::transfer::plan::Plan;
use super::transfer::progress::{Progress, Total, size};
use super::transfer::show_key;
use super::transfer::source::{Source, Unreadable};
use crate::clock;
use crate::error::{Error, Result, Status};
use crate::store::format::dump::{Header, Writer};

/// What a dump came to.
struct Dumped {
    records: u64,
    bytes: u64,
    gone: u64,
    unreadable: u64,
}

/// Dumps the session's store.
pub fn run(session: &Session, given: &ArgMatches, output: &mut Output<'_>) -> std::result::Result<Exit, Failure> {
    let path = given.get_one::<String>("file").map_or("-", String::as_str);
    if path == "-" {
        if std::io::stdout().is_terminal() {
            return Err(Error::argument("FILE", "a dump is binary; name a file, or send it to another program").into());
        }
        let dumped = write(session, given, output.is_json(), output.raw())?;
        tell_aside(&dumped, output.is_json());
        return Ok(Exit::Done);
    }
    let part = PartFile::create(Path::new(path))?;
    let dumped = write(session, given, output.is_json(), &part.file)?;
    part.keep()?;
    output.object(&dumped.to_json(path), || dumped.sentence(path))?;
    Ok(Exit::Done)
}

fn write(session: &Session, given: &ArgMatches, json: bool, to: impl Write) -> Result<Dumped> {
    let endpoint = session.endpoint()?;
    let prefix = session.bytes(given, "prefix")?;
    let mut progress = Progress::new("dumped", given.get_flag("progress"), json);
    let plan = Plan::read(&endpoint, &prefix, |keys| progress.listed(keys))?;
    progress.expect(Total::Records(plan.len() as u64), 0);
    let header = Header {
        id: std::array::from_fn(|_| fastrand::u8(..)),
        created_unix_ms: clock::unix_ms(),
        kind: endpoint.kind.clone(),
        database: endpoint.database.clone(),
        table: endpoint.table.clone(),
        prefix,
    };
    let unreadable = if given.get_flag("skip-unreadable") { Unreadable::Skip } else { Unreadable::Stop };
    let mut source = Source::new(&endpoint, plan, unreadable);
    let mut writer = Writer::new(BufWriter::with_capacity(1 << 18, to), &header)?;
    let mut dumped = Dumped { records: 0, bytes: 0, gone: 0, unreadable: 0 };
    loop {
        let items = source.next()?;
        for (key, error) in source.take_left_out() {
            dumped.unreadable += 1;
            progress.note(&format!("key {} is left out: {error}", show_key(&key)));
        }
        if items.is_empty() {
            break;
        }
        for item in &items {
            writer.write(item)?;
        }
        progress.advance(writer.records(), writer.bytes());
    }
    (dumped.records, dumped.bytes, dumped.gone) = (writer.records(), writer.bytes(), source.gone());
    writer.finish()?;
    progress.finish();
    Ok(dumped)
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
            "file": file, "records": self.records, "bytes": self.bytes, "gone": self.gone, "unreadable": self.unreadable,
        })
    }

    fn sentence(&self, file: &str) -> String {
        let mut text = format!("{} records in {file}, {}", self.records, size(self.bytes));
        if self.gone > 0 {
            text += &format!("; {} went away meanwhile", self.gone);
        }
        if self.unreadable > 0 {
            text += &format!("; {} of another format left out", self.unreadable);
        }
        text + "\n"
    }
}

/// A file that takes its name when it is whole, so that a dump that fails leaves an older one as it was. Only its owner
/// may read it: records are not for everybody.
struct PartFile {
    file: File,
    part: PathBuf,
    path: PathBuf,
}

impl PartFile {
    fn create(path: &Path) -> Result<PartFile> {
        let mut part = path.as_os_str().to_owned();
        part.push(".larder-part");
        let part = PathBuf::from(part);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&part);
        let file = file.map_err(|error| failed(path, &error))?;
        Ok(PartFile { file, part, path: path.to_owned() })
    }

    fn keep(mut self) -> Result<()> {
        let kept = self.file.sync_all().and_then(|()| std::fs::rename(&self.part, &self.path));
        kept.map_err(|error| failed(&self.path, &error))?;
        self.part = PathBuf::new();
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.part.as_os_str().is_empty() {
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Status::IO, "FILE", format!("{} cannot be written: {error}", path.display()))
}
