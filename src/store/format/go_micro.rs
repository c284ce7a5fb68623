//! What go-micro v4's `nats-js-kv` plugin writes.
//!
//! | what | how it is written |
//! | --- | --- |
//! | NATS key | base32 (RFC 4648, with padding) of `<table>_<key>`, or of the key alone without a table |
//! | value | `{"key":…,"data":…,"metadata":…}`, compact, in this order, byte for byte as Go's `encoding/json` writes it |
//!
//! The value is base64 in `data`; there is no expiry, no revision and no time in it. The key in the envelope has U+FFFD
//! for bytes that are not UTF-8, the NATS key has the bytes themselves. Table `a` with key `b_c` and table `a_b` with key
//! `c` are one NATS key: that is the format.
//!
//! **Metadata.** Go's is a map from names to any JSON, Larder's a map from names to bytes. Each value is written as a
//! JSON string, and no metadata as `null`; a value that is not UTF-8 cannot be written. On reading, a JSON string gives
//! its text, and anything else gives its JSON text without spaces, so that a number keeps all its digits. What Go wrote
//! as the number 5 is read as `5`, and is the string `"5"` when Larder writes it again.
//!
//! Larder writes what Go 1.22 and later write (`\b` and `\f` short), and reads whatever Go's decoder takes: any order and
//! letter case of the names, unknown ones, `null`, half surrogates and bytes that are not UTF-8 as U+FFFD. It is stricter
//! in one thing: JSON with neither a key nor data is no envelope.

use std::borrow::Cow;
use std::fmt;

use base64_simd::STANDARD as BASE64;
use data_encoding::{BASE32, BASE64_MIME_PERMISSIVE};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{Contents, envelope};
use crate::error::{Error, Result, Status};
use crate::store::record::Metadata;

/// The NATS key of a record: base32 of `<table>_<key>`, or of the key alone without a table.
pub fn encode_key(table: &str, key: &[u8]) -> String {
    if table.is_empty() {
        return BASE32.encode(key);
    }
    BASE32.encode(&[table.as_bytes(), b"_", key].concat())
}

/// The record's key in a NATS key, when it is one of this table; a NATS key that is no base32 is a plain key, as some
/// versions wrote it.
pub fn decode_key(table: &str, nats_key: &str) -> Option<Vec<u8>> {
    let decoded = BASE32.decode(nats_key.as_bytes()).ok();
    // The decoder takes several padded texts in a row, which no encoder writes.
    let decoded = decoded.filter(|bytes| BASE32.encode(bytes) == nats_key);
    let full = decoded.unwrap_or_else(|| nats_key.as_bytes().to_vec());
    if table.is_empty() {
        return Some(full);
    }
    full.strip_prefix(table.as_bytes())?.strip_prefix(b"_").map(<[u8]>::to_vec)
}

/// The JSON envelope, byte for byte as Go's `encoding/json` writes it.
///
/// # Errors
///
/// `INVALID_ARGUMENT` naming `metadata` for a metadata value that is not UTF-8 text, which JSON cannot hold.
pub fn encode(key: &[u8], contents: &Contents<'_>) -> Result<Vec<u8>> {
    let data_length = BASE64.encoded_length(contents.value.len());
    let mut json = String::with_capacity(64 + key.len() + data_length + contents.metadata.as_bytes().len());
    json.push_str("{\"key\":");
    push_text(&mut json, key);
    json.push_str(",\"data\":\"");
    BASE64.encode_append(&*contents.value, &mut json);
    json.push_str("\",\"metadata\":");
    push_metadata(&mut json, &contents.metadata)?;
    json.push('}');
    Ok(json.into_bytes())
}

/// The record in a JSON envelope, in any spelling that Go's decoder takes.
///
/// # Errors
///
/// `CORRUPT` that says what is wrong.
pub fn decode(bytes: &[u8]) -> Result<Contents<'static>> {
    if bytes.is_empty() {
        return Err(corrupt("it is empty; a go-micro JSON envelope was expected"));
    }
    if envelope::is_envelope(bytes) {
        return Err(corrupt("it is an envelope of the larder format; read this store with format = \"larder\""));
    }
    decode_plain(bytes).map_or_else(|| decode_any(bytes), Ok)
}

/// The record in an envelope that is written as Go and Larder write it, when it has no metadata and its key stands for
/// itself; `None` for any other. A get of 16 KiB from Go took 76 µs of processor time by the JSON parser, and 35 this way.
fn decode_plain(bytes: &[u8]) -> Option<Contents<'static>> {
    let rest = bytes.strip_prefix(b"{\"key\":\"")?;
    let (key, rest) = rest.split_at(rest.iter().position(|byte| *byte == b'"')?);
    if key.iter().any(|byte| *byte == b'\\' || byte.is_ascii_control()) {
        return None;
    }
    let key = std::str::from_utf8(key).ok()?;
    let data = rest.strip_prefix(b"\",\"data\":\"")?.strip_suffix(b"\",\"metadata\":null}")?;
    Some(contents(Some(key.to_owned()), BASE64.decode_to_vec(data).ok()?, Metadata::default()))
}

fn decode_any(bytes: &[u8]) -> Result<Contents<'static>> {
    let text = replace_invalid(bytes);
    let mut parsed = Parsed::default();
    for (name, value) in fields_of(&text)? {
        parsed.take(&name, value)?;
    }
    if !parsed.is_envelope {
        return Err(corrupt("it is JSON, but no go-micro envelope: it has neither key nor data"));
    }
    let pairs = parsed.metadata.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let metadata = Metadata::new(pairs).map_err(|error| corrupt(format!("its metadata: {}", error.message())))?;
    Ok(contents(parsed.key, parsed.data, metadata))
}

fn contents(key: Option<String>, value: Vec<u8>, metadata: Metadata) -> Contents<'static> {
    Contents {
        key: key.map(|key| Cow::Owned(key.into_bytes())),
        value: Cow::Owned(value),
        metadata,
        created_unix_ms: 0,
        expires_unix_ms: 0,
        revision: 0,
    }
}

/// A JSON string as Go writes it, for a page of HTML too.
fn push_text(json: &mut String, bytes: &[u8]) {
    json.push('"');
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            push_letter(json, letter);
        }
        for _ in chunk.invalid() {
            json.push_str("\\ufffd");
        }
    }
    json.push('"');
}

fn push_letter(json: &mut String, letter: char) {
    match letter {
        '"' => json.push_str("\\\""),
        '\\' => json.push_str("\\\\"),
        '\u{8}' => json.push_str("\\b"),
        '\u{c}' => json.push_str("\\f"),
        '\n' => json.push_str("\\n"),
        '\r' => json.push_str("\\r"),
        '\t' => json.push_str("\\t"),
        '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
            json.push_str(&format!("\\u{:04x}", u32::from(letter)));
        }
        _ => json.push(letter),
    }
}

fn push_metadata(json: &mut String, metadata: &Metadata) -> Result<()> {
    if metadata.is_empty() {
        json.push_str("null");
        return Ok(());
    }
    let mut separator = '{';
    for (name, value) in metadata.iter() {
        let Ok(value) = std::str::from_utf8(value) else {
            let text = format!("the value of \"{name}\" is not UTF-8, and format go-micro holds nothing else");
            return Err(Error::argument("metadata", text));
        };
        json.push(separator);
        push_text(json, name.as_bytes());
        json.push(':');
        push_text(json, value.as_bytes());
        separator = ',';
    }
    json.push('}');
    Ok(())
}

/// What the fields said so far; as in Go, a field that stands twice counts as read one after the other.
#[derive(Default)]
struct Parsed {
    key: Option<String>,
    data: Vec<u8>,
    metadata: Vec<(String, String)>,
    is_envelope: bool,
}

impl Parsed {
    fn take(&mut self, name: &str, value: &RawValue) -> Result<()> {
        match fold(name).as_str() {
            "key" => self.take_key(value.get()),
            "data" => self.take_data(value.get()),
            "metadata" => self.take_metadata(value.get()),
            _ => Ok(()),
        }
    }

    fn take_key(&mut self, json: &str) -> Result<()> {
        self.is_envelope = true;
        if json != "null" {
            self.key = Some(text_of(json).ok_or_else(|| corrupt("its key is not a text"))?);
        }
        Ok(())
    }

    fn take_data(&mut self, json: &str) -> Result<()> {
        self.is_envelope = true;
        self.data = match json.as_bytes().first() {
            Some(b'n') => Vec::new(),
            Some(b'[') => {
                serde_json::from_str(json).map_err(|_| corrupt("its data is a list, but not one of bytes"))?
            }
            _ => {
                let text = text_of(json).ok_or_else(|| corrupt("its data is not a text"))?;
                bytes_of_base64(&text).ok_or_else(|| corrupt("its data is not base64"))?
            }
        };
        Ok(())
    }

    fn take_metadata(&mut self, json: &str) -> Result<()> {
        if json == "null" {
            self.metadata.clear();
            return Ok(());
        }
        let fields = fields_of(json).map_err(|_| corrupt("its metadata is not a JSON object"))?;
        let values = fields.into_iter().map(|(name, value)| {
            let json = value.get();
            (name, text_of(json).unwrap_or_else(|| compact(json)))
        });
        self.metadata.extend(values);
        Ok(())
    }
}

/// The name in small letters, by the folding with which Go compares field names: ASCII, and the two letters beyond it
/// that fold to ASCII.
fn fold(name: &str) -> String {
    let fold = |letter: char| match letter {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        other => other.to_ascii_lowercase(),
    };
    name.chars().map(fold).collect()
}

fn bytes_of_base64(text: &str) -> Option<Vec<u8>> {
    if let Ok(bytes) = BASE64.decode_to_vec(text) {
        return Some(bytes);
    }
    // The decoder takes several padded texts in a row; Go's does not.
    if text.trim_end_matches(['=', '\r', '\n']).contains('=') {
        return None;
    }
    BASE64_MIME_PERMISSIVE.decode(text.as_bytes()).ok()
}

/// The text with U+FFFD for each byte that is not UTF-8, as Go's decoder reads it.
fn replace_invalid(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}

/// JSON without the spaces between its parts.
fn compact(json: &str) -> String {
    let (mut is_inside_text, mut is_escaped) = (false, false);
    let is_kept = |letter: &char| {
        if is_inside_text {
            is_inside_text = is_escaped || *letter != '"';
            is_escaped = !is_escaped && *letter == '\\';
            return true;
        }
        is_inside_text = *letter == '"';
        !letter.is_ascii_whitespace()
    };
    json.chars().filter(is_kept).collect()
}

/// The text in a JSON string, half surrogates as U+FFFD; `None` for JSON that is no string.
fn text_of(json: &str) -> Option<String> {
    serde_json::from_str::<Text>(json).ok().map(|text| text.0)
}

/// The fields of a JSON object, each as often as it stands there, with their values as they are written.
fn fields_of(json: &str) -> Result<Vec<(String, &RawValue)>> {
    // The parser's own words can hold what it read.
    let describe = |error: serde_json::Error| match error.classify() {
        Category::Eof => corrupt("it is cut short: JSON that has no end"),
        Category::Data => corrupt("it is JSON, but no object"),
        _ => corrupt(format!("it is no JSON, at line {} column {}", error.line(), error.column())),
    };
    serde_json::from_str::<Fields<'_>>(json).map(|fields| fields.0).map_err(describe)
}

/// A JSON string, read as bytes because that way the parser takes half surrogates.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Text, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> std::result::Result<Text, E> {
                let mut text = String::with_capacity(bytes.len());
                for chunk in bytes.utf8_chunks() {
                    text.push_str(chunk.valid());
                    // The first of the three bytes that the parser makes of half a surrogate.
                    if chunk.invalid().first() == Some(&0xed) {
                        text.push(char::REPLACEMENT_CHARACTER);
                    }
                }
                Ok(Text(text))
            }
        }

        from.deserialize_bytes(Reader)
    }
}

struct Fields<'de>(Vec<(String, &'de RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Fields<'de>, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }

        from.deserialize_map(Reader)
    }
}

fn corrupt(text: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Status::CORRUPT, "entry", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(value: &[u8], metadata: &[(&str, &[u8])]) -> Contents<'static> {
        Contents {
            key: None,
            value: Cow::Owned(value.to_vec()),
            metadata: Metadata::new(metadata.iter().copied()).expect("small"),
            created_unix_ms: 0,
            expires_unix_ms: 0,
            revision: 0,
        }
    }

    fn written(key: &[u8], value: &[u8], metadata: &[(&str, &[u8])]) -> String {
        String::from_utf8(encode(key, &contents(value, metadata)).expect("text")).expect("JSON is UTF-8")
    }

    fn read(json: &str) -> Contents<'static> {
        decode(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    fn refusal(json: &[u8]) -> String {
        let error = decode(json).expect_err("no envelope");
        assert_eq!((error.status(), error.origin()), (Status::CORRUPT, "entry"));
        error.message().to_owned()
    }

    #[test]
    fn a_nats_key_is_the_one_that_the_go_plugin_writes() {
        let space = "storage-users-1$some-admin-user-id-0000-000000000000!some-admin-user-id-0000-000000000000";
        for (table, key, nats_key) in [
            ("", "One", "J5XGK==="),
            ("names", "Alex", "NZQW2ZLTL5AWYZLY"),
            ("events", "userid", "MV3GK3TUONPXK43FOJUWI==="),
            (
                "signing-keys",
                "some-admin-user-id-0000-000000000000",
                "ONUWO3TJNZTS223FPFZV643PNVSS2YLENVUW4LLVONSXELLJMQWTAMBQGAWTAMBQGAYDAMBQGAYDAMA=",
            ),
            (
                "",
                space,
                "ON2G64TBM5SS25LTMVZHGLJRERZW63LFFVQWI3LJNYWXK43FOIWWSZBNGAYDAMBNGAYDAMBQGAYDAMBQGAYCC43PNVSS2YLENVUW4LLV\
                 ONSXELLJMQWTAMBQGAWTAMBQGAYDAMBQGAYDAMA=",
            ),
        ] {
            assert_eq!(encode_key(table, key.as_bytes()), nats_key);
            assert_eq!(decode_key(table, nats_key), Some(key.into()), "{nats_key}");
        }
        assert_eq!(encode_key("", b"bad\xffutf8"), "MJQWJ73VORTDQ===");
        assert_eq!(decode_key("", "MJQWJ73VORTDQ==="), Some(b"bad\xffutf8".to_vec()));
    }

    #[test]
    fn a_nats_key_of_another_table_is_none_and_one_that_is_no_base32_is_a_plain_key() {
        assert_eq!(decode_key("name", "NZQW2ZLTL5AWYZLY"), None);
        assert_eq!(decode_key("", "NZQW2ZLTL5AWYZLY"), Some(b"names_Alex".to_vec()));
        assert_eq!(decode_key("names", "names_Alex"), Some(b"Alex".to_vec()));
        assert_eq!(decode_key("names", "other_Alex"), None);
        for plain in ["j5xgk===", "J5XGL===", "J5XGK", "J5XGK===J5XGK===", "a.b"] {
            assert_eq!(decode_key("", plain), Some(plain.into()), "{plain}");
        }
    }

    #[test]
    fn an_envelope_is_the_one_that_the_go_plugin_writes() {
        assert_eq!(written(b"One", b"First value", &[]), r#"{"key":"One","data":"Rmlyc3QgdmFsdWU=","metadata":null}"#);
        assert_eq!(written(b"Alex", b"Some value", &[]), r#"{"key":"Alex","data":"U29tZSB2YWx1ZQ==","metadata":null}"#);
        assert_eq!(written(b"", b"", &[]), r#"{"key":"","data":"","metadata":null}"#);
        assert_eq!(
            written("a<b>&c/\u{2028}é".as_bytes(), b"", &[]),
            "{\"key\":\"a\\u003cb\\u003e\\u0026c/\\u2028é\",\"data\":\"\",\"metadata\":null}"
        );
        assert_eq!(written(b"bad\xffutf8", b"", &[]), r#"{"key":"bad\ufffdutf8","data":"","metadata":null}"#);
        assert_eq!(
            written(b"\"\\\x08\x0c\n\r\t\0\x1f\x7f", b"", &[]),
            "{\"key\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\",\"data\":\"\",\"metadata\":null}"
        );
        assert_eq!(
            written(b"k", b"", &[("type", b"events.Foo"), ("h", b"<&>")]),
            r#"{"key":"k","data":"","metadata":{"h":"\u003c\u0026\u003e","type":"events.Foo"}}"#
        );
    }

    #[test]
    fn metadata_that_is_no_text_is_refused_by_name_and_not_shown() {
        let error = encode(b"k", &contents(b"", &[("token", b"\xffword")])).expect_err("no text");
        assert_eq!((error.status(), error.origin()), (Status::INVALID_ARGUMENT, "metadata"));
        assert!(error.message().contains("\"token\"") && !error.message().contains("word"), "{error}");
    }

    #[test]
    fn an_envelope_reads_back_in_any_spelling_that_go_takes() {
        let expected = Contents { key: Some(Cow::Borrowed(b"One")), ..contents(b"First value", &[]) };
        for json in [
            r#"{"key":"One","data":"Rmlyc3QgdmFsdWU=","metadata":null}"#,
            " {\n\"metadata\" : {} , \"data\":\"Rmlyc3QgdmFsdWU=\",\t\"key\":\"\\u004fne\"}\r\n",
            r#"{"KEY":"One","Data":"Rmlyc3Qg\r\ndmFsdWU=\n","metaData":null,"expiry":[{"a":1}]}"#,
            "{\"\u{212a}ey\":\"One\",\"data\":\"Rmlyc3QgdmFsdWX=\"}",
            r#"{"key":"Two","data":null,"key":"One","key":null,"data":"Rmlyc3QgdmFsdWU="}"#,
            r#"{"key":"One","data":[70,105,114,115,116,32,118,97,108,117,101]}"#,
        ] {
            let read = read(json);
            // One spelling has bits after the last byte, which count for nothing.
            assert_eq!(read, expected, "{json}");
        }
        assert_eq!(read(r#"{"data":null}"#), contents(b"", &[]));
    }

    #[test]
    fn metadata_that_is_no_text_reads_as_its_json_and_a_number_keeps_its_digits() {
        let read = read(
            r#"{"key":"k","data":"","metadata":{"a":5,"big":9007199254740993,"e":1e+21,"f":1.5,"h":"\u003c\u0026\u003e",
            "n":null,"list":[ 1, "a \" b", { } ],"type":"events.Foo","t":true}}"#,
        );
        let pairs: Vec<(&str, &str)> =
            read.metadata.iter().map(|(name, value)| (name, std::str::from_utf8(value).expect("text"))).collect();
        let expected = [
            ("a", "5"),
            ("big", "9007199254740993"),
            ("e", "1e+21"),
            ("f", "1.5"),
            ("h", "<&>"),
            ("list", r#"[1,"a \" b",{}]"#),
            ("n", "null"),
            ("t", "true"),
            ("type", "events.Foo"),
        ];
        assert_eq!(pairs, expected);
    }

    #[test]
    fn what_is_not_utf8_reads_as_the_replacement_character() {
        let key = |json: &[u8]| decode(json).expect("an envelope").key.map(Cow::into_owned);
        assert_eq!(key(b"{\"key\":\"a\xe2\x80b\"}"), Some("a\u{fffd}\u{fffd}b".into()));
        assert_eq!(key(br#"{"key":"\ud800x\udc00\ud83d\ude00"}"#), Some("\u{fffd}x\u{fffd}\u{1f600}".into()));
    }

    #[test]
    fn metadata_that_stands_twice_is_put_together() {
        let read =
            read(r#"{"data":"","metadata":{"x":1},"metadata":null,"metadata":{"a":1,"b":2},"metadata":{"b":3}}"#);
        assert_eq!(read.metadata.iter().collect::<Vec<_>>(), [("a", &b"1"[..]), ("b", b"3")]);
    }

    #[test]
    fn what_is_no_envelope_is_called_by_its_name() {
        for (json, expected) in [
            (&b""[..], "empty"),
            (b"\xf5LR\x01", "larder format"),
            (b"plain", "no JSON, at line 1"),
            (b"{\"key\":\"a\",\"da", "cut short"),
            (b"[1]", "no object"),
            (b"\"word\"", "no object"),
            (b"null", "no object"),
            (b"{}", "neither key nor data"),
            (b"{\"id\":5}", "neither key nor data"),
            (b"{\"key\":5}", "key is not a text"),
            (b"{\"data\":5}", "data is not a text"),
            (b"{\"data\":\"word\\u0000\"}", "not base64"),
            (b"{\"data\":\"YQ\"}", "not base64"),
            (b"{\"data\":\"YQ==YQ==\"}", "not base64"),
            (b"{\"data\":\"YQ==\\nYQ==\"}", "not base64"),
            (b"{\"data\":[256]}", "list"),
            (b"{\"data\":\"\",\"metadata\":[]}", "metadata is not"),
            (b"{\"data\":\"\"} x", "no JSON"),
        ] {
            let text = refusal(json);
            assert!(text.contains(expected), "{}: {text}", json.escape_ascii());
            assert!(!text.contains("word"), "{text}");
        }
    }

    #[test]
    fn the_short_way_reads_what_the_long_way_reads() {
        fastrand::seed(7);
        let mut taken = 0;
        for round in 0..200_000 {
            let value: Vec<u8> = (0..fastrand::usize(..40)).map(|_| fastrand::u8(..)).collect();
            let key: &[u8] = fastrand::choice([&b"k"[..], b"", b"a b", b"\"", b"<", "\u{e9}".as_bytes()]).expect("one");
            let mut bytes = encode(key, &super::contents(None, value, Metadata::default())).expect("plain");
            for _ in 0..fastrand::usize(..3).min(round % 3) {
                let place = fastrand::usize(..bytes.len());
                match fastrand::u8(..3) {
                    0 => bytes[place] = *fastrand::choice(b"\"\\=A\n{}:\xe9").expect("one"),
                    1 => drop(bytes.remove(place)),
                    _ => bytes.insert(place, *fastrand::choice(b"\"\\=A\n{}:\xe9").expect("one")),
                }
            }
            if let Some(read) = decode_plain(&bytes) {
                taken += 1;
                assert_eq!(decode_any(&bytes), Ok(read), "{}", bytes.escape_ascii());
            }
        }
        assert!(taken > 50_000, "{taken}");
    }
}
