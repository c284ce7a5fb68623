//! What the tests of TLS share, whatever the server.

use std::path::Path;

use crate::examination::{Failure, fails, fails_in_every_format, is_well};
use crate::servers::certificates::Certificates;

pub const BRIEFLY: [&str; 2] = ["--timeout", "3s"];

pub fn root_ca(files: &Certificates) -> String {
    format!("tls_root_ca = {:?}\n", files.root_ca)
}

/// Sees what is said of our certificate, to a server that asks for one; `config` is the store of this name, with more
/// settings.
pub fn our_certificate_leads_to_its_settings(files: &Certificates, name: &str, config: impl Fn(&str) -> String) {
    let ours = |certificate: &Path, key: &Path| {
        config(&format!("{}tls_certificate = {certificate:?}\ntls_key = {key:?}\n", root_ca(files)))
    };
    let advice =
        &format!("asks for a certificate of ours: set stores.{name}.tls_certificate and stores.{name}.tls_key");
    let expected = Failure { step: "tls", code: 4, detail: "fatal alert", advice };
    fails_in_every_format(&config(&root_ca(files)), &BRIEFLY, expected);
    let advice = &format!("does not take our certificate, stores.{name}.tls_certificate");
    let strangers = ours(&files.other_client_certificate, &files.other_client_key);
    fails(&strangers, &BRIEFLY, Failure { advice, ..expected });
    is_well(&ours(&files.client_certificate, &files.client_key), &[]);
}
