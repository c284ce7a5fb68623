//! The `redis-sentinel` and `redis` types: records on a Redis server, or on the master that sentinels name.
//!
//! From the socket upwards, each layer knowing only what is below it:
//!
//! ```text
//! backend  store  describe            the store's face
//! config  nodes                       what the settings say; where the server is, or the sentinels
//!   watch  records                    records as commands, answers as records, changes as events
//!     script  revisions               what the server decides by itself; what is proposed to it
//!     server_clock                    what time it is there, by which records are written and expire
//!       master                        the server of this moment: retries, deadlines, replicas, outcomes
//!         sentinel                    who that is
//!           connection  wire          pipelining over one socket; the protocol
//! ```
//!
//! What holds always: a write that was sent and not answered is never sent again, and is never called a success; a
//! server is not trusted before it said that it is the master, and is left as soon as anybody says that it is not. Only
//! one that says its role to this user neither by `ROLE` nor by `HELLO` has to be trusted, and is described so.
//!
//! The protocol and the pipelining are Larder's own. A library's multiplexed connection was measured at 245,000 requests
//! a second from 64 callers, where the server does 657,000, and does not tell a request that was sent from one that
//! was not.

mod backend;
mod config;
mod connection;
mod describe;
mod master;
mod nodes;
mod records;
mod revisions;
mod script;
mod sentinel;
mod server_clock;
mod store;
mod watch;
#[doc(hidden)]
pub mod wire;

pub use backend::RedisBackend;

/// What reads the answers of servers and sentinels, so that a test can hand it any.
#[doc(hidden)]
pub mod answers {
    pub use super::master::role::{Attached, Role};
    pub use super::sentinel::view::{View, read as view};
    pub use super::server_clock::{ServerClock, moment};
}
