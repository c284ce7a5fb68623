//! Where a store's records are, as far as its settings tell: what a resumed transfer must find again, and whether a
//! migration would meet its own records.
//!
//! No secret is in it. Of a login, only what may lead to other records counts, which is the account of a NATS user:
//! the user's name, or the path of a credentials file. Tokens and nkeys are left out; so is the login to a Redis, which
//! shows the same records to every user.

use std::fmt;

use serde_json::Value;

use crate::cli::node::Node;
use crate::config::StoreConfig;
use crate::store::format::Format;
use crate::store::nats::{self, config::Login};

/// Where a store's records are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    kind: String,
    /// Sorted: their order says nothing of which store it is.
    nodes: Vec<String>,
    login: Option<String>,
    master: Option<String>,
    db: Option<u64>,
    format: Option<Format>,
    /// That of a NATS store, which has a name also where the database has none.
    bucket: Option<String>,
    database: String,
    table: String,
}

/// What two places have to do with one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// Nothing: no record of one is read or written by the other.
    Apart,
    /// They are one.
    Same,
    /// Each may list, read or overwrite records of the other; what the keys of each begin with on the server.
    Overlap(Vec<u8>, Vec<u8>),
}

impl Place {
    /// The place of the store of `section` that says `about` of itself, on this database and table.
    pub fn new(section: &StoreConfig, about: &Value, database: &str, table: &str) -> Place {
        let mut nodes: Vec<String> = Node::of(section).iter().map(ToString::to_string).collect();
        nodes.sort();
        let text = |name: &str| about[name].as_str();
        Place {
            login: if section.kind == nats::KIND { nats_login(section) } else { None },
            kind: section.kind.clone(),
            nodes,
            // As the store resolved them, also where the section leaves them out.
            master: text("master_name").map(str::to_owned),
            bucket: text("bucket").map(str::to_owned),
            db: about["db"].as_u64(),
            format: text("format").and_then(Format::parse),
            database: database.to_owned(),
            table: table.to_owned(),
        }
    }

    /// Whether it is on a server, and not in this process's memory.
    pub fn is_on_server(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// What a migration of the records under `prefix` from here to `target` meets; about places on servers only.
    ///
    /// Two names of one server are not known to be one, nor are two users of one account.
    pub fn meeting(&self, target: &Place, prefix: &[u8]) -> Meeting {
        let (Some(format), Some(target_format)) = (self.format, target.format) else { return Meeting::Apart };
        if !self.has_space_in_common(target) {
            return Meeting::Apart;
        }
        if self.has_formats_alike(target) && self.reach(format, b"") == target.reach(target_format, b"") {
            return Meeting::Same;
        }
        // Formats that encode keys alike are compared before that: base32 puts letters together.
        let is_encoded = format != target_format;
        let reach = |place: &Place, format| {
            let reach = place.reach(format, prefix);
            if is_encoded { place.encoded(format, prefix).unwrap_or(reach) } else { reach }
        };
        let (here, there) = (reach(self, format), reach(target, target_format));
        if is_encoded && !(self.may_hold(format, &there) && target.may_hold(target_format, &here)) {
            return Meeting::Apart;
        }
        if here.starts_with(&there) || there.starts_with(&here) {
            return Meeting::Overlap(here, there);
        }
        Meeting::Apart
    }

    /// Whether the keys of both are in one space: a bucket, or a numbered database of a Redis.
    fn has_space_in_common(&self, other: &Place) -> bool {
        let is_one_server = self.nodes.iter().any(|node| other.nodes.contains(node));
        let space = |place: &Place| (place.kind.clone(), place.login.clone(), place.master.clone(), place.db);
        is_one_server && space(self) == space(other) && self.bucket == other.bucket
    }

    /// Whether one reads the other's bytes as it reads its own.
    fn has_formats_alike(&self, other: &Place) -> bool {
        let are_bare = |place: &Place| place.bucket.is_none() && place.format != Some(Format::Larder);
        self.format == other.format || (are_bare(self) && are_bare(other))
    }

    /// Whether a key of its records may begin so, as far as its letters tell.
    fn may_hold(&self, format: Format, beginning: &[u8]) -> bool {
        let is_base32 = |letter: &u8| letter.is_ascii_uppercase() || b"234567=".contains(letter);
        self.bucket.is_none() || format != Format::GoMicro || beginning.iter().all(is_base32)
    }

    /// What the keys of its records under `prefix` begin with in their space.
    fn reach(&self, format: Format, prefix: &[u8]) -> Vec<u8> {
        if self.bucket.is_none() {
            return [format.redis_prefix(&self.database, &self.table).as_slice(), prefix].concat();
        }
        match format {
            Format::GoMicro if self.table.is_empty() => prefix.to_vec(),
            Format::GoMicro => [self.table.as_bytes(), b"_", prefix].concat(),
            Format::Raw | Format::Larder => format.nats_key(&self.table, prefix).into_bytes(),
        }
    }

    /// The same in the letters that lie in a bucket, where those are others.
    fn encoded(&self, format: Format, prefix: &[u8]) -> Option<Vec<u8>> {
        if self.bucket.is_none() || format != Format::GoMicro {
            return None;
        }
        // Of five bits each; the last one also has bits of what follows.
        let certain = self.reach(format, prefix).len() * 8 / 5;
        Some(format.nats_key(&self.table, prefix).into_bytes()[..certain].to_vec())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if !self.nodes.is_empty() {
            write!(f, " at {}", self.nodes.join(", "))?;
        }
        if let Some(login) = &self.login {
            write!(f, ", {login}")?;
        }
        if let Some(master) = &self.master {
            write!(f, ", master {master:?}")?;
        }
        if let Some(db) = self.db {
            write!(f, ", db {db}")?;
        }
        if let Some(format) = self.format {
            write!(f, ", format {}", format.name())?;
        }
        write!(f, ", database {:?}, table {:?}", self.database, self.table)
    }
}

/// What says which account of a NATS server it is, as far as that is no secret. The order is that of
/// [`NatsConfig::login_at`](nats::config::NatsConfig::login_at).
fn nats_login(section: &StoreConfig) -> Option<String> {
    let mut settings = section.settings.clone();
    let mut text = |name| settings.text(name).ok().flatten().filter(|text| !text.is_empty());
    if let Some(path) = text("credentials") {
        return Some(format!("credentials {path:?}"));
    }
    if text("nkey").or_else(|| text("nkey_file")).is_some() {
        return None;
    }
    let of_settings = text("username");
    let nodes = settings.list("nodes").ok().flatten().unwrap_or_default();
    let mut logins = nodes.iter().filter_map(|node| nats::config::Node::parse(node)).map(|node| node.login);
    match logins.find(|login| *login != Login::None) {
        Some(Login::User(user, _)) => Some(format!("user {user:?}")),
        Some(_) => None,
        None => of_settings.map(|user| format!("user {user:?}")),
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
