//! Servers that take connections and say nothing, as one does that hangs.

use crate::examination::{
    Failure, examined, fails, fails_in_every_format, nats_config, outcomes, redis_config, sentinel_config,
};
use crate::servers::certificates::Certificates;
use crate::servers::nats::{self, Nats};
use crate::servers::redis::{Options, Redis};
use crate::servers::sentinel::{MASTER, Sentinel};

const BRIEFLY: [&str; 2] = ["--timeout", "3s"];
const HANGS: Failure<'_> = Failure { step: "login", code: 4, detail: "", advice: "the server hangs (stopped" };

#[test]
fn a_server_that_hangs_is_told_from_one_that_is_away() {
    let mut redis = Redis::start(&Options::default()).expect("a server");
    let mut nats = Nats::single(&nats::Options::default()).expect("a server");
    let (address, of_nats) = (redis.address(), nats.addresses()[0].clone());
    let mut sentinel = Sentinel::naming(&redis).expect("a sentinel");
    let nodes = [format!("{}/{MASTER}", sentinel.address())];
    sentinel.process().pause();
    redis.process().pause();
    nats.node(0).process().pause();
    fails_in_every_format(&redis_config(&address, ""), &BRIEFLY, HANGS);
    fails(&nats_config(&of_nats, ""), &BRIEFLY, HANGS);
    fails(&sentinel_config(&nodes, ""), &BRIEFLY, HANGS);
    // It still takes connections, so that it is not the port.
    let (_, store) = examined(&redis_config(&address, ""), &BRIEFLY);
    assert_eq!(outcomes(&store, "connect"), ["ok"], "{store}");
}

#[test]
fn a_server_with_tls_that_hangs_does_not_speak_without_it() {
    let files = Certificates::new().expect("certificates");
    let mut redis = Redis::start(&Options::default().with_tls(&files)).expect("a server");
    let config = redis_config(&redis.address(), &format!("tls_root_ca = {:?}\n", files.root_ca));
    redis.process().pause();
    fails(&config, &BRIEFLY, Failure { step: "tls", advice: "it hangs", ..HANGS });
}
