//! Larder's stores on servers beside raw sockets and the Rust clients, in one run, on the same servers, taking turns:
//! one blocking call at a time, and 64 callers; and how soon a watch tells of a write. Prints the ratios and the bars.
//! `--only watch`, `--only nats` or `--only redis` measures one of them.
//!
//! The servers are those of the file that `LARDER_TEST_STORES` names: `cargo run --example servers -- measure -- …` starts
//! them and sets it.

mod lanes;
mod nats;
mod redis;
mod watch;

use std::time::Duration;

use lanes::Figure;

/// How many keys there are.
const KEYS: usize = 10_000;

/// The length of a value, in bytes.
const VALUE: usize = 100;

/// How thoroughly is measured.
#[derive(Clone, Copy)]
pub struct Plan {
    rounds: usize,
    turn: Duration,
}

/// What is measured under one heading.
pub struct Candidate {
    name: &'static str,
    /// Does its work for the time given, and says what came of it.
    run: Box<dyn FnMut(Duration) -> Figure>,
}

/// What one row is held against: another row's figure, and the bar for the ratio.
pub struct Bar {
    ours: &'static str,
    peer: &'static str,
    /// The most that our median call may take of the peer's, or the least that our rate may be of the peer's.
    limit: f64,
    by_time: bool,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let only = arguments.iter().position(|argument| argument == "--only").and_then(|place| arguments.get(place + 1));
    let is_chosen = |name: &str| only.is_none_or(|only| only == name);
    let turn = Duration::from_millis(if quick { 300 } else { 1_500 });
    let plan = Plan { rounds: if quick { 3 } else { 7 }, turn };
    let stores = stores();
    if is_chosen("watch") {
        watch::measure(plan, &stores);
    }
    if is_chosen("nats") {
        nats::measure(plan, &stores["nats-js-kv"]["settings"]);
    }
    if is_chosen("redis") {
        redis::measure(plan, &stores["redis"]["settings"]);
    }
}

fn stores() -> serde_json::Value {
    let path = std::env::var("LARDER_TEST_STORES").expect("LARDER_TEST_STORES names the servers; run `make bench`");
    let text = std::fs::read_to_string(path).expect("the file of the servers");
    serde_json::from_str(&text).expect("JSON")
}

/// `host:port` of a store's first node.
fn node(settings: &serde_json::Value) -> String {
    let node = settings["nodes"][0].as_str().expect("a node");
    node.rsplit("//").next().expect("an address").to_owned()
}

/// A store of the settings, with some of its own.
fn store(
    settings: &serde_json::Value,
    own: serde_json::Value,
) -> (larder::Larder, std::sync::Arc<dyn larder::store::Store>) {
    let mut merged = settings.clone();
    for (key, value) in own.as_object().expect("settings") {
        merged[key] = value.clone();
    }
    let larder = larder::Larder::open(&merged.to_string()).expect("valid settings");
    let store = larder.store("default").expect("there");
    (larder, store)
}

fn key(index: usize) -> String {
    format!("key-{index:012}")
}

/// Measures the candidates in turns and prints their table and what the bars say.
fn table(title: &str, plan: Plan, mut candidates: Vec<Candidate>, bars: &[Bar]) {
    let mut figures: Vec<Vec<Figure>> = candidates.iter().map(|_| Vec::new()).collect();
    for round in 0..=plan.rounds {
        for place in 0..candidates.len() {
            let index = (place + round) % candidates.len();
            let figure = (candidates[index].run)(plan.turn);
            // The first round warms up.
            if round > 0 {
                figures[index].push(figure);
            }
        }
    }
    println!("\n{title}\n\n| | per second | p50 µs | p99 µs |\n|---|---|---|---|");
    let medians: Vec<Figure> = figures.iter_mut().map(|figures| lanes::median(figures)).collect();
    for (candidate, median) in candidates.iter().zip(&medians) {
        println!("| {} | {:.0} | {:.1} | {:.1} |", candidate.name, median.per_second, median.p50, median.p99);
    }
    let of = |name: &str| {
        let place = candidates.iter().position(|candidate| candidate.name == name).expect("a row of this table");
        medians[place]
    };
    for bar in bars {
        let (ours, peer) = (of(bar.ours), of(bar.peer));
        let ratio = if bar.by_time { ours.p50 / peer.p50 } else { ours.per_second / peer.per_second };
        let (sign, reached) = if bar.by_time { ("≤", ratio <= bar.limit) } else { ("≥", ratio >= bar.limit) };
        let verdict = if reached { "reached" } else { "MISSED" };
        println!("bar: {} {sign} {} × {}: {ratio:.2}, {verdict}", bar.ours, bar.limit, bar.peer);
    }
}
