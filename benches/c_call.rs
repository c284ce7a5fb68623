//! What a call through the C functions costs over the same call in Rust: `larder_store_peek` of the shared object, as a
//! C program calls it, beside `Store::peek`; in one run, interleaved, on one thread.
//!
//! The bar: at most 15 ns more. The shared object is the one that `LARDER_LIBRARY` names, or that of the release build.

use std::ffi::{CString, c_char, c_int, c_void};
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use larder::Larder;
use larder::store::Lookup;
use larder::store::options::PutOptions;

const BAR_NS: f64 = 15.0;
const VALUE: usize = 100;
/// Few keys, so that the difference is the call and not the memory.
const KEYS: usize = 1024;

type Handle = *mut c_void;
type Open = unsafe extern "C" fn(*const u8, usize, *mut Handle, *mut Handle) -> i32;
type StoreOpen = unsafe extern "C" fn(Handle, *const u8, usize, *const c_void, *mut Handle, *mut Handle) -> i32;
type Put =
    unsafe extern "C" fn(Handle, *const u8, usize, *const u8, usize, *const c_void, *mut u64, *mut Handle) -> i32;
type Peek = unsafe extern "C" fn(Handle, *const u8, usize, *mut u8, usize, *mut usize, *mut u64, *mut Handle) -> i32;
type AbiVersion = unsafe extern "C" fn() -> u32;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// The functions of the shared object, as a C program finds them.
struct Library(*mut c_void);

impl Library {
    fn open() -> Library {
        let path = std::env::var_os("LARDER_LIBRARY").map_or_else(beside_this_program, PathBuf::from);
        let name = CString::new(path.as_os_str().as_encoded_bytes()).expect("a path without NUL");
        // SAFETY: a NUL-terminated path.
        let library = unsafe { dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!library.is_null(), "{} cannot be loaded; run cargo build --release first", path.display());
        Library(library)
    }

    /// # Safety
    ///
    /// `F` is the type of the function called `name`.
    unsafe fn function<F: Copy>(&self, name: &str) -> F {
        let name = CString::new(name).expect("no NUL");
        // SAFETY: a library that is never closed, and a NUL-terminated name.
        let symbol = unsafe { dlsym(self.0, name.as_ptr()) };
        assert!(!symbol.is_null(), "there is no {name:?}");
        assert_eq!(size_of::<F>(), size_of::<*mut c_void>());
        // SAFETY: by this function's contract.
        unsafe { std::mem::transmute_copy(&symbol) }
    }
}

fn beside_this_program() -> PathBuf {
    let program = std::env::current_exe().expect("this program's path");
    program.ancestors().nth(2).expect("target/release/deps").join("liblarder.so")
}

fn key(number: usize) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    key
}

/// Nanoseconds a call, the least of some turns.
fn measure(calls: usize, call: &mut dyn FnMut(usize)) -> f64 {
    let begin = Instant::now();
    for number in 0..calls {
        call(number % KEYS);
    }
    begin.elapsed().as_nanos() as f64 / calls as f64
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (turns, calls) = if quick { (5, 200_000) } else { (15, 1_000_000) };
    let keys: Vec<[u8; 16]> = (0..KEYS).map(key).collect();
    let value = [7; VALUE];

    let larder = Larder::open("memory://").expect("a memory store");
    let store = larder.store("default").expect("a store");
    for key in &keys {
        larder::wait(store.put(key, &value, &PutOptions::default()), None).expect("written");
    }
    // As long as a buffer of unknown size is: the compiler must not know the length of the copy here and not there.
    let mut buffer = vec![0u8; black_box(VALUE)];
    let mut in_rust = |number: usize| {
        let target = buffer.as_mut_slice();
        let mut length = 0;
        let found = store.peek(black_box(&keys[number]), &mut |record| {
            let value = record.value();
            length = value.len();
            target[..length].copy_from_slice(value);
        });
        assert_eq!((found, length), (Ok(Lookup::Hit), VALUE));
    };

    let library = Library::open();
    // SAFETY: the types are those of the header.
    let (open, store_open, put, peek, abi_version): (Open, StoreOpen, Put, Peek, AbiVersion) = unsafe {
        (
            library.function("larder_open"),
            library.function("larder_store_open"),
            library.function("larder_store_put"),
            library.function("larder_store_peek"),
            library.function("larder_abi_version"),
        )
    };
    let (mut handle, mut c_store, null) = (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut::<Handle>());
    // SAFETY: the pointers are valid for their lengths.
    unsafe {
        assert_eq!(open(b"memory://".as_ptr(), 9, &mut handle, null), 0);
        assert_eq!(store_open(handle, b"default".as_ptr(), 7, std::ptr::null(), &mut c_store, null), 0);
        for key in &keys {
            let (options, revision) = (std::ptr::null(), std::ptr::null_mut());
            assert_eq!(put(c_store, key.as_ptr(), 16, value.as_ptr(), VALUE, options, revision, null), 0);
        }
    }
    let (mut c_buffer, mut length, mut error) = ([0u8; VALUE], 0usize, std::ptr::null_mut());
    let mut in_c = |number: usize| {
        let key = black_box(&keys[number]);
        // SAFETY: the pointers are valid for their lengths.
        let status = unsafe {
            let (target, revision) = (c_buffer.as_mut_ptr(), std::ptr::null_mut());
            peek(c_store, key.as_ptr(), 16, target, VALUE, &mut length, revision, &mut error)
        };
        assert_eq!((status, length), (0, VALUE));
    };
    // SAFETY: it takes nothing.
    let mut empty = |_| assert_eq!(unsafe { abi_version() }, 1);

    let (mut rust_ns, mut c_ns, mut empty_ns) = (f64::MAX, f64::MAX, f64::MAX);
    for _ in 0..turns {
        rust_ns = rust_ns.min(measure(calls, &mut in_rust));
        c_ns = c_ns.min(measure(calls, &mut in_c));
        empty_ns = empty_ns.min(measure(calls, &mut empty));
    }
    println!("| a hit of {VALUE} bytes, {KEYS} keys, one thread | ns, least of {turns} |");
    println!("|---|---|");
    println!("| Rust, Store::peek and a copy | {rust_ns:.1} |");
    println!("| C, larder_store_peek | {c_ns:.1} |");
    println!("| C over Rust | {:.1} |", c_ns - rust_ns);
    println!("| C, a call that does nothing (larder_abi_version) | {empty_ns:.1} |");
    println!("\nbar: C over Rust at most {BAR_NS} ns");
}
