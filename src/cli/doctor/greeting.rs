//! The first line of a NATS server, which it says before anybody logs in and before TLS.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;

use crate::boundary::wait::wait;
use crate::error::{Error, Result, Status};
use crate::store::reply::Reply;

/// The longest first line, in bytes.
const MAX_INFO: usize = 64 << 10;

/// What the server at one of the addresses says of itself; `None` when it says nothing, or is no NATS server.
pub fn ask(addresses: &[SocketAddr], timeout: Option<Duration>) -> Option<Value> {
    let addresses = addresses.to_vec();
    let line = wait(
        Reply::pending(async move {
            let stream = TcpStream::connect(addresses.as_slice()).await.map_err(|error| io(&error))?;
            read(&stream).await
        }),
        timeout,
    );
    serde_json::from_slice(line.ok()?.strip_prefix(b"INFO ")?).ok()
}

/// Reads it from a connection.
///
/// # Errors
///
/// What the kernel says.
pub async fn read(stream: &TcpStream) -> Result<Vec<u8>> {
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

fn io(error: &std::io::Error) -> Error {
    Error::new(Status::UNAVAILABLE, "tls", error.to_string())
}
