//! The settings of a `nats-js-kv` store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::ClientConfig;
use url::Url;

use crate::config::secret::Secret;
use crate::config::settings::Settings;
use crate::error::{Error, Result};
use crate::store::format::Format;
use crate::store::remote::tls::{TlsConfig, TlsNames};

/// Where a server is expected when the settings name none.
const DEFAULT_NODE: &str = "127.0.0.1:4222";
const DEFAULT_PORT: u16 = 4222;

/// A server of the cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether its URL asks for TLS.
    pub tls: bool,
    /// User and password in its URL.
    pub login: Option<(String, Option<Secret>)>,
}

impl Node {
    /// The node in `host:port`, `nats://[user[:password]@]host[:port]` or `tls://…`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Node> {
        // A URL's parser would leave some of them out, and what is left could be another host.
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return None;
        }
        let whole = if text.contains("://") { text.to_owned() } else { format!("nats://{text}") };
        let url = Url::parse(&whole).ok()?;
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if !is_bare || !matches!(url.scheme(), "nats" | "tls") {
            return None;
        }
        let decode = |text: &str| percent_decode(text);
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => {
                let password =
                    password.map(decode).map_or(Some(None), |text| text.map(|text| Some(Secret::Text(text))))?;
                Some((decode(user)?, password))
            }
        };
        let host = url.host_str().filter(|host| !host.is_empty())?.to_owned();
        let port = Some(url.port().unwrap_or(DEFAULT_PORT)).filter(|port| *port != 0)?;
        Some(Node { host, port, tls: url.scheme() == "tls", login })
    }

    /// Its name and port, without its login.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.address())
    }
}

/// How Larder logs in.
#[derive(Clone, Debug, Default)]
pub enum Login {
    /// Not at all, or as the nodes' URLs say.
    #[default]
    None,
    /// By name and password.
    User(String, Option<Secret>),
    /// By a token.
    Token(Secret),
    /// By the seed of a key pair, which signs what the server sends.
    Nkey(Secret),
    /// By a file that holds a signed user and the seed of its key pair; read at each connect.
    Credentials(PathBuf),
}

/// The settings of a `nats-js-kv` store.
#[derive(Clone, Debug)]
pub struct NatsConfig {
    /// The servers.
    pub nodes: Vec<Node>,
    /// How to log in.
    pub login: Login,
    /// What TLS is made with, when a connection is encrypted.
    pub tls: Option<Arc<ClientConfig>>,
    /// Whether every connection is encrypted.
    pub tls_required: bool,
    /// What keys and values look like.
    pub format: Format,
    /// How long records live; the bucket's limit in the `go-micro` format, each record's in the others.
    pub lifespan: Option<Duration>,
    /// Whether a bucket that is created lies in the servers' memory; `None` when nothing was asked.
    pub disable_persistence: Option<bool>,
    /// How many servers hold a bucket that is created; `None` when nothing was asked.
    pub replicas: Option<u8>,
    /// How many values of a key a bucket that is created keeps; `None` when nothing was asked.
    pub history: Option<u8>,
    /// How many bytes a bucket that is created may hold; `None` when nothing was asked.
    pub max_bytes: Option<u64>,
    /// Whether reads ask the bucket's leader.
    pub read_your_writes: bool,
    /// How long a request may take when its caller says nothing.
    pub timeout: Duration,
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
    /// The longest pause between two attempts to connect.
    pub max_reconnect_delay: Duration,
    /// How long the mark of a removal stays in a bucket that Larder created.
    pub marker_age: Duration,
}

/// Takes the settings.
///
/// # Errors
///
/// `CONFIG` that names the setting: malformed, out of range, or in conflict with another one.
pub fn take(settings: &mut Settings) -> Result<NatsConfig> {
    let nodes = nodes(settings)?;
    let login = login(settings)?;
    let tls = TlsConfig::take(settings, TlsNames::SERVER)?;
    let needs_tls = tls.enabled || nodes.iter().any(|node| node.tls);
    let format = settings.choice("format", &Format::NAMES)?.and_then(Format::parse).unwrap_or_default();
    Ok(NatsConfig {
        nodes,
        login,
        tls: needs_tls.then(|| tls.client(TlsNames::SERVER)).transpose()?,
        tls_required: tls.enabled,
        format,
        lifespan: settings.duration("lifespan")?.filter(|lifespan| !lifespan.is_zero()),
        disable_persistence: settings.flag("disable_persistence")?,
        replicas: within(settings, "replicas", 5)?,
        history: within(settings, "history", 64)?,
        max_bytes: settings.size("max_bytes")?.filter(|bytes| *bytes != 0),
        read_your_writes: settings.flag("read_your_writes")?.unwrap_or(false),
        timeout: positive(settings, "timeout", Duration::from_secs(5))?,
        connect_timeout: positive(settings, "connect_timeout", Duration::from_secs(2))?,
        max_reconnect_delay: positive(settings, "max_reconnect_delay", Duration::from_secs(2))?,
        marker_age: Duration::from_secs(3600),
    })
}

fn nodes(settings: &mut Settings) -> Result<Vec<Node>> {
    let texts = settings.list("nodes")?.filter(|nodes| !nodes.is_empty());
    let texts = texts.unwrap_or_else(|| vec![DEFAULT_NODE.to_owned()]);
    let parse = |(place, text): (usize, &String)| {
        // The text itself is not repeated: it may hold a password.
        let message =
            format!("number {} is no server; expected host:port, nats://host:port or tls://host:port", place + 1);
        Node::parse(text).ok_or_else(|| Error::config(settings.name("nodes"), message))
    };
    texts.iter().enumerate().map(parse).collect()
}

fn login(settings: &mut Settings) -> Result<Login> {
    let user = settings.text("username")?.filter(|user| !user.is_empty());
    let password = settings.secret("password", "password_file")?;
    let token = settings.secret("token", "token_file")?;
    let nkey = settings.secret("nkey", "nkey_file")?;
    let credentials = settings.path("credentials")?;
    if user.is_none() && password.is_some() {
        return Err(Error::config(settings.name("username"), "it is missing, and a password is given"));
    }
    let mut given = Vec::new();
    given.extend(user.map(|user| ("username", Login::User(user, password))));
    given.extend(token.map(|token| ("token", Login::Token(token))));
    given.extend(nkey.map(|seed| ("nkey", Login::Nkey(seed))));
    given.extend(credentials.map(|path| ("credentials", Login::Credentials(path))));
    match given.as_slice() {
        [] => Ok(Login::None),
        [(_, login)] => Ok(login.clone()),
        [(first, _), (second, _), ..] => {
            let message = format!("{} is given too; a connection logs in in one way", settings.name(first));
            Err(Error::config(settings.name(second), message))
        }
    }
}

fn within(settings: &mut Settings, key: &'static str, most: u8) -> Result<Option<u8>> {
    let Some(count) = settings.count(key)? else { return Ok(None) };
    match u8::try_from(count) {
        Ok(count) if (1..=most).contains(&count) => Ok(Some(count)),
        _ => Err(Error::config(settings.name(key), format!("it is {count}; expected 1 to {most}"))),
    }
}

fn positive(settings: &mut Settings, key: &'static str, default: Duration) -> Result<Duration> {
    match settings.duration(key)? {
        Some(Duration::ZERO) => Err(Error::config(settings.name(key), "it is 0; leave it out for the default")),
        other => Ok(other.unwrap_or(default)),
    }
}

/// Text with `%xx` for any byte, as it stands in a URL; `None` when it is no UTF-8 then.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first != b'%' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2)?;
        bytes.extend(data_encoding::HEXLOWER_PERMISSIVE.decode(digits).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn settings(value: Value) -> Settings {
        let Value::Object(values) = value else { panic!("an object") };
        Settings::new("stores.a", values)
    }

    #[test]
    fn nodes_are_addresses_or_urls() {
        let expected = [
            ("h:1", "h:1", false, None),
            ("nats://h", "h:4222", false, None),
            ("tls://h:9/", "h:9", true, None),
            ("nats://u@h:1", "h:1", false, Some(("u", None))),
            ("nats://u%40x:p%3A@[::1]:7", "[::1]:7", false, Some(("u@x", Some("p:")))),
        ];
        for (text, address, tls, login) in expected {
            let node = Node::parse(text).expect(text);
            assert_eq!((node.address().as_str(), node.tls), (address, tls), "{text}");
            let login = login.map(|(user, password): (&str, Option<&str>)| {
                (user.to_owned(), password.map(|password| Secret::Text(password.to_owned())))
            });
            assert_eq!(node.login, login, "{text}");
        }
        for text in ["", "http://h:1", "h:99999", "h:1/path", "nats://", "a b:1", "nats://h?x=y", "nats://%ff@h"] {
            assert!(Node::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_node_that_cannot_be_used_is_not_repeated() {
        let error = take(&mut settings(json!({"nodes": ["h:1", "nats://u:secret@h:x"]}))).expect_err("malformed");
        assert_eq!(error.origin(), "stores.a.nodes");
        assert!(error.message().contains("number 2") && !error.message().contains("secret"), "{error}");
    }

    #[test]
    fn two_ways_to_log_in_are_refused_and_ranges_are_held() {
        let refused = [
            (json!({"token": "t", "nkey": "s"}), "stores.a.nkey"),
            (json!({"password": "p"}), "stores.a.username"),
            (json!({"replicas": 6}), "stores.a.replicas"),
            (json!({"history": 0}), "stores.a.history"),
            (json!({"timeout": "0"}), "stores.a.timeout"),
            (json!({"format": "rawr"}), "stores.a.format"),
        ];
        for (value, origin) in refused {
            assert_eq!(take(&mut settings(value)).expect_err(origin).origin(), origin);
        }
    }

    #[test]
    fn no_secret_is_in_the_debug_form() {
        let config = take(&mut settings(json!({"nodes": "nats://u:hush@h:1", "username": "me", "password": "hush"})));
        assert!(!format!("{:?}", config.expect("usable")).contains("hush"));
    }
}
