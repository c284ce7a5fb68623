//! The bytes that wait to be written to a connection, given to the socket in one call for all that was queued.
//!
//! Short pieces are copied one behind the other; a long value stays where it is, and is written from there. Of one that is
//! lent, whoever had it pushed asks for a copy of what is left ([`Outgoing::own`]) before it is gone.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use smallvec::SmallVec;
use tokio::io::AsyncWrite;

use crate::store::given::Loan;

/// How many bytes are gathered before they are written.
const BATCH: usize = 256 << 10;
/// How many bytes TLS keeps back at most until it is flushed.
const KEPT_BACK: usize = 64 << 10;
/// From so many bytes on a copy costs more than a piece of its own.
pub const LONG: usize = 4 << 10;
/// How many pieces are written at once.
const PIECES: usize = 64;

/// A long value, as far as it was not written.
enum Long {
    Shared(Bytes),
    Lent(Loan),
}

impl Long {
    fn bytes(&self) -> &[u8] {
        match self {
            Long::Shared(bytes) => bytes,
            Long::Lent(loan) => loan,
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Long::Shared(bytes) => bytes.advance(count),
            Long::Lent(loan) => loan.advance(count),
        }
    }
}

/// What waits to be written.
#[derive(Default)]
pub struct Outgoing {
    /// What was copied.
    bytes: Vec<u8>,
    /// How many of them were written.
    written: usize,
    /// The long values, each with the place in `bytes` before which it comes; what was written of them is not there any more.
    long: VecDeque<(usize, Long)>,
    /// How many bytes of long values wait.
    long_waiting: usize,
    /// Some of them may be lent.
    has_loans: bool,
    /// Bytes were given to the stream that it may still keep.
    is_unflushed: bool,
    /// How many bytes the stream was given since the connection began.
    given: u64,
}

impl Outgoing {
    /// Where what is to be written goes, at its end.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Adds bytes at the end; without a copy where they are many.
    pub fn push(&mut self, bytes: &Bytes) {
        if bytes.len() < LONG {
            return self.bytes.extend_from_slice(bytes);
        }
        self.push_long(Long::Shared(bytes.clone()));
    }

    /// Adds lent bytes at the end; without a copy where they are many.
    pub fn push_lent(&mut self, loan: Loan) {
        if loan.len() < LONG {
            return self.bytes.extend_from_slice(&loan);
        }
        self.has_loans = true;
        self.push_long(Long::Lent(loan));
    }

    fn push_long(&mut self, value: Long) {
        self.long_waiting += value.bytes().len();
        self.long.push_back((self.bytes.len(), value));
    }

    /// Whether there may be lent bytes in it.
    pub fn has_loans(&self) -> bool {
        self.has_loans
    }

    /// Copies what is left of the lent bytes, so that none is read any more.
    pub fn own(&mut self) {
        if !std::mem::take(&mut self.has_loans) {
            return;
        }
        for (_, value) in &mut self.long {
            if let Long::Lent(loan) = value {
                *value = Long::Shared(Bytes::copy_from_slice(loan));
            }
        }
    }

    /// Whether more should be gathered before it is written.
    pub fn has_room(&self) -> bool {
        self.unwritten() < BATCH
    }

    /// How many bytes the socket was not given yet, at most.
    pub fn waiting(&self) -> usize {
        let kept_back = if self.is_unflushed { KEPT_BACK } else { 0 };
        self.unwritten() + kept_back
    }

    /// How many bytes will have been given to the socket when all that is here now was.
    pub fn end(&self) -> u64 {
        self.given + self.unwritten() as u64
    }

    /// How many bytes the socket was given since the connection began, at least.
    pub fn given(&self) -> u64 {
        self.given - if self.is_unflushed { self.given.min(KEPT_BACK as u64) } else { 0 }
    }

    fn unwritten(&self) -> usize {
        self.bytes.len() - self.written + self.long_waiting
    }

    /// Writes what the stream takes; the task is woken when it takes more.
    ///
    /// # Errors
    ///
    /// What the stream says.
    pub fn write(&mut self, stream: &mut (impl AsyncWrite + Unpin), context: &mut Context<'_>) -> io::Result<()> {
        while self.unwritten() > 0 {
            let stream = Pin::new(&mut *stream);
            let polled = match self.long.is_empty() {
                true => stream.poll_write(context, &self.bytes[self.written..]),
                false => stream.poll_write_vectored(context, &self.pieces()),
            };
            match polled? {
                Poll::Pending => return Ok(()),
                Poll::Ready(0) => {
                    return Err(io::Error::new(io::ErrorKind::WriteZero, "the server takes no more bytes"));
                }
                Poll::Ready(count) => {
                    self.is_unflushed = true;
                    self.given += count as u64;
                    self.advance(count);
                    self.drop_written();
                }
            }
        }
        if self.is_unflushed && Pin::new(stream).poll_flush(context)?.is_ready() {
            self.is_unflushed = false;
        }
        Ok(())
    }

    /// What comes next, in its order.
    fn pieces(&self) -> SmallVec<[IoSlice<'_>; PIECES]> {
        let mut pieces = SmallVec::new();
        let mut from = self.written;
        for (place, value) in self.long.iter().take(PIECES / 2) {
            if *place > from {
                pieces.push(IoSlice::new(&self.bytes[from..*place]));
                from = *place;
            }
            pieces.push(IoSlice::new(value.bytes()));
        }
        if self.long.len() < PIECES / 2 && from < self.bytes.len() {
            pieces.push(IoSlice::new(&self.bytes[from..]));
        }
        pieces
    }

    /// Notes that so many bytes were written.
    fn advance(&mut self, mut count: usize) {
        while let Some((place, value)) = self.long.front_mut() {
            let before = count.min(*place - self.written);
            self.written += before;
            count -= before;
            let of_value = count.min(value.bytes().len());
            if self.written < *place || of_value == 0 {
                return;
            }
            value.advance(of_value);
            count -= of_value;
            self.long_waiting -= of_value;
            if !value.bytes().is_empty() {
                return;
            }
            self.long.pop_front();
        }
        self.written += count;
    }

    /// Does not keep what was written while the rest has to wait, nor much room.
    fn drop_written(&mut self) {
        if self.written == self.bytes.len() && self.long.is_empty() {
            self.bytes.clear();
            self.bytes.shrink_to(2 * BATCH);
        } else if self.written >= BATCH {
            self.bytes.drain(..self.written);
            for (place, _) in &mut self.long {
                *place -= self.written;
            }
        } else {
            return;
        }
        self.written = 0;
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use std::task::Waker;

    /// Takes so many bytes at a time, so many times.
    struct Narrow {
        taken: Vec<u8>,
        width: usize,
        times: usize,
    }

    impl AsyncWrite for Narrow {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            if self.times == 0 {
                return Poll::Pending;
            }
            self.times -= 1;
            let count = bytes.len().min(self.width);
            self.taken.extend_from_slice(&bytes[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            pieces: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            assert!(pieces.len() <= PIECES && pieces.iter().all(|piece| !piece.is_empty()));
            let width = self.width;
            let first: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).take(width).collect();
            self.as_mut().poll_write(context, &first)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            if self.times == 0 { Poll::Pending } else { Poll::Ready(Ok(())) }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn write(outgoing: &mut Outgoing, stream: &mut Narrow) {
        outgoing.write(stream, &mut Context::from_waker(Waker::noop())).expect("open");
    }

    #[test]
    fn every_byte_is_written_once_and_in_order_however_little_is_taken() {
        let whole: Vec<u8> = (0..3 * BATCH + 7).map(|at| (at % 251) as u8).collect();
        let mut outgoing = Outgoing::default();
        let mut stream = Narrow { taken: Vec::new(), width: 1000, times: 300 };
        outgoing.bytes().extend_from_slice(&whole[..2 * BATCH]);
        write(&mut outgoing, &mut stream);
        outgoing.bytes().extend_from_slice(&whole[2 * BATCH..]);
        while stream.taken.len() < whole.len() {
            stream.times = 17;
            write(&mut outgoing, &mut stream);
        }
        assert!(stream.taken == whole);
        stream.times = 1;
        write(&mut outgoing, &mut stream);
        assert_eq!(outgoing.waiting(), 0);
    }

    #[test]
    fn long_values_are_written_in_their_places_however_little_is_taken() {
        fastrand::seed(7);
        for width in [100, 1000, 5000, 100_000, usize::MAX] {
            let (mut outgoing, mut expected) = (Outgoing::default(), Vec::new());
            let mut stream = Narrow { taken: Vec::new(), width, times: 0 };
            let mut values: Vec<Vec<u8>> = Vec::new();
            for number in 0..60_u8 {
                let length = *fastrand::choice(&[0, 1, 100, LONG - 1, LONG, 3 * LONG]).expect("not empty");
                let value = vec![number; length];
                match fastrand::bool() {
                    true => outgoing.push(&Bytes::from(value.clone())),
                    // SAFETY: `values` keeps it, unchanged until `own`.
                    false => outgoing.push_lent(unsafe { Loan::new(&value) }),
                }
                expected.extend_from_slice(&value);
                values.push(value);
                if fastrand::bool() {
                    outgoing.bytes().extend_from_slice(b"between");
                    expected.extend(b"between");
                }
                assert_eq!(outgoing.waiting() - if outgoing.is_unflushed { KEPT_BACK } else { 0 }, {
                    expected.len() - stream.taken.len()
                });
                stream.times = fastrand::usize(..3);
                write(&mut outgoing, &mut stream);
                if fastrand::u8(..4) == 0 {
                    outgoing.own();
                    assert!(!outgoing.has_loans());
                    values.iter_mut().for_each(|value| value.fill(0xff));
                }
            }
            stream.times = usize::MAX;
            write(&mut outgoing, &mut stream);
            assert!(stream.taken == expected, "{width} at a time");
            assert_eq!(outgoing.waiting(), 0);
            assert!(outgoing.long.is_empty() && outgoing.bytes.is_empty());
        }
    }

    #[test]
    fn a_long_value_is_not_copied_nor_one_that_is_lent_until_it_has_to_be() {
        let mut outgoing = Outgoing::default();
        let (value, lent) = (Bytes::from(vec![7; LONG]), vec![8; LONG]);
        outgoing.push(&value);
        // SAFETY: it is here to the end.
        outgoing.push_lent(unsafe { Loan::new(&lent) });
        assert_eq!([0, 1].map(|place| outgoing.pieces()[place].as_ptr()), [value.as_ptr(), lent.as_ptr()]);
        assert!(outgoing.bytes.is_empty() && outgoing.has_loans());
        outgoing.own();
        assert_ne!(outgoing.pieces()[1].as_ptr(), lent.as_ptr());
        assert_eq!(outgoing.pieces()[1][..], lent);
    }

    #[test]
    fn what_the_stream_keeps_back_waits() {
        let mut outgoing = Outgoing::default();
        outgoing.bytes().extend_from_slice(b"12345678");
        assert_eq!((outgoing.given(), outgoing.end()), (0, 8));
        write(&mut outgoing, &mut Narrow { taken: Vec::new(), width: 4, times: 2 });
        assert_eq!((outgoing.waiting(), outgoing.given(), outgoing.end()), (KEPT_BACK, 0, 8));
        write(&mut outgoing, &mut Narrow { taken: Vec::new(), width: 4, times: 1 });
        assert_eq!((outgoing.waiting(), outgoing.given(), outgoing.end()), (0, 8, 8));
    }

    #[test]
    fn a_large_values_room_is_not_kept() {
        let mut outgoing = Outgoing::default();
        outgoing.bytes().resize(64 << 20, 0);
        assert!(!outgoing.has_room());
        write(&mut outgoing, &mut Narrow { taken: Vec::new(), width: usize::MAX, times: 2 });
        assert!(outgoing.has_room() && outgoing.bytes().capacity() <= 2 * BATCH);
    }
}
