//! What a server says without having been asked, on its way to whom it concerns.
//!
//! The reader may be slow; the server is not. So what waits is bounded: when a push has no room, all that waits is
//! dropped with it, and the reader is told that it has missed something. It then has to look for itself, so that what was
//! dropped would tell it nothing more.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Notify;

use crate::store::redis::wire::Value;
use crate::sync::Mutex;

/// How many bytes may wait. One push alone is always taken: it is in memory already.
const MOST_BYTES: usize = 8 << 20;
/// What a value costs besides its own bytes, about.
const AROUND: usize = 64;

/// What comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The values of one push.
    Push(Vec<Value>),
    /// Some were dropped since the last one.
    Missed,
}

#[derive(Default)]
struct State {
    /// With their sizes.
    waiting: VecDeque<(usize, Vec<Value>)>,
    bytes: usize,
    has_missed: bool,
    /// One of the two ends is gone.
    has_ended: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    arrived: Notify,
}

/// The server's end, which the connection has.
pub struct Sender(Arc<Shared>);

/// The reader's end.
pub struct Pushes(Arc<Shared>);

/// The two ends of a new queue.
pub fn queue() -> (Sender, Pushes) {
    let shared = Arc::new(Shared::default());
    (Sender(Arc::clone(&shared)), Pushes(shared))
}

impl Sender {
    /// Passes a push on, when there is room for it and a reader.
    pub fn send(&self, push: Vec<Value>) {
        let dropped = {
            let mut state = self.0.state.lock();
            if state.has_ended {
                return;
            }
            let size = push.iter().map(size_of).sum();
            if state.bytes == 0 || state.bytes + size <= MOST_BYTES {
                state.bytes += size;
                state.waiting.push_back((size, push.into_iter().map(copied).collect()));
                VecDeque::new()
            } else {
                state.has_missed = true;
                state.bytes = 0;
                std::mem::take(&mut state.waiting)
            }
        };
        drop(dropped);
        self.0.arrived.notify_one();
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.state.lock().has_ended = true;
        self.0.arrived.notify_one();
    }
}

impl Pushes {
    /// The next push; `None` when the connection has ended and there are no more. Cancel-safe.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some(heard) = self.try_next() {
                return Some(heard);
            }
            if self.0.state.lock().has_ended {
                // It may have said something between the two looks.
                return self.try_next();
            }
            self.0.arrived.notified().await;
        }
    }

    /// The next push, if one waits.
    pub fn try_next(&mut self) -> Option<Heard> {
        let mut state = self.0.state.lock();
        if std::mem::take(&mut state.has_missed) {
            return Some(Heard::Missed);
        }
        let (size, push) = state.waiting.pop_front()?;
        state.bytes -= size;
        Some(Heard::Push(push))
    }
}

impl Drop for Pushes {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.0.state.lock();
            state.has_ended = true;
            std::mem::take(&mut state.waiting)
        };
        drop(waiting);
    }
}

fn size_of(value: &Value) -> usize {
    let own = match value {
        Value::Array(values) | Value::Push(values) => values.iter().map(size_of).sum(),
        Value::Bulk(bytes) | Value::Error(bytes) => bytes.len(),
        Value::Nil | Value::Integer(_) => 0,
    };
    AROUND + own
}

/// A copy: what is kept as it was read holds on to all that was read with it.
fn copied(value: Value) -> Value {
    match value {
        Value::Bulk(bytes) => Value::Bulk(Bytes::copy_from_slice(&bytes)),
        Value::Array(values) => Value::Array(values.into_iter().map(copied).collect()),
        other => other,
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::store::redis::connection::testing::run;

    fn push(number: i64) -> Vec<Value> {
        vec![Value::Integer(number)]
    }

    #[test]
    fn what_has_no_room_is_told_as_missed_and_what_comes_after_is_whole() {
        let heard = run(async {
            let (sender, mut pushes) = queue();
            for number in 0..=(MOST_BYTES / AROUND) as i64 {
                sender.send(push(number));
            }
            sender.send(push(-1));
            drop(sender);
            let mut heard = Vec::new();
            while let Some(one) = pushes.next().await {
                heard.push(one);
            }
            heard
        });
        assert_eq!(heard, [Heard::Missed, Heard::Push(push(-1))]);
    }

    #[test]
    fn a_queue_holds_no_more_than_its_bound_however_much_is_said() {
        let (sender, mut pushes) = queue();
        let keys = |bytes: usize| vec![Value::Array(vec![Value::Bulk(vec![b'k'; 1 << 10].into()); bytes >> 10])];
        for _ in 0..10 {
            sender.send(keys(MOST_BYTES / 3));
            assert!(pushes.0.state.lock().bytes <= MOST_BYTES);
        }
        assert_eq!(pushes.try_next(), Some(Heard::Missed));
        while pushes.try_next().is_some() {}
        // One alone is taken, however long it is.
        sender.send(keys(2 * MOST_BYTES));
        assert_eq!(pushes.try_next(), Some(Heard::Push(keys(2 * MOST_BYTES))));
        assert_eq!(pushes.try_next(), None);
        assert_eq!(pushes.0.state.lock().bytes, 0);
    }

    #[test]
    fn a_reader_that_waits_is_told_of_a_push_and_of_the_end() {
        run(async {
            let (sender, mut pushes) = queue();
            let reader = tokio::spawn(async move { (pushes.next().await, pushes.next().await) });
            tokio::task::yield_now().await;
            sender.send(push(1));
            tokio::task::yield_now().await;
            drop(sender);
            assert_eq!(reader.await.expect("no panic"), (Some(Heard::Push(push(1))), None));
        });
    }
}
