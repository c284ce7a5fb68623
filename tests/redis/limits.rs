//! Servers that know or allow less, and the end of a store.

use std::sync::Mutex;
use std::time::Duration;

use larder::Status;
use larder::log::{self, Level, Line};
use larder::store::given::{Given, Loan};
use larder::store::options::{Condition, Durability, Lifetime, ListOptions, Outcome, PutOptions, Term, WatchOptions};

use crate::servers::redis::{Login, Options, Redis};
use crate::support::{done, open, put, value, wait, watch};

const SHORT: Duration = Duration::from_millis(500);

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn listen(line: Line) {
    LINES.lock().expect("no panic").push(line.message);
}

fn configured(more: &str) -> Redis {
    Redis::start(&Options { more: more.to_owned(), ..Options::default() }).expect("a server")
}

#[test]
fn a_server_that_knows_no_hello_is_spoken_to_by_the_old_protocol() {
    let login = Login::password("old-secret");
    let more = "rename-command HELLO \"\"\n".to_owned();
    let server = Redis::start(&Options { login, more, ..Options::default() }).expect("a server");
    for format in ["larder", "raw"] {
        let opened = open(&format!("redis://:old-secret@{}/1?format={format}&table={format}", server.address()));
        let store = &opened.store;
        let long = vec![7; 20_000];
        put(store, b"a", b"1");
        put(store, b"b", &long);
        assert_eq!(value(store, b"a"), Some(b"1".to_vec()));
        assert_eq!(value(store, b"b"), Some(long));
        assert_eq!(value(store, b"none"), None);
        let record = wait(store.get(b"a")).expect("read").expect("there");
        let condition = Condition::IfRevision(record.revision());
        done(wait(store.put(b"a", b"2", &PutOptions { condition, ..PutOptions::default() })));
        assert_eq!(wait(store.list(&ListOptions::default())).expect("a list").len(), 2);
        assert!(matches!(wait(store.remove(b"a", None)), Ok(Outcome::Done { .. })));
        let about = store.describe();
        assert_eq!((about["protocol"].as_u64(), about["watch"].as_str()), (Some(2), Some("none")), "{about}");
        assert!(about["watch_limits"].as_str().is_some_and(|text| text.contains("RESP2")), "{about}");
        let error = wait(store.watch(&WatchOptions::default())).err().expect("no tracking");
        assert_eq!((error.status(), error.origin()), (Status::UNSUPPORTED, "watch"), "{error}");
    }
    let wrong = open(&format!("redis://:wrong@{}", server.address()));
    assert_eq!(wait(wrong.store.get(b"a")).expect_err("refused").status(), Status::AUTH);
}

#[test]
fn a_value_arrives_whole_in_whatever_way_it_is_given() {
    let server = Redis::start(&Options::default()).expect("a server");
    for format in ["larder", "raw", "go-micro"] {
        let opened = open(&format!("redis://{}?format={format}&table={format}", server.address()));
        for length in [0, 1, 1023, 4095, 4096, 65_536, 65_537, 1 << 20] {
            let bytes: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
            // SAFETY: `bytes` is there, and not written to, until the put was waited for.
            let lent = Given::Lent(unsafe { Loan::new(&bytes) });
            for given in [Given::Borrowed(&bytes), Given::Shared(bytes.clone().into()), lent] {
                put(&opened.store, b"k", b"another");
                done(wait(opened.store.put_given(b"k", given, &PutOptions::default())));
                assert!(value(&opened.store, b"k").as_ref() == Some(&bytes), "{format}: {length}");
            }
        }
    }
}

#[test]
fn a_value_beyond_the_servers_limit_is_refused_before_it_is_sent() {
    let server = configured("proto-max-bulk-len 1mb\n");
    let opened = open(&format!("redis://{}", server.address()));
    // The first call finds the limit out.
    let error = wait(opened.store.put(b"k", &vec![7; 2 << 20], &PutOptions::default())).expect_err("too large");
    assert_eq!((error.status(), error.origin()), (Status::TOO_LARGE, "value"), "{error}");
    assert!(error.message().contains("1048576"), "{error}");
    put(&opened.store, b"k", &vec![7; 1_000_000]);
    // A server that does not tell its limit has the usual one.
    let server = configured("rename-command CONFIG \"\"\n");
    let opened = open(&format!("redis://{}", server.address()));
    put(&opened.store, b"k", &vec![7; 2 << 20]);
    assert_eq!(value(&opened.store, b"k").map(|value| value.len()), Some(2 << 20));
}

#[test]
fn a_key_beyond_the_servers_limit_is_refused_before_it_is_sent_whatever_is_asked() {
    let server = configured("proto-max-bulk-len 1mb\n");
    for format in ["larder", "raw"] {
        // With what stands before it, it is longer than the limit.
        let opened = open(&format!("redis://{}?format={format}&table=t", server.address()));
        let store = &opened.store;
        let long = &vec![b'k'; 1 << 20][..];
        let hung_up = connections(&server);
        let refused = |what: &str, error: larder::Error| {
            assert_eq!((error.status(), error.origin()), (Status::TOO_LARGE, "key"), "{format}, {what}: {error}");
        };
        // The first call finds the limit out.
        refused("get", wait(store.get(long)).expect_err("too long"));
        refused("get_many", wait(store.get_many(&[b"short", long])).expect_err("too long"));
        refused("contains", wait(store.contains(long)).expect_err("too long"));
        refused("put", wait(store.put(long, b"v", &PutOptions::default())).expect_err("too long"));
        let condition = Condition::IfAbsent;
        let options = PutOptions { condition, ..PutOptions::default() };
        refused("put_if", wait(store.put(long, b"v", &options)).expect_err("too long"));
        refused("remove", wait(store.remove(long, None)).expect_err("too long"));
        refused("remove_many", wait(store.remove_many(&[b"short", long])).expect_err("too long"));
        for lifespan in [Term::Default, Term::Unlimited] {
            let lifetime = Lifetime { lifespan, max_idle: Term::Default };
            refused("touch", wait(store.touch(long, lifetime)).expect_err("too long"));
        }
        let options = ListOptions { prefix: long.to_vec(), ..ListOptions::default() };
        assert_eq!(wait(store.list(&options)).expect_err("too long").status(), Status::TOO_LARGE);
        put(store, &long[..1000], b"v");
        // The first call's two, and nobody was hung up on.
        assert_eq!(connections(&server), hung_up + 3, "{format}");
    }
}

/// How many connections a server has had. Each question is one, too.
fn connections(server: &Redis) -> u64 {
    let stats = server.ask(&["INFO", "stats"]).expect("an answer");
    let line = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
    line.and_then(|text| text.trim().parse().ok()).expect("a number")
}

#[test]
fn a_user_who_may_not_make_transactions_writes_long_values_too() {
    let server = configured("user plain on >plain-secret ~* &* +@all -multi -exec\n");
    let opened = open(&format!("redis://plain:plain-secret@{}", server.address()));
    let long = vec![7; 20_000];
    put(&opened.store, b"k", &long);
    put(&opened.store, b"k", &long);
    assert_eq!(value(&opened.store, b"k"), Some(long));
}

#[test]
fn a_user_who_may_not_load_scripts_is_told_so_at_once_unless_they_are_loaded() {
    let server = configured("user plain on >plain-secret ~* &* +@all -script|load\n");
    let opened = open(&format!("redis://plain:plain-secret@{}", server.address()));
    let begun = std::time::Instant::now();
    let error = wait(opened.store.put(b"k", b"v", &PutOptions::default())).expect_err("no right");
    assert_eq!(error.status(), Status::AUTH, "{error}");
    assert!(error.message().contains("+script|load") && begun.elapsed() < Duration::from_secs(4), "{error}");
    let other = open(&format!("redis://{}", server.address()));
    put(&other.store, b"k", b"1");
    put(&opened.store, b"k", b"2");
    assert_eq!(value(&opened.store, b"k"), Some(b"2".to_vec()));
}

#[test]
fn a_user_who_loses_the_right_to_transactions_is_told_what_its_writes_came_to() {
    let server = configured("user plain on >plain-secret ~* &* +@all\n");
    for taken in ["multi", "exec"] {
        server.ask(&["ACL", "SETUSER", "plain", "+@all"]).expect("given");
        let opened = open(&format!("redis://plain:plain-secret@{}", server.address()));
        let mut last = put(&opened.store, b"k", &[0; 20_000]);
        server.ask(&["ACL", "SETUSER", "plain", &format!("-{taken}")]).expect("taken");
        for number in 1..4 {
            let long = vec![number; 20_000];
            let revision = put(&opened.store, b"k", &long);
            assert!(revision > last && value(&opened.store, b"k") == Some(long), "{taken}: {number}");
            last = revision;
        }
    }
}

#[test]
fn a_user_who_may_not_ask_for_replicas_is_told_which_right_durable_writes_need() {
    let users = "user none on >plain-secret ~* &* +@all -role\nuser half on >plain-secret ~* &* +@all -wait\n";
    let server = configured(users);
    for (user, missing) in [("none", "ROLE"), ("half", "WAIT")] {
        let opened = open(&format!("redis://{user}:plain-secret@{}?durability=1", server.address()));
        let plain = PutOptions { durability: Durability::None, ..PutOptions::default() };
        done(wait(opened.store.put(b"k", b"1", &plain)));
        let before = connections(&server);
        for _ in 0..5 {
            let error = wait(opened.store.put(b"k", b"2", &PutOptions::default())).expect_err("no right");
            assert_eq!((error.status(), error.origin()), (Status::AUTH, "durability"), "{error}");
            assert!(error.message().contains(missing), "{error}");
        }
        // Nothing was written, and nothing was connected anew to learn that.
        assert_eq!(value(&opened.store, b"k"), Some(b"1".to_vec()));
        assert_eq!(connections(&server), before + 1);
        // The right is enough once it is given.
        server.ask(&["ACL", "SETUSER", user, &format!("+{}", missing.to_lowercase())]).expect("given");
        let error =
            larder::wait(opened.store.put(b"k", b"3", &PutOptions::default()), Some(SHORT)).expect_err("no replica");
        assert_eq!(error.status(), Status::AMBIGUOUS, "{error}");
    }
}

#[test]
fn closing_a_store_is_no_reason_to_warn() {
    let server = configured("");
    let opened = open(&format!("redis://{}", server.address()));
    put(&opened.store, b"k", b"v");
    let watching = watch(&opened.store, &WatchOptions::default());
    log::set_sink(Some((Level::Warn, listen)));
    drop(watching);
    let second = watch(&opened.store, &WatchOptions::default());
    wait(opened.larder.close()).expect("closed");
    drop((second, opened));
    std::thread::sleep(std::time::Duration::from_millis(300));
    log::set_sink(None);
    // Other tests' servers may die meanwhile.
    let lines = LINES.lock().expect("no panic");
    let ours = |line: &&String| line.contains(&server.address()) || line.contains("closed");
    let ours: Vec<&String> = lines.iter().filter(ours).collect();
    assert!(ours.is_empty(), "{ours:?}");
}

#[test]
fn many_callers_share_few_connections() {
    let server = Redis::start(&Options::default()).expect("a server");
    let opened = open(&format!("redis://{}?client_name=the-one", server.address()));
    put(&opened.store, b"short", b"1");
    std::thread::scope(|scope| {
        for caller in 0..64 {
            let store = &opened.store;
            scope.spawn(move || {
                for length in [1, 20_000, 200_000] {
                    put(store, format!("{caller} {length}").as_bytes(), &vec![7; length]);
                    assert_eq!(value(store, b"short"), Some(b"1".to_vec()));
                }
            });
        }
    });
    let clients = server.ask(&["CLIENT", "LIST"]).expect("a list");
    let ours = clients.lines().filter(|line| line.contains("name=the-one")).count();
    // Two for requests, and one for what the server says unasked.
    assert!((1..=3).contains(&ours), "{clients}");
}
