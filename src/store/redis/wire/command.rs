//! Commands as the bytes that go to the server.

use std::ops::Range;

/// One or more commands that go out together, with how many answers they get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    bytes: Vec<u8>,
    answers: u32,
}

impl Packed {
    /// One command: its name and arguments.
    pub fn of(words: &[&[u8]]) -> Packed {
        let length: usize = words.iter().map(|word| word.len() + 16).sum();
        let mut packed = Packed { bytes: Vec::with_capacity(16 + length), answers: 0 };
        packed.push(words);
        packed
    }

    /// No command yet, with room for words of so many bytes.
    pub fn with_room(length: usize) -> Packed {
        Packed { bytes: Vec::with_capacity(length + 160), answers: 0 }
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

    /// Adds a word of the command that was begun.
    pub fn word(&mut self, word: &[u8]) {
        self.line(b'$', word.len());
        self.bytes.extend_from_slice(word);
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
        self.bytes.extend_from_slice(&other.bytes);
        self.answers += other.answers;
    }

    /// A copy of the one command whose bytes are in this place.
    pub fn command(&self, place: Range<usize>) -> Packed {
        Packed { bytes: self.bytes.get(place).unwrap_or_default().to_vec(), answers: 1 }
    }

    /// Says that the server answers none of the commands (a subscription, whose answers are pushes).
    pub fn without_answer(mut self) -> Packed {
        self.answers = 0;
        self
    }

    /// The bytes to send.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
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
        assert_eq!(packed.bytes(), b"*4\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$2\r\n\x00\xff\r\n$0\r\n\r\n");
        let mut packed = Packed::default();
        packed.begin(2);
        packed.word(b"GET");
        packed.word_of(&[b"ta", b"", b"ble"]);
        packed.push(&[b"PING"]);
        let mut numbers = Packed::default();
        numbers.number(1_000);
        assert_eq!(numbers.bytes(), b"$4\r\n1000\r\n");
        assert_eq!(
            (packed.bytes(), packed.answers()),
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
}
