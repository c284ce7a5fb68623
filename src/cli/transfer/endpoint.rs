//! One end of a transfer: a store, what it is called, and how patient to be with it.

use std::sync::Arc;
use std::time::Duration;

use super::keeps::Keeps;
use super::patience::Patience;
use super::place::Place;
use crate::config::StoreConfig;
use crate::store::Store;

/// A store that records come from or go to.
pub struct Endpoint {
    /// The store.
    pub store: Arc<dyn Store>,
    /// How long one answer may take; `None` without end.
    pub timeout: Option<Duration>,
    /// For how long what failed is tried again.
    pub patience: Patience,
    /// Where its records are.
    pub place: Place,
    /// The same in words, which tell it from every other store, without a secret; a resumed transfer asks for the same.
    pub identity: String,
    /// Whether it is on a server, so that two of the same identity are the same.
    pub is_on_server: bool,
    /// The type's name.
    pub kind: String,
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
}

impl Endpoint {
    /// The end at `store`, which `section` opened, on another database or table where one is given.
    pub fn new(
        store: Arc<dyn Store>,
        section: &StoreConfig,
        database: Option<&str>,
        table: Option<&str>,
        timeout: Option<Duration>,
    ) -> Endpoint {
        let database = database.unwrap_or(&section.database).to_owned();
        let table = table.unwrap_or(&section.table).to_owned();
        let place = Place::new(section, &store.describe(), &database, &table);
        let (identity, is_on_server) = (place.to_string(), place.is_on_server());
        let (patience, kind) = (Patience::new(timeout), section.kind.clone());
        Endpoint { store, timeout, patience, place, identity, is_on_server, kind, database, table }
    }

    /// What the store keeps of a record.
    pub fn keeps(&self) -> Keeps {
        Keeps::of(&self.store.describe())
    }
}
