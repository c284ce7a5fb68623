//! The Redis protocol: commands out, values in. It knows no socket, so that a test can hand it any bytes.

pub mod command;
pub mod parser;
pub mod value;

pub use command::{Packed, Piece, Place};
pub use parser::Parser;
pub use value::Value;
