//! Where an author's sequence stands, and what comes next in it.

use ostrakon_ledger::{Body, Header, Ledger, PeerName, Record, RecordId, Refusal, SecretKey, SignedRecord, Verified};

use crate::error::Error;

/// The end of an author's sequence, with the key that continues it.
pub(super) struct Chain {
    network: String,
    author: PeerName,
    key: SecretKey,
    seq: u64,
    prev: RecordId,
}

/// A record with the key that is to sign it.
pub(super) struct RecordDraft {
    pub(super) record: Record,
    key: SecretKey,
}

impl Chain {
    /// The chain of `author`, who must be admitted, as the ledger has it.
    pub(super) fn of(ledger: &Ledger, network: &str, author: PeerName, key: SecretKey) -> Result<Self, Error> {
        let head = ledger.author(&author)?.ok_or_else(|| Refusal::UnknownPeer(author.clone()))?;
        Ok(Self { network: network.to_owned(), author, key, seq: head.seq, prev: head.id })
    }

    /// The next record, which says `body`.
    pub(super) fn next(&mut self, body: Body) -> RecordDraft {
        self.next_with(|_| body)
    }

    /// The next record, whose body depends on its place.
    pub(super) fn next_with(&mut self, body: impl FnOnce(&Header) -> Body) -> RecordDraft {
        let header = Header {
            network: self.network.clone(),
            author: self.author.clone(),
            key: self.key.public(),
            seq: self.seq + 1,
            prev: self.prev,
        };
        let body = body(&header);
        let record = Record { header, body };
        self.seq += 1;
        self.prev = record.id();
        RecordDraft { record, key: self.key.clone() }
    }
}

impl RecordDraft {
    /// Signs the record and checks the signature, as for any other.
    pub(super) fn sign(self) -> Result<Verified<SignedRecord>, Error> {
        Ok(Verified::check(SignedRecord::sign(self.record, &self.key)?)?)
    }
}
