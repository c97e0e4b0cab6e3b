//! The ledger as a whole: rules, publishing, recovery, damage.
#![allow(clippy::unwrap_used)]

mod damage;
mod faults;
mod publishing;
mod receipts;
mod rules;
mod support;
