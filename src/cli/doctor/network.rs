//! Names and connections.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use super::advice;
use super::step::Finding;
use crate::boundary::wait::wait;
use crate::cli::node::Node;
use crate::error::Status;
use crate::store::reply::Reply;

/// How long one connection may take.
const CONNECT: Duration = Duration::from_secs(3);

/// The addresses of a node's name.
pub fn resolve(node: &Node, timeout: Option<Duration>, in_container: bool) -> (Finding, Vec<SocketAddr>) {
    let (host, port) = (node.host.clone(), node.port);
    let looked_up = wait(
        Reply::pending(async move {
            let found = tokio::net::lookup_host((host, port)).await;
            Ok(found.map(Iterator::collect::<Vec<SocketAddr>>))
        }),
        timeout,
    );
    let unknown = |why: String| {
        (Finding::failed(Status::UNAVAILABLE, why, advice::on_name(&node.host, in_container)), Vec::new())
    };
    match looked_up {
        Err(error) => unknown(format!("no answer from the DNS: {}", error.message())),
        Ok(Err(error)) => unknown(format!("{} has no address: {error}", node.host)),
        Ok(Ok(addresses)) if addresses.is_empty() => unknown(format!("{} has no address", node.host)),
        Ok(Ok(mut addresses)) => {
            addresses.dedup();
            let listed: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
            (Finding::fine(listed.join(", ")), addresses)
        }
    }
}

/// A connection to each address of a node.
pub fn connect(node: &Node, addresses: &[SocketAddr], in_container: bool) -> Finding {
    let (mut reached, mut missed, mut refused) = (Vec::new(), Vec::new(), false);
    for address in addresses {
        match connect_one(*address) {
            Ok(()) => reached.push(address.to_string()),
            Err(error) => {
                refused |= error.kind() == ErrorKind::ConnectionRefused;
                missed.push(format!("{address}: {error}"));
            }
        }
    }
    if missed.is_empty() {
        return Finding::fine(reached.join(", "));
    }
    let advice = if refused { advice::on_refusal(node, in_container) } else { advice::on_silence(in_container) };
    if reached.is_empty() {
        return Finding::failed(Status::UNAVAILABLE, missed.join("; "), advice);
    }
    Finding::warning(format!("{}; not {}", reached.join(", "), missed.join("; ")), advice)
}

fn connect_one(address: SocketAddr) -> std::io::Result<()> {
    let connecting = Reply::pending(async move {
        let limited = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await;
        let late = |_| std::io::Error::new(ErrorKind::TimedOut, format!("no answer within {} s", CONNECT.as_secs()));
        Ok(limited.map_err(late).and_then(|connected| connected).map(drop))
    });
    wait(connecting, None).unwrap_or_else(|error| Err(std::io::Error::other(error.to_string())))
}
