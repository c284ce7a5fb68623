//! Numbers for databases and tables.

use std::collections::HashMap;

use crate::error::{Error, Result, Status};
use crate::sync::Mutex;

/// A database's and a table's name.
type Names = (Box<str>, Box<str>);

/// Gives each pair of names a number, from 0 on, for as long as the backend lives.
#[derive(Default)]
pub(super) struct Tables {
    numbers: Mutex<HashMap<Names, u32>>,
}

impl Tables {
    /// The number of a database and table.
    ///
    /// # Errors
    ///
    /// `TOO_LARGE` when there are four billion of them.
    pub(super) fn number(&self, database: &str, table: &str) -> Result<u32> {
        let mut numbers = self.numbers.lock();
        let next = u32::try_from(numbers.len());
        let next = next.map_err(|_| Error::new(Status::TOO_LARGE, "table", "the store has no number left for it"))?;
        Ok(*numbers.entry((database.into(), table.into())).or_insert(next))
    }
}
