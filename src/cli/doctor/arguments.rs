//! The arguments of `doctor`.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command};

/// The formats of its report.
pub const FORMATS: [&str; 4] = ["text", "json", "nagios", "prometheus"];

const HELP: &str = "\
Each store is looked at step by step: names, connections, TLS, exposure (whether a server lets in whoever reaches it),
login, bucket or master, then a record under the key larder-doctor-<random> is written, read, swapped, watched and
removed, and the server's clock is compared with this machine's. What failed is told with advice.

Exit codes as of every command, 0 also with warnings; with --format nagios 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN
for a configuration that cannot be used.";

/// The subcommand.
pub fn command() -> Command {
    let read_only = Arg::new("read-only").long("read-only").action(ArgAction::SetTrue);
    Command::new("doctor")
        .about("Look for what is wrong between here and the stores, step by step, with advice")
        .after_help(HELP)
        .arg(read_only.help("Write nothing, not even a record of its own"))
        .arg(
            Arg::new("wait")
                .long("wait")
                .value_name("DURATION")
                .help("Look again until all is well, this long at most: for what has to wait for its stores"),
        )
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .value_parser(PossibleValuesParser::new(FORMATS))
                .help("What the report looks like [default: text; json with --json]"),
        )
}
