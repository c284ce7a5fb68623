//! No secret reaches an error, a log line, a description, or what the command prints: neither where it is right nor where
//! it is wrong, against real servers that take it and that refuse it.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use larder::log::{self, Level, Line};
use larder::store::options::PutOptions;
use larder::{Larder, Status};
use serde_json::{Value, json};

#[path = "servers/mod.rs"]
mod servers;

use servers::nats::{self, Nats};
use servers::redis::{self, Redis};
use servers::sentinel::Group;
use servers::{credentials, directory::Directory};

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
    let larder = match Larder::open(config) {
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
fn use_command(config: &str) {
    let with = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
        command.args(["--config", config, "--timeout", "3s"]).args(arguments).env_remove("LARDER_CONFIG");
        let output = command.stdin(Stdio::null()).output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        say(format!("larder {}: {} {}", arguments[0], text(&output.stdout), text(&output.stderr)));
    };
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
        use_command(config);
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
        use_command(config);
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
        use_command(config);
    }
    assert_silent(&[RIGHT, WRONG, SENTINEL, TOKEN, &seed, &wrong_seed]);
}

fn merged(mut settings: Value, more: Value) -> String {
    for (key, value) in more.as_object().expect("an object") {
        settings[key] = value.clone();
    }
    settings.to_string()
}
