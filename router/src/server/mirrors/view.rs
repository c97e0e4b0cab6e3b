//! How a followed peer is doing, for operators.

use ostrakon_ledger::{Followed, MirrorError};
use serde::Serialize;

use crate::error::Error;

/// What is known of a followed peer's ledger. Counts since the node was started, sizes as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FollowView {
    /// Where it is read.
    pub url: String,
    /// In a word.
    pub state: FollowState,
    /// Entries that the copy serves.
    pub entries: u64,
    /// Entries that the ledger showed when it was last asked.
    pub shown: u64,
    /// Entries that it has shown at its largest.
    pub seen: u64,
    /// Records that entered our ledger from it.
    pub taken: u64,
    /// Records that our ledger refused.
    pub refused: u64,
    /// Entries whose authors are not admitted here: they stay in the copy.
    pub strangers: u64,
    /// Records that this node signed, that it has and our ledger has not.
    pub forgotten: u64,
    /// When it was last asked, Unix milliseconds; 0: not yet.
    pub asked_at_ms: u64,
    /// When the copy last grew, Unix milliseconds; 0: not since the start.
    pub grown_at_ms: u64,
    /// What is wrong, if something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How following goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FollowState {
    /// Not asked yet.
    Starting,
    /// The copy is not yet as long as the ledger.
    Copying,
    /// The copy is as long as the ledger.
    Current,
    /// The ledger shows less than it has shown, and nothing that contradicts it.
    Behind,
    /// The copy is as long as `limits.copy_entries_max` allows.
    Full,
    /// It does not answer, or lacks files.
    Unreachable,
    /// What is served is not what was signed; whoever is in between could do that, too.
    Lying,
    /// It signed what breaks the rules of a ledger.
    Broken,
    /// It signed two histories. That does not pass.
    Forked,
    /// It was expelled here: it is not asked any more.
    Ended,
    /// Our own store or ledger has trouble.
    Failing,
}

impl FollowState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Copying => "copying",
            Self::Current => "current",
            Self::Behind => "behind",
            Self::Full => "full",
            Self::Unreachable => "unreachable",
            Self::Lying => "lying",
            Self::Broken => "broken",
            Self::Forked => "forked",
            Self::Ended => "ended",
            Self::Failing => "failing",
        }
    }

    /// What a round says of the peer, when a copy takes `entries_max` entries.
    pub(super) fn of(outcome: &Result<Followed, MirrorError>, entries_max: u64) -> Self {
        match outcome {
            Ok(followed) if followed.shown < followed.seen => Self::Behind,
            Ok(followed) if followed.to == followed.seen => Self::Current,
            Ok(followed) if followed.to >= entries_max => Self::Full,
            Ok(_) => Self::Copying,
            Err(MirrorError::Unreachable(_)) => Self::Unreachable,
            Err(MirrorError::NotSigned(_) | MirrorError::Lies(_)) => Self::Lying,
            Err(MirrorError::Broken { .. }) => Self::Broken,
            Err(MirrorError::Forked(_)) => Self::Forked,
            Err(MirrorError::Ours(_)) => Self::Failing,
        }
    }
}

impl FollowView {
    pub(super) fn new(url: String, entries: u64, forked: bool) -> Self {
        Self {
            url,
            state: if forked { FollowState::Forked } else { FollowState::Starting },
            entries,
            shown: 0,
            seen: 0,
            taken: 0,
            refused: 0,
            strangers: 0,
            forgotten: 0,
            asked_at_ms: 0,
            grown_at_ms: 0,
            reason: None,
        }
    }

    /// Takes down what a round found.
    pub(super) fn note(&mut self, state: FollowState, outcome: &Result<Followed, MirrorError>, now_ms: u64) {
        (self.state, self.asked_at_ms) = (state, now_ms);
        self.reason = match outcome {
            Ok(followed) => {
                self.measure(followed, now_ms);
                let Followed { shown, seen, to, .. } = followed;
                match state {
                    FollowState::Copying => Some(format!("{to} of {seen} entries are here")),
                    FollowState::Behind => Some(format!("it shows {shown} entries and has shown {seen}")),
                    FollowState::Full => {
                        Some(format!("it has {seen} entries; limits.copy_entries_max ends the copy at {to}"))
                    }
                    _ => None,
                }
            }
            Err(error) => Some(error.to_string()),
        };
    }

    /// Takes down that the peer was expelled.
    pub(super) fn end(&mut self) {
        self.state = FollowState::Ended;
        self.reason = Some("it was expelled".to_owned());
    }

    fn measure(&mut self, followed: &Followed, now_ms: u64) {
        (self.shown, self.seen) = (followed.shown, followed.seen);
        if followed.from < followed.to {
            self.grown_at_ms = now_ms;
        }
    }

    /// Takes down that the copy could not be served or compared with our ledger.
    pub(super) fn fail(&mut self, error: &Error) {
        self.state = FollowState::Failing;
        self.reason = Some(error.to_string());
    }
}
