//! `larder dump`, `load` and `migrate` between real servers.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[path = "command_transfer_servers/again.rs"]
mod again;
#[path = "command_transfer_servers/dump.rs"]
mod dump;
#[path = "command_transfer_servers/places.rs"]
mod places;
#[path = "servers/mod.rs"]
mod servers;

use servers::nats::{self, Nats};
use servers::redis::{self, Redis};

const RECORDS: usize = 20_000;

fn command(config: &str, arguments: &[&str]) -> Command {
    command_within("60s", config, arguments)
}

fn command_within(timeout: &str, config: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(["--config", config, "--timeout", timeout]).args(arguments).env_remove("LARDER_CONFIG");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The exit code of a command, and what it printed on both ways.
fn told(config: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output = command(config, arguments).stdin(Stdio::null()).output().expect("it runs");
    let texts = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.code(), texts.concat())
}

/// What a command that must succeed printed.
fn done(config: &str, arguments: &[&str], input: &str) -> String {
    let mut child = command(config, arguments).spawn().expect("it starts");
    let (mut stdin, input) = (child.stdin.take().expect("piped"), input.to_owned());
    // Beside the reading of what it prints, which would otherwise fill its pipe. It may read no input and have ended.
    let writing = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().expect("it ends");
    writing.join().expect("no panic");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {out} {err}");
    out.into_owned()
}

fn file(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("servers-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn nats_config(server: &Nats, database: &str) -> String {
    format!("[stores.n]\ntype = \"nats-js-kv\"\nnodes = [\"{}\"]\ndatabase = \"{database}\"\n", server.addresses()[0])
}

fn redis_config(server: &Redis, more: &str) -> String {
    format!("[stores.r]\ntype = \"redis\"\nnodes = [\"{}\"]\n{more}", server.address())
}

/// Keys of a store by ascending revision.
fn by_revision(config: &str) -> Vec<String> {
    let listed = done(config, &["--json", "ls"], "");
    let mut records: Vec<(u64, String)> = listed
        .lines()
        .map(|line| {
            let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
            (object["revision"].as_u64().expect("a number"), object["key"].as_str().expect("text").to_owned())
        })
        .collect();
    records.sort();
    records.into_iter().map(|(_, key)| key).collect()
}

#[test]
fn records_go_from_nats_to_redis_and_back_with_metadata_lifespan_and_order() {
    let (nats, redis) = (Nats::single(&nats::Options::default()), Redis::start(&redis::Options::default()));
    let (nats, redis) = (nats.expect("a server"), redis.expect("a server"));
    let (from, over, back) = (nats_config(&nats, "from"), redis_config(&redis, ""), nats_config(&nats, "back"));
    let again = nats_config(&nats, "again");
    let mut lines = String::from("put z 1 -m color=red\nput 'a key' 2 --lifespan 1h\n");
    for number in (0..300).rev() {
        lines += &format!("put k{number:03} v{number}\n");
    }
    done(&from, &["run"], &(lines + "put z 3 -m color=blue"));
    let path = file("there");
    assert!(done(&from, &["dump", text(&path)], "").starts_with("302 records in "));
    done(&over, &["load", text(&path)], "");
    let z = done(&over, &["get", "-l", "z"], "");
    assert!(z.contains("color=blue\t3"), "{z}");
    let lifespan = done(&over, &["get", "-l", "a key"], "");
    assert!(lifespan.contains("expires 35") || lifespan.contains("expires 3600000"), "{lifespan}");
    let told = done(&over, &["migrate", "--to", &back, "--verify"], "");
    assert!(told.contains("302 records: 302 written\nverified: 302 records are the same"), "{told}");
    // Redis has no order over all keys, NATS has.
    done(&again, &["load", text(&path)], "");
    let order = by_revision(&from);
    assert_eq!(order.last().map(String::as_str), Some("z"));
    assert_eq!(by_revision(&again), order);
}

#[test]
fn a_target_that_keeps_no_metadata_is_asked_for_first() {
    let (nats, redis) = (Nats::single(&nats::Options::default()), Redis::start(&redis::Options::default()));
    let (nats, redis) = (nats.expect("a server"), redis.expect("a server"));
    let (from, to) = (nats_config(&nats, "from"), redis_config(&redis, "format = \"go-micro\"\n"));
    done(&from, &["run"], "put a 1 -m k=v\nput b 2");
    let output = command(&from, &["migrate", "--to", &to]).output().expect("it runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(5) && err.contains("keeps no metadata; records that have one: 1"), "{err}");
    let told = done(&from, &["migrate", "--to", &to, "--lossy", "--verify"], "");
    assert!(told.contains("2 written, 1 reduced") && told.contains("2 records are the same"), "{told}");
}

#[test]
fn a_load_that_is_killed_again_and_again_comes_to_the_same_end() {
    let server = Redis::start(&redis::Options::default()).expect("a server");
    let config = redis_config(&server, "");
    let (path, after) = (file("killed"), file("after"));
    let lines: String = (0..RECORDS).map(|number| format!("put k{number:06} v{number} -m n={number}\n")).collect();
    done("memory://", &["run"], &format!("{lines}dump {}", text(&path)));
    let progress = PathBuf::from(format!("{}.larder-progress", text(&path)));
    let mut kills = 0;
    loop {
        let mut child = command(&config, &["load", "--resume", text(&path)]).spawn().expect("it starts");
        let begin = Instant::now();
        let mut ended = false;
        while !progress.exists() && !ended && begin.elapsed() < Duration::from_secs(60) {
            ended = child.try_wait().expect("a child").is_some();
            std::thread::sleep(Duration::from_millis(1));
        }
        // Each time a little later, so that it comes to an end however fast it is.
        std::thread::sleep(Duration::from_millis(30 << kills.min(12)));
        if child.try_wait().expect("a child").is_some() {
            break;
        }
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        kills += 1;
    }
    assert!(kills > 0, "it was never killed");
    assert!(!progress.exists());
    assert!(done(&config, &["dump", text(&after)], "").starts_with(&format!("{RECORDS} records in ")));
    let told = done(&config, &["run"], "get -l k000007");
    assert!(told.contains("n=7\tv7"), "{told}");
}

#[test]
fn a_migration_goes_on_when_its_target_is_back() {
    let (nats, redis) = (Nats::single(&nats::Options::default()), Redis::start(&redis::Options::default()));
    let (nats, mut redis) = (nats.expect("a server"), redis.expect("a server"));
    let (from, to) = (nats_config(&nats, "from"), redis_config(&redis, ""));
    let lines: String = (0..2000).map(|number| format!("put k{number} v{number}\n")).collect();
    done(&from, &["run"], &lines);
    let state = file("journal");
    redis.process().kill();
    let mut interrupted = command_within("2s", &from, &["migrate", "--to", &to, "--state", text(&state)]);
    let output = interrupted.stdin(Stdio::null()).output().expect("it runs");
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    redis.start_again().expect("it comes back");
    let told = done(&from, &["migrate", "--to", &to, "--state", text(&state), "--verify"], "");
    assert!(told.contains("verified: 2000 records are the same"), "{told}");
    assert!(!state.exists());
}

/// Kills a migration once its journal says that records are done. False when it was too late: the command had ended, or
/// had next to nothing left of so many records.
fn kill_midway(mut migration: Command, state: &Path, records: usize) -> bool {
    let noted = || std::fs::metadata(state).map_or(0, |journal| journal.len());
    let mut child = migration.spawn().expect("it starts");
    let begin = Instant::now();
    // Its first line is shorter, and a record is 24 bytes.
    while noted() < 1024 && child.try_wait().expect("a child").is_none() {
        assert!(begin.elapsed() < Duration::from_secs(60), "its journal does not grow");
        std::thread::sleep(Duration::from_millis(1));
    }
    // One that has ended by itself is none to be killed any more.
    let _ = child.kill();
    let status = child.wait().expect("it ends");
    assert!(status.success() || status.signal() == Some(libc::SIGKILL), "{status}");
    !status.success() && noted() < 24 * records as u64
}

/// Leaves a journal as a kill between the writing of a page and the end of its note does, which is seldom hit.
fn forget_the_last_page(state: &Path) {
    let journal = std::fs::OpenOptions::new().write(true).open(state).expect("there");
    let length = journal.metadata().expect("there").len();
    journal.set_len(length - 1).expect("cut");
}

#[test]
fn a_migration_that_is_killed_goes_on_behind_what_its_journal_says() {
    let (nats, redis) = (Nats::single(&nats::Options::default()), Redis::start(&redis::Options::default()));
    let (nats, redis) = (nats.expect("a server"), redis.expect("a server"));
    let (from, dump, state) = (nats_config(&nats, "from"), file("source"), file("killed-journal"));
    // A machine may be so fast that it is done before it is killed: then there are more records, for another target.
    for attempt in 0..4 {
        let (records, to) = (RECORDS << attempt, redis_config(&redis, &format!("database = \"to{attempt}\"\n")));
        let lines: String = (0..records).map(|number| format!("put k{number:06} v{number} -m n={number}\n")).collect();
        done("memory://", &["run"], &format!("{lines}dump {}", text(&dump)));
        done(&from, &["load", text(&dump)], "");
        // What it has written itself and not noted is no reason to fail.
        let arguments = ["--json", "migrate", "--to", &to, "--state", text(&state), "--if-exists", "fail", "--verify"];
        if !kill_midway(command(&from, &arguments), &state, records) {
            let _ = std::fs::remove_file(&state);
            continue;
        }
        forget_the_last_page(&state);
        let told = done(&from, &arguments, "");
        let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        let number = |name: &str| told[name].as_u64().expect("a number") as usize;
        assert!(number("before") > 0 && number("written") > 0, "{told}");
        assert_eq!(number("before") + number("written"), records, "{told}");
        assert_eq!((&told["verified"]["good"], &told["verified"]["same"]), (&true.into(), &records.into()), "{told}");
        assert!(!state.exists());
        assert!(done(&to, &["dump", text(&dump)], "").starts_with(&format!("{records} records in ")));
        return;
    }
    panic!("it was always done before it was killed");
}
