//! What the stores on a server have in common.

pub mod backoff;
pub mod counters;
pub mod drive;
pub mod events;
pub mod expiry;
pub mod incoming;
pub mod outgoing;
pub mod pace;
pub mod silence;
pub mod slots;
pub mod socket;
pub mod tls;
