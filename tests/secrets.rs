//! No secret reaches an error, a log line, a description, or what the command prints: neither where it is right nor where
//! it is wrong, against real servers that take it and that refuse it.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use larder::config::Config;
use larder::config::profile::Profile;
use larder::config::profile::environment::Environment;
use larder::log::{self, Level, Line};
use larder::store::options::PutOptions;
use larder::{Larder, Status};
use serde_json::{Value, json};

#[path = "servers/mod.rs"]
mod servers;

use servers::certificates::Certificates;
use servers::credentials::{self, Account};
use servers::directory::Directory;
use servers::nats::{self, Nats};
use servers::redis::{self, Redis};
use servers::sentinel::Group;

/// What must be nowhere. Each is one word of letters, so that no escaping can hide it.
const RIGHT: &str = "hushRightPassword";
const WRONG: &str = "hushWrongPassword";
const SENTINEL: &str = "hushSentinelPassword";
const TOKEN: &str = "hushToken";

static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn say(text: String) {
    SAID.lock().expect("no panic").push(text);
}

fn listen(line: Line) {
    say(format!("log: {}: {}", line.target, line.message));
}

/// Opens a store, works with it, describes it, closes it; returns what the work came to.
fn use_store(config: &str) -> Status {
    use_larder(Larder::open(config))
}

/// The same with the store of a service that variables configure, and what the command prints of it.
fn use_variables(profile: Profile, service: &str, variables: &[(&str, &str)]) -> Status {
    let environment: Environment = variables.iter().copied().collect();
    say(format!("environment: {environment:?}"));
    let status = use_larder(Config::from_environment(profile, service, &environment).and_then(Larder::from_config));
    let address = format!("env://{}/{service}", profile.name());
    use_command(&address, variables);
    let of_profile = ["--profile", profile.name()];
    for begin in [&["config", "check"][..], &["config", "explain"], &["--json", "config", "explain"]] {
        say_command(&[begin, &of_profile].concat(), variables);
    }
    status
}

fn use_larder(larder: larder::Result<Larder>) -> Status {
    let larder = match larder {
        Ok(larder) => larder,
        Err(error) => {
            say(format!("open: {error} {error:?}"));
            return error.status();
        }
    };
    let store = larder.store("default").expect("one store");
    let limit = Some(Duration::from_secs(3));
    let mut status = Status::OK;
    let mut note = |what: &str, error: larder::Error| {
        say(format!("{what}: {error} {error:?}"));
        status = error.status();
    };
    if let Err(error) = larder::wait(store.put(b"key", b"value", &PutOptions::default()), limit) {
        note("put", error);
    }
    let refused = [larder::wait(store.ping(), limit).err(), larder::wait(store.get(b"key"), limit).err()];
    refused.into_iter().flatten().for_each(|error| note("get", error));
    say(format!("describe: {} {}", store.describe(), larder.describe()));
    let _ = larder::wait(larder.close(), limit);
    status
}

/// What the command prints about a configuration, every way that it prints one.
fn use_command(config: &str, variables: &[(&str, &str)]) {
    let with =
        |arguments: &[&str]| say_command(&[&["--config", config, "--timeout", "3s"], arguments].concat(), variables);
    with(&["get", "key"]);
    with(&["stat"]);
    with(&["config", "check"]);
    with(&["config", "explain"]);
    with(&["--json", "config", "explain"]);
    for format in ["text", "json", "nagios", "prometheus"] {
        with(&["doctor", "--format", format]);
    }
    with(&["migrate", "--to", config]);
}

fn say_command(arguments: &[&str], variables: &[(&str, &str)]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(arguments).env_remove("LARDER_CONFIG").envs(variables.iter().copied());
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    say(format!("larder: {} {}", text(&output.stdout), text(&output.stderr)));
}

fn assert_silent(secrets: &[&str]) {
    let said = SAID.lock().expect("no panic");
    assert!(said.iter().any(|text| text.starts_with("log: ")), "no log line came: is anybody listening?");
    for text in said.iter() {
        let found = secrets.iter().find(|secret| text.contains(**secret));
        assert!(found.is_none(), "{found:?} is in: {text}");
    }
}

#[test]
fn no_secret_is_ever_said() {
    log::set_sink(Some((Level::Debug, listen)));
    let directory = Directory::new().expect("a directory");
    let file = |name: &str, text: &str| directory.write(name, text).expect("written").display().to_string();
    let (public, seed) = credentials::nkey().expect("a key");
    let (_, wrong_seed) = credentials::nkey().expect("a key");
    let start = |login| Nats::single(&nats::Options { login, ..nats::Options::default() }).expect("a server");
    let by_user = start(nats::Login::User("user".to_owned(), RIGHT.to_owned()));
    let by_token = start(nats::Login::Token(TOKEN.to_owned()));
    let by_nkey = start(nats::Login::Nkey(public));
    let login = redis::Options { login: redis::Login::password(RIGHT), ..redis::Options::default() };
    let sentinels = redis::Options { login: redis::Login::password(SENTINEL), ..redis::Options::default() };
    let redis = Redis::start(&login).expect("a server");
    let group = Group::start(&login, &sentinels).expect("servers");

    let nats = |nats: &Nats, more: Value| merged(json!({"type": "nats-js-kv", "nodes": nats.addresses()}), more);
    let single = |more: Value| merged(json!({"type": "redis", "nodes": [redis.address()]}), more);
    let sentinel = |more: Value| merged(json!({"type": "redis-sentinel", "nodes": group.nodes()}), more);
    let right = [
        nats(&by_user, json!({"username": "user", "password": RIGHT})),
        nats(&by_user, json!({"username": "user", "password_file": file("password", RIGHT)})),
        format!("nats://user:{RIGHT}@{}/", by_user.addresses()[0]),
        nats(&by_token, json!({"token": TOKEN})),
        nats(&by_token, json!({"token_file": file("token", TOKEN)})),
        nats(&by_nkey, json!({"nkey": seed})),
        nats(&by_nkey, json!({"nkey_file": file("nkey", &seed)})),
        single(json!({"password": RIGHT})),
        single(json!({"password_file": file("redis", RIGHT)})),
        format!("redis://:{RIGHT}@{}/0", redis.address()),
        sentinel(json!({"password": RIGHT, "sentinel_password": SENTINEL})),
        sentinel(json!({"password": RIGHT, "sentinel_password_file": file("sentinel", SENTINEL)})),
    ];
    for config in &right {
        assert_eq!(use_store(config), Status::OK, "{config}: {:?}", SAID.lock().expect("no panic").last());
        use_command(config, &[]);
    }
    let refused = [
        nats(&by_user, json!({"username": "user", "password": WRONG})),
        nats(&by_token, json!({"token": WRONG})),
        nats(&by_nkey, json!({"nkey": wrong_seed})),
        single(json!({"password": WRONG})),
        sentinel(json!({"password": WRONG, "sentinel_password": SENTINEL})),
        sentinel(json!({"password": RIGHT, "sentinel_password": WRONG})),
    ];
    for config in &refused {
        assert_eq!(use_store(config), Status::AUTH, "{config}: {:?}", SAID.lock().expect("no panic").last());
        use_command(config, &[]);
    }
    // What cannot be read is not repeated either.
    let malformed = [
        format!("nats://user:{WRONG}@host:port:4222/x"),
        format!("redis://:{WRONG}@host:99999999/"),
        format!("redis-sentinel://:{WRONG}@host/?no_such_setting={WRONG}"),
        nats(&by_nkey, json!({"nkey": WRONG})),
        nats(&by_user, json!({"nodes": [format!("nats://user:{WRONG}@ho st")]})),
        nats(&by_user, json!({"password": [WRONG]})),
        nats(&by_user, json!({"username": "user", "password": RIGHT, "token": TOKEN})),
        single(json!({"nodes": [format!("redis://:{WRONG}@[::1")]})),
        sentinel(json!({"sentinel_username": "name", "sentinel_password": {"text": WRONG}})),
        format!("[stores.a]\ntype = \"redis\"\npassword = \"{WRONG}\nnodes = []"),
    ];
    for config in &malformed {
        assert_ne!(use_store(config), Status::OK, "{config}");
        use_command(config, &[]);
    }
    assert_silent(&[RIGHT, WRONG, SENTINEL, TOKEN, &seed, &wrong_seed]);
}

/// What a credentials file holds that nobody may see: the token by which a user is known, and the seed of its key.
fn secrets_of(credentials: &str) -> Vec<String> {
    let lines = credentials.lines().filter(|line| line.len() > 40 && !line.starts_with('-'));
    lines.map(str::to_owned).collect()
}

#[test]
fn nothing_of_a_credentials_file_is_ever_said() {
    log::set_sink(Some((Level::Debug, listen)));
    let directory = Directory::new().expect("a directory");
    let (account, stranger) = (Account::new().expect("keys"), Account::new().expect("keys"));
    let login = nats::Login::Credentials(account.clone());
    let server = Nats::single(&nats::Options { login, ..nats::Options::default() }).expect("a server");
    let written = |account: &Account, name: &str| {
        let path = account.credentials(&directory, name).expect("written");
        (path.display().to_string(), std::fs::read_to_string(path).expect("readable"))
    };
    let ((right, right_text), (wrong, wrong_text)) = (written(&account, "right"), written(&stranger, "wrong"));
    // A token whose seed is cut off, a seed that is none, and one of another user.
    let file = |name: &str, text: &str| directory.write(name, text).expect("written").display().to_string();
    let (right_secrets, wrong_secrets) = (secrets_of(&right_text), secrets_of(&wrong_text));
    let cut = file("cut.creds", right_text.split("-----BEGIN USER").next().expect("the first part"));
    let no_seed = file("no-seed.creds", &right_text.replace(&right_secrets[1], WRONG));
    let mixed = file("mixed.creds", &right_text.replace(&right_secrets[1], &wrong_secrets[1]));
    let config = |credentials: &str| {
        json!({"type": "nats-js-kv", "nodes": server.addresses(), "credentials": credentials}).to_string()
    };
    let expected = [
        (&right, Status::OK),
        (&wrong, Status::AUTH),
        (&mixed, Status::AUTH),
        (&cut, Status::CONFIG),
        (&no_seed, Status::CONFIG),
        // What the file holds where its path should be.
        (&right_text, Status::CONFIG),
    ];
    for (credentials, status) in expected {
        let config = config(credentials);
        assert_eq!(use_store(&config), status, "{config}: {:?}", SAID.lock().expect("no panic").last());
        use_command(&config, &[]);
    }
    let secrets: Vec<&str> = right_secrets.iter().chain(&wrong_secrets).map(String::as_str).collect();
    assert_eq!(secrets.len(), 4);
    assert_silent(&[&secrets[..], &[WRONG]].concat());
}

#[test]
fn no_secret_in_a_variable_or_in_the_file_that_one_names_is_ever_said() {
    log::set_sink(Some((Level::Debug, listen)));
    let directory = Directory::new().expect("a directory");
    let file = |name: &str, text: &str| directory.write(name, text).expect("written").display().to_string();
    let login = nats::Login::User("user".to_owned(), RIGHT.to_owned());
    let server = Nats::single(&nats::Options { login, ..nats::Options::default() }).expect("a server");
    let nodes = server.addresses().join(",");
    let (right, wrong) = (file("right", RIGHT), file("wrong", WRONG));
    let products = [
        (Profile::Ocis, "GRAPH_CACHE", "OCIS_CACHE_STORE", "OCIS_CACHE_STORE_NODES", "OCIS_CACHE_AUTH"),
        (Profile::OpenCloud, "USERLOG", "OC_PERSISTENT_STORE", "OC_PERSISTENT_STORE_NODES", "OC_PERSISTENT_STORE_AUTH"),
        (Profile::Larder, "a", "LARDER_STORE", "LARDER_A_STORE_NODES", "LARDER_A_STORE"),
    ];
    for (profile, service, kind, place, login) in products {
        let [username, password] = ["USERNAME", "PASSWORD"].map(|word| format!("{login}_{word}"));
        let password_file = format!("{password}_FILE");
        let run = |more: &[(&str, &str)], expected: Status| {
            let base = [(kind, "nats-js-kv"), (place, nodes.as_str()), (username.as_str(), "user")];
            let all = [&base, more].concat();
            let status = use_variables(profile, service, &all);
            assert_eq!(status, expected, "{more:?}: {:?}", SAID.lock().expect("no panic").last());
        };
        run(&[(&password, RIGHT)], Status::OK);
        run(&[(&password_file, &right)], Status::OK);
        run(&[(&password, WRONG)], Status::AUTH);
        run(&[(&password_file, &wrong)], Status::AUTH);
        // Given twice; without a name; in a node's address, well-formed and not.
        run(&[(&password, WRONG), (&password_file, &wrong)], Status::CONFIG);
        run(&[(&password, WRONG), (&username, "")], Status::CONFIG);
        let address = format!("nats://user:{RIGHT}@{nodes}");
        run(&[(place, &address), (&username, "")], Status::OK);
        run(&[(place, &format!("nats://user:{WRONG}@ho st:1"))], Status::CONFIG);
        run(&[(kind, "redis-sentinel"), (place, &format!("user:{WRONG}@a:1")), (&password, WRONG)], Status::CONFIG);
    }
    assert_silent(&[RIGHT, WRONG]);
}

#[test]
fn nothing_of_a_private_key_is_ever_said() {
    log::set_sink(Some((Level::Debug, listen)));
    let directory = Directory::new().expect("a directory");
    let files = Certificates::new().expect("certificates");
    let options = nats::Options { tls: nats::Tls::mutual(&files), ..nats::Options::default() };
    let nats = Nats::single(&options).expect("a server");
    let redis = Redis::start(&redis::Options::default().with_mutual_tls(&files)).expect("a server");
    let text = |path: &std::path::Path| std::fs::read_to_string(path).expect("readable");
    let file = |name: &str, text: &str| directory.write(name, text).expect("written").display().to_string();
    let (key, other_key) = (text(&files.client_key), text(&files.other_client_key));
    let shown = |path: &std::path::Path| path.display().to_string();
    let (certificate, other) = (shown(&files.client_certificate), shown(&files.other_client_certificate));
    let cases = [
        (&certificate, shown(&files.client_key), Status::OK),
        // Of another certificate; cut off; no base64; the key itself where its path should be.
        (&certificate, shown(&files.other_client_key), Status::CONFIG),
        (&certificate, file("cut.pem", &key[..key.len() / 2]), Status::CONFIG),
        (&certificate, file("no-base64.pem", &key.replace('\n', "\n*")), Status::CONFIG),
        (&certificate, key.clone(), Status::CONFIG),
    ];
    let with = |mut settings: Value, certificate: &str, key: &str| {
        settings["tls_root_ca"] = Value::from(shown(&files.root_ca));
        settings["tls_certificate"] = Value::from(certificate);
        settings["tls_key"] = Value::from(key);
        settings.to_string()
    };
    for settings in
        [json!({"type": "nats-js-kv", "nodes": nats.addresses()}), json!({"type": "redis", "nodes": [redis.address()]})]
    {
        for (certificate, key, status) in &cases {
            let config = with(settings.clone(), certificate, key);
            assert_eq!(use_store(&config), *status, "{config}: {:?}", SAID.lock().expect("no panic").last());
            use_command(&config, &[]);
        }
        // One that the server does not believe: what that comes to depends on when it says so.
        let config = with(settings.clone(), &other, &shown(&files.other_client_key));
        assert_ne!(use_store(&config), Status::OK);
        use_command(&config, &[]);
    }
    let lines: Vec<&str> = key.lines().chain(other_key.lines()).filter(|line| !line.starts_with('-')).collect();
    assert!(lines.len() > 2);
    assert_silent(&lines);
}

fn merged(mut settings: Value, more: Value) -> String {
    for (key, value) in more.as_object().expect("an object") {
        settings[key] = value.clone();
    }
    settings.to_string()
}
