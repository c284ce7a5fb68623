//! The servers that a store's settings name, for what looks at them from outside the store.

use crate::config::StoreConfig;

/// A server, or a sentinel, of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Node {
    /// A node as settings write it: `host`, `host:port`, `host:port/master`, or a URL of these. Credentials in it are
    /// left out.
    pub fn parse(text: &str, default_port: u16) -> Option<Node> {
        let is_scheme = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let text = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)).map_or(text, |(_, rest)| rest);
        let text = text.split(['/', '?', '#']).next().unwrap_or("");
        let text = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => match text.split_once(':') {
                // More than one colon without brackets is an address of version 6 without a port.
                Some((_, rest)) if rest.contains(':') => (text, ""),
                Some((host, port)) => (host, port),
                None => (text, ""),
            },
        };
        let port = port.strip_prefix(':').unwrap_or(port);
        let port = if port.is_empty() { default_port } else { port.parse().ok()? };
        (!host.is_empty()).then(|| Node { host: host.to_owned(), port })
    }

    /// The servers of a section, in their order; none for a type that has no server.
    pub fn of(section: &StoreConfig) -> Vec<Node> {
        let Some(default_port) = default_port(&section.kind) else { return Vec::new() };
        // As the store itself reads it, also for what it leaves out.
        let texts = section.settings.clone().list("nodes").ok().flatten().filter(|nodes| !nodes.is_empty());
        let texts = texts.unwrap_or_else(|| vec!["127.0.0.1".to_owned()]);
        let mut nodes: Vec<Node> = Vec::new();
        for node in texts.iter().filter_map(|text| Node::parse(text, default_port)) {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        nodes
    }
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn default_port(kind: &str) -> Option<u16> {
    match kind {
        "nats-js-kv" => Some(4222),
        "redis-sentinel" => Some(26379),
        "redis" => Some(6379),
        _ => None,
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_read_in_every_form_and_without_its_credentials() {
        let cases = [
            ("redis", "redis:6379"),
            ("sentinel-a:26380/mymaster", "sentinel-a:26380"),
            ("nats://user:p@ss@nats.internal:4222/bucket?x=1", "nats.internal:4222"),
            ("[::1]:7000", "[::1]:7000"),
            ("fe80::1", "[fe80::1]:6379"),
            ("10.0.0.1:1", "10.0.0.1:1"),
            ("a:1/x://y", "a:1"),
        ];
        for (text, expected) in cases {
            assert_eq!(Node::parse(text, 6379).map(|node| node.to_string()).as_deref(), Some(expected), "{text}");
        }
        for text in ["", ":6379", "host:port", "host:99999", "[::1"] {
            assert_eq!(Node::parse(text, 6379), None, "{text}");
        }
    }
}
