//! A record on the NATS server as oCIS's Go code writes it, and the variables by which a service finds it: a test in each
//! language opens the service by them and reads it.

use std::time::Duration;

use data_encoding::BASE32;
use larder::Larder;
use larder::store::options::PutOptions;
use serde_json::json;

use super::servers::Result;
use super::servers::stores::Stores;

/// The bucket of the service `NOTIFICATIONS_STORE`, which has no table.
const BUCKET: &str = "notifications";
const KEY: &str = "written by go";
/// What go-micro's plugin writes for the value "as oCIS writes it", byte for byte; `tests/interop` compares them.
const WRITTEN: &str = r#"{"key":"written by go","data":"YXMgb0NJUyB3cml0ZXMgaXQ=","metadata":null}"#;

/// Writes it; gives the variables.
///
/// # Errors
///
/// When it cannot be written.
pub fn plant(stores: &Stores) -> Result<Vec<(&'static str, String)>> {
    let nodes = &stores.types()["nats-js-kv"]["settings"]["nodes"];
    let bare = json!({"type": "nats-js-kv", "nodes": nodes, "format": "raw", "database": BUCKET});
    let config = json!({"stores": {"default": bare}}).to_string();
    let put = || {
        let larder = Larder::open(&config)?;
        let store = larder.store("default")?;
        let reply = store.put(BASE32.encode(KEY.as_bytes()).as_bytes(), WRITTEN.as_bytes(), &PutOptions::default());
        larder::wait(reply, Some(Duration::from_secs(30)))
    };
    put().map_err(|error| error.to_string())?;
    let node = nodes[0].as_str().unwrap_or_default().to_owned();
    Ok(vec![("NOTIFICATIONS_STORE", "nats-js-kv".to_owned()), ("NOTIFICATIONS_STORE_NODES", node)])
}
