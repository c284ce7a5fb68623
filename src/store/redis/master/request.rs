//! A durable write on its way: sent once, by whoever takes it first, and answered when replicas have it.
//!
//! Its commands go with it and are nowhere else. They come back with the outcome when they can be of use again, because
//! they were not sent, or wrote nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::deadline;
use crate::store::redis::connection::{Answers, Broken, Reason, Unanswered};
use crate::store::redis::wire::Packed;

const QUEUED: u8 = 0;
const SENT: u8 = 1;
const WITHDRAWN: u8 = 2;

/// Whether a request was sent, or taken back.
#[derive(Debug, Default)]
pub struct Phase(AtomicU8);

impl Phase {
    /// Takes the request to send it; false when its caller has gone.
    pub fn send(&self) -> bool {
        self.change_to(SENT)
    }

    fn change_to(&self, phase: u8) -> bool {
        self.0.compare_exchange(QUEUED, phase, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// What came of a request, and its commands where they can be of use again.
pub type Outcome = (Result<Answers, Broken>, Packed);

/// A request as its sender has it.
pub struct Request {
    /// The commands.
    pub packed: Packed,
    /// Whether it was sent.
    pub phase: Arc<Phase>,
    /// Until when its caller waits.
    pub deadline: Instant,
    /// Where the answers go.
    pub answer: oneshot::Sender<Outcome>,
}

/// A request as its caller has it.
pub struct Ticket {
    phase: Arc<Phase>,
    deadline: Instant,
    answer: oneshot::Receiver<Outcome>,
}

impl Request {
    /// A request, and the ticket by which its caller gets the answers until the deadline.
    pub fn new(packed: Packed, deadline: Instant) -> (Request, Ticket) {
        let (sender, answer) = oneshot::channel();
        let phase = Arc::new(Phase::default());
        let request = Request { packed, phase: Arc::clone(&phase), deadline, answer: sender };
        (request, Ticket { phase, deadline, answer })
    }

    /// Tells the caller that there will be no answer.
    pub fn end(self, sent: bool, reason: &Reason) {
        // Whoever no longer waits has nothing to be told.
        let _ = self.answer.send((Err(Broken { sent, reason: Arc::clone(reason) }), self.packed));
    }
}

impl Ticket {
    /// The answers, or that the connection ended, or the deadline passed, and whether the request had been sent; and the
    /// commands where they can be of use again. At the deadline a request that was not sent is taken back.
    pub async fn wait(mut self) -> (Result<Answers, Unanswered>, Packed) {
        match deadline::until(self.deadline, &mut self.answer).await {
            Some(Ok((outcome, packed))) => (outcome.map_err(Unanswered::Broken), packed),
            // Its sender was dropped with the runtime, and the commands with it: they cannot be sent again.
            Some(Err(_)) => {
                let broken = Broken { sent: true, reason: "it was dropped".into() };
                (Err(Unanswered::Broken(broken)), Packed::default())
            }
            None => (Err(Unanswered::Late { sent: !self.withdraw() }), Packed::default()),
        }
    }

    /// Takes the request back; false when it was sent.
    fn withdraw(&self) -> bool {
        self.phase.change_to(WITHDRAWN)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.withdraw();
    }
}
