//! Keys that sign a login, as NATS writes them, and the files that hold one with its JWT.
//!
//! A seed is 36 bytes in base32: five bits that say that it is one and eight that say of whom, 32 bytes of an Ed25519
//! seed, and a checksum. No error repeats what was given: it is a secret.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use ring::signature::{Ed25519KeyPair, KeyPair};

const SEED: u8 = 18 << 3;
const LENGTH: usize = 36;

/// A key that signs.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    /// Whose key it is: a user's, or what else NATS has keys for.
    owner: u8,
}

impl SigningKey {
    /// The key of a seed; `None` for a text that is none.
    pub fn of_seed(text: &str) -> Option<SigningKey> {
        let bytes = BASE32_NOPAD.decode(text.as_bytes()).ok().filter(|bytes| bytes.len() == LENGTH)?;
        let (body, sum) = bytes.split_at(LENGTH - 2);
        if body[0] & 0xf8 != SEED || checksum(body).to_le_bytes() != *sum {
            return None;
        }
        let owner = body[0] << 5 | body[1] >> 3;
        Some(SigningKey { pair: Ed25519KeyPair::from_seed_unchecked(&body[2..]).ok()?, owner })
    }

    /// The public key, as a server's configuration names it.
    pub fn public(&self) -> String {
        let mut bytes = vec![self.owner];
        bytes.extend_from_slice(self.pair.public_key().as_ref());
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        BASE32_NOPAD.encode(&bytes)
    }

    /// The signature of what the server sent, as a login has it.
    pub fn sign(&self, nonce: &str) -> String {
        BASE64URL_NOPAD.encode(self.pair.sign(nonce.as_bytes()).as_ref())
    }
}

/// The JWT and the key in a credentials file; `None` for what is no such file.
pub fn credentials(text: &str) -> Option<(&str, SigningKey)> {
    let mut parts = text.lines().map(str::trim).scan(false, |is_inside, line| {
        if line.starts_with("---") {
            *is_inside = line.contains("BEGIN");
            return Some(None);
        }
        Some(is_inside.then_some(line).filter(|line| !line.is_empty()))
    });
    let mut next = || parts.by_ref().flatten().next();
    let (jwt, seed) = (next()?, next()?);
    let is_jwt = jwt.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'='));
    is_jwt.then_some((jwt, SigningKey::of_seed(seed)?))
}

/// CRC-16 with the polynomial 0x1021, from 0.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| {
        let shifted = sum ^ u16::from(*byte) << 8;
        (0..8).fold(shifted, |sum, _| if sum & 0x8000 == 0 { sum << 1 } else { sum << 1 ^ 0x1021 })
    })
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_seed_signs_as_other_clients_do_with_it() {
        for pair in [nkeys::KeyPair::new_user(), nkeys::KeyPair::new_account(), nkeys::KeyPair::new_server()] {
            let seed = pair.seed().expect("a seed");
            let key = SigningKey::of_seed(&seed).expect("a seed");
            assert_eq!(key.public(), pair.public_key());
            assert_eq!(key.sign("nonce"), BASE64URL_NOPAD.encode(&pair.sign(b"nonce").expect("signed")));
            for (at, letter) in seed.char_indices() {
                let mut other = seed.clone();
                other.replace_range(at..=at, if letter == 'A' { "B" } else { "A" });
                assert!(SigningKey::of_seed(&other).is_none(), "letter {at}");
            }
        }
        assert_eq!(checksum(b"123456789"), 0x31c3);
        let public = nkeys::KeyPair::new_user().public_key();
        for text in ["", "hush", "SU", public.as_str()] {
            assert!(SigningKey::of_seed(text).is_none());
        }
    }

    #[test]
    fn a_credentials_file_holds_a_token_and_a_seed() {
        let seed = nkeys::KeyPair::new_user().seed().expect("a seed");
        let file = |jwt: &str, end: &str| {
            format!(
                "-----BEGIN NATS USER JWT-----{end}{jwt}{end}------END NATS USER JWT------{end}{end}*** IMPORTANT ***\
                 {end}{end}-----BEGIN USER NKEY SEED-----{end}{seed}{end}------END USER NKEY SEED------{end}"
            )
        };
        for end in ["\n", "\r\n"] {
            let text = file("ey.J-_=", end);
            let (jwt, key) = credentials(&text).expect("credentials");
            assert_eq!((jwt, key.public()), ("ey.J-_=", SigningKey::of_seed(&seed).expect("a seed").public()));
        }
        for text in ["", "hush", &seed, &file("", "\n"), &file("a\"b", "\n")] {
            assert!(credentials(text).is_none());
        }
    }
}
