//! Servers that are full, cannot save, or miss replicas: reads work, writes do not.

use std::process::Command;

use crate::examination::{
    Failure, doctor, examined, fails_in_every_format, is_well, nats_config, outcomes, redis_config,
};
use crate::servers::nats::{self, JetStream, Nats};
use crate::servers::redis::{Options, Redis};
use crate::servers::{PATIENCE, wait_for};

fn redis(more: &str) -> Redis {
    Redis::start(&Options { more: more.to_owned(), ..Options::default() }).expect("a server")
}

/// Writes values of a length to the configured place until one is refused.
fn fill(config: &str, length: usize) {
    let value = "v".repeat(length);
    for number in 0..500 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
        command.args(["--config", config, "--timeout", "5s", "put", &format!("{length}-{number}"), &value]);
        if !command.output().expect("it runs").status.success() {
            return;
        }
    }
    panic!("there is always room");
}

#[test]
fn a_redis_without_memory_takes_no_writes() {
    let server = redis("maxmemory 1kb\nmaxmemory-policy noeviction\n");
    let config = redis_config(&server.address(), "");
    let expected = Failure { step: "write", code: 5, detail: "OOM command not allowed", advice: "raise its maxmemory" };
    fails_in_every_format(&config, &[], expected);
    // Nothing is wrong with reading.
    let (code, store) = examined(&config, &["--read-only"]);
    assert_eq!((code, outcomes(&store, "master")), (0, vec!["ok".to_owned()]), "{store}");
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]).expect("set");
    is_well(&config, &[]);
}

#[test]
fn a_redis_that_cannot_save_takes_no_writes() {
    let server = redis("save 3600 1000000\n");
    let directory = server.ask(&["CONFIG", "GET", "dir"]).expect("an answer");
    let directory = directory.lines().nth(1).expect("a path");
    // Where the file should be there is a directory, so that it cannot be renamed to it.
    std::fs::create_dir_all(format!("{directory}/dump.rdb/in-the-way")).expect("made");
    let config = redis_config(&server.address(), "");
    is_well(&config, &[]);
    server.ask(&["BGSAVE"]).expect("begun");
    wait_for("a failure", PATIENCE, || {
        let info = server.ask(&["INFO", "persistence"])?;
        if info.contains("rdb_last_bgsave_status:err") { Ok(()) } else { Err(info) }
    })
    .expect("a failure");
    let expected = Failure { step: "write", code: 5, detail: "MISCONF", advice: "look at the room on its disk" };
    fails_in_every_format(&config, &[], expected);
}

#[test]
fn a_redis_that_misses_replicas_takes_no_writes() {
    let server = redis("min-replicas-to-write 1\n");
    let expected = Failure { step: "write", code: 4, detail: "NOREPLICAS", advice: "(min-replicas-to-write)" };
    fails_in_every_format(&redis_config(&server.address(), ""), &["--timeout", "2s"], expected);
}

#[test]
fn a_database_that_is_not_there_is_told_by_its_number() {
    let server = redis("");
    let expected = Failure { step: "login", code: 2, detail: "db: ", advice: "needs another value" };
    fails_in_every_format(&redis_config(&server.address(), "db = 99\n"), &[], expected);
}

#[test]
fn a_bucket_that_is_full_takes_no_writes() {
    let nats = Nats::single(&nats::Options::default()).expect("a server");
    let config = nats_config(&nats.addresses()[0], "max_bytes = \"32KiB\"\n");
    // What large records leave of the room, small ones take.
    fill(&config, 10_000);
    fill(&config, 100);
    let expected = Failure { step: "write", code: 4, detail: "is full", advice: "nats stream edit --max-bytes" };
    fails_in_every_format(&config, &["--timeout", "3s"], expected);
}

#[test]
fn a_jetstream_that_is_full_takes_no_writes() {
    let options = nats::Options { jetstream: JetStream::Limited(64 << 10), ..nats::Options::default() };
    let nats = Nats::single(&options).expect("a server");
    let address = &nats.addresses()[0];
    let expected = Failure { step: "write", code: 4, detail: "insufficient", advice: "raise max_file_store" };
    // A bucket that asks for more than there is, and one that has taken all of it.
    fails_in_every_format(&nats_config(address, "max_bytes = \"1MiB\"\n"), &["--timeout", "3s"], expected);
    let config = nats_config(address, "");
    fill(&config, 10_000);
    fill(&config, 100);
    fails_in_every_format(&config, &["--timeout", "3s"], expected);
    assert_eq!(doctor(&config, &["--read-only"]).code, 0);
}
