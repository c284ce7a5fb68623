//! Faults of Redis: one server with its log on the disk, and a group behind sentinels, with and without durability.

use std::time::{Duration, Instant};

use larder::store::options::Durability;
use serde_json::json;

use super::ledger::Tally;
use super::load::Load;
use super::servers::redis::{Options, Redis};
use super::servers::sentinel::{Group, MASTER};
use super::servers::{PATIENCE, Result, wait_for};
use super::{Opened, Scenario};

const SOME: usize = 300;

pub fn scenarios() -> Vec<Scenario> {
    let all = |name, run| Scenario { name, run, durable: true };
    let none = |name, run| Scenario { name, run, durable: false };
    vec![
        all("Redis, one server: kill -9, back after 1 s", |rounds| single(rounds, killed_alone)),
        all("Redis, one server: SIGSTOP for 5 s", |rounds| single(rounds, paused_alone)),
        all("Redis, one server: restart", |rounds| single(rounds, restarted_alone)),
        all("Redis, durability all: kill -9 of the master", |rounds| group(rounds, Durability::All, killed)),
        all("Redis, durability all: SIGSTOP of the master for 10 s", |rounds| group(rounds, Durability::All, paused)),
        all("Redis, durability all: planned failover", |rounds| group(rounds, Durability::All, failed_over)),
        all("Redis, durability all: restart of the master", |rounds| group(rounds, Durability::All, restarted)),
        all("Redis, durability all: kill -9 of two sentinels", |rounds| {
            group(rounds, Durability::All, without_sentinels)
        }),
        all("Redis, durability 1 replica: kill -9 of the master", |rounds| {
            group(rounds, Durability::Replicas(1), killed)
        }),
        none("Redis, durability none: kill -9 of the master", |rounds| group(rounds, Durability::None, killed)),
        none("Redis, durability none: planned failover", |rounds| group(rounds, Durability::None, failed_over)),
    ]
}

/// One server, which has on its disk what it acknowledges: otherwise a kill may lose what the disk was too slow for.
fn single(rounds: usize, fault: fn(&mut Redis) -> Result<Instant>) -> Result<Tally> {
    let more = "appendfsync always\n".to_owned();
    let mut server = Redis::start(&Options { more, ..Options::default() })?;
    let settings = json!({"type": "redis", "nodes": [server.address()], "database": "faults"});
    let mut total = Tally::default();
    for _ in 0..rounds {
        let (writer, reader) = Opened::pair(&settings)?;
        let load = Load::start(&writer.store, Durability::Default);
        load.wait_for(SOME);
        let could_go_on = fault(&mut server)?;
        load.wait_for(SOME);
        total.add(&load.finish(&reader.store, could_go_on));
    }
    Ok(total)
}

fn killed_alone(server: &mut Redis) -> Result<Instant> {
    server.process().kill();
    std::thread::sleep(Duration::from_secs(1));
    server.start_again()?;
    Ok(Instant::now())
}

fn paused_alone(server: &mut Redis) -> Result<Instant> {
    server.process().pause();
    std::thread::sleep(Duration::from_secs(5));
    server.process().resume();
    Ok(Instant::now())
}

fn restarted_alone(server: &mut Redis) -> Result<Instant> {
    server.process().stop();
    server.start_again()?;
    Ok(Instant::now())
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
        group.wait_until_heard()?;
    }
    Ok(total)
}

/// Returns the moment when the sentinels name another master. An error has what they have logged.
pub fn decision(group: &Group, before: usize) -> Result<Instant> {
    let decided = wait_for("another master", PATIENCE, || match group.master() {
        Ok(now) if now != before => Ok(Instant::now()),
        other => Err(format!("{other:?}")),
    });
    decided.map_err(|fault| format!("{fault}\n{}", group.logs()))
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

/// It is back before the sentinels take it for dead, or they name another: either way something can go on from here.
fn restarted(group: &mut Group, load: &Load) -> Result<Instant> {
    let master = group.master()?;
    group.servers[master].process().stop();
    group.servers[master].start_again()?;
    let back = Instant::now();
    load.wait_for(SOME);
    Ok(back)
}

/// One sentinel is left, which can say who the master is, and can promote nobody.
fn without_sentinels(group: &mut Group, load: &Load) -> Result<Instant> {
    for sentinel in &mut group.sentinels[..2] {
        sentinel.process().kill();
    }
    let dead = Instant::now();
    load.wait_for(SOME);
    for sentinel in &mut group.sentinels[..2] {
        sentinel.start_again()?;
    }
    Ok(dead)
}
