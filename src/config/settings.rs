//! Typed reading of one section: each setting is taken once, and what nobody took is an error with a suggestion.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use super::secret::Secret;
use super::{duration, flag, names, size};
use crate::error::{Error, Result};
use crate::log::{self, Level};

/// The settings of one section, such as `stores.sessions`.
#[derive(Clone, Debug)]
pub struct Settings {
    place: Place,
    values: Map<String, Value>,
    known: Vec<&'static str>,
    /// Settings that may have been meant for another type.
    passing: BTreeSet<String>,
    /// What errors call a setting that came from elsewhere, such as a variable.
    names: BTreeMap<String, String>,
}

/// Where the settings are written, which says what they are called.
#[derive(Clone, Debug)]
enum Place {
    /// In a section of a document: `stores.sessions.nodes`.
    Section(String),
    /// In variables that begin alike: `LARDER_SESSIONS_STORE_NODES`.
    Variables(String),
}

impl Settings {
    /// The settings of `section`.
    pub fn new(section: impl Into<String>, values: Map<String, Value>) -> Settings {
        let (known, passing, names) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        Settings { place: Place::Section(section.into()), values, known, passing, names }
    }

    /// The settings that variables say which begin with `prefix` and `_`.
    pub fn of_variables(prefix: impl Into<String>, values: Map<String, Value>) -> Settings {
        Settings { place: Place::Variables(prefix.into()), ..Settings::new("", values) }
    }

    /// The full name of a setting, as errors call it.
    pub fn name(&self, key: &str) -> String {
        if let Some(name) = self.names.get(key) {
            return name.clone();
        }
        let key = if key.is_empty() { "\"\"" } else { key };
        match &self.place {
            Place::Section(section) if section.is_empty() => key.to_owned(),
            Place::Section(section) => format!("{section}.{key}"),
            Place::Variables(prefix) => format!("{prefix}_{}", key.to_ascii_uppercase()),
        }
    }

    /// Calls a setting `name` in errors: that of the variable that said it.
    pub fn rename(&mut self, key: impl Into<String>, name: impl Into<String>) {
        self.names.insert(key.into(), name.into());
    }

    /// Has a setting passed over where the type does not know it, but another does: a weaker source said it than the one
    /// that chose the type.
    pub fn pass_over_unknown(&mut self, key: impl Into<String>) {
        self.passing.insert(key.into());
    }

    /// Replaces what a setting is, but not its name.
    pub fn replace(&mut self, key: &str, value: Value) {
        self.values.insert(key.to_owned(), value);
    }

    /// Whether there is a setting that says something.
    pub fn has(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| value.as_str() != Some(""))
    }

    /// Adds a setting that errors call `name`, unless it is there already; a secret also by its file.
    pub fn add_missing(&mut self, key: &str, value: Value, name: String) {
        let file_key = format!("{key}_file");
        if !self.values.contains_key(key) && !self.values.contains_key(&file_key) {
            self.values.insert(key.to_owned(), value);
            self.rename(key, name);
        }
    }

    /// The settings that nobody took yet, as they are written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Takes a setting as it is written.
    pub fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.values.shift_remove(key)
    }

    /// Takes a text.
    ///
    /// # Errors
    ///
    /// `CONFIG` when it is something else.
    pub fn text(&mut self, key: &'static str) -> Result<Option<String>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            // A secret is a text, so what stands in a text's place is not repeated.
            Some(other) => Err(Error::config(self.name(key), format!("it is {}; expected a text", kind_of(&other)))),
        }
    }

    /// Takes a duration: a text such as `5m`, or a whole number of milliseconds. Zero, for which a setting says
    /// what it means, is `Some(ZERO)`.
    ///
    /// # Errors
    ///
    /// `CONFIG` when it is something else.
    pub fn duration(&mut self, key: &'static str) -> Result<Option<Duration>> {
        const EXPECTED: &str = "a duration such as \"300ms\", \"1.5h\" or \"2h45m\"";
        self.parsed(key, EXPECTED, |value| match value {
            Value::String(text) => duration::parse(text),
            Value::Number(number) => number.as_u64().map(Duration::from_millis),
            _ => None,
        })
    }

    /// Takes a duration above zero, `default` where there is none.
    ///
    /// # Errors
    ///
    /// `CONFIG` when it is zero or something else.
    pub fn time(&mut self, key: &'static str, default: Duration) -> Result<Duration> {
        match self.duration(key)? {
            Some(Duration::ZERO) => {
                Err(Error::config(self.name(key), "it is 0; expected a duration above; leave it out for the default"))
            }
            other => Ok(other.unwrap_or(default)),
        }
    }

    /// Takes a size in bytes: a whole number, or a text such as `64MiB`.
    ///
    /// # Errors
    ///
    /// `CONFIG` when it is something else.
    pub fn size(&mut self, key: &'static str) -> Result<Option<u64>> {
        self.parsed(key, "a size such as 1048576, \"64MiB\" or \"64MB\"", |value| match value {
            Value::String(text) => size::parse(text),
            other => other.as_u64(),
        })
    }

    /// Takes a whole number that is not negative; a text that is one counts too, as URLs have no other.
    ///
    /// # Errors
    ///
    /// `CONFIG` when it is something else.
    pub fn count(&mut self, key: &'static str) -> Result<Option<u64>> {
        self.parsed(key, "a whole number, 0 or more", |value| match value {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        })
    }

    /// Takes yes or no: a boolean, or a text as Go's `strconv.ParseBool` reads it.
    ///
    /// # Errors
    ///
    /// `CONFIG` when it is something else.
    pub fn flag(&mut self, key: &'static str) -> Result<Option<bool>> {
        self.parsed(key, "true or false", |value| match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => flag::parse(text),
            _ => None,
        })
    }

    /// Takes a list of texts: an array, or one text with commas. Items are trimmed, empty ones left out.
    ///
    /// # Errors
    ///
    /// `CONFIG` when it is something else; its items are not repeated, they may hold a password.
    pub fn list(&mut self, key: &'static str) -> Result<Option<Vec<String>>> {
        let items: Vec<String> = match self.take(key) {
            None => return Ok(None),
            Some(Value::String(text)) => text.split(',').map(str::to_owned).collect(),
            Some(Value::Array(values)) => {
                let texts = values.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<_>>();
                texts.ok_or_else(|| Error::config(self.name(key), "not all its items are texts"))?
            }
            Some(other) => {
                let text = format!("it is {}; expected a list of texts", kind_of(&other));
                return Err(Error::config(self.name(key), text));
            }
        };
        let trimmed = items.iter().map(|item| item.trim().to_owned());
        Ok(Some(trimmed.filter(|item| !item.is_empty()).collect()))
    }

    /// Takes the path of a file; an empty one counts as none.
    ///
    /// # Errors
    ///
    /// `CONFIG` when it is something else. What the file should hold is a frequent mistake, so it is not repeated.
    pub fn path(&mut self, key: &'static str) -> Result<Option<PathBuf>> {
        let Some(text) = self.text(key)?.filter(|text| !text.is_empty()) else { return Ok(None) };
        if is_content(&text) {
            let message = "it is what a file holds, or no text of one line; expected the path of a file";
            return Err(Error::config(self.name(key), message));
        }
        Ok(Some(PathBuf::from(text)))
    }

    /// Takes a secret, given under `key` or as a file's path under `file_key`.
    ///
    /// # Errors
    ///
    /// `CONFIG` when both are given, or either is no text.
    pub fn secret(&mut self, key: &'static str, file_key: &'static str) -> Result<Option<Secret>> {
        let (text, file) = (self.text(key)?, self.path(file_key)?);
        match (text, file) {
            (Some(_), Some(_)) => {
                let text = format!("both it and {} are given; leave one out", self.name(key));
                Err(Error::config(self.name(file_key), text))
            }
            (None, Some(path)) => Ok(Some(Secret::File { path, setting: self.name(file_key) })),
            (text, None) => Ok(text.filter(|text| !text.is_empty()).map(Secret::Text)),
        }
    }

    /// Takes one of `choices`.
    ///
    /// # Errors
    ///
    /// `CONFIG` with a suggestion when it is none of them.
    pub fn choice(&mut self, key: &'static str, choices: &[&'static str]) -> Result<Option<&'static str>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        if let Some(choice) = choices.iter().find(|choice| **choice == text) {
            return Ok(Some(choice));
        }
        Err(Error::config(self.name(key), unknown(&text, choices.iter().copied(), "choices")))
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the first setting that nobody took, with a suggestion; not for what
    /// [`Settings::pass_over_unknown`] is about, of which the log tells.
    pub fn finish(self) -> Result<()> {
        let is_passed_over = |key: &&String| self.passing.contains(*key) && names::is_known(key);
        for key in self.values.keys().filter(is_passed_over) {
            log::write(Level::Info, "config", || {
                format!(
                    "{} is not used: the store's type, which a stronger source chose, does not have it",
                    self.name(key)
                )
            });
        }
        let Some(key) = self.values.keys().find(|key| !is_passed_over(key)) else { return Ok(()) };
        Err(Error::config(
            self.name(key),
            format!("there is no such setting; {}", suggest(key, self.known.iter().copied(), "settings here")),
        ))
    }

    /// The error of a setting that holds `value` where `expected` was.
    pub fn malformed(&self, key: &str, value: &Value, expected: &str) -> Error {
        Error::config(self.name(key), format!("it is {value}; expected {expected}"))
    }

    fn parsed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        match parse(&value) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(self.malformed(key, &value, expected)),
        }
    }
}

/// Whether a text that should be the path of a file is a key or certificate itself, or cannot be a path.
pub fn is_content(text: &str) -> bool {
    text.contains("-----BEGIN") || text.contains(char::is_control)
}

/// What a value is, for errors that must not repeat it.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a section",
    }
}

/// The text of an error about a word that is none of `choices`. It does not repeat what may be a URL with a password.
pub fn unknown<'a>(word: &str, choices: impl IntoIterator<Item = &'a str>, kind: &str) -> String {
    if word.contains([':', '/', '@']) {
        return format!("what it holds looks like an address, and is not repeated; {}", listed(choices, kind));
    }
    format!("\"{word}\" is not known; {}", suggest(word, choices, kind))
}

fn suggest<'a>(word: &str, choices: impl IntoIterator<Item = &'a str>, kind: &str) -> String {
    let choices: Vec<&str> = choices.into_iter().collect();
    let nearest = choices.iter().map(|choice| (strsim::damerau_levenshtein(word, choice), *choice)).min();
    match nearest {
        Some((distance, choice)) if distance <= 1 + word.chars().count() / 3 => format!("did you mean \"{choice}\"?"),
        _ => listed(choices, kind),
    }
}

fn listed<'a>(choices: impl IntoIterator<Item = &'a str>, kind: &str) -> String {
    let choices: BTreeSet<&str> = choices.into_iter().collect();
    format!("the {kind} are: {}", choices.into_iter().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        let Value::Object(values) = serde_json::from_str(text).expect("JSON") else { panic!("an object") };
        Settings::new("stores.a", values)
    }

    #[test]
    fn an_unknown_setting_is_named_with_a_suggestion() {
        let mut settings = settings(r#"{"max_entires": 5}"#);
        assert_eq!(settings.count("max_entries"), Ok(None));
        let error = settings.finish().expect_err("unknown");
        assert_eq!(error.to_string(), "stores.a.max_entires: there is no such setting; did you mean \"max_entries\"?");
    }

    #[test]
    fn a_malformed_setting_says_what_it_holds_and_what_is_expected() {
        let error = settings(r#"{"lifespan": "1d"}"#).duration("lifespan").expect_err("malformed");
        assert!(error.to_string().starts_with("stores.a.lifespan: it is \"1d\"; expected a duration"), "{error}");
        let error = settings(r#"{"max_entries": -1}"#).count("max_entries").expect_err("malformed");
        assert!(error.to_string().contains("it is -1"), "{error}");
    }

    #[test]
    fn what_stands_in_a_texts_place_is_not_repeated() {
        let error = settings(r#"{"password": 12345}"#).text("password").expect_err("malformed");
        assert_eq!(error.to_string(), "stores.a.password: it is a number; expected a text");
    }

    #[test]
    fn a_setting_of_another_type_is_passed_over_where_that_was_said_and_no_misspelt_one() {
        let mut own = settings(r#"{"max_entries": 5, "max_entires": 5}"#);
        assert_eq!(own.clone().finish().expect_err("unknown").origin(), "stores.a.max_entries");
        own.pass_over_unknown("max_entries");
        own.pass_over_unknown("max_entires");
        assert_eq!(own.finish().expect_err("misspelt").origin(), "stores.a.max_entires");
    }

    #[test]
    fn a_word_near_to_none_lists_them_all() {
        assert_eq!(
            unknown("zzzzzz", ["memory", "noop"], "types"),
            "\"zzzzzz\" is not known; the types are: memory, noop"
        );
    }

    #[test]
    fn what_may_be_a_url_with_a_password_is_not_repeated() {
        let text = unknown("redis://:hush@h", ["memory", "noop"], "types");
        assert_eq!(text, "what it holds looks like an address, and is not repeated; the types are: memory, noop");
    }

    #[test]
    fn a_flag_is_a_boolean_or_a_text_as_go_reads_it() {
        for (text, flag) in [("true", true), ("\"1\"", true), ("\"F\"", false), ("false", false)] {
            assert_eq!(settings(&format!(r#"{{"tls": {text}}}"#)).flag("tls"), Ok(Some(flag)), "{text}");
        }
        assert_eq!(settings("{}").flag("tls"), Ok(None));
        for text in ["\"yes\"", "1", "null", "[]"] {
            let error = settings(&format!(r#"{{"tls": {text}}}"#)).flag("tls").expect_err(text);
            assert_eq!(error.to_string(), format!("stores.a.tls: it is {text}; expected true or false"));
        }
    }

    #[test]
    fn a_list_is_an_array_or_a_text_with_commas_and_is_trimmed() {
        for text in [r#"["a:1", " b:2 ", ""]"#, r#"" a:1,b:2 , ,""#] {
            let nodes = settings(&format!(r#"{{"nodes": {text}}}"#)).list("nodes");
            assert_eq!(nodes, Ok(Some(vec!["a:1".to_owned(), "b:2".to_owned()])), "{text}");
        }
        assert_eq!(settings(r#"{"nodes": ""}"#).list("nodes"), Ok(Some(Vec::new())));
        assert_eq!(settings("{}").list("nodes"), Ok(None));
    }

    #[test]
    fn the_items_of_a_malformed_list_are_not_repeated() {
        for (text, expected) in [
            (r#"["nats://me:hunter2@a:1", 5]"#, "not all its items are texts"),
            (r#"{"url": "nats://me:hunter2@a:1"}"#, "it is a section; expected a list of texts"),
            ("7", "it is a number; expected a list of texts"),
        ] {
            let error = settings(&format!(r#"{{"nodes": {text}}}"#)).list("nodes").expect_err(text);
            assert_eq!(error.to_string(), format!("stores.a.nodes: {expected}"));
        }
    }

    #[test]
    fn a_secret_is_a_text_or_the_path_of_a_file() {
        let take = |text: &str| settings(text).secret("password", "password_file");
        assert_eq!(take(r#"{"password": "hunter2"}"#), Ok(Some(Secret::Text("hunter2".to_owned()))));
        let file = Secret::File { path: "/run/p".into(), setting: "stores.a.password_file".to_owned() };
        assert_eq!(take(r#"{"password_file": "/run/p"}"#), Ok(Some(file)));
        for text in ["{}", r#"{"password": ""}"#, r#"{"password": "", "password_file": ""}"#] {
            assert_eq!(take(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_a_file_holds_is_no_path_of_it_and_is_not_repeated() {
        let take = |text: &str| settings(text).path("tls_key");
        assert_eq!(take(r#"{"tls_key": "/run/key.pem"}"#), Ok(Some("/run/key.pem".into())));
        assert_eq!((take("{}"), take(r#"{"tls_key": ""}"#)), (Ok(None), Ok(None)));
        for text in ["-----BEGIN PRIVATE KEY-----hush", "hush\\nhush", "/hush\\u0000"] {
            let error = take(&format!(r#"{{"tls_key": "{text}"}}"#)).expect_err(text).to_string();
            assert!(error.starts_with("stores.a.tls_key: it is what a file holds"), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn settings_of_variables_are_called_as_variables() {
        let settings = Settings::of_variables("LARDER_A_STORE", Map::new());
        assert_eq!(settings.name("tls_key"), "LARDER_A_STORE_TLS_KEY");
    }

    #[test]
    fn a_malformed_secret_is_named_and_not_repeated() {
        let take = |text: &str| settings(text).secret("password", "password_file").expect_err("malformed").to_string();
        let both = take(r#"{"password": "hunter2", "password_file": "/run/p"}"#);
        assert_eq!(both, "stores.a.password_file: both it and stores.a.password are given; leave one out");
        let number = take(r#"{"password": 271828}"#);
        assert_eq!(number, "stores.a.password: it is a number; expected a text");
        let list = take(r#"{"password_file": ["hunter2"]}"#);
        assert_eq!(list, "stores.a.password_file: it is a list; expected a text");
    }
}
