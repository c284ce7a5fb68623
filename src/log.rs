//! Log lines of Larder's own code, for whoever the host sends to listen. Without a listener a line costs three loads.

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::SystemTime;

use crate::per_process::PerProcess;
use crate::sync::RwLock;

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum Level {
    /// Something failed that a person should look at.
    Error = 1,
    /// Something is not as it should be, and Larder goes on.
    Warn = 2,
    /// Something began or ended.
    Info = 3,
    /// For whoever looks for a fault.
    Debug = 4,
}

impl Level {
    /// The level of a number; `None` for one that is none.
    pub fn from_number(number: i32) -> Option<Level> {
        [Level::Error, Level::Warn, Level::Info, Level::Debug].into_iter().find(|level| *level as i32 == number)
    }
}

/// One log line.
#[derive(Clone, Debug)]
pub struct Line {
    /// How grave it is.
    pub level: Level,
    /// Which part of Larder speaks, such as `store.memory`.
    pub target: &'static str,
    /// What it says.
    pub message: String,
    /// When.
    pub time: SystemTime,
}

type Sink = fn(Line);

#[derive(Default)]
struct Listener {
    level: AtomicI32,
    sink: RwLock<Option<Sink>>,
}

static LISTENER: PerProcess<Listener> = PerProcess::new();

/// Sends lines of a level and graver to `sink`, which must not block; `None` for nobody.
pub fn set_sink(sink: Option<(Level, Sink)>) {
    let listener = LISTENER.get();
    let mut current = listener.sink.write();
    listener.level.store(sink.map_or(0, |(level, _)| level as i32), Ordering::Relaxed);
    *current = sink.map(|(_, sink)| sink);
}

/// Writes a line; `message` is only made when somebody listens.
#[inline]
pub fn write(level: Level, target: &'static str, message: impl FnOnce() -> String) {
    let listener = LISTENER.get();
    if level as i32 > listener.level.load(Ordering::Relaxed) {
        return;
    }
    let sink = *listener.sink.read();
    if let Some(sink) = sink {
        sink(Line { level, target, message: message(), time: SystemTime::now() });
    }
}
