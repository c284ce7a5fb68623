//! Checks: settings that are malformed, do not agree, are insecure, or reach nothing.

use larder::config::Config;
use larder::config::profile::Profile;
use larder::config::profile::check::{Finding, Severity, check};

use super::{environment, sources};

fn findings(variables: &[(&str, &str)]) -> Vec<Finding> {
    check(&sources(Profile::Ocis, variables), None, &|_| Ok(())).expect("no service was named")
}

fn found(variables: &[(&str, &str)], severity: Severity, origin: &str, words: &str) {
    let findings = findings(variables);
    let is_it =
        |found: &&Finding| found.severity == severity && found.origin == origin && found.message.contains(words);
    assert!(findings.iter().any(|found| is_it(&found)), "{origin}: {words}\nis not in\n{findings:#?}");
}

#[test]
fn a_variable_that_is_overridden_may_be_malformed_and_the_check_tells_of_it() {
    let variables = [("OCIS_CACHE_TTL", "1d"), ("GRAPH_CACHE_TTL", "5m")];
    Config::from_environment(Profile::Ocis, "GRAPH_CACHE", &environment(&variables)).expect("the own one counts");
    let findings = check(&sources(Profile::Ocis, &variables), Some("GRAPH_CACHE"), &|_| Ok(())).expect("known");
    let expected = ("OCIS_CACHE_TTL", Severity::Warning);
    assert_eq!(findings.iter().map(|found| (found.origin.as_str(), found.severity)).next(), Some(expected));
    assert!(findings[0].message.contains("overridden by GRAPH_CACHE_TTL"), "{findings:?}");
}

#[test]
fn the_defaults_and_a_plain_cluster_are_found_sound() {
    let worse = |findings: Vec<Finding>| {
        findings.into_iter().filter(|found| found.severity != Severity::Hint).collect::<Vec<_>>()
    };
    assert_eq!(worse(findings(&[])), []);
    let cluster = [
        ("OCIS_CACHE_STORE", "nats-js-kv"),
        ("OCIS_CACHE_STORE_NODES", "nats-1:4222,nats-2:4222"),
        ("OCIS_PERSISTENT_STORE", "nats-js-kv"),
        ("OCIS_PERSISTENT_STORE_NODES", "nats-1:4222,nats-2:4222"),
        ("OCIS_EVENTS_ENDPOINT", "nats-2:4222"),
        ("OCIS_URL", "https://ocis.example"),
        ("PATH", "/bin"),
    ];
    assert_eq!(worse(findings(&cluster)), []);
}

#[test]
fn the_check_tells_of_settings_that_must_agree_and_do_not() {
    use Severity::{Hint, Warning};

    found(&[("STORAGE_SYSTEM_CACHE_STORE", "nats-js-kv")], Warning, "STORAGE_SYSTEM_CACHE_STORE", "must be one store");
    let apart = [("OCIS_CACHE_STORE", "nats-js-kv"), ("STORAGE_USERS_FILEMETADATA_CACHE_STORE_NODES", "b:4222")];
    found(&apart, Warning, "STORAGE_USERS_FILEMETADATA_CACHE_STORE_NODES", "must be one store");
    let apart = [("OCIS_CACHE_STORE", "nats-js-kv"), ("STORAGE_SYSTEM_CACHE_AUTH_PASSWORD", "a")];
    found(&apart, Warning, "STORAGE_SYSTEM_CACHE_AUTH_PASSWORD", "must be one store");
    let bus = [("OCIS_PERSISTENT_STORE_NODES", "a:4222"), ("OCIS_EVENTS_ENDPOINT", "b:4222")];
    found(
        &bus,
        Warning,
        "OCIS_PERSISTENT_STORE_NODES",
        "another NATS than the event bus: OCIS_EVENTS_ENDPOINT means b:4222",
    );
    found(&[("OCIS_EVENTS_ENDPOINT", "b:4222")], Warning, "ACTIVITYLOG_STORE_NODES", "another NATS than the event bus");
    found(&[("OCIS_CACHE_DATABASE", "all")], Warning, "OCIS_CACHE_DATABASE", "in one bucket");
    found(&[("OCIS_CACHE_STORE", "redis-sentinel")], Severity::Error, "GRAPH_CACHE_STORE_NODES", "it is not set");
    found(&[("OCIS_CACHE_STORE", "noop")], Warning, "OCIS_CACHE_STORE", "does not see the keys");
    let keys = [("OCS_PRESIGNEDURL_SIGNING_KEYS_STORE_NODES", "a:4222")];
    found(&keys, Warning, "OCS_PRESIGNEDURL_SIGNING_KEYS_STORE_NODES", "every signed URL is refused");
    found(&[("STORAGE_USERS_DRIVER", "posix")], Warning, "STORAGE_USERS_ID_CACHE_STORE", "loses files' IDs");
    let short = [
        ("STORAGE_USERS_DRIVER", "posix"),
        ("STORAGE_USERS_ID_CACHE_STORE", "nats-js-kv"),
        ("STORAGE_USERS_ID_CACHE_TTL", "24m"),
    ];
    found(&short, Warning, "STORAGE_USERS_ID_CACHE_TTL", "files' IDs disappear");
    found(&[], Hint, "default", "each process has its own records");
}

/// What says which store it is: the end of a cache's variable, and another value than all share.
const PLACE: [(&str, &str); 7] = [
    ("_STORE", "memory"),
    ("_STORE_NODES", "other:4222"),
    ("_AUTH_USERNAME", "other"),
    ("_AUTH_PASSWORD", "other"),
    ("_ENABLE_TLS", "false"),
    ("_TLS_INSECURE", "true"),
    ("_TLS_ROOT_CA_CERTIFICATE", "/other.pem"),
];

#[test]
fn one_cache_of_stat_or_metadata_that_is_elsewhere_is_told_whatever_takes_it_there() {
    const MEMBERS: [&str; 3] = ["FRONTEND_OCS_STAT_CACHE", "STORAGE_SYSTEM_CACHE", "STORAGE_USERS_FILEMETADATA_CACHE"];
    let shared = [
        ("OCIS_CACHE_STORE", "nats-js-kv"),
        ("OCIS_CACHE_STORE_NODES", "nats-1:4222, nats-2:4222"),
        ("OCIS_CACHE_AUTH_USERNAME", "u"),
        ("OCIS_CACHE_AUTH_PASSWORD", "p"),
        ("OCIS_CACHE_ENABLE_TLS", "true"),
        ("OCIS_CACHE_TLS_ROOT_CA_CERTIFICATE", "/ca.pem"),
    ];
    let apart = |more: &[(&str, &str)]| {
        let mut findings = findings(&[&shared[..], more].concat());
        findings.retain(|found| found.message.contains("must be one store"));
        findings
    };
    assert_eq!(apart(&[]), []);
    // The same servers in another order, and what does not say where it is.
    assert_eq!(apart(&[("FRONTEND_OCS_STAT_CACHE_STORE_NODES", "nats-2:4222,nats-1:4222")]), []);
    assert_eq!(apart(&[("FRONTEND_OCS_STAT_CACHE_TTL", "1h"), ("FRONTEND_OCS_STAT_CACHE_TABLE", "t")]), []);
    for member in MEMBERS {
        for (end, value) in PLACE {
            let variable = format!("{member}{end}");
            let told = apart(&[(&variable, value)]);
            let is_told = told.iter().any(|found| {
                found.severity == Severity::Warning
                    && (found.origin == variable || found.message.contains(&variable))
                    && found.services.iter().any(|service| service == member)
            });
            assert!(is_told, "{variable}: {told:#?}");
            // The other two agree.
            let others = |found: &&Finding| !found.services.iter().any(|service| service == member);
            assert_eq!(told.iter().find(others), None, "{variable}");
        }
    }
}

#[test]
fn the_check_tells_of_insecure_and_idle_settings() {
    use Severity::{Hint, Warning};

    let on = ("ACTIVITYLOG_STORE_ENABLE_TLS", "true");
    let both = [on, ("ACTIVITYLOG_STORE_TLS_INSECURE", "1"), ("ACTIVITYLOG_STORE_TLS_ROOT_CA_CERTIFICATE", "/ca.pem")];
    found(&both, Warning, "ACTIVITYLOG_STORE_TLS_INSECURE", "a root CA is given as well");
    found(&both[2..], Warning, "ACTIVITYLOG_STORE_TLS_ROOT_CA_CERTIFICATE", "TLS is not on");
    let login = [("ACTIVITYLOG_STORE_AUTH_USERNAME", "u"), ("ACTIVITYLOG_STORE_AUTH_PASSWORD", "geheim")];
    let mut remote = login.to_vec();
    remote.push(("ACTIVITYLOG_STORE_NODES", "nats:4222"));
    found(&remote, Warning, "ACTIVITYLOG_STORE_AUTH_PASSWORD", "in the clear");
    let local = findings(&login);
    assert!(!local.iter().any(|found| found.message.contains("in the clear")), "the default node is local: {local:#?}");
    assert!(!findings(&remote).iter().any(|found| found.text().contains("geheim")));
    found(&login[..1], Warning, "ACTIVITYLOG_STORE_AUTH_USERNAME", "no password");
    found(&login[1..], Warning, "ACTIVITYLOG_STORE_AUTH_PASSWORD", "no user name");
    found(&[("OCIS_CACHE_NODES", "a")], Warning, "OCIS_CACHE_NODES", "did you mean OCIS_CACHE_STORE_NODES?");
    let hidden = [("OCIS_CACHE_TTL", "5m"), ("GRAPH_CACHE_TTL", "")];
    found(&hidden, Hint, "GRAPH_CACHE_TTL", "keeps OCIS_CACHE_TTL from being read");
    found(&[("USERLOG_STORE_TTL", "5m")], Hint, "USERLOG_STORE_TTL", "stay for ever");
    found(
        &[("GRAPH_CACHE_STORE_NODES", "a:1")],
        Hint,
        "GRAPH_CACHE_STORE_NODES",
        "set OCIS_CACHE_STORE or GRAPH_CACHE_STORE too",
    );
}

#[test]
fn an_error_in_a_global_variable_is_told_once_with_all_its_services() {
    let findings = findings(&[("OCIS_CACHE_TTL", "1d")]);
    let errors: Vec<&Finding> = findings.iter().filter(|found| found.severity == Severity::Error).collect();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(errors[0].services.len() > 5);
    let one =
        check(&sources(Profile::Ocis, &[("OCIS_CACHE_TTL", "1d")]), Some("ACTIVITYLOG"), &|_| Ok(())).expect("known");
    assert!(one.iter().all(|found| found.severity != Severity::Error), "{one:#?}");
}
