//! What is made of the answers of servers: any that comes is read or refused, and what is read says no more than it.

use larder::store::nats::answers::{ApiError, Delivery, Facts, Stored, acknowledgement, unix_ms};
use larder::store::nats::wire::complaint::denied;
use larder::store::nats::wire::nkey::{SigningKey, credentials};
use larder::store::redis::answers::{Role, ServerClock, moment, view};
use larder::store::redis::wire::Value as Answer;
use serde_json::{Value, json};

use super::{Random, answers, corpus, fuzz, hex_lines, lines};

/// What a field of an answer may hold and nobody expects.
fn odd(random: &mut Random) -> Value {
    const NUMBERS: [u64; 5] = [0, 1, i64::MAX as u64, 1 << 63, u64::MAX];
    const TEXTS: [&str; 7] = ["", "\u{0}", "\u{e4}", "=", "memory", "-1", "2026-11-23T03:02:23\u{e4}.5Z"];
    match random.below(7) {
        0 => Value::Null,
        1 => Value::Bool(true),
        2 => NUMBERS[random.below(NUMBERS.len())].into(),
        3 => json!(-1 - random.below(9) as i64),
        4 => json!(1e308),
        5 => json!([{}]),
        _ => TEXTS[random.below(TEXTS.len())].into(),
    }
}

/// Puts something odd into a place of an object, and keeps the rest.
fn twist(random: &mut Random, value: &mut Value) {
    let inner = match value {
        Value::Object(fields) if !fields.is_empty() => {
            let place = random.below(fields.len());
            fields.values_mut().nth(place)
        }
        Value::Array(items) if !items.is_empty() => {
            let place = random.below(items.len());
            items.get_mut(place)
        }
        _ => None,
    };
    match inner {
        Some(inner) if random.below(4) != 0 => twist(random, inner),
        _ => *value = odd(random),
    }
}

fn check_answer(bytes: &[u8]) {
    let parsed: Option<Value> = serde_json::from_slice(bytes).ok();
    match acknowledgement(bytes) {
        None => {}
        Some(Ok(sequence)) => assert_ne!(sequence, 0),
        Some(Err(error)) => assert_eq!(parsed.as_ref().and_then(ApiError::of), Some(error)),
    }
    let Some(answer) = parsed else { return };
    let error = ApiError::of(&answer);
    assert_eq!(error.is_some(), answer.get("error").is_some());
    if let Some(error) = error {
        assert!(!(error.is_missing_stream() && error.is_missing_message()), "{error:?}");
        assert!(!(error.is_wrong_sequence() && error.is_missing_stream()), "{error:?}");
    }
    if let Some(stored) = Stored::of_leader(&answer) {
        let message = &answer["message"];
        assert_eq!(stored.sequence, message["seq"].as_u64().unwrap_or(0));
        // The decoder takes padding between parts too, so that what was read need not be written so.
        assert!(stored.body.len() <= message["data"].as_str().unwrap_or_default().len() / 4 * 3);
    }
    if let Some(facts) = Facts::of(&answer) {
        assert!(facts.replicas >= 1, "{facts:?}");
        assert_eq!(facts.created, answer["created"].as_str().unwrap_or_default());
        assert!(facts.is_own || facts.format.is_empty(), "{facts:?}");
    }
}

#[test]
fn any_answer_of_jetstream_is_read_or_refused() {
    let seeds = lines("nats_answers.txt");
    let trees: Vec<Value> = seeds.iter().map(|seed| serde_json::from_slice(seed).expect("JSON")).collect();
    fuzz(&seeds, 100_000, |random, input| {
        check_answer(input);
        let mut tree = trees[random.below(trees.len())].clone();
        for _ in 0..1 + random.below(3) {
            twist(random, &mut tree);
        }
        check_answer(tree.to_string().as_bytes());
    });
}

/// A moment as RFC 3339 writes it, by counting days.
fn written(unix_ms: u64) -> String {
    let (mut days, rest) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (seconds, ms) = (rest / 1000, rest % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}456Z", month + 1, days + 1)
}

#[test]
fn any_text_in_an_answer_of_nats_is_a_moment_a_delivery_or_a_denial_or_none() {
    let seeds = lines("nats_texts.txt");
    let count = |is_one: &dyn Fn(&str) -> bool| {
        seeds.iter().filter(|seed| is_one(std::str::from_utf8(seed).expect("text"))).count()
    };
    assert!(count(&|text| unix_ms(text) != 0) >= 3);
    assert!(count(&|text| Delivery::parse(text).is_some()) >= 3 && count(&|text| denied(text).is_some()) >= 2);
    fuzz(&seeds, 200_000, |random, input| {
        let text = String::from_utf8_lossy(input);
        let _ = unix_ms(&text);
        // Up to the year 9999, beyond which there is no such text.
        let at = random.next() % 253_402_300_800_000;
        assert_eq!(unix_ms(&written(at)), at, "{}", written(at));
        if let Some(found) = Delivery::parse(&text) {
            let Delivery { stream_sequence, consumer_sequence, time_unix_ms, pending } = found;
            let nanoseconds = u128::from(time_unix_ms) * 1_000_000;
            let again = format!("$JS.ACK.s.c.1.{stream_sequence}.{consumer_sequence}.{nanoseconds}.{pending}");
            assert_eq!(Delivery::parse(&again), Some(found));
        }
        if let Some((_, subject)) = denied(&text) {
            assert!(text.contains(&format!("\"{subject}\"")) && !subject.contains('"'), "{text}");
        }
    });
}

#[test]
fn any_answer_of_redis_is_read_as_a_role_a_moment_or_a_sentinels_view_or_as_none() {
    let seeds = hex_lines("redis_answers.txt");
    let (mut views, mut roles, mut moments) = (0, 0, 0);
    for seed in &seeds {
        let (values, is_malformed) = answers(seed, seed.len());
        assert!(!is_malformed);
        views += usize::from(view(&values).is_some());
        roles += values.iter().filter(|value| matches!(Role::read(value), Some(Role::Master { .. }))).count();
        moments += values.iter().filter(|value| moment(value).is_some()).count();
    }
    assert!(views >= 3 && roles >= 2 && moments >= 3, "{views} {roles} {moments}");
    fuzz(&seeds, 200_000, |_, input| {
        let (values, _) = answers(input, input.len());
        if let Some(view) = view(&values) {
            assert!(view.sentinels >= 1 && view.master.is_some(), "{view:?}");
            assert!(view.replicas.iter().all(|replica| !replica.address.host.is_empty() && replica.address.port != 0));
        }
        for value in &values {
            if let Some(Role::Master { replicas, .. }) = Role::read(value) {
                let listed = value.as_array().and_then(|parts| parts.get(2)?.as_array()).map_or(0, <[Answer]>::len);
                assert!(replicas.len() <= listed);
            }
            let clock = ServerClock::default();
            // The first answer is taken as it is, later ones move it.
            for _ in 0..2 {
                clock.heard(value, clock.ask());
                let _ = (clock.unix_ms(), clock.deadline_of(0), clock.deadline_of(1), clock.deadline_of(u64::MAX));
            }
            assert!(clock.has_asked());
            let _ = moment(value);
        }
    });
}

#[test]
fn any_seed_is_one_whose_key_signs_or_none() {
    let seeds = lines("nkey_seeds.txt");
    let is_seed = |seed: &Vec<u8>| SigningKey::of_seed(std::str::from_utf8(seed).expect("text")).is_some();
    assert!(seeds.iter().all(is_seed));
    fuzz(&seeds, 100_000, |_, input| {
        let text = String::from_utf8_lossy(input);
        let Some(key) = SigningKey::of_seed(&text) else { return };
        assert_eq!((text.len(), key.public().len(), key.sign(&text).len()), (58, 56, 86), "{text}");
    });
}

#[test]
fn any_credentials_file_holds_a_token_that_can_be_sent_and_a_seed_or_is_none() {
    let seeds: Vec<Vec<u8>> =
        corpus("nats_credentials.txt").split("===\n").map(|text| text.as_bytes().to_vec()).collect();
    assert!(seeds.iter().all(|seed| credentials(std::str::from_utf8(seed).expect("text")).is_some()));
    fuzz(&seeds, 100_000, |_, input| {
        let text = String::from_utf8_lossy(input);
        let Some((token, key)) = credentials(&text) else { return };
        assert!(!token.is_empty() && text.contains(token) && key.public().len() == 56);
        // It stands in a line of JSON to the server as it is.
        assert_eq!(json!(token).to_string(), format!("\"{token}\""));
    });
}
