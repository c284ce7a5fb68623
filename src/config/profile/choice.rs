//! One setting, what each source says of it, and which of them won.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::config::duration;
use crate::config::settings::Settings;
use crate::error::{Error, Result};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything; the profile's own value.
    Default,
    /// A configuration file.
    File {
        /// Where it is.
        path: PathBuf,
        /// The setting's full name in it.
        setting: String,
    },
    /// A variable of the environment.
    Variable(String),
    /// A variable that names the file that holds the secret.
    FileVariable(String),
    /// A configuration document.
    Document(String),
}

/// What one source says.
#[derive(Clone, PartialEq)]
pub struct Said {
    /// The source.
    pub source: Source,
    /// Its word: a text from the environment, what the document holds from a file.
    pub value: Value,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text; an empty one overrides.
    Text,
    /// A text that nobody may see.
    Secret,
    /// Texts with commas between them; an empty one overrides.
    List,
    /// As Go's `strconv.ParseBool` reads it.
    Flag,
    /// As Go's `time.ParseDuration` reads it, but never negative.
    Duration,
}

/// A setting with all that was said of it.
#[derive(Clone)]
pub struct Choice {
    /// The setting, by the name that stores give it.
    pub setting: String,
    /// How its value is written.
    pub kind: Kind,
    /// What was said, the weakest source first.
    pub said: Vec<Said>,
    /// Why the value is not what a reader expects; `None` when it is.
    pub note: Option<String>,
}

impl Source {
    /// The name that an error calls the setting by; `None` for a default.
    pub fn name(&self) -> Option<&str> {
        match self {
            Source::Default => None,
            Source::File { setting, .. } => Some(setting),
            Source::Variable(name) | Source::FileVariable(name) | Source::Document(name) => Some(name),
        }
    }

    /// The source in a word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Source::Default => "default",
            Source::File { .. } => "file",
            Source::Variable(_) | Source::FileVariable(_) => "variable",
            Source::Document(_) => "document",
        }
    }

    /// Whether it is a variable of the environment.
    pub fn is_variable(&self) -> bool {
        matches!(self, Source::Variable(_) | Source::FileVariable(_))
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File { path, setting } => write!(f, "{setting} in {}", path.display()),
            Source::Variable(name) | Source::FileVariable(name) | Source::Document(name) => f.write_str(name),
        }
    }
}

impl Choice {
    /// A setting of which nothing was said yet.
    pub fn new(setting: impl Into<String>, kind: Kind) -> Choice {
        Choice { setting: setting.into(), kind, said: Vec::new(), note: None }
    }

    /// Adds what a stronger source says.
    pub fn say(&mut self, source: Source, value: impl Into<Value>) {
        self.said.push(Said { source, value: value.into() });
    }

    /// What won: the strongest source. oCIS reads only the strongest variable that is set, and an empty one changes no
    /// flag and no duration: then the file or the default stays, not a weaker variable.
    pub fn winner(&self) -> Option<&Said> {
        let last = self.said.last()?;
        if self.ignores(last) {
            return self.said.iter().rev().find(|said| !said.source.is_variable());
        }
        Some(last)
    }

    /// What lost, the strongest first.
    pub fn losers(&self) -> impl Iterator<Item = &Said> {
        let winner = self.winner().map(|said| said as *const Said);
        self.said.iter().rev().filter(move |said| Some(*said as *const Said) != winner)
    }

    /// Whether `said` is an empty variable where an empty value says nothing.
    pub fn ignores(&self, said: &Said) -> bool {
        let says_nothing = matches!(self.kind, Kind::Flag | Kind::Duration);
        says_nothing && said.source.is_variable() && said.value.as_str() == Some("")
    }

    /// Whether anybody but the profile said what won.
    pub fn is_chosen(&self) -> bool {
        self.winner().is_some_and(|said| said.source != Source::Default)
    }

    /// The text that won; empty when there is none.
    ///
    /// # Errors
    ///
    /// `CONFIG` that names the source when it says something else.
    pub fn text(&self) -> Result<String> {
        Ok(self.read(|settings| settings.text(VALUE))?.unwrap_or_default())
    }

    /// The flag that won.
    ///
    /// # Errors
    ///
    /// As [`Choice::text`].
    pub fn flag(&self) -> Result<bool> {
        Ok(self.read(|settings| settings.flag(VALUE))?.unwrap_or_default())
    }

    /// The list that won, trimmed, without empty items.
    ///
    /// # Errors
    ///
    /// As [`Choice::text`].
    pub fn list(&self) -> Result<Vec<String>> {
        Ok(self.read(|settings| settings.list(VALUE))?.unwrap_or_default())
    }

    /// The duration that won; zero when there is none.
    ///
    /// # Errors
    ///
    /// As [`Choice::text`], and for a negative one.
    pub fn duration(&self) -> Result<std::time::Duration> {
        let Some(said) = self.winner() else { return Ok(std::time::Duration::ZERO) };
        duration_of(said, &self.setting)
    }

    /// Checks the value of each source as if it had won; the errors of what was overridden come apart.
    pub fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        let winner = self.winner().map(|said| said as *const Said);
        for said in &self.said {
            let alone = Choice { said: vec![said.clone()], ..self.clone() };
            let Err(error) = alone.parse() else { continue };
            let list = if Some(said as *const Said) == winner { &mut faults.effective } else { &mut faults.overridden };
            list.push(error);
        }
        faults
    }

    /// Reads the value and forgets it.
    ///
    /// # Errors
    ///
    /// As [`Choice::text`].
    pub fn parse(&self) -> Result<()> {
        match self.kind {
            Kind::Text | Kind::Secret => self.text().map(drop),
            Kind::List => self.list().map(drop),
            Kind::Flag => self.flag().map(drop),
            Kind::Duration => self.duration().map(drop),
        }
    }

    fn read<T>(&self, take: impl FnOnce(&mut Settings) -> Result<Option<T>>) -> Result<Option<T>> {
        let Some(said) = self.winner() else { return Ok(None) };
        let mut settings = Settings::new("", Map::from_iter([(VALUE.to_owned(), said.value.clone())]));
        settings.rename(VALUE, said.source.name().unwrap_or(&self.setting));
        take(&mut settings)
    }
}

/// What is wrong with a setting.
#[derive(Debug, Default)]
pub struct Faults {
    /// In the value that won.
    pub effective: Vec<Error>,
    /// In values that others overrode.
    pub overridden: Vec<Error>,
}

const VALUE: &str = "value";

fn duration_of(said: &Said, setting: &str) -> Result<std::time::Duration> {
    let parsed = match &said.value {
        Value::String(text) => {
            // Go takes a sign.
            let (negative, digits) = match text.strip_prefix('-') {
                Some(digits) => (true, digits),
                None => (false, text.strip_prefix('+').unwrap_or(text)),
            };
            duration::parse(digits).filter(|duration| !negative || duration.is_zero())
        }
        Value::Number(number) => number.as_u64().map(std::time::Duration::from_millis),
        _ => None,
    };
    parsed.ok_or_else(|| {
        let name = said.source.name().unwrap_or(setting).to_owned();
        let expected = "a duration of 0 or more, such as \"300ms\", \"24m\" or \"1h30m\"";
        Error::config(name, format!("it is {}; expected {expected}", said.value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(kind: Kind, said: &[(Option<&str>, &str)]) -> Choice {
        let mut choice = Choice::new("lifespan", kind);
        for (variable, value) in said {
            let source = variable.map_or(Source::Default, |name| Source::Variable(name.to_owned()));
            choice.say(source, *value);
        }
        choice
    }

    #[test]
    fn the_strongest_wins_and_the_others_are_remembered() {
        let choice = choice(Kind::Text, &[(None, "memory"), (Some("GLOBAL"), "noop"), (Some("LOCAL"), "redis")]);
        assert_eq!(choice.text().as_deref(), Ok("redis"));
        let losers: Vec<String> = choice.losers().map(|said| said.source.to_string()).collect();
        assert_eq!(losers, ["GLOBAL", "default"]);
    }

    #[test]
    fn an_empty_variable_overrides_a_text_but_leaves_a_duration_to_file_and_default() {
        let said = [(None, "24m"), (Some("GLOBAL"), "5m"), (Some("LOCAL"), "")];
        assert_eq!(choice(Kind::Text, &said).text().as_deref(), Ok(""));
        assert_eq!(choice(Kind::Duration, &said).duration(), Ok(std::time::Duration::from_secs(24 * 60)));
    }

    #[test]
    fn a_duration_takes_a_sign_as_go_does_but_is_never_negative() {
        let duration = |text| choice(Kind::Duration, &[(Some("A_TTL"), text)]).duration();
        assert_eq!(duration("+5s"), Ok(std::time::Duration::from_secs(5)));
        assert_eq!(duration("-0s"), Ok(std::time::Duration::ZERO));
        for text in ["-5s", "24", "1d", "--5s", "+"] {
            let error = duration(text).expect_err(text).to_string();
            assert!(
                error.starts_with(&format!("A_TTL: it is \"{text}\"; expected a duration of 0 or more")),
                "{error}"
            );
        }
    }
}
