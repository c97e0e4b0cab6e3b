//! The ledger as a whole: rules, publishing, recovery, damage.
#![allow(clippy::unwrap_used)]

mod damage;
mod faults;
mod files;
mod matrix;
mod mirror;
mod missing;
mod peers;
mod publishing;
mod receipts;
mod restore;
mod rules;
mod signed_state;
mod statements;
mod support;
mod wal;
