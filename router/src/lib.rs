//! The router: decides, before accepting a message from another server, whether that server deserves it.
//!
//! ```text
//! message  bytes → envelope → Verified → gate (scores, limits, rules) → Decision → journal → delivery
//! vote     bytes → record   → Verified → sequencer → ledger → follower → Snapshot (read by the gate)
//! ```
//!
//! *In scope*: envelopes, the gate, durable decisions and delivery, holds, imports, the two HTTP listeners, the
//! configuration, the command line.
//!
//! *Out of scope*: what a vote is worth (`ostrakon-reputation`), what a rule means (`ostrakon-policies`), how the
//! ledger keeps what it has (`ostrakon-ledger`).
//!
//! Without the feature `server` nothing here listens, delivers, waits or reads the clock: what is left is the gate, the
//! journal and the parsers, as values that a simulator can drive.

pub mod config;
pub mod error;
pub mod flow;
pub mod import;
pub mod message;
pub mod output;
pub mod secrets;
#[cfg(feature = "server")]
pub mod server;
pub mod units;
