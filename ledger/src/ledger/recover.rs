//! What has to be true before a ledger that exists may sign again.

use super::{
    stored,
    tree::{Tree, root_at},
    vkey,
};
use crate::checkpoint::{Checkpoint, origin};
use crate::entry::Chain;
use crate::error::LedgerError;
use crate::merkle::leaf_hash;
use crate::note::Note;
use crate::rules::{LedgerIdentity, is_genesis};
use crate::signed_state::SignedState;
use crate::store::Store;
use crate::tables::{ENTRIES, HEAD_KEY, LedgerHead, META, index_key};

/// What was found.
pub(super) struct LedgerEnd {
    pub(super) head: LedgerHead,
    pub(super) tree: Tree,
    /// The signed state, and its tree size (0 without one).
    pub(super) note: Option<String>,
    pub(super) signed_size: u64,
}

/// Reads the end of the ledger and the signed state, and checks them against each other.
pub(super) fn inspect(
    store: &dyn Store,
    state: &dyn SignedState,
    identity: &LedgerIdentity,
) -> Result<LedgerEnd, LedgerError> {
    let note = state.load()?;
    let signed = note.as_deref().map(|note| open_checkpoint(note, identity)).transpose()?;
    let head = match (load_head(store)?, &signed) {
        (Some(head), _) => head,
        (None, Some(signed)) => return Err(LedgerError::Behind { store_size: 0, signed_size: signed.tree_size }),
        (None, None) => return Err(LedgerError::Missing),
    };
    if let Some(signed) = &signed
        && signed.tree_size > head.tree_size
    {
        return Err(LedgerError::Behind { store_size: head.tree_size, signed_size: signed.tree_size });
    }
    if !is_genesis(identity, &stored::entry(store, 0)?.record) {
        return Err(not_ours(identity));
    }
    let tree = check_end(store, head)?;
    match &signed {
        // Only the first entry can be there before the first signature.
        None if head.tree_size > 1 => return Err(LedgerError::SignedStateMissing { store_size: head.tree_size }),
        Some(signed) if root_at(store, signed.tree_size)? != signed.root => {
            let what = format!("the first {} entries do not have the root that was signed", signed.tree_size);
            return Err(LedgerError::Inconsistent(what));
        }
        _ => {}
    }
    let signed_size = signed.map_or(0, |signed| signed.tree_size);
    Ok(LedgerEnd { head, tree, note, signed_size })
}

/// What is there does not begin as this ledger does.
pub(super) fn not_ours(identity: &LedgerIdentity) -> LedgerError {
    let what = format!("entry 0 does not admit {} of network `{}` with this key", identity.owner, identity.network);
    LedgerError::OtherLedger(what)
}

/// The head row.
pub(crate) fn load_head(store: &dyn Store) -> Result<Option<LedgerHead>, LedgerError> {
    let Some(row) = store.get(META, HEAD_KEY)? else { return Ok(None) };
    let unreadable = || LedgerError::Inconsistent("the head row is unreadable".into());
    LedgerHead::parse(&row).map(Some).ok_or_else(unreadable)
}

/// Opens a signed state: this ledger's checkpoint, signed by its key.
pub(crate) fn open_checkpoint(note: &str, identity: &LedgerIdentity) -> Result<Checkpoint, LedgerError> {
    let other = |what: String| LedgerError::OtherLedger(format!("the signed state: {what}"));
    let note = Note::open(note, &[vkey(&identity.owner, identity.key)]).map_err(|fault| other(fault.to_string()))?;
    let checkpoint: Checkpoint = note.text().parse().map_err(|fault: crate::Malformed| other(fault.to_string()))?;
    if checkpoint.origin != origin(&identity.owner) {
        return Err(other(format!("is of `{}`", checkpoint.origin)));
    }
    Ok(checkpoint)
}

/// The last entry, the head row and the tiles must agree, and nothing may stand behind them. Loads the tree on the way.
pub(super) fn check_end(store: &dyn Store, head: LedgerHead) -> Result<Tree, LedgerError> {
    let damaged = |index, what: &str| LedgerError::Damaged { index, what: what.into() };
    let Some(last) = head.tree_size.checked_sub(1) else {
        return Err(LedgerError::Inconsistent("the head row counts no entries".into()));
    };
    let tree = Tree::load(store, head.tree_size)?;
    if tree.root() != head.root {
        return Err(LedgerError::Inconsistent("the tiles do not have the root of the head row".into()));
    }
    let entry = stored::entry(store, last)?.to_bytes();
    if Chain::after(&entry) != head.chain {
        return Err(damaged(last, "the last entry is not the one that the head row binds"));
    }
    let leaf = leaf_hash(&entry);
    if tree.last_leaf().is_some_and(|hash| hash != leaf) {
        return Err(damaged(last, "the last entry is not the one in the tree"));
    }
    if !store.scan(ENTRIES, &index_key(head.tree_size), 1)?.is_empty() {
        return Err(damaged(head.tree_size, "there is an entry behind the end of the ledger"));
    }
    Ok(tree)
}
