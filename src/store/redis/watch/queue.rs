//! Events that wait for a watch's reader.

use std::collections::VecDeque;
use std::pin::pin;

use tokio::sync::Notify;

use crate::store::event::{Event, EventKind};
use crate::sync::Mutex;

/// How many events wait at most, unless the options say otherwise.
const CAPACITY: usize = 65_536;

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    lost: u64,
    closed: bool,
}

impl Waiting {
    fn admit_loss(&mut self) {
        let lost = std::mem::take(&mut self.lost);
        if lost != 0 {
            self.events.push_back(Event { kind: EventKind::Lost, record: None, lost, initial: false });
        }
    }
}

/// The queue between a watch's task and its reader.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    capacity: usize,
    arrived: Notify,
    taken: Notify,
}

impl Queue {
    /// A queue for so many events; 0 for the usual number.
    pub(super) fn new(capacity: usize) -> Queue {
        let capacity = if capacity == 0 { CAPACITY } else { capacity };
        Queue { waiting: Mutex::default(), capacity, arrived: Notify::new(), taken: Notify::new() }
    }

    /// Adds a change; when there is no room it is counted as lost.
    pub(super) fn push(&self, event: Event) {
        {
            let mut waiting = self.waiting.lock();
            if waiting.closed {
                return;
            }
            if waiting.events.len() >= self.capacity {
                waiting.lost += 1;
                return;
            }
            waiting.admit_loss();
            waiting.events.push_back(event);
        }
        self.arrived.notify_waiters();
    }

    /// Adds what was there before, which is never lost: waits for room.
    pub(super) async fn push_patiently(&self, event: Event) {
        loop {
            let mut taken = pin!(self.taken.notified());
            taken.as_mut().enable();
            let has_room = {
                let waiting = self.waiting.lock();
                waiting.closed || waiting.events.len() < self.capacity
            };
            if has_room {
                return self.push(event);
            }
            taken.await;
        }
    }

    /// Events that wait, at most `most`; nothing when it was closed; `None` when there are none yet.
    pub(super) fn take(&self, most: usize) -> Option<Vec<Event>> {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Some(Vec::new());
        }
        let most = most.max(1);
        let count = waiting.events.len().min(most);
        let mut taken: Vec<Event> = waiting.events.drain(..count).collect();
        if waiting.events.is_empty() && taken.len() < most {
            waiting.admit_loss();
            taken.extend(waiting.events.pop_front());
        }
        drop(waiting);
        if taken.is_empty() {
            return None;
        }
        self.taken.notify_waiters();
        Some(taken)
    }

    /// As [`Queue::take`], when there are some. An answer that nobody takes is lost with its future only once it is ready.
    pub(super) async fn wait(&self, most: usize) -> Vec<Event> {
        loop {
            let mut arrived = pin!(self.arrived.notified());
            arrived.as_mut().enable();
            if let Some(events) = self.take(most) {
                return events;
            }
            arrived.await;
        }
    }

    /// Ends it: what waits is dropped, and whoever waits is answered.
    pub(super) fn close(&self) {
        let dropped = {
            let mut waiting = self.waiting.lock();
            waiting.closed = true;
            std::mem::take(&mut waiting.events)
        };
        drop(dropped);
        self.arrived.notify_waiters();
        self.taken.notify_waiters();
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn current() -> Event {
        Event { kind: EventKind::Current, record: None, lost: 0, initial: false }
    }

    #[test]
    fn what_has_no_room_is_counted_and_told() {
        let queue = Queue::new(2);
        (0..5).for_each(|_| queue.push(current()));
        let events = queue.take(10).expect("three");
        let kinds: Vec<_> = events.iter().map(|event| (event.kind, event.lost)).collect();
        assert_eq!(kinds, [(EventKind::Current, 0), (EventKind::Current, 0), (EventKind::Lost, 3)]);
        assert!(queue.take(10).is_none());
        queue.close();
        assert_eq!(queue.take(10).map(|events| events.len()), Some(0));
    }
}
