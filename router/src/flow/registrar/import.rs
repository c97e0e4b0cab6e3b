//! Rows of a third party's list become signed records of one pseudo-peer per source, and are taken back by it.

use std::collections::{BTreeMap, HashSet, btree_map::Entry};

use ostrakon_ledger::{Admit, Appended, BATCH_RECORDS_MAX, Body, PeerName, RecordId, SecretKey, Subject};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Registrar,
    chain::{Chain, RecordDraft},
};
use crate::{
    error::Error,
    import::{ImportError, Skip, SourceVote, is_pseudo_peer, retractions, time_fault_in_row},
};

/// Derivation context of the keys of imported sources.
const IMPORT_KEY: &str = "ostrakon imported source key v1";

/// Votes taken back by one call: as many as a chunk of an import casts, so that nobody waits longer for it.
const WITHDRAWN_AT_ONCE_MAX: usize = 500;

/// A record that an import added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportReceipt {
    /// The line of the file it came from; 0 for the admission of a source.
    pub line: u64,
    /// The record.
    pub id: RecordId,
    /// Where it stands in the ledger.
    pub index: u64,
}

/// What an import did.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Imported {
    /// Records added, admissions of new sources among them, all of them durable.
    pub receipts: Vec<ImportReceipt>,
    /// Rows that were in the ledger already.
    pub present: u64,
    /// Rows about which the source has said something newer.
    pub outdated: u64,
    /// Rows that withdraw what is not there.
    pub void: u64,
    /// Rows whose votes were cast before and taken back since.
    #[serde(default)]
    pub taken_back: u64,
}

impl Imported {
    /// Counts a row that adds nothing.
    pub fn count(&mut self, skip: Skip) {
        *match skip {
            Skip::AlreadyThere => &mut self.present,
            Skip::Outdated => &mut self.outdated,
            Skip::NothingLive => &mut self.void,
            Skip::TakenBack => &mut self.taken_back,
        } += 1;
    }
}

/// What to take back of what a source said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// The pseudo-peer.
    pub source: PeerName,
    /// About whom; `None`: everything.
    #[serde(default)]
    pub subjects: Option<HashSet<Subject>>,
}

/// What was taken back.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// Retractions added, all of them durable.
    pub receipts: Vec<ImportReceipt>,
    /// Votes that are still to be taken back: ask again.
    pub left: u64,
}

impl Registrar {
    /// Turns rows of a third party's list, oldest first, into signed records of one pseudo-peer per source, whose keys
    /// are derived from the node's. Rows that are in the ledger already add nothing.
    ///
    /// # Errors
    /// [`Error::NotImported`] for a source that is not below this node's own domain; [`Error::Import`] for a time that cannot be meant;
    /// the ledger's. What was added before stays added, and importing the rows again adds the rest.
    pub fn import(&mut self, rows: &[SourceVote], now_ms: u64) -> Result<Imported, Error> {
        for row in rows {
            if !is_pseudo_peer(&row.source, &self.domain) {
                return Err(Error::NotImported(row.source.to_string()));
            }
            let at_ms = row.action.at_ms();
            if let Some(reason) = time_fault_in_row(at_ms, now_ms) {
                let (line, value) = (row.line, at_ms.to_string());
                return Err(ImportError::Field { line, column: "time", value, reason }.into());
            }
        }
        let mut imported = Imported::default();
        let outcome = self.import_rows(rows, now_ms, &mut imported);
        self.settle(&outcome);
        outcome.map(|()| imported)
    }

    /// Takes back what a source said, by retractions of the same pseudo-peer. Doing it twice adds nothing.
    ///
    /// # Errors
    /// As [`Registrar::import`].
    pub fn withdraw(&mut self, what: &Withdrawal, now_ms: u64) -> Result<Withdrawn, Error> {
        if !is_pseudo_peer(&what.source, &self.domain) {
            return Err(Error::NotImported(what.source.to_string()));
        }
        let outcome = self.withdraw_votes(what, now_ms);
        self.settle(&outcome);
        outcome
    }

    /// Takes back one vote of an imported source; `None` if the record is none of an imported source of this node.
    pub(super) fn retract_imported(&mut self, target: RecordId, now_ms: u64) -> Result<Option<Appended>, Error> {
        let reader = self.ledger.reader();
        let entry = reader.record(&target)?.map(|index| reader.entry(index)).transpose()?.flatten();
        let Some(source) = entry.map(|entry| entry.record.record().header.author.clone()) else { return Ok(None) };
        if !is_pseudo_peer(&source, &self.domain) {
            return Ok(None);
        }
        let key = source_key(&self.key, &source);
        let mut chain = Chain::of(&self.ledger, &self.network, source, key)?;
        let draft = chain.next_with(|_| Body::Retract(ostrakon_ledger::Retract { target }));
        let (id, record) = (draft.record.id(), draft.record.clone());
        let appended = self.append(draft, now_ms)?;
        self.sources.note(id, &record, now_ms);
        Ok(Some(appended))
    }

    /// What was planned and not written must not be believed, nor may more be remembered than there is room for.
    fn settle<T>(&mut self, outcome: &Result<T, Error>) {
        if outcome.is_err() {
            self.sources.forget();
        }
        self.sources.forget_if_many();
    }

    fn withdraw_votes(&mut self, what: &Withdrawal, now_ms: u64) -> Result<Withdrawn, Error> {
        if self.ledger.author(&what.source)?.is_none() {
            return Ok(Withdrawn::default());
        }
        let reader = self.ledger.reader();
        let mut votes = self.sources.standing(&reader, &what.source, what.subjects.as_ref())?;
        let left = votes.len().saturating_sub(WITHDRAWN_AT_ONCE_MAX) as u64;
        votes.truncate(WITHDRAWN_AT_ONCE_MAX);
        let key = source_key(&self.key, &what.source);
        let mut chain = Chain::of(&self.ledger, &self.network, what.source.clone(), key)?;
        let mut drafts = Vec::new();
        for body in retractions(votes) {
            let draft = chain.next(body);
            self.sources.note(draft.record.id(), &draft.record, now_ms);
            drafts.push((0, draft));
        }
        let mut imported = Imported::default();
        self.sign_and_submit(drafts, now_ms, &mut imported)?;
        Ok(Withdrawn { receipts: imported.receipts, left })
    }

    fn import_rows(&mut self, rows: &[SourceVote], now_ms: u64, imported: &mut Imported) -> Result<(), Error> {
        self.admit_sources(rows, now_ms, imported)?;
        let reader = self.ledger.reader();
        let mut chains: BTreeMap<PeerName, Chain> = BTreeMap::new();
        let mut drafts = Vec::new();
        for row in rows {
            let bodies = match self.sources.statements(&reader, row)? {
                Ok(bodies) => bodies,
                Err(skip) => {
                    imported.count(skip);
                    continue;
                }
            };
            let chain = match chains.entry(row.source.clone()) {
                Entry::Occupied(chain) => chain.into_mut(),
                Entry::Vacant(place) => {
                    let key = source_key(&self.key, &row.source);
                    place.insert(Chain::of(&self.ledger, &self.network, row.source.clone(), key)?)
                }
            };
            for body in bodies {
                let draft = chain.next(body);
                self.sources.note(draft.record.id(), &draft.record, now_ms);
                drafts.push((row.line, draft));
            }
        }
        self.sign_and_submit(drafts, now_ms, imported)
    }

    /// Admits the sources that are new, marked as imported.
    fn admit_sources(&mut self, rows: &[SourceVote], now_ms: u64, imported: &mut Imported) -> Result<(), Error> {
        let mut chain = self.own_chain()?;
        let mut drafts: BTreeMap<&PeerName, (u64, RecordDraft)> = BTreeMap::new();
        for row in rows {
            if !drafts.contains_key(&row.source) && self.ledger.author(&row.source)?.is_none() {
                let peer_key = source_key(&self.key, &row.source).public();
                let body = Body::Admit(Admit { peer: row.source.clone(), peer_key, imported: true });
                drafts.insert(&row.source, (0, chain.next(body)));
            }
        }
        let mut drafts: Vec<_> = drafts.into_values().collect();
        drafts.sort_by_key(|(_, draft)| draft.record.header.seq);
        self.sign_and_submit(drafts, now_ms, imported)
    }

    /// Signs on all cores, then submits in order.
    fn sign_and_submit(
        &mut self,
        drafts: Vec<(u64, RecordDraft)>,
        now_ms: u64,
        imported: &mut Imported,
    ) -> Result<(), Error> {
        let signed: Result<Vec<_>, Error> =
            drafts.into_par_iter().map(|(line, draft)| Ok((line, draft.sign()?))).collect();
        let mut signed = signed?.into_iter().peekable();
        while signed.peek().is_some() {
            let (lines, batch): (Vec<_>, Vec<_>) = signed.by_ref().take(BATCH_RECORDS_MAX).unzip();
            for (outcome, line) in self.submit(batch, now_ms)?.into_iter().zip(lines) {
                let appended = outcome?;
                imported.receipts.push(ImportReceipt { line, id: appended.id, index: appended.index });
            }
        }
        Ok(())
    }
}

fn source_key(own: &SecretKey, source: &PeerName) -> SecretKey {
    own.derive(IMPORT_KEY, source.as_str().as_bytes())
}
