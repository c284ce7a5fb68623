//! Hosts in network namespaces, so that a test can cut the wire between a client and a server.
//!
//! Every host has an `eth0` into one bridge, in a namespace of its own: nothing is added to this machine's network.
//! A cut loses packets without a word, as a broken switch does; no connection is told of it. Needs root and `ip`.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Result;
use super::place::Place;

const PREFIX: &str = "larder-";
/// An address of the hardware that no host has: what is sent to it, nobody takes.
const NOBODY: &str = "02:00:00:00:00:01";

/// There are no namespaces to be had here, and why.
#[derive(Debug)]
pub struct Unsupported(pub String);

impl std::fmt::Display for Unsupported {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "no network namespaces: {}", self.0)
    }
}

/// Hosts on one wire. They are gone when it is dropped; stop what runs in them before.
pub struct Network {
    name: String,
    hosts: usize,
}

impl Network {
    /// Makes so many hosts, at most 200, each of which reaches all others.
    ///
    /// # Errors
    ///
    /// `Unsupported` when this process may not, or `ip` is missing.
    pub fn new(hosts: usize) -> std::result::Result<Network, Unsupported> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // SAFETY: a system call without arguments.
        if unsafe { libc::geteuid() } != 0 {
            return Err(Unsupported("only root may make them".to_owned()));
        }
        ip(&["-V"]).map_err(|fault| Unsupported(format!("{fault}; install iproute2")))?;
        sweep();
        let name = format!("{PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let network = Network { name, hosts };
        // Dropped on the way out, so that half a network is taken down again.
        network.build().map_err(Unsupported)?;
        Ok(network)
    }

    /// The place of a host, by its number from 0.
    pub fn place(&self, host: usize) -> Place {
        assert!(host < self.hosts, "there are {} hosts", self.hosts);
        Place { address: address(host), namespace: Some(self.namespace(host)) }
    }

    /// The same host at its other address, one that is no internal network's.
    pub fn public_place(&self, host: usize) -> Place {
        Place { address: public_address(host), ..self.place(host) }
    }

    /// Cuts a host off from all others.
    ///
    /// # Errors
    ///
    /// What `ip` says.
    pub fn cut(&self, host: usize) -> Result<()> {
        ip(&["-n", &self.hub(), "link", "set", "dev", &port(host), "nomaster"])
    }

    /// Ends [`Network::cut`].
    ///
    /// # Errors
    ///
    /// What `ip` says.
    pub fn heal(&self, host: usize) -> Result<()> {
        ip(&["-n", &self.hub(), "link", "set", "dev", &port(host), "master", "bridge"])
    }

    /// Cuts two hosts off from one another; both reach the others still.
    ///
    /// # Errors
    ///
    /// What `ip` says.
    pub fn cut_between(&self, one: usize, other: usize) -> Result<()> {
        for (from, to) in [(one, other), (other, one)] {
            let to = address(to);
            let way = ["neighbour", "replace", to.as_str(), "lladdr", NOBODY, "dev", "eth0", "nud", "permanent"];
            ip(&[&["-n", &self.namespace(from)], way.as_slice()].concat())?;
        }
        Ok(())
    }

    /// Ends [`Network::cut_between`].
    ///
    /// # Errors
    ///
    /// What `ip` says.
    pub fn heal_between(&self, one: usize, other: usize) -> Result<()> {
        for (from, to) in [(one, other), (other, one)] {
            ip(&["-n", &self.namespace(from), "neighbour", "del", &address(to), "dev", "eth0"])?;
        }
        Ok(())
    }

    fn build(&self) -> Result<()> {
        let hub = self.hub();
        ip(&["netns", "add", &hub])?;
        ip(&["-n", &hub, "link", "add", "bridge", "type", "bridge"])?;
        ip(&["-n", &hub, "link", "set", "dev", "bridge", "up"])?;
        for host in 0..self.hosts {
            let (namespace, port) = (self.namespace(host), port(host));
            ip(&["netns", "add", &namespace])?;
            ip(&["-n", &hub, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &namespace])?;
            ip(&["-n", &hub, "link", "set", "dev", &port, "master", "bridge", "up"])?;
            for address in [address(host), public_address(host)] {
                ip(&["-n", &namespace, "address", "add", &format!("{address}/24"), "dev", "eth0"])?;
            }
            ip(&["-n", &namespace, "link", "set", "dev", "eth0", "up"])?;
            ip(&["-n", &namespace, "link", "set", "dev", "lo", "up"])?;
        }
        Ok(())
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.name)
    }

    fn namespace(&self, host: usize) -> String {
        format!("{}-{host}", self.name)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in 0..self.hosts {
            let _ = ip(&["netns", "del", &self.namespace(host)]);
        }
        let _ = ip(&["netns", "del", &self.hub()]);
    }
}

/// Does something on a thread of its own that is in the namespace. Sockets that it opens stay there; a library's own
/// threads are not taken along, so a client that has some is a child process ([`enter`]).
///
/// # Errors
///
/// When the namespace is gone, and what `work` says.
pub fn within<T: Send>(namespace: &str, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let handle = handle(namespace)?;
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            set(&handle).map_err(|error| format!("{namespace}: {error}"))?;
            work()
        });
        thread.join().unwrap_or_else(|_| Err("a panic".to_owned()))
    })
}

/// Has a child process start in the namespace.
///
/// # Errors
///
/// When the namespace is gone.
pub fn enter(command: &mut Command, namespace: &str) -> Result<()> {
    let handle = handle(namespace)?;
    // SAFETY: setns is a system call, and allocates nothing between fork and exec.
    unsafe { command.pre_exec(move || set(&handle)) };
    Ok(())
}

fn handle(namespace: &str) -> Result<File> {
    File::open(Path::new("/run/netns").join(namespace)).map_err(|error| format!("{namespace}: {error}"))
}

fn set(namespace: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open.
    match unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn address(host: usize) -> String {
    format!("10.99.0.{}", host + 1)
}

/// Of a network for documentation, which nobody has.
fn public_address(host: usize) -> String {
    format!("203.0.113.{}", host + 1)
}

fn port(host: usize) -> String {
    format!("port{host}")
}

fn ip(arguments: &[&str]) -> Result<()> {
    let what = || format!("ip {}", arguments.join(" "));
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("{}: {error}", what()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}: {}", what(), String::from_utf8_lossy(&output.stderr).trim()))
}

/// Removes the namespaces of processes that are gone.
fn sweep() {
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _ = ip(&["netns", "del", &name]);
        }
    }
}
