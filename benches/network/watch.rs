//! How long after a writer's acknowledgement a watch tells of the write.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use larder::store::options::{PutOptions, WatchOptions};
use serde_json::{Value, json};

use super::lanes::{self, Figure};
use super::{Bar, Candidate, Plan, VALUE, store, table};

/// The most that the median may be, in microseconds.
const LIMIT: f64 = 250.0;

pub fn measure(plan: Plan, stores: &Value) {
    let rows = vec![
        Candidate { name: "the bar", run: Box::new(|_| Figure { per_second: f64::NAN, p50: LIMIT, p99: f64::NAN }) },
        told("NATS", &stores["nats-js-kv"]["settings"], "raw"),
        told("Redis", &stores["redis"]["settings"], "larder"),
        told("Redis, raw format", &stores["redis"]["settings"], "raw"),
    ];
    let bars: Vec<Bar> =
        rows[1..].iter().map(|row| Bar { ours: row.name, peer: "the bar", limit: 1.0, by_time: true }).collect();
    table("Watch event after the acknowledgement", plan, rows, &bars);
}

/// Writes one record after the other, each once the event of the last has come. Writer and watch are two stores, with
/// connections apart.
fn told(name: &'static str, settings: &Value, format: &str) -> Candidate {
    let own = json!({"format": format, "database": "bench-watch", "table": format!("watch-{format}")});
    let (writing_larder, writing) = store(settings, own.clone());
    let (watching_larder, watching) = store(settings, own);
    let watch = larder::wait(watching.watch(&WatchOptions::default()), None).expect("a watch");
    let (sender, events) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok(told) = larder::wait(watch.next(1), None)
            && !told.is_empty()
            && sender.send(Instant::now()).is_ok()
        {}
    });
    let mut value = [0; VALUE];
    let run = move |turn| {
        // Both stay open as long as their stores are used.
        let _open = (&writing_larder, &watching_larder);
        lanes::each_its_own_time(turn, |_| {
            // A bare value that is the same again is no change.
            let number = u64::from_le_bytes(value.as_chunks().0[0]).wrapping_add(1);
            value[..8].copy_from_slice(&number.to_le_bytes());
            larder::wait(writing.put(b"key", &value, &PutOptions::default()), None).expect("written");
            let acknowledged = Instant::now();
            let told = events.recv_timeout(Duration::from_secs(5)).expect("an event");
            told.saturating_duration_since(acknowledged)
        })
    };
    Candidate { name, run: Box::new(run) }
}
