//! A server of one connection that says what a test has it say.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

/// What it says of itself.
pub const INFO: &str =
    r#""server_name":"puppet","version":"2.15.2","max_payload":1048576,"headers":true,"jetstream":true"#;

/// A request that came.
pub struct Asked {
    /// Its subject.
    pub subject: String,
    /// Where its answer goes.
    pub reply: String,
    /// Its body; null where it is no JSON.
    pub body: Value,
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
                    let mut body = vec![0; length.parse::<usize>().expect("a length") + 2];
                    reader.read_exact(&mut body).expect("a body");
                    let body = serde_json::from_slice(&body).unwrap_or_default();
                    script(&mut line, &Asked { subject: subject.to_owned(), reply: reply.to_owned(), body });
                }
                _ => {}
            }
            text.clear();
        }
    });
    address
}

/// The description of a stream `KV_b` on three servers whose last message has this sequence.
pub fn replicated(last: u64) -> Value {
    json!({
        "created": "2026-01-01T00:00:00Z",
        "config": { "num_replicas": 3, "max_msgs_per_subject": 1, "allow_direct": true },
        "state": { "messages": 2, "bytes": 2, "last_seq": last },
    })
}

/// The error of what is not there.
pub fn missing() -> Value {
    json!({ "error": { "code": 404, "err_code": 10_037, "description": "no message found" } })
}
