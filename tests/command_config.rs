//! `larder config`, run as a user runs it: services, check and explain.

use std::process::Command;

use serde_json::Value;

fn config(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_larder"))
        .arg("config")
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .output()
        .expect("the command runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("no signal"), text(&output.stdout), text(&output.stderr))
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

#[test]
fn services_lists_what_a_profile_knows() {
    let (code, out, err) = config(&["services"], &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("STORAGE_USERS_FILEMETADATA_CACHE: metadata of users' files (storage-users)\n"), "{out}");
    assert!(out.contains("OCIS_CACHE_TTL, STORAGE_USERS_FILEMETADATA_CACHE_TTL\n"), "{out}");
    let (_, out, _) = config(&["services", "--profile", "opencloud", "--json"], &[]);
    let services = objects(&out);
    assert!(services.len() > 15);
    let ids = services.iter().find(|service| service["name"] == "STORAGE_USERS_ID_CACHE").expect("known");
    assert_eq!(ids["settings"]["type"]["default"], "nats-js-kv");
    assert_eq!(ids["settings"]["type"]["variables"][0], "OC_CACHE_STORE");
    let (code, out, _) = config(&["services", "--profile", "larder"], &[("LARDER_SESSIONS_STORE", "memory")]);
    assert_eq!(code, 0);
    assert!(out.contains("SESSIONS\n") && out.contains("LARDER_SESSIONS_STORE"), "{out}");
    assert_eq!(config(&["services", "--profile", "ocsi"], &[]).0, 2);
}

#[test]
fn check_names_errors_and_warnings_and_ends_accordingly() {
    let check = |more: &[&str], environment: &[(&str, &str)]| {
        let mut arguments = vec!["check", "--profile", "ocis", "--service", "GRAPH_CACHE"];
        arguments.extend(more);
        config(&arguments, environment)
    };
    let (code, out, _) = check(&[], &[]);
    assert_eq!(code, 0, "{out}");
    assert!(out.ends_with("the variables are valid: 0 errors, 0 warnings\n"), "{out}");
    let (code, out, _) = check(&[], &[("OCIS_CACHE_TTL", "1d")]);
    assert_eq!(code, 2);
    assert!(out.contains("error: OCIS_CACHE_TTL: it is \"1d\"; expected a duration"), "{out}");
    let typo = [("GRAPH_CACHE_STORE_NODE", "a")];
    let (code, out, _) = check(&[], &typo);
    assert_eq!(code, 0);
    assert!(
        out.contains("warning: GRAPH_CACHE_STORE_NODE: no store reads it; did you mean GRAPH_CACHE_STORE_NODES?"),
        "{out}"
    );
    assert_eq!(check(&["--strict"], &typo).0, 2);
    let (code, out, _) = check(&["--json"], &[("OCIS_CACHE_STORE", "etcd")]);
    assert_eq!(code, 2);
    let object = &objects(&out)[0];
    assert_eq!((&object["valid"], &object["findings"][0]["severity"]), (&false.into(), &"error".into()));
    assert_eq!(object["findings"][0]["origin"], "OCIS_CACHE_STORE");
    let (code, _, err) = config(&["check", "--profile", "ocis", "--service", "GRAPH_CASH"], &[]);
    assert_eq!(code, 2);
    assert!(err.contains("did you mean \"GRAPH_CACHE\"?"), "{err}");
    assert_eq!(config(&["check", "--service", "GRAPH_CACHE"], &[]).0, 2);
}

#[test]
fn check_asks_the_store_itself_what_it_makes_of_its_settings() {
    let variables = [("LARDER_STORE", "memory"), ("LARDER_A_STORE_MAX_ENTIRES", "5"), ("LARDER_B_STORE_SHARDS", "3")];
    let (code, out, _) = config(&["check", "--profile", "larder"], &variables);
    assert_eq!(code, 2);
    let unknown = "error: LARDER_A_STORE_MAX_ENTIRES: there is no such setting; did you mean \"max_entries\"? [A]";
    assert!(out.contains(unknown), "{out}");
    assert!(out.contains("error: LARDER_B_STORE_SHARDS: it is 3; expected a power of two"), "{out}");
}

#[test]
fn explain_says_where_each_setting_comes_from_and_hides_secrets() {
    let variables =
        [("OCIS_CACHE_STORE", "noop"), ("GRAPH_CACHE_STORE", "memory"), ("OCIS_CACHE_AUTH_PASSWORD", "geheim")];
    let (code, out, err) = config(&["explain", "--profile", "ocis", "--service", "GRAPH_CACHE"], &variables);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("memory  (GRAPH_CACHE_STORE; over OCIS_CACHE_STORE = noop; over default = memory)"), "{out}");
    assert!(out.contains("(hidden)  (OCIS_CACHE_AUTH_PASSWORD)") && !out.contains("geheim"), "{out}");
    // The same by the configuration's address.
    let by_address = [&variables[..], &[("LARDER_CONFIG", "env://ocis/GRAPH_CACHE")]].concat();
    assert_eq!(config(&["explain"], &by_address).1, out);
    let (_, out, _) = config(&["explain", "--profile", "ocis", "--json"], &variables);
    assert!(objects(&out).len() > 15 && !out.contains("geheim"));
}

#[test]
fn explain_takes_a_file_behind_the_variables_and_a_document_alone() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("explained.toml");
    let text = "[stores.a]\ntype = \"memory\"\npassword = \"geheim\"\n[profiles.ocis.GRAPH_CACHE]\nmax_entries = 7\n";
    std::fs::write(&path, text).expect("written");
    let path = path.to_str().expect("UTF-8");
    let (code, out, _) = config(&["explain", "--profile", "ocis", "--service", "GRAPH_CACHE", "--config", path], &[]);
    assert_eq!(code, 0);
    assert!(out.contains(&format!("7  (profiles.ocis.GRAPH_CACHE.max_entries in {path})")), "{out}");
    let (code, out, _) = config(&["explain", "--config", path], &[]);
    assert_eq!(code, 0);
    assert!(out.contains(&format!("memory  (stores.a.type in {path})")), "{out}");
    assert!(out.contains("(hidden)") && !out.contains("geheim"), "{out}");
    let (_, out, _) = config(&["explain", "--config", "memory://?password=geheim&max_entries=5"], &[]);
    assert!(out.contains("5  (max_entries in --config)") && !out.contains("geheim"), "{out}");
}
