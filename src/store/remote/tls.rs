//! TLS to a server, with certificates that are read again when their files change.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;

use crate::config::settings::Settings;
use crate::error::Result;

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
    /// Takes the settings of one connection.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the setting: malformed, or a certificate without its key.
    pub fn take(_settings: &mut Settings, _names: TlsNames) -> Result<TlsConfig> {
        todo!()
    }

    /// What a connection is made with. Its files are looked at again at every handshake, and read when they changed;
    /// while new ones cannot be used, the last good ones are, and the log says why.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the setting and the file that cannot be read or parsed.
    pub fn client(&self, _names: TlsNames) -> Result<Arc<ClientConfig>> {
        todo!()
    }
}
