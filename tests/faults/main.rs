//! What is lost when servers die: faults in real processes and networks, under load, counted over rounds.
//!
//! `cargo test --test faults` runs one round of each scenario and fails if an acknowledged write that was promised to
//! last is lost, or a write that was said to have failed has happened. The table of `tests/faults/README.md` is of
//! `cargo test --release --test faults -- --rounds 100`; `--only TEXT` chooses scenarios by a part of their name.
//!
//! Each scenario runs in a process of its own: its client's runtime may live in a network namespace.

#[path = "../servers/mod.rs"]
mod servers;

mod counters;
mod ledger;
mod load;
mod nats;
mod observer;
mod partition;
mod redis;

use std::process::{Command, ExitCode};
use std::time::Duration;

use ledger::Tally;
use serde_json::{Value, json};
use servers::Result;

/// One fault, and what it must come to.
pub struct Scenario {
    name: &'static str,
    /// Runs so many rounds and adds them up.
    run: fn(rounds: usize) -> Result<Tally>,
    /// Whether nothing acknowledged may be lost.
    durable: bool,
}

/// What a scenario's process prints when the machine cannot do it.
const SKIPPED: &str = "skipped: ";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let rounds: usize = value("--rounds").map_or(1, |text| text.parse().expect("--rounds takes a number"));
    if let Some(name) = value("--scenario") {
        return child(&name, rounds);
    }
    let only = value("--only").unwrap_or_default();
    let chosen: Vec<Scenario> = scenarios().into_iter().filter(|scenario| scenario.name.contains(&only)).collect();
    println!(
        "| fault | rounds | acknowledged | lost | ambiguous | late | refused | phantom | swapped | unclaimed | unseen | repeated | stale | gap ms | follow ms, median | worst |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    // Servers are waited for more than they work, so some scenarios go on at once.
    let (queue, failed) = (std::sync::Mutex::new(chosen.into_iter()), std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("no panic").next();
                    let Some(scenario) = next else { return };
                    if !parent(&scenario, rounds) {
                        failed.store(true, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            });
        }
    });
    if failed.into_inner() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn scenarios() -> Vec<Scenario> {
    nats::scenarios().into_iter().chain(redis::scenarios()).chain(partition::scenarios()).collect()
}

/// Runs a scenario in this process and prints what it came to as JSON.
fn child(name: &str, rounds: usize) -> ExitCode {
    let scenario = scenarios().into_iter().find(|scenario| scenario.name == name).expect("a scenario of that name");
    match (scenario.run)(rounds) {
        Ok(tally) => {
            println!("{}", as_json(&tally));
            ExitCode::SUCCESS
        }
        Err(fault) => {
            println!("{fault}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a scenario in a process of its own and prints its row; says whether all is as it must be.
fn parent(scenario: &Scenario, rounds: usize) -> bool {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args(["--scenario", scenario.name, "--rounds", &rounds.to_string()]);
    let output = command.output().expect("this program runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    if last.starts_with(SKIPPED) {
        println!("| {} | {last} |", scenario.name);
        return true;
    }
    let Ok(tally) = serde_json::from_str::<Value>(last) else {
        println!("| {} | FAILED: {text}{} |", scenario.name, String::from_utf8_lossy(&output.stderr));
        return false;
    };
    let number = |name: &str| tally[name].as_u64().expect("a number");
    println!(
        "| {} | {rounds} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        scenario.name,
        number("acknowledged"),
        number("lost"),
        number("ambiguous"),
        number("late"),
        number("refused"),
        number("phantom"),
        number("swapped"),
        number("unclaimed"),
        number("unseen"),
        number("repeated"),
        number("stale"),
        number("gap_ms"),
        number("follow_ms"),
        number("worst_follow_ms"),
    );
    let broken = number("phantom") + number("unseen") + number("repeated") + number("unclaimed");
    let is_lost = scenario.durable && number("lost") > 0;
    let fine = broken == 0 && !is_lost && number("acknowledged") > 0 && number("swapped") > 0;
    if !fine {
        println!("| {} | FAILED: a promise was broken |", scenario.name);
    }
    fine
}

fn as_json(tally: &Tally) -> Value {
    let (median, worst) = tally.follow();
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    json!({
        "acknowledged": tally.acknowledged,
        "lost": tally.lost,
        "ambiguous": tally.ambiguous,
        "late": tally.late,
        "refused": tally.refused,
        "phantom": tally.phantom,
        "swapped": tally.swapped,
        "unclaimed": tally.unclaimed,
        "unseen": tally.unseen,
        "repeated": tally.repeated,
        "stale": tally.stale,
        "gap_ms": ms(tally.gap),
        "follow_ms": ms(median),
        "worst_follow_ms": ms(worst),
    })
}

/// A store by its settings, and the larder that holds it.
struct Opened {
    _larder: larder::Larder,
    store: std::sync::Arc<dyn larder::store::Store>,
}

impl Opened {
    /// A client for the writers and one that reads in the end; the store is empty.
    fn pair(settings: &Value) -> Result<(Opened, Opened)> {
        let (writer, reader) = (Opened::new(settings)?, Opened::new(settings)?);
        larder::wait(writer.store.clear(), Some(Duration::from_secs(90))).map_err(|error| error.to_string())?;
        Ok((writer, reader))
    }

    fn new(settings: &Value) -> Result<Opened> {
        let larder = larder::Larder::open(&settings.to_string()).map_err(|error| error.to_string())?;
        let store = larder.store("default").map_err(|error| error.to_string())?;
        Ok(Opened { _larder: larder, store })
    }
}
