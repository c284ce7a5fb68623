//! How a blocking call meets the runtime: a TCP echo on loopback, one at a time, by a blocking socket, by Larder's runtime
//! (the caller leads), by tokio's current-thread and multi-thread schedulers; in one run, interleaved.
//!
//! The bar: at most 1.3 times a blocking socket's median.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

const MESSAGE: usize = 100;
const BAR: f64 = 1.3;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (rounds, calls) = if quick { (3, 1_000) } else { (7, 5_000) };
    let server = serve();
    let mut candidates = candidates(server);
    let mut samples: Vec<Vec<Duration>> = candidates.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (candidate, samples) in candidates.iter_mut().zip(&mut samples) {
            for _ in 0..calls {
                let begin = Instant::now();
                (candidate.call)();
                samples.push(begin.elapsed());
            }
        }
    }
    let base = percentile(&mut samples[0], 50);
    println!("| a blocking call of {MESSAGE} bytes | p50 µs | p99 µs | of a blocking socket's p50 |");
    println!("|---|---|---|---|");
    for (candidate, samples) in candidates.iter().zip(&mut samples) {
        let median = percentile(samples, 50);
        let ratio = median.as_secs_f64() / base.as_secs_f64();
        let p99 = percentile(samples, 99);
        println!("| {} | {:.1} | {:.1} | {ratio:.2} |", candidate.name, micros(median), micros(p99));
    }
    println!("\nbar: larder's at most {BAR} of a blocking socket's p50");
}

struct Candidate {
    name: &'static str,
    call: Box<dyn FnMut()>,
}

fn candidates(server: SocketAddr) -> Vec<Candidate> {
    let mut socket = TcpStream::connect(server).expect("the echo server listens");
    socket.set_nodelay(true).expect("a TCP socket");
    let mut buffer = [7; MESSAGE];
    let blocking = move || {
        socket.write_all(&buffer).expect("the echo server reads");
        socket.read_exact(&mut buffer).expect("the echo server answers");
    };
    vec![
        Candidate { name: "blocking socket", call: Box::new(blocking) },
        Candidate { name: "larder", call: Box::new(through_larder(server)) },
        Candidate { name: "tokio, current thread", call: Box::new(through(current_thread(), server)) },
        Candidate { name: "tokio, multi thread", call: Box::new(through(multi_thread(), server)) },
    ]
}

/// As a store's connection does it: a task owns the socket, callers hand requests to it and wait for the answer.
fn through_larder(server: SocketAddr) -> impl FnMut() {
    let runtime = larder::runtime::get().expect("a runtime");
    let mut exchange = runtime.block_on(Exchange::start(server));
    move || runtime.block_on(exchange.call())
}

fn through(runtime: Runtime, server: SocketAddr) -> impl FnMut() {
    let mut exchange = runtime.block_on(Exchange::start(server));
    move || runtime.block_on(exchange.call())
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

struct Exchange {
    requests: tokio::sync::mpsc::Sender<tokio::sync::oneshot::Sender<()>>,
}

impl Exchange {
    async fn start(server: SocketAddr) -> Exchange {
        let mut socket = tokio::net::TcpStream::connect(server).await.expect("the echo server listens");
        socket.set_nodelay(true).expect("a TCP socket");
        let (requests, mut incoming) = tokio::sync::mpsc::channel::<tokio::sync::oneshot::Sender<()>>(16);
        tokio::spawn(async move {
            let mut buffer = [7; MESSAGE];
            while let Some(answer) = incoming.recv().await {
                socket.write_all(&buffer).await.expect("the echo server reads");
                socket.read_exact(&mut buffer).await.expect("the echo server answers");
                let _ = answer.send(());
            }
        });
        Exchange { requests }
    }

    async fn call(&mut self) {
        let (answer, answered) = tokio::sync::oneshot::channel();
        self.requests.send(answer).await.expect("the task lives");
        answered.await.expect("the task answers");
    }
}

fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            std::thread::spawn(move || echo(socket.expect("a connection")));
        }
    });
    address
}

fn echo(mut socket: TcpStream) {
    socket.set_nodelay(true).expect("a TCP socket");
    let mut buffer = [0; MESSAGE];
    while socket.read_exact(&mut buffer).is_ok() && socket.write_all(&buffer).is_ok() {}
}

fn percentile(samples: &mut [Duration], percent: usize) -> Duration {
    samples.sort_unstable();
    samples[(samples.len() * percent / 100).min(samples.len() - 1)]
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
