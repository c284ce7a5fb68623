//! Where servers are, and the sections of stores on them: any list of nodes and any settings are opened or refused with
//! a reason, without a connection; what is opened says where it goes, `doctor` looks at the same places, and no secret
//! shows. Some of what is opened is used, where nobody listens.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use larder::cli::node::Node;
use larder::config::Config;
use larder::store::Store;
use larder::store::options::{ListOptions, PutOptions};
use larder::{Error, Larder, Status};
use serde_json::{Map, Value, json};

use super::{Random, fuzz, lines, mutate};

/// What the corpus uses as password.
const SECRET: &str = "geheim";

fn refused(error: &Error) {
    assert_eq!(error.status(), Status::CONFIG, "{error}");
    assert!(!error.message().is_empty() && !error.origin().is_empty(), "{error}");
}

/// Opens the one store of a section; its settings, too.
fn open(section: &Value) -> larder::Result<(Larder, Arc<dyn Store>, Config)> {
    let config = Config::parse(&json!({"stores": {"s": section}}).to_string())?;
    let larder = Larder::from_config(config.clone())?;
    let store = larder.store("s")?;
    Ok((larder, store, config))
}

/// Where a store goes, by its description.
fn places(about: &Value) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let listed = |name: &str| about[name].as_array().into_iter().flatten();
    let addresses = listed("sentinels").filter_map(|sentinel| text(&sentinel["address"]));
    let nodes = listed("nodes").filter_map(text);
    addresses.chain(nodes).chain(text(&about["server"])).collect()
}

/// Whether each password in a list can be told from an address: it stands before an `@`, and both before a path.
fn is_told_apart(nodes: &str) -> bool {
    nodes.split(',').all(|node| {
        let scheme = node.find("://").filter(|end| node[..*end].bytes().all(|byte| byte.is_ascii_alphabetic()));
        let start = scheme.map_or(0, |end| end + 3);
        let end = node[start..].find('/').map_or(node.len(), |at| start + at);
        let is_shown = |part: &str| part.rfind(SECRET).is_some_and(|at| !part[at..].contains('@'));
        !is_shown(&node[..end]) && !node[end..].contains(SECRET)
    })
}

fn check_nodes(kind: &str, nodes: &str, master: Option<&str>) {
    let mut section = json!({"type": kind, "nodes": nodes});
    if let Some(master) = master {
        section["master"] = master.into();
    }
    let opened = open(&section);
    section["nodes"] = nodes.split(',').collect::<Vec<_>>().into();
    let as_list = open(&section);
    assert_eq!(opened.is_ok(), as_list.is_ok(), "{nodes}");
    let said = match &opened {
        Err(error) => {
            refused(error);
            // Itself, or a setting in its URL.
            assert!(error.origin().contains("nodes"), "{error}");
            error.to_string()
        }
        Ok((_, store, config)) => {
            let about = store.describe();
            let places = places(&about);
            assert!(!places.is_empty(), "{about}");
            // What a browser's rules write in another way cannot be compared as text.
            if nodes.bytes().all(|byte| byte.is_ascii_graphic() && !b"%\\^`{|}<>\"".contains(&byte) || byte == b' ') {
                let looked_at = Node::of(&config.stores["s"]).iter().map(ToString::to_string).collect();
                assert_eq!(places, looked_at, "doctor looks elsewhere");
                let listed = as_list.as_ref().map(|(_, store, _)| self::places(&store.describe()));
                assert_eq!(listed.ok(), Some(places), "a list means something else");
            }
            about.to_string()
        }
    };
    assert!(!said.contains(char::is_control), "{said:?}");
    assert!(!said.contains(SECRET) || !is_told_apart(nodes), "a secret shows: {said}");
}

#[test]
fn any_list_of_nodes_is_opened_or_refused_with_a_reason_and_doctor_looks_at_the_same() {
    fuzz(&lines("nodes.txt"), 10_000, |random, input| {
        let nodes = String::from_utf8_lossy(input);
        for kind in ["nats-js-kv", "redis", "redis-sentinel"] {
            let has_master = kind == "redis-sentinel" && random.below(2) == 0;
            check_nodes(kind, &nodes, has_master.then_some("mymaster"));
        }
    });
}

/// Sections of the corpus, as objects.
fn sections() -> Vec<Map<String, Value>> {
    let parse = |line: Vec<u8>| serde_json::from_slice(&line).expect("an object");
    lines("sections.txt").into_iter().map(parse).collect()
}

fn odd(random: &mut Random, texts: &[Vec<u8>]) -> Value {
    const NUMBERS: [u64; 6] = [0, 1, 64, 256, 1 << 32, u64::MAX];
    match random.below(10) {
        0 => Value::Null,
        1 => Value::Bool(random.below(2) == 0),
        2 => NUMBERS[random.below(NUMBERS.len())].into(),
        3 => json!(-1 - random.below(9) as i64),
        4 => json!([1e308, 0.5, 1e-9][random.below(3)]),
        5 => json!(["127.0.0.1:1", 1]),
        6 => json!({"a": {}}),
        _ => String::from_utf8_lossy(&mutate(random, texts)).into(),
    }
}

/// Whether a value is a secret or may hold one; those stay as they are, so that they are known when they show.
fn is_secret(value: &Value) -> bool {
    value.to_string().contains(SECRET)
}

/// Puts sections together and changes what they hold.
fn section(random: &mut Random, sections: &[Map<String, Value>], texts: &[Vec<u8>]) -> Value {
    let mut section = sections[random.below(sections.len())].clone();
    let other = &sections[random.below(sections.len())];
    let taken = other.iter().filter(|_| random.below(3) == 0);
    let taken: Vec<(String, Value)> = taken.map(|(name, value)| (name.clone(), value.clone())).collect();
    section.extend(taken.into_iter().filter(|(name, _)| name != "type"));
    for _ in 0..random.below(4) {
        let place = random.below(section.len());
        let Some((name, value)) = section.iter_mut().nth(place).filter(|(_, value)| !is_secret(value)) else {
            continue;
        };
        if random.below(4) == 0 {
            let name = name.clone();
            section.shift_remove(&name);
        } else if name != "type" {
            *value = odd(random, texts);
        }
    }
    Value::Object(section)
}

/// Whether a secret is only where secrets belong: nobody hides what is given as a user's name.
fn is_where_it_belongs(section: &Value) -> bool {
    const PLACES: [&str; 5] = ["password", "sentinel_password", "token", "nkey", "nodes"];
    let belongs = |name: &str, value: &Value| match (name, value) {
        ("nodes", Value::String(nodes)) => is_told_apart(nodes),
        _ => PLACES.contains(&name),
    };
    let fields = section.as_object().into_iter().flatten();
    fields.filter(|(_, value)| is_secret(value)).all(|(name, value)| belongs(name, value))
}

/// What was said about a section; asks the store something where nobody listens.
fn use_it(random: &mut Random, section: &Value) -> String {
    let (larder, store, _) = match open(section) {
        Ok(opened) => opened,
        Err(error) => {
            refused(&error);
            return error.to_string();
        }
    };
    let mut said = store.describe().to_string() + &larder.describe().to_string();
    if random.below(20) == 0 && places(&store.describe()).iter().all(|place| place.starts_with("127.0.0.1:")) {
        let limit = Some(Duration::from_millis(2));
        let answers = [
            larder::wait(store.get(b"k"), limit).map(drop),
            larder::wait(store.put(b"k", b"v", &PutOptions::default()), limit).map(drop),
            larder::wait(store.list(&ListOptions::default()), limit).map(drop),
        ];
        for answer in answers {
            let error = answer.expect_err("nobody listens there");
            assert_ne!(error.status(), Status::PANIC, "{section}: {error}");
            assert!(!error.message().is_empty() && !error.origin().is_empty(), "{section}: {error}");
            said += &error.to_string();
        }
        said += &store.describe().to_string();
    }
    larder::wait(larder.close(), None).expect("it closes");
    said
}

#[test]
fn any_section_of_a_server_is_opened_or_refused_with_a_reason_and_shows_no_secret() {
    let (sections, texts) = (sections(), [lines("nodes.txt"), lines("duration.txt"), lines("size.txt")].concat());
    for section in &sections {
        open(&Value::Object(section.clone())).err().iter().for_each(refused);
    }
    fuzz(&texts, 20_000, |random, _| {
        let section = section(random, &sections, &texts);
        let said = use_it(random, &section);
        assert!(!said.contains(SECRET) || !is_where_it_belongs(&section), "a secret shows: {section}: {said}");
    });
}

#[test]
fn any_document_of_servers_is_read_or_refused_with_a_reason() {
    let toml =
        |section: Map<String, Value>| toml::to_string(&json!({"stores": {"s": section}})).expect("TOML").into_bytes();
    let as_json = sections().into_iter().map(|section| Value::Object(section).to_string().into_bytes());
    let seeds: Vec<Vec<u8>> = sections().into_iter().map(toml).chain(as_json).collect();
    fuzz(&seeds, 30_000, |_, input| {
        let text = String::from_utf8_lossy(input);
        if text.contains("file:") {
            return;
        }
        match Config::parse(&text).and_then(Larder::from_config) {
            Ok(larder) => assert!(larder.names().count() > 0),
            Err(error) => refused(&error),
        }
    });
}
