//! What a server's certificate says.

use std::net::{Ipv4Addr, Ipv6Addr};

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Days before a certificate's end from which on it is warned of.
pub const WARN_DAYS: i64 = 14;

/// A certificate's names and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub ends_unix: i64,
    /// The same for people.
    pub ends: String,
}

impl Certificate {
    /// Reads one in DER; `None` for what is none.
    pub fn parse(der: &[u8]) -> Option<Certificate> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let mut names: Vec<String> = Vec::new();
        if let Ok(Some(alternatives)) = parsed.subject_alternative_name() {
            names.extend(alternatives.value.general_names.iter().filter_map(name));
        }
        if names.is_empty() {
            names.push(parsed.subject().to_string());
        }
        let end = parsed.validity().not_after;
        Some(Certificate { names, ends_unix: end.timestamp(), ends: end.to_string() })
    }

    /// How many whole days are left at a moment in seconds since 1970.
    pub fn days_left(&self, now_unix: i64) -> i64 {
        (self.ends_unix - now_unix).div_euclid(86_400)
    }
}

impl std::fmt::Display for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "certificate for {}, ends {}", self.names.join(", "), self.ends)
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(bytes).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).to_string())
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_says_its_names_and_its_end() {
        let names = vec!["redis".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names.clone()).expect("made");
        let read = Certificate::parse(made.cert.der()).expect("a certificate");
        assert_eq!(read.names, names);
        assert_eq!(read.days_left(read.ends_unix - 86_400 * 3 - 1), 3);
        assert!(read.days_left(read.ends_unix + 1) < 0);
        assert_eq!(Certificate::parse(b"none"), None);
    }
}
