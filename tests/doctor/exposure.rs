//! Servers that let in whoever reaches them, and others than this machine do.

use serde_json::Value;

use crate::examination::{examined, examined_with, in_container, nats_config, outcomes, redis_config, step, told};
use crate::servers::certificates::Certificates;
use crate::servers::namespaces::{self, Network};
use crate::servers::nats::{self, Nats};
use crate::servers::place::Place;
use crate::servers::redis::{Login, Options, Redis};

/// What a client on another host finds.
fn seen_from(client: &Place, config: &str, is_in_container: bool) -> Value {
    let namespace = client.namespace.as_deref().expect("a namespace");
    let (code, store) = examined_with(config, &[], |command| {
        namespaces::enter(command, namespace).expect("entered");
        if is_in_container {
            in_container(command);
        }
    });
    assert_eq!(code, 0, "{store}");
    store
}

fn found(store: &Value) -> (String, String, String) {
    let found = told(step(store, "exposure"));
    (outcomes(store, "exposure")[0].clone(), found.1, found.2)
}

#[test]
fn a_server_that_others_reach_without_a_login_is_warned_of() {
    let network = match Network::new(2) {
        Ok(network) => network,
        Err(unsupported) => return eprintln!("left out: {unsupported}"),
    };
    let (place, client) = (network.public_place(0), network.place(1));
    let redis = |login, place: &Place| {
        Redis::start(&Options { login, places: vec![place.clone()], ..Options::default() }).expect("a server")
    };
    let nats = |login, place: &Place| {
        Nats::single(&nats::Options { login, places: vec![place.clone()], ..Default::default() }).expect("a server")
    };
    let (open, open_nats) = (redis(Login::default(), &place), nats(nats::Login::Anybody, &place));
    for config in [redis_config(&open.address(), ""), nats_config(&open_nats.addresses()[0], "")] {
        let (outcome, detail, advice) = found(&seen_from(&client, &config, true));
        assert_eq!(outcome, "warning", "{detail}");
        assert!(detail.starts_with(&place.address) && detail.contains("without a login"), "{detail}");
        assert!(advice.contains("publish no port") && advice.contains("requirepass"), "{advice}");
    }
    // Among containers of an internal network it is what they are there for.
    let internal = redis(Login::default(), &network.place(0));
    let (outcome, detail, _) = found(&seen_from(&client, &redis_config(&internal.address(), ""), true));
    assert!(outcome == "ok" && detail.contains("publish no port of it"), "{outcome} {detail}");
    let closed = redis(Login::password("hush"), &place);
    let closed_nats = nats(nats::Login::Token("hush".to_owned()), &place);
    for config in [
        redis_config(&closed.address(), "password = \"hush\"\n"),
        nats_config(&closed_nats.addresses()[0], "token = \"hush\"\n"),
    ] {
        let (outcome, detail, _) = found(&seen_from(&client, &config, false));
        assert!(outcome == "ok" && detail.contains("asks for a login"), "{outcome} {detail}");
    }
}

#[test]
fn encryption_without_certificates_of_clients_keeps_nobody_out() {
    let network = match Network::new(2) {
        Ok(network) => network,
        Err(unsupported) => return eprintln!("left out: {unsupported}"),
    };
    let (place, client) = (network.public_place(0), network.place(1));
    let address = place.address.parse().expect("an address");
    let files = Certificates::for_addresses(&[address]).expect("certificates");
    let placed = Options { places: vec![place], ..Options::default() };
    let ours = format!(
        "tls_root_ca = {:?}\ntls_certificate = {:?}\ntls_key = {:?}\n",
        files.root_ca, files.client_certificate, files.client_key
    );
    for (options, expected) in
        [(placed.clone().with_tls(&files), "warning"), (placed.clone().with_mutual_tls(&files), "ok")]
    {
        let server = Redis::start(&options).expect("a server");
        let (outcome, detail, _) = found(&seen_from(&client, &redis_config(&server.address(), &ours), false));
        assert_eq!(outcome, expected, "{detail}");
    }
}

#[test]
fn a_server_that_is_configured_by_loopback_is_looked_for_at_this_machines_other_addresses() {
    let network = match Network::new(1) {
        Ok(network) => network,
        Err(unsupported) => return eprintln!("left out: {unsupported}"),
    };
    let mut place = network.place(0);
    let own = std::mem::replace(&mut place.address, "0.0.0.0".to_owned());
    let everywhere = Redis::start(&Options { places: vec![place.clone()], ..Options::default() }).expect("a server");
    let loopback = |server: &Redis| redis_config(&format!("127.0.0.1:{}", server.endpoint().port), "");
    let (outcome, detail, _) = found(&seen_from(&place, &loopback(&everywhere), false));
    assert!(outcome == "warning" && detail.starts_with(&own), "{outcome} {detail}");
    // Listening on loopback alone is what keeps others out.
    let alone = Redis::start(&Options::default()).expect("a server");
    let (_, store) = examined(&redis_config(&alone.address(), ""), &[]);
    assert_eq!(found(&store).0, "skipped", "{store}");
}
