//! The command `larder`: looks into any configured store, and changes it.
//!
//! Results go to standard output, errors to standard error, and the exit code says what happened ([`exit`]). With
//! `--json` each result is one JSON object a line.

mod arguments;
mod commands;
mod config;
mod doctor;
mod dump;
pub mod exit;
mod load;
mod migrate;
pub mod node;
mod output;
mod script;
mod source;
mod transfer;

/// What transfers keep in files so that they can go on, so that a test can hand it any.
#[doc(hidden)]
pub mod kept {
    pub use super::transfer::journal::Journal;
    pub use super::transfer::part::origin::Origin;
    pub use super::transfer::stamp::Stamp;
    pub use super::transfer::state::{Keeper, State};
    pub use super::transfer::tally::Tally;
}

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use crate::error::Error;
use commands::Session;
use exit::Exit;
use output::Output;

/// Runs the command with the program's arguments, its name first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = match arguments::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are no errors and go to standard output; clap knows which is which.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let mut stdout = std::io::stdout().lock();
    let mut output = Output::new(&mut stdout, matches.get_flag("json"));
    let result = match matches.subcommand() {
        Some(("completion", given)) => arguments::write_completion(given, output.raw()),
        Some(("man", _)) => arguments::write_man_page(output.raw()),
        Some((name, given)) => run(&matches, name, given, &mut output),
        None => unreachable!("clap requires a subcommand"),
    };
    let code = result.unwrap_or_else(|failure| failure.report(&mut std::io::stderr()));
    let _ = stdout.flush();
    code.into()
}

fn run(
    matches: &clap::ArgMatches,
    name: &str,
    given: &clap::ArgMatches,
    output: &mut Output<'_>,
) -> Result<Exit, Failure> {
    if name == "config" {
        return config::run(matches, given, output);
    }
    if name == "doctor" {
        return doctor::run(matches, given, output);
    }
    if name == "load" && given.get_flag("verify") {
        return load::verify(given, output);
    }
    let session = Session::open(matches)?;
    if name == "run" {
        return script::run(&session, given, output);
    }
    session.execute(name, given, output)
}

/// Why the command ends before its work is done.
pub(crate) enum Failure {
    /// Larder says so.
    Error(Error),
    /// Standard output was closed by its reader, which is no fault.
    Closed,
}

impl Failure {
    fn report(self, to: &mut impl Write) -> Exit {
        let Failure::Error(error) = self else { return Exit::Done };
        // A closed standard error leaves nobody to tell.
        let _ = writeln!(to, "larder: {error} [{}]", error.status().name());
        Exit::of(error.status())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Failure::Closed;
        }
        Failure::Error(Error::new(crate::error::Status::IO, "output", error.to_string()))
    }
}
