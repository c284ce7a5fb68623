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
    enters(&nats.addresses()[0], json!({"token": "hush"}));
    assert_eq!(is_refused(&nats.addresses()[0], json!({"token": "other"})).0, Status::AUTH);

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
