//! The URLs of Redis clients: plain servers and sentinels.

use serde_json::{Map, Value};

use crate::error::Result;

/// The settings that the URL says; `None` for a scheme that no client has.
pub fn settings(_scheme: &str, _url: &str) -> Option<Result<Map<String, Value>>> {
    None
}
