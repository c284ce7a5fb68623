//! Where the configuration comes from.

use std::path::Path;

use clap::ArgMatches;

use crate::config::Config;
use crate::error::{Error, Result};

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

/// The text that names the configuration: `--config`, else the variable.
pub fn given(matches: &ArgMatches) -> Option<String> {
    matches.get_one::<String>("config").cloned().or_else(|| std::env::var("LARDER_CONFIG").ok())
}

/// The configuration that a text is or names.
pub fn read(given: &str) -> Result<Config> {
    if given.contains("://") || given.contains('\n') || given.trim_start().starts_with('{') {
        return Config::parse(given);
    }
    Config::from_path(Path::new(given))
}
