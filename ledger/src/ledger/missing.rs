//! What the copy of a peer's ledger has and ours lacks.
//!
//! An author's sequence is one chain, wherever it stands: `prev` binds all before. So two ledgers are compared by the author's
//! last record that both have a place for. Is it the same, all before it are, and what follows is missing here; is it not, the
//! author told two stories, and the first pair that differs is found by halving. Nothing has to be remembered between rounds:
//! what is missing can be read off the two ledgers at any time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::reader::LedgerReader;
use crate::author::AuthorHead;
use crate::dsse::{SignedRecord, Verified};
use crate::entry::Provenance;
use crate::error::LedgerError;
use crate::name::PeerName;
use crate::record::RecordId;

/// Entries read at a time.
const PAGE_ENTRIES: usize = 1024;

/// Records to be offered to our ledger, in the order of the copy.
pub struct Missing<'a> {
    ours: &'a LedgerReader,
    copy: &'a LedgerReader,
    /// Whose ledger the copy is of.
    ledger: &'a PeerName,
    /// The next record of each author: its index in the copy, its `seq`, and the last `seq` to offer.
    waiting: BinaryHeap<Reverse<(u64, PeerName, u64, u64)>>,
    /// Entries looked at whose authors are not admitted here, or not any more. They stay in the copy.
    pub strangers: u64,
    /// Records of our own owner that the copy has and our ledger has not, when the first of them is signed with the key that
    /// our ledger has for the owner in that place: signed, and forgotten here.
    pub forgotten: u64,
    /// Records in our owner's name that none of its keys is known to have signed: whoever owns the copied ledger may have
    /// admitted that name with any key. They prove nothing.
    pub forged: u64,
}

impl<'a> Missing<'a> {
    /// Of all authors in the copy of the ledger of `ledger`; `owner` owns ours.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn of_all(
        ours: &'a LedgerReader,
        copy: &'a LedgerReader,
        ledger: &'a PeerName,
        owner: &PeerName,
    ) -> Result<Self, LedgerError> {
        let mut this = Self::empty(ours, copy, ledger);
        for (author, theirs) in copy.authors()? {
            this.add(&author, &theirs, theirs.seq, owner)?;
        }
        Ok(this)
    }

    /// Of the authors of the entries from an index of the copy on.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn since(
        from: u64,
        ours: &'a LedgerReader,
        copy: &'a LedgerReader,
        ledger: &'a PeerName,
        owner: &PeerName,
    ) -> Result<Self, LedgerError> {
        let mut authors: BTreeMap<PeerName, u64> = BTreeMap::new();
        for at in (from..copy.tree_size()).step_by(PAGE_ENTRIES) {
            for entry in copy.entries(at, PAGE_ENTRIES)? {
                *authors.entry(entry.record.record().header.author.clone()).or_default() += 1;
            }
        }
        let mut this = Self::empty(ours, copy, ledger);
        for (author, entries) in authors {
            if let Some(theirs) = copy.author(&author)? {
                this.add(&author, &theirs, entries, owner)?;
            }
        }
        Ok(this)
    }

    fn empty(ours: &'a LedgerReader, copy: &'a LedgerReader, ledger: &'a PeerName) -> Self {
        Self { ours, copy, ledger, waiting: BinaryHeap::new(), strangers: 0, forgotten: 0, forged: 0 }
    }

    /// Up to `limit` records, each author's in its order; none when nothing is missing any more. After a refusal
    /// [`Missing::give_up`] spares the author's others theirs.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn next(&mut self, limit: usize) -> Result<Vec<(SignedRecord, Provenance)>, LedgerError> {
        let mut records = Vec::new();
        while records.len() < limit {
            let Some(Reverse((index, author, seq, last))) = self.waiting.pop() else { break };
            let Some(entry) = self.copy.entry(index)? else { continue };
            records.push((entry.record, Provenance { ledger: self.ledger.clone(), index }));
            if seq < last {
                self.wait(author, seq + 1, last)?;
            }
        }
        Ok(records)
    }

    /// Offers nothing more of these authors.
    pub fn give_up(&mut self, authors: &BTreeSet<PeerName>) {
        self.waiting.retain(|Reverse((_, author, ..))| !authors.contains(author));
    }

    /// Compares an author's records here and there; `entries` of them are looked at.
    fn add(
        &mut self,
        author: &PeerName,
        theirs: &AuthorHead,
        entries: u64,
        owner: &PeerName,
    ) -> Result<(), LedgerError> {
        let admitted = self.ours.author(author)?.filter(|ours| !ours.expelled);
        let Some(ours) = admitted else {
            self.strangers += entries;
            return Ok(());
        };
        let common = ours.seq.min(theirs.seq);
        let agree =
            common == 0 || self.id(self.ours, author, &ours, common)? == self.id(self.copy, author, theirs, common)?;
        if author == owner {
            // Whoever has our key may have said this; taking it in would say it again.
            self.compare_own(&ours, theirs, author, if agree { common } else { 0 })?;
        } else if agree {
            // Of whom was convicted nothing more is taken.
            if theirs.seq > common && self.ours.conviction_of(author)?.is_none() {
                self.wait(author.clone(), common + 1, theirs.seq)?;
            }
        } else if self.ours.conviction_of(author)?.is_none() {
            let first = self.first_difference(author, &ours, theirs, common)?;
            self.wait(author.clone(), first, first)?;
        }
        Ok(())
    }

    /// Counts what the copy has in our owner's name and our ledger has not. A claim alone counts for nothing: the first of these
    /// records must be signed with the key that our ledger has in that place. `same` records agree; 0: the two ledgers differ
    /// somewhere.
    fn compare_own(
        &mut self,
        ours: &AuthorHead,
        theirs: &AuthorHead,
        owner: &PeerName,
        same: u64,
    ) -> Result<(), LedgerError> {
        let common = ours.seq.min(theirs.seq);
        let (first, count) = match same {
            0 => (self.first_difference(owner, ours, theirs, common)?, theirs.seq),
            same => (same + 1, theirs.seq - same),
        };
        if count == 0 {
            return Ok(());
        }
        if self.is_own(ours, owner, first)? {
            self.forgotten += count;
        } else {
            self.forged += count;
        }
        Ok(())
    }

    /// Whether the copy's record of our owner with this `seq` is signed with the key that our ledger has for it there.
    fn is_own(&self, ours: &AuthorHead, owner: &PeerName, seq: u64) -> Result<bool, LedgerError> {
        let key = match self.ours.by_author(owner, seq)?.map(|index| self.ours.entry(index)).transpose()?.flatten() {
            Some(entry) => entry.record.record().header.key,
            None => ours.key,
        };
        let Some(index) = self.copy.by_author(owner, seq)? else { return Ok(false) };
        let Some(entry) = self.copy.entry(index)? else { return Ok(false) };
        let header = &entry.record.record().header;
        let is_ours = header.author == *owner && header.key == key && header.seq == seq;
        Ok(is_ours && Verified::check(entry.record).is_ok())
    }

    /// The first `seq` up to `common`, where they differ, under which the two ledgers hold different records.
    fn first_difference(
        &self,
        author: &PeerName,
        ours: &AuthorHead,
        theirs: &AuthorHead,
        common: u64,
    ) -> Result<u64, LedgerError> {
        let (mut same, mut differs) = (0, common);
        while same + 1 < differs {
            let middle = same + (differs - same) / 2;
            if self.id(self.ours, author, ours, middle)? == self.id(self.copy, author, theirs, middle)? {
                same = middle;
            } else {
                differs = middle;
            }
        }
        Ok(differs)
    }

    fn wait(&mut self, author: PeerName, seq: u64, last: u64) -> Result<(), LedgerError> {
        if let Some(index) = self.copy.by_author(&author, seq)? {
            self.waiting.push(Reverse((index, author, seq, last)));
        }
        Ok(())
    }

    /// The id of an author's record, without reading it if it is the last.
    fn id(
        &self,
        reader: &LedgerReader,
        author: &PeerName,
        head: &AuthorHead,
        seq: u64,
    ) -> Result<Option<RecordId>, LedgerError> {
        if seq == head.seq {
            return Ok(Some(head.id));
        }
        let Some(index) = reader.by_author(author, seq)? else { return Ok(None) };
        Ok(reader.entry(index)?.map(|entry| entry.record.id()))
    }
}
