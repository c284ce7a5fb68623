//! The C boundary: `include/larder.h` is generated from this folder by cbindgen.
//!
//! One file a noun. Each function is three beats: the guard against panics, the check of each pointer, one line of work
//! in `boundary`. The conventions that hold for all of them are in the head of the header (`cbindgen.toml`).
#![allow(non_camel_case_types, reason = "the names are those of the C header")]

pub mod bytes;
pub mod cursor;
pub mod error;
pub mod events;
pub mod fault;
pub mod larder;
pub mod log;
pub mod metadata;
pub mod options;
pub mod pointer;
pub mod process;
pub mod queue;
pub mod record;
pub mod records;
pub mod request;
pub mod statistics;
pub mod status;
pub mod store;
pub mod store_many;
pub mod store_read;
pub mod store_write;
pub mod watch;
