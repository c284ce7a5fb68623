//! The byte stream to a server: TCP, and TLS once the server has said that it is there.

use std::io;
use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;

use crate::store::remote::socket::bare;

/// A stream of either kind.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {
    /// What carries it.
    fn socket(&self) -> &TcpStream;
}

impl Duplex for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Duplex for TlsStream<Stream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0.socket()
    }
}

/// A connected stream.
pub type Stream = Box<dyn Duplex>;

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
