//! Networks that are cut, in namespaces: the client is a host of its own.

use std::time::{Duration, Instant};

use larder::store::options::Durability;
use serde_json::{Value, json};

use super::ledger::Tally;
use super::load::Load;
use super::redis::decision;
use super::servers::namespaces::{Network, within};
use super::servers::nats::{self, Nats};
use super::servers::place::Place;
use super::servers::redis::{self, Redis};
use super::servers::sentinel::Group;
use super::servers::{PATIENCE, Result, wait_for};
use super::{Opened, SKIPPED, Scenario};

const SOME: usize = 300;
const BUCKET: &str = "faults";
/// When a kernel has sent again what was on the way at the cut: its attempts are 0.2, 0.6, 1.4, 3 and 6.2 s after that.
const RETRANSMITTED: Duration = Duration::from_secs(3);
/// The host of the client; the servers have those after it.
const CLIENT: usize = 0;

pub fn scenarios() -> Vec<Scenario> {
    let durable = true;
    vec![
        Scenario { name: "NATS, one server: the client is cut off for 5 s", run: nats_cut_off, durable },
        Scenario { name: "Redis, one server: the client is cut off for 5 s", run: redis_cut_off, durable },
        Scenario {
            name: "NATS, three replicas: the leader is cut off with the client",
            run: |rounds| leader_cut_off(rounds, true),
            durable,
        },
        Scenario {
            name: "NATS, three replicas: the leader is cut off from client and others",
            run: |rounds| leader_cut_off(rounds, false),
            durable,
        },
        Scenario {
            name: "Redis, durability all: the master is cut off with the client",
            run: |rounds| master_cut_off(rounds, true),
            durable,
        },
        Scenario {
            name: "Redis, durability all: the master is cut off from client and others",
            run: |rounds| master_cut_off(rounds, false),
            durable,
        },
    ]
}

fn network(hosts: usize) -> Result<Network> {
    Network::new(hosts).map_err(|unsupported| format!("{SKIPPED}{unsupported}"))
}

fn places(network: &Network, hosts: std::ops::Range<usize>) -> Vec<Place> {
    hosts.map(|host| network.place(host)).collect()
}

/// Runs the client's part on the client's host: its runtime begins there and stays there.
fn on_the_client(network: &Network, work: impl FnOnce() -> Result<Tally> + Send) -> Result<Tally> {
    let namespace = network.place(CLIENT).namespace.expect("a host has one");
    within(&namespace, work)
}

fn nats_cut_off(rounds: usize) -> Result<Tally> {
    let network = network(2)?;
    let nats = Nats::single(&nats::Options { places: places(&network, 1..2), ..Default::default() })?;
    let settings = json!({"type": "nats-js-kv", "nodes": nats.addresses(), "database": BUCKET});
    client_cut_off(&network, &settings, rounds)
}

fn redis_cut_off(rounds: usize) -> Result<Tally> {
    let network = network(2)?;
    let server = Redis::start(&redis::Options { places: places(&network, 1..2), ..Default::default() })?;
    let settings = json!({"type": "redis", "nodes": [server.address()], "database": BUCKET});
    client_cut_off(&network, &settings, rounds)
}

fn client_cut_off(network: &Network, settings: &Value, rounds: usize) -> Result<Tally> {
    on_the_client(network, || {
        let mut total = Tally::default();
        for _ in 0..rounds {
            let (writer, reader) = Opened::pair(settings)?;
            let load = Load::start(&writer.store, Durability::Default);
            load.wait_for(SOME);
            network.cut(CLIENT)?;
            std::thread::sleep(Duration::from_secs(5));
            network.heal(CLIENT)?;
            let healed = Instant::now();
            load.wait_for(SOME);
            load.stop();
            std::thread::sleep(RETRANSMITTED);
            let tally = load.finish(&reader.store, healed);
            if tally.late > 0 {
                return Err(format!("{} writes that were given up arrived after others", tally.late));
            }
            total.add(&tally);
        }
        Ok(total)
    })
}

/// Cuts the leader off from the other two; the client stays with it, or with them.
fn leader_cut_off(rounds: usize, with_the_client: bool) -> Result<Tally> {
    let network = network(4)?;
    let mut nats = Nats::cluster(&nats::Options { places: places(&network, 1..4), ..Default::default() })?;
    let settings = json!({
        "type": "nats-js-kv", "nodes": nats.addresses(), "database": BUCKET, "replicas": 3, "read_your_writes": true,
    });
    on_the_client(&network, || {
        let mut total = Tally::default();
        for round in 1..=rounds {
            let (writer, reader) = Opened::pair(&settings)?;
            let load = Load::start(&writer.store, Durability::Default);
            load.wait_for(SOME);
            let leader = 1 + nats.leader_of(&format!("KV_{BUCKET}"))?;
            let others: Vec<usize> = (1..4).filter(|host| *host != leader).collect();
            let apart = |change: &dyn Fn(usize, usize) -> Result<()>| {
                others.iter().try_for_each(|other| {
                    change(leader, *other)?;
                    if with_the_client { change(CLIENT, *other) } else { Ok(()) }
                })?;
                if with_the_client { Ok(()) } else { change(CLIENT, leader) }
            };
            let cut = Instant::now();
            apart(&|one, other| network.cut_between(one, other))?;
            std::thread::sleep(Duration::from_secs(8));
            apart(&|one, other| network.heal_between(one, other))?;
            let could_go_on = if with_the_client { Instant::now() } else { cut };
            load.wait_for(SOME);
            total.add(&load.finish(&reader.store, could_go_on));
            if round < rounds {
                ready_for_another(&mut nats)?;
            }
        }
        Ok(total)
    })
}

/// Waits until all servers have caught up. One that was cut off sometimes does not: it says that its group is unhealthy,
/// for more than a minute. What was acknowledged is there all the same, and it is as it should be once it was restarted.
fn ready_for_another(nats: &mut Nats) -> Result<()> {
    for node in nats.nodes() {
        if node.wait_until_ready().is_err() {
            node.process().kill();
            node.start_again()?;
        }
    }
    Ok(())
}

/// Cuts the master off from its replicas and from two sentinels; the client stays with it and one sentinel, or with the
/// others.
fn master_cut_off(rounds: usize, with_the_client: bool) -> Result<Tally> {
    let network = network(4)?;
    let options = redis::Options { places: places(&network, 1..4), ..Default::default() };
    let group = Group::start(&options, &options)?;
    let settings = json!({"type": "redis-sentinel", "nodes": group.nodes(), "database": BUCKET});
    on_the_client(&network, || {
        let mut total = Tally::default();
        for _ in 0..rounds {
            let (writer, reader) = Opened::pair(&settings)?;
            let load = Load::start(&writer.store, Durability::All);
            load.wait_for(SOME);
            let master = group.master()?;
            let host = 1 + master;
            let others: Vec<usize> = (1..4).filter(|other| *other != host).collect();
            let apart = |change: &dyn Fn(usize, usize) -> Result<()>| {
                others.iter().try_for_each(|other| {
                    change(host, *other)?;
                    if with_the_client { change(CLIENT, *other) } else { Ok(()) }
                })?;
                if with_the_client { Ok(()) } else { change(CLIENT, host) }
            };
            apart(&|one, other| network.cut_between(one, other))?;
            let decided = decided_by_another(&group, master)?;
            std::thread::sleep(Duration::from_secs(3));
            apart(&|one, other| network.heal_between(one, other))?;
            let could_go_on = if with_the_client { Instant::now() } else { decided };
            load.wait_for(SOME);
            total.add(&load.finish(&reader.store, could_go_on));
            decision(&group, master)?;
            group.wait_until_heard()?;
        }
        Ok(total)
    })
}

/// The sentinel beside the old master cannot know; another one says.
fn decided_by_another(group: &Group, before: usize) -> Result<Instant> {
    let old = group.servers[before].address();
    let sentinel = &group.sentinels[(before + 1) % group.sentinels.len()];
    let decided = wait_for("another master", PATIENCE, || {
        let answer = sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", super::servers::sentinel::MASTER])?;
        let address = answer.lines().collect::<Vec<_>>().join(":");
        if address == old { Err(address) } else { Ok(Instant::now()) }
    });
    decided.map_err(|fault| format!("{fault}\n{}", group.logs()))
}
