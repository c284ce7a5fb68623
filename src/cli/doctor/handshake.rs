//! The TLS handshake with a node.

use std::net::SocketAddr;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::certificate::{Certificate, WARN_DAYS};
use super::step::Finding;
use crate::boundary::wait::wait;
use crate::cli::node::Node;
use crate::clock;
use crate::error::{Error, Result, Status};
use crate::store::remote::tls::{TlsConfig, TlsNames};
use crate::store::reply::Reply;

/// The longest first line that a NATS server says, in bytes.
const MAX_INFO: usize = 64 << 10;

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

impl Encryption {
    /// Makes a handshake, as the store would.
    pub fn check(&self, node: &Node, addresses: &[SocketAddr], timeout: Option<Duration>) -> Finding {
        if !self.config.enabled {
            return self.check_plain(addresses, timeout);
        }
        match self.certificate(&self.config, node, addresses, timeout) {
            Ok(certificate) => judge(certificate),
            Err(error) => self.explain(&error, node, addresses, timeout),
        }
    }

    /// Without TLS only a server that insists on it is a fault; NATS says so in its first line.
    fn check_plain(&self, addresses: &[SocketAddr], timeout: Option<Duration>) -> Finding {
        let off = Finding::skipped("not configured: what is sent can be read on the way");
        if self.greeting != Greeting::Info {
            return off;
        }
        let Some(address) = addresses.first().copied() else { return off };
        let line = wait(
            Reply::pending(async move {
                let stream = TcpStream::connect(address).await.map_err(|error| io(&error))?;
                greeting(&stream).await
            }),
            timeout,
        );
        let insists = line.ok().and_then(|line| info(&line)).is_some_and(|info| info["tls_required"] == true);
        if !insists {
            return off;
        }
        let advice = format!(
            "Set {} = true, and {} where its certificate is not of a public authority.",
            self.names.enabled, self.names.root_ca
        );
        Finding::failed(Status::CONFIG, "the server insists on TLS, which is not configured", advice)
    }

    fn explain(&self, error: &Error, node: &Node, addresses: &[SocketAddr], timeout: Option<Duration>) -> Finding {
        // A second handshake that believes anything shows what the server has.
        let believing = TlsConfig { insecure: true, root_ca: None, server_name: None, ..self.config.clone() };
        let shown = self.certificate(&believing, node, addresses, timeout).ok().flatten();
        let detail = match &shown {
            Some(certificate) => format!("{}; the server has a {certificate}", error.message()),
            None => error.message().to_owned(),
        };
        let told = error.message();
        let advice = if told.contains("NotValidForName") || told.contains("not valid for") {
            format!("Ask for the server by a name in its certificate, or set {} to one.", self.names.server_name)
        } else if told.contains("UnknownIssuer") {
            format!("Set {} to the certificate of the authority that signed the server's.", self.names.root_ca)
        } else if told.contains("Expired") || told.contains("expired") {
            "The server needs a new certificate; it, or this machine's clock, is out of date.".to_owned()
        } else if told.to_lowercase().contains("certificaterequired") {
            format!("The server asks for a certificate of ours: set {} and {}.", self.names.certificate, self.names.key)
        } else if shown.is_none() {
            "The server seems to speak without TLS on this port: check the port, or leave TLS out.".to_owned()
        } else {
            "The server's log says why it ended the handshake.".to_owned()
        };
        let status = if error.status() == Status::CONFIG { Status::CONFIG } else { Status::UNAVAILABLE };
        Finding::failed(status, detail, advice)
    }

    fn certificate(
        &self,
        config: &TlsConfig,
        node: &Node,
        addresses: &[SocketAddr],
        timeout: Option<Duration>,
    ) -> Result<Option<Certificate>> {
        let client = config.client(self.names)?;
        let host = config.server_name.clone().unwrap_or_else(|| node.host.clone());
        let name = ServerName::try_from(host.clone())
            .map_err(|_| Error::config(self.names.server_name, format!("\"{host}\" is no name of a host")))?;
        let (addresses, has_greeting) = (addresses.to_vec(), self.greeting == Greeting::Info);
        let handshake = Reply::pending(async move {
            let stream = TcpStream::connect(addresses.as_slice()).await.map_err(|error| io(&error))?;
            if has_greeting {
                greeting(&stream).await?;
            }
            let stream = TlsConnector::from(client).connect(name, stream).await.map_err(|error| io(&error))?;
            let (_, session) = stream.get_ref();
            let first = session.peer_certificates().and_then(<[_]>::first);
            Ok(first.and_then(|certificate| Certificate::parse(certificate)))
        });
        wait(handshake, timeout).map_err(|error| match error.status() {
            Status::TIMEOUT => Error::new(Status::UNAVAILABLE, "tls", "the server does not answer the handshake"),
            _ => error,
        })
    }
}

fn judge(certificate: Option<Certificate>) -> Finding {
    let Some(certificate) = certificate else { return Finding::fine("handshake done") };
    let days = certificate.days_left((clock::unix_ms() / 1000) as i64);
    if days < WARN_DAYS {
        return Finding::warning(format!("{certificate}, in {days} days"), "Renew the server's certificate.");
    }
    Finding::fine(format!("{certificate}, in {days} days"))
}

/// A server's first line.
async fn greeting(stream: &TcpStream) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut part = [0; 1024];
    while !line.ends_with(b"\n") && line.len() < MAX_INFO {
        stream.readable().await.map_err(|error| io(&error))?;
        match stream.try_read(&mut part) {
            Ok(0) => break,
            Ok(count) => line.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(io(&error)),
        }
    }
    Ok(line)
}

fn info(line: &[u8]) -> Option<serde_json::Value> {
    serde_json::from_slice(line.strip_prefix(b"INFO ")?).ok()
}

fn io(error: &std::io::Error) -> Error {
    Error::new(Status::UNAVAILABLE, "tls", error.to_string())
}
