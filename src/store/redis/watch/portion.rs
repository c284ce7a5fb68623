//! How many records a watch reads at once.

use crate::store::redis::records::reading::CHUNK;
use crate::store::redis::wire::Value;

/// How many bytes of values are wanted at once: they are there within the patience of one reading, and are all in memory.
const WANTED: usize = 2 << 20;
/// How many records are read first, whose values may be of any length.
const FIRST: usize = 4;
/// How many times as many are read as before, at most: the next ones may be longer.
const GROWTH: usize = 4;

/// How many records are read at once, by the length of those that were read before.
#[derive(Debug)]
pub(super) struct Portion {
    count: usize,
    /// What was begun has no answer yet.
    is_open: bool,
}

impl Default for Portion {
    fn default() -> Portion {
        Portion { count: FIRST, is_open: false }
    }
}

impl Portion {
    /// Takes the next keys to read; `None` when there are no more.
    pub(super) fn begin<'a, T>(&mut self, left: &mut &'a [T]) -> Option<&'a [T]> {
        if left.is_empty() {
            return None;
        }
        if std::mem::replace(&mut self.is_open, true) {
            // The last ones got no answer in time.
            self.count = FIRST.min(self.count);
        }
        let (next, rest) = left.split_at(self.count.min(left.len()));
        *left = rest;
        Some(next)
    }

    /// Notes the answers to so many keys.
    pub(super) fn end(&mut self, asked: usize, answers: &[Value]) {
        self.is_open = false;
        let each = answers.iter().map(size).sum::<usize>() / asked.max(1);
        // Few tell nothing of many.
        let growth = if asked < self.count { 1 } else { GROWTH };
        self.count = (WANTED / each.max(1)).clamp(1, CHUNK).min(self.count * growth);
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(values) | Value::Push(values) => values.iter().map(size).sum(),
        Value::Bulk(bytes) | Value::Error(bytes) => bytes.len(),
        Value::Nil | Value::Integer(_) => 0,
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    /// How many of so many records of this length are read at once, one time after another.
    fn counts(portion: &mut Portion, records: usize, length: usize) -> Vec<usize> {
        let keys = vec![(); records];
        let mut left = keys.as_slice();
        let mut counts = Vec::new();
        while let Some(chunk) = portion.begin(&mut left) {
            portion.end(chunk.len(), &[Value::Array(vec![Value::Bulk(vec![0; length].into()); chunk.len()])]);
            counts.push(chunk.len());
        }
        counts
    }

    #[test]
    fn many_short_records_are_read_at_once_and_few_long_ones() {
        let mut portion = Portion::default();
        assert_eq!(counts(&mut portion, 1340, 10), [4, 16, 64, 256, 500, 500]);
        // One alone is no reason for less, unless it is long.
        assert_eq!(counts(&mut portion, 1, 10), [1]);
        assert_eq!(counts(&mut portion, 600, 0), [500, 100]);
        assert_eq!(counts(&mut portion, 1, 100 << 20), [1]);
        assert_eq!(counts(&mut portion, 5, 1 << 20), [1, 2, 2]);
        assert_eq!(counts(&mut Portion::default(), 10, 1 << 20), [4, 2, 2, 2]);
    }

    #[test]
    fn what_got_no_answer_is_read_again_in_smaller_portions() {
        let mut portion = Portion::default();
        counts(&mut portion, 1340, 10);
        let keys = [(); 600];
        assert_eq!(portion.begin(&mut keys.as_slice()).map(<[()]>::len), Some(500));
        assert_eq!(portion.begin(&mut keys.as_slice()).map(<[()]>::len), Some(4));
    }
}
