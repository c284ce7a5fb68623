//! `nats://user:password@host:4222,host:4222/bucket/table?setting=value`.

use serde_json::{Map, Value};

use crate::error::Result;

/// The settings that the URL says.
///
/// # Errors
///
/// `CONFIG` that names the part that cannot be used.
pub fn settings(_url: &str) -> Result<Map<String, Value>> {
    todo!()
}
