//! What to do about a store of a type that does not answer, although something listens there, or that refuses the login.

use super::refusal;
use crate::config::StoreConfig;
use crate::config::settings::Settings;
use crate::error::{Error, Status};

/// What the login's settings of the servers and of the sentinels begin with.
const SERVER: &str = "";
const SENTINEL: &str = "sentinel_";

/// What is to be done when a store does not answer.
pub fn on_login(section: &StoreConfig, error: &Error) -> String {
    match error.status() {
        Status::AUTH if is_refused(error) => on_refused(section, error),
        Status::UNAVAILABLE | Status::TIMEOUT => on_silence(&section.kind, error),
        Status::CONFIG if error.origin() == "master" => {
            let name = section.settings.name("master");
            format!(
                "Set {name}, or what stands behind the / of each node, to what the sentinels call it: \
                 redis-cli -p 26379 SENTINEL MASTERS lists it."
            )
        }
        _ => refusal::on_error(error),
    }
}

/// Whether it is the login that was refused, and not what came after it.
fn is_refused(error: &Error) -> bool {
    let is_right = ["denied the request", "NOPERM", "Permissions Violation", "no right to"];
    !is_right.iter().any(|words| error.message().contains(words))
}

fn on_refused(section: &StoreConfig, error: &Error) -> String {
    let settings = &section.settings;
    match (section.kind.as_str(), error.origin()) {
        ("nats-js-kv", _) => on_refused_by_nats(settings),
        (_, "sentinel") => on_refused_by_redis(settings, SENTINEL, "the sentinels, who have a login of their own"),
        _ => on_refused_by_redis(settings, SERVER, "the server"),
    }
}

fn on_refused_by_redis(settings: &Settings, prefix: &str, who: &str) -> String {
    let has = |key: &str| settings.iter().any(|(known, _)| known == format!("{prefix}{key}"));
    let name = |key: &str| settings.name(&format!("{prefix}{key}"));
    let (username, password, file) = (name("username"), name("password"), name("password_file"));
    let given = if has("password_file") { &file } else { &password };
    if !has("password") && !has("password_file") {
        return format!(
            "A login is wanted by {who}: set {password} (or {file}), and {username} for a user of an ACL other than \
             default."
        );
    }
    if has("username") {
        return format!("Check {username} and {given}: {who} must have this user, switched on, with this password.");
    }
    format!(
        "Check {given}: it must be the password of the user default (requirepass) of {who}; set {username} for \
         another user."
    )
}

fn on_refused_by_nats(settings: &Settings) -> String {
    let has = |key: &str| settings.iter().any(|(known, _)| known == key);
    let name = |key: &str| settings.name(key);
    if has("token") || has("token_file") {
        return format!("Check {}: it must be the token of the server's authorization.", name("token"));
    }
    if has("nkey") || has("nkey_file") {
        return format!(
            "Check {}: it must be the seed (SU…) whose public key (U…) is among the server's users.",
            name("nkey")
        );
    }
    if has("credentials") {
        return format!(
            "Check {}: its user must be of an account that the server's resolver knows, neither expired nor revoked; \
             nsc generate creds makes a new file.",
            name("credentials")
        );
    }
    if has("username") {
        return format!(
            "Check {} and {} (or {}): the server must have this user, with this password.",
            name("username"),
            name("password"),
            name("password_file")
        );
    }
    format!(
        "A login is wanted by the server: set {} and {}, or {}, {} or {}, whichever it has for its users; a login in a \
         node's URL counts, too.",
        name("username"),
        name("password"),
        name("token"),
        name("nkey"),
        name("credentials")
    )
}

fn on_silence(kind: &str, error: &Error) -> String {
    let told = error.message();
    let says = |words: &[&str]| words.iter().any(|words| told.contains(words));
    let question = of_kind(kind, told);
    if says(&["said nothing within", "gave no answer within", "no answer within"]) {
        return format!(
            "Something takes connections there and says nothing: the server hangs (stopped, swapping, a disk that does \
             not answer), or a proxy listens there without a server behind it. {question}"
        );
    }
    let text = if kind == "redis-sentinel" && says(&["although the sentinels name it"]) {
        "A failover may be under way. If this lasts, the sentinels hold on to what is gone: look at their SENTINEL MASTER, \
         and have them look anew with SENTINEL RESET."
    } else if kind == "redis" && says(&["it is a replica"]) {
        "A replica takes no writes: name its master in nodes (INFO replication tells master_host), or let the type \
         redis-sentinel find it."
    } else {
        return format!("{question} Where a step before failed, begin there; the server's own log says more.");
    };
    text.to_owned()
}

fn of_kind(kind: &str, told: &str) -> &'static str {
    match kind {
        "nats-js-kv" if told.contains("JetStream") => {
            "JetStream has to be on (nats-server -js, or jetstream {} in its configuration) and allowed to this account; in a \
             cluster most of the servers have to be up."
        }
        "nats-js-kv" => {
            "Is it a NATS server that listens there? Its port is 4222, that of the one inside of oCIS 9233."
        }
        "redis" => {
            "Is it the master that listens there, whose port is 6379? Of a sentinel (26379) or a replica the type \
             redis-sentinel finds the master."
        }
        "redis-sentinel" => {
            "Do sentinels listen there, whose port is 26379, and not the servers (6379)? And is the master up that they name?"
        }
        _ => "Look at what it depends on.",
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::config::Config;

    fn section(kind: &str, more: &str) -> StoreConfig {
        let config = Config::parse(&format!("[stores.s]\ntype = \"{kind}\"\n{more}")).expect("valid");
        config.stores["s"].clone()
    }

    fn advice(kind: &str, more: &str, status: Status, origin: &'static str, text: &str) -> String {
        on_login(&section(kind, more), &Error::new(status, origin, text.to_owned()))
    }

    #[test]
    fn a_store_that_does_not_answer_is_asked_what_its_type_has_to_have() {
        let silent = |kind, text: &str| advice(kind, "", Status::UNAVAILABLE, "store", text);
        assert!(silent("nats-js-kv", "JetStream does not answer").contains("nats-server -js"));
        assert!(silent("nats-js-kv", "no connection").contains("9233"));
        assert!(silent("redis", "it is a replica; name the master").contains("name its master in nodes"));
        assert!(silent("redis-sentinel", "it is a replica, although the sentinels name it").contains("RESET"));
        assert!(silent("redis-sentinel", "no connection").contains("26379"));
        assert!(silent("redis", "it connected, but said nothing within 2s").contains("hangs"));
    }

    #[test]
    fn a_refused_login_leads_to_the_settings_that_it_came_from() {
        let refused = |kind, origin, more: &str| advice(kind, more, Status::AUTH, origin, "refused the login");
        let cases = [
            (refused("redis", "redis", ""), "set stores.s.password (or stores.s.password_file)"),
            (refused("redis", "redis", "password = \"x\"\n"), "Check stores.s.password: it must be"),
            (refused("redis", "redis", "password_file = \"x\"\n"), "Check stores.s.password_file: it must be"),
            (
                refused("redis", "redis", "username = \"u\"\npassword = \"x\"\n"),
                "stores.s.username and stores.s.password",
            ),
            (refused("redis-sentinel", "sentinel", "password = \"x\"\n"), "set stores.s.sentinel_password"),
            (refused("redis-sentinel", "redis", "sentinel_password = \"x\"\n"), "set stores.s.password"),
            (refused("nats-js-kv", "username", ""), "stores.s.nkey or stores.s.credentials"),
            (refused("nats-js-kv", "username", "username = \"u\"\n"), "Check stores.s.username and"),
            (refused("nats-js-kv", "token", "token_file = \"x\"\n"), "Check stores.s.token"),
            (refused("nats-js-kv", "nkey", "nkey = \"x\"\n"), "Check stores.s.nkey"),
            (refused("nats-js-kv", "credentials", "credentials = \"x\"\n"), "Check stores.s.credentials"),
        ];
        for (advice, expected) in cases {
            assert!(advice.contains(expected), "{expected}: {advice}");
        }
    }

    #[test]
    fn a_right_that_is_missing_is_no_refused_login() {
        let told = "the server says \"NOPERM this user\"; give the user the right to it";
        let given = advice("redis", "password = \"x\"\n", Status::AUTH, "redis", told);
        assert!(given.contains("ACL SETUSER") && !given.contains("Check stores"), "{given}");
        let given = advice("redis-sentinel", "", Status::CONFIG, "master", "the sentinel knows no master");
        assert!(given.contains("SENTINEL MASTERS"), "{given}");
    }
}
