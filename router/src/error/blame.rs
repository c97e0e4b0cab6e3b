//! Who has to do something about an error.

/// Who has to do something about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Blame {
    /// The peer whose record or message this is.
    Peer,
    /// Whoever made this call.
    Caller,
    /// This node.
    Us,
}

impl From<ostrakon_ledger::Blame> for Blame {
    fn from(blame: ostrakon_ledger::Blame) -> Self {
        match blame {
            ostrakon_ledger::Blame::Peer => Self::Peer,
            ostrakon_ledger::Blame::Caller => Self::Caller,
            ostrakon_ledger::Blame::Us => Self::Us,
        }
    }
}
