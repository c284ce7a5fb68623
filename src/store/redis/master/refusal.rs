//! What a server's refusal means for the call that met it.

use crate::error::{Error, Status};
use crate::store::redis::connection::handshake::plain;
use crate::store::redis::wire::Value;

/// What is to be done about a refusal. The command that was refused was not executed; others of the same request may have
/// been, unless they are a transaction ([`super::transaction`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The server is no master any more: leave it, and ask the next one.
    Demoted,
    /// The server forgot its scripts: load them and ask again.
    NoScript,
    /// The server cannot for the moment: ask again a little later.
    Later(String),
    /// The connection is not logged in any more: the next one has to be.
    LoggedOut(Error),
    /// Asking again would bring the same.
    Final(Error),
}

/// The first refusal among answers.
pub fn find(values: &[Value]) -> Option<Refusal> {
    values.iter().find_map(Value::as_error).map(judge)
}

fn judge(text: &str) -> Refusal {
    let code = text.split(' ').next().unwrap_or_default();
    let fault = |status, advice: &str| {
        Refusal::Final(Error::new(status, "redis", format!("the server says \"{}\"; {advice}", plain(text))))
    };
    match code {
        "READONLY" => Refusal::Demoted,
        "UNBLOCKED" => Refusal::Demoted,
        "NOSCRIPT" => Refusal::NoScript,
        "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "NOREPLICAS" | "BUSY" => Refusal::Later(plain(text)),
        "NOAUTH" => Refusal::LoggedOut(Error::new(
            Status::AUTH,
            "redis",
            format!("the server wants a login (\"{}\"); check the user and the password", plain(text)),
        )),
        "WRONGPASS" => fault(Status::AUTH, "check the user and the password"),
        "NOPERM" => Refusal::Final(denied(text)),
        "OOM" => fault(Status::OUT_OF_MEMORY, "raise its maxmemory, or let it evict (maxmemory-policy)"),
        "MISCONF" => fault(Status::IO, "it cannot save to its disk and takes no writes until it can"),
        // A script's.
        "WRONGTYPE" if text.contains("not an envelope") => fault(
            Status::CORRUPT,
            "what lies under the key is no envelope of the larder format; something else wrote it",
        ),
        "WRONGTYPE" => fault(Status::CORRUPT, "what lies under the key is no string; it was written by something else"),
        "MOVED" | "ASK" | "CROSSSLOT" => {
            fault(Status::UNSUPPORTED, "it is a node of a Redis cluster; name a server or sentinels")
        }
        _ if text.starts_with("ERR unknown command") => {
            fault(Status::UNSUPPORTED, "it does not know the command; a server of version 5 or newer is needed")
        }
        // Older servers put the refusal of a command inside a script behind the script's own.
        _ if text.contains("READONLY") => Refusal::Demoted,
        _ if text.contains("OOM command not allowed") => {
            fault(Status::OUT_OF_MEMORY, "raise its maxmemory, or let it evict (maxmemory-policy)")
        }
        // What a script may not do is what its user may not.
        _ if text.contains("The user executing the script") => Refusal::Final(denied(text)),
        _ if text.contains("WRONGTYPE") => fault(Status::CORRUPT, "what lies under the key is no string"),
        _ if text.contains("NOREPLICAS") || text.contains("MASTERDOWN") => Refusal::Later(plain(text)),
        _ => fault(Status::INTERNAL, "this was not expected; look into the server's log"),
    }
}

/// The error of a right that the user lacks, by its name where the server tells it.
fn denied(text: &str) -> Error {
    let right = match denied_command(text) {
        Some(command) => format!("the right to it (ACL SETUSER … +{command})"),
        None if text.contains("key") => "the right to the keys (ACL SETUSER … ~pattern)".to_owned(),
        None => "the right to it (ACL SETUSER)".to_owned(),
    };
    Error::new(Status::AUTH, "redis", format!("the server says \"{}\"; give the user {right}", plain(text)))
}

/// The command in a denial, `get` or `client|tracking`. What else the server may quote is nobody's to repeat.
fn denied_command(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("run the '")?;
    let (command, _) = rest.split_once('\'')?;
    let is_name = command.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"|-_.".contains(&byte));
    is_name.then_some(command)
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn of(text: &'static str) -> Refusal {
        find(&[Value::Nil, Value::Error(bytes::Bytes::from_static(text.as_bytes()))]).expect("a refusal")
    }

    #[test]
    fn refusals_are_told_apart() {
        assert_eq!(find(&[Value::Nil, Value::Integer(1)]), None);
        assert_eq!(of("READONLY You can't write against a read only replica."), Refusal::Demoted);
        assert_eq!(of("ERR Error running script: @user_script:1: -READONLY You can't"), Refusal::Demoted);
        assert_eq!(of("NOSCRIPT No matching script."), Refusal::NoScript);
        assert_eq!(of("LOADING Redis is loading"), Refusal::Later("LOADING Redis is loading".to_owned()));
        let status = |text| match of(text) {
            Refusal::Final(error) | Refusal::LoggedOut(error) => error.status(),
            other => panic!("{other:?}"),
        };
        assert_eq!(status("NOAUTH Authentication required."), Status::AUTH);
        assert_eq!(status("OOM command not allowed"), Status::OUT_OF_MEMORY);
        assert_eq!(status("MISCONF Redis is configured to save RDB snapshots"), Status::IO);
        assert_eq!(status("WRONGTYPE Operation against a key"), Status::CORRUPT);
        assert_eq!(status("MOVED 3999 127.0.0.1:6381"), Status::UNSUPPORTED);
        assert_eq!(status("ERR something else"), Status::INTERNAL);
    }

    #[test]
    fn a_denial_names_the_right_that_is_missing() {
        let said = |text| match of(text) {
            Refusal::Final(error) if error.status() == Status::AUTH => error.to_string(),
            other => panic!("{other:?}"),
        };
        let told = said("NOPERM this user has no permissions to run the 'client|tracking' command");
        assert!(told.ends_with("(ACL SETUSER … +client|tracking)"), "{told}");
        assert!(said("NOPERM No permissions to access a key").ends_with("~pattern)"));
        assert!(said("ERR The user executing the script can't run this command or subcommand").contains("ACL SETUSER"));
        let told = said("NOPERM User x has no permissions to run the 'hush hush' command");
        assert!(!told.contains("hush"), "{told}");
    }
}
