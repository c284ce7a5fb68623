//! When a silent server counts as gone.
//!
//! A server owes a word only when what it was sent has reached it: a large value takes its time on a slow line, and is in
//! the kernel's buffer long before it is there. So in a silence the server is asked for a word, once, and as long as its
//! kernel has not taken all up to that question, each byte that it takes is a sign of life. What is sent after the question
//! is none: the kernel of a server that hangs takes bytes for a while too.

use std::io;
use std::mem::{MaybeUninit, offset_of, size_of};
use std::os::fd::AsRawFd;

use tokio::net::TcpStream;

/// After how many ticks without a byte the server is asked for one.
const QUIET_BEFORE_QUESTION: u32 = 2;
/// Ticks without a sign of life after which the connection is given up.
const QUIET_BEFORE_END: u32 = 7;

/// What became of the bytes that a socket was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// How many the other side's kernel has taken since the connection began.
    pub taken: u64,
    /// How many it has not taken yet.
    pub queued: u64,
}

impl Sent {
    /// Of a socket now.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn of(socket: &TcpStream) -> io::Result<Sent> {
        let descriptor = socket.as_raw_fd();
        let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
        let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
        let place = info.as_mut_ptr().cast();
        // SAFETY: the descriptor is the socket's, which is borrowed; the kernel writes `length` bytes at most.
        let asked = unsafe { libc::getsockopt(descriptor, libc::IPPROTO_TCP, libc::TCP_INFO, place, &raw mut length) };
        if asked != 0 {
            return Err(io::Error::last_os_error());
        }
        if (length as usize) < offset_of!(libc::tcp_info, tcpi_bytes_received) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        // SAFETY: all of it was zeroed, and it consists of numbers.
        let info = unsafe { info.assume_init() };
        let mut queued: libc::c_int = 0;
        // SAFETY: as above; the call writes one int.
        if unsafe { libc::ioctl(descriptor, libc::TIOCOUTQ, &raw mut queued) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Sent { taken: info.tcpi_bytes_acked, queued: u64::try_from(queued).unwrap_or(0) })
    }
}

/// What has to be done at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Wait,
    /// The server has to be asked for a word.
    Ask,
    /// The server is gone.
    Gone,
}

/// A server's silence.
#[derive(Debug, Default)]
pub struct Silence {
    /// Ticks since the last sign of life.
    quiet: u32,
    /// How many bytes the other side had taken at the last tick.
    taken: u64,
    /// How many it will have taken when the question has reached it.
    question: Option<u64>,
}

impl Silence {
    /// Ends it: the server has said something.
    pub fn end(&mut self) {
        self.quiet = 0;
        self.question = None;
    }

    /// One more tick of it; `waiting` bytes were not given to the socket yet.
    pub fn tick(&mut self, sent: Sent, waiting: usize) -> Verdict {
        let has_moved = sent.taken > self.taken;
        self.taken = sent.taken;
        if has_moved && self.question.is_some_and(|question| sent.taken < question) {
            self.quiet = 0;
            return Verdict::Wait;
        }
        self.quiet += 1;
        if self.quiet >= QUIET_BEFORE_END {
            return Verdict::Gone;
        }
        if self.quiet < QUIET_BEFORE_QUESTION || self.question.is_some() {
            return Verdict::Wait;
        }
        self.question = Some(sent.taken + sent.queued + waiting as u64);
        Verdict::Ask
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn ticks(silence: &mut Silence, mut sent: impl FnMut(u64) -> Sent, waiting: usize) -> u64 {
        (1..1000).find(|tick| silence.tick(sent(*tick), waiting) == Verdict::Gone).expect("an end")
    }

    #[test]
    fn a_server_that_is_idle_is_asked_once_and_given_up_at_the_same_tick_whatever_it_is_sent() {
        let mut silence = Silence::default();
        let mut asked = 0;
        let end = (1..100).find(|tick| {
            let verdict = silence.tick(Sent { taken: 100 * tick, queued: 0 }, 0);
            asked += u32::from(verdict == Verdict::Ask);
            verdict == Verdict::Gone
        });
        assert_eq!((end, asked), (Some(u64::from(QUIET_BEFORE_END)), 1));
    }

    #[test]
    fn an_upload_is_life_until_it_has_reached_the_server() {
        let upload = |tick: u64| Sent { taken: (tick * 100).min(5_000), queued: 5_000_u64.saturating_sub(tick * 100) };
        // It is there at the fiftieth tick, and its question with it.
        assert_eq!(ticks(&mut Silence::default(), upload, 0), 50 + u64::from(QUIET_BEFORE_END) - 1);
        // The same, when the socket takes it bit by bit.
        let blocked = |tick: u64| Sent { taken: (tick * 100).min(5_000), queued: 100 };
        assert!(ticks(&mut Silence::default(), blocked, 4_700) > 50);
    }

    #[test]
    fn a_server_that_hangs_amid_an_upload_is_given_up_as_soon_as_an_idle_one() {
        let full = |tick: u64| Sent { taken: 100 * tick.min(10), queued: 1 << 20 };
        assert_eq!(ticks(&mut Silence::default(), full, 1 << 20), 10 + u64::from(QUIET_BEFORE_END));
    }

    #[test]
    fn a_word_of_the_server_begins_a_new_silence() {
        let mut silence = Silence::default();
        let sent = Sent { taken: 1, queued: 0 };
        for _ in 1..QUIET_BEFORE_END {
            silence.tick(sent, 0);
        }
        silence.end();
        assert_eq!(ticks(&mut silence, |_| sent, 0), u64::from(QUIET_BEFORE_END));
    }

    #[tokio::test]
    async fn the_kernel_tells_what_the_other_side_has_taken() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let socket = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("it listens");
        let _other = listener.accept().await.expect("a connection");
        let before = Sent::of(&socket).expect("told");
        assert_eq!(socket.try_write(&[0; 1000]).expect("room"), 1000);
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while Sent::of(&socket).expect("told") != (Sent { taken: before.taken + 1000, queued: 0 }) {
            assert!(std::time::Instant::now() < end, "{:?}", Sent::of(&socket));
            tokio::task::yield_now().await;
        }
    }
}
