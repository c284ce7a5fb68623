//! Whether a server is the one that was asked for.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::{DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme};

use super::watched::{File, Watched};
use super::{TARGET, pem};
use crate::error::Result;
use crate::log::{self, Level};
use crate::sync::Mutex;

type TlsResult<T> = std::result::Result<T, TlsError>;

/// Believes the authorities in a file, or those of the system.
#[derive(Debug)]
pub(super) struct Verifier {
    authorities: Authorities,
    server_name: Option<ServerName<'static>>,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Authorities {
    /// Read when they are first needed, and kept.
    System(Mutex<Option<Arc<WebPkiServerVerifier>>>),
    File(Watched<Arc<WebPkiServerVerifier>>),
}

impl Verifier {
    /// Believes the authorities in `root_ca`, or those of the system; the server's certificate must be for
    /// `server_name`, or for the host that was asked for.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the file which cannot be used.
    pub(super) fn open(
        root_ca: Option<File>,
        server_name: Option<ServerName<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Verifier> {
        let authorities = match root_ca {
            None => Authorities::System(Mutex::new(None)),
            Some(file) => {
                let provider = Arc::clone(provider);
                Authorities::File(Watched::open(vec![file], move |files| load(&files[0], &provider))?)
            }
        };
        Ok(Verifier { authorities, server_name, provider: Arc::clone(provider) })
    }

    fn judge(&self) -> TlsResult<Arc<WebPkiServerVerifier>> {
        let system = match &self.authorities {
            Authorities::File(file) => return Ok(Arc::clone(&file.current())),
            Authorities::System(system) => system,
        };
        let mut known = system.lock();
        if let Some(judge) = known.as_ref() {
            return Ok(Arc::clone(judge));
        }
        let judge = load_system(&self.provider)?;
        *known = Some(Arc::clone(&judge));
        Ok(judge)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        asked_for: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> TlsResult<ServerCertVerified> {
        let name = self.server_name.as_ref().unwrap_or(asked_for);
        self.judge()?.verify_server_cert(certificate, intermediates, name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> TlsResult<HandshakeSignatureValid> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> TlsResult<HandshakeSignatureValid> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn load(file: &File, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(pem::certificates(file)?);
    if added == 0 {
        return Err(file.error("holds no certificate that can be read"));
    }
    if ignored > 0 {
        let text = file.error("holds certificates that cannot be read and are left out").to_string();
        log::write(Level::Warn, TARGET, || format!("{text}: {ignored}"));
    }
    let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    built.map_err(|error| file.error(&format!("cannot be used: {error}")))
}

fn load_system(provider: &Arc<CryptoProvider>) -> TlsResult<Arc<WebPkiServerVerifier>> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or(String::new(), |error| format!(" ({error})"));
        let text = format!("the system has no certificates of authorities{why}; name a file with the root CA's");
        return Err(TlsError::General(text));
    }
    let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    built.map_err(|error| TlsError::General(error.to_string()))
}

/// Believes any certificate.
#[derive(Debug)]
pub(super) struct Anything(WebPkiSupportedAlgorithms);

impl Anything {
    pub(super) fn new(provider: &CryptoProvider) -> Anything {
        Anything(provider.signature_verification_algorithms)
    }
}

// The signatures are not checked either: whoever may show any certificate can sign by its key, and certificates that
// are too old in form to check by, as `openssl x509 -req` makes them, are what this is used for.
impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> TlsResult<ServerCertVerified> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> TlsResult<HandshakeSignatureValid> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> TlsResult<HandshakeSignatureValid> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
