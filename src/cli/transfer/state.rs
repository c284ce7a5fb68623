//! How far a load has come: a small JSON file beside the dump, replaced as a whole each time it changes.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::other_version;
use super::tally::Tally;
use crate::error::{Error, Result, Status};

/// How often it is written while all goes well.
const EVERY: Duration = Duration::from_millis(250);
/// Version 1 did not say of the target all that tells it from another one.
const VERSION: u64 = 2;

/// How far a load has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The identity of the dump.
    pub dump: String,
    /// The identity of the target.
    pub target: String,
    /// What is done with records that are there.
    pub if_exists: String,
    /// How many records from the dump's beginning are done.
    pub records: u64,
    /// What they came to.
    pub tally: Tally,
}

impl State {
    /// Reads the file; `None` when there is none.
    ///
    /// # Errors
    ///
    /// `IO` when it cannot be read, `CORRUPT` when it is something else, `INVALID_ARGUMENT` when it is of another version.
    pub fn read(path: &Path) -> Result<Option<State>> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(path, "read", &error)),
        };
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if let Some(version) = value["larder_progress"].as_u64().filter(|version| *version != VERSION) {
            let text = other_version(path, version, VERSION, "without --resume it begins anew");
            return Err(Error::argument("--resume", text));
        }
        let parsed = State::from_json(&value);
        let text = format!("{} is no progress of a load; remove it, or name another with --state", path.display());
        parsed.map(Some).ok_or_else(|| Error::new(Status::CORRUPT, "--resume", text))
    }

    fn from_json(value: &Value) -> Option<State> {
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        if value["larder_progress"].as_u64() != Some(VERSION) {
            return None;
        }
        Some(State {
            dump: text("dump")?,
            target: text("target")?,
            if_exists: text("if_exists")?,
            records: value["records"].as_u64()?,
            tally: Tally::from_json(&value["tally"])?,
        })
    }

    /// Says whether the same is being loaded into the same again.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` that names what is another one.
    pub fn must_match(&self, other: &State, path: &Path) -> Result<()> {
        let path = path.display();
        let differs = |what: &str, was: &str, is: &str| {
            let text = format!("{path} is about another {what}: {was}, and not {is}; without --resume it begins anew");
            Err(Error::argument("--resume", text))
        };
        if self.dump != other.dump {
            return differs("dump", &format!("the one with digest {}", &short(&self.dump)), &short(&other.dump));
        }
        if self.target != other.target {
            return differs("target", &self.target, &other.target);
        }
        if self.if_exists != other.if_exists {
            return differs("--if-exists", &self.if_exists, &other.if_exists);
        }
        Ok(())
    }
}

fn short(digest: &str) -> String {
    digest.chars().take(16).collect()
}

/// Writes a state as it changes.
pub struct Keeper {
    path: PathBuf,
    last: Option<Instant>,
}

impl Keeper {
    /// Keeps a state at `path`.
    pub fn new(path: PathBuf) -> Keeper {
        Keeper { path, last: None }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the state, if the last time was not a moment ago.
    ///
    /// # Errors
    ///
    /// `IO`.
    pub fn note(&mut self, state: &State) -> Result<()> {
        if self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return Ok(());
        }
        self.keep(state)
    }

    /// Writes the state: whoever reads the file finds the old one or this one, whole.
    ///
    /// # Errors
    ///
    /// `IO`.
    pub fn keep(&mut self, state: &State) -> Result<()> {
        let object = json!({
            "larder_progress": VERSION, "dump": state.dump, "target": state.target, "if_exists": state.if_exists,
            "records": state.records, "tally": state.tally.to_json(),
        });
        let mut part = self.path.clone().into_os_string();
        part.push(".part");
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&part)?;
            writeln!(file, "{object}")?;
            file.sync_all()?;
            std::fs::rename(&part, &self.path)
        };
        write().map_err(|error| failed(&self.path, "written", &error))?;
        self.last = Some(Instant::now());
        Ok(())
    }

    /// Removes the file, when all is done.
    ///
    /// # Errors
    ///
    /// `IO`.
    pub fn remove(&self) -> Result<()> {
        std::fs::remove_file(&self.path).map_err(|error| failed(&self.path, "removed", &error))
    }
}

fn failed(path: &Path, what: &str, error: &std::io::Error) -> Error {
    let text = format!("{} cannot be {what}: {error}; --state names another place", path.display());
    Error::new(Status::IO, "progress", text)
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn state() -> State {
        let tally = Tally { written: 4, skipped: 1, ..Tally::default() };
        let text = |text: &str| text.to_owned();
        State { dump: text("ab"), target: text("memory"), if_exists: text("skip"), records: 5, tally }
    }

    #[test]
    fn a_state_is_read_as_it_was_kept_and_removed_when_done() {
        let path = std::env::temp_dir().join(format!("larder-state-{}", std::process::id()));
        let mut keeper = Keeper::new(path.clone());
        assert_eq!(State::read(&path).expect("none"), None);
        keeper.keep(&state()).expect("writable");
        assert_eq!(State::read(&path).expect("whole"), Some(state()));
        // A moment later it is not written again.
        keeper.note(&State { records: 6, ..state() }).expect("writable");
        assert_eq!(State::read(&path).expect("whole").expect("there").records, 5);
        std::fs::write(&path, "{}").expect("writable");
        assert_eq!(State::read(&path).expect_err("another file").status(), Status::CORRUPT);
        std::fs::write(&path, "{\"larder_progress\": 1}").expect("writable");
        let error = State::read(&path).expect_err("of an earlier Larder");
        assert!(error.message().contains("is of version 1") && error.message().contains("without --resume"), "{error}");
        keeper.remove().expect("there");
        assert_eq!(State::read(&path).expect("none"), None);
    }

    #[test]
    fn another_dump_target_or_way_is_refused_by_name() {
        let path = Path::new("p");
        let told = |other: State| state().must_match(&other, path).expect_err("another").to_string();
        assert!(told(State { dump: "cd".to_owned(), ..state() }).contains("another dump"));
        assert!(told(State { target: "noop".to_owned(), ..state() }).contains("another target: memory, and not noop"));
        assert!(told(State { if_exists: "fail".to_owned(), ..state() }).contains("another --if-exists"));
        assert_eq!(state().must_match(&State { records: 0, ..state() }, path), Ok(()));
    }
}
