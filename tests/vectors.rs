//! The wire formats byte for byte: `tests/vectors` holds what is written and what is read, for this library and for
//! whoever writes another one.

use std::borrow::Cow;

use larder::Status;
use larder::store::format::{Contents, envelope, go_micro, names};
use larder::store::record::Metadata;
use serde_json::Value;

/// One vector of a file.
struct Vector(Value);

impl Vector {
    fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_else(|| panic!("{field} in {}", self.0))
    }

    fn bytes(&self, field: &str) -> Vec<u8> {
        unhex(self.text(field))
    }

    fn number(&self, field: &str) -> u64 {
        self.text(field).parse().unwrap_or_else(|_| panic!("{field} in {}", self.0))
    }

    fn metadata(&self, bytes_of: impl Fn(&str) -> Vec<u8>) -> Metadata {
        let fields = self.0["metadata"].as_object().unwrap_or_else(|| panic!("metadata in {}", self.0));
        let pairs = fields.iter().map(|(name, value)| (name.as_str(), bytes_of(value.as_str().expect("a text"))));
        let pairs: Vec<(&str, Vec<u8>)> = pairs.collect();
        Metadata::new(pairs.iter().map(|(name, value)| (*name, value.as_slice()))).expect("small")
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(digits).collect()
}

/// The vectors under `part` of a file; there are so many at least.
fn vectors(file: &str, part: &str, at_least: usize) -> Vec<Vector> {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let found: Vec<Vector> = document[part].as_array().expect(part).iter().cloned().map(Vector).collect();
    assert!(found.len() >= at_least, "{file} has {} {part}", found.len());
    found
}

fn larder(part: &str, at_least: usize) -> Vec<Vector> {
    vectors("larder_format.json", part, at_least)
}

fn go(part: &str, at_least: usize) -> Vec<Vector> {
    vectors("go_micro.json", part, at_least)
}

fn bare(value: Vec<u8>, metadata: Metadata) -> Contents<'static> {
    Contents { key: None, value: Cow::Owned(value), metadata, created_unix_ms: 0, expires_unix_ms: 0, revision: 0 }
}

#[test]
fn a_larder_envelope_is_read_and_written_as_the_vectors_say() {
    for vector in larder("envelopes", 12) {
        let contents = Contents {
            created_unix_ms: vector.number("created_unix_ms"),
            expires_unix_ms: vector.number("expires_unix_ms"),
            revision: vector.number("revision"),
            ..bare(vector.bytes("value"), vector.metadata(unhex))
        };
        let bytes = vector.bytes("envelope");
        assert_eq!(envelope::decode(&bytes), Ok(contents.clone()), "{}", vector.text("name"));
        if vector.0["is_as_written"] == true {
            assert_eq!(envelope::encode(&contents), bytes, "{}", vector.text("name"));
        }
    }
}

#[test]
fn what_is_no_larder_envelope_is_refused_for_the_reason_in_the_vectors() {
    for vector in larder("refused_envelopes", 15) {
        let error = envelope::decode(&vector.bytes("envelope")).expect_err(vector.text("name"));
        assert_eq!(error.status(), Status::CORRUPT);
        assert!(error.message().contains(vector.text("error")), "{}: {error}", vector.text("name"));
    }
}

#[test]
fn names_are_read_and_written_as_the_vectors_say() {
    for vector in larder("names", 15) {
        let (table, key, nats_key) = (vector.text("table"), vector.bytes("key"), vector.text("nats_key"));
        assert_eq!(names::encode_nats_key(table, &key), nats_key);
        assert_eq!(names::decode_nats_key(table, nats_key), Some(key.clone()), "{nats_key}");
        let redis_key = [names::redis_prefix(vector.text("database"), table), key].concat();
        assert_eq!(redis_key, vector.bytes("redis_key"), "{nats_key}");
    }
    for vector in larder("refused_names", 15) {
        assert_eq!(names::decode_nats_key(vector.text("table"), vector.text("nats_key")), None, "{}", vector.0);
    }
}

#[test]
fn what_go_writes_is_written_and_read_byte_for_byte() {
    for vector in go("written", 15) {
        let (table, key, nats_key) = (vector.text("table"), vector.bytes("key"), vector.text("nats_key"));
        assert_eq!(go_micro::encode_key(table, &key), nats_key);
        assert_eq!(go_micro::decode_key(table, nats_key), Some(key.clone()), "{nats_key}");
        let contents = bare(vector.bytes("value"), vector.metadata(|text| text.as_bytes().to_vec()));
        let json = go_micro::encode(&key, &contents).expect("metadata is text");
        assert_eq!(String::from_utf8(json).expect("JSON is UTF-8"), vector.text("envelope"));
        let read = go_micro::decode(vector.text("envelope").as_bytes()).expect("an envelope");
        assert_eq!(read, Contents { key: Some(vector.bytes("envelope_key").into()), ..contents }, "{nats_key}");
    }
}

#[test]
fn what_gos_decoder_takes_is_read_as_it_reads_it() {
    for vector in go("read", 10) {
        let name = vector.text("name");
        let read = go_micro::decode(&vector.bytes("envelope")).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Go has no word for a key that is missing.
        let read = Contents { key: Some(read.key.unwrap_or_default()), ..read };
        let expected = bare(vector.bytes("value"), vector.metadata(|text| text.as_bytes().to_vec()));
        assert_eq!(read, Contents { key: Some(vector.bytes("key").into()), ..expected }, "{name}");
    }
    for vector in go("refused", 15) {
        let error = go_micro::decode(&vector.bytes("envelope")).expect_err(vector.text("name"));
        assert_eq!(error.status(), Status::CORRUPT);
        assert!(error.message().contains(vector.text("error")), "{}: {error}", vector.text("name"));
    }
}

#[test]
fn nats_keys_that_are_no_base32_are_plain_keys_and_other_tables_keys_are_none() {
    for vector in go("plain_nats_keys", 5) {
        let key = go_micro::decode_key(vector.text("table"), vector.text("nats_key"));
        assert_eq!(key, Some(vector.bytes("key")), "{}", vector.0);
    }
    for vector in go("nats_keys_of_other_tables", 5) {
        assert_eq!(go_micro::decode_key(vector.text("table"), vector.text("nats_key")), None, "{}", vector.0);
    }
}
