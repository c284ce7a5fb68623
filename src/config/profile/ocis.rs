//! The caches and stores of ownCloud Infinite Scale, as data: its published variables up to 8.3.

use super::service::{Dialect, Family, Group, Place, Reach, Service};

/// What its variables are like.
pub const DIALECT: Dialect = Dialect { globals: "OCIS", insecure: None, is_posix: false };

/// The NATS server that the product brings along.
pub const DEFAULT_NODES: &str = "127.0.0.1:9233";

/// Variables that are named alike and belong to no store.
pub const OTHERS: &[&str] = &[
    "GRAPH_SPACES_EXTENDED_SPACE_PROPERTIES_CACHE_TTL",
    "GRAPH_SPACES_GROUPS_CACHE_TTL",
    "GRAPH_SPACES_USERS_CACHE_TTL",
    "SHARING_USER_JSONCS3_CACHE_TTL",
    "WEB_CACHE_TTL",
    "NATS_NATS_STORE_DIR",
];

/// All of them, by service.
pub const SERVICES: &[Service] = &[
    Service {
        holds: "the providers of a user's spaces",
        kind: "noop",
        ..cache("gateway", "GATEWAY_PROVIDER_CACHE", "cache-providers", "5m")
    },
    // Until 7.x.
    Service {
        holds: "whose home was created",
        ..cache("gateway", "GATEWAY_CREATE_HOME_CACHE", "cache-createhome", "5m")
    },
    // Its own variables were deprecated in 7.0; the global ones hold on.
    Service {
        holds: "the stat of files",
        table: Place::local("", "FRONTEND_OCS_STAT_CACHE_TABLE"),
        group: Group::Metadata,
        ..cache("frontend", "FRONTEND_OCS_STAT_CACHE", "cache-stat", "5m")
    },
    Service {
        holds: "roles; the service reads and writes database ocis-pkg, table roles",
        database: Place::local("cache-roles", "GRAPH_CACHE_STORE_DATABASE"),
        table: Place::local("", "GRAPH_CACHE_STORE_TABLE"),
        ..cache("graph", "GRAPH_CACHE", "", "336h")
    },
    Service {
        holds: "the claims of access tokens",
        table: Place::local("", "PROXY_OIDC_USERINFO_CACHE_TABLE"),
        ..cache("proxy", "PROXY_OIDC_USERINFO_CACHE", "cache-userinfo", "10s")
    },
    Service { disable_persistence: Some(true), ..signing_keys("proxy", "PROXY_PRESIGNEDURL_SIGNING_KEYS_STORE") },
    signing_keys("ocs", "OCS_PRESIGNEDURL_SIGNING_KEYS_STORE"),
    Service {
        name: "SETTINGS_FILE_CACHE",
        holds: "files of the settings",
        table: Place::local("settings_files", "SETTINGS_FILE_CACHE_TABLE"),
        ..cache("settings", "SETTINGS_CACHE", "settings-cache", "10m")
    },
    Service {
        name: "SETTINGS_DIRECTORY_CACHE",
        holds: "directories of the settings",
        table: Place::local("settings_dirs", "SETTINGS_DIRECTORY_CACHE_TABLE"),
        ..cache("settings", "SETTINGS_CACHE", "settings-cache", "10m")
    },
    Service {
        holds: "metadata of the system's files",
        group: Group::Metadata,
        ..cache("storage-system", "STORAGE_SYSTEM_CACHE", "storage-system", "24m")
    },
    Service {
        holds: "metadata of users' files",
        group: Group::Metadata,
        ..cache("storage-users", "STORAGE_USERS_FILEMETADATA_CACHE", "storage-users", "24m")
    },
    Service {
        holds: "which node a path is",
        reach: Reach::BucketWhenAsked,
        ..cache("storage-users", "STORAGE_USERS_ID_CACHE", "ids-storage-users", "24m")
    },
    Service {
        holds: "activities on files",
        database: Place::local("activitylog", "ACTIVITYLOG_STORE_DATABASE"),
        table: Place::local("", "ACTIVITYLOG_STORE_TABLE"),
        ..store("activitylog", "ACTIVITYLOG_STORE", "0s")
    },
    Service {
        holds: "tokens of office sessions",
        database: Place::local("collaboration", "COLLABORATION_STORE_DATABASE"),
        table: Place::local("", "COLLABORATION_STORE_TABLE"),
        ..store("collaboration", "COLLABORATION_STORE", "30m")
    },
    Service {
        holds: "events",
        database: Place::local("eventhistory", "EVENTHISTORY_STORE_DATABASE"),
        table: Place::local("", "EVENTHISTORY_STORE_TABLE"),
        reach: Reach::Records,
        ..store("eventhistory", "EVENTHISTORY_STORE", "336h")
    },
    Service {
        holds: "notifications that wait for their mail",
        database: Place::local("notifications", "NOTIFICATIONS_STORE_DATABASE"),
        table: Place::local("", "NOTIFICATIONS_STORE_TABLE"),
        ..store("notifications", "NOTIFICATIONS_STORE", "336h")
    },
    Service {
        holds: "uploads on their way",
        database: Place::local("postprocessing", "POSTPROCESSING_STORE_DATABASE"),
        table: Place::local("", "POSTPROCESSING_STORE_TABLE"),
        ..store("postprocessing", "POSTPROCESSING_STORE", "0s")
    },
    Service {
        holds: "which events concern a user",
        kind: "memory",
        nodes: "",
        database: Place::local("userlog", "USERLOG_STORE_DATABASE"),
        table: Place::local("events", "USERLOG_STORE_TABLE"),
        ..store("userlog", "USERLOG_STORE", "336h")
    },
    // Since 8.0.
    Service {
        holds: "failed attempts on public links",
        type_suffix: "_STORE",
        database: Place::local("storage-publiclink", "STORAGE_PUBLICLINK_STORE_DATABASE"),
        table: Place::local("brute-force-protection", "STORAGE_PUBLICLINK_STORE_TABLE"),
        lifespan: None,
        ..store("storage-publiclink", "STORAGE_PUBLICLINK_STORE", "0s")
    },
    // In 8.3.
    Service {
        holds: "how often a user asked",
        database: Place::local("llm", "LLM_STORE_DATABASE"),
        table: Place::local("rate-limit", "LLM_STORE_TABLE"),
        ..store("llm", "LLM_STORE", "10m")
    },
];

/// A cache whose database the global variable changes.
pub const fn cache(
    service: &'static str,
    prefix: &'static str,
    database: &'static str,
    lifespan: &'static str,
) -> Service {
    Service {
        name: prefix,
        service,
        holds: "",
        prefix,
        type_suffix: "_STORE",
        nodes_suffix: "_STORE_NODES",
        family: Family::Cache,
        kind: "memory",
        nodes: DEFAULT_NODES,
        database: Place::global(database),
        table: Place::fixed(""),
        lifespan: Some(lifespan),
        reach: Reach::Records,
        disable_persistence: Some(false),
        group: Group::Alone,
    }
}

/// A persistent store.
pub const fn store(service: &'static str, prefix: &'static str, lifespan: &'static str) -> Service {
    Service {
        type_suffix: "",
        nodes_suffix: "_NODES",
        family: Family::Store,
        kind: "nats-js-kv",
        reach: Reach::Bucket,
        disable_persistence: None,
        ..cache(service, prefix, "", lifespan)
    }
}

const fn signing_keys(service: &'static str, prefix: &'static str) -> Service {
    Service {
        holds: "the keys that sign URLs",
        family: Family::Cache,
        database: Place::fixed("proxy"),
        table: Place::fixed("signing-keys"),
        group: Group::SigningKeys,
        ..store(service, prefix, "12h")
    }
}
