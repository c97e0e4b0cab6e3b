//! The rules once more, over the entries themselves.

use std::collections::BTreeMap;

use super::{Disagreement, past::Past};
use crate::author::AuthorHead;
use crate::dsse::{SignedRecord, Verified};
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::keys::PublicKey;
use crate::name::PeerName;
use crate::record::RecordId;
use crate::rules::{self, Home, Mark, Prefix, Step, Target};
use crate::tables;

/// The state that the entries so far give. Only records are looked up in the past, and only below `next`.
pub(super) struct Replay<P> {
    pub(super) home: Home,
    past: P,
    /// Index of the next entry.
    pub(super) next: u64,
    /// When the last entry was received.
    pub(super) received_at_ms: u64,
    /// All author heads.
    pub(super) heads: BTreeMap<PeerName, AuthorHead>,
    /// All marks, as rows.
    pub(super) marks: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl<P: Past> Replay<P> {
    pub(super) fn new(home: Home, past: P) -> Self {
        Self { home, past, next: 0, received_at_ms: 0, heads: BTreeMap::new(), marks: BTreeMap::new() }
    }

    /// Takes the next entry if the rules do.
    pub(super) fn step(&mut self, signed: &Verified<SignedRecord>, entry: &Entry) -> Result<(), Disagreement> {
        let received_at_ms = entry.received_at_ms;
        if received_at_ms < self.received_at_ms {
            return Err(Disagreement::Clock);
        }
        let home = self.home.clone();
        let judged = rules::judge(&home, signed, entry.provenance.as_ref(), self);
        let judged = judged.map_err(|error| Disagreement::Unreadable(error.to_string()))?;
        let place = match judged.map_err(Disagreement::Rule)? {
            Step::Append(place) if place.effect == entry.effect => place,
            Step::Append(_) => return Err(Disagreement::Effect),
            Step::Known(index) => return Err(Disagreement::Repeated(index)),
        };
        self.past.taken(signed, &place, self.next)?;
        self.marks.extend(place.marks.iter().map(|mark| tables::mark_row(mark, self.next)));
        self.heads.extend(rules::heads_after(signed, &place, self.next));
        self.received_at_ms = received_at_ms;
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

    fn target(&mut self, id: &RecordId) -> Result<Option<Target>, LedgerError> {
        match self.index_of(id)? {
            Some(_) => self.past.target(id),
            None => Ok(None),
        }
    }

    fn marked(&mut self, mark: &Mark) -> Result<Option<u64>, LedgerError> {
        Ok(self.marks.get(&tables::mark_row(mark, 0).0).and_then(|row| tables::index_parse(row)))
    }

    fn former_keys(&mut self, author: &AuthorHead) -> Result<Vec<PublicKey>, LedgerError> {
        let prefix = tables::former_key_prefix(author.admitted_at_index);
        let rows = self.marks.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(&prefix));
        Ok(rows.filter_map(|(_, key)| PublicKey::from_bytes(key.as_slice().try_into().ok()?).ok()).collect())
    }
}
