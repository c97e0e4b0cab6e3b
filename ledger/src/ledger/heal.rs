//! Fetching the entries that a store lost from whoever keeps a copy of the ledger.

use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use super::restore::{RESTORE_ENTRIES_MAX, Restorer};
use crate::archive::{read_entry, write_entry};
use crate::checkpoint::Checkpoint;
use crate::error::LedgerError;
use crate::files::{LogFiles, bundles, fetch, split_bundle};
use crate::signed_state::SignedState;
use crate::store::StoreError;
use crate::tile::TILE_WIDTH;

/// Bundles fetched at once.
const CHUNK_BUNDLES: u64 = 16;

/// What was healed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Healed {
    /// Entries that were there before.
    pub from: u64,
    /// Entries that are there now.
    pub to: u64,
    /// Whether the copy had a newer checkpoint than the signed state, which now holds it.
    pub newer: bool,
}

/// Brings a store that is behind its signed state up to it again.
///
/// 1. The newest checkpoint is the signed state's, or the copy's if that one is larger. Both are signed by this ledger's
///    key, and the copy must lead from the one to the other.
/// 2. The missing entries are fetched into `spool`. With what the store holds they must have the signed root. Up to here
///    nothing was written: a copy that lies changes nothing.
/// 3. The entries are checked one by one and written, and a newer checkpoint becomes the signed state.
///
/// Ending in the middle is no harm: healing again goes on where it stopped. `progress` is told of (entries fetched and
/// entries written, twice the entries missing).
///
/// # Errors
/// [`LedgerError::SignedStateMissing`] when nothing says what was signed, [`LedgerError::Copy`] when the copy cannot be
/// read or is not this ledger, and those of [`Restorer`].
pub fn heal(
    mut restorer: Restorer,
    state: &dyn SignedState,
    copy: &dyn LogFiles,
    spool: &mut (impl Read + Write + Seek),
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Healed, LedgerError> {
    let from = restorer.tree_size();
    let signed_note = state.load()?.ok_or(LedgerError::SignedStateMissing { store_size: from })?;
    let signed = restorer.open_checkpoint(&signed_note)?;
    let copied_note = copy.checkpoint().map_err(|error| LedgerError::Copy(error.to_string()))?;
    let copied = restorer.open_copied(&copied_note)?;
    if from >= signed.tree_size {
        restorer.require(&signed)?;
    }
    let newer = copied.tree_size > signed.tree_size;
    let target = if newer { &copied } else { &signed };
    let missing = target.tree_size.saturating_sub(from);
    let mut fetched = BufWriter::new(&mut *spool);
    fetch_missing(&restorer, &signed, target, &copied, copy, &mut fetched, &mut |done| progress(done, missing * 2))?;
    fetched.flush().map_err(spooling)?;
    drop(fetched);
    spool.seek(SeekFrom::Start(0)).map_err(spooling)?;
    let mut fetched = BufReader::new(spool);
    while restorer.tree_size() < target.tree_size {
        let count = (target.tree_size - restorer.tree_size()).min(RESTORE_ENTRIES_MAX as u64);
        let entries = (0..count).map(|_| read_entry(&mut fetched)).collect::<Result<Vec<_>, _>>().map_err(spooling)?;
        restorer = restorer.append(&entries)?;
        progress(missing + restorer.tree_size() - from, missing * 2);
    }
    restorer.require(&signed)?;
    restorer.require(&copied).map_err(|_| other_history())?;
    if newer {
        state.compare_and_swap(Some(&signed_note), &copied_note)?;
    }
    Ok(Healed { from, to: restorer.tree_size(), newer })
}

/// Fetches the entries from the store's end to `target` into `spool`; on the way, and at its end, the roots must be those
/// that were signed.
fn fetch_missing(
    restorer: &Restorer,
    signed: &Checkpoint,
    target: &Checkpoint,
    copied: &Checkpoint,
    copy: &dyn LogFiles,
    spool: &mut impl Write,
    progress: &mut dyn FnMut(u64),
) -> Result<(), LedgerError> {
    let (from, to) = (restorer.tree_size(), target.tree_size);
    if from >= to {
        return Ok(());
    }
    if copied.tree_size < to {
        let has = copied.tree_size;
        return Err(LedgerError::Copy(format!("it has {has} entries; entries {from}..{to} are missing here")));
    }
    let mut preview = restorer.preview();
    while preview.tree_size() < to {
        let at = preview.tree_size();
        let end = (at / u64::from(TILE_WIDTH) + CHUNK_BUNDLES) * u64::from(TILE_WIDTH);
        let paths = bundles(at, end.min(to), to);
        let found = fetch(copy, &paths).map_err(|error| LedgerError::Copy(error.to_string()))?;
        for (path, bundle) in paths.iter().zip(&found) {
            let entries = split_bundle(bundle).filter(|entries| entries.len() == usize::from(path.width()));
            let entries = entries.ok_or_else(|| LedgerError::Copy(format!("`{path}` does not hold its entries")))?;
            // Of the first bundle the store has the front already.
            let there = (preview.tree_size() % u64::from(TILE_WIDTH)) as usize;
            for entry in &entries[there..] {
                write_entry(spool, entry).map_err(spooling)?;
                preview.push(entry);
                if preview.tree_size() == signed.tree_size && preview.root() != signed.root {
                    return Err(other_history());
                }
            }
        }
        progress(preview.tree_size() - from);
    }
    if preview.root() == target.root { Ok(()) } else { Err(other_history()) }
}

fn other_history() -> LedgerError {
    LedgerError::Copy("its entries do not have the root that was signed: it holds another history".into())
}

fn spooling(error: std::io::Error) -> LedgerError {
    LedgerError::Store(StoreError::Failed(format!("the file that holds what was fetched: {error}")))
}
