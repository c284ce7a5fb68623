//! What to do about a handshake that fails.

use crate::store::remote::tls::TlsNames;

/// What was seen of the server beside the failure.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// It showed a certificate, if only to one who believes anything.
    pub has_certificate: bool,
    /// It answers without TLS.
    pub speaks_plainly: bool,
    /// It was shown a certificate of ours.
    pub shows_ours: bool,
}

/// The advice on a failure that says `told`; `called` tells what the configuration calls a setting.
pub fn on_tls(told: &str, seen: Seen, called: &dyn Fn(&'static str) -> String, names: TlsNames) -> String {
    if let Some((_, alert)) = told.split_once("fatal alert: ") {
        return on_alert(alert, seen, called, names);
    }
    if told.contains("NotValidForName") || told.contains("not valid for") {
        let server_name = called(names.server_name);
        return format!("Ask for the server by a name in its certificate, or set {server_name} to one.");
    }
    if told.contains("UnknownIssuer") {
        let root_ca = called(names.root_ca);
        return format!("Set {root_ca} to the certificate of the authority that signed the server's.");
    }
    if told.contains("Expired") || told.contains("expired") {
        return "The server needs a new certificate; it, or this machine's clock, is out of date.".to_owned();
    }
    if seen.speaks_plainly {
        let enabled = called(names.enabled);
        return format!("The server speaks without TLS on this port: check the port, or leave {enabled} out.");
    }
    if seen.has_certificate {
        return "The server's log says why it ended the handshake.".to_owned();
    }
    "The server says nothing, neither with TLS nor without: it hangs, or is none of this type. Its log says more."
        .to_owned()
}

/// What a server says of the certificate that it was shown, or was not.
fn on_alert(alert: &str, seen: Seen, called: &dyn Fn(&'static str) -> String, names: TlsNames) -> String {
    let is_about_ours = ["ertificate", "UnknownCA", "HandshakeFailure", "AccessDenied"];
    if !is_about_ours.iter().any(|word| alert.contains(word)) {
        return "The server's log says why it ended the handshake.".to_owned();
    }
    let (certificate, key) = (called(names.certificate), called(names.key));
    if !seen.shows_ours {
        return format!("The server asks for a certificate of ours: set {certificate} and {key}.");
    }
    format!(
        "The server does not take our certificate, {certificate}: it has to be in date, and of an authority that the \
         server trusts; the server's log says more."
    )
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_failure_leads_to_its_setting() {
        let seen = |has_certificate, speaks_plainly, shows_ours| Seen { has_certificate, speaks_plainly, shows_ours };
        let alert = |name: &str| format!("received fatal alert: {name}");
        let cases = [
            ("invalid peer certificate: UnknownIssuer".to_owned(), seen(true, false, false), "s.sentinel_tls_root_ca"),
            ("certificate not valid for name \"h\"".to_owned(), seen(true, false, false), "s.sentinel_tls_server_name"),
            ("invalid peer certificate: certificate expired".to_owned(), seen(true, false, false), "a new certificate"),
            (alert("CertificateRequired"), seen(true, false, false), "set s.sentinel_tls_certificate and"),
            (alert("BadCertificate"), seen(true, false, false), "set s.sentinel_tls_certificate and"),
            (alert("UnknownCA"), seen(true, false, true), "does not take our certificate, s.sentinel_tls_certificate"),
            (alert("CertificateExpired"), seen(true, false, true), "does not take our certificate"),
            (alert("InternalError"), seen(true, false, false), "log says why"),
            ("it said nonsense".to_owned(), seen(false, true, false), "without TLS on this port"),
            ("no answer".to_owned(), seen(false, false, false), "it hangs"),
        ];
        for (told, seen, expected) in cases {
            let advice = on_tls(&told, seen, &|name| format!("s.{name}"), TlsNames::SENTINEL);
            assert!(advice.contains(expected), "{told}: {advice}");
        }
    }
}
