//! A policy file, parsed: what cannot be meant is refused here, with the line and a suggestion.

mod read;

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;

use crate::condition::Condition;
use crate::decision::Verdict;
use crate::error::{At, PolicyError};
use crate::facts::{Fact, Facts};
use crate::rate::Rate;
use crate::source::{Section, Source};
use crate::template::Template;
use read::{LIMIT_KEYS, RULE_KEYS, Reader, accept_everything, appeal_url, nothing_enforced};

/// Far above what people write; keeps a mistaken path to a large file from being parsed.
pub const POLICY_LEN_BYTES_MAX: usize = 256 * 1024;
/// Every limit that applies is locked at once, so they are few.
pub const LIMITS_MAX: usize = 16;
/// Every rule is evaluated for every message.
pub const RULES_MAX: usize = 256;

const DIGEST_CONTEXT: &str = "ostrakon 2026-11 policy digest v1";
/// The name of the opinion that is given when nothing else speaks.
pub(crate) const DEFAULT_RULE: &str = "default";

const TOP_KEYS: [&str; 4] = ["appeal_url", "accept_everything", "limit", "rule"];

/// A checked policy. Two policies of one digest decide alike.
#[derive(Debug, Clone)]
pub struct Policy {
    limits: Vec<Limit>,
    rules: Vec<Rule>,
    warnings: Vec<Warning>,
    appeal_url: Option<String>,
    digest: [u8; 32],
}

/// Whether an opinion counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Enforce,
    /// It is recorded only.
    Shadow,
}

/// How many cells of a limit a message takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// One.
    Message,
    /// One for each recipient.
    Recipients,
}

impl Cost {
    /// The cells that a message with `facts` takes; at least one, so that nothing passes uncounted.
    pub(crate) fn cells(self, facts: &Facts) -> NonZeroU32 {
        let cells = match self {
            Cost::Message => 1,
            Cost::Recipients => u32::try_from(facts.recipients.max(1)).unwrap_or(u32::MAX),
        };
        NonZeroU32::new(cells).unwrap_or(NonZeroU32::MIN)
    }
}

/// How many messages of one kind pass: GCRA with `burst` cells that come back at `rate`, one counter for every value
/// of the facts in `key`.
#[derive(Debug, Clone)]
pub struct Limit {
    pub(crate) name: String,
    pub(crate) key: Vec<&'static Fact>,
    pub(crate) when: Option<Condition>,
    pub(crate) rate: Rate,
    pub(crate) burst: NonZeroU32,
    pub(crate) cost: Cost,
    pub(crate) no_room: Template,
    pub(crate) verdict: Verdict,
    pub(crate) mode: Mode,
    pub(crate) explain: Template,
}

/// What messages for which a condition holds deserve.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(crate) name: String,
    pub(crate) when: Condition,
    pub(crate) verdict: Verdict,
    pub(crate) mode: Mode,
    pub(crate) explain: Template,
}

/// What is allowed but can hardly be meant: `policy.toml:12: rule "x": never holds: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub at: At,
    /// What.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

impl Policy {
    /// Reads the text of a policy file. `file_name` is only used in errors and warnings.
    ///
    /// # Errors
    /// The first thing that is wrong with the file.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, PolicyError> {
        if text.len() > POLICY_LEN_BYTES_MAX {
            let (len_bytes, max_bytes) = (text.len(), POLICY_LEN_BYTES_MAX);
            return Err(PolicyError::TooLarge { file: file_name.to_owned(), len_bytes, max_bytes });
        }
        let source = Source { file: file_name, text };
        let table = source.parse()?;
        let top = Section::new(source, &table, 0, String::new(), &TOP_KEYS)?;
        let appeal_url = appeal_url(&top)?;
        let mut reader = Reader { source, appeal_url: appeal_url.as_deref(), names: BTreeSet::new(), warnings: vec![] };
        let limits = reader.all(&top, "limit", LIMITS_MAX, &LIMIT_KEYS, Reader::limit)?;
        let rules = reader.all(&top, "rule", RULES_MAX, &RULE_KEYS, Reader::rule)?;
        accept_everything(&top, limits.is_empty() && rules.is_empty())?;
        let mut warnings = reader.warnings;
        warnings.extend(nothing_enforced(source, &limits, &rules));
        warnings.sort_by_key(|warning| warning.at.line);
        let digest = blake3::derive_key(DIGEST_CONTEXT, text.replace("\r\n", "\n").as_bytes());
        Ok(Self { limits, rules, warnings, appeal_url, digest })
    }

    /// BLAKE3 `derive_key` over the text with line ends as `\n`, under the context
    /// `ostrakon 2026-11 policy digest v1`.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// What can hardly be meant, in the order of the file.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// In the order of the file.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// In the order of the file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether a condition, key or text of this policy names a fact. What it does not name need not be found out.
    pub fn mentions(&self, fact: &str) -> bool {
        let in_limit = |limit: &Limit| {
            limit.when.as_ref().is_some_and(|when| when.mentions(fact))
                || limit.key().any(|name| name == fact)
                || limit.explain.mentions(fact)
        };
        let in_rule = |rule: &Rule| rule.when.mentions(fact) || rule.explain.mentions(fact);
        self.limits.iter().any(in_limit) || self.rules.iter().any(in_rule)
    }

    /// Where those who were refused can turn to.
    pub fn appeal_url(&self) -> Option<&str> {
        self.appeal_url.as_deref()
    }
}

impl Limit {
    /// Unique within the policy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of the facts whose values share a counter; empty if all messages do.
    pub fn key(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.key.iter().map(|fact| fact.name)
    }

    /// The condition, as written; without one the limit applies to every message.
    pub fn when(&self) -> Option<&str> {
        self.when.as_ref().map(Condition::source)
    }

    /// How fast capacity comes back.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// How many messages pass at once.
    pub fn burst(&self) -> u32 {
        self.burst.get()
    }

    /// How many cells a message takes.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// What messages beyond it get.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether that counts.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether counters of `other` mean the same in this limit.
    pub(crate) fn counts_like(&self, other: &Limit) -> bool {
        self.name == other.name
            && self.key == other.key
            && self.rate == other.rate
            && self.burst == other.burst
            && self.cost == other.cost
            && self.when() == other.when()
            && self.mode == other.mode
    }
}

impl Rule {
    /// Unique within the policy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The condition, as written.
    pub fn when(&self) -> &str {
        self.when.source()
    }

    /// What messages get for which it holds.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether that counts.
    pub fn mode(&self) -> Mode {
        self.mode
    }
}
