//! What a replay has to know of the entries before, and where it knows it from.

use std::collections::HashMap;

use super::Disagreement;
use crate::author::AuthorHead;
use crate::dsse::SignedRecord;
use crate::error::LedgerError;
use crate::ledger::stored;
use crate::name::PeerName;
use crate::record::{Digest, RecordId, RecordType};
use crate::rules::{PlannedEntry, TargetRecord};
use crate::store::Store;
use crate::tables::{self, IDS, SEQUENCES};

/// The entries before, by id and by `(author, seq)`.
pub(super) trait Past {
    /// Where a record stands; may also find one that comes later.
    fn index_of(&self, id: &RecordId) -> Result<Option<u64>, LedgerError>;
    /// Where the record with this `seq` of an author stands, who has said it already.
    fn index_of_seq(&self, author: &AuthorHead, seq: u64) -> Result<Option<u64>, LedgerError>;
    /// What a record that stands here may be pointed to for.
    fn target(&self, id: &RecordId) -> Result<Option<TargetRecord>, LedgerError>;
    /// A record that the rules take stands at an index.
    fn taken(&mut self, signed: &SignedRecord, planned: &PlannedEntry, index: u64) -> Result<(), Disagreement>;
}

/// Beside the entries lie the tables that the ledger itself uses: they are read, and must be right.
pub(super) struct StoredEntries<'a>(pub(super) &'a dyn Store);

impl Past for StoredEntries<'_> {
    fn index_of(&self, id: &RecordId) -> Result<Option<u64>, LedgerError> {
        stored::index(self.0, IDS, id.as_bytes())
    }

    fn index_of_seq(&self, author: &AuthorHead, seq: u64) -> Result<Option<u64>, LedgerError> {
        stored::index(self.0, SEQUENCES, &tables::sequence_key(author.admitted_at_index, seq))
    }

    fn target(&self, id: &RecordId) -> Result<Option<TargetRecord>, LedgerError> {
        stored::target(self.0, id)
    }

    fn taken(&mut self, signed: &SignedRecord, planned: &PlannedEntry, index: u64) -> Result<(), Disagreement> {
        let key = tables::sequence_key(planned.author.admitted_at_index, signed.record().header.seq);
        let row = self.0.get(SEQUENCES, &key).map_err(|error| Disagreement::Unreadable(error.to_string()))?;
        if row.as_deref() != Some(&tables::index_key(index)) {
            return Err(Disagreement::Row { table: SEQUENCES.0, fault: "does not point to the entry" });
        }
        Ok(())
    }
}

/// There is nothing but the entries themselves: of each, what later ones may ask of it is remembered, in about 100 bytes.
#[derive(Default)]
pub(super) struct RememberedEntries {
    records: HashMap<RecordId, Trace>,
    names: NameNumbers,
    /// Few records commit to a body.
    commitments: HashMap<RecordId, Digest>,
}

/// What is remembered of a record.
struct Trace {
    index: u64,
    author: u32,
    about: Option<u32>,
    kind: RecordType,
}

impl Past for RememberedEntries {
    fn index_of(&self, id: &RecordId) -> Result<Option<u64>, LedgerError> {
        Ok(self.records.get(id).map(|trace| trace.index))
    }

    /// Looks at everything; it is asked once, by what ends the replay.
    fn index_of_seq(&self, author: &AuthorHead, seq: u64) -> Result<Option<u64>, LedgerError> {
        let Some(last) = self.records.get(&author.id) else { return Ok(None) };
        let of_author = self.records.values().filter(|trace| trace.author == last.author);
        let mut indexes: Vec<_> = of_author.map(|trace| trace.index).collect();
        indexes.sort_unstable();
        Ok(seq.checked_sub(1).and_then(|nth| indexes.get(usize::try_from(nth).ok()?).copied()))
    }

    fn target(&self, id: &RecordId) -> Result<Option<TargetRecord>, LedgerError> {
        Ok(self.records.get(id).map(|Trace { author, about, kind, .. }| TargetRecord {
            author: self.names.name(*author),
            kind: *kind,
            about: about.map(|about| self.names.name(about)),
            commitment: self.commitments.get(id).copied().unwrap_or(Digest::ZERO),
        }))
    }

    fn taken(&mut self, signed: &SignedRecord, _: &PlannedEntry, index: u64) -> Result<(), Disagreement> {
        let TargetRecord { author, kind, about, commitment } = TargetRecord::of(signed.record());
        let (author, about) = (self.names.number(author), about.map(|about| self.names.number(about)));
        self.records.insert(signed.id(), Trace { index, author, about, kind });
        if !commitment.is_zero() {
            self.commitments.insert(signed.id(), commitment);
        }
        Ok(())
    }
}

/// Names, each once. There are never more of them than entries, of which 2^31 would not fit into memory.
#[derive(Default)]
struct NameNumbers {
    numbers: HashMap<PeerName, u32>,
    names: Vec<PeerName>,
}

impl NameNumbers {
    fn number(&mut self, name: PeerName) -> u32 {
        *self.numbers.entry(name).or_insert_with_key(|name| {
            self.names.push(name.clone());
            (self.names.len() - 1) as u32
        })
    }

    fn name(&self, number: u32) -> PeerName {
        self.names[number as usize].clone()
    }
}
