//! Random operations against a map, and many threads at once.

use std::collections::BTreeMap;

use super::*;
use crate::store::options::{ListOptions, Projection};

type Model = BTreeMap<Vec<u8>, (u64, Vec<u8>)>;

fn content(store: &dyn Store) -> Model {
    let options = ListOptions { projection: Projection::Records, ..ListOptions::default() };
    let records = ready(store.list(&options)).expect("list");
    records.iter().map(|record| (record.key().to_vec(), (record.revision(), record.value().to_vec()))).collect()
}

fn conditional(model: &Model, key: &[u8], condition: Condition) -> Option<Outcome> {
    let present = model.get(key).map(|(revision, _)| *revision);
    match (condition, present) {
        (Condition::IfAbsent, Some(revision)) => Some(Outcome::Conflict { revision }),
        (Condition::IfRevision(_), None) => Some(Outcome::NotFound),
        (Condition::IfRevision(expected), Some(revision)) if expected != revision => {
            Some(Outcome::Conflict { revision })
        }
        _ => None,
    }
}

fn step(store: &dyn Store, model: &mut Model, random: &mut Random) {
    let key = random.below(300).to_string().into_bytes();
    let revision = model.get(&key).map_or(1, |(revision, _)| *revision);
    match random.below(16) {
        0..=6 => {
            let condition = match random.below(4) {
                0 => Condition::IfAbsent,
                1 => Condition::IfRevision(revision + random.below(2)),
                _ => Condition::Always,
            };
            let value = vec![random.next() as u8; random.below(200) as usize];
            let outcome = ready(store.put(&key, &value, &with_condition(condition))).expect("put");
            match (conditional(model, &key, condition), outcome) {
                (None, Outcome::Done { revision: now }) => {
                    assert!(!model.contains_key(&key) || now > revision);
                    model.insert(key, (now, value));
                }
                (expected, outcome) => assert_eq!(expected, Some(outcome)),
            }
        }
        7..=9 => {
            let expected = (random.below(2) == 0).then_some(revision + random.below(2));
            let outcome = ready(store.remove(&key, expected)).expect("remove");
            match model.get(&key) {
                None => assert_eq!(outcome, Outcome::NotFound),
                Some(_) if expected.is_some_and(|expected| expected != revision) => {
                    assert_eq!(outcome, Outcome::Conflict { revision });
                }
                Some(_) => {
                    assert_eq!(outcome, Outcome::Done { revision });
                    model.remove(&key);
                }
            }
        }
        10..=13 => {
            assert_eq!(get(store, &key), model.get(&key).map(|(_, value)| value.clone()));
            assert_eq!(ready(store.contains(&key)), Ok(model.contains_key(&key)));
        }
        14 => {
            let max_idle = if random.below(2) == 0 { Term::Unlimited } else { Term::For(Duration::from_secs(900)) };
            let touched = ready(store.touch(&key, Lifetime { lifespan: Term::Default, max_idle })).expect("touch");
            assert_eq!(touched, model.contains_key(&key));
        }
        _ if random.below(200) == 0 => {
            assert_eq!(ready(store.clear()), Ok(model.len() as u64));
            model.clear();
        }
        _ => assert_eq!(size(store), model.len() as u64),
    }
}

each_engine! {
    fn random_operations_do_what_they_do_to_a_map(policy) {
        for seed in 0..4 {
            let backend = backend(MemoryConfig { shards: Some(1 << seed), ..unbounded(policy) });
            let store = backend.open("d", "one").expect("open");
            let neighbour = backend.open("d", "two").expect("open");
            let mut random = Random(seed);
            let (mut model, mut neighbours) = (Model::new(), Model::new());
            for _ in 0..10_000 {
                step(&*store, &mut model, &mut random);
                step(&*neighbour, &mut neighbours, &mut random);
            }
            assert_eq!(content(&*store), model);
            assert_eq!(content(&*neighbour), neighbours);
        }
    }

    fn threads_of_all_operations_leave_a_consistent_store(policy) {
        let store = store(MemoryConfig { max_entries: Some(500), ..unbounded(policy) });
        std::thread::scope(|scope| {
            for seed in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    let mut random = Random(seed);
                    for _ in 0..10_000 {
                        let key = random.below(1000).to_le_bytes();
                        match random.below(12) {
                            0..=3 => drop(put(&**store, &key, &key)),
                            4 => drop(put_with(&**store, &key, &key, &with_lifespan(Duration::from_millis(3)))),
                            5 => drop(ready(store.remove(&key, None)).expect("remove")),
                            6 => drop(ready(store.touch(&key, Lifetime { lifespan: Term::Unlimited, max_idle: Term::For(Duration::from_millis(5)) }))),
                            7 if random.below(500) == 0 => drop(ready(store.clear()).expect("clear")),
                            8 if random.below(100) == 0 => drop(ready(store.list(&ListOptions::default())).expect("list")),
                            _ => {
                                if let Some(value) = get(&**store, &key) {
                                    assert_eq!(value, key);
                                }
                            }
                        }
                    }
                });
            }
        });
        let statistics = ready(store.statistics()).expect("statistics");
        assert!(statistics.entries <= 500 + slack(policy));
        ready(store.clear()).expect("clear");
        // moka lets go of what has expired when it gets to it.
        eventually("empty", || {
            let statistics = ready(store.statistics()).expect("statistics");
            (size(&*store), statistics.entries, statistics.bytes) == (0, 0, 0)
        });
        for number in 0..500_u64 {
            put(&*store, &number.to_le_bytes(), b"");
        }
        assert_eq!(size(&*store), 500);
    }

    fn puts_that_are_conditional_on_absence_are_won_by_one_thread(policy) {
        let store = store(unbounded(policy));
        let wins: usize = std::thread::scope(|scope| {
            let attempt = |thread: u64| {
                let store = &store;
                move || {
                    let won = |number: &u64| {
                        let outcome = ready(store.put(&number.to_le_bytes(), &thread.to_le_bytes(), &with_condition(Condition::IfAbsent)));
                        matches!(outcome, Ok(Outcome::Done { .. }))
                    };
                    (0..5000).filter(won).count()
                }
            };
            let threads: Vec<_> = (0..4).map(|thread| scope.spawn(attempt(thread))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a thread")).sum()
        });
        assert_eq!(wins, 5000);
    }
}
