//! What keeps a server from reading requests of one length one at a time.
//!
//! Redis (`readQueryFromClient`, seen with 7.0) reads as many bytes as there is room for in its buffer for the connection, and
//! makes that longer only when there is room for fewer than 16 KiB. A buffer that began with a short request is 20 KiB long.
//! Full of requests of a little more than 16 KiB it holds one, and the begin of the next; when the one is executed, there is
//! room for just as much as that was long. So the buffer stays as it is, and each read takes exactly one request, whatever
//! waits behind it, for as long as nothing else comes: it costs the server two system calls more for each, and us a wake-up
//! for every answer. Of puts of 16 KiB there were 75,000 a second in place of 100,000. One that was trimmed while little came
//! (`clientsCronResizeQueryBuffer`) is as good for it; from 32 KiB on, Redis reads what is left of an argument by itself.
//!
//! So among many such requests there is now and then a shorter one, which does not fit into the buffer together with one of
//! the others. When it was executed alone there is room for less than 16 KiB, and Redis makes the buffer longer.

use std::ops::RangeInclusive;

use crate::store::redis::wire::Packed;

/// Lengths of requests that the server may read one at a time.
const LENGTHS: RangeInclusive<usize> = 16 << 10..=(32 << 10) + 512;
/// After so many of them comes a shorter one.
const STRIDE: u32 = 128;
/// Bytes of what the shorter one says, and the server repeats: less than 16 KiB, and more than is left of 20 KiB beside a
/// request of that length.
const SAID: usize = 8 << 10;

/// How many requests of such lengths came since the last shorter one.
#[derive(Default)]
pub struct Stride(u32);

impl Stride {
    /// Counts a request of so many bytes; says whether a [breaker] has to follow.
    pub fn is_to_be_broken(&mut self, length: usize) -> bool {
        if !LENGTHS.contains(&length) {
            return false;
        }
        self.0 = (self.0 + 1) % STRIDE;
        self.0 == 0
    }
}

/// The shorter request. It has one answer.
pub fn breaker() -> Packed {
    Packed::of(&[b"PING", &[b'.'; SAID]])
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_in_so_many_is_followed_by_a_shorter_one() {
        let mut stride = Stride::default();
        let broken: Vec<u32> = (1..=3 * STRIDE).filter(|_| stride.is_to_be_broken(16_438)).collect();
        assert_eq!(broken, [STRIDE, 2 * STRIDE, 3 * STRIDE]);
        for length in [0, 100, (16 << 10) - 1, 40 << 10] {
            assert!((0..2 * STRIDE).all(|_| !stride.is_to_be_broken(length)), "{length}");
        }
    }

    #[test]
    fn the_shorter_one_has_one_answer() {
        assert_eq!(breaker().answers(), 1);
    }
}
