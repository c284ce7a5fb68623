use super::*;

fn parts<'a>(value: &'a [u8], metadata: &'a Metadata) -> Parts<'a> {
    Parts { table: 1, key: b"key", value, revision: 1, deadline: clock::NEVER, max_idle_ms: 0, metadata }
}

/// `RUSTFLAGS="--cfg larder_loom" cargo test --lib loom`. (A name of our own: `loom` alone would change tokio too.)
/// The count's atomics are loom's then, and a cell stands for the block's bytes: every order in which two threads
/// can let go is tried, and a free that does not come after every read fails the model.
#[test]
fn the_last_of_two_threads_frees_the_block_and_nobody_uses_it_after() {
    loom::model(|| {
        let metadata = Metadata::default();
        let parts = parts(b"value", &metadata);
        let first = Record::new(parts).expect("small");
        let second = first.clone();
        let other = loom::thread::spawn(move || {
            second.set_lifespan_deadline(7);
            let third = second.clone();
            drop(second);
            assert_eq!(third.value(), b"value");
        });
        assert_eq!(first.value(), b"value");
        drop(first);
        other.join().expect("the other thread");
    });
}

/// The same for a value that is shared: nobody reads it once it was given back.
#[test]
fn the_last_of_two_threads_gives_a_shared_value_back() {
    loom::model(|| {
        let metadata = Metadata::default();
        let parts = parts(b"", &metadata);
        let first = Record::over(parts, Bytes::from_static(b"value")).expect("small");
        let second = first.clone();
        let other = loom::thread::spawn(move || assert_eq!(second.value(), b"value"));
        assert_eq!(first.value(), b"value");
        drop(first);
        other.join().expect("the other thread");
    });
}
