//! `explain` texts: words with facts in braces, checked when the policy is read.

use crate::facts::{FACTS, FactValue, Facts};
use crate::source::suggest;

/// The numbers that a limit's text may name, apart from the facts.
pub(crate) const LIMIT_NUMBERS: [&str; 4] = ["used", "burst", "retry_after_ms", "next_at_ms"];

/// The number that changes with time.
const WAIT: &str = "retry_after_ms";

/// The text of a fact is cut to this length. Every address fits.
const FILLED_CHARS_MAX: usize = 320;

/// Longest text in characters: some paragraphs.
const TEXT_CHARS_MAX: usize = 2_000;
/// Most facts and numbers in one text, so that a filled one has at most some 12,000 characters: it is written down with
/// every decision.
const FILLED_MAX: usize = 32;

/// A text ready to be filled.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    parts: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Words(String),
    Fact(&'static str),
    Number(&'static str),
}

impl Template {
    /// `{{` and `}}` stand for braces. `numbers` are the names that are allowed apart from the facts and `appeal_url`.
    ///
    /// # Errors
    /// A phrase that continues "`explain` …".
    pub(crate) fn parse(text: &str, numbers: &[&'static str], appeal_url: Option<&str>) -> Result<Self, String> {
        if text.chars().count() > TEXT_CHARS_MAX {
            return Err(format!("is longer than {TEXT_CHARS_MAX} characters"));
        }
        let mut parts = Vec::new();
        let mut words = String::new();
        let mut rest = text;
        while let Some(brace) = rest.find(['{', '}']) {
            words.push_str(&rest[..brace]);
            rest = &rest[brace..];
            if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
                words.push_str(&rest[..1]);
                rest = after;
                continue;
            }
            let inside = rest.strip_prefix('{').ok_or("has a `}` without its `{`; write `}}` for a brace")?;
            let (name, after) = inside.split_once('}').ok_or("has a `{` without its `}`; write `{{` for a brace")?;
            rest = after;
            if name == "appeal_url" {
                words.push_str(appeal_url.ok_or("uses {appeal_url}, but the policy sets no `appeal_url`")?);
                continue;
            }
            parts.push(Piece::Words(std::mem::take(&mut words)));
            parts.push(placeholder(name, numbers)?);
        }
        words.push_str(rest);
        parts.push(Piece::Words(words));
        if parts.len() > 2 * FILLED_MAX + 1 {
            return Err(format!("names facts more than {FILLED_MAX} times"));
        }
        Ok(Self { parts })
    }

    /// Whether the fact of this name is filled in.
    pub(crate) fn mentions(&self, fact: &str) -> bool {
        self.parts.iter().any(|part| matches!(part, Piece::Fact(name) if *name == fact))
    }

    /// The text with its facts and `numbers` filled in.
    pub(crate) fn fill(&self, facts: &Facts, now_ms: u64, numbers: &dyn Fn(&str) -> Option<i64>) -> Filled {
        let mut text = String::new();
        let mut waits = Vec::new();
        for part in &self.parts {
            match part {
                Piece::Words(words) => text.push_str(words),
                Piece::Number(name) => {
                    let start = text.len();
                    text.push_str(&numbers(name).map_or(String::new(), |number| number.to_string()));
                    if *name == WAIT {
                        waits.extend(range(start, text.len()));
                    }
                }
                Piece::Fact(name) => match facts.value(name, now_ms) {
                    Some(FactValue::Text(value)) => text.extend(value.chars().take(FILLED_CHARS_MAX).map(printable)),
                    Some(FactValue::Int(value)) => text.push_str(&value.to_string()),
                    Some(FactValue::Bool(value)) => text.push_str(if value { "true" } else { "false" }),
                    None => {}
                },
            }
        }
        Filled { text, waits }
    }
}

/// A text that was filled in.
pub(crate) struct Filled {
    pub(crate) text: String,
    /// Where [`WAIT`] is in the text.
    pub(crate) waits: Vec<(u32, u32)>,
}

impl From<String> for Filled {
    fn from(text: String) -> Self {
        Self { text, waits: Vec::new() }
    }
}

fn range(start: usize, end: usize) -> Option<(u32, u32)> {
    Some((u32::try_from(start).ok()?, u32::try_from(end).ok()?))
}

fn placeholder(name: &str, numbers: &[&'static str]) -> Result<Piece, String> {
    if let Some(number) = numbers.iter().find(|number| **number == name) {
        return Ok(Piece::Number(number));
    }
    if let Some(fact) = FACTS.iter().find(|fact| fact.name == name) {
        return Ok(Piece::Fact(fact.name));
    }
    let mut known: Vec<&str> = FACTS.iter().map(|fact| fact.name).collect();
    known.extend(numbers);
    known.push("appeal_url");
    Err(format!("names {{{name}}}, which is no fact{}", suggest(name, &known).unwrap_or_default()))
}

/// Senders choose some facts, so characters that hide or reorder others must not reach logs and terminals.
fn printable(letter: char) -> char {
    if letter.is_control() || is_invisible(letter) { char::REPLACEMENT_CHARACTER } else { letter }
}

/// Line separators, and the characters that Unicode 16.0 calls `Default_Ignorable_Code_Point` or `Bidi_Control`. None
/// of them is visible.
fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_reorders_letters_is_shown_as_replaced() {
        let template = Template::parse("from {sender}.", &[], None).expect("a template");
        let filled = |sender: &str| {
            let facts = Facts { sender: sender.to_owned(), ..Facts::default() };
            template.fill(&facts, 0, &|_| None).text
        };
        for hidden in
            "\u{0}\u{1b}\u{85}\u{ad}\u{61c}\u{200b}\u{200d}\u{200f}\u{2028}\u{202e}\u{2066}\u{2069}\u{feff}\u{e0041}"
                .chars()
        {
            assert_eq!(filled(&format!("a{hidden}b@x.example")), "from a\u{fffd}b@x.example.", "{hidden:?}");
        }
        assert_eq!(filled("björn@例え.example"), "from björn@例え.example.");
    }

    #[test]
    fn a_text_has_a_bound() {
        let refused = |text: String| Template::parse(&text, &[], None).map(drop).unwrap_err();
        assert!(Template::parse(&"{sender} ".repeat(FILLED_MAX), &[], None).is_ok());
        assert_eq!(refused("{sender} ".repeat(FILLED_MAX + 1)), "names facts more than 32 times");
        assert_eq!(refused("é".repeat(TEXT_CHARS_MAX + 1)), "is longer than 2000 characters");
    }
}
