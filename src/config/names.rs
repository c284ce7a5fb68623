//! The names of all settings of all types of stores: which may be shown, and which are secrets.

/// The settings whose values are shown, besides files and those of TLS. Any other one is hidden: a name that nobody knows
/// may be a misspelt password.
const PUBLIC: [&str; 28] = [
    "client_name",
    "connect_timeout",
    "connections",
    "credentials",
    "database",
    "db",
    "delay",
    "disable_persistence",
    "durability",
    "fault",
    "format",
    "history",
    "lifespan",
    "master",
    "max_bytes",
    "max_entries",
    "max_idle",
    "max_reconnect_delay",
    "nodes",
    "policy",
    "read_your_writes",
    "replicas",
    "sentinel_username",
    "shards",
    "table",
    "timeout",
    "type",
    "username",
];

/// The settings that are secrets; each may come from a file, whose path the setting with `_file` behind is.
const SECRETS: [&str; 4] = ["password", "sentinel_password", "token", "nkey"];

/// The settings of TLS, for servers; for sentinels they begin with `sentinel_`.
const TLS: [&str; 6] = ["tls", "tls_insecure", "tls_root_ca", "tls_certificate", "tls_key", "tls_server_name"];

/// Whether a setting of this name holds a secret.
pub fn is_secret(key: &str) -> bool {
    let is_public = PUBLIC.contains(&key) || key.ends_with("_file") || key.contains("tls");
    !is_public
}

/// Whether a type of store has a setting of this name.
pub fn is_known(key: &str) -> bool {
    let secret = key.strip_suffix("_file").unwrap_or(key);
    PUBLIC.contains(&key) || SECRETS.contains(&secret) || TLS.contains(&key.strip_prefix("sentinel_").unwrap_or(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_by_their_names() {
        assert!(SECRETS.into_iter().chain(["nkey_seed", "pasword"]).all(is_secret));
        assert!(!["password_file", "username", "tls_key", "nodes", "lifespan"].into_iter().any(is_secret));
    }

    #[test]
    fn every_types_settings_are_known_and_nothing_else() {
        assert!(["nodes", "token_file", "sentinel_tls_root_ca", "tls"].into_iter().all(is_known));
        assert!(!["max_entires", "tls_", "username_file", ""].into_iter().any(is_known));
    }
}
