//! The node's secrets.

use ostrakon_ledger::{Pepper, SecretKey};

/// The node's secrets.
pub struct Secrets {
    /// Signs records and checkpoints.
    pub key: SecretKey,
    /// Tags accounts, networks and contents.
    pub pepper: Pepper,
    /// Makes decision ids.
    pub decision_key: [u8; 32],
}
