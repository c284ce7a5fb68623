//! `%XX` in the parts of a URL.

/// What keeps a part of a URL from being decoded, as an error's text goes on behind the part's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A `%` without its two digits.
    Digits,
    /// Bytes that are no text.
    Text,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Malformed::Digits => "has a % that is followed by no two hexadecimal digits; write the % as %25",
            Malformed::Text => "is not UTF-8 text",
        })
    }
}

/// The text that `text` encodes.
///
/// # Errors
///
/// See [`Malformed`]; it does not hold the text, which may be a password.
pub fn decode(text: &str) -> Result<String, Malformed> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first != b'%' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2).ok_or(Malformed::Digits)?;
        bytes.extend(data_encoding::HEXLOWER_PERMISSIVE.decode(digits).map_err(|_| Malformed::Digits)?);
        rest = tail;
    }
    String::from_utf8(bytes).map_err(|_| Malformed::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_decoded_or_its_fault_named() {
        assert_eq!(decode("a%2Fb%c3%A9+").as_deref(), Ok("a/bé+"));
        for text in ["%", "a%2", "%zz", "%+1"] {
            assert_eq!(decode(text), Err(Malformed::Digits), "{text}");
        }
        assert_eq!(decode("%ff"), Err(Malformed::Text));
    }
}
