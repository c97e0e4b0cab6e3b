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

use crate::author::AuthorHead;
use crate::dsse::SignedRecord;
use crate::entry::{Effect, Provenance};
use crate::error::{LedgerError, Refusal};
use crate::keys::PublicKey;
use crate::name::PeerName;
use crate::record::{Admit, Body, Digest, Record, RecordId, RecordType, Vote};
use crate::subject::Subject;

/// Keys that a ledger remembers of one peer, so that looking for one among them stays cheap.
pub const ROTATIONS_MAX: usize = 256;

/// What a ledger is: fixed when it is created.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) owner: PeerName,
    pub(crate) network: String,
    pub(crate) key: PublicKey,
}

/// A record that another one points to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) author: PeerName,
    pub(crate) kind: RecordType,
    /// The peer or domain that a vote is about: who may answer it.
    pub(crate) about: Option<PeerName>,
    /// What a vote or rebuttal commits to; zero for nothing.
    pub(crate) commitment: Digest,
}

impl Target {
    pub(crate) fn of(record: &Record) -> Self {
        let (about, commitment) = match &record.body {
            Body::Vote(Vote { subject: Subject::Peer(name) | Subject::Domain(name), commitment, .. }) => {
                (Some(name.clone()), *commitment)
            }
            Body::Vote(vote) => (None, vote.commitment),
            Body::Rebut(rebut) => (None, rebut.commitment),
            _ => (None, Digest::ZERO),
        };
        Self { author: record.header.author.clone(), kind: record.kind(), about, commitment }
    }
}

/// What is true from a record on, for later records to respect and for readers to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// This vote is retracted.
    Retracted(RecordId),
    /// This vote is rebutted.
    Rebutted(RecordId),
    /// This peer told two stories.
    Convicted(PeerName),
    /// The body behind this record is erased.
    Erased(RecordId),
    /// This record is the first that commits to this: its author holds the commitment. A commitment is salted, so that nobody
    /// else could have made it; later records of others with the same one are copies.
    Committed(Digest),
    /// So many records of the peer that was admitted at this index commit to this and are not erased.
    Unerased(Digest, u64, u64),
    /// This peer was expelled; the latest counts.
    Expelled(PeerName),
    /// The policy in force; the latest counts.
    Policy,
    /// The peer admitted at this index had this key until here.
    Rotated(u64, PublicKey),
}

/// What the rules may ask about the entries before a record.
pub(crate) trait Prefix {
    /// How many entries there are: where the record would stand.
    fn next_index(&self) -> u64;
    fn author(&mut self, name: &PeerName) -> Result<Option<AuthorHead>, LedgerError>;
    fn index_of(&mut self, id: &RecordId) -> Result<Option<u64>, LedgerError>;
    fn index_of_seq(&mut self, author: &AuthorHead, seq: u64) -> Result<Option<u64>, LedgerError>;
    fn target(&mut self, id: &RecordId) -> Result<Option<Target>, LedgerError>;
    /// Where a mark was set.
    fn marked(&mut self, mark: &Mark) -> Result<Option<u64>, LedgerError>;
    /// The keys that a peer had before the one it has.
    fn former_keys(&mut self, author: &AuthorHead) -> Result<Vec<PublicKey>, LedgerError>;
}

/// What to do with a record.
#[expect(clippy::large_enum_variant, reason = "nearly all are appended, and none is kept")]
pub(crate) enum Step {
    /// Append it.
    Append(Place),
    /// It stands at this index already.
    Known(u64),
}

/// What a record finds and leaves when it is appended.
pub(crate) struct Place {
    /// Its author's head before it.
    pub(crate) author: AuthorHead,
    pub(crate) marks: Vec<Mark>,
    /// The peer that it admits or expels, and its head from here on.
    pub(crate) changed: Option<(PeerName, AuthorHead)>,
    pub(crate) effect: Effect,
}

/// Judges a record whose signature was checked; `provenance` is where it was copied from, if it was.
pub(crate) fn judge(
    home: &Home,
    signed: &SignedRecord,
    provenance: Option<&Provenance>,
    prefix: &mut impl Prefix,
) -> Result<Result<Step, Refusal>, LedgerError> {
    let header = &signed.record().header;
    let index = prefix.next_index();
    if header.network != home.network {
        return Ok(Err(Refusal::WrongNetwork { expected: home.network.clone() }));
    }
    if provenance.is_some_and(|it| header.author == home.owner || it.ledger == home.owner) {
        return Ok(Err(Refusal::OwnersRecord(home.owner.clone())));
    }
    let author = match prefix.author(&header.author)? {
        Some(author) => author,
        None if provenance.is_none() && index == 0 && is_genesis(home, signed) => {
            AuthorHead::admitted(home.key, false, 0)
        }
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
    if author.expelled {
        return Ok(Err(Refusal::Expelled(header.author.clone())));
    }
    if header.seq != author.seq + 1 || header.prev != author.id {
        return Ok(Err(Refusal::OutOfSequence { expected_seq: author.seq + 1, expected_prev: author.id }));
    }
    let (Deed { mut marks, changed }, effect) = match judge_body(home, signed, &author, prefix)? {
        Ok(deed) => (deed, Effect::InForce),
        Err(refusal @ Refusal::TooManyKeys(_)) => return Ok(Err(refusal)),
        Err(_) if provenance.is_some() => (Deed::default(), Effect::Inert),
        Err(refusal) => return Ok(Err(refusal)),
    };
    // That a record commits to something is so whether or not it has an effect here.
    let commitment = Target::of(signed.record()).commitment;
    if !commitment.is_zero() {
        let unerased = unerased(commitment, &author, prefix)?;
        marks.push(Mark::Unerased(commitment, author.admitted_at_index, unerased.saturating_add(1)));
        if prefix.marked(&Mark::Committed(commitment))?.is_none() {
            marks.push(Mark::Committed(commitment));
        }
    }
    Ok(Ok(Step::Append(Place { author, marks, changed, effect })))
}

/// What a record does where it is in force.
#[derive(Default)]
struct Deed {
    marks: Vec<Mark>,
    changed: Option<(PeerName, AuthorHead)>,
}

impl From<Mark> for Deed {
    fn from(mark: Mark) -> Self {
        Self { marks: vec![mark], changed: None }
    }
}

/// How many records of an author commit to this and are not erased.
fn unerased(commitment: Digest, author: &AuthorHead, prefix: &mut impl Prefix) -> Result<u64, LedgerError> {
    Ok(prefix.marked(&Mark::Unerased(commitment, author.admitted_at_index, 0))?.unwrap_or(0))
}

type Judged<T> = Result<Result<T, Refusal>, LedgerError>;

/// What a record does, if its body is allowed.
fn judge_body(home: &Home, signed: &SignedRecord, head: &AuthorHead, prefix: &mut impl Prefix) -> Judged<Deed> {
    let author = &signed.record().header.author;
    let mark = match &signed.record().body {
        Body::Vote(_) => return Ok(Ok(Deed::default())),
        Body::Admit(_) | Body::Policy(_) | Body::Expel(_) if *author != home.owner => {
            return Ok(Err(Refusal::NotOwner(home.owner.clone())));
        }
        Body::Admit(admit) => return judge_admission(admit, prefix),
        Body::Expel(expel) => return judge_expulsion(home, &expel.peer, prefix),
        // The latest counts: this mark may be set again.
        Body::Policy(_) => return Ok(Ok(Mark::Policy.into())),
        Body::Rotate(rotate) => return judge_rotation(author, rotate.new_key, head, prefix),
        Body::Retract(retract) => match vote(&retract.target, prefix)? {
            Ok(target) if target.author != *author => return Ok(Err(Refusal::NotAuthor(retract.target))),
            Ok(_) => Mark::Retracted(retract.target),
            Err(refusal) => return Ok(Err(refusal)),
        },
        Body::Rebut(rebut) => match vote(&rebut.target, prefix)? {
            Ok(target) if target.about.as_ref() != Some(author) => return Ok(Err(Refusal::NotAccused(rebut.target))),
            Ok(_) => Mark::Rebutted(rebut.target),
            Err(refusal) => return Ok(Err(refusal)),
        },
        Body::Erase(erase) => return judge_erasure(home, author, erase.target, prefix),
        Body::Equivocate(equivocate) => {
            let Some(accused) = prefix.author(&equivocate.accused)? else {
                return Ok(Err(Refusal::UnknownPeer(equivocate.accused.clone())));
            };
            let key = equivocate.accused_key;
            if accused.key != key && !prefix.former_keys(&accused)?.contains(&key) {
                return Ok(Err(Refusal::ForeignKey(equivocate.accused.clone())));
            }
            Mark::Convicted(equivocate.accused.clone())
        }
    };
    Ok(match prefix.marked(&mark)? {
        Some(index) => Err(Refusal::AlreadyDone { index }),
        None => Ok(mark.into()),
    })
}

/// A name is admitted once; again only after it was expelled, and never after it was convicted. Its sequence goes on where it
/// ended, with the key that is named now.
fn judge_admission(admit: &Admit, prefix: &mut impl Prefix) -> Judged<Deed> {
    let Admit { peer, peer_key, imported } = admit;
    let Some(known) = prefix.author(peer)? else {
        let head = AuthorHead::admitted(*peer_key, *imported, prefix.next_index());
        return Ok(Ok(Deed { marks: Vec::new(), changed: Some((peer.clone(), head)) }));
    };
    if !known.expelled || known.imported != *imported {
        return Ok(Err(Refusal::AlreadyAdmitted(peer.clone())));
    }
    if prefix.marked(&Mark::Convicted(peer.clone()))?.is_some() {
        return Ok(Err(Refusal::Convicted(peer.clone())));
    }
    let mut marks = Vec::new();
    if known.key != *peer_key {
        if prefix.former_keys(&known)?.len() >= ROTATIONS_MAX {
            return Ok(Err(Refusal::TooManyKeys(peer.clone())));
        }
        marks.push(Mark::Rotated(known.admitted_at_index, known.key));
    }
    let head = AuthorHead { key: *peer_key, expelled: false, ..known };
    Ok(Ok(Deed { marks, changed: Some((peer.clone(), head)) }))
}

fn judge_expulsion(home: &Home, peer: &PeerName, prefix: &mut impl Prefix) -> Judged<Deed> {
    if *peer == home.owner {
        return Ok(Err(Refusal::OwnerStays(peer.clone())));
    }
    let Some(known) = prefix.author(peer)? else {
        return Ok(Err(Refusal::UnknownPeer(peer.clone())));
    };
    let mark = Mark::Expelled(peer.clone());
    if known.expelled {
        let index = prefix.marked(&mark)?.unwrap_or_default();
        return Ok(Err(Refusal::AlreadyDone { index }));
    }
    let head = AuthorHead { expelled: true, ..known };
    Ok(Ok(Deed { marks: vec![mark], changed: Some((peer.clone(), head)) }))
}

/// An erasure is about one record. What its author commits to elsewhere, and what others commit to, stays as it is.
fn judge_erasure(home: &Home, author: &PeerName, id: RecordId, prefix: &mut impl Prefix) -> Judged<Deed> {
    let Some(target) = prefix.target(&id)? else { return Ok(Err(Refusal::UnknownTarget(id))) };
    if target.author != *author && *author != home.owner {
        return Ok(Err(Refusal::NotAuthor(id)));
    }
    if target.commitment.is_zero() {
        return Ok(Err(Refusal::NothingToErase(id)));
    }
    if let Some(index) = prefix.marked(&Mark::Erased(id))? {
        return Ok(Err(Refusal::AlreadyDone { index }));
    }
    let holder = prefix.author(&target.author)?.ok_or_else(|| LedgerError::Damaged {
        index: 0,
        what: format!("there is no row for {}, who has a record here", target.author),
    })?;
    let left = unerased(target.commitment, &holder, prefix)?.saturating_sub(1);
    let left = Mark::Unerased(target.commitment, holder.admitted_at_index, left);
    Ok(Ok(Deed { marks: vec![Mark::Erased(id), left], changed: None }))
}

fn judge_rotation(author: &PeerName, new_key: PublicKey, head: &AuthorHead, prefix: &mut impl Prefix) -> Judged<Deed> {
    if new_key == head.key {
        return Ok(Err(Refusal::SameKey(author.clone())));
    }
    if prefix.former_keys(head)?.len() >= ROTATIONS_MAX {
        return Ok(Err(Refusal::TooManyKeys(author.clone())));
    }
    Ok(Ok(Mark::Rotated(head.admitted_at_index, head.key).into()))
}

/// The vote that a record names.
fn vote(id: &RecordId, prefix: &mut impl Prefix) -> Judged<Target> {
    Ok(match prefix.target(id)? {
        None => Err(Refusal::UnknownTarget(*id)),
        Some(target) if target.kind != RecordType::Vote => Err(Refusal::NotAVote(*id)),
        Some(target) => Ok(target),
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

/// The author heads that change when a record is appended at an index: the admitted or expelled peer's, then its author's.
pub(crate) fn heads_after(
    signed: &SignedRecord,
    place: &Place,
    index: u64,
) -> impl Iterator<Item = (PeerName, AuthorHead)> + use<> {
    let Place { author, effect, changed, .. } = place;
    let key = match (&signed.record().body, effect) {
        (Body::Rotate(rotate), Effect::InForce) => rotate.new_key,
        _ => author.key,
    };
    let header = &signed.record().header;
    let next = AuthorHead { seq: header.seq, id: signed.id(), head_index: index, key, ..*author };
    changed.clone().into_iter().chain([(header.author.clone(), next)])
}
