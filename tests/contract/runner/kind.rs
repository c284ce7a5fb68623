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
    /// The types that a case is run for: those that it names, and the variants of each that it does not except.
    pub fn of_case(case: &Value, servers: &Value) -> Result<Vec<Kind>, String> {
        let mut excepted = exceptions(case)?;
        let mut found: Vec<Kind> = Vec::new();
        for name in texts(&case["types"])? {
            found.push(Kind::find(name, servers)?);
            for variant in variants(name, servers) {
                match excepted.iter().position(|excepted| *excepted == variant) {
                    Some(index) => drop(excepted.swap_remove(index)),
                    None => found.push(Kind::find(variant, servers)?),
                }
            }
        }
        if let Some(name) = excepted.first() {
            return Err(format!("{name} is excepted, and is no variant of the case's types"));
        }
        let mut names: Vec<&str> = found.iter().map(|kind| kind.name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("{} is named twice", pair[0])),
            None => Ok(found),
        }
    }

    /// The type of a name, from the file's document where it needs servers.
    fn find(name: &str, servers: &Value) -> Result<Kind, String> {
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

/// The variants that a case does not hold for; it has to say why.
fn exceptions(case: &Value) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    for (reason, variants) in case["except"].as_object().into_iter().flatten() {
        if reason.trim().is_empty() {
            return Err("an exception without a reason".to_owned());
        }
        names.extend(texts(variants)?);
    }
    Ok(names)
}

/// The types that say of themselves that they are variants of one.
fn variants<'a>(name: &str, servers: &'a Value) -> impl Iterator<Item = &'a str> {
    let entries = servers.as_object().into_iter().flatten();
    entries.filter(move |(_, entry)| entry["variant_of"] == name).map(|(variant, _)| variant.as_str())
}

fn texts(list: &Value) -> Result<Vec<&str>, String> {
    let list = list.as_array().ok_or_else(|| format!("{list} is no list"))?;
    list.iter().map(|item| item.as_str().ok_or_else(|| format!("{item} is no text"))).collect()
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
