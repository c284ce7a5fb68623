//! What to do about what a store answered.

use crate::error::{Error, Status};

/// What Larder asks of a Redis server.
const REDIS_RIGHTS: &str = "Larder needs of an ACL, for the keys of the store (~pattern): +@read +@write +@connection \
                            +@transaction +@scripting +role +time, and +wait for a durability. ACL SETUSER <user> gives them.";

/// What Larder asks of a NATS server.
const NATS_RIGHTS: &str = "The permissions of the user, or of its account, have to allow it to publish to $KV.<bucket>.> and \
                           $JS.API.>, and to subscribe to _INBOX.>.";

/// The advice on an error.
pub fn on_error(error: &Error) -> String {
    on_limit(error).or_else(|| on_right(error)).unwrap_or_else(|| on_status(error.status())).to_owned()
}

/// A limit of the server's that was reached.
fn on_limit(error: &Error) -> Option<&'static str> {
    let says = |words: &str| error.message().contains(words);
    match (error.status(), error.origin()) {
        (Status::UNAVAILABLE, "max_bytes") => Some(
            "The bucket is full: remove records, give them a lifespan, or raise its limit (nats stream edit --max-bytes; the \
             setting max_bytes counts only for a bucket that Larder creates).",
        ),
        (Status::UNAVAILABLE, _) if says("insufficient") || says("resource limits") || says("storage resources") => {
            Some(
                "JetStream itself is full: raise max_file_store (max_memory_store for a bucket with disable_persistence) of the \
             server, or the account's limit, or remove what other streams hold.",
            )
        }
        (Status::UNAVAILABLE, _) if says("NOREPLICAS") => Some(
            "The master takes no writes while it has too few replicas (min-replicas-to-write): bring them back, or lower it.",
        ),
        (Status::OUT_OF_MEMORY, "redis") => Some(
            "The server is full: raise its maxmemory, let it evict (maxmemory-policy), or give records a lifespan.",
        ),
        (Status::IO, "redis") => Some(
            "The server could not save its data last time and takes no writes until it can: look at the room on its disk, at \
             the rights to its dir, and at its log.",
        ),
        _ => None,
    }
}

/// A right that the user lacks.
fn on_right(error: &Error) -> Option<&'static str> {
    if error.status() != Status::AUTH {
        return None;
    }
    let says = |words: &str| error.message().contains(words);
    if says("$JS.API.STREAM.CREATE") {
        return Some(
            "There is no such bucket, and this user may not create it: let somebody else do so (nats kv add), or allow the \
             user to publish to what the message names.",
        );
    }
    if says("Permissions Violation") {
        return Some(NATS_RIGHTS);
    }
    // The messages about a durability and a database name the one right that they need.
    (error.origin() != "durability" && (says("ACL SETUSER") || says("NOPERM"))).then_some(REDIS_RIGHTS)
}

fn on_status(status: Status) -> &'static str {
    match status {
        Status::AUTH => {
            "Check user and password (each also as a file, by the setting with _file), and what the server lets this user do."
        }
        Status::UNAVAILABLE => "Look at the steps before, and at the server's own log.",
        Status::TIMEOUT | Status::AMBIGUOUS => {
            "The server is reached but too slow, or hangs: look at its load, its disk and its log."
        }
        Status::CONFIG | Status::INVALID_ARGUMENT | Status::NO_SUCH_STORE => {
            "The setting or name that the message begins with needs another value."
        }
        Status::UNSUPPORTED => "This server or format cannot do it: another format, or a newer server, can.",
        Status::CORRUPT => "Something else wrote there in another format: another format, database or table is needed.",
        Status::TOO_LARGE => "The server's limits are smaller than this needs.",
        _ => "The server's log says more.",
    }
}
