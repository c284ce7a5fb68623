//! The reader of dumps, fed with mutations of a kept corpus (`tests/corpus/dump`): as they are, where the checksums
//! catch them, and with checksums that fit, where the reader itself has to.
//!
//! `LARDER_FUZZ_ROUNDS` makes the runs longer, `LARDER_FUZZ_SEED` makes them others; what fails is printed as hex.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use larder::store::format::dump::{Item, Reader, Writer};
use larder::{Result, Status};
use sha2::{Digest, Sha256};

/// The bytes before the first frame: magic and version.
const START: usize = 10;

struct Random(u64);

impl Random {
    fn from_environment() -> Random {
        Random(number_from("LARDER_FUZZ_SEED", 0x1b8c_2f03) | 1)
    }

    /// The next of a sequence (xorshift64*, Vigna 2016) that is the same everywhere.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound.max(1) as u64) as usize
    }
}

fn number_from(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn corpus() -> Vec<Vec<u8>> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/dump");
    let files = std::fs::read_dir(directory).expect("a corpus").map(|file| file.expect("a file").path());
    let texts = files.map(|path| std::fs::read_to_string(path).expect("text"));
    let dumps: Vec<Vec<u8>> = texts.map(|text| unhex(text.trim())).collect();
    assert!(!dumps.is_empty());
    dumps
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(digits).collect()
}

/// Reads a dump to its end and writes it again.
fn again(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut reader = Reader::new(bytes)?;
    let mut writer = Writer::new(Vec::new(), reader.header())?;
    while let Some(item) = reader.read()? {
        writer.write(&item)?;
    }
    writer.finish()
}

/// Goes on behind what is whole, as a dump that was interrupted does: what was read stays, and the end fits.
fn go_on(bytes: &[u8]) {
    let Ok(mut reader) = Reader::new(bytes) else { return };
    let mut items: Vec<Item> = std::iter::from_fn(|| reader.read().ok().flatten()).collect();
    let mark = reader.mark().clone();
    assert_eq!(mark.records(), items.len() as u64);
    let whole = bytes[..mark.bytes() as usize].to_vec();
    let more = Item { key: b"more".to_vec(), revision: 7, ..Item::default() };
    let mut writer = Writer::go_on(whole, mark);
    writer.write(&more).expect("memory");
    let written = writer.finish().expect("memory");
    items.push(more);
    let mut reader = Reader::new(written.as_slice()).expect("the header was whole");
    let read: Vec<Item> = std::iter::from_fn(|| reader.read().expect("whole")).collect();
    assert_eq!(read, items);
}

/// What is read whole is written as it was; all else is refused with a reason, and what was whole of it can be gone on with.
fn check(bytes: &[u8]) {
    let checked = catch_unwind(AssertUnwindSafe(|| {
        match again(bytes) {
            Ok(written) => assert_eq!(written, bytes),
            Err(error) => {
                assert_eq!((error.status(), error.origin()), (Status::CORRUPT, "dump"), "{error}");
                assert!(!error.message().is_empty());
            }
        }
        go_on(bytes);
    }));
    if let Err(panic) = checked {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        eprintln!("the input is, in hex: {hex}");
        std::panic::resume_unwind(panic);
    }
}

fn mutate(random: &mut Random, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
    let at = random.below(bytes.len() + 1);
    let end = at + random.below(bytes.len() + 1 - at);
    match random.below(6) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
        2 => drop(bytes.drain(at..end)),
        3 => bytes.truncate(at),
        4 => {
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        _ => {
            let other = &others[random.below(others.len())];
            let from = random.below(other.len() + 1);
            bytes.splice(at..end, other[from..].iter().copied());
        }
    }
    bytes.truncate(4096);
}

/// The kinds and bodies of a whole dump's frames.
fn frames(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    let mut at = START;
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at + 1..at + 5].try_into().expect("4 bytes")) as usize;
        frames.push((bytes[at], bytes[at + 5..at + 5 + length].to_vec()));
        at += 5 + length + 4;
    }
    frames
}

/// A dump of these frames whose checksums and digest fit.
fn build(start: &[u8], frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = start.to_vec();
    let mut checksum = 0u32;
    for (kind, body) in frames {
        let mut body = body.clone();
        if *kind == b'E' && body.len() == 40 {
            let digest = Sha256::digest(&bytes);
            body[8..].copy_from_slice(&digest);
        }
        let mut frame = vec![*kind];
        frame.extend((body.len() as u32).to_le_bytes());
        frame.extend(body);
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&checksum.to_le_bytes());
        hasher.update(&frame);
        checksum = hasher.finalize();
        bytes.extend(frame);
        bytes.extend(checksum.to_le_bytes());
    }
    bytes
}

#[test]
fn a_corpus_reads_whole() {
    for dump in corpus() {
        assert_eq!(again(&dump).expect("whole"), dump);
        assert_eq!(build(&dump[..START], &frames(&dump)), dump);
    }
}

#[test]
fn any_bytes_are_read_whole_or_refused_with_a_reason() {
    let (mut random, corpus) = (Random::from_environment(), corpus());
    for _ in 0..number_from("LARDER_FUZZ_ROUNDS", 100_000) {
        let mut bytes = corpus[random.below(corpus.len())].clone();
        for _ in 0..1 + random.below(3) {
            mutate(&mut random, &mut bytes, &corpus);
        }
        check(&bytes);
    }
}

#[test]
fn any_frames_with_fitting_checksums_are_read_whole_or_refused_with_a_reason() {
    let (mut random, corpus) = (Random::from_environment(), corpus());
    let all: Vec<(u8, Vec<u8>)> = corpus.iter().flat_map(|dump| frames(dump)).collect();
    let bodies: Vec<Vec<u8>> = all.iter().map(|(_, body)| body.clone()).collect();
    let mut whole = 0;
    for _ in 0..number_from("LARDER_FUZZ_ROUNDS", 100_000) {
        let dump = &corpus[random.below(corpus.len())];
        let mut changed = frames(dump);
        for _ in 0..1 + random.below(2) {
            let place = random.below(changed.len());
            match random.below(5) {
                0 => changed.insert(place, all[random.below(all.len())].clone()),
                1 if changed.len() > 1 => drop(changed.remove(place)),
                2 => changed[place].0 = [b'H', b'R', b'E', 0][random.below(4)],
                _ => mutate(&mut random, &mut changed[place].1, &bodies),
            }
        }
        let bytes = build(&dump[..START], &changed);
        whole += u64::from(again(&bytes).is_ok());
        check(&bytes);
    }
    assert!(whole > 0, "no mutation was one that the reader takes");
}
