//! Which records the ledger takes: pure functions over the prefix, used by the sequencer and by the verifier.
//!
//! 1. the record is of this ledger's network
//! 2. its author is admitted, with this key (the first record of all admits the owner itself)
//! 3. it is the author's next: `seq` follows and `prev` names the last one; the same record again is no harm,
//!    another one with its `(author, seq)` is a conflict
//! 4. the owner admits each peer once, ends an admission, admits again whom it has expelled, and says which policy is in
//!    force; who is expelled says nothing
//! 5. any peer votes, retracts its own votes once, and answers votes about itself once; authors, and the owner, say that the
//!    detached body of a vote or rebuttal was erased, once for each record
//! 6. any peer goes on with a new key, at most [`ROTATIONS_MAX`] times
//! 7. any peer convicts another of telling two stories, once, under a key that the accused has or had here
//!
//! 1 to 3 are about an author's sequence, which is the same in every ledger; 4 to 7 ask what is true in this one. A record that
//! was copied from another ledger must keep 1 to 3, and is never the owner's own. Where 4 to 7 would have refused it, it stands
//! here as history: inert. Only a rotation that cannot be followed is refused, since it changes what 2 means.

mod mark;
mod next;
mod target;

pub(crate) use self::mark::{Mark, ended_key_prefix};
pub(crate) use self::next::{LedgerIdentity, NextRecord, NotAppended, Prefix, StateChange, unerased};
pub(crate) use self::target::TargetRecord;
use crate::author::AuthorHead;
use crate::dsse::SignedRecord;
use crate::entry::checked::{EntryFault, VerifiedEntry};
use crate::entry::{Effect, Provenance};
use crate::error::{LedgerError, Refusal};
use crate::name::PeerName;
use crate::record::Body;

/// Keys that a ledger remembers of one peer, so that looking for one among them stays cheap.
pub const ROTATIONS_MAX: usize = 256;

/// What to do with a record that is not refused.
#[expect(clippy::large_enum_variant, reason = "nearly all are appended, and none is kept")]
pub(crate) enum RecordJudgement {
    /// Append it.
    Append(PlannedEntry),
    /// It stands at this index already.
    Known(u64),
}

/// What a record finds and leaves when it is appended.
pub(crate) struct PlannedEntry {
    /// Its author's head before it.
    pub(crate) author: AuthorHead,
    pub(crate) change: StateChange,
    pub(crate) effect: Effect,
}

/// Judges a record whose signature was checked; `provenance` is where it was copied from, if it was.
pub(crate) fn judge(
    ledger: &LedgerIdentity,
    signed: &SignedRecord,
    provenance: Option<&Provenance>,
    prefix: &mut impl Prefix,
) -> Result<RecordJudgement, NotAppended> {
    let header = &signed.record().header;
    if header.network != ledger.network {
        return Err(Refusal::WrongNetwork { expected: ledger.network.clone() }.into());
    }
    if provenance.is_some_and(|it| header.author == ledger.owner || it.ledger == ledger.owner) {
        return Err(Refusal::OwnersRecord(ledger.owner.clone()).into());
    }
    let author = match prefix.author(&header.author)? {
        Some(author) => author,
        None if provenance.is_none() && prefix.next_index() == 0 && is_genesis(ledger, signed) => {
            AuthorHead::admitted(ledger.key, false, 0)
        }
        None => return Err(Refusal::UnknownPeer(header.author.clone()).into()),
    };
    if header.key != author.key {
        return Err(Refusal::WrongKey(header.author.clone()).into());
    }
    if header.seq <= author.seq {
        return known_or_conflict(signed, &author, prefix);
    }
    if author.expelled {
        return Err(Refusal::Expelled(header.author.clone()).into());
    }
    if header.seq != author.seq + 1 || header.prev != author.id {
        return Err(Refusal::OutOfSequence { expected_seq: author.seq + 1, expected_prev: author.id }.into());
    }
    let body = &signed.record().body;
    let mut next = NextRecord { ledger, author: &header.author, head: &author, prefix };
    let (mut change, effect) = match body.judge(&mut next) {
        Ok(change) => (change, Effect::InForce),
        Err(refused @ NotAppended::Refused(Refusal::TooManyKeys(_))) => return Err(refused),
        Err(NotAppended::Refused(_)) if provenance.is_some() => (StateChange::default(), Effect::Inert),
        Err(not_appended) => return Err(not_appended),
    };
    // That a record commits to something is so whether or not it has an effect here.
    change.marks.extend(commitment_marks(body, &author, prefix)?);
    Ok(RecordJudgement::Append(PlannedEntry { author, change, effect }))
}

/// Judges an entry that stands in a ledger: the rules must take its record, with the effect that the entry says it has.
pub(crate) fn judge_entry(
    ledger: &LedgerIdentity,
    entry: &VerifiedEntry,
    prefix: &mut impl Prefix,
) -> Result<PlannedEntry, EntryFault> {
    match judge(ledger, &entry.record, entry.provenance.as_ref(), prefix) {
        Ok(RecordJudgement::Append(planned)) if planned.effect == entry.effect => Ok(planned),
        Ok(RecordJudgement::Append(_)) => Err(EntryFault::Effect),
        Ok(RecordJudgement::Known(index)) => Err(EntryFault::Repeated(index)),
        Err(NotAppended::Refused(refusal)) => Err(EntryFault::Rule(refusal)),
        Err(NotAppended::Failed(error)) => Err(EntryFault::Ledger(error)),
    }
}

/// A record whose place in its author's sequence is taken: by itself, or by another one.
fn known_or_conflict(
    signed: &SignedRecord,
    author: &AuthorHead,
    prefix: &mut impl Prefix,
) -> Result<RecordJudgement, NotAppended> {
    if let Some(index) = prefix.index_of(&signed.id())? {
        return Ok(RecordJudgement::Known(index));
    }
    let header = &signed.record().header;
    let index = prefix.index_of_seq(author, header.seq)?.ok_or_else(|| LedgerError::Damaged {
        index: author.head_index,
        what: format!("no row for seq {} of {}", header.seq, header.author),
    })?;
    Err(Refusal::Conflict { index }.into())
}

fn commitment_marks(body: &Body, author: &AuthorHead, prefix: &mut impl Prefix) -> Result<Vec<Mark>, LedgerError> {
    let commitment = body.commitment();
    if commitment.is_zero() {
        return Ok(Vec::new());
    }
    let unerased = unerased(&commitment, author, prefix)?;
    let mut marks = vec![Mark::unerased(&commitment, author, unerased.saturating_add(1))];
    let first = Mark::first_commitment(&commitment);
    if prefix.marked(&first)?.is_none() {
        marks.push(first);
    }
    Ok(marks)
}

/// Whether a record is the one that a ledger begins with: its owner admits itself.
pub(crate) fn is_genesis(ledger: &LedgerIdentity, signed: &SignedRecord) -> bool {
    let record = signed.record();
    record.header.network == ledger.network
        && record.header.author == ledger.owner
        && record.header.key == ledger.key
        && record.header.seq == 1
        && matches!(&record.body, Body::Admit(a) if a.peer == ledger.owner && a.peer_key == ledger.key && !a.imported)
}

/// The author heads that change when a record is appended at an index: the admitted or expelled peer's, then its author's.
pub(crate) fn heads_after(
    signed: &SignedRecord,
    planned: &PlannedEntry,
    index: u64,
) -> impl Iterator<Item = (PeerName, AuthorHead)> + use<> {
    let PlannedEntry { author, change, .. } = planned;
    let key = change.new_key.unwrap_or(author.key);
    let header = &signed.record().header;
    let next = AuthorHead { seq: header.seq, id: signed.id(), head_index: index, key, ..*author };
    change.changed.clone().into_iter().chain([(header.author.clone(), next)])
}
