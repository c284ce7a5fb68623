//! Starts the servers that the contract of stores needs, or those that clients are measured on; runs a command, and stops
//! them.
//!
//! ```text
//! cargo run --example servers -- run -- COMMAND [ARGUMENT]...
//! cargo run --example servers -- measure -- COMMAND [ARGUMENT]...
//! ```
//!
//! The command finds in `LARDER_TEST_STORES` the name of a file that says how to reach them; `tests/README.md` has its
//! form. It also finds the variables of an oCIS service on the NATS server, with a record as that service's own Go code writes
//! it ([`planted`]). Its exit code is this program's; 70 says that the servers did not come up, 127 that there is no such command.

#[path = "planted.rs"]
mod planted;
#[path = "mod.rs"]
mod servers;

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use servers::stores::{Measured, Stores, VARIABLE};

const USAGE: &str = "usage: servers run|measure -- COMMAND [ARGUMENT]...";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let ended = match arguments.as_slice() {
        [run, dashes, command @ ..] if run == "run" && dashes == "--" && !command.is_empty() => {
            Stores::start().and_then(|stores| with_servers(stores.write()?, &planted::plant(&stores)?, command))
        }
        [measure, dashes, command @ ..] if measure == "measure" && dashes == "--" && !command.is_empty() => {
            Measured::start().and_then(|stores| with_servers(stores.write()?, &[], command))
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(fault) => {
            eprintln!("servers: {fault}");
            ExitCode::from(70)
        }
    }
}

/// Runs a command that finds the file, and further variables; gives its exit code.
fn with_servers(file: PathBuf, more: &[(&str, String)], words: &[OsString]) -> servers::Result<u8> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env(VARIABLE, file).envs(more.iter().map(|(name, value)| (name, value)));
    servers::process::die_with_parent(&mut command, libc::SIGTERM);
    let mut child = match servers::process::spawn_for_ever(command) {
        Ok(child) => child,
        Err(error) => {
            eprintln!("servers: {error}");
            return Ok(127);
        }
    };
    let status = child.wait().map_err(|error| error.to_string())?;
    // As a shell says it: 128 and the signal.
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    Ok(u8::try_from(code).unwrap_or(1))
}
