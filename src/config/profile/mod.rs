//! Profiles: what variables of the environment configure, in the words of the products that use them.
//!
//! | profile | variables |
//! | --- | --- |
//! | `ocis` | those of ownCloud Infinite Scale: `OCIS_CACHE_STORE`, `STORAGE_USERS_ID_CACHE_STORE`, ... |
//! | `opencloud` | those of OpenCloud: `OC_CACHE_STORE`, ... |
//! | `larder` | Larder's own: `LARDER_STORE`, `LARDER_<NAME>_STORE`, and `_<SETTING>` behind either |
//!
//! A host names a profile and a service, by [`Config::from_environment`] or as the text `env://ocis/GRAPH_CACHE`,
//! which stands wherever a configuration does; `env://ocis` is all services, each under its name.
//!
//! A file can say more, such as bounds that no variable has: `env://ocis/GRAPH_CACHE?file=/etc/larder.toml`, or the
//! variable `LARDER_PROFILE_FILE`. See [`file`].

mod agreement;
pub mod check;
pub mod choice;
pub mod environment;
pub mod explain;
pub mod file;
pub mod larder;
pub mod ocis;
pub mod opencloud;
pub mod resolve;
pub mod service;
mod typo;

use std::path::Path;

use super::document::{Config, DEFAULT_STORE, StoreConfig};
use super::settings::unknown;
use crate::error::{Error, Result};
use environment::Environment;
use file::File;
use resolve::Resolved;
use service::{Dialect, Service};

/// The variable that names the file of a profile.
pub const FILE_VARIABLE: &str = "LARDER_PROFILE_FILE";

/// Whose variables are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// ownCloud Infinite Scale's.
    Ocis,
    /// OpenCloud's.
    OpenCloud,
    /// Larder's own.
    Larder,
}

/// A profile with its sources.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The profile.
    pub profile: Profile,
    /// The variables.
    pub environment: Environment,
    /// What a file says.
    pub file: File,
}

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 3] = [Profile::Ocis, Profile::OpenCloud, Profile::Larder];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Ocis => "ocis",
            Profile::OpenCloud => "opencloud",
            Profile::Larder => "larder",
        }
    }

    /// The profile of a name.
    ///
    /// # Errors
    ///
    /// `CONFIG` with a suggestion.
    pub fn parse(name: &str) -> Result<Profile> {
        let names = || Profile::ALL.iter().map(|profile| profile.name());
        let found = Profile::ALL.into_iter().find(|profile| profile.name() == name);
        found.ok_or_else(|| Error::config("profile", unknown(name, names(), "profiles")))
    }

    /// What its variables are like, and the services that it knows; none for [`Profile::Larder`], whose user names them.
    pub fn services(self) -> Option<(Dialect, Vec<Service>)> {
        match self {
            Profile::Ocis => Some((ocis::DIALECT, ocis::SERVICES.to_vec())),
            Profile::OpenCloud => Some((opencloud::DIALECT, opencloud::services())),
            Profile::Larder => None,
        }
    }
}

impl Sources {
    /// A profile with the given variables and, as they or `file` name it, a file.
    ///
    /// # Errors
    ///
    /// `IO` for a file that cannot be read, `CONFIG` for one that cannot be used.
    pub fn new(profile: Profile, environment: Environment, file: Option<&Path>) -> Result<Sources> {
        let variable = environment.get(FILE_VARIABLE)?.filter(|path| !path.is_empty());
        let file = match file.or(variable.map(Path::new)) {
            Some(path) => File::read(path, profile)?,
            None => File::default(),
        };
        if let Some((_, services)) = profile.services() {
            let is_unknown = |name: &&str| !services.iter().any(|service| service.is_called(name));
            if let Some(name) = file.names().find(is_unknown) {
                return Err(Error::config(file.section_name(name), unknown_service(name, &services)));
            }
        }
        Ok(Sources { profile, environment, file })
    }

    /// The service of a name.
    ///
    /// # Errors
    ///
    /// `CONFIG` with a suggestion; also for each service that fails [`Resolved::new`].
    pub fn resolve(&self, name: &str) -> Result<Resolved> {
        let (dialect, services) = self.known()?;
        let Some(service) = services.iter().find(|service| service.is_called(name)) else {
            return Err(Error::config("service", unknown_service(name, &services)));
        };
        self.resolve_service(&dialect, service)
    }

    /// All services, in the order of their table.
    ///
    /// # Errors
    ///
    /// As [`Resolved::new`].
    pub fn resolve_all(&self) -> Result<Vec<Resolved>> {
        let (dialect, services) = self.known()?;
        services.iter().map(|service| self.resolve_service(&dialect, service)).collect()
    }

    fn known(&self) -> Result<(Dialect, Vec<Service>)> {
        self.profile.services().ok_or_else(|| Error::config("profile", "the profile larder has no services of its own"))
    }

    fn resolve_service(&self, dialect: &Dialect, service: &Service) -> Result<Resolved> {
        let (own, others): (Vec<&str>, Vec<&str>) =
            self.file.names().filter(|name| service.is_called(name)).partition(|name| *name == service.name);
        // Where two share a name, as the tables of the settings do, what a section says of both is weaker.
        let shares_name = service.prefix != service.name;
        let names = match (own.as_slice(), others.as_slice()) {
            (_, [first, second, ..]) => return Err(same_service(&self.file, first, second)),
            ([own], [other]) if !shares_name => return Err(same_service(&self.file, own, other)),
            _ => [own, others].concat(),
        };
        let section = self.file.section(&names);
        Resolved::new(self.profile.name(), dialect, service, &self.environment, section)
    }

    /// The configuration of one service, under the name [`DEFAULT_STORE`].
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the variable at fault, or suggests another service.
    pub fn one(&self, service: &str) -> Result<Config> {
        let store = match self.profile {
            Profile::Larder => larder::store(self, service)?,
            _ => self.resolve(service)?.store()?,
        };
        Ok(Config { stores: [(DEFAULT_STORE.to_owned(), store)].into() })
    }

    /// The configuration of all services, each under its name.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the variable at fault.
    pub fn all(&self) -> Result<Config> {
        let stores = self.each().into_iter().map(|(name, store)| Ok((name, store?)));
        Ok(Config { stores: stores.collect::<Result<_>>()? })
    }

    /// Each service by its name with its store, or with what is wrong with its settings.
    pub fn each(&self) -> Vec<(String, Result<StoreConfig>)> {
        let Some((dialect, services)) = self.profile.services() else { return larder::each(self) };
        let store = |service: &Service| self.resolve_service(&dialect, service)?.store();
        services.iter().map(|service| (service.name.to_owned(), store(service))).collect()
    }
}

impl Config {
    /// The configuration of a service from variables, as a store called [`DEFAULT_STORE`].
    ///
    /// ```
    /// use larder::config::profile::{Profile, environment::Environment};
    /// use larder::config::Config;
    ///
    /// let environment = Environment::from_iter([("OCIS_CACHE_STORE", "memory"), ("OCIS_CACHE_TTL", "5m")]);
    /// let config = Config::from_environment(Profile::Ocis, "GRAPH_CACHE", &environment)?;
    /// assert_eq!(config.stores["default"].database, "cache-roles");
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the variable, what it holds (unless it is a secret) and what is expected; or suggests another
    /// service. `IO` for the file that [`FILE_VARIABLE`] names.
    pub fn from_environment(profile: Profile, service: &str, environment: &Environment) -> Result<Config> {
        Sources::new(profile, environment.clone(), None)?.one(service)
    }

    /// The configuration that an address such as `env://ocis/GRAPH_CACHE` means, with the process's variables.
    pub(super) fn from_profile_address(text: &str) -> Result<Config> {
        let address = Address::parse(text)?;
        let sources = Sources::new(address.profile, Environment::process(), address.file.as_deref())?;
        match &address.service {
            Some(service) => sources.one(service),
            None => sources.all(),
        }
    }
}

/// An address such as `env://ocis/GRAPH_CACHE?file=/etc/larder.toml`.
#[derive(Debug)]
pub struct Address {
    /// The profile.
    pub profile: Profile,
    /// The service; `None` for all.
    pub service: Option<String>,
    /// The file that says more.
    pub file: Option<std::path::PathBuf>,
}

impl Address {
    /// What `text` means.
    ///
    /// # Errors
    ///
    /// `CONFIG` for what is no such address, and for an unknown profile with a suggestion.
    pub fn parse(text: &str) -> Result<Address> {
        const EXPECTED: &str =
            "expected env://<profile>/<service>, such as env://ocis/STORAGE_USERS_FILEMETADATA_CACHE";
        let url = super::document::parse_url(text)?;
        if url.scheme() != "env" || url.fragment().is_some() || !url.username().is_empty() || url.port().is_some() {
            return Err(Error::config("config", EXPECTED));
        }
        let profile = Profile::parse(url.host_str().unwrap_or_default())?;
        let service = super::document::percent_decode(url.path().trim_matches('/'))?;
        let mut file = None;
        for (key, value) in url.query_pairs() {
            match key.as_ref() {
                "file" if file.is_none() && !value.is_empty() => file = Some(value.into_owned().into()),
                "file" => return Err(Error::config("file", "it stands in the address twice, or is empty")),
                other => return Err(Error::config(other.to_owned(), unknown(other, ["file"], "settings here"))),
            }
        }
        Ok(Address { profile, service: (!service.is_empty()).then_some(service), file })
    }
}

/// The error of two sections of a file of which only one would count.
fn same_service(file: &File, first: &str, second: &str) -> Error {
    let text = format!("it means the same service as {}; make one of them", file.section_name(first));
    Error::config(file.section_name(second), text)
}

fn unknown_service(name: &str, services: &[Service]) -> String {
    unknown(name, services.iter().map(|service| service.name), "services")
}

/// What [`larder::store`] and its like need of a store's settings.
fn store_of(settings: super::settings::Settings) -> Result<StoreConfig> {
    StoreConfig::from_settings(settings)
}
