//! Reads limits and rules from the tables of a file.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use super::{Cost, DEFAULT_RULE, Limit, Mode, Rule, Warning};
use crate::condition::Condition;
use crate::decision::Verdict;
use crate::error::PolicyError;
use crate::facts::{FACTS, Fact};
use crate::rate::Rate;
use crate::source::{PolicyText, Section, Text, list, suggest};
use crate::template::{LIMIT_NUMBERS, Template};

/// The longest name. It must fit into a line of a table and into the label of a metric.
const NAME_CHARS_MAX: usize = 64;
/// How many facts a key has at most. More than a few are a mistake.
const KEY_FACTS_MAX: usize = 4;
const BURST_MAX: u32 = 1_000_000;
/// How many recipients a message may have, unless the node is configured otherwise: RFC 5321 §4.5.3.1.8.
const RECIPIENTS_USUAL_MAX: u32 = 100;
/// The longest time in which a burst becomes free again. It also keeps times within 64 bits.
const REFILL_MAX_DAYS: u64 = 366;

pub(super) const LIMIT_KEYS: [&str; 9] = ["name", "key", "when", "rate", "burst", "cost", "verdict", "mode", "explain"];
pub(super) const RULE_KEYS: [&str; 5] = ["name", "when", "verdict", "mode", "explain"];

pub(super) fn appeal_url(top: &Section<'_>) -> Result<Option<String>, PolicyError> {
    let Some(url) = top.text("appeal_url")? else { return Ok(None) };
    if ["https://", "http://", "mailto:"].iter().any(|scheme| url.value.starts_with(scheme)) {
        return Ok(Some(url.value));
    }
    let problem = format!("is {:?}; expected an address that starts with https://, http:// or mailto:", url.value);
    Err(top.text_error("appeal_url", &url, problem))
}

/// A policy without limits and rules must say so explicitly, so that an empty or damaged file is not taken for one.
pub(super) fn accept_everything(top: &Section<'_>, empty: bool) -> Result<(), PolicyError> {
    match (top.flag("accept_everything")?, empty) {
        (Some((true, _)), true) | (Some((false, _)) | None, false) => Ok(()),
        (Some((true, offset)), false) => {
            let problem = "is true, but there are limits or rules; remove it or them".to_owned();
            Err(top.value_error("accept_everything", offset, problem))
        }
        (Some((false, _)) | None, true) => Err(PolicyError::Key {
            at: top.at(top.line()),
            problem: "there are no limits and no rules; if every message is to pass, say `accept_everything = true`"
                .to_owned(),
        }),
    }
}

/// Warns if all limits and rules together never change a verdict.
pub(super) fn nothing_enforced(source: PolicyText<'_>, limits: &[Limit], rules: &[Rule]) -> Option<Warning> {
    let never = |when: Option<&Condition>| when.and_then(Condition::constant) == Some(false);
    let limit = |limit: &Limit| limit.mode == Mode::Enforce && !never(limit.when.as_ref());
    let rule = |rule: &Rule| rule.mode == Mode::Enforce && rule.verdict != Verdict::Accept && !never(Some(&rule.when));
    let some = limits.iter().any(limit) || rules.iter().any(rule);
    let none = limits.is_empty() && rules.is_empty();
    (!some && !none).then(|| Warning {
        at: source.at(1, ""),
        message: "nothing here can change a verdict, so every message is accepted".to_owned(),
    })
}

/// Reads limits and rules, and keeps what concerns all of them.
pub(super) struct PolicyReader<'a> {
    pub(super) source: PolicyText<'a>,
    pub(super) appeal_url: Option<&'a str>,
    pub(super) names: BTreeSet<String>,
    pub(super) warnings: Vec<Warning>,
}

impl<'a> PolicyReader<'a> {
    pub(super) fn all<T>(
        &mut self,
        top: &Section<'a>,
        kind: &'static str,
        max: usize,
        keys: &[&str],
        read: fn(&mut Self, &Section<'a>, String) -> Result<T, PolicyError>,
    ) -> Result<Vec<T>, PolicyError> {
        let tables = top.tables(kind)?;
        if let Some((offset, _)) = tables.get(max) {
            let at = self.source.at(self.source.line_of(*offset), kind);
            return Err(PolicyError::Key { at, problem: format!("a policy has at most {max} of these") });
        }
        let mut items = Vec::new();
        for (position, (offset, table)) in tables.into_iter().enumerate() {
            let given = table.get("name").and_then(|name| name.get_ref().as_str());
            let item = given.map_or_else(|| format!("{kind} {}", position + 1), |name| format!("{kind} {name:?}"));
            let section = Section::new(self.source, table, offset, item, keys)?;
            let name = self.name(&section)?;
            items.push(read(self, &section, name)?);
        }
        Ok(items)
    }

    pub(super) fn limit(&mut self, section: &Section<'a>, name: String) -> Result<Limit, PolicyError> {
        let key = key(section)?;
        let when = section.text("when")?.map(|text| self.condition(section, &text, false)).transpose()?;
        let text = section.required_text("rate")?;
        let rate = Rate::parse(&text.value).map_err(|problem| section.text_error("rate", &text, problem))?;
        let burst = section.required_number("burst", 1..BURST_MAX + 1)?;
        if u64::from(burst) * rate.interval_ns() / 86_400_000_000_000 >= REFILL_MAX_DAYS {
            let problem = format!("is {}; with burst {burst} it takes more than a year to come back", text.value);
            return Err(section.text_error("rate", &text, problem));
        }
        let cost = cost(section)?;
        if cost == Cost::Recipients && burst < RECIPIENTS_USUAL_MAX {
            let problem = format!("a message with more than {burst} recipients never passes: it takes a cell for each");
            self.warn(section.line(), section, &problem);
        }
        let verdict = verdict(section, &[Verdict::Defer, Verdict::Hold, Verdict::Reject])?;
        let mode = mode(section)?;
        let no_room = format!("\"{}\" has no room for another key for {{retry_after_ms}} ms", escape(&name));
        let no_room = self.template(section, None, &no_room, &LIMIT_NUMBERS)?;
        let default = "\"{name}\": {used} of {burst} used; the next message passes in {retry_after_ms} ms";
        let explain = self.explain(section, &default.replace("{name}", &escape(&name)), &LIMIT_NUMBERS)?;
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        Ok(Limit { name, key, when, rate, burst, cost, no_room, verdict, mode, explain })
    }

    pub(super) fn rule(&mut self, section: &Section<'a>, name: String) -> Result<Rule, PolicyError> {
        let when = self.condition(section, &section.required_text("when")?, true)?;
        let verdict = verdict(section, &Verdict::ALL)?;
        if verdict == Verdict::Accept {
            self.warn(
                section.line(),
                section,
                "never changes a decision: the worst verdict wins, and accept is the best",
            );
        }
        let mode = mode(section)?;
        let explain = self.explain(section, &format!("\"{}\" applies", escape(&name)), &[])?;
        Ok(Rule { name, when, verdict, mode, explain })
    }

    fn name(&mut self, section: &Section<'a>) -> Result<String, PolicyError> {
        let text = section.required_text("name")?;
        let refuse = |problem: String| Err(section.text_error("name", &text, problem));
        let letters = text.value.chars().count();
        if letters == 0 || letters > NAME_CHARS_MAX || text.value.chars().any(char::is_control) {
            return refuse(format!("must have 1 to {NAME_CHARS_MAX} printable letters"));
        }
        if text.value == DEFAULT_RULE {
            return refuse("is taken: \"default\" is the reason given when nothing else applies".to_owned());
        }
        if !self.names.insert(text.value.clone()) {
            return refuse(format!("{:?} is given twice; reasons refer to limits and rules by name", text.value));
        }
        Ok(text.value)
    }

    fn condition(&mut self, section: &Section<'a>, text: &Text, rule: bool) -> Result<Condition, PolicyError> {
        let condition = Condition::parse(&text.value).map_err(|found| {
            let at = section.at(section.line_in(text, found.line));
            let problem = found.message;
            if found.syntax { PolicyError::Syntax { at, problem } } else { PolicyError::Condition { at, problem } }
        })?;
        let line = section.line_in(text, 1);
        match condition.constant() {
            Some(false) => self.warn(line, section, &format!("never applies: `{}` is always false", text.value.trim())),
            Some(true) if rule => {
                self.warn(line, section, &format!("applies to every message: `{}` is always true", text.value.trim()));
            }
            Some(true) => self.warn(line, section, "`when` is always true and can be left out"),
            None => {}
        }
        for caution in condition.cautions() {
            self.warn(line, section, caution);
        }
        Ok(condition)
    }

    fn explain(&self, section: &Section<'a>, default: &str, numbers: &[&'static str]) -> Result<Template, PolicyError> {
        self.template(section, section.text("explain")?, default, numbers)
    }

    fn template(
        &self,
        section: &Section<'a>,
        given: Option<Text>,
        default: &str,
        numbers: &[&'static str],
    ) -> Result<Template, PolicyError> {
        let text = given.as_ref().map_or(default, |text| text.value.as_str());
        Template::parse(text, numbers, self.appeal_url).map_err(|problem| {
            let line = given.as_ref().map_or(section.line(), |text| section.line_in(text, 1));
            PolicyError::Explain { at: section.at(line), problem }
        })
    }

    fn warn(&mut self, line: usize, section: &Section<'a>, message: &str) {
        self.warnings.push(Warning { at: section.at(line), message: message.to_owned() });
    }
}

fn key(section: &Section<'_>) -> Result<Vec<&'static Fact>, PolicyError> {
    let names = section.required_list("key")?;
    if let Some(text) = names.get(KEY_FACTS_MAX) {
        return Err(section.text_error("key", text, format!("names more than {KEY_FACTS_MAX} facts")));
    }
    let mut key: Vec<&'static Fact> = Vec::new();
    for text in &names {
        let Some(fact) = Fact::named(&text.value) else {
            let known: Vec<&str> = FACTS.iter().map(|fact| fact.name).collect();
            let hint = suggest(&text.value, &known).unwrap_or_default();
            return Err(section.text_error("key", text, format!("names `{}`, which is no fact{hint}", text.value)));
        };
        if key.contains(&fact) {
            return Err(section.text_error("key", text, format!("names `{}` twice", fact.name)));
        }
        key.push(fact);
    }
    Ok(key)
}

fn verdict(section: &Section<'_>, allowed: &[Verdict]) -> Result<Verdict, PolicyError> {
    let text = section.required_text("verdict")?;
    let parsed = text.value.parse().ok().filter(|verdict| allowed.contains(verdict));
    parsed.ok_or_else(|| {
        let names: Vec<&str> = allowed.iter().map(|verdict| verdict.as_str()).collect();
        let hint = suggest(&text.value, &names).unwrap_or_else(|| format!("; expected {}", list(&names)));
        section.text_error("verdict", &text, format!("is {:?}{hint}", text.value))
    })
}

fn mode(section: &Section<'_>) -> Result<Mode, PolicyError> {
    let Some(text) = section.text("mode")? else { return Ok(Mode::Enforce) };
    match text.value.as_str() {
        "enforce" => Ok(Mode::Enforce),
        "shadow" => Ok(Mode::Shadow),
        other => {
            let names = ["enforce", "shadow"];
            let hint = suggest(other, &names).unwrap_or_else(|| format!("; expected {}", list(&names)));
            Err(section.text_error("mode", &text, format!("is {other:?}{hint}")))
        }
    }
}

fn cost(section: &Section<'_>) -> Result<Cost, PolicyError> {
    let Some(text) = section.text("cost")? else { return Ok(Cost::Message) };
    match text.value.as_str() {
        "message" => Ok(Cost::Message),
        "recipients" => Ok(Cost::Recipients),
        other => {
            let names = ["message", "recipients"];
            let hint = suggest(other, &names).unwrap_or_else(|| format!("; expected {}", list(&names)));
            Err(section.text_error("cost", &text, format!("is {other:?}{hint}")))
        }
    }
}

/// A name as it must be written in a template.
fn escape(name: &str) -> String {
    name.replace('{', "{{").replace('}', "}}")
}
