//! Everything that can go wrong, grouped by whose fault it is.
//!
//! What is no value of its type is [`Malformed`]. [`Refusal`] is the ledger's answer to a record that it does not take (a
//! result, not a failure), [`LedgerError`] is trouble of our own or misuse by the caller.

use crate::malformed::Malformed;
use crate::name::PeerName;
use crate::record::RecordId;
use crate::store::StoreError;

/// Why something signed by others convinces nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// It cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A signature under a known name does not verify: everything in the note is to be doubted.
    #[error("the signature of `{name}` does not verify")]
    BadSignature {
        /// Whose signature it is said to be.
        name: String,
    },
    /// No trusted key of the log signed its checkpoint.
    #[error("no trusted key of `{origin}` signed the checkpoint")]
    NotSigned {
        /// The log.
        origin: String,
    },
    /// Too few of the trusted witnesses cosigned the checkpoint.
    #[error("the quorum `{quorum}` of witnesses has not cosigned the checkpoint")]
    Quorum {
        /// The witness or group whose word is needed.
        quorum: String,
    },
    /// The path does not lead from the leaf to the root.
    #[error("this is no proof that the entry stands at index {index} of {tree_size}")]
    Inclusion {
        /// Where the entry is said to stand.
        index: u64,
        /// Entries under the checkpoint.
        tree_size: u64,
    },
    /// The receipt is about another record.
    #[error("the receipt is about record {found}, not about {wanted}")]
    OtherRecord {
        /// The record that was asked for.
        wanted: RecordId,
        /// The record that is proven.
        found: RecordId,
    },
    /// The two statements of an equivocation can both be honest.
    #[error("the two statements do not contradict each other: {0}")]
    NoContradiction(&'static str),
    /// The receipt does not carry its entry.
    #[error("the receipt does not carry the entry that it is about")]
    NoEntry,
}

/// Who has to change something for the request to succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Blame {
    /// The peer that signed or sent it.
    Peer,
    /// The program or person that called.
    Caller,
    /// This node.
    Us,
}

impl Blame {
    /// `peer`, `caller` or `us`.
    pub fn as_str(self) -> &'static str {
        match self {
            Blame::Peer => "peer",
            Blame::Caller => "caller",
            Blame::Us => "us",
        }
    }
}

/// Why the ledger does not take a record. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are no envelope or record.
    #[error(transparent)]
    Malformed(Malformed),
    /// The signature does not verify (strictly) with the key that the record names.
    #[error("the signature does not verify")]
    BadSignature,
    /// The key is not canonical, weak, or has a torsion component.
    #[error("the key is refused: {0}")]
    WeakKey(&'static str),
    /// The author was never admitted to this ledger.
    #[error("{0} is not admitted here")]
    UnknownPeer(PeerName),
    /// The peer was expelled, and not admitted again.
    #[error("{0} was expelled here")]
    Expelled(PeerName),
    /// The peer was convicted of telling two stories.
    #[error("{0} was convicted of telling two stories here")]
    Convicted(PeerName),
    /// An expulsion of the ledger's owner.
    #[error("{0} owns this ledger: it cannot be expelled from it")]
    OwnerStays(PeerName),
    /// The author was admitted with another key.
    #[error("{0} was admitted with another key")]
    WrongKey(PeerName),
    /// The record was made for another federation.
    #[error("this ledger is of network `{expected}`")]
    WrongNetwork {
        /// The network of this ledger.
        expected: String,
    },
    /// Not the next record of its author.
    #[error("the author's next record must have seq {expected_seq} and prev {expected_prev}")]
    OutOfSequence {
        /// The `seq` that comes next.
        expected_seq: u64,
        /// The `prev` that it must name.
        expected_prev: RecordId,
    },
    /// Another record with the same author and `seq` is in the ledger: the author told two stories.
    #[error(
        "another record with this author and seq stands at index {index}: two different records with one seq convict their \
         author for good"
    )]
    Conflict {
        /// Where the first one stands.
        index: u64,
    },
    /// What the owner of a ledger says is not copied into it from elsewhere, nor is anything from the ledger itself.
    #[error("this is the ledger of {0}: its own records are not copied into it")]
    OwnersRecord(PeerName),
    /// Only the ledger's owner admits peers and says which policy is in force.
    #[error("only {0}, the owner of this ledger, may say this")]
    NotOwner(PeerName),
    /// The peer is admitted already.
    #[error("{0} is admitted already")]
    AlreadyAdmitted(PeerName),
    /// The record names one that is not in this ledger.
    #[error("there is no record {0} here")]
    UnknownTarget(RecordId),
    /// A retraction, or an erasure that is not the owner's, names someone else's record.
    #[error("record {0} has another author")]
    NotAuthor(RecordId),
    /// A retraction or rebuttal names a record that is not a vote.
    #[error("record {0} is not a vote")]
    NotAVote(RecordId),
    /// A rebuttal of a vote that is not about its author.
    #[error("record {0} is not a vote about the author")]
    NotAccused(RecordId),
    /// An erasure of a record that committed to nothing.
    #[error("record {0} has no detached body")]
    NothingToErase(RecordId),
    /// The vote was retracted, the vote rebutted, the body erased or the peer convicted before.
    #[error("this was done already, at index {index}")]
    AlreadyDone {
        /// Where.
        index: u64,
    },
    /// A rotation to the key that the author has.
    #[error("the new key is the one that {0} has")]
    SameKey(PeerName),
    /// The author has changed its key as often as a ledger remembers.
    #[error("{0} has changed its key too often")]
    TooManyKeys(PeerName),
    /// An accusation under a key that the accused never had here.
    #[error("{0} never had the accused key here")]
    ForeignKey(PeerName),
    /// An accusation that does not prove what it says.
    #[error(transparent)]
    Unproven(Unproven),
}

impl Refusal {
    /// Whose fault it is: always the peer's.
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }

    /// A stable snake_case word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Malformed(_) => "malformed",
            Refusal::BadSignature => "bad_signature",
            Refusal::WeakKey(_) => "weak_key",
            Refusal::UnknownPeer(_) => "unknown_peer",
            Refusal::Expelled(_) => "expelled",
            Refusal::Convicted(_) => "convicted",
            Refusal::OwnerStays(_) => "owner_stays",
            Refusal::WrongKey(_) => "wrong_key",
            Refusal::WrongNetwork { .. } => "wrong_network",
            Refusal::OutOfSequence { .. } => "out_of_sequence",
            Refusal::Conflict { .. } => "conflict",
            Refusal::OwnersRecord(_) => "owners_record",
            Refusal::NotOwner(_) => "not_owner",
            Refusal::AlreadyAdmitted(_) => "already_admitted",
            Refusal::UnknownTarget(_) => "unknown_target",
            Refusal::NotAuthor(_) => "not_author",
            Refusal::NotAVote(_) => "not_a_vote",
            Refusal::NotAccused(_) => "not_accused",
            Refusal::NothingToErase(_) => "nothing_to_erase",
            Refusal::AlreadyDone { .. } => "already_done",
            Refusal::SameKey(_) => "same_key",
            Refusal::TooManyKeys(_) => "too_many_keys",
            Refusal::ForeignKey(_) => "foreign_key",
            Refusal::Unproven(_) => "unproven",
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(fault: Malformed) -> Self {
        match fault {
            Malformed::Key { reason, .. } => Refusal::WeakKey(reason),
            fault => Refusal::Malformed(fault),
        }
    }
}

/// Why the ledger cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Caller: the store holds a ledger already.
    #[error("there is a ledger here already")]
    AlreadyExists,
    /// Caller: the store holds no ledger.
    #[error("there is no ledger here")]
    Missing,
    /// Caller: owner, key or network are not those of the ledger in the store.
    #[error("this is another ledger: {0}")]
    OtherLedger(String),
    /// Caller: more records than one batch takes.
    #[error("{len} records in one batch, at most {max} are allowed")]
    BatchTooLarge {
        /// Records given.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// Caller: a value that cannot stand in a record.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Theirs: a copy of the ledger that does not hold what was signed, or cannot be read.
    #[error("the copy: {0}")]
    Copy(String),
    /// Caller: a file that is no archive of this ledger, or cannot be read or written.
    #[error("the archive: {0}")]
    Archive(String),
    /// Ours: the store is behind what was signed. Signing now would be a rollback.
    #[error(
        "the store ends at {store_size} entries but {signed_size} were signed: entries {store_size}..{signed_size} \
         are missing and must be put back before this ledger can sign again; `ostrakon ledger heal --from PEER` fetches \
         them from a mirror"
    )]
    Behind {
        /// Entries in the store.
        store_size: u64,
        /// Entries in the last signed checkpoint.
        signed_size: u64,
    },
    /// Ours: the store holds entries, the signed state is gone.
    #[error(
        "the store holds {store_size} entries but the signed state is missing: put back the newest copy there is \
         (docs/backup.md)"
    )]
    SignedStateMissing {
        /// Entries in the store.
        store_size: u64,
    },
    /// Ours: what is stored is not what was signed.
    #[error("damaged at index {index}: {what}")]
    Damaged {
        /// The first index known to be affected.
        index: u64,
        /// What is wrong.
        what: String,
    },
    /// Ours: rows that are stored contradict each other or cannot be read, and nothing says from which entry on.
    #[error("damaged: {0}")]
    Inconsistent(String),
    /// Ours: the store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Ours: an earlier failure left it unknown what the store holds; reopen the ledger.
    #[error("the ledger stopped after an earlier failure: {0}")]
    Poisoned(String),
}

impl LedgerError {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            LedgerError::AlreadyExists
            | LedgerError::Missing
            | LedgerError::OtherLedger(_)
            | LedgerError::BatchTooLarge { .. }
            | LedgerError::Archive(_)
            | LedgerError::Malformed(_) => Blame::Caller,
            LedgerError::Copy(_) => Blame::Peer,
            LedgerError::Behind { .. }
            | LedgerError::SignedStateMissing { .. }
            | LedgerError::Damaged { .. }
            | LedgerError::Inconsistent(_)
            | LedgerError::Store(_)
            | LedgerError::Poisoned(_) => Blame::Us,
        }
    }
}
