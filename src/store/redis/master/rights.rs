//! Whether the server answers what a durable write has to ask.

use tokio::time::Instant;

use crate::error::{Error, Result, Status};
use crate::store::redis::connection::{Address, Connection, Unanswered};
use crate::store::redis::wire::{Packed, Value};

/// The commands that tell what replicas have.
const COMMANDS: [&str; 2] = ["ROLE", "WAIT"];

/// Asks for each of them, in a way that changes nothing.
///
/// # Errors
///
/// `AUTH` naming the right that the user lacks, `UNSUPPORTED` naming the command that the server does not have,
/// `UNAVAILABLE` when there is no answer.
pub async fn check(connection: &Connection, address: &Address, deadline: Instant) -> Result<()> {
    let mut packed = Packed::of(&[b"ROLE"]);
    packed.push(&[b"WAIT", b"0", b"1"]);
    let unavailable = |text: &str| Error::new(Status::UNAVAILABLE, "redis", format!("{address}: {text}"));
    let answers = match connection.call(packed, deadline).await {
        Ok(answers) => answers,
        Err(Unanswered::Broken(broken)) => return Err(unavailable(&broken.reason)),
        Err(Unanswered::Late { .. }) => return Err(unavailable("it does not say what its replicas have")),
    };
    let missing = COMMANDS.iter().zip(&answers).find_map(|(command, answer)| missing(address, command, answer));
    missing.map_or(Ok(()), Err)
}

/// What stands in the way of a command; `None` for what passes by itself, such as a server that is no master.
fn missing(address: &Address, command: &str, answer: &Value) -> Option<Error> {
    let text = answer.as_error()?;
    let without = "it cannot be known which replicas have a write";
    if text.starts_with("NOPERM") {
        let text = format!(
            "{address}: the user has no right to {command}, without which {without}; give it (ACL SETUSER … +{}), or \
             write with the durability \"none\"",
            command.to_lowercase()
        );
        return Some(Error::new(Status::AUTH, "durability", text));
    }
    text.starts_with("ERR unknown command").then(|| {
        let text = format!(
            "{address}: the server has no {command}, without which {without}; write with the durability \"none\""
        );
        Error::new(Status::UNSUPPORTED, "durability", text)
    })
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_what_does_not_pass_is_in_the_way() {
        let address = Address { host: "h".to_owned(), port: 1 };
        let of = |text: &'static str| {
            let error = missing(&address, "WAIT", &Value::Error(text.into()))?;
            assert!(error.origin() == "durability" && error.message().contains("WAIT"), "{error}");
            Some(error.status())
        };
        assert_eq!(of("NOPERM this user has no permissions to run the 'wait' command"), Some(Status::AUTH));
        assert_eq!(of("ERR unknown command 'WAIT', with args"), Some(Status::UNSUPPORTED));
        assert_eq!(of("ERR WAIT cannot be used with replica instances."), None);
        assert_eq!(of("LOADING Redis is loading the dataset in memory"), None);
        assert_eq!(missing(&address, "ROLE", &Value::Integer(0)), None);
    }
}
