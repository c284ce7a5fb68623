//! A master with replicas, and sentinels that watch over them.

use std::fmt::Write;

use super::directory::Directory;
use super::process::{Process, Program};
use super::redis::{Endpoint, Options, Redis};
use super::{PATIENCE, Result, ports, retry, tools, wait_for};

/// The name under which sentinels know the master.
pub const MASTER: &str = "larder";

/// After how many milliseconds without an answer a server is taken for dead.
const DOWN_AFTER_MS: u64 = 1000;

/// How long a machine that is busy with other tests stops nobody.
const NEVER_MS: &str = "1000000";

/// Servers and sentinels.
pub struct Group {
    /// The sentinels; stopped before the servers are.
    pub sentinels: Vec<Sentinel>,
    /// The servers; the first one began as master.
    pub servers: Vec<Redis>,
}

/// One sentinel.
pub struct Sentinel {
    endpoint: Endpoint,
    process: Process,
    // Removed after the process is gone.
    directory: Directory,
}

impl Group {
    /// A master, two replicas and three sentinels that agree. `servers` is about the servers, `sentinels` about the
    /// sentinels: each has a login, encryption and places of its own. Where one is encrypted and the other is not, the
    /// sentinels' [`Among`](super::redis::Among) has to be as the servers are.
    ///
    /// # Errors
    ///
    /// When they do not come up.
    pub fn start(servers: &Options, sentinels: &Options) -> Result<Group> {
        let servers_started = Redis::with_replicas(servers, 2)?;
        let master = servers_started[0].endpoint();
        let start = |index| retry(|| Sentinel::start(sentinels, index, servers, master));
        let started = (0..3).map(start).collect::<Result<Vec<Sentinel>>>()?;
        let group = Group { sentinels: started, servers: servers_started };
        group.wait_until_whole()?;
        Ok(group)
    }

    /// The sentinels' addresses as oCIS writes them, `host:port/master`.
    pub fn nodes(&self) -> Vec<String> {
        self.sentinels.iter().map(|sentinel| format!("{}/{MASTER}", sentinel.address())).collect()
    }

    /// The number of the server that the sentinels hold for the master. Asks the first sentinel that answers.
    ///
    /// # Errors
    ///
    /// When none does.
    pub fn master(&self) -> Result<usize> {
        let ask = |sentinel: &Sentinel| sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER]).ok();
        let answer = self.sentinels.iter().find_map(ask).ok_or("no sentinel answers")?;
        let address = answer.lines().collect::<Vec<_>>().join(":");
        let place = self.servers.iter().position(|server| server.address() == address);
        place.ok_or_else(|| format!("{address} is none of the servers"))
    }

    /// The end of what each sentinel has logged: why they did what they did.
    pub fn logs(&self) -> String {
        let log = |sentinel: &Sentinel| format!("{}:\n{}", sentinel.address(), sentinel.process.log());
        self.sentinels.iter().map(log).collect::<Vec<_>>().join("\n")
    }

    /// Waits until every sentinel knows all others and all replicas, and takes nobody for dead.
    ///
    /// # Errors
    ///
    /// When that takes over a minute.
    pub fn wait_until_whole(&self) -> Result<()> {
        for sentinel in &self.sentinels {
            wait_for("the sentinels", PATIENCE, || sentinel.sees(self.servers.len() - 1, self.sentinels.len() - 1))?;
        }
        Ok(())
    }
    /// Waits until every sentinel also has heard from each replica that it is one, and how far: they ask every ten seconds,
    /// and until then have in mind what was before the last failover.
    ///
    /// # Errors
    ///
    /// As [`Group::wait_until_whole`].
    pub fn wait_until_heard(&self) -> Result<()> {
        self.wait_until_whole()?;
        self.sentinels.iter().try_for_each(|sentinel| wait_for("the replicas", PATIENCE, || sentinel.has_heard()))
    }
}

impl Sentinel {
    /// One alone that was told that this server is the master, whatever the server is. It is one of the two that a
    /// failover takes, so that it never begins one.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn naming(server: &Redis) -> Result<Sentinel> {
        let options = Options::default();
        retry(|| Sentinel::start(&options, 0, &options, server.endpoint()))
    }

    fn start(options: &Options, index: usize, servers: &Options, master: &Endpoint) -> Result<Sentinel> {
        let directory = Directory::new()?;
        let endpoint = Endpoint::new(options, options.place(index));
        let mut text = endpoint.configuration(options, &directory);
        text += &options.login.configuration();
        text += "protected-mode no\n";
        let mut line = |line: String| writeln!(text, "{line}").expect("a text takes all");
        line(format!("sentinel monitor {MASTER} {} {} 2", master.place.address, master.port));
        line(format!("sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}"));
        line(format!("sentinel failover-timeout {MASTER} 6000"));
        for (setting, value) in [("auth-user", &servers.login.user), ("auth-pass", &servers.login.password)] {
            if let Some(value) = value {
                line(format!("sentinel {setting} {MASTER} {value}"));
            }
        }
        // What sentinels say to one another.
        for (setting, value) in [("sentinel-user", &options.login.user), ("sentinel-pass", &options.login.password)] {
            if let Some(value) = value {
                line(format!("sentinel {setting} {value}"));
            }
        }
        text += &options.more;
        let path = directory.write("sentinel.conf", &text)?;
        let process = Process::start(Program {
            binary: tools::redis_sentinel()?,
            arguments: vec![path.display().to_string()],
            log: directory.file("log"),
            namespace: endpoint.place.namespace.clone(),
        })?;
        let mut sentinel = Sentinel { endpoint, process, directory };
        sentinel.wait_until_ready()?;
        Ok(sentinel)
    }

    /// The address, as `host:port`.
    pub fn address(&self) -> String {
        self.endpoint.address()
    }

    /// Its process: to kill, to pause, to resume.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Starts it again on the same port with what it knew, after it was stopped.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn start_again(&mut self) -> Result<()> {
        self.process.start_again()?;
        self.wait_until_ready()
    }

    /// Stops it and starts it again on another port with what it knew, as when a pod gets another address.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn move_to_another_port(&mut self) -> Result<()> {
        self.process.kill();
        let path = self.directory.file("sentinel.conf");
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let before = format!("port {}", self.endpoint.port);
        self.endpoint.port = ports::free(1)[0];
        let after = format!("port {}", self.endpoint.port);
        let lines: Vec<&str> = text.lines().map(|line| if line == before { after.as_str() } else { line }).collect();
        self.directory.write("sentinel.conf", &(lines.join("\n") + "\n"))?;
        self.start_again()
    }

    /// What it says to a command.
    ///
    /// # Errors
    ///
    /// When it does not answer, or with an error.
    pub fn ask(&self, command: &[&str]) -> Result<String> {
        self.endpoint.ask(command)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let endpoint = self.endpoint.clone();
        self.process.wait_until_ready(|| endpoint.ping())?;
        // One that was not let run for two seconds trusts nothing that it has seen for half a minute. A master that dies then
        // has no successor ever: by the sentinels' reckoning, which is short here, the replicas have lost it too long ago.
        self.ask(&["SENTINEL", "DEBUG", "tilt-trigger", NEVER_MS]).map(drop)
    }

    fn sees(&self, replicas: usize, others: usize) -> Result<()> {
        let master = self.ask(&["SENTINEL", "MASTER", MASTER])?;
        let lines: Vec<&str> = master.lines().collect();
        let field = |name: &str| {
            let place = lines.iter().step_by(2).position(|field| *field == name);
            place.and_then(|place| lines.get(2 * place + 1).copied()).unwrap_or_default()
        };
        let seen = (field("flags"), field("num-slaves"), field("num-other-sentinels"));
        if seen != ("master", replicas.to_string().as_str(), others.to_string().as_str()) {
            return Err(format!("it sees flags, replicas and other sentinels {seen:?}"));
        }
        if !self.all_replicas("flags", |flags| !flags.contains("_down") && !flags.contains("disconnected"))? {
            return Err("it takes a replica for dead".to_owned());
        }
        Ok(())
    }
    fn has_heard(&self) -> Result<()> {
        let is_replica = self.all_replicas("role-reported", |role| role == "slave")?;
        let is_in_step = self.all_replicas("slave-repl-offset", |offset| offset != "0")?;
        if is_replica && is_in_step { Ok(()) } else { Err("it has not heard how far a replica is".to_owned()) }
    }

    /// Whether this is so of a field of every replica.
    fn all_replicas(&self, name: &str, is_so: fn(&str) -> bool) -> Result<bool> {
        let replicas = self.ask(&["SENTINEL", "REPLICAS", MASTER])?;
        let lines: Vec<&str> = replicas.lines().collect();
        Ok(lines.chunks(2).filter(|field| field[0] == name).all(|field| is_so(field.get(1).unwrap_or(&""))))
    }
}
