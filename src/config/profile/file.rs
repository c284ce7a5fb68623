//! What a configuration file says of a profile's services: weaker than the environment, stronger than the defaults.
//!
//! ```toml
//! [profiles.ocis.STORAGE_USERS_FILEMETADATA_CACHE]
//! max_entries = 100_000     # any setting of the store's type, under the name that a document gives it
//! ```

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::Profile;
use super::choice::Source;
use crate::config::document;
use crate::config::settings::{kind_of, unknown};
use crate::error::{Error, Result};

/// The sections of one profile.
#[derive(Clone, Debug, Default)]
pub struct File {
    path: PathBuf,
    profile: &'static str,
    sections: Map<String, Value>,
}

/// What it says of one service.
#[derive(Clone, Debug, Default)]
pub struct Section {
    path: PathBuf,
    name: String,
    values: Map<String, Value>,
}

impl File {
    /// Reads the sections of a profile; a file without any is fine, it may hold other things.
    ///
    /// # Errors
    ///
    /// `IO` for a file that cannot be read, `CONFIG` for one that is neither TOML nor JSON, or a section that is none.
    pub fn read(path: &Path, profile: Profile) -> Result<File> {
        let mut root = document::value_from_path(path)?;
        let profiles = match root.get_mut("profiles").map(Value::take) {
            None => Map::new(),
            Some(Value::Object(profiles)) => profiles,
            Some(other) => return Err(no_section("profiles", &other)),
        };
        File::of(path, profile, profiles)
    }

    fn of(path: &Path, profile: Profile, mut profiles: Map<String, Value>) -> Result<File> {
        let names = || Profile::ALL.iter().map(|profile| profile.name());
        if let Some(name) = profiles.keys().find(|name| !names().any(|known| known == *name)) {
            return Err(Error::config(format!("profiles.{name}"), unknown(name, names(), "profiles")));
        }
        let sections = match profiles.remove(profile.name()) {
            None => Map::new(),
            Some(Value::Object(sections)) => sections,
            Some(other) => return Err(no_section(&format!("profiles.{}", profile.name()), &other)),
        };
        if let Some((name, other)) = sections.iter().find(|(_, section)| !section.is_object()) {
            return Err(no_section(&format!("profiles.{}.{name}", profile.name()), other));
        }
        Ok(File { path: path.to_owned(), profile: profile.name(), sections })
    }

    /// The names of the sections.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sections.keys().map(String::as_str)
    }

    /// The full name of a section, for errors.
    pub fn section_name(&self, name: &str) -> String {
        format!("profiles.{}.{name}", self.profile)
    }

    /// The first section whose name is meant; empty when there is none.
    pub fn section(&self, is_meant: impl Fn(&str) -> bool) -> Section {
        let found = self.sections.iter().find(|(name, _)| is_meant(name));
        let Some((name, Value::Object(values))) = found else { return Section::default() };
        Section { path: self.path.clone(), name: self.section_name(name), values: values.clone() }
    }
}

impl Section {
    /// Takes a setting, with its source.
    pub fn take(&mut self, key: &str) -> Option<(Source, Value)> {
        let value = self.values.shift_remove(key)?;
        Some((self.source(key), value))
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What nobody took.
    pub fn rest(&mut self) -> Vec<(String, Source, Value)> {
        let values = std::mem::take(&mut self.values);
        values.into_iter().map(|(key, value)| (key.clone(), self.source(&key), value)).collect()
    }

    fn source(&self, key: &str) -> Source {
        Source::File { path: self.path.clone(), setting: format!("{}.{key}", self.name) }
    }
}

fn no_section(name: &str, value: &Value) -> Error {
    Error::config(name.to_owned(), format!("it is {}; expected a section [{name}]", kind_of(value)))
}
