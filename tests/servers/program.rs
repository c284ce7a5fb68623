//! Starts the servers that the contract of stores needs, runs a command, and stops them.
//!
//! ```text
//! cargo run --example servers -- run -- COMMAND [ARGUMENT]...
//! ```
//!
//! The command finds in `LARDER_TEST_STORES` the name of a file that says how to reach them; `tests/README.md` has its
//! form. Its exit code is this program's; 70 says that the servers did not come up, 127 that there is no such command.

#[path = "mod.rs"]
mod servers;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};

use servers::stores::{Stores, VARIABLE};

const USAGE: &str = "usage: servers run -- COMMAND [ARGUMENT]...";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [run, dashes, program, rest @ ..] = arguments.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if run != "run" || dashes != "--" {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    let mut command = Command::new(program);
    command.args(rest);
    match with_servers(command) {
        Ok(code) => ExitCode::from(code),
        Err(fault) => {
            eprintln!("servers: {fault}");
            ExitCode::from(70)
        }
    }
}

fn with_servers(mut command: Command) -> servers::Result<u8> {
    let stores = Stores::start()?;
    command.env(VARIABLE, stores.write()?);
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
