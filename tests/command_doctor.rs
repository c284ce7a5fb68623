//! `larder doctor`, run as a user runs it: against what works, what does not, and real servers.

use std::net::TcpListener;
use std::time::{Duration, Instant};

#[path = "doctor/examination.rs"]
mod examination;
#[path = "doctor/exposure.rs"]
mod exposure;
#[path = "doctor/limits.rs"]
mod limits;
#[path = "doctor/nats_logins.rs"]
mod nats_logins;
#[path = "doctor/nats_tls.rs"]
mod nats_tls;
#[path = "doctor/redis_logins.rs"]
mod redis_logins;
#[path = "doctor/redis_tls.rs"]
mod redis_tls;
#[path = "doctor/sentinels.rs"]
mod sentinels;
#[path = "doctor/silence.rs"]
mod silence;
#[path = "doctor/tls.rs"]
mod tls;
#[path = "doctor/variables.rs"]
mod variables;

#[path = "servers/mod.rs"]
mod servers;

use examination::{
    Failure, doctor, doctor_with, examined, examined_with, failed, fails_in_every_format, free_port, in_container,
    nats_config, outcomes, redis_config, step, told,
};
use servers::clock::WrongClock;
use servers::nats::{self, Nats};
use servers::redis::{self, Redis};
use servers::sentinel::Group;
use servers::tools;

#[test]
fn a_store_in_memory_is_well_in_every_format() {
    let told = doctor("memory://", &[]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.starts_with("store default (memory): all is well\n"), "{}", told.out);
    assert!(told.out.contains("  ok       swap: by revision"), "{}", told.out);
    let told = doctor("memory://", &["--format", "nagios"]);
    assert!(told.code == 0 && told.out.starts_with("OK - 1 stores are well | 'default_"), "{}", told.out);
    let told = doctor("memory://", &["--format", "prometheus"]);
    assert!(told.out.contains("larder_doctor_step_success{store=\"default\",step=\"write\"} 1\n"), "{}", told.out);
    let (code, store) = examined("memory://", &["--read-only"]);
    assert_eq!((code, outcomes(&store, "write")), (0, vec!["skipped".to_owned()]));
    assert!(outcomes(&store, "read").is_empty());
    assert_eq!(doctor("memory://", &["--format", "xml"]).code, 2);
}

#[test]
fn a_configuration_that_cannot_be_used_is_unknown_to_nagios() {
    let told = doctor("memory://?lifespan=1d", &["--format", "nagios"]);
    assert_eq!(told.code, 3, "{}", told.out);
    assert!(told.out.starts_with("UNKNOWN - ") && told.out.contains("lifespan: it is"), "{}", told.out);
    let told = doctor("memory://", &["--store", "sessions"]);
    assert!(told.code == 2 && told.out.contains("has no store \"sessions\""), "{} {}", told.code, told.out);
    assert_eq!(doctor("memory://", &["--wait", "1d"]).code, 2);
}

#[test]
fn a_url_in_a_types_place_is_not_repeated() {
    for format in ["text", "json", "nagios", "prometheus"] {
        let told = doctor_with("env://larder", &["--format", format], |command| {
            command.env("LARDER_STORE", "redis://:hush@h:6379");
        });
        assert!(!(told.out.clone() + &told.err).contains("hush"), "{} {}", told.out, told.err);
        assert!(format == "prometheus" || told.out.contains("LARDER_STORE"), "{}", told.out);
    }
}

#[test]
fn a_service_with_a_wrong_variable_does_not_hide_the_others() {
    let told = doctor_with("env://ocis", &[], |command| {
        command.env("STORAGE_USERS_ID_CACHE_TTL", "1d").env("OCIS_CACHE_STORE", "memory");
        command.env("OCIS_PERSISTENT_STORE", "memory").env("STORAGE_USERS_ID_CACHE_STORE", "memory");
    });
    assert_eq!(told.code, 2, "{}", told.out);
    assert!(told.out.contains("store STORAGE_USERS_ID_CACHE (configuration): does NOT work"), "{}", told.out);
    assert!(told.out.contains("STORAGE_USERS_ID_CACHE_TTL: it is \"1d\""), "{}", told.out);
    assert!(told.out.contains("store GRAPH_CACHE (memory): all is well"), "{}", told.out);
}

#[test]
fn a_store_that_fails_is_critical_and_waited_for() {
    let (code, store) = examined("fault://?fault=error", &[]);
    assert_eq!((code, failed(&store).0.as_str()), (4, "login"));
    let begin = Instant::now();
    let told = doctor("fault://?fault=error", &["--format", "nagios", "--wait", "1500ms"]);
    assert!(told.code == 2 && told.out.starts_with("CRITICAL - default login: "), "{}", told.out);
    assert!(begin.elapsed() >= Duration::from_millis(1500));
}

#[test]
fn names_and_ports_that_lead_nowhere_come_with_advice() {
    let nowhere = Failure { step: "resolve", code: 4, detail: "no-such-service.invalid", advice: "check its spelling" };
    let refused = Failure { step: "connect", code: 4, detail: "refused", advice: "nothing listens on port" };
    for config in [redis_config, nats_config] {
        fails_in_every_format(&config("no-such-service.invalid:6379", ""), &["--timeout", "2s"], nowhere);
        // In a container it is the container that this advice is about.
        let advice = if is_container() { "container" } else { refused.advice };
        let address = format!("127.0.0.1:{}", free_port());
        fails_in_every_format(&config(&address, ""), &["--timeout", "2s"], Failure { advice, ..refused });
    }
}

/// Whether this test runs in one, as the doctor sees it.
fn is_container() -> bool {
    let signs = ["/.dockerenv", "/run/.containerenv"];
    signs.iter().any(|sign| std::path::Path::new(sign).exists())
        || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

#[test]
fn a_redis_is_examined_to_the_last_step_and_left_as_it_was() {
    let server = Redis::start(&redis::Options::default()).expect("a server");
    let (code, store) = examined(&redis_config(&server.address(), ""), &[]);
    assert_eq!(code, 0, "{store}");
    for step in ["resolve", "connect", "login", "master", "write", "read", "swap", "event", "remove", "clock"] {
        assert_eq!(outcomes(&store, step), ["ok"], "{step}: {store}");
    }
    assert_eq!(server.ask(&["DBSIZE"]).expect("it answers").trim_start_matches("(integer) ").trim(), "0");
}

#[test]
fn a_nats_bucket_that_differs_is_a_warning() {
    let server = Nats::single(&nats::Options::default()).expect("a server");
    let config = |more: &str| nats_config(&server.addresses()[0], more);
    let (code, store) = examined(&config(""), &[]);
    assert_eq!(code, 0, "{store}");
    assert_eq!(outcomes(&store, "remove"), ["ok"], "{store}");
    let (code, store) = examined(&config("history = 5\n"), &[]);
    assert_eq!((code, outcomes(&store, "bucket")), (0, vec!["warning".to_owned()]), "{store}");
    let told = doctor(&config("history = 5\n"), &["--format", "nagios"]);
    assert!(told.code == 1 && told.out.starts_with("WARNING - n bucket: "), "{}", told.out);
}

#[test]
fn a_clock_that_is_apart_from_the_servers_is_a_warning_in_every_format() {
    let redis = Redis::start(&redis::Options::default()).expect("a server");
    let nats = Nats::single(&nats::Options::default()).expect("a server");
    let clock = WrongClock::new().expect("a clock");
    for config in [redis_config(&redis.address(), ""), nats_config(&nats.addresses()[0], "")] {
        let (code, store) = examined(&config, &[]);
        assert_eq!((code, outcomes(&store, "clock")), (0, vec!["ok".to_owned()]), "{store}");
        // This machine is ahead, so the server is behind.
        for (shift, word) in [(20, "behind"), (-20, "ahead of")] {
            let (code, store) = examined_with(&config, &[], |command| clock.shift(command, shift));
            assert_eq!((code, outcomes(&store, "clock")), (0, vec!["warning".to_owned()]), "{store}");
            let (_, detail, advice) = told(step(&store, "clock"));
            assert!(detail.contains(&format!(" s {word} this machine's")), "{detail}");
            assert!(advice.contains("NTP"), "{advice}");
            let skew = step(&store, "clock")["skew_seconds"].as_f64().expect("a number");
            assert!((skew + shift as f64).abs() < 10.0, "{skew}");
        }
        let told = |format| doctor_with(&config, &["--format", format], |command| clock.shift(command, 20));
        let text = told("text");
        assert!(text.code == 0 && text.out.contains("  warning  clock: "), "{}", text.out);
        let nagios = told("nagios");
        assert!(nagios.code == 1 && nagios.out.starts_with("WARNING - "), "{}", nagios.out);
        assert!(nagios.out.contains(" clock: ") && nagios.out.contains("_clock_skew'=-"), "{}", nagios.out);
        let prometheus = told("prometheus");
        assert!(prometheus.out.contains("larder_doctor_clock_skew_seconds{store=\""), "{}", prometheus.out);
        assert!(prometheus.out.contains("step=\"clock\"} 1\n"), "{}", prometheus.out);
    }
}

#[test]
fn a_record_that_has_expired_by_a_wrong_clock_leads_to_the_clock() {
    let server = Nats::single(&nats::Options::default()).expect("a server");
    let clock = WrongClock::new().expect("a clock");
    let config = nats_config(&server.addresses()[0], "");
    let (code, store) = examined_with(&config, &["--timeout", "2s"], |command| clock.shift(command, 7200));
    let (step, _, advice) = failed(&store);
    assert_eq!((code, step.as_str()), (1, "read"), "{store}");
    assert!(advice.contains("see the step clock"), "{advice}");
    assert_eq!(outcomes(&store, "clock"), ["warning"], "{store}");
}

#[test]
fn a_clock_that_nobody_tells_is_left_out() {
    let options =
        nats::Options { binary: Some(tools::nats_server_oldest().expect("built")), ..nats::Options::default() };
    let oldest = Nats::single(&options).expect("a server");
    let (code, store) = examined(&nats_config(&oldest.addresses()[0], ""), &[]);
    assert_eq!((code, outcomes(&store, "clock")), (0, vec!["skipped".to_owned()]), "{store}");
    let options =
        redis::Options { more: "user default on nopass ~* &* +@all -time\n".to_owned(), ..Default::default() };
    let strict = Redis::start(&options).expect("a server");
    let (code, store) = examined(&redis_config(&strict.address(), ""), &["--read-only"]);
    assert_eq!((code, outcomes(&store, "clock")), (0, vec!["skipped".to_owned()]), "{store}");
    assert!(outcomes(&examined("memory://", &[]).1, "clock").is_empty());
}

#[test]
fn another_server_than_the_type_needs_comes_with_advice() {
    let group = Group::start(&redis::Options::default(), &redis::Options::default()).expect("a group");
    let cases = [
        (redis_config(&group.sentinels[0].address(), ""), "login", "needs another value"),
        (nats_config(&group.servers[0].address(), ""), "login", "Its port is 4222"),
        (nats_config("127.0.0.1:4222", "table = \"t\"\n").replace("doctored", "a b"), "configuration", "another value"),
        (redis_config(&group.servers[0].address(), "tls = true\n"), "tls", "speaks without TLS on this port"),
    ];
    for (config, expected, words) in cases {
        let (_, store) = examined(&config, &["--timeout", "2s"]);
        let (step, detail, advice) = failed(&store);
        assert_eq!(step, expected, "{store}");
        assert!(advice.contains(words) && !detail.contains("a write may"), "{detail}: {advice}");
    }
}

#[test]
fn what_containers_get_wrong_comes_with_advice() {
    let port = free_port();
    let (_, store) = examined_with(&redis_config(&format!("127.0.0.1:{port}"), ""), &["--timeout", "2s"], in_container);
    let (step, _, advice) = failed(&store);
    assert_eq!(step, "connect", "{store}");
    assert!(advice.contains("Inside a container 127.0.0.1 is the container itself"), "{advice}");
    // The default of every service of oCIS, whose NATS is in its own container.
    if TcpListener::bind("127.0.0.1:9233").is_ok() {
        let (_, store) = examined_with(&nats_config("127.0.0.1:9233", ""), &["--timeout", "2s"], in_container);
        let (step, _, advice) = failed(&store);
        assert_eq!(step, "connect", "{store}");
        assert!(advice.contains("the container itself") && advice.contains("NATS_NATS_HOST"), "{advice}");
    }
    let (_, store) = examined_with(&redis_config("no-such-service:6379", ""), &["--timeout", "5s"], in_container);
    let (step, _, advice) = failed(&store);
    assert_eq!(step, "resolve", "{store}");
    assert!(advice.contains("must share a network"), "{advice}");
}
