//! TLS to Redis servers.

use crate::examination::{Failure, fails, fails_in_every_format, is_well, redis_config, step, told};
use crate::servers::certificates::Certificates;
use crate::servers::place::Place;
use crate::servers::redis::{Options, Redis};
use crate::tls::{BRIEFLY, our_certificate_leads_to_its_settings, root_ca};

fn config(server: &Redis, more: &str) -> String {
    redis_config(&server.address(), more)
}

#[test]
fn a_certificate_is_shown_and_a_wrong_one_explained() {
    let files = Certificates::new().expect("certificates");
    let server = Redis::start(&Options::default().with_tls(&files)).expect("a server");
    let store = is_well(&config(&server, &root_ca(&files)), &[]);
    let (_, detail, _) = told(step(&store, "tls"));
    assert!(detail.contains("certificate for localhost, 127.0.0.1"), "{detail}");
    let expected =
        Failure { step: "tls", code: 4, detail: "UnknownIssuer", advice: "Set stores.sessions.tls_root_ca to" };
    fails_in_every_format(&config(&server, "tls = true\n"), &BRIEFLY, expected);
}

#[test]
fn a_server_that_speaks_only_tls_is_told_from_one_that_has_none() {
    let files = Certificates::new().expect("certificates");
    let server = Redis::start(&Options::default().with_tls(&files)).expect("a server");
    let expected = Failure {
        step: "tls",
        code: 4,
        detail: "the server speaks only TLS on this port: it has a certificate for localhost",
        advice: "Set stores.sessions.tls = true, and stores.sessions.tls_root_ca",
    };
    fails_in_every_format(&config(&server, ""), &BRIEFLY, expected);
    let plain = Redis::start(&Options::default()).expect("a server");
    let expected = Failure { step: "tls", code: 4, detail: "", advice: "leave stores.sessions.tls out" };
    fails(&config(&plain, "tls = true\n"), &BRIEFLY, expected);
}

#[test]
fn names_and_ends_of_certificates_are_looked_at() {
    let files = Certificates::new().expect("certificates");
    let places = vec![Place { address: "127.0.0.2".to_owned(), namespace: None }];
    let server = Redis::start(&Options { places, ..Options::default().with_tls(&files) }).expect("a server elsewhere");
    let advice = "set stores.sessions.tls_server_name";
    let expected = Failure { step: "tls", code: 4, detail: "certificate for localhost", advice };
    fails(&config(&server, &root_ca(&files)), &BRIEFLY, expected);
    is_well(&config(&server, &format!("{}tls_server_name = \"localhost\"\n", root_ca(&files))), &[]);
    let server = Redis::start(&Options::default().with_tls(&files)).expect("a server");
    let certificate = files.server_certificate.to_str().expect("a path").to_owned();
    files.expire_server().expect("written");
    server.ask(&["CONFIG", "SET", "tls-cert-file", &certificate]).expect("read again");
    let expected = Failure { step: "tls", code: 4, detail: "2001", advice: "a new certificate" };
    fails(&config(&server, &root_ca(&files)), &BRIEFLY, expected);
}

#[test]
fn a_certificate_of_ours_that_is_missing_or_not_taken_leads_to_its_settings() {
    let files = Certificates::new().expect("certificates");
    let server = Redis::start(&Options::default().with_mutual_tls(&files)).expect("a server");
    our_certificate_leads_to_its_settings(&files, "sessions", |more| config(&server, more));
}
