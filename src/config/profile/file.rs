//! What a configuration file says of a profile's services: weaker than the environment, stronger than the defaults.
//!
//! ```toml
//! [profiles.ocis.STORAGE_USERS_FILEMETADATA_CACHE]
//! max_entries = 100_000     # any setting of the store's type, under the name that a document gives it
//! ```

use std::collections::BTreeMap;
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

/// What it says of one service: by the name of each setting its full name and its value.
#[derive(Clone, Debug, Default)]
pub struct Section {
    path: PathBuf,
    values: BTreeMap<String, (String, Value)>,
}

impl File {
    /// Reads the sections of a profile; a file without any is fine, it may hold other things.
    ///
    /// # Errors
    ///
    /// `IO` for a file that cannot be read, `CONFIG` for one that is neither TOML nor JSON, or a section that is none.
    pub fn read(path: &Path, profile: Profile) -> Result<File> {
        let mut root = document::value_from_path(path)?;
        if let Some(name) = stray(&root) {
            return Err(Error::config(name.to_owned(), unknown(name, ROOT, "sections")));
        }
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

    /// What the sections of these names say, the strongest first; empty when there is none.
    pub fn section(&self, names: &[&str]) -> Section {
        let mut section = Section { path: self.path.clone(), ..Section::default() };
        for name in names {
            let Some(Value::Object(values)) = self.sections.get(*name) else { continue };
            for (key, value) in values {
                let full_name = format!("{}.{key}", self.section_name(name));
                section.values.entry(key.clone()).or_insert_with(|| (full_name, value.clone()));
            }
        }
        section
    }
}

impl Section {
    /// Takes a setting, with its source.
    pub fn take(&mut self, key: &str) -> Option<(Source, Value)> {
        let (name, value) = self.values.remove(key)?;
        Some((self.source(name), value))
    }

    /// What nobody took.
    pub fn rest(&mut self) -> Vec<(String, Source, Value)> {
        let values = std::mem::take(&mut self.values);
        values.into_iter().map(|(key, (name, value))| (key, self.source(name), value)).collect()
    }

    fn source(&self, setting: String) -> Source {
        Source::File { path: self.path.clone(), setting }
    }
}

/// What a file may hold besides profiles: a document of stores.
const ROOT: [&str; 2] = ["profiles", "stores"];

/// The first part of a file that is none of these, unless it describes one store.
fn stray(root: &Value) -> Option<&str> {
    let root = root.as_object().filter(|root| !root.contains_key("type"))?;
    root.keys().map(String::as_str).find(|key| !ROOT.contains(key))
}

fn no_section(name: &str, value: &Value) -> Error {
    Error::config(name.to_owned(), format!("it is {}; expected a section [{name}]", kind_of(value)))
}
