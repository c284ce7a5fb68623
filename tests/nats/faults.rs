//! A server that dies, hangs or is not there.

use std::io::{BufRead, Read, Write};
use std::time::{Duration, Instant};

use larder::Status;
use larder::store::options::PutOptions;
use serde_json::json;

use crate::common::*;
use crate::puppet::{self, INFO};
use crate::servers::nats::{Nats, Options};
use crate::servers::{ports, tools};

const LONG: Option<Duration> = Some(Duration::from_secs(60));
/// An outage after which attempts to connect have become as rare as they become.
const LONGER_THAN_ANY_DELAY: Duration = Duration::from_secs(12);

#[test]
fn a_server_that_is_not_there_is_named_at_the_deadline() {
    let address = format!("127.0.0.1:{}", ports::free(1)[0]);
    let store = store(&address, &bucket(), json!({"nodes": [format!("nats://me:hush@{address}")]}));
    let begin = Instant::now();
    let error = larder::wait(store.get(b"k"), Some(Duration::from_millis(300))).expect_err("nobody is there");
    assert!(begin.elapsed() >= Duration::from_millis(290));
    assert_eq!((error.status(), error.origin()), (Status::UNAVAILABLE, "nodes"), "{error}");
    assert!(error.message().contains(&address) && !error.message().contains("hush"), "{error}");
    let error = larder::wait(store.put(b"k", b"v", &PutOptions::default()), Some(Duration::from_millis(100)));
    assert_eq!(error.expect_err("nothing was sent").status(), Status::UNAVAILABLE);
    assert!(!store.describe().to_string().contains("hush"));
    let store = crate::common::store("no-such-host.invalid:4222", &bucket(), json!({"timeout": "5s"}));
    let error = wait(store.get(b"k")).expect_err("no such host");
    assert!(error.status() == Status::UNAVAILABLE && error.message().contains("no-such-host.invalid"), "{error}");
}

#[test]
fn a_client_that_is_there_before_its_server_works_once_it_comes_and_again_after_a_long_outage() {
    let mut nats = Nats::single(&Options::default()).expect("a server");
    nats.node(0).process().kill();
    let store = store(&nats.addresses()[0], &bucket(), json!({}));
    let early = larder::wait(store.put(b"k", b"0", &PutOptions::default()), Some(Duration::from_millis(300)));
    assert_eq!(early.expect_err("nobody is there").status(), Status::UNAVAILABLE);
    std::thread::sleep(LONGER_THAN_ANY_DELAY);
    nats.node(0).start_again().expect("a server");
    put(&store, b"k", b"1");
    nats.node(0).process().kill();
    std::thread::sleep(LONGER_THAN_ANY_DELAY);
    nats.node(0).start_again().expect("a server");
    assert_eq!(get(&store, b"k").as_deref(), Some(&b"1"[..]));
    put(&store, b"k", b"2");
}

#[test]
fn a_write_whose_answer_never_came_is_ambiguous() {
    let mut nats = Nats::single(&Options::default()).expect("a server");
    let store = store(&nats.addresses()[0], &bucket(), json!({}));
    put(&store, b"k", b"1");
    nats.node(0).process().pause();
    // At the caller's deadline, while the connection still seems to be there.
    let late = larder::wait(store.put(b"k", b"2", &PutOptions::default()), Some(Duration::from_millis(300)));
    assert_eq!(late.expect_err("no answer").status(), Status::AMBIGUOUS);
    // And when the hang is noticed, which is long before this deadline.
    let begin = Instant::now();
    let lost = larder::wait(store.put(b"k", b"3", &PutOptions::default()), LONG);
    assert_eq!(lost.expect_err("no answer").status(), Status::AMBIGUOUS);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert_eq!(store.describe()["connected"], false);
    // What was never sent is no riddle.
    let unsent = larder::wait(store.put(b"k", b"4", &PutOptions::default()), Some(Duration::from_millis(300)));
    assert_eq!(unsent.expect_err("no connection").status(), Status::UNAVAILABLE);
    nats.node(0).process().resume();
    // A read waits for the connection. What was in flight may have happened, what was not sent has not.
    let found = larder::wait(store.get(b"k"), LONG).expect("an answer").expect("a record");
    assert!([&b"1"[..], b"2", b"3"].contains(&found.value()), "{found:?}");
}

#[test]
fn a_key_that_is_longer_than_a_server_s_lines_is_refused_and_costs_others_no_answer() {
    for binary in [None, Some(tools::nats_server_oldest().expect("built"))] {
        let more = "max_control_line: 1024".to_owned();
        let nats = Nats::single(&Options { binary, more, ..Options::default() }).expect("a server");
        let store = store(&nats.addresses()[0], &bucket(), json!({"format": "raw", "timeout": "30s"}));
        put(&store, b"k", b"v");
        let long = [b'k'; 1500];
        let is_over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    assert_eq!(get(&store, b"k").as_deref(), Some(&b"v"[..]));
                }
            });
            let begin = Instant::now();
            let refused =
                (wait(store.put(&long, b"v", &PutOptions::default())).map(drop), wait(store.get(&long)).map(drop));
            is_over.store(true, std::sync::atomic::Ordering::Relaxed);
            let too_large = (Status::TOO_LARGE, "key".to_owned());
            assert_eq!((refusal(refused.0), refusal(refused.1)), (too_large.clone(), too_large));
            assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
        });
        // The first one may go out on the connection that the server is about to end.
        let written = (0..3).find_map(|_| wait(store.put(b"k", b"w", &PutOptions::default())).ok());
        assert!(written.is_some());
    }
}

/// Lets everybody in, and hangs up at the first request; and how often it did.
fn hanging_up() -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let count = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
    let counted = std::sync::Arc::clone(&count);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.expect("a client");
            write!(client, "INFO {{{INFO}}}\r\n").expect("sent");
            for line in std::io::BufReader::new(client.try_clone().expect("a handle")).lines().map_while(Result::ok) {
                if line == "PING" {
                    write!(client, "PONG\r\n").expect("sent");
                } else if line.starts_with("PUB") {
                    break;
                }
            }
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    (address, count)
}

#[test]
fn a_server_that_hangs_up_again_and_again_is_connected_to_now_and_then() {
    let (address, count) = hanging_up();
    let store = store(&address, &bucket(), json!({}));
    let asked = larder::wait(store.get(b"k"), Some(Duration::from_secs(3)));
    assert!(asked.is_err(), "nobody answers");
    let count = count.load(std::sync::atomic::Ordering::Relaxed);
    assert!((5..=60).contains(&count), "{count}");
}

/// A slow line to a server: each direction has a thread, and what goes up waits in no buffer of size.
fn slow_line(server: String) -> String {
    const BITE: usize = 32 << 10;
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(BITE).expect("a buffer");
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    socket.listen(8).expect("it listens");
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = std::net::TcpStream::connect(&server).expect("a server");
            let (mut up, mut down) = (client.try_clone().expect("a handle"), client);
            let (mut to, mut from) = (server.try_clone().expect("a handle"), server);
            std::thread::spawn(move || std::io::copy(&mut from, &mut down));
            std::thread::spawn(move || {
                let mut bite = vec![0; BITE];
                while let Ok(length @ 1..) = up.read(&mut bite) {
                    if to.write_all(&bite[..length]).is_err() {
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
        }
    });
    address
}

#[test]
fn an_upload_on_a_slow_line_is_no_silence() {
    let nats = Nats::single(&Options { max_payload: Some(8 << 20), ..Options::default() }).expect("a server");
    let store = store(&slow_line(nats.addresses()[0].clone()), &bucket(), json!({"timeout": "60s"}));
    put(&store, b"k", b"v");
    let begin = Instant::now();
    let value = vec![b'v'; 4 << 20];
    put(&store, b"k", &value);
    assert!(begin.elapsed() > Duration::from_secs(4), "the line is not slow: {:?}", begin.elapsed());
    assert!(get(&store, b"k").is_some_and(|read| read == value));
}

#[test]
fn a_server_that_hangs_is_noticed_soon_whatever_it_is_sent() {
    let mut nats = Nats::single(&Options { max_payload: Some(8 << 20), ..Options::default() }).expect("a server");
    for length in [1, 7 << 20] {
        let store = store(&nats.addresses()[0], &bucket(), json!({}));
        put(&store, b"k", b"v");
        nats.node(0).process().pause();
        let begin = Instant::now();
        let lost = larder::wait(store.put(b"k", &vec![0; length], &PutOptions::default()), LONG);
        assert_eq!(lost.expect_err("no answer").status(), Status::AMBIGUOUS);
        // Three seconds, and what the machine takes for itself.
        assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
        nats.node(0).process().resume();
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_a_server_is_killed_and_reads_go_on() {
    let mut nats = Nats::single(&Options::default()).expect("a server");
    let store = store(&nats.addresses()[0], &bucket(), json!({}));
    for number in 0..200 {
        put(&store, format!("k{number}").as_bytes(), b"v");
    }
    nats.node(0).process().kill();
    let reading = std::sync::Arc::clone(&store);
    let reader = std::thread::spawn(move || larder::wait(reading.get(b"k7"), LONG));
    std::thread::sleep(Duration::from_millis(700));
    nats.node(0).start_again().expect("it starts");
    assert!(reader.join().expect("no panic").expect("an answer").is_some());
    assert_eq!(larder::wait(store.size(), LONG), Ok(200));
    // A write that found no connection waits for one.
    nats.node(0).process().kill();
    std::thread::sleep(Duration::from_millis(100));
    let writing = std::sync::Arc::clone(&store);
    let writer = std::thread::spawn(move || larder::wait(writing.put(b"w", b"v", &PutOptions::default()), LONG));
    std::thread::sleep(Duration::from_millis(100));
    nats.node(0).start_again().expect("it starts");
    done(writer.join().expect("no panic"));
}

#[test]
fn three_servers_lose_their_leader_and_nothing_else() {
    let mut nats = Nats::cluster(&Options::default()).expect("three servers");
    let name = bucket();
    let more = json!({"nodes": nats.addresses(), "replicas": 3, "read_your_writes": true, "timeout": "30s"});
    let store = store("", &name, more);
    let watch = wait(store.watch(&Default::default())).expect("a watch");
    put(&store, b"end", b"");
    let mut sent = 0_u32;
    let write = |number: u32| {
        let durable =
            PutOptions { durability: larder::store::options::Durability::Replicas(1), ..PutOptions::default() };
        wait(store.put(format!("k{number:04}").as_bytes(), b"v", &durable))
    };
    for number in 0..50 {
        write(number).expect("written");
    }
    let leader = nats.leader_of(&format!("KV_{name}")).expect("a leader");
    nats.node(leader).process().kill();
    let mut acknowledged = Vec::new();
    for number in 50..100 {
        sent += 1;
        match write(number) {
            Ok(_) => acknowledged.push(number),
            Err(error) => assert_eq!(error.status(), Status::AMBIGUOUS, "{error}"),
        }
    }
    assert!(acknowledged.len() as u32 >= sent - 2, "{} of {sent}", acknowledged.len());
    for number in acknowledged {
        assert!(get(&store, format!("k{number:04}").as_bytes()).is_some(), "{number} is lost");
    }
    // A key that the watch knows: of one that came and went while it had no connection, the bucket keeps the mark only.
    wait(store.remove(b"end", None)).expect("removed");
    let events = told(&events_until(&watch, larder::store::event::EventKind::Removed));
    let keys: std::collections::BTreeSet<_> = events.iter().map(|(_, key, _)| key).collect();
    assert_eq!(events.len() - 1, keys.len(), "only the end is told of twice: {events:?}");
    assert_eq!(keys.len() as u64, larder::wait(store.size(), LONG).expect("a number") + 1);
}

/// Writes to a bucket on three servers while the one is drained to which the writer is connected, the bucket's leader or
/// another one; and what became of the writes that were not acknowledged.
fn drained(is_leader: bool) -> Vec<(larder::Error, Duration)> {
    let mut nats = Nats::cluster(&Options::default()).expect("three servers");
    let name = bucket();
    let more = |nodes: &[String]| json!({"nodes": nodes, "replicas": 3, "timeout": "30s"});
    put(&store("", &name, more(&nats.addresses())), b"k", b"v");
    let leader = nats.leader_of(&format!("KV_{name}")).expect("a leader");
    let leaving = if is_leader { leader } else { (leader + 1) % 3 };
    let store = store("", &name, more(&nats.addresses()[leaving..=leaving]));
    put(&store, b"k", b"v");
    let writing = std::sync::Arc::clone(&store);
    let (stop, stopped) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        let mut failures = Vec::new();
        while stopped.try_recv().is_err() {
            let begun = Instant::now();
            if let Err(error) = wait(writing.put(b"k", b"v", &PutOptions::default())) {
                failures.push((error, begun.elapsed()));
            }
        }
        failures
    });
    nats.node(leaving).drain().expect("it ends");
    // To one of the others.
    put(&store, b"k", b"w");
    stop.send(()).expect("the writer listens");
    assert_ne!(store.describe()["connected_to"], format!("node-{leaving}"));
    writer.join().expect("no panic")
}

#[test]
fn a_server_that_is_drained_leaves_no_write_in_doubt() {
    assert_eq!(drained(false), []);
}

#[test]
fn a_leader_that_is_drained_leaves_one_write_in_doubt_at_most() {
    let failures = drained(true);
    // The one that was under way when the leader stepped down, before it said that it leaves, and that it swallowed. It
    // hangs up half a second after its word; nothing may be sent to it in between, or more would be in doubt.
    assert!(failures.len() <= 1, "{failures:?}");
    for (error, elapsed) in failures {
        assert_eq!(error.status(), Status::AMBIGUOUS, "{error}");
        assert!(elapsed >= Duration::from_millis(500), "{error}: {elapsed:?}");
    }
}

#[test]
fn an_answer_that_is_slow_to_come_comes_through_in_the_end() {
    const SLOW: Duration = Duration::from_millis(1500);
    let address = puppet::start(move |line, asked| match asked.subject.as_str() {
        "$JS.API.STREAM.INFO.KV_b" => line.answer(asked, &puppet::stream("then", 1, 1)),
        "$JS.API.DIRECT.GET.KV_b.$KV.b.k" => line.answer_late(asked, 1, SLOW),
        _ => {}
    });
    // An attempt takes half a second at first, and an answer to one that was given up is nobody's.
    let store = store(&address, "b", json!({"format": "raw", "timeout": "60s"}));
    assert_eq!(get(&store, b"k").as_deref(), Some(&b"v"[..]));
}

#[test]
fn a_list_does_not_end_with_a_heartbeat_that_comes_before_the_first_record() {
    let (mut inbox, mut is_told) = (String::new(), false);
    let address = puppet::start(move |line, asked| match asked.subject.as_str() {
        "$JS.API.STREAM.INFO.KV_b" => line.answer(asked, &puppet::stream("then", 1, 1)),
        "$JS.API.CONSUMER.CREATE.KV_b" => {
            inbox = asked.inbox();
            line.answer(asked, &puppet::consumer(1));
            line.tell(&inbox, "100 Idle Heartbeat", "Nats-Last-Consumer: 0\r\n");
        }
        "$JS.API.CONSUMER.INFO.KV_b.c" if !is_told => {
            is_told = true;
            line.answer(asked, &puppet::consumer(1));
            line.push(&inbox, "$KV.b.k", (1, 1), 0);
        }
        "$JS.API.STREAM.MSG.GET.KV_b" => line.answer(asked, &puppet::error(404, 10_037)),
        _ => {}
    });
    let store = store(&address, "b", json!({"format": "raw", "timeout": "60s"}));
    assert_eq!(wait(store.size()), Ok(1));
}

/// A server that answers what it must, and shows what it is asked.
struct Puppet {
    address: String,
    lines: std::sync::mpsc::Receiver<String>,
    stream: std::sync::mpsc::Receiver<std::net::TcpStream>,
}

impl Puppet {
    /// Takes one connection and no other.
    fn start() -> Puppet {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let ((told, lines), (connected, stream)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
        std::thread::spawn(move || {
            let (mut client, _) = listener.accept().expect("a client");
            drop(listener);
            connected.send(client.try_clone().expect("a handle")).expect("a test");
            write!(client, "INFO {{{INFO}}}\r\n").expect("sent");
            for line in std::io::BufReader::new(client.try_clone().expect("a handle")).lines().map_while(Result::ok) {
                if line == "PING" {
                    write!(client, "PONG\r\n").expect("sent");
                } else if told.send(line).is_err() {
                    return;
                }
            }
        });
        Puppet { address, lines, stream }
    }

    fn until(&self, verb: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(60)).expect("a line");
            if line.starts_with(verb) {
                return line;
            }
        }
    }
}

#[test]
fn a_server_that_leaves_is_sent_nothing_more_and_answers_what_it_was_asked() {
    let puppet = Puppet::start();
    let store = store(&puppet.address, &bucket(), json!({}));
    let reading = std::sync::Arc::clone(&store);
    let reader = std::thread::spawn(move || larder::wait(reading.get(b"k"), LONG));
    let asked = puppet.until("PUB");
    let mut stream = puppet.stream.recv().expect("connected");
    // Whoever has answered the second has read the first.
    write!(stream, "INFO {{{INFO},\"ldm\":true}}\r\nPING\r\n").expect("sent");
    puppet.until("PONG");
    let refused = larder::wait(store.put(b"k", b"v", &PutOptions::default()), Some(Duration::from_millis(200)));
    assert_eq!(refused.expect_err("nobody takes it").status(), Status::UNAVAILABLE);
    assert!(!puppet.lines.try_iter().any(|line| line.contains("PUB")), "it was sent");
    let reply = asked.split(' ').nth(2).expect("a subject for the answer");
    let answer = r#"{"error":{"code":404,"err_code":10059,"description":"stream not found"}}"#;
    write!(stream, "MSG {reply} 1 {}\r\n{answer}\r\n", answer.len()).expect("sent");
    assert!(reader.join().expect("no panic").expect("an answer").is_none());
}
