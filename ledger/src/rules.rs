//! Which records the ledger takes: pure functions over the prefix, used by the sequencer and by the verifier.
//!
//! 1. the record is of this ledger's network
//! 2. its author is admitted, with this key (the first record of all admits the owner itself)
//! 3. it is the author's next: `seq` follows and `prev` names the last one; the same record again is no harm,
//!    another one with its `(author, seq)` is a conflict
//! 4. the owner admits, each peer once; anyone admitted votes; authors retract their own votes

use crate::dsse::SignedRecord;
use crate::error::{LedgerError, Refusal};
use crate::keys::PublicKey;
use crate::ledger::AuthorHead;
use crate::name::PeerName;
use crate::record::{Body, RecordId, RecordType};

/// What a ledger is: fixed when it is created.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) owner: PeerName,
    pub(crate) network: String,
    pub(crate) key: PublicKey,
}

/// A record that another one points to.
pub(crate) struct Target {
    pub(crate) author: PeerName,
    pub(crate) kind: RecordType,
}

/// What the rules may ask about the entries before a record.
pub(crate) trait Prefix {
    fn is_empty(&self) -> bool;
    fn author(&mut self, name: &PeerName) -> Result<Option<AuthorHead>, LedgerError>;
    fn index_of(&mut self, id: &RecordId) -> Result<Option<u64>, LedgerError>;
    fn index_of_seq(&mut self, author: &AuthorHead, seq: u64) -> Result<Option<u64>, LedgerError>;
    fn target(&mut self, id: &RecordId) -> Result<Option<Target>, LedgerError>;
}

/// What to do with a record.
#[expect(clippy::large_enum_variant, reason = "nearly all are appended, and none is kept")]
pub(crate) enum Step {
    /// Append it; its author's head before it.
    Append(AuthorHead),
    /// It stands at this index already.
    Known(u64),
}

/// Judges a record whose signature was checked.
pub(crate) fn judge(
    home: &Home,
    signed: &SignedRecord,
    prefix: &mut impl Prefix,
) -> Result<Result<Step, Refusal>, LedgerError> {
    let header = &signed.record().header;
    if header.network != home.network {
        return Ok(Err(Refusal::WrongNetwork { expected: home.network.clone() }));
    }
    let author = match prefix.author(&header.author)? {
        Some(author) => author,
        None if prefix.is_empty() && is_genesis(home, signed) => AuthorHead::admitted(home.key, false, 0),
        None => return Ok(Err(Refusal::UnknownPeer(header.author.clone()))),
    };
    if header.key != author.key {
        return Ok(Err(Refusal::WrongKey(header.author.clone())));
    }
    if header.seq <= author.seq {
        if let Some(index) = prefix.index_of(&signed.id())? {
            return Ok(Ok(Step::Known(index)));
        }
        let index = prefix.index_of_seq(&author, header.seq)?.ok_or_else(|| LedgerError::Damaged {
            index: author.head_index,
            what: format!("no row for seq {} of {}", header.seq, header.author),
        })?;
        return Ok(Err(Refusal::Conflict { index }));
    }
    if header.seq != author.seq + 1 || header.prev != author.id {
        return Ok(Err(Refusal::OutOfSequence { expected_seq: author.seq + 1, expected_prev: author.id }));
    }
    Ok(judge_body(home, signed, prefix)?.map_or(Ok(Step::Append(author)), Err))
}

fn judge_body(home: &Home, signed: &SignedRecord, prefix: &mut impl Prefix) -> Result<Option<Refusal>, LedgerError> {
    let author = &signed.record().header.author;
    Ok(match &signed.record().body {
        Body::Admit(_) if *author != home.owner => Some(Refusal::NotOwner(home.owner.clone())),
        Body::Admit(admit) => {
            prefix.author(&admit.peer)?.is_some().then(|| Refusal::AlreadyAdmitted(admit.peer.clone()))
        }
        Body::Vote(_) => None,
        Body::Retract(retract) => match prefix.target(&retract.target)? {
            None => Some(Refusal::UnknownTarget(retract.target)),
            Some(target) if target.author != *author => Some(Refusal::NotAuthor(retract.target)),
            Some(target) if target.kind != RecordType::Vote => Some(Refusal::NotAVote(retract.target)),
            Some(_) => None,
        },
    })
}

/// Whether a record is the one that a ledger begins with: its owner admits itself.
pub(crate) fn is_genesis(home: &Home, signed: &SignedRecord) -> bool {
    let record = signed.record();
    record.header.network == home.network
        && record.header.author == home.owner
        && record.header.key == home.key
        && record.header.seq == 1
        && matches!(&record.body, Body::Admit(a) if a.peer == home.owner && a.peer_key == home.key && !a.imported)
}

/// The author heads that change when a record is appended at an index: the admitted peer's, then its author's.
pub(crate) fn heads_after(
    signed: &SignedRecord,
    author: AuthorHead,
    index: u64,
) -> impl Iterator<Item = (PeerName, AuthorHead)> {
    let admitted = match &signed.record().body {
        Body::Admit(admit) => Some((admit.peer.clone(), AuthorHead::admitted(admit.peer_key, admit.imported, index))),
        Body::Vote(_) | Body::Retract(_) => None,
    };
    let header = &signed.record().header;
    let next = AuthorHead { seq: header.seq, id: signed.id(), head_index: index, ..author };
    admitted.into_iter().chain([(header.author.clone(), next)])
}
