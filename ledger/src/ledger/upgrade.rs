//! Marks of an older version: erasures were kept by commitment, now they are kept by record.

use std::collections::BTreeMap;

use super::recover::load_head;
use super::stored;
use crate::entry::Effect;
use crate::error::LedgerError;
use crate::record::{Body, Erase, RecordType};
use crate::rules::{Mark, TargetRecord};
use crate::store::{Batch, Store};
use crate::tables::{self, ENTRIES, HEAD_KEY, MARKS, MARKS_VERSION, MARKS_VERSION_KEY, META};

/// Entries read at a time.
const PAGE_ENTRIES: usize = 1024;

/// Whether the rows of the marks table are those of this version.
pub(crate) fn is_current(store: &dyn Store) -> Result<bool, LedgerError> {
    Ok(store.get(META, MARKS_VERSION_KEY)?.as_deref() == Some(MARKS_VERSION))
}

/// Writes the marks of a ledger's commitments and erasures anew, if they are of an older version: once, in one batch. Reads the
/// whole ledger.
pub(super) fn upgrade(store: &dyn Store) -> Result<(), LedgerError> {
    let Some(head) = load_head(store)? else { return Ok(()) };
    if is_current(store)? {
        return Ok(());
    }
    let mut batch = Batch::new().expecting(META, HEAD_KEY, Some(head.to_bytes()));
    stored::for_each_row(store, MARKS, |key, _| {
        if key.first() == Some(&RecordType::Erase.code()) {
            batch.delete(MARKS, key);
        }
        Ok(())
    })?;
    let mut marks: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for from in (0..head.tree_size).step_by(PAGE_ENTRIES) {
        for (key, bytes) in store.scan(ENTRIES, &tables::index_key(from), PAGE_ENTRIES)? {
            let index = tables::index_parse(&key).unwrap_or(from);
            let entry = stored::parse_entry(index, &bytes)?;
            let target = TargetRecord::of(entry.record.record());
            if !target.commitment.is_zero() {
                let (first, at) = Mark::first_commitment(&target.commitment).row(index);
                marks.entry(first).or_insert(at);
                count(store, &mut marks, &target, |count| count + 1)?;
            }
            if let (Body::Erase(erase), Effect::InForce) = (&entry.record.record().body, entry.effect)
                && let Some(target) = stored::target(store, &erase.target)?
            {
                marks.extend([Erase::mark(&erase.target).row(index)]);
                count(store, &mut marks, &target, |count| count.saturating_sub(1))?;
            }
        }
    }
    marks.into_iter().for_each(|(key, value)| batch.put(MARKS, key, value));
    batch.put(META, MARKS_VERSION_KEY, MARKS_VERSION);
    Ok(store.commit(batch)?)
}

/// Changes how many records of a target's author commit to the same and are not erased.
fn count(
    store: &dyn Store,
    marks: &mut BTreeMap<Vec<u8>, Vec<u8>>,
    target: &TargetRecord,
    change: impl Fn(u64) -> u64,
) -> Result<(), LedgerError> {
    let Some(author) = stored::author(store, &target.author)? else { return Ok(()) };
    let row = |count| Mark::unerased(&target.commitment, &author, count).row(0);
    let before = marks.get(&row(0).0).and_then(|value| tables::index_parse(value)).unwrap_or(0);
    marks.extend([row(change(before))]);
    Ok(())
}
