//! What sentinels are asked, and how far they are believed.

use std::time::Duration;

use larder::{Result, Status};

use crate::servers::redis::{Options, Redis};
use crate::servers::sentinel::{Group, MASTER, Sentinel};
use crate::support::{Opened, eventually, open, put, value};

fn on_sentinel(sentinel: &Sentinel) -> Opened {
    open(&format!("type = \"redis-sentinel\"\nnodes = \"{}/{MASTER}\"", sentinel.address()))
}

/// How many of a store's connections a sentinel tells what it announces. It answers no PUBSUB.
fn listeners(sentinel: &Sentinel) -> usize {
    let list = sentinel.ask(&["CLIENT", "LIST"]).expect("a list");
    list.lines().filter(|line| line.contains(" name=larder ") && !line.contains(" sub=0 ")).count()
}

#[test]
fn of_one_configured_sentinel_the_others_are_learned_and_every_one_is_listened_to() {
    let group = Group::start(&Options::default(), &Options::default()).expect("a group");
    let opened = on_sentinel(&group.sentinels[0]);
    put(&opened.store, b"k", b"1");
    eventually("a subscription at every sentinel", || group.sentinels.iter().all(|sentinel| listeners(sentinel) >= 1));
    let mut addresses: Vec<String> = group.sentinels.iter().map(Sentinel::address).collect();
    addresses.sort();
    eventually("an answer of every sentinel", || {
        let about = opened.store.describe();
        let listed = about["sentinels"].as_array().expect("a list");
        let heard = listed.iter().filter(|sentinel| sentinel["reachable"] == true);
        let mut heard: Vec<&str> = heard.filter_map(|sentinel| sentinel["address"].as_str()).collect();
        heard.sort_unstable();
        listed.len() == 3 && heard == addresses
    });
}

#[test]
fn sentinels_that_announce_other_addresses_than_are_configured_are_followed_once() {
    let mut group = Group::start(&Options::default(), &Options::default()).expect("a group");
    let nodes = group.sentinels.iter().map(|sentinel| local(&sentinel.address()));
    let mut nodes: Vec<String> = nodes.collect();
    nodes.sort();
    // What it announces is learned from the others before anybody can hear who it is.
    group.sentinels[2].process().pause();
    let opened = open(&format!("type = \"redis-sentinel\"\nnodes = {nodes:?}\nmaster = \"{MASTER}\""));
    put(&opened.store, b"k", b"1");
    let listed = || opened.store.describe()["sentinels"].as_array().expect("a list").clone();
    eventually("the address that it announces", || listed().len() == 4);
    group.sentinels[2].process().resume();
    eventually("those that are configured and no other", || {
        let listed = listed();
        let heard = listed.iter().filter(|sentinel| sentinel["reachable"] == true);
        let heard: Vec<&str> = heard.filter_map(|sentinel| sentinel["address"].as_str()).collect();
        listed.len() == 3 && heard == nodes
    });
}

/// The address by the machine's name for itself.
fn local(address: &str) -> String {
    address.replace("127.0.0.1", "localhost")
}

#[test]
fn a_replica_that_a_sentinel_names_as_the_master_is_neither_read_nor_written_to() {
    let servers = Redis::with_replicas(&Options::default(), 1).expect("servers");
    let (master, replica) = (open(&format!("redis://{}", servers[0].address())), &servers[1]);
    put(&master.store, b"k", b"1");
    eventually("the record on the replica", || replica.ask(&["DBSIZE"]).is_ok_and(|count| count == "1"));
    // So that it is not the replica who refuses.
    replica.ask(&["CONFIG", "SET", "replica-read-only", "no"]).expect("set");
    let sentinel = Sentinel::naming(replica).expect("a sentinel");
    let opened = on_sentinel(&sentinel);
    let limit = Some(Duration::from_secs(3));
    fails_for_its_role(larder::wait(opened.store.get(b"k"), limit));
    fails_for_its_role(larder::wait(opened.store.put(b"k", b"2", &Default::default()), limit));
    fails_for_its_role(larder::wait(opened.store.put(b"new", b"2", &Default::default()), limit));
    assert_eq!(replica.ask(&["DBSIZE"]).expect("a number"), "1");
    // Its role was all that it was refused for.
    replica.ask(&["REPLICAOF", "NO", "ONE"]).expect("promoted");
    assert_eq!(value(&opened.store, b"k").as_deref(), Some(&b"1"[..]));
    put(&opened.store, b"k", b"3");
    assert_eq!(value(&master.store, b"k").as_deref(), Some(&b"1"[..]));
}

fn fails_for_its_role<T: std::fmt::Debug>(answer: Result<T>) {
    let error = answer.expect_err("a replica");
    assert_eq!(error.status(), Status::UNAVAILABLE, "{error}");
    assert!(error.message().contains("it is a replica, although the sentinels name it"), "{error}");
}

#[test]
fn a_learned_sentinel_that_comes_back_under_another_address_is_followed_there_alone() {
    let mut group = Group::start(&Options::default(), &Options::default()).expect("a group");
    let opened = on_sentinel(&group.sentinels[0]);
    put(&opened.store, b"k", b"1");
    let listed = || -> Vec<(String, bool)> {
        let about = opened.store.describe();
        let listed = about["sentinels"].as_array().expect("a list").clone();
        let of = |sentinel: &serde_json::Value| {
            (sentinel["address"].as_str().expect("one").to_owned(), sentinel["reachable"] == true)
        };
        listed.iter().map(of).collect()
    };
    eventually("all of them", || listed().iter().filter(|(_, heard)| *heard).count() == 3);
    let before = group.sentinels[2].address();
    group.sentinels[2].move_to_another_port().expect("it comes back");
    let after = group.sentinels[2].address();
    eventually("its new address and not its old one", || {
        let listed = listed();
        listed.contains(&(after.clone(), true)) && !listed.iter().any(|(address, _)| *address == before)
    });
}
