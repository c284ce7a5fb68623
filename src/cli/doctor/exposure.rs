//! Whether a server lets in whoever can reach it. Ports of a store that only containers of one network need are often
//! published all the same, and then anybody in the network of the host reads and writes what lies there.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;

use super::advice;
use super::greeting;
use super::handshake::{Encryption, Greeting};
use super::interfaces;
use super::plain::{self, Spoken};
use super::step::Finding;
use crate::boundary::wait::wait;
use crate::cli::node::Node;
use crate::error::Status;
use crate::store::remote::tls::TlsConfig;
use crate::store::reply::Reply;

/// How long a connection to one of this machine's own addresses may take.
const NEAR: Duration = Duration::from_millis(500);

/// Looks at a node that can be reached at `addresses`.
pub fn look(node: &Node, addresses: &[SocketAddr], encryption: &Encryption, in_container: bool) -> Finding {
    let outside = outside(addresses);
    let Some(first) = outside.first() else {
        return Finding::skipped("it is reached over loopback, and not by this machine's other addresses");
    };
    match ask_as_a_stranger(node, &outside, encryption) {
        Spoken::LetsIn => judge(first, in_container && outside.iter().all(|address| is_internal(address.ip()))),
        Spoken::Refuses => Finding::fine(format!("{first} asks for a login")),
        Spoken::Foreign | Spoken::Nothing => {
            Finding::skipped(format!("{first} says nothing that tells whether it asks for a login"))
        }
    }
}

/// What it means that a server lets anybody in. The internal network of containers is for those who may.
fn judge(first: &SocketAddr, is_for_containers: bool) -> Finding {
    let detail = format!("{first} lets in whoever reaches it, without a login");
    if is_for_containers {
        return Finding::fine(format!("{detail}; it is an address of an internal network: publish no port of it"));
    }
    Finding::warning(detail, advice::ON_EXPOSURE)
}

/// The addresses at which others can reach it: of one that is configured by loopback, this machine's own.
fn outside(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let outside: Vec<SocketAddr> =
        addresses.iter().copied().filter(|address| !address.ip().to_canonical().is_loopback()).collect();
    let Some(port) = addresses.first().map(SocketAddr::port).filter(|_| outside.is_empty()) else { return outside };
    let own = interfaces::addresses().into_iter().map(|ip| SocketAddr::new(ip, port));
    own.filter(|address| takes_connections(*address)).collect()
}

fn takes_connections(address: SocketAddr) -> bool {
    std::net::TcpStream::connect_timeout(&address, NEAR).is_ok()
}

/// What a server says to somebody who has neither a login nor a certificate.
fn ask_as_a_stranger(node: &Node, addresses: &[SocketAddr], encryption: &Encryption) -> Spoken {
    if encryption.greeting == Greeting::Info {
        let Some(info) = greeting::ask(addresses, Some(plain::PATIENCE)) else { return Spoken::Nothing };
        let asks = info["auth_required"] == true || info["tls_verify"] == true;
        return if asks { Spoken::Refuses } else { Spoken::LetsIn };
    }
    if !encryption.config.enabled {
        return plain::ask(addresses);
    }
    let stranger = TlsConfig { certificate: None, key: None, ..encryption.believing() };
    let encryption = Encryption { config: stranger.clone(), ..*encryption };
    let (node, addresses) = (node.clone(), addresses.to_vec());
    let asked = Reply::pending(async move {
        let stream: tokio_rustls::client::TlsStream<TcpStream> =
            encryption.connect(&stranger, &node, &addresses).await?;
        Ok(plain::converse(stream).await)
    });
    match wait(asked, Some(plain::PATIENCE)) {
        // Whoever hangs up on a stranger during the handshake, or right after it, wants a certificate.
        Ok(Spoken::Foreign) => Spoken::Refuses,
        Ok(spoken) => spoken,
        Err(error) if error.status() == Status::TIMEOUT => Spoken::Nothing,
        Err(_) => Spoken::Refuses,
    }
}

/// Whether an address is of a network that the internet does not reach.
fn is_internal(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::cli::doctor::step::Outcome;

    #[test]
    fn a_server_without_a_login_is_warned_of_but_among_containers() {
        let address = "10.0.0.1:6379".parse().expect("an address");
        assert_eq!(judge(&address, true).outcome, Outcome::Fine);
        let warned = judge(&address, false);
        assert_eq!(warned.outcome, Outcome::Warning);
        assert!(warned.detail.starts_with("10.0.0.1:6379 lets in"), "{}", warned.detail);
    }

    #[test]
    fn internal_networks_are_told_from_the_internet() {
        for (ip, expected) in [
            ("10.0.0.1", true),
            ("172.18.0.3", true),
            ("192.168.1.1", true),
            ("::ffff:10.0.0.1", true),
            ("fd00::1", true),
            ("8.8.8.8", false),
            ("2001:4860::1", false),
        ] {
            assert_eq!(is_internal(ip.parse().expect(ip)), expected, "{ip}");
        }
    }
}
