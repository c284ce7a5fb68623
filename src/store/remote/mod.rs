//! What the stores on a server have in common.

pub mod backoff;
pub mod counters;
pub mod tls;
