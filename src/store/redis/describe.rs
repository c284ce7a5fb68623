//! What a store says of itself: where it is connected, what it keeps and what it cannot. No secret is in it.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::config::duration;
use crate::store::options::Durability;
use crate::store::redis::config::Place;
use crate::store::redis::master::client::{Client, Line};
use crate::store::redis::records::layout::Layout;

/// Why there is no watch on an old server.
const NO_TRACKING: &str =
    "the server speaks RESP2, in which it does not tell of changes; keyspace notifications are not used";

/// What a watch may leave out.
const SEEN_LATE: &str = "writes that follow one another faster than they are read come as one event; after a connection was \
                         lost, what changed meanwhile comes as one event for each key";

/// What it leaves out besides where nothing but its bytes tells a record from the next.
const SAME_BYTES: &str = "; a write of the bytes that were there before, and one that is taken back before it is read, come as \
                          none";

/// Why there is none for this user.
const MAY_NOT_TRACK: &str = "the server does not take CLIENT TRACKING from this user, without which it does not tell of \
                             changes; give the right (ACL SETUSER … +client|tracking)";

/// The description of one store.
pub fn store(kind: &str, client: &Client, layout: &Layout) -> Value {
    let has_envelopes = layout.has_envelopes();
    let watch_limits = [SEEN_LATE, if has_envelopes { "" } else { SAME_BYTES }].concat();
    let mut about = json!({
        "type": kind,
        "format": layout.format.name(),
        "revisions": if has_envelopes { "server" } else { "content" },
        "isolation": if has_envelopes { "exact" } else { "by prefix" },
        "metadata": has_envelopes,
        "max_idle": false,
        "watch": "tracking",
        "watch_limits": watch_limits,
        "db": client.config.server.database,
        "durability": durability(client.config.durability),
        "tls": client.config.server.tls.is_some(),
        "timeout": duration::format(client.config.timeout),
    });
    let Some(fields) = about.as_object_mut() else { return about };
    match &client.config.place {
        Place::Server(address) => fields.insert("server".to_owned(), json!(address.to_string())),
        Place::Sentinels(sentinels) => fields.insert("master_name".to_owned(), json!(sentinels.master)),
    };
    if let Some(monitor) = &client.monitor {
        let listed = monitor.sentinels().into_iter();
        let listed: Vec<Value> =
            listed.map(|(address, heard)| json!({"address": address.to_string(), "reachable": heard})).collect();
        fields.insert("sentinels".to_owned(), json!(listed));
        let announced = monitor.decided().map(|address| address.to_string());
        fields.insert("announced_master".to_owned(), json!(announced));
    }
    match &*client.line.borrow() {
        Line::Up(lease) => {
            fields.insert("connected".to_owned(), json!(true));
            let role = if lease.says_role.load(Ordering::Relaxed) { "master" } else { "unknown" };
            fields.insert("role".to_owned(), json!(role));
            fields.insert("master".to_owned(), json!(lease.address.to_string()));
            fields.insert("server_version".to_owned(), json!(lease.version));
            fields.insert("protocol".to_owned(), json!(lease.protocol));
            // Keyspace notifications would be another way: few servers have them switched on, and they may be lost.
            let why_not = match (lease.protocol, client.may_track.load(Ordering::Relaxed)) {
                (..3, _) => Some(NO_TRACKING),
                (_, false) => Some(MAY_NOT_TRACK),
                (_, true) => None,
            };
            if let Some(why_not) = why_not {
                fields.insert("watch".to_owned(), json!("none"));
                fields.insert("watch_limits".to_owned(), json!(why_not));
            }
        }
        Line::Down(why) => {
            fields.insert("connected".to_owned(), json!(false));
            fields.insert("error".to_owned(), json!(why.as_ref().map(ToString::to_string)));
        }
    }
    about
}

fn durability(durability: Durability) -> Value {
    match durability {
        Durability::Default | Durability::None => json!("none"),
        Durability::Replicas(count) => json!(count),
        Durability::All => json!("all"),
    }
}
