//! The arguments of `dump`, `load` and `migrate`.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command};

use super::sink::IfExists;

const DUMP_HELP: &str = "\
FILE takes its name when it is whole; until then it is FILE.larder-part. A dump of a store on a server that was interrupted
goes on with --resume: what is in FILE.larder-part is verified, what was not written whole is written again, and the store is
listed anew. A record that is in the file and has not changed since, nor got another lifespan, stays; one that has changed or
gone is taken out, and what is left is read. So each record that was there all the time is in the dump once, as it was after the last --resume.";

const LOAD_HELP: &str = "\
A load that was interrupted goes on with --resume: how far it came stands in FILE.larder-progress, or where --state says.
Records go in by ascending revision, as they lay in the store that was dumped. A record's checksum is verified before it is
written; exit code 5 for a file that is damaged or cut short.";

const MIGRATE_HELP: &str = "\
With --state an interrupted migration goes on where it was when the same command is given again; what --verify finds
missing or different is then written again. Without --to the target is in the same configuration. What the target cannot keep is
said before anything is written. Two stores that would list or overwrite records of one another are refused.";

/// The subcommands.
pub fn commands() -> Vec<Command> {
    vec![dump(), load(), migrate()]
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn progress() -> Arg {
    flag("progress", "Tell how it goes also when standard error is no terminal")
}

fn prefix() -> Arg {
    option("prefix", "PREFIX", "Only keys that begin with this").default_value("")
}

fn unreadable() -> Arg {
    flag("skip-unreadable", "Leave out, and tell, what the source holds in another format")
}

fn if_exists() -> Arg {
    option("if-exists", "WHAT", "What to do with a record whose key the target has")
        .value_parser(PossibleValuesParser::new(IfExists::NAMES))
        .default_value(IfExists::NAMES[0])
}

fn lossy() -> Arg {
    flag("lossy", "Let go of metadata and lifespans that the target cannot keep")
}

fn too_large() -> Arg {
    flag("skip-too-large", "Exit code 0 also when records are too large for the target")
}

fn dump() -> Command {
    Command::new("dump")
        .about("Write a store's records to a file, from which load puts them into any store")
        .after_help(DUMP_HELP)
        .arg(Arg::new("file").value_name("FILE").default_value("-").help("The file; - for standard output"))
        .args([
            prefix(),
            flag("resume", "Go on where an interrupted dump was, leaving out what has changed or gone since"),
            unreadable(),
            progress(),
        ])
}

fn load() -> Command {
    Command::new("load")
        .about("Write a dump's records into a store")
        .after_help(LOAD_HELP)
        .arg(Arg::new("file").required(true).value_name("FILE").help("The dump; - for standard input"))
        .args([
            if_exists(),
            flag("verify", "Only check that the dump is whole; no store is needed"),
            flag("resume", "Go on where an interrupted load was"),
            option("state", "STATE", "Where to keep how far the load came [default: FILE.larder-progress]"),
            lossy(),
            too_large(),
            progress(),
        ])
}

fn migrate() -> Command {
    Command::new("migrate").about("Write a store's records into another store").after_help(MIGRATE_HELP).args([
        option("to", "FILE|URL", "The target's configuration"),
        option("to-store", "NAME", "Which store of it [default: the only one]"),
        option("to-database", "NAME", "Another database than it says"),
        option("to-table", "NAME", "Another table than it says"),
        prefix(),
        if_exists(),
        option("state", "STATE", "Keep in this file which records are done, and leave those out"),
        flag("verify", "Compare source and target in the end"),
        lossy(),
        too_large(),
        unreadable(),
        progress(),
    ])
}
