//! Redis: a raw socket, the redis crate, redis-benchmark, and Larder.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use larder::store::options::PutOptions;
use redis::AsyncCommands;
use serde_json::{Value, json};

use super::nats::{get_many, get_one, put_many, put_one};
use super::{Bar, Candidate, KEYS, Plan, VALUE, key, lanes, node, store, table};

const LANES: usize = 64;

pub fn measure(plan: Plan, settings: &Value) {
    let address = node(settings);
    let (_bare_larder, bare) = store(settings, json!({"format": "raw", "table": "bench-"}));
    let (_own_larder, own) = store(settings, json!({"format": "larder", "database": "bench"}));
    for index in 0..KEYS {
        for store in [&bare, &own] {
            larder::wait(store.put(key(index).as_bytes(), &[7; VALUE], &PutOptions::default()), None).expect("written");
        }
    }
    let rows = vec![
        raw_get(&address),
        Candidate { name: "larder get, raw format", run: get_one(&bare) },
        Candidate { name: "larder get", run: get_one(&own) },
        Candidate { name: "larder put, raw format", run: put_one(&bare) },
        Candidate { name: "larder put", run: put_one(&own) },
    ];
    let by_time = |ours| Bar { ours, peer: "raw socket get", limit: 1.25, by_time: true };
    let bars = [by_time("larder get, raw format"), by_time("larder get")];
    table("Redis, one blocking call at a time", plan, rows, &bars);
    let rows = vec![
        redis_benchmark(&address, "get"),
        redis_benchmark(&address, "set"),
        crate_get(&address),
        Candidate { name: "larder get, raw format", run: get_many(&bare) },
        Candidate { name: "larder get", run: get_many(&own) },
        Candidate { name: "larder put, raw format", run: put_many(&bare) },
        Candidate { name: "larder put", run: put_many(&own) },
    ];
    let by_rate = |ours, peer| Bar { ours, peer, limit: 0.6, by_time: false };
    let bars = [
        by_rate("larder get, raw format", GET_BENCHMARK),
        by_rate("larder get", GET_BENCHMARK),
        by_rate("larder put, raw format", SET_BENCHMARK),
        by_rate("larder put", SET_BENCHMARK),
    ];
    table("Redis, 64 callers", plan, rows, &bars);
}

const GET_BENCHMARK: &str = "redis-benchmark -c 1 -P 100 get";
const SET_BENCHMARK: &str = "redis-benchmark -c 1 -P 100 set";

/// What Redis' own program measures, with one connection and a hundred requests in flight.
fn redis_benchmark(address: &str, test: &'static str) -> Candidate {
    let (host, port) = address.rsplit_once(':').expect("host:port");
    let (host, port) = (host.to_owned(), port.to_owned());
    let run = move |turn: Duration| {
        let requests = (turn.as_secs_f64() * 500_000.0) as usize;
        let output = Command::new("redis-benchmark")
            .args(["-h", &host, "-p", &port, "-c", "1", "-P", "100", "-d", "100", "-r", "10000", "--csv", "-t", test])
            .args(["-n", &requests.to_string()])
            .output()
            .expect("redis-benchmark is installed with Redis");
        let text = String::from_utf8_lossy(&output.stdout);
        let row =
            text.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("\"{test}\""))).expect("a row");
        let rate = row.split(',').nth(1).and_then(|field| field.trim_matches('"').parse().ok()).expect("a rate");
        lanes::Figure::rate(rate)
    };
    Candidate { name: if test == "get" { GET_BENCHMARK } else { SET_BENCHMARK }, run: Box::new(run) }
}

/// The redis crate's multiplexed connection, in the same runtime.
fn crate_get(address: &str) -> Candidate {
    let client = redis::Client::open(format!("redis://{address}")).expect("an address");
    let runtime = larder::runtime::get().expect("a runtime");
    let connection = runtime.block_on(client.get_multiplexed_async_connection()).expect("the server listens");
    let run = move |turn| {
        let connection = connection.clone();
        let call = move |number: usize| {
            let mut connection = connection.clone();
            async move {
                let found: Vec<u8> = connection.get(format!("bench-{}", key(number % KEYS))).await.expect("an answer");
                assert_eq!(found.len(), VALUE);
            }
        };
        larder::runtime::get().expect("a runtime").block_on(lanes::at_once(turn, LANES, call))
    };
    Candidate { name: "redis crate get", run: Box::new(run) }
}

fn raw_get(address: &str) -> Candidate {
    let socket = TcpStream::connect(address).expect("the server listens");
    socket.set_nodelay(true).expect("a TCP socket");
    let mut reader = BufReader::new(socket);
    let run = move |turn| {
        lanes::one_at_a_time(turn, |number| {
            let name = format!("bench-{}", key(number % KEYS));
            let request = format!("*2\r\n$3\r\nGET\r\n${}\r\n{name}\r\n", name.len());
            reader.get_mut().write_all(request.as_bytes()).expect("the server reads");
            let mut line = String::new();
            reader.read_line(&mut line).expect("the server answers");
            let length: usize = line.trim_end()[1..].parse().expect("a value's length");
            let mut body = vec![0; length + 2];
            reader.read_exact(&mut body).expect("the server answers");
        })
    };
    Candidate { name: "raw socket get", run: Box::new(run) }
}
