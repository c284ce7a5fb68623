//! Store types: those that are in the library, and those that a file of `LARDER_TEST_STORES` tells how to reach.

use serde_json::{Value, json};

use super::bytes;

/// The types that need no server.
const LOCAL: &[&str] = &["memory", "fault", "noop"];

/// A type of a case.
#[derive(Clone, Debug)]
pub struct Kind {
    pub name: String,
    settings: Value,
    prefixed: Option<String>,
}

impl Kind {
    /// The type of a name, from the file's document where it needs servers.
    pub fn find(name: &str, servers: &Value) -> Result<Kind, String> {
        if LOCAL.contains(&name) {
            return Ok(Kind { name: name.to_owned(), settings: json!({"type": name}), prefixed: None });
        }
        let entry = &servers[name];
        let prefixed = entry["prefixed"].as_str().ok_or_else(|| format!("there is no type {name}"))?;
        if !["database", "table"].contains(&prefixed) {
            return Err(format!("{name}: a store has no {prefixed} to prefix"));
        }
        Ok(Kind { name: name.to_owned(), settings: entry["settings"].clone(), prefixed: Some(prefixed.to_owned()) })
    }

    /// The names of one run.
    pub fn names(&self) -> Names {
        let prefix = self.prefixed.as_ref().map(|_| format!("c{:012x}-", fastrand::u64(..1 << 48)));
        Names { prefixed: self.prefixed.clone(), prefix: prefix.unwrap_or_default() }
    }

    /// The section of the store for a run of the case.
    pub fn section(&self, case: &Value, names: &Names) -> Result<Value, String> {
        let mut section = self.settings.clone();
        for (key, value) in case["settings"].as_object().into_iter().flatten() {
            section[key] = value.clone();
        }
        if let Some(prefixed) = &self.prefixed {
            section[prefixed] = names.name(prefixed, &section[prefixed])?.unwrap_or(names.prefix.clone()).into();
        }
        Ok(section)
    }
}

/// How a run's databases and tables are called on a server that other runs use too.
pub struct Names {
    prefixed: Option<String>,
    prefix: String,
}

impl Names {
    /// The name for a `field`, `database` or `table`, that a case gives; none if it gives none.
    pub fn name(&self, field: &str, given: &Value) -> Result<Option<String>, String> {
        if given.is_null() {
            return Ok(None);
        }
        let name = bytes::text(given)?;
        let is_prefixed = self.prefixed.as_deref() == Some(field);
        Ok(Some(if is_prefixed { format!("{}{name}", self.prefix) } else { name }))
    }
}
