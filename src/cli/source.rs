//! Where the configuration comes from.

use std::path::Path;

use clap::ArgMatches;

use crate::config::Config;
use crate::config::profile::environment::Environment;
use crate::config::profile::{Address, Sources};
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

/// The sources of a profile whose services are all meant, as by `env://ocis`; `None` for any other configuration.
pub fn all_services(matches: &ArgMatches) -> Result<Option<Sources>> {
    let Some(address) = given(matches).filter(|text| text.starts_with("env://")) else { return Ok(None) };
    let address = Address::parse(&address)?;
    if address.service.is_some() {
        return Ok(None);
    }
    Sources::new(address.profile, Environment::process(), address.file.as_deref()).map(Some)
}

/// The configuration that a text is or names.
pub fn read(given: &str) -> Result<Config> {
    let is_document = given.contains("://") || given.contains(['\n', '=']) || given.trim_start().starts_with('{');
    if is_document && !Path::new(given).exists() {
        return Config::parse(given);
    }
    // A URL with a letter wrong, which may hold a password.
    if given.contains('@') && !Path::new(given).exists() {
        let text = "it names no file, and is not repeated, for it may be meant as a URL; expected a file's path, or a URL \
                    such as redis://host:6379";
        return Err(Error::config("config", text));
    }
    Config::from_path(Path::new(given))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_document_a_url_or_a_path_and_a_mistyped_url_is_not_repeated() {
        assert_eq!(read("stores.a = {type = \"memory\"}").expect("a document").stores.len(), 1);
        assert_eq!(read("memory://").expect("a URL").stores.len(), 1);
        let error = read("redis:/:hush@host:6379").expect_err("no file").to_string();
        assert!(error.starts_with("config: it names no file") && !error.contains("hush"), "{error}");
        let error = read("no-such.toml").expect_err("no file").to_string();
        assert!(error.starts_with("config: no-such.toml cannot be read"), "{error}");
    }
}
