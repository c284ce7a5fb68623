//! `larder doctor`: what is wrong between here and the stores, step by step, and what to do about it.
//!
//! The steps of the network ([`network`], [`handshake`], [`exposure`]) look at the nodes from outside, before and without
//! the store; all others ask the store itself, so that what is found is what a service would meet.

mod advice;
pub mod arguments;
mod certificate;
mod clock;
mod exposure;
mod greeting;
mod handshake;
mod interfaces;
mod network;
mod place;
mod plain;
mod probe;
mod report;
mod step;

use std::time::{Duration, Instant};

use clap::ArgMatches;

use super::Failure;
use super::commands::time;
use super::exit::Exit;
use super::node::Node;
use super::output::Output;
use super::source;
use super::transfer::endpoint::Endpoint;
use crate::boundary::wait::wait;
use crate::config::{Config, StoreConfig};
use crate::error::{Error, Result, Status};
use crate::larder::Larder;
use crate::store::open::KINDS;
use crate::store::remote::tls::{TlsConfig, TlsNames};
use handshake::{Encryption, Greeting};
use step::{Examination, Finding, Outcome};

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_secs(1);

/// Examines the stores that the arguments name.
pub fn run(matches: &ArgMatches, given: &ArgMatches, output: &mut Output<'_>) -> std::result::Result<Exit, Failure> {
    let patience = time(given, "wait")?.unwrap_or_default();
    let doctor = Doctor {
        timeout: time(matches, "timeout")?.filter(|timeout| !timeout.is_zero()),
        read_only: given.get_flag("read-only"),
        in_container: advice::is_in_container(),
    };
    let end = Instant::now().checked_add(patience);
    let mut examinations = doctor.examine_all(matches);
    // A configuration does not mend itself.
    while is_worth_waiting(&examinations) && end.is_none_or(|end| Instant::now() < end) {
        std::thread::sleep(end.map_or(PAUSE, |end| PAUSE.min(end.saturating_duration_since(Instant::now()))));
        examinations = doctor.examine_all(matches);
    }
    let format = given.get_one::<String>("format").map(String::as_str);
    tell(&examinations, format.unwrap_or(if output.is_json() { "json" } else { "text" }), output)
}

fn is_worth_waiting(examinations: &[Examination]) -> bool {
    report::worst(examinations) == Outcome::Failed && !report::is_unknown(examinations)
}

fn tell(examinations: &[Examination], format: &str, output: &mut Output<'_>) -> std::result::Result<Exit, Failure> {
    let status = examinations.iter().map(Examination::status).find(|status| *status != Status::OK);
    let exit = status.map_or(Exit::Done, Exit::of);
    let (text, exit) = match format {
        "json" => (format!("{}\n", report::json(examinations)), exit),
        "nagios" => (report::nagios(examinations), nagios_exit(examinations)),
        "prometheus" => (report::prometheus(examinations), exit),
        _ => (report::text(examinations), exit),
    };
    output.raw().write_all(text.as_bytes())?;
    Ok(exit)
}

/// Nagios has exit codes of its own: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. Here only their numbers count.
fn nagios_exit(examinations: &[Examination]) -> Exit {
    match report::worst(examinations) {
        _ if report::is_unknown(examinations) => Exit::Conflict,
        Outcome::Skipped | Outcome::Fine => Exit::Done,
        Outcome::Warning => Exit::NotFound,
        Outcome::Failed => Exit::Usage,
    }
}

struct Doctor {
    timeout: Option<Duration>,
    read_only: bool,
    in_container: bool,
}

impl Doctor {
    fn examine_all(&self, matches: &ArgMatches) -> Vec<Examination> {
        let begin = Instant::now();
        let stores = configured(matches).unwrap_or_else(|error| vec![("-".to_owned(), Err(error))]);
        let examine = |(name, section): (String, Result<StoreConfig>)| match section {
            Ok(section) => self.examine(matches, &name, &section),
            Err(error) => {
                let mut examination = Examination::new(&name, "configuration");
                examination.step("configuration", "", || place::failed(&error));
                examination.steps.iter_mut().for_each(|step| step.took = begin.elapsed());
                examination
            }
        };
        stores.into_iter().map(examine).collect()
    }

    fn examine(&self, matches: &ArgMatches, name: &str, section: &StoreConfig) -> Examination {
        // What stands in a type's place may be a URL with a password.
        let is_type = KINDS.contains(&section.kind.as_str());
        let mut examination = Examination::new(name, if is_type { &section.kind } else { "no type" });
        let mut opened = None;
        let opens = examination.step("configuration", "", || match self.open(matches, name, section) {
            Ok(open) => {
                let detail = open.1.identity.clone();
                opened = Some(open);
                Finding::fine(detail)
            }
            Err(error) => place::failed(&error),
        });
        let Some((larder, endpoint)) = opened.filter(|_| opens) else { return examination };
        self.examine_nodes(section, &mut examination);
        self.examine_store(section, &endpoint, &mut examination);
        let _ = wait(larder.close(), Some(Duration::from_secs(1)));
        examination
    }

    /// Opens the store alone, so that one with a wrong setting does not hide the others.
    fn open(&self, matches: &ArgMatches, name: &str, section: &StoreConfig) -> Result<(Larder, Endpoint)> {
        let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
        let (database, table) = (text("database"), text("table"));
        let mut config = Config::default();
        config.stores.insert(name.to_owned(), section.clone());
        let larder = Larder::from_config(config)?;
        let store = larder.store_at(name, database, table)?;
        Ok((larder, Endpoint::new(store, section, database, table, self.timeout)))
    }

    fn examine_nodes(&self, section: &StoreConfig, examination: &mut Examination) {
        let names = if section.kind == "redis-sentinel" { TlsNames::SENTINEL } else { TlsNames::SERVER };
        for node in Node::of(section) {
            self.examine_node(&node, section, names, examination);
        }
    }

    /// Says whether the node can be reached.
    fn examine_node(&self, node: &Node, section: &StoreConfig, names: TlsNames, examination: &mut Examination) -> bool {
        let label = node.to_string();
        let mut addresses = Vec::new();
        let resolves = examination.step("resolve", &label, || {
            let (finding, found) = network::resolve(node, self.timeout, self.in_container);
            addresses = found;
            finding
        });
        if !resolves || !examination.step("connect", &label, || network::connect(node, &addresses, self.in_container)) {
            return false;
        }
        let encryption = match encryption(section, names) {
            Ok(encryption) => encryption,
            Err(error) => return examination.step("tls", &label, || place::failed(&error)),
        };
        let encrypts = examination.step("tls", &label, || encryption.check(node, &addresses, self.timeout));
        // Sentinels hold no records.
        if encrypts && names.enabled == TlsNames::SERVER.enabled {
            examination.step("exposure", &label, || exposure::look(node, &addresses, &encryption, self.in_container));
        }
        encrypts
    }

    fn examine_store(&self, section: &StoreConfig, endpoint: &Endpoint, examination: &mut Examination) {
        let answers = examination.step("login", "", || place::login(endpoint, section));
        if section.kind == "redis-sentinel" {
            self.examine_master(section, endpoint, answers, examination);
        }
        let key = probe::key();
        if !answers || !examination.step(place_name(&section.kind), "", || place::place(endpoint, &key)) {
            return;
        }
        if self.read_only {
            examination.step("write", "", || Finding::skipped("left out, as was asked for"));
        } else {
            probe::examine(endpoint, &key, examination);
        }
        // At the end: NATS tells its time of a bucket only, which the first write makes.
        if endpoint.is_on_server {
            examination.step("clock", "", || clock::compare(endpoint));
        }
    }

    /// The master that the sentinels name: a sentinel in another network names an address that means nothing here.
    fn examine_master(&self, section: &StoreConfig, endpoint: &Endpoint, answers: bool, examination: &mut Examination) {
        let about = endpoint.store.describe();
        let named = about["announced_master"].as_str().or(about["master"].as_str());
        let Some(node) = named.and_then(|address| Node::parse(address, 6379)) else { return };
        let before = examination.steps.len();
        self.examine_node(&node, section, TlsNames::SERVER, examination);
        let unreachable = examination.steps[before..].iter_mut().find(|step| step.finding.outcome == Outcome::Failed);
        if let Some(step) = unreachable.filter(|step| !answers && step.name != "tls") {
            step.finding.advice = Some(advice::on_announced_master(self.in_container));
        }
    }
}

/// The stores that the arguments name, each with its section or with what is wrong with it.
fn configured(matches: &ArgMatches) -> Result<Vec<(String, Result<StoreConfig>)>> {
    let stores = match source::all_services(matches)? {
        Some(sources) => sources.each(),
        None => source::find(matches)?.0.stores.into_iter().map(|(name, section)| (name, Ok(section))).collect(),
    };
    let Some(name) = matches.get_one::<String>("store") else { return Ok(stores) };
    let all = stores.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let missing = || {
        let text = format!("the configuration has no store {name:?}; it has: {all}");
        Error::new(Status::NO_SUCH_STORE, "--store", text)
    };
    let found = stores.iter().find(|(known, _)| known == name).cloned();
    found.map(|found| vec![found]).ok_or_else(missing)
}

fn encryption(section: &StoreConfig, names: TlsNames) -> Result<Encryption> {
    let mut settings = section.settings.clone();
    let mut config = TlsConfig::take(&mut settings, names)?;
    let is_nats = section.kind == "nats-js-kv";
    let nodes = settings.list("nodes").ok().flatten().unwrap_or_default();
    config.enabled |= is_nats && nodes.iter().any(|node| node.starts_with("tls://"));
    Ok(Encryption { config, names, greeting: if is_nats { Greeting::Info } else { Greeting::None } })
}

fn place_name(kind: &str) -> &'static str {
    match kind {
        "nats-js-kv" => "bucket",
        "redis" | "redis-sentinel" => "master",
        _ => "place",
    }
}
