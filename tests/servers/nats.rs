//! nats-server with JetStream: one, or three in a cluster.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::certificates::Certificates;
use super::credentials::Account;
use super::directory::Directory;
use super::place::Place;
use super::process::{Process, Program};
use super::{PATIENCE, Result, ports, retry, tools, wait_for};

/// Who may connect.
#[derive(Clone, Default)]
pub enum Login {
    /// Everybody.
    #[default]
    Anybody,
    /// This user, with a password.
    User(String, String),
    /// Whoever has the token.
    Token(String),
    /// The user with this public nkey.
    Nkey(String),
    /// Users of this account, each with a credentials file.
    Credentials(Account),
}

/// Whether connections are encrypted.
#[derive(Clone, Default)]
pub enum Tls {
    /// They are not.
    #[default]
    Off,
    /// They are, with this certificate and key.
    Server(PathBuf, PathBuf),
    /// They are, and a client has to show a certificate of this authority, the last of the three.
    Mutual(PathBuf, PathBuf, PathBuf),
}

impl Tls {
    /// Encryption with the server's certificate.
    pub fn server(certificates: &Certificates) -> Tls {
        Tls::Server(certificates.server_certificate.clone(), certificates.server_key.clone())
    }

    /// The same, where clients have to show a certificate too.
    pub fn mutual(certificates: &Certificates) -> Tls {
        Tls::Mutual(
            certificates.server_certificate.clone(),
            certificates.server_key.clone(),
            certificates.root_ca.clone(),
        )
    }
}

/// What JetStream has.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum JetStream {
    /// All that a test needs.
    #[default]
    Ample,
    /// So many bytes on the disk.
    Limited(u64),
    /// It is off.
    Off,
}

/// How servers are started.
#[derive(Clone, Default)]
pub struct Options {
    /// Who may connect.
    pub login: Login,
    /// Whether connections are encrypted.
    pub tls: Tls,
    /// The largest message in bytes, the server's own default if none.
    pub max_payload: Option<u64>,
    /// What JetStream has.
    pub jetstream: JetStream,
    /// The executable; the current version if none. [`tools::nats_server_oldest`] is the other one.
    pub binary: Option<PathBuf>,
    /// Further lines of the configuration.
    pub more: String,
    /// Where each node listens; on loopback if there is no place for it.
    pub places: Vec<Place>,
}

/// A server, or three of them.
pub struct Nats {
    nodes: Vec<Node>,
}

/// One server.
pub struct Node {
    name: String,
    place: Place,
    port: u16,
    monitor: u16,
    process: Process,
    // Removed after the process is gone.
    _directory: Directory,
}

impl Nats {
    /// One server.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn single(options: &Options) -> Result<Nats> {
        Nats::start(options, 1)
    }

    /// A cluster of three.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn cluster(options: &Options) -> Result<Nats> {
        Nats::start(options, 3)
    }

    /// A cluster of five.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn large_cluster(options: &Options) -> Result<Nats> {
        Nats::start(options, 5)
    }

    fn start(options: &Options, count: usize) -> Result<Nats> {
        retry(|| {
            let routes = ports::free(count);
            let nodes = (0..count).map(|index| Node::start(options, index, &routes)).collect::<Result<Vec<Node>>>()?;
            let mut nats = Nats { nodes };
            // A node of a cluster is ready only when the others are there.
            nats.nodes.iter_mut().try_for_each(Node::wait_until_ready)?;
            Ok(nats)
        })
    }

    /// The addresses of all nodes, as `host:port`.
    pub fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(Node::address).collect()
    }

    /// All nodes.
    pub fn nodes(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    /// A node by its number from 0.
    pub fn node(&mut self, index: usize) -> &mut Node {
        &mut self.nodes[index]
    }

    /// The number of the node that leads a stream, as the nodes that answer see it.
    ///
    /// # Errors
    ///
    /// When there is no leader within a minute.
    pub fn leader_of(&self, stream: &str) -> Result<usize> {
        wait_for(&format!("a leader of {stream}"), PATIENCE, || {
            let names = self.nodes.iter().filter_map(|node| node.leader_of(stream).ok());
            let leader = names.flatten().next().ok_or("no node knows one")?;
            self.nodes.iter().position(|node| node.name == leader).ok_or(format!("{leader} is none of the nodes"))
        })
    }
}

impl Node {
    fn start(options: &Options, index: usize, routes: &[u16]) -> Result<Node> {
        let directory = Directory::new()?;
        let place = options.places.get(index).cloned().unwrap_or_default();
        let free = ports::free(2);
        let (name, port, monitor) = (format!("node-{index}"), free[0], free[1]);
        let text = configuration(options, index, routes, &name, &place, (port, monitor), &directory);
        let path = directory.write("nats.conf", &text)?;
        let binary = options.binary.clone().map_or_else(tools::nats_server, Ok)?;
        let process = Process::start(Program {
            binary,
            arguments: vec!["--config".to_owned(), path.display().to_string()],
            log: directory.file("log"),
            namespace: place.namespace.clone(),
        })?;
        Ok(Node { name, place, port, monitor, process, _directory: directory })
    }

    /// The client's address, as `host:port`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.place.address, self.port)
    }

    /// Its process: to kill, to pause, to resume.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Starts it again on the same ports and data, after it was stopped, and waits until it answers.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn start_again(&mut self) -> Result<()> {
        self.process.start_again()?;
        self.wait_until_ready()
    }

    /// Waits until it serves JetStream, in a cluster: until it has caught up.
    ///
    /// # Errors
    ///
    /// When it does not within a minute.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let (place, monitor) = (self.place.clone(), self.monitor);
        self.process.wait_until_ready(|| place.page(monitor, "/healthz").map(drop))
    }

    /// Asks it to leave for good: clients are told to go elsewhere, leaders step down. Returns when it has ended.
    ///
    /// # Errors
    ///
    /// When it has not within a minute.
    pub fn drain(&mut self) -> Result<()> {
        let id = self.process.id().ok_or("it does not run")?;
        // SAFETY: the child was not waited for, so that its id is nobody else's.
        unsafe { libc::kill(id as libc::pid_t, libc::SIGUSR2) };
        wait_for("the end of a drained server", PATIENCE, || self.process.ended().ok_or("it runs".to_owned()))?;
        self.process.kill();
        Ok(())
    }

    /// A page of its monitoring, as JSON.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub fn monitor(&self, path: &str) -> Result<Value> {
        serde_json::from_str(&self.place.page(self.monitor, path)?).map_err(|error| format!("{path}: {error}"))
    }

    fn leader_of(&self, stream: &str) -> Result<Option<String>> {
        let page = self.monitor("/jsz?accounts=true&streams=true")?;
        let accounts = page["account_details"].as_array().into_iter().flatten();
        let mut streams = accounts.flat_map(|account| account["stream_detail"].as_array().into_iter().flatten());
        let found = streams.find(|detail| detail["name"] == stream);
        Ok(found.and_then(|detail| detail["cluster"]["leader"].as_str().map(str::to_owned)))
    }
}

fn configuration(
    options: &Options,
    index: usize,
    routes: &[u16],
    name: &str,
    place: &Place,
    (port, monitor): (u16, u16),
    directory: &Directory,
) -> String {
    let address = &place.address;
    let data = directory.file("data");
    let mut text = format!(
        "server_name: {name}\nlisten: \"{address}:{port}\"\nhttp: \"{address}:{monitor}\"\n\
         lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"{}ms\"\n",
        Duration::from_millis(500).as_millis(),
    );
    let mut line = |line: String| writeln!(text, "{line}").expect("a text takes all");
    let on_disk = match options.jetstream {
        JetStream::Ample => Some(8 << 30),
        JetStream::Limited(bytes) => Some(bytes),
        JetStream::Off => None,
    };
    if let Some(bytes) = on_disk {
        let data = data.display();
        line(format!("jetstream {{ store_dir: \"{data}\", max_memory_store: 1GB, max_file_store: {bytes} }}"));
    }
    if let Some(bytes) = options.max_payload {
        line(format!("max_payload: {bytes}"));
    }
    match &options.login {
        Login::Anybody => {}
        Login::User(user, password) => {
            line(format!("authorization {{ user: {}, password: {} }}", quoted(user), quoted(password)));
        }
        Login::Token(token) => line(format!("authorization {{ token: {} }}", quoted(token))),
        Login::Nkey(public) => line(format!("authorization {{ users: [{{ nkey: {public} }}] }}")),
        Login::Credentials(account) => line(account.configuration()),
    }
    match &options.tls {
        Tls::Off => {}
        Tls::Server(certificate, key) => {
            line(format!("tls {{ cert_file: \"{}\", key_file: \"{}\" }}", certificate.display(), key.display()));
        }
        Tls::Mutual(certificate, key, authority) => line(format!(
            "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: true }}",
            certificate.display(),
            key.display(),
            authority.display(),
        )),
    }
    if routes.len() > 1 {
        let address_of = |index: usize| options.places.get(index).cloned().unwrap_or_default().address;
        let others: Vec<String> =
            routes.iter().enumerate().map(|(index, port)| format!("nats://{}:{port}", address_of(index))).collect();
        line(format!(
            "cluster {{ name: larder, listen: \"{address}:{}\", routes: [{}] }}",
            routes[index],
            others.join(", ")
        ));
    }
    line(options.more.clone());
    text
}

/// A text in the server's configuration language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
