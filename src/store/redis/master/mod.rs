//! The master of this moment: finding it, keeping connections to it, asking it, and knowing what came of a write.

pub mod client;
pub mod durable;
pub mod keeper;
pub mod lease;
pub mod refusal;
pub mod replicas;
mod request;
pub mod rights;
pub mod role;
pub mod transaction;
