//! `[limits.peer]`: what one admitted peer may ask of this node.

use serde::Deserialize;

use super::raw;
use crate::units::ByteSize;

/// Quotas of each peer. The defaults are far above what a server of some thousand users does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PeerLimits {
    /// Records for the ledger in a day, 1 to 100,000,000.
    #[serde(deserialize_with = "raw::count::<_, 1, 100_000_000>")]
    pub records_per_day: usize,
    /// Messages in a day, 1 to 1,000,000,000.
    #[serde(deserialize_with = "raw::count::<_, 1, 1_000_000_000>")]
    pub messages_per_day: usize,
    /// Bytes of records, messages and bodies in a day, 32 MiB to 1 PiB: more than the largest message has.
    #[serde(deserialize_with = "raw::size::<_, { 32 << 20 }, { 1 << 50 }>")]
    pub bytes_per_day: ByteSize,
    /// Bytes of bodies that are kept for it, 64 KiB + 32 B to 1 GiB: one body at least.
    #[serde(deserialize_with = "raw::size::<_, { (64 << 10) + 32 }, { 1 << 30 }>")]
    pub evidence_max: ByteSize,
    /// Refused messages that are written down in a minute, 0 to 1,000,000; more are only counted.
    #[serde(deserialize_with = "raw::count::<_, 0, 1_000_000>")]
    pub refused_per_minute: usize,
}

impl Default for PeerLimits {
    fn default() -> Self {
        Self {
            records_per_day: 20_000,
            messages_per_day: 100_000,
            bytes_per_day: ByteSize::from_bytes(4 << 30),
            evidence_max: ByteSize::from_bytes(64 << 20),
            refused_per_minute: 60,
        }
    }
}
