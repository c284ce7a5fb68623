//! `nats://user:password@host:4222,host:4222/bucket/table?setting=value`.
//!
//! What stands before the first `/` are the servers, as NATS clients take them: several with commas, a login before an
//! `@`, which holds for all of them unless one has its own. `nats+tls://` asks for TLS. The path is the database and the
//! table, and the query holds further settings.

use serde_json::{Map, Value};

use crate::config::percent;
use crate::error::{Error, Result};
use crate::store::nats::KIND;
use crate::store::nats::config::Node;

/// The settings that the URL says.
///
/// # Errors
///
/// `CONFIG` that names the part that cannot be used.
pub fn settings(url: &str) -> Result<Map<String, Value>> {
    let Some((scheme, rest)) = url.split_once("://") else { return Err(malformed("it has no ://")) };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (servers, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut settings = Map::new();
    settings.insert("type".to_owned(), KIND.into());
    let nodes = nodes(servers)?;
    if !nodes.is_empty() {
        settings.insert("nodes".to_owned(), nodes.into());
    }
    if scheme == "nats+tls" {
        settings.insert("tls".to_owned(), true.into());
    }
    let (database, table) = path.split_once('/').unwrap_or((path, ""));
    for (name, text) in [("database", database), ("table", table)] {
        let text =
            percent::decode(text).map_err(|malformed| Error::config(name, format!("in the URL it {malformed}")))?;
        if !text.is_empty() {
            settings.insert(name.to_owned(), text.into());
        }
    }
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name.is_empty() {
            return Err(malformed("a setting in it has no name"));
        }
        if settings.insert(name.to_string(), value.into_owned().into()).is_some() {
            return Err(Error::config(name.into_owned(), "the URL says it twice"));
        }
    }
    Ok(settings)
}

/// The servers, each with the login that holds for it.
fn nodes(servers: &str) -> Result<Vec<Value>> {
    let (login, _) = servers.split(',').next().and_then(|first| first.rsplit_once('@')).unwrap_or(("", ""));
    let texts = servers.split(',').filter(|text| !text.is_empty());
    let parse = |(place, text): (usize, &str)| {
        let whole = if login.is_empty() || text.contains('@') {
            format!("nats://{text}")
        } else {
            format!("nats://{login}@{text}")
        };
        match Node::parse(&whole) {
            Some(_) => Ok(Value::from(whole)),
            // Not repeated: it may hold a password.
            None => Err(malformed(&format!("server {} in it is none; expected host:port", place + 1))),
        }
    };
    texts.enumerate().map(parse).collect()
}

fn malformed(what: &str) -> Error {
    let expected = "expected nats://[user:password@]host:port[,host:port][/bucket[/table]][?setting=value]";
    Error::config("config", format!("the URL cannot be read: {what}; {expected}"))
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_url_says_servers_bucket_table_and_settings() {
        let expected = [
            ("nats://", json!({"type": KIND})),
            ("nats://h:1", json!({"type": KIND, "nodes": ["nats://h:1"]})),
            (
                "nats+tls://u:p%40@a:1,b:2,v@c/bucket/ta%2Fble?format=raw",
                json!({"type": KIND, "nodes": ["nats://u:p%40@a:1", "nats://u:p%40@b:2", "nats://v@c"], "tls": true,
                    "database": "bucket", "table": "ta/ble", "format": "raw"}),
            ),
            ("nats://h?replicas=3", json!({"type": KIND, "nodes": ["nats://h"], "replicas": "3"})),
        ];
        for (url, settings_said) in expected {
            assert_eq!(Value::Object(settings(url).expect(url)), settings_said, "{url}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_and_no_password_repeated() {
        for (url, origin) in [
            ("nats://user:hush@h:port", "config"),
            ("nats://user:hush@a b", "config"),
            ("nats://u:hush@h/%ff", "database"),
            ("nats://u:hush@h/b?database=c", "database"),
            ("nats://u:hush@h?=x", "config"),
        ] {
            let error = settings(url).expect_err(url);
            assert_eq!(error.origin(), origin, "{url}");
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}
