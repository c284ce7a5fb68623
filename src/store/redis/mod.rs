//! The `redis-sentinel` and `redis` types.
