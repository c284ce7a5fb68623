//! The task that moves one connection's bytes.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior};

use super::silence::{Sent, Silence, Verdict};
use super::slots::{Digits, Token};
use super::stream::Stream;
use super::{ANSWERS, Command, Shared};
use crate::log::{self, Level};
use crate::store::nats::TARGET;
use crate::store::nats::wire::{Frame, Info, Message, Parser, command};

/// How often the connection looks whether the server still speaks. One that does not is given up at the [`silence`]'s
/// seventh: after 2.4 s at least, 2.8 s at most, as it falls silent within one.
///
/// [`silence`]: super::silence
const TICK: Duration = Duration::from_millis(400);
/// How many bytes are gathered before they are written.
const BATCH: usize = 256 << 10;

type Reason = String;

struct Driver {
    stream: Stream,
    shared: Arc<Shared>,
    parser: Parser,
    subscriptions: HashMap<u64, mpsc::Sender<Message>>,
    outgoing: Vec<u8>,
    /// How many of the outgoing bytes were written.
    written: usize,
    /// Bytes were given to the stream that it may still keep.
    is_unflushed: bool,
    /// Who has to be told of what came, once the lock is free.
    wakers: Vec<Waker>,
    tick: Interval,
    silence: Silence,
    /// What the server complained of last, which may be why it hangs up.
    complaint: Option<String>,
}

/// Moves bytes until the connection ends, then tells every request that is still open.
pub(super) async fn drive(stream: Stream, parser: Parser, shared: Arc<Shared>) {
    let mut tick = tokio::time::interval(TICK);
    // A process that slept must not take its own absence for the server's.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut driver = Driver {
        stream,
        shared,
        parser,
        subscriptions: HashMap::new(),
        outgoing: Vec::new(),
        written: 0,
        is_unflushed: false,
        wakers: Vec::new(),
        tick,
        silence: Silence::default(),
        complaint: None,
    };
    // However the task ends: nobody else would tell the requests.
    let _end = EndOnDrop(Arc::clone(&driver.shared));
    let reason = match driver.take_frames() {
        Ok(()) => poll_fn(|context| driver.poll(context)).await,
        Err(reason) => reason,
    };
    driver.shared.end(&reason);
}

struct EndOnDrop(Arc<Shared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        // The first reason stays.
        self.0.end("its task ended");
    }
}

impl Driver {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Reason> {
        self.shared.arrived.register(context.waker());
        loop {
            if let Some(reason) = self.take_commands() {
                return Poll::Ready(reason);
            }
            match self.exchange(context) {
                Err(reason) => return Poll::Ready(reason),
                Ok(true) => {}
                Ok(false) => break,
            }
        }
        // After the reading, so that what has come counts.
        while self.tick.poll_tick(context).is_ready() {
            if let Err(reason) = self.note_silence() {
                return Poll::Ready(reason);
            }
            if let Err(reason) = self.exchange(context) {
                return Poll::Ready(reason);
            }
        }
        Poll::Pending
    }

    /// Moves queued commands among the outgoing bytes; says why the connection was ended, if it was.
    fn take_commands(&mut self) -> Option<Reason> {
        let shared = Arc::clone(&self.shared);
        // Its next silence may be its end: what is not sent yet is for its successor, and has no doubt about it.
        let is_leaving = shared.leaving.is_raised();
        let mut state = shared.state.lock();
        if let Some(reason) = &state.ended {
            return Some(reason.to_string());
        }
        state.is_awake = false;
        while self.outgoing.len() - self.written < BATCH
            && let Some(command) = state.queue.pop_front()
        {
            if let Command::Request { token, .. } = &command {
                if is_leaving {
                    self.wakers.extend(state.slots.refuse(*token));
                    continue;
                }
                if !state.slots.send(*token) {
                    continue;
                }
            }
            self.encode(command);
        }
        drop(state);
        self.wakers.drain(..).for_each(Waker::wake);
        None
    }

    fn encode(&mut self, command: Command) {
        let inbox = self.shared.inbox.as_bytes();
        let mut digits = Digits::default();
        let out = &mut self.outgoing;
        match command {
            Command::Request { token, subject, headers, payload } => {
                let reply = [inbox, token.write(&mut digits)];
                command::publish(out, subject.as_bytes(), &reply, headers.as_ref(), &payload);
            }
            Command::Publish { subject, token: Some(token) } => {
                command::publish(out, subject.as_bytes(), &[inbox, token.write(&mut digits)], None, b"");
            }
            Command::Publish { subject, token: None } => command::publish(out, subject.as_bytes(), &[], None, b""),
            Command::Subscribe { number, subject, messages } => {
                self.subscriptions.insert(number, messages);
                command::subscribe(out, &subject, number);
            }
            Command::Unsubscribe { number } => {
                self.subscriptions.remove(&number);
                command::unsubscribe(out, number);
            }
        }
    }

    /// Writes and reads what can be; says whether there may be more to do at once.
    fn exchange(&mut self, context: &mut Context<'_>) -> Result<bool, Reason> {
        self.write(context)?;
        self.read(context)?;
        // The server asks whether we are there.
        if self.written < self.outgoing.len() {
            self.write(context)?;
        }
        let has_room = self.outgoing.len() - self.written < BATCH;
        Ok(has_room && !self.shared.state.lock().queue.is_empty())
    }

    fn write(&mut self, context: &mut Context<'_>) -> Result<(), Reason> {
        if self.outgoing.is_empty() && !self.is_unflushed {
            return Ok(());
        }
        while self.written < self.outgoing.len() {
            match Pin::new(&mut self.stream).poll_write(context, &self.outgoing[self.written..]) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => return Err("the server takes no more bytes".into()),
                Poll::Ready(Ok(count)) => {
                    self.written += count;
                    if self.written < self.outgoing.len() {
                        self.drop_written();
                    }
                    self.is_unflushed = true;
                }
                Poll::Ready(Err(error)) => return Err(failed(&error)),
            }
        }
        self.written = 0;
        self.outgoing.clear();
        // A large value's room is not kept.
        self.outgoing.shrink_to(2 * BATCH);
        // TLS keeps bytes back until it is flushed.
        if self.is_unflushed {
            match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Ready(Ok(())) => self.is_unflushed = false,
                Poll::Ready(Err(error)) => return Err(failed(&error)),
                Poll::Pending => {}
            }
        }
        Ok(())
    }

    /// Does not keep what was written while the rest has to wait.
    fn drop_written(&mut self) {
        if self.written >= BATCH {
            self.outgoing.drain(..self.written);
            self.written = 0;
        }
    }

    fn read(&mut self, context: &mut Context<'_>) -> Result<(), Reason> {
        loop {
            // Polled once and dropped: it keeps nothing between polls.
            let polled = pin!(self.stream.read_buf(self.parser.buffer())).poll(context);
            match polled {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(error)) => return Err(failed(&error)),
                Poll::Ready(Ok(0)) => return Err(self.hung_up()),
                Poll::Ready(Ok(_)) => {}
            }
            self.silence.end();
            self.take_frames()?;
        }
    }

    fn take_frames(&mut self) -> Result<(), Reason> {
        let taken = loop {
            match self.parser.next_frame() {
                Ok(Some(frame)) => self.take_frame(frame),
                Ok(None) => break Ok(()),
                Err(malformed) => break Err(malformed.0.to_owned()),
            }
        };
        self.wakers.drain(..).for_each(Waker::wake);
        taken
    }

    fn take_frame(&mut self, frame: Frame) {
        match frame {
            Frame::Message(ANSWERS, message) => {
                let token = message.subject.as_bytes().strip_prefix(self.shared.inbox.as_bytes());
                if let Some(token) = token.and_then(Token::parse) {
                    let waker = self.shared.state.lock().slots.answer(token, message);
                    self.wakers.extend(waker);
                }
            }
            Frame::Message(number, message) => self.deliver(number, message),
            Frame::Ping => self.outgoing.extend_from_slice(command::PONG),
            Frame::Pong | Frame::Ok => {}
            Frame::Info(text) => {
                if let Some(info) = Info::parse(&text) {
                    self.shared.learn(info);
                }
            }
            Frame::Error(text) => self.note_complaint(&String::from_utf8_lossy(&text)),
        }
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
        let mut state = self.shared.state.lock();
        let waker = match denied(text) {
            Some((Denied::Subject, subject)) => state.slots.deny_first(subject, text),
            Some((Denied::Reply, subject)) => {
                let token = subject.strip_prefix(&*self.shared.inbox).and_then(|token| Token::parse(token.as_bytes()));
                token.and_then(|token| state.slots.deny(token, text))
            }
            None => None,
        };
        self.wakers.extend(waker);
    }

    fn hung_up(&self) -> Reason {
        match &self.complaint {
            Some(text) => format!("the server hung up; it has said: {text}"),
            None => "the server hung up".to_owned(),
        }
    }

    fn note_silence(&mut self) -> Result<(), Reason> {
        // A kernel that does not say leaves the question's answer as the only sign of life.
        let sent = Sent::of(self.stream.socket()).unwrap_or_default();
        match self.silence.tick(sent, self.outgoing.len() - self.written) {
            Verdict::Wait => {}
            Verdict::Ask => self.outgoing.extend_from_slice(command::PING),
            Verdict::Gone => return Err("the server has not said a byte for 2.4 s".into()),
        }
        Ok(())
    }
}

/// What a server denies by a complaint.
enum Denied {
    /// To publish on a subject.
    Subject,
    /// To have an answer sent to it.
    Reply,
}

/// What a complaint denies, and on which subject.
fn denied(text: &str) -> Option<(Denied, &str)> {
    let rest = text.strip_prefix("Permissions Violation for Publish ")?;
    let (kind, rest) = match rest.strip_prefix("to ") {
        Some(rest) => (Denied::Subject, rest),
        None => (Denied::Reply, rest.strip_prefix("with Reply of ")?),
    };
    let quoted = rest.strip_prefix('"')?;
    Some((kind, &quoted[..quoted.find('"')?]))
}

fn failed(error: &io::Error) -> Reason {
    format!("the connection failed: {error}")
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_denial_names_its_subject() {
        let subject = |text| match denied(text) {
            Some((Denied::Subject, subject)) => format!("to {subject}"),
            Some((Denied::Reply, subject)) => format!("of {subject}"),
            None => String::new(),
        };
        assert_eq!(subject("Permissions Violation for Publish to \"$KV.b.k\""), "to $KV.b.k");
        assert_eq!(subject("Permissions Violation for Publish with Reply of \"_INBOX.a.1\""), "of _INBOX.a.1");
        for text in [
            "",
            "Stale Connection",
            "Permissions Violation for Publish to \"",
            "Permissions Violation for Subscription to \"a\"",
        ] {
            assert_eq!(subject(text), "", "{text}");
        }
    }
}
