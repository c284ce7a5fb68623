//! Values that cannot be used, for every variable of every profile: each is refused, by the name of the variable, with
//! what it holds and what is expected; and where it is refused that only a connection can tell.

use std::collections::BTreeSet;
use std::time::Duration;

use larder::config::Config;
use larder::config::profile::Profile;
use larder::config::profile::service::{Dialect, Service, Setting};
use larder::{Error, Larder, Status};

use super::servers::nats::{self, Nats};
use super::servers::redis::{self, Redis};
use super::{PRODUCTS, environment, known, rows};

/// A file that is there and no certificate.
const NO_PEM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
/// No error may hold it.
const SECRET: &str = "geheim";

/// A value that cannot be used.
struct Bad {
    /// What else is set.
    with: Vec<(Setting, &'static str)>,
    /// The value.
    value: String,
    /// What the error says.
    says: [&'static str; 2],
}

fn bad(with: &[(Setting, &'static str)], value: &str, says: [&'static str; 2]) -> Bad {
    Bad { with: with.to_vec(), value: value.to_owned(), says }
}

const NATS: (Setting, &str) = (Setting::Type, "nats-js-kv");
const REDIS: (Setting, &str) = (Setting::Type, "redis");
const SENTINEL: (Setting, &str) = (Setting::Type, "redis-sentinel");
const NODE: (Setting, &str) = (Setting::Nodes, "a:1");
const MASTER: (Setting, &str) = (Setting::Nodes, "a:1/m");
const TLS: (Setting, &str) = (Setting::Tls, "true");

/// At least one for each setting that variables say, but for the password: see below.
fn bad_values(setting: Setting) -> Vec<Bad> {
    const DURATION: &str = "expected a duration of 0 or more, such as";
    const SERVER: &str = "is no server; expected host:port";
    const REDIS_SERVER: &str = "is no server; expected <host>:<port>";
    const WITH_MASTER: &str = "expected <sentinel-host>:<sentinel-port>/<redis-master>";
    const BUCKET: &str = "it may hold a-z, A-Z, 0-9, _ and -";
    match setting {
        Setting::Type => vec![
            bad(&[], "Memory", ["\"Memory\" is not known", "did you mean \"memory\"?"]),
            bad(&[], " memory", ["\" memory\" is not known", "did you mean \"memory\"?"]),
            bad(&[], "nats", ["\"nats\" is not known", "the store types are: memory, nats-js-kv"]),
            bad(&[], "redis-cluster", ["\"redis-cluster\" is not known", "the store types are: memory"]),
            bad(&[], "nats-js", ["\"nats-js\" is deprecated", "use \"nats-js-kv\""]),
            bad(&[], "etcd", ["\"etcd\" is deprecated", "use \"nats-js-kv\""]),
            bad(&[], "ocmem", ["\"ocmem\" is deprecated", "use \"memory\""]),
        ],
        // Which node it is, is said by its place: it may hold a password.
        Setting::Nodes => vec![
            bad(&[NATS], "a:65536", ["number 1", SERVER]),
            bad(&[NATS], "a:4222,b:0", ["number 2", SERVER]),
            bad(&[NATS], ":4222", ["number 1", SERVER]),
            bad(&[NATS], "a:4222,user:geheim@:4222", ["number 2", SERVER]),
            bad(&[NATS], "http://a:4222", ["number 1", SERVER]),
            bad(&[NATS], "a\tb:4222", ["number 1", SERVER]),
            bad(&[REDIS], "a:65536", ["\"a:65536\"", REDIS_SERVER]),
            bad(&[REDIS], ":6379", ["\":6379\"", REDIS_SERVER]),
            bad(&[REDIS], "a:1,b:1", ["it names 2 servers", "expected one"]),
            bad(&[SENTINEL], "10.10.0.200:26379", ["\"10.10.0.200:26379\" names no master", WITH_MASTER]),
            bad(&[SENTINEL], "a:1/m,b:70000/m", ["\"b:70000/m\" is no sentinel", WITH_MASTER]),
            bad(&[SENTINEL], "user:geheim@:1/m", ["\"(hidden)@:1/m\" is no sentinel", WITH_MASTER]),
            bad(&[SENTINEL], "a:1/m,b:1/n", ["two masters, \"m\" and \"n\"", "must name the same"]),
            bad(&[SENTINEL], ",", ["it names no sentinel", WITH_MASTER]),
        ],
        Setting::Database => vec![
            bad(&[NATS], "a.b", ["\"a.b\" is no bucket's name", BUCKET]),
            bad(&[NATS], "a b", ["\"a b\" is no bucket's name", BUCKET]),
            bad(&[NATS], "a\u{1}", ["\"a\\u{1}\" is no bucket's name", BUCKET]),
            bad(&[NATS], "é", ["\"é\" is no bucket's name", BUCKET]),
        ],
        // A table is encoded with the key, so that any text is one that leaves room in a subject.
        Setting::Table => vec![bad(&[NATS], &"x".repeat(4000), ["bytes of a NATS key", "the limit is"])],
        Setting::Lifespan => vec![
            bad(&[], "24", ["it is \"24\"", DURATION]),
            bad(&[], "1d", ["it is \"1d\"", DURATION]),
            bad(&[], "-5s", ["it is \"-5s\"", DURATION]),
            bad(&[], "5 s", ["it is \"5 s\"", DURATION]),
            bad(&[], "∞", ["it is \"∞\"", DURATION]),
        ],
        Setting::DisablePersistence | Setting::Tls | Setting::TlsInsecure => vec![
            bad(&[], "yes", ["it is \"yes\"", "expected true or false"]),
            bad(&[], "tRUE", ["it is \"tRUE\"", "expected true or false"]),
            bad(&[], " true", ["it is \" true\"", "expected true or false"]),
            bad(&[], "\u{0}", ["it is \"\\u0000\"", "expected true or false"]),
        ],
        // NATS takes a user without a password; whether there is one, its servers say.
        Setting::Username => vec![
            bad(&[REDIS, NODE], "user", ["there is no ", "_AUTH_PASSWORD for it"]),
            bad(&[SENTINEL, MASTER], "user", ["there is no ", "_AUTH_PASSWORD for it"]),
        ],
        Setting::Password => Vec::new(),
        Setting::TlsRootCa => [(NATS, NODE), (REDIS, NODE), (SENTINEL, MASTER)]
            .into_iter()
            .flat_map(|(kind, nodes)| {
                [
                    bad(&[kind, nodes, TLS], "/no/such.pem", ["the file /no/such.pem", "cannot be read"]),
                    bad(&[kind, nodes, TLS], NO_PEM, [NO_PEM, "holds no certificate (PEM)"]),
                ]
            })
            .collect(),
    }
}

/// The service's own variable of a setting.
fn own(dialect: &Dialect, service: &Service, setting: Setting) -> String {
    service.variables(dialect, setting).pop().expect("each service has one")
}

fn refusal(profile: Profile, service: &str, variables: &[(&str, &str)]) -> Option<Error> {
    let config = Config::from_environment(profile, service, &environment(variables));
    config.and_then(Larder::from_config).err()
}

fn assert_says(error: &Error, origin: &str, says: &[&str]) {
    assert_eq!((error.status(), error.origin()), (Status::CONFIG, origin), "{error}");
    for words in says {
        assert!(error.message().contains(words), "{words} is not in: {error}");
    }
    assert!(!error.to_string().contains(SECRET), "{error}");
}

#[test]
fn a_malformed_value_is_an_error_that_names_the_variable_what_it_holds_and_what_is_expected() {
    let mut tried = BTreeSet::new();
    for (profile, _) in PRODUCTS {
        let (dialect, services) = known(profile);
        for service in &services {
            for setting in Setting::ALL {
                for variable in service.variables(&dialect, setting) {
                    for Bad { with, value, says } in bad_values(setting) {
                        let others: Vec<(String, &str)> =
                            with.into_iter().map(|(other, value)| (own(&dialect, service, other), value)).collect();
                        let mut all = vec![(variable.as_str(), value.as_str())];
                        all.extend(others.iter().map(|(name, value)| (name.as_str(), *value)));
                        let error = refusal(profile, service.name, &all);
                        let error = error.unwrap_or_else(|| panic!("{all:?} was taken by {}", service.name));
                        assert_says(&error, &variable, &says);
                        tried.insert((profile.name(), variable.clone()));
                    }
                }
            }
        }
    }
    // The tables say which variables there are; the profiles were asked above.
    for row in rows() {
        for variable in row.globals.iter().copied().chain([row.local]) {
            let is_tried = tried.contains(&(row.profile.name(), variable.to_owned()));
            assert!(is_tried || variable.ends_with("_PASSWORD"), "{variable} was given no bad value");
        }
    }
}

#[test]
fn a_password_is_refused_where_it_stands_alone_and_never_repeated() {
    for (profile, _) in PRODUCTS {
        let (dialect, services) = known(profile);
        for service in &services {
            let (kind, nodes) = (own(&dialect, service, Setting::Type), own(&dialect, service, Setting::Nodes));
            let username = own(&dialect, service, Setting::Username);
            for variable in service.variables(&dialect, Setting::Password) {
                let file = format!("{variable}_FILE");
                let nats = [(kind.as_str(), "nats-js-kv"), (nodes.as_str(), "a:1")];
                for (name, value) in [(&variable, SECRET), (&file, "/no/such")] {
                    let all = [nats[0], nats[1], (name.as_str(), value)];
                    let error = refusal(profile, service.name, &all).expect("NATS wants a name");
                    assert_says(&error, &username, &["it is missing, and a password is given"]);
                }
                let both = [nats[0], nats[1], (variable.as_str(), SECRET), (file.as_str(), "/no/such")];
                let error = refusal(profile, service.name, &both).expect("two passwords");
                assert_says(&error, &file, &[&format!("both it and {variable} are given; leave one out")]);
            }
        }
    }
}

/// What becomes of a read, for which a connection is made.
fn read(profile: Profile, service: &str, variables: &[(&str, &str)]) -> larder::Result<()> {
    let config = Config::from_environment(profile, service, &environment(variables))?;
    let larder = Larder::from_config(config)?;
    let store = larder.store("default")?;
    larder::wait(store.get(b"key"), Some(Duration::from_secs(30))).map(drop)
}

/// A file with a password is read at each connect, so that it can be changed: that is where it is refused.
#[test]
fn a_passwords_file_that_is_not_there_is_refused_by_its_variable_when_a_connection_is_made() {
    let redis = Redis::start(&redis::Options::default()).expect("a server");
    let nats = Nats::single(&nats::Options::default()).expect("a server");
    let (redis, nats) = (redis.address(), nats.addresses().join(","));
    for (profile, _) in PRODUCTS {
        let (dialect, services) = known(profile);
        for service in &services {
            let names = [Setting::Type, Setting::Nodes, Setting::Username];
            let [kind, nodes, username] = names.map(|setting| own(&dialect, service, setting));
            for variable in service.variables(&dialect, Setting::Password) {
                let file = format!("{variable}_FILE");
                for (type_name, address) in [("redis", &redis), ("nats-js-kv", &nats)] {
                    let all = [
                        (kind.as_str(), type_name),
                        (nodes.as_str(), address.as_str()),
                        (username.as_str(), "user"),
                        (file.as_str(), "/no/such/password"),
                    ];
                    assert!(refusal(profile, service.name, &all).is_none(), "{type_name}: opening reads no secret");
                    let error = read(profile, service.name, &all).expect_err("no such file");
                    assert_says(&error, &file, &["the file /no/such/password cannot be read"]);
                }
            }
        }
    }
}

/// A user without a password is one that a NATS server may know.
#[test]
fn a_user_without_a_password_is_refused_by_the_nats_server_and_not_before() {
    let login = nats::Login::User("user".to_owned(), SECRET.to_owned());
    let server = Nats::single(&nats::Options { login, ..nats::Options::default() }).expect("a server");
    let nodes = server.addresses().join(",");
    for (profile, _) in PRODUCTS {
        let (dialect, services) = known(profile);
        for service in &services {
            let (kind, place) = (own(&dialect, service, Setting::Type), own(&dialect, service, Setting::Nodes));
            for variable in service.variables(&dialect, Setting::Username) {
                let all =
                    [(kind.as_str(), "nats-js-kv"), (place.as_str(), nodes.as_str()), (variable.as_str(), "user")];
                assert!(refusal(profile, service.name, &all).is_none(), "{variable}");
                assert_eq!(read(profile, service.name, &all).expect_err("refused").status(), Status::AUTH);
            }
        }
    }
}

/// The settings that a type of store has, as it says itself of one that it has not.
fn settings_of(kind: &str) -> Vec<String> {
    let unknown = format!("LARDER_STORE_{}", "Z".repeat(60));
    let mut variables = vec![("LARDER_STORE", kind), (unknown.as_str(), "1")];
    variables.extend((kind == "redis-sentinel").then_some(("LARDER_STORE_NODES", "a:1/m")));
    let error = refusal(Profile::Larder, "a", &variables).expect("no such setting");
    let (_, list) = error.message().split_once("the settings here are: ").unwrap_or_else(|| panic!("{error}"));
    list.split(", ").map(str::to_owned).collect()
}

/// What is given beside a bad value, the value, whose fault it is called, and what is said.
type BadSetting<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str, [&'a str; 2]);

/// A value of a setting that a store of a type refuses when it is opened; `None` where any text is one.
fn bad_setting<'a>(kind: &str, setting: &'a str) -> Option<BadSetting<'a>> {
    let is_nats = kind == "nats-js-kv";
    let alone = |value, says| Some((&[][..], value, setting, says));
    match setting {
        "type" => alone("Memory", ["\"Memory\" is not known", "did you mean \"memory\"?"]),
        "database" if is_nats => alone("a.b", ["\"a.b\" is no bucket's name", "it may hold"]),
        "table" if is_nats => Some((&[("format", "raw")], "a.b", setting, ["in the raw format", "it may hold a-z"])),
        "database" | "table" => None,
        "nodes" if is_nats => alone("a:0", ["number 1 is no server", "expected host:port"]),
        "nodes" if kind == "redis" => alone("a:0", ["\"a:0\" is no server", "expected <host>:<port>"]),
        "nodes" => alone("a:1", ["\"a:1\" names no master", "expected <sentinel-host>"]),
        "master" => Some((&[("nodes", "a:1/m")], "n", "nodes", ["it names two masters, \"n\" and \"m\"", "the same"])),
        "lifespan" | "max_idle" | "timeout" | "connect_timeout" | "max_reconnect_delay" | "delay" => {
            alone("1d", ["it is \"1d\"", "expected a duration such as"])
        }
        "tls"
        | "tls_insecure"
        | "sentinel_tls"
        | "sentinel_tls_insecure"
        | "disable_persistence"
        | "read_your_writes" => alone("yes", ["it is \"yes\"", "expected true or false"]),
        "max_entries" | "replicas" | "history" | "db" => alone("-1", ["it is \"-1\"", "expected a whole number"]),
        "shards" => alone("3", ["it is 3", "expected a power of two"]),
        "connections" => alone("65", ["it is 65", "expected 1 to 64"]),
        "max_bytes" => alone("1XB", ["it is \"1XB\"", "expected a size"]),
        "policy" | "fault" | "format" => alone("zzzzzzzzzz", ["\"zzzzzzzzzz\" is not known", "the choices are: "]),
        "durability" => alone("some", ["it is \"some\"", "expected \"none\", \"all\""]),
        "client_name" => alone("a b", ["\"a b\" holds", "expected letters"]),
        "username" if is_nats => Some((&[("token", SECRET)], "u", "token", ["_USERNAME is given too", "in one way"])),
        "username" => alone("u", ["there is no ", "_STORE_PASSWORD for it"]),
        "sentinel_username" => alone("u", ["there is no ", "_STORE_SENTINEL_PASSWORD for it"]),
        "password" if is_nats => alone_named(SECRET, "username", ["it is missing", "a password is given"]),
        "password" => {
            Some((&[("password_file", "/a")], SECRET, "password_file", ["both it and", "_PASSWORD are given"]))
        }
        "sentinel_password" => {
            let both = ["both it and", "_SENTINEL_PASSWORD are given"];
            Some((&[("sentinel_password_file", "/a")], SECRET, "sentinel_password_file", both))
        }
        "password_file" => Some((&[("password", SECRET)], "/a", setting, ["both it and", "_PASSWORD are given"])),
        "sentinel_password_file" => {
            Some((&[("sentinel_password", SECRET)], "/a", setting, ["both it and", "_SENTINEL_PASSWORD are given"]))
        }
        "token" | "nkey" | "credentials" => {
            Some((&[("username", "u")], SECRET, setting, ["_USERNAME is given too", "in one way"]))
        }
        "token_file" => Some((&[("token", SECRET)], "/a", setting, ["both it and", "_TOKEN are given"])),
        "nkey_file" => Some((&[("nkey", SECRET)], "/a", setting, ["both it and", "_NKEY are given"])),
        "tls_root_ca" | "sentinel_tls_root_ca" => alone("/no/such.pem", ["the file /no/such.pem", "cannot be read"]),
        "tls_certificate" => {
            Some((&[("tls_key", NO_PEM)], "/no/such.pem", setting, ["the file /no/such.pem", "cannot be read"]))
        }
        "sentinel_tls_certificate" => Some((
            &[("sentinel_tls_key", NO_PEM)],
            "/no/such.pem",
            setting,
            ["the file /no/such.pem", "cannot be read"],
        )),
        "tls_key" => alone_named("/a", "tls_certificate", ["it is missing", "_TLS_KEY is given, which needs it"]),
        "sentinel_tls_key" => {
            alone_named("/a", "sentinel_tls_certificate", ["it is missing", "_SENTINEL_TLS_KEY is given"])
        }
        "tls_server_name" | "sentinel_tls_server_name" => {
            alone("a b", ["\"a b\" is neither", "a host's name nor an address"])
        }
        other => panic!("no bad value is known for {other} of {kind}"),
    }
}

fn alone_named<'a>(value: &'a str, origin: &'a str, says: [&'a str; 2]) -> Option<BadSetting<'a>> {
    Some((&[], value, origin, says))
}

#[test]
fn a_setting_of_any_type_that_cannot_be_used_is_refused_by_larders_own_variable_of_it() {
    for kind in ["memory", "noop", "fault", "nats-js-kv", "redis", "redis-sentinel"] {
        let settings = settings_of(kind);
        assert!(settings.iter().any(|setting| setting == "type"), "{kind}: {settings:?}");
        for prefix in ["LARDER_STORE", "LARDER_A_STORE"] {
            // The store of no name hears of the variables of all stores only.
            let name = |key: &str| match key {
                "type" => prefix.to_owned(),
                key => format!("{prefix}_{}", key.to_ascii_uppercase()),
            };
            for setting in &settings {
                let Some((with, value, origin, says)) = bad_setting(kind, setting) else { continue };
                let mut all = std::collections::BTreeMap::from([(name("type"), kind)]);
                if kind == "redis-sentinel" {
                    all.insert(name("nodes"), "a:1/m");
                }
                all.extend(with.iter().map(|(key, value)| (name(key), *value)));
                all.insert(name(setting), value);
                let sources = larder::config::profile::Sources::new(
                    Profile::Larder,
                    all.iter().map(|(name, value)| (name.clone(), *value)).collect(),
                    None,
                );
                let error = sources.and_then(|sources| sources.all()).and_then(Larder::from_config).err();
                let error = error.unwrap_or_else(|| panic!("{kind}: {all:?} was taken"));
                assert_says(&error, &name(origin), &says);
            }
        }
    }
}
