//! Records as commands, and answers as records.

pub mod layout;
pub mod reading;
pub mod writing;
