//! What to do about what was found: the pitfalls of networks, of containers first of all.

pub mod login;
pub mod refusal;
pub mod tls;

use std::net::IpAddr;
use std::path::Path;

use crate::cli::node::Node;

/// The port of the NATS server that oCIS and OpenCloud have in them.
const EMBEDDED_NATS: u16 = 9233;

const ON_EMBEDDED_NATS: &str = "9233 is the NATS server inside of oCIS or OpenCloud, which listens on its own 127.0.0.1 only \
                                unless NATS_NATS_HOST says otherwise, and is not there where the nats service is left out; a \
                                NATS server of its own listens on 4222.";

/// Whether this process runs in a container.
pub fn is_in_container() -> bool {
    let signs = ["/.dockerenv", "/run/.containerenv"];
    signs.iter().any(|path| Path::new(path).exists()) || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

/// Whether a host is this machine, or this container.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A name that has no address.
pub fn on_name(host: &str, in_container: bool) -> String {
    if host.contains('.') {
        return format!("\"{host}\" is in no DNS that is asked here; check its spelling and the search domains.");
    }
    if in_container {
        return format!(
            "Both containers must share a network; on it, docker's DNS (127.0.0.11) knows \"{host}\" if it is the name of \
             the service in the compose file. A container of another project or network is not known by its name."
        );
    }
    format!(
        "If \"{host}\" is the service of a compose file, only containers on its network know the name: run this inside one \
         of them, or publish the port and use 127.0.0.1."
    )
}

/// A connection that was refused.
pub fn on_refusal(node: &Node, in_container: bool) -> String {
    if in_container && is_loopback(&node.host) {
        let text = format!(
            "Inside a container {} is the container itself: use the service's name, on a network that both share.",
            node.host
        );
        return if node.port == EMBEDDED_NATS { format!("{text} {ON_EMBEDDED_NATS}") } else { text };
    }
    if node.port == EMBEDDED_NATS {
        return format!("Nothing listens on port {EMBEDDED_NATS}. {ON_EMBEDDED_NATS}");
    }
    format!(
        "The host answers, but nothing listens on port {}. Is the server up and healthy (depends_on with condition: \
         service_healthy waits for it), and does it listen on more than its own 127.0.0.1? Between containers it is the \
         container's port that counts, not the published one; nothing needs to be published for it.",
        node.port
    )
}

/// A connection that nobody answered.
pub fn on_silence(in_container: bool) -> String {
    let text = "Nobody answers: a firewall or a network policy drops the packets, or the address is of a network that this \
                one has no way to.";
    if in_container { format!("{text} Are both containers on the same docker network?") } else { text.to_owned() }
}

/// A master that the sentinels name and that cannot be reached.
pub fn on_announced_master(in_container: bool) -> String {
    let text = "The sentinels name the master by an address of their own network, which is not reachable from here. Let the \
                servers announce one that is: replica-announce-ip and sentinel announce-ip, or names with sentinel \
                resolve-hostnames yes and announce-hostnames yes.";
    if in_container { format!("{text} Or put this container on the master's network.") } else { text.to_owned() }
}

/// Clocks that are apart.
pub const ON_CLOCKS: &str = "Lifespans and expiry are judged by both clocks, so that records end too early or too late: let \
                             NTP (chrony, systemd-timesyncd) keep both machines' time. A container has its host's clock.";

/// A server that lets in whoever reaches it.
pub const ON_EXPOSURE: &str = "Whoever reaches this port can read and write all of it. Where only containers of one network \
                               need it, publish no port (no ports: in the compose file; containers reach one another \
                               without), or bind it to 127.0.0.1. Otherwise give the server a login (requirepass or \
                               users of an ACL for Redis, authorization for NATS) and the store username and password.";

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn advice_knows_what_a_container_calls_itself() {
        let node = |host: &str| Node { host: host.to_owned(), port: 6379 };
        assert!(on_refusal(&node("localhost"), true).contains("the container itself"));
        assert!(on_refusal(&node("127.0.0.1"), false).contains("nothing listens on port 6379"));
        assert!(on_refusal(&node("redis"), true).contains("service_healthy"));
        for (host, in_container) in [("127.0.0.1", true), ("127.0.0.1", false), ("ocis", true)] {
            let embedded = Node { host: host.to_owned(), port: 9233 };
            assert!(on_refusal(&embedded, in_container).contains("NATS_NATS_HOST"), "{host}");
        }
        assert!(on_name("redis", true).contains("127.0.0.11"));
    }

    #[test]
    fn advice_knows_where_names_come_from() {
        assert!(on_name("redis", false).contains("inside one"));
        assert!(on_name("redis.example.org", true).contains("spelling"));
    }
}
