//! Memory for long values on their way to a server, or out of Java's heap, used again as soon as they are there.
//!
//! What was given back last is taken first: the processor's caches still have it. The allocator's memory is cold at best;
//! often it was given back to the kernel meanwhile, which clears every page anew.
//!
//! What lies here unused is given back while there are connections to servers, and with the end of each. Without any, as in a
//! Java program with memory stores only, what stays is a block or two for each thread that put long values at the same time.

use std::ops::Deref;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::per_process::PerProcess;
use crate::sync::Mutex;

/// Memory comes in multiples of so many bytes. What is shorter than one comes from the allocator, which is as good at it.
const STEP: usize = 4 << 10;
/// How many steps are the most that is kept in one piece. Of longer ones the copy costs more than where it goes.
const MOST_STEPS: usize = 20;
/// The longest memory that is kept, in bytes.
pub const LONGEST: usize = STEP * MOST_STEPS;
/// How many bytes are kept in all.
const KEPT: usize = 8 << 20;
/// For how long at least something must not have been needed, to be given back.
const IDLE: Duration = Duration::from_millis(400);

/// Memory of one length.
#[derive(Default)]
struct Shelf {
    free: Vec<Vec<u8>>,
    /// The fewest that lay here since the last [`rest`]: so many were not needed.
    idle: usize,
}

#[derive(Default)]
struct Shelves {
    /// By their memory's steps, less one.
    shelves: [Shelf; MOST_STEPS],
    bytes: usize,
    rested: Option<Instant>,
}

/// A forked child has its own: one of the parent's threads may hold the lock at the fork.
static SHELVES: PerProcess<Mutex<Shelves>> = PerProcess::new();

/// Memory that is given back here when it is dropped.
#[derive(Debug, Default)]
pub struct Recycled(Vec<u8>);

impl Shelves {
    fn take(&mut self, place: usize) -> Option<Vec<u8>> {
        let shelf = &mut self.shelves[place];
        let memory = shelf.free.pop()?;
        shelf.idle = shelf.idle.min(shelf.free.len());
        self.bytes -= memory.capacity();
        Some(memory)
    }

    /// Hands back what it has no room for.
    fn put(&mut self, place: usize, memory: Vec<u8>) -> Option<Vec<u8>> {
        if self.bytes + memory.capacity() > KEPT {
            return Some(memory);
        }
        self.bytes += memory.capacity();
        self.shelves[place].free.push(memory);
        None
    }

    fn take_idle(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut idle = Vec::new();
        if self.rested.is_some_and(|rested| now.duration_since(rested) < IDLE) {
            return idle;
        }
        self.rested = Some(now);
        for shelf in &mut self.shelves {
            // The oldest, which are the coldest.
            idle.extend(shelf.free.drain(..shelf.idle));
            shelf.idle = shelf.free.len();
        }
        self.bytes -= idle.iter().map(Vec::capacity).sum::<usize>();
        idle
    }
}

/// Where memory of this capacity is kept, if it is.
fn place_of(capacity: usize) -> Option<usize> {
    (capacity.is_multiple_of(STEP) && (STEP..=LONGEST).contains(&capacity)).then(|| capacity / STEP - 1)
}

/// Empty memory with room for so many bytes. [`share`] it, or put it into a [`Recycled`], or it is not used again.
pub fn take(room: usize) -> Vec<u8> {
    let capacity = if room < STEP { room } else { room.next_multiple_of(STEP) };
    let Some(place) = place_of(capacity) else { return Vec::with_capacity(room) };
    let taken = SHELVES.get().lock().take(place);
    taken.unwrap_or_else(|| Vec::with_capacity(capacity))
}

/// A copy of these bytes.
pub fn copy(bytes: &[u8]) -> Bytes {
    let mut memory = take(bytes.len());
    memory.extend_from_slice(bytes);
    share(memory)
}

/// What is in this memory, which is given back with the last view of it.
pub fn share(memory: Vec<u8>) -> Bytes {
    match place_of(memory.capacity()) {
        Some(_) => Bytes::from_owner(Recycled(memory)),
        None => Bytes::from(memory),
    }
}

/// Gives the allocator all that lies here: a connection has ended, and there may be no other to [`rest`].
pub fn clear() {
    let all = std::mem::take(&mut *SHELVES.get().lock());
    drop(all);
}

/// Gives the allocator what was not needed since the last time.
pub fn rest() {
    // The allocator has its turn after the lock.
    let idle = SHELVES.get().lock().take_idle(Instant::now());
    drop(idle);
}

impl From<Vec<u8>> for Recycled {
    fn from(memory: Vec<u8>) -> Recycled {
        Recycled(memory)
    }
}

impl Deref for Recycled {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Recycled {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Recycled {
    fn drop(&mut self) {
        let mut memory = std::mem::take(&mut self.0);
        let Some(place) = place_of(memory.capacity()) else { return };
        memory.clear();
        let refused = SHELVES.get().lock().put(place, memory);
        drop(refused);
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_back_last_is_taken_first() {
        let mut shelves = Shelves::default();
        let (one, two) = (Vec::with_capacity(STEP), Vec::with_capacity(STEP));
        let (first, second) = (one.as_ptr(), two.as_ptr());
        assert!(shelves.put(0, one).is_none() && shelves.put(0, two).is_none());
        assert_eq!(shelves.bytes, 2 * STEP);
        assert_eq!(shelves.take(0).map(|memory| memory.as_ptr()), Some(second));
        assert_eq!(shelves.take(0).map(|memory| memory.as_ptr()), Some(first));
        assert!(shelves.take(0).is_none() && shelves.bytes == 0);
    }

    #[test]
    fn no_more_is_kept_than_the_bound() {
        let mut shelves = Shelves::default();
        let place = place_of(LONGEST).expect("it is kept");
        for _ in 0..KEPT / LONGEST {
            assert!(shelves.put(place, Vec::with_capacity(LONGEST)).is_none());
        }
        assert!(shelves.put(place, Vec::with_capacity(LONGEST)).is_some());
        assert!(shelves.bytes <= KEPT);
    }

    #[test]
    fn what_is_not_needed_is_given_up_and_what_is_stays() {
        let mut shelves = Shelves::default();
        let (begun, mut times) = (Instant::now(), 0);
        let mut later = || {
            times += 1;
            begun + times * IDLE
        };
        for _ in 0..5 {
            shelves.put(0, Vec::with_capacity(STEP));
        }
        let first = later();
        assert!(shelves.take_idle(first).is_empty(), "it came just now");
        assert!(shelves.take_idle(first + IDLE / 2).is_empty(), "another connection's tick is no time");
        let used = [shelves.take(0), shelves.take(0)];
        used.into_iter().flatten().for_each(|memory| assert!(shelves.put(0, memory).is_none()));
        assert_eq!(shelves.take_idle(later()).len(), 3);
        assert_eq!((shelves.take_idle(later()).len(), shelves.bytes), (2, 0));
    }

    #[test]
    fn memory_is_empty_again_and_as_long_as_is_asked_for() {
        for room in [0, 1, STEP - 1, STEP, STEP + 1, LONGEST, LONGEST + 1, 3 * LONGEST] {
            for _ in 0..2 {
                let memory = take(room);
                assert!(memory.is_empty() && memory.capacity() >= room);
                let bytes = vec![7; room];
                assert!(copy(&bytes) == bytes);
                drop(Recycled::from(memory));
            }
        }
        assert!(place_of(STEP - 1).is_none() && place_of(STEP + 1).is_none() && place_of(LONGEST + STEP).is_none());
    }
}
