//! `larder run`: commands from a file, one a line, on one opened store.

use std::io::{BufRead, BufReader, Read};

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::Failure;
use super::arguments;
use super::commands::Session;
use super::exit::Exit;
use super::output::Output;
use crate::error::{Error, Status};

/// Runs each line; ends at the first that fails. A line that finds no record, or a conflict, does not end it; the exit
/// code is that of the last line.
pub fn run(session: &Session, given: &ArgMatches, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let path = given.get_one::<String>("file").map_or("-", String::as_str);
    let mut exit = Exit::Done;
    for (index, line) in open(path)?.lines().enumerate() {
        let line = line?;
        let words = split(&line).ok_or_else(|| syntax(index, "a quote is not closed"))?;
        if words.is_empty() || words[0].starts_with('#') {
            continue;
        }
        let words = std::iter::once("larder".to_owned()).chain(words);
        let matches =
            arguments::command().try_get_matches_from(words).map_err(|error| syntax(index, &summary(&error)))?;
        let Some((name, given)) = matches.subcommand() else { continue };
        if let Some(global) = arguments::GLOBALS.iter().find(|global| is_given(given, global)) {
            let text = format!("--{global} holds for all lines; give it to \"larder run\" itself");
            return Err(syntax(index, &text).into());
        }
        exit = session.execute(name, given, output)?;
    }
    Ok(exit)
}

/// Whether the line itself has the argument; its default does not count.
fn is_given(given: &ArgMatches, argument: &str) -> bool {
    given.value_source(argument) == Some(ValueSource::CommandLine)
}

fn open(path: &str) -> Result<Box<dyn BufRead>, Failure> {
    let source: Box<dyn Read> = if path == "-" {
        Box::new(std::io::stdin())
    } else {
        let file = std::fs::File::open(path)
            .map_err(|error| Error::new(Status::IO, "FILE", format!("{path} cannot be read: {error}")))?;
        Box::new(file)
    };
    Ok(Box::new(BufReader::new(source)))
}

fn syntax(index: usize, message: &str) -> Error {
    Error::argument("FILE", format!("line {}: {message}", index + 1))
}

fn summary(error: &clap::Error) -> String {
    error.to_string().lines().next().unwrap_or("it cannot be read").trim_start_matches("error: ").to_owned()
}

/// The words of a line: separated by blanks, kept together by single or double quotes. `None` for an open quote.
fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_together_in_quotes() {
        let words = split("put 'a key' \"va'lue\" '' x\"y\"z").expect("closed");
        assert_eq!(words, ["put", "a key", "va'lue", "", "xyz"]);
        assert_eq!(split("put 'open"), None);
    }
}
