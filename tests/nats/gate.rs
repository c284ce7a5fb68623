//! A way to a server that can be shut and opened.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A listener that passes everything on to a server while it is open.
pub struct Gate {
    /// Where it listens.
    pub address: String,
    /// Both ends of what passes; `None` while it is shut.
    passing: Arc<Mutex<Option<Vec<TcpStream>>>>,
    /// What clients have sent.
    sent: Sent,
}

type Sent = Arc<Mutex<Vec<u8>>>;

impl Gate {
    /// A gate to `server`, which is `nats://host:port`; open.
    pub fn to(server: &str) -> Gate {
        let server = server.rsplit('/').next().expect("an address").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("nats://{}", listener.local_addr().expect("bound"));
        let passing = Arc::new(Mutex::new(Some(Vec::new())));
        let sent = Sent::default();
        let (shared, noted) = (Arc::clone(&passing), Arc::clone(&sent));
        std::thread::spawn(move || {
            for here in listener.incoming() {
                let here = here.expect("a connection");
                let mut passing = shared.lock().expect("no panic");
                let Some(passing) = passing.as_mut() else { continue };
                let there = TcpStream::connect(&server).expect("the server listens");
                for (from, to, noted) in [(&here, &there, Arc::clone(&noted)), (&there, &here, Sent::default())] {
                    let (from, to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
                    std::thread::spawn(move || pass(from, to, &noted));
                }
                passing.extend([here, there]);
            }
        });
        Gate { address, passing, sent }
    }

    /// How often clients have sent these bytes.
    pub fn count(&self, bytes: &[u8]) -> usize {
        self.sent.lock().expect("no panic").windows(bytes.len()).filter(|window| *window == bytes).count()
    }

    /// Ends what passes, and lets nothing more in.
    pub fn shut(&self) {
        for end in self.passing.lock().expect("no panic").take().unwrap_or_default() {
            // It may have ended by itself.
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// Lets connections in again.
    pub fn open(&self) {
        *self.passing.lock().expect("no panic") = Some(Vec::new());
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, sent: &Mutex<Vec<u8>>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        sent.lock().expect("no panic").extend_from_slice(&bytes[..count]);
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
