use super::*;

fn record(key: &[u8], value: &[u8], max_idle_ms: u64, metadata: &Metadata) -> Record {
    let parts = Parts { table: 7, key, value, revision: 3, deadline: clock::NEVER, max_idle_ms, metadata };
    Record::new(parts).expect("small")
}

#[test]
fn a_record_gives_back_what_it_was_made_of() {
    let metadata = Metadata::new([("b", &b"2"[..]), ("a", b"1")]).expect("small");
    for (key, value) in [(&b""[..], &b""[..]), (b"k", b""), (b"", b"v"), (b"key\0", &[0xff; 1000])] {
        let record = record(key, value, 5, &metadata);
        let second = record.clone();
        drop(record);
        assert_eq!((second.key(), second.value(), second.revision(), second.table()), (key, value, 3, 7));
        assert_eq!(second.metadata(), metadata);
        assert_eq!(second.max_idle_ms(), 5);
    }
}

#[test]
fn a_shared_value_is_not_copied_and_its_memory_lives_as_long_as_the_record() {
    let metadata = Metadata::new([("b", &b"2"[..])]).expect("small");
    let none = Metadata::default();
    for key_length in 0..20 {
        for (max_idle_ms, metadata) in [(0, &none), (5, &none), (0, &metadata), (5, &metadata)] {
            let key = vec![b'k'; key_length];
            let whole = Bytes::from(vec![7; 5000]);
            let parts =
                Parts { table: 7, key: &key, value: b"", revision: 3, deadline: clock::NEVER, max_idle_ms, metadata };
            let first = Record::over(parts, whole.slice(1000..)).expect("small");
            let record = first.clone();
            drop(first);
            assert!(!whole.is_unique());
            assert_eq!(record.value().as_ptr(), whole[1000..].as_ptr());
            assert_eq!((record.key(), record.value().len(), record.revision()), (&key[..], 4000, 3));
            assert_eq!((record.metadata_bytes(), record.max_idle_ms()), (metadata.as_bytes(), max_idle_ms));
            assert!(record.size() > 4000 + key_length);
            drop(record);
            assert!(whole.is_unique());
        }
    }
}

#[test]
fn a_record_without_extras_fits_mallocs_160_byte_class() {
    let record = record(&[0; 16], &[0; 100], 0, &Metadata::default());
    assert_eq!(record.size(), 152);
}

#[test]
fn a_key_over_the_limit_is_refused_by_name() {
    let key = vec![0; MAX_KEY_LENGTH + 1];
    let metadata = Metadata::default();
    let parts =
        Parts { table: 0, key: &key, value: b"", revision: 1, deadline: 0, max_idle_ms: 0, metadata: &metadata };
    let error = Record::new(parts).expect_err("too large");
    assert_eq!((error.status(), error.origin()), (Status::TOO_LARGE, "key"));
}
