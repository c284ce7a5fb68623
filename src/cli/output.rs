//! How results are printed: for people, or as one JSON object a line.

use std::io::{self, Write};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde_json::{Map, Value, json};

use crate::store::event::Event;
use crate::store::record::Record;

/// Where results go.
pub struct Output<'a> {
    to: &'a mut dyn Write,
    json: bool,
    /// Whether keys are printed in hexadecimal.
    pub hex: bool,
}

impl<'a> Output<'a> {
    /// Results for people, or as JSON.
    pub fn new(to: &'a mut dyn Write, json: bool) -> Output<'a> {
        Output { to, json, hex: false }
    }

    /// Whether results are JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// The bytes' way out, for what is no result.
    pub fn raw(&mut self) -> &mut dyn Write {
        self.to
    }

    /// Prints a JSON object, or the text that says the same to people.
    pub fn object(&mut self, object: &Value, text: impl FnOnce() -> String) -> io::Result<()> {
        if self.json { writeln!(self.to, "{object}") } else { write!(self.to, "{}", text()) }?;
        self.to.flush()
    }

    /// Prints a value as it is, or the record as JSON.
    pub fn value(&mut self, record: &Record) -> io::Result<()> {
        if self.json {
            return writeln!(self.to, "{}", self.describe(record, true));
        }
        self.to.write_all(record.value())?;
        if record.value().last() != Some(&b'\n') {
            self.to.write_all(b"\n")?;
        }
        self.to.flush()
    }

    /// Prints a record with all there is about it.
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        let object = self.describe(record, true);
        let key = self.key(record.key());
        self.object(&object, || {
            let expires = record.expires_in_ms().map_or("never".to_owned(), |ms| format!("{ms} ms"));
            let mut text = format!("{key}\trevision {}\texpires {expires}", record.revision());
            for (name, value) in record.metadata().iter() {
                text += &format!("\t{name}={}", value.escape_ascii());
            }
            text + &format!("\t{}\n", record.value().escape_ascii())
        })
    }

    /// Prints a key.
    pub fn key_line(&mut self, record: &Record) -> io::Result<()> {
        let object = self.describe(record, false);
        let key = self.key(record.key());
        self.object(&object, || key + "\n")
    }

    /// Prints an event of a watch.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let kind = format!("{:?}", event.kind).to_lowercase();
        let mut object = Map::new();
        object.insert("event".to_owned(), json!(kind));
        object.insert("initial".to_owned(), json!(event.initial));
        let mut text = kind;
        if let Some(record) = &event.record {
            object.insert("record".to_owned(), self.describe(record, true));
            text += &format!("\t{}\t{}", self.key(record.key()), record.value().escape_ascii());
        }
        if event.lost > 0 {
            object.insert("lost".to_owned(), json!(event.lost));
            text += &format!("\t{} events", event.lost);
        }
        self.object(&Value::Object(object), || text + "\n")
    }

    fn describe(&self, record: &Record, with_value: bool) -> Value {
        let mut object = Map::new();
        put_bytes(&mut object, "key", record.key());
        if with_value {
            put_bytes(&mut object, "value", record.value());
            let metadata: Map<String, Value> = record
                .metadata()
                .iter()
                .map(|(name, value)| (name.to_owned(), json!(String::from_utf8_lossy(value))))
                .collect();
            object.insert("metadata".to_owned(), Value::Object(metadata));
        }
        object.insert("revision".to_owned(), json!(record.revision()));
        object.insert("expires_in_ms".to_owned(), json!(record.expires_in_ms()));
        Value::Object(object)
    }

    fn key(&self, key: &[u8]) -> String {
        if self.hex { to_hex(key) } else { key.escape_ascii().to_string() }
    }
}

/// Bytes as a JSON text where they are one, otherwise in hexadecimal under a name that says so.
fn put_bytes(object: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => object.insert(name.to_owned(), json!(text)),
        Err(_) => object.insert(format!("{name}_hex"), json!(to_hex(bytes))),
    };
}

/// Bytes in hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Bytes from hexadecimal; `None` when it is none.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()
}
