//! Who may log in to a Redis server, and what it lets them do.

use crate::examination::{
    Failure, examined, fails, fails_in_every_format, is_well, outcomes, redis_config, step, told,
};
use crate::servers::redis::{Login, Options, Redis};

const REFUSED: Failure<'_> = Failure { step: "login", code: 5, detail: "refused the login", advice: "" };

/// A server that has the user `app` with these rights.
fn allowing(rights: &str) -> Redis {
    let more = format!("user app on >hush {rights}\n");
    Redis::start(&Options { more, ..Options::default() }).expect("a server")
}

fn config(server: &Redis, more: &str) -> String {
    redis_config(&server.address(), more)
}

const APP: &str = "username = \"app\"\npassword = \"hush\"\n";

#[test]
fn a_refused_login_leads_to_the_settings_that_it_came_from() {
    let options = Options { login: Login::password("hush"), ..Options::default() };
    let server = Redis::start(&options).expect("a server");
    is_well(&config(&server, "password = \"hush\"\n"), &[]);
    let advice = "Check stores.sessions.password: it must be the password of the user default";
    fails_in_every_format(&config(&server, "password = \"hushhush\"\n"), &[], Failure { advice, ..REFUSED });
    let advice = "set stores.sessions.password (or stores.sessions.password_file)";
    fails_in_every_format(&config(&server, ""), &[], Failure { advice, ..REFUSED });
    let advice = "Check stores.sessions.username and stores.sessions.password";
    fails(&config(&server, APP), &[], Failure { advice, ..REFUSED });
    let advice = "needs another value";
    let missing = Failure { step: "login", code: 2, detail: "password_file", advice };
    fails(&config(&server, "password_file = \"/no/such/file\"\n"), &[], missing);
}

#[test]
fn the_rights_that_the_advice_names_are_enough_and_fewer_are_told() {
    let advised = "~* +@read +@write +@connection +@transaction +@scripting +role +time +wait";
    is_well(&config(&allowing(advised), APP), &[]);
    let advice = "Larder needs of an ACL, for the keys of the store (~pattern): +@read +@write";
    let reader = allowing("~* +@read +@connection +role +time");
    fails_in_every_format(
        &config(&reader, APP),
        &[],
        Failure { step: "write", code: 5, detail: "ACL SETUSER … +", advice },
    );
    let elsewhere = allowing("~elsewhere:* +@all");
    let denied = Failure { step: "master", code: 5, detail: "the right to the keys", advice };
    fails_in_every_format(&config(&elsewhere, APP), &[], denied);
    // A script may do what its user may.
    let without_set = allowing("~* +@all -set -get -pexpireat");
    fails(&config(&without_set, APP), &[], Failure { step: "write", code: 5, detail: "ACL SETUSER", advice });
}

#[test]
fn a_user_who_may_not_ping_or_watch_is_logged_in_all_the_same() {
    let server = allowing("~* +@all -ping -client|tracking");
    let (code, store) = examined(&config(&server, APP), &[]);
    assert_eq!((code, outcomes(&store, "login")), (0, vec!["ok".to_owned()]), "{store}");
    assert_eq!((store["outcome"].as_str(), outcomes(&store, "watch")), (Some("warning"), vec!["warning".to_owned()]));
    let (_, detail, advice) = told(step(&store, "watch"));
    assert!(detail.starts_with("watch: ") && detail.contains("+client|tracking"), "{detail}");
    assert!(advice.contains("+@connection"), "{advice}");
}
