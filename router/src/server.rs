//! Everything that listens, delivers, waits or reads the clock. Compiled with the feature `server` only.

pub mod api;
pub mod backoff;
mod blocking;
pub mod cli;
pub mod clock;
mod complaint;
pub mod cosigning;
pub mod delivery;
pub mod durable;
pub mod evidence;
pub mod follower;
pub mod home;
pub mod intake;
pub mod journal;
pub mod metrics;
pub mod mirrors;
pub mod node;
pub mod outage;
pub mod policy_file;
mod process;
pub mod quotas;
pub mod remote;
pub mod scorebook;
pub mod sequencer;
mod shutdown;
pub mod witness;
