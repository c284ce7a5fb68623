//! Reads a watch so that no event is lost between the store and the host.
//!
//! A request may be cancelled, or its queue closed, when its answer is on the way already. Invariant: events that were
//! taken from the watch are either delivered, or come back to the front, before the next read is answered; so they
//! reach the host once and in order. A read therefore holds the watch's turn until its answer was taken.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::store::event::{Event, Watch};
use crate::store::reply::Reply;
use crate::sync::Mutex;

/// A watch, and events that came back.
pub struct WatchReader {
    watch: Arc<dyn Watch>,
    turn: Arc<Semaphore>,
    returned: Mutex<Returned>,
}

#[derive(Default)]
struct Returned {
    events: VecDeque<Event>,
    closed: bool,
}

/// Events on their way to the host. Dropped before they were taken, they go back to the watch.
pub struct Told {
    events: Vec<Event>,
    reader: Option<Arc<WatchReader>>,
    /// After the reader: the events are back before the next read begins.
    turn: Option<OwnedSemaphorePermit>,
}

impl WatchReader {
    /// A reader of `watch`, which nobody else reads.
    pub fn new(watch: Arc<dyn Watch>) -> Arc<WatchReader> {
        Arc::new(WatchReader { watch, turn: Arc::new(Semaphore::new(1)), returned: Mutex::default() })
    }

    /// The next events, at most `most`, as [`Watch::next`]; reads are answered one after the other.
    pub fn read(self: &Arc<WatchReader>, most: usize) -> Reply<Told> {
        let reader = Arc::clone(self);
        match Arc::clone(&self.turn).try_acquire_owned() {
            Ok(turn) => reader.read_in_turn(most, Some(turn)),
            Err(_) => Reply::pending(async move {
                // Only a semaphore that was closed gives none, and nobody closes this one.
                let turn = Arc::clone(&reader.turn).acquire_owned().await.ok();
                reader.read_in_turn(most, turn).wait().await
            }),
        }
    }

    /// As [`WatchReader::read`], for a caller to whom the events are delivered with the answer.
    pub fn next(self: &Arc<WatchReader>, most: usize) -> Reply<Vec<Event>> {
        self.read(most).map(Told::into_events)
    }

    /// Whether [`WatchReader::close`] was called; under the lock that it takes, so that who asks before it tells events tells
    /// none when the close has returned.
    pub fn is_closed(&self) -> bool {
        self.returned.lock().closed
    }

    /// Ends the watch; what came back is dropped with it.
    pub fn close(&self) {
        let waiting = {
            let mut returned = self.returned.lock();
            returned.closed = true;
            std::mem::take(&mut returned.events)
        };
        drop(waiting);
        self.watch.close();
    }

    fn read_in_turn(self: Arc<WatchReader>, most: usize, turn: Option<OwnedSemaphorePermit>) -> Reply<Told> {
        let back: Vec<Event> = {
            let mut returned = self.returned.lock();
            let count = returned.events.len().min(most);
            returned.events.drain(..count).collect()
        };
        let reply = if back.is_empty() { self.watch.next(most) } else { Reply::Ready(Ok(back)) };
        reply.map(|events| Told { events, reader: Some(self), turn })
    }

    fn take_back(&self, events: Vec<Event>) {
        let mut returned = self.returned.lock();
        if returned.closed {
            return;
        }
        for event in events.into_iter().rev() {
            returned.events.push_front(event);
        }
    }
}

impl Told {
    /// The events, still on their way.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events, which the caller delivers.
    pub fn into_events(mut self) -> Vec<Event> {
        self.reader = None;
        std::mem::take(&mut self.events)
    }

    /// Counts the events as delivered; the answer is the watch's turn, for the next read when it is dropped.
    pub fn settle(&mut self) -> Option<OwnedSemaphorePermit> {
        self.reader = None;
        self.turn.take()
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.take_back(std::mem::take(&mut self.events));
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::boundary::wait::wait;
    use crate::larder::Larder;
    use crate::store::options::{PutOptions, WatchOptions};
    use std::time::Duration;

    const LIMIT: Option<Duration> = Some(Duration::from_secs(20));

    fn keys(events: &[Event]) -> Vec<u8> {
        events.iter().filter_map(|event| event.record.as_ref().map(|record| record.key()[0])).collect()
    }

    fn reader_of(keys: &[u8]) -> (Larder, Arc<WatchReader>) {
        let larder = Larder::open("memory://").expect("a larder");
        let store = larder.store("default").expect("a store");
        let watch = wait(store.watch(&WatchOptions::default()), None).expect("a watch");
        for key in keys {
            wait(store.put(&[*key], b"", &PutOptions::default()), None).expect("written");
        }
        (larder, WatchReader::new(watch))
    }

    #[test]
    fn an_answer_that_nobody_took_is_given_again_in_front() {
        let (_larder, reader) = reader_of(&[1, 2, 3]);
        drop(wait(reader.read(2), LIMIT).expect("open"));
        assert_eq!(keys(&wait(reader.next(1), LIMIT).expect("open")), [1]);
        assert_eq!(keys(&wait(reader.next(9), LIMIT).expect("open")), [2]);
        assert_eq!(keys(&wait(reader.next(9), LIMIT).expect("open")), [3]);
    }

    #[test]
    fn a_read_waits_for_what_becomes_of_the_answer_before_it() {
        let (_larder, reader) = reader_of(&[1, 2]);
        let first = wait(reader.read(1), LIMIT).expect("open");
        let second = reader.next(1);
        assert!(matches!(second, Reply::Pending(_)), "the first may still come back");
        drop(first);
        assert_eq!(keys(&wait(second, LIMIT).expect("open")), [1]);
    }

    #[test]
    fn a_closed_watch_takes_nothing_back() {
        let (_larder, reader) = reader_of(&[1]);
        let told = wait(reader.read(1), LIMIT).expect("open");
        reader.close();
        drop(told);
        assert!(wait(reader.next(1), LIMIT).expect("closed").is_empty());
    }
}
