//! Dumps that are interrupted, and go on.

use std::fs::OpenOptions;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use larder::store::format::dump::{Item, Reader};

use super::servers::nats::{self, Nats};
use super::servers::redis::{self, Redis};
use super::{command, command_within, done, file, nats_config, redis_config, text};

/// So long that a dump of many takes a while.
const VALUE: usize = 1000;
/// How many a dump has that is to be interrupted.
const RECORDS: usize = 20_000;

fn beside(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", text(path)))
}

fn part_of(path: &Path) -> PathBuf {
    beside(path, ".larder-part")
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |about| about.len())
}

/// Writes so many records, for the dump to `path`.
fn fill(config: &str, path: &Path, records: usize) {
    let value = "v".repeat(VALUE);
    let lines: String =
        (0..records).map(|number| format!("put k{number:06} {number}{value} -m n={number}\n")).collect();
    let (source, dump) = (beside(path, "-lines"), beside(path, "-source"));
    std::fs::write(&source, lines + &format!("dump {}\n", text(&dump))).expect("writable");
    done("memory://", &["run", text(&source)], "");
    done(config, &["load", text(&dump)], "");
    for path in [source, dump] {
        std::fs::remove_file(path).expect("there");
    }
}

/// The records of a dump that is whole, in their order.
fn records(path: &Path) -> Vec<Item> {
    let mut reader = Reader::new(BufReader::new(std::fs::File::open(path).expect("there"))).expect("a dump");
    std::iter::from_fn(|| reader.read().expect("whole")).collect()
}

/// Runs a dump until its part has grown by a few pages, and then does something to it. False when it ended before.
fn midway(dump: Command, part: &Path, then: impl FnOnce(&mut std::process::Child)) -> (bool, std::process::Output) {
    let before = length(part);
    let mut dump = dump;
    let mut child = dump.stdin(Stdio::null()).spawn().expect("it starts");
    let begin = Instant::now();
    while length(part) < before + 200 * VALUE as u64 && child.try_wait().expect("a child").is_none() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{} does not grow", part.display());
        std::thread::sleep(Duration::from_millis(1));
    }
    let runs = child.try_wait().expect("a child").is_none();
    then(&mut child);
    (runs, child.wait_with_output().expect("it ends"))
}

/// What a kill in the middle of a write, or of the machine, leaves at the end of a file.
fn tear(part: &Path, kill: usize) {
    let mut part = OpenOptions::new().append(true).open(part).expect("there");
    match kill % 3 {
        0 => part.set_len(part.metadata().expect("there").len() - 7).expect("cut"),
        1 => part.write_all(b"R\x40\0\0\0half of a record").expect("writable"),
        _ => part.write_all(&[0; 4096]).expect("writable"),
    }
}

/// Kills a dump again and again, each time tears what it left, and changes, removes and adds records. False when it ended
/// before it was killed often enough.
fn kill_often(config: &str, path: &Path) -> bool {
    const KILLS: usize = 4;
    for kill in 0..KILLS {
        let dump = command(config, &["dump", "--resume", text(path)]);
        let (_, output) = midway(dump, &part_of(path), |child| drop(child.kill()));
        if output.status.success() {
            return false;
        }
        assert!(!path.exists(), "it has its name before it is whole");
        tear(&part_of(path), kill);
        // The first ones are in the file for sure.
        let first = kill * 2;
        done(config, &["run"], &format!("put k{first:06} changed\ndel k{:06}\nput new{kill} 1", first + 1));
    }
    true
}

fn kill_again_and_again(config: &str, name: &str) {
    let (path, again) = (file(name), file(&format!("{name}-again")));
    // A machine may be so fast that it is done before it is killed: then there are more records.
    let killed = (0..4).any(|attempt| {
        fill(config, &path, RECORDS << attempt);
        let _ = std::fs::remove_file(&path);
        kill_often(config, &path)
    });
    assert!(killed, "it was always done before it was killed");
    let output = command(config, &["--json", "dump", "--resume", text(&path)]).output().expect("it runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && err.contains("are not whole; they are written again"), "{out} {err}");
    for end in [".larder-part", ".larder-part-source", ".larder-part-new"] {
        assert!(!beside(&path, end).exists(), "{end} is left");
    }
    done(config, &["dump", text(&again)], "");
    let (resumed, whole) = (records(&path), records(&again));
    let told: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    // What changed and what went away after the last kill; each kill before was followed by one that saw it.
    assert_eq!((&told["stale"], &told["records"]), (&2.into(), &whole.len().into()), "{told}");
    assert!(told["before"].as_u64().is_some_and(|before| before > 0), "{told}");
    let verified = done(config, &["load", "--verify", text(&path)], "");
    assert!(verified.starts_with(&format!("the dump is whole: {} records", whole.len())), "{verified}");
    // Nothing is lost, doubled, old or out of its order: it is the dump of one that was never interrupted.
    assert_eq!(resumed.len(), whole.len());
    let differs = resumed.iter().zip(&whole).find(|(one, other)| one != other);
    assert!(differs.is_none(), "{differs:?}");
}

#[test]
fn a_dump_of_nats_that_is_killed_again_and_again_is_whole_in_the_end() {
    let nats = Nats::single(&nats::Options::default()).expect("a server");
    kill_again_and_again(&nats_config(&nats, "killed"), "nats-dump");
}

#[test]
fn a_dump_of_redis_that_is_killed_again_and_again_is_whole_in_the_end() {
    let redis = Redis::start(&redis::Options::default()).expect("a server");
    kill_again_and_again(&redis_config(&redis, ""), "redis-dump");
}

/// Takes a store away from a dump until that gives up, and lets it go on.
fn give_up_and_go_on(config: &str, name: &str, away: impl FnOnce(), back: impl FnOnce()) {
    let path = file(name);
    fill(config, &path, RECORDS);
    let dump = command_within("2s", config, &["dump", text(&path)]);
    let (runs, output) = midway(dump, &part_of(&path), |_| away());
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(runs && output.status.code() == Some(4), "{:?} {err}", output.status);
    assert!(err.contains(" records are in ") && err.contains("--resume goes on"), "{err}");
    let kept = length(&part_of(&path));
    // It is still away: what was there stays.
    let output = command_within("300ms", config, &["dump", "--resume", text(&path)]).output().expect("it runs");
    assert!(output.status.code() == Some(4) && length(&part_of(&path)) == kept, "{output:?}");
    back();
    let told = done(config, &["dump", "--resume", text(&path)], "");
    assert!(told.starts_with(&format!("{RECORDS} records in ")) && told.contains(" were there before"), "{told}");
    assert!(done(config, &["load", "--verify", text(&path)], "").contains(&format!("whole: {RECORDS} records")));
}

#[test]
fn a_dump_whose_server_was_away_for_long_goes_on() {
    let nats = std::sync::Mutex::new(Nats::single(&nats::Options::default()).expect("a server"));
    let config = nats_config(&nats.lock().expect("no panic"), "away");
    let away = || nats.lock().expect("no panic").node(0).process().kill();
    let back = || nats.lock().expect("no panic").node(0).start_again().expect("it comes back");
    give_up_and_go_on(&config, "nats-away", away, back);
}

#[test]
fn a_dump_whose_server_hung_for_long_goes_on() {
    let redis = std::sync::Mutex::new(Redis::start(&redis::Options::default()).expect("a server"));
    let config = redis_config(&redis.lock().expect("no panic"), "");
    let away = || redis.lock().expect("no panic").process().pause();
    let back = || redis.lock().expect("no panic").process().resume();
    give_up_and_go_on(&config, "redis-hung", away, back);
}

/// What `dump --resume` answers.
fn refused(config: &str, arguments: &[&str]) -> String {
    let arguments = [&["dump", "--resume"], arguments].concat();
    let output = command(config, &arguments).output().expect("it runs");
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_part_of_another_dump_is_refused_by_its_name_and_left_as_it_is() {
    let redis = Redis::start(&redis::Options::default()).expect("a server");
    let config = redis_config(&redis, "");
    let path = file("foreign");
    let (part, source) = (part_of(&path), beside(&path, ".larder-part-source"));
    fill(&config, &path, RECORDS);
    let (_, output) = midway(command(&config, &["dump", text(&path)]), &part, |child| drop(child.kill()));
    assert!(!output.status.success(), "it was done before it was killed");
    let kept = std::fs::read(&part).expect("there");
    let of_another = |config: &str, arguments: &[&str], expected: &str| {
        let told = refused(config, &[arguments, &[text(&path)]].concat());
        assert!(told.contains(text(&part)) && told.contains(expected), "{told}");
        assert!(std::fs::read(&part).expect("there") == kept, "it was changed");
    };
    of_another(&redis_config(&redis, "table = \"t\"\n"), &[], "is about another store: redis at ");
    of_another(&config, &["--prefix", "k"], "is about another prefix: \"\", and not \"k\"");
    // As it is while another process writes it.
    let held = std::fs::File::open(&part).expect("there");
    held.lock().expect("nobody else's");
    of_another(&config, &[], "another process writes");
    drop(held);
    let told = std::fs::read_to_string(&source).expect("there");
    let digit = told.find("\"id\":\"").expect("an id") + 6;
    let other = if &told[digit..=digit] == "0" { "1" } else { "0" };
    std::fs::write(&source, [&told[..digit], other, &told[digit + 1..]].concat()).expect("writable");
    of_another(&config, &[], "is not the dump that");
    std::fs::write(&source, "{}").expect("writable");
    of_another(&config, &[], "does not say what");
    std::fs::remove_file(&source).expect("there");
    of_another(&config, &[], "does not say what");
    // Without the option it is nobody's any more.
    assert!(done(&config, &["dump", text(&path)], "").starts_with(&format!("{RECORDS} records in ")));
    let told = refused("memory://", &[text(&path)]);
    assert!(told.contains("--resume: records in memory are gone"), "{told}");
    let told = refused(&config, &[]);
    assert!(told.contains("--resume: what went to standard output cannot be read again"), "{told}");
}
