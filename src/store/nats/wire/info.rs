//! What a server says of itself.

use serde_json::Value;

use super::json;

/// A server's description of itself, sent at the beginning and whenever something in it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// The server's name.
    pub server_name: String,
    /// Its version.
    pub version: String,
    /// How many bytes a message may have, headers included.
    pub max_payload: usize,
    /// What a login by a key has to sign.
    pub nonce: String,
    /// Whether it takes encrypted connections only.
    pub tls_required: bool,
    /// Whether it can encrypt.
    pub tls_available: bool,
    /// Whether messages may have headers.
    pub headers: bool,
    /// Whether it has JetStream.
    pub jetstream: bool,
    /// Whether it is about to leave.
    pub is_leaving: bool,
    /// Other servers of its cluster.
    pub connect_urls: Vec<String>,
}

impl Info {
    /// Reads the JSON after `INFO`; `None` for what is none.
    pub fn parse(text: &[u8]) -> Option<Info> {
        let value: Value = serde_json::from_slice(text).ok()?;
        value.as_object()?;
        let urls = value.get("connect_urls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Some(Info {
            server_name: json::text(&value, "server_name").to_owned(),
            version: json::text(&value, "version").to_owned(),
            max_payload: usize::try_from(json::number(&value, "max_payload")).unwrap_or(usize::MAX),
            nonce: json::text(&value, "nonce").to_owned(),
            tls_required: json::flag(&value, "tls_required"),
            tls_available: json::flag(&value, "tls_available"),
            headers: json::flag(&value, "headers"),
            jetstream: json::flag(&value, "jetstream"),
            is_leaving: json::flag(&value, "ldm"),
            connect_urls: urls.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_read_and_what_is_not_is_not_missed() {
        let info = Info::parse(br#" {"server_name":"n","max_payload":9,"ldm":true,"connect_urls":["a:1",2],"x":[]} "#);
        let expected = Info {
            server_name: "n".into(),
            max_payload: 9,
            is_leaving: true,
            connect_urls: vec!["a:1".into()],
            ..Info::default()
        };
        assert_eq!(info, Some(expected));
        assert_eq!(Info::parse(b"{}"), Some(Info::default()));
        for text in [&b""[..], b"[]", b"{", b"\xff"] {
            assert_eq!(Info::parse(text), None);
        }
    }
}
