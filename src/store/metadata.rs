//! Metadata: what a record says of itself beside its value.

use super::record::too_large;
use crate::error::Result;

/// Metadata: names (UTF-8 text) with values (any bytes), each name once, in the order of the names.
///
/// Stored as a sequence of `name length (u32 LE), value length (u32 LE), name, value`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    pub(super) blob: Vec<u8>,
}

/// The largest metadata of one record, in bytes of its stored form.
pub const MAX_METADATA_LENGTH: usize = 1 << 20;

impl Metadata {
    /// Metadata of the given pairs; of a name that stands twice the last value counts.
    ///
    /// # Errors
    ///
    /// `TOO_LARGE` when the stored form would be over [`MAX_METADATA_LENGTH`].
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Metadata> {
        let sorted: std::collections::BTreeMap<&str, &[u8]> = pairs.into_iter().collect();
        let length: usize = sorted.iter().map(|(name, value)| 8 + name.len() + value.len()).sum();
        if length > MAX_METADATA_LENGTH {
            return Err(too_large("metadata", length, MAX_METADATA_LENGTH));
        }
        let mut blob = Vec::with_capacity(length);
        for (name, value) in sorted {
            blob.extend_from_slice(&(name.len() as u32).to_le_bytes());
            blob.extend_from_slice(&(value.len() as u32).to_le_bytes());
            blob.extend_from_slice(name.as_bytes());
            blob.extend_from_slice(value);
        }
        Ok(Metadata { blob })
    }

    /// Metadata from its stored form, which must be whole: `None` for bytes that are not.
    pub fn from_bytes(blob: &[u8]) -> Option<Metadata> {
        let mut rest = blob;
        while !rest.is_empty() {
            let (_, tail) = split_pair(rest)?;
            rest = tail;
        }
        Some(Metadata { blob: blob.to_vec() })
    }

    /// The stored form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.blob
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.blob.is_empty()
    }

    /// The pairs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        pairs(&self.blob)
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// A name and its value.
pub type Pair<'a> = (&'a str, &'a [u8]);

/// The pairs in a stored form, up to the first that is not whole.
pub fn pairs(blob: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    let mut rest = blob;
    std::iter::from_fn(move || {
        let (pair, tail) = split_pair(rest)?;
        rest = tail;
        Some(pair)
    })
}

fn split_pair(blob: &[u8]) -> Option<(Pair<'_>, &[u8])> {
    let (lengths, rest) = blob.split_at_checked(8)?;
    let name_length = u32::from_le_bytes(lengths[..4].try_into().ok()?) as usize;
    let value_length = u32::from_le_bytes(lengths[4..].try_into().ok()?) as usize;
    let (name, rest) = rest.split_at_checked(name_length)?;
    let (value, rest) = rest.split_at_checked(value_length)?;
    Some(((std::str::from_utf8(name).ok()?, value), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_sorted_and_the_last_of_a_name_counts() {
        let metadata = Metadata::new([("z", &b"1"[..]), ("a", b"2"), ("z", b"3")]).expect("small");
        let pairs: Vec<_> = metadata.iter().collect();
        assert_eq!(pairs, [("a", &b"2"[..]), ("z", b"3")]);
        assert_eq!(Metadata::from_bytes(metadata.as_bytes()), Some(metadata.clone()));
        assert_eq!(Metadata::from_bytes(&metadata.as_bytes()[1..]), None);
    }
}
