//! Each setting of a store: its value, which source won, and what that overrode. Secrets are hidden.

use serde_json::{Value, json};

use super::choice::{Choice, Kind, Said, Source};
use super::resolve::{Resolved, is_file, note};
use super::service::Setting;
use super::{Profile, Sources, larder};
use crate::config::document::Config;
use crate::config::names::is_secret;
use crate::config::settings::is_content;
use crate::error::Result;

/// What a secret is shown as.
pub const HIDDEN: &str = "(hidden)";

/// The settings of one store.
pub struct Explanation {
    /// The store's name.
    pub name: String,
    /// Its settings.
    pub choices: Vec<Choice>,
}

/// Explains a service of a profile, or all of them.
///
/// # Errors
///
/// `CONFIG` for an unknown service, and for what keeps settings from being read at all; a malformed value does not.
pub fn profile(sources: &Sources, service: Option<&str>) -> Result<Vec<Explanation>> {
    if sources.profile == Profile::Larder {
        return plain(sources, service);
    }
    let resolved = match service {
        Some(service) => vec![sources.resolve(service)?],
        None => sources.resolve_all()?,
    };
    Ok(resolved.into_iter().map(of_service).collect())
}

/// Explains the stores of a document that was found at `place`.
pub fn document(config: &Config, place: &str) -> Vec<Explanation> {
    let stores = config.stores.iter().map(|(name, store)| {
        let mut choices = Vec::new();
        let mut add = |key: &str, value: Value| {
            let kind = if is_secret(key) { Kind::Secret } else { Kind::Text };
            let mut choice = Choice::new(key, kind);
            choice.say(Source::Document(format!("{} in {place}", store.settings.name(key))), value);
            choices.push(choice);
        };
        add("type", Value::from(store.kind.as_str()));
        for (key, text) in [("database", &store.database), ("table", &store.table)] {
            if !text.is_empty() {
                add(key, Value::from(text.as_str()));
            }
        }
        store.settings.iter().for_each(|(key, value)| add(key, value.clone()));
        Explanation { name: name.clone(), choices }
    });
    stores.collect()
}

fn plain(sources: &Sources, service: Option<&str>) -> Result<Vec<Explanation>> {
    let names: Vec<String> = service.map_or_else(|| larder::names(sources), |name| vec![name.to_owned()]);
    if names.is_empty() {
        let choices = larder::choices(sources, None)?;
        return Ok(vec![Explanation { name: crate::config::document::DEFAULT_STORE.to_owned(), choices }]);
    }
    let explain = |name: String| Ok(Explanation { choices: larder::choices(sources, Some(&name))?, name });
    names.into_iter().map(explain).collect()
}

fn of_service(resolved: Resolved) -> Explanation {
    let kind = resolved.kind();
    let mut choices = resolved.choices.clone();
    for (choice, setting) in choices.iter_mut().zip(Setting::ALL) {
        choice.note = match (&kind, choice.parse()) {
            (_, Err(error)) => Some(format!("malformed: {}", error.message())),
            (Err(error), Ok(())) if setting == Setting::Type => Some(error.message().to_owned()),
            (Err(_), Ok(())) => None,
            (Ok(kind), Ok(())) => note(&resolved, setting, kind),
        };
    }
    choices.extend(resolved.extra);
    Explanation { name: resolved.service.name.to_owned(), choices }
}

impl Explanation {
    /// It as text, a line a setting.
    pub fn text(&self) -> String {
        let width = self.choices.iter().map(|choice| choice.setting.len()).max().unwrap_or(0);
        let mut text = format!("{}\n", self.name);
        for choice in &self.choices {
            let (value, source) = match choice.winner() {
                Some(said) => (shown(choice, said), said.source.to_string()),
                None => ("-".to_owned(), "not set".to_owned()),
            };
            let value = if value.is_empty() { "\"\"" } else { &value };
            text += &format!("  {:width$}  {value}  ({source}", choice.setting);
            for said in choice.losers() {
                text += &format!("; over {} = {}", said.source, shown(choice, said));
            }
            text += ")\n";
            if let Some(note) = &choice.note {
                text += &format!("  {:width$}  ^ {note}\n", "");
            }
        }
        text
    }

    /// It as a JSON object.
    pub fn json(&self) -> Value {
        let word = |choice: &Choice, said: &Said| {
            json!({
                "value": shown(choice, said),
                "source": said.source.kind(),
                "name": said.source.name(),
            })
        };
        let settings: serde_json::Map<String, Value> = self
            .choices
            .iter()
            .map(|choice| {
                let mut object =
                    choice.winner().map_or_else(|| json!({"value": null, "source": null}), |said| word(choice, said));
                object["overrode"] = choice.losers().map(|said| word(choice, said)).collect();
                object["note"] = json!(choice.note);
                (choice.setting.clone(), object)
            })
            .collect();
        json!({"store": self.name, "settings": settings})
    }
}

/// A value as people may see it.
pub fn shown(choice: &Choice, said: &Said) -> String {
    let items: Vec<&str> = match &said.value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let text = match &said.value {
        Value::String(text) => text.clone(),
        Value::Array(all) if items.len() == all.len() => items.join(","),
        other => other.to_string(),
    };
    // A key that stands where its file's path should is still a key.
    if (choice.kind == Kind::Secret && !is_file(&said.source)) || is_content(&text) {
        return if text.is_empty() { text } else { HIDDEN.to_owned() };
    }
    let may_hold_credentials = choice.kind == Kind::List || text.contains("://") || text.contains('@');
    match (may_hold_credentials, items.is_empty()) {
        (false, _) => text,
        (true, true) => addresses(&text).into_iter().map(without_credentials).collect::<Vec<_>>().join(","),
        (true, false) => items.into_iter().map(without_credentials).collect::<Vec<_>>().join(","),
    }
}

/// The addresses of a text with commas. A comma may belong to a password: up to a piece with an `@` all that follows a scheme
/// is one address, and so is all that follows a `?`.
pub fn addresses(text: &str) -> Vec<&str> {
    let mut addresses: Vec<(usize, usize)> = Vec::new();
    let mut begin = 0;
    for piece in text.split(',') {
        let end = begin + piece.len();
        let first = match has_scheme(piece) {
            true => addresses.len(),
            // The end of a login: it began at the last scheme, or at the beginning.
            false if piece.contains('@') => {
                addresses.iter().rposition(|(begin, end)| has_scheme(&text[*begin..*end])).unwrap_or(0)
            }
            false => addresses.len() - usize::from(addresses.last().is_some_and(|(b, e)| text[*b..*e].contains('?'))),
        };
        let from = addresses.get(first).map_or(begin, |(begin, _)| *begin);
        addresses.truncate(first);
        addresses.push((from, end));
        begin = end + 1;
    }
    addresses.into_iter().map(|(begin, end)| &text[begin..end]).collect()
}

fn has_scheme(piece: &str) -> bool {
    let Some((scheme, _)) = piece.trim_start().split_once("://") else { return false };
    !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// A server's address without the user and password that may stand in it.
pub fn without_credentials(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    // What stands behind the question mark may be a password too, and what stands before it a part of one.
    let rest = match rest.split_once('?') {
        Some((_, query)) if query.contains('@') => HIDDEN.to_owned(),
        Some((place, _)) => format!("{}?{HIDDEN}", without_login(place)),
        None => without_login(rest),
    };
    scheme + &rest
}

fn without_login(place: &str) -> String {
    place.rsplit_once('@').map_or_else(|| place.to_owned(), |(_, host)| format!("{HIDDEN}@{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_a_servers_address_shows_its_credentials() {
        let expected = [
            ("127.0.0.1:9233", "127.0.0.1:9233"),
            ("nats://user:geheim@host:4222", "nats://(hidden)@host:4222"),
            ("user:ge@heim@host", "(hidden)@host"),
            ("redis://host/0?password=geheim", "redis://host/0?(hidden)"),
            ("redis://u:p@host/0?password=geheim", "redis://(hidden)@host/0?(hidden)"),
            ("redis://host/0?password=ge@heim", "redis://(hidden)"),
            ("redis://user:ge?heim@host", "redis://(hidden)"),
            ("redis://user:ge#heim@host", "redis://(hidden)@host"),
            ("sentinel:26379/mymaster", "sentinel:26379/mymaster"),
        ];
        for (address, shown) in expected {
            assert_eq!(without_credentials(address), shown);
        }
    }

    #[test]
    fn a_comma_in_a_password_does_not_show_a_part_of_it() {
        let list = |value: Value| {
            let mut choice = Choice::new("nodes", Kind::List);
            choice.say(Source::Variable("NODES".to_owned()), value);
            shown(&choice, &choice.said[0])
        };
        assert_eq!(list(json!("a:1,b:2")), "a:1,b:2");
        assert_eq!(list(json!("nats://u:p@a:1, nats://u:p@b:2")), "nats://(hidden)@a:1, nats://(hidden)@b:2");
        assert_eq!(list(json!("nats://u:pa,ss@h:1,b:2")), "nats://(hidden)@h:1,b:2");
        assert_eq!(list(json!("b:2,nats://u:p,a,s@h:1,c:3")), "b:2,nats://(hidden)@h:1,c:3");
        assert_eq!(list(json!("redis://h?password=p,ass,")), "redis://h?(hidden)");
        assert_eq!(list(json!(["nats://u:pa,ss@h:1", "b:2"])), "nats://(hidden)@h:1,b:2");
    }

    #[test]
    fn a_document_is_explained_without_its_secrets() {
        let config = Config::parse("type = \"memory\"\npassword = \"geheim\"\nlifespan = \"5m\"").expect("read");
        let explained = document(&config, "larder.toml");
        let text = explained[0].text();
        assert!(text.contains("password  (hidden)  (password in larder.toml)"), "{text}");
        assert!(text.contains("lifespan  5m  (lifespan in larder.toml)"), "{text}");
        assert!(!(text + &explained[0].json().to_string()).contains("geheim"));
    }
}
