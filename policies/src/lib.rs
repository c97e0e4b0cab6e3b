//! Judges a message: from its facts, through limits and rules, to a verdict with reasons.
//!
//! ```text
//! policy.toml → load_policy → Judge::new → decide(&Facts, now_ms) → Judgement { verdict, reasons }
//! ```
//!
//! Limits are GCRA (`governor`'s), conditions are CEL (`cel`'s), compiled and type-checked when the file is read.
//! The worst verdict wins (`accept < defer < hold < reject`). Every opinion is kept with the numbers that led to it. An
//! opinion in shadow mode is recorded but changes nothing. `docs/policies.md` describes this for operators.
//!
//! *In scope*: the policy file, its checks and its errors; limits and their bounded memory; rules; decisions.
//!
//! *Out of scope*: networking, storage, clocks (time is an argument), where facts come from, what a score means.

mod condition;
mod decision;
mod error;
mod facts;
mod judge;
mod limiter;
mod load;
mod policy;
mod rate;
mod source;
mod template;

pub use decision::{Judgement, Opinion, Verdict};
pub use error::{At, PolicyError};
pub use facts::{FACTS, Fact, FactType, FactValue, Facts, TextForm, facts_table};
pub use judge::Judge;
pub use limiter::{KEYS_MAX, Level};
pub use load::load_policy;
pub use policy::{Cost, LIMITS_MAX, Limit, Mode, POLICY_LEN_BYTES_MAX, Policy, RULES_MAX, Rule, Warning};
pub use rate::Rate;

/// The policy of a new node. It suits a small server and has comments for its operator.
pub const DEFAULT_POLICY: &str = include_str!("default.toml");
