//! Conditional writes to a bucket on several servers of which one refuses what another one does: it led the bucket until
//! it was cut off, and has not learned yet that it does no more.

use std::sync::Arc;
use std::time::Duration;

use larder::store::Store;
use larder::store::options::{Condition, Outcome, PutOptions};
use larder::{Result, Status};
use serde_json::{Value, json};

use crate::common::*;
use crate::puppet;
use crate::servers::nats::{Nats, Options};

/// How long the real leader cannot do what it was sent, so that the other one's answer is first.
const HELD_UP: Duration = Duration::from_millis(300);

fn put_if(store: &Arc<dyn Store>, key: &[u8], condition: Condition) -> Result<Outcome> {
    wait(store.put(key, b"w", &PutOptions { condition, ..PutOptions::default() }))
}

fn refusal_of(last: u64) -> Value {
    json!({ "error": { "code": 400, "err_code": 10_071, "description": format!("wrong last sequence: {last}") } })
}

#[test]
fn a_write_that_one_server_refuses_and_another_one_does_is_done() {
    let mut nats = Nats::cluster(&Options::default()).expect("three servers");
    let name = bucket();
    let more = |node: &str| json!({"nodes": [node], "replicas": 3, "timeout": "30s", "format": "raw"});
    put(&store("", &name, more(&nats.addresses()[0])), b"first", b"");
    let leader = nats.leader_of(&format!("KV_{name}")).expect("a leader");
    let address = nats.addresses()[leader].clone();
    let store = store("", &name, more(&address));
    let [replaced, removed] = [b"replaced", b"removed-"].map(|key| put(&store, key, b"v"));
    // What a leader of yesterday says of records that it has not seen yet, or not seen removed.
    let foreign = Foreign::new(&address);
    foreign.answer_all(&format!("$KV.{name}.>"), refusal_of(1));
    let mut held_up = |work: &dyn Fn() -> Result<Outcome>| {
        let others = [(leader + 1) % 3, (leader + 2) % 3];
        others.iter().for_each(|other| nats.node(*other).process().pause());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(HELD_UP);
                others.iter().for_each(|other| nats.node(*other).process().resume());
            });
            work()
        })
    };
    let replaced = done(held_up(&|| put_if(&store, b"replaced", Condition::IfRevision(replaced))));
    assert_eq!(get(&store, b"replaced").as_deref(), Some(&b"w"[..]));
    assert_eq!(wait(store.get(b"replaced")).expect("an answer").map(|record| record.revision()), Some(replaced));
    done(held_up(&|| put_if(&store, b"absent", Condition::IfAbsent)));
    assert_eq!(get(&store, b"absent").as_deref(), Some(&b"w"[..]));
    let gone = done(held_up(&|| wait(store.remove(b"removed-", None))));
    assert_eq!((gone, get(&store, b"removed-")), (removed, None));
    let (headers, _) = foreign.last(&format!("KV_{name}"), &format!("$KV.{name}.replaced"));
    assert!(headers.contains("Larder-Write: "), "{headers}");
}

/// The answer with the key's last message, of this revision and with these headers; that there is none for revision 0.
fn shown(revision: u64, headers: &str) -> Value {
    if revision == 0 {
        return puppet::error(404, 10_037);
    }
    let headers = data_encoding::BASE64.encode(format!("NATS/1.0\r\n{headers}\r\n").as_bytes());
    json!({ "message": { "subject": "$KV.b.k", "seq": revision, "data": "dg==", "hdrs": headers } })
}

/// What becomes of a write to a key that has the revision 7.
#[derive(Clone)]
struct Story {
    /// On how many servers the bucket is.
    replicas: u64,
    /// What the first server says that answers.
    refusal: Value,
    /// The revision that the key is said to have after that; 0 for none.
    shown: u64,
    /// The headers of its message.
    headers: &'static str,
    /// What another server answers when that message was read.
    other_answer: Option<Value>,
}

impl Story {
    fn store(self) -> Arc<dyn Store> {
        let mut refused = None;
        let address = puppet::start(move |line, asked| match asked.subject.as_str() {
            "$JS.API.STREAM.INFO.KV_b" => line.answer(asked, &puppet::stream("then", self.replicas, 7)),
            "$KV.b.k" => {
                assert_eq!(asked.headers.contains("Larder-Write: "), self.replicas > 1, "{}", asked.headers);
                line.answer(asked, &self.refusal);
                refused = Some(asked.clone());
            }
            "$JS.API.STREAM.MSG.GET.KV_b" => {
                let Some(refused) = &refused else { return line.answer(asked, &shown(7, "")) };
                line.answer(asked, &shown(self.shown, self.headers));
                if let Some(answer) = &self.other_answer {
                    line.answer(refused, answer);
                }
            }
            _ => {}
        });
        store(&address, "b", json!({"format": "raw", "timeout": "60s"}))
    }
}

#[test]
fn what_came_after_a_refusal_decides_whether_the_write_was_done() {
    let under_way = json!({"error": {"code": 400, "err_code": 10_164, "description": "wrong last sequence"}});
    let behind = Story { replicas: 3, refusal: refusal_of(5), shown: 9, headers: "", other_answer: None };
    let after_8 = "Nats-Expected-Last-Subject-Sequence: 8\r\n";
    let (unknown, conflict) = (Err(Status::AMBIGUOUS), Ok(Outcome::Conflict { revision: 9 }));
    let (done, missing) = (Ok(Outcome::Done { revision: 8 }), Ok(Outcome::NotFound));
    // As servers before 2.14 say it when they step down while they take a write.
    let leads_no_more = json!({"error": {"code": 503, "description": "raft: not leader"}});
    let acknowledged = Some(json!({"stream": "KV_b", "seq": 8}));
    let cases = [
        // The key was at 7 for whoever wrote: a server that says 5 is behind, and what it refused may lie before 9.
        (behind.clone(), unknown),
        (Story { headers: after_8, ..behind.clone() }, unknown),
        (Story { headers: "Larder-Write: 0123456789abcdef0123456789abcdef\r\n", ..behind.clone() }, unknown),
        (Story { other_answer: Some(refusal_of(9)), ..behind.clone() }, unknown),
        // The one that leads has done it, and then 9.
        (Story { headers: after_8, other_answer: acknowledged.clone(), ..behind.clone() }, done),
        (
            Story {
                refusal: under_way.clone(),
                headers: after_8,
                other_answer: acknowledged.clone(),
                ..behind.clone()
            },
            done,
        ),
        (Story { refusal: under_way.clone(), shown: 0, other_answer: acknowledged.clone(), ..behind.clone() }, done),
        (Story { refusal: leads_no_more, headers: after_8, other_answer: acknowledged, ..behind.clone() }, done),
        // Nothing lies between 7 and 9.
        (Story { headers: "Nats-Expected-Last-Subject-Sequence: 7\r\n", ..behind.clone() }, conflict),
        // It knows what came after 7, or what is coming.
        (Story { refusal: refusal_of(9), ..behind.clone() }, conflict),
        (Story { refusal: under_way.clone(), headers: after_8, ..behind.clone() }, conflict),
        // It went while it was looked at; or it went, and who says so did not know all.
        (Story { refusal: refusal_of(0), shown: 0, ..behind.clone() }, missing),
        (Story { refusal: under_way.clone(), shown: 0, ..behind.clone() }, missing),
        (Story { shown: 0, ..behind.clone() }, unknown),
        // There is one server.
        (Story { replicas: 1, ..behind.clone() }, conflict),
    ];
    for (case, (story, expected)) in cases.into_iter().enumerate() {
        let found = put_if(&story.store(), b"k", Condition::IfRevision(7)).map_err(|error| error.status());
        assert_eq!(found, expected, "{case}");
    }
    let removed = |story: Story| wait(story.store().remove(b"k", Some(7))).map_err(|error| error.status());
    assert_eq!(removed(behind.clone()), unknown);
    assert_eq!(removed(Story { refusal: refusal_of(9), ..behind.clone() }), conflict);
    let was_7 = Ok(Outcome::Done { revision: 7 });
    assert_eq!(removed(Story { other_answer: Some(json!({"stream": "KV_b", "seq": 8})), ..behind }), was_7);
}

#[test]
fn a_first_write_is_not_taken_for_refused_by_a_read_from_a_server_that_is_behind() {
    let (mut writes, mut reads, mut name) = (0, 0, String::new());
    let address = puppet::start(move |line, asked| match asked.subject.as_str() {
        "$JS.API.STREAM.INFO.KV_b" => line.answer(asked, &puppet::stream("then", 3, 9)),
        "$KV.b.k" => {
            writes += 1;
            name = asked.headers.lines().find(|header| header.starts_with("Larder-Write: ")).expect("named").to_owned();
            // It was removed by 9; who led before knows 5 and no more; who leads has done the second one.
            line.answer(asked, &refusal_of([9, 5, 10][writes - 1]));
        }
        "$JS.API.STREAM.MSG.GET.KV_b" => {
            reads += 1;
            let (revision, headers) = [(9, "KV-Operation: DEL"), (5, ""), (10, name.as_str())][reads - 1];
            line.answer(asked, &shown(revision, &format!("{headers}\r\n")));
        }
        _ => {}
    });
    let store = store(&address, "b", json!({"format": "raw", "timeout": "60s"}));
    assert_eq!(put_if(&store, b"k", Condition::IfAbsent), Ok(Outcome::Done { revision: 10 }));
}

#[test]
fn a_put_that_a_server_took_which_steps_down_may_have_been_done() {
    let address = puppet::start(|line, asked| match asked.subject.as_str() {
        "$JS.API.STREAM.INFO.KV_b" => line.answer(asked, &puppet::stream("then", 3, 9)),
        "$KV.b.k" => line.answer(asked, &json!({"error": {"code": 503, "description": "raft: not leader"}})),
        _ => {}
    });
    let store = store(&address, "b", json!({"format": "raw", "timeout": "60s"}));
    let put = wait(store.put(b"k", b"v", &PutOptions::default()));
    assert_eq!(put.map_err(|error| error.status()), Err(Status::AMBIGUOUS));
}

/// The servers of a bucket agree on a write before each of them stores it, and the leader tells of its own failure.
#[test]
fn a_write_at_which_the_leader_alone_may_have_failed_may_have_been_done() {
    let error = |number: u64, text: &str| json!({"error": {"code": 503, "err_code": number, "description": text}});
    let no_space = error(10_077, "write /data/1.blk: no space left on device");
    let no_memory = error(10_023, "insufficient resources");
    let cases = [
        (3, no_space.clone(), Status::AMBIGUOUS),
        (3, no_memory.clone(), Status::AMBIGUOUS),
        (3, error(10_077, "store is closed"), Status::AMBIGUOUS),
        // All servers come to the same.
        (3, error(10_077, "maximum bytes exceeded"), Status::UNAVAILABLE),
        (3, error(10_077, "message too large"), Status::TOO_LARGE),
        // There is no other server.
        (1, no_space, Status::UNAVAILABLE),
        (1, no_memory, Status::UNAVAILABLE),
    ];
    for (replicas, refusal, expected) in cases {
        let told = refusal.to_string();
        let address = puppet::start(move |line, asked| match asked.subject.as_str() {
            "$JS.API.STREAM.INFO.KV_b" => line.answer(asked, &puppet::stream("then", replicas, 9)),
            "$KV.b.k" => line.answer(asked, &refusal),
            _ => {}
        });
        let store = store(&address, "b", json!({"format": "raw", "timeout": "60s"}));
        let put = wait(store.put(b"k", b"v", &PutOptions::default()));
        assert_eq!(put.map_err(|error| error.status()), Err(expected), "{replicas}: {told}");
        let put = put_if(&store, b"k", Condition::IfAbsent);
        assert_eq!(put.map_err(|error| error.status()), Err(expected), "{replicas}: {told}");
    }
}
