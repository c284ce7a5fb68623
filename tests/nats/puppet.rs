//! A server of one connection that says what a test has it say.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// What it says of itself.
pub const INFO: &str =
    r#""server_name":"puppet","version":"2.15.2","max_payload":1048576,"headers":true,"jetstream":true"#;

/// A request that came.
#[derive(Clone)]
pub struct Asked {
    /// Its subject.
    pub subject: String,
    /// Where its answer goes.
    pub reply: String,
    /// Its headers as they stand on the wire; empty where it has none.
    pub headers: String,
    /// Its body; null where it is no JSON.
    pub body: Value,
}

impl Asked {
    /// The inbox that a consumer is to push to.
    pub fn inbox(&self) -> String {
        self.body["config"]["deliver_subject"].as_str().expect("an inbox").to_owned()
    }
}

/// The connection, as a script answers on it.
pub struct Line {
    stream: TcpStream,
    subscriptions: HashMap<String, String>,
}

impl Line {
    /// Answers a request.
    pub fn answer(&mut self, asked: &Asked, body: &Value) {
        let body = body.to_string();
        write!(self.stream, "MSG {} 1 {}\r\n{body}\r\n", asked.reply, body.len()).expect("sent");
    }

    /// Answers a request with a message of the bucket, after a while.
    pub fn answer_late(&mut self, asked: &Asked, sequence: u64, delay: Duration) {
        let headers = format!("NATS/1.0\r\nNats-Sequence: {sequence}\r\n\r\n");
        let text = format!("HMSG {} 1 {} {}\r\n{headers}v\r\n", asked.reply, headers.len(), headers.len() + 1);
        let mut stream = self.stream.try_clone().expect("a handle");
        std::thread::spawn(move || {
            std::thread::sleep(delay);
            // The test may be over.
            let _ = stream.write_all(text.as_bytes());
        });
    }

    /// Says something of a consumer to its inbox: a status, and headers.
    pub fn tell(&mut self, inbox: &str, status: &str, headers: &str) {
        let number = &self.subscriptions[inbox];
        let headers = format!("NATS/1.0 {status}\r\n{headers}\r\n");
        let length = headers.len();
        write!(self.stream, "HMSG {inbox} {number} {length} {length}\r\n{headers}\r\n").expect("sent");
    }

    /// Pushes a message to a consumer's inbox: its place in the stream and for the consumer, and how many are to come.
    pub fn push(&mut self, inbox: &str, subject: &str, places: (u64, u64), pending: u64) {
        let number = &self.subscriptions[inbox];
        let (sequence, place) = places;
        let reply = format!("$JS.ACK.KV_b.c.1.{sequence}.{place}.1700000000000000000.{pending}");
        write!(self.stream, "MSG {subject} {number} {reply} 1\r\nv\r\n").expect("sent");
    }
}

/// Starts it, and gives its address; `script` is shown what is asked.
pub fn start(mut script: impl FnMut(&mut Line, &Asked) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        drop(listener);
        let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
        let mut line = Line { stream, subscriptions: HashMap::new() };
        write!(line.stream, "INFO {{{INFO}}}\r\n").expect("sent");
        let mut text = String::new();
        while reader.read_line(&mut text).is_ok_and(|length| length != 0) {
            let words: Vec<&str> = text.split_whitespace().collect();
            match words[..] {
                ["PING"] => write!(line.stream, "PONG\r\n").expect("sent"),
                ["SUB", inbox, number] => drop(line.subscriptions.insert(inbox.to_owned(), number.to_owned())),
                ["PUB", subject, reply, length] => {
                    let asked = asked(&mut reader, [subject, reply, "0", length]);
                    script(&mut line, &asked);
                }
                ["HPUB", subject, reply, of_headers, length] => {
                    let asked = asked(&mut reader, [subject, reply, of_headers, length]);
                    script(&mut line, &asked);
                }
                _ => {}
            }
            text.clear();
        }
    });
    address
}

/// Reads what follows a request's first line.
fn asked(reader: &mut impl Read, [subject, reply, of_headers, length]: [&str; 4]) -> Asked {
    let number = |text: &str| text.parse::<usize>().expect("a length");
    let mut bytes = vec![0; number(length) + 2];
    reader.read_exact(&mut bytes).expect("a body");
    let (headers, body) = bytes.split_at(number(of_headers));
    Asked {
        subject: subject.to_owned(),
        reply: reply.to_owned(),
        headers: String::from_utf8_lossy(headers).into_owned(),
        body: serde_json::from_slice(body).unwrap_or_default(),
    }
}

/// The description of a stream: when it was created, on how many servers it is, and its last sequence.
pub fn stream(created: &str, replicas: u64, last: u64) -> Value {
    json!({
        "created": created,
        "config": { "num_replicas": replicas, "max_msgs_per_subject": 1, "allow_direct": true },
        "state": { "messages": 1, "bytes": 1, "last_seq": last },
    })
}

/// The description of a new consumer: how many messages it will bring.
pub fn consumer(pending: u64) -> Value {
    json!({ "name": "c", "num_pending": pending, "delivered": { "consumer_seq": 0 } })
}

/// An error of the API.
pub fn error(code: u64, number: u64) -> Value {
    json!({ "error": { "code": code, "err_code": number, "description": "no" } })
}
