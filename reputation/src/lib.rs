//! The score book: a deterministic fold over the ledger.
//!
//! ```text
//! Entry → Event → Book::apply → (epoch) → Snapshot::score
//! report, sight → Experience → ExperienceReader ┘→ standing
//! ```
//!
//! *In scope*: what votes are worth, R1–R8, one file per term; epochs, tallies, scores, explanations; the experience
//! of the operator's own users.
//! *Out of scope*: messages, clocks, randomness, files, networks. Time comes from the entries and from the caller. The
//! same prefix and the same calls give the same bytes on any machine. All arithmetic is in integers.
#![deny(clippy::float_arithmetic)]

mod ballots;
mod bits;
mod book;
mod categories;
mod engine;
mod error;
mod event;
mod explain;
mod fixed;
mod ids;
mod names;
mod pages;
mod parameters;
mod r1_flow;
mod r2_credibility;
mod r3_budget;
mod r4_consistency;
mod r5_decay;
mod r6_lineage;
mod r7_posterior;
mod r8_experience;
mod snapshot;
mod standing;
mod table;
mod tally;
mod threads;
mod u48;
mod view;
mod votes;

pub use book::Book;
pub use error::Unreadable;
pub use event::{DerivedFrom, Event};
pub use explain::{
    CONTRIBUTIONS_MAX, CategoryTally, Contribution, Explanation, PublicVote, RedactedExplanation, Rest, ScoreOutlook,
    Terms, Trust, ViewpointScore,
};
pub use parameters::{HALF_LIFE_MS_MIN, Parameters, VOTE_NV, Viewpoint};
pub use r7_posterior::Score;
pub use r8_experience::{
    Experience, ExperienceLimits, ExperienceReader, ExperienceReport, OwnReports, SUBJECTS_MAX, Weighing,
};
pub use snapshot::{Label, Snapshot};
pub use standing::{MessageStanding, Part, Respect, standing};
