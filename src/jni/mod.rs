//! The Java boundary: the natives of `io.larder.Native`, on the same inner functions as the C ones.
//!
//! What always holds:
//!
//! * One symbol is exported, `Java_io_larder_Native_initialize`; it registers the others, so that a native and its Java
//!   declaration stand in one table ([`natives`]).
//! * No native throws but Java's own `OutOfMemoryError`, which is pending when there was no array for an answer; none looks
//!   a class up but that of arrays of bytes, which every class loader has from the virtual machine; none calls up into
//!   Java or keeps a reference to a Java object. An error is an answer like any other, and Java makes the exception of
//!   it. So nothing here depends on class loaders or attached threads, and no reference keeps a class loader alive.
//! * A pointer that Java passes is alive: Java frees a handle only when its owner is unreachable, and keeps the owner
//!   reachable for the length of each call.
//! * Small requests and answers go through a [`slots::Slot`], memory that both sides see, so that a call costs the
//!   crossing alone and no function of the JNI environment.

mod answer;
mod array;
mod handles;
mod log;
mod natives;
mod queue;
mod reader;
mod request;
mod slots;
mod store;

pub use natives::Java_io_larder_Native_initialize;
