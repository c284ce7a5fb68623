//! The `nats-js-kv` type: a key-value bucket of NATS JetStream.
