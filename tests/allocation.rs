//! The hot path allocates nothing: reads of a memory store, under an allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use larder::Larder;
use larder::store::options::PutOptions;
use larder::store::{Lookup, Store};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it is; the count is a plain cell of the thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no cell any more.
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: by this function's own contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: by this function's own contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations this thread makes in `body`.
fn allocations(body: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    body();
    COUNT.get() - before
}

fn filled(config: &str) -> (Larder, Arc<dyn Store>) {
    let larder = Larder::open(config).expect("a larder");
    let store = larder.store("default").expect("a store");
    for number in 0..1000_u64 {
        let put = store.put(&number.to_le_bytes(), &[7; 100], &PutOptions::default());
        larder::wait(put, None).expect("written");
    }
    (larder, store)
}

fn peek_all(store: &dyn Store, numbers: std::ops::Range<u64>) -> usize {
    let mut out = [0; 100];
    let mut copy = |record: &larder::store::record::Record| out.copy_from_slice(record.value());
    numbers.filter(|number| store.peek(&number.to_le_bytes(), &mut copy) == Ok(Lookup::Hit)).count()
}

#[test]
fn a_read_allocates_nothing() {
    for config in ["memory://", "memory://?max_entries=2000&lifespan=1h", "memory://?max_entries=2000&max_idle=1h"] {
        let (_larder, store) = filled(config);
        let mut hits = 0;
        let counted = allocations(|| hits = peek_all(&*store, 0..2000));
        assert_eq!((hits, counted), (1000, 0), "{config}");
    }
}

#[test]
fn a_bulk_read_allocates_nothing() {
    let (_larder, store) = filled("memory://?max_entries=2000");
    let numbers: Vec<[u8; 8]> = (0..200_u64).map(u64::to_le_bytes).collect();
    let keys: Vec<&[u8]> = numbers.iter().map(|number| &number[..]).collect();
    let mut seen = 0;
    let counted = allocations(|| {
        store.peek_many(&keys, &mut |_, _| seen += 1).expect("open");
    });
    assert_eq!((seen, counted), (200, 0));
}

#[test]
fn a_write_over_a_record_allocates_the_record_only() {
    let (_larder, store) = filled("memory://?max_entries=2000");
    let options = PutOptions::default();
    let counted = allocations(|| {
        for number in 0..1000_u64 {
            larder::wait(store.put(&number.to_le_bytes(), &[8; 100], &options), None).expect("written");
        }
    });
    assert_eq!(counted, 1000);
}
