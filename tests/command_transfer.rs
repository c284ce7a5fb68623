//! `larder dump`, `load` and `migrate`, run as a user runs them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a command printed and its exit code.
struct Told {
    code: i32,
    out: String,
    err: String,
}

fn larder(arguments: &[&str], input: &[u8]) -> Told {
    let mut child = command(arguments).stdin(Stdio::piped()).spawn().expect("the command starts");
    // A command that reads no input may have ended already.
    let _ = child.stdin.take().expect("piped").write_all(input);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Told { code: output.status.code().expect("no signal"), out: text(&output.stdout), err: text(&output.stderr) }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(arguments).env_remove("LARDER_CONFIG").current_dir(env!("CARGO_TARGET_TMPDIR"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Lines on a memory store, which lives as long as they take.
fn script(lines: &str) -> Told {
    larder(&["--config", "memory://", "run"], lines.as_bytes())
}

/// A file of this test's own.
fn file(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("transfer-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn json(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))
}

/// A dump of so many records.
fn dump_of(path: &Path, records: usize) {
    let mut lines = String::new();
    for number in 0..records {
        lines += &format!("put key-{number:06} value-{number}\n");
    }
    let told = script(&format!("{lines}dump {}", text(path)));
    assert_eq!(told.code, 0, "{}", told.err);
}

#[test]
fn what_was_dumped_is_loaded_with_metadata_lifespan_and_order() {
    let path = file("whole");
    let told = script(&format!(
        "put b 2 -m color=red\nput 'a key' 1 --lifespan 1h\nput c '' --max-idle 2h\ndump {0}\nput b other\ndel 'a key' c\n\
         load {0}\nget -l b\nget -l 'a key'\nget -l c\nget -l c",
        text(&path)
    ));
    assert_eq!((told.code, told.err.as_str()), (0, ""), "{}", told.out);
    assert!(told.out.contains(&format!("3 records in {}, ", text(&path))), "{}", told.out);
    assert!(told.out.contains("3 records: 3 written\n"), "{}", told.out);
    let lines: Vec<&str> = told.out.lines().collect();
    let [b, a, c, _] = lines[lines.len() - 4..] else { panic!("{}", told.out) };
    assert!(b.contains("expires never\tcolor=red\t2"), "{b}");
    assert!(a.contains("expires 35") || a.contains("expires 3600000"), "{a}");
    assert!(c.contains("expires 7") && c.ends_with("\t"), "{c}");
    let verified = larder(&["load", "--verify", "--json", text(&path)], b"");
    assert_eq!(verified.code, 0, "{}", verified.err);
    assert_eq!((&json(&verified.out)["whole"], &json(&verified.out)["records"]), (&true.into(), &3.into()));
    // No progress is left of a load that came to its end, and nobody else may read the records.
    assert!(!Path::new(&format!("{}.larder-progress", text(&path))).exists());
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_dump_goes_through_a_pipe() {
    let dumped = command(&["--config", "memory://", "dump"]).output().expect("it runs");
    assert_eq!(dumped.status.code(), Some(0));
    let loaded = larder(&["--config", "memory://", "load", "-"], &dumped.stdout);
    assert_eq!((loaded.code, loaded.out.as_str()), (0, "0 records: 0 written\n"), "{}", loaded.err);
    assert!(String::from_utf8_lossy(&dumped.stderr).starts_with("0 records in standard output"));
}

#[test]
fn an_expired_record_is_left_out_and_counted() {
    let path = file("expired");
    assert_eq!(script(&format!("put a 1 --lifespan 300ms\nput b 2\ndump {}", text(&path))).code, 0);
    std::thread::sleep(Duration::from_millis(600));
    let told = larder(&["--config", "memory://", "--json", "load", text(&path)], b"");
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!((&json(&told.out)["written"], &json(&told.out)["expired"]), (&1.into(), &1.into()));
}

#[test]
fn records_that_are_there_are_overwritten_kept_or_end_the_load() {
    let path = file("exists");
    let dump = format!("put a old\nput b 2\ndump {}", text(&path));
    let load = |how: &str| script(&format!("{dump}\nput a new\nload {} --if-exists {how}\nget a", text(&path)));
    assert!(load("overwrite").out.ends_with("2 records: 2 written\nold\n"));
    let skipped = load("skip");
    assert!(skipped.out.ends_with("0 written, 2 skipped because they are there\nnew\n"), "{}", skipped.out);
    let failed = load("fail");
    assert_eq!(failed.code, 3);
    assert!(failed.err.contains("the target has a record under \"a\" already"), "{}", failed.err);
    let wrong = larder(&["--config", "memory://", "load", text(&path), "--if-exists", "newer"], b"");
    assert_eq!(wrong.code, 2);
}

#[test]
fn a_damaged_dump_is_named_with_exit_code_5_and_nothing_behind_the_damage_is_written() {
    let path = file("damaged");
    dump_of(&path, 50);
    let mut bytes = std::fs::read(&path).expect("there");
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).expect("writable");
    let told = larder(&["load", "--verify", text(&path)], b"");
    assert_eq!(told.code, 5);
    assert!(told.err.contains("damaged at byte ") && told.err.contains(" whole records"), "{}", told.err);
    let told = script(&format!("load {}", text(&path)));
    assert_eq!(told.code, 5);
    assert!(told.err.contains("records of") && told.err.contains("--resume goes on"), "{}", told.err);
    std::fs::write(&path, &bytes[..at]).expect("writable");
    assert!(larder(&["load", "--verify", text(&path)], b"").err.contains("cut short"));
}

#[test]
fn a_failing_target_is_tried_again_then_left_with_how_to_go_on() {
    let path = file("failing");
    dump_of(&path, 10);
    let config = "fault://?fault=error";
    let told = larder(&["--config", config, "--timeout", "600ms", "load", text(&path)], b"");
    assert_eq!(told.code, 4);
    assert!(told.err.contains("0 records of") && told.err.contains("with --resume goes on"), "{}", told.err);
    let progress = PathBuf::from(format!("{}.larder-progress", text(&path)));
    assert!(progress.exists());
    let other = larder(&["--config", "memory://", "load", "--resume", text(&path)], b"");
    assert_eq!(other.code, 2);
    assert!(other.err.contains("about another target: fault"), "{}", other.err);
    let elsewhere = file("elsewhere");
    dump_of(&elsewhere, 1);
    let arguments = ["--config", config, "load", "--resume", "--state", text(&progress), text(&elsewhere)];
    let other = larder(&arguments, b"");
    assert!(other.code == 2 && other.err.contains("about another dump"), "{}", other.err);
    std::fs::write(&progress, "{}").expect("writable");
    let other = larder(&["--config", config, "load", "--resume", text(&path)], b"");
    assert!(other.code == 5 && other.err.contains("is no progress of a load"), "{}", other.err);
}

#[test]
fn a_migration_inside_one_larder_is_complete_and_verified() {
    let told = script(
        "put a 1 -m k=v\nput b 2 --lifespan 1h\nput other/c 3\nmigrate --to-table t --verify\nmigrate --to-table u --prefix other/",
    );
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("3 records: 3 written\nverified: 3 records are the same; digest "), "{}", told.out);
    assert!(told.out.ends_with("1 records: 1 written\n"), "{}", told.out);
}

#[test]
fn what_a_target_would_lose_is_refused_unless_it_is_asked_for() {
    let told = script("put a 1\nmigrate --to noop://");
    assert_eq!(told.code, 5);
    assert!(told.err.contains("it keeps no record at all; --lossy"), "{}", told.err);
    let told = script("put a 1\nmigrate --to noop:// --lossy --verify");
    assert_eq!(told.code, 5);
    assert!(told.out.contains("NOT the same: 1 records are missing"), "{}", told.out);
    assert!(told.err.contains("key \"a\" is not in the target"), "{}", told.err);
}

#[test]
fn records_over_the_targets_limits_are_told_by_key() {
    let path = file("small.toml");
    std::fs::write(&path, "[stores.big]\ntype = \"memory\"\n[stores.small]\ntype = \"memory\"\nmax_bytes = 4096\n")
        .expect("writable");
    let migrate = |options: &str| {
        let lines = format!("put 'large key' {}\nput a 1\nmigrate --to-store small {options}", "x".repeat(8192));
        larder(&["--config", text(&path), "--store", "big", "--json", "run"], lines.as_bytes())
    };
    let told = migrate("");
    assert_eq!(told.code, 5, "{}", told.err);
    assert!(told.err.contains("key \"large key\" is left out: too large"), "{}", told.err);
    assert_eq!(json(told.out.lines().last().expect("a line"))["too_large"], 1);
    let told = migrate("--skip-too-large --verify");
    assert_eq!(told.code, 0, "{} {}", told.out, told.err);
}

#[test]
fn a_migration_with_a_state_leaves_out_what_is_done() {
    let state = file("journal");
    let lines = format!("put a 1\nput b 2\nmigrate --to fault://?fault=error --state {}", text(&state));
    let told = larder(&["--config", "memory://", "--timeout", "400ms", "run"], lines.as_bytes());
    assert_eq!(told.code, 4);
    assert!(told.err.contains("0 records are done; the same command goes on"), "{}", told.err);
    let told = script(&format!("put a 1\nmigrate --to-table t --state {}", text(&state)));
    assert_eq!(told.code, 2);
    assert!(told.err.contains("about a migration to fault"), "{}", told.err);
}

#[test]
fn every_wrong_argument_is_named() {
    let path = file("arguments");
    dump_of(&path, 1);
    let memory = ["--config", "memory://"];
    let cases: [(&[&str], i32, &str); 10] = [
        (&["load"], 2, "<FILE>"),
        (&["load", "/no/such/dump"], 5, "/no/such/dump cannot be read"),
        (&["load", "--resume", "-"], 2, "--resume: standard input cannot be read a second time"),
        (&["dump", "/no/such/dir/dump"], 5, "/no/such/dir/dump cannot be written"),
        (&["migrate"], 2, "where to? Give --to, --to-store, --to-database or --to-table"),
        (&["migrate", "--to-store", "default"], 2, "source and target are the same store"),
        (&["migrate", "--to", "memry://"], 2, "did you mean \"memory\"?"),
        (&["migrate", "--to", "memory://", "--to-store", "x"], 2, "stores are: default"),
        (&["migrate", "--to", "memory://", "--state", "/no/such/dir/s"], 5, "/no/such/dir/s cannot be used"),
        (&["load", text(&path), "--state", "/no/such/dir/s"], 5, "/no/such/dir/s cannot be written"),
    ];
    for (arguments, code, expected) in cases {
        let told = larder(&[&memory, arguments].concat(), b"");
        assert_eq!(told.code, code, "{arguments:?}: {}", told.err);
        assert!(told.err.contains(expected), "{arguments:?}: {}", told.err);
    }
    let help = larder(&["dump", "--help"], b"").out;
    let man = larder(&["man"], b"").out;
    for text in [help, man.replace('\\', "")] {
        assert!(text.contains("FILE.larder-part") && text.contains("Go on where an interrupted dump was"), "{text}");
    }
    let hex = larder(&["--config", "memory://", "--hex", "dump", "--prefix", "0x", text(&path)], b"");
    assert!(hex.code == 2 && hex.err.contains("is not hexadecimal"), "{}", hex.err);
}

#[test]
fn progress_is_told_when_it_is_asked_for() {
    let path = file("progress");
    dump_of(&path, 2000);
    let told = larder(&["--config", "memory://", "load", "--progress", text(&path)], b"");
    assert!(told.err.contains("2000 records loaded, ") && told.err.contains(", 100%"), "{}", told.err);
    let told = larder(&["--config", "memory://", "--json", "load", "--progress", text(&path)], b"");
    let last = json(told.err.lines().last().expect("a line"));
    assert_eq!((&last["progress"]["records"], &last["progress"]["percent"]), (&2000.into(), &100.into()));
    assert_eq!(larder(&["--config", "memory://", "load", text(&path)], b"").err, "");
}

#[test]
fn a_load_that_was_killed_keeps_how_far_it_came() {
    let path = file("killed");
    dump_of(&path, 3000);
    let progress = PathBuf::from(format!("{}.larder-progress", text(&path)));
    // Each page takes 400 ms, so that there is time to kill it between two of its six.
    let slow = ["--config", "fault://?delay=400ms", "load", text(&path)];
    let mut child = command(&slow).spawn().expect("it starts");
    let begin = Instant::now();
    let done = || {
        let text = std::fs::read_to_string(&progress).ok()?;
        json(&text)["records"].as_u64()
    };
    while done().is_none_or(|records| records == 0) {
        assert!(begin.elapsed() < Duration::from_secs(60), "it never notes how far it is");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let before = done().expect("the progress is whole");
    assert!(before > 0 && before < 3000, "{before}");
    let told = larder(&[&slow[..], &["--resume", "--json"]].concat(), b"");
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!(json(&told.out)["written"], 3000);
    assert!(!progress.exists());
}
