//! Who waits for which answer.
//!
//! Each request has a slot, and its token (the slot's place, and how often it was used) is the end of the subject that
//! its answer comes on. So an answer finds its request without a search, a slot is free again as soon as its caller has
//! gone, and an answer that comes later than that finds nobody.

use std::task::{Context, Poll, Waker};

use crate::store::nats::wire::{Message, Subject};

/// Names a request for as long as its connection is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(u64);

/// How a token is written at the end of a subject.
pub type Digits = [u8; 16];

impl Token {
    /// One that no request has: for what nobody waits for the answer of.
    pub const NOBODY: Token = Token(0);

    fn new(place: usize, generation: u32) -> Token {
        Token(u64::from(generation) << 32 | place as u64)
    }

    fn place(self) -> usize {
        (self.0 & u64::from(u32::MAX)) as usize
    }

    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Writes it, and says which of the digits are used.
    pub fn write(self, digits: &mut Digits) -> &[u8] {
        let mut at = digits.len();
        let mut rest = self.0;
        loop {
            at -= 1;
            digits[at] = b"0123456789abcdef"[(rest & 15) as usize];
            rest >>= 4;
            if rest == 0 {
                return &digits[at..];
            }
        }
    }

    /// Reads it.
    pub fn parse(text: &[u8]) -> Option<Token> {
        let is_length = (1..=16).contains(&text.len());
        let digit = |byte: &u8| char::from(*byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
        let number = text.iter().try_fold(0_u64, |sum, byte| Some(sum << 4 | u64::from(digit(byte)?)));
        number.filter(|_| is_length).map(Token)
    }
}

/// What a request came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer came.
    Answer(Message),
    /// The server denied it, in these words.
    Denied(String),
    /// The connection ended first.
    Ended {
        /// Whether the request may have reached the server.
        sent: bool,
    },
}

enum State {
    Free,
    Queued,
    /// Sent, as the so-many-eth.
    Sent(u64),
    Done(Outcome),
}

struct Slot {
    /// How often it was used; never 0, so that no slot has the token of nobody.
    generation: u32,
    subject: Subject,
    state: State,
    waker: Option<Waker>,
}

/// The requests under way.
#[derive(Default)]
pub struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
    sent: u64,
}

impl Slots {
    /// A slot for a request that will be sent.
    pub fn take(&mut self, subject: Subject) -> Token {
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 1, subject: Subject::default(), state: State::Free, waker: None });
            self.slots.len() - 1
        });
        let slot = &mut self.slots[place];
        (slot.subject, slot.state) = (subject, State::Queued);
        Token::new(place, slot.generation)
    }

    /// Notes that a request is being sent; false when its caller has gone, so that it must not be.
    pub fn send(&mut self, token: Token) -> bool {
        let order = self.sent;
        let Some(slot) = self.find(token).filter(|slot| matches!(slot.state, State::Queued)) else { return false };
        slot.state = State::Sent(order);
        self.sent += 1;
        true
    }

    /// Tells a request that it will not be sent; whoever is given back has to be woken.
    pub fn refuse(&mut self, token: Token) -> Option<Waker> {
        let slot = self.find(token).filter(|slot| matches!(slot.state, State::Queued))?;
        slot.state = State::Done(Outcome::Ended { sent: false });
        slot.waker.take()
    }

    /// Gives a request its answer; whoever is given back has to be woken.
    pub fn answer(&mut self, token: Token, message: Message) -> Option<Waker> {
        let slot = self.find(token).filter(|slot| matches!(slot.state, State::Sent(_)))?;
        slot.state = State::Done(Outcome::Answer(message));
        slot.waker.take()
    }

    /// Tells a request that it was denied.
    pub fn deny(&mut self, token: Token, text: &str) -> Option<Waker> {
        let slot = self.find(token).filter(|slot| matches!(slot.state, State::Sent(_)))?;
        slot.state = State::Done(Outcome::Denied(text.to_owned()));
        slot.waker.take()
    }

    /// Tells the request on `subject` that was sent first that it was denied: the server says the subject only, and
    /// denies in the order in which it was asked.
    pub fn deny_first(&mut self, subject: &str, text: &str) -> Option<Waker> {
        let sent = self.slots.iter().enumerate().filter_map(|(place, slot)| match slot.state {
            State::Sent(order) if slot.subject.as_bytes() == subject.as_bytes() => {
                Some((order, Token::new(place, slot.generation)))
            }
            _ => None,
        });
        let (_, token) = sent.min_by_key(|(order, _)| *order)?;
        self.deny(token, text)
    }

    /// Tells all requests that the connection has ended.
    pub fn end(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for slot in &mut self.slots {
            let sent = match slot.state {
                State::Queued => false,
                State::Sent(_) => true,
                State::Free | State::Done(_) => continue,
            };
            slot.state = State::Done(Outcome::Ended { sent });
            wakers.extend(slot.waker.take());
        }
        wakers
    }

    /// What a request came to; its slot is free then. A token is polled no more after that.
    pub fn poll(&mut self, token: Token, context: &mut Context<'_>) -> Poll<Outcome> {
        let Some(slot) = self.find(token) else { return Poll::Ready(Outcome::Ended { sent: true }) };
        match std::mem::replace(&mut slot.state, State::Free) {
            State::Done(outcome) => {
                self.release(token);
                Poll::Ready(outcome)
            }
            state => {
                slot.state = state;
                match &mut slot.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    none => *none = Some(context.waker().clone()),
                }
                Poll::Pending
            }
        }
    }

    /// Frees the slot of a request that nobody waits for any more; says whether it may have reached the server.
    pub fn release(&mut self, token: Token) -> bool {
        let Some(slot) = self.find(token) else { return false };
        let was_sent = !matches!(slot.state, State::Queued | State::Done(Outcome::Ended { sent: false }));
        slot.generation = slot.generation.checked_add(1).unwrap_or(1);
        (slot.state, slot.waker, slot.subject) = (State::Free, None, Subject::default());
        self.free.push(token.place());
        was_sent
    }

    fn find(&mut self, token: Token) -> Option<&mut Slot> {
        self.slots.get_mut(token.place()).filter(|slot| slot.generation == token.generation())
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn message(body: &'static str) -> Message {
        Message { subject: "s".into(), reply: None, headers: None, payload: Bytes::from_static(body.as_bytes()) }
    }

    fn poll(slots: &mut Slots, token: Token) -> Poll<Outcome> {
        slots.poll(token, &mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn tokens_are_read_as_they_were_written() {
        for token in [Token::NOBODY, Token::new(1, 1), Token::new(0xdead_beef, 0x00fe), Token::new(0, u32::MAX)] {
            let mut digits = Digits::default();
            assert_eq!(Token::parse(token.write(&mut digits)), Some(token));
        }
        for text in [&b""[..], b"g", b"A", b"-1", b"10000000000000000"] {
            assert_eq!(Token::parse(text), None);
        }
    }

    #[test]
    fn an_answer_reaches_its_own_request_and_no_later_one_in_the_same_slot() {
        let mut slots = Slots::default();
        let (first, second) = (slots.take("a".into()), slots.take("b".into()));
        assert!(slots.send(first) && slots.send(second) && !slots.send(first));
        slots.answer(second, message("2"));
        assert_eq!(poll(&mut slots, second), Poll::Ready(Outcome::Answer(message("2"))));
        assert_eq!(poll(&mut slots, first), Poll::Pending);
        assert!(slots.release(first));
        let third = slots.take("c".into());
        assert_eq!((third.place(), first.place()), (0, 0));
        assert!(slots.send(third));
        slots.answer(first, message("late"));
        slots.answer(Token::NOBODY, message("nobody's"));
        assert_eq!(poll(&mut slots, third), Poll::Pending);
    }

    #[test]
    fn a_request_whose_caller_has_gone_is_not_sent() {
        let mut slots = Slots::default();
        let token = slots.take("a".into());
        assert!(!slots.release(token));
        assert!(!slots.send(token));
        slots.take("b".into());
        assert!(!slots.send(token));
    }

    #[test]
    fn a_request_is_refused_before_it_is_sent_only() {
        let mut slots = Slots::default();
        let (first, second) = (slots.take("a".into()), slots.take("b".into()));
        assert!(slots.send(first));
        slots.refuse(first);
        slots.refuse(second);
        assert_eq!(poll(&mut slots, first), Poll::Pending);
        assert!(!slots.send(second));
        assert_eq!(poll(&mut slots, second), Poll::Ready(Outcome::Ended { sent: false }));
    }

    #[test]
    fn a_denial_reaches_the_first_request_on_its_subject_and_an_end_reaches_all() {
        let mut slots = Slots::default();
        let tokens: Vec<Token> = ["a", "b", "b", "b"].into_iter().map(|subject| slots.take(subject.into())).collect();
        for place in [2, 1, 0] {
            assert!(slots.send(tokens[place]));
        }
        slots.deny_first("b", "no");
        assert_eq!(poll(&mut slots, tokens[2]), Poll::Ready(Outcome::Denied("no".into())));
        slots.end();
        assert_eq!(poll(&mut slots, tokens[0]), Poll::Ready(Outcome::Ended { sent: true }));
        assert_eq!(poll(&mut slots, tokens[1]), Poll::Ready(Outcome::Ended { sent: true }));
        assert_eq!(poll(&mut slots, tokens[3]), Poll::Ready(Outcome::Ended { sent: false }));
    }
}
