//! Runs the production code in a simulated world: datasets, attackers, reports.
//!
//! *In scope*: feeding real and generated data to the production engine and to running nodes, and reporting the
//! results.
//! *Out of scope*: a second implementation of anything; what a vote is worth (`ostrakon-reputation`).

pub mod algorithm;
pub mod attackers;
pub mod baselines;
pub mod demo;
pub mod evaluate;
pub mod json;
pub mod lists;
pub mod measure;
pub mod node;
pub mod production;
pub mod question;
pub mod score;
pub mod trace;
pub mod votes;
