//! A verified copy of someone else's ledger, and what its checkpoints prove about it.
//!
//! What was once seen signed is remembered, synced, before anything builds on it: a ledger that later shows another history has
//! signed both. Entries are taken in steps, each proven to belong to the checkpoint before it is looked at further, so that
//! whoever serves the files can make us fetch and keep no more than a step of what was never signed.

use std::cmp::Ordering;
use std::sync::Arc;

use rayon::ThreadPool;

use super::reader::LedgerReader;
use super::restore::Restorer;
use super::tiles::{ShortTile, TileHashes};
use super::vkey;
use crate::checkpoint::Checkpoint;
use crate::error::{LedgerError, Unproven};
use crate::files::{FetchError, LogFiles, bundles, fetch, fetch_front, split_bundle};
use crate::keys::PublicKey;
use crate::merkle::{Hash, Subtree, prefix_root, prove_consistency, verify_consistency};
use crate::name::PeerName;
use crate::note::{Note, NoteKey};
use crate::record::Equivocate;
use crate::signed_state::SignedState;
use crate::store::{Store, StoreError};
use crate::tile::{TILE_WIDTH, TilePath};

/// Bundles fetched, proven and written together: 2,048 entries, about 1.5 MB, and fewer when they are larger than `files` takes
/// at once.
const STEP_BUNDLES: u64 = 8;

/// The copy of one peer's ledger.
pub struct Mirror {
    store: Arc<dyn Store>,
    seen: Box<dyn SignedState>,
    held: Box<dyn SignedState>,
    owner: PeerName,
    network: String,
    key: PublicKey,
    vkey: NoteKey,
    /// Where signatures are checked.
    workers: Arc<ThreadPool>,
}

/// What a round found. Sizes count entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// The ledger as it shows itself now.
    pub shown: u64,
    /// As it has shown itself at its largest. A ledger that shows less is behind what it was.
    pub seen: u64,
    /// In the copy, before.
    pub from: u64,
    /// In the copy, now.
    pub to: u64,
}

/// Why a round came to nothing. The copy is what it was, or longer by what was proven.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The server did not answer, or lacks what its checkpoint implies.
    #[error(transparent)]
    Unreachable(#[from] FetchError),
    /// The checkpoint is not the peer's.
    #[error("the checkpoint is not its own: {0}")]
    NotSigned(#[from] Unproven),
    /// What is served is not what was signed. A server in between can do that, too: it convicts nobody.
    #[error("what it serves is not what it signed: {0}")]
    Lies(String),
    /// The peer signed an entry that breaks the frame, the chain, a signature or the rules.
    #[error("it signed what no ledger may hold, at index {index}: {what}")]
    Broken {
        /// The entry.
        index: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The peer signed two histories. This proves it.
    #[error("it signed two histories")]
    Forked(Box<Equivocate>),
    /// Trouble of our own.
    #[error(transparent)]
    Ours(LedgerError),
}

/// How two checkpoints of one ledger stand to each other, by the hashes of the larger tree.
enum Relation {
    /// The smaller tree is a prefix of the larger.
    Prefix,
    /// It is not: the root that the larger tree has there, and the proof of that.
    Fork(Vec<Hash>),
    /// The hashes are not those of the larger tree.
    Unfounded,
}

impl Mirror {
    /// The copy in `store` of the ledger of `owner`, signed with `key`. `seen` keeps the largest checkpoint that was seen of it,
    /// `held` the largest one whose entries are all in the store. Signatures are checked by `workers`.
    pub fn new(
        store: Arc<dyn Store>,
        seen: Box<dyn SignedState>,
        held: Box<dyn SignedState>,
        owner: &PeerName,
        network: &str,
        key: PublicKey,
        workers: Arc<ThreadPool>,
    ) -> Self {
        let vkey = vkey(owner, key);
        Self { store, seen, held, owner: owner.clone(), network: network.to_owned(), key, vkey, workers }
    }

    /// Opens the store of the copy again, after an error of it that has passed. Each round takes everything from the store, so that
    /// nothing else is to be done.
    ///
    /// # Errors
    /// [`LedgerError::Store`]
    pub fn reopen(&self) -> Result<(), LedgerError> {
        Ok(self.store.reopen()?)
    }

    /// Reads the copy as far as a checkpoint covers it; `None` before it has reached the first.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`], [`LedgerError::Behind`] when the copy lost what it held.
    pub fn reader(&self) -> Result<Option<LedgerReader>, LedgerError> {
        match LedgerReader::over(self.store.clone(), &*self.held, &self.owner, &self.network, &self.key) {
            Ok(reader) => Ok(Some(reader)),
            Err(LedgerError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One round: looks at the ledger, then copies up to about `limit` entries of what it has seen signed. The copy grows to no
    /// more than `entries_max`.
    ///
    /// 1. The checkpoint is the ledger's own, and agrees with what was seen of it: see [`Mirror::look`].
    /// 2. The next entries belong to it, and each keeps frame, chain, time, signature and rules; they are written, synced.
    /// 3. When all are there, the copy holds that checkpoint.
    ///
    /// Ending anywhere is no harm: the next round goes on.
    ///
    /// # Errors
    /// [`MirrorError`]
    pub fn follow(&self, files: &dyn LogFiles, limit: u64, entries_max: u64) -> Result<Followed, MirrorError> {
        // 1.
        let shown = self.look(files)?.tree_size;
        let seen_note = self.seen.load().map_err(ours)?.ok_or(MirrorError::Ours(LedgerError::Missing))?;
        let (_, seen) = self.signed(&seen_note)?;
        // 2.
        let restorer = Restorer::open(self.store.clone(), &self.owner, &self.network, &self.key);
        let mut restorer = restorer.map_err(MirrorError::Ours)?;
        let from = restorer.tree_size();
        let goal = seen.tree_size.min(from.saturating_add(limit)).min(entries_max);
        // Behind what it has shown, it need not have the files any more.
        while shown == seen.tree_size && restorer.tree_size() < goal {
            restorer = self.step(restorer, &seen, files)?;
        }
        // 3.
        let to = restorer.tree_size();
        if to == seen.tree_size {
            let held = self.held.load().map_err(ours)?;
            if held.as_deref() != Some(&seen_note) {
                self.held.compare_and_swap(held.as_deref(), &seen_note).map_err(ours)?;
            }
        }
        Ok(Followed { shown, seen: seen.tree_size, from, to })
    }

    /// Compares the checkpoint that is shown, here or by whoever else has a copy, with what was seen before: one must be a
    /// prefix of the other. The larger one is remembered, synced.
    ///
    /// # Errors
    /// [`MirrorError`]; [`MirrorError::Forked`] with the proof.
    pub fn look(&self, files: &dyn LogFiles) -> Result<Checkpoint, MirrorError> {
        let (note, shown) = self.signed(&files.checkpoint()?)?;
        if shown.tree_size == 0 {
            return Err(MirrorError::Broken { index: 0, what: "a ledger begins with its owner's admission".into() });
        }
        let Some(seen_text) = self.seen.load().map_err(ours)? else {
            self.seen.compare_and_swap(None, &note.to_string()).map_err(ours)?;
            return Ok(shown);
        };
        let (seen_note, seen) = self.signed(&seen_text)?;
        match shown.tree_size.cmp(&seen.tree_size) {
            Ordering::Equal if shown.root == seen.root => {}
            Ordering::Equal => return Err(self.forked(&seen_note, &note, Vec::new())),
            Ordering::Greater => {
                let relation = relate(&seen, &shown, served(files, shown.tree_size))?;
                self.require(relation, &seen_note, &note)?;
                self.seen.compare_and_swap(Some(&seen_text), &note.to_string()).map_err(ours)?;
            }
            Ordering::Less => self.look_back(files, &note, &shown)?,
        }
        Ok(shown)
    }

    /// Compares a checkpoint that is smaller than the largest one seen with what is held. Between the two, while the copy is
    /// still growing, nobody may have the tree that could tell; then it passes for a lag.
    fn look_back(&self, files: &dyn LogFiles, note: &Note, shown: &Checkpoint) -> Result<(), MirrorError> {
        let Some(copy) = self.reader().map_err(MirrorError::Ours)? else { return Ok(()) };
        let (held_note, held) = self.signed(&copy.checkpoint())?;
        match shown.tree_size.cmp(&held.tree_size) {
            Ordering::Equal if shown.root == held.root => Ok(()),
            Ordering::Equal => Err(self.forked(&held_note, note, Vec::new())),
            Ordering::Less => {
                let relation = relate(shown, &held, copy.tiles(held.tree_size));
                self.require(relation.map_err(MirrorError::Ours)?, note, &held_note)
            }
            Ordering::Greater => {
                let relation = relate(&held, shown, served(files, shown.tree_size))?;
                self.require(relation, &held_note, note)
            }
        }
    }

    /// Copies the next entries towards a checkpoint.
    fn step(&self, restorer: Restorer, target: &Checkpoint, files: &dyn LogFiles) -> Result<Restorer, MirrorError> {
        let from = restorer.tree_size();
        let end = ((from / u64::from(TILE_WIDTH) + STEP_BUNDLES) * u64::from(TILE_WIDTH)).min(target.tree_size);
        let paths = bundles(from, end, target.tree_size);
        let fetched = fetch_front(files, &paths)?;
        let end = ((from / u64::from(TILE_WIDTH) + fetched.len() as u64) * u64::from(TILE_WIDTH)).min(end);
        let (mut preview, mut entries) = (restorer.preview(), Vec::new());
        for (path, bundle) in paths.iter().zip(fetched) {
            let found = split_bundle(&bundle).filter(|found| found.len() == usize::from(path.width()));
            let found = found.ok_or_else(|| MirrorError::Lies(format!("`{path}` does not hold its entries")))?;
            // Of the first bundle the copy has the front already.
            let there = (preview.tree_size() % u64::from(TILE_WIDTH)) as usize;
            for entry in &found[there..] {
                preview.push(entry);
                entries.push(entry.to_vec());
            }
        }
        let mut tiles = served(files, target.tree_size);
        let proof = prove_consistency(end, target.tree_size, |node| tiles.hash(node))?;
        if !verify_consistency(end, target.tree_size, &preview.root(), &target.root, &proof) {
            return Err(MirrorError::Lies(format!("entries {from}..{end} are not those under its checkpoint")));
        }
        self.workers.install(|| restorer.append(&entries)).map_err(|error| match error {
            LedgerError::Damaged { index, what } if index >= from => MirrorError::Broken { index, what },
            error => MirrorError::Ours(error),
        })
    }

    /// A checkpoint that the ledger itself signed, with no other signature on it.
    fn signed(&self, text: &str) -> Result<(Note, Checkpoint), MirrorError> {
        let note = Note::parse(text).map_err(Unproven::from)?.signed_only_with(&self.vkey);
        let checkpoint = Checkpoint::of(&note, std::slice::from_ref(&self.vkey))?;
        Ok((note, checkpoint))
    }

    /// That the smaller checkpoint, which comes first, is a prefix of the other.
    fn require(&self, relation: Relation, first: &Note, second: &Note) -> Result<(), MirrorError> {
        match relation {
            Relation::Prefix => Ok(()),
            Relation::Fork(proof) => Err(self.forked(first, second, proof)),
            Relation::Unfounded => Err(MirrorError::Lies("its tiles are not those under its checkpoint".into())),
        }
    }

    fn forked(&self, first: &Note, second: &Note, proof: Vec<Hash>) -> MirrorError {
        let accusation = Equivocate::of_checkpoints(self.owner.clone(), self.key, first, second, proof);
        MirrorError::Forked(Box::new(accusation))
    }
}

/// How a checkpoint stands to a larger one, by hashes that may or may not be those of the larger tree.
///
/// The consistency proof is made from the root that these hashes give for the smaller size. Does it lead to the larger, signed
/// root, they are that tree's, and that is the root it has there: the signed one, or another, which proves the fork.
fn relate<F, E>(smaller: &Checkpoint, larger: &Checkpoint, mut tiles: TileHashes<F>) -> Result<Relation, E>
where
    F: FnMut(u8, u64, u16) -> Result<Vec<u8>, E>,
    E: From<ShortTile>,
{
    let mut hash = |node: Subtree| tiles.hash(node);
    let path = prove_consistency(smaller.tree_size, larger.tree_size, &mut hash)?;
    let root = prefix_root(smaller.tree_size, &mut hash)?;
    Ok(if !verify_consistency(smaller.tree_size, larger.tree_size, &root, &larger.root, &path) {
        Relation::Unfounded
    } else if root == smaller.root {
        Relation::Prefix
    } else {
        Relation::Fork([vec![root], path].concat())
    })
}

/// The tree of this size as its tiles are served.
fn served(
    files: &dyn LogFiles,
    tree_size: u64,
) -> TileHashes<impl FnMut(u8, u64, u16) -> Result<Vec<u8>, FetchError> + '_> {
    TileHashes::new(tree_size, move |level, n, width| {
        // A file that is not there is an error of `fetch`; one path gives one file.
        Ok(fetch(files, &[TilePath::Hashes { level, n, width }])?.pop().unwrap_or_default())
    })
}

fn ours(error: StoreError) -> MirrorError {
    MirrorError::Ours(error.into())
}
