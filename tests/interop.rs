//! Larder and the real Go plugins of go-micro and oCIS on the same servers: each reads what the other wrote, and the
//! same write leaves the same bytes. What the Go side is, `interop/go` says.

#[path = "interop/by_environment.rs"]
mod by_environment;
#[path = "interop/nats_bucket.rs"]
mod nats_bucket;
#[path = "interop/on_nats.rs"]
mod on_nats;
#[path = "interop/on_nats_shared.rs"]
mod on_nats_shared;
#[path = "interop/on_redis.rs"]
mod on_redis;
#[path = "interop/ours.rs"]
mod ours;
#[path = "interop/plugin.rs"]
mod plugin;
#[path = "interop/samples.rs"]
mod samples;
#[path = "interop/server.rs"]
mod server;
#[path = "servers/mod.rs"]
mod servers;
#[path = "interop/wire.rs"]
mod wire;
