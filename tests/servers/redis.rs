//! redis-server: one, or one with replicas.

use std::fmt::Write;
use std::process::Command;
use std::time::Duration;

use super::certificates::Certificates;
use super::directory::Directory;
use super::nats::Tls;
use super::place::Place;
use super::process::{Process, Program};
use super::{PATIENCE, Result, namespaces, ports, retry, tools, wait_for};

/// Who may connect.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// The user, none for the one that every connection is at first.
    pub user: Option<String>,
    /// The password, none for everybody.
    pub password: Option<String>,
}

impl Login {
    /// A password, and no name.
    pub fn password(password: &str) -> Login {
        Login { user: None, password: Some(password.to_owned()) }
    }

    /// A named user; the nameless one may do nothing.
    pub fn user(user: &str, password: &str) -> Login {
        Login { user: Some(user.to_owned()), password: Some(password.to_owned()) }
    }

    /// The lines of the configuration of a server or a sentinel.
    pub fn configuration(&self) -> String {
        match (&self.user, &self.password) {
            (Some(user), Some(password)) => format!("user default off\nuser {user} on >{password} ~* &* +@all\n"),
            (None, Some(password)) => format!("requirepass {password}\n"),
            _ => String::new(),
        }
    }
}

/// How sentinels speak with one another and with the servers.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Among {
    /// As with clients.
    #[default]
    Alike,
    /// Without encryption, at a port of their own.
    Plain,
    /// Encrypted, at a port of their own, with this certificate and key.
    Encrypted(std::path::PathBuf, std::path::PathBuf),
}

/// How servers are started.
#[derive(Clone, Default)]
pub struct Options {
    /// Who may connect.
    pub login: Login,
    /// Whether connections are encrypted, those between servers too.
    pub tls: Tls,
    /// How they speak among themselves, for sentinels.
    pub among: Among,
    /// The authority that vouches for the servers, and for whom they let in; several in one file count all.
    pub root_ca: Option<std::path::PathBuf>,
    /// Further lines of the configuration.
    pub more: String,
    /// Where each server listens, the first server first; on loopback if there is no place for it.
    pub places: Vec<Place>,
}

impl Options {
    /// Encrypted, with a server's certificate.
    pub fn with_tls(mut self, certificates: &Certificates) -> Options {
        self.tls = Tls::server(certificates);
        self.root_ca = Some(certificates.root_ca.clone());
        self
    }

    /// Encrypted, where clients have to show a certificate.
    pub fn with_mutual_tls(mut self, certificates: &Certificates) -> Options {
        self.tls = Tls::mutual(certificates);
        self.root_ca = Some(certificates.root_ca.clone());
        self
    }

    /// The place of a server by its number.
    pub fn place(&self, index: usize) -> Place {
        self.places.get(index).cloned().unwrap_or_default()
    }
}

/// One server.
pub struct Redis {
    endpoint: Endpoint,
    process: Process,
    // Removed after the process is gone.
    _directory: Directory,
}

impl Redis {
    /// One server.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn start(options: &Options) -> Result<Redis> {
        retry(|| Redis::start_at(options, options.place(0), None))
    }

    /// A server, and so many replicas of it that are in step with it.
    ///
    /// # Errors
    ///
    /// When they do not come up.
    pub fn with_replicas(options: &Options, replicas: usize) -> Result<Vec<Redis>> {
        let mut servers = vec![Redis::start(options)?];
        for index in 1..=replicas {
            let first = servers[0].endpoint.clone();
            servers.push(retry(|| Redis::start_at(options, options.place(index), Some(&first)))?);
        }
        for replica in &servers[1..] {
            wait_for("a replica", PATIENCE, || match replica.role()?.as_str() {
                "slave" if replica.ask(&["INFO", "replication"])?.contains("master_link_status:up") => Ok(()),
                other => Err(format!("it is {other}, and not in step")),
            })?;
        }
        Ok(servers)
    }

    fn start_at(options: &Options, place: Place, master: Option<&Endpoint>) -> Result<Redis> {
        let directory = Directory::new()?;
        let endpoint = Endpoint::new(options, place);
        let mut text = endpoint.configuration(options, &directory);
        // A replica has all at once, and a server that was killed has what it had acknowledged.
        text += "save \"\"\nappendonly yes\nrepl-diskless-sync-delay 0\nprotected-mode no\n";
        text += &options.login.configuration();
        if let Some(password) = &options.login.password {
            writeln!(text, "masterauth {password}").expect("a text takes all");
        }
        if let Some(user) = &options.login.user {
            writeln!(text, "masteruser {user}").expect("a text takes all");
        }
        if let Some(master) = master {
            writeln!(text, "replicaof {} {}", master.place.address, master.port).expect("a text takes all");
        }
        text += &options.more;
        let path = directory.write("redis.conf", &text)?;
        let process = Process::start(Program {
            binary: tools::redis_server()?,
            arguments: vec![path.display().to_string()],
            log: directory.file("log"),
            namespace: endpoint.place.namespace.clone(),
        })?;
        let mut redis = Redis { endpoint, process, _directory: directory };
        redis.wait_until_ready()?;
        Ok(redis)
    }

    /// The address, as `host:port`.
    pub fn address(&self) -> String {
        self.endpoint.address()
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Its process: to kill, to pause, to resume.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Starts it again on the same port and data, after it was stopped, and waits until it answers. A sentinel may
    /// since have written another role into its configuration.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn start_again(&mut self) -> Result<()> {
        self.process.start_again()?;
        self.wait_until_ready()
    }

    /// What it says to a command.
    ///
    /// # Errors
    ///
    /// When it does not answer, or with an error.
    pub fn ask(&self, command: &[&str]) -> Result<String> {
        self.endpoint.ask(command)
    }

    /// `master` or `slave`.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub fn role(&self) -> Result<String> {
        Ok(self.ask(&["ROLE"])?.lines().next().unwrap_or_default().to_owned())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let endpoint = self.endpoint.clone();
        self.process.wait_until_ready(|| endpoint.ping())
    }
}

/// Where a server or a sentinel listens, and how one speaks with it.
#[derive(Clone)]
pub struct Endpoint {
    /// Its place.
    pub place: Place,
    /// Its one port.
    pub port: u16,
    login: Login,
    tls: Tls,
    root_ca: Option<std::path::PathBuf>,
}

impl Endpoint {
    /// A new one, on a free port.
    pub fn new(options: &Options, place: Place) -> Endpoint {
        let (login, tls, root_ca) = (options.login.clone(), options.tls.clone(), options.root_ca.clone());
        Endpoint { place, port: ports::free(1)[0], login, tls, root_ca }
    }

    /// The address, as `host:port`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.place.address, self.port)
    }

    /// The lines of the configuration that say where it listens and has its data.
    pub fn configuration(&self, options: &Options, directory: &Directory) -> String {
        let mut text = format!("bind {}\ndir {}\n", self.place.address, directory.path().display());
        let (certificate, key, clients) = match (&options.tls, &options.among) {
            (Tls::Off, Among::Encrypted(certificate, key)) => (certificate, key, "no"),
            (Tls::Off, _) => return text + &format!("port {}\n", self.port),
            (Tls::Server(certificate, key), _) => (certificate, key, "no"),
            (Tls::Mutual(certificate, key, _), _) => (certificate, key, "yes"),
        };
        let (plain, encrypted, among) = match &options.among {
            Among::Alike => (0, self.port, "yes"),
            Among::Plain => (ports::free(1)[0], self.port, "no"),
            Among::Encrypted(..) => (self.port, ports::free(1)[0], "yes"),
        };
        let root_ca = options.root_ca.as_ref().expect("options with TLS name their authority");
        write!(
            text,
            "port {plain}\ntls-port {encrypted}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\n\
             tls-auth-clients {clients}\ntls-replication {among}\n",
            certificate.display(),
            key.display(),
            root_ca.display(),
        )
        .expect("a text takes all");
        text
    }

    /// What it says to a command.
    ///
    /// # Errors
    ///
    /// When it does not answer within five seconds, or with an error.
    pub fn ask(&self, command: &[&str]) -> Result<String> {
        let what = || format!("{} {}", self.address(), command.join(" "));
        let mut cli = Command::new("timeout");
        cli.arg(Duration::from_secs(5).as_secs().to_string()).arg(tools::redis_cli()?);
        // -e: an error that the server answers is an exit code.
        cli.args(["-e", "--raw", "-h", &self.place.address, "-p", &self.port.to_string()]);
        if let Some(user) = &self.login.user {
            cli.args(["--user", user]);
        }
        if let Some(password) = &self.login.password {
            cli.env("REDISCLI_AUTH", password);
        }
        if let Some(root_ca) = self.root_ca.as_ref().filter(|_| !matches!(self.tls, Tls::Off)) {
            cli.arg("--tls").arg("--cacert").arg(root_ca);
        }
        if let Tls::Mutual(certificate, key, _) = &self.tls {
            cli.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
        if let Some(namespace) = &self.place.namespace {
            namespaces::enter(&mut cli, namespace)?;
        }
        let output = cli.args(command).output().map_err(|error| format!("{}: {error}", what()))?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            Ok(out.trim_end().to_owned())
        } else {
            Err(format!("{}: {}{}", what(), out.trim(), err.trim()))
        }
    }

    /// Whether it serves.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn ping(&self) -> Result<()> {
        match self.ask(&["PING"])?.as_str() {
            "PONG" => Ok(()),
            other => Err(format!("{}: {other}", self.address())),
        }
    }
}
