//! The one writer of a log: sequences verified records, commits, signs, publishes.

mod heal;
mod marks;
mod mirror;
mod missing;
mod pending;
mod proofs;
mod reader;
pub(crate) mod recover;
mod restore;
pub(crate) mod stored;
mod tiles;
pub(crate) mod tree;
pub(crate) mod upgrade;

use std::sync::Arc;

use arc_swap::ArcSwap;

pub use self::heal::{Healed, heal};
pub use self::mirror::{Followed, Mirror, MirrorError};
pub use self::missing::Missing;
use self::pending::{Heads, Pending, Sequenced};
pub use self::reader::{LedgerReader, PublishedHead};
pub use self::restore::{Preview, RESTORE_ENTRIES_MAX, Restorer};
use self::tree::Tree;
use crate::author::AuthorHead;
use crate::checkpoint::{Checkpoint, origin};
use crate::dsse::{SignedRecord, Verified};
use crate::entry::Provenance;
use crate::error::{LedgerError, Refusal};
use crate::keys::{PublicKey, SecretKey};
use crate::name::PeerName;
use crate::note::{Note, NoteKey};
use crate::record::{Admit, Body, Header, Record, RecordId};
use crate::rules::{LedgerIdentity, NotAppended};
use crate::signed_state::SignedState;
use crate::store::Store;
use crate::tables::{HEAD_KEY, LedgerHead, META};

/// Most records in one batch: what one sync to disk and one signature are shared by.
pub const BATCH_RECORDS_MAX: usize = 1024;

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its index.
    pub index: u64,
    /// Its id.
    pub id: RecordId,
    /// Whether this batch added it; false: it was there already.
    pub new: bool,
}

/// Conflicting records kept until someone takes them; a peer that told two stories is convicted by one.
const CONFLICTS_MAX: usize = 64;

/// A record on its way in.
struct Incoming {
    record: Verified<SignedRecord>,
    /// Unix ms.
    received_at_ms: u64,
    /// Where it was copied from; `None`: it came from its author.
    provenance: Option<Provenance>,
}

/// A record that was refused because its author had said something else in its place.
#[derive(Debug, Clone)]
pub struct Conflict {
    /// Where the first story stands.
    pub index: u64,
    /// The second one, whose signature was checked.
    pub record: SignedRecord,
}

/// A ledger, open for appending.
pub struct Ledger {
    store: Arc<dyn Store>,
    state: Box<dyn SignedState>,
    identity: LedgerIdentity,
    key: SecretKey,
    head: LedgerHead,
    tree: Tree,
    heads: Heads,
    published: Arc<ArcSwap<PublishedHead>>,
    stopped: Option<String>,
    conflicts: Vec<Conflict>,
}

impl Ledger {
    /// Begins a ledger: entry 0 admits its owner. `now_ms` is its `received_at_ms`.
    ///
    /// # Errors
    /// [`LedgerError::AlreadyExists`] when the store or the signed state is not empty; [`LedgerError::Malformed`]
    /// when `network` is not allowed; [`LedgerError::Store`]
    pub fn create(
        store: Arc<dyn Store>,
        state: Box<dyn SignedState>,
        owner: &PeerName,
        network: &str,
        key: SecretKey,
        now_ms: u64,
    ) -> Result<Self, LedgerError> {
        if store.get(META, HEAD_KEY)?.is_some() || state.load()?.is_some() {
            return Err(LedgerError::AlreadyExists);
        }
        let public = key.public();
        let identity = LedgerIdentity { owner: owner.clone(), network: network.to_owned(), key: public };
        let genesis = Record {
            header: Header {
                network: network.to_owned(),
                author: owner.clone(),
                key: public,
                seq: 1,
                prev: RecordId::ZERO,
            },
            body: Body::Admit(Admit { peer: owner.clone(), peer_key: public, imported: false }),
        };
        let genesis = Verified::check(SignedRecord::sign(genesis, &key)?).expect("a key verifies its own signature");
        let head = LedgerHead::empty();
        let published = Arc::new(ArcSwap::from_pointee(published(head, String::new())));
        let (tree, heads) = (Tree::new(), Heads::default());
        let mut ledger =
            Self { store, state, identity, key, head, tree, heads, published, stopped: None, conflicts: Vec::new() };
        let answers = ledger.append(vec![(genesis, now_ms)])?;
        assert!(
            matches!(answers.as_slice(), [Ok(Appended { index: 0, .. })]),
            "an owner can admit itself: {answers:?}"
        );
        Ok(ledger)
    }

    /// Opens a ledger. Reads a handful of rows, however long it is; one whose marks are of an older version is read whole, once.
    ///
    /// A store that is ahead of the signed state (the process ended between commit and signature) is signed as it
    /// is; one that is behind it, or has another root, is refused: signing it would be a rollback.
    ///
    /// # Errors
    /// [`LedgerError::Missing`], [`LedgerError::OtherLedger`], [`LedgerError::Behind`],
    /// [`LedgerError::SignedStateMissing`], [`LedgerError::Damaged`], [`LedgerError::Store`]
    pub fn open(
        store: Arc<dyn Store>,
        state: Box<dyn SignedState>,
        owner: &PeerName,
        network: &str,
        key: SecretKey,
    ) -> Result<Self, LedgerError> {
        let identity = LedgerIdentity { owner: owner.clone(), network: network.to_owned(), key: key.public() };
        let found = recover::inspect(&*store, &*state, &identity)?;
        upgrade::upgrade(&*store)?;
        let (head, tree, heads) = (found.head, found.tree, Heads::default());
        // What was committed and not signed is published when it is signed.
        let signed = match &found.note {
            Some(note) if found.signed_size == head.tree_size => published(head, note.clone()),
            _ => published(LedgerHead::empty(), String::new()),
        };
        let published = Arc::new(ArcSwap::from_pointee(signed));
        let mut ledger =
            Self { store, state, identity, key, head, tree, heads, published, stopped: None, conflicts: Vec::new() };
        if found.signed_size < head.tree_size {
            ledger.sign_and_publish(found.note.as_deref(), head)?;
        }
        Ok(ledger)
    }

    /// Goes on after a failure whose outcome is not known: closes the store, opens it anew, and takes everything from there and
    /// from the signed state, as [`Ledger::open`] does at a start. Readers go on with what is published then.
    ///
    /// A batch that was written and not signed is signed now, as after a crash; one that was lost was answered with an error.
    /// Nothing that was signed is taken back: what was read before counts for nothing, and the store is checked against
    /// the signed state before anything new is signed.
    ///
    /// # Errors
    /// As [`Ledger::open`], and the store's; the ledger stays stopped.
    pub fn reopen(&mut self) -> Result<(), LedgerError> {
        self.store.reopen()?;
        let found = recover::inspect(&*self.store, &*self.state, &self.identity)?;
        if found.signed_size < self.published.load().tree_size {
            return Err(LedgerError::Behind {
                store_size: found.signed_size,
                signed_size: self.published.load().tree_size,
            });
        }
        (self.head, self.tree, self.heads) = (found.head, found.tree, Heads::default());
        if found.signed_size < self.head.tree_size {
            self.sign_and_publish(found.note.as_deref(), self.head)?;
        } else {
            let note = found.note.expect("a ledger has an entry, and a signed size above 0 comes from a note");
            self.published.store(Arc::new(published(self.head, note)));
        }
        self.stopped = None;
        Ok(())
    }

    /// Appends a batch of at most [`BATCH_RECORDS_MAX`] verified records, each with the time it was received
    /// (unix ms; raised to the last entry's if it is earlier). Answers in the order given.
    ///
    /// 1. sequence in memory by the rules
    /// 2. commit: entries, tiles, author heads and ledger head in one synced batch, guarded by the head before it
    /// 3. sign the new tree head and swap it into the signed state
    /// 4. publish to readers, then answer
    ///
    /// A crash before 2 loses a batch that nobody was told of; between 2 and 3 it leaves entries that nobody was
    /// told of, which the next open signs; after 3 everything is there. So what was answered is never lost, and
    /// nothing is signed that could be lost.
    ///
    /// # Errors
    /// [`LedgerError::BatchTooLarge`]. After any other error it is unknown what the store holds: the ledger answers
    /// [`LedgerError::Poisoned`] from then on and has to be reopened.
    pub fn append(
        &mut self,
        batch: Vec<(Verified<SignedRecord>, u64)>,
    ) -> Result<Vec<Result<Appended, Refusal>>, LedgerError> {
        let first_hand = |(record, received_at_ms)| Incoming { record, received_at_ms, provenance: None };
        self.append_batch(batch.into_iter().map(first_hand).collect())
    }

    /// As [`Ledger::append`], for records that were found in the ledgers of others: each author's in its order. What such a
    /// record says about the ledger it was made for, and cannot say about this one, stands here as history without effect.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub fn append_copied(
        &mut self,
        batch: Vec<(Verified<SignedRecord>, Provenance)>,
        received_at_ms: u64,
    ) -> Result<Vec<Result<Appended, Refusal>>, LedgerError> {
        let copied = |(record, provenance)| Incoming { record, received_at_ms, provenance: Some(provenance) };
        self.append_batch(batch.into_iter().map(copied).collect())
    }

    fn append_batch(&mut self, batch: Vec<Incoming>) -> Result<Vec<Result<Appended, Refusal>>, LedgerError> {
        if let Some(reason) = &self.stopped {
            return Err(LedgerError::Poisoned(reason.clone()));
        }
        if batch.len() > BATCH_RECORDS_MAX {
            return Err(LedgerError::BatchTooLarge { len: batch.len(), max: BATCH_RECORDS_MAX });
        }
        self.sequence_and_commit(&batch).inspect_err(|error| self.stopped = Some(error.to_string()))
    }

    fn sequence_and_commit(&mut self, batch: &[Incoming]) -> Result<Vec<Result<Appended, Refusal>>, LedgerError> {
        // 1. Sequence.
        let mut pending = Pending::new(&self.identity, &*self.store, &mut self.heads, &mut self.tree, self.head);
        let sequence = |Incoming { record, received_at_ms, provenance }: &Incoming| match pending.add(
            record,
            *received_at_ms,
            provenance.as_ref(),
        ) {
            Ok(Sequenced::New(index)) => Ok(Ok(Appended { index, id: record.id(), new: true })),
            Ok(Sequenced::Known(index)) => Ok(Ok(Appended { index, id: record.id(), new: false })),
            Err(NotAppended::Refused(refusal)) => Ok(Err(refusal)),
            Err(NotAppended::Failed(error)) => Err(error),
        };
        let answers = batch.iter().map(sequence).collect::<Result<Vec<_>, LedgerError>>()?;
        let finished = pending.finish();
        for (Incoming { record, .. }, answer) in batch.iter().zip(&answers) {
            if let Err(Refusal::Conflict { index }) = answer
                && self.conflicts.len() < CONFLICTS_MAX
            {
                self.conflicts.push(Conflict { index: *index, record: SignedRecord::clone(record) });
            }
        }
        let Some((rows, head)) = finished else { return Ok(answers) };
        // 2. Commit. Before the first entry there is no head row.
        let before = (self.head.tree_size > 0).then(|| self.head.to_bytes());
        self.store.commit(rows.expecting(META, HEAD_KEY, before))?;
        // 3. and 4. From here on the entries are durable; only the signature may still be missing.
        let signed = self.published.load_full();
        let signed = (signed.tree_size > 0).then_some(signed.checkpoint.as_str());
        self.sign_and_publish(signed, head)?;
        Ok(answers)
    }

    /// Signs a committed head, makes the signature the signed state, and only then shows it to readers.
    ///
    /// # Panics
    /// If the head is not that of the tree in memory, or not ahead of what is published. A signature cannot be taken back.
    fn sign_and_publish(&mut self, signed: Option<&str>, head: LedgerHead) -> Result<(), LedgerError> {
        assert_eq!(
            (self.tree.tree_size(), self.tree.root()),
            (head.tree_size, head.root),
            "the committed tree is signed"
        );
        let published_size = self.published.load().tree_size;
        assert!(head.tree_size > published_size, "{} entries after {published_size} were signed", head.tree_size);
        let origin = origin(&self.identity.owner);
        let text = Checkpoint { origin: origin.clone(), tree_size: head.tree_size, root: head.root }.to_string();
        let note = Note::sign(&text, &origin, &self.key);
        let note = note.expect("a checkpoint ends with a newline, and its origin can name a key").to_string();
        self.state.compare_and_swap(signed, &note)?;
        self.head = head;
        self.published.store(Arc::new(published(head, note)));
        Ok(())
    }

    /// The conflicting records that were refused since this was last asked, at most 64.
    pub fn take_conflicts(&mut self) -> Vec<Conflict> {
        std::mem::take(&mut self.conflicts)
    }

    /// The owner.
    pub fn owner(&self) -> &PeerName {
        &self.identity.owner
    }

    /// The network that records must be made for.
    pub fn network(&self) -> &str {
        &self.identity.network
    }

    /// An admitted peer and its last record.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn author(&self, name: &PeerName) -> Result<Option<AuthorHead>, LedgerError> {
        self.reader().author(name)
    }

    /// All admitted peers in the order of their names.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn authors(&self) -> Result<Vec<(PeerName, AuthorHead)>, LedgerError> {
        self.reader().authors()
    }

    /// A handle that reads what was published, for any thread.
    pub fn reader(&self) -> LedgerReader {
        LedgerReader::new(Arc::clone(&self.store), Arc::clone(&self.published))
    }

    /// The key that checks this ledger's checkpoints, as a C2SP vkey.
    pub fn vkey(&self) -> String {
        vkey(&self.identity.owner, self.identity.key).to_string()
    }
}

/// The verifier key of a peer's ledger.
pub fn vkey(owner: &PeerName, key: PublicKey) -> NoteKey {
    NoteKey::new(&origin(owner), key).expect("a peer's name has neither white space nor `+`, so it can name a key")
}

fn published(head: LedgerHead, checkpoint: String) -> PublishedHead {
    let LedgerHead { tree_size, chain, received_at_ms, root } = head;
    PublishedHead { tree_size, root, chain_head: chain, received_at_ms, checkpoint }
}
