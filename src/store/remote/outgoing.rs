//! The bytes that wait to be written to a connection, as one piece for all that was queued.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

/// How many bytes are gathered before they are written.
const BATCH: usize = 256 << 10;
/// How many bytes TLS keeps back at most until it is flushed.
const KEPT_BACK: usize = 64 << 10;

/// What waits to be written.
#[derive(Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    /// How many of them were written.
    written: usize,
    /// Bytes were given to the stream that it may still keep.
    is_unflushed: bool,
}

impl Outgoing {
    /// Where what is to be written goes, at its end.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Whether more should be gathered before it is written.
    pub fn has_room(&self) -> bool {
        self.bytes.len() - self.written < BATCH
    }

    /// How many bytes the socket was not given yet, at most.
    pub fn waiting(&self) -> usize {
        let kept_back = if self.is_unflushed { KEPT_BACK } else { 0 };
        self.bytes.len() - self.written + kept_back
    }

    /// Writes what the stream takes; the task is woken when it takes more.
    ///
    /// # Errors
    ///
    /// What the stream says.
    pub fn write(&mut self, stream: &mut (impl AsyncWrite + Unpin), context: &mut Context<'_>) -> io::Result<()> {
        while self.written < self.bytes.len() {
            match Pin::new(&mut *stream).poll_write(context, &self.bytes[self.written..])? {
                Poll::Pending => return Ok(()),
                Poll::Ready(0) => {
                    return Err(io::Error::new(io::ErrorKind::WriteZero, "the server takes no more bytes"));
                }
                Poll::Ready(count) => {
                    self.written += count;
                    self.is_unflushed = true;
                    self.drop_written();
                }
            }
        }
        if self.is_unflushed && Pin::new(stream).poll_flush(context)?.is_ready() {
            self.is_unflushed = false;
        }
        Ok(())
    }

    /// Does not keep what was written while the rest has to wait, nor a large value's room.
    fn drop_written(&mut self) {
        if self.written == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(2 * BATCH);
        } else if self.written >= BATCH {
            self.bytes.drain(..self.written);
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
    fn what_the_stream_keeps_back_waits() {
        let mut outgoing = Outgoing::default();
        outgoing.bytes().extend_from_slice(b"1234");
        write(&mut outgoing, &mut Narrow { taken: Vec::new(), width: 4, times: 1 });
        assert_eq!(outgoing.waiting(), KEPT_BACK);
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
