//! The task that moves one connection's bytes.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use super::stream::Stream;
use super::stride::{self, Stride};
use super::{Abandoned, Answers, Command, Reason, Shared, State, pushes};
use crate::store::given::Loan;
use crate::store::redis::wire::{Packed, Parser, Piece, Value};
use crate::store::remote::drive::{self, Exchange, Next, TURN};
use crate::store::remote::expiry::Expiry;
use crate::store::remote::outgoing::Outgoing;
use crate::store::remote::silence::{Sent, Silence, Verdict};
use crate::store::remote::slots::Token;
use crate::store::remote::socket::forget_unsent;

struct InFlight {
    left: u32,
    answers: Answers,
    /// Who asked; `None` for what nobody waits for the answer of.
    token: Option<Token>,
    /// Of a long write, how many bytes the server has when it has all of it.
    long_write_ends: Option<u64>,
}

struct Driver {
    stream: Stream,
    shared: Arc<Shared>,
    pushes: Option<pushes::Sender>,
    parser: Parser,
    outgoing: Outgoing,
    in_flight: VecDeque<InFlight>,
    stride: Stride,
    /// Whole answers that were read and not given out yet.
    answered: Vec<(Token, Answers)>,
    /// Who has to be told of what came, once the lock is free.
    wakers: Vec<Waker>,
    expiry: Expiry,
    silence: Silence,
}

/// Moves bytes until the connection ends, then tells every request that is still open.
pub(super) async fn drive(stream: Stream, shared: Arc<Shared>, pushes: Option<pushes::Sender>) {
    let mut driver = Driver {
        stream,
        shared,
        pushes,
        parser: Parser::default(),
        outgoing: Outgoing::default(),
        in_flight: VecDeque::new(),
        stride: Stride::default(),
        answered: Vec::new(),
        wakers: Vec::new(),
        expiry: Expiry::default(),
        silence: Silence::default(),
    };
    // However the task ends: nobody else would tell the requests.
    let _end = EndOnDrop(Arc::clone(&driver.shared));
    let reason = drive::drive(&mut driver).await;
    // Before anybody is told that a write is given up, and writes anew.
    forget_unsent(driver.stream.socket());
    drop(driver.stream);
    driver.shared.end(&reason);
}

struct EndOnDrop(Arc<Shared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        // The first reason stays.
        self.0.end(&Reason::from("its task ended"));
    }
}

impl Exchange for Driver {
    fn listen(&self, context: &Context<'_>) {
        self.shared.arrived.register(context.waker());
    }

    fn take_commands(&mut self, context: &mut Context<'_>) -> Result<(), Reason> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state.lock();
        if let Some(reason) = &state.ended {
            return Err(Arc::clone(reason));
        }
        state.awake = false;
        let abandoned = std::mem::take(&mut state.abandoned);
        while self.outgoing.has_room()
            && let Some(command) = state.queue.pop_front()
        {
            let (packed, token, is_long_write) = match &command {
                Command::Tell(packed) => (packed, None, false),
                Command::Request { token, is_long_write } => match state.slots.send(*token) {
                    Some(packed) => (packed, Some(*token), *is_long_write),
                    None => continue,
                },
            };
            gather(&mut self.outgoing, packed);
            let left = packed.answers();
            if left > 0 {
                let long_write_ends = is_long_write.then(|| self.outgoing.end());
                self.in_flight.push_back(InFlight { left, answers: Answers::new(), token, long_write_ends });
            }
            if self.stride.is_to_be_broken(packed.length()) {
                ask_for_nobody(&mut self.outgoing, &mut self.in_flight, &stride::breaker());
            }
        }
        // Also what was given up since it left the queue, of which nothing is written yet.
        if abandoned != Abandoned::None {
            self.end_for_abandoned(&state, abandoned)?;
        }
        if !self.outgoing.has_loans() {
            return Ok(());
        }
        // From before the lock is free: who then takes a request back that is among these waits for it.
        let _reading = shared.reading.lock();
        drop(state);
        let written = self.outgoing.write(&mut self.stream, context);
        self.outgoing.own();
        written.map_err(|error| failed(&error))
    }

    fn expire(&mut self, context: &mut Context<'_>) {
        loop {
            let Some(earliest) = self.shared.state.lock().slots.earliest() else { return };
            if !self.expiry.has_come(earliest, context) {
                return;
            }
            let wakers = self.shared.state.lock().slots.expire(Instant::now());
            // Whoever gave up a long write says so, which wakes this task again.
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    fn exchange(&mut self, context: &mut Context<'_>) -> Result<Next, Reason> {
        self.outgoing.write(&mut self.stream, context).map_err(|error| failed(&error))?;
        let next = self.read(context)?;
        let has_more = next == Next::Wait && self.outgoing.has_room() && !self.shared.state.lock().queue.is_empty();
        Ok(if has_more { Next::Again } else { next })
    }

    fn note_silence(&mut self) -> Result<(), Reason> {
        self.parser.rest();
        // A kernel that does not say leaves the question's answer as the only sign of life.
        let sent = Sent::of(self.stream.socket()).unwrap_or_default();
        match self.silence.tick(sent, self.outgoing.waiting()) {
            Verdict::Wait => {}
            Verdict::Ask => {
                ask_for_nobody(&mut self.outgoing, &mut self.in_flight, &Packed::of(&[b"PING"]));
            }
            Verdict::Gone => return Err("the server has not said a byte for 2.4 s".into()),
        }
        Ok(())
    }
}

impl Driver {
    /// Ends the connection when a long write was given up of which the server lacks bytes: it must not get them any more.
    fn end_for_abandoned(&self, state: &State, which: Abandoned) -> Result<(), Reason> {
        let queued = Sent::of(self.stream.socket()).unwrap_or_default().queued;
        let taken = self.outgoing.given().saturating_sub(queued);
        let is_abandoned = |request: &InFlight| {
            let lacks_bytes = request.long_write_ends.is_some_and(|end| end > taken);
            let is_awaited = request.token.is_some_and(|token| state.slots.is_awaited(token));
            lacks_bytes && (which == Abandoned::All || !is_awaited)
        };
        match self.in_flight.iter().any(is_abandoned) {
            true => Err("a long write was given up before the server had all of it".into()),
            false => Ok(()),
        }
    }

    fn read(&mut self, context: &mut Context<'_>) -> Result<Next, Reason> {
        let next = self.read_turn(context);
        // Also what came before a failure.
        self.give_out();
        self.wakers.drain(..).for_each(Waker::wake);
        next
    }

    fn read_turn(&mut self, context: &mut Context<'_>) -> Result<Next, Reason> {
        let mut left = TURN;
        loop {
            // First what was read before the others had their turn.
            while let Some(value) = self.parser.next_value().map_err(|malformed| Reason::from(malformed.0))? {
                self.take(value)?;
                left -= 1;
                if left == 0 {
                    return Ok(Next::Yield);
                }
            }
            // Polled once and dropped: it keeps nothing between polls.
            let polled = pin!(self.stream.read_buf(self.parser.buffer())).poll(context);
            match polled {
                Poll::Pending => return Ok(Next::Wait),
                Poll::Ready(Err(error)) => return Err(failed(&error)),
                Poll::Ready(Ok(0)) => return Err("the server hung up".into()),
                Poll::Ready(Ok(_)) => {}
            }
            self.silence.end();
        }
    }

    /// Gives out a turn's answers with the lock taken once.
    fn give_out(&mut self) {
        if self.answered.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut state = self.shared.state.lock();
        state.pace.note_answers(now);
        let wakers = self.answered.drain(..).filter_map(|(token, answers)| state.slots.answer(token, answers));
        self.wakers.extend(wakers);
    }

    fn take(&mut self, value: Value) -> Result<(), Reason> {
        let value = match value {
            Value::Push(values) => {
                self.push(values);
                return Ok(());
            }
            // Under RESP2 what a subscription says looks like an answer, on a connection that nobody asks anything by.
            Value::Array(values) if self.pushes.is_some() && is_message(&values) && !self.has_caller() => {
                self.push(values);
                return Ok(());
            }
            value => value,
        };
        let Some(first) = self.in_flight.front_mut() else {
            // A server that is full, or that does not speak to us, says so unasked and hangs up.
            let text = value.as_error().map_or("an answer that nobody asked for", |text| text);
            return Err(Reason::from(text));
        };
        first.answers.push(value);
        first.left -= 1;
        if first.left == 0
            && let Some(whole) = self.in_flight.pop_front()
            && let Some(token) = whole.token
        {
            self.answered.push((token, whole.answers));
        }
        Ok(())
    }

    /// Whether a caller's request waits for its answer.
    fn has_caller(&self) -> bool {
        self.in_flight.iter().any(|request| request.token.is_some())
    }

    fn push(&mut self, values: Vec<Value>) {
        if let Some(pushes) = &self.pushes {
            pushes.send(values);
        }
    }
}

fn is_message(values: &[Value]) -> bool {
    const KINDS: [&[u8]; 3] = [b"message", b"subscribe", b"unsubscribe"];
    values.len() == 3 && values[0].as_bytes().is_some_and(|kind| KINDS.contains(&kind))
}

/// Asks what nobody waits for the answers to.
fn ask_for_nobody(outgoing: &mut Outgoing, in_flight: &mut VecDeque<InFlight>, packed: &Packed) {
    gather(outgoing, packed);
    let (answers, token, long_write_ends) = Default::default();
    in_flight.push_back(InFlight { left: packed.answers(), answers, token, long_write_ends });
}

fn gather(outgoing: &mut Outgoing, packed: &Packed) {
    for piece in packed.pieces() {
        match piece {
            Piece::Copied(bytes) => outgoing.bytes().extend_from_slice(bytes),
            Piece::Shared(word) => outgoing.push(word),
            Piece::Lent(loan) => {
                // SAFETY: it is gathered under the lock of the slots, and owned before `Shared::reading` is let go of, for which
                // a `Ticket` that takes its request back without an answer waits. An answer is given out after that.
                let again = unsafe { Loan::new(loan) };
                outgoing.push_lent(again);
            }
        }
    }
}

fn failed(error: &io::Error) -> Reason {
    Reason::from(format!("the connection failed: {error}"))
}
