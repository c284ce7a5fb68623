//! What a transfer came to, in numbers.

use serde_json::{Map, Value};

/// Numbers of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Written to the target.
    pub written: u64,
    /// Left as they were, because the target had their keys.
    pub skipped: u64,
    /// Left out, because they had expired.
    pub expired: u64,
    /// Left out, because the target takes no key or value of their size.
    pub too_large: u64,
    /// Written without something that the target cannot keep.
    pub reduced: u64,
}

impl Tally {
    /// How many records it is about.
    pub fn records(&self) -> u64 {
        self.written + self.skipped + self.expired + self.too_large
    }

    /// The numbers with their names.
    pub fn numbers(&self) -> [(&'static str, u64); 5] {
        [
            ("written", self.written),
            ("skipped", self.skipped),
            ("expired", self.expired),
            ("too_large", self.too_large),
            ("reduced", self.reduced),
        ]
    }

    /// As members of a JSON object.
    pub fn to_json(&self) -> Map<String, Value> {
        self.numbers().into_iter().map(|(name, number)| (name.to_owned(), number.into())).collect()
    }

    /// From the members of a JSON object; `None` when one is missing.
    pub fn from_json(object: &Value) -> Option<Tally> {
        let number = |name: &str| object.get(name).and_then(Value::as_u64);
        Some(Tally {
            written: number("written")?,
            skipped: number("skipped")?,
            expired: number("expired")?,
            too_large: number("too_large")?,
            reduced: number("reduced")?,
        })
    }

    /// As a sentence, without the numbers that are 0.
    pub fn sentence(&self) -> String {
        let parts = [
            (self.written, "written"),
            (self.skipped, "skipped because they are there"),
            (self.expired, "left out because they have expired"),
            (self.too_large, "left out because they are too large"),
            (self.reduced, "reduced to what the target keeps"),
        ];
        let told = parts.iter().enumerate().filter(|(place, (number, _))| *place == 0 || *number > 0);
        told.map(|(_, (number, what))| format!("{number} {what}")).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_tally_survives_json_and_tells_what_is_not_0() {
        let tally = Tally { written: 3, expired: 2, ..Tally::default() };
        assert_eq!(Tally::from_json(&Value::Object(tally.to_json())), Some(tally.clone()));
        assert_eq!(tally.sentence(), "3 written, 2 left out because they have expired");
        assert_eq!(tally.records(), 5);
    }
}
