//! A cache or store of a service: which variables configure it, and what holds when none is set.

use super::choice::Kind;

/// A setting that the variables of a profile can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The store's type.
    Type,
    /// The addresses of its servers.
    Nodes,
    /// The database: a bucket of NATS, a part of the key in memory.
    Database,
    /// The table: the beginning of each key.
    Table,
    /// How long records live; see [`Reach`].
    Lifespan,
    /// Whether a new bucket is kept in memory.
    DisablePersistence,
    /// The user's name.
    Username,
    /// The user's password.
    Password,
    /// Whether the connection is encrypted.
    Tls,
    /// Whether any certificate is believed.
    TlsInsecure,
    /// The certificates of the authorities to believe.
    TlsRootCa,
}

impl Setting {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Setting; 11] = [
        Setting::Type,
        Setting::Nodes,
        Setting::Database,
        Setting::Table,
        Setting::Lifespan,
        Setting::DisablePersistence,
        Setting::Username,
        Setting::Password,
        Setting::Tls,
        Setting::TlsInsecure,
        Setting::TlsRootCa,
    ];

    /// The name that stores give it.
    pub fn key(self) -> &'static str {
        match self {
            Setting::Type => "type",
            Setting::Nodes => "nodes",
            Setting::Database => "database",
            Setting::Table => "table",
            Setting::Lifespan => "lifespan",
            Setting::DisablePersistence => "disable_persistence",
            Setting::Username => "username",
            Setting::Password => "password",
            Setting::Tls => "tls",
            Setting::TlsInsecure => "tls_insecure",
            Setting::TlsRootCa => "tls_root_ca",
        }
    }

    /// How its value is written.
    pub fn kind(self) -> Kind {
        match self {
            Setting::Nodes => Kind::List,
            Setting::Lifespan => Kind::Duration,
            Setting::DisablePersistence | Setting::Tls | Setting::TlsInsecure => Kind::Flag,
            Setting::Password => Kind::Secret,
            _ => Kind::Text,
        }
    }

    /// How the variables of it end, where all services agree.
    fn suffix(self) -> &'static str {
        match self {
            Setting::Lifespan => "_TTL",
            Setting::DisablePersistence => "_DISABLE_PERSISTENCE",
            Setting::Username => "_AUTH_USERNAME",
            Setting::Password => "_AUTH_PASSWORD",
            Setting::Tls => "_ENABLE_TLS",
            Setting::TlsInsecure => "_TLS_INSECURE",
            Setting::TlsRootCa => "_TLS_ROOT_CA_CERTIFICATE",
            Setting::Type | Setting::Nodes | Setting::Database | Setting::Table => "",
        }
    }
}

/// Which global variables a service listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Those of caches, such as `OCIS_CACHE_STORE`.
    Cache,
    /// Those of persistent stores, such as `OCIS_PERSISTENT_STORE`.
    Store,
}

/// How far the time to live that a variable says reaches.
///
/// In oCIS it does so in two ways. A bucket of NATS gets it when the service creates it, and then it holds for each
/// record. In memory and Redis only a record lives shorter whose writer says so, and many writers say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Each record: the writer says it, or losing a record costs no more than asking again. It becomes the store's
    /// lifespan, which holds for each record whose write says none.
    Records,
    /// The bucket only: in memory and Redis the records stay, as they do in oCIS.
    Bucket,
    /// The bucket only, and only when somebody said so: the profile's own value is not applied, because records that
    /// nobody can make again were lost by it.
    BucketWhenAsked,
}

/// Settings that must agree between services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The caches of stat and metadata.
    Metadata,
    /// The stores of the keys that sign URLs: one service writes them, the other reads.
    SigningKeys,
    /// It stands alone.
    Alone,
}

/// A database or table: what it is, and which variables change it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Without any variable.
    pub default: &'static str,
    /// Whether the global variable of the caches' database changes it.
    pub global: bool,
    /// The service's own variable.
    pub local: Option<&'static str>,
}

impl Place {
    /// One that nothing changes.
    pub const fn fixed(default: &'static str) -> Place {
        Place { default, global: false, local: None }
    }

    /// One with a variable of the service.
    pub const fn local(default: &'static str, variable: &'static str) -> Place {
        Place { default, global: false, local: Some(variable) }
    }

    /// One that the caches' global variable changes.
    pub const fn global(default: &'static str) -> Place {
        Place { default, global: true, local: None }
    }
}

/// One cache or store of a service.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Its name: what its variables begin with, or its table where two share them.
    pub name: &'static str,
    /// The service that it belongs to.
    pub service: &'static str,
    /// What it holds.
    pub holds: &'static str,
    /// What its variables begin with.
    pub prefix: &'static str,
    /// What follows the prefix in the variable of its type; `_NODES` follows that in the variable of its nodes.
    pub type_suffix: &'static str,
    /// What follows the prefix in the variable of its nodes.
    pub nodes_suffix: &'static str,
    /// Which global variables it listens to.
    pub family: Family,
    /// Its type without any variable.
    pub kind: &'static str,
    /// Its nodes without any variable.
    pub nodes: &'static str,
    /// Its database.
    pub database: Place,
    /// Its table.
    pub table: Place,
    /// Its time to live without any variable; `None` when there is no such variable.
    pub lifespan: Option<&'static str>,
    /// How far that reaches.
    pub reach: Reach,
    /// Whether persistence is off without any variable; `None` when there is no such variable.
    pub disable_persistence: Option<bool>,
    /// With which others it must agree.
    pub group: Group,
}

/// What sets the variables of one product apart from those of another.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// What the global variables begin with, such as `OCIS`.
    pub globals: &'static str,
    /// A variable that believes any certificate everywhere, weaker than all others.
    pub insecure: Option<&'static str>,
    /// Whether files are on the posix driver when no variable says.
    pub is_posix: bool,
}

impl Dialect {
    /// A global variable.
    pub fn global(&self, name: &str) -> String {
        format!("{}_{name}", self.globals)
    }
}

impl Service {
    /// The variables of a setting, the weakest first; none when nothing but a file changes it.
    pub fn variables(&self, dialect: &Dialect, setting: Setting) -> Vec<String> {
        let family = match self.family {
            Family::Cache => "CACHE",
            Family::Store => "PERSISTENT_STORE",
        };
        let both = |global: String, local: &str| vec![dialect.global(&global), format!("{}{local}", self.prefix)];
        match setting {
            Setting::Type if self.family == Family::Cache => both("CACHE_STORE".to_owned(), self.type_suffix),
            Setting::Type => both(family.to_owned(), self.type_suffix),
            Setting::Nodes if self.family == Family::Cache => both("CACHE_STORE_NODES".to_owned(), self.nodes_suffix),
            Setting::Nodes => both(format!("{family}_NODES"), self.nodes_suffix),
            Setting::Database => place(dialect, self.database),
            Setting::Table => place(dialect, self.table),
            Setting::Lifespan if self.lifespan.is_none() => Vec::new(),
            Setting::DisablePersistence if self.disable_persistence.is_none() => Vec::new(),
            Setting::TlsInsecure => {
                let mut variables: Vec<String> = dialect.insecure.map(str::to_owned).into_iter().collect();
                variables.extend(both(format!("{family}{}", setting.suffix()), setting.suffix()));
                variables
            }
            _ => both(format!("{family}{}", setting.suffix()), setting.suffix()),
        }
    }

    /// What holds for a setting when nobody says anything, as a variable would say it.
    pub fn default(&self, setting: Setting) -> Option<&'static str> {
        match setting {
            Setting::Type => Some(self.kind),
            Setting::Nodes => Some(self.nodes),
            Setting::Database => Some(self.database.default),
            Setting::Table => Some(self.table.default),
            Setting::Lifespan => self.lifespan,
            Setting::DisablePersistence => Some(if self.disable_persistence? { "true" } else { "false" }),
            Setting::Tls | Setting::TlsInsecure => Some("false"),
            Setting::Username | Setting::Password | Setting::TlsRootCa => None,
        }
    }

    /// Whether `name` means it: its name, or the variable of its type with or without the `_STORE` at its end.
    pub fn is_called(&self, name: &str) -> bool {
        let variable = format!("{}{}", self.prefix, self.type_suffix);
        name == self.name || name == variable || variable.strip_suffix("_STORE") == Some(name)
    }
}

fn place(dialect: &Dialect, place: Place) -> Vec<String> {
    let global = place.global.then(|| dialect.global("CACHE_DATABASE"));
    global.into_iter().chain(place.local.map(str::to_owned)).collect()
}
