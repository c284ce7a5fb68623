//! The command's arguments, from which help, completion and man page are made.

use std::io::Write;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::Failure;
use super::exit::Exit;

const SHELLS: [&str; 4] = ["bash", "zsh", "fish", "elvish"];

/// The arguments of every subcommand.
pub const GLOBALS: [&str; 7] = ["config", "store", "database", "table", "timeout", "json", "hex"];

const AFTER_HELP: &str = "\
The configuration is --config, else $LARDER_CONFIG, else ./larder.toml, else /etc/larder/larder.toml.

Exit codes: 0 done, 1 no such record, 2 wrong arguments or configuration, 3 another revision than expected,
4 the store cannot be reached or did not answer in time, 5 another error.";

/// The command with all its subcommands.
pub fn command() -> Command {
    Command::new("larder")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Look into any store that Larder knows, and change it")
        .after_help(AFTER_HELP)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(globals())
        .subcommands(records())
        .subcommands(super::transfer::arguments::commands())
        .subcommand(super::doctor::arguments::command())
        .subcommands(others())
}

fn globals() -> [Arg; 7] {
    let global = |name: &'static str| Arg::new(name).long(name).global(true);
    [
        global("config").short('c').value_name("FILE|URL").help("Configuration file, or a URL such as memory://"),
        global("store").short('s').value_name("NAME").help("Which store of the configuration [default: the only one]"),
        global("database").value_name("NAME").help("Another database than configured"),
        global("table").value_name("NAME").help("Another table than configured"),
        global("timeout").value_name("DURATION").default_value("10s").help("How long an answer may take; 0 for ever"),
        global("json").action(ArgAction::SetTrue).help("Print one JSON object a line"),
        global("hex").action(ArgAction::SetTrue).help("Keys, prefixes and suffixes are hexadecimal, given and printed"),
    ]
}

fn records() -> Vec<Command> {
    let key = || Arg::new("key").required(true).value_name("KEY");
    let revision = || {
        Arg::new("if-revision")
            .long("if-revision")
            .value_name("REVISION")
            .value_parser(clap::value_parser!(u64))
            .help("Only if the record has this revision")
    };
    let limit = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("COUNT")
            .value_parser(clap::value_parser!(usize))
            .default_value("0")
            .help(help)
    };
    let prefix = || Arg::new("prefix").value_name("PREFIX").default_value("").help("Only keys that begin with this");
    vec![
        Command::new("get").about("Print a record's value").arg(key()).arg(
            Arg::new("long")
                .short('l')
                .long("long")
                .action(ArgAction::SetTrue)
                .help("Print revision, times and metadata too"),
        ),
        Command::new("put")
            .about("Write a record")
            .arg(key())
            .arg(Arg::new("value").value_name("VALUE").help("The value; without it, or with -, standard input"))
            .arg(
                Arg::new("lifespan")
                    .long("lifespan")
                    .value_name("DURATION")
                    .help("How long it lives, such as 5m; 0 for ever"),
            )
            .arg(
                Arg::new("max-idle")
                    .long("max-idle")
                    .value_name("DURATION")
                    .help("How long it lives unread; 0 for ever"),
            )
            .arg(
                Arg::new("metadata")
                    .short('m')
                    .long("metadata")
                    .value_name("NAME=VALUE")
                    .action(ArgAction::Append)
                    .help("Metadata to store with it"),
            )
            .arg(
                Arg::new("durability")
                    .long("durability")
                    .value_name("none|all|COUNT")
                    .help("Which replicas must have it: none, all of them, or at least so many"),
            )
            .arg(
                Arg::new("if-absent")
                    .long("if-absent")
                    .action(ArgAction::SetTrue)
                    .conflicts_with("if-revision")
                    .help("Only if there is no such record"),
            )
            .arg(revision()),
        Command::new("del").about("Remove records").arg(key().num_args(1..)).arg(revision()),
        Command::new("ls")
            .about("List keys, sorted")
            .arg(prefix())
            .arg(
                Arg::new("suffix")
                    .long("suffix")
                    .value_name("SUFFIX")
                    .default_value("")
                    .help("Only keys that end with this"),
            )
            .arg(limit("limit", "How many at most; 0 for all"))
            .arg(limit("offset", "How many to leave out at the front"))
            .arg(
                Arg::new("long")
                    .short('l')
                    .long("long")
                    .action(ArgAction::SetTrue)
                    .help("Print revisions, times and values too"),
            ),
        Command::new("watch")
            .about("Print changes as they happen, until interrupted")
            .arg(prefix())
            .arg(
                Arg::new("existing")
                    .long("existing")
                    .action(ArgAction::SetTrue)
                    .help("Begin with the records that are there"),
            )
            .arg(limit("count", "End after so many events; 0 for never")),
    ]
}

fn others() -> Vec<Command> {
    vec![
        Command::new("stat").about("Print what the store is, holds and has counted"),
        Command::new("ping").about("Ask whether the store answers"),
        Command::new("config")
            .about("Look at the configuration")
            .subcommand_required(true)
            .subcommands(super::config::commands()),
        Command::new("run")
            .about("Run commands from a file, one a line, in one process: a memory store lives that long")
            .arg(Arg::new("file").value_name("FILE").default_value("-").help("The file; - for standard input")),
        Command::new("completion")
            .about("Print a shell's completion script")
            .arg(Arg::new("shell").required(true).value_name("SHELL").value_parser(PossibleValuesParser::new(SHELLS))),
        Command::new("man").about("Print the man page"),
    ]
}

/// Prints the completion script of the shell that was asked for.
pub fn write_completion(given: &ArgMatches, to: &mut dyn Write) -> Result<Exit, Failure> {
    use clap_complete::Shell;

    let shell = match given.get_one::<String>("shell").map(String::as_str) {
        Some("zsh") => Shell::Zsh,
        Some("fish") => Shell::Fish,
        Some("elvish") => Shell::Elvish,
        _ => Shell::Bash,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "larder", &mut script);
    to.write_all(&script)?;
    Ok(Exit::Done)
}

/// Prints the man page: the command's own, then a section for each subcommand.
pub fn write_man_page(to: &mut dyn Write) -> Result<Exit, Failure> {
    let mut command = command();
    command.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let man = clap_mangen::Man::new(subcommand.clone());
        writeln!(page, ".SH COMMAND {}", subcommand.get_name().to_uppercase())?;
        man.render_description_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_options_section(&mut page)?;
        write_remarks(&man, &mut page)?;
        for inner in subcommand.get_subcommands().filter(|inner| inner.get_name() != "help") {
            let man = clap_mangen::Man::new(inner.clone());
            let name = format!("{} {}", subcommand.get_name(), inner.get_name());
            writeln!(page, ".SH COMMAND {}", name.to_uppercase())?;
            man.render_description_section(&mut page)?;
            man.render_synopsis_section(&mut page)?;
            man.render_options_section(&mut page)?;
        }
    }
    to.write_all(&page)?;
    Ok(Exit::Done)
}

/// What a subcommand's help ends with; it stays in the subcommand's section.
fn write_remarks(man: &clap_mangen::Man, page: &mut Vec<u8>) -> std::io::Result<()> {
    let mut remarks = Vec::new();
    man.render_extra_section(&mut remarks)?;
    let text = String::from_utf8_lossy(&remarks);
    page.write_all(text.replace(".SH EXTRA\n", ".PP\n").as_bytes())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_is_consistent() {
        super::command().debug_assert();
        assert_eq!(super::globals().map(|global| global.get_id().to_string()), super::GLOBALS);
    }
}
