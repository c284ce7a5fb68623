//! Secrets: given as a text or as a file that holds it, and never shown.

use std::fmt;
use std::path::PathBuf;

use crate::error::Result;

/// A password, a token or a seed. Its `Debug` form hides it.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The secret itself.
    Text(String),
    /// A file that holds it; read each time, so that it can be changed.
    File {
        /// Where it is.
        path: PathBuf,
        /// The setting that named it, for errors.
        setting: String,
    },
}

impl Secret {
    /// The secret as it is now; a line's end at the end of a file does not belong to it.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the setting and the file that cannot be read.
    pub fn reveal(&self) -> Result<String> {
        todo!()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}
