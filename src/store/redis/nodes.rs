//! The setting `nodes`: where the server is, or the sentinels and the name that they know the master by.

use crate::error::{Error, Result};
use crate::store::redis::connection::Address;

/// The port of a server where an address says none.
pub const SERVER_PORT: u16 = 6379;
/// The port of a sentinel where an address says none.
pub const SENTINEL_PORT: u16 = 26379;

/// Sentinels, and what they call the master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentinels {
    /// Where they are; at least one.
    pub addresses: Vec<Address>,
    /// The master's name.
    pub master: String,
}

/// The one server of a store of type `redis`. `name` is the setting's, for errors.
///
/// # Errors
///
/// `CONFIG` that says what is wrong with which node.
pub fn server(name: &str, nodes: &[String]) -> Result<Address> {
    let [node] = nodes else {
        let text = format!("it names {} servers; expected one, such as \"127.0.0.1:{SERVER_PORT}\"", nodes.len());
        return Err(Error::config(name.to_owned(), text));
    };
    Address::parse(node, Some(SERVER_PORT)).ok_or_else(|| {
        let text = format!("{} is no server; expected <host>:<port>", shown(node));
        Error::config(name.to_owned(), text)
    })
}

/// The sentinels of a store of type `redis-sentinel`: each node `<host>:<port>/<master>` as oCIS writes it, or
/// `<host>:<port>` where the setting `master` has the name.
///
/// # Errors
///
/// `CONFIG` that says what is wrong with which node.
pub fn sentinels(name: &str, nodes: &[String], master: Option<String>) -> Result<Sentinels> {
    let fault = |text: String| Err(Error::config(name.to_owned(), text));
    let mut found: Option<String> = master.filter(|master| !master.is_empty());
    let mut addresses = Vec::new();
    for node in nodes {
        let (address, own) = match node.split_once('/') {
            Some((address, own)) => (address, Some(own)),
            None => (node.as_str(), None),
        };
        let Some(address) = Address::parse(address, Some(SENTINEL_PORT)) else {
            return fault(format!(
                "{} is no sentinel; expected <sentinel-host>:<sentinel-port>/<redis-master>",
                shown(node)
            ));
        };
        let own = own.filter(|own| !own.is_empty());
        match (&found, own) {
            (None, None) => {
                let text =
                    format!("{} names no master; expected <sentinel-host>:<sentinel-port>/<redis-master>", shown(node));
                return fault(text);
            }
            (Some(known), Some(own)) if known != own => {
                let (known, own) = (shown(known), shown(own));
                return fault(format!("it names two masters, {known} and {own}; all nodes must name the same"));
            }
            (None, Some(own)) => found = Some(own.to_owned()),
            _ => {}
        }
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    match found {
        Some(master) if master.contains(char::is_control) => {
            fault(format!("the master's name {} is not of one line of text", shown(&master)))
        }
        Some(master) if !addresses.is_empty() => Ok(Sentinels { addresses, master }),
        _ => fault("it names no sentinel; expected <sentinel-host>:<sentinel-port>/<redis-master>".to_owned()),
    }
}

/// A node, or a part of one, as errors show it, on one line: what stands before an `@` may be a password.
fn shown(node: &str) -> String {
    match node.rsplit_once('@') {
        Some((_, rest)) => format!("\"(hidden)@{}\"", rest.escape_debug()),
        None => format!("\"{}\"", node.escape_debug()),
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn read(nodes: &[&str], master: Option<&str>) -> std::result::Result<String, String> {
        let nodes: Vec<String> = nodes.iter().map(|node| (*node).to_owned()).collect();
        match sentinels("nodes", &nodes, master.map(str::to_owned)) {
            Ok(found) => {
                let addresses: Vec<String> = found.addresses.iter().map(Address::to_string).collect();
                Ok(format!("{} of {}", found.master, addresses.join(" ")))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn nodes_as_ocis_writes_them_name_sentinels_and_master() {
        let expected = "m of a:1 b:26379 [::1]:3";
        assert_eq!(read(&["a:1/m", "b/m", "[::1]:3/m", "a:1/m"], None).as_deref(), Ok(expected));
        assert_eq!(read(&["a:1", "b", "[::1]:3"], Some("m")).as_deref(), Ok(expected));
        assert_eq!(read(&["a:1/m", "b", "[::1]:3/"], None).as_deref(), Ok(expected));
        assert_eq!(read(&["a:1/with/slash"], None).as_deref(), Ok("with/slash of a:1"));
    }

    #[test]
    fn malformed_nodes_are_named() {
        for (nodes, master, expected) in [
            (
                &["10.10.0.200:26379"][..],
                None,
                "nodes: \"10.10.0.200:26379\" names no master; expected <sentinel-host>:<sentinel-port>/<redis-master>",
            ),
            (&["a:1/"], None, "nodes: \"a:1/\" names no master"),
            (&["a:1/m", "b:1/n"], None, "nodes: it names two masters, \"m\" and \"n\""),
            (&["a:1/m"], Some("n"), "nodes: it names two masters, \"n\" and \"m\""),
            (&["a:1/m\u{7f}"], None, "nodes: the master's name \"m\\u{7f}\" is not of one line of text"),
            (&["a:x/m"], None, "nodes: \"a:x/m\" is no sentinel"),
            (&["u:secret@a:1/m"], None, "nodes: \"(hidden)@a:1/m\" is no sentinel"),
            (&[], Some("m"), "nodes: it names no sentinel"),
        ] {
            let error = read(nodes, master).expect_err(expected);
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_server_is_one_node() {
        let one = |nodes: &[&str]| server("nodes", &nodes.iter().map(|node| (*node).to_owned()).collect::<Vec<_>>());
        assert_eq!(one(&["a"]).map(|address| address.to_string()).as_deref(), Ok("a:6379"));
        assert!(one(&["a", "b"]).is_err() && one(&[]).is_err() && one(&["a:1/m"]).is_err());
    }
}
