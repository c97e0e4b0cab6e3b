//! The ledger's own desk: admits peers, signs what this node says, takes in what others signed.
//!
//! A value that is driven: the sequencer's thread owns one while the node serves, the command line owns one while it
//! does not. Imported votes are signed here too, by one pseudo-peer per source, whose key is derived from the node's.

mod chain;
mod import;

use std::collections::HashSet;

use ostrakon_ledger::{
    Admit, Appended, Body, Category, Digest, Ledger, PeerName, PublicKey, RecordId, Refusal, Retract, SecretKey,
    SignedRecord, Subject, Verified, Vote,
};
use serde::{Deserialize, Serialize};

use self::chain::Chain;
use crate::{error::Error, import::Planner};

pub use import::{Imported, Receipt};

/// A vote as its caster states it; the ledger adds the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ballot {
    /// Who is voted on.
    pub subject: Subject,
    /// −100…100, not 0.
    pub value: i8,
    /// What for.
    pub category: Category,
    /// When it ends, Unix milliseconds; 0 for never.
    #[serde(default)]
    pub expires_at_ms: u64,
}

/// Owns the ledger and the node's key.
pub struct Registrar {
    ledger: Ledger,
    network: String,
    domain: PeerName,
    key: SecretKey,
    /// What the sources of imports have said so far, as far as `read` has been read.
    planner: Planner,
    read: HashSet<PeerName>,
}

impl Registrar {
    /// The desk of `ledger`, whose owner is `domain` with `key`.
    pub fn new(ledger: Ledger, network: String, domain: PeerName, key: SecretKey) -> Self {
        Self { ledger, network, domain, key, planner: Planner::new(), read: HashSet::new() }
    }

    /// The ledger, to read.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Takes in records that others signed, in one synced commit.
    ///
    /// # Errors
    /// The outer error is the ledger's, after which it takes nothing more; a refusal concerns one record.
    pub fn submit(
        &mut self,
        records: Vec<Verified<SignedRecord>>,
        now_ms: u64,
    ) -> Result<Vec<Result<Appended, Refusal>>, Error> {
        Ok(self.ledger.submit(records.into_iter().map(|record| (record, now_ms)).collect())?)
    }

    /// Admits `peer` with `peer_key`. Doing it twice is no error.
    ///
    /// # Errors
    /// [`Refusal::AlreadyAdmitted`] with another key, and the ledger's.
    pub fn admit(&mut self, peer: PeerName, peer_key: PublicKey, now_ms: u64) -> Result<Appended, Error> {
        if let Some(head) = self.ledger.author(&peer)?
            && head.key == peer_key
            && let Some(entry) = self.ledger.reader().entry(head.admitted_at_index)?
        {
            return Ok(Appended { index: entry.index, id: entry.record.id(), new: false });
        }
        self.say(Body::Admit(Admit { peer, peer_key, imported: false }), now_ms)
    }

    /// Casts a vote of this node's own.
    ///
    /// # Errors
    /// The ledger's.
    pub fn cast(&mut self, ballot: Ballot, now_ms: u64) -> Result<Appended, Error> {
        let vote = Vote {
            subject: ballot.subject,
            value: ballot.value,
            category: ballot.category,
            cast_at_ms: now_ms,
            expires_at_ms: ballot.expires_at_ms,
            detector: Digest::ZERO,
            derived_from: Vec::new(),
            commitment: Digest::ZERO,
        };
        self.say(Body::Vote(vote), now_ms)
    }

    /// Takes back a vote of this node's own.
    ///
    /// # Errors
    /// [`Refusal::UnknownTarget`], [`Refusal::NotAuthor`], and the ledger's.
    pub fn retract(&mut self, target: RecordId, now_ms: u64) -> Result<Appended, Error> {
        self.say(Body::Retract(Retract { target }), now_ms)
    }

    fn own_chain(&self) -> Result<Chain, Error> {
        Chain::of(&self.ledger, &self.network, self.domain.clone(), self.key.clone())
    }

    fn say(&mut self, body: Body, now_ms: u64) -> Result<Appended, Error> {
        let draft = self.own_chain()?.next(body);
        let mut outcomes = self.submit(vec![draft.sign()?], now_ms)?;
        match outcomes.pop() {
            Some(outcome) => Ok(outcome?),
            None => Err(Error::PoolFull),
        }
    }
}
