//! One connection to one server, from its login to its loss.
//!
//! The client reconnects by itself, and sends then what its callers had asked for meanwhile, long after they were told
//! that it failed. So a client is used for one connection only: when that is lost, the session is, what waited in it is
//! dropped, and [`Connection`](super::connection::Connection) makes a new one.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::client::{Request, RequestErrorKind};
use async_nats::{
    Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, HeaderMap, Message, ReconnectToServer, ServerAddr,
    ServerInfo, Subject,
};
use bytes::Bytes;
use tokio::time::Instant;
use url::Url;

use super::TARGET;
use super::config::{Login, NatsConfig, Node};
use crate::config::secret::Secret;
use crate::error::{Error, Result, Status};
use crate::log::{self, Level};
use crate::runtime::Signal;
use crate::sync::Mutex;

/// How often a silent server is pinged. The client gives a connection up at the third ping without an answer, so that a
/// hang is noticed 2.4 s after the last sign of life.
const PING_INTERVAL: Duration = Duration::from_millis(800);

/// How many messages may wait for a subscription's reader; the server's flow control holds them far below it.
const SUBSCRIPTION_CAPACITY: usize = 1 << 20;

/// Where a client that lost its connection is sent, so that it gives up: nobody listens on port 0.
const NOWHERE: &str = "nats://127.0.0.1:0";

/// What one request came to.
pub(super) enum Asked {
    /// An answer came.
    Answer(Message),
    /// Nobody listens on the subject: nothing was done.
    NoResponders,
    /// The connection was lost before an answer came.
    Lost,
    /// No answer came in time.
    TimedOut,
}

/// A connection to one server.
pub(super) struct Session {
    /// The client, whose connection is the only one that it makes.
    pub client: Client,
    /// What the server said of itself.
    pub info: ServerInfo,
    /// The server's version.
    pub version: Version,
    /// A number that no other session of this process has.
    pub number: u64,
    /// Raised when the connection is gone.
    pub lost: Signal,
    /// Raised when the server says that it will leave.
    pub leaving: Signal,
    refusal: Arc<Mutex<Option<(Instant, String)>>>,
}

/// A server's version; anything that follows the three numbers is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub u64, pub u64, pub u64);

impl Version {
    /// The first with metadata of streams.
    pub const METADATA: Version = Version(2, 10, 0);
    /// The first with lifespans of messages.
    pub const MESSAGE_TTL: Version = Version(2, 11, 0);

    fn parse(text: &str) -> Version {
        let mut numbers = text.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Version(next(), next(), next())
    }
}

impl Session {
    /// Connects to `node` and logs in.
    ///
    /// # Errors
    ///
    /// `AUTH` when the server refuses the login, `CONFIG` for a secret's file that cannot be read, `UNAVAILABLE` with
    /// what went wrong otherwise.
    pub async fn connect(config: &NatsConfig, node: &Node) -> Result<Session> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let (lost, leaving, refusal) = (Signal::default(), Signal::default(), Arc::new(Mutex::new(None)));
        let target = server_addr(node)?;
        let nowhere: ServerAddr = NOWHERE.parse().map_err(|_| invalid_node(node))?;
        let options = options(config, node)?
            .event_callback(listener(lost.clone(), leaving.clone(), Arc::clone(&refusal)))
            .reconnect_to_server_callback(once_to(target.clone(), nowhere.clone()));
        let limit = config.connect_timeout;
        let client = match tokio::time::timeout(limit, options.connect([target, nowhere].as_slice())).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(reason(node, &error, limit)),
            Err(_) => return Err(silent(node, limit)),
        };
        let info = client.server_info();
        let version = Version::parse(&info.version);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Ok(Session { client, info, version, number, lost, leaving, refusal })
    }

    /// Sends a request and waits for its answer, at most until `end`.
    pub async fn ask(&self, subject: Subject, payload: Bytes, headers: Option<HeaderMap>, end: Instant) -> Asked {
        let mut request = Request::new().payload(payload).timeout(None);
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        if self.lost.is_raised() {
            return Asked::Lost;
        }
        tokio::select! {
            biased;
            answer = self.client.send_request(subject, request) => match answer {
                Ok(message) => Asked::Answer(message),
                Err(error) if error.kind() == RequestErrorKind::NoResponders => Asked::NoResponders,
                Err(_) => Asked::Lost,
            },
            () = self.lost.raised() => Asked::Lost,
            () = tokio::time::sleep_until(end) => Asked::TimedOut,
        }
    }

    /// What the server said since `begin` when it denied a publish on `subject`: on the connection, and not in answer.
    pub fn denial_since(&self, begin: Instant, subject: &str) -> Option<String> {
        let said = self.refusal.lock();
        let (_, text) = said.as_ref().filter(|(at, _)| *at >= begin)?;
        let lower = text.to_lowercase();
        let is_denial = lower.contains("permissions violation") && lower.contains(&subject.to_lowercase());
        is_denial.then(|| text.clone())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.lost.raise();
    }
}

fn options(config: &NatsConfig, node: &Node) -> Result<ConnectOptions> {
    let mut options = ConnectOptions::new()
        .name(concat!("larder ", env!("CARGO_PKG_VERSION")))
        .ping_interval(PING_INTERVAL)
        .connection_timeout(config.connect_timeout)
        .request_timeout(None)
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        .skip_subject_validation(true)
        .ignore_discovered_servers()
        .max_reconnects(1)
        .require_tls(config.tls_required || node.tls);
    if let Some(tls) = &config.tls {
        options = options.tls_client_config(tls.as_ref().clone());
    }
    let login = match (&config.login, &node.login) {
        (Login::None, Some((user, password))) => &Login::User(user.clone(), password.clone()),
        (login, _) => login,
    };
    Ok(match login {
        Login::None => options,
        Login::User(user, password) => {
            let password = password.as_ref().map_or(Ok(String::new()), Secret::reveal)?;
            options.user_and_password(user.clone(), password)
        }
        Login::Token(token) => options.token(token.reveal()?),
        Login::Nkey(seed) => options.nkey(seed.reveal()?.trim().to_owned()),
        Login::Credentials(path) => {
            let read = std::fs::read_to_string(path);
            let text = read
                .map_err(|error| Error::config("credentials", format!("{} cannot be read: {error}", path.display())))?;
            // The parser's own words are left out: they may quote the file.
            options.credentials(&text).map_err(|_| {
                let text = format!("{} is no credentials file: expected a user's JWT and its seed", path.display());
                Error::config("credentials", text)
            })?
        }
    })
}

fn server_addr(node: &Node) -> Result<ServerAddr> {
    let scheme = if node.tls { "tls" } else { "nats" };
    let url = Url::parse(&format!("{scheme}://{}", node.address())).map_err(|_| invalid_node(node))?;
    ServerAddr::from_url(url).map_err(|_| invalid_node(node))
}

fn invalid_node(node: &Node) -> Error {
    Error::config("nodes", format!("{} is no server's address", node.address()))
}

type Boxed<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + Sync>>;

fn listener(
    lost: Signal,
    leaving: Signal,
    refusal: Arc<Mutex<Option<(Instant, String)>>>,
) -> impl Fn(Event) -> Boxed<()> + Send + Sync {
    move |event| {
        match event {
            Event::Disconnected | Event::Closed => lost.raise(),
            Event::LameDuckMode => leaving.raise(),
            Event::ServerError(error) => {
                log::write(Level::Warn, TARGET, || format!("the server says: {error}"));
                *refusal.lock() = Some((Instant::now(), error.to_string()));
            }
            _ => {}
        }
        Box::pin(async {})
    }
}

/// Has the client connect to `target` the first time and to nowhere afterwards, which ends it.
fn once_to(
    target: ServerAddr,
    nowhere: ServerAddr,
) -> impl Fn(Vec<async_nats::Server>, ServerInfo) -> Boxed<Option<ReconnectToServer>> + Send + Sync {
    let is_spent = AtomicBool::new(false);
    move |_, _| {
        let addr = if is_spent.swap(true, Ordering::Relaxed) { nowhere.clone() } else { target.clone() };
        Box::pin(async move { Some(ReconnectToServer { addr, delay: Some(Duration::ZERO) }) })
    }
}

fn silent(node: &Node, limit: Duration) -> Error {
    let text = format!("{} gave no answer within {} ms", node.address(), limit.as_millis());
    Error::new(Status::UNAVAILABLE, "nodes", text)
}

/// Why no connection came about, in words that name the part at fault.
fn reason(node: &Node, error: &ConnectError, limit: Duration) -> Error {
    let address = node.address();
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    let lower = cause.to_lowercase();
    let unavailable = |origin: &'static str, text: String| Error::new(Status::UNAVAILABLE, origin, text);
    let refused = |text: String| Error::new(Status::AUTH, "username", text);
    match error.kind() {
        ConnectErrorKind::Authentication => Error::new(
            Status::AUTH,
            "nkey",
            format!("{address} cannot be signed in to: the seed of the key is no valid one"),
        ),
        ConnectErrorKind::AuthorizationViolation => refused(format!("{address} refused the login")),
        _ if lower.contains("authentication") || lower.contains("authorization") => {
            refused(format!("{address} refused the login: {cause}"))
        }
        ConnectErrorKind::Dns => unavailable("nodes", format!("{} cannot be resolved: {cause}", node.host)),
        ConnectErrorKind::TimedOut => silent(node, limit),
        ConnectErrorKind::Tls => unavailable("tls", format!("TLS with {address} failed: {cause}")),
        _ if ["certificate", "tls", "handshake", "alert", "corrupt message"]
            .iter()
            .any(|word| lower.contains(word)) =>
        {
            unavailable("tls", format!("TLS with {address} failed: {cause}"))
        }
        _ => unavailable("nodes", format!("{address} cannot be reached: {cause}")),
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_their_numbers() {
        assert_eq!(Version::parse("2.15.2"), Version(2, 15, 2));
        assert_eq!(Version::parse("2.11.0-preview.1"), Version(2, 11, 0));
        assert_eq!(Version::parse("dev"), Version::default());
        assert!(Version::parse("2.9.25") < Version::METADATA && Version::parse("2.11.0") >= Version::MESSAGE_TTL);
    }
}
