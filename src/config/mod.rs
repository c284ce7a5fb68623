//! Configuration: documents, URLs and files become typed settings; nothing is ever ignored silently.

pub mod address;
pub mod document;
pub mod duration;
pub mod flag;
pub mod names;
pub mod percent;
pub mod profile;
pub mod secret;
pub mod settings;
pub mod size;

pub use document::{Config, StoreConfig};
