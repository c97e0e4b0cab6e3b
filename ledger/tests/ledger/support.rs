//! A small federation to test with.

use std::collections::BTreeMap;
use std::sync::Arc;

use ostrakon_ledger::{
    Admit, Appended, Body, Category, Header, Ledger, LedgerError, LedgerReport, MemoryState, MemoryStore, PeerName,
    PublicKey, Record, RecordId, Refusal, Retract, SecretKey, SignedRecord, SignedState, Store, StoreReport, Subject,
    Verified, Vote, verify,
};

pub(crate) const NETWORK: &str = "mail.example";
pub(crate) const OWNER: &str = "owner.example";
pub(crate) const NOW_MS: u64 = 1_751_328_000_000;

pub(crate) fn name(text: &str) -> PeerName {
    PeerName::parse(text).unwrap()
}

/// The key of a peer: made from its name.
pub(crate) fn key(peer: &str) -> SecretKey {
    SecretKey::from_seed(*blake3::hash(peer.as_bytes()).as_bytes())
}

pub(crate) fn public(peer: &str) -> PublicKey {
    key(peer).public()
}

pub(crate) fn admit(peer: &str) -> Body {
    Body::Admit(Admit { peer: name(peer), peer_key: public(peer), imported: false })
}

pub(crate) fn vote(subject: &str, value: i8) -> Body {
    Body::Vote(Vote::plain(Subject::Peer(name(subject)), value, Category::Spam, NOW_MS))
}

pub(crate) fn retract(target: RecordId) -> Body {
    Body::Retract(Retract { target })
}

pub(crate) fn signed(author: &str, seq: u64, prev: RecordId, body: Body) -> Verified<SignedRecord> {
    let header = Header { network: NETWORK.into(), author: name(author), key: public(author), seq, prev };
    Verified::check(SignedRecord::sign(Record { header, body }, &key(author)).unwrap()).unwrap()
}

/// Where the sequences of the authors stand, as the authors themselves know it.
#[derive(Clone, Default)]
pub(crate) struct Authors(BTreeMap<String, (u64, RecordId)>);

impl Authors {
    /// Of a new ledger: the owner has admitted itself.
    pub(crate) fn after_genesis() -> Self {
        let genesis = signed(OWNER, 1, RecordId::ZERO, admit(OWNER));
        Self([(OWNER.to_owned(), (1, genesis.id()))].into())
    }

    /// The author's next record.
    pub(crate) fn next(&mut self, author: &str, body: Body) -> Verified<SignedRecord> {
        let (seq, prev) = self.0.get(author).copied().unwrap_or((0, RecordId::ZERO));
        let record = signed(author, seq + 1, prev, body);
        self.0.insert(author.to_owned(), (seq + 1, record.id()));
        record
    }
}

/// A ledger with what it stands on.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) state: Arc<dyn SignedState>,
    pub(crate) ledger: Ledger,
    pub(crate) authors: Authors,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new()), Arc::new(MemoryState::default()))
    }

    pub(crate) fn on(store: Arc<dyn Store>, state: Arc<dyn SignedState>) -> Self {
        let ledger =
            Ledger::create(store.clone(), Box::new(state.clone()), &name(OWNER), NETWORK, key(OWNER), NOW_MS).unwrap();
        Self { store, state, ledger, authors: Authors::after_genesis() }
    }

    /// With these peers admitted.
    pub(crate) fn with(peers: &[&str]) -> Self {
        let mut world = Self::new();
        for peer in peers {
            let record = world.authors.next(OWNER, admit(peer));
            world.take(record);
        }
        world
    }

    pub(crate) fn append(&mut self, record: Verified<SignedRecord>) -> Result<Appended, Refusal> {
        self.ledger.append(vec![(record, NOW_MS)]).unwrap().pop().unwrap()
    }

    /// Submits a record that must be taken.
    pub(crate) fn take(&mut self, record: Verified<SignedRecord>) -> Appended {
        self.append(record).unwrap()
    }

    pub(crate) fn reopen(&self) -> Result<Ledger, LedgerError> {
        open(&self.store, &self.state)
    }

    /// Everything agrees, in the store and in what anyone can read of it.
    pub(crate) fn verify(&self) -> Result<StoreReport, ostrakon_ledger::Damage> {
        let report = check(&*self.store, &*self.state)?;
        let files = verify::run_files(&self.ledger.reader(), &self.ledger.vkey().parse().unwrap(), &mut |_, _| {})?;
        let published = self.ledger.reader().published();
        assert_eq!((files.tree_size, files.root), (published.tree_size, published.root));
        let ledger = LedgerReport { network: NETWORK.into(), chain_head: published.chain_head };
        assert_eq!(files.ledger, Some(ledger));
        Ok(report)
    }
}

pub(crate) fn open(store: &Arc<dyn Store>, state: &Arc<dyn SignedState>) -> Result<Ledger, LedgerError> {
    Ledger::open(store.clone(), Box::new(state.clone()), &name(OWNER), NETWORK, key(OWNER))
}

pub(crate) fn check(store: &dyn Store, state: &dyn SignedState) -> Result<StoreReport, ostrakon_ledger::Damage> {
    verify::run(store, state, &name(OWNER), NETWORK, &public(OWNER), &mut |_, _| {})
}
