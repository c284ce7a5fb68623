//! From a server's address to a connection that is logged in.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::ClientConfig;

use super::stream::{self, Stream};
use super::{ANSWERS, Shared, Socket, driver, inbox};
use crate::config::secret::Secret;
use crate::error::{Error, Result, Status};
use crate::store::nats::config::{Login, NatsConfig, Node};
use crate::store::nats::wire::nkey::{SigningKey, credentials};
use crate::store::nats::wire::{Frame, Info, Parser, command};
use crate::store::remote::socket;
use crate::store::remote::tls::{TlsConfig, TlsNames};

/// Connects to `node` and logs in; inside the runtime.
///
/// # Errors
///
/// `AUTH` when the server refuses the login, `CONFIG` for a secret's file that cannot be read, `UNAVAILABLE` with what
/// went wrong otherwise.
pub async fn open(config: &NatsConfig, node: &Node) -> Result<Socket> {
    let limit = config.connect_timeout;
    match tokio::time::timeout(limit, dial(config, node)).await {
        Ok(socket) => socket,
        Err(_) => Err(silent(node, limit)),
    }
}

async fn dial(config: &NatsConfig, node: &Node) -> Result<Socket> {
    let address = node.address();
    let addresses = socket::resolve(&node.host, node.port).await;
    let addresses =
        addresses.map_err(|error| unavailable("nodes", format!("{} cannot be resolved: {error}", node.host)))?;
    let socket = socket::connect(addresses, config.connect_timeout).await;
    let socket = socket.map_err(|error| unreachable_by(&address, &error))?;
    let mut greeter = Greeter { address: &address, stream: Box::new(socket), parser: Parser::default() };
    let info = greeter.first_info().await?;
    let encrypts = config.tls_required || node.tls || info.tls_required;
    if encrypts {
        let client = client(config, &info, &address)?;
        greeter = greeter.encrypt(&node.host, client).await?;
    }
    let inbox = inbox()? + ".";
    let text = login(config, node, &info, encrypts)?;
    let info = greeter.greet(&text, &inbox, info).await.map_err(|error| blamed(error, config.login_at(node)))?;
    let shared = Arc::new(Shared::new(inbox, info));
    tokio::spawn(driver::drive(greeter.stream, greeter.parser, Arc::clone(&shared)));
    Ok(Socket { shared })
}

/// What TLS is made with. A server may ask for it where the settings do not.
fn client(config: &NatsConfig, info: &Info, address: &str) -> Result<Arc<ClientConfig>> {
    if !info.tls_required && !info.tls_available {
        return Err(unavailable("tls", format!("TLS with {address} failed: the server has none")));
    }
    match &config.tls {
        Some(client) => Ok(Arc::clone(client)),
        None => TlsConfig::default().client(TlsNames::SERVER),
    }
}

/// A connection until it is logged in.
struct Greeter<'a> {
    address: &'a str,
    stream: Stream,
    parser: Parser,
}

impl Greeter<'_> {
    async fn first_info(&mut self) -> Result<Info> {
        match self.next().await? {
            Frame::Info(text) => self.info(&text),
            Frame::Error(text) => Err(refusal(self.address, &String::from_utf8_lossy(&text))),
            _ => Err(self.foreign("it did not begin as a NATS server does")),
        }
    }

    async fn encrypt(self, host: &str, client: Arc<ClientConfig>) -> Result<Self> {
        // What came before the encryption, whoever sent it, must not count as said under it.
        if !self.parser.is_empty() {
            return Err(self.foreign("it spoke before it was encrypted"));
        }
        let failed = |error: io::Error| unavailable("tls", format!("TLS with {} failed: {error}", self.address));
        let stream = stream::encrypt(self.stream, host, client).await.map_err(failed)?;
        Ok(Greeter { address: self.address, stream, parser: self.parser })
    }

    /// Logs in, subscribes to the answers and waits until the server has taken both.
    async fn greet(&mut self, login: &str, inbox: &str, mut info: Info) -> Result<Info> {
        let mut out = Vec::new();
        command::connect(&mut out, login);
        command::subscribe(&mut out, &format!("{inbox}*"), ANSWERS);
        out.extend_from_slice(command::PING);
        // A server that refuses hangs up, perhaps before it has read all of it; why, it has said before.
        if self.stream.write_all(&out).await.is_ok() {
            let _ = self.stream.flush().await;
        }
        loop {
            let frame = self.next().await?;
            match frame {
                Frame::Pong => return Ok(info),
                Frame::Info(text) => info = self.info(&text)?,
                Frame::Error(text) => return Err(refusal(self.address, &String::from_utf8_lossy(&text))),
                Frame::Ping => {
                    let answered = self.stream.write_all(command::PONG).await;
                    answered.map_err(|error| unreachable_by(self.address, &error))?;
                }
                Frame::Ok | Frame::Message(..) => {}
            }
        }
    }

    async fn next(&mut self) -> Result<Frame> {
        loop {
            match self.parser.next_frame() {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => {}
                Err(malformed) => return Err(self.foreign(malformed.0)),
            }
            match self.stream.read_buf(self.parser.buffer()).await {
                Ok(0) => {
                    let text = format!("{} cannot be reached: it hung up", self.address);
                    return Err(unavailable("nodes", text));
                }
                Ok(_) => {}
                Err(error) => return Err(unreachable_by(self.address, &error)),
            }
        }
    }

    fn info(&self, text: &[u8]) -> Result<Info> {
        Info::parse(text).ok_or_else(|| self.foreign("its description of itself is no JSON"))
    }

    fn foreign(&self, text: &str) -> Error {
        unavailable("nodes", format!("{} cannot be used: {text}", self.address))
    }
}

/// The text of the login.
fn login(config: &NatsConfig, node: &Node, info: &Info, encrypts: bool) -> Result<String> {
    let Value::Object(mut fields) = json!({
        "verbose": false,
        "pedantic": false,
        "tls_required": encrypts,
        "name": concat!("larder ", env!("CARGO_PKG_VERSION")),
        "lang": "rust",
        "version": env!("CARGO_PKG_VERSION"),
        "protocol": 1,
        "echo": true,
        "headers": true,
        "no_responders": true,
    }) else {
        return Ok(String::new());
    };
    let mut put = |name: &str, text: String| drop(fields.insert(name.to_owned(), text.into()));
    match config.login_at(node) {
        Login::None => {}
        Login::User(user, password) => {
            put("user", user.clone());
            put("pass", password.as_ref().map_or(Ok(String::new()), Secret::reveal)?);
        }
        Login::Token(token) => put("auth_token", token.reveal()?),
        Login::Nkey(seed) => {
            let key = SigningKey::of_seed(seed.reveal()?.trim()).ok_or_else(|| {
                let text = format!("{} cannot be signed in to: the seed of the key is no valid one", node.address());
                Error::new(Status::AUTH, "nkey", text)
            })?;
            put("nkey", key.public());
            sign(&mut fields, &key, info);
        }
        Login::Credentials(path) => {
            let read = std::fs::read_to_string(path);
            let text = read
                .map_err(|error| Error::config("credentials", format!("{} cannot be read: {error}", path.display())))?;
            let (jwt, key) = credentials(&text).ok_or_else(|| {
                let text = format!("{} is no credentials file: expected a user's JWT and its seed", path.display());
                Error::config("credentials", text)
            })?;
            put("jwt", jwt.to_owned());
            sign(&mut fields, &key, info);
        }
    }
    Ok(Value::Object(fields).to_string())
}

fn sign(fields: &mut Map<String, Value>, key: &SigningKey, info: &Info) {
    // A server that lets anybody in sends nothing to sign.
    if !info.nonce.is_empty() {
        fields.insert("sig".to_owned(), key.sign(&info.nonce).into());
    }
}

fn silent(node: &Node, limit: Duration) -> Error {
    unavailable("nodes", format!("{} gave no answer within {} ms", node.address(), limit.as_millis()))
}

fn unavailable(origin: &'static str, text: String) -> Error {
    Error::new(Status::UNAVAILABLE, origin, text)
}

/// The error of a stream that failed. What a server thinks of our certificate comes as one.
fn unreachable_by(address: &str, error: &io::Error) -> Error {
    let is_tls = error.get_ref().is_some_and(|inner| inner.is::<tokio_rustls::rustls::Error>());
    if is_tls {
        return unavailable("tls", format!("TLS with {address} failed: {error}"));
    }
    unavailable("nodes", format!("{address} cannot be reached: {error}"))
}

/// The error of a refused login, which names the setting that the login came from.
fn blamed(error: Error, login: &Login) -> Error {
    let setting = match login {
        Login::None | Login::User(..) => return error,
        Login::Token(_) => "token",
        Login::Nkey(_) => "nkey",
        Login::Credentials(_) => "credentials",
    };
    let is_refused = error.status() == Status::AUTH;
    if is_refused { Error::new(Status::AUTH, setting, error.message().to_owned()) } else { error }
}

/// The error of a complaint that ends a login.
fn refusal(address: &str, text: &str) -> Error {
    let lower = text.to_lowercase();
    // The server waited for the login, and has not refused it: a slow line, or much to do.
    if lower.contains("authentication timeout") {
        return unavailable("nodes", format!("{address} refused the connection: {text}"));
    }
    if ["authentication", "authorization", "permissions violation"].iter().any(|word| lower.contains(word)) {
        return Error::new(Status::AUTH, "username", format!("{address} refused the login: {text}"));
    }
    unavailable("nodes", format!("{address} refused the connection: {text}"))
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_came_too_late_was_not_refused() {
        let cases = [
            ("Authorization Violation", Status::AUTH),
            ("User Authentication Expired", Status::AUTH),
            ("Permissions Violation for Subscription to \"_INBOX.x.*\"", Status::AUTH),
            ("Authentication Timeout", Status::UNAVAILABLE),
            ("maximum connections exceeded", Status::UNAVAILABLE),
        ];
        for (text, status) in cases {
            let error = refusal("host:4222", text);
            assert_eq!(error.status(), status, "{text}");
            assert!(error.message().contains("host:4222") && error.message().contains(text), "{error}");
        }
    }
}
