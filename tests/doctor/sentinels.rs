//! Sentinels, the master that they name, and what they and the servers want apart.

use std::process::Command;

use crate::examination::{
    Failure, examined, examined_with, fails, fails_in_every_format, in_container, is_well, outcomes, redis_config,
    sentinel_config, told,
};
use crate::servers::certificates::Certificates;
use crate::servers::redis::{Login, Options, Redis};
use crate::servers::sentinel::{Group, MASTER, Sentinel};

const BRIEFLY: [&str; 2] = ["--timeout", "3s"];

fn config(group: &Group, more: &str) -> String {
    sentinel_config(&group.nodes(), more)
}

#[test]
fn sentinels_and_the_master_that_they_name_are_examined() {
    let group = Group::start(&Options::default(), &Options::default()).expect("a group");
    let store = is_well(&config(&group, ""), &[]);
    // Three sentinels and the master.
    assert_eq!(outcomes(&store, "connect"), ["ok"; 4]);
    assert_eq!(outcomes(&store, "master"), ["ok"], "{store}");
}

#[test]
fn a_name_that_no_sentinel_knows_leads_to_the_setting() {
    let server = Redis::start(&Options::default()).expect("a server");
    let sentinel = Sentinel::naming(&server).expect("a sentinel");
    let expected = Failure {
        step: "login",
        code: 2,
        detail: "knows no master \"nobody\"",
        advice: "Set stores.s.master, or what stands behind the / of each node",
    };
    let nodes = [format!("{}/nobody", sentinel.address())];
    fails_in_every_format(&sentinel_config(&nodes, ""), &BRIEFLY, expected);
    is_well(&sentinel_config(&[format!("{}/{MASTER}", sentinel.address())], ""), &[]);
}

#[test]
fn refused_logins_of_sentinels_and_servers_lead_to_settings_apart() {
    let servers = Options { login: Login::password("hush"), ..Options::default() };
    let sentinels = Options { login: Login::user("watcher", "hushed"), ..Options::default() };
    let group = Group::start(&servers, &sentinels).expect("a group");
    let logins = |password: &str, sentinel_password: &str| {
        format!(
            "password = \"{password}\"\nsentinel_username = \"watcher\"\nsentinel_password = \"{sentinel_password}\"\n"
        )
    };
    is_well(&config(&group, &logins("hush", "hushed")), &[]);
    let expected = Failure {
        step: "login",
        code: 5,
        detail: "sentinel: ",
        advice: "Check stores.s.sentinel_username and stores.s.sentinel_password: the sentinels",
    };
    fails_in_every_format(&config(&group, &logins("hush", "hush")), &BRIEFLY, expected);
    let advice = "set stores.s.sentinel_password (or stores.s.sentinel_password_file)";
    fails(&config(&group, "password = \"hush\"\n"), &BRIEFLY, Failure { advice, ..expected });
    let expected = Failure { detail: "redis: ", advice: "Check stores.s.password: it must be", ..expected };
    fails(&config(&group, &logins("hushed", "hushed")), &BRIEFLY, expected);
}

#[test]
fn certificates_of_sentinels_and_servers_lead_to_settings_apart() {
    let files = Certificates::new().expect("certificates");
    let options = Options::default().with_tls(&files);
    let group = Group::start(&options, &options).expect("a group");
    let (right, wrong) = (&files.root_ca, &files.other_root_ca);
    let with = |root_ca: &std::path::Path, of_sentinels: &std::path::Path| {
        config(&group, &format!("tls_root_ca = {root_ca:?}\nsentinel_tls_root_ca = {of_sentinels:?}\n"))
    };
    is_well(&with(right, right), &[]);
    let expected =
        Failure { step: "tls", code: 4, detail: "UnknownIssuer", advice: "Set stores.s.sentinel_tls_root_ca to" };
    fails_in_every_format(&with(right, wrong), &BRIEFLY, expected);
    // Of the master, which the sentinels name all the same; what fails first is the store.
    let (code, store) = examined(&with(wrong, right), &BRIEFLY);
    let steps = store["steps"].as_array().expect("steps").iter();
    let failed: Vec<_> = steps.filter(|step| step["outcome"] == "failed").map(told).collect();
    assert_eq!((code, failed[1].0.as_str()), (4, "tls"), "{store}");
    assert!(failed[1].2.contains("Set stores.s.tls_root_ca to"), "{store}");
    // Neither says that there is TLS at all.
    let advice = "Set stores.s.sentinel_tls = true, and stores.s.sentinel_tls_root_ca";
    fails(&config(&group, ""), &BRIEFLY, Failure { detail: "only TLS", advice, ..expected });
}

#[test]
fn a_replica_in_the_masters_place_is_told_with_the_way_to_the_master() {
    let servers = Redis::with_replicas(&Options::default(), 1).expect("servers");
    let expected = Failure { step: "login", code: 4, detail: "it is a replica", advice: "name its master in nodes" };
    fails_in_every_format(&redis_config(&servers[1].address(), ""), &BRIEFLY, expected);
    let sentinel = Sentinel::naming(&servers[1]).expect("a sentinel");
    let expected = Failure { detail: "although the sentinels name it", advice: "SENTINEL RESET", ..expected };
    let nodes = [format!("{}/{MASTER}", sentinel.address())];
    fails_in_every_format(&sentinel_config(&nodes, ""), &BRIEFLY, expected);
}

#[test]
fn a_master_that_sentinels_name_and_that_is_not_reachable_comes_with_advice() {
    let mut group = Group::start(&Options::default(), &Options::default()).expect("a group");
    // What the sentinels announce leads nowhere then, as from another network.
    group.servers.iter_mut().for_each(|server| server.process().kill());
    let unreachable = |surround: fn(&mut Command)| {
        let (code, store) = examined_with(&config(&group, ""), &["--timeout", "3s"], surround);
        assert_eq!(code, 4, "{store}");
        let steps = store["steps"].as_array().expect("steps").iter();
        let steps = steps.filter(|step| step["step"] == "connect" && step["outcome"] == "failed");
        let advice: Vec<String> = steps.map(|step| told(step).2).collect();
        assert_eq!(advice.len(), 1, "{store}");
        advice[0].clone()
    };
    let advice = unreachable(in_container);
    assert!(advice.contains("announce-ip") && advice.contains("Or put this container"), "{advice}");
}
