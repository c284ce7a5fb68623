//! NATS JetStream KV: a raw socket, async-nats, and Larder.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use async_nats::jetstream;
use larder::store::options::PutOptions;
use serde_json::{Value, json};

use super::{Bar, Candidate, KEYS, Plan, VALUE, key, lanes, node, store, table};

const BUCKET: &str = "bench-async-nats";
const LANES: usize = 64;

pub fn measure(plan: Plan, settings: &Value) {
    let address = node(settings);
    let runtime = larder::runtime::get().expect("a runtime");
    let peer = runtime.block_on(Peer::open(&address));
    let (_larder, ours) = store(settings, json!({"format": "raw", "database": "bench-rust"}));
    for index in 0..KEYS {
        larder::wait(ours.put(key(index).as_bytes(), &[7; VALUE], &PutOptions::default()), None).expect("written");
    }
    let rows = vec![
        raw_get(&address),
        raw_put(&address),
        peer.get_one(),
        peer.put_one(),
        Candidate { name: "larder get", run: get_one(&ours) },
        Candidate { name: "larder put", run: put_one(&ours) },
    ];
    let by_time = |ours, peer| Bar { ours, peer, limit: 1.6, by_time: true };
    let bars = [by_time("larder get", "raw socket get"), by_time("larder put", "raw socket put")];
    table("NATS, one blocking call at a time", plan, rows, &bars);
    let rows = vec![
        peer.get_many(),
        peer.put_many(),
        peer.publish_window(),
        Candidate { name: "larder get", run: get_many(&ours) },
        Candidate { name: "larder put", run: put_many(&ours) },
    ];
    let by_rate = |ours| Bar { ours, peer: "async-nats publish, window of 1000", limit: 0.9, by_time: false };
    table("NATS, 64 callers", plan, rows, &[by_rate("larder get"), by_rate("larder put")]);
}

type Ours = std::sync::Arc<dyn larder::store::Store>;
type Run = Box<dyn FnMut(Duration) -> lanes::Figure>;

pub fn get_one(store: &Ours) -> Run {
    let store = store.clone();
    Box::new(move |turn| {
        lanes::one_at_a_time(turn, |number| {
            let found = larder::wait(store.get(key(number % KEYS).as_bytes()), None).expect("an answer");
            assert_eq!(found.expect("a record").value().len(), VALUE);
        })
    })
}

pub fn put_one(store: &Ours) -> Run {
    let store = store.clone();
    Box::new(move |turn| {
        lanes::one_at_a_time(turn, |number| {
            let reply = store.put(key(number % KEYS).as_bytes(), &[7; VALUE], &PutOptions::default());
            larder::wait(reply, None).expect("written");
        })
    })
}

pub fn get_many(store: &Ours) -> Run {
    let store = store.clone();
    Box::new(move |turn| {
        let store = store.clone();
        let call = move |number: usize| {
            let reply = store.get(key(number % KEYS).as_bytes());
            async move { assert!(reply.wait().await.expect("an answer").is_some()) }
        };
        larder::runtime::get().expect("a runtime").block_on(lanes::at_once(turn, LANES, call))
    })
}

pub fn put_many(store: &Ours) -> Run {
    let store = store.clone();
    Box::new(move |turn| {
        let store = store.clone();
        let call = move |number: usize| {
            let reply = store.put(key(number % KEYS).as_bytes(), &[7; VALUE], &PutOptions::default());
            async move {
                let _ = reply.wait().await.expect("written");
            }
        };
        larder::runtime::get().expect("a runtime").block_on(lanes::at_once(turn, LANES, call))
    })
}

/// async-nats, in the same runtime.
#[derive(Clone)]
struct Peer {
    context: jetstream::Context,
    bucket: jetstream::kv::Store,
}

impl Peer {
    async fn open(address: &str) -> Peer {
        let client = async_nats::connect(address).await.expect("the server listens");
        let mut context = jetstream::new(client);
        context.set_timeout(Duration::from_secs(10));
        let config = jetstream::kv::Config { bucket: BUCKET.to_owned(), ..Default::default() };
        let bucket = context.create_key_value(config).await.expect("a bucket");
        for index in 0..KEYS {
            bucket.put(key(index), vec![7; VALUE].into()).await.expect("written");
        }
        Peer { context, bucket }
    }

    fn get_one(&self) -> Candidate {
        let bucket = self.bucket.clone();
        let run = move |turn| {
            lanes::one_at_a_time(turn, |number| {
                let answer = larder::runtime::get().expect("a runtime").block_on(bucket.get(key(number % KEYS)));
                assert!(answer.expect("an answer").is_some());
            })
        };
        Candidate { name: "async-nats get", run: Box::new(run) }
    }

    fn put_one(&self) -> Candidate {
        let bucket = self.bucket.clone();
        let run = move |turn| {
            lanes::one_at_a_time(turn, |number| {
                let put = bucket.put(key(number % KEYS), vec![7; VALUE].into());
                larder::runtime::get().expect("a runtime").block_on(put).expect("written");
            })
        };
        Candidate { name: "async-nats put", run: Box::new(run) }
    }

    fn get_many(&self) -> Candidate {
        let peer = self.clone();
        let run = move |turn| {
            let peer = peer.clone();
            let call = move |number: usize| {
                let peer = peer.clone();
                async move { assert!(peer.bucket.get(key(number % KEYS)).await.expect("an answer").is_some()) }
            };
            larder::runtime::get().expect("a runtime").block_on(lanes::at_once(turn, LANES, call))
        };
        Candidate { name: "async-nats get", run: Box::new(run) }
    }

    fn put_many(&self) -> Candidate {
        let peer = self.clone();
        let run = move |turn| {
            let peer = peer.clone();
            let call = move |number: usize| {
                let peer = peer.clone();
                async move {
                    let _ = peer.bucket.put(key(number % KEYS), vec![7; VALUE].into()).await.expect("written");
                }
            };
            larder::runtime::get().expect("a runtime").block_on(lanes::at_once(turn, LANES, call))
        };
        Candidate { name: "async-nats put", run: Box::new(run) }
    }

    /// Publishes without waiting for each acknowledgement; a thousand may be outstanding.
    fn publish_window(&self) -> Candidate {
        let peer = self.clone();
        let run = move |turn| {
            let peer = peer.clone();
            let call = move |number: usize| {
                let peer = peer.clone();
                async move {
                    let subject = format!("$KV.{BUCKET}.{}", key(number % KEYS));
                    let sent = peer.context.publish(subject, vec![7; VALUE].into()).await.expect("sent");
                    drop(sent.await.expect("written"));
                }
            };
            larder::runtime::get().expect("a runtime").block_on(lanes::at_once(turn, 1000, call))
        };
        Candidate { name: "async-nats publish, window of 1000", run: Box::new(run) }
    }
}

fn raw_get(address: &str) -> Candidate {
    let mut raw = Raw::open(address, "raw.get");
    let run = move |turn| {
        lanes::one_at_a_time(turn, |number| {
            let subject = format!("$JS.API.DIRECT.GET.KV_{BUCKET}.$KV.{BUCKET}.{}", key(number % KEYS));
            assert!(raw.request(&subject, &[]) >= VALUE);
        })
    };
    Candidate { name: "raw socket get", run: Box::new(run) }
}

fn raw_put(address: &str) -> Candidate {
    let mut raw = Raw::open(address, "raw.put");
    let run = move |turn| {
        lanes::one_at_a_time(turn, |number| {
            assert!(raw.request(&format!("$KV.{BUCKET}.{}", key(number % KEYS)), &[7; VALUE]) > 0);
        })
    };
    Candidate { name: "raw socket put", run: Box::new(run) }
}

/// A blocking socket that speaks just enough of the protocol.
struct Raw {
    reader: BufReader<TcpStream>,
    /// Where answers come; each connection has its own.
    inbox: &'static str,
}

impl Raw {
    fn open(address: &str, inbox: &'static str) -> Raw {
        let socket = TcpStream::connect(address).expect("the server listens");
        socket.set_nodelay(true).expect("a TCP socket");
        let mut raw = Raw { reader: BufReader::new(socket), inbox };
        raw.line();
        let options = "{\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}";
        raw.send(format!("CONNECT {options}\r\nSUB {inbox} 1\r\nPING\r\n").as_bytes());
        while raw.line() != "PONG" {}
        raw
    }

    fn send(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).expect("the server reads");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("the server answers");
        line.trim_end().to_owned()
    }

    /// The length of the answer to a request.
    fn request(&mut self, subject: &str, payload: &[u8]) -> usize {
        let mut message = format!("PUB {subject} {} {}\r\n", self.inbox, payload.len()).into_bytes();
        message.extend_from_slice(payload);
        message.extend_from_slice(b"\r\n");
        self.send(&message);
        loop {
            let line = self.line();
            if line == "PING" {
                self.send(b"PONG\r\n");
                continue;
            }
            let length: usize = line.rsplit(' ').next().and_then(|length| length.parse().ok()).expect("a length");
            let mut body = vec![0; length + 2];
            self.reader.read_exact(&mut body).expect("the server answers");
            return length;
        }
    }
}
