//! `larder config`: what a profile knows, what is wrong with a configuration, and where each setting comes from.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::Failure;
use super::exit::Exit;
use super::output::Output;
use super::source;
use crate::config::profile::check::{Finding, Severity, check};
use crate::config::profile::environment::Environment;
use crate::config::profile::service::{Dialect, Service, Setting};
use crate::config::profile::{Address, Profile, Sources, explain, larder};
use crate::config::{Config, StoreConfig};
use crate::error::{Error, Result};
use crate::larder::Larder;

/// The subcommands of `config`.
pub fn commands() -> Vec<Command> {
    let profile = || {
        Arg::new("profile")
            .long("profile")
            .value_name("PROFILE")
            .value_parser(PossibleValuesParser::new(Profile::ALL.map(Profile::name)))
    };
    let service = || {
        Arg::new("service")
            .long("service")
            .value_name("SERVICE")
            .requires("profile")
            .help("Only this cache or store, such as STORAGE_USERS_FILEMETADATA_CACHE")
    };
    let of_variables =
        || profile().help("What the variables of this profile say; --config is then the file behind them");
    vec![
        Command::new("check")
            .about("Check the configuration and print what it opens, or what is wrong with a profile's variables")
            .arg(of_variables())
            .arg(service())
            .arg(
                Arg::new("strict")
                    .long("strict")
                    .action(ArgAction::SetTrue)
                    .help("End with exit code 2 for a warning too"),
            ),
        Command::new("explain")
            .about("Print each setting, its value, the source that won and what it overrode")
            .arg(of_variables())
            .arg(service()),
        Command::new("services")
            .about("List the caches and stores that a profile knows, with their variables and defaults")
            .arg(profile().default_value("ocis").help("The profile")),
    ]
}

/// Runs a subcommand of `config`.
pub fn run(matches: &ArgMatches, given: &ArgMatches, output: &mut Output<'_>) -> std::result::Result<Exit, Failure> {
    match given.subcommand() {
        Some(("services", given)) => services(given, output),
        Some(("explain", given)) => print_explanation(matches, given, output),
        Some((_, given)) => match profile(matches, given)? {
            Some((sources, service)) => check_profile(&sources, service.as_deref(), given.get_flag("strict"), output),
            None => check_document(matches, output),
        },
        None => unreachable!("clap requires a subcommand"),
    }
}

/// The profile that the arguments name, or the configuration when it is an address of one; with the service.
fn profile(matches: &ArgMatches, given: &ArgMatches) -> Result<Option<(Sources, Option<String>)>> {
    let text = source::given(matches);
    if let Some(name) = given.get_one::<String>("profile") {
        // What LARDER_CONFIG names is another configuration, not a part of this one.
        let file = matches.get_one::<String>("config").map(|text| path(text)).transpose()?;
        let sources = Sources::new(Profile::parse(name)?, Environment::process(), file.as_deref())?;
        return Ok(Some((sources, given.get_one::<String>("service").cloned())));
    }
    let Some(address) = text.filter(|text| text.starts_with("env://")) else { return Ok(None) };
    let address = Address::parse(&address)?;
    let sources = Sources::new(address.profile, Environment::process(), address.file.as_deref())?;
    Ok(Some((sources, address.service)))
}

fn path(text: &str) -> Result<PathBuf> {
    if !text.contains("://") {
        return Ok(PathBuf::from(text));
    }
    let path = text.strip_prefix("file://").filter(|path| path.starts_with('/'));
    let message = "with --profile it is the file behind the variables; expected a path";
    path.map(PathBuf::from).ok_or_else(|| Error::config("config", message))
}

fn check_document(matches: &ArgMatches, output: &mut Output<'_>) -> std::result::Result<Exit, Failure> {
    let (config, _) = source::find(matches)?;
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

fn check_profile(
    sources: &Sources,
    service: Option<&str>,
    is_strict: bool,
    output: &mut Output<'_>,
) -> std::result::Result<Exit, Failure> {
    let findings = check(sources, service, &opens)?;
    let count = |severity| findings.iter().filter(|found| found.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let object = json!({
        "valid": errors == 0,
        "errors": errors,
        "warnings": warnings,
        "findings": findings.iter().map(Finding::json).collect::<Vec<Value>>(),
    });
    output.object(&object, || {
        let lines: String = findings.iter().map(Finding::text).collect();
        let state = if errors == 0 { "the variables are valid" } else { "the variables cannot be used" };
        format!("{lines}{state}: {errors} errors, {warnings} warnings\n")
    })?;
    let fails = errors > 0 || (is_strict && warnings > 0);
    Ok(if fails { Exit::Usage } else { Exit::Done })
}

/// Whether the store of a section opens; it connects nothing.
fn opens(store: StoreConfig) -> Result<()> {
    let stores = [(crate::config::document::DEFAULT_STORE.to_owned(), store)].into();
    Larder::from_config(Config { stores }).map(drop)
}

fn print_explanation(
    matches: &ArgMatches,
    given: &ArgMatches,
    output: &mut Output<'_>,
) -> std::result::Result<Exit, Failure> {
    let explanations = match profile(matches, given)? {
        Some((sources, service)) => explain::profile(&sources, service.as_deref())?,
        None => {
            let (config, place) = source::find(matches)?;
            // A URL or a text may hold a password itself.
            let is_path = !place.contains("://") && !place.contains(['\n', '{', '=']);
            explain::document(&config, if is_path { &place } else { "--config" })
        }
    };
    for explanation in explanations {
        output.object(&explanation.json(), || explanation.text())?;
    }
    Ok(Exit::Done)
}

fn services(given: &ArgMatches, output: &mut Output<'_>) -> std::result::Result<Exit, Failure> {
    let profile = Profile::parse(given.get_one::<String>("profile").map_or("ocis", String::as_str))?;
    let Some((dialect, services)) = profile.services() else {
        return named_stores(profile, output);
    };
    for service in services {
        output.object(&service_object(profile, &dialect, &service), || service_text(&dialect, &service))?;
    }
    Ok(Exit::Done)
}

/// The plain profile knows no services but those that variables name.
fn named_stores(profile: Profile, output: &mut Output<'_>) -> std::result::Result<Exit, Failure> {
    let sources = Sources::new(profile, Environment::process(), None)?;
    for name in larder::names(&sources) {
        let variables = ["LARDER_STORE".to_owned(), format!("LARDER_{name}_STORE")];
        let object = json!({"profile": profile.name(), "name": name, "variables": {"type": variables}});
        output.object(&object, || {
            format!(
                "{name}\n  type      {}\n  <setting> {}\n",
                variables.join(", "),
                variables.map(|v| v + "_<SETTING>").join(", ")
            )
        })?;
    }
    Ok(Exit::Done)
}

fn service_object(profile: Profile, dialect: &Dialect, service: &Service) -> Value {
    let settings: serde_json::Map<String, Value> = Setting::ALL
        .iter()
        .map(|setting| {
            let about = json!({
                "default": service.default(*setting),
                "variables": service.variables(dialect, *setting),
            });
            (setting.key().to_owned(), about)
        })
        .collect();
    json!({
        "profile": profile.name(),
        "name": service.name,
        "service": service.service,
        "holds": service.holds,
        "settings": settings,
    })
}

fn service_text(dialect: &Dialect, service: &Service) -> String {
    let mut text = format!("{}: {} ({})\n", service.name, service.holds, service.service);
    for setting in Setting::ALL {
        let default = service.default(setting);
        let variables = service.variables(dialect, setting);
        if default.is_none() && variables.is_empty() {
            continue;
        }
        let default = default.filter(|default| !default.is_empty()).unwrap_or("-");
        let line = format!("  {:19}  {default:22}  {}", setting.key(), variables.join(", "));
        text += line.trim_end();
        text.push('\n');
    }
    text
}
