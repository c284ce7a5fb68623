//! Which stores are one and which are apart: what a transfer goes on with, and where a migration may go.

use std::path::Path;

use super::servers::nats::{self, Nats};
use super::servers::redis::{self, Redis};
use super::servers::sentinel::{MASTER, Sentinel};
use super::{command_within, done, file, nats_config, redis_config, text, told};

/// A configuration in a file, for `--to`.
fn config_file(name: &str, config: &str) -> std::path::PathBuf {
    let path = file(&format!("{name}.toml"));
    std::fs::write(&path, config).expect("writable");
    path
}

fn migrate(from: &str, to: &Path, more: &[&str]) -> (Option<i32>, String) {
    told(from, &[&["migrate", "--to", text(to), "--verify"], more].concat())
}

fn assert_moves(from: &str, to: &Path, more: &[&str], records: usize) {
    // The second time the target has them already, so that a list of the source that showed them would be seen.
    for _ in 0..2 {
        let (code, said) = migrate(from, to, more);
        let expected = format!("verified: {records} records are the same");
        assert!(code == Some(0) && said.contains(&expected), "{from} to {}: {said}", text(to));
    }
}

fn assert_refused(from: &str, to: &Path, expected: &str) {
    let (code, said) = migrate(from, to, &[]);
    assert!(code == Some(2) && said.contains(expected), "{from} to {}: {said}", text(to));
}

const SAME: &str = "source and target are the same store";
const OVERLAP: &str = "would list or overwrite records of one another";

#[test]
fn a_load_does_not_go_on_in_another_numbered_database() {
    let mut server = Redis::start(&redis::Options::default()).expect("a server");
    let configs = ["", "db = 1\n", "format = \"raw\"\n"].map(|more| redis_config(&server, more));
    let (path, state) = (file("other-db"), file("other-db-state"));
    done("memory://", &["run"], &format!("put a 1\nput b 2\ndump {}", text(&path)));
    let load = ["load", text(&path), "--resume", "--state", text(&state)];
    server.process().kill();
    let output = command_within("1s", &configs[0], &load).output().expect("it runs");
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    server.start_again().expect("it comes back");
    // As if it had been interrupted behind the first record.
    let kept = std::fs::read_to_string(&state).expect("there");
    std::fs::write(&state, kept.replace("\"records\":0", "\"records\":1")).expect("writable");
    for (config, expected) in [(&configs[1], ", db 1, format larder"), (&configs[2], ", db 0, format raw")] {
        let (code, said) = told(config, &load);
        assert!(code == Some(2) && said.contains("about another target: redis at "), "{said}");
        assert!(said.contains(", db 0, format larder, database") && said.contains(expected), "{said}");
    }
    std::fs::write(&state, kept.replace("\"larder_progress\":2", "\"larder_progress\":1")).expect("writable");
    let (code, said) = told(&configs[0], &load);
    assert!(code == Some(2) && said.contains("is of version 1, and this Larder goes on with version 2 only"), "{said}");
    std::fs::remove_file(&state).expect("there");
    assert!(done(&configs[0], &load, "").contains("2 records: 2 written"));
}

#[test]
fn redis_stores_are_apart_by_numbered_database_table_and_format() {
    let server = Redis::start(&redis::Options::default()).expect("a server");
    let to = |name: &str, more: &str| config_file(&format!("redis-{name}"), &redis_config(&server, more));
    let go_micro = redis_config(&server, "format = \"go-micro\"\ntable = \"events\"\n");
    let elsewhere = redis_config(&server, "format = \"go-micro\"\ntable = \"events\"\ndatabase = \"d\"\n");
    done(&go_micro, &["run"], "put a 1 --lifespan 1h\nput b 2\nput users/c 3");
    let larder = to("larder", "table = \"events\"\n");
    assert_moves(&go_micro, &larder, &[], 3);
    assert_moves(&go_micro, &to("db-1", "format = \"go-micro\"\ntable = \"events\"\ndb = 1\n"), &[], 3);
    assert_refused(&go_micro, &to("raw", "format = \"raw\"\ntable = \"events\"\n"), SAME);
    // The format knows no database.
    assert_refused(&elsewhere, &to("itself", "format = \"go-micro\"\ntable = \"events\"\n"), SAME);
    let all = redis_config(&server, "db = 2\nformat = \"go-micro\"\n");
    done(&all, &["run"], "put a 1\nput users/b 2\nput users/c 3");
    let larder = to("larder-2", "db = 2\n");
    // Without a table it has every key for its own.
    assert_refused(&all, &larder, OVERLAP);
    assert_moves(&all, &larder, &["--prefix", "users/"], 2);
    assert_moves(&all, &to("larder-3", "db = 3\n"), &["--prefix", "users/"], 2);
}

#[test]
fn nats_stores_of_two_formats_share_a_bucket_where_they_do_not_meet() {
    let server = Nats::single(&nats::Options::default()).expect("a server");
    let of = |more: &str| nats_config(&server, "shared") + more;
    let to = |name: &str, more: &str| config_file(&format!("nats-{name}"), &of(more));
    let go_micro = of("format = \"go-micro\"\n");
    done(&go_micro, &["run"], "put a 1 -m k=v\nput b 2");
    assert_moves(&go_micro, &to("larder", ""), &[], 2);
    assert_moves(&of(""), &to("go-micro", "format = \"go-micro\"\n"), &[], 2);
    assert_moves(&go_micro, &to("raw", "format = \"raw\"\ntable = \"t\"\n"), &["--lossy"], 2);
    assert_refused(&go_micro, &to("all", "format = \"raw\"\n"), OVERLAP);
    assert_refused(&go_micro, &to("table", "format = \"go-micro\"\ntable = \"t\"\n"), OVERLAP);
    assert_refused(&go_micro, &to("same", "format = \"go-micro\"\n"), SAME);
}

#[test]
fn two_masters_of_the_same_sentinels_are_two_stores() {
    let servers = [(); 2].map(|()| Redis::start(&redis::Options::default()).expect("a server"));
    let sentinel = Sentinel::naming(&servers[0]).expect("a sentinel");
    let (address, port) = (servers[1].endpoint().place.address.clone(), servers[1].endpoint().port.to_string());
    sentinel.ask(&["SENTINEL", "MONITOR", "other", &address, &port, "2"]).expect("it takes it");
    let config = |master: &str| {
        let nodes = format!("nodes = [\"{}/{master}\"]", sentinel.address());
        format!("[stores.s]\ntype = \"redis-sentinel\"\n{nodes}\n")
    };
    let from = config(MASTER);
    done(&from, &["run"], "put a 1\nput b 2");
    assert_moves(&from, &config_file("other-master", &config("other")), &[], 2);
    assert_refused(&from, &config_file("same-master", &config(MASTER)), SAME);
}
