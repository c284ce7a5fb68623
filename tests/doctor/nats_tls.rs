//! TLS to NATS servers: what is wrong is told by the step `tls`, in the names of the settings.

use crate::examination::{Failure, fails, fails_in_every_format, is_well, nats_config, step, told};
use crate::servers::certificates::Certificates;
use crate::servers::nats::{Nats, Options, Tls};
use crate::servers::place::Place;
use crate::tls::{BRIEFLY, our_certificate_leads_to_its_settings, root_ca};

fn server(tls: Tls) -> Nats {
    Nats::single(&Options { tls, ..Options::default() }).expect("a server")
}

fn config(nats: &Nats, more: &str) -> String {
    nats_config(&nats.addresses()[0], more)
}

#[test]
fn a_certificate_that_is_believed_is_shown() {
    let files = Certificates::new().expect("certificates");
    let store = is_well(&config(&server(Tls::server(&files)), &root_ca(&files)), &[]);
    let (_, detail, _) = told(step(&store, "tls"));
    assert!(detail.contains("certificate for localhost, 127.0.0.1"), "{detail}");
}

#[test]
fn an_unknown_issuer_leads_to_the_authoritys_certificate() {
    let files = Certificates::new().expect("certificates");
    let nats = server(Tls::server(&files));
    let expected = Failure { step: "tls", code: 4, detail: "UnknownIssuer", advice: "Set stores.n.tls_root_ca to" };
    fails_in_every_format(&config(&nats, "tls = true\n"), &BRIEFLY, expected);
    fails(&config(&nats, &format!("tls_root_ca = {:?}\n", files.other_root_ca)), &BRIEFLY, expected);
    // The server insists on TLS, so that the store uses it although nobody asked it to.
    let detail = "the server insists on it";
    fails(&config(&nats, ""), &BRIEFLY, Failure { detail, ..expected });
}

#[test]
fn a_server_without_tls_is_told_from_one_that_has_it() {
    let expected = Failure { step: "tls", code: 4, detail: "", advice: "leave stores.n.tls out" };
    fails_in_every_format(&config(&server(Tls::Off), "tls = true\n"), &BRIEFLY, expected);
}

#[test]
fn a_certificate_for_another_name_leads_to_the_servers_name() {
    let files = Certificates::new().expect("certificates");
    let places = vec![Place { address: "127.0.0.2".to_owned(), namespace: None }];
    let nats = Nats::single(&Options { tls: Tls::server(&files), places, ..Options::default() }).expect("a server");
    let expected =
        Failure { step: "tls", code: 4, detail: "certificate for localhost", advice: "set stores.n.tls_server_name" };
    fails_in_every_format(&config(&nats, &root_ca(&files)), &BRIEFLY, expected);
    is_well(&config(&nats, &format!("{}tls_server_name = \"localhost\"\n", root_ca(&files))), &[]);
}

#[test]
fn a_certificate_that_is_out_of_date_is_told_with_its_end() {
    let files = Certificates::new().expect("certificates");
    files.expire_server().expect("written");
    let nats = server(Tls::server(&files));
    let expected = Failure { step: "tls", code: 4, detail: "ends Jan  1 00:00:00 2001", advice: "a new certificate" };
    fails_in_every_format(&config(&nats, &root_ca(&files)), &BRIEFLY, expected);
}

#[test]
fn a_certificate_of_ours_that_is_missing_or_not_taken_leads_to_its_settings() {
    let files = Certificates::new().expect("certificates");
    let nats = server(Tls::mutual(&files));
    our_certificate_leads_to_its_settings(&files, "n", |more| config(&nats, more));
}
