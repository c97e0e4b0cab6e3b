//! Reads values from the text of a policy file. Every error names the line.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{At, PolicyError};

/// The text of a file and its name.
#[derive(Clone, Copy)]
pub(crate) struct PolicyText<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
}

impl<'a> PolicyText<'a> {
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }

    pub(crate) fn at(&self, line: usize, item: &str) -> At {
        At { file: self.file.to_owned(), line, item: item.to_owned() }
    }

    pub(crate) fn parse(&self) -> Result<DeTable<'a>, PolicyError> {
        DeTable::parse(self.text).map(Spanned::into_inner).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            PolicyError::Syntax { at: self.at(self.line_of(offset), ""), problem: error.message().replace('\n', "; ") }
        })
    }
}

/// One table of the file: the top level, a `[[limit]]` or a `[[rule]]`.
pub(crate) struct Section<'a> {
    source: PolicyText<'a>,
    table: &'a DeTable<'a>,
    item: String,
    line: usize,
}

/// A string and its position.
pub(crate) struct Text {
    pub(crate) value: String,
    span: Range<usize>,
}

impl<'a> Section<'a> {
    /// Refuses keys that are not in `keys`.
    pub(crate) fn new(
        source: PolicyText<'a>,
        table: &'a DeTable<'a>,
        offset: usize,
        item: String,
        keys: &[&str],
    ) -> Result<Self, PolicyError> {
        let section = Self { source, table, item, line: source.line_of(offset) };
        for key in table.keys() {
            let name: &str = key.get_ref();
            if !keys.contains(&name) {
                let at = section.at(source.line_of(key.span().start));
                let hint = suggest(name, keys).unwrap_or_else(|| format!("; expected {}", list(keys)));
                return Err(PolicyError::Key { at, problem: format!("unknown key `{name}`{hint}") });
            }
        }
        Ok(section)
    }

    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// The tables of an array of tables such as `[[rule]]`, each with its offset.
    pub(crate) fn tables(&self, key: &'static str) -> Result<Vec<(usize, &'a DeTable<'a>)>, PolicyError> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let wrong = |offset, found: &DeValue<'_>| {
            self.value_error(key, offset, format!("is {}; write each {key} as [[{key}]]", found.type_str()))
        };
        let DeValue::Array(array) = value.get_ref() else { return Err(wrong(value.span().start, value.get_ref())) };
        let table = |entry: &'a Spanned<DeValue<'a>>| match entry.get_ref() {
            DeValue::Table(table) => Ok((entry.span().start, table)),
            other => Err(wrong(entry.span().start, other)),
        };
        array.iter().map(table).collect()
    }

    /// A bool and its offset.
    pub(crate) fn flag(&self, key: &'static str) -> Result<Option<(bool, usize)>, PolicyError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Boolean(flag) => Ok(Some((*flag, value.span().start))),
            other => {
                let problem = format!("is {}, not true or false", other.type_str());
                Err(self.value_error(key, value.span().start, problem))
            }
        }
    }

    pub(crate) fn text(&self, key: &'static str) -> Result<Option<Text>, PolicyError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::String(text) => Ok(Some(Text { value: text.clone().into_owned(), span: value.span() })),
            other => Err(self.value_error(key, value.span().start, format!("is {}, not a string", other.type_str()))),
        }
    }

    pub(crate) fn required_text(&self, key: &'static str) -> Result<Text, PolicyError> {
        self.text(key)?.ok_or_else(|| self.missing(key))
    }

    /// A whole number within `range`.
    pub(crate) fn required_number(&self, key: &'static str, range: Range<u32>) -> Result<u32, PolicyError> {
        let value = self.table.get(key).ok_or_else(|| self.missing(key))?;
        let number = match value.get_ref() {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            other => {
                let problem = format!("is {}, not a whole number", other.type_str());
                return Err(self.value_error(key, value.span().start, problem));
            }
        };
        number.and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number)).ok_or_else(|| {
            let problem = format!("is out of range; expected {} to {}", range.start, range.end - 1);
            self.value_error(key, value.span().start, problem)
        })
    }

    pub(crate) fn required_list(&self, key: &'static str) -> Result<Vec<Text>, PolicyError> {
        let value = self.table.get(key).ok_or_else(|| self.missing(key))?;
        let wrong = |offset, found: &DeValue<'_>| {
            let problem = format!("is {}; expected a list of facts, such as [\"peer\"]", found.type_str());
            self.value_error(key, offset, problem)
        };
        let DeValue::Array(array) = value.get_ref() else { return Err(wrong(value.span().start, value.get_ref())) };
        let text = |entry: &Spanned<DeValue<'_>>| match entry.get_ref() {
            DeValue::String(text) => Ok(Text { value: text.clone().into_owned(), span: entry.span() }),
            other => Err(wrong(entry.span().start, other)),
        };
        array.iter().map(text).collect()
    }

    /// The line of the file that has line `inner` (from 1) of a string's content.
    pub(crate) fn line_in(&self, text: &Text, inner: usize) -> usize {
        let first = self.source.line_of(text.span.start);
        let raw = self.source.text.get(text.span.clone()).unwrap_or_default();
        let multi_line = raw.strip_prefix("\"\"\"").or_else(|| raw.strip_prefix("'''"));
        // TOML drops a line end directly after the opening quotes.
        let dropped = multi_line.is_some_and(|rest| rest.starts_with('\n') || rest.starts_with("\r\n"));
        if multi_line.is_some() { first + usize::from(dropped) + inner - 1 } else { first }
    }

    pub(crate) fn at(&self, line: usize) -> At {
        self.source.at(line, &self.item)
    }

    pub(crate) fn text_error(&self, key: &'static str, text: &Text, problem: String) -> PolicyError {
        self.value_error(key, text.span.start, problem)
    }

    pub(crate) fn value_error(&self, key: &'static str, offset: usize, problem: String) -> PolicyError {
        PolicyError::Value { at: self.at(self.source.line_of(offset)), key, problem }
    }

    fn missing(&self, key: &str) -> PolicyError {
        PolicyError::Key { at: self.at(self.line), problem: format!("the key `{key}` is missing") }
    }
}

/// "; did you mean `score`?", if one of `known` is close to `name`.
pub(crate) fn suggest(name: &str, known: &[&str]) -> Option<String> {
    let distance = |candidate: &&&str| strsim::damerau_levenshtein(name, candidate);
    let nearest = known.iter().min_by_key(distance)?;
    let near = distance(&nearest) <= (name.chars().count() / 3).clamp(1, 3);
    near.then(|| format!("; did you mean `{nearest}`?"))
}

/// "`a`, `b` or `c`".
pub(crate) fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "none".to_owned(),
    }
}
