//! Files that are looked at again whenever what they hold is used, and read again when they changed.
//!
//! A look is one `stat` a file, which follows links: Kubernetes changes a mounted secret by turning a link elsewhere.
//! What was read last and could be used stays in use until the files hold something better.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::TARGET;
use crate::error::{Error, Result};
use crate::log::{self, Level};
use crate::sync::Mutex;

/// A file that a setting names.
#[derive(Clone, Debug)]
pub(super) struct File {
    setting: String,
    path: PathBuf,
}

impl File {
    pub(super) fn new(setting: String, path: &Path) -> File {
        File { setting, path: path.to_owned() }
    }

    /// Its bytes.
    pub(super) fn read(&self) -> Result<Vec<u8>> {
        std::fs::read(&self.path).map_err(|error| self.error(&format!("cannot be read: {error}")))
    }

    /// An error about the file, which says what `text` does of it.
    pub(super) fn error(&self, text: &str) -> Error {
        Error::config(self.setting.clone(), format!("the file {} {text}", self.path.display()))
    }

    /// By what a change is seen; `None` while it cannot be looked at.
    fn stamp(&self) -> Stamp {
        let found = std::fs::metadata(&self.path).ok()?;
        let changed = (found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec());
        Some((found.dev(), found.ino(), found.size(), changed))
    }
}

type Stamp = Option<(u64, u64, u64, (i64, i64, i64, i64))>;

type Load<T> = dyn Fn(&[File]) -> Result<T> + Send + Sync;

/// What some files hold, as `T`.
pub(super) struct Watched<T> {
    files: Vec<File>,
    load: Box<Load<T>>,
    state: Mutex<State<T>>,
}

struct State<T> {
    stamps: Vec<Stamp>,
    value: Arc<T>,
}

impl<T> Watched<T> {
    /// Reads the files a first time.
    ///
    /// # Errors
    ///
    /// What `load` says.
    pub(super) fn open(
        files: Vec<File>,
        load: impl Fn(&[File]) -> Result<T> + Send + Sync + 'static,
    ) -> Result<Watched<T>> {
        // Looked at before they are read: a change meanwhile is seen at the next look.
        let stamps = files.iter().map(File::stamp).collect();
        let value = Arc::new(load(&files)?);
        Ok(Watched { files, load: Box::new(load), state: Mutex::new(State { stamps, value }) })
    }

    /// What the files hold now, or held when they could be used last. Says so in the log, once for each change.
    pub(super) fn current(&self) -> Arc<T> {
        let stamps: Vec<Stamp> = self.files.iter().map(File::stamp).collect();
        let (value, changed) = self.refresh(stamps);
        match changed {
            None => {}
            Some(Ok(())) => log::write(Level::Info, TARGET, || format!("{} changed and was read", self.names())),
            Some(Err(error)) => log::write(Level::Warn, TARGET, || {
                format!("{} changed and cannot be used; the last good one stays in use: {error}", self.names())
            }),
        }
        value
    }

    fn refresh(&self, stamps: Vec<Stamp>) -> (Arc<T>, Option<Result<()>>) {
        let mut state = self.state.lock();
        if state.stamps == stamps {
            return (Arc::clone(&state.value), None);
        }
        state.stamps = stamps;
        let loaded = (self.load)(&self.files).map(|value| state.value = Arc::new(value));
        (Arc::clone(&state.value), Some(loaded))
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.files.iter().map(|file| file.setting.as_str()).collect();
        names.join(" or ")
    }
}

impl<T> std::fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("files", &self.files).finish_non_exhaustive()
    }
}
