//! Stores of services that variables configure: the advice names the variables.

use crate::examination::{examined_with, failed};
use crate::servers::certificates::Certificates;
use crate::servers::nats::{Login, Nats, Options, Tls};

const SERVICE: &str = "env://ocis/STORAGE_USERS_FILEMETADATA_CACHE";

/// The step that fails for the service under these variables, and its advice.
fn fails(variables: &[(&str, &str)]) -> (String, String) {
    let (_, store) = examined_with(SERVICE, &["--timeout", "3s"], |command| {
        command.env("OCIS_CACHE_STORE", "nats-js-kv").envs(variables.iter().copied());
    });
    assert!(!store.to_string().contains("hush"), "a secret is in {store}");
    let (step, _, advice) = failed(&store);
    (step, advice)
}

#[test]
fn advice_names_the_variables_of_the_service() {
    let files = Certificates::new().expect("certificates");
    let login = Login::User("me".into(), "hush".into());
    let nats = Nats::single(&Options { login: login.clone(), ..Options::default() }).expect("a server");
    let address = nats.addresses().remove(0);
    let nodes = ("OCIS_CACHE_STORE_NODES", address.as_str());
    let user = ("OCIS_CACHE_AUTH_USERNAME", "me");
    let (step, advice) = fails(&[nodes, user, ("OCIS_CACHE_AUTH_PASSWORD", "hushhush")]);
    assert_eq!(step, "login", "{advice}");
    assert!(advice.contains("Check OCIS_CACHE_AUTH_USERNAME and OCIS_CACHE_AUTH_PASSWORD"), "{advice}");
    let nats = Nats::single(&Options { login, tls: Tls::server(&files), ..Options::default() }).expect("a server");
    let address = nats.addresses().remove(0);
    let nodes = ("OCIS_CACHE_STORE_NODES", address.as_str());
    let other = files.other_root_ca.to_str().expect("a path");
    let (step, advice) = fails(&[
        nodes,
        user,
        ("OCIS_CACHE_AUTH_PASSWORD", "hush"),
        ("OCIS_CACHE_ENABLE_TLS", "true"),
        ("OCIS_CACHE_TLS_ROOT_CA_CERTIFICATE", other),
    ]);
    assert_eq!(step, "tls", "{advice}");
    assert!(advice.contains("Set OCIS_CACHE_TLS_ROOT_CA_CERTIFICATE to"), "{advice}");
    let (step, advice) = fails(&[nodes, user, ("OCIS_CACHE_AUTH_PASSWORD", "hush"), ("OCIS_CACHE_ENABLE_TLS", "true")]);
    assert_eq!(step, "tls", "{advice}");
    assert!(advice.contains("TLS_ROOT_CA_CERTIFICATE to"), "{advice}");
}
