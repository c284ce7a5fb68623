//! From an address to a connection that is logged in.

use std::time::Duration;

use tokio::time::Instant;

use super::stream::{Address, Tls, open};
use super::{Connection, Unanswered, pushes};
use crate::config::secret::Secret;
use crate::error::{Error, Result, Status};
use crate::store::redis::wire::{Packed, Value};

/// How connections of one kind (to servers, or to sentinels) are made.
#[derive(Clone)]
pub struct Dial {
    /// Who it is, in errors: `redis` or `sentinel`.
    pub role: &'static str,
    /// Encryption, if there is any.
    pub tls: Option<Tls>,
    /// The user; `None` for the default one.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The number of the database to select.
    pub database: u32,
    /// The name that the server lists the connection by.
    pub client_name: String,
    /// How long all of it may take.
    pub limit: Duration,
}

/// A connection that is logged in.
pub struct Dialed {
    /// The connection.
    pub connection: Connection,
    /// The version of the protocol: 3, or 2 of a server that knows no other.
    pub protocol: u8,
    /// The server's version, where it says it.
    pub version: String,
    /// The answer to `HELLO`; nothing of a server that does not know it.
    pub hello: Value,
}

impl Dial {
    /// Connects and logs in. What the server says unasked goes to `pushes`.
    ///
    /// # Errors
    ///
    /// `AUTH` for credentials that are refused or missing or do not suffice, `CONFIG` for a password file or a database that is not
    /// there, `UNAVAILABLE` for all else, each with the address.
    pub async fn connect(&self, address: &Address, pushes: Option<pushes::Sender>) -> Result<Dialed> {
        let deadline = Instant::now() + self.limit;
        let stream = match tokio::time::timeout_at(deadline, open(address, self.tls.as_ref(), self.limit)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(self.unavailable(address, &format!("it cannot be connected: {error}"))),
            Err(_) => return Err(self.unavailable(address, &format!("no connection within {:?}", self.limit))),
        };
        let connection = Connection::start(stream, pushes);
        let greeted = self.greet(&connection, address, deadline).await;
        if greeted.is_err() {
            connection.end("the login failed");
        }
        let hello = greeted?;
        let protocol = if hello == Value::Nil { 2 } else { 3 };
        let version = hello.field("version").and_then(Value::as_text).unwrap_or_default().to_owned();
        Ok(Dialed { connection, protocol, version, hello })
    }

    /// The answer to `HELLO`; nothing of a server that speaks the old protocol.
    async fn greet(&self, connection: &Connection, address: &Address, deadline: Instant) -> Result<Value> {
        let password = self.password.as_ref().map(Secret::reveal).transpose()?.filter(|text| !text.is_empty());
        let user = self.username.as_deref().unwrap_or("default");
        let mut hello: Vec<&[u8]> = vec![b"HELLO", b"3"];
        if let Some(password) = &password {
            hello.extend([&b"AUTH"[..], user.as_bytes(), password.as_bytes()]);
        }
        hello.extend([&b"SETNAME"[..], self.client_name.as_bytes()]);
        let answer = self.ask(connection, address, &hello, deadline).await?;
        let hello = match answer.as_error() {
            None => answer,
            Some(text) if is_auth(text) => return Err(self.refused(address, text, password.is_some())),
            // It does not know the command, or not that version.
            Some(_) => {
                self.greet_of_old(connection, address, password.as_deref(), deadline).await?;
                Value::Nil
            }
        };
        if self.database != 0 {
            let number = self.database.to_string();
            let answer = self.ask(connection, address, &[b"SELECT", number.as_bytes()], deadline).await?;
            if let Some(text) = answer.as_error() {
                return Err(self.unselected(address, text, password.is_some()));
            }
        }
        Ok(hello)
    }

    /// What it means that the database cannot be selected.
    fn unselected(&self, address: &Address, text: &str, has_password: bool) -> Error {
        let number = self.database;
        if text.starts_with("NOPERM") {
            let text = format!(
                "{address}: the user has no right to SELECT, without which there is only database 0; give it (ACL \
                 SETUSER … +select)"
            );
            return Error::new(Status::AUTH, "db", text);
        }
        if is_auth(text) {
            return self.refused(address, text, has_password);
        }
        if text.starts_with("ERR unknown command") {
            let advice = "if it is a sentinel, use the type \"redis-sentinel\" with the name of a master";
            return Error::config("db", format!("{address} knows no databases; {advice}"));
        }
        Error::config("db", format!("{address} has no database {number}: {}", plain(text)))
    }

    async fn greet_of_old(
        &self,
        connection: &Connection,
        address: &Address,
        password: Option<&str>,
        deadline: Instant,
    ) -> Result<()> {
        let auth: Option<Vec<&[u8]>> = match (password, &self.username) {
            (None, _) => None,
            (Some(password), None) => Some(vec![b"AUTH", password.as_bytes()]),
            (Some(password), Some(user)) => Some(vec![b"AUTH", user.as_bytes(), password.as_bytes()]),
        };
        let words = auth.unwrap_or_else(|| vec![b"PING"]);
        let answer = self.ask(connection, address, &words, deadline).await?;
        match answer.as_error() {
            None => Ok(()),
            Some(text) if is_auth(text) => Err(self.refused(address, text, password.is_some())),
            Some(text) => Err(self.unavailable(address, &plain(text))),
        }
    }

    async fn ask(
        &self,
        connection: &Connection,
        address: &Address,
        words: &[&[u8]],
        deadline: Instant,
    ) -> Result<Value> {
        match connection.call(Packed::of(words), deadline).await {
            Ok(mut values) => Ok(values.pop().unwrap_or(Value::Nil)),
            Err(Unanswered::Broken(broken)) => Err(self.unavailable(address, &broken.reason)),
            Err(Unanswered::Late { .. }) => {
                Err(self.unavailable(address, &format!("it connected, but said nothing within {:?}", self.limit)))
            }
        }
    }

    fn unavailable(&self, address: &Address, text: &str) -> Error {
        Error::new(Status::UNAVAILABLE, self.role, format!("{address}: {text}"))
    }

    fn refused(&self, address: &Address, text: &str, has_password: bool) -> Error {
        let advice = if has_password { "check the user and the password" } else { "it wants a password; set one" };
        Error::new(Status::AUTH, self.role, format!("{address} refused the login ({}); {advice}", plain(text)))
    }
}

/// Whether a refusal is about credentials.
pub fn is_auth(text: &str) -> bool {
    let code = text.split(' ').next().unwrap_or_default();
    // Old servers say of a wrong password, and of one that is not wanted, in plain words what newer ones say by a code.
    matches!(code, "NOAUTH" | "WRONGPASS" | "NOPERM")
        || text.starts_with("ERR invalid password")
        || text.starts_with("ERR Client sent AUTH")
        || text.starts_with("ERR AUTH ")
}

/// A server's text for an error: one line, not too long. Servers repeat arguments in theirs, so that only the beginning
/// of a refused login's text is kept.
pub fn plain(text: &str) -> String {
    let line = text.split(['\r', '\n', '\'', '`', '"']).next().unwrap_or_default();
    line.chars().take(160).collect::<String>().trim_end_matches([' ', ',', ':']).to_owned()
}
