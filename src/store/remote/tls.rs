//! TLS to a server, with certificates that are read again when their files change.
//!
//! TLS 1.2 and 1.3, with ring for the cryptography; no default of the process is read or set. Each handshake looks at the
//! files (`watched`), judges the server (`verifier`) and shows our certificate (`identity`) by what they hold then.
//! No session is resumed: a resumed one would be judged by the certificates of the first.

mod identity;
mod pem;
#[cfg(all(test, not(larder_loom)))]
mod tests;
mod verifier;
mod watched;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::{ClientConfig, version};

use crate::config::settings::Settings;
use crate::error::{Error, Result};
use crate::log::{self, Level};
use identity::Identity;
use verifier::{Anything, Verifier};
use watched::File;

/// Where the log lines come from.
const TARGET: &str = "store.tls";

/// What the settings say of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Whether the connection is encrypted.
    pub enabled: bool,
    /// Whether any certificate of the server is believed.
    pub insecure: bool,
    /// Certificates (PEM) of the authorities to believe; `None` for those of the system.
    pub root_ca: Option<PathBuf>,
    /// Our certificate (PEM, with its chain), for mutual TLS.
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM).
    pub key: Option<PathBuf>,
    /// The name that the server's certificate must have; `None` for the host that was asked for.
    pub server_name: Option<String>,
    /// What stands before the settings' names in errors, such as `stores.sessions.`.
    pub section: String,
    /// The settings that errors call otherwise, such as those that variables say.
    pub called: BTreeMap<&'static str, String>,
}

/// The names of the settings of one connection.
#[derive(Clone, Copy, Debug)]
pub struct TlsNames {
    /// Of [`TlsConfig::enabled`], and so on.
    pub enabled: &'static str,
    /// See [`TlsConfig::insecure`].
    pub insecure: &'static str,
    /// See [`TlsConfig::root_ca`].
    pub root_ca: &'static str,
    /// See [`TlsConfig::certificate`].
    pub certificate: &'static str,
    /// See [`TlsConfig::key`].
    pub key: &'static str,
    /// See [`TlsConfig::server_name`].
    pub server_name: &'static str,
}

impl TlsNames {
    fn all(self) -> [&'static str; 6] {
        [self.enabled, self.insecure, self.root_ca, self.certificate, self.key, self.server_name]
    }

    /// The settings of a store's servers.
    pub const SERVER: TlsNames = TlsNames {
        enabled: "tls",
        insecure: "tls_insecure",
        root_ca: "tls_root_ca",
        certificate: "tls_certificate",
        key: "tls_key",
        server_name: "tls_server_name",
    };
    /// The settings of the sentinels.
    pub const SENTINEL: TlsNames = TlsNames {
        enabled: "sentinel_tls",
        insecure: "sentinel_tls_insecure",
        root_ca: "sentinel_tls_root_ca",
        certificate: "sentinel_tls_certificate",
        key: "sentinel_tls_key",
        server_name: "sentinel_tls_server_name",
    };
}

impl TlsConfig {
    /// Takes the settings of one connection. What asks for a certificate asks for TLS: it need not be said twice.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the setting: malformed, or a certificate without its key.
    pub fn take(settings: &mut Settings, names: TlsNames) -> Result<TlsConfig> {
        let enabled = settings.flag(names.enabled)?;
        let full_name = settings.name(names.enabled);
        let mut config = TlsConfig {
            enabled: false,
            insecure: settings.flag(names.insecure)?.unwrap_or(false),
            root_ca: settings.path(names.root_ca)?,
            certificate: settings.path(names.certificate)?,
            key: settings.path(names.key)?,
            server_name: settings.text(names.server_name)?.filter(|name| !name.is_empty()),
            section: full_name.strip_suffix(names.enabled).unwrap_or_default().to_owned(),
            called: names.all().into_iter().map(|name| (name, settings.name(name))).collect(),
        };
        config.server(names)?;
        config.check_pair(names)?;
        let asking = config.what_asks_for_tls(names);
        if let (Some(false), Some(asking)) = (enabled, asking) {
            let text = format!("it is false, but {} is given; leave one of them out", config.setting(asking));
            return Err(Error::config(full_name, text));
        }
        config.enabled = enabled.unwrap_or(asking.is_some());
        Ok(config)
    }

    /// What a connection is made with. Its files are looked at again at every handshake, and read when they changed;
    /// while new ones cannot be used, the last good ones are, and the log says why.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the setting and the file that cannot be read or parsed.
    pub fn client(&self, names: TlsNames) -> Result<Arc<ClientConfig>> {
        let provider = Arc::new(ring::default_provider());
        let versions = [&version::TLS13, &version::TLS12];
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&versions);
        let builder = builder.map_err(|error| Error::config(self.setting(names.enabled), error.to_string()))?;
        let verifier = self.verifier(names, &provider)?;
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut client = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                let certificate = File::new(self.setting(names.certificate), certificate);
                let key = File::new(self.setting(names.key), key);
                builder.with_client_cert_resolver(Arc::new(Identity::open(certificate, key, &provider)?))
            }
            _ => {
                self.check_pair(names)?;
                builder.with_no_client_auth()
            }
        };
        client.resumption = Resumption::disabled();
        Ok(Arc::new(client))
    }

    fn verifier(&self, names: TlsNames, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>> {
        if self.insecure && self.root_ca.is_none() {
            return Ok(Arc::new(Anything::new(provider)));
        }
        if self.insecure {
            log::write(Level::Warn, TARGET, || {
                let (insecure, root_ca) = (self.setting(names.insecure), self.setting(names.root_ca));
                format!("{insecure} has no effect: {root_ca} is given, so that the server's certificate is checked")
            });
        }
        let root_ca = self.root_ca.as_ref().map(|path| File::new(self.setting(names.root_ca), path));
        Ok(Arc::new(Verifier::open(root_ca, self.server(names)?, provider)?))
    }

    /// The name that the server's certificate must have.
    fn server(&self, names: TlsNames) -> Result<Option<ServerName<'static>>> {
        let Some(name) = &self.server_name else { return Ok(None) };
        let expected = |_| {
            let text = format!("\"{name}\" is neither a host's name nor an address");
            Error::config(self.setting(names.server_name), text)
        };
        ServerName::try_from(name.clone()).map(Some).map_err(expected)
    }

    fn check_pair(&self, names: TlsNames) -> Result<()> {
        let (missing, given) = match (&self.certificate, &self.key) {
            (Some(_), None) => (names.key, names.certificate),
            (None, Some(_)) => (names.certificate, names.key),
            _ => return Ok(()),
        };
        let text = format!("it is missing; {} is given, which needs it", self.setting(given));
        Err(Error::config(self.setting(missing), text))
    }

    /// The setting that makes sense with TLS only.
    fn what_asks_for_tls(&self, names: TlsNames) -> Option<&'static str> {
        let asking = [
            (self.root_ca.is_some(), names.root_ca),
            (self.certificate.is_some(), names.certificate),
            (self.server_name.is_some(), names.server_name),
        ];
        asking.into_iter().find(|(is_given, _)| *is_given).map(|(_, name)| name)
    }

    fn setting(&self, name: &str) -> String {
        self.called.get(name).cloned().unwrap_or_else(|| format!("{}{name}", self.section))
    }
}
