//! Certificates for one test: an authority, a server and a client that it vouches for, and a second authority that
//! nobody should trust.

use std::net::IpAddr;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};

use super::Result;
use super::directory::Directory;

/// The files, in PEM.
pub struct Certificates {
    directory: Directory,
    authority: Issuer<'static, KeyPair>,
    addresses: Vec<IpAddr>,
    /// The authority's certificate.
    pub root_ca: PathBuf,
    /// A certificate for `localhost`, `127.0.0.1` and `::1`, and for what [`Certificates::for_addresses`] was given.
    pub server_certificate: PathBuf,
    /// Its key.
    pub server_key: PathBuf,
    /// A certificate for a client with the common name `larder`.
    pub client_certificate: PathBuf,
    /// Its key.
    pub client_key: PathBuf,
    /// The certificate of an authority that vouches for none of these.
    pub other_root_ca: PathBuf,
    /// A client's certificate by the other authority.
    pub other_client_certificate: PathBuf,
    /// Its key.
    pub other_client_key: PathBuf,
}

impl Certificates {
    /// Certificates for servers on loopback.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn new() -> Result<Certificates> {
        Certificates::for_addresses(&[])
    }

    /// Certificates for servers on loopback and at these addresses.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn for_addresses(addresses: &[IpAddr]) -> Result<Certificates> {
        let directory = Directory::new()?;
        let authority = authority(&directory, "root-ca", "Larder's test authority")?;
        let other = authority_of_strangers(&directory)?;
        let certificates = Certificates {
            root_ca: directory.file("root-ca.pem"),
            server_certificate: directory.file("server.pem"),
            server_key: directory.file("server.key"),
            client_certificate: directory.file("client.pem"),
            client_key: directory.file("client.key"),
            other_root_ca: directory.file("other-root-ca.pem"),
            other_client_certificate: directory.file("other-client.pem"),
            other_client_key: directory.file("other-client.key"),
            addresses: addresses.to_vec(),
            authority,
            directory,
        };
        certificates.renew_server()?;
        certificates.renew_client()?;
        write_client(&certificates.directory, "other-client", &other)?;
        Ok(certificates)
    }

    /// Writes a new certificate and key for the server over those that are there.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn renew_server(&self) -> Result<()> {
        self.write_server(|_| ())
    }

    /// As [`Certificates::renew_server`], with a certificate that is out of date.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn expire_server(&self) -> Result<()> {
        self.write_server(|params| params.not_after = rcgen::date_time_ymd(2001, 1, 1))
    }

    fn write_server(&self, change: impl FnOnce(&mut CertificateParams)) -> Result<()> {
        let mut params = named("localhost", ExtendedKeyUsagePurpose::ServerAuth)?;
        // Servers of a cluster show the same certificate to one another.
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1u16])];
        let addresses = loopback.iter().chain(&self.addresses);
        params.subject_alt_names.extend(addresses.map(|address| SanType::IpAddress(*address)));
        change(&mut params);
        write(&self.directory, "server", &params, &self.authority)
    }

    /// Writes a new certificate and key for the client over those that are there.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn renew_client(&self) -> Result<()> {
        write_client(&self.directory, "client", &self.authority)
    }
}

fn authority_of_strangers(directory: &Directory) -> Result<Issuer<'static, KeyPair>> {
    authority(directory, "other-root-ca", "an authority of strangers")
}

fn authority(directory: &Directory, file: &str, name: &str) -> Result<Issuer<'static, KeyPair>> {
    let mut params = CertificateParams::new(Vec::new()).map_err(text)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(text)?;
    let certificate = params.self_signed(&key).map_err(text)?;
    directory.write(&format!("{file}.pem"), &certificate.pem())?;
    Ok(Issuer::new(params, key))
}

fn named(name: &str, usage: ExtendedKeyUsagePurpose) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(text)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn write_client(directory: &Directory, file: &str, authority: &Issuer<'static, KeyPair>) -> Result<()> {
    write(directory, file, &named("larder", ExtendedKeyUsagePurpose::ClientAuth)?, authority)
}

fn write(
    directory: &Directory,
    file: &str,
    params: &CertificateParams,
    authority: &Issuer<'static, KeyPair>,
) -> Result<()> {
    let key = KeyPair::generate().map_err(text)?;
    let certificate = params.signed_by(&key, authority).map_err(text)?;
    directory.write(&format!("{file}.key"), &key.serialize_pem())?;
    directory.write(&format!("{file}.pem"), &certificate.pem()).map(drop)
}

fn text(error: rcgen::Error) -> String {
    format!("a certificate: {error}")
}
