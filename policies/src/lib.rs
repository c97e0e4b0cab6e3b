//! Facts about a message go through limits and rules and become a decision with its reasons.
//!
//! ```text
//! policy.toml → load_policy → Judge::new → decide(&Facts, now_ms) → Decision { verdict, reasons }
//! ```
//!
//! Limits are GCRA (`governor`'s), conditions are CEL (`cel`'s), compiled and type-checked when the file is read.
//! The worst verdict wins (`accept < defer < hold < reject`), every opinion is kept with the numbers that made it, and
//! what is in shadow mode is judged and recorded but changes nothing. The operator's view is `docs/policies.md`.
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

pub use decision::{Decision, Opinion, Verdict};
pub use error::{At, PolicyError};
pub use facts::{FACTS, Fact, FactType, Facts, Form, Value, facts_table};
pub use judge::Judge;
pub use limiter::{KEYS_MAX, Level};
pub use load::load_policy;
pub use policy::{Cost, LIMITS_MAX, Limit, Mode, POLICY_LEN_BYTES_MAX, Policy, RULES_MAX, Rule, Warning};
pub use rate::Rate;

/// The policy a new node starts with: sensible for a small server, commented for its operator.
pub const DEFAULT_POLICY: &str = include_str!("default.toml");
