//! The configuration document: TOML or JSON text, a URL, or the address of a file that holds one of these.
//!
//! ```toml
//! [stores.sessions]
//! type = "memory"
//! database = "app"          # optional, as is table
//! max_entries = 10_000      # what else there is depends on the type
//! ```
//!
//! A document without `stores` that has a `type` describes one store called `default`; so does a URL:
//! `memory://database/table?max_entries=10000`. A file is named by `file:///etc/larder.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};
use url::Url;

use super::address;
use super::percent;
use super::settings::{Settings, kind_of};
use crate::error::{Error, Result, Status};

/// The name of the store that a URL, or a document without `stores`, describes.
pub const DEFAULT_STORE: &str = "default";

/// The largest document, in bytes.
pub const MAX_LENGTH: usize = 16 << 20;

/// A configuration: what stores there are.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The stores by name.
    pub stores: BTreeMap<String, StoreConfig>,
}

/// One store's section.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The type's name, not checked yet.
    pub kind: String,
    /// The database that a handle is on when it names none.
    pub database: String,
    /// The table that a handle is on when it names none.
    pub table: String,
    /// The settings that depend on the type.
    pub settings: Settings,
}

impl Config {
    /// Reads a configuration; `text` is TOML, JSON, a URL of a store type, a `file:` URL, or the address of a profile
    /// of environment variables such as `env://ocis/GRAPH_CACHE` (see [`profile`](super::profile)).
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the setting and what is wrong with it; `IO` for a file that cannot be read.
    pub fn parse(text: &str) -> Result<Config> {
        if text.len() > MAX_LENGTH {
            let message = format!("it is {} bytes long; the limit is {MAX_LENGTH}", text.len());
            return Err(Error::new(Status::TOO_LARGE, "config", message));
        }
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            let message = "it is empty; expected TOML, JSON or a URL such as memory://?max_entries=10000";
            return Err(Error::config("config", message));
        }
        if text.starts_with('{') {
            return Config::from_json(text);
        }
        match scheme(text) {
            Some("file") => Config::from_file(text),
            Some("env") => Config::from_profile_address(text),
            Some(scheme) => match address::settings(scheme, text) {
                Some(settings) => Config::from_value(Value::Object(settings?)),
                None => Config::from_url(text),
            },
            None => Config::from_toml(text),
        }
    }

    /// Reads a configuration from a file of TOML or JSON, by its content.
    ///
    /// # Errors
    ///
    /// As [`Config::parse`], with the file's path in the message.
    pub fn from_path(path: &Path) -> Result<Config> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::new(Status::IO, "config", format!("{} cannot be read: {error}", path.display())))?;
        if scheme(text.trim()) == Some("file") {
            let message = format!("{} names another file; only one step is followed", path.display());
            return Err(Error::config("config", message));
        }
        Config::parse(&text).map_err(|error| {
            Error::new(
                error.status(),
                error.origin().to_owned(),
                format!("{} (in {})", error.message(), path.display()),
            )
        })
    }

    fn from_file(text: &str) -> Result<Config> {
        let url = parse_url(text)?;
        let path = url.to_file_path().map_err(|()| {
            Error::config("config", "a file is named by an absolute path, such as file:///etc/larder.toml")
        })?;
        Config::from_path(&path)
    }

    fn from_json(text: &str) -> Result<Config> {
        Config::from_value(json_value(text)?)
    }

    fn from_toml(text: &str) -> Result<Config> {
        Config::from_value(toml_value(text)?)
    }

    fn from_url(text: &str) -> Result<Config> {
        let url = parse_url(text)?;
        if url.port().is_some() || !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            // The URL itself may hold a password and is not repeated.
            let text = format!(
                "a URL of the form {0}://database/table names no server, port or login; write {0}://database?nodes=host:port, \
                 or the server's own URL, such as nats://user:password@host:4222/bucket or redis://host:6379/0",
                url.scheme()
            );
            return Err(Error::config("config", text));
        }
        let mut settings = Map::new();
        for (key, value) in url.query_pairs() {
            if key.is_empty() {
                return Err(Error::config("config", "a setting in the URL has no name"));
            }
            if settings.insert(key.to_string(), Value::String(value.to_string())).is_some() {
                return Err(Error::config(key.to_string(), "it stands in the URL twice"));
            }
        }
        let mut path = url.path().trim_start_matches('/').splitn(2, '/').map(percent_decode);
        let database = url.host_str().map(percent_decode).transpose()?;
        let (database, table) = match database {
            Some(database) => (Some(database), path.next().transpose()?),
            None => (path.next().transpose()?, path.next().transpose()?),
        };
        let mut take = |key: &str, value: Option<String>| {
            let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(()) };
            if settings.insert(key.to_owned(), Value::String(value)).is_some() {
                return Err(Error::config(key.to_owned(), "it stands in the URL's path and in its query"));
            }
            Ok(())
        };
        take("database", database)?;
        take("table", table)?;
        take("type", Some(url.scheme().to_owned()))?;
        Config::from_value(Value::Object(settings))
    }

    fn from_value(value: Value) -> Result<Config> {
        let Value::Object(mut root) = value else {
            return Err(Error::config("config", "it is not an object of settings"));
        };
        if root.contains_key("type") {
            let store = StoreConfig::new("", root)?;
            return Ok(Config { stores: BTreeMap::from([(DEFAULT_STORE.to_owned(), store)]) });
        }
        let stores = match root.shift_remove("stores") {
            Some(Value::Object(stores)) => stores,
            Some(other) => {
                return Err(Error::config(
                    "stores",
                    format!("it is {}; expected sections [stores.<name>]", kind_of(&other)),
                ));
            }
            None => Map::new(),
        };
        let mut rest = Settings::new("", root);
        rest.take("stores");
        rest.take("type");
        // What a profile reads of the same file; see `profile::file`.
        rest.take("profiles");
        rest.finish()?;
        let mut config = Config::default();
        for (name, section) in stores {
            let Value::Object(section) = section else {
                let message = format!("it is {}; expected a section [stores.{name}] with a type", kind_of(&section));
                return Err(Error::config(format!("stores.{name}"), message));
            };
            let store = StoreConfig::new(&format!("stores.{name}"), section)?;
            config.stores.insert(name, store);
        }
        if config.stores.is_empty() {
            return Err(Error::config("stores", "there is none; add a section [stores.<name>] with a type"));
        }
        Ok(config)
    }
}

impl StoreConfig {
    fn new(section: &str, values: Map<String, Value>) -> Result<StoreConfig> {
        StoreConfig::from_settings(Settings::new(section, values))
    }

    /// The store of a section's settings.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the setting: no type, or a text that is none.
    pub fn from_settings(mut settings: Settings) -> Result<StoreConfig> {
        let Some(kind) = settings.text("type")? else {
            return Err(Error::config(
                settings.name("type"),
                "it is missing; a store is of a type, such as \"memory\"",
            ));
        };
        let database = settings.text("database")?.unwrap_or_default();
        let table = settings.text("table")?.unwrap_or_default();
        address::expand_node(&kind, &mut settings)?;
        Ok(StoreConfig { kind, database, table, settings })
    }
}

/// The settings in a file of TOML or JSON.
pub(super) fn value_from_path(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::new(Status::IO, "config", format!("{} cannot be read: {error}", path.display())))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    let value = if text.starts_with('{') { json_value(text) } else { toml_value(text) };
    value.map_err(|error| Error::config("config", format!("{} (in {})", error.message(), path.display())))
}

fn json_value(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| Error::config("config", format!("the JSON cannot be read: {error}")))
}

fn toml_value(text: &str) -> Result<Value> {
    // The parser's own message quotes the line, which may hold a secret, so only its summary is passed on.
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        let summary = format!("the TOML cannot be read: line {line}: {}", error.message());
        Error::config("config", summary)
    })?;
    serde_json::to_value(table).map_err(|error| Error::config("config", format!("the TOML cannot be read: {error}")))
}

fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.lines().next()?.split_once("://")?;
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '+' || c == '.';
    (!scheme.is_empty() && scheme.chars().all(valid)).then_some(scheme)
}

pub(super) fn parse_url(text: &str) -> Result<Url> {
    if text.contains('\n') {
        return Err(Error::config("config", "a URL is one line"));
    }
    // The URL itself may hold a password and is not repeated.
    Url::parse(text).map_err(|error| Error::config("config", format!("the URL cannot be read: {error}")))
}

/// A database's or table's name, or a service's, as a URL's path has it.
pub(super) fn percent_decode(text: &str) -> Result<String> {
    percent::decode(text).map_err(|malformed| Error::config("config", format!("the URL's path {malformed}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_store_reads_the_same_from_toml_json_and_url() {
        let texts = [
            "type = \"memory\"\ndatabase = \"d\"\ntable = \"t\"\nmax_entries = 5",
            r#"{"type": "memory", "database": "d", "table": "t", "max_entries": 5}"#,
            "memory://d/t?max_entries=5",
            "memory:///d/t?max_entries=5",
            "[stores.default]\ntype = \"memory\"\ndatabase = \"d\"\ntable = \"t\"\nmax_entries = 5",
        ];
        for text in texts {
            let mut config = Config::parse(text).expect(text);
            let store = config.stores.get_mut(DEFAULT_STORE).expect(text);
            assert_eq!(
                (store.kind.as_str(), store.database.as_str(), store.table.as_str()),
                ("memory", "d", "t"),
                "{text}"
            );
            assert_eq!(store.settings.count("max_entries"), Ok(Some(5)), "{text}");
        }
    }

    #[test]
    fn bad_documents_name_what_is_wrong() {
        let cases = [
            ("", "config: it is empty"),
            ("[stores]", "stores: there is none"),
            ("[store.a]\ntype = \"memory\"", "store: there is no such setting; did you mean \"stores\"?"),
            ("[stores.a]\nmax_entries = 1", "stores.a.type: it is missing"),
            ("stores = 5", "stores: it is a number"),
            ("stores.a = \"redis://:secret@host\"", "stores.a: it is a text; expected a section"),
            ("{", "config: the JSON cannot be read"),
            ("a = \nb", "config: the TOML cannot be read: line "),
            ("memory://?a=1&a=2", "a: it stands in the URL twice"),
            ("memory://d?database=e", "database: it stands in the URL's path and in its query"),
            (
                "nats-js-kv://nats.internal:4222/bucket",
                "config: a URL of the form nats-js-kv://database/table names no server",
            ),
            ("memory://user@d", "config: a URL of the form memory://database/table names no server, port or login"),
            ("memory://:secret@d", "config: a URL of the form memory://database/table names no server, port or login"),
            ("memory://d/a%2", "config: the URL's path has a % that is followed by no two hexadecimal digits"),
            ("memory://d#t", "config: a URL of the form memory://database/table names no server, port or login"),
            ("file://relative", "config: "),
            ("file:///no/such/file.toml", "config: /no/such/file.toml cannot be read"),
        ];
        for (text, expected) in cases {
            let error = Config::parse(text).expect_err(text);
            assert!(error.to_string().starts_with(expected), "{text}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn names_in_a_url_are_percent_decoded() {
        let config = Config::parse("memory:///a%2Fb/c%20d").expect("valid");
        let store = &config.stores[DEFAULT_STORE];
        assert_eq!((store.database.as_str(), store.table.as_str()), ("a/b", "c d"));
    }
}
