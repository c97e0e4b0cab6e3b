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
pub mod decision;
pub mod envelope;
pub mod error;
pub mod explaining;
pub mod gate;
pub mod import;
pub mod journal;
pub mod output;
pub mod rebuttals;
pub mod registrar;
pub mod scores;
pub mod secrets;
pub mod units;

#[cfg(feature = "server")]
pub mod backoff;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod clock;
#[cfg(feature = "server")]
pub mod cosigning;
#[cfg(feature = "server")]
pub mod delivery;
#[cfg(feature = "server")]
pub mod durable;
#[cfg(feature = "server")]
pub mod evidence;
#[cfg(feature = "server")]
pub mod follower;
#[cfg(feature = "server")]
pub mod home;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod intake;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod mirrors;
#[cfg(feature = "server")]
pub mod node;
#[cfg(feature = "server")]
pub mod outage;
#[cfg(feature = "server")]
pub mod policy_file;
#[cfg(feature = "server")]
pub mod remote;
#[cfg(feature = "server")]
pub mod scorebook;
#[cfg(feature = "server")]
pub mod sequencer;
#[cfg(feature = "server")]
pub mod witness;
