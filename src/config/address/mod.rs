//! URLs of servers, in the forms that their own clients take, as the settings of a store.

mod nats;
mod redis;

use serde_json::{Map, Value};

use super::settings::Settings;
use crate::error::{Error, Result};

/// The settings that a server's URL says, with its `type`; `None` when the scheme is none of a server.
///
/// # Errors
///
/// `CONFIG` that names the part of the URL that cannot be used; never with the URL itself, which may hold a password.
pub fn settings(scheme: &str, url: &str) -> Option<Result<Map<String, Value>>> {
    match scheme {
        "nats" | "nats+tls" => Some(nats::settings(url)),
        scheme if scheme.starts_with("redis") => redis::settings(scheme, url),
        _ => None,
    }
}

/// Reads the server of a store of type `redis` that is given as a URL, as oCIS takes it: what the URL says becomes
/// settings, where there is none of that name.
///
/// # Errors
///
/// `CONFIG` that names `nodes` and the part of the URL that cannot be used, without the URL; also for one of sentinels, and
/// for one that asks for TLS where the settings refuse it.
pub fn expand_node(kind: &str, settings: &mut Settings) -> Result<()> {
    // What is no list is refused by the store.
    let nodes = settings.clone().list("nodes").ok().flatten().unwrap_or_default();
    let [node] = nodes.as_slice() else { return Ok(()) };
    let Some((scheme, _)) = node.split_once("://").filter(|_| kind == "redis") else { return Ok(()) };
    let name = settings.name("nodes");
    let fault = |text: &str| Error::config(name.clone(), format!("the URL in it cannot be used: {text}"));
    let has_password = ["password", "password_file"].into_iter().any(|key| settings.has(key));
    let Some(said) = redis::settings_beside(scheme, node, has_password) else {
        return Err(fault("its scheme is none of Redis; expected redis:// or rediss://"));
    };
    let mut said = said.map_err(|error| match error.origin() {
        "config" => fault(error.message()),
        origin => fault(&format!("{origin}: {}", error.message())),
    })?;
    if said.shift_remove("type").is_some_and(|said| said != kind) {
        return Err(fault("it names sentinels; the type for them is redis-sentinel"));
    }
    if said.contains_key("database") || said.contains_key("table") {
        return Err(fault("its path is no number of a database; name Larder's by the settings database and table"));
    }
    let is_encrypted = said.get("tls") == Some(&Value::Bool(true));
    if is_encrypted && settings.clone().flag("tls") == Ok(Some(false)) {
        return Err(fault(&format!("it asks for TLS, and {} is false", settings.name("tls"))));
    }
    let Some(server) = said.shift_remove("nodes") else { return Err(fault("it names no server")) };
    settings.replace("nodes", server);
    for (key, value) in said {
        settings.add_missing(&key, value, format!("{name} ({key} in its URL)"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn expanded(values: Value) -> std::result::Result<Value, String> {
        let Value::Object(values) = values else { panic!("an object") };
        let mut settings = Settings::new("stores.a", values);
        expand_node("redis", &mut settings).map_err(|error| error.to_string())?;
        Ok(Value::Object(settings.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect()))
    }

    #[test]
    fn a_server_that_is_a_url_says_what_the_settings_leave_out() {
        let cases = [
            (json!({"nodes": "h:1"}), json!({"nodes": "h:1"})),
            (json!({"nodes": ["redis://h"]}), json!({"nodes": ["h"]})),
            (
                json!({"nodes": "rediss://u:p@h:1/3", "db": 4, "username": "me"}),
                json!({"nodes": ["h:1"], "db": 4, "username": "me", "tls": true, "password": "p"}),
            ),
            (
                json!({"nodes": "redis://u:p@h", "password_file": "/run/p"}),
                json!({"nodes": ["h"], "password_file": "/run/p", "username": "u"}),
            ),
            // What stands alone before the @ is the password, unless that comes from elsewhere.
            (json!({"nodes": "redis://p@h"}), json!({"nodes": ["h"], "password": "p"})),
            (
                json!({"nodes": "redis://u@h", "password": "p"}),
                json!({"nodes": ["h"], "password": "p", "username": "u"}),
            ),
        ];
        for (settings, expected) in cases {
            assert_eq!(expanded(settings.clone()), Ok(expected), "{settings}");
        }
    }

    #[test]
    fn a_setting_in_a_servers_url_is_named_with_it() {
        let config = crate::config::Config::parse(r#"{"type": "redis", "nodes": "redis://h/0?pool_size=10"}"#);
        let store = config.expect("a document").stores.pop_first().expect("one").1;
        let error = crate::store::open::open(store).err().expect("unknown").to_string();
        assert!(error.starts_with("nodes (pool_size in its URL): there is no such setting"), "{error}");
    }

    #[test]
    fn a_url_of_a_server_that_cannot_be_used_is_not_repeated() {
        for (settings, expected) in [
            (json!({"nodes": "redis-sentinel://:hush@h#m"}), "it names sentinels"),
            (json!({"nodes": "nats://:hush@h"}), "its scheme is none of Redis"),
            (json!({"nodes": "redis://:hush@h/app"}), "its path is no number of a database"),
            (json!({"nodes": "rediss://:hush@h", "tls": false}), "it asks for TLS, and stores.a.tls is false"),
            (json!({"nodes": "redis://:hush@"}), "it names no server"),
            (json!({"nodes": "redis://h?db=1&db=hush"}), "db: it stands in the URL in its query twice"),
            (json!({"nodes": "redis://u:12#hush@h"}), "an @ stands behind a #"),
        ] {
            let error = expanded(settings).expect_err(expected);
            assert!(error.starts_with(&format!("stores.a.nodes: the URL in it cannot be used: {expected}")), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
