//! Configuration from variables, as oCIS and OpenCloud read theirs: each variable (`vectors/ocis_env.tsv`, which is
//! published, and `vectors/opencloud_env.tsv`, which is what is known of the other) by itself, overriding and overridden,
//! empty and malformed; what becomes of a service's settings; explanations; checks.

use std::collections::{BTreeMap, BTreeSet};

use larder::config::profile::environment::Environment;
use larder::config::profile::resolve::Resolved;
use larder::config::profile::service::{Dialect, Service, Setting};
use larder::config::profile::{Profile, Sources, ocis};
use larder::config::{Config, StoreConfig};
use larder::{Larder, Status};

#[path = "environment/check.rs"]
mod check;
#[path = "environment/explanation.rs"]
mod explanation;
#[path = "environment/malformed.rs"]
mod malformed;
#[path = "servers/mod.rs"]
mod servers;

/// The products, each with the table of its variables.
const PRODUCTS: [(Profile, &str); 2] = [
    (Profile::Ocis, include_str!("vectors/ocis_env.tsv")),
    (Profile::OpenCloud, include_str!("vectors/opencloud_env.tsv")),
];

/// A row of a product's variables.
struct Row {
    profile: Profile,
    /// The variables that hold for several services, the weakest first.
    globals: Vec<&'static str>,
    local: &'static str,
    kind: &'static str,
    default: &'static str,
}

fn rows() -> Vec<Row> {
    let rows_of = |(profile, table): (Profile, &'static str)| {
        let row = move |line: &'static str| {
            let cells: Vec<&str> = line.split('\t').collect();
            let globals = cells[0].split(';').filter(|name| *name != "-").collect();
            Row { profile, globals, local: cells[1], kind: cells[2], default: cells[3] }
        };
        table.lines().skip(1).map(row).filter(|row| !ocis::OTHERS.contains(&row.local)).collect::<Vec<Row>>()
    };
    PRODUCTS.into_iter().flat_map(rows_of).collect()
}

fn known(profile: Profile) -> (Dialect, Vec<Service>) {
    profile.services().expect("a product's profile")
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().copied().collect()
}

fn sources(profile: Profile, variables: &[(&str, &str)]) -> Sources {
    Sources::new(profile, environment(variables), None).expect("no file is named")
}

/// The services that a variable configures, with the setting.
fn meant_by(profile: Profile, variable: &str) -> Vec<(&'static str, Setting)> {
    let mut found = Vec::new();
    let (dialect, services) = known(profile);
    for service in services {
        for setting in Setting::ALL {
            if service.variables(&dialect, setting).iter().any(|name| name == variable) {
                found.push((service.name, setting));
            }
        }
    }
    found
}

/// A valid value that is not the default.
fn other_value(row: &Row) -> &'static str {
    match row.kind {
        "bool" if row.default == "true" => "f",
        "bool" => "T",
        "Duration" => "1h30m",
        "[]string" => "one:1, ,two:2,",
        _ if row.local.ends_with("_STORE") && row.default != "noop" => "noop",
        _ if row.local.ends_with("_STORE") => "nats-js-kv",
        _ => "something",
    }
}

/// What a setting came to, in one form for all kinds.
fn value(resolved: &Resolved, setting: Setting) -> larder::Result<String> {
    let choice = resolved.choice(setting);
    match setting {
        Setting::Nodes => Ok(format!("[{}]", choice.list()?.join(" "))),
        Setting::Lifespan => Ok(format!("{:?}", choice.duration()?)),
        Setting::DisablePersistence | Setting::Tls | Setting::TlsInsecure => Ok(choice.flag()?.to_string()),
        _ => choice.text(),
    }
}

fn normal(row: &Row, text: &str) -> String {
    match row.kind {
        "bool" => matches!(text, "T" | "true").to_string(),
        "Duration" => format!("{:?}", larder::config::duration::parse(text).expect("a duration")),
        "[]string" if text.starts_with('[') => text.to_owned(),
        "[]string" => "[one:1 two:2]".to_owned(),
        _ => text.to_owned(),
    }
}

fn value_with(row: &Row, variables: &[(&str, &str)]) -> String {
    let (service, setting) = meant_by(row.profile, row.local)[0];
    let resolved = sources(row.profile, variables).resolve(service).expect(row.local);
    value(&resolved, setting).expect(row.local)
}

#[test]
fn every_published_variable_is_known_with_its_default_and_its_global_ones() {
    let rows = rows();
    for (profile, _) in PRODUCTS {
        let count = rows.iter().filter(|row| row.profile == profile).count();
        assert!(count > 140, "{}: {count}", profile.name());
    }
    for row in &rows {
        let meant = meant_by(row.profile, row.local);
        assert!(!meant.is_empty(), "{} is not known", row.local);
        let (dialect, services) = known(row.profile);
        for (service, setting) in meant {
            let service = services.iter().find(|known| known.name == service).expect("found before");
            let variables = service.variables(&dialect, setting);
            let expected: Vec<&str> = row.globals.iter().copied().chain([row.local]).collect();
            assert_eq!(variables, expected, "{}", row.local);
        }
        assert_eq!(value_with(row, &[]), normal(row, row.default), "the default of {}", row.local);
    }
}

#[test]
fn the_global_variable_beats_the_default_and_the_services_own_beats_both() {
    for row in rows() {
        let other = other_value(&row);
        assert_ne!(normal(&row, other), normal(&row, row.default), "{}", row.local);
        assert_eq!(value_with(&row, &[(row.local, other)]), normal(&row, other), "{}", row.local);
        let back = match row.kind {
            "bool" | "Duration" => row.default,
            "[]string" => "three:3",
            _ if row.default.is_empty() => "else",
            _ => row.default,
        };
        let expected = if row.kind == "[]string" { "[three:3]".to_owned() } else { normal(&row, back) };
        let mut weaker = None;
        for global in row.globals.iter().copied() {
            assert_eq!(value_with(&row, &[(global, other)]), normal(&row, other), "{global} for {}", row.local);
            let stronger = weaker.replace(global).map(|weaker| (weaker, global));
            for (weak, strong) in stronger.into_iter().chain([(global, row.local)]) {
                let both = value_with(&row, &[(weak, other), (strong, back)]);
                assert_eq!(both, expected, "{weak} and {strong}");
            }
        }
    }
}

#[test]
fn an_empty_variable_overrides_texts_and_lists_and_leaves_flags_and_durations_at_their_default() {
    for row in rows() {
        let default = normal(&row, row.default);
        let empty = match row.kind {
            "bool" | "Duration" => default,
            "[]string" => "[]".to_owned(),
            _ => String::new(),
        };
        assert_eq!(value_with(&row, &[(row.local, "")]), empty, "{}", row.local);
        let other = other_value(&row);
        for global in row.globals.iter().copied() {
            assert_eq!(value_with(&row, &[(global, ""), (row.local, other)]), normal(&row, other), "{}", row.local);
            // Only the strongest variable that is set is read: an empty one hides the global one.
            assert_eq!(value_with(&row, &[(global, other), (row.local, "")]), empty, "{global} and {}", row.local);
        }
    }
}

#[test]
fn every_password_is_read_from_a_file_too_and_is_given_once() {
    for row in rows().iter().filter(|row| row.local.ends_with("_PASSWORD")) {
        let (service, _) = meant_by(row.profile, row.local)[0];
        let [global] = row.globals[..] else { panic!("{} has one global variable", row.local) };
        let kind = global.strip_suffix("_AUTH_PASSWORD").expect("named alike");
        let kind = if kind.ends_with("_CACHE") { format!("{kind}_STORE") } else { kind.to_owned() };
        let local_file = format!("{}_FILE", row.local);
        let global_file = format!("{global}_FILE");
        let open = |variables: &[(&str, &str)]| {
            let mut given = environment(variables);
            given.set(kind.as_str(), "nats-js-kv");
            Config::from_environment(row.profile, service, &given)
        };
        let password_of = |variables: &[(&str, &str)]| {
            let mut store = open(variables).expect(row.local).stores.remove("default").expect("the one store");
            let text = store.settings.text("password").expect("a text");
            (text, store.settings.text("password_file").expect("a text"), store.settings.name("password_file"))
        };
        let (_, file, name) = password_of(&[(&global_file, "/run/a"), (&local_file, "/run/b")]);
        assert_eq!((file.as_deref(), name.as_str()), (Some("/run/b"), local_file.as_str()));
        let (_, file, name) = password_of(&[(&global_file, "/run/a")]);
        assert_eq!((file.as_deref(), name.as_str()), (Some("/run/a"), global_file.as_str()));
        let (text, file, _) = password_of(&[(&global_file, "/run/a"), (row.local, "own")]);
        assert_eq!((text.as_deref(), file), (Some("own"), None));
        let (text, file, _) = password_of(&[(global, "all"), (&local_file, "/run/b")]);
        assert_eq!((text, file.as_deref()), (None, Some("/run/b")));
        let (text, file, _) = password_of(&[(global, "all"), (row.local, "")]);
        assert_eq!((text, file), (None, None));
        let error = open(&[(row.local, "geheim"), (&local_file, "/run/b")]).expect_err("twice");
        assert_eq!(error.origin(), local_file);
        assert!(!error.to_string().contains("geheim"), "{error}");
    }
}

fn store(profile: Profile, service: &str, variables: &[(&str, &str)]) -> StoreConfig {
    let config = Config::from_environment(profile, service, &environment(variables)).expect(service);
    config.stores["default"].clone()
}

fn lifespan(mut store: StoreConfig) -> Option<u64> {
    store.settings.duration("lifespan").expect("a duration").map(|duration| duration.as_secs())
}

#[test]
fn a_time_to_live_reaches_what_it_reaches_in_ocis() {
    let with = |service, kind, variables: &[(&str, &str)]| {
        let nodes = ("OCIS_PERSISTENT_STORE_NODES", "sentinel:26379/master");
        let mut all = vec![
            ("OCIS_CACHE_STORE", kind),
            ("OCIS_PERSISTENT_STORE", kind),
            nodes,
            ("OCIS_CACHE_STORE_NODES", nodes.1),
        ];
        all.extend(variables);
        lifespan(store(Profile::Ocis, service, &all))
    };
    // Whose writer says it for each record, everywhere.
    for kind in ["memory", "nats-js-kv", "redis-sentinel", "redis"] {
        assert_eq!(with("STORAGE_USERS_FILEMETADATA_CACHE", kind, &[]), Some(24 * 60), "{kind}");
        assert_eq!(with("EVENTHISTORY_STORE", kind, &[]), Some(336 * 3600), "{kind}");
    }
    // By the bucket of NATS only: elsewhere these stay.
    for service in ["USERLOG_STORE", "NOTIFICATIONS_STORE", "PROXY_PRESIGNEDURL_SIGNING_KEYS_STORE"] {
        assert!(with(service, "nats-js-kv", &[]).is_some(), "{service}");
        assert_eq!(with(service, "memory", &[("OCIS_PERSISTENT_STORE_TTL", "5m")]), None, "{service}");
        assert_eq!(with(service, "redis-sentinel", &[("OCIS_CACHE_TTL", "5m")]), None, "{service}");
    }
    // Files' IDs do not go unless somebody said so.
    assert_eq!(with("STORAGE_USERS_ID_CACHE", "nats-js-kv", &[]), None);
    assert_eq!(with("STORAGE_USERS_ID_CACHE", "nats-js-kv", &[("STORAGE_USERS_ID_CACHE_TTL", "1h")]), Some(3600));
    assert_eq!(with("STORAGE_USERS_ID_CACHE", "memory", &[("STORAGE_USERS_ID_CACHE_TTL", "1h")]), None);
    // Zero is without end.
    assert_eq!(with("ACTIVITYLOG_STORE", "nats-js-kv", &[]), None);
    assert_eq!(with("GRAPH_CACHE", "memory", &[("GRAPH_CACHE_TTL", "0")]), None);
}

#[test]
fn a_connections_settings_arrive_under_the_stores_names() {
    let mut nats = store(
        Profile::Ocis,
        "PROXY_PRESIGNEDURL_SIGNING_KEYS_STORE",
        &[
            ("OCIS_CACHE_STORE_NODES", "a:4222, b:4222"),
            ("OCIS_CACHE_AUTH_USERNAME", "user"),
            ("OCIS_CACHE_AUTH_PASSWORD", "geheim"),
            ("OCIS_CACHE_ENABLE_TLS", "1"),
            ("OCIS_CACHE_TLS_INSECURE", "1"),
        ],
    );
    assert_eq!(
        (nats.kind.as_str(), nats.database.as_str(), nats.table.as_str()),
        ("nats-js-kv", "proxy", "signing-keys")
    );
    let settings = &mut nats.settings;
    assert_eq!(settings.list("nodes"), Ok(Some(vec!["a:4222".to_owned(), "b:4222".to_owned()])));
    assert_eq!(settings.text("username"), Ok(Some("user".to_owned())));
    assert_eq!(settings.text("password"), Ok(Some("geheim".to_owned())));
    assert_eq!(settings.flag("tls"), Ok(Some(true)));
    assert_eq!(settings.flag("tls_insecure"), Ok(Some(true)));
    assert_eq!(settings.flag("disable_persistence"), Ok(Some(true)));
    assert_eq!(settings.text("format"), Ok(Some("go-micro".to_owned())));
    assert_eq!(settings.name("nodes"), "OCIS_CACHE_STORE_NODES");
    assert_eq!(settings.name("disable_persistence"), "PROXY_PRESIGNEDURL_SIGNING_KEYS_STORE_DISABLE_PERSISTENCE");
    // As in oCIS, a root CA means that certificates are checked.
    let both = [
        ("ACTIVITYLOG_STORE_ENABLE_TLS", "true"),
        ("ACTIVITYLOG_STORE_TLS_INSECURE", "true"),
        ("ACTIVITYLOG_STORE_TLS_ROOT_CA_CERTIFICATE", "/ca.pem"),
    ];
    let mut checked = store(Profile::Ocis, "ACTIVITYLOG_STORE", &both);
    assert_eq!(checked.settings.flag("tls_insecure"), Ok(None));
    assert_eq!(checked.settings.text("tls_root_ca"), Ok(Some("/ca.pem".to_owned())));
}

#[test]
fn a_memory_or_noop_store_gets_no_setting_of_a_connection() {
    let variables = [
        ("OCIS_CACHE_STORE_NODES", "a:4222"),
        ("OCIS_CACHE_AUTH_PASSWORD", "geheim"),
        ("OCIS_CACHE_DISABLE_PERSISTENCE", "true"),
        ("OCIS_CACHE_ENABLE_TLS", "true"),
    ];
    for kind in ["memory", "mem", "", "noop"] {
        let mut all = variables.to_vec();
        all.push(("OCIS_CACHE_STORE", kind));
        let config = Config::from_environment(Profile::Ocis, "SETTINGS_CACHE", &environment(&all)).expect(kind);
        let larder = Larder::from_config(config).expect(kind);
        let about = larder.describe();
        assert_eq!(about["stores"]["default"]["table"], "settings_files");
    }
}

#[test]
fn what_a_store_itself_refuses_is_named_by_the_variable_too() {
    let sentinel = [("OCIS_CACHE_STORE", "redis-sentinel"), ("OCIS_CACHE_STORE_NODES", "10.10.0.200:26379")];
    let tls = |kind, nodes| {
        [
            ("OCIS_CACHE_STORE", kind),
            ("OCIS_CACHE_STORE_NODES", nodes),
            ("OCIS_CACHE_ENABLE_TLS", "true"),
            ("GRAPH_CACHE_TLS_ROOT_CA_CERTIFICATE", "/no/such.pem"),
        ]
    };
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
    let cases: [Case<'_>; 4] = [
        (&sentinel, "OCIS_CACHE_STORE_NODES", "names no master"),
        (&tls("nats-js-kv", "a:4222"), "GRAPH_CACHE_TLS_ROOT_CA_CERTIFICATE", "/no/such.pem"),
        (&tls("redis", "a:6379"), "GRAPH_CACHE_TLS_ROOT_CA_CERTIFICATE", "/no/such.pem"),
        (&tls("redis-sentinel", "a:26379/m"), "GRAPH_CACHE_TLS_ROOT_CA_CERTIFICATE", "/no/such.pem"),
    ];
    for (variables, origin, words) in cases {
        let config = Config::from_environment(Profile::Ocis, "GRAPH_CACHE", &environment(variables)).expect("sound");
        let error = Larder::from_config(config).err().expect(origin);
        assert_eq!((error.status(), error.origin()), (Status::CONFIG, origin), "{error}");
        assert!(error.message().contains(words), "{error}");
    }
}

#[test]
fn every_service_opens_on_each_type_with_all_that_variables_can_say() {
    for kind in ["memory", "noop", "nats-js-kv", "redis", "redis-sentinel"] {
        let nodes = if kind == "redis-sentinel" { "a:26379/m,b:26379/m" } else { "a:4222" };
        for family in ["OCIS_CACHE", "OCIS_PERSISTENT_STORE"] {
            let store = if family == "OCIS_CACHE" { "OCIS_CACHE_STORE" } else { family };
            let variables = [
                (store.to_owned(), kind),
                (format!("{store}_NODES"), nodes),
                (format!("{family}_AUTH_USERNAME"), "user"),
                (format!("{family}_AUTH_PASSWORD"), "password"),
                (format!("{family}_ENABLE_TLS"), "true"),
                (format!("{family}_TLS_INSECURE"), "true"),
                (format!("{family}_TTL"), "5m"),
                ("OCIS_CACHE_DISABLE_PERSISTENCE".to_owned(), "true"),
            ];
            let sources = Sources::new(Profile::Ocis, variables.into_iter().collect(), None).expect("no file");
            let larder = sources.all().and_then(Larder::from_config).unwrap_or_else(|error| panic!("{kind}: {error}"));
            assert_eq!(larder.names().count(), ocis::SERVICES.len());
        }
    }
}

#[test]
fn redis_needs_nodes_of_its_own() {
    for (kind, form) in
        [("redis-sentinel", "<sentinel-host>:<sentinel-port>/<redis-master>"), ("redis", "<host>:<port>")]
    {
        let given = environment(&[("OCIS_CACHE_STORE", kind)]);
        let error = Config::from_environment(Profile::Ocis, "GRAPH_CACHE", &given).expect_err(kind);
        assert_eq!(error.origin(), "GRAPH_CACHE_STORE_NODES");
        assert!(error.message().contains(form), "{error}");
    }
}

#[test]
fn a_service_is_found_by_the_variable_of_its_type_too_and_others_are_suggested() {
    let find = |name: &str| sources(Profile::Ocis, &[]).resolve(name).map(|resolved| resolved.service.name);
    assert_eq!(find("ACTIVITYLOG"), Ok("ACTIVITYLOG_STORE"));
    assert_eq!(find("GRAPH_CACHE_STORE"), Ok("GRAPH_CACHE"));
    assert_eq!(find("STORAGE_PUBLICLINK_STORE"), Ok("STORAGE_PUBLICLINK_STORE"));
    assert_eq!(find("SETTINGS_CACHE"), Ok("SETTINGS_FILE_CACHE"));
    let error = find("GRAPH_CASH").expect_err("unknown").to_string();
    assert_eq!(error, "service: \"GRAPH_CASH\" is not known; did you mean \"GRAPH_CACHE\"?");
    let error = Config::parse("env://ocsi/GRAPH_CACHE").expect_err("unknown").to_string();
    assert_eq!(error, "profile: \"ocsi\" is not known; did you mean \"ocis\"?");
    for text in ["env://", "env://ocis/GRAPH_CACHE?fiel=/a", "env://ocis/GRAPH_CACHE?file=", "env://ocis#a", "env:ocis"]
    {
        assert_eq!(Config::parse(text).expect_err(text).status(), Status::CONFIG, "{text}");
    }
}

#[test]
fn an_address_without_a_service_opens_all_under_their_names() {
    let config = sources(Profile::Ocis, &[]).all().expect("the defaults are sound");
    let names: BTreeSet<&str> = config.stores.keys().map(String::as_str).collect();
    assert_eq!(names.len(), ocis::SERVICES.len());
    assert!(names.contains("USERLOG_STORE") && names.contains("SETTINGS_DIRECTORY_CACHE"));
    assert_eq!(config.stores["USERLOG_STORE"].kind, "memory");
    assert_eq!(config.stores["GATEWAY_PROVIDER_CACHE"].kind, "noop");
}

#[test]
fn opencloud_has_names_of_its_own_and_a_few_other_values() {
    let cloud = |service, variables: &[(&str, &str)]| store(Profile::OpenCloud, service, variables);
    assert_eq!(cloud("GRAPH_CACHE", &[("OC_CACHE_STORE", "noop"), ("OCIS_CACHE_STORE", "redis")]).kind, "noop");
    assert_eq!(cloud("STORAGE_USERS_ID_CACHE", &[]).kind, "nats-js-kv");
    assert_eq!(lifespan(cloud("STORAGE_USERS_FILEMETADATA_CACHE", &[])), Some(24 * 3600));
    assert_eq!(lifespan(cloud("EVENTHISTORY_STORE", &[])), None);
    assert_eq!(cloud("GRAPH_STORE", &[]).database, "graph");
    let own = [("OC_CACHE_DATABASE", "a"), ("STORAGE_USERS_FILEMETADATA_CACHE_DATABASE", "b")];
    assert_eq!(cloud("STORAGE_USERS_FILEMETADATA_CACHE", &own).database, "b");
    let insecure = |variables: &[(&str, &str)]| {
        let mut all = vec![("ACTIVITYLOG_STORE_ENABLE_TLS", "true")];
        all.extend(variables);
        cloud("ACTIVITYLOG_STORE", &all).settings.flag("tls_insecure")
    };
    assert_eq!(insecure(&[("OC_INSECURE", "true")]), Ok(Some(true)));
    assert_eq!(insecure(&[("OC_INSECURE", "true"), ("OC_PERSISTENT_STORE_TLS_INSECURE", "false")]), Ok(None));
}

#[test]
fn a_file_is_weaker_than_a_variable_and_says_what_no_variable_can() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("profile.toml");
    let text = "[stores.a]\ntype = \"noop\"\n\n[profiles.ocis.GRAPH_CACHE]\ntype = \"memory\"\nmax_entries = 5\nlifespan = \"1h\"\n\
                database = \"file\"\n";
    std::fs::write(&path, text).expect("written");
    let with =
        |variables: &[(&str, &str)]| Sources::new(Profile::Ocis, environment(variables), Some(&path)).expect("sound");
    let mut store =
        with(&[("GRAPH_CACHE_TTL", "2h")]).one("GRAPH_CACHE").expect("sound").stores.remove("default").expect("it");
    assert_eq!((store.database.as_str(), store.settings.count("max_entries")), ("file", Ok(Some(5))));
    assert_eq!(lifespan(store.clone()), Some(7200));
    assert_eq!(lifespan(with(&[]).one("GRAPH_CACHE").expect("sound").stores["default"].clone()), Some(3600));
    // An empty duration leaves the file's.
    let empty = with(&[("OCIS_CACHE_TTL", "5m"), ("GRAPH_CACHE_TTL", "")]).one("GRAPH_CACHE").expect("sound");
    assert_eq!(lifespan(empty.stores["default"].clone()), Some(3600));
    // The variable names the file as well, and the same file is a document.
    let named = environment(&[("LARDER_PROFILE_FILE", path.to_str().expect("UTF-8"))]);
    let config = Config::from_environment(Profile::Ocis, "GRAPH_CACHE", &named).expect("sound");
    assert_eq!(config.stores["default"].database, "file");
    assert_eq!(Config::from_path(&path).expect("sound").stores["a"].kind, "noop");
    for (text, expected) in [
        ("[profiles.ocis.GRAPH_CASH]\na = 1", "profiles.ocis.GRAPH_CASH: \"GRAPH_CASH\" is not known; did you mean"),
        ("[profiles.osic.A]\na = 1", "profiles.osic: \"osic\" is not known"),
        ("profiles = 5", "profiles: it is a number"),
        (
            "[profile.ocis.GRAPH_CACHE]\nmax_entries = 5",
            "profile: \"profile\" is not known; did you mean \"profiles\"?",
        ),
        ("[stroes.a]\ntype = \"memory\"", "stroes: \"stroes\" is not known"),
        ("[profiles.ocis]\nGRAPH_CACHE = \"memory\"", "profiles.ocis.GRAPH_CACHE: it is a text; expected a section"),
    ] {
        std::fs::write(&path, text).expect("written");
        let error = Sources::new(Profile::Ocis, Environment::default(), Some(&path)).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let twice = "[profiles.ocis.GRAPH_CACHE]\nmax_entries = 5\n[profiles.ocis.GRAPH_CACHE_STORE]\nmax_bytes = 5\n";
    std::fs::write(&path, twice).expect("written");
    let error = with(&[]).one("GRAPH_CACHE").expect_err("twice").to_string();
    assert!(error.starts_with("profiles.ocis.GRAPH_CACHE_STORE: it means the same service as"), "{error}");
    std::fs::write(&path, "[profiles.ocis.GRAPH_CACHE]\nlifespan = \"1d\"\n").expect("written");
    let error = with(&[]).one("GRAPH_CACHE").expect_err("malformed").to_string();
    assert!(error.starts_with("profiles.ocis.GRAPH_CACHE.lifespan: it is \"1d\"; expected"), "{error}");
}

/// A file for a profile, and the sources with it.
fn with_file(name: &str, text: &str, variables: &[(&str, &str)]) -> Sources {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("written");
    Sources::new(Profile::Ocis, environment(variables), Some(&path)).expect("sound")
}

/// Whether the store of a service opens; it connects nothing.
fn opens(sources: &Sources, service: &str) -> Result<(), String> {
    let opened = sources.one(service).and_then(larder::Larder::from_config);
    opened.map(drop).map_err(|error| error.to_string())
}

#[test]
fn what_a_section_says_of_two_services_is_weaker_than_the_section_of_one() {
    let text = "[profiles.ocis.SETTINGS_CACHE]\nmax_entries = 5\nmax_bytes = 6\n\
                [profiles.ocis.SETTINGS_FILE_CACHE]\nmax_entries = 7\n";
    let sources = with_file("shared.toml", text, &[]);
    let bounds = |service| {
        let mut store = sources.one(service).expect("sound").stores.remove("default").expect("it");
        let entries = store.settings.count("max_entries").expect("a number");
        (entries, store.settings.size("max_bytes").expect("a size"), store.settings.name("max_entries"))
    };
    let name = |section: &str| format!("profiles.ocis.{section}.max_entries");
    assert_eq!(bounds("SETTINGS_FILE_CACHE").0, Some(7));
    assert_eq!(bounds("SETTINGS_FILE_CACHE").1, Some(6));
    assert_eq!(bounds("SETTINGS_DIRECTORY_CACHE").0, Some(5));
    let bad = with_file("bad-shared.toml", "[profiles.ocis.SETTINGS_CACHE]\nmax_entries = -5\n", &[]);
    let error = opens(&bad, "SETTINGS_FILE_CACHE").expect_err("malformed");
    assert!(error.starts_with(&name("SETTINGS_CACHE")), "{error}");
}

#[test]
fn what_a_file_says_of_one_type_does_not_keep_a_variable_from_choosing_another() {
    let text = "[profiles.ocis.STORAGE_USERS_FILEMETADATA_CACHE]\nmax_entries = 5\n";
    let service = "STORAGE_USERS_FILEMETADATA_CACHE";
    assert_eq!(opens(&with_file("type.toml", text, &[]), service), Ok(()));
    let nats = [("OCIS_CACHE_STORE", "nats-js-kv")];
    assert_eq!(opens(&with_file("type.toml", text, &nats), service), Ok(()));
    let misspelt = with_file("misspelt.toml", &text.replace("entries", "entires"), &nats);
    let error = opens(&misspelt, service).expect_err("misspelt");
    assert!(error.contains("max_entires: there is no such setting"), "{error}");
    let lifespan = "[profiles.ocis.GATEWAY_PROVIDER_CACHE]\nlifespan = \"1m\"\n";
    assert_eq!(opens(&with_file("noop.toml", lifespan, &[]), "GATEWAY_PROVIDER_CACHE"), Ok(()));
}

#[test]
fn a_certificate_in_a_file_asks_for_tls_with_the_variables_authorities_and_not_against_them() {
    let text = "[profiles.ocis.GRAPH_CACHE]\ntls_server_name = \"nats.internal\"\n";
    let authority = ("OCIS_CACHE_TLS_ROOT_CA_CERTIFICATE", "/no/such/ca.pem");
    let with = |variables: &[(&str, &str)]| {
        let mut all = vec![("OCIS_CACHE_STORE", "nats-js-kv"), authority];
        all.extend(variables);
        opens(&with_file("tls.toml", text, &all), "GRAPH_CACHE").expect_err("no such file")
    };
    let error = with(&[]);
    assert!(error.starts_with("OCIS_CACHE_TLS_ROOT_CA_CERTIFICATE: the file /no/such/ca.pem"), "{error}");
    let error = with(&[("OCIS_CACHE_ENABLE_TLS", "false")]);
    assert!(error.starts_with("OCIS_CACHE_ENABLE_TLS: it is false, but "), "{error}");
}

#[test]
fn a_redis_server_may_be_given_as_a_url() {
    let variables =
        [("OCIS_CACHE_STORE", "redis"), ("OCIS_CACHE_STORE_NODES", "rediss://u:hush@redis:6379/1?verifyPeer=none")];
    let mut store = store(Profile::Ocis, "GRAPH_CACHE", &variables);
    assert_eq!(store.settings.list("nodes"), Ok(Some(vec!["redis:6379".to_owned()])));
    assert_eq!(store.settings.count("db"), Ok(Some(1)));
    assert_eq!(store.settings.flag("tls"), Ok(Some(true)));
    assert_eq!(store.settings.text("password"), Ok(Some("hush".to_owned())));
    let bad = environment(&[("OCIS_CACHE_STORE", "redis"), ("OCIS_CACHE_STORE_NODES", "redis://u:hu?sh@redis")]);
    let error = Config::from_environment(Profile::Ocis, "GRAPH_CACHE", &bad).expect_err("unusable").to_string();
    assert!(error.starts_with("OCIS_CACHE_STORE_NODES: the URL in it cannot be used"), "{error}");
    assert!(!error.contains("hu"), "{error}");
}

#[test]
fn a_url_in_a_types_place_is_not_repeated() {
    for variable in ["OCIS_CACHE_STORE", "GRAPH_CACHE_STORE"] {
        let wrong = environment(&[(variable, "redis://:hush@h:6379")]);
        let error = Config::from_environment(Profile::Ocis, "GRAPH_CACHE", &wrong).expect_err("no type").to_string();
        assert!(error.starts_with(variable) && error.contains("looks like an address"), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

#[test]
fn no_variable_is_read_twice_by_two_meanings() {
    let mut meanings: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    for (service, dialect) in PRODUCTS.into_iter().flat_map(|(profile, _)| {
        let (dialect, services) = known(profile);
        services.into_iter().map(move |service| (service, dialect))
    }) {
        for setting in Setting::ALL {
            for variable in service.variables(&dialect, setting) {
                meanings.entry(variable).or_default().insert(setting.key());
            }
        }
    }
    for (variable, settings) in meanings {
        assert_eq!(settings.len(), 1, "{variable}: {settings:?}");
    }
}
