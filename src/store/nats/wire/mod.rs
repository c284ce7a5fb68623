//! The NATS protocol: commands out, frames in. It knows no socket, so that a test can hand it any bytes.

pub mod command;
pub mod complaint;
pub mod headers;
pub mod info;
pub mod json;
pub mod message;
pub mod nkey;
pub mod parser;

pub use headers::{Block, Headers};
pub use info::Info;
pub use message::{Message, Subject};
pub use parser::{Frame, Malformed, Parser};
