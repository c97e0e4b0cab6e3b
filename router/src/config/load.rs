//! From a file and an environment to a [`Config`], with errors that say where.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Read;
use std::path::Path;

use figment::Figment;
use figment::error::Kind as Wrong;
use figment::providers::Serialized;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Place, suggest};
use super::raw::{self, Raw};
use super::{Config, ListenSection, NodeSection, ReputationSection, TEMPLATE};

/// Largest configuration file in bytes: ten thousand trusted reporters fit.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// What the names of our environment variables begin with.
const PREFIX: &str = "OSTRAKON_";

/// Reads at most [`FILE_BYTES_MAX`] bytes of text.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let len_bytes = file.metadata().map_err(unreadable)?.len();
    if len_bytes > FILE_BYTES_MAX {
        return Err(ConfigError::TooLarge { path: path.to_owned(), len_bytes, max_bytes: FILE_BYTES_MAX });
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// Merges file and environment and checks the result.
pub(super) fn parse(
    path: &Path,
    text: &str,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let mut file: toml::Table = toml::from_str(text).map_err(|fault| syntax(path, text, &fault))?;
    let mut origin = Origin { path, text, overridden: BTreeSet::new() };
    let mut variables = Vec::new();
    for (name, value) in environment {
        if let Some((key, value)) = variable(name, value)? {
            forget(&mut file, &key); // Merging would join two tables of seeds; the environment replaces them.
            variables.push(Serialized::default(&key.join("."), value));
            origin.overridden.insert(key);
        }
    }
    let figment = variables.into_iter().fold(Figment::from(Serialized::defaults(file)), Figment::merge);
    let raw: Raw = figment.extract().map_err(|fault| origin.explain(fault))?;
    let raw::RawNode { network, domain, announce_policy } = raw.node;
    let node = NodeSection { network, domain, announce_policy };
    Ok(Config {
        listen: ListenSection::from(raw.listen).checked().map_err(|fault| {
            let place = origin.place(&["listen", fault.key]);
            fault.at(place, "listen")
        })?,
        store: raw.store,
        reputation: ReputationSection::from_raw(raw.reputation, &node.domain).map_err(|fault| {
            let place = origin.place(&["reputation", fault.key]);
            fault.at(place, "reputation")
        })?,
        experience: raw.experience,
        limits: raw.limits,
        routes: raw::routes(raw.route).map_err(|(at, fault)| {
            let place = origin.place(&["route", &at.to_string(), fault.key]);
            fault.at(place, &format!("route.{at}"))
        })?,
        failure: raw.failure,
        retention: raw.retention,
        log: raw.log,
        node,
    })
}

/// Takes the value of a variable's key out of the file.
fn forget(file: &mut toml::Table, key: &[String]) {
    if let [section, key] = key
        && let Some(toml::Value::Table(section)) = file.get_mut(section)
    {
        section.remove(key);
    }
}

fn syntax(path: &Path, text: &str, fault: &toml::de::Error) -> ConfigError {
    let at = fault.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..at).unwrap_or_default();
    ConfigError::Syntax {
        path: path.to_owned(),
        line: line_at(text, at),
        column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
        message: fault.message().to_owned(),
    }
}

fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// Where the values came from.
struct Origin<'a> {
    path: &'a Path,
    text: &'a str,
    /// The keys that the environment gave.
    overridden: BTreeSet<Vec<String>>,
}

impl Origin<'_> {
    fn place<S: AsRef<str>>(&self, key: &[S]) -> Place {
        // A fault inside a value, such as one seed of a table, belongs to the variable that gave the whole of it.
        let of_variable = (1..=key.len()).find(|len| {
            let head: Vec<String> = key[..*len].iter().map(|part| part.as_ref().to_owned()).collect();
            self.overridden.contains(&head)
        });
        match of_variable {
            Some(len) => Place::Variable(variable_name(key[..len].iter().map(AsRef::as_ref))),
            None => Place::File { path: self.path.to_owned(), line: line_of(self.text, key) },
        }
    }

    /// A fault of figment in our words; of several the first.
    fn explain(&self, fault: figment::Error) -> ConfigError {
        let mut key = fault.path.clone();
        let mut suggestion = None;
        let message = match &fault.kind {
            Wrong::UnknownField(field, known) => {
                if key.last() != Some(field) {
                    key.push(field.clone());
                }
                suggestion = suggest(field, known.iter().copied());
                format!("is not a known key; known here: {}", known.join(", "))
            }
            Wrong::MissingField(field) => {
                key.push(field.to_string());
                "is missing".to_owned()
            }
            Wrong::UnknownVariant(value, known) => {
                suggestion = suggest(value, known.iter().copied());
                format!("`{value}` is not one of: {}", known.join(", "))
            }
            kind => kind.to_string(),
        };
        ConfigError::Key { place: self.place(&key), key: key.join("."), message, suggestion }
    }
}

/// The line of a key, or of the innermost part of its path that stands in the file.
fn line_of<S: AsRef<str>>(text: &str, key: &[S]) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut found = None;
    let mut value: Option<&DeValue<'_>> = None;
    for part in key {
        let part = part.as_ref();
        let (span, next) = match value {
            None => document.get_ref().get_key_value(part).map(|(k, v)| (k.span(), v))?,
            Some(DeValue::Table(table)) => match table.get_key_value(part) {
                Some((key, value)) => (key.span(), value),
                None => break,
            },
            Some(DeValue::Array(items)) => match part.parse::<usize>().ok().and_then(|at| items.get(at)) {
                Some(item) => (item.span(), item),
                None => break,
            },
            Some(_) => break,
        };
        found = Some(line_at(text, span.start));
        value = Some(next.get_ref());
    }
    found
}

/// The key path and value that a variable gives; `None` when it is not ours.
fn variable(name: OsString, value: OsString) -> Result<Option<(Vec<String>, toml::Value)>, ConfigError> {
    let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { return Ok(None) };
    let shown = format!("{PREFIX}{rest}");
    let key: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
    let fault = |message: String, suggestion| {
        let (place, key) = (Place::Variable(shown.clone()), key.join("."));
        Err(ConfigError::Key { place, key, message, suggestion })
    };
    let known = known_keys();
    let Some((_, example)) = known.iter().find(|(path, _)| *path == key) else {
        let names: Vec<String> = known.iter().map(|(path, _)| variable_name(path.iter().map(String::as_str))).collect();
        let slip = names.iter().find(|name| name.replace("__", "_") == shown).cloned();
        return match (key.len(), slip) {
            (1, None) => Ok(None), // Such as OSTRAKON_DIR, which the command line reads.
            (_, Some(slip)) => fault("is not a known key".to_owned(), Some(slip)),
            (_, None) => fault("is not a known key".to_owned(), suggest_variable(&shown, &names)),
        };
    };
    let Some(value) = value.to_str() else { return fault("is not UTF-8".to_owned(), None) };
    if example.is_str() {
        return Ok(Some((key, toml::Value::String(value.to_owned()))));
    }
    let alone = toml::from_str::<toml::Table>(&format!("value = {value}\n")).ok().filter(|table| table.len() == 1);
    match alone.and_then(|mut table| table.remove("value")) {
        Some(value) => Ok(Some((key, value))),
        None => fault(format!("`{value}` is not a TOML value; one would be: {example}"), None),
    }
}

fn suggest_variable(shown: &str, names: &[String]) -> Option<String> {
    let lower: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    suggest(shown, lower.iter().map(String::as_str)).map(|name| name.to_ascii_uppercase())
}

fn variable_name<'a>(key: impl Iterator<Item = &'a str>) -> String {
    format!("{PREFIX}{}", key.collect::<Vec<_>>().join("__").to_ascii_uppercase())
}

/// Every key that a variable can give, with a value of its type: the template with its examples switched on.
pub(super) fn known_keys() -> Vec<(Vec<String>, toml::Value)> {
    let table: toml::Table = toml::from_str(&switched_on(TEMPLATE)).unwrap_or_default();
    let mut known = Vec::new();
    for (section, keys) in table {
        let toml::Value::Table(keys) = keys else { continue };
        for (key, value) in keys {
            known.push((vec![section.clone(), key], value));
        }
    }
    known
}

/// The template with every key that stands behind a `#` switched on.
pub(super) fn switched_on(template: &str) -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|first: char| "[\"".contains(first) || first.is_ascii_lowercase()) => {
            rest.to_owned()
        }
        _ => line.to_owned(),
    };
    template.lines().map(|line| on(line) + "\n").collect()
}
