//! Where the configuration comes from, and the check of it.

use std::path::Path;

use clap::ArgMatches;
use serde_json::json;

use super::Failure;
use super::exit::Exit;
use super::output::Output;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::larder::Larder;

const PLACES: [&str; 2] = ["larder.toml", "/etc/larder/larder.toml"];

/// The configuration that the arguments name, and what it is called.
pub fn find(matches: &ArgMatches) -> Result<(Config, String)> {
    if let Some(given) = matches.get_one::<String>("config") {
        return Ok((read(given)?, given.clone()));
    }
    if let Ok(given) = std::env::var("LARDER_CONFIG") {
        return Ok((read(&given)?, "LARDER_CONFIG".to_owned()));
    }
    for place in PLACES {
        if Path::new(place).exists() {
            return Ok((Config::from_path(Path::new(place))?, place.to_owned()));
        }
    }
    let text = format!("there is none: give --config or LARDER_CONFIG, or write {}", PLACES.join(" or "));
    Err(Error::config("config", text))
}

/// The configuration that a text is or names.
pub fn read(given: &str) -> Result<Config> {
    if given.contains("://") || given.contains('\n') || given.trim_start().starts_with('{') {
        return Config::parse(given);
    }
    Config::from_path(Path::new(given))
}

/// Checks the configuration and says what it opens.
pub fn check(matches: &ArgMatches, given: &ArgMatches, output: &mut Output<'_>) -> std::result::Result<Exit, Failure> {
    debug_assert_eq!(given.subcommand_name(), Some("check"));
    let (config, _) = find(matches)?;
    let larder = Larder::from_config(config)?;
    let description = larder.describe();
    output.object(&json!({"valid": true, "stores": description["stores"]}), || {
        let mut text = String::from("the configuration is valid\n");
        for (name, about) in description["stores"].as_object().into_iter().flatten() {
            let kind = about["store"]["type"].as_str().unwrap_or("?");
            let (database, table) = (about["database"].as_str().unwrap_or(""), about["table"].as_str().unwrap_or(""));
            text += &format!("store {name}: type {kind}, database {database:?}, table {table:?}\n");
        }
        text
    })?;
    Ok(Exit::Done)
}
