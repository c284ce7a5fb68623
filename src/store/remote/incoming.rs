//! The bytes that were read from a connection and not taken yet.
//!
//! What is taken is views of the buffer, so that a buffer is free again once all of them are dropped. Those that were read
//! full are kept for that: memory that the allocator gives anew has to be cleared by the kernel first, page by page, which
//! costs more than reading into it.

use std::collections::VecDeque;
use std::ops::Deref;

use bytes::{Bytes, BytesMut};

/// How many bytes a read has room for at least.
const ROOM: usize = 8 << 10;
/// How many bytes a buffer has room for.
const BUFFER: usize = 64 << 10;
/// How much more room than a frame needs is made at once, as far as it is not there.
pub const MOST_AHEAD: usize = 1 << 20;
/// How many buffers are kept.
const KEPT: usize = 32;

/// What was read.
#[derive(Debug, Default)]
pub struct Incoming {
    bytes: BytesMut,
    /// They lie in a buffer of the usual size.
    is_usual: bool,
    /// Buffers that were read full, the oldest first.
    full: VecDeque<BytesMut>,
}

impl Incoming {
    /// Where what is read goes, at its end; with room for it. Fewer bytes than `needed` are of no use.
    pub fn room(&mut self, needed: usize) -> &mut BytesMut {
        let missing = needed.saturating_sub(self.bytes.len());
        let room = missing.clamp(ROOM, MOST_AHEAD);
        if self.bytes.capacity() - self.bytes.len() < room {
            self.make_room(room);
        }
        &mut self.bytes
    }

    fn make_room(&mut self, room: usize) {
        if self.bytes.len() + room > BUFFER {
            // A long frame has a buffer of its own, which grows.
            self.bytes.reserve(room.max(BUFFER));
            self.is_usual = false;
            return;
        }
        let mut next = self.free().unwrap_or_else(|| BytesMut::with_capacity(BUFFER));
        next.extend_from_slice(&self.bytes);
        let mut last = std::mem::replace(&mut self.bytes, next);
        last.clear();
        if std::mem::replace(&mut self.is_usual, true) {
            self.full.push_back(last);
        }
    }

    /// A buffer of which nobody has views any more.
    fn free(&mut self) -> Option<BytesMut> {
        let place = self.full.iter_mut().position(|buffer| buffer.try_reclaim(BUFFER));
        if place.is_none() && self.full.len() >= KEPT {
            // Somebody may hold on to it for long.
            self.full.pop_front();
        }
        self.full.remove(place?)
    }

    /// Takes so many bytes from the front.
    ///
    /// # Panics
    ///
    /// When there are fewer.
    pub fn take(&mut self, length: usize) -> Bytes {
        self.bytes.split_to(length).freeze()
    }

    /// Keeps no buffer for later.
    pub fn rest(&mut self) {
        self.full.clear();
    }
}

impl Deref for Incoming {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    /// Reads as much as there is room for.
    fn fill(incoming: &mut Incoming, needed: usize, byte: u8) -> *const u8 {
        let room = incoming.room(needed);
        let free = room.capacity() - room.len();
        room.resize(room.len() + free, byte);
        room.as_ptr()
    }

    #[test]
    fn a_buffer_is_used_again_once_nobody_has_views_of_it() {
        let mut incoming = Incoming::default();
        let first = fill(&mut incoming, 0, 1);
        let views = [incoming.take(100), incoming.take(BUFFER - 100)];
        let second = fill(&mut incoming, 0, 2);
        assert_ne!(first, second);
        drop(incoming.take(BUFFER));
        let third = fill(&mut incoming, 0, 3);
        assert_ne!(first, third, "it was taken while views of it were there");
        assert!(views.iter().all(|view| view.iter().all(|byte| *byte == 1)));
        drop((views, incoming.take(BUFFER)));
        let used: Vec<_> = (0..3)
            .map(|_| {
                let place = fill(&mut incoming, 0, 4);
                drop(incoming.take(BUFFER));
                place
            })
            .collect();
        assert!(used.contains(&first) && used.contains(&second), "{used:?}");
    }

    #[test]
    fn buffers_are_used_again_also_where_frames_go_over_their_ends() {
        let mut incoming = Incoming::default();
        let mut used = std::collections::HashSet::new();
        for _ in 0..100 {
            used.insert(fill(&mut incoming, 0, 1));
            drop(incoming.take(BUFFER - 10));
        }
        assert_eq!(used.len(), 2);
    }

    #[test]
    fn what_is_not_taken_moves_along() {
        let mut incoming = Incoming::default();
        let mut next = 0_u8;
        let mut expected = 0_u8;
        for _ in 0..5000 {
            let room = incoming.room(0);
            assert!(room.capacity() - room.len() >= ROOM);
            for _ in 0..fastrand::usize(1..=ROOM) {
                room.extend_from_slice(&[next]);
                next = next.wrapping_add(1);
            }
            let length = fastrand::usize(..=incoming.len());
            for byte in incoming.take(length) {
                assert_eq!(byte, expected);
                expected = expected.wrapping_add(1);
            }
        }
    }

    #[test]
    fn a_long_frame_grows_step_by_step_and_its_buffer_is_not_kept() {
        let mut incoming = Incoming::default();
        fill(&mut incoming, 0, 1);
        let needed = 128 << 20;
        assert!(incoming.room(needed).capacity() <= 4 * MOST_AHEAD);
        while incoming.len() < 8 << 20 {
            fill(&mut incoming, needed, 2);
        }
        drop(incoming.take(incoming.len()));
        fill(&mut incoming, 0, 3);
        assert!(incoming.full.is_empty());
    }

    #[test]
    fn views_that_are_never_dropped_do_not_fill_memory_with_buffers() {
        let mut incoming = Incoming::default();
        let mut held = Vec::new();
        for _ in 0..100 {
            fill(&mut incoming, 0, 1);
            held.push(incoming.take(BUFFER));
        }
        assert!(incoming.full.len() <= KEPT);
        incoming.rest();
        assert!(incoming.full.is_empty());
    }
}
