//! The rules once more, over the entries themselves.

use std::collections::BTreeMap;

use super::{Disagreement, past::Past};
use crate::author::AuthorHead;
use crate::entry::Chain;
use crate::entry::checked::CheckedEntry;
use crate::error::LedgerError;
use crate::keys::PublicKey;
use crate::name::PeerName;
use crate::record::RecordId;
use crate::rules::{self, LedgerIdentity, Mark, Prefix, TargetRecord, ended_key_prefix};
use crate::tables;

/// The state that the entries so far give. Only records are looked up in the past, and only below `next`.
pub(super) struct Replay<P> {
    pub(super) ledger: LedgerIdentity,
    past: P,
    /// Index of the next entry.
    pub(super) next: u64,
    /// The link that the next entry must carry.
    pub(super) chain: Chain,
    /// When the last entry was received.
    pub(super) received_at_ms: u64,
    /// All author heads.
    pub(super) heads: BTreeMap<PeerName, AuthorHead>,
    /// All marks, as rows.
    pub(super) marks: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl<P: Past> Replay<P> {
    pub(super) fn new(ledger: LedgerIdentity, past: P) -> Self {
        Self {
            ledger,
            past,
            next: 0,
            chain: Chain::ZERO,
            received_at_ms: 0,
            heads: BTreeMap::new(),
            marks: BTreeMap::new(),
        }
    }

    /// Takes the next entry if it follows the last one and the rules take it.
    pub(super) fn step(&mut self, entry: CheckedEntry) -> Result<(), Disagreement> {
        let entry = entry.follow(self.chain, self.received_at_ms)?;
        let ledger = self.ledger.clone();
        let planned = rules::judge_entry(&ledger, &entry, self)?;
        self.past.taken(&entry.record, &planned, self.next)?;
        self.marks.extend(planned.change.marks.iter().map(|mark| mark.row(self.next)));
        self.heads.extend(rules::heads_after(&entry.record, &planned, self.next));
        (self.chain, self.received_at_ms) = (entry.next_chain, entry.received_at_ms);
        self.next += 1;
        Ok(())
    }
}

impl<P: Past> Prefix for Replay<P> {
    fn next_index(&self) -> u64 {
        self.next
    }

    fn author(&mut self, name: &PeerName) -> Result<Option<AuthorHead>, LedgerError> {
        Ok(self.heads.get(name).copied())
    }

    fn index_of(&mut self, id: &RecordId) -> Result<Option<u64>, LedgerError> {
        Ok(self.past.index_of(id)?.filter(|index| *index < self.next))
    }

    fn index_of_seq(&mut self, author: &AuthorHead, seq: u64) -> Result<Option<u64>, LedgerError> {
        self.past.index_of_seq(author, seq)
    }

    fn target(&mut self, id: &RecordId) -> Result<Option<TargetRecord>, LedgerError> {
        match self.index_of(id)? {
            Some(_) => self.past.target(id),
            None => Ok(None),
        }
    }

    fn marked(&mut self, mark: &Mark) -> Result<Option<u64>, LedgerError> {
        Ok(self.marks.get(mark.key()).and_then(|row| tables::index_parse(row)))
    }

    fn former_keys(&mut self, author: &AuthorHead) -> Result<Vec<PublicKey>, LedgerError> {
        let prefix = ended_key_prefix(author);
        let rows = self.marks.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(&prefix));
        Ok(rows.filter_map(|(_, key)| PublicKey::from_bytes(key.as_slice().try_into().ok()?).ok()).collect())
    }
}
