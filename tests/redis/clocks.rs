//! Clients whose clocks are wrong: the command, before which a small library puts an hour on what the kernel says.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder::store::options::{Lifetime, PutOptions, Term};

use crate::servers::directory::Directory;
use crate::support::{SERVER, done, on_server, wait};

const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int (*real)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    const char *ahead = getenv("AHEAD");
    if (result == 0 && clock == CLOCK_REALTIME && ahead)
        now->tv_sec += atol(ahead);
    return result;
}
"#;

/// Programs whose wall clocks are wrong.
struct Wrong {
    directory: Directory,
}

impl Wrong {
    fn new() -> Wrong {
        let wrong = Wrong { directory: Directory::new().expect("a directory") };
        let source = wrong.directory.write("clock.c", LIBRARY).expect("written");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let mut build = Command::new(compiler);
        build.args(["-shared", "-fPIC", "-o"]).arg(wrong.library()).arg(source).arg("-ldl");
        assert!(build.status().expect("a compiler").success());
        let date = |ahead: &str| wrong.run("date", &["+%s"], ahead).parse::<i64>().expect("a number");
        assert!((date("3600") - date("0")).abs_diff(3600) < 60, "the library does nothing");
        wrong
    }

    fn library(&self) -> PathBuf {
        self.directory.file("clock.so")
    }

    /// What a program prints whose clock is so many seconds ahead.
    fn run(&self, program: &str, arguments: &[&str], ahead: &str) -> String {
        let mut command = Command::new(program);
        command.args(arguments).env_remove("LARDER_CONFIG").env("LD_PRELOAD", self.library()).env("AHEAD", ahead);
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }
}

#[test]
fn a_client_whose_clock_is_wrong_neither_hides_nor_prolongs_a_record() {
    let wrong = Wrong::new();
    let opened = on_server("larder", "clocks", "");
    let url = format!("redis://{}/?database=d&table=clocks", SERVER.address());
    let is_right = |left: u64| left > 60_000 && left <= 120_000;
    let lifetime = Lifetime { lifespan: Term::For(Duration::from_secs(120)), max_idle: Term::Default };
    for ahead in ["3600", "-3600"] {
        let larder = |arguments: &[&str]| wrong.run(env!("CARGO_BIN_EXE_larder"), arguments, ahead);
        larder(&["put", "--config", &url, "theirs", "v", "--lifespan", "2m"]);
        let record = wait(opened.store.get(b"theirs")).expect("read").expect("it lives");
        assert!(record.expires_in_ms().is_some_and(is_right), "{ahead}: {:?}", record.expires_in_ms());
        done(wait(opened.store.put(b"ours", b"v", &PutOptions { lifetime, ..PutOptions::default() })));
        let told = larder(&["get", "--config", &url, "ours", "--json"]);
        let record: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        assert!(record["expires_in_ms"].as_u64().is_some_and(is_right), "{ahead}: {told}");
        // A revision is a moment of the server's, too, in microseconds; it has our clock.
        let revision = wait(opened.store.get(b"theirs")).expect("read").expect("it lives").revision();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros() as u64;
        assert!(revision.abs_diff(now) < 60_000_000, "{ahead}: {revision} at {now}");
        wait(opened.store.remove(b"theirs", None)).expect("removed");
    }
}
