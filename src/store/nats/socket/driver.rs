//! The task that moves one connection's bytes.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::stream::Stream;
use super::token::{self, Digits};
use super::{ANSWERS, Command, Reply, Request, Shared};
use crate::log::{self, Level};
use crate::store::nats::TARGET;
use crate::store::nats::wire::complaint::{Denied, denied, is_of_long_line};
use crate::store::nats::wire::{Frame, Info, Message, Parser, command};
use crate::store::remote::drive::{self, Exchange, Next, Reason, TURN};
use crate::store::remote::expiry::Expiry;
use crate::store::remote::outgoing::Outgoing;
use crate::store::remote::silence::{Sent, Silence, Verdict};
use crate::store::remote::slots::{Slots, Token};
use crate::store::remote::socket::forget_unsent;

struct Driver {
    stream: Stream,
    shared: Arc<Shared>,
    parser: Parser,
    subscriptions: HashMap<u64, mpsc::Sender<Message>>,
    outgoing: Outgoing,
    /// Who has to be told of what came, once the lock is free.
    wakers: Vec<Waker>,
    /// Answers that were read and not given out yet.
    answered: Vec<(Token, Reply)>,
    expiry: Expiry,
    silence: Silence,
    /// How long the longest line was that was sent.
    longest: usize,
    /// What the server complained of last, which may be why it hangs up.
    complaint: Option<String>,
}

/// Moves bytes until the connection ends, then tells every request that is still open.
pub(super) async fn drive(stream: Stream, parser: Parser, shared: Arc<Shared>) {
    let mut driver = Driver {
        stream,
        shared,
        parser,
        subscriptions: HashMap::new(),
        outgoing: Outgoing::default(),
        wakers: Vec::new(),
        answered: Vec::new(),
        expiry: Expiry::default(),
        silence: Silence::default(),
        longest: 0,
        complaint: None,
    };
    // However the task ends: nobody else would tell the requests.
    let _end = EndOnDrop(Arc::clone(&driver.shared));
    let reason = match driver.take_frames() {
        Ok(_) => drive::drive(&mut driver).await,
        Err(reason) => reason,
    };
    // Before anybody is told that a write is given up, and writes anew.
    forget_unsent(driver.stream.socket());
    drop(driver.stream);
    driver.shared.end(&reason);
}

struct EndOnDrop(Arc<Shared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        // The first reason stays.
        self.0.end("its task ended");
    }
}

impl Exchange for Driver {
    fn listen(&self, context: &Context<'_>) {
        self.shared.arrived.register(context.waker());
    }

    fn take_commands(&mut self, _context: &mut Context<'_>) -> Result<(), Reason> {
        let shared = Arc::clone(&self.shared);
        // Its next silence may be its end: what is not sent yet is for its successor, and has no doubt about it.
        let is_leaving = shared.leaving.is_raised();
        let mut state = shared.state.lock();
        if let Some(reason) = &state.ended {
            return Err(Arc::clone(reason));
        }
        state.is_awake = false;
        while self.outgoing.has_room()
            && let Some(command) = state.queue.pop_front()
        {
            match command {
                Command::Request(token) if is_leaving => self.wakers.extend(state.slots.refuse(token)),
                command => self.encode(command, &mut state.slots),
            }
        }
        drop(state);
        self.wakers.drain(..).for_each(Waker::wake);
        Ok(())
    }

    fn exchange(&mut self, context: &mut Context<'_>) -> Result<Next, Reason> {
        self.write(context)?;
        let next = self.read(context)?;
        // The server asks whether we are there.
        self.write(context)?;
        let has_more = next == Next::Wait && self.outgoing.has_room() && !self.shared.state.lock().queue.is_empty();
        Ok(if has_more { Next::Again } else { next })
    }

    fn expire(&mut self, context: &mut Context<'_>) {
        loop {
            let Some(earliest) = self.shared.state.lock().slots.earliest() else { return };
            if !self.expiry.has_come(earliest, context) {
                return;
            }
            let wakers = self.shared.state.lock().slots.expire(Instant::now());
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    fn note_silence(&mut self) -> Result<(), Reason> {
        self.parser.rest();
        // A kernel that does not say leaves the question's answer as the only sign of life.
        let sent = Sent::of(self.stream.socket()).unwrap_or_default();
        match self.silence.tick(sent, self.outgoing.waiting()) {
            Verdict::Wait => {}
            Verdict::Ask => self.outgoing.bytes().extend_from_slice(command::PING),
            Verdict::Gone => return Err("the server has not said a byte for 2.4 s".into()),
        }
        Ok(())
    }
}

impl Driver {
    fn encode(&mut self, command: Command, slots: &mut Slots<Request, Reply>) {
        let inbox = self.shared.inbox.as_bytes();
        let mut digits = Digits::default();
        let out = self.outgoing.bytes();
        let length = match command {
            Command::Request(token) => {
                // Its caller may have gone.
                let Some(Request { subject, headers, payload }) = slots.send(token) else { return };
                let reply = [inbox, token::write(token, &mut digits)];
                let length = command::publish(out, subject.as_bytes(), &reply, headers.as_ref(), payload.len());
                self.outgoing.push(payload);
                self.outgoing.bytes().extend_from_slice(command::END);
                length
            }
            Command::Publish { subject, token } => {
                let reply = token.map(|token| [inbox, token::write(token, &mut digits)]);
                let reply = reply.as_ref().map_or(&[][..], |reply| &reply[..]);
                let length = command::publish(out, subject.as_bytes(), reply, None, 0);
                out.extend_from_slice(command::END);
                length
            }
            Command::AskForMany { subject, inbox, payload } => {
                let length = command::publish(out, subject.as_bytes(), &[inbox.as_bytes()], None, payload.len());
                self.outgoing.push(&payload);
                self.outgoing.bytes().extend_from_slice(command::END);
                length
            }
            Command::Subscribe { number, subject, messages } => {
                self.subscriptions.insert(number, messages);
                command::subscribe(out, &subject, number)
            }
            Command::Unsubscribe { number } => {
                self.subscriptions.remove(&number);
                command::unsubscribe(out, number);
                0
            }
        };
        self.longest = self.longest.max(length);
    }

    fn write(&mut self, context: &mut Context<'_>) -> Result<(), Reason> {
        self.outgoing.write(&mut self.stream, context).map_err(|error| failed(&error))
    }

    fn read(&mut self, context: &mut Context<'_>) -> Result<Next, Reason> {
        loop {
            // First what was read before the others had their turn.
            if self.take_frames()? == Next::Yield {
                return Ok(Next::Yield);
            }
            // Polled once and dropped: it keeps nothing between polls.
            let polled = pin!(self.stream.read_buf(self.parser.buffer())).poll(context);
            match polled {
                Poll::Pending => return Ok(Next::Wait),
                Poll::Ready(Err(error)) => return Err(failed(&error)),
                Poll::Ready(Ok(0)) => return Err(self.hung_up()),
                Poll::Ready(Ok(_)) => {}
            }
            self.silence.end();
        }
    }

    fn take_frames(&mut self) -> Result<Next, Reason> {
        let taken = self.take_turn();
        // Also what came before a failure.
        self.give_out();
        self.wakers.drain(..).for_each(Waker::wake);
        taken
    }

    fn take_turn(&mut self) -> Result<Next, Reason> {
        for _ in 0..TURN {
            match self.parser.next_frame().map_err(|malformed| Reason::from(malformed.0))? {
                Some(frame) => self.take_frame(frame),
                None => return Ok(Next::Wait),
            }
        }
        Ok(Next::Yield)
    }

    fn take_frame(&mut self, frame: Frame) {
        match frame {
            Frame::Message(ANSWERS, message) => {
                let token = message.subject.as_bytes().strip_prefix(self.shared.inbox.as_bytes());
                if let Some(token) = token.and_then(token::parse) {
                    self.answered.push((token, Reply::Message(message)));
                }
            }
            Frame::Message(number, message) => self.deliver(number, message),
            Frame::Ping => self.outgoing.bytes().extend_from_slice(command::PONG),
            Frame::Pong | Frame::Ok => {}
            Frame::Info(text) => {
                if let Some(info) = Info::parse(&text) {
                    self.shared.learn(info);
                }
            }
            Frame::Error(text) => {
                // It is about a request that has no answer yet.
                self.give_out();
                self.note_complaint(&String::from_utf8_lossy(&text));
            }
        }
    }

    /// Gives out a turn's answers with the lock taken once.
    fn give_out(&mut self) {
        if self.answered.is_empty() {
            return;
        }
        let mut state = self.shared.state.lock();
        let wakers = self.answered.drain(..).filter_map(|(token, reply)| state.slots.answer(token, reply));
        self.wakers.extend(wakers);
    }

    fn deliver(&mut self, number: u64, message: Message) {
        let Some(messages) = self.subscriptions.get(&number) else { return };
        // What finds no room is left out, which its reader notices by the numbers of what follows.
        if let Err(mpsc::error::TrySendError::Full(_)) = messages.try_send(message) {
            log::write(Level::Warn, TARGET, || "a reader is too slow; a message was left out".to_owned());
        }
    }

    /// What is fatal among complaints is followed by the server's hanging up.
    fn note_complaint(&mut self, text: &str) {
        log::write(Level::Warn, TARGET, || format!("the server says: {text}"));
        self.complaint = Some(text.to_owned());
        if is_of_long_line(text) {
            return self.note_long_line(text);
        }
        let mut state = self.shared.state.lock();
        let waker = match denied(text) {
            Some((Denied::Subject, subject)) => {
                let is_denied = |request: &Request| request.subject.as_str() == subject;
                state.slots.answer_first(is_denied, Reply::Denied(text.to_owned()))
            }
            Some((Denied::Reply, subject)) => {
                let token = subject.strip_prefix(&*self.shared.inbox).and_then(|token| token::parse(token.as_bytes()));
                token.and_then(|token| state.slots.answer(token, Reply::Denied(text.to_owned())))
            }
            None => None,
        };
        self.wakers.extend(waker);
    }

    /// A line was too long, and so was the longest that was sent, whichever it was that the server means. It takes neither
    /// that one nor what came behind it.
    fn note_long_line(&mut self, text: &str) {
        let (inbox, longest) = (self.shared.inbox.as_bytes(), self.longest);
        let is_longest = |token, request: &Request| {
            let (mut out, mut digits) = (Vec::new(), Digits::default());
            let reply = [inbox, token::write(token, &mut digits)];
            let (subject, headers) = (request.subject.as_bytes(), request.headers.as_ref());
            command::publish(&mut out, subject, &reply, headers, request.payload.len()) == longest
        };
        let told = || Reply::TooLong(text.to_owned());
        self.wakers.extend(self.shared.state.lock().slots.answer_each(is_longest, told));
    }

    fn hung_up(&self) -> Reason {
        match &self.complaint {
            Some(text) => format!("the server hung up; it has said: {text}").into(),
            None => "the server hung up".into(),
        }
    }
}

fn failed(error: &io::Error) -> Reason {
    format!("the connection failed: {error}").into()
}
