//! URLs of servers, in the forms that their own clients take, as the settings of a store.

mod nats;
mod redis;

use serde_json::{Map, Value};

use crate::error::Result;

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
