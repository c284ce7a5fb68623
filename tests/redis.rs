//! The types `redis` and `redis-sentinel` against real servers: what the wire looks like, conditions, times, lists,
//! watches, logins, and what happens when servers die, hang, or change their roles.

#[path = "redis/apart.rs"]
mod apart;
#[path = "redis/clocks.rs"]
mod clocks;
#[path = "redis/databases.rs"]
mod databases;
#[path = "redis/failover.rs"]
mod failover;
#[path = "redis/formats.rs"]
mod formats;
#[path = "redis/limits.rs"]
mod limits;
#[path = "redis/login.rs"]
mod login;
#[path = "redis/records.rs"]
mod records;
#[path = "redis/sentinels.rs"]
mod sentinels;
#[path = "redis/support.rs"]
mod support;
#[path = "redis/watch.rs"]
mod watch;

#[path = "servers/mod.rs"]
mod servers;
