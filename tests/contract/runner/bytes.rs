//! Bytes and metadata as the cases write them.

use larder::store::record::Metadata;
use serde_json::Value;

pub fn bytes(value: &Value) -> Result<Vec<u8>, String> {
    if let Some(text) = value.as_str() {
        return Ok(text.as_bytes().to_vec());
    }
    if let Some(text) = value["text"].as_str() {
        return Ok(text.as_bytes().to_vec());
    }
    if let Some(hex) = value["hex"].as_str() {
        return unhex(hex);
    }
    if let (Some(hex), Some(count)) = (value["repeat"].as_str(), value["count"].as_u64()) {
        return Ok(unhex(hex)?.repeat(count as usize));
    }
    Err(format!("{value} is no form of bytes"))
}

pub fn text(value: &Value) -> Result<String, String> {
    String::from_utf8(bytes(value)?).map_err(|error| error.to_string())
}

/// The bytes of an argument that may be left out.
pub fn optional(value: &Value) -> Result<Vec<u8>, String> {
    if value.is_null() { Ok(Vec::new()) } else { bytes(value) }
}

pub fn many(value: &Value) -> Result<Vec<Vec<u8>>, String> {
    value.as_array().ok_or("expected a list of bytes")?.iter().map(bytes).collect()
}

pub fn pairs(value: &Value) -> Result<Vec<(String, Vec<u8>)>, String> {
    let Some(list) = value.as_array() else { return Ok(Vec::new()) };
    list.iter().map(|pair| Ok((pair[0].as_str().ok_or("no name")?.to_owned(), bytes(&pair[1])?))).collect()
}

pub fn metadata(value: &Value) -> Result<Metadata, String> {
    let pairs = pairs(value)?;
    Metadata::new(pairs.iter().map(|(name, value)| (name.as_str(), value.as_slice()))).map_err(|e| e.to_string())
}

fn unhex(hex: &str) -> Result<Vec<u8>, String> {
    if !hex.len().is_multiple_of(2) {
        return Err(format!("{hex} is half a byte too long"));
    }
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).map_err(|error| format!("{hex}: {error}"));
    (0..hex.len()).step_by(2).map(digits).collect()
}
