//! What this node itself may say in its ledger.

use ostrakon_ledger::{
    Body, Category, Digest, Equivocate, Erase, Expel, Header, PeerName, PolicyInForce, Reason, Rebut, RebuttalAnswer,
    RecordId, Retract, Rotate, SecretKey, Subject, Vote,
};
use serde::{Deserialize, Serialize};

/// A vote as its caster states it; the ledger adds the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnVote {
    /// Who is voted on.
    pub subject: Subject,
    /// −100…100, not 0.
    pub value: i8,
    /// What for.
    pub category: Category,
    /// When it ends, Unix milliseconds; 0 for never.
    #[serde(default)]
    pub expires_at_ms: u64,
    /// Commitment to evidence that was stored beforehand; zero for none.
    #[serde(default)]
    pub commitment: Digest,
}

/// An answer to a vote about this node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rebuttal {
    /// The vote.
    pub id: RecordId,
    /// In a word.
    pub answer: RebuttalAnswer,
    /// Commitment to evidence that was stored beforehand; zero for none.
    #[serde(default)]
    pub commitment: Digest,
}

/// One statement of this node's own.
#[derive(Debug, Clone)]
pub enum Statement {
    /// Casts a vote.
    Vote(OwnVote),
    /// Takes back a vote of its own.
    Retract(RecordId),
    /// Answers a vote about itself.
    Rebut(Rebuttal),
    /// Says that the body behind a record's commitment was erased.
    Erase(RecordId),
    /// Says that the policy with this digest is in force from now on.
    Policy(Digest),
    /// Goes on with this key.
    Rotate(SecretKey),
    /// Ends a peer's admission.
    Expel(PeerName, Reason),
    /// Convicts a peer of telling two stories.
    Convict(Box<Equivocate>),
}

impl Statement {
    /// The body of the record that stands under `header` and says it at `now_ms`.
    pub(super) fn body(self, header: &Header, now_ms: u64) -> Body {
        match self {
            Self::Vote(ballot) => {
                let OwnVote { subject, value, category, expires_at_ms, commitment } = ballot;
                Body::Vote(Vote { expires_at_ms, commitment, ..Vote::plain(subject, value, category, now_ms) })
            }
            Self::Retract(target) => Body::Retract(Retract { target }),
            Self::Rebut(Rebuttal { id, answer, commitment }) => Body::Rebut(Rebut { target: id, answer, commitment }),
            Self::Erase(target) => Body::Erase(Erase { target }),
            Self::Policy(digest) => Body::Policy(PolicyInForce { digest, active_from_ms: now_ms }),
            Self::Rotate(new) => Body::Rotate(Rotate::new(header, &new)),
            Self::Expel(peer, reason) => Body::Expel(Expel { peer, reason }),
            Self::Convict(equivocate) => Body::Equivocate(equivocate),
        }
    }
}
