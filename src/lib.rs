//! Larder: one cache and store for Go, Java and C services.
//!
//! The layers, each of which knows only what is below it:
//!
//! ```text
//! ffi   jni   cli        the C header, the Java natives, the command line
//!   boundary             handles, completion queue, panics, forks: what the boundaries have in common
//!     larder   cache     a configuration's stores; caches over them
//!       store  cluster   one trait, every engine; members and owners
//!         config  runtime  log  error  clock  sync
//! ```
#![warn(missing_docs)]

pub mod boundary;
pub mod cache;
#[cfg(feature = "command")]
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod deadline;
pub mod error;
pub mod ffi;
pub mod jni;
pub mod larder;
pub mod log;
mod per_process;
pub mod runtime;
pub mod store;
pub mod sync;

pub use boundary::wait::wait;
pub use error::{Error, Result, Status};
pub use larder::Larder;
