//! Durations as text, in the syntax of Go's `time.ParseDuration` that the users' environment already holds:
//! `300ms`, `1.5h`, `2h45m`, and `0`. Units: ns, us (µs), ms, s, m, h. Never negative here.

use std::time::Duration;

const UNITS: &[(&str, f64)] =
    &[("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];

/// The duration that `text` says; `None` when it is none.
pub fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut nanoseconds = 0.0;
    while !rest.is_empty() {
        let number_length = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(number_length);
        let number: f64 = number.parse().ok()?;
        let unit_length = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_length);
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        nanoseconds += number * scale;
        rest = tail;
    }
    let fits = !text.is_empty() && nanoseconds <= i64::MAX as f64;
    fits.then(|| Duration::from_nanos(nanoseconds.round() as u64))
}

/// A duration as this module reads it back, in the largest unit that keeps it whole.
pub fn format(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    let scales: [(u128, &str); 6] = [
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
    let (scale, unit) = scales.into_iter().find(|(scale, _)| nanoseconds.is_multiple_of(*scale)).unwrap_or((1, "ns"));
    format!("{}{unit}", nanoseconds / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_reads_them() {
        let expected = [
            ("0", 0),
            ("300ms", 300_000),
            ("1.5h", 5_400_000_000),
            ("2h45m", 9_900_000_000),
            ("1us", 1),
            (".5s", 500_000),
            ("1h0m0.5s", 3_600_500_000),
        ];
        for (text, microseconds) in expected {
            assert_eq!(parse(text), Some(Duration::from_micros(microseconds)), "{text}");
        }
        for text in ["", "300", "1d", "-5s", "s", "1..5s", "5 s", "1e3s", "h1", "99999999999h"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_formatted_duration_reads_back() {
        for milliseconds in [0, 1, 999, 1000, 60_000, 90_000, 3_600_000, 86_400_000] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(parse(&format(duration)), Some(duration));
        }
    }
}
