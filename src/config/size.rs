//! Sizes as text: a number of bytes, or one with a unit, `64MiB` (1024s) or `64MB` (1000s).

const UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// The number of bytes that `text` says; `None` when it is none.
pub fn parse(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().ok()?;
    let unit = unit.trim_start().to_ascii_lowercase();
    let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_decimal_and_binary_units() {
        let expected =
            [("0", 0), ("10", 10), ("1KiB", 1024), ("1kb", 1000), ("64 MiB", 64 << 20), ("2TB", 2_000_000_000_000)];
        for (text, bytes) in expected {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
        for text in ["", "-1", "1.5MB", "MiB", "10 bananas", "99999999999TiB"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
