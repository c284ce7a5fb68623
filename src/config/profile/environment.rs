//! The variables that a configuration is read from: the process's own, or given ones.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::error::{Error, Result};

/// Variables by name, as they were when they were taken: what the process changes later does not show.
///
/// Its `Debug` form names them without their values, which may be secrets.
#[derive(Clone, Default)]
pub struct Environment {
    /// `None` for a value that is no UTF-8 text.
    variables: BTreeMap<String, Option<String>>,
}

impl Environment {
    /// The variables of the process.
    pub fn process() -> Environment {
        Environment::of_system(std::env::vars_os())
    }

    fn of_system(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
        // A name that is no text is none that anybody asks for.
        let texts = variables.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Environment { variables: texts.map(|(name, value)| (name, value.into_string().ok())).collect() }
    }

    /// The value of a variable; `None` when it is not set. An empty one is set.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names a variable whose value is no UTF-8 text.
    pub fn get(&self, name: &str) -> Result<Option<&str>> {
        match self.variables.get(name) {
            None => Ok(None),
            Some(Some(value)) => Ok(Some(value)),
            Some(None) => Err(Error::config(name.to_owned(), "its value is not UTF-8 text")),
        }
    }

    /// The names of all variables, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// Sets a variable here, not in the process.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.variables.insert(name.into(), Some(value.into()));
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(variables: T) -> Environment {
        let owned = variables.into_iter().map(|(name, value)| (name.into(), Some(value.into())));
        Environment { variables: owned.collect() }
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn a_value_that_is_no_text_is_an_error_that_names_the_variable() {
        let environment = Environment::of_system([
            (OsString::from("A"), OsString::from_vec(vec![0xff])),
            (OsString::from_vec(vec![0xff]), OsString::from("1")),
            (OsString::from("B"), OsString::new()),
        ]);
        assert_eq!(environment.get("A").expect_err("no text").to_string(), "A: its value is not UTF-8 text");
        assert_eq!(environment.get("B"), Ok(Some("")));
        assert_eq!(environment.get("C"), Ok(None));
        assert_eq!(environment.names().collect::<Vec<_>>(), ["A", "B"]);
    }

    #[test]
    fn its_debug_form_shows_no_value() {
        let environment = Environment::from_iter([("A_PASSWORD", "geheim")]);
        assert_eq!(format!("{environment:?}"), r#"{"A_PASSWORD"}"#);
    }
}
