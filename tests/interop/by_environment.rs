//! Stores that are opened by the variables of oCIS and OpenCloud, beside the real plugins with the options that the services
//! pass for the same variables (database, table, lifespan: `getStore` of their caches and stores).

use larder::config::profile::Profile;
use larder::config::profile::environment::Environment;
use serde_json::{Value, json};

use super::ours::{Ours, assert_they_share};
use super::plugin::{GoStore, Origin, Plugin};
use super::server;
use super::servers::certificates::Certificates;
use super::servers::nats::{self, Login, Nats};

/// A service with the variables of an operator, and what it passes to the plugin for them.
struct Case {
    profile: Profile,
    service: &'static str,
    /// `NODES` stands for the servers' addresses.
    variables: &'static [(&'static str, &'static str)],
    login: bool,
    passed: Value,
}

const NODES: &str = "NODES";

fn cases() -> Vec<Case> {
    let memory = |database: &str, table: &str, ttl: &str| json!({"database": database, "table": table, "ttl": ttl, "disablepersistence": true});
    let file = |database: &str, table: &str, ttl: &str| json!({"database": database, "table": table, "ttl": ttl});
    vec![
        Case {
            profile: Profile::Ocis,
            service: "STORAGE_USERS_FILEMETADATA_CACHE",
            variables: &[("OCIS_CACHE_STORE", "nats-js-kv"), ("OCIS_CACHE_STORE_NODES", NODES)],
            login: false,
            passed: file("storage-users", "", "24m"),
        },
        // The service's own variables win over the global ones.
        Case {
            profile: Profile::Ocis,
            service: "SETTINGS_FILE_CACHE",
            variables: &[
                ("OCIS_CACHE_STORE", "memory"),
                ("SETTINGS_CACHE_STORE", "nats-js-kv"),
                ("OCIS_CACHE_STORE_NODES", "127.0.0.1:1"),
                ("SETTINGS_CACHE_STORE_NODES", NODES),
                ("OCIS_CACHE_DISABLE_PERSISTENCE", "true"),
                ("OCIS_CACHE_TTL", "24h"),
                ("SETTINGS_CACHE_TTL", "5m"),
            ],
            login: false,
            passed: memory("settings-cache", "settings_files", "5m"),
        },
        Case {
            profile: Profile::Ocis,
            service: "USERLOG_STORE",
            variables: &[
                ("OCIS_PERSISTENT_STORE", "nats-js-kv"),
                ("OCIS_PERSISTENT_STORE_NODES", NODES),
                ("OCIS_PERSISTENT_STORE_AUTH_USERNAME", server::USER),
                ("OCIS_PERSISTENT_STORE_AUTH_PASSWORD", server::PASSWORD),
            ],
            login: true,
            passed: file("userlog", "events", "336h"),
        },
        Case {
            profile: Profile::OpenCloud,
            service: "ACTIVITYLOG_STORE",
            variables: &[("OC_PERSISTENT_STORE", "nats-js-kv"), ("OC_PERSISTENT_STORE_NODES", NODES)],
            login: false,
            passed: file("activitylog", "", "0s"),
        },
    ]
}

impl Case {
    fn server(&self) -> Nats {
        let user = || Login::User(server::USER.to_owned(), server::PASSWORD.to_owned());
        let login = if self.login { user() } else { Login::Anybody };
        Nats::single(&nats::Options { login, ..nats::Options::default() }).expect("starts")
    }

    fn larder(&self, address: &str) -> Ours {
        let named = |(name, value): &(&'static str, &'static str)| {
            let value = if *value == NODES { address } else { *value };
            (name.to_string(), value.to_owned())
        };
        let variables: Environment = self.variables.iter().map(named).collect();
        Ours::of_variables(self.profile, self.service, &variables)
    }

    fn go<'a>(&self, plugin: &'a Plugin, address: &str) -> GoStore<'a> {
        let mut settings = self.passed.clone();
        settings["type"] = json!("nats-js-kv");
        settings["nodes"] = json!([address]);
        if self.login {
            (settings["username"], settings["password"]) = (json!(server::USER), json!(server::PASSWORD));
        }
        plugin.open(settings)
    }
}

#[test]
fn a_service_s_variables_open_what_its_own_code_opens() {
    for origin in Origin::ALL {
        let plugin = Plugin::start(origin);
        for case in cases() {
            let mut made = Vec::new();
            for larder_is_first in [true, false] {
                let server = case.server();
                let address = server.addresses().remove(0);
                let (go, larder);
                if larder_is_first {
                    larder = case.larder(&address);
                    larder.put(b"first", b"larder");
                    go = case.go(&plugin, &address);
                    assert_eq!(go.value(b"first").as_deref(), Some(b"larder".as_slice()), "{}", case.service);
                } else {
                    go = case.go(&plugin, &address);
                    go.write(b"first", b"go".as_slice());
                    larder = case.larder(&address);
                    assert_eq!(larder.value(b"first").as_deref(), Some(b"go".as_slice()), "{}", case.service);
                }
                assert_they_share(&go, &larder);
                made.push(larder.describe()["stream"].clone());
            }
            let [mut ours, theirs] = <[Value; 2]>::try_from(made).expect("two");
            ours["created_by_larder"] = theirs["created_by_larder"].clone();
            assert_eq!(ours, theirs, "{}", case.service);
        }
    }
}

#[test]
fn a_service_s_variables_find_the_master_through_the_sentinels() {
    for origin in Origin::ALL {
        let plugin = Plugin::start(origin);
        let nodes = server::sentinels().nodes();
        let table = format!("environment-{}", origin.name());
        let variables: Environment = [
            ("OCIS_CACHE_STORE", "redis-sentinel"),
            ("OCIS_CACHE_STORE_NODES", nodes.join(",").as_str()),
            ("PROXY_OIDC_USERINFO_CACHE_TABLE", table.as_str()),
        ]
        .into_iter()
        .collect();
        let larder = Ours::of_variables(Profile::Ocis, "PROXY_OIDC_USERINFO_CACHE", &variables);
        let settings = json!({
            "type": "redis-sentinel", "nodes": nodes, "database": "cache-userinfo", "table": table, "ttl": "10s",
        });
        assert_they_share(&plugin.open(settings), &larder);
    }
}

#[test]
fn a_service_s_variables_open_a_store_behind_tls() {
    let files = Certificates::new().expect("certificates");
    let options = nats::Options { tls: nats::Tls::server(&files), ..nats::Options::default() };
    let server = Nats::single(&options).expect("starts");
    let variables: Environment = [
        ("OCIS_PERSISTENT_STORE", "nats-js-kv"),
        ("OCIS_PERSISTENT_STORE_NODES", server.addresses().join(",").as_str()),
        ("OCIS_PERSISTENT_STORE_ENABLE_TLS", "true"),
        ("OCIS_PERSISTENT_STORE_TLS_ROOT_CA_CERTIFICATE", files.root_ca.to_str().expect("text")),
    ]
    .into_iter()
    .collect();
    let open = || Ours::of_variables(Profile::Ocis, "POSTPROCESSING_STORE", &variables);
    open().put(b"upload", b"on its way");
    assert_eq!(open().value(b"upload").as_deref(), Some(b"on its way".as_slice()));
}
