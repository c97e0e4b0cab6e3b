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
    LedgerError::OtherLedger(format!("{what}; was node.domain, node.network or node.key changed?"))
}

/// The head row.
pub(crate) fn load_head(store: &dyn Store) -> Result<Option<LedgerHead>, LedgerError> {
    let Some(row) = store.get(META, HEAD_KEY)? else { return Ok(None) };
    let unreadable = || LedgerError::Inconsistent("the head row is unreadable".into());
    LedgerHead::parse(&row).map(Some).ok_or_else(unreadable)
}

/// Why a note is no checkpoint of this ledger.
pub(super) enum Foreign {
    /// It cannot be read as a checkpoint.
    Unreadable,
    /// It is of the log with this name.
    Origin(String),
    /// It is not signed with this ledger's key.
    Key,
}

impl Foreign {
    /// What to do when it is the signed state.
    fn as_signed_state(&self, identity: &LedgerIdentity) -> LedgerError {
        let owner = &identity.owner;
        LedgerError::OtherLedger(match self {
            Self::Unreadable => "the signed state holds no checkpoint; put back the newest copy there is".into(),
            Self::Origin(other) => format!(
                "the signed state is of `{other}`, not of `{}`: a ledger keeps the name it began with. If node.domain was \
                 changed, change it back; if the file is another node's, put back this node's",
                origin(owner)
            ),
            Self::Key => format!(
                "the signed state of {owner} was not signed with this node.key: put back the node.key, or the signed state, \
                 that belongs to this ledger"
            ),
        })
    }

    /// What to do when it is what a copy shows.
    pub(super) fn as_copy(&self, identity: &LedgerIdentity) -> LedgerError {
        let owner = &identity.owner;
        LedgerError::Copy(match self {
            Self::Unreadable => format!("it shows no checkpoint; the address of a copy ends in /mirror/{owner}"),
            Self::Origin(other) => format!(
                "it is of `{other}`, not of `{}`; the address of a copy of this ledger ends in /mirror/{owner}",
                origin(owner)
            ),
            Self::Key => format!("its checkpoint of {owner} was not signed with this node.key"),
        })
    }
}

/// Opens a signed state: this ledger's checkpoint, signed by its key.
pub(crate) fn open_checkpoint(note: &str, identity: &LedgerIdentity) -> Result<Checkpoint, LedgerError> {
    open_note(note, identity).map_err(|foreign| foreign.as_signed_state(identity))
}

/// Opens a note that should be a checkpoint of this ledger. What stands in another one is not repeated but for its name.
pub(super) fn open_note(note: &str, identity: &LedgerIdentity) -> Result<Checkpoint, Foreign> {
    let parsed = Note::parse(note).map_err(|_| Foreign::Unreadable)?;
    let checkpoint: Checkpoint = parsed.text().parse().map_err(|_| Foreign::Unreadable)?;
    if checkpoint.origin != origin(&identity.owner) {
        return Err(Foreign::Origin(checkpoint.origin));
    }
    let key = vkey(&identity.owner, identity.key);
    Note::open(note, &[key]).map_err(|_| Foreign::Key)?;
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
