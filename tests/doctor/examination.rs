//! Runs of the doctor, and what they say.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What a run of the command came to.
pub struct Told {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub fn doctor(config: &str, arguments: &[&str]) -> Told {
    doctor_with(config, arguments, |_| {})
}

/// As [`doctor`], in surroundings that `surround` makes.
pub fn doctor_with(config: &str, arguments: &[&str], surround: impl FnOnce(&mut Command)) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(["--config", config, "doctor"]).args(arguments).env_remove("LARDER_CONFIG");
    surround(&mut command);
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Told { code: output.status.code().expect("no signal"), out: text(&output.stdout), err: text(&output.stderr) }
}

/// The exit code, and the first store of the report.
pub fn examined(config: &str, arguments: &[&str]) -> (i32, Value) {
    examined_with(config, arguments, |_| {})
}

pub fn examined_with(config: &str, arguments: &[&str], surround: impl FnOnce(&mut Command)) -> (i32, Value) {
    let told = doctor_with(config, &[arguments, &["--json"]].concat(), surround);
    let report: Value = serde_json::from_str(&told.out).unwrap_or_else(|_| panic!("{} {}", told.out, told.err));
    (told.code, report["stores"][0].clone())
}

/// The outcomes of the steps of a name.
pub fn outcomes(store: &Value, name: &str) -> Vec<String> {
    let steps = store["steps"].as_array().expect("steps").iter();
    let of_name = steps.filter(|step| step["step"] == name);
    of_name.map(|step| step["outcome"].as_str().expect("text").to_owned()).collect()
}

/// The one step that failed, with what it says and advises.
pub fn failed(store: &Value) -> (String, String, String) {
    let steps = store["steps"].as_array().expect("steps").iter();
    let failed: Vec<&Value> = steps.filter(|step| step["outcome"] == "failed").collect();
    let first = failed.first().unwrap_or_else(|| panic!("nothing failed: {store}"));
    told(first)
}

/// A step's name, what it says and advises.
pub fn told(step: &Value) -> (String, String, String) {
    let text = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
    (text("step"), text("detail"), text("advice"))
}

/// The step of a name.
pub fn step<'a>(store: &'a Value, name: &str) -> &'a Value {
    let mut steps = store["steps"].as_array().expect("steps").iter();
    steps.find(|step| step["step"] == name).unwrap_or_else(|| panic!("there is no step {name}: {store}"))
}

/// Whatever else shows that this is a container, this does.
pub fn in_container(command: &mut Command) {
    command.env("KUBERNETES_SERVICE_HOST", "10.0.0.1");
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port()
}

pub fn nats_config(address: &str, more: &str) -> String {
    format!("[stores.n]\ntype = \"nats-js-kv\"\nnodes = [\"{address}\"]\ndatabase = \"doctored\"\n{more}")
}

pub fn redis_config(address: &str, more: &str) -> String {
    format!("[stores.sessions]\ntype = \"redis\"\nnodes = [\"{address}\"]\n{more}")
}

pub fn sentinel_config(nodes: &[String], more: &str) -> String {
    format!("[stores.s]\ntype = \"redis-sentinel\"\nnodes = {nodes:?}\n{more}")
}

/// What a failure is expected to look like.
#[derive(Clone, Copy)]
pub struct Failure<'a> {
    /// The first step that fails.
    pub step: &'a str,
    /// The command's exit code.
    pub code: i32,
    /// What its detail holds.
    pub detail: &'a str,
    /// What its advice holds.
    pub advice: &'a str,
}

/// Sees that every step before one goes well, and what that one says and advises; in one format.
pub fn fails(config: &str, arguments: &[&str], expected: Failure<'_>) {
    let (code, store) = examined(config, arguments);
    let (step, detail, advice) = failed(&store);
    assert_eq!((step.as_str(), code), (expected.step, expected.code), "{store}");
    assert!(detail.contains(expected.detail), "{}: {detail}", expected.detail);
    assert!(advice.contains(expected.advice), "{}: {advice}", expected.advice);
    assert!(!store.to_string().contains("hush"), "a secret is in {store}");
}

/// As [`fails`], in every format.
pub fn fails_in_every_format(config: &str, arguments: &[&str], expected: Failure<'_>) {
    fails(config, arguments, expected);
    let Failure { step, code, detail, advice } = expected;
    let run = |format: &str| {
        let told = doctor(config, &[arguments, &["--format", format]].concat());
        assert!(!told.out.contains("hush") && !told.err.contains("hush"), "a secret is in {} {}", told.out, told.err);
        (told.code, told.out)
    };
    let (text_code, text) = run("text");
    let mut lines = text.lines().skip_while(|line| !line.starts_with("  failed"));
    let (first, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    assert!(first.starts_with(&format!("  failed   {step}")) && first.contains(detail), "{text}");
    assert!(second.starts_with("           -> ") && second.contains(advice), "{text}");
    let (nagios_code, nagios) = run("nagios");
    assert!(nagios.starts_with("CRITICAL - ") && nagios.contains(&format!(" {step}")), "{nagios}");
    let (prometheus_code, prometheus) = run("prometheus");
    let mut lines = prometheus.lines().filter(|line| line.starts_with("larder_doctor_step_success"));
    let failed = lines.find(|line| line.ends_with(" 0")).unwrap_or_default();
    assert!(failed.contains(&format!("step=\"{step}\"")), "{prometheus}");
    assert_eq!((text_code, nagios_code, prometheus_code), (code, 2, code), "{text}");
}

/// Sees that nothing but skips and good outcomes is in a report.
pub fn is_well(config: &str, arguments: &[&str]) -> Value {
    let (code, store) = examined(config, arguments);
    assert_eq!((code, store["outcome"].as_str()), (0, Some("ok")), "{store}");
    store
}
