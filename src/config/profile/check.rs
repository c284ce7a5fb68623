//! What is wrong with a profile's variables, and what is likely not meant.

use serde_json::{Value, json};

use super::agreement;
use super::choice::Source;
use super::resolve::Resolved;
use super::service::{Family, Setting};
use super::{Profile, Sources, larder, typo};
use crate::config::document::{DEFAULT_STORE, StoreConfig};
use crate::error::{Error, Result};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The store cannot be opened.
    Error,
    /// It opens, and does what is hardly meant.
    Warning,
    /// It may be meant.
    Hint,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The variable or setting at fault.
    pub origin: String,
    /// What is wrong and what to do.
    pub message: String,
    /// The services that it concerns; none for what concerns no certain one.
    pub services: Vec<String>,
}

impl Severity {
    /// It in a word.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Hint => "hint",
        }
    }
}

impl Finding {
    /// A finding about `services`.
    pub fn new<'a>(
        severity: Severity,
        origin: impl Into<String>,
        message: impl Into<String>,
        services: impl IntoIterator<Item = &'a Resolved>,
    ) -> Finding {
        let services = services.into_iter().map(|resolved| resolved.service.name.to_owned()).collect();
        Finding { severity, origin: origin.into(), message: message.into(), services }
    }

    /// The finding that `error` is, about the service `name`.
    pub fn error(error: &Error, name: &str) -> Finding {
        let services = vec![name.to_owned()];
        Finding {
            severity: Severity::Error,
            origin: error.origin().to_owned(),
            message: error.message().to_owned(),
            services,
        }
    }

    /// It as a line of text.
    pub fn text(&self) -> String {
        let services =
            if self.services.is_empty() { String::new() } else { format!(" [{}]", self.services.join(", ")) };
        format!("{}: {}: {}{services}\n", self.severity.name(), self.origin, self.message)
    }

    /// It as a JSON object.
    pub fn json(&self) -> Value {
        json!({
            "severity": self.severity.name(),
            "origin": self.origin,
            "message": self.message,
            "services": self.services,
        })
    }
}

/// Tries whether the store of a section can be opened.
pub type Trial<'a> = &'a dyn Fn(StoreConfig) -> Result<()>;

/// Checks the variables of all services, or what concerns one of them. The worst comes first. `trial` says what the
/// stores themselves make of their settings.
///
/// # Errors
///
/// `CONFIG` for an unknown service.
pub fn check(sources: &Sources, service: Option<&str>, trial: Trial<'_>) -> Result<Vec<Finding>> {
    let strays = typo::strays(sources.profile, &sources.environment).into_iter();
    let mut findings: Vec<Finding> =
        strays.map(|stray| Finding::new(Severity::Warning, stray.variable, stray.advice, [])).collect();
    let meant = match sources.profile {
        Profile::Larder => plain(sources, service, trial, &mut findings),
        _ => known(sources, service, trial, &mut findings)?,
    };
    if let Some(meant) = meant {
        findings.retain(|finding| finding.services.is_empty() || finding.services.contains(&meant));
    }
    Ok(merged(findings))
}

fn plain(sources: &Sources, service: Option<&str>, trial: Trial<'_>, findings: &mut Vec<Finding>) -> Option<String> {
    let names = service.map_or_else(|| larder::names(sources), |name| vec![name.to_owned()]);
    if names.is_empty() {
        let tried = sources.all().and_then(|config| config.stores.into_values().try_for_each(trial));
        findings.extend(tried.err().map(|error| Finding::error(&error, DEFAULT_STORE)));
    }
    for name in names {
        let tried = larder::store(sources, &name).and_then(trial);
        findings.extend(tried.err().map(|error| Finding::error(&error, &name)));
    }
    service.map(str::to_owned)
}

fn known(
    sources: &Sources,
    service: Option<&str>,
    trial: Trial<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Option<String>> {
    let (dialect, services) = sources.known()?;
    let mut meant = None;
    if let Some(name) = service {
        let found = services.iter().find(|service| service.is_called(name));
        let unknown = || Error::config("service", super::unknown_service(name, &services));
        meant = Some(found.ok_or_else(unknown)?.name.to_owned());
    }
    let mut sound = Vec::new();
    for service in &services {
        let resolved = match sources.resolve_service(&dialect, service) {
            Ok(resolved) => resolved,
            Err(error) => {
                findings.push(Finding::error(&error, service.name));
                continue;
            }
        };
        malformed(&resolved, findings);
        match resolved.store() {
            Ok(store) => {
                findings.extend(trial(store).err().map(|error| Finding::error(&error, service.name)));
                sound.push(resolved);
            }
            Err(error) => findings.push(Finding::error(&error, service.name)),
        }
    }
    for resolved in &sound {
        let kind = resolved.kind()?;
        without_effect(resolved, &kind, findings);
        if Resolved::is_remote(&kind) {
            connection(resolved, findings)?;
        }
    }
    scaling(&sound, findings)?;
    agreement::check(sources, &dialect, &sound, findings)?;
    Ok(meant)
}

/// Values that cannot be read, also those that another variable overrides.
fn malformed(resolved: &Resolved, findings: &mut Vec<Finding>) {
    for choice in &resolved.choices {
        let faults = choice.faults();
        findings.extend(faults.effective.iter().map(|error| Finding::error(error, resolved.service.name)));
        for error in faults.overridden {
            let winner = choice.winner().map_or(String::new(), |said| said.source.to_string());
            let message = format!("{} (overridden by {winner})", error.message());
            findings.push(Finding::new(Severity::Warning, error.origin().to_owned(), message, [resolved]));
        }
    }
}

/// Variables that are set and change nothing.
fn without_effect(resolved: &Resolved, kind: &str, findings: &mut Vec<Finding>) {
    let mut hint = |origin: String, message: String| {
        findings.push(Finding::new(Severity::Hint, origin, message, [resolved]));
    };
    for choice in &resolved.choices {
        let Some(last) = choice.said.last() else { continue };
        if choice.ignores(last) {
            let message = match choice.said.iter().rev().nth(1).filter(|said| said.source.kind() == "variable") {
                Some(weaker) => format!("it is empty: it changes nothing, but keeps {} from being read", weaker.source),
                None => "it is empty and changes nothing".to_owned(),
            };
            hint(last.source.to_string(), message);
        }
    }
    let lifespan = resolved.choice(Setting::Lifespan);
    if lifespan.is_chosen() && !resolved.lifespan_reaches(kind) && kind != "noop" {
        let message = format!("in a store of type {kind} the records stay for ever, as in oCIS; it is for NATS");
        hint(resolved.name_of(Setting::Lifespan), message);
    }
    // A global variable concerns others too; who sets a service's own wants something of it.
    let own = |setting: Setting| {
        let winner = resolved.choice(setting).winner();
        winner.is_some_and(|said| said.source.name().is_some_and(|name| name.starts_with(resolved.service.prefix)))
    };
    if !Resolved::is_remote(kind) {
        for setting in [Setting::Nodes, Setting::Username, Setting::Password, Setting::Tls] {
            if own(setting) {
                let message = format!("the type is {kind}, which connects to no server; set {} too", {
                    let variables = resolved.service.variables(&resolved.dialect(), Setting::Type);
                    variables.join(" or ")
                });
                hint(resolved.name_of(setting), message);
            }
        }
    }
}

/// Credentials and certificates.
fn connection(resolved: &Resolved, findings: &mut Vec<Finding>) -> Result<()> {
    let mut warn = |setting: Setting, message: &str| {
        findings.push(Finding::new(Severity::Warning, resolved.name_of(setting), message, [resolved]));
    };
    let is_set = |setting: Setting| Ok::<bool, Error>(!resolved.choice(setting).text()?.is_empty());
    let (has_user, has_password) = (is_set(Setting::Username)?, is_set(Setting::Password)?);
    let nodes = resolved.choice(Setting::Nodes).list()?;
    let is_encrypted = resolved.uses_tls()?;
    if has_password && !is_encrypted && !nodes.iter().all(|node| is_local(node)) {
        warn(Setting::Password, "it goes over the network in the clear; turn TLS on");
    }
    if has_user && !has_password {
        warn(Setting::Username, "there is a user name and no password");
    }
    if has_password && !has_user && resolved.kind()? == "nats-js-kv" {
        warn(Setting::Password, "there is a password and no user name, which NATS does not take");
    }
    let insecure = resolved.choice(Setting::TlsInsecure);
    let (is_insecure, has_root_ca) = (insecure.flag()?, is_set(Setting::TlsRootCa)?);
    if is_insecure && has_root_ca {
        warn(
            Setting::TlsInsecure,
            "a root CA is given as well, so certificates are checked all the same; leave one out",
        );
    }
    if !is_encrypted && has_root_ca {
        warn(Setting::TlsRootCa, "TLS is not on, so no certificate is looked at; turn it on");
    }
    // A variable that is for more than stores says nothing of this connection.
    let is_of_stores = insecure.winner().and_then(|said| said.source.name()) != resolved.dialect().insecure;
    if !is_encrypted && is_insecure && is_of_stores {
        warn(Setting::TlsInsecure, "TLS is not on, so no certificate is looked at");
    }
    Ok(())
}

/// Stores that each process has for itself.
fn scaling(sound: &[Resolved], findings: &mut Vec<Finding>) -> Result<()> {
    for family in [Family::Store, Family::Cache] {
        let mut private = Vec::new();
        for resolved in sound.iter().filter(|resolved| resolved.service.family == family) {
            if resolved.kind()? == "memory" {
                private.push(resolved);
            }
        }
        let message = match family {
            Family::Store => {
                "type memory: each process has its own records, and they are gone when it ends; use nats-js-kv \
                              for a service with several instances"
            }
            Family::Cache => {
                "type memory: each process has its own records; use nats-js-kv for services with several \
                              instances, so that they see the same"
            }
        };
        if let Some(first) = private.first() {
            let origin = match &first.choice(Setting::Type).winner().map(|said| &said.source) {
                Some(Source::Default) | None => "default".to_owned(),
                Some(source) => source.to_string(),
            };
            findings.push(Finding::new(Severity::Hint, origin, message, private.iter().copied()));
        }
    }
    Ok(())
}

/// Whether a node is on this machine.
fn is_local(node: &str) -> bool {
    let host = node.split_once("://").map_or(node, |(_, rest)| rest);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let ends = |rest: &str| rest.is_empty() || rest.starts_with([':', '/']);
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|local| host.strip_prefix(local).is_some_and(ends))
}

/// Says once what was found for several services; the worst first, otherwise in the order it was found.
fn merged(findings: Vec<Finding>) -> Vec<Finding> {
    let mut merged: Vec<Finding> = Vec::new();
    for finding in findings {
        let same = merged.iter_mut().find(|known| {
            (known.severity, &known.origin, &known.message) == (finding.severity, &finding.origin, &finding.message)
        });
        match same {
            Some(known) => {
                let new = finding.services.into_iter().filter(|service| !known.services.contains(service));
                known.services.extend(new.collect::<Vec<_>>());
            }
            None => merged.push(finding),
        }
    }
    merged.sort_by_key(|finding| finding.severity);
    merged
}
