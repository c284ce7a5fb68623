//! The plain profile: any setting of any store type by a variable of its own.
//!
//! | variable | says |
//! | --- | --- |
//! | `LARDER_STORE` | the type of each store that says none itself |
//! | `LARDER_STORE_<SETTING>` | a setting of each store, such as `LARDER_STORE_NODES` |
//! | `LARDER_<NAME>_STORE` | the type of the store `<NAME>` |
//! | `LARDER_<NAME>_STORE_<SETTING>` | a setting of that store, stronger than the others |
//!
//! A setting is called as in a document, in capitals; a secret also by `_FILE`. A name is written in capitals, and what
//! is neither a letter nor a digit is `_`: the store `file-metadata` is `LARDER_FILE_METADATA_STORE`. No part of it is
//! `STORE`. A variable that is set to nothing overrides: the setting is then left to the type's default.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Sources;
use super::choice::{Choice, Kind, Source};
use super::resolve::is_file;
use crate::config::document::{DEFAULT_STORE, StoreConfig};
use crate::config::names::is_secret;
use crate::config::settings::Settings;
use crate::error::{Error, Result};

const BEGIN: &str = "LARDER_";
const WORD: &str = "STORE";
const GLOBAL: &str = "LARDER_STORE";

/// The names of the stores that variables or the file speak of, sorted.
pub fn names(sources: &Sources) -> Vec<String> {
    let by_variable = sources.environment.names().filter_map(|variable| {
        let rest = variable.strip_prefix(BEGIN)?;
        let name: Vec<&str> = rest.split('_').take_while(|part| *part != WORD).collect();
        let name = name.join("_");
        (!name.is_empty() && name.len() < rest.len()).then_some(name)
    });
    let by_file = sources.file.names().filter_map(|name| normal(name).ok());
    by_variable.chain(by_file).collect::<BTreeSet<String>>().into_iter().collect()
}

/// What was said of the settings of a store, its type first; of what concerns all of them where there is no name.
///
/// # Errors
///
/// `CONFIG` for a name that no variable can hold, a variable that is no text, a secret that is given twice.
pub fn choices(sources: &Sources, name: Option<&str>) -> Result<Vec<Choice>> {
    let name = name.map(normal).transpose()?;
    let mut choices = BTreeMap::new();
    let mut section = match &name {
        Some(name) => {
            let sections = sources.file.names().filter(|section| normal(section).as_ref() == Ok(name));
            sources.file.section(&one_of(sources, sections.collect())?)
        }
        None => Default::default(),
    };
    let mut layers = vec![section.rest()];
    layers.push(variables(sources, GLOBAL)?);
    if name.is_some() {
        layers.push(variables(sources, &prefix(name.as_deref())?)?);
    }
    for layer in layers {
        add(&mut choices, layer)?;
    }
    let mut choices: Vec<Choice> = choices.into_values().collect();
    let rank = |key: &str| ["type", "nodes", "database", "table"].iter().position(|first| *first == key).unwrap_or(9);
    choices.sort_by_key(|choice| rank(&choice.setting));
    Ok(choices)
}

/// These sections, unless they are several, of which only one would count.
fn one_of<'a>(sources: &Sources, sections: Vec<&'a str>) -> Result<Vec<&'a str>> {
    match sections.as_slice() {
        [first, second, ..] => Err(super::same_service(&sources.file, first, second)),
        _ => Ok(sections),
    }
}

/// The store of a name.
///
/// # Errors
///
/// As [`choices`], and when nothing says its type.
pub fn store(sources: &Sources, name: &str) -> Result<StoreConfig> {
    store_of(sources, Some(name))
}

/// The stores of all names, each with what is wrong with it as [`store`] says it; one called `default` when only the
/// variables of all stores are set.
pub fn each(sources: &Sources) -> Vec<(String, Result<StoreConfig>)> {
    let names = names(sources);
    if names.is_empty() {
        return vec![(DEFAULT_STORE.to_owned(), store_of(sources, None))];
    }
    names.into_iter().map(|name| (name.clone(), store(sources, &name))).collect()
}

fn store_of(sources: &Sources, name: Option<&str>) -> Result<StoreConfig> {
    let choices = choices(sources, name)?;
    let mut settings = Map::new();
    let mut called = Vec::new();
    let of_type = choices.iter().find(|choice| choice.setting == "type").and_then(Choice::winner);
    let type_rank = of_type.map_or(0, |said| rank(&said.source));
    let mut passing = Vec::new();
    for choice in &choices {
        let Some(said) = choice.winner().filter(|said| said.value.as_str() != Some("")) else { continue };
        let key = if is_file(&said.source) && choice.kind == Kind::Secret {
            format!("{}_file", choice.setting)
        } else {
            choice.setting.clone()
        };
        if rank(&said.source) < type_rank {
            passing.push(key.clone());
        }
        called.push((key.clone(), said.source.name().unwrap_or_default().to_owned()));
        settings.insert(key, said.value.clone());
    }
    if !settings.contains_key("type") {
        return Err(no_type(sources, name));
    }
    if settings["type"] == "mem" {
        settings.insert("type".to_owned(), Value::from("memory"));
    }
    // A setting that nobody said is called as the variable that would say it.
    let mut settings = Settings::of_variables(prefix(name)?, settings);
    for (key, name) in called {
        settings.rename(key, name);
    }
    for key in passing {
        settings.pass_over_unknown(key);
    }
    super::store_of(settings)
}

/// How strong a source is: a file, the variables of all stores, those of the store itself.
fn rank(source: &Source) -> u8 {
    match source.name() {
        Some(name) if source.is_variable() => {
            let of_all = name.strip_prefix(GLOBAL).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
            if of_all { 1 } else { 2 }
        }
        _ => 0,
    }
}

/// What the variables of a store begin with, or those of all stores where there is no name.
fn prefix(name: Option<&str>) -> Result<String> {
    Ok(match name {
        Some(name) => format!("{BEGIN}{}_{WORD}", normal(name)?),
        None => GLOBAL.to_owned(),
    })
}

fn no_type(sources: &Sources, name: Option<&str>) -> Error {
    let Some(name) = name.and_then(|name| normal(name).ok()) else {
        return Error::config(GLOBAL, "it is not set; expected a store type, such as \"memory\"");
    };
    let own = format!("{BEGIN}{name}_{WORD}");
    if sources.environment.get(&own).is_ok_and(|value| value == Some("")) {
        let text = format!("it is empty; expected a store type, such as \"memory\"; leave it out for that of {GLOBAL}");
        return Error::config(own, text);
    }
    let others = names(sources).into_iter().filter(|other| *other != name).collect::<Vec<_>>();
    let others = if others.is_empty() { String::new() } else { format!("; variables name: {}", others.join(", ")) };
    Error::config(own, format!("neither it nor {GLOBAL} is set; expected a store type, such as \"memory\"{others}"))
}

/// What the variables that begin with `begin` say: the type by itself, settings behind it.
fn variables(sources: &Sources, begin: &str) -> Result<Vec<(String, Source, Value)>> {
    let mut said = Vec::new();
    for variable in sources.environment.names().filter(|variable| variable.starts_with(begin)) {
        let key = match variable[begin.len()..].strip_prefix('_') {
            None if variable.len() == begin.len() => "type".to_owned(),
            Some(setting) if !setting.is_empty() => setting.to_ascii_lowercase(),
            _ => continue,
        };
        let Some(value) = sources.environment.get(variable)? else { continue };
        said.push((key, Source::Variable(variable.to_owned()), Value::from(value)));
    }
    Ok(said)
}

/// Adds what one layer says. A secret and the file of a secret are one setting.
fn add(choices: &mut BTreeMap<String, Choice>, layer: Vec<(String, Source, Value)>) -> Result<()> {
    let mut secrets: BTreeMap<String, String> = BTreeMap::new();
    for (key, source, value) in layer {
        let stem = key.strip_suffix("_file").filter(|stem| is_secret(stem));
        let setting = stem.unwrap_or(&key).to_owned();
        let kind = if is_secret(&setting) { Kind::Secret } else { Kind::Text };
        let is_empty = value.as_str() == Some("");
        // An empty path names no file, and so nothing.
        if stem.is_some() && is_empty {
            continue;
        }
        if kind == Kind::Secret && !is_empty {
            let name = source.name().unwrap_or_default().to_owned();
            if let Some(other) = secrets.insert(setting.clone(), name.clone()) {
                return Err(Error::config(name, format!("both it and {other} are given; leave one out")));
            }
        }
        let source = match source {
            Source::Variable(name) if stem.is_some() => Source::FileVariable(name),
            other => other,
        };
        choices.entry(setting.clone()).or_insert_with(|| Choice::new(setting, kind)).say(source, value);
    }
    Ok(())
}

fn normal(name: &str) -> Result<String> {
    let capital = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let normal: String = name.chars().map(capital).collect();
    if normal.trim_matches('_').is_empty() || normal.split('_').any(|part| part == WORD) {
        let message =
            format!("\"{name}\" cannot be the name of a store here; expected letters and digits, no word STORE");
        return Err(Error::config("service", message));
    }
    Ok(normal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::profile::Profile;
    use crate::config::profile::environment::Environment;

    fn sources(variables: &[(&str, &str)]) -> Sources {
        let environment = variables.iter().copied().collect::<Environment>();
        Sources::new(Profile::Larder, environment, None).expect("no file")
    }

    #[test]
    fn a_stores_own_variable_is_stronger_than_that_of_all() {
        let sources = sources(&[
            ("LARDER_STORE", "memory"),
            ("LARDER_STORE_MAX_ENTRIES", "10"),
            ("LARDER_STORE_LIFESPAN", "5m"),
            ("LARDER_FILE_METADATA_STORE_MAX_ENTRIES", "20"),
            ("LARDER_FILE_METADATA_STORE_LIFESPAN", ""),
            ("LARDER_FILE_METADATA_STORE_TABLE", "t"),
        ]);
        assert_eq!(names(&sources), ["FILE_METADATA"]);
        let mut store = store(&sources, "file-metadata").expect("valid");
        assert_eq!((store.kind.as_str(), store.table.as_str()), ("memory", "t"));
        assert_eq!(store.settings.count("max_entries"), Ok(Some(20)));
        assert_eq!(store.settings.duration("lifespan"), Ok(None));
        assert_eq!(store.settings.name("max_entries"), "LARDER_FILE_METADATA_STORE_MAX_ENTRIES");
    }

    #[test]
    fn a_secret_of_a_store_replaces_the_secrets_file_of_all() {
        let both = [("LARDER_STORE", "redis"), ("LARDER_STORE_PASSWORD_FILE", "/a"), ("LARDER_A_STORE_PASSWORD", "b")];
        let mut own = store(&sources(&both), "a").expect("valid");
        assert_eq!(own.settings.text("password"), Ok(Some("b".to_owned())));
        assert_eq!(own.settings.text("password_file"), Ok(None));
        let mut all = store(&sources(&both), "b").expect("valid");
        assert_eq!(all.settings.name("password_file"), "LARDER_STORE_PASSWORD_FILE");
        assert_eq!(all.settings.text("password_file"), Ok(Some("/a".to_owned())));
        let twice =
            [("LARDER_STORE", "redis"), ("LARDER_STORE_PASSWORD_FILE", "/a"), ("LARDER_STORE_PASSWORD", "geheim")];
        let error = store(&sources(&twice), "a").expect_err("twice").to_string();
        assert!(error.contains("LARDER_STORE_PASSWORD_FILE: both it and LARDER_STORE_PASSWORD are given"), "{error}");
        assert!(!error.contains("geheim"), "{error}");
    }

    #[test]
    fn without_a_type_the_error_says_which_variable_to_set() {
        let error = store(&sources(&[("LARDER_A_STORE", "memory")]), "b").expect_err("no type").to_string();
        assert!(error.starts_with("LARDER_B_STORE: neither it nor LARDER_STORE is set"), "{error}");
        let error = sources(&[]).all().expect_err("no type").to_string();
        assert!(error.starts_with("LARDER_STORE: it is not set"), "{error}");
        let error = store(&sources(&[("LARDER_STORE", "memory"), ("LARDER_A_STORE", "")]), "a").expect_err("empty");
        assert!(error.to_string().starts_with("LARDER_A_STORE: it is empty"), "{error}");
        for name in ["", "_", "store", "my-store-a"] {
            assert_eq!(store(&sources(&[]), name).expect_err(name).origin(), "service");
        }
    }

    #[test]
    fn what_is_said_of_all_stores_does_not_keep_one_from_another_type() {
        let open = |variables: &[(&str, &str)]| {
            let store = store(&sources(variables), "a").expect("valid");
            crate::store::open::open(store).map(drop).map_err(|error| error.to_string())
        };
        let of_all = [("LARDER_STORE", "nats-js-kv"), ("LARDER_STORE_NODES", "h:1"), ("LARDER_A_STORE", "memory")];
        assert_eq!(open(&of_all), Ok(()));
        let own = [("LARDER_STORE", "nats-js-kv"), ("LARDER_A_STORE_NODES", "h:1"), ("LARDER_A_STORE", "memory")];
        let error = open(&own).expect_err("its own");
        assert!(error.starts_with("LARDER_A_STORE_NODES: there is no such setting"), "{error}");
        let misspelt = [("LARDER_STORE_NODSE", "h:1"), ("LARDER_A_STORE", "memory")];
        let error = open(&misspelt).expect_err("misspelt");
        assert!(error.starts_with("LARDER_STORE_NODSE: there is no such setting"), "{error}");
    }

    #[test]
    fn one_store_is_called_default_and_several_by_their_names() {
        let config = sources(&[("LARDER_STORE", "mem")]).all().expect("valid");
        assert_eq!(config.stores.keys().collect::<Vec<_>>(), ["default"]);
        let config = sources(&[("LARDER_A_STORE", "noop"), ("LARDER_B_STORE_TYPE", "noop")]).all().expect("valid");
        assert_eq!(config.stores.keys().collect::<Vec<_>>(), ["A", "B"]);
    }
}
