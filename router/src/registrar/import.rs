//! Rows of a third party's list become signed records of one pseudo-peer per source.

use std::collections::{BTreeMap, btree_map::Entry};

use ostrakon_ledger::{Admit, BATCH_RECORDS_MAX, Body, PeerName, RecordId, Retract, SecretKey};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Registrar,
    chain::{Chain, Draft},
};
use crate::{
    error::Error,
    import::{Planner, Skip, SourceVote, Step, is_pseudo_peer},
};

/// Derivation context of the keys of imported sources.
const IMPORT_KEY: &str = "ostrakon imported source key v1";

/// Sources whose earlier votes are remembered between the chunks of an import. One more makes the ledger be read again
/// for the others; nothing else changes.
const SOURCES_READ_MAX: usize = 100_000;

/// A record that an import added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
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
    pub receipts: Vec<Receipt>,
    /// Rows that were in the ledger already.
    pub present: u64,
    /// Rows about which the source has said something newer.
    pub outdated: u64,
    /// Rows that withdraw what is not there.
    pub void: u64,
}

impl Registrar {
    /// Turns rows of a third party's list, oldest first, into signed records of one pseudo-peer per source, whose keys
    /// are derived from the node's. Rows that are in the ledger already add nothing.
    ///
    /// # Errors
    /// [`Error::NotImported`] for a source that is not below this node's own domain; the ledger's. What was added before stays added, and importing the rows again adds the rest.
    pub fn import(&mut self, rows: &[SourceVote], now_ms: u64) -> Result<Imported, Error> {
        if let Some(row) = rows.iter().find(|row| !is_pseudo_peer(&row.source, &self.domain)) {
            return Err(Error::NotImported(row.source.to_string()));
        }
        let mut imported = Imported::default();
        let outcome = self.import_rows(rows, now_ms, &mut imported);
        if outcome.is_err() || self.read.len() > SOURCES_READ_MAX {
            self.planner = Planner::new();
            self.read.clear();
        }
        outcome.map(|()| imported)
    }

    fn import_rows(&mut self, rows: &[SourceVote], now_ms: u64, imported: &mut Imported) -> Result<(), Error> {
        self.admit_sources(rows, now_ms, imported)?;
        let mut chains: BTreeMap<PeerName, Chain> = BTreeMap::new();
        let mut drafts = Vec::new();
        for row in rows {
            self.read_history(&row.source)?;
            let bodies = match self.planner.step(row) {
                Step::Skip(skip) => {
                    *match skip {
                        Skip::AlreadyThere => &mut imported.present,
                        Skip::Outdated => &mut imported.outdated,
                        Skip::NothingLive => &mut imported.void,
                    } += 1;
                    continue;
                }
                Step::Retract(targets) => retractions(targets).collect(),
                Step::Cast { retract, vote } => retractions(retract).chain([Body::Vote(vote)]).collect::<Vec<_>>(),
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
                self.planner.note(draft.record.id(), &draft.record);
                drafts.push((row.line, draft));
            }
        }
        self.sign_and_submit(drafts, now_ms, imported)
    }

    /// Admits the sources that are new, marked as imported.
    fn admit_sources(&mut self, rows: &[SourceVote], now_ms: u64, imported: &mut Imported) -> Result<(), Error> {
        let mut chain = self.own_chain()?;
        let mut drafts: BTreeMap<&PeerName, (u64, Draft)> = BTreeMap::new();
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
        drafts: Vec<(u64, Draft)>,
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
                imported.receipts.push(Receipt { line, id: appended.id, index: appended.index });
            }
        }
        Ok(())
    }

    /// Reads what `source` said before, once.
    fn read_history(&mut self, source: &PeerName) -> Result<(), Error> {
        if !self.read.insert(source.clone()) {
            return Ok(());
        }
        let reader = self.ledger.reader();
        let last = self.ledger.author(source)?.map_or(0, |head| head.seq);
        for seq in 1..=last {
            if let Some(index) = reader.by_author(source, seq)?
                && let Some(entry) = reader.entry(index)?
            {
                self.planner.note(entry.record.id(), entry.record.record());
            }
        }
        Ok(())
    }
}

fn retractions(targets: Vec<RecordId>) -> impl Iterator<Item = Body> {
    targets.into_iter().map(|target| Body::Retract(Retract { target }))
}

fn source_key(own: &SecretKey, source: &PeerName) -> SecretKey {
    own.derive(IMPORT_KEY, source.as_str().as_bytes())
}
