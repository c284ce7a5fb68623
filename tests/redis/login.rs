//! Passwords and encryption, of servers and sentinels apart.

use larder::{Larder, Status};

use crate::servers::certificates::Certificates;
use crate::servers::directory::Directory;
use crate::servers::redis::{Login, Options, Redis};
use crate::servers::sentinel::Group;
use crate::support::{eventually, open, put, value, wait};

#[test]
fn a_server_wants_its_password_and_a_refusal_comes_at_once_without_a_secret() {
    let options = Options { login: Login::user("app", "pa/ss@w%rd"), ..Options::default() };
    let server = Redis::start(&options).expect("a server");
    let address = server.address();
    let opened = open(&format!("redis://app:pa%2Fss%40w%25rd@{address}"));
    put(&opened.store, b"k", b"v");
    assert_eq!(value(&opened.store, b"k"), Some(b"v".to_vec()));
    assert!(!opened.larder.describe().to_string().contains("pa/ss"));
    for config in [
        format!("redis://app:wr0ng-one@{address}"),
        format!("redis://{address}"),
        format!("redis://x:wr0ng-one@{address}"),
    ] {
        let begun = std::time::Instant::now();
        let error = wait(open(&config).store.get(b"k")).expect_err("refused");
        assert_eq!(error.status(), Status::AUTH, "{error}");
        assert!(!error.to_string().contains("wr0ng") && begun.elapsed().as_secs() < 4, "{error}");
    }
}

#[test]
fn servers_and_sentinels_have_logins_and_certificates_apart() {
    let certificates = Certificates::new().expect("certificates");
    let servers = Options { login: Login::password("server-secret"), ..Options::default() }.with_tls(&certificates);
    let sentinels = Options { login: Login::password("sentinel-secret"), ..Options::default() }.with_tls(&certificates);
    let group = Group::start(&servers, &sentinels).expect("a group");
    let nodes = group.nodes().join(",");
    let root_ca = certificates.root_ca.display();
    let config = |password: &str, sentinel_password: &str, root_ca: &str| {
        format!(
            "type = \"redis-sentinel\"\nnodes = \"{nodes}\"\npassword = \"{password}\"\ntls = true\n\
             sentinel_password = \"{sentinel_password}\"\nsentinel_tls = true\nsentinel_tls_root_ca = \"{root_ca}\"\n\
             tls_root_ca = \"{root_ca}\""
        )
    };
    let opened = open(&config("server-secret", "sentinel-secret", &root_ca.to_string()));
    put(&opened.store, b"k", b"v");
    assert_eq!(value(&opened.store, b"k"), Some(b"v".to_vec()));
    let about = opened.store.describe().to_string();
    assert!(!about.contains("secret"), "{about}");
    let refused = |config: String| {
        let larder = Larder::open(&config).expect("valid");
        let store = larder.store("default").expect("a store");
        larder::wait(store.get(b"k"), Some(std::time::Duration::from_secs(4))).expect_err("refused").status()
    };
    assert_eq!(refused(config("wrong", "sentinel-secret", &root_ca.to_string())), Status::AUTH);
    assert_eq!(refused(config("server-secret", "wrong", &root_ca.to_string())), Status::AUTH);
    let other = certificates.other_root_ca.display().to_string();
    assert_eq!(refused(config("server-secret", "sentinel-secret", &other)), Status::UNAVAILABLE);
}

#[test]
fn a_master_that_no_sentinel_knows_is_a_fault_of_the_configuration() {
    let group = Group::start(&Options::default(), &Options::default()).expect("a group");
    let nodes: Vec<String> = group.sentinels.iter().map(|sentinel| sentinel.address()).collect();
    let opened = open(&format!("redis-sentinel://{}?master=nobody", nodes.join(",")));
    let error = wait(opened.store.get(b"k")).expect_err("unknown");
    assert_eq!((error.status(), error.origin()), (Status::CONFIG, "master"), "{error}");
    // Lettuce's form and fred's find it.
    for url in [
        format!("redis-sentinel://{}/1#larder", nodes.join(",")),
        format!("redis-sentinel://{}?sentinelServiceName=larder", nodes.join(",")),
        format!("redis://{}?master_set=larder&addr={}", nodes[0], nodes[1]),
    ] {
        let opened = open(&url);
        put(&opened.store, b"k", b"v");
    }
}

#[test]
fn a_sentinel_in_a_servers_place_is_told_from_a_replica() {
    let group = Group::start(&Options::default(), &Options::default()).expect("a group");
    let address = group.sentinels[0].address();
    let error = wait(open(&format!("redis://{address}")).store.get(b"k")).expect_err("a sentinel");
    assert_eq!((error.status(), error.origin()), (Status::CONFIG, "type"), "{error}");
    assert!(
        ["is a sentinel", "redis-sentinel", "\"larder\""].iter().all(|text| error.message().contains(text)),
        "{error}"
    );
    // With a database it is met before its role is asked for.
    let error = wait(open(&format!("redis://{address}/3")).store.get(b"k")).expect_err("a sentinel");
    assert!(error.status() == Status::CONFIG && error.message().contains("redis-sentinel"), "{error}");
}

#[test]
fn certificates_that_change_on_the_disk_are_shown_at_the_next_connection() {
    let certificates = Certificates::new().expect("certificates");
    let server = Redis::start(&Options::default().with_mutual_tls(&certificates)).expect("a server");
    let directory = Directory::new().expect("a directory");
    let (shown, key) = (directory.file("shown.pem"), directory.file("shown.key"));
    let replace = |certificate: &std::path::Path, its_key: &std::path::Path| {
        std::fs::copy(certificate, &shown).expect("copied");
        std::fs::copy(its_key, &key).expect("copied");
    };
    replace(&certificates.client_certificate, &certificates.client_key);
    let (root_ca, shown_name, key_name) = (certificates.root_ca.display(), shown.display(), key.display());
    let opened = open(&format!(
        "type = \"redis\"\nnodes = \"{}\"\ntls = true\ntls_root_ca = \"{root_ca}\"\ntls_certificate = \"{shown_name}\"\n\
         tls_key = \"{key_name}\"",
        server.address()
    ));
    let limit = Some(std::time::Duration::from_secs(2));
    put(&opened.store, b"k", b"v");
    // The next connection shows a stranger's, and none comes about.
    replace(&certificates.other_client_certificate, &certificates.other_client_key);
    let disconnect = || drop(server.ask(&["CLIENT", "KILL", "TYPE", "normal"]));
    disconnect();
    eventually("the refusal", || {
        larder::wait(opened.store.get(b"k"), limit).is_err_and(|error| error.status() == Status::UNAVAILABLE)
    });
    certificates.renew_client().expect("renewed");
    replace(&certificates.client_certificate, &certificates.client_key);
    eventually("a connection", || larder::wait(opened.store.get(b"k"), limit).is_ok_and(|found| found.is_some()));
}

#[test]
fn a_user_without_the_right_to_ask_for_the_role_is_told_it_by_the_greeting() {
    let more = "user app on >plain-secret ~* &* +@all -@dangerous\n".to_owned();
    let servers = Redis::with_replicas(&Options { more, ..Options::default() }, 1).expect("servers");
    let on = |server: &Redis| open(&format!("redis://app:plain-secret@{}", server.address()));
    let limit = Some(std::time::Duration::from_secs(2));
    let is_refused = |opened: &crate::support::Opened| {
        let read = larder::wait(opened.store.get(b"k"), limit);
        read.is_err_and(|error| error.status() == Status::UNAVAILABLE && error.message().contains("replica"))
    };
    assert!(is_refused(&on(&servers[1])));
    let opened = on(&servers[0]);
    put(&opened.store, b"k", b"1");
    assert_eq!(opened.store.describe()["role"], "master");
    // Nobody writes who would be told by a refusal.
    let address = servers[1].address();
    let (host, port) = address.rsplit_once(':').expect("host:port");
    servers[0].ask(&["REPLICAOF", host, port]).expect("demoted");
    eventually("that it is left", || is_refused(&opened));
}

#[test]
fn the_role_of_a_server_that_does_not_say_it_is_unknown() {
    let more = "rename-command HELLO \"\"\nuser app on >plain-secret ~* &* +@all -role\n".to_owned();
    let server = Redis::start(&Options { more, ..Options::default() }).expect("a server");
    let opened = open(&format!("redis://app:plain-secret@{}", server.address()));
    put(&opened.store, b"k", b"1");
    assert_eq!(opened.store.describe()["role"], "unknown");
    server.ask(&["ACL", "SETUSER", "app", "+role"]).expect("given");
    eventually("its role", || opened.store.describe()["role"] == "master");
}
