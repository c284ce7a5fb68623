//! Logins by nkey: a user's key pair, and an operator with one account whose users have credentials files.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use super::Result;
use super::directory::Directory;

/// A user's key pair: the public key, and the seed that a client signs with.
///
/// # Errors
///
/// When no key can be made.
pub fn nkey() -> Result<(String, String)> {
    let pair = KeyPair::new_user();
    Ok((pair.public_key(), pair.seed().map_err(|error| error.to_string())?))
}

/// An operator with one account, and one for the system.
#[derive(Clone)]
pub struct Account {
    operator: String,
    system: (String, String),
    account: (String, String),
    seed: String,
}

impl Account {
    /// Makes them.
    ///
    /// # Errors
    ///
    /// When no key can be made.
    pub fn new() -> Result<Account> {
        let (operator, system, account) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
        let unlimited = json!({
            "limits": {
                "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1,
                "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
            },
            "type": "account", "version": 2,
        });
        // JetStream is not for the system's account.
        let plain = json!({"limits": {"conn": -1, "leaf": -1, "subs": -1}, "type": "account", "version": 2});
        let about = json!({"type": "operator", "version": 2, "system_account": system.public_key()});
        Ok(Account {
            operator: token(&operator, &operator.public_key(), "operator", &about)?,
            system: (system.public_key(), token(&operator, &system.public_key(), "system", &plain)?),
            account: (account.public_key(), token(&operator, &account.public_key(), "larder", &unlimited)?),
            seed: account.seed().map_err(|error| error.to_string())?,
        })
    }

    /// The lines of the server's configuration.
    pub fn configuration(&self) -> String {
        let (system, account) = (&self.system, &self.account);
        format!(
            "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload {{ {}: {}, {}: {} }}",
            self.operator, system.0, system.0, system.1, account.0, account.1
        )
    }

    /// Writes a credentials file for a new user of the account.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn credentials(&self, directory: &Directory, name: &str) -> Result<PathBuf> {
        let account = KeyPair::from_seed(&self.seed).map_err(|error| error.to_string())?;
        let user = KeyPair::new_user();
        let about = json!({"pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2});
        let token = token(&account, &user.public_key(), name, &about)?;
        let seed = user.seed().map_err(|error| error.to_string())?;
        let block = |what: &str, text: &str| format!("-----BEGIN {what}-----\n{text}\n------END {what}------\n\n");
        directory.write(&format!("{name}.creds"), &(block("NATS USER JWT", &token) + &block("USER NKEY SEED", &seed)))
    }
}

/// What `issuer` says about `subject`, signed.
fn token(issuer: &KeyPair, subject: &str, name: &str, about: &Value) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?.as_secs();
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let claims = json!({
        "jti": format!("{name}-{now}"), "iat": now, "iss": issuer.public_key(), "name": name, "sub": subject,
        "nats": about,
    });
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = issuer.sign(signed.as_bytes()).map_err(|error| error.to_string())?;
    Ok(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)))
}
