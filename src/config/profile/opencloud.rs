//! The caches and stores of OpenCloud: those of oCIS with `OC_` for `OCIS_`, and a few differences.
//!
//! Disabling persistence works here, as the documentation of the variable says; OpenCloud itself does not apply it.

use super::ocis::{self, store};
use super::service::{Dialect, Place, Service};

/// What its variables are like.
pub const DIALECT: Dialect = Dialect { globals: "OC", insecure: Some("OC_INSECURE"), is_posix: true };

const GRAPH: Service = Service {
    holds: "spaces and users of the graph",
    database: Place::local("graph", "GRAPH_STORE_DATABASE"),
    table: Place::local("", "GRAPH_STORE_TABLE"),
    ..store("graph", "GRAPH_STORE", "0s")
};

/// All of them, by service.
pub fn services() -> Vec<Service> {
    let mut services: Vec<Service> = ocis::SERVICES.iter().copied().map(adapt).collect();
    let graph = services.iter().position(|service| service.service == "proxy").unwrap_or(services.len());
    services.insert(graph, GRAPH);
    services
}

fn adapt(mut service: Service) -> Service {
    match service.name {
        "STORAGE_USERS_FILEMETADATA_CACHE" => {
            service.database.local = Some("STORAGE_USERS_FILEMETADATA_CACHE_DATABASE");
            service.lifespan = Some("24h");
        }
        "STORAGE_USERS_ID_CACHE" => service.kind = "nats-js-kv",
        "EVENTHISTORY_STORE" => service.lifespan = Some("0s"),
        _ => {}
    }
    service
}
