//! Transfers that are given again: what a second run takes for done, and what it does not.

use super::servers::redis::{self, Redis};
use super::{done, file, redis_config, text, told};

#[test]
fn a_record_that_ends_a_load_leaves_what_is_behind_it_unwritten() {
    let server = Redis::start(&redis::Options::default()).expect("a server");
    let config = redis_config(&server, "");
    let path = file("ends");
    let puts: String = (0..100).map(|number| format!("put k{number:02} v\n")).collect();
    done("memory://", &["run"], &format!("{puts}dump {}", text(&path)));
    done(&config, &["put", "k30", "somebody else's"], "");
    let load = ["load", "--if-exists", "fail", text(&path)];
    let (code, said) = told(&config, &load);
    assert!(code == Some(3) && said.contains("under \"k30\" already"), "{said}");
    assert!(said.contains("; 30 records of "), "{said}");
    assert_eq!(done(&config, &["ls"], "").lines().count(), 31);
    // What it wrote itself is no reason to end once more.
    done(&config, &["del", "k30"], "");
    let resumed = done(&config, &[&load[..], &["--resume"]].concat(), "");
    assert!(resumed.contains("100 records: 100 written"), "{resumed}");
}
