//! Secrets: given as a text or as a file that holds it, and never shown.

use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, Result};

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
        let (path, setting) = match self {
            Secret::Text(text) => return Ok(text.clone()),
            Secret::File { path, setting } => (path, setting),
        };
        let refuse = |text: String| Error::config(setting.clone(), format!("the file {} {text}", path.display()));
        let bytes = std::fs::read(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|_| refuse("is not UTF-8 text".to_owned()))?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let secret = line.strip_suffix('\r').unwrap_or(line);
        if secret.is_empty() {
            return Err(refuse("is empty; it must hold the secret".to_owned()));
        }
        Ok(secret.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    /// A file of the test's own, removed at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str, bytes: &[u8]) -> Scratch {
            let path = std::env::temp_dir().join(format!("larder-secret-{}-{name}", std::process::id()));
            std::fs::write(&path, bytes).expect("a file");
            Scratch(path)
        }

        fn secret(&self) -> Secret {
            Secret::File { path: self.0.clone(), setting: "stores.a.password_file".to_owned() }
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let text = format!("{:?}", Some(Secret::Text("hunter2".to_owned())));
        assert_eq!(text, "Some((hidden))");
    }

    #[test]
    fn a_file_is_read_each_time_and_one_lines_end_does_not_belong_to_the_secret() {
        let file = Scratch::new("each-time", b"");
        for (bytes, expected) in
            [(&b"one"[..], "one"), (b"two\n", "two"), (b"three\r\n", "three"), (b" four \n\n", " four \n")]
        {
            std::fs::write(&file.0, bytes).expect("written");
            assert_eq!(file.secret().reveal(), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_its_setting_and_not_shown() {
        let missing =
            Secret::File { path: "/nonexistent/password".into(), setting: "stores.a.password_file".to_owned() };
        let error = missing.reveal().expect_err("missing");
        assert_eq!((error.status(), error.origin()), (Status::CONFIG, "stores.a.password_file"));
        assert!(error.message().contains("/nonexistent/password"), "{error}");
        for (name, bytes) in [("no-text", &b"hunter\xff"[..]), ("empty", b""), ("line", b"\r\n")] {
            let file = Scratch::new(name, bytes);
            let error = file.secret().reveal().expect_err(name);
            assert_eq!((error.status(), error.origin()), (Status::CONFIG, "stores.a.password_file"));
            assert!(error.message().contains(name) && !error.message().contains("hunter"), "{error}");
        }
    }
}
