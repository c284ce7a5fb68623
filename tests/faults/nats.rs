//! Faults of NATS servers: one, and three with three replicas.

use std::time::{Duration, Instant};

use larder::store::options::Durability;
use serde_json::json;

use super::ledger::Tally;
use super::load::Load;
use super::servers::Result;
use super::servers::nats::{Nats, Options};
use super::{Opened, Scenario};

/// How many writes come before and after a fault.
const SOME: usize = 300;

const BUCKET: &str = "faults";

pub fn scenarios() -> Vec<Scenario> {
    let durable = true;
    vec![
        Scenario { name: "NATS, one server: kill -9, back after 1 s", run: |rounds| single(rounds, killed), durable },
        Scenario { name: "NATS, one server: SIGSTOP for 5 s", run: |rounds| single(rounds, paused), durable },
        Scenario { name: "NATS, one server: restart", run: |rounds| single(rounds, restarted), durable },
        Scenario {
            name: "NATS, three replicas: kill -9 of the leader",
            run: |rounds| cluster(rounds, leader_killed),
            durable,
        },
        Scenario {
            name: "NATS, three replicas: SIGSTOP of the leader",
            run: |rounds| cluster(rounds, leader_paused),
            durable,
        },
        Scenario { name: "NATS, three replicas: rolling restart", run: |rounds| cluster(rounds, rolled), durable },
    ]
}

/// Does something to the servers and says from when on a client could go on.
type Fault = fn(&mut Nats, &Load) -> Result<Instant>;

fn single(rounds: usize, fault: Fault) -> Result<Tally> {
    rounds_on(Nats::single(&Options::default())?, 1, rounds, fault)
}

fn cluster(rounds: usize, fault: Fault) -> Result<Tally> {
    rounds_on(Nats::cluster(&Options::default())?, 3, rounds, fault)
}

fn rounds_on(mut nats: Nats, replicas: usize, rounds: usize, fault: Fault) -> Result<Tally> {
    let settings = json!({
        "type": "nats-js-kv", "nodes": nats.addresses(), "database": BUCKET, "replicas": replicas,
        "read_your_writes": replicas > 1,
    });
    let mut total = Tally::default();
    for round in 0..rounds {
        let (writer, reader) = Opened::pair(&settings)?;
        let load = Load::start(&writer.store, Durability::Default);
        load.wait_for(SOME);
        let could_go_on = fault(&mut nats, &load)?;
        load.wait_for(SOME);
        total.add(&load.finish(&reader.store, could_go_on));
        for node in nats.nodes() {
            node.wait_until_ready().map_err(|fault| format!("round {round}: {fault}"))?;
        }
    }
    Ok(total)
}

fn killed(nats: &mut Nats, _: &Load) -> Result<Instant> {
    nats.node(0).process().kill();
    std::thread::sleep(Duration::from_secs(1));
    nats.node(0).start_again()?;
    Ok(Instant::now())
}

fn paused(nats: &mut Nats, _: &Load) -> Result<Instant> {
    nats.node(0).process().pause();
    std::thread::sleep(Duration::from_secs(5));
    nats.node(0).process().resume();
    Ok(Instant::now())
}

fn restarted(nats: &mut Nats, _: &Load) -> Result<Instant> {
    nats.node(0).process().stop();
    nats.node(0).start_again()?;
    Ok(Instant::now())
}

/// The others can elect one of them at once; how long they take for it is part of the time to follow.
fn leader_killed(nats: &mut Nats, load: &Load) -> Result<Instant> {
    let leader = nats.leader_of(&format!("KV_{BUCKET}"))?;
    let began = Instant::now();
    nats.node(leader).process().kill();
    load.wait_for(SOME);
    nats.node(leader).start_again()?;
    Ok(began)
}

fn leader_paused(nats: &mut Nats, load: &Load) -> Result<Instant> {
    let leader = nats.leader_of(&format!("KV_{BUCKET}"))?;
    let began = Instant::now();
    nats.node(leader).process().pause();
    load.wait_for(SOME);
    nats.node(leader).process().resume();
    Ok(began)
}

fn rolled(nats: &mut Nats, load: &Load) -> Result<Instant> {
    let mut last = Instant::now();
    for index in 0..3 {
        let node = nats.node(index);
        node.drain()?;
        node.start_again()?;
        last = Instant::now();
        load.wait_for(SOME / 3);
    }
    Ok(last)
}
