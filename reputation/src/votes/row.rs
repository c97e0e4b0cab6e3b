//! A vote as it is kept in memory: 24 bytes. Its subject follows from its position.

use ostrakon_ledger::Category;

use super::LiveVote;
use crate::ids::{SubjectId, VoterId};
use crate::u48::U48;

/// One vote about a subject that the context gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VoteRow {
    pub(crate) voter: VoterId,
    pub(crate) index: U48,
    pub(crate) since_ms: U48,
    /// 0: never.
    pub(crate) expires_at_ms: U48,
    pub(crate) value: i8,
    pub(crate) category: Category,
}

const _: () = assert!(size_of::<VoteRow>() == 24 && size_of::<Option<VoteRow>>() == 24, "a vote takes 24 bytes");

impl VoteRow {
    /// Whether the vote has not ended at `now_ms`.
    pub(crate) fn is_live(&self, now_ms: u64) -> bool {
        let expires_at_ms = self.expires_at_ms.widened();
        expires_at_ms == 0 || expires_at_ms > now_ms
    }

    /// When the vote ends; `u64::MAX`: never.
    pub(crate) fn end_ms(&self) -> u64 {
        match self.expires_at_ms.widened() {
            0 => u64::MAX,
            at_ms => at_ms,
        }
    }

    /// The vote with its subject.
    pub(crate) fn vote_about(&self, subject: SubjectId) -> LiveVote {
        LiveVote {
            voter: self.voter,
            subject,
            value: self.value,
            category: self.category,
            since_ms: self.since_ms.widened(),
            expires_at_ms: self.expires_at_ms.widened(),
            index: self.index.widened(),
        }
    }
}

impl From<LiveVote> for VoteRow {
    /// Numbers beyond 48 bits, times after the year 10000 for example, are cut to the largest.
    fn from(vote: LiveVote) -> Self {
        Self {
            voter: vote.voter,
            index: U48::saturating(vote.index),
            since_ms: U48::saturating(vote.since_ms),
            expires_at_ms: U48::saturating(vote.expires_at_ms),
            value: vote.value,
            category: vote.category,
        }
    }
}
