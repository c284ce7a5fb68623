//! The URLs of Redis clients: plain servers and sentinels.
//!
//! | form | from | says |
//! | --- | --- | --- |
//! | `redis://user:password@host:port/db` | everybody | one server; `rediss` encrypts |
//! | `redis://…?master_set=name&addr=host:port` | rueidis | sentinels: the host and each `addr` |
//! | `redis-sentinel://user:password@host:port,host:port/db#name` | Lettuce | sentinels; the name also as `sentinelMasterId` |
//! | `redis-sentinel://…?sentinelServiceName=name&sentinelUsername=…` | fred | the same |
//!
//! `rediss-sentinel` encrypts the connections to servers and sentinels. Every setting of the store may stand in the query by
//! its own name, and wins over what the other clients call it. As those clients have it, user and password are the
//! servers'; the sentinels' are apart, but for Lettuce's and rueidis' forms, which know no other and use none.

use serde_json::{Map, Value};

use crate::config::percent;
use crate::error::{Error, Result};

/// What is read of a URL; its parts are not decoded yet.
struct Parts<'a> {
    user: Option<&'a str>,
    password: Option<&'a str>,
    hosts: Vec<&'a str>,
    path: &'a str,
    query: &'a str,
    fragment: Option<&'a str>,
}

/// Query parameters of other clients, and what they are here.
const ALIASES: [(&str, &str); 14] = [
    // Lettuce.
    ("sentinelMasterId", "master"),
    ("clientName", "client_name"),
    ("verifyPeer", "verifyPeer"),
    // fred.
    ("sentinelServiceName", "master"),
    ("sentinelUsername", "sentinel_username"),
    ("sentinelPassword", "sentinel_password"),
    // rueidis.
    ("master_set", "master"),
    ("dial_timeout", "connect_timeout"),
    ("write_timeout", "timeout"),
    ("client_name", "client_name"),
    ("skip_verify", "tls_insecure"),
    // redis-py and others.
    ("service_name", "master"),
    ("ssl", "tls"),
    ("socket_timeout", "timeout"),
];

/// Parameters that say what Larder does by itself, or what is no business of a store.
const IGNORED: [&str; 5] = ["protocol", "client_cache", "max_retries", "libraryName", "libraryVersion"];

/// The settings that the URL says; `None` for a scheme that no client has.
pub fn settings(scheme: &str, url: &str) -> Option<Result<Map<String, Value>>> {
    settings_beside(scheme, url, false)
}

/// The same of a URL that stands beside other settings, which may have a password.
pub fn settings_beside(scheme: &str, url: &str, has_password: bool) -> Option<Result<Map<String, Value>>> {
    let (has_sentinels, is_encrypted) = match scheme {
        "redis" => (false, false),
        "rediss" | "redis+ssl" | "redis+tls" => (false, true),
        "redis-sentinel" | "redis+sentinel" => (true, false),
        "rediss-sentinel" | "rediss+sentinel" => (true, true),
        "redis-socket" | "redis+socket" | "redis+unix" => {
            let text = "a Unix socket is not supported; give the server's host and port, redis://<host>:<port>";
            return Some(Err(Error::config("config", text)));
        }
        "redis-cluster" | "rediss-cluster" => {
            let text = "a Redis cluster is not supported; name one server (redis://) or sentinels (redis-sentinel://)";
            return Some(Err(Error::config("config", text)));
        }
        _ => return None,
    };
    Some(read(url, has_sentinels, is_encrypted, has_password))
}

fn read(url: &str, has_sentinels: bool, is_encrypted: bool, has_password: bool) -> Result<Map<String, Value>> {
    if url.contains(|c: char| c.is_ascii_control()) {
        return Err(Error::config("config", "the URL holds a control character; write it as %XX"));
    }
    let parts = split(url)?;
    let mut settings = Map::new();
    let mut further = Vec::new();
    for pair in parts.query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode_query(name)?, decode_query(value)?);
        if name == "addr" {
            further.push(value);
            continue;
        }
        add_parameter(&mut settings, &name, value)?;
    }
    let mut nodes = parts.hosts.iter().enumerate().map(host).collect::<Result<Vec<_>>>()?;
    nodes.extend(further);
    if let Some(name) = parts.fragment.filter(|name| !name.is_empty()) {
        let name = decode(name, "fragment")?;
        add(&mut settings, "master", name, "its fragment and in its query")?;
    }
    let has_sentinels = has_sentinels || settings.contains_key("master");
    add_path(&mut settings, parts.path)?;
    // An empty password is none; Redis calls the user of a password alone the default one.
    let user = parts.user.map(|user| decode(user, "user")).transpose()?.filter(|user| !user.is_empty());
    let password = parts.password.map(|text| decode(text, "password")).transpose()?.filter(|text| !text.is_empty());
    match (user, password) {
        (Some(user), Some(password)) => {
            add(&mut settings, "username", user, "its user part and in its query")?;
            add(&mut settings, "password", password, "its user part and in its query")?;
        }
        (None, Some(password)) => add(&mut settings, "password", password, "its user part and in its query")?,
        // Lettuce: what stands alone before the @ is the password, unless the password comes from elsewhere.
        (Some(alone), None) => {
            let is_user = has_password || settings.contains_key("password") || settings.contains_key("password_file");
            add(&mut settings, if is_user { "username" } else { "password" }, alone, "its user part and in its query")?;
        }
        (None, None) => {}
    }
    if is_encrypted {
        settings.entry("tls").or_insert(Value::Bool(true));
        if has_sentinels {
            settings.entry("sentinel_tls").or_insert(Value::Bool(true));
        }
    }
    if !nodes.is_empty() {
        let nodes = nodes.into_iter().map(Value::String).collect();
        if settings.insert("nodes".to_owned(), Value::Array(nodes)).is_some() {
            return Err(Error::config("nodes", "the servers stand in the URL's host and in its query"));
        }
    }
    let kind = if has_sentinels { "redis-sentinel" } else { "redis" };
    settings.insert("type".to_owned(), Value::String(kind.to_owned()));
    Ok(settings)
}

/// The parts of a URL whose host may be a list, which no parser of URLs takes.
fn split(url: &str) -> Result<Parts<'_>> {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let (rest, fragment) = match rest.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (rest, None),
    };
    if fragment.is_some_and(|fragment| fragment.contains('@')) {
        return Err(Error::config(
            "config",
            "an @ stands behind a #; write a # in a password as %23, an @ in a name as %40",
        ));
    }
    // Lettuce puts the query behind the fragment as well as before it.
    let (fragment, late_query) = match fragment.and_then(|fragment| fragment.split_once('?')) {
        Some((fragment, query)) => (Some(fragment), Some(query)),
        None => (fragment, None),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    if late_query.is_some() && !query.is_empty() {
        return Err(Error::config("config", "the URL has two queries; put all settings behind one ?"));
    }
    // A password may hold a slash that its user forgot to encode, but never an @ that is not encoded: the last one counts.
    let (user_part, rest) = match rest.rsplit_once('@') {
        Some((user_part, rest)) => (Some(user_part), rest),
        None => (None, rest),
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, password) = match user_part.map(|part| part.split_once(':').map_or((part, None), |(u, p)| (u, Some(p))))
    {
        Some((user, password)) => (Some(user), password),
        None => (None, None),
    };
    let hosts = host.split(',').filter(|host| !host.is_empty()).collect();
    Ok(Parts { user, password, hosts, path, query: late_query.unwrap_or(query), fragment })
}

/// A server. Not repeated where it is none: a part of a password that was not encoded may stand there.
fn host((place, text): (usize, &&str)) -> Result<String> {
    let host = decode(text, "host")?;
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').unwrap_or(("", "")),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let has_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_number);
    if name.is_empty() || !has_port {
        let text = format!(
            "server {} of the URL is none; expected <host>:<port> (write /, ? and # in a password as %2F, %3F and %23)",
            place + 1
        );
        return Err(Error::config("config", text));
    }
    Ok(host)
}

fn add_parameter(settings: &mut Map<String, Value>, name: &str, value: String) -> Result<()> {
    if name.is_empty() {
        return Err(Error::config("config", "a setting in the URL has no name"));
    }
    if name.contains(|c: char| !c.is_ascii_alphanumeric() && !"_-.".contains(c)) {
        let text =
            "a setting's name in the URL holds other signs than letters, digits and _; write a ? in a password as %3F";
        return Err(Error::config("config", text));
    }
    if IGNORED.contains(&name) {
        return Ok(());
    }
    let (name, value) = match name {
        // rueidis: the parameter alone means yes.
        "skip_verify" if value.is_empty() => ("tls_insecure", "true".to_owned()),
        "verifyPeer" => ("tls_insecure", verify_peer(&value)?.to_owned()),
        // Lettuce: without a unit these are milliseconds.
        "timeout" if is_number(&value) => ("timeout", value + "ms"),
        // Lettuce: the number of the database, where Larder's own is a name.
        "database" if is_number(&value) => ("db", value),
        other => (ALIASES.iter().find(|(known, _)| *known == other).map_or(other, |(_, own)| *own), value),
    };
    add(settings, name, value, "its query twice")
}

/// Lettuce: which of the certificate's checks are made.
fn verify_peer(value: &str) -> Result<&'static str> {
    match value.to_ascii_lowercase().as_str() {
        "" | "full" | "true" => Ok("false"),
        "none" | "false" => Ok("true"),
        _ => {
            let text = format!("it is \"{value}\"; expected full or none (name another host by tls_server_name)");
            Err(Error::config("verifyPeer", text))
        }
    }
}

/// The path is the number of a database, or the names of a database and a table of Larder's.
fn add_path(settings: &mut Map<String, Value>, path: &str) -> Result<()> {
    let mut names = path.splitn(2, '/');
    let first = decode(names.next().unwrap_or_default(), "path")?;
    let second = decode(names.next().unwrap_or_default(), "path")?;
    let key = if second.is_empty() && is_number(&first) { "db" } else { "database" };
    if !first.is_empty() {
        // Lettuce: the query's number counts more than the path's.
        if key == "db" && settings.contains_key("db") {
            return Ok(());
        }
        add(settings, key, first, "its path and in its query")?;
    }
    if !second.is_empty() {
        add(settings, "table", second, "its path and in its query")?;
    }
    Ok(())
}

fn add(settings: &mut Map<String, Value>, name: &str, value: String, places: &str) -> Result<()> {
    if settings.insert(name.to_owned(), Value::String(value)).is_some() {
        return Err(Error::config(name.to_owned(), format!("it stands in the URL in {places}; leave one out")));
    }
    Ok(())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A part with its `%XX` decoded; `part` is its name, for the error, which does not hold the part itself.
fn decode(text: &str, part: &'static str) -> Result<String> {
    percent::decode(text).map_err(|malformed| Error::config("config", format!("the URL's {part} {malformed}")))
}

/// The same of the query, where a blank may be a `+`.
fn decode_query(text: &str) -> Result<String> {
    decode(&text.replace('+', " "), "query")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(url: &str) -> std::result::Result<Value, String> {
        let scheme = url.split_once("://").expect("a scheme").0;
        match super::settings(scheme, url).expect("a known scheme") {
            Ok(settings) => Ok(Value::Object(settings)),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_forms_of_every_client_say_the_same_as_settings() {
        let cases = [
            ("redis://h:1", json!({"nodes": ["h:1"], "type": "redis"})),
            ("redis://h", json!({"nodes": ["h"], "type": "redis"})),
            ("redis://[::1]:5/3", json!({"db": "3", "nodes": ["[::1]:5"], "type": "redis"})),
            (
                "redis://u:p%40%2F@h:1/2?format=raw",
                json!({"format": "raw", "db": "2", "username": "u", "password": "p@/", "nodes": ["h:1"], "type": "redis"}),
            ),
            ("redis://:p@h", json!({"password": "p", "nodes": ["h"], "type": "redis"})),
            ("redis://p@h", json!({"password": "p", "nodes": ["h"], "type": "redis"})),
            ("redis://u@h?password=p", json!({"password": "p", "username": "u", "nodes": ["h"], "type": "redis"})),
            ("rediss://h", json!({"tls": true, "nodes": ["h"], "type": "redis"})),
            ("redis://h/app/t", json!({"database": "app", "table": "t", "nodes": ["h"], "type": "redis"})),
            // Lettuce.
            (
                "redis-sentinel://u:p@a:1,b/0?timeout=10s&clientName=c&libraryName=l#m",
                json!({"timeout": "10s", "client_name": "c", "master": "m", "db": "0", "username": "u", "password": "p",
                       "nodes": ["a:1", "b"], "type": "redis-sentinel"}),
            ),
            (
                "redis-sentinel://p@a:1/1?sentinelMasterId=m&database=2",
                json!({"master": "m", "db": "2", "password": "p", "nodes": ["a:1"], "type": "redis-sentinel"}),
            ),
            (
                "rediss-sentinel://a:1?verifyPeer=NONE#m",
                json!({"tls_insecure": "true", "master": "m", "tls": true, "sentinel_tls": true, "nodes": ["a:1"],
                       "type": "redis-sentinel"}),
            ),
            ("redis://a?timeout=5000", json!({"timeout": "5000ms", "nodes": ["a"], "type": "redis"})),
            // fred.
            (
                "redis-sentinel://u:p@a:1,b:2/3?sentinelServiceName=m&sentinelUsername=su&sentinelPassword=sp",
                json!({"master": "m", "sentinel_username": "su", "sentinel_password": "sp", "db": "3", "username": "u",
                       "password": "p", "nodes": ["a:1", "b:2"], "type": "redis-sentinel"}),
            ),
            // rueidis.
            (
                "redis://u:p@a:1/4?master_set=m&addr=b:2&addr=c:3&dial_timeout=3s&protocol=2",
                json!({"master": "m", "connect_timeout": "3s", "db": "4", "username": "u", "password": "p",
                       "nodes": ["a:1", "b:2", "c:3"], "type": "redis-sentinel"}),
            ),
            (
                "rediss://a:1?skip_verify",
                json!({"tls_insecure": "true", "tls": true, "nodes": ["a:1"], "type": "redis"}),
            ),
            // Larder's own.
            (
                "redis-sentinel://a:1,b:2/db/tbl?master=m&durability=all&password_file=/run/p",
                json!({"master": "m", "durability": "all", "password_file": "/run/p", "database": "db", "table": "tbl",
                       "nodes": ["a:1", "b:2"], "type": "redis-sentinel"}),
            ),
        ];
        for (url, expected) in cases {
            assert_eq!(read(url), Ok(expected), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_without_the_url() {
        for (url, expected) in [
            ("redis-socket:///run/secret.sock", "config: a Unix socket is not supported"),
            ("redis-cluster://u:secret@h", "config: a Redis cluster is not supported"),
            ("redis://u:secret#2@h", "config: an @ stands behind a #"),
            ("redis://u:secret?2@h:6379", "config: a setting's name in the URL holds other signs"),
            ("redis://h?a%0ab=c", "config: a setting's name in the URL holds other signs"),
            ("redis://u:secret?2&a=b@h", "config: server 1 of the URL is none"),
            ("redis://a:1,[::secret", "config: server 2 of the URL is none"),
            ("redis://u:secret%zz@h", "config: the URL's password has a %"),
            ("redis://u:secret%ff@h", "config: the URL's password is not UTF-8"),
            ("redis://:secret@h?password=secret", "password: it stands in the URL in its user part and in its query"),
            ("redis://h?db=1&db=2", "db: it stands in the URL in its query twice"),
            ("redis-sentinel://h?master=a#b", "master: it stands in the URL in its fragment and in its query"),
            ("rediss://h?verifyPeer=some", "verifyPeer: it is \"some\""),
            ("redis://h?=secret", "config: a setting in the URL has no name"),
            ("redis://h?nodes=secret", "nodes: the servers stand in the URL's host and in its query"),
        ] {
            let error = read(url).expect_err(url);
            assert!(error.starts_with(expected) && !error.contains("secret"), "{error}");
        }
        assert!(super::settings("redisx", "redisx://h").is_none());
    }
}
