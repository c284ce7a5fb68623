//! Settings of several services that must agree, and do not.

use std::collections::BTreeSet;

use super::Sources;
use super::check::{Finding, Severity};
use super::explain::addresses;
use super::ocis::DEFAULT_NODES;
use super::resolve::Resolved;
use super::service::{Dialect, Family, Group, Setting};
use crate::error::Result;

/// Checks the services whose own settings are sound.
///
/// # Errors
///
/// `CONFIG` for a variable that is no text.
pub fn check(sources: &Sources, dialect: &Dialect, sound: &[Resolved], findings: &mut Vec<Finding>) -> Result<()> {
    let metadata = "the caches of stat and metadata must be one store, or services see different states of a file";
    same_store(sound, Group::Metadata, metadata, findings)?;
    let signing = "one service writes the keys that the other reads, or every signed URL is refused";
    same_store(sound, Group::SigningKeys, signing, findings)?;
    private_keys(sound, findings)?;
    event_bus(sources, dialect, sound, findings)?;
    one_database(dialect, sound, findings)?;
    posix(sources, dialect, sound, findings)
}

/// The settings that say which store it is.
const PLACE: [Setting; 6] =
    [Setting::Nodes, Setting::Username, Setting::Password, Setting::Tls, Setting::TlsInsecure, Setting::TlsRootCa];

fn same_store(sound: &[Resolved], group: Group, why: &str, findings: &mut Vec<Finding>) -> Result<()> {
    let mut members = sound.iter().filter(|resolved| resolved.service.group == group);
    let Some(first) = members.next() else { return Ok(()) };
    for other in members {
        let (first_kind, other_kind) = (first.kind()?, other.kind()?);
        let mut differing = Vec::new();
        if first_kind != other_kind {
            differing.push(Setting::Type);
        } else if Resolved::is_remote(&first_kind) {
            for setting in PLACE {
                if word(first, setting)? != word(other, setting)? {
                    differing.push(setting);
                }
            }
        }
        for setting in differing {
            let message = format!(
                "{} of {} is another one than {} says for {}; {why}",
                setting.key(),
                other.service.name,
                first.name_of(setting),
                first.service.name
            );
            findings.push(Finding::new(Severity::Warning, other.name_of(setting), message, [first, other]));
        }
    }
    Ok(())
}

/// What a setting comes to, in a form that is equal for what means the same.
fn word(resolved: &Resolved, setting: Setting) -> Result<String> {
    let choice = resolved.choice(setting);
    match setting {
        Setting::Nodes => Ok(nodes(choice.list()?).into_iter().collect::<Vec<_>>().join(",")),
        Setting::Tls => Ok(resolved.uses_tls()?.to_string()),
        Setting::TlsInsecure | Setting::TlsRootCa if !resolved.uses_tls()? => Ok(String::new()),
        Setting::TlsInsecure => Ok(choice.flag()?.to_string()),
        // A secret and the path of its file are two things, even of the same letters.
        Setting::Password if choice.winner().is_some_and(|said| super::resolve::is_file(&said.source)) => {
            Ok(format!("file {}", choice.text()?))
        }
        Setting::Password => Ok(format!("text {}", choice.text()?)),
        _ => choice.text(),
    }
}

/// Addresses without what does not tell two servers apart.
fn nodes(list: Vec<String>) -> BTreeSet<String> {
    let bare = |node: &String| {
        let node = node.split_once("://").map_or(node.as_str(), |(_, rest)| rest);
        node.rsplit_once('@').map_or(node, |(_, host)| host).trim_end_matches('/').to_ascii_lowercase()
    };
    list.iter().map(bare).collect()
}

/// Signing keys that no other process can see.
fn private_keys(sound: &[Resolved], findings: &mut Vec<Finding>) -> Result<()> {
    for resolved in sound.iter().filter(|resolved| resolved.service.group == Group::SigningKeys) {
        let kind = resolved.kind()?;
        if !Resolved::is_remote(&kind) {
            let message =
                format!("type {kind}: the proxy does not see the keys that ocs writes, and refuses signed URLs");
            findings.push(Finding::new(Severity::Warning, resolved.name_of(Setting::Type), message, [resolved]));
        }
    }
    Ok(())
}

/// The persistent stores and the event bus are to be on one NATS.
fn event_bus(sources: &Sources, dialect: &Dialect, sound: &[Resolved], findings: &mut Vec<Finding>) -> Result<()> {
    let variable = dialect.global("EVENTS_ENDPOINT");
    let given = sources.environment.get(&variable)?;
    let listed = addresses(given.unwrap_or(DEFAULT_NODES)).into_iter();
    let bus = nodes(listed.map(|node| node.trim().to_owned()).collect());
    for resolved in sound.iter().filter(|resolved| resolved.service.family == Family::Store) {
        let choice = resolved.choice(Setting::Nodes);
        let stores = nodes(choice.list()?);
        let is_nats = resolved.kind()? == "nats-js-kv";
        if !is_nats || stores.is_empty() || (given.is_none() && !choice.is_chosen()) || !stores.is_disjoint(&bus) {
            continue;
        }
        let state = if given.is_some() { "" } else { ", which is not set and" };
        let message = format!(
            "these stores are on another NATS than the event bus: {variable}{state} means {}; use the same for both",
            bus.iter().map(String::as_str).collect::<Vec<_>>().join(",")
        );
        findings.push(Finding::new(Severity::Warning, resolved.name_of(Setting::Nodes), message, [resolved]));
    }
    Ok(())
}

/// One database for all caches.
fn one_database(dialect: &Dialect, sound: &[Resolved], findings: &mut Vec<Finding>) -> Result<()> {
    let variable = dialect.global("CACHE_DATABASE");
    let mut inside = Vec::new();
    for resolved in sound {
        let choice = resolved.choice(Setting::Database);
        let is_it = choice.winner().is_some_and(|said| said.source.name() == Some(&variable));
        if is_it && !choice.text()?.is_empty() && resolved.kind()? != "noop" {
            inside.push(resolved);
        }
    }
    if inside.len() > 1 {
        let message = "all these caches are in one bucket: keys of one can be read as another's, and the TTL of whoever \
                       creates it first holds for all; leave it out";
        findings.push(Finding::new(Severity::Warning, variable, message, inside));
    }
    Ok(())
}

/// The posix driver keeps in its ID cache what it finds nowhere else.
fn posix(sources: &Sources, dialect: &Dialect, sound: &[Resolved], findings: &mut Vec<Finding>) -> Result<()> {
    let driver = sources.environment.get("STORAGE_USERS_DRIVER")?;
    let is_posix = driver.map_or(dialect.is_posix, |driver| driver == "posix");
    let Some(ids) = sound.iter().find(|resolved| resolved.service.name == "STORAGE_USERS_ID_CACHE") else {
        return Ok(());
    };
    let kind = ids.kind()?;
    if is_posix && kind != "nats-js-kv" {
        let severity = if driver.is_some() { Severity::Warning } else { Severity::Hint };
        let message = format!("type {kind}: the posix driver loses files' IDs with it; use nats-js-kv");
        findings.push(Finding::new(severity, ids.name_of(Setting::Type), message, [ids]));
    }
    if is_posix
        && kind == "nats-js-kv"
        && !ids.choice(Setting::Lifespan).duration()?.is_zero()
        && ids.lifespan_reaches(&kind)
    {
        let message = "files' IDs disappear after this time in a bucket that is made with it; leave it out for posix";
        findings.push(Finding::new(Severity::Warning, ids.name_of(Setting::Lifespan), message, [ids]));
    }
    Ok(())
}
