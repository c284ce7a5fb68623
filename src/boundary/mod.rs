//! What the C and the Java boundary have in common: the functions behind both.
//!
//! `ffi` and `jni` only translate pointers and Java objects; what a call does, how a panic, a fork or a close meets it,
//! and how a request is queued and completed, is here, once.

pub mod closing;
pub mod flat;
pub mod flight;
pub mod guard;
pub mod handle;
pub mod last_word;
pub mod log;
pub mod operation;
pub mod queue;
pub mod reading;
pub mod request;
pub mod wait;
