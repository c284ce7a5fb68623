//! Which sentinels are asked.

use crate::servers::redis::Options;
use crate::servers::sentinel::{Group, MASTER, Sentinel};
use crate::support::{Opened, eventually, open, put};

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
