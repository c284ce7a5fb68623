//! Larder: one cache and store for Go, Java and C services.
#![warn(missing_docs)]

pub mod clock;
pub mod error;
pub mod store;

pub use error::{Error, Result, Status};
