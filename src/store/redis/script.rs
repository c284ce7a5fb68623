//! The scripts that the server runs for Larder: what has to be decided and done at once.
//!
//! The revision of the `larder` format stands in the envelope's place for it. A put proposes one
//! ([`super::revisions`]); the server takes it when it is above that of the record that is replaced, and the next one
//! after that record's otherwise. What does not begin as an envelope has no revision, whatever stands in its place: a put
//! replaces it, and all else refuses it, as reading does. A number of Lua is a double, which is exact to 2^53;
//! microseconds since 1970 are below until the year 2255. In the other formats there is no place for a revision, and the
//! content's [`fingerprint`] stands for it. A script can compare contents by their SHA-1 only, which is 4 µs of 16 KiB and
//! would be paid by every read and write; so a conditional write, which is rare, reads what is there, and names its SHA-1
//! to the script.
//!
//! A value that is handed to a script is copied several times: of 16 KiB, 27 µs of the server's time where a plain `SET`
//! takes 5. Hence [`Scripts::clear`], which lets a transaction write a long value without a script touching it.

use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use sha1::{Digest, Sha1};
use twox_hash::XxHash3_64;

use crate::store::redis::wire::Packed;

/// A script, and the name that the server knows it by.
pub struct Script {
    /// Its text.
    pub text: &'static str,
    /// Its SHA-1, in hexadecimal digits.
    pub name: String,
}

/// All scripts.
pub struct Scripts {
    /// `key; envelope, its revision[, milliseconds]`: writes an envelope; answers its revision, which is another than
    /// that proposed where it would not be above that of the record that is replaced.
    pub put: Script,
    /// `key; revision`: removes an envelope of a lower revision, so that a `SET` with `NX` behind it, in the same
    /// transaction, writes exactly when the order of the revisions lets it. Answers whether it does.
    pub clear: Script,
    /// `key; head, tail, milliseconds or 0, revision or 0 for none`: as `put`, when the record has that revision. Answers
    /// the revision; or, not written, the one that is there with its sign turned, 0 for none.
    pub put_if: Script,
    /// `key; revision or 0 for any`: removes an envelope; answers as `put_if`.
    pub remove: Script,
    /// `key; milliseconds or 0; expiry, eight bytes`: gives an envelope a new lifespan; answers whether it was there.
    pub touch: Script,
    /// `key; milliseconds or 0`: gives a bare value a new lifespan; answers whether it was there.
    pub touch_bare: Script,
    /// `key; value, milliseconds or 0, SHA-1 or - for none`: writes a bare value when the one that is there has this
    /// SHA-1. Answers 1; or, not written, 0 when there is none, or the one that is there.
    pub put_bare_if: Script,
    /// `key`: removes a bare value; answers it, or nothing.
    pub remove_bare: Script,
    /// `key; SHA-1`: removes a bare value that has it; answers as `put_bare_if`.
    pub remove_bare_if: Script,
}

/// Reads the beginning of a value as `o`, to its byte `$last`; as `e` whether it is an envelope's, of the version whose places
/// the scripts know. What is cut short is none.
macro_rules! is_envelope {
    ($key:literal, $last:literal) => {
        concat!(
            "local o=redis.call('GETRANGE',",
            $key,
            ",0,",
            $last,
            ") local e=#o==",
            $last,
            "+1 and string.sub(o,1,4)=='\\245LR\\1' "
        )
    };
}

/// What becomes of a conditional script where something else than an envelope is.
macro_rules! refuse_other {
    () => {
        "elseif #o>0 or redis.call('EXISTS',KEYS[1])==1 then return redis.error_reply('WRONGTYPE not an envelope') "
    };
}

/// The scripts.
pub static SCRIPTS: LazyLock<Scripts> = LazyLock::new(|| Scripts {
    put: script(concat!(
        "local k,v,r=KEYS[1],ARGV[1],tonumber(ARGV[2]) ",
        is_envelope!("k", "15"),
        "if e then local p=struct.unpack('<I8',o,9) \
         if p>=r then r=p+1 v=string.sub(v,1,8)..struct.pack('<I8',r)..string.sub(v,17) end end \
         if ARGV[3] then redis.call('SET',k,v,'PX',ARGV[3]) else redis.call('SET',k,v) end \
         return r"
    )),
    clear: script(concat!(
        is_envelope!("KEYS[1]", "15"),
        "if e and struct.unpack('<I8',o,9)>=tonumber(ARGV[1]) then return 0 end \
         if #o>0 then redis.call('DEL',KEYS[1]) end \
         return 1"
    )),
    put_if: script(concat!(
        is_envelope!("KEYS[1]", "15"),
        "local p=0 \
         if e then p=struct.unpack('<I8',o,9) ",
        refuse_other!(),
        "end \
         if p~=tonumber(ARGV[4]) then return -p end \
         local t=redis.call('TIME') local r=t[1]*1000000+t[2] if p>=r then r=p+1 end \
         local v=ARGV[1]..struct.pack('<I8',r)..ARGV[2] \
         if ARGV[3]=='0' then redis.call('SET',KEYS[1],v) else redis.call('SET',KEYS[1],v,'PX',ARGV[3]) end \
         return r"
    )),
    remove: script(concat!(
        is_envelope!("KEYS[1]", "15"),
        "if not e then if #o==0 and redis.call('EXISTS',KEYS[1])==0 then return 0 ",
        refuse_other!(),
        "end end \
         local p,e=struct.unpack('<I8',o,9),tonumber(ARGV[1]) \
         if e~=0 and e~=p then return -p end \
         redis.call('DEL',KEYS[1]) return p"
    )),
    touch: script(concat!(
        is_envelope!("KEYS[1]", "39"),
        "if not e then if #o==0 and redis.call('EXISTS',KEYS[1])==0 then return 0 ",
        refuse_other!(),
        "end end \
         redis.call('SETRANGE',KEYS[1],24,ARGV[2]) \
         if ARGV[1]=='0' then redis.call('PERSIST',KEYS[1]) else redis.call('PEXPIRE',KEYS[1],ARGV[1]) end \
         return 1"
    )),
    touch_bare: script(
        "if redis.call('EXISTS',KEYS[1])==0 then return 0 end \
         if ARGV[1]=='0' then redis.call('PERSIST',KEYS[1]) else redis.call('PEXPIRE',KEYS[1],ARGV[1]) end \
         return 1",
    ),
    put_bare_if: script(
        "local v=redis.call('GET',KEYS[1]) \
         if v then if redis.sha1hex(v)~=ARGV[3] then return v end \
         elseif ARGV[3]~='-' then return 0 end \
         if ARGV[2]=='0' then redis.call('SET',KEYS[1],ARGV[1]) \
         else redis.call('SET',KEYS[1],ARGV[1],'PX',ARGV[2]) end \
         return 1",
    ),
    remove_bare: script("local v=redis.call('GET',KEYS[1]) if v then redis.call('DEL',KEYS[1]) end return v"),
    remove_bare_if: script(
        "local v=redis.call('GET',KEYS[1]) \
         if not v then return 0 end \
         if redis.sha1hex(v)~=ARGV[1] then return v end \
         redis.call('DEL',KEYS[1]) return 1",
    ),
});

fn script(text: &'static str) -> Script {
    Script { text, name: HEXLOWER.encode(&Sha1::digest(text)) }
}

impl Script {
    /// The beginning of the command that runs it on one key with so many arguments, which have to follow.
    pub fn begin(&self, packed: &mut Packed, prefix: &[u8], key: &[u8], arguments: usize) {
        packed.begin(4 + arguments);
        packed.word(b"EVALSHA");
        packed.word(self.name.as_bytes());
        packed.word(b"1");
        packed.word_of(&[prefix, key]);
    }
}

/// The commands that load every script.
pub fn load() -> Packed {
    let all = &*SCRIPTS;
    let mut packed = Packed::default();
    let (envelopes, bare) = (
        [&all.put, &all.clear, &all.put_if, &all.remove, &all.touch],
        [&all.touch_bare, &all.put_bare_if, &all.remove_bare, &all.remove_bare_if],
    );
    for script in envelopes.into_iter().chain(bare) {
        packed.push(&[b"SCRIPT", b"LOAD", script.text.as_bytes()]);
    }
    packed
}

/// The SHA-1 of a bare value, as the scripts write it.
pub fn sha1(value: &[u8]) -> String {
    HEXLOWER.encode(&Sha1::digest(value))
}

/// The fingerprint of a bare value, which stands for its revision: the upper 60 bits of its XXH3 (64 bits, seed 0), which
/// every language's integers hold; never 0.
pub fn fingerprint(value: &[u8]) -> u64 {
    (XxHash3_64::oneshot(value) >> 4).max(1)
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_beginning_of_the_xxh3() {
        // `printf abc | xxhsum -H3` prints 78af5f94892f3950.
        assert_eq!(fingerprint(b"abc"), 0x78a_f5f9_4892_f395);
        assert_eq!(sha1(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(SCRIPTS.put.name.len(), 40);
    }

    #[test]
    fn the_scripts_know_an_envelope_by_what_it_begins_with() {
        let contents = crate::store::format::Contents {
            key: None,
            value: (&b""[..]).into(),
            metadata: Default::default(),
            created_unix_ms: 0,
            expires_unix_ms: 0,
            revision: 1,
        };
        assert_eq!(crate::store::format::envelope::encode(&contents)[..4], [245, b'L', b'R', 1]);
        let all = &*SCRIPTS;
        for script in [&all.put, &all.clear, &all.put_if, &all.remove, &all.touch] {
            assert!(script.text.contains(r"=='\245LR\1'"), "{}", script.text);
        }
    }
}
