//! What stands in the store's rows, read and checked. Whether it was published is for the caller to see.

use crate::author::AuthorHead;
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::keys::PublicKey;
use crate::name::PeerName;
use crate::record::{RecordId, RecordType};
use crate::rules::{Mark, ROTATIONS_MAX, TargetRecord, ended_key_prefix};
use crate::store::{Store, Table};
use crate::tables::{self, AUTHORS, ENTRIES, IDS, MARKS};

/// Rows fetched at once when a whole table is read.
const PAGE_ROWS: usize = 1024;

/// Calls `row` for every row of a table, in order, a page at a time.
pub(crate) fn for_each_row(
    store: &dyn Store,
    table: Table,
    mut row: impl FnMut(&[u8], &[u8]) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let mut from = Vec::new();
    loop {
        let page = store.scan(table, &from, PAGE_ROWS)?;
        for (key, value) in &page {
            row(key, value)?;
        }
        match page.last() {
            Some((last, _)) if page.len() == PAGE_ROWS => from = [last.as_slice(), &[0]].concat(),
            _ => return Ok(()),
        }
    }
}

pub(crate) fn author_name(key: &[u8]) -> Result<PeerName, LedgerError> {
    let name = std::str::from_utf8(key).ok().and_then(|name| PeerName::parse(name).ok());
    name.ok_or_else(|| LedgerError::Inconsistent("a key of the authors table is no name".into()))
}

pub(crate) fn author(store: &dyn Store, name: &PeerName) -> Result<Option<AuthorHead>, LedgerError> {
    store.get(AUTHORS, name.as_str().as_bytes())?.map(|row| tables::author_parse(&row)).transpose()
}

pub(crate) fn index(store: &dyn Store, table: Table, key: &[u8]) -> Result<Option<u64>, LedgerError> {
    let Some(row) = store.get(table, key)? else { return Ok(None) };
    let unreadable = || LedgerError::Inconsistent(format!("a row of the table {} is no index", table.0));
    tables::index_parse(&row).map(Some).ok_or_else(unreadable)
}

pub(crate) fn entry(store: &dyn Store, index: u64) -> Result<Entry, LedgerError> {
    let bytes = store.get(ENTRIES, &tables::index_key(index))?.ok_or_else(|| missing(index))?;
    parse_entry(index, &bytes)
}

pub(crate) fn target(store: &dyn Store, id: &RecordId) -> Result<Option<TargetRecord>, LedgerError> {
    let Some(index) = index(store, IDS, id.as_bytes())? else { return Ok(None) };
    let record = entry(store, index)?.record;
    Ok(Some(TargetRecord::of(record.record())))
}

pub(crate) fn parse_entry(index: u64, bytes: &[u8]) -> Result<Entry, LedgerError> {
    Entry::parse(index, bytes).map_err(|fault| LedgerError::Damaged { index, what: fault.to_string() })
}

pub(crate) fn missing(index: u64) -> LedgerError {
    LedgerError::Damaged { index, what: "the entry is missing".into() }
}

/// Where a mark that is written once was set.
pub(crate) fn mark(store: &dyn Store, mark: &Mark) -> Result<Option<u64>, LedgerError> {
    index(store, MARKS, mark.key())
}

/// The key right after an index: the first of the former ones that ended later, or the one of the head.
pub(crate) fn key_at(store: &dyn Store, head: &AuthorHead, index: u64) -> Result<PublicKey, LedgerError> {
    Ok(former_keys_after(store, head, index, 1)?.pop().unwrap_or(head.key))
}

/// Where the peer was admitted that had this key until it rotated; `None`: nobody had it before.
pub(crate) fn admission_of_former_key(store: &dyn Store, key: &PublicKey) -> Result<Option<u64>, LedgerError> {
    let mut from = vec![RecordType::Rotate.code()];
    loop {
        let page = store.scan(MARKS, &from, PAGE_ROWS)?;
        let rotations = page.iter().take_while(|(row, _)| row.first() == from.first());
        if let Some((row, _)) = rotations.clone().find(|(_, value)| value.as_slice() == key.as_bytes()) {
            return Ok(row.get(1..9).and_then(tables::index_parse));
        }
        match page.last() {
            Some((last, _)) if rotations.count() == PAGE_ROWS => from = [last.as_slice(), &[0]].concat(),
            _ => return Ok(None),
        }
    }
}

/// All former keys of a peer, the oldest first.
pub(crate) fn former_keys(store: &dyn Store, head: &AuthorHead) -> Result<Vec<PublicKey>, LedgerError> {
    former_keys_after(store, head, head.admitted_at_index, ROTATIONS_MAX)
}

fn former_keys_after(
    store: &dyn Store,
    head: &AuthorHead,
    index: u64,
    limit: usize,
) -> Result<Vec<PublicKey>, LedgerError> {
    let prefix = ended_key_prefix(head);
    let from = [prefix.as_slice(), &tables::index_key(index.saturating_add(1))].concat();
    let rows = store.scan(MARKS, &from, limit)?;
    let unreadable = || LedgerError::Inconsistent("a row of the marks table is unreadable".into());
    rows.into_iter()
        .take_while(|(key, _)| key.starts_with(&prefix))
        .map(|(_, value)| {
            let bytes = value.try_into().map_err(|_| unreadable())?;
            PublicKey::from_bytes(&bytes).map_err(|_| unreadable())
        })
        .collect()
}
