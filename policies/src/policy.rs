//! A policy file, parsed. Mistakes are refused here, with the line and a suggestion.

mod read;

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;

use crate::condition::Condition;
use crate::decision::Verdict;
use crate::error::{At, PolicyError};
use crate::facts::{Fact, Facts};
use crate::rate::Rate;
use crate::source::{PolicyText, Section};
use crate::template::Template;
use read::{LIMIT_KEYS, PolicyReader, RULE_KEYS, accept_everything, appeal_url, nothing_enforced};

/// Far more than people write. It prevents parsing a large file that was given by mistake.
pub const POLICY_LEN_BYTES_MAX: usize = 256 * 1024;
/// All limits that apply are locked at once, so there must be few.
pub const LIMITS_MAX: usize = 16;
/// Every rule is evaluated for every message, so there must not be too many.
pub const RULES_MAX: usize = 256;

const DIGEST_CONTEXT: &str = "ostrakon 2026-11 policy digest v1";
/// The name of the opinion if no limit and no rule has one.
pub(crate) const DEFAULT_RULE: &str = "default";

const TOP_KEYS: [&str; 4] = ["appeal_url", "accept_everything", "limit", "rule"];

/// A checked policy. Two policies with the same digest decide alike.
#[derive(Debug, Clone)]
pub struct Policy {
    limits: Vec<Limit>,
    rules: Vec<Rule>,
    warnings: Vec<Warning>,
    appeal_url: Option<String>,
    digest: [u8; 32],
}

/// Whether an opinion counts for the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It counts.
    Enforce,
    /// It is only recorded.
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
    /// The cells that a message with `facts` takes: at least one, so that every message is counted.
    pub(crate) fn cells(self, facts: &Facts) -> NonZeroU32 {
        let cells = match self {
            Cost::Message => 1,
            Cost::Recipients => u32::try_from(facts.recipients.max(1)).unwrap_or(u32::MAX),
        };
        NonZeroU32::new(cells).unwrap_or(NonZeroU32::MIN)
    }
}

/// How many messages pass in a time: GCRA with `burst` cells that become free at `rate`. There is one counter for every
/// combination of values of the facts in `key`.
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

/// The verdict on messages for which a condition is true.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(crate) name: String,
    pub(crate) when: Condition,
    pub(crate) verdict: Verdict,
    pub(crate) mode: Mode,
    pub(crate) explain: Template,
}

/// Something that is allowed but is probably a mistake: `policy.toml:12: rule "x": never applies: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The place in the file.
    pub at: At,
    /// What is probably wrong.
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
    /// The first mistake in the file.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, PolicyError> {
        if text.len() > POLICY_LEN_BYTES_MAX {
            let (len_bytes, max_bytes) = (text.len(), POLICY_LEN_BYTES_MAX);
            return Err(PolicyError::TooLarge { file: file_name.to_owned(), len_bytes, max_bytes });
        }
        let source = PolicyText { file: file_name, text };
        let table = source.parse()?;
        let top = Section::new(source, &table, 0, String::new(), &TOP_KEYS)?;
        let appeal_url = appeal_url(&top)?;
        let mut reader =
            PolicyReader { source, appeal_url: appeal_url.as_deref(), names: BTreeSet::new(), warnings: vec![] };
        let limits = reader.all(&top, "limit", LIMITS_MAX, &LIMIT_KEYS, PolicyReader::limit)?;
        let rules = reader.all(&top, "rule", RULES_MAX, &RULE_KEYS, PolicyReader::rule)?;
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

    /// The warnings, in the order of the file.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The limits, in the order of the file.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// The rules, in the order of the file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether a condition, key or text of this policy uses a fact. Facts that are not used need not be computed.
    pub fn mentions(&self, fact: &str) -> bool {
        let in_limit = |limit: &Limit| {
            limit.when.as_ref().is_some_and(|when| when.mentions(fact))
                || limit.key().any(|name| name == fact)
                || limit.explain.mentions(fact)
        };
        let in_rule = |rule: &Rule| rule.when.mentions(fact) || rule.explain.mentions(fact);
        self.limits.iter().any(in_limit) || self.rules.iter().any(in_rule)
    }

    /// Where senders of refused messages can object.
    pub fn appeal_url(&self) -> Option<&str> {
        self.appeal_url.as_deref()
    }
}

impl Limit {
    /// The name, which is unique within the policy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of the key facts. Messages with the same values share a counter. Empty if all messages share one.
    pub fn key(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.key.iter().map(|fact| fact.name)
    }

    /// The condition, as written. `None`: the limit applies to every message.
    pub fn when(&self) -> Option<&str> {
        self.when.as_ref().map(Condition::source)
    }

    /// How fast cells become free.
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

    /// The verdict on messages beyond the limit.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether the verdict counts.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether this limit can continue with the counters of `other`.
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
    /// The name, which is unique within the policy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The condition, as written.
    pub fn when(&self) -> &str {
        self.when.source()
    }

    /// The verdict on messages for which the condition is true.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether the verdict counts.
    pub fn mode(&self) -> Mode {
        self.mode
    }
}
