//! The ledger's own desk: admits peers, signs what this node says, takes in what others signed.
//!
//! A value that is driven: the sequencer's thread owns one while the node serves, the command line owns one while it
//! does not. Imported votes are signed here too, by one pseudo-peer per source, whose key is derived from the node's.

mod chain;
mod import;
mod statement;

use ostrakon_ledger::{
    Admit, Appended, Body, Conflict, Equivocate, Ledger, PeerName, Provenance, PublicKey, Refusal, SecretKey,
    SignedRecord, Verified,
};

use self::chain::{Chain, RecordDraft};
use crate::{error::Error, import::Sources};

pub use import::{ImportReceipt, Imported, Withdrawal, Withdrawn};
pub use statement::{OwnVote, Rebuttal, Statement};

/// Owns the ledger and the node's key.
pub struct Registrar {
    ledger: Ledger,
    network: String,
    domain: PeerName,
    /// The key of the ledger, from which those of imported sources are derived.
    key: SecretKey,
    /// Signs this node's own records: the same key until it is rotated.
    voice: SecretKey,
    /// The key of a rotation of which it is unknown whether the ledger has it.
    next_voice: Option<SecretKey>,
    /// What the sources of imports have said so far.
    sources: Sources,
}

impl Registrar {
    /// The desk of `ledger`, whose owner is `domain` with `key`.
    pub fn new(ledger: Ledger, network: String, domain: PeerName, key: SecretKey) -> Self {
        let voice = key.clone();
        Self { ledger, network, domain, key, voice, next_voice: None, sources: Sources::new() }
    }

    /// The same desk, signing this node's own records with the key it has rotated to.
    #[must_use]
    pub fn speaking_with(self, voice: SecretKey) -> Self {
        Self { voice, ..self }
    }

    /// The ledger, to read.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Takes in records that others signed, in one synced commit. A peer that thereby tells a second story is convicted.
    ///
    /// # Errors
    /// The outer error is the ledger's, after which it takes nothing more; a refusal concerns one record.
    pub fn submit(
        &mut self,
        records: Vec<Verified<SignedRecord>>,
        now_ms: u64,
    ) -> Result<Vec<Result<Appended, Refusal>>, Error> {
        let outcomes = self.ledger.append(records.into_iter().map(|record| (record, now_ms)).collect())?;
        self.convict_liars(now_ms)?;
        Ok(outcomes)
    }

    /// Takes in records that stand in the ledgers of others, in one synced commit. Who thereby tells a second story is
    /// convicted.
    ///
    /// # Errors
    /// As [`Registrar::submit`].
    pub fn copy(
        &mut self,
        records: Vec<(Verified<SignedRecord>, Provenance)>,
        now_ms: u64,
    ) -> Result<Vec<Result<Appended, Refusal>>, Error> {
        let outcomes = self.ledger.append_copied(records, now_ms)?;
        self.convict_liars(now_ms)?;
        Ok(outcomes)
    }

    /// Admits `peer` with `peer_key`, also again after it was expelled. Doing it twice is no error.
    ///
    /// # Errors
    /// [`Error::OtherKey`] when it is admitted with another key, [`Error::KeyTaken`] when that one is somebody else's, and the
    /// ledger's.
    pub fn admit(&mut self, peer: PeerName, peer_key: PublicKey, now_ms: u64) -> Result<Appended, Error> {
        if let Some(head) = self.ledger.author(&peer)?
            && head.key == peer_key
            && !head.expelled
            && let Some(entry) = self.ledger.reader().entry(head.admitted_at_index)?
        {
            return Ok(Appended { index: entry.index, id: entry.record.id(), new: false });
        }
        if let Some(head) = self.ledger.author(&peer)?
            && head.key != peer_key
            && !head.expelled
        {
            return Err(Error::OtherKey { peer, key: head.key.to_string() });
        }
        if let Some(holder) = self.ledger.reader().holder_of(&peer_key)?.filter(|holder| *holder != peer) {
            return Err(Error::KeyTaken(holder));
        }
        let draft = self.own_chain()?.next(Body::Admit(Admit { peer, peer_key, imported: false }));
        self.append(draft, now_ms)
    }

    /// Says something of this node's own; takes back what it imported as the source that it was imported from. After a rotation
    /// it speaks with the new key.
    ///
    /// # Errors
    /// What the ledger refuses, and the ledger's.
    pub fn say(&mut self, statement: Statement, now_ms: u64) -> Result<Appended, Error> {
        if let Statement::Rotate(key) = &statement {
            self.next_voice = Some(key.clone());
        }
        if let Statement::Retract(target) = statement
            && let Some(appended) = self.retract_imported(target, now_ms)?
        {
            return Ok(appended);
        }
        let convicts = matches!(statement, Statement::Convict(_));
        let draft = self.own_chain()?.next_with(|header| statement.body(header, now_ms));
        let appended = self.append(draft, now_ms);
        if convicts && appended.is_ok() {
            metrics::counter!("ostrakon_convictions_total").increment(1);
        }
        match (&appended, self.next_voice.take()) {
            (Ok(_), Some(key)) => self.voice = key,
            (Err(Error::Ledger(_)), key) => self.next_voice = key,
            _ => {}
        }
        appended
    }

    /// Goes on after an error of the ledger: with what its store holds, and with the key that it has for this node.
    ///
    /// # Errors
    /// See [`Ledger::reopen`].
    pub fn reopen(&mut self) -> Result<(), Error> {
        self.ledger.reopen()?;
        self.sources = Sources::new();
        let in_force = self.ledger.author(&self.domain)?.map(|head| head.key);
        if let Some(next) = self.next_voice.take()
            && in_force == Some(next.public())
        {
            self.voice = next;
        }
        Ok(())
    }

    /// Convicts who told two stories, of what was refused for it: once per peer, and never this node itself.
    fn convict_liars(&mut self, now_ms: u64) -> Result<(), Error> {
        for Conflict { index, record } in self.ledger.take_conflicts() {
            let (author, seq) = (record.record().header.author.clone(), record.record().header.seq);
            let reader = self.ledger.reader();
            if author == self.domain || reader.conviction_of(&author)?.is_some() {
                continue;
            }
            let Some(entry) = reader.entry(index)? else { continue };
            let equivocate = Equivocate::of_records(entry.record, record);
            // One that is about a record too long to be quoted, or under two keys, convicts nobody.
            if equivocate.check().is_ok() {
                match self.say(Statement::Convict(Box::new(equivocate)), now_ms) {
                    Ok(convicted) => tracing::error!(
                        peer = %author, seq, index, convicted_at_index = convicted.index,
                        "it signed two different records with one seq; convicted for good"
                    ),
                    Err(Error::Refused(_) | Error::Malformed(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn own_chain(&self) -> Result<Chain, Error> {
        Chain::of(&self.ledger, &self.network, self.domain.clone(), self.voice.clone())
    }

    fn append(&mut self, draft: RecordDraft, now_ms: u64) -> Result<Appended, Error> {
        let outcome = self.submit(vec![draft.sign()?], now_ms)?.pop();
        Ok(outcome.expect("one record has one outcome")?)
    }
}
