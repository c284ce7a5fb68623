//! Free ports of loopback.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

/// Where ports are looked for: below those that the kernel gives to outgoing connections, one of which could otherwise
/// sit on a server's port, or connect to itself, while the server is down.
const FIRST: u16 = 12_000;

static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// So many ports that nobody listens on and that this process has given to nobody else.
pub fn free(count: usize) -> Vec<u16> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let end = first_of_the_kernel().max(FIRST + 1000);
    let mut found = Vec::new();
    while found.len() < count {
        let port = fastrand::u16(FIRST..end);
        if !taken.contains(&port) && TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            taken.insert(port);
            found.push(port);
        }
    }
    found
}

fn first_of_the_kernel() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    range.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(32_768)
}
