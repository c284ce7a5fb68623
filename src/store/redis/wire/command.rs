//! Commands as the bytes that go to the server.

use std::ops::Range;

use bytes::Bytes;

use crate::store::given::{Given, Loan};
use crate::store::remote::outgoing::LONG;

/// The longest word that is lent: what a server does not take of it at once is copied by the thread that moves the bytes of
/// all, and not by its own caller's.
const MOST_LENT: usize = 1 << 20;

/// One or more commands that go out together, with how many answers they get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// All but the long words.
    bytes: Vec<u8>,
    /// The long words, each with the place in `bytes` before which it comes.
    long: Vec<(usize, Word)>,
    answers: u32,
}

/// A long word.
#[derive(Debug)]
enum Word {
    Shared(Bytes),
    Lent(Loan),
}

impl Word {
    /// The word, of whoever keeps it.
    fn bytes(&self) -> &[u8] {
        match self {
            Word::Shared(bytes) => bytes,
            Word::Lent(loan) => loan,
        }
    }
}

impl Clone for Word {
    /// A loan is never doubled: the copy has bytes of its own.
    fn clone(&self) -> Word {
        Word::Shared(match self {
            Word::Shared(bytes) => bytes.clone(),
            Word::Lent(loan) => Bytes::copy_from_slice(loan),
        })
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Word) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Word {}

/// A place between two commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    bytes: usize,
    long: usize,
}

/// Bytes that come one after another.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// Words, their lengths, and what is between.
    Copied(&'a [u8]),
    /// A long word.
    Shared(&'a Bytes),
    /// A long word that is lent.
    Lent(&'a Loan),
}

impl Packed {
    /// One command: its name and arguments.
    pub fn of(words: &[&[u8]]) -> Packed {
        let room: usize = words.iter().map(|word| room_for(word.len()) + 16).sum();
        let mut packed = Packed { bytes: Vec::with_capacity(16 + room), ..Packed::default() };
        packed.push(words);
        packed
    }

    /// No command yet, with room for one with words of these lengths.
    pub fn with_room(words: &[usize]) -> Packed {
        let room: usize = words.iter().map(|length| room_for(*length)).sum();
        Packed { bytes: Vec::with_capacity(room + 160), ..Packed::default() }
    }

    /// Adds a command.
    pub fn push(&mut self, words: &[&[u8]]) {
        self.begin(words.len());
        for word in words {
            self.word(word);
        }
    }

    /// Adds a command of so many words, which have to follow by [`Packed::word`].
    pub fn begin(&mut self, words: usize) {
        self.answers += 1;
        self.line(b'*', words);
    }

    /// Adds a word of the command that was begun. A long one is copied here, and shared from then on.
    pub fn word(&mut self, word: &[u8]) {
        if word.len() >= LONG {
            return self.share(&Bytes::copy_from_slice(word));
        }
        self.line(b'$', word.len());
        self.bytes.extend_from_slice(word);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Adds a word without a copy, if it is long.
    pub fn share(&mut self, word: &Bytes) {
        if word.len() < LONG {
            return self.word(word);
        }
        self.line(b'$', word.len());
        self.long(Word::Shared(word.clone()));
    }

    /// Adds a word in the way in which it is given.
    pub fn given(&mut self, word: Given<'_>) {
        match word {
            Given::Lent(loan) if (LONG..=MOST_LENT).contains(&loan.len()) => {
                self.line(b'$', loan.len());
                self.long(Word::Lent(loan));
            }
            Given::Shared(bytes) => self.share(&bytes),
            other => self.word(&other),
        }
    }

    /// Gives it bytes of its own in place of lent ones, so that it can be kept by whoever outlives the request.
    pub fn own(&mut self) {
        for (_, word) in &mut self.long {
            *word = word.clone();
        }
    }

    fn long(&mut self, word: Word) {
        self.long.push((self.bytes.len(), word));
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Adds a word that is a number.
    pub fn number(&mut self, number: u64) {
        self.line(b'$', number.checked_ilog10().unwrap_or(0) as usize + 1);
        push_number(&mut self.bytes, number);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Adds a word that is given in pieces.
    pub fn word_of(&mut self, pieces: &[&[u8]]) {
        self.line(b'$', pieces.iter().map(|piece| piece.len()).sum());
        for piece in pieces {
            self.bytes.extend_from_slice(piece);
        }
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Adds the commands of another one.
    pub fn append(&mut self, other: &Packed) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.long.extend(other.long.iter().map(|(place, word)| (start + place, word.clone())));
        self.answers += other.answers;
    }

    /// The place behind the last command.
    pub fn end(&self) -> Place {
        Place { bytes: self.bytes.len(), long: self.long.len() }
    }

    /// A copy of the one command between two places.
    pub fn command(&self, places: Range<Place>) -> Packed {
        let Range { start, end } = places;
        let long = self.long.get(start.long..end.long).unwrap_or_default();
        Packed {
            bytes: self.bytes.get(start.bytes..end.bytes).unwrap_or_default().to_vec(),
            long: long.iter().map(|(place, word)| (place - start.bytes, word.clone())).collect(),
            answers: 1,
        }
    }

    /// Says that the server answers none of the commands (a subscription, whose answers are pushes).
    pub fn without_answer(mut self) -> Packed {
        self.answers = 0;
        self
    }

    /// The bytes to send, in their order.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let ends = self.long.iter().map(|(place, word)| (*place, Some(word))).chain([(self.bytes.len(), None)]);
        let mut from = 0;
        ends.flat_map(move |(to, word)| {
            let short = Piece::Copied(&self.bytes[std::mem::replace(&mut from, to)..to]);
            let long = word.map(|word| match word {
                Word::Shared(bytes) => Piece::Shared(bytes),
                Word::Lent(loan) => Piece::Lent(loan),
            });
            std::iter::once(short).chain(long)
        })
    }

    /// Whether some of it may be lent.
    pub fn has_loans(&self) -> bool {
        self.long.iter().any(|(_, word)| matches!(word, Word::Lent(_)))
    }

    /// How many bytes there are to send.
    pub fn length(&self) -> usize {
        self.bytes.len() + self.long.iter().map(|(_, word)| word.bytes().len()).sum::<usize>()
    }

    /// The bytes to send, as one.
    #[cfg(test)]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.length());
        for piece in self.pieces() {
            match piece {
                Piece::Copied(bytes) => whole.extend_from_slice(bytes),
                Piece::Shared(word) => whole.extend_from_slice(word),
                Piece::Lent(loan) => whole.extend_from_slice(loan),
            }
        }
        whole
    }

    /// How many answers will come.
    pub fn answers(&self) -> u32 {
        self.answers
    }

    fn line(&mut self, kind: u8, number: usize) {
        self.bytes.push(kind);
        push_number(&mut self.bytes, number as u64);
        self.bytes.extend_from_slice(b"\r\n");
    }
}

/// How much of a word is copied among the others.
fn room_for(length: usize) -> usize {
    if length < LONG { length } else { 0 }
}

/// Appends a number in decimal digits.
pub fn push_number(out: &mut Vec<u8>, number: u64) {
    let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
    let start = out.len();
    out.resize(start + digits, b'0');
    let mut rest = number;
    for place in out[start..].iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_an_array_of_its_words_whatever_bytes_they_hold() {
        let packed = Packed::of(&[b"SET", b"a\r\nb", b"\x00\xff", b""]);
        assert_eq!(packed.to_vec(), b"*4\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$2\r\n\x00\xff\r\n$0\r\n\r\n");
        let mut packed = Packed::default();
        packed.begin(2);
        packed.word(b"GET");
        packed.word_of(&[b"ta", b"", b"ble"]);
        packed.push(&[b"PING"]);
        let mut numbers = Packed::default();
        numbers.number(1_000);
        assert_eq!(numbers.to_vec(), b"$4\r\n1000\r\n");
        assert_eq!(
            (packed.to_vec().as_slice(), packed.answers()),
            (&b"*2\r\n$3\r\nGET\r\n$5\r\ntable\r\n*1\r\n$4\r\nPING\r\n"[..], 2)
        );
    }

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        for number in [0, 1, 9, 10, 99, 100, 12_345, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            push_number(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }

    #[test]
    fn long_words_are_shared_and_stay_in_their_places() {
        let word = Bytes::from(vec![b'x'; LONG]);
        let mut packed = Packed::of(&[b"SET", b"a", &word]);
        let first = packed.end();
        packed.begin(3);
        packed.word(b"SET");
        packed.share(&word);
        packed.share(&Bytes::from_static(b"short"));
        let second = packed.end();
        packed.append(&packed.clone());
        let one = [b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4096\r\n", &word[..], b"\r\n"].concat();
        let two = [b"*3\r\n$3\r\nSET\r\n$4096\r\n", &word[..], b"\r\n$5\r\nshort\r\n"].concat();
        assert!(packed.to_vec() == [&one[..], &two, &one, &two].concat());
        assert_eq!((packed.length(), packed.answers()), (2 * (one.len() + two.len()), 4));
        let again = packed.command(first..second);
        assert!(again.to_vec() == two && again.answers() == 1);
        let long = again.pieces().find_map(|piece| match piece {
            Piece::Shared(found) => Some(found.as_ptr()),
            Piece::Copied(_) | Piece::Lent(_) => None,
        });
        assert_eq!(long, Some(word.as_ptr()), "it was copied");
        assert!(packed.command(Place::default()..first).to_vec() == one);
    }

    #[test]
    fn a_word_is_lent_where_that_saves_a_copy_and_a_loan_is_never_doubled() {
        let lent = |length: usize| {
            let word = vec![b'x'; length];
            let mut packed = Packed::with_room(&[length]);
            packed.begin(1);
            // SAFETY: `word` outlives what is said of it here; what leaves this function has bytes of its own.
            packed.given(Given::Lent(unsafe { Loan::new(&word) }));
            let lends = |packed: &Packed| packed.pieces().any(|piece| matches!(piece, Piece::Lent(_)));
            let is_lent = lends(&packed);
            let copy = packed.clone();
            assert!(copy == packed && !lends(&copy));
            packed.own();
            assert!(packed.to_vec() == [format!("*1\r\n${length}\r\n").as_bytes(), &word, b"\r\n"].concat());
            drop(word);
            assert!(packed == copy);
            is_lent
        };
        let lengths = [0, LONG - 1, LONG, MOST_LENT, MOST_LENT + 1];
        assert_eq!(lengths.map(lent), [false, false, true, true, false]);
    }
}
