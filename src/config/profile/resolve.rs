//! A service of oCIS or OpenCloud: from what was said of its settings to a store.
//!
//! The precedence is theirs: default, file, global variable, the service's own. Of the variables only the strongest
//! that is set is read, and one that is set to nothing is set. An empty text or list overrides with nothing; an empty
//! flag or duration changes nothing, and lets no weaker variable through. Other than theirs, a malformed value is an
//! error, and so is a type that would silently become `memory`.

use serde_json::{Map, Value};

use super::choice::{Choice, Kind, Source};
use super::environment::Environment;
use super::file::Section;
use super::ocis::DEFAULT_NODES;
use super::service::{Dialect, Reach, Service, Setting};
use crate::config::StoreConfig;
use crate::config::duration;
use crate::config::names::is_secret;
use crate::config::settings::{Settings, unknown};
use crate::error::{Error, Result};

/// The types that their variables can say.
pub const KINDS: [&str; 5] = ["memory", "noop", "nats-js-kv", "redis-sentinel", "redis"];

/// The types that were deprecated, and what to say instead.
const DEPRECATED: [(&str, &str); 3] = [
    ("nats-js", "it kept records in an object store; use \"nats-js-kv\""),
    ("etcd", "use \"nats-js-kv\""),
    ("ocmem", "use \"memory\", which max_entries bounds"),
];

/// A service with what was said of each of its settings.
#[derive(Clone)]
pub struct Resolved {
    /// The service.
    pub service: Service,
    /// Its settings, in the order of [`Setting::ALL`].
    pub choices: Vec<Choice>,
    /// What else the file says.
    pub extra: Vec<Choice>,
    dialect: Dialect,
    section: String,
}

impl Resolved {
    /// Asks all sources.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names a variable that is no text, or a secret that is given twice.
    pub fn new(
        profile: &str,
        dialect: &Dialect,
        service: &Service,
        environment: &Environment,
        mut file: Section,
    ) -> Result<Resolved> {
        let choices = Setting::ALL.iter().map(|setting| ask(dialect, service, *setting, environment, &mut file));
        let choices = choices.collect::<Result<Vec<Choice>>>()?;
        let extra = file.rest().into_iter().map(|(key, source, value)| {
            let kind = if is_secret(&key) { Kind::Secret } else { Kind::Text };
            let mut choice = Choice::new(key, kind);
            choice.say(source, value);
            choice
        });
        let section = format!("profiles.{profile}.{}", service.name);
        Ok(Resolved { service: *service, choices, extra: extra.collect(), dialect: *dialect, section })
    }

    /// What was said of a setting.
    pub fn choice(&self, setting: Setting) -> &Choice {
        // `new` asks for each of them, in this order.
        &self.choices[setting as usize]
    }

    /// The type, by the name that stores have.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the variable: no such type, or one that was deprecated.
    pub fn kind(&self) -> Result<String> {
        let choice = self.choice(Setting::Type);
        let text = choice.text()?;
        let source = choice.winner().map_or(&Source::Default, |said| &said.source);
        let name = || source.name().unwrap_or(&self.section).to_owned();
        if let Some((kind, advice)) = DEPRECATED.iter().find(|(kind, _)| *kind == text) {
            return Err(Error::config(
                name(),
                format!("the type \"{kind}\" is deprecated and not served here; {advice}"),
            ));
        }
        match text.as_str() {
            "" | "mem" => Ok("memory".to_owned()),
            kind if KINDS.contains(&kind) => Ok(text),
            // A file is Larder's own, and may name what only Larder has.
            _ if matches!(source, Source::File { .. }) => Ok(text),
            _ => Err(Error::config(name(), unknown(&text, KINDS, "store types"))),
        }
    }

    /// Whether a type connects to a server.
    pub fn is_remote(kind: &str) -> bool {
        matches!(kind, "nats-js-kv" | "redis-sentinel" | "redis")
    }

    /// Whether the lifespan that was said reaches the records of a store of `kind`. See [`Reach`].
    pub fn lifespan_reaches(&self, kind: &str) -> bool {
        let choice = self.choice(Setting::Lifespan);
        if kind == "noop" {
            return false;
        }
        if choice.winner().is_some_and(|said| matches!(said.source, Source::File { .. })) {
            return true;
        }
        match self.service.reach {
            Reach::Records => true,
            Reach::Bucket => kind == "nats-js-kv",
            Reach::BucketWhenAsked => kind == "nats-js-kv" && choice.is_chosen(),
        }
    }

    /// Whether the settings of TLS count: it is on, or a node's address or what the file says besides asks for it.
    ///
    /// # Errors
    ///
    /// `CONFIG` for malformed values.
    pub fn uses_tls(&self) -> Result<bool> {
        Ok(self.choice(Setting::Tls).flag()? || self.file_asks_for_tls() || self.nodes_ask_for_tls()?)
    }

    fn nodes_ask_for_tls(&self) -> Result<bool> {
        let schemes = ["tls://", "nats+tls://", "rediss", "wss://"];
        let nodes = self.choice(Setting::Nodes).list()?;
        Ok(nodes.iter().any(|node| schemes.iter().any(|scheme| node.starts_with(scheme))))
    }

    /// Whether the file has settings of TLS that no variable says, such as a certificate.
    fn file_asks_for_tls(&self) -> bool {
        self.extra.iter().any(|extra| extra.setting.starts_with("tls_"))
    }

    /// Checks each value that won.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the variable, what it holds and what is expected.
    pub fn check(&self) -> Result<()> {
        self.choices.iter().try_for_each(Choice::parse)?;
        let kind = self.kind()?;
        let nodes = self.choice(Setting::Nodes);
        let is_redis = matches!(kind.as_str(), "redis-sentinel" | "redis");
        if is_redis && !nodes.is_chosen() {
            let form = match kind.as_str() {
                "redis" => "<host>:<port>",
                _ => "<sentinel-host>:<sentinel-port>/<redis-master>",
            };
            let message = format!("it is not set, and the type is {kind}; expected {form} (the default is for NATS)");
            return Err(Error::config(self.name_of(Setting::Nodes), message));
        }
        Ok(())
    }

    /// What to call a setting in an error: the source that won, or the variable that would say it.
    pub fn name_of(&self, setting: Setting) -> String {
        let winner = self.choice(setting).winner().and_then(|said| said.source.name());
        match winner {
            Some(name) => name.to_owned(),
            None => self.own_variable(setting).unwrap_or_else(|| format!("{}.{}", self.section, setting.key())),
        }
    }

    /// What its variables are like.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The service's own variable of a setting.
    fn own_variable(&self, setting: Setting) -> Option<String> {
        // The last one is the service's own; the global one of a database is named where there is no other.
        self.service.variables(&self.dialect, setting).pop()
    }

    /// The store.
    ///
    /// # Errors
    ///
    /// As [`Resolved::check`].
    pub fn store(&self) -> Result<StoreConfig> {
        self.check()?;
        let kind = self.kind()?;
        let mut values = Map::new();
        values.insert("type".to_owned(), Value::from(kind.as_str()));
        for setting in [Setting::Database, Setting::Table] {
            values.insert(setting.key().to_owned(), Value::from(self.choice(setting).text()?));
        }
        let lifespan = self.choice(Setting::Lifespan).duration()?;
        if self.lifespan_reaches(&kind) && !lifespan.is_zero() {
            values.insert(Setting::Lifespan.key().to_owned(), Value::from(duration::format(lifespan)));
        }
        let mut secret = None;
        if Resolved::is_remote(&kind) {
            secret = self.connection(&mut values)?;
            values.insert("format".to_owned(), Value::from("go-micro"));
            if kind == "nats-js-kv" && self.choice(Setting::DisablePersistence).flag()? {
                values.insert(Setting::DisablePersistence.key().to_owned(), Value::from(true));
            }
        }
        let is_by_variable = self.choice(Setting::Type).winner().is_some_and(|said| said.source.is_variable());
        for extra in &self.extra {
            let value = extra.winner().map_or(Value::Null, |said| said.value.clone());
            values.insert(extra.setting.clone(), value);
        }
        let mut settings = Settings::new(self.section.clone(), values);
        for setting in Setting::ALL {
            settings.rename(setting.key(), self.name_of(setting));
        }
        if let Some((key, name)) = secret {
            settings.rename(key, name);
        }
        for extra in &self.extra {
            if let Some(name) = extra.winner().and_then(|said| said.source.name()) {
                settings.rename(&extra.setting, name);
            }
            if is_by_variable {
                settings.pass_over_unknown(&extra.setting);
            }
        }
        StoreConfig::from_settings(settings)
    }

    /// Adds what a connection needs; answers how the secret's setting is called.
    fn connection(&self, values: &mut Map<String, Value>) -> Result<Option<(&'static str, String)>> {
        let mut insert = |setting: Setting, value: Value| values.insert(setting.key().to_owned(), value);
        let nodes = self.choice(Setting::Nodes).list()?;
        if !nodes.is_empty() {
            insert(Setting::Nodes, Value::from(nodes));
        }
        let username = self.choice(Setting::Username).text()?;
        if !username.is_empty() {
            insert(Setting::Username, Value::from(username));
        }
        let tls = self.choice(Setting::Tls);
        // One who says no while the file has a certificate is told of it by the store, unless a node asks for it too.
        if tls.flag()? || (self.file_asks_for_tls() && !self.nodes_ask_for_tls()? && tls.is_chosen()) {
            insert(Setting::Tls, Value::from(tls.flag()?));
        }
        if self.uses_tls()? {
            let root_ca = self.choice(Setting::TlsRootCa).text()?;
            if !root_ca.is_empty() {
                // As in oCIS, who names an authority wants certificates to be checked.
                insert(Setting::TlsRootCa, Value::from(root_ca));
            } else if self.choice(Setting::TlsInsecure).flag()? {
                insert(Setting::TlsInsecure, Value::from(true));
            }
        }
        let password = self.choice(Setting::Password);
        let text = password.text()?;
        let Some(said) = password.winner().filter(|_| !text.is_empty()) else { return Ok(None) };
        let key = if is_file(&said.source) { "password_file" } else { "password" };
        values.insert(key.to_owned(), Value::from(text));
        Ok(Some((key, self.name_of(Setting::Password))))
    }
}

/// Whether the source holds the path of a secret's file, not the secret.
pub fn is_file(source: &Source) -> bool {
    match source {
        Source::FileVariable(_) => true,
        Source::File { setting, .. } => setting.ends_with("_file"),
        _ => false,
    }
}

fn ask(
    dialect: &Dialect,
    service: &Service,
    setting: Setting,
    environment: &Environment,
    file: &mut Section,
) -> Result<Choice> {
    let mut choice = Choice::new(setting.key(), setting.kind());
    if let Some(default) = service.default(setting) {
        choice.say(Source::Default, default);
    }
    if let Some((source, value)) = file.take(setting.key()) {
        choice.say(source, value);
    }
    let is_secret = setting == Setting::Password;
    if is_secret && let Some((source, value)) = file.take("password_file") {
        if let Some(said) = choice.said.last() {
            return Err(given_twice(&source, &said.source));
        }
        choice.say(source, value);
    }
    for variable in service.variables(dialect, setting) {
        let value = environment.get(&variable)?;
        let file_variable = format!("{variable}_FILE");
        // An empty path names no file, and so nothing.
        let path = if is_secret { environment.get(&file_variable)?.filter(|path| !path.is_empty()) } else { None };
        if let Some(value) = value {
            choice.say(Source::Variable(variable.clone()), value);
        }
        if let Some(path) = path {
            let source = Source::FileVariable(file_variable);
            if value.is_some_and(|value| !value.is_empty()) {
                return Err(given_twice(&source, &Source::Variable(variable)));
            }
            choice.say(source, path);
        }
    }
    Ok(choice)
}

fn given_twice(file: &Source, other: &Source) -> Error {
    let name = |source: &Source| source.name().unwrap_or_default().to_owned();
    Error::config(name(file), format!("both it and {} are given; leave one out", name(other)))
}

/// What is unexpected about a value, for explanations; `None` when nothing is.
pub fn note(resolved: &Resolved, setting: Setting, kind: &str) -> Option<String> {
    let choice = resolved.choice(setting);
    if let Some(last) = choice.said.last().filter(|said| choice.ignores(said)) {
        return Some(format!("{} is empty, which changes nothing", last.source));
    }
    let unused = || Some(format!("not used by type {kind}"));
    match setting {
        Setting::Lifespan if resolved.lifespan_reaches(kind) => None,
        Setting::Lifespan if resolved.service.lifespan.is_none() || kind == "noop" => unused(),
        Setting::Lifespan if kind == "nats-js-kv" => {
            Some("not applied unless it is set: its records must not be lost".into())
        }
        Setting::Lifespan => Some(format!("does not reach records of type {kind}, as in oCIS; it is for NATS")),
        Setting::DisablePersistence if kind != "nats-js-kv" => unused(),
        Setting::Type | Setting::Database | Setting::Table => None,
        _ if !Resolved::is_remote(kind) => unused(),
        Setting::TlsInsecure | Setting::TlsRootCa if !resolved.uses_tls().unwrap_or(true) => {
            Some("not used without TLS".to_owned())
        }
        Setting::TlsInsecure if resolved.choice(Setting::TlsRootCa).text().is_ok_and(|path| !path.is_empty()) => {
            Some("false: a root CA is given, so certificates are checked".to_owned())
        }
        Setting::Nodes if !choice.is_chosen() && resolved.service.nodes == DEFAULT_NODES && kind != "nats-js-kv" => {
            Some("it is for NATS".to_owned())
        }
        _ => None,
    }
}
