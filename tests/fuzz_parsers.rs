//! What Larder itself parses at its boundary, fed with mutations of a kept corpus (`tests/corpus`): configuration
//! documents and URLs, durations, sizes, metadata in its stored form, flat keys, and what servers hold and say: envelopes
//! and keys of each wire format, the answers of Redis, the stream of NATS; (`fuzz_parsers/answers.rs`) what is made of the
//! answers; (`servers.rs` beside it) lists of nodes and the sections of stores on servers; (`transfers.rs`) the files from
//! which transfers go on.
//!
//! The mutations are seeded, so that a failure comes again; `LARDER_FUZZ_ROUNDS` makes the runs longer, and
//! `LARDER_FUZZ_SEED` makes them others. What fails is printed as hex, to be added to the corpus.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use larder::boundary::flat;
use larder::config::{Config, address, duration, size};
use larder::ffi::options::put_options_of;
use larder::store::format::{Contents, envelope, go_micro, names};
use larder::store::nats::answers::Stored;
use larder::store::nats::wire::nkey::{SigningKey, credentials};
use larder::store::nats::wire::{self as nats, Frame, Info, Malformed};
use larder::store::record::{MAX_METADATA_LENGTH, Metadata, pairs};
use larder::store::redis::wire::{Parser, Value};
use larder::{Larder, Status};

#[path = "fuzz_parsers/answers.rs"]
mod answers;
#[path = "fuzz_parsers/servers.rs"]
mod servers;
#[path = "fuzz_parsers/transfers.rs"]
mod transfers;

fn number_from(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn corpus(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(digits).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A small generator of random numbers (xorshift64*, Vigna 2016): the same seed gives the same inputs everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// What parsers stumble over.
const INTERESTING: &[&[u8]] = &[
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\x80",
    b"-",
    b".",
    b"e308",
    b"%",
    b"%00",
    b"%f",
    b"9223372036854775808",
    b"18446744073709551616",
    b"\"",
    b"\\u0000",
    b"[",
    b"{",
    b"}",
    b"=",
    b"\n",
    b"\xef\xbb\xbf",
    b"://",
    b"?",
    b"&",
    b"/",
    b"\xe2\x80\xae",
    b"type",
    b"memory",
];

fn mutate(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut input = seeds[random.below(seeds.len())].clone();
    for _ in 0..1 + random.below(4) {
        let at = random.below(input.len() + 1);
        let end = at + random.below(input.len() + 1 - at);
        match random.below(7) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = random.next() as u8,
            2 => drop(input.drain(at..end)),
            3 => input.truncate(at),
            4 => {
                let part = input[at..end].to_vec();
                let copies = part.repeat(1 + random.below(3));
                input.splice(at..at, copies);
            }
            5 => {
                let word = INTERESTING[random.below(INTERESTING.len())];
                input.splice(at..at, word.iter().copied());
            }
            _ => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                input.splice(at..end, other[from..].iter().copied());
            }
        }
    }
    input.truncate(4096);
    input
}

/// Checks the corpus as it is, then mutations of it. A check panics when what it sees is wrong.
fn fuzz(seeds: &[Vec<u8>], rounds: u64, check: impl Fn(&mut Random, &[u8])) {
    let mut random = Random(number_from("LARDER_FUZZ_SEED", 0x1b8c_2f03) | 1);
    let run = |random: &mut Random, input: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(random, input))) {
            eprintln!("the input is, in hex: {}", hex(input));
            std::panic::resume_unwind(panic);
        }
    };
    for seed in seeds {
        run(&mut random, seed);
    }
    for _ in 0..number_from("LARDER_FUZZ_ROUNDS", rounds) {
        let input = mutate(&mut random, seeds);
        run(&mut random, &input);
    }
}

fn lines(name: &str) -> Vec<Vec<u8>> {
    corpus(name).lines().map(|line| line.as_bytes().to_vec()).collect()
}

#[test]
fn any_configuration_is_read_or_refused_with_a_reason() {
    let seeds: Vec<Vec<u8>> = corpus("config.txt").split("\n---\n").map(|text| text.as_bytes().to_vec()).collect();
    fuzz(&seeds, 300_000, |_, input| {
        let text = String::from_utf8_lossy(input);
        // What a file holds is read the same way; which file is not the parser's.
        if text.contains("file:") {
            return;
        }
        match Config::parse(&text) {
            Ok(config) => {
                assert!(!config.stores.is_empty());
                if let Err(error) = Larder::from_config(config) {
                    assert_eq!(error.status(), Status::CONFIG, "{error}");
                    assert!(!error.message().is_empty() && !error.origin().is_empty(), "{error}");
                }
            }
            Err(error) => {
                assert_eq!(error.status(), Status::CONFIG, "{error}");
                assert!(!error.message().is_empty() && !error.origin().is_empty(), "{error}");
            }
        }
    });
}

#[test]
fn any_url_of_a_server_is_read_or_refused_with_a_reason() {
    for name in ["redis_urls.txt", "nats_urls.txt"] {
        fuzz(&lines(name), 300_000, |_, input| {
            let text = String::from_utf8_lossy(input);
            let Some((scheme, _)) = text.split_once("://") else { return };
            match address::settings(scheme, &text) {
                None => {}
                Some(Ok(settings)) => assert!(settings.contains_key("type"), "{text}: {settings:?}"),
                Some(Err(error)) => {
                    assert_eq!(error.status(), Status::CONFIG, "{error}");
                    assert!(!error.message().is_empty() && !error.origin().is_empty(), "{error}");
                }
            }
        });
    }
}

/// The answers in bytes that come in pieces of a length, until what is no answer.
fn answers(bytes: &[u8], piece: usize) -> (Vec<Value>, bool) {
    let mut parser = Parser::default();
    let mut values = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        parser.buffer().extend_from_slice(piece);
        loop {
            match parser.next_value() {
                Ok(Some(value)) => values.push(value),
                Ok(None) => break,
                Err(malformed) => {
                    assert!(!malformed.0.is_empty());
                    return (values, true);
                }
            }
        }
    }
    (values, false)
}

#[test]
fn any_bytes_of_a_redis_server_are_answers_or_refused_in_whatever_pieces_they_come() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/resp");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the corpus").map(|file| file.expect("readable").path()).collect();
    files.sort();
    let read = |file: &PathBuf| unhex(std::fs::read_to_string(file).expect("readable").trim());
    let seeds: Vec<Vec<u8>> = files.iter().map(read).collect();
    assert!(seeds.len() > 10);
    fuzz(&seeds, 200_000, |random, input| {
        let whole = answers(input, input.len());
        assert_eq!(answers(input, 1 + random.below(40)), whole);
    });
}

#[test]
fn any_duration_is_read_or_refused_and_is_written_as_it_was_read() {
    fuzz(&lines("duration.txt"), 300_000, |_, input| {
        let text = String::from_utf8_lossy(input);
        let Some(read) = duration::parse(&text) else { return };
        let again = duration::parse(&duration::format(read)).expect("what was written reads back");
        // Reading is in floating point: whole to 52 bits.
        let tolerance = read.as_nanos() >> 52;
        assert!(again.as_nanos().abs_diff(read.as_nanos()) <= tolerance, "{text}: {read:?}, then {again:?}");
    });
}

#[test]
fn any_size_is_read_or_refused() {
    fuzz(&lines("size.txt"), 300_000, |_, input| {
        let text = String::from_utf8_lossy(input);
        let Some(read) = size::parse(&text) else { return };
        assert_eq!(size::parse(&read.to_string()), Some(read), "{text}");
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let number: u64 = text[..digits].parse().expect("a size begins with a number");
        assert!(number == 0 || read % number == 0, "{text} is {read}");
    });
}

#[test]
fn any_metadata_is_whole_or_refused_and_is_stored_sorted_with_the_last_of_a_name() {
    let seeds: Vec<Vec<u8>> = corpus("metadata.txt").lines().map(unhex).collect();
    fuzz(&seeds, 300_000, |_, input| {
        let answer = put_options_of(0, 0, 0, input);
        let Some(whole) = Metadata::from_bytes(input) else {
            let error = answer.expect_err("metadata that is not whole");
            assert_eq!((error.status(), error.origin()), (Status::INVALID_ARGUMENT, "options.metadata"));
            return;
        };
        assert_eq!(whole.as_bytes(), input);
        assert!(input.len() <= MAX_METADATA_LENGTH);
        let stored = answer.expect("whole metadata").metadata;
        let names: Vec<&str> = stored.iter().map(|(name, _)| name).collect();
        assert!(names.is_sorted_by(|one, two| one < two), "{names:?}");
        for name in &names {
            let last = pairs(input).filter(|(known, _)| known == name).last().map(|(_, value)| value);
            assert_eq!(stored.get(name), last);
        }
        assert!(pairs(input).all(|(name, _)| names.contains(&name)));
        assert_eq!(Metadata::from_bytes(stored.as_bytes()), Some(stored.clone()));
    });
}

#[test]
fn any_flat_keys_are_split_whole_or_refused() {
    let read = |line: &str| -> (Vec<u8>, Vec<u32>) {
        let (bytes, lengths) = line.split_once(' ').expect("bytes and lengths");
        let lengths = lengths.split(',').filter(|number| !number.is_empty());
        (unhex(bytes), lengths.map(|number| number.parse().expect("a length")).collect())
    };
    let cases: Vec<(Vec<u8>, Vec<u32>)> = corpus("keys.txt").lines().map(read).collect();
    let seeds: Vec<Vec<u8>> = cases.iter().map(|(bytes, _)| bytes.clone()).collect();
    let check = |bytes: &[u8], lengths: &[u32]| {
        let total: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
        match flat::split_keys(bytes, lengths) {
            Ok(keys) => {
                assert_eq!(total, bytes.len() as u64);
                assert_eq!(keys.concat(), bytes);
                assert!(keys.iter().zip(lengths).all(|(key, length)| key.len() == *length as usize));
            }
            Err(error) => {
                assert_ne!(total, bytes.len() as u64);
                assert_eq!((error.status(), error.origin()), (Status::INVALID_ARGUMENT, "keys"));
            }
        }
    };
    for (bytes, lengths) in &cases {
        check(bytes, lengths);
    }
    fuzz(&seeds, 300_000, |random, bytes| {
        let mut lengths = cases[random.below(cases.len())].1.clone();
        // Half of the time lengths that may add up.
        if random.below(2) == 0 {
            let mut left = bytes.len();
            lengths = std::iter::from_fn(|| {
                let length = random.below(left + 1);
                left -= length;
                (left > 0 || length > 0).then_some(length as u32)
            })
            .take(64)
            .collect();
        }
        check(bytes, &lengths);
    });
}

fn hex_lines(name: &str) -> Vec<Vec<u8>> {
    corpus(name).lines().map(unhex).collect()
}

fn check_corrupt(error: &larder::Error) {
    assert_eq!((error.status(), error.origin()), (Status::CORRUPT, "entry"), "{error}");
    assert!(!error.message().is_empty());
}

#[test]
fn any_envelope_is_read_or_refused_and_is_written_as_it_was_read() {
    fuzz(&hex_lines("envelope.txt"), 300_000, |_, input| match envelope::decode(input) {
        Err(error) => check_corrupt(&error),
        Ok(contents) => {
            let written = envelope::encode(&contents);
            assert_eq!(envelope::decode(&written), Ok(contents));
            // Flags that may be ignored, and fields of a later writer, are not kept.
            if input[5..8] == [0, 40, 0] {
                assert_eq!(written, input);
            }
        }
    });
}

#[test]
fn any_json_envelope_is_read_or_refused_and_is_written_as_it_was_read() {
    fuzz(&hex_lines("go_micro.txt"), 300_000, |_, input| match go_micro::decode(input) {
        Err(error) => check_corrupt(&error),
        Ok(contents) => {
            let key = contents.key.clone().unwrap_or_default();
            let written = go_micro::encode(&key, &contents).expect("what was read is text");
            let expected = Contents { key: Some(key.clone()), ..contents };
            assert_eq!(go_micro::decode(&written), Ok(expected.clone()));
            // Written for HTML, it is the same JSON to any other parser.
            let other: serde_json::Value = serde_json::from_slice(&written).expect("JSON");
            assert_eq!(other["key"].as_str().map(str::as_bytes), Some(&key[..]));
            assert_eq!(other["metadata"].as_object().map_or(0, |map| map.len()), expected.metadata.iter().count());
        }
    });
}

#[test]
fn any_key_of_a_server_is_read_as_one_that_is_written_so_or_as_none() {
    const TABLES: [&str; 6] = ["", "a", "names", "a.b", "\u{e4}", "names_A"];
    fuzz(&lines("nats_keys.txt"), 300_000, |random, input| {
        let table = TABLES[random.below(TABLES.len())];
        let text = String::from_utf8_lossy(input);
        if let Some(key) = go_micro::decode_key(table, &text) {
            let plain = if table.is_empty() { key.clone() } else { [table.as_bytes(), b"_", &key].concat() };
            assert!(go_micro::encode_key(table, &key) == text || plain == text.as_bytes(), "{text} is {key:?}");
        }
        assert_eq!(go_micro::decode_key(table, &go_micro::encode_key(table, input)), Some(input.to_vec()));
        if let Some(name) = names::unescape(&text) {
            assert_eq!(names::escape(&name), text);
        }
        assert_eq!(names::unescape(&names::escape(input)), Some(input.to_vec()));
        if let Some(key) = names::decode_nats_key(table, &text) {
            assert_eq!(names::encode_nats_key(table, &key), text);
        }
        assert_eq!(names::decode_nats_key(table, &names::encode_nats_key(table, input)), Some(input.to_vec()));
    });
}

/// The frames in pieces of a stream, up to what is malformed.
fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<Malformed>) {
    let mut parser = nats::Parser::default();
    let mut frames = Vec::new();
    for piece in pieces {
        parser.buffer().extend_from_slice(piece);
        loop {
            match parser.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(malformed) => return (frames, Some(malformed)),
            }
        }
    }
    (frames, None)
}

#[test]
fn any_stream_of_a_nats_server_is_read_the_same_however_it_is_cut() {
    fuzz(&hex_lines("nats_wire.txt"), 200_000, |random, input| {
        let whole = frames(std::iter::once(input));
        let size = 1 + random.below(input.len());
        let cut = frames(input.chunks(size));
        assert_eq!(whole.0, cut.0, "in pieces of {size}");
        assert_eq!(whole.1.is_some(), cut.1.is_some(), "in pieces of {size}");
        for frame in whole.0 {
            match frame {
                Frame::Message(_, message) => {
                    let sequence = message.header("Nats-Sequence").unwrap_or_default().to_owned();
                    assert!(message.status().is_none_or(|_| !sequence.contains('\n')));
                    assert!(message.payload.len() <= input.len());
                    assert!(!message.subject.is_empty());
                    let sequence = sequence.parse().ok();
                    assert_eq!(Stored::of_direct(message).map(|stored| stored.sequence), sequence);
                }
                Frame::Info(text) => drop(Info::parse(&text)),
                Frame::Error(text) => assert!(!text.contains(&b'\n')),
                Frame::Ping | Frame::Pong | Frame::Ok => {}
            }
        }
        let text = String::from_utf8_lossy(input);
        assert!(SigningKey::of_seed(&text).is_none() && credentials(&text).is_none());
    });
}
