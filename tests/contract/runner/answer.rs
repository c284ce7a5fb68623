//! What an operation answered, and whether that is what a case expects.

use std::collections::BTreeMap;

use larder::Status;
use larder::store::event::{Event, EventKind};
use larder::store::record::Record;
use larder::store::statistics::Statistics;
use serde_json::Value;

use super::{bytes, known};

/// What any operation can answer; what it does not, stays empty.
#[derive(Default)]
pub struct Answer {
    pub status: Option<Status>,
    pub record: Option<Record>,
    pub value: Option<Vec<u8>>,
    pub length: Option<u64>,
    pub revision: Option<u64>,
    pub number: Option<u64>,
    pub records: Option<Vec<Option<Record>>>,
    pub outcomes: Option<Vec<(Status, u64)>>,
    pub statistics: Option<Statistics>,
    pub description: Option<Value>,
    pub source: Option<String>,
    pub message: Option<String>,
}

/// The revisions that steps saved.
pub type Saved = BTreeMap<String, u64>;

type Checked = Result<(), String>;

impl Answer {
    pub fn of(status: Status) -> Answer {
        Answer { status: Some(status), ..Answer::default() }
    }

    pub fn number(number: u64) -> Answer {
        Answer { number: Some(number), ..Answer::of(Status::OK) }
    }

    pub fn error(error: &larder::Error) -> Answer {
        let (source, message) = (error.origin().to_owned(), error.message().to_owned());
        Answer { source: Some(source), message: Some(message), ..Answer::of(error.status()) }
    }

    pub fn check(&self, expect: &Value, saved: &Saved) -> Checked {
        let empty = Value::Object(serde_json::Map::new());
        let expect = if expect.is_null() { &empty } else { expect };
        check_status(&expect["status"], self.status.unwrap_or(Status::OK))
            .map_err(|fault| format!("{fault} {}", self.message.as_deref().unwrap_or_default()))?;
        for (field, expected) in expect.as_object().ok_or("expect is no object")? {
            self.field(field, expected, saved).map_err(|fault| format!("{field}: {fault}"))?;
        }
        Ok(())
    }

    fn field(&self, field: &str, expected: &Value, saved: &Saved) -> Checked {
        match field {
            "status" => Ok(()),
            "value" if self.value.is_some() => same_bytes(expected, self.value.as_deref().unwrap_or_default()),
            "value" | "metadata" | "expires_in_ms" | "max_idle_ms" => {
                record_field(field, expected, self.record.as_ref().ok_or("there is no record")?, saved)
            }
            "revision" | "revision_above" => revision(field, expected, self.revision.ok_or("there is none")?, saved),
            "length" => number(expected, self.length.ok_or("there is none")?),
            "number" => number(expected, self.number.ok_or("there is none")?),
            "records" => records(expected, self.records.as_deref().ok_or("there are none")?, saved),
            "outcomes" => outcomes(expected, self.outcomes.as_deref().ok_or("there are none")?, saved),
            "statistics" => statistics(expected, self.statistics.as_ref().ok_or("there are none")?),
            "description" => {
                let description = self.description.as_ref().ok_or("there is none")?;
                let wrong =
                    expected.as_object().ok_or("no object")?.iter().find(|(key, value)| description[key] != **value);
                wrong.map_or(Ok(()), |(key, _)| Err(format!("{key} is {}", description[key])))
            }
            "source" => same_text(expected, self.source.as_deref(), |expected, actual| expected == actual),
            "message_contains" => same_text(expected, self.message.as_deref(), |part, whole| whole.contains(part)),
            _ => Err("there is no such expectation".to_owned()),
        }
    }
}

fn check_status(expected: &Value, actual: Status) -> Checked {
    let one = [expected.clone()];
    let names: Vec<&str> = match expected {
        Value::Null => vec!["OK"],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => one.iter().filter_map(Value::as_str).collect(),
    };
    for name in &names {
        if !Status::ALL.iter().any(|(_, known, _)| known == name) {
            return Err(format!("there is no status {name}"));
        }
    }
    if names.contains(&actual.name()) { Ok(()) } else { Err(format!("expected {names:?}, got {actual:?}")) }
}

fn same_text(expected: &Value, actual: Option<&str>, same: impl Fn(&str, &str) -> bool) -> Checked {
    let actual = actual.ok_or("there is none")?;
    let expected = expected.as_str().ok_or("expected is no text")?;
    if same(expected, actual) { Ok(()) } else { Err(format!("expected {expected:?}, got {actual:?}")) }
}

fn same_bytes(expected: &Value, actual: &[u8]) -> Checked {
    let expected = bytes::bytes(expected)?;
    if expected == actual {
        return Ok(());
    }
    let show = |bytes: &[u8]| format!("{} ({} bytes)", bytes[..bytes.len().min(60)].escape_ascii(), bytes.len());
    Err(format!("expected {}, got {}", show(&expected), show(actual)))
}

fn number<N: TryInto<i128> + Copy + std::fmt::Display>(expected: &Value, actual: N) -> Checked {
    let value: i128 = actual.try_into().map_err(|_| "not a number")?;
    let fits = match expected {
        Value::Number(exact) => exact.as_i64().map(i128::from) == Some(value),
        range => {
            known(range, &["least", "most"])?;
            let bound = |name: &str| range[name].as_i64().map(i128::from);
            bound("least").is_none_or(|least| value >= least) && bound("most").is_none_or(|most| value <= most)
        }
    };
    if fits { Ok(()) } else { Err(format!("expected {expected}, got {actual}")) }
}

pub fn saved_revision(value: &Value, saved: &Saved) -> Result<u64, String> {
    if let Some(number) = value.as_u64() {
        return Ok(number);
    }
    let name =
        value.as_str().and_then(|text| text.strip_prefix('$')).ok_or_else(|| format!("{value} is no revision"))?;
    saved.get(name).copied().ok_or_else(|| format!("no step has saved {name}"))
}

fn revision(field: &str, expected: &Value, actual: u64, saved: &Saved) -> Checked {
    let expected = saved_revision(expected, saved)?;
    let fits = if field == "revision" { actual == expected } else { actual > expected };
    if fits { Ok(()) } else { Err(format!("expected {expected}, got {actual}")) }
}

fn record_field(field: &str, expected: &Value, record: &Record, saved: &Saved) -> Checked {
    match field {
        "key" => same_bytes(expected, record.key()),
        "value" => same_bytes(expected, record.value()),
        "metadata" => {
            let pairs = bytes::pairs(expected)?;
            let actual: Vec<(String, Vec<u8>)> =
                record.metadata().iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
            if pairs == actual { Ok(()) } else { Err(format!("got {} pairs that differ", actual.len())) }
        }
        "revision" | "revision_above" => revision(field, expected, record.revision(), saved),
        "expires_in_ms" => number(expected, record.expires_in_ms().map_or(-1, i128::from)),
        "max_idle_ms" => {
            number(expected, if record.max_idle_ms() == 0 { -1 } else { i128::from(record.max_idle_ms()) })
        }
        _ => Err("there is no such field".to_owned()),
    }
}

fn records(expected: &Value, actual: &[Option<Record>], saved: &Saved) -> Checked {
    let expected = expected.as_array().ok_or("expected no list")?;
    if expected.len() != actual.len() {
        let keys: Vec<_> =
            actual.iter().map(|record| record.as_ref().map(|record| record.key().escape_ascii().to_string())).collect();
        return Err(format!("expected {}, got {}: {keys:?}", expected.len(), actual.len()));
    }
    for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
        match (expected, actual) {
            (Value::Null, None) => {}
            (Value::Object(fields), Some(record)) => {
                for (field, expected) in fields {
                    record_field(field, expected, record, saved)
                        .map_err(|fault| format!("{index}: {field}: {fault}"))?;
                }
            }
            _ => return Err(format!("{index}: expected {expected}, got {actual:?}")),
        }
    }
    Ok(())
}

fn outcomes(expected: &Value, actual: &[(Status, u64)], saved: &Saved) -> Checked {
    let expected = expected.as_array().ok_or("expected no list")?;
    if expected.len() != actual.len() {
        return Err(format!("expected {}, got {}", expected.len(), actual.len()));
    }
    for (expected, (status, number)) in expected.iter().zip(actual) {
        known(expected, &["status", "revision", "revision_above"])?;
        check_status(&expected["status"], *status)?;
        for field in ["revision", "revision_above"] {
            if !expected[field].is_null() {
                revision(field, &expected[field], *number, saved)?;
            }
        }
    }
    Ok(())
}

fn statistics(expected: &Value, actual: &Statistics) -> Checked {
    for (field, expected) in expected.as_object().ok_or("expected no object")? {
        let value = match field.as_str() {
            "hits" => actual.hits,
            "misses" => actual.misses,
            "puts" => actual.puts,
            "removals" => actual.removals,
            "evictions" => actual.evictions,
            "expirations" => actual.expirations,
            "entries" => actual.entries,
            "bytes" => actual.bytes,
            _ => return Err(format!("there is no {field}")),
        };
        number(expected, value).map_err(|fault| format!("{field}: {fault}"))?;
    }
    Ok(())
}

pub fn kind_name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Created => "created",
        EventKind::Updated => "updated",
        EventKind::Removed => "removed",
        EventKind::Expired => "expired",
        EventKind::Evicted => "evicted",
        EventKind::Current => "current",
        EventKind::Lost => "lost",
    }
}

fn event(expected: &Value, actual: &Event, saved: &Saved) -> Checked {
    for (field, expected) in expected.as_object().ok_or("expected no object")? {
        let checked = match field.as_str() {
            "kind" => same_text(expected, Some(kind_name(actual.kind)), |expected, actual| expected == actual),
            "initial" if expected.as_bool() == Some(actual.initial) => Ok(()),
            "initial" => Err(format!("got {}", actual.initial)),
            "lost" => number(expected, actual.lost),
            _ => actual
                .record
                .as_ref()
                .ok_or("there is no record".to_owned())
                .and_then(|record| record_field(field, expected, record, saved)),
        };
        checked.map_err(|fault| format!("{field}: {fault}"))?;
    }
    Ok(())
}

pub fn events(expected: &[Value], actual: &[Event], in_any_order: bool, saved: &Saved) -> Checked {
    let mut left: Vec<&Event> = actual.iter().collect();
    let told: Vec<&str> = actual.iter().map(|event| kind_name(event.kind)).collect();
    if expected.len() != actual.len() {
        return Err(format!("expected {} events, got {told:?}", expected.len()));
    }
    for (index, wanted) in expected.iter().enumerate() {
        if !in_any_order {
            event(wanted, left.remove(0), saved).map_err(|fault| format!("event {index} of {told:?}: {fault}"))?;
            continue;
        }
        let place = left.iter().position(|actual| event(wanted, actual, saved).is_ok());
        left.remove(place.ok_or_else(|| format!("no event of {told:?} is {wanted}"))?);
    }
    Ok(())
}
