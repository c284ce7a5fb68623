//! Servers that die, hang, and change their roles.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use larder::Status;
use larder::store::Store;
use larder::store::event::EventKind;
use larder::store::options::{Condition, Outcome, PutOptions, WatchOptions};

use crate::servers::redis::{Options, Redis};
use crate::servers::sentinel::{Group, MASTER};
use crate::support::{done, events_until, eventually, open, put, value, wait, watch};

fn group() -> Group {
    Group::start(&Options::default(), &Options::default()).expect("a group")
}

fn on_group(group: &Group, more: &str) -> crate::support::Opened {
    open(&format!("type = \"redis-sentinel\"\nnodes = \"{}\"\n{more}", group.nodes().join(",")))
}

/// What came of the writes of some threads.
#[derive(Default)]
struct Writes {
    acknowledged: Vec<String>,
    ambiguous: usize,
    failed: usize,
    /// The longest time between two acknowledgements.
    gap: Duration,
}

/// Writes keys of its own until it is told to stop.
fn write_until(store: &Arc<dyn Store>, name: usize, stop: &AtomicBool) -> Writes {
    let mut writes = Writes::default();
    let mut last = Instant::now();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let key = format!("{name}-{number}");
        match larder::wait(store.put(key.as_bytes(), b"v", &PutOptions::default()), Some(Duration::from_secs(3))) {
            Ok(Outcome::Done { .. }) => {
                writes.acknowledged.push(key);
                writes.gap = writes.gap.max(last.elapsed());
                last = Instant::now();
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) if error.status() == Status::AMBIGUOUS => writes.ambiguous += 1,
            Err(error) => {
                assert!(matches!(error.status(), Status::UNAVAILABLE | Status::TIMEOUT), "{error}");
                writes.failed += 1;
            }
        }
    }
    writes
}

/// Runs writers while `fault` does something, and a while longer.
fn under_load(store: &Arc<dyn Store>, after: Duration, fault: impl FnOnce()) -> Vec<Writes> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|name| {
                scope.spawn({
                    let stop = &stop;
                    move || write_until(store, name, stop)
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(500));
        fault();
        std::thread::sleep(after);
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

/// How many of the acknowledged writes the store does not have.
fn lost(store: &Arc<dyn Store>, writes: &[Writes]) -> usize {
    let acknowledged: Vec<&str> = writes.iter().flat_map(|writes| &writes.acknowledged).map(String::as_str).collect();
    assert!(acknowledged.len() > 20, "only {} acknowledged", acknowledged.len());
    let keys: Vec<&[u8]> = acknowledged.iter().map(|key| key.as_bytes()).collect();
    let found = keys.chunks(1000).flat_map(|keys| wait(store.get_many(keys)).expect("read"));
    found.filter(Option::is_none).count()
}

fn summary(writes: &[Writes]) -> String {
    let sum = |of: fn(&Writes) -> usize| writes.iter().map(of).sum::<usize>();
    format!(
        "{} acknowledged, {} ambiguous, {} failed, longest gap {:?}",
        sum(|writes| writes.acknowledged.len()),
        sum(|writes| writes.ambiguous),
        sum(|writes| writes.failed),
        writes.iter().map(|writes| writes.gap).max().unwrap_or_default()
    )
}

#[test]
fn a_planned_failover_loses_no_write_that_all_replicas_had() {
    let group = group();
    let opened = on_group(&group, "durability = \"all\"");
    put(&opened.store, b"k", b"v");
    let before = group.master().expect("a master");
    let writes = under_load(&opened.store, Duration::from_secs(6), || {
        group.sentinels[0].ask(&["SENTINEL", "FAILOVER", MASTER]).expect("begun");
    });
    eventually("the failover", || group.master().is_ok_and(|now| now != before));
    eventually("everybody's following", || {
        group.servers.iter().filter(|server| server.role().is_ok_and(|role| role == "master")).count() == 1
    });
    assert_eq!(lost(&opened.store, &writes), 0, "{}", summary(&writes));
    assert!(writes.iter().all(|writes| writes.gap > Duration::ZERO));
    let about = opened.store.describe();
    let now = group.servers[group.master().expect("a master")].address();
    assert_eq!(about["master"].as_str(), Some(now.as_str()), "{about}");
}

#[test]
fn after_a_planned_failover_all_does_not_wait_for_the_old_master_to_be_told() {
    let group = group();
    let opened = on_group(&group, "durability = \"all\"");
    put(&opened.store, b"k", b"1");
    let before = group.master().expect("a master");
    group.sentinels[0].ask(&["SENTINEL", "FAILOVER", MASTER]).expect("begun");
    eventually("the failover", || group.master().is_ok_and(|now| now != before));
    let write = || larder::wait(opened.store.put(b"k", b"2", &PutOptions::default()), Some(Duration::from_secs(4)));
    eventually("a write", || matches!(write(), Ok(Outcome::Done { .. })));
    // The sentinels leave it alone for 8 s, in which it takes itself for the master and follows nobody.
    assert_eq!(group.servers[before].role().expect("a role"), "master");
    let now = group.servers[group.master().expect("a master")].address();
    assert_eq!(opened.store.describe()["master"].as_str(), Some(now.as_str()));
    // It is waited for once it follows, and has what was written without it.
    eventually("the fall", || group.servers[before].role().is_ok_and(|role| role == "slave"));
    eventually("a write", || matches!(write(), Ok(Outcome::Done { .. })));
    eventually("what was written", || {
        group.servers[before].ask(&["EXISTS", "larder:::k"]).is_ok_and(|answer| answer == "1")
    });
}

#[test]
fn a_replica_that_hangs_is_waited_for_until_the_sentinels_give_it_up_and_not_until_its_master_does() {
    let mut group = group();
    let opened = on_group(&group, "durability = \"all\"");
    put(&opened.store, b"k", b"1");
    let master = group.master().expect("a master");
    let hung = (master + 1) % group.servers.len();
    let port = group.servers[hung].endpoint().port.to_string();
    group.servers[hung].process().pause();
    put(&opened.store, b"k", b"2");
    let attached =
        |group: &Group| group.servers[master].ask(&["ROLE"]).expect("a role").lines().any(|line| line == port);
    assert!(attached(&group), "the master gave it up before");
    let gave_it_up = group
        .sentinels
        .iter()
        .filter(|sentinel| sentinel.ask(&["SENTINEL", "REPLICAS", MASTER]).expect("an answer").contains("s_down"));
    assert!(gave_it_up.count() >= 2, "a majority");
    // From when it is back it has to have the writes again.
    group.servers[hung].process().resume();
    group.wait_until_whole().expect("whole");
    put(&opened.store, b"k", b"3");
    assert!(attached(&group));
}

#[test]
fn a_killed_master_is_followed_and_loses_no_durable_write_and_the_watch_goes_on() {
    let mut group = group();
    let opened = on_group(&group, "durability = 2");
    let plain = on_group(&group, "");
    put(&opened.store, b"k", b"v");
    let watching = watch(&plain.store, &WatchOptions { prefix: b"w".to_vec(), ..WatchOptions::default() });
    let before = group.master().expect("a master");
    let writes = under_load(&opened.store, Duration::from_millis(100), || group.servers[before].process().kill());
    eventually("the failover", || group.master().is_ok_and(|now| now != before));
    put(&plain.store, b"w", b"1");
    let events = events_until(&watching, |events| !events.is_empty());
    assert!(events.len() == 1 && events[0].kind == EventKind::Created, "{events:?}");
    assert_eq!(lost(&plain.store, &writes), 0, "{}", summary(&writes));
}

#[test]
fn a_connection_for_durable_writes_that_is_cut_while_idle_is_made_anew_and_the_others_stay() {
    let servers = Redis::with_replicas(&Options::default(), 1).expect("servers");
    let opened = open(&format!("redis://{}?durability=1", servers[0].address()));
    put(&opened.store, b"k", b"1");
    // Its last command, and no other connection's, is the last of a pipeline.
    let connections = || -> Vec<(String, bool)> {
        let list = servers[0].ask(&["CLIENT", "LIST"]).expect("a list");
        let ours = list.lines().filter(|line| line.contains(" name=larder "));
        let id = |line: &str| line.strip_prefix("id=").and_then(|rest| rest.split(' ').next()).map(str::to_owned);
        ours.map(|line| (id(line).expect("an id"), line.contains(" cmd=role "))).collect()
    };
    let before = connections();
    let durable: Vec<&String> = before.iter().filter(|(_, durable)| *durable).map(|(id, _)| id).collect();
    assert!(durable.len() == 1 && before.len() > 1, "{before:?}");
    servers[0].ask(&["CLIENT", "KILL", "ID", durable[0]]).expect("killed");
    std::thread::sleep(Duration::from_millis(300));
    put(&opened.store, b"k", b"2");
    let after: Vec<String> = connections().into_iter().map(|(id, _)| id).collect();
    for (id, is_durable) in &before {
        assert_eq!(after.contains(id), !is_durable, "{before:?} became {after:?}");
    }
}

#[test]
fn a_write_on_a_server_that_hangs_is_ambiguous_and_a_read_is_late() {
    let mut server = Redis::start(&Options::default()).expect("a server");
    let opened = open(&format!("redis://{}", server.address()));
    put(&opened.store, b"k", b"1");
    server.process().pause();
    let limit = Some(Duration::from_millis(500));
    let error = larder::wait(opened.store.put(b"k", b"2", &PutOptions::default()), limit).expect_err("no answer");
    assert_eq!(error.status(), Status::AMBIGUOUS, "{error}");
    let error = larder::wait(opened.store.get(b"k"), limit).expect_err("no answer");
    assert_eq!(error.status(), Status::TIMEOUT, "{error}");
    // The hang is noticed without anybody's deadline: a write that was sent is given up.
    let begun = Instant::now();
    let write = opened.store.put(b"k", b"3", &PutOptions::default());
    let error = larder::wait(write, Some(Duration::from_secs(60))).expect_err("no answer");
    assert_eq!(error.status(), Status::AMBIGUOUS, "{error}");
    // Three seconds, and what the machine takes for itself.
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    // What was never sent is no success and not ambiguous.
    let error = larder::wait(opened.store.put(b"k", b"4", &PutOptions::default()), limit).expect_err("no server");
    assert_eq!(error.status(), Status::UNAVAILABLE, "{error}");
    server.process().resume();
    eventually("an answer", || larder::wait(opened.store.get(b"k"), limit).is_ok());
}

fn stop(group: &mut Group) {
    group.sentinels.iter_mut().for_each(|sentinel| sentinel.process().kill());
    group.servers.iter_mut().for_each(|server| server.process().kill());
}

fn start(group: &mut Group) {
    group.servers.iter_mut().for_each(|server| server.start_again().expect("a server"));
    group.sentinels.iter_mut().for_each(|sentinel| sentinel.start_again().expect("a sentinel"));
}

#[test]
fn a_client_that_is_there_before_its_servers_works_once_they_come_and_again_after_a_long_outage() {
    // Longer than attempts to connect ever wait for one another.
    let long = Duration::from_secs(12);
    let mut group = group();
    let master = group.servers[group.master().expect("a master")].address();
    stop(&mut group);
    let behind_sentinels = on_group(&group, "");
    let alone = open(&format!("redis://{master}?table=alone"));
    let both = [&behind_sentinels.store, &alone.store];
    for store in both {
        let early = larder::wait(store.put(b"k", b"0", &PutOptions::default()), Some(Duration::from_millis(300)));
        assert_eq!(early.expect_err("nobody is there").status(), Status::UNAVAILABLE);
    }
    std::thread::sleep(long);
    start(&mut group);
    for store in both {
        put(store, b"k", b"1");
    }
    stop(&mut group);
    std::thread::sleep(long);
    start(&mut group);
    for store in both {
        assert_eq!(value(store, b"k").as_deref(), Some(&b"1"[..]));
        put(store, b"k", b"2");
    }
}

#[test]
fn a_conditional_write_of_a_bare_value_whose_read_gets_no_answer_has_not_happened_and_says_so() {
    let mut server = Redis::start(&Options::default()).expect("a server");
    let opened = open(&format!("redis://{}?format=raw", server.address()));
    let revision = put(&opened.store, b"k", b"1");
    server.process().pause();
    let options = PutOptions { condition: Condition::IfRevision(revision), ..PutOptions::default() };
    let limit = Some(Duration::from_millis(500));
    let error = larder::wait(opened.store.put(b"k", b"2", &options), limit).expect_err("no answer");
    assert_eq!(error.status(), Status::UNAVAILABLE, "{error}");
    assert!(error.message().contains("nothing was written"), "{error}");
    let error = larder::wait(opened.store.remove(b"k", Some(revision)), limit).expect_err("no answer");
    assert_eq!(error.status(), Status::UNAVAILABLE, "{error}");
    server.process().resume();
    eventually("an answer", || larder::wait(opened.store.get(b"k"), limit).is_ok());
    assert_eq!(value(&opened.store, b"k").as_deref(), Some(&b"1"[..]));
    assert_eq!(done(wait(opened.store.put(b"k", b"2", &options))), put(&opened.store, b"k", b"2"));
}

#[test]
fn a_replica_is_not_written_to_and_a_demoted_server_answers_again_once_it_is_master() {
    let servers = Redis::with_replicas(&Options::default(), 1).expect("servers");
    let on_replica = open(&format!("redis://{}?timeout=1s", servers[1].address()));
    let error = larder::wait(on_replica.store.get(b"k"), Some(Duration::from_secs(1))).expect_err("a replica");
    assert!(error.status() == Status::UNAVAILABLE && error.message().contains("replica"), "{error}");
    let opened = open(&format!("redis://{}", servers[0].address()));
    put(&opened.store, b"k", b"1");
    let address = servers[1].endpoint().address();
    let (host, port) = address.rsplit_once(':').expect("host:port");
    servers[0].ask(&["REPLICAOF", host, port]).expect("demoted");
    let write = opened.store.put(b"k", b"2", &PutOptions::default());
    let error = larder::wait(write, Some(Duration::from_secs(1))).expect_err("a replica");
    assert_eq!(error.status(), Status::UNAVAILABLE, "{error}");
    servers[0].ask(&["REPLICAOF", "NO", "ONE"]).expect("promoted");
    put(&opened.store, b"k", b"3");
}

#[test]
fn too_few_replicas_are_ambiguous_and_never_a_success() {
    let server = Redis::start(&Options::default()).expect("a server");
    let opened = open(&format!("redis://{}?durability=1", server.address()));
    let write = opened.store.put(b"k", b"v", &PutOptions::default());
    let error = larder::wait(write, Some(Duration::from_secs(1))).expect_err("no replica");
    assert_eq!(error.status(), Status::AMBIGUOUS, "{error}");
    let options = PutOptions { durability: larder::store::options::Durability::None, ..PutOptions::default() };
    assert!(matches!(wait(opened.store.put(b"k", b"v", &options)), Ok(Outcome::Done { .. })));
}

#[test]
fn a_master_that_hangs_is_left_for_the_one_that_the_sentinels_choose() {
    let mut group = group();
    let opened = on_group(&group, "");
    put(&opened.store, b"k", b"1");
    let before = group.master().expect("a master");
    group.servers[before].process().pause();
    eventually("the failover", || group.master().is_ok_and(|now| now != before));
    let revision = put(&opened.store, b"k", b"2");
    let now = group.servers[group.master().expect("a master")].address();
    assert_eq!(opened.store.describe()["master"].as_str(), Some(now.as_str()));
    // It wakes as a master who has missed its own fall, and is not written to.
    group.servers[before].process().resume();
    put(&opened.store, b"other", b"3");
    eventually("the fall", || group.servers[before].role().is_ok_and(|role| role == "slave"));
    let record = wait(opened.store.get(b"k")).expect("read").expect("there");
    assert_eq!((record.revision(), record.value()), (revision, &b"2"[..]));
    assert!(wait(opened.store.get(b"other")).expect("read").is_some());
}

#[test]
fn without_most_sentinels_records_are_read_and_written_and_with_them_again_a_failover_is_followed() {
    let mut group = group();
    let opened = on_group(&group, "");
    put(&opened.store, b"k", b"1");
    let before = group.master().expect("a master");
    for sentinel in &mut group.sentinels[..2] {
        sentinel.process().kill();
    }
    std::thread::sleep(Duration::from_secs(2));
    put(&opened.store, b"k", b"2");
    group.sentinels[2].process().kill();
    std::thread::sleep(Duration::from_secs(2));
    for number in 0..20 {
        put(&opened.store, b"k", &[number]);
        assert_eq!(crate::support::value(&opened.store, b"k"), Some(vec![number]));
    }
    for sentinel in &mut group.sentinels {
        sentinel.start_again().expect("up");
    }
    group.wait_until_whole().expect("whole");
    group.servers[before].process().kill();
    eventually("the failover", || group.master().is_ok_and(|now| now != before));
    put(&opened.store, b"k", b"3");
    assert_eq!(crate::support::value(&opened.store, b"k"), Some(b"3".to_vec()));
}

#[test]
fn an_old_master_that_a_sentinel_still_names_is_not_gone_back_to_while_the_others_are_away() {
    let mut group = group();
    let opened = on_group(&group, "");
    put(&opened.store, b"k", b"1");
    eventually("the record on the replicas", || {
        group.servers.iter().all(|server| server.ask(&["DBSIZE"]).is_ok_and(|count| count == "1"))
    });
    let before = group.master().expect("a master");
    // They are stopped, and not paused: what the others say meanwhile must not wait for them.
    group.servers[before].process().kill();
    group.sentinels[2].process().kill();
    eventually("the failover", || group.master().is_ok_and(|now| now != before));
    put(&opened.store, b"k", b"2");
    for index in (0..group.servers.len()).filter(|index| *index != before) {
        group.servers[index].process().pause();
    }
    group.sentinels[..2].iter_mut().for_each(|sentinel| sentinel.process().pause());
    group.servers[before].start_again().expect("it comes back");
    group.sentinels[2].start_again().expect("it comes back");
    let end = Instant::now() + Duration::from_secs(8);
    let limit = Some(Duration::from_secs(3));
    while Instant::now() < end {
        let read = larder::wait(opened.store.get(b"k"), limit).expect_err("nobody knows better");
        assert!(matches!(read.status(), Status::UNAVAILABLE | Status::TIMEOUT), "{read}");
        let write = larder::wait(opened.store.put(b"k", b"3", &PutOptions::default()), limit);
        let write = write.expect_err("nobody knows better");
        assert!(matches!(write.status(), Status::UNAVAILABLE | Status::AMBIGUOUS), "{write}");
    }
    let why = larder::wait(opened.store.get(b"k"), limit).expect_err("nobody knows better");
    assert!(why.message().contains("was named since"), "{why}");
    assert_eq!(group.servers[before].ask(&["GETRANGE", "larder:::k", "40", "-1"]).expect("a value"), "1");
    for index in (0..group.servers.len()).filter(|index| *index != before) {
        group.servers[index].process().resume();
    }
    group.sentinels[..2].iter_mut().for_each(|sentinel| sentinel.process().resume());
    eventually("the new master's record", || {
        let read = larder::wait(opened.store.get(b"k"), limit);
        read.is_ok_and(|found| found.is_some_and(|record| record.value() != b"1"))
    });
}
