//! What sentinels want of a client and what servers want, each for itself: users, encryption, authorities, certificates.

use std::path::Path;
use std::time::Duration;

use larder::{Larder, Status};

use crate::servers::certificates::Certificates;
use crate::servers::directory::Directory;
use crate::servers::nats::Tls;
use crate::servers::redis::{Among, Login, Options};
use crate::servers::sentinel::{Group, MASTER};
use crate::support::{Opened, eventually, open, put, value};

fn config(group: &Group, more: &str) -> String {
    format!("type = \"redis-sentinel\"\nnodes = \"{}\"\n{more}", group.nodes().join(","))
}

/// Opens the group and sees that it is written to and read, before and after a planned failover.
fn works(group: &Group, more: &str) -> Opened {
    let opened = open(&config(group, more));
    put(&opened.store, b"k", b"1");
    let before = group.master().expect("a master");
    group.sentinels[0].ask(&["SENTINEL", "FAILOVER", MASTER]).expect("begun");
    eventually("another master", || group.master().is_ok_and(|master| master != before));
    let address = group.servers[group.master().expect("a master")].address();
    eventually("its lead", || {
        larder::wait(opened.store.get(b"k"), Some(Duration::from_secs(5))).is_ok()
            && opened.store.describe()["master"].as_str() == Some(&address)
    });
    put(&opened.store, b"k", b"2");
    assert_eq!(value(&opened.store, b"k"), Some(b"2".to_vec()));
    opened
}

/// The status and the origin of the error that another configuration comes to.
fn fails(group: &Group, more: &str) -> (Status, String) {
    let larder = Larder::open(&config(group, more)).expect("valid");
    let store = larder.store("default").expect("a store");
    let error = larder::wait(store.get(b"k"), Some(Duration::from_secs(4))).expect_err("refused");
    assert!(!error.to_string().contains("hush"), "{error}");
    (error.status(), error.origin().to_owned())
}

fn refused(who: &str) -> (Status, String) {
    (Status::AUTH, who.to_owned())
}

fn unreachable(who: &str) -> (Status, String) {
    (Status::UNAVAILABLE, who.to_owned())
}

#[test]
fn sentinels_and_servers_have_users_of_their_own() {
    let servers = Options { login: Login::user("app", "hush-server"), ..Options::default() };
    let sentinels = Options { login: Login::user("watcher", "hush-sentinel"), ..Options::default() };
    let group = Group::start(&servers, &sentinels).expect("a group");
    let of_server = "username = \"app\"\npassword = \"hush-server\"\n";
    let of_sentinel = "sentinel_username = \"watcher\"\nsentinel_password = \"hush-sentinel\"\n";
    let both = [of_server, of_sentinel].concat();
    let opened = works(&group, &both);
    assert!(!opened.store.describe().to_string().contains("hush"));
    // A password that is right for the other, a user that is, or none.
    assert_eq!(fails(&group, &both.replace("hush-sentinel", "hush-server")), refused("sentinel"));
    assert_eq!(fails(&group, &both.replace("watcher", "app")), refused("sentinel"));
    assert_eq!(fails(&group, of_server), refused("sentinel"));
    assert_eq!(fails(&group, &both.replace("hush-server", "hush-sentinel")), refused("redis"));
    assert_eq!(fails(&group, &both.replace("\"app\"", "\"watcher\"")), refused("redis"));
    assert_eq!(fails(&group, of_sentinel), refused("redis"));
}

fn encrypted(tls: Tls, root_ca: &Path) -> Options {
    Options { tls, root_ca: Some(root_ca.to_owned()), ..Options::default() }
}

#[test]
fn sentinels_alone_may_be_encrypted() {
    let files = Certificates::new().expect("certificates");
    let sentinels = Options { among: Among::Plain, ..encrypted(Tls::server(&files), &files.root_ca) };
    let group = Group::start(&Options::default(), &sentinels).expect("a group");
    let right = format!("sentinel_tls_root_ca = {:?}\n", files.root_ca);
    works(&group, &right);
    assert_eq!(fails(&group, ""), unreachable("sentinel"));
    assert_eq!(fails(&group, &format!("{right}tls_root_ca = {:?}\n", files.root_ca)), unreachable("redis"));
}

#[test]
fn servers_alone_may_be_encrypted() {
    let files = Certificates::new().expect("certificates");
    let servers = encrypted(Tls::server(&files), &files.root_ca);
    let among = Among::Encrypted(files.server_certificate.clone(), files.server_key.clone());
    let sentinels = Options { among, root_ca: Some(files.root_ca.clone()), ..Options::default() };
    let group = Group::start(&servers, &sentinels).expect("a group");
    let right = format!("tls_root_ca = {:?}\n", files.root_ca);
    works(&group, &right);
    assert_eq!(fails(&group, ""), unreachable("redis"));
    assert_eq!(fails(&group, &format!("{right}sentinel_tls_root_ca = {:?}\n", files.root_ca)), unreachable("sentinel"));
}

#[test]
fn sentinels_and_servers_have_authorities_and_certificates_of_their_own() {
    let [of_servers, of_sentinels] = [(); 2].map(|()| Certificates::new().expect("certificates"));
    let directory = Directory::new().expect("a directory");
    let read = |files: &Certificates| std::fs::read_to_string(&files.root_ca).expect("a text");
    // Sentinels are clients of the servers, so that both know both authorities.
    let both = directory.write("both.pem", &(read(&of_servers) + &read(&of_sentinels))).expect("a file");
    let servers = encrypted(Tls::mutual(&of_servers), &both);
    let sentinels = encrypted(Tls::server(&of_sentinels), &both);
    let group = Group::start(&servers, &sentinels).expect("a group");
    let authorities =
        |servers: &Path, sentinels: &Path| format!("tls_root_ca = {servers:?}\nsentinel_tls_root_ca = {sentinels:?}\n");
    let right = authorities(&of_servers.root_ca, &of_sentinels.root_ca);
    let shown = |certificate: &Path, key: &Path| format!("tls_certificate = {certificate:?}\ntls_key = {key:?}\n");
    let ours = shown(&of_servers.client_certificate, &of_servers.client_key);
    works(&group, &[right.as_str(), &ours].concat());
    // Each authority counts in its place alone.
    let crossed = authorities(&of_sentinels.root_ca, &of_sentinels.root_ca);
    assert_eq!(fails(&group, &[crossed.as_str(), &ours].concat()), unreachable("redis"));
    let crossed = authorities(&of_servers.root_ca, &of_servers.root_ca);
    assert_eq!(fails(&group, &[crossed.as_str(), &ours].concat()), unreachable("sentinel"));
    // The servers want a certificate, and one of an authority that they know.
    assert_eq!(fails(&group, &right), unreachable("redis"));
    let strangers = shown(&of_servers.other_client_certificate, &of_servers.other_client_key);
    assert_eq!(fails(&group, &[right.as_str(), &strangers].concat()), unreachable("redis"));
    let of_sentinels_only = format!("sentinel_{}", ours.replace("\ntls_key", "\nsentinel_tls_key"));
    assert_eq!(fails(&group, &[right.as_str(), &of_sentinels_only].concat()), unreachable("redis"));
}
