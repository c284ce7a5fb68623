//! The database of a server: the setting `db`.

use larder::Status;

use crate::servers::redis::{Options, Redis};
use crate::servers::sentinel::{Group, MASTER};
use crate::support::{SERVER, eventually, open, put, wait};

#[test]
fn a_database_is_selected_on_the_next_master_too_and_for_durable_writes() {
    let group = Group::start(&Options::default(), &Options::default()).expect("a group");
    let nodes = group.nodes().join(",");
    let open = |more: &str| open(&format!("type = \"redis-sentinel\"\nnodes = \"{nodes}\"\ndb = 3\n{more}"));
    let (plain, durable) = (open(""), open("durability = 1"));
    let has = |database: &str, key: &str| {
        let master = &group.servers[group.master().expect("a master")];
        master.ask(&["-n", database, "EXISTS", &format!("larder:::{key}")]).expect("an answer") == "1"
    };
    let write_both = |keys: [&str; 2]| {
        put(&plain.store, keys[0].as_bytes(), b"v");
        put(&durable.store, keys[1].as_bytes(), b"v");
        for key in keys {
            assert!(has("3", key) && !has("0", key), "{key}");
        }
    };
    write_both(["plain", "durable"]);
    let before = group.master().expect("a master");
    group.sentinels[0].ask(&["SENTINEL", "FAILOVER", MASTER]).expect("begun");
    eventually("the failover", || group.master().is_ok_and(|now| now != before));
    let now = group.servers[group.master().expect("a master")].address();
    eventually("the change", || {
        let leads = |store: &std::sync::Arc<dyn larder::store::Store>| {
            store.describe()["master"].as_str() == Some(now.as_str())
        };
        leads(&plain.store) && leads(&durable.store)
    });
    write_both(["plain after", "durable after"]);
}

#[test]
fn a_database_that_the_server_lacks_is_a_fault_of_the_configuration() {
    let error = wait(open(&format!("redis://{}/9999", SERVER.address())).store.get(b"k")).expect_err("no database");
    assert_eq!((error.status(), error.origin()), (Status::CONFIG, "db"), "{error}");
    assert!(error.message().contains("9999") && error.message().contains(&SERVER.address()), "{error}");
}

#[test]
fn a_user_who_may_not_select_a_database_is_told_which_right_it_needs() {
    let more = "user plain on >plain-secret ~* &* +@all -select\n".to_owned();
    let server = Redis::start(&Options { more, ..Options::default() }).expect("a server");
    let url = format!("redis://plain:plain-secret@{}", server.address());
    put(&open(&url).store, b"k", b"v");
    let error = wait(open(&format!("{url}/3")).store.get(b"k")).expect_err("no right");
    assert_eq!((error.status(), error.origin()), (Status::AUTH, "db"), "{error}");
    assert!(error.message().contains("SELECT") && !error.message().contains("plain-secret"), "{error}");
}
