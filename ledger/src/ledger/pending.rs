//! A batch in the making: the rules see the stored entries and those of the batch before a record.

use std::collections::{BTreeMap, BTreeSet};

use super::stored;
use crate::author::AuthorHead;
use crate::dsse::{SignedRecord, Verified};
use crate::entry::checked::{CheckedEntry, EntryFault};
use crate::entry::{Chain, Provenance, frame};
use crate::error::LedgerError;
use crate::keys::PublicKey;
use crate::merkle::leaf_hash;
use crate::name::PeerName;
use crate::record::RecordId;
use crate::rules::{
    self, LedgerIdentity, Mark, NotAppended, PlannedEntry, Prefix, RecordJudgement, TargetRecord, ended_key_prefix,
};
use crate::store::{Batch, Store};
use crate::tables::{self, AUTHORS, ENTRIES, IDS, LedgerHead, MARKS, SEQUENCES};

use super::tree::Tree;

/// Author heads kept in memory, about 25 MB; beyond that they are read again.
const HEADS_MAX: usize = 1 << 16;

/// Author heads read or written lately: a cache of the store's rows.
#[derive(Default)]
pub(super) struct Heads(BTreeMap<PeerName, AuthorHead>);

/// Where a record stands that the rules take.
pub(super) enum Sequenced {
    /// It was added here.
    New(u64),
    /// It was there already.
    Known(u64),
}

/// Records sequenced in memory and not yet committed.
pub(super) struct Pending<'a> {
    ledger: &'a LedgerIdentity,
    store: &'a dyn Store,
    heads: &'a mut Heads,
    tree: &'a mut Tree,
    /// Entries that are committed. Rows that point beyond them are damage.
    committed: u64,
    head: LedgerHead,
    rows: Batch,
    touched: BTreeSet<PeerName>,
    ids: BTreeMap<RecordId, (u64, TargetRecord)>,
    sequences: BTreeMap<[u8; 16], u64>,
    marks: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl<'a> Pending<'a> {
    pub(super) fn new(
        ledger: &'a LedgerIdentity,
        store: &'a dyn Store,
        heads: &'a mut Heads,
        tree: &'a mut Tree,
        head: LedgerHead,
    ) -> Self {
        if heads.0.len() > HEADS_MAX {
            heads.0.clear();
        }
        Self {
            ledger,
            store,
            heads,
            tree,
            committed: head.tree_size,
            head,
            rows: Batch::new(),
            touched: BTreeSet::new(),
            ids: BTreeMap::new(),
            sequences: BTreeMap::new(),
            marks: BTreeMap::new(),
        }
    }

    /// A row that points to an entry that is not there comes from a batch that was written in parts.
    fn within(&self, index: u64) -> Result<u64, LedgerError> {
        if index < self.committed {
            return Ok(index);
        }
        Err(LedgerError::Damaged { index, what: "a row points behind the end of the ledger".into() })
    }

    /// Sequences a record if the rules take it; `provenance` is where it was copied from, if it was.
    pub(super) fn add(
        &mut self,
        signed: &Verified<SignedRecord>,
        received_at_ms: u64,
        provenance: Option<&Provenance>,
    ) -> Result<Sequenced, NotAppended> {
        Ok(match rules::judge(self.ledger, signed, provenance, self)? {
            RecordJudgement::Append(planned) => {
                Sequenced::New(self.append(signed, &planned, received_at_ms, provenance))
            }
            RecordJudgement::Known(index) => Sequenced::Known(index),
        })
    }

    /// Puts back an entry that was signed before, if it is the next one.
    pub(super) fn put_back(&mut self, entry: CheckedEntry) -> Result<(), EntryFault> {
        let entry = entry.follow(self.head.chain, self.head.received_at_ms)?;
        let planned = rules::judge_entry(self.ledger, &entry, self)?;
        self.append(&entry.record, &planned, entry.received_at_ms, entry.provenance.as_ref());
        Ok(())
    }

    fn append(
        &mut self,
        signed: &SignedRecord,
        planned: &PlannedEntry,
        received_at_ms: u64,
        provenance: Option<&Provenance>,
    ) -> u64 {
        let (index, id) = (self.head.tree_size, signed.id());
        // A clock that went back must not make entries go back.
        let received_at_ms = received_at_ms.max(self.head.received_at_ms);
        let entry = frame(self.head.chain, received_at_ms, signed, provenance, planned.effect);
        self.tree.push(leaf_hash(&entry));
        self.head = LedgerHead { tree_size: index + 1, chain: Chain::after(&entry), received_at_ms, ..self.head };

        let sequence = tables::sequence_key(planned.author.admitted_at_index, signed.record().header.seq);
        self.rows.put(ENTRIES, tables::index_key(index), entry);
        self.rows.put(IDS, *id.as_bytes(), tables::index_key(index));
        self.rows.put(SEQUENCES, sequence, tables::index_key(index));
        self.ids.insert(id, (index, TargetRecord::of(signed.record())));
        self.marks.extend(planned.change.marks.iter().map(|mark| mark.row(index)));
        self.sequences.insert(sequence, index);
        for (name, head) in rules::heads_after(signed, planned, index) {
            match self.heads.0.get_mut(&name) {
                Some(known) => *known = head,
                None => drop(self.heads.0.insert(name.clone(), head)),
            }
            self.touched.insert(name);
        }
        index
    }

    /// The batch to commit and the head after it; `None` when no record was taken.
    pub(super) fn finish(self) -> Option<(Batch, LedgerHead)> {
        if self.rows.puts.is_empty() {
            return None;
        }
        let mut rows = self.rows;
        for name in &self.touched {
            if let Some(head) = self.heads.0.get(name) {
                rows.put(AUTHORS, name.as_str(), tables::author_to_bytes(head));
            }
        }
        for (key, value) in self.marks {
            rows.put(MARKS, key, value);
        }
        for ((level, n), hashes) in self.tree.take_changed() {
            rows.put(tables::TILES, tables::tile_key(level, n), hashes);
        }
        if self.committed == 0 {
            rows.put(tables::META, tables::MARKS_VERSION_KEY, tables::MARKS_VERSION);
        }
        let head = LedgerHead { root: self.tree.root(), ..self.head };
        rows.put(tables::META, tables::HEAD_KEY, head.to_bytes());
        Some((rows, head))
    }
}

impl Prefix for Pending<'_> {
    fn next_index(&self) -> u64 {
        self.head.tree_size
    }

    fn author(&mut self, name: &PeerName) -> Result<Option<AuthorHead>, LedgerError> {
        if let Some(head) = self.heads.0.get(name) {
            return Ok(Some(*head));
        }
        let head = stored::author(self.store, name)?;
        if let Some(head) = head {
            self.within(head.head_index)?;
            self.heads.0.insert(name.clone(), head);
        }
        Ok(head)
    }

    fn index_of(&mut self, id: &RecordId) -> Result<Option<u64>, LedgerError> {
        match self.ids.get(id) {
            Some((index, ..)) => Ok(Some(*index)),
            None => stored::index(self.store, IDS, id.as_bytes())?.map(|index| self.within(index)).transpose(),
        }
    }

    fn index_of_seq(&mut self, author: &AuthorHead, seq: u64) -> Result<Option<u64>, LedgerError> {
        let key = tables::sequence_key(author.admitted_at_index, seq);
        match self.sequences.get(&key) {
            Some(index) => Ok(Some(*index)),
            None => stored::index(self.store, SEQUENCES, &key)?.map(|index| self.within(index)).transpose(),
        }
    }

    fn target(&mut self, id: &RecordId) -> Result<Option<TargetRecord>, LedgerError> {
        match self.ids.get(id) {
            Some((_, target)) => Ok(Some(target.clone())),
            None => stored::target(self.store, id),
        }
    }

    fn marked(&mut self, mark: &Mark) -> Result<Option<u64>, LedgerError> {
        match self.marks.get(mark.key()) {
            Some(row) => Ok(tables::index_parse(row)),
            None => stored::mark(self.store, mark),
        }
    }

    fn former_keys(&mut self, author: &AuthorHead) -> Result<Vec<PublicKey>, LedgerError> {
        let mut keys = stored::former_keys(self.store, author)?;
        let prefix = ended_key_prefix(author);
        let fresh = self.marks.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(&prefix));
        keys.extend(fresh.filter_map(|(_, key)| PublicKey::from_bytes(key.as_slice().try_into().ok()?).ok()));
        Ok(keys)
    }
}
