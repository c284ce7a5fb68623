//! The events that wait for a watch's reader, for stores whose watches are tasks of their own.

use std::collections::VecDeque;

use tokio::sync::Notify;

use crate::store::event::{Event, EventKind};
use crate::sync::Mutex;

/// How many events wait at most, unless the options say otherwise.
const CAPACITY: usize = 65_536;

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    lost: u64,
    closed: bool,
}

/// A queue with an end: what does not fit is counted, and told of in its place.
pub struct Queue {
    state: Mutex<State>,
    capacity: usize,
    arrived: Notify,
    taken: Notify,
}

impl Queue {
    /// An empty queue; 0 stands for the usual capacity.
    pub fn new(capacity: usize) -> Queue {
        Queue {
            state: Mutex::default(),
            capacity: if capacity == 0 { CAPACITY } else { capacity },
            arrived: Notify::new(),
            taken: Notify::new(),
        }
    }

    /// Adds an event, or counts it as lost.
    pub fn push(&self, event: Event) {
        self.push_within(self.capacity, event);
    }

    /// Adds an event that must not be lost.
    pub fn push_always(&self, event: Event) {
        self.push_within(usize::MAX, event);
    }

    /// Adds an event that must not be lost, when there is room for it.
    pub async fn push_patiently(&self, event: Event) {
        self.room().await;
        self.push_always(event);
    }

    fn push_within(&self, capacity: usize, event: Event) {
        {
            let mut state = self.state.lock();
            if state.closed {
                return;
            }
            if state.events.len() >= capacity {
                state.lost += 1;
                return;
            }
            state.admit_loss();
            state.events.push_back(event);
        }
        self.arrived.notify_waiters();
    }

    /// Counts events that never came to us.
    pub fn lose(&self, count: u64) {
        let mut state = self.state.lock();
        state.lost = state.lost.saturating_add(count);
        drop(state);
        self.arrived.notify_waiters();
    }

    /// Returns when there is room, or it was closed.
    pub async fn room(&self) {
        loop {
            let mut taken = std::pin::pin!(self.taken.notified());
            taken.as_mut().enable();
            {
                let state = self.state.lock();
                if state.closed || state.events.len() < self.capacity {
                    return;
                }
            }
            taken.await;
        }
    }

    /// Events that wait; an empty answer when it was closed, `None` when there are none.
    pub fn take(&self, most: usize) -> Option<Vec<Event>> {
        let mut state = self.state.lock();
        if state.closed {
            return Some(Vec::new());
        }
        let most = most.max(1);
        let count = state.events.len().min(most);
        let mut events: Vec<Event> = state.events.drain(..count).collect();
        if state.events.is_empty() && events.len() < most {
            state.admit_loss();
            events.extend(state.events.pop_front());
        }
        drop(state);
        if events.is_empty() {
            return None;
        }
        self.taken.notify_waiters();
        Some(events)
    }

    /// As [`Queue::take`], as soon as there are some.
    pub async fn wait(&self, most: usize) -> Vec<Event> {
        loop {
            let mut arrived = std::pin::pin!(self.arrived.notified());
            arrived.as_mut().enable();
            if let Some(events) = self.take(most) {
                return events;
            }
            arrived.await;
        }
    }

    /// Ends it: what waits is dropped, and whoever waits is answered.
    pub fn close(&self) {
        let waiting = {
            let mut state = self.state.lock();
            state.closed = true;
            std::mem::take(&mut state.events)
        };
        drop(waiting);
        self.arrived.notify_waiters();
        self.taken.notify_waiters();
    }
}

impl State {
    fn admit_loss(&mut self) {
        if self.lost != 0 {
            let lost = std::mem::take(&mut self.lost);
            self.events.push_back(Event { kind: EventKind::Lost, record: None, lost, initial: false });
        }
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn event() -> Event {
        Event { kind: EventKind::Current, record: None, lost: 0, initial: false }
    }

    #[test]
    fn what_does_not_fit_is_told_of_in_its_place() {
        let queue = Queue::new(2);
        (0..5).for_each(|_| queue.push(event()));
        let told = |events: Vec<Event>| events.iter().map(|event| (event.kind, event.lost)).collect::<Vec<_>>();
        assert_eq!(told(queue.take(1).expect("some")), [(EventKind::Current, 0)]);
        assert_eq!(told(queue.take(9).expect("some")), [(EventKind::Current, 0), (EventKind::Lost, 3)]);
        queue.lose(7);
        queue.push(event());
        assert_eq!(told(queue.take(9).expect("some")), [(EventKind::Lost, 7), (EventKind::Current, 0)]);
        assert!(queue.take(9).is_none());
        queue.close();
        assert_eq!(queue.take(9).map(|events| events.len()), Some(0));
    }
}
