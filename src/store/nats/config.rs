//! The settings of a `nats-js-kv` store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::ClientConfig;
use url::Url;

use crate::config::percent;
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
    /// The login in its URL; [`Login::None`] where it has none.
    pub login: Login,
}

impl Node {
    /// The node in `host:port`, `nats://[user:password@]host[:port]`, `nats://token@host[:port]` or `tls://…`; `None` for
    /// anything else.
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
        let login = login_of(&whole)?;
        let host = url.host_str().filter(|host| !host.is_empty())?.to_owned();
        let port = Some(url.port().unwrap_or(DEFAULT_PORT)).filter(|port| *port != 0)?;
        Some(Node { host, port, tls: url.scheme() == "tls", login })
    }

    /// Its name and port, without its login.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// The login before the `@` of a URL. As the clients of NATS have it, what stands alone there is a token.
fn login_of(url: &str) -> Option<Login> {
    let (_, rest) = url.split_once("://")?;
    let Some((login, _)) = rest.rsplit_once('@').filter(|(login, _)| !login.is_empty()) else {
        return Some(Login::None);
    };
    let decode = |text: &str| percent::decode(text).ok();
    Some(match login.split_once(':') {
        None => Login::Token(Secret::Text(decode(login)?)),
        Some((user, password)) => {
            let password = Some(decode(password)?).filter(|password| !password.is_empty());
            Login::User(decode(user)?, password.map(Secret::Text))
        }
    })
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.address())
    }
}

/// How Larder logs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// How to log in, where [`NatsConfig::login_at`] says nothing else.
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

impl NatsConfig {
    /// How to log in to `node`. As nats.go has it, a user, password or token in its URL is stronger than the settings'; a key
    /// or credentials are not given up for one.
    pub fn login_at<'a>(&'a self, node: &'a Node) -> &'a Login {
        match (&self.login, &node.login) {
            (login @ (Login::Nkey(_) | Login::Credentials(_)), _) | (login, Login::None) => login,
            (_, of_url) => of_url,
        }
    }
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
        timeout: settings.time("timeout", Duration::from_secs(5))?,
        connect_timeout: settings.time("connect_timeout", Duration::from_secs(2))?,
        max_reconnect_delay: settings.time("max_reconnect_delay", Duration::from_secs(2))?,
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
        let user = |user: &str, password: &str| Login::User(user.to_owned(), Some(Secret::Text(password.to_owned())));
        let expected = [
            ("h:1", "h:1", false, Login::None),
            ("nats://h", "h:4222", false, Login::None),
            ("tls://h:9/", "h:9", true, Login::None),
            ("nats://t%3Ax@h:1", "h:1", false, Login::Token(Secret::Text("t:x".to_owned()))),
            ("nats://u:@h:1", "h:1", false, Login::User("u".to_owned(), None)),
            ("nats://u%40x:p%3A@[::1]:7", "[::1]:7", false, user("u@x", "p:")),
        ];
        for (text, address, tls, login) in expected {
            let node = Node::parse(text).expect(text);
            assert_eq!((node.address().as_str(), node.tls), (address, tls), "{text}");
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
    fn a_login_in_a_nodes_url_is_stronger_than_that_of_the_settings_but_for_keys() {
        let login = |value: Value| {
            let config = take(&mut settings(value)).expect("usable");
            config.login_at(&config.nodes[0]).clone()
        };
        let token = Login::Token(Secret::Text("t".to_owned()));
        assert_eq!(login(json!({"nodes": "nats://t@h", "username": "u", "password": "p"})), token);
        assert_eq!(login(json!({"nodes": "h", "token": "t"})), token);
        assert_eq!(login(json!({"nodes": "nats://t@h", "credentials": "/c"})), Login::Credentials("/c".into()));
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
