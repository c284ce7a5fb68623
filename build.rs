//! Link settings of the shared object.
//!
//! * the soname carries the ABI's major number, so that a program linked against one major never starts with another;
//! * `nodelete` keeps the object mapped after `dlclose`: its threads and thread-local destructors live in it.

/// Major number of the ABI; `tests/abi` holds what it promises.
const ABI_MAJOR: u32 = 1;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if target != "linux" {
        return;
    }
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,liblarder.so.{ABI_MAJOR}");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,now");
}
