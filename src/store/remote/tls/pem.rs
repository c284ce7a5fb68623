//! Certificates and keys in PEM files. No error repeats what a file holds: it may be a key.

use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::watched::File;
use crate::error::Result;

/// The certificates in a file, one at least.
pub(super) fn certificates(file: &File) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(&file.read()?).collect::<std::result::Result<Vec<_>, _>>();
    let found = found.map_err(|_| file.error("is not well-formed PEM"))?;
    if found.is_empty() {
        return Err(file.error("holds no certificate (PEM)"));
    }
    Ok(found)
}

/// The first private key in a file.
pub(super) fn key(file: &File) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(&file.read()?).map_err(|error| match error {
        PemError::NoItemsFound => file.error("holds no private key (PEM, not encrypted)"),
        _ => file.error("is not well-formed PEM"),
    })
}
