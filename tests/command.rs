//! The command `larder`, run as a user runs it: what it prints, and its exit codes.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn larder(arguments: &[&str]) -> Output {
    larder_with(arguments, "", &[])
}

fn larder_with(arguments: &[&str], input: &str, environment: &[(&str, &str)]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_larder"))
        .args(arguments)
        .env_remove("LARDER_CONFIG")
        .envs(environment.iter().copied())
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    // A command that reads no input may have ended already.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn script(config: &str, lines: &str, options: &[&str]) -> (i32, String, String) {
    let mut arguments = vec!["--config", config];
    arguments.extend(options);
    arguments.push("run");
    told(&larder_with(&arguments, lines, &[]))
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("no signal"), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_script_puts_gets_lists_and_removes() {
    let lines = "put 'a key' 1 -m color=red\nput b 2\n# a comment\n\nget 'a key'\nls\nls --suffix key --limit 1\ndel b c\nls -l\n";
    let (code, out, err) = script("memory://", lines, &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    let lines: Vec<&str> = out.lines().filter(|line| !line.starts_with("done\trevision")).collect();
    assert_eq!(lines[..5], ["1", "a key", "b", "a key", "1 removed"]);
    assert!(lines[5].starts_with("a key\trevision ") && lines[5].ends_with("\tcolor=red\t1"), "{}", lines[5]);
}

#[test]
fn conditions_have_exit_codes_of_their_own() {
    assert_eq!(script("memory://", "get none", &[]).0, 1);
    assert_eq!(script("memory://", "put a 1\nput a 2 --if-absent", &[]).0, 3);
    assert_eq!(script("memory://", "put a 1\ndel a --if-revision 999", &[]).0, 3);
    assert_eq!(script("memory://", "put a 1 --if-revision 7", &[]).0, 1);
    assert_eq!(script("fault://?fault=error", "get a", &[]).0, 4);
    assert_eq!(script("fault://?fault=never", "get a", &["--timeout", "20ms"]).0, 4);
    assert_eq!(script("fault://?fault=panic", "get a", &[]).0, 5);
}

#[test]
fn a_durability_is_given_to_the_store_and_a_wrong_one_is_refused_by_name() {
    assert_eq!(script("memory://", "put a 1 --durability none", &[]).0, 0);
    assert_eq!(script("noop://", "put a 1 --durability all\nput a 1 --durability 255", &[]).0, 0);
    for durability in ["all", "1"] {
        let (code, _, err) = script("memory://", &format!("put a 1 --durability {durability}"), &[]);
        assert_eq!(code, 5);
        assert!(err.contains("durability: a store in this process has no replicas"), "{err}");
    }
    for durability in ["0", "256", "some"] {
        let (code, _, err) = script("memory://", &format!("put a 1 --durability {durability}"), &[]);
        assert_eq!(code, 2, "{durability}");
        assert!(err.contains("--durability") && err.contains("none, all, or a number from 1 to 255"), "{err}");
    }
}

#[test]
fn json_prints_one_object_a_line() {
    let (code, out, _) = script("memory://", "put a 1\nget a\nls\nstat\nping\ndel a", &["--json"]);
    assert_eq!(code, 0);
    let objects: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    assert_eq!(objects.len(), 6);
    assert_eq!((&objects[1]["key"], &objects[1]["value"]), (&"a".into(), &"1".into()));
    assert_eq!(objects[3]["statistics"]["puts"], 1);
    assert_eq!(objects[5]["removed"], 1);
}

#[test]
fn keys_of_any_bytes_go_in_hexadecimal() {
    let (code, out, _) = script("memory://", "put 00ff value\nls", &["--hex"]);
    assert_eq!(code, 0);
    assert!(out.contains("\n00ff\n"), "{out}");
    let (code, _, err) = script("memory://", "get 0x", &["--hex"]);
    assert_eq!(code, 2);
    assert!(err.contains("\"0x\" is not hexadecimal"), "{err}");
}

#[test]
fn a_watch_tells_what_is_there() {
    let (code, out, _) = script("memory://", "put a 1\nput b 2\nwatch --existing --count 3", &[]);
    assert_eq!(code, 0);
    let mut events: Vec<&str> = out.lines().skip(2).collect();
    // What is there comes in no order; that it is complete comes last.
    events[..2].sort_unstable();
    assert_eq!(events, ["created\ta\t1", "created\tb\t2", "current"]);
}

#[test]
fn a_wrong_setting_is_named_with_a_suggestion_and_exit_code_2() {
    let cases = [
        (
            vec!["--config", "memory://?max_entires=5", "ping"],
            "max_entires: there is no such setting; did you mean \"max_entries\"?",
        ),
        (vec!["--config", "memry://", "ping"], "type: \"memry\" is not known; did you mean \"memory\"?"),
        (vec!["--config", "memory://?lifespan=1d", "ping"], "lifespan: it is \"1d\"; expected a duration"),
        (vec!["--config", "memory://", "--store", "defualt", "ping"], "did you mean \"default\"?"),
        (vec!["--config", "/no/such.toml", "ping"], "/no/such.toml cannot be read"),
        (vec!["ping"], "give --config or LARDER_CONFIG"),
    ];
    for (arguments, expected) in cases {
        let (code, _, err) = told(&larder(&arguments));
        assert!(err.contains(expected), "{arguments:?}: {err}");
        assert!(code == 2 || arguments[1].starts_with("/no"), "{arguments:?}: {code}");
    }
}

#[test]
fn config_check_says_what_a_file_opens() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("checked.toml");
    std::fs::write(&path, "[stores.a]\ntype = \"memory\"\ntable = \"t\"\n[stores.b]\ntype = \"noop\"\n")
        .expect("writable");
    let (code, out, _) =
        told(&larder_with(&["config", "check"], "", &[("LARDER_CONFIG", path.to_str().expect("UTF-8"))]));
    assert_eq!(code, 0);
    assert!(out.contains("store a: type memory, database \"\", table \"t\""), "{out}");
    assert!(out.contains("store b: type noop"), "{out}");
    let (code, _, err) = told(&larder(&["--config", path.to_str().expect("UTF-8"), "ping"]));
    assert_eq!(code, 2);
    assert!(err.contains("the configuration has several: a, b"), "{err}");
}

#[test]
fn completion_and_man_page_cover_every_subcommand() {
    for shell in ["bash", "zsh", "fish", "elvish"] {
        let (code, out, _) = told(&larder(&["completion", shell]));
        assert_eq!(code, 0);
        assert!(["get", "put", "del", "watch", "config"].iter().all(|name| out.contains(name)), "{shell}");
    }
    let (code, page, _) = told(&larder(&["man"]));
    assert_eq!(code, 0);
    for name in ["GET", "PUT", "DEL", "LS", "WATCH", "STAT", "PING", "CONFIG"] {
        assert!(page.contains(&format!(".SH COMMAND {name}\n")), "{name}");
    }
}

#[test]
fn wrong_lines_of_a_script_are_named_by_number() {
    let (code, _, err) = script("memory://", "put a 1\nput 'open", &[]);
    assert_eq!(code, 2);
    assert!(err.contains("line 2: a quote is not closed"), "{err}");
}

#[test]
fn a_line_of_a_script_cannot_name_another_place() {
    let config = r#"{"stores": {"a": {"type": "memory"}, "b": {"type": "memory"}}}"#;
    for global in ["--store b", "-s b", "--database d", "--table t", "--json", "--hex", "--timeout 1s", "-c memory://"]
    {
        let (code, out, err) = script(config, &format!("put k v\ndel k {global}\nls"), &["--store", "a"]);
        assert!(code == 2 && err.contains("line 2: --") && err.contains("holds for all lines"), "{global}: {err}");
        assert!(!out.contains("removed"), "{global}: {out}");
    }
}
