//! The byte stream to a server: TCP, and TLS once the server has said that it is there.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;

/// A stream of either kind.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connected stream.
pub type Stream = Box<dyn Duplex>;

/// How long a connection may be idle before the kernel asks whether the other side is there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// The addresses of a host, one at least.
///
/// # Errors
///
/// What the name resolution says.
pub async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let addresses: Vec<SocketAddr> = lookup_host((bare(host), port)).await?.collect();
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
    }
    Ok(addresses)
}

/// Connects to the first of the addresses that takes it.
///
/// # Errors
///
/// What the kernel says of the last one.
pub async fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(addresses).await?;
    socket.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    socket2::SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    Ok(socket)
}

/// Encrypts a stream.
///
/// # Errors
///
/// What the handshake says.
pub async fn encrypt(socket: Stream, host: &str, client: Arc<ClientConfig>) -> io::Result<Stream> {
    let name = ServerName::try_from(bare(host).to_owned());
    let name = name.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    Ok(Box::new(TlsConnector::from(client).connect(name, socket).await?))
}

/// A number of IPv6 without the brackets that it has in an address.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}
