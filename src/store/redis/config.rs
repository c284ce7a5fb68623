//! The settings of the types `redis` and `redis-sentinel`.

use std::time::Duration;

use crate::config::secret::Secret;
use crate::config::settings::Settings;
use crate::error::{Error, Result};
use crate::store::format::Format;
use crate::store::options::Durability;
use crate::store::redis::connection::handshake::Dial;
use crate::store::redis::connection::{Address, Tls};
use crate::store::redis::nodes::{self, Sentinels};
use crate::store::remote::tls::{TlsConfig, TlsNames};

/// The type with one server.
pub const SERVER: &str = "redis";
/// The type with sentinels.
pub const SENTINEL: &str = "redis-sentinel";

/// Where the master is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Here, always.
    Server(Address),
    /// Where the sentinels say.
    Sentinels(Sentinels),
}

/// How a backend is configured.
pub struct RedisConfig {
    /// Where the master is.
    pub place: Place,
    /// How its connections are made.
    pub server: Dial,
    /// How connections to sentinels are made.
    pub sentinel: Dial,
    /// The wire format.
    pub format: Format,
    /// How long a record lives that does not say so, in milliseconds; 0 for without end.
    pub lifespan_ms: u64,
    /// How many replicas must have a write that does not say so.
    pub durability: Durability,
    /// How many connections share the requests.
    pub connections: usize,
    /// How long a call may take that has no deadline of its own.
    pub timeout: Duration,
    /// The longest pause between two attempts to connect.
    pub max_reconnect_delay: Duration,
}

/// The most connections that make sense on one runtime.
const MAX_CONNECTIONS: u64 = 64;
/// The first pause between two attempts to connect.
pub const FIRST_RECONNECT_DELAY: Duration = Duration::from_millis(20);

impl RedisConfig {
    /// Takes the settings of a section of the type `kind`, [`SERVER`] or [`SENTINEL`].
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the setting at fault.
    pub fn take(settings: &mut Settings, kind: &str) -> Result<RedisConfig> {
        let has_sentinels = kind == SENTINEL;
        let place = place(settings, has_sentinels)?;
        let limit = settings.time("connect_timeout", Duration::from_secs(2))?;
        let server = server(settings, limit)?;
        let sentinel = if has_sentinels { sentinel(settings, limit)? } else { server.clone() };
        let names = Format::NAMES.to_vec();
        let format = settings.choice("format", &names)?.and_then(Format::parse).unwrap_or_default();
        let lifespan = settings.duration("lifespan")?.unwrap_or_default();
        let connections = settings.count("connections")?.unwrap_or(2);
        if connections == 0 || connections > MAX_CONNECTIONS {
            let text = format!("it is {connections}; expected 1 to {MAX_CONNECTIONS}");
            return Err(Error::config(settings.name("connections"), text));
        }
        Ok(RedisConfig {
            place,
            server,
            sentinel,
            format,
            lifespan_ms: u64::try_from(lifespan.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX),
            durability: durability(settings)?,
            connections: connections as usize,
            timeout: settings.time("timeout", Duration::from_secs(5))?,
            max_reconnect_delay: settings.time("max_reconnect_delay", Duration::from_secs(1))?,
        })
    }
}

fn place(settings: &mut Settings, has_sentinels: bool) -> Result<Place> {
    let nodes = settings.list("nodes")?;
    let name = settings.name("nodes");
    if !has_sentinels {
        let nodes = nodes.unwrap_or_else(|| vec!["127.0.0.1".to_owned()]);
        return Ok(Place::Server(nodes::server(&name, &nodes)?));
    }
    let master = settings.text("master")?;
    Ok(Place::Sentinels(nodes::sentinels(&name, &nodes.unwrap_or_default(), master)?))
}

fn server(settings: &mut Settings, limit: Duration) -> Result<Dial> {
    let tls = TlsConfig::take(settings, TlsNames::SERVER)?;
    let password = settings.secret("password", "password_file")?;
    let username = user(settings, "username", password.as_ref(), "password")?;
    let database = settings.count("db")?.unwrap_or(0);
    let Ok(database) = u32::try_from(database) else {
        return Err(Error::config(settings.name("db"), format!("it is {database}; expected the number of a database")));
    };
    let client_name = settings.text("client_name")?.filter(|name| !name.is_empty());
    let client_name = client_name.unwrap_or_else(|| "larder".to_owned());
    if client_name.contains(|c: char| !c.is_ascii_graphic()) {
        let name = client_name.escape_debug();
        let text = format!("\"{name}\" holds what Redis does not take in a name; expected letters, digits and signs");
        return Err(Error::config(settings.name("client_name"), text));
    }
    let tls = encryption(&tls, TlsNames::SERVER)?;
    Ok(Dial { role: "redis", tls, username, password, database, client_name, limit })
}

fn sentinel(settings: &mut Settings, limit: Duration) -> Result<Dial> {
    let tls = TlsConfig::take(settings, TlsNames::SENTINEL)?;
    let password = settings.secret("sentinel_password", "sentinel_password_file")?;
    let username = user(settings, "sentinel_username", password.as_ref(), "sentinel_password")?;
    let tls = encryption(&tls, TlsNames::SENTINEL)?;
    Ok(Dial { role: "sentinel", tls, username, password, database: 0, client_name: "larder".to_owned(), limit })
}

fn user(
    settings: &mut Settings,
    key: &'static str,
    password: Option<&Secret>,
    password_key: &str,
) -> Result<Option<String>> {
    let user = settings.text(key)?.filter(|user| !user.is_empty());
    if user.is_some() && password.is_none() {
        let text = format!("there is no {} for it", settings.name(password_key));
        return Err(Error::config(settings.name(key), text));
    }
    Ok(user)
}

fn encryption(tls: &TlsConfig, names: TlsNames) -> Result<Option<Tls>> {
    if !tls.enabled {
        return Ok(None);
    }
    Ok(Some(Tls { client: tls.client(names)?, server_name: tls.server_name.clone() }))
}

fn durability(settings: &mut Settings) -> Result<Durability> {
    const EXPECTED: &str = "\"none\", \"all\", or a number of replicas, 0 to 255";
    let Some(value) = settings.take("durability") else { return Ok(Durability::None) };
    let number = match &value {
        serde_json::Value::String(text) if text == "none" => return Ok(Durability::None),
        serde_json::Value::String(text) if text == "all" => return Ok(Durability::All),
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|number| u8::try_from(number).ok()),
    };
    match number {
        Some(0) => Ok(Durability::None),
        Some(number) => Ok(Durability::Replicas(number)),
        None => Err(settings.malformed("durability", &value, EXPECTED)),
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn take(kind: &str, text: &str) -> Result<RedisConfig> {
        let serde_json::Value::Object(values) = serde_json::from_str(text).expect("JSON") else { panic!("an object") };
        let mut settings = Settings::new("", values);
        let config = RedisConfig::take(&mut settings, kind)?;
        settings.finish()?;
        Ok(config)
    }

    #[test]
    fn a_section_without_settings_is_the_local_server() {
        let config = take(SERVER, "{}").expect("valid");
        assert_eq!(config.place, Place::Server(Address { host: "127.0.0.1".to_owned(), port: 6379 }));
        assert_eq!((config.connections, config.timeout), (2, Duration::from_secs(5)));
        assert_eq!((config.format, config.durability, config.lifespan_ms), (Format::Larder, Durability::None, 0));
    }

    #[test]
    fn a_malformed_setting_is_named() {
        for (kind, text, expected) in [
            (SENTINEL, "{}", "nodes: it names no sentinel"),
            (SERVER, r#"{"durability": "some"}"#, "durability: it is \"some\"; expected \"none\", \"all\""),
            (SERVER, r#"{"connections": 0}"#, "connections: it is 0"),
            (SERVER, r#"{"timeout": "0s"}"#, "timeout: it is 0"),
            (SERVER, r#"{"username": "u"}"#, "username: there is no password for it"),
            (SERVER, r#"{"master": "m"}"#, "master: there is no such setting"),
            (SERVER, r#"{"db": 99999999999}"#, "db: it is 99999999999"),
            (SERVER, r#"{"format": "gomicro"}"#, "format: \"gomicro\" is not known; did you mean \"go-micro\"?"),
        ] {
            let error = take(kind, text).err().expect(expected).to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn durability_is_a_word_or_a_number() {
        for (text, expected) in [
            (r#""none""#, Durability::None),
            ("0", Durability::None),
            (r#""all""#, Durability::All),
            ("2", Durability::Replicas(2)),
            (r#""3""#, Durability::Replicas(3)),
        ] {
            let config = take(SERVER, &format!("{{\"durability\": {text}}}")).expect("valid");
            assert_eq!(config.durability, expected, "{text}");
        }
    }
}
