//! Faults of Redis behind sentinels, with and without durability.

use std::time::{Duration, Instant};

use larder::store::options::Durability;
use serde_json::json;

use super::ledger::Tally;
use super::load::Load;
use super::servers::redis::Options;
use super::servers::sentinel::{Group, MASTER};
use super::servers::{PATIENCE, Result, wait_for};
use super::{Opened, Scenario};

const SOME: usize = 300;

pub fn scenarios() -> Vec<Scenario> {
    let all = |name, run| Scenario { name, run, durable: true };
    let none = |name, run| Scenario { name, run, durable: false };
    vec![
        all("Redis, durability all: kill -9 of the master", |rounds| group(rounds, Durability::All, killed)),
        all("Redis, durability all: SIGSTOP of the master for 10 s", |rounds| group(rounds, Durability::All, paused)),
        all("Redis, durability all: planned failover", |rounds| group(rounds, Durability::All, failed_over)),
        none("Redis, durability none: kill -9 of the master", |rounds| group(rounds, Durability::None, killed)),
        none("Redis, durability none: planned failover", |rounds| group(rounds, Durability::None, failed_over)),
    ]
}

/// Does something to the servers and says when a new master was decided on.
type Fault = fn(&mut Group, &Load) -> Result<Instant>;

fn group(rounds: usize, durability: Durability, fault: Fault) -> Result<Tally> {
    let mut group = Group::start(&Options::default(), &Options::default())?;
    let settings = json!({"type": "redis-sentinel", "nodes": group.nodes(), "database": "faults"});
    let mut total = Tally::default();
    for _ in 0..rounds {
        let (writer, reader) = Opened::pair(&settings)?;
        let load = Load::start(&writer.store, durability);
        load.wait_for(SOME);
        let decided = fault(&mut group, &load)?;
        load.wait_for(SOME);
        total.add(&load.finish(&reader.store, decided));
        group.wait_until_whole()?;
    }
    Ok(total)
}

/// Returns the moment when the sentinels name another master.
pub fn decision(group: &Group, before: usize) -> Result<Instant> {
    wait_for("another master", PATIENCE, || match group.master() {
        Ok(now) if now != before => Ok(Instant::now()),
        other => Err(format!("{other:?}")),
    })
}

fn killed(group: &mut Group, load: &Load) -> Result<Instant> {
    let master = group.master()?;
    group.servers[master].process().kill();
    let decided = decision(group, master)?;
    load.wait_for(SOME);
    group.servers[master].start_again()?;
    Ok(decided)
}

fn paused(group: &mut Group, _: &Load) -> Result<Instant> {
    let master = group.master()?;
    let began = Instant::now();
    group.servers[master].process().pause();
    let decided = decision(group, master)?;
    std::thread::sleep(Duration::from_secs(10).saturating_sub(began.elapsed()));
    group.servers[master].process().resume();
    Ok(decided)
}

fn failed_over(group: &mut Group, load: &Load) -> Result<Instant> {
    let master = group.master()?;
    group.sentinels[0].ask(&["SENTINEL", "FAILOVER", MASTER])?;
    let decided = decision(group, master)?;
    // The old master stays writable until the sentinels have made it a replica: that is when writes get lost.
    wait_for("the old master's new role", PATIENCE, || match group.servers[master].role()?.as_str() {
        "slave" => Ok(()),
        other => Err(other.to_owned()),
    })?;
    load.wait_for(SOME);
    Ok(decided)
}
