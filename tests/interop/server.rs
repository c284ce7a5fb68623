//! The servers that these tests share. They end with the test process.

use std::sync::OnceLock;

use super::servers::nats::{self, Login, Nats};
use super::servers::redis::{self, Redis};
use super::servers::sentinel::Group;
use super::servers::tools;

/// The user of [`guarded_nats`].
pub const USER: &str = "ocis";
/// Its password.
pub const PASSWORD: &str = "a pass:word@with/all%sorts";

struct Started<S> {
    address: String,
    _server: S,
}

/// The address of a nats-server that lets everybody in.
pub fn nats() -> &'static str {
    static SERVER: OnceLock<Started<Nats>> = OnceLock::new();
    &SERVER.get_or_init(|| start_nats(Login::Anybody)).address
}

/// The address of the oldest nats-server that is supported.
pub fn oldest_nats() -> &'static str {
    static SERVER: OnceLock<Started<Nats>> = OnceLock::new();
    let start = || {
        let binary = Some(tools::nats_server_oldest().expect("built"));
        started(Nats::single(&nats::Options { binary, ..nats::Options::default() }).expect("starts"))
    };
    &SERVER.get_or_init(start).address
}

/// The address of a nats-server that asks for a name and a password.
pub fn guarded_nats() -> &'static str {
    static SERVER: OnceLock<Started<Nats>> = OnceLock::new();
    &SERVER.get_or_init(|| start_nats(Login::User(USER.to_owned(), PASSWORD.to_owned()))).address
}

/// The address of a redis-server.
pub fn redis() -> &'static str {
    static SERVER: OnceLock<Started<Redis>> = OnceLock::new();
    let start = || {
        let server = Redis::start(&redis::Options::default()).expect("starts");
        Started { address: server.address(), _server: server }
    };
    &SERVER.get_or_init(start).address
}

/// A master with replicas behind three sentinels.
pub fn sentinels() -> &'static Group {
    static GROUP: OnceLock<Group> = OnceLock::new();
    let plain = redis::Options::default();
    GROUP.get_or_init(|| Group::start(&plain, &plain).expect("starts"))
}

fn start_nats(login: Login) -> Started<Nats> {
    started(Nats::single(&nats::Options { login, ..nats::Options::default() }).expect("starts"))
}

fn started(server: Nats) -> Started<Nats> {
    Started { address: server.addresses().remove(0), _server: server }
}
