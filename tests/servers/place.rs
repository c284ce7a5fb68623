//! Where a server listens: on this machine's loopback, or in a network namespace of a test.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{Result, namespaces};

/// An address, and the namespace that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The IPv4 address.
    pub address: String,
    /// The network namespace, none for this process's own.
    pub namespace: Option<String>,
}

impl Default for Place {
    fn default() -> Place {
        Place { address: "127.0.0.1".to_owned(), namespace: None }
    }
}

impl Place {
    /// Does something with the place's network.
    ///
    /// # Errors
    ///
    /// When the namespace is gone, and what `work` says.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        match &self.namespace {
            None => work(),
            Some(namespace) => namespaces::within(namespace, work),
        }
    }

    /// The body of a page of a server here, by plain HTTP.
    ///
    /// # Errors
    ///
    /// When there is no answer within two seconds, or one that is not 200.
    pub fn page(&self, port: u16, path: &str) -> Result<String> {
        let answer = self.within(|| ask(&self.address, port, path).map_err(|error| format!("{path}: {error}")))?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("{path}: no answer"))?;
        let status = head.lines().next().unwrap_or_default();
        if status.split(' ').nth(1) == Some("200") {
            Ok(body.to_owned())
        } else {
            Err(format!("{path}: {status}: {}", body.trim()))
        }
    }
}

fn ask(address: &str, port: u16, path: &str) -> std::io::Result<String> {
    let target = format!("{address}:{port}").parse().map_err(std::io::Error::other)?;
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&target, limit)?;
    stream.set_read_timeout(Some(limit))?;
    // By 1.0 the server closes when it has said all, and sends no chunks.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
