//! The `nats-js-kv` store: records in JetStream key-value buckets, as oCIS keeps them there or in Larder's own form.
//!
//! ```text
//! backend ── config                      what the settings say, and the stores that share one connection
//!   └─ store ── write, read, list, watch what a call means: lifespans, events
//!       │         ├─ condition, attempt  writes that depend on what is there, and whether they were done
//!       │         ├─ sweep               old marks in Larder's own buckets are removed along the way
//!       │         ├─ key, entry          what a record looks like in a subject and a message
//!       │         ├─ known               what a watch knows of records, and when they end
//!       │         ├─ snapshot, consumer  all that a bucket holds; messages in their order
//!       │         └─ bucket              what is known of the stream behind a database
//!       │              └─ protocol       JetStream's requests and answers
//!       └─ connection ── session         one connection for all of a backend's stores, made anew for ever
//!                           └─ socket, wire  pipelining over one socket; the protocol of NATS
//! ```
//!
//! Three things hold always. A bucket that exists is bound as it is and never altered. A write that was handed to a
//! connection and got no answer is `AMBIGUOUS`: it is never repeated, and never called a success. A session that was
//! lost takes what waited in it along, so that no write leaves after its caller was answered.
//!
//! The protocol is our own instead of a client's: that one makes a task and several allocations of each request, and its
//! key-value layer asks twice where one question does and cannot say what became of a write.

mod attempt;
mod backend;
mod batch;
mod bucket;
mod condition;
pub mod config;
mod connection;
mod consumer;
mod entry;
mod key;
mod known;
mod list;
mod protocol;
mod read;
mod session;
mod snapshot;
mod socket;
mod store;
mod sweep;
mod watch;
pub mod wire;
mod write;

pub use backend::NatsBackend;

/// What reads the answers of JetStream, so that a test can hand it any.
#[doc(hidden)]
pub mod answers {
    pub use super::bucket::Facts;
    pub use super::protocol::{ApiError, Delivery, Mark, Marks, Stored, acknowledgement, unix_ms};
}

/// The type's name, as the configuration calls it.
pub const KIND: &str = "nats-js-kv";

/// Who speaks in the log.
const TARGET: &str = "store.nats";
