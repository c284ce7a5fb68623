use super::{Header, Item, Reader, Writer};
use crate::error::{Result, Status};
use crate::store::record::{MAX_METADATA_LENGTH, Metadata};

fn header() -> Header {
    Header {
        id: *b"0123456789abcdef",
        created_unix_ms: 1_700_000_000_000,
        kind: "memory".to_owned(),
        database: "d".to_owned(),
        table: String::new(),
        prefix: vec![0xff],
    }
}

fn items() -> Vec<Item> {
    let metadata = Metadata::new([("color", b"red".as_slice()), ("empty", b"")]).expect("small");
    vec![
        Item { key: b"a".to_vec(), value: b"1".to_vec(), metadata, revision: 7, ..Item::default() },
        Item { key: vec![], value: vec![0; 300], revision: 9, expires_unix_ms: 5, max_idle_ms: 4, ..Item::default() },
        Item { key: vec![0, 255], revision: 9, created_unix_ms: 3, ..Item::default() },
    ]
}

fn dump() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &header()).expect("memory");
    for item in items() {
        writer.write(&item).expect("memory");
    }
    writer.finish().expect("memory")
}

fn read(bytes: &[u8]) -> Result<Vec<Item>> {
    let mut reader = Reader::new(bytes)?;
    let mut items = Vec::new();
    while let Some(item) = reader.read()? {
        items.push(item);
    }
    assert_eq!(reader.read().expect("ended"), None);
    Ok(items)
}

#[test]
fn what_is_written_reads_back() {
    let bytes = dump();
    assert_eq!(Reader::new(bytes.as_slice()).expect("whole").header(), &header());
    assert_eq!(read(&bytes).expect("whole"), items());
}

#[test]
fn a_dump_of_version_1_is_these_bytes() {
    let header = Header { kind: "m".to_owned(), database: String::new(), prefix: vec![], ..header() };
    let mut writer = Writer::new(Vec::new(), &header).expect("memory");
    writer.write(&Item { key: b"k".to_vec(), value: b"v".to_vec(), revision: 1, ..Item::default() }).expect("memory");
    let hex = data_encoding::HEXLOWER.encode(&writer.finish().expect("memory"));
    assert_eq!(hex, include_str!("../../../../tests/corpus/dump/one.hex").trim());
}

#[test]
fn any_damaged_byte_is_found() {
    let whole = dump();
    for at in 0..whole.len() {
        for change in [1, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            let error = read(&bytes).expect_err("damaged");
            assert_eq!(error.status(), Status::CORRUPT, "byte {at}: {error}");
        }
    }
}

#[test]
fn a_dump_cut_short_anywhere_or_with_bytes_after_it_is_found() {
    let whole = dump();
    for length in 0..whole.len() {
        let error = read(&whole[..length]).expect_err("cut short");
        assert_eq!(error.status(), Status::CORRUPT, "{length} bytes: {error}");
    }
    let longer = [whole.as_slice(), b"\n"].concat();
    let error = read(&longer).expect_err("longer");
    assert!(error.message().ends_with("bytes follow its end"), "{error}");
}

#[test]
fn a_frame_that_is_missing_twice_or_elsewhere_is_found_before_it_is_used() {
    let whole = dump();
    let frames = frames(&whole);
    let first = &whole[frames[1]..frames[2]];
    let second = &whole[frames[2]..frames[3]];
    let (front, back) = (&whole[..frames[1]], &whole[frames[3]..]);
    for changed in [
        [front, second, back].concat(),
        [front, second, first, back].concat(),
        [front, first, first, second, back].concat(),
    ] {
        let error = read(&changed).expect_err("changed");
        assert!(error.message().contains("its checksum is"), "{error}");
    }
    let mut reader = Reader::new(&whole[..frames[2]]).expect("the header is whole");
    reader.read().expect("the first record is whole");
    let error = reader.read().expect_err("cut short");
    let expected = format!("damaged at byte {}, after 1 whole records: it is cut short", frames[2]);
    assert_eq!(error.message(), expected);
}

#[test]
fn what_is_no_dump_or_a_newer_one_is_told_apart_from_a_damaged_one() {
    let told = |bytes: &[u8]| read(bytes).expect_err("no dump").message().to_owned();
    assert!(told(b"{\"key\": 1}").contains("no dump of Larder"));
    assert!(told(b"").contains("no dump of Larder"));
    let mut newer = dump();
    newer[8] = 2;
    assert_eq!(told(&newer), "it is of version 2; this Larder reads version 1");
}

#[test]
fn metadata_that_no_store_could_give_back_is_found_before_it_is_loaded() {
    let half = vec![0; MAX_METADATA_LENGTH / 2];
    let pair = |name: &str, value: &[u8]| Metadata::new([(name, value)]).expect("small").as_bytes().to_vec();
    let one = |name| pair(name, b"1");
    let cases = [
        ([one("a"), one("b")].concat(), None),
        ([one("b"), one("a")].concat(), Some("not sorted")),
        ([one("a"), one("a")].concat(), Some("stands twice")),
        ([pair("a", &half), pair("b", &half)].concat(), Some("the limit is")),
    ];
    for (bytes, expected) in cases {
        let metadata = Metadata::from_bytes(&bytes).expect("pairs");
        let mut writer = Writer::new(Vec::new(), &header()).expect("memory");
        writer.write(&Item { key: b"k".to_vec(), metadata, ..Item::default() }).expect("memory");
        let found = read(&writer.finish().expect("memory"));
        let error = found.as_ref().err().map_or("", |error| error.message());
        assert_eq!(found.is_err(), expected.is_some(), "{error}");
        assert!(error.contains(expected.unwrap_or("")), "{error}");
    }
}

/// Where each frame begins.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut at = 10;
    let mut starts = Vec::new();
    while at < bytes.len() {
        starts.push(at);
        let length = u32::from_le_bytes(bytes[at + 1..at + 5].try_into().expect("4 bytes"));
        at += 5 + length as usize + 4;
    }
    starts
}
