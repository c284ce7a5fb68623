//! The certificate that we show to a server which asks for one.

use std::sync::Arc;

use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error as TlsError, InconsistentKeys, SignatureScheme};

use super::pem;
use super::watched::{File, Watched};
use crate::error::Result;

/// A certificate and its key, each in a file of its own.
#[derive(Debug)]
pub(super) struct Identity(Watched<Arc<CertifiedKey>>);

impl Identity {
    /// Reads both.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the file which cannot be used.
    pub(super) fn open(certificate: File, key: File, provider: &Arc<CryptoProvider>) -> Result<Identity> {
        let provider = Arc::clone(provider);
        let load = move |files: &[File]| load(&files[0], &files[1], &provider);
        Ok(Identity(Watched::open(vec![certificate, key], load)?))
    }
}

fn load(certificate: &File, key: &File, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>> {
    let (chain, secret) = (pem::certificates(certificate)?, pem::key(key)?);
    let certified = CertifiedKey::from_der(chain, secret, provider).map_err(|error| match error {
        TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            key.error("holds another key than the certificate's")
        }
        TlsError::InvalidCertificate(_) => certificate.error("holds a certificate that cannot be read"),
        _ => key.error("holds a key of a kind that cannot be used; ECDSA, Ed25519 and RSA can"),
    })?;
    Ok(Arc::new(certified))
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.current()))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
