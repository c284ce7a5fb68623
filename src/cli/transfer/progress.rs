//! How a transfer goes, told on standard error while it goes.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use serde_json::json;

/// How often something is told.
const EVERY: Duration = Duration::from_millis(500);
/// How many notes are told in full.
const MOST_NOTES: u64 = 100;

/// What the end is measured by.
#[derive(Clone, Copy, Debug)]
pub enum Total {
    /// Records.
    Records(u64),
    /// Bytes of the dump.
    Bytes(u64),
    /// The end is not known.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Silent,
    Line,
    Lines,
    Json,
}

/// Tells how a transfer goes.
pub struct Progress {
    way: Way,
    verb: &'static str,
    total: Total,
    before: u64,
    records: u64,
    bytes: u64,
    notes: u64,
    begin: Instant,
    last: Instant,
    on_line: bool,
}

impl Progress {
    /// Tells of `verb` ("loaded"); `wanted` also when standard error is no terminal, as JSON when results are.
    pub fn new(verb: &'static str, wanted: bool, json: bool) -> Progress {
        let terminal = std::io::stderr().is_terminal();
        let way = match (json, wanted, terminal) {
            (true, true, _) => Way::Json,
            (true, false, _) | (false, false, false) => Way::Silent,
            (false, _, true) => Way::Line,
            (false, true, false) => Way::Lines,
        };
        let now = Instant::now();
        let (total, begin) = (Total::Unknown, now);
        Progress { way, verb, total, before: 0, records: 0, bytes: 0, notes: 0, begin, last: now, on_line: false }
    }

    /// Says what the end is, and how many records were done before this run began.
    pub fn expect(&mut self, total: Total, before: u64) {
        self.total = total;
        self.before = before;
        self.begin = Instant::now();
    }

    /// What the end is.
    pub fn total(&self) -> Total {
        self.total
    }

    /// Says how many keys were listed so far.
    pub fn listed(&mut self, keys: usize) {
        if self.is_due() {
            self.tell(&format!("{keys} keys listed"), &json!({"listed": keys}));
        }
    }

    /// Says how many records and bytes are done in all.
    pub fn advance(&mut self, records: u64, bytes: u64) {
        (self.records, self.bytes) = (records, bytes);
        if self.is_due() {
            self.tell_numbers();
        }
    }

    /// Says something for people that is no number; whether or not progress is told.
    pub fn note(&mut self, text: &str) {
        self.notes += 1;
        if self.notes > MOST_NOTES {
            return;
        }
        let more = if self.notes == MOST_NOTES { " (more of this is only counted)" } else { "" };
        self.end_line();
        // A closed standard error leaves nobody to tell.
        let _ = writeln!(std::io::stderr(), "larder: {text}{more}");
    }

    /// Says the last numbers, and leaves the line.
    pub fn finish(&mut self) {
        if self.way != Way::Silent && self.records > 0 {
            self.tell_numbers();
        }
        self.end_line();
    }

    fn is_due(&mut self) -> bool {
        let due = self.way != Way::Silent && self.last.elapsed() >= EVERY;
        if due {
            self.last = Instant::now();
        }
        due
    }

    fn tell_numbers(&mut self) {
        let seconds = self.begin.elapsed().as_secs_f64().max(1e-3);
        let rate = (self.records.saturating_sub(self.before) as f64 / seconds).round() as u64;
        let percent = match self.total {
            Total::Records(total) => Some(percent(self.records, total)),
            Total::Bytes(total) => Some(percent(self.bytes, total)),
            Total::Unknown => None,
        };
        let shown = percent.map_or(String::new(), |percent| format!(", {percent}%"));
        let text = format!("{} records {}, {}, {rate}/s{shown}", self.records, self.verb, size(self.bytes));
        let object = json!({
            "records": self.records, "bytes": self.bytes, "records_per_second": rate, "percent": percent,
        });
        self.tell(&text, &json!({"progress": object}));
    }

    fn tell(&mut self, text: &str, object: &serde_json::Value) {
        let mut stderr = std::io::stderr();
        let _ = match self.way {
            Way::Silent => Ok(()),
            Way::Line => {
                self.on_line = true;
                write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush())
            }
            Way::Lines => writeln!(stderr, "{text}"),
            Way::Json => writeln!(stderr, "{object}"),
        };
    }

    fn end_line(&mut self) {
        if self.on_line {
            let _ = writeln!(std::io::stderr());
            self.on_line = false;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end_line();
    }
}

fn percent(done: u64, total: u64) -> u64 {
    // What came since the total was counted makes it no more than all.
    if total == 0 { 100 } else { (u128::from(done) * 100 / u128::from(total)).min(100) as u64 }
}

/// Bytes for people.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut shown = bytes as f64;
    let mut unit = "bytes";
    for next in UNITS {
        if shown < 1024.0 {
            break;
        }
        shown /= 1024.0;
        unit = next;
    }
    if unit == "bytes" { format!("{bytes} bytes") } else { format!("{shown:.1} {unit}") }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_percents_are_told_for_people() {
        assert_eq!([size(1023), size(1536), size(5 << 30)], ["1023 bytes", "1.5 KiB", "5.0 GiB"]);
        assert_eq!([percent(1, 3), percent(5, 4), percent(0, 0)], [33, 100, 100]);
    }
}
