//! The byte stream to a server: TCP, with TLS where that is set.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::Ipv6Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;

use crate::store::remote::socket;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// A name or a number; an IPv6 number without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Address {
    /// The address in `host:port`, `[::1]:port`, or a host alone, which has the port `default_port`; `None` for a text
    /// that is none.
    pub fn parse(text: &str, default_port: Option<u16>) -> Option<Address> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']')?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        } else {
            match text.split_once(':') {
                None => (text, None),
                // Colons without brackets are a number of IPv6.
                Some((_, port)) if port.contains(':') => (text, None),
                Some((host, port)) => (host, Some(port)),
            }
        };
        let port = match port {
            None => default_port?,
            Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        };
        is_host(host).then(|| Address { host: host.to_owned(), port })
    }
}

/// Whether a text can be a name, or a number; one with colons that is no number of IPv6 is a slip, such as two ports.
fn is_host(text: &str) -> bool {
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control() || "/@?#[]".contains(c)) {
        return false;
    }
    let without_zone = text.split_once('%').map_or(text, |(number, _)| number);
    !text.contains(':') || without_zone.parse::<Ipv6Addr>().is_ok()
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A connected stream.
pub enum Stream {
    /// As it is.
    Plain(TcpStream),
    /// Encrypted.
    Tls(Box<TlsStream<TcpStream>>),
}

/// How the stream is encrypted: the configuration, and the name that the certificate must have unless it is the host's.
#[derive(Clone)]
pub struct Tls {
    /// Certificates and versions.
    pub client: Arc<ClientConfig>,
    /// The certificate's name.
    pub server_name: Option<String>,
}

/// Connects, within `limit` until the handshake of TLS; the caller limits the whole.
///
/// # Errors
///
/// What the name resolution, the kernel or the TLS handshake says.
pub async fn open(address: &Address, tls: Option<&Tls>, limit: Duration) -> io::Result<Stream> {
    let socket = socket::connect(socket::resolve(&address.host, address.port).await?, limit).await?;
    let Some(tls) = tls else { return Ok(Stream::Plain(socket)) };
    let name = tls.server_name.as_ref().unwrap_or(&address.host).clone();
    let name = ServerName::try_from(name).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let stream = TlsConnector::from(Arc::clone(&tls.client)).connect(name, socket).await?;
    Ok(Stream::Tls(Box::new(stream)))
}

impl Stream {
    /// What carries it.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(socket) => Pin::new(socket).poll_read(context, room),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, room),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(socket) => Pin::new(socket).poll_write_vectored(context, pieces),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(socket) => Pin::new(socket).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        let read = |text| Address::parse(text, Some(6379)).map(|address| address.to_string());
        for (text, expected) in [
            ("a:1", Some("a:1")),
            ("a", Some("a:6379")),
            ("[::1]:2", Some("[::1]:2")),
            ("[::1]", Some("[::1]:6379")),
            ("::1", Some("[::1]:6379")),
            ("127.0.0.1:26379", Some("127.0.0.1:26379")),
            ("", None),
            (":1", None),
            ("a:0", None),
            ("a:65536", None),
            ("a:b", None),
            ("a b:1", None),
            ("a\u{7f}:1", None),
            ("a:1:2", None),
            ("[a]:1", Some("a:1")),
            ("[a:1]:2", None),
            ("fe80::1%eth0", Some("[fe80::1%eth0]:6379")),
            ("u:p@a:1", None),
            ("[::1", None),
            ("[::1]1", None),
        ] {
            assert_eq!(read(text).as_deref(), expected, "{text}");
        }
        assert_eq!(Address::parse("a", None), None);
    }
}
