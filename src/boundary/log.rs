//! Log lines for the host: a bounded queue that never makes the writer wait.
//!
//! One reader at a time listens. Lines that do not fit are dropped and counted; the count comes with the next line that
//! is read. No line holds a key, a value or a secret.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::guard::Birth;
use crate::error::{Error, Result};
use crate::log::{Level, Line, set_sink};
use crate::per_process::PerProcess;
use crate::sync::{Condvar, Mutex};

/// How many lines wait for the reader at most.
pub const CAPACITY: usize = 1024;

#[derive(Default)]
struct Lines {
    state: Mutex<State>,
    changed: Condvar,
}

static LINES: PerProcess<Lines> = PerProcess::new();

#[derive(Default)]
struct State {
    generation: u64,
    lines: VecDeque<Line>,
    dropped: u64,
}

/// A line with the number of lines that were dropped before it.
pub struct Delivered {
    /// The line.
    pub line: Line,
    /// How many were dropped since the last one that was read.
    pub dropped: u64,
}

/// Listens to Larder's log. A newer reader ends an older one.
pub struct LogReader {
    birth: Birth,
    generation: u64,
}

impl LogReader {
    /// Begins to listen to lines of `level` and graver.
    pub fn open(level: Level) -> LogReader {
        let mut state = LINES.get().state.lock();
        state.generation += 1;
        state.lines.clear();
        state.dropped = 0;
        LINES.get().changed.notify_all();
        set_sink(Some((level, push)));
        LogReader { birth: Birth::now(), generation: state.generation }
    }

    /// The next line; waits for it at most `wait`, without end for `None`. `Ok(None)` when none came in time.
    ///
    /// # Errors
    ///
    /// `CLOSED` when the reader was closed or a newer one opened, `FORKED`.
    pub fn next(&self, wait: Option<Duration>) -> Result<Option<Delivered>> {
        self.birth.check()?;
        let end = wait.and_then(|wait| Instant::now().checked_add(wait));
        let mut state = LINES.get().state.lock();
        loop {
            if state.generation != self.generation {
                return Err(Error::closed("log"));
            }
            if let Some(line) = state.lines.pop_front() {
                let dropped = std::mem::take(&mut state.dropped);
                return Ok(Some(Delivered { line, dropped }));
            }
            match end {
                None => LINES.get().changed.wait(&mut state),
                Some(end) => {
                    if LINES.get().changed.wait_until(&mut state, end).timed_out() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Whether it still listens; under the lock that the close takes, so that who asks before it tells a line tells none
    /// when the close has returned.
    pub fn is_open(&self) -> bool {
        self.birth.is_here() && LINES.get().state.lock().generation == self.generation
    }

    /// Ends the listening; a waiting `next` answers `CLOSED`. Idempotent. A reader of the parent process ends nothing:
    /// what this one numbers its own readers by begins anew.
    pub fn close(&self) {
        if !self.birth.is_here() {
            return;
        }
        let mut state = LINES.get().state.lock();
        if state.generation != self.generation {
            return;
        }
        state.generation += 1;
        state.lines.clear();
        set_sink(None);
        LINES.get().changed.notify_all();
    }
}

fn push(line: Line) {
    let mut state = LINES.get().state.lock();
    if state.lines.len() >= CAPACITY {
        state.dropped += 1;
        return;
    }
    state.lines.push_back(line);
    LINES.get().changed.notify_one();
}

#[cfg(all(test, not(loom)))]
impl LogReader {
    /// One that has ended, and ends no other one.
    pub fn ended() -> LogReader {
        LogReader { birth: Birth::now(), generation: u64::MAX }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::log;

    #[test]
    fn lines_beyond_the_capacity_are_dropped_and_counted_and_a_newer_reader_ends_an_older() {
        let first = LogReader::open(Level::Info);
        let reader = LogReader::open(Level::Info);
        assert!(first.next(Some(Duration::ZERO)).is_err());
        first.close();
        for number in 0..CAPACITY + 5 {
            log::write(Level::Warn, "test.log", || format!("line {number}"));
        }
        log::write(Level::Debug, "test.log", || unreachable!("nobody listens to debug lines"));
        let mut count = 0;
        let mut dropped = 0;
        while let Some(delivered) = reader.next(Some(Duration::ZERO)).expect("open") {
            count += usize::from(delivered.line.target == "test.log");
            dropped += delivered.dropped;
        }
        assert!(count <= CAPACITY);
        assert!(dropped >= 5);
        reader.close();
        assert!(reader.next(None).is_err());
    }
}
