//! The TLS handshake with a node.

use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::advice::tls::{Seen, on_tls};
use super::certificate::{Certificate, WARN_DAYS};
use super::greeting;
use super::plain::{self, Spoken};
use super::step::Finding;
use crate::boundary::wait::wait;
use crate::cli::node::Node;
use crate::clock;
use crate::error::{Error, Result, Status};
use crate::store::remote::tls::{TlsConfig, TlsNames};
use crate::store::reply::Reply;

/// How long a server may take to say what it thinks of our certificate. Under TLS 1.3 it does so only after the handshake.
const VERDICT: Duration = Duration::from_millis(500);

/// What a server says before TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// Nothing: TLS begins with the connection.
    None,
    /// A line that begins with INFO, as NATS does.
    Info,
}

/// How a store's connections to a node are encrypted.
pub struct Encryption {
    /// The settings.
    pub config: TlsConfig,
    /// What they are called.
    pub names: TlsNames,
    /// What the server says before.
    pub greeting: Greeting,
}

/// A handshake that came about.
struct Shaken {
    /// What the server showed.
    certificate: Option<Certificate>,
    /// Why the server hung up after it.
    refusal: Option<Error>,
}

impl Encryption {
    /// Makes a handshake, as the store would.
    pub fn check(&self, node: &Node, addresses: &[SocketAddr], timeout: Option<Duration>) -> Finding {
        if self.config.enabled {
            return self.check_encrypted(&self.config, node, addresses, timeout);
        }
        match self.greeting {
            Greeting::Info => self.check_greeting(node, addresses, timeout),
            Greeting::None => self.check_plain(node, addresses, timeout),
        }
    }

    /// A configuration that believes any server, to see what a server has.
    pub fn believing(&self) -> TlsConfig {
        TlsConfig { insecure: true, root_ca: None, server_name: None, ..self.config.clone() }
    }

    /// Connects without looking at whom, with no certificate of ours unless `config` has one.
    ///
    /// # Errors
    ///
    /// What the kernel or the handshake says.
    pub async fn connect(
        &self,
        config: &TlsConfig,
        node: &Node,
        addresses: &[SocketAddr],
    ) -> Result<TlsStream<TcpStream>> {
        let client = config.client(self.names)?;
        let host = config.server_name.clone().unwrap_or_else(|| node.host.clone());
        let name = ServerName::try_from(host.clone())
            .map_err(|_| Error::config(self.names.server_name, format!("\"{host}\" is no name of a host")))?;
        let stream = TcpStream::connect(addresses).await.map_err(|error| io(&error))?;
        if self.greeting == Greeting::Info {
            greeting::read(&stream).await?;
        }
        TlsConnector::from(client).connect(name, stream).await.map_err(|error| io(&error))
    }

    /// Without TLS only a server that insists on it is a fault. NATS says so in its first line, and the store gives in.
    fn check_greeting(&self, node: &Node, addresses: &[SocketAddr], timeout: Option<Duration>) -> Finding {
        let info = greeting::ask(addresses, Some(short(timeout)));
        if info.is_none_or(|info| info["tls_required"] != true) {
            return unencrypted();
        }
        let called = self.config.called.clone();
        let found = self.check_encrypted(&TlsConfig { called, ..TlsConfig::default() }, node, addresses, timeout);
        Finding { detail: format!("not configured, but the server insists on it: {}", found.detail), ..found }
    }

    /// Other servers hang up, or say nothing, when they expect TLS.
    fn check_plain(&self, node: &Node, addresses: &[SocketAddr], timeout: Option<Duration>) -> Finding {
        if matches!(plain::ask(addresses), Spoken::LetsIn | Spoken::Refuses) {
            return unencrypted();
        }
        let shaken = self.shake_hands(&self.believing(), node, addresses, Some(short(timeout)));
        let Ok(shaken) = shaken else { return unencrypted() };
        let shown = shaken.certificate.map(|shown| format!(": it has a {shown}")).unwrap_or_default();
        let advice = format!(
            "Set {} = true, and {} to the certificate of the authority that signed the server's.",
            self.called(self.names.enabled),
            self.called(self.names.root_ca)
        );
        let detail = format!("not configured, but the server speaks only TLS on this port{shown}");
        Finding::failed(Status::UNAVAILABLE, detail, advice)
    }

    fn check_encrypted(
        &self,
        config: &TlsConfig,
        node: &Node,
        addresses: &[SocketAddr],
        timeout: Option<Duration>,
    ) -> Finding {
        let (shown, error) = match self.shake_hands(config, node, addresses, timeout) {
            Ok(Shaken { certificate, refusal: None }) => return judge(certificate),
            Ok(Shaken { certificate, refusal: Some(refusal) }) => (certificate, refusal),
            Err(error) => {
                // A second handshake that believes anything shows what the server has.
                let shaken = self.shake_hands(&self.believing(), node, addresses, timeout);
                (shaken.ok().and_then(|shaken| shaken.certificate), error)
            }
        };
        let seen = Seen {
            has_certificate: shown.is_some(),
            speaks_plainly: shown.is_none() && self.speaks_plainly(addresses, timeout),
            shows_ours: config.certificate.is_some(),
        };
        let detail = match &shown {
            Some(certificate) => format!("{}; the server has a {certificate}", error.message()),
            None => error.message().to_owned(),
        };
        let status = if error.status() == Status::CONFIG { Status::CONFIG } else { Status::UNAVAILABLE };
        Finding::failed(status, detail, on_tls(error.message(), seen, &|name| self.called(name), self.names))
    }

    fn speaks_plainly(&self, addresses: &[SocketAddr], timeout: Option<Duration>) -> bool {
        match self.greeting {
            Greeting::None => matches!(plain::ask(addresses), Spoken::LetsIn | Spoken::Refuses),
            Greeting::Info => greeting::ask(addresses, Some(short(timeout)))
                .is_some_and(|info| info["tls_required"] != true && info["tls_available"] != true),
        }
    }

    /// What the configuration calls a setting.
    fn called(&self, name: &'static str) -> String {
        self.config.called.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }

    fn shake_hands(
        &self,
        config: &TlsConfig,
        node: &Node,
        addresses: &[SocketAddr],
        timeout: Option<Duration>,
    ) -> Result<Shaken> {
        let copy = Encryption { config: self.config.clone(), ..*self };
        let (config, node, addresses) = (config.clone(), node.clone(), addresses.to_vec());
        let handshake = Reply::pending(async move {
            let mut stream = copy.connect(&config, &node, &addresses).await?;
            let refusal = verdict(&mut stream).await;
            let (_, session) = stream.get_ref();
            let first = session.peer_certificates().and_then(<[_]>::first);
            let certificate = first.and_then(|certificate| Certificate::parse(certificate));
            Ok(Shaken { certificate, refusal })
        });
        wait(handshake, timeout).map_err(|error| match error.status() {
            Status::TIMEOUT => Error::new(Status::UNAVAILABLE, "tls", "the server does not answer the handshake"),
            _ => error,
        })
    }
}

/// Why the server ends the connection that was just encrypted. One that goes on sends tickets for the next.
async fn verdict(stream: &mut TlsStream<TcpStream>) -> Option<Error> {
    let mut room = [0; 64];
    let heard = std::future::poll_fn(|context| {
        let mut room = ReadBuf::new(&mut room);
        match std::pin::Pin::new(&mut *stream).poll_read(context, &mut room) {
            Poll::Ready(Err(error)) => Poll::Ready(Some(io(&error))),
            Poll::Ready(Ok(())) if room.filled().is_empty() => {
                let text = "the server hung up after the handshake";
                Poll::Ready(Some(Error::new(Status::UNAVAILABLE, "tls", text)))
            }
            Poll::Ready(Ok(())) => Poll::Ready(None),
            Poll::Pending if stream.get_ref().1.tls13_tickets_received() > 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    });
    tokio::time::timeout(VERDICT, heard).await.unwrap_or(None)
}

/// How long a question may take that only makes the answer clearer.
fn short(timeout: Option<Duration>) -> Duration {
    timeout.map_or(plain::PATIENCE, |timeout| timeout.min(plain::PATIENCE))
}

fn unencrypted() -> Finding {
    Finding::skipped("not configured: what is sent can be read on the way")
}

fn judge(certificate: Option<Certificate>) -> Finding {
    let Some(certificate) = certificate else { return Finding::fine("handshake done") };
    let days = certificate.days_left((clock::unix_ms() / 1000) as i64);
    if days < WARN_DAYS {
        return Finding::warning(format!("{certificate}, in {days} days"), "Renew the server's certificate.");
    }
    Finding::fine(format!("{certificate}, in {days} days"))
}

fn io(error: &std::io::Error) -> Error {
    Error::new(Status::UNAVAILABLE, "tls", error.to_string())
}
