//! Logins and encryption: each way in works, and each refusal says what to look at.

use larder::Status;
use serde_json::{Value, json};

use crate::common::*;
use crate::servers::certificates::Certificates;
use crate::servers::credentials::{Account, nkey};
use crate::servers::directory::Directory;
use crate::servers::nats::{Login, Nats, Options, Tls};

fn server(login: Login, tls: Tls) -> Nats {
    Nats::single(&Options { login, tls, ..Options::default() }).expect("a server")
}

fn enters(address: &str, more: Value) {
    let store = store(address, &bucket(), more);
    put(&store, b"k", b"v");
    assert_eq!(get(&store, b"k").as_deref(), Some(&b"v"[..]));
}

/// The refusal comes at once, long before the deadline.
fn is_refused(address: &str, more: Value) -> (Status, String) {
    let store = store(address, &bucket(), more);
    let begin = std::time::Instant::now();
    let error = larder::wait(store.get(b"k"), Some(std::time::Duration::from_secs(60))).expect_err("no login");
    assert!(begin.elapsed() < std::time::Duration::from_secs(30));
    assert!(!error.to_string().contains("hush"), "{error}");
    (error.status(), error.origin().to_owned())
}

#[test]
fn users_enter_by_password_in_settings_files_and_urls() {
    let directory = Directory::new().expect("a directory");
    let file = directory.write("password", "hush hush\n").expect("a file");
    let nats = server(Login::User("me".into(), "hush hush".into()), Tls::Off);
    let address = &nats.addresses()[0];
    enters(address, json!({"username": "me", "password": "hush hush"}));
    enters(address, json!({"username": "me", "password_file": file}));
    enters(address, json!({"nodes": [format!("nats://me:hush%20hush@{address}")]}));
    let refused = (Status::AUTH, "username".to_owned());
    assert_eq!(is_refused(address, json!({"username": "me", "password": "hush"})), refused);
    assert_eq!(is_refused(address, json!({})), refused);
    let gone = is_refused(address, json!({"username": "me", "password_file": "/no/such/file"}));
    assert_eq!(gone.0, Status::CONFIG, "{gone:?}");
}

#[test]
fn users_enter_by_token_nkey_and_credentials() {
    let nats = server(Login::Token("hush".into()), Tls::Off);
    let address = &nats.addresses()[0];
    enters(address, json!({"token": "hush"}));
    assert_eq!(is_refused(address, json!({"token": "other"})).0, Status::AUTH);
    // As nats.go has it, what stands alone before the @ is a token, and stronger than the settings.
    enters(address, json!({"nodes": [format!("nats://hush@{address}")]}));
    enters(address, json!({"nodes": [format!("nats://hush@{address}")], "username": "me", "password": "other"}));
    assert_eq!(is_refused(address, json!({"nodes": [format!("nats://hushhush@{address}")]})).0, Status::AUTH);

    let (public, seed) = nkey().expect("a key");
    let nats = server(Login::Nkey(public), Tls::Off);
    enters(&nats.addresses()[0], json!({"nkey": seed}));
    let (_, stranger) = nkey().expect("a key");
    assert_eq!(is_refused(&nats.addresses()[0], json!({"nkey": stranger})).0, Status::AUTH);
    assert_eq!(is_refused(&nats.addresses()[0], json!({"nkey": "hush"})), (Status::AUTH, "nkey".to_owned()));

    let directory = Directory::new().expect("a directory");
    let account = Account::new().expect("an account");
    let good = account.credentials(&directory, "user").expect("a file");
    let bad = directory.write("bad.creds", "hush").expect("a file");
    let nats = server(Login::Credentials(account), Tls::Off);
    enters(&nats.addresses()[0], json!({"credentials": good}));
    let malformed = (Status::CONFIG, "credentials".to_owned());
    assert_eq!(is_refused(&nats.addresses()[0], json!({"credentials": bad})), malformed);
    assert_eq!(is_refused(&nats.addresses()[0], json!({"credentials": "/no/such/file"})), malformed);
}

/// What the server says of the one connection that there is, of its login and its certificate.
fn connection(nats: &mut Nats) -> Value {
    let page = nats.node(0).monitor("/connz?auth=true").expect("a page");
    let connections = page["connections"].as_array().expect("connections").clone();
    assert_eq!(connections.len(), 1, "{page}");
    connections[0].clone()
}

/// Has a store connect, changes something, has it connect again; and what the server says of both connections.
fn before_and_after(nats: &mut Nats, more: Value, change: impl FnOnce()) -> [Value; 2] {
    let store = store(&nats.addresses()[0], &bucket(), more);
    put(&store, b"k", b"v");
    let before = connection(nats);
    nats.node(0).process().kill();
    change();
    nats.node(0).start_again().expect("it starts");
    assert_eq!(get(&store, b"k").as_deref(), Some(&b"v"[..]));
    [before, connection(nats)]
}

#[test]
fn a_renewed_nkey_is_used_by_the_next_connection() {
    let directory = Directory::new().expect("a directory");
    let keys = [nkey().expect("a key"), nkey().expect("a key")];
    let more = format!("authorization {{ users: [{{ nkey: {} }}, {{ nkey: {} }}] }}", keys[0].0, keys[1].0);
    let mut nats = Nats::single(&Options { more, ..Options::default() }).expect("a server");
    let file = directory.write("nkey", &keys[0].1).expect("a file");
    let renew = || drop(directory.write("nkey", &keys[1].1).expect("a file"));
    let seen = before_and_after(&mut nats, json!({"nkey_file": file, "timeout": "30s"}), renew);
    assert_eq!(seen.map(|connection| connection["authorized_user"].clone()), keys.map(|(public, _)| json!(public)));
}

#[test]
fn a_renewed_credentials_file_is_used_by_the_next_connection() {
    let directory = Directory::new().expect("a directory");
    let account = Account::new().expect("an account");
    let [first, second] = ["first", "second"].map(|name| account.credentials(&directory, name).expect("a file"));
    let texts = [&first, &second].map(|file| std::fs::read_to_string(file).expect("a text"));
    let mut nats = server(Login::Credentials(account), Tls::Off);
    let renew = || std::fs::rename(&second, &first).expect("renamed");
    let seen = before_and_after(&mut nats, json!({"credentials": first, "timeout": "30s"}), renew);
    let is_shown = |at: usize, text: &str| seen[at]["jwt"].as_str().is_some_and(|jwt| text.contains(jwt));
    assert!(is_shown(0, &texts[0]) && is_shown(1, &texts[1]), "{seen:?}");
}

#[test]
fn a_renewed_client_certificate_is_shown_to_the_next_server_and_a_broken_one_is_not() {
    let files = Certificates::new().expect("certificates");
    let shown = |connection: &Value| {
        let certificate = connection["tls_peer_certs"][0]["cert_sha256"].as_str().map(str::to_owned);
        certificate.unwrap_or_else(|| panic!("{connection}"))
    };
    let more = json!({
        "tls_root_ca": files.root_ca, "tls_certificate": files.client_certificate, "tls_key": files.client_key,
        "timeout": "30s",
    });
    let mut nats = server(Login::Anybody, Tls::mutual(&files));
    let renew = || files.renew_client().expect("renewed");
    let [before, after] = before_and_after(&mut nats, more.clone(), renew);
    assert_ne!(shown(&before), shown(&after));
    // A pair of which one half was written only.
    let mut nats = server(Login::Anybody, Tls::mutual(&files));
    let other = std::fs::read(&files.other_client_key).expect("a key");
    let spoil = || std::fs::write(&files.client_key, &other).expect("written");
    let [before, after] = before_and_after(&mut nats, more.clone(), spoil);
    assert_eq!(shown(&before), shown(&after));
    let mut nats = server(Login::Anybody, Tls::mutual(&files));
    files.renew_client().expect("renewed");
    let spoil = || std::fs::write(&files.client_certificate, "no certificate").expect("written");
    let [before, after] = before_and_after(&mut nats, more, spoil);
    assert_eq!(shown(&before), shown(&after));
}

#[test]
fn connections_are_encrypted_and_both_sides_are_checked() {
    let files = Certificates::new().expect("certificates");
    let nats = server(Login::Anybody, Tls::server(&files));
    let address = &nats.addresses()[0];
    enters(address, json!({"tls": true, "tls_root_ca": files.root_ca}));
    enters(address, json!({"nodes": [format!("tls://{address}")], "tls_insecure": true}));
    let store = |more: Value| {
        let store = crate::common::store(address, &bucket(), more);
        larder::wait(store.get(b"k"), Some(std::time::Duration::from_millis(1500))).expect_err("not believed")
    };
    for more in [json!({"tls": true, "tls_root_ca": files.other_root_ca}), json!({"tls": true})] {
        let error = store(more);
        assert_eq!((error.status(), error.origin()), (Status::UNAVAILABLE, "tls"), "{error}");
    }
    let nats = server(Login::Anybody, Tls::mutual(&files));
    let address = &nats.addresses()[0];
    enters(
        address,
        json!({"tls_root_ca": files.root_ca, "tls_certificate": files.client_certificate,
        "tls_key": files.client_key}),
    );
    let store = crate::common::store(address, &bucket(), json!({"tls_root_ca": files.root_ca}));
    let error = larder::wait(store.get(b"k"), Some(std::time::Duration::from_millis(1500))).expect_err("a stranger");
    assert_eq!((error.status(), error.origin()), (Status::UNAVAILABLE, "tls"), "{error}");
}
