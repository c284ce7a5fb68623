use super::*;
use crate::store::format::dump::Item;

/// A path that no other test has.
fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("larder-part-{}-{name}", std::process::id()));
    let paths = Paths::of(&path);
    for path in [&paths.file, &paths.part, &paths.origin, &paths.new] {
        let _ = std::fs::remove_file(path);
    }
    path
}

fn header() -> Header {
    let text = |text: &str| text.to_owned();
    Header { id: [7; 16], created_unix_ms: 5, kind: text("m"), database: text(""), table: text(""), prefix: vec![1] }
}

/// What a later command would begin with.
fn later() -> Header {
    Header { id: [8; 16], created_unix_ms: 6, ..header() }
}

fn item(key: &str, revision: u64) -> Item {
    Item { key: key.into(), value: b"value".to_vec(), revision, ..Item::default() }
}

fn write(part: &mut Part, items: &[Item]) {
    let mut writer = part.writer().expect("writable");
    items.iter().for_each(|item| writer.write(item).expect("writable"));
    writer.flush().expect("writable");
}

fn stamp(revision: u64, expires_unix_ms: u64) -> Stamp {
    Stamp { revision, expires_unix_ms }
}

fn plan(keys: &[(&str, u64)]) -> Plan {
    let mut plan = Plan::default();
    keys.iter().for_each(|(key, revision)| plan.push(key.as_bytes(), stamp(*revision, 0)));
    plan.sort();
    plan
}

fn read(path: &Path) -> (Header, Vec<(String, u64)>) {
    let mut reader = Reader::new(File::open(path).expect("there")).expect("a dump");
    let header = reader.header().clone();
    let items = std::iter::from_fn(|| reader.read().expect("whole"));
    (header, items.map(|item| (String::from_utf8(item.key).expect("text"), item.revision)).collect())
}

#[test]
fn wherever_it_is_cut_what_was_whole_stays_and_the_end_is_a_dump() {
    let path = path("cut");
    let mut part = Part::begin(&path, "s", &header()).expect("writable");
    write(&mut part, &[item("a", 1), item("b", 2)]);
    let part_path = part.path().to_owned();
    drop(part);
    let bytes = std::fs::read(&part_path).expect("there");
    let origin = std::fs::read(&Paths::of(&path).origin).expect("there");
    for cut in 0..=bytes.len() {
        std::fs::write(&part_path, &bytes[..cut]).expect("writable");
        std::fs::write(Paths::of(&path).origin, &origin).expect("writable");
        let found = Part::find(&path, "s", &later()).expect("its own");
        let kept = found.as_ref().map_or(0, Part::records);
        let header = if found.is_some() { header() } else { later() };
        let mut part = found.unwrap_or_else(|| Part::begin(&path, "s", &later()).expect("writable"));
        let mut plan = plan(&[("a", 1), ("b", 2), ("c", 3)]);
        assert_eq!(part.reconcile(&mut plan).expect("writable"), 0);
        assert_eq!(plan.len() as u64, 3 - kept, "cut at {cut}");
        let items = [item("a", 1), item("b", 2), item("c", 3)];
        let mut writer = part.writer().expect("writable");
        items[kept as usize..].iter().for_each(|item| writer.write(item).expect("writable"));
        writer.finish().expect("writable");
        part.keep().expect("writable");
        let whole = [("a".to_owned(), 1), ("b".to_owned(), 2), ("c".to_owned(), 3)];
        assert_eq!(read(&path), (header, whole.to_vec()), "cut at {cut}");
    }
    let _ = std::fs::remove_file(&path);
}

#[test]
fn what_changed_or_went_away_is_taken_out() {
    let path = path("stale");
    let mut part = Part::begin(&path, "s", &header()).expect("writable");
    write(&mut part, &[item("a", 1), item("b", 2), item("c", 3), item("d", 4)]);
    drop(part);
    let mut part = Part::find(&path, "s", &later()).expect("its own").expect("there");
    let mut plan = plan(&[("a", 1), ("b", 9), ("d", 4), ("e", 5)]);
    assert_eq!(part.reconcile(&mut plan).expect("writable"), 2);
    let left: Vec<_> = (0..plan.len()).map(|place| plan.get(place)).collect();
    assert_eq!(left, [(b"e".as_slice(), stamp(5, 0)), (b"b", stamp(9, 0))]);
    assert_eq!(part.records(), 2);
    // Another one is kept away from what it writes now, too.
    assert_eq!(Part::find(&path, "s", &later()).err().expect("held").status(), Status::BUSY);
    let mut writer = part.writer().expect("writable");
    for item in [item("e", 5), item("b", 9)] {
        writer.write(&item).expect("writable");
    }
    writer.finish().expect("writable");
    part.keep().expect("writable");
    let left = [("a", 1), ("d", 4), ("e", 5), ("b", 9)].map(|(key, revision)| (key.to_owned(), revision));
    assert_eq!(read(&path), (header(), left.to_vec()));
    assert!(Part::find(&path, "s", &later()).expect("nothing").is_none());
    let _ = std::fs::remove_file(&path);
}

#[test]
fn one_that_had_its_end_but_not_its_name_goes_on_like_any_other() {
    let path = path("ended");
    let mut part = Part::begin(&path, "s", &header()).expect("writable");
    let mut writer = part.writer().expect("writable");
    writer.write(&item("a", 1)).expect("writable");
    writer.finish().expect("writable");
    drop(part);
    let mut part = Part::find(&path, "s", &later()).expect("its own").expect("there");
    assert_eq!((part.records(), part.torn()), (1, 0));
    assert_eq!(part.reconcile(&mut plan(&[("a", 1)])).expect("writable"), 0);
    part.writer().expect("writable").finish().expect("writable");
    part.keep().expect("writable");
    assert_eq!(read(&path).1, [("a".to_owned(), 1)]);
    let _ = std::fs::remove_file(&path);
}

#[test]
fn what_got_another_lifespan_is_taken_out_though_its_revision_is_the_same() {
    let path = path("touched");
    let hour = 3_600_000;
    let at = |key: &str, expires_unix_ms| Item { expires_unix_ms, ..item(key, 1) };
    let items = [at("clock", 9 * hour), at("longer", 9 * hour), at("for ever", 9 * hour), at("no more", 0)];
    let mut part = Part::begin(&path, "s", &header()).expect("writable");
    write(&mut part, &items);
    drop(part);
    let mut part = Part::find(&path, "s", &later()).expect("its own").expect("there");
    let mut plan = Plan::default();
    // Of the first one, two clocks are not of one mind.
    for (key, expires_unix_ms) in
        [("clock", 9 * hour + 1_000), ("longer", 10 * hour), ("for ever", 0), ("no more", 9 * hour)]
    {
        plan.push(key.as_bytes(), stamp(1, expires_unix_ms));
    }
    assert_eq!(part.reconcile(&mut plan).expect("writable"), 3);
    assert_eq!((plan.len(), part.records()), (3, 1));
    part.discard();
}
