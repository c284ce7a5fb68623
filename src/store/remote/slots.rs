//! Who waits for which answer: the requests under way on one connection.
//!
//! Each has a slot of a table, which is used again and again, so that a request allocates nothing; its token is the
//! slot's place and how often that was used. A slot is free as soon as its caller has gone, and an answer that comes later
//! finds nobody. Deadlines are looked after for all at once: a timer for each request would cost more than its answer.
//!
//! Invariant: a request is sent once at most, and whether it was is known to the slot from then on, so that whoever gets
//! no answer is told whether the server may have got the request.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use crate::deadline;

/// How far apart two looks for deadlines that have passed are at least: each goes over all slots.
const APART: Duration = Duration::from_millis(5);
/// How many answers wait for a caller besides the first.
const MOST_FURTHER: usize = 4;

/// Names a request for as long as its connection is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    place: u32,
    /// Never 0.
    generation: u32,
}

impl Token {
    /// One that no request has: for what nobody waits for the answer of.
    pub const NOBODY: Token = Token { place: 0, generation: 0 };

    /// The token as a number.
    pub fn number(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.place)
    }

    /// The token of a number.
    pub fn of_number(number: u64) -> Token {
        Token { place: number as u32, generation: (number >> 32) as u32 }
    }
}

/// What a request came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<A> {
    /// It was answered.
    Answer(A),
    /// The connection ended first.
    Ended {
        /// Whether the request may have reached the server.
        sent: bool,
    },
    /// Its deadline passed first.
    Late {
        /// Whether the request may have reached the server.
        sent: bool,
    },
}

enum State<A> {
    Free,
    Queued,
    /// Sent, as the so-many-eth.
    Sent(u64),
    /// Answered, and its caller waits for what else comes.
    Kept,
    Done(Outcome<A>),
}

struct Slot<R, A> {
    generation: u32,
    state: State<A>,
    /// What came after an answer that was not taken yet.
    further: Vec<A>,
    request: R,
    deadline: Instant,
    waker: Option<Waker>,
}

impl<R, A> Slot<R, A> {
    /// Whether its caller, who comes without an answer, has waited long enough: until its deadline, or its call's, which may
    /// have been moved.
    fn is_late(&self) -> bool {
        self.waker.is_some() && (deadline::has_come() || self.deadline <= Instant::now())
    }
}

/// The requests `R` under way, and the answers `A` that were not taken yet.
pub struct Slots<R, A> {
    slots: Vec<Slot<R, A>>,
    free: Vec<u32>,
    sent: u64,
    /// How many of them were sent and wait for their answers.
    unanswered: usize,
    /// No request under way has a deadline that is earlier by more than [`APART`].
    earliest: Option<Instant>,
}

impl<R, A> Default for Slots<R, A> {
    fn default() -> Slots<R, A> {
        Slots { slots: Vec::new(), free: Vec::new(), sent: 0, unanswered: 0, earliest: None }
    }
}

impl<R: Default, A> Slots<R, A> {
    /// A slot for a request that will be sent.
    pub fn take(&mut self, request: R, deadline: Instant) -> Token {
        self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
        let Some(place) = self.free.pop() else {
            let place = u32::try_from(self.slots.len()).expect("fewer requests than memory holds");
            let (state, further) = (State::Queued, Vec::new());
            self.slots.push(Slot { generation: 1, state, further, request, deadline, waker: None });
            return Token { place, generation: 1 };
        };
        let slot = &mut self.slots[place as usize];
        (slot.state, slot.request, slot.deadline) = (State::Queued, request, deadline);
        Token { place, generation: slot.generation }
    }

    /// Notes that a request is being sent, and shows it; `None` when nobody waits for it, so that it must not be.
    pub fn send(&mut self, token: Token) -> Option<&R> {
        let order = self.sent;
        self.sent += 1;
        let slot = find(&mut self.slots, token).filter(|slot| matches!(slot.state, State::Queued))?;
        slot.state = State::Sent(order);
        self.unanswered += 1;
        Some(&slot.request)
    }

    /// Tells a request that it will not be sent; whoever is given back has to be woken.
    pub fn refuse(&mut self, token: Token) -> Option<Waker> {
        let slot = find(&mut self.slots, token).filter(|slot| matches!(slot.state, State::Queued))?;
        slot.state = State::Done(Outcome::Ended { sent: false });
        slot.waker.take()
    }

    /// Gives a request that was sent its answer, or another one; whoever is given back has to be woken.
    pub fn answer(&mut self, token: Token, answer: A) -> Option<Waker> {
        let slot = find(&mut self.slots, token)?;
        match slot.state {
            State::Sent(_) => self.unanswered -= 1,
            State::Kept => {}
            State::Done(Outcome::Answer(_)) => {
                if slot.further.len() < MOST_FURTHER {
                    slot.further.push(answer);
                }
                return None;
            }
            State::Free | State::Queued | State::Done(_) => return None,
        }
        slot.state = State::Done(Outcome::Answer(answer));
        slot.waker.take()
    }

    /// Gives an answer to the request that was sent first of those that are as asked.
    pub fn answer_first(&mut self, is_asked: impl Fn(&R) -> bool, answer: A) -> Option<Waker> {
        let sent = self.slots.iter_mut().filter_map(|slot| match slot.state {
            State::Sent(order) if is_asked(&slot.request) => Some((order, slot)),
            _ => None,
        });
        let (_, slot) = sent.min_by_key(|(order, _)| *order)?;
        slot.state = State::Done(Outcome::Answer(answer));
        self.unanswered -= 1;
        slot.waker.take()
    }

    /// Gives an answer to each request that was sent and is as asked; all that is given back has to be woken.
    pub fn answer_each(&mut self, is_asked: impl Fn(Token, &R) -> bool, answer: impl Fn() -> A) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for (place, slot) in self.slots.iter_mut().enumerate() {
            let token = Token { place: place as u32, generation: slot.generation };
            if matches!(slot.state, State::Sent(_)) && is_asked(token, &slot.request) {
                slot.state = State::Done(Outcome::Answer(answer()));
                self.unanswered -= 1;
                wakers.extend(slot.waker.take());
            }
        }
        wakers
    }

    /// How many requests were sent whose callers wait for their answers.
    pub fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// Whether a request was sent and its caller waits for the answer.
    pub fn is_awaited(&self, token: Token) -> bool {
        let slot = self.slots.get(token.place as usize).filter(|slot| slot.generation == token.generation);
        slot.is_some_and(|slot| matches!(slot.state, State::Sent(_)))
    }

    /// When there is something to [expire](Slots::expire).
    pub fn earliest(&self) -> Option<Instant> {
        self.earliest
    }

    /// Tells the requests whose deadline has passed; all that is given back has to be woken.
    pub fn expire(&mut self, now: Instant) -> Vec<Waker> {
        let mut earliest = None::<Instant>;
        let wakers = self.finish(|slot, sent| {
            if slot.deadline <= now {
                return Some(Outcome::Late { sent });
            }
            earliest = Some(earliest.map_or(slot.deadline, |earliest| earliest.min(slot.deadline)));
            None
        });
        self.earliest = earliest.map(|earliest| earliest.max(now + APART));
        wakers
    }

    /// Tells all requests that the connection has ended; all that is given back has to be woken.
    pub fn end(&mut self) -> Vec<Waker> {
        self.finish(|_, sent| Some(Outcome::Ended { sent }))
    }

    /// Ends the requests under way for which `outcome` has one; it is told whether the request was sent.
    fn finish(&mut self, mut outcome: impl FnMut(&Slot<R, A>, bool) -> Option<Outcome<A>>) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for slot in &mut self.slots {
            let sent = match slot.state {
                State::Queued => false,
                State::Sent(_) | State::Kept => true,
                State::Free | State::Done(_) => continue,
            };
            if let Some(outcome) = outcome(slot, sent) {
                self.unanswered -= usize::from(matches!(slot.state, State::Sent(_)));
                slot.state = State::Done(outcome);
                wakers.extend(slot.waker.take());
            }
        }
        wakers
    }

    /// What a request came to, and the request; its slot is free then. A token is polled no more after that.
    pub fn poll(&mut self, token: Token, context: &mut Context<'_>) -> Poll<(Outcome<A>, R)> {
        let Some(slot) = find(&mut self.slots, token) else {
            return Poll::Ready((Outcome::Ended { sent: true }, R::default()));
        };
        let outcome = match std::mem::replace(&mut slot.state, State::Free) {
            State::Done(outcome) => outcome,
            // Whoever comes a second time without an answer may come because of the deadline, before us.
            State::Queued if slot.is_late() => Outcome::Late { sent: false },
            State::Kept if slot.is_late() => Outcome::Late { sent: true },
            State::Sent(_) if slot.is_late() => {
                self.unanswered -= 1;
                Outcome::Late { sent: true }
            }
            state => {
                slot.state = state;
                match &mut slot.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    none => *none = Some(context.waker().clone()),
                }
                return Poll::Pending;
            }
        };
        let request = std::mem::take(&mut slot.request);
        self.release(token);
        Poll::Ready((outcome, request))
    }

    /// As [`Slots::poll`], for a caller that may ask again: an answer leaves it its slot, until it releases that.
    pub fn poll_further(&mut self, token: Token, context: &mut Context<'_>) -> Poll<Outcome<A>> {
        if let Some(slot) = find(&mut self.slots, token) {
            let next = match slot.further.is_empty() {
                true => State::Kept,
                false => State::Done(Outcome::Answer(slot.further.remove(0))),
            };
            match std::mem::replace(&mut slot.state, next) {
                State::Done(outcome @ Outcome::Answer(_)) => return Poll::Ready(outcome),
                state => slot.state = state,
            }
        }
        self.poll(token, context).map(|(outcome, _)| outcome)
    }

    /// Frees the slot of a request that nobody waits for any more.
    pub fn release(&mut self, token: Token) {
        let Some(slot) = find(&mut self.slots, token) else { return };
        self.unanswered -= usize::from(matches!(slot.state, State::Sent(_)));
        slot.generation = slot.generation.checked_add(1).unwrap_or(1);
        (slot.state, slot.waker, slot.request) = (State::Free, None, R::default());
        slot.further.clear();
        self.free.push(token.place);
    }
}

fn find<R, A>(slots: &mut [Slot<R, A>], token: Token) -> Option<&mut Slot<R, A>> {
    slots.get_mut(token.place as usize).filter(|slot| slot.generation == token.generation)
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    type Words = Slots<&'static str, &'static str>;

    fn poll(slots: &mut Words, token: Token) -> Poll<(Outcome<&'static str>, &'static str)> {
        slots.poll(token, &mut Context::from_waker(Waker::noop()))
    }

    fn later(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[test]
    fn an_answer_reaches_its_own_request_and_no_later_one_in_the_same_slot() {
        let mut slots = Words::default();
        let (first, second) = (slots.take("a", later(9)), slots.take("b", later(9)));
        for (token, shown) in [(first, Some(&"a")), (second, Some(&"b")), (first, None)] {
            assert_eq!(slots.send(token), shown);
        }
        slots.answer(second, "2");
        assert_eq!(poll(&mut slots, second), Poll::Ready((Outcome::Answer("2"), "b")));
        assert_eq!(poll(&mut slots, first), Poll::Pending);
        slots.release(first);
        let third = slots.take("c", later(9));
        assert_eq!(third.place, first.place);
        assert_eq!(slots.send(third), Some(&"c"));
        slots.answer(first, "late");
        assert_eq!(poll(&mut slots, third), Poll::Pending);
    }

    #[test]
    fn a_request_whose_caller_has_gone_is_not_sent() {
        let mut slots = Words::default();
        let token = slots.take("a", later(9));
        slots.release(token);
        assert_eq!(slots.send(token), None);
        slots.take("b", later(9));
        assert_eq!(slots.send(token), None);
    }

    #[test]
    fn each_request_that_is_as_asked_is_answered_once_it_is_sent() {
        let mut slots = Words::default();
        let tokens = ["long", "long", "b", "long"].map(|word| slots.take(word, later(9)));
        for token in &tokens[..3] {
            slots.send(*token);
        }
        slots.answer_each(|token, word| token != tokens[1] && word.len() > 1, || "too long");
        assert_eq!(slots.unanswered(), 2);
        assert_eq!(poll(&mut slots, tokens[0]), Poll::Ready((Outcome::Answer("too long"), "long")));
        slots.end();
        for (token, sent) in [(tokens[1], true), (tokens[2], true), (tokens[3], false)] {
            assert!(matches!(poll(&mut slots, token), Poll::Ready((Outcome::Ended { sent: was }, _)) if was == sent));
        }
    }

    #[test]
    fn what_ends_without_an_answer_knows_whether_it_was_sent() {
        let mut slots = Words::default();
        let (queued, sent, answered) =
            (slots.take("a", later(9)), slots.take("b", later(9)), slots.take("c", later(9)));
        slots.send(sent);
        slots.send(answered);
        slots.answer(answered, "3");
        assert_eq!([queued, sent, answered].map(|token| slots.is_awaited(token)), [false, true, false]);
        slots.end();
        assert_eq!(poll(&mut slots, queued), Poll::Ready((Outcome::Ended { sent: false }, "a")));
        assert_eq!(poll(&mut slots, sent), Poll::Ready((Outcome::Ended { sent: true }, "b")));
        assert_eq!(poll(&mut slots, answered), Poll::Ready((Outcome::Answer("3"), "c")));
    }

    #[test]
    fn a_request_is_refused_before_it_is_sent_only() {
        let mut slots = Words::default();
        let (first, second) = (slots.take("a", later(9)), slots.take("b", later(9)));
        slots.send(first);
        slots.refuse(first);
        slots.refuse(second);
        assert_eq!(poll(&mut slots, first), Poll::Pending);
        assert_eq!(slots.send(second), None);
        assert_eq!(poll(&mut slots, second), Poll::Ready((Outcome::Ended { sent: false }, "b")));
    }

    #[test]
    fn an_answer_that_names_no_request_is_for_the_first_that_was_sent() {
        let mut slots = Words::default();
        let tokens = ["a", "b", "b", "b"].map(|request| slots.take(request, later(9)));
        for place in [2, 1, 0] {
            slots.send(tokens[place]);
        }
        slots.answer_first(|request| *request == "b", "no");
        assert_eq!(poll(&mut slots, tokens[2]), Poll::Ready((Outcome::Answer("no"), "b")));
        for place in [0, 1, 3] {
            assert_eq!(poll(&mut slots, tokens[place]), Poll::Pending);
        }
    }

    #[test]
    fn a_token_is_a_number_and_no_request_has_that_of_nobody() {
        let mut slots = Words::default();
        let token = slots.take("a", later(9));
        assert_eq!(Token::of_number(token.number()), token);
        slots.send(token);
        slots.answer(Token::NOBODY, "nobody's");
        assert_eq!(poll(&mut slots, token), Poll::Pending);
    }

    #[test]
    fn deadlines_pass_one_by_one_and_each_knows_whether_it_was_sent() {
        let mut slots = Words::default();
        let (soon, late) = (later(1), later(5));
        let (first, second, third) = (slots.take("a", late), slots.take("b", soon), slots.take("c", soon));
        slots.send(second);
        assert_eq!(slots.earliest(), Some(soon));
        slots.expire(soon);
        assert_eq!(slots.earliest(), Some(late));
        assert_eq!(slots.send(third), None, "nobody waits for it any more");
        assert_eq!(poll(&mut slots, first), Poll::Pending);
        assert_eq!(poll(&mut slots, second), Poll::Ready((Outcome::Late { sent: true }, "b")));
        assert_eq!(poll(&mut slots, third), Poll::Ready((Outcome::Late { sent: false }, "c")));
        slots.expire(late);
        assert_eq!(slots.earliest(), None);
    }

    #[test]
    fn those_that_wait_for_an_answer_are_counted_however_they_end() {
        let mut slots = Words::default();
        let tokens = ["a", "b", "c", "d", "e", "f"].map(|request| slots.take(request, later(9)));
        let [answered, first, released, late, ended, queued] = tokens;
        let mut counts = Vec::new();
        for token in [answered, first, released, ended] {
            slots.send(token);
            counts.push(slots.unanswered());
        }
        slots.answer(answered, "1");
        slots.answer(answered, "again");
        counts.push(slots.unanswered());
        slots.answer_first(|request| *request == "b", "2");
        counts.push(slots.unanswered());
        slots.release(released);
        slots.release(queued);
        counts.push(slots.unanswered());
        let soon = slots.take("g", Instant::now());
        for token in [late, soon] {
            slots.send(token);
            counts.push(slots.unanswered());
        }
        assert_eq!(poll(&mut slots, soon), Poll::Pending, "only whoever comes a second time is told");
        assert!(poll(&mut slots, soon).is_ready());
        counts.push(slots.unanswered());
        slots.end();
        counts.push(slots.unanswered());
        assert_eq!(counts, [1, 2, 3, 4, 3, 2, 1, 2, 3, 2, 0]);
        for token in [answered, first, late, ended] {
            assert!(poll(&mut slots, token).is_ready());
        }
        assert_eq!(slots.unanswered(), 0);
    }

    #[test]
    fn who_asks_further_is_given_each_answer_and_then_the_end() {
        let mut slots = Words::default();
        let token = slots.take("a", later(9));
        let further = |slots: &mut Words| slots.poll_further(token, &mut Context::from_waker(Waker::noop()));
        slots.send(token);
        assert_eq!(further(&mut slots), Poll::Pending);
        slots.answer(token, "1");
        slots.answer(token, "2");
        for answer in ["1", "2"] {
            assert_eq!(further(&mut slots), Poll::Ready(Outcome::Answer(answer)));
        }
        assert_eq!((further(&mut slots), slots.unanswered()), (Poll::Pending, 0));
        assert!(slots.answer(token, "3").is_some(), "it waits");
        assert_eq!(further(&mut slots), Poll::Ready(Outcome::Answer("3")));
        slots.end();
        assert_eq!((further(&mut slots), slots.unanswered()), (Poll::Ready(Outcome::Ended { sent: true }), 0));
    }

    #[test]
    fn a_slot_that_was_kept_has_the_deadline_of_its_request_and_is_free_once_released() {
        let mut slots = Words::default();
        let soon = later(1);
        let [late, released] = ["a", "b"].map(|request| slots.take(request, soon));
        for token in [late, released] {
            slots.send(token);
            slots.answer(token, "1");
            slots.answer(token, "2");
            assert!(slots.poll_further(token, &mut Context::from_waker(Waker::noop())).is_ready());
        }
        slots.release(released);
        let next = slots.take("c", later(9));
        assert_eq!(next.place, released.place);
        slots.send(next);
        assert_eq!(poll(&mut slots, next), Poll::Pending, "the answer that nobody took was another one's");
        assert!(slots.poll_further(late, &mut Context::from_waker(Waker::noop())).is_ready());
        slots.expire(soon);
        assert_eq!(poll(&mut slots, late), Poll::Ready((Outcome::Late { sent: true }, "a")));
    }

    #[test]
    fn who_comes_again_when_its_call_is_ended_is_told_whether_it_was_sent() {
        let mut slots = Words::default();
        let (queued, sent, kept) = (slots.take("a", later(9)), slots.take("b", later(9)), slots.take("c", later(9)));
        for token in [sent, kept] {
            slots.send(token);
        }
        slots.answer(kept, "1");
        let further = |slots: &mut Words| slots.poll_further(kept, &mut Context::from_waker(Waker::noop()));
        assert_eq!(further(&mut slots), Poll::Ready(Outcome::Answer("1")));
        assert_eq!([poll(&mut slots, queued), poll(&mut slots, sent)], [Poll::Pending, Poll::Pending]);
        assert_eq!(further(&mut slots), Poll::Pending);
        deadline::within(Some(Instant::now()), || {
            assert_eq!(poll(&mut slots, queued), Poll::Ready((Outcome::Late { sent: false }, "a")));
            assert_eq!(poll(&mut slots, sent), Poll::Ready((Outcome::Late { sent: true }, "b")));
            assert_eq!(further(&mut slots), Poll::Ready(Outcome::Late { sent: true }));
        });
        assert_eq!(slots.unanswered(), 0);
    }

    #[test]
    fn who_comes_again_after_the_deadline_is_told_before_anybody_looked() {
        let mut slots = Words::default();
        let token = slots.take("a", Instant::now());
        slots.send(token);
        assert_eq!(poll(&mut slots, token), Poll::Pending);
        assert_eq!(poll(&mut slots, token), Poll::Ready((Outcome::Late { sent: true }, "a")));
    }
}
