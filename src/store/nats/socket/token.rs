//! A request's token as the end of the subject that its answer comes on, so that an answer finds its request without a
//! search.

use crate::store::remote::slots::Token;

/// How a token is written.
pub type Digits = [u8; 16];

/// Writes it, and says which of the digits are used.
pub fn write(token: Token, digits: &mut Digits) -> &[u8] {
    let mut at = digits.len();
    let mut rest = token.number();
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
    number.filter(|_| is_length).map(Token::of_number)
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_were_written() {
        let numbers = [1 << 32 | 1, 0x00fe << 32 | 0xdead_beef, u64::from(u32::MAX) << 32, u64::MAX];
        for token in numbers.map(Token::of_number).into_iter().chain([Token::NOBODY]) {
            let mut digits = Digits::default();
            assert_eq!(parse(write(token, &mut digits)), Some(token));
        }
        for text in [&b""[..], b"g", b"A", b"-1", b"10000000000000000"] {
            assert_eq!(parse(text), None);
        }
    }
}
