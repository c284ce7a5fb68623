//! The `nats-js-kv` store on real servers, of the current version and of the oldest.

#[path = "nats/bound.rs"]
mod bound;
#[path = "nats/buckets.rs"]
mod buckets;
#[path = "nats/common.rs"]
mod common;
#[path = "nats/faults.rs"]
mod faults;
#[path = "nats/gate.rs"]
mod gate;
#[path = "nats/lifespans.rs"]
mod lifespans;
#[path = "nats/logins.rs"]
mod logins;
#[path = "nats/operations.rs"]
mod operations;
#[path = "nats/puppet.rs"]
mod puppet;
#[path = "nats/replicas.rs"]
mod replicas;
#[path = "servers/mod.rs"]
mod servers;
#[path = "nats/two_leaders.rs"]
mod two_leaders;
#[path = "nats/watches.rs"]
mod watches;
