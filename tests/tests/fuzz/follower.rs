//! What a followed peer serves, and receipts: files of a small ledger, changed on the way or by its owner.

use std::sync::{Arc, OnceLock};

use ostrakon_ledger::{
    Admit, Body, Contradiction, Disagreement, Effect, Entry, FetchError, Ledger, LedgerReader, LogFiles, MemoryState,
    MemoryStore, Mirror, MirrorError, Missing, PeerName, Provenance, Receipt, SecretKey, SignedState, Store, Verified,
    checkpoint::{Checkpoint, origin},
    entry::Chain,
    merkle::{CompactRange, leaf_hash},
    note::{Note, NoteKey},
    tables::ENTRIES,
    tile::TilePath,
    verify,
};
use ostrakon_tests::TestPeer;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{OWNER, new_ledger, owner, owner_key};

const PEER: &str = "b.example";
const NETWORK: &str = "ostrakon";
/// Entries of the honest ledger that the copy has before, if it has any.
const BEGUN: usize = 4;
/// And in the end.
const WHOLE: usize = 7;
/// Most entries that are sealed: one bundle.
const ENTRIES_MAX: usize = 255;

/// How an input begins, as bits: the copy has the first entries already; the owner of the ledger itself seals what is in the
/// bundle, so that chain, tree and signature of the log are right.
const GOES_ON: u8 = 1;
const SEALED: u8 = 2;

fn peer() -> PeerName {
    PeerName::parse(PEER).unwrap()
}

fn peer_key() -> SecretKey {
    SecretKey::from_seed([9; 32])
}

fn vkey() -> NoteKey {
    NoteKey::new(&origin(&peer()), peer_key().public()).unwrap()
}

/// A ledger of `b.example` that has admitted `a.example`, and what both say there.
struct Honest {
    reader: LedgerReader,
    entries: Vec<Vec<u8>>,
    /// Another second vote of `a.example`, for another history.
    other: Vec<u8>,
}

fn honest() -> &'static Honest {
    static HONEST: OnceLock<Honest> = OnceLock::new();
    HONEST.get_or_init(|| {
        let (store, state) = (Arc::new(MemoryStore::new()), Box::new(MemoryState::default()));
        let mut ledger = Ledger::create(store, state, &peer(), NETWORK, peer_key(), 1_000).unwrap();
        let (mut b, mut a) = (TestPeer::new(PEER), TestPeer::new("a.example"));
        let head = ledger.author(&b.name).unwrap().unwrap();
        (b.key, b.seq, b.prev) = (peer_key(), head.seq, head.id);
        let admit = Admit { peer: a.name.clone(), peer_key: a.key.public(), imported: false };
        let mut said = vec![b.say(Body::Admit(admit)), a.vote("peer:x.example", 5)];
        let first = (a.seq, a.prev);
        let other = a.vote("peer:other.example", -5);
        (a.seq, a.prev) = first;
        let second = a.vote("peer:y.example", -7);
        let taken_back = a.retract(second.id());
        said.extend([second, b.vote("peer:x.example", 3), taken_back]);
        said.extend((0..4).map(|n| b.vote(&format!("peer:p{n}.example"), 3)));
        let batch = said.into_iter().map(|record| (Verified::check(record).unwrap(), 2_000));
        assert!(ledger.append(batch.collect()).unwrap().iter().all(Result::is_ok));
        let reader = ledger.reader();
        let entries = reader.entries(0, ENTRIES_MAX).unwrap();
        let other = Entry { record: other, ..entries[3].clone() }.to_bytes();
        Honest { entries: entries.iter().map(Entry::to_bytes).collect(), reader, other }
    })
}

/// The three files of a log of at most 255 entries.
#[derive(Clone, Default)]
struct Served {
    checkpoint: Vec<u8>,
    bundle: Vec<u8>,
    hashes: Vec<u8>,
}

impl Served {
    /// As the owner would serve these entries: each under the chain from the one before.
    fn sealed(entries: &[Vec<u8>]) -> Self {
        let (mut chain, mut range, mut served) = (Chain::ZERO, CompactRange::new(), Self::default());
        for entry in entries.iter().take(ENTRIES_MAX) {
            let mut entry = entry.clone();
            entry.get_mut(1..33).into_iter().for_each(|link| link.copy_from_slice(&chain.0));
            chain = Chain::after(&entry);
            range.push(leaf_hash(&entry), |_, _| {});
            served.bundle.extend((entry.len() as u16).to_be_bytes());
            served.bundle.extend(&entry);
            served.hashes.extend(leaf_hash(&entry));
        }
        let origin = origin(&peer());
        let head = Checkpoint { origin: origin.clone(), tree_size: range.tree_size(), root: range.root() };
        served.checkpoint = Note::sign(&head.to_string(), &origin, &peer_key()).unwrap().to_string().into_bytes();
        served
    }

    /// The entries of the bundle, as far as it is one.
    fn entries(&self) -> Vec<Vec<u8>> {
        let (mut rest, mut entries) = (self.bundle.as_slice(), Vec::new());
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let Some((entry, after)) = after.split_at_checked(usize::from(u16::from_be_bytes(*length))) else { break };
            entries.push(entry.to_vec());
            rest = after;
        }
        entries
    }

    /// Whether the checkpoint is the owner's own word for another history. Seeds hold such, and inputs are made of seeds.
    fn is_signed_otherwise(&self) -> bool {
        let note = Note::open(&String::from_utf8_lossy(&self.checkpoint), &[vkey()]);
        let Some(head) = note.ok().and_then(|note| note.text().parse::<Checkpoint>().ok()) else { return false };
        let mut range = CompactRange::new();
        let size = usize::try_from(head.tree_size).unwrap_or(usize::MAX);
        honest().entries.iter().take(size).for_each(|entry| range.push(leaf_hash(entry), |_, _| {}));
        (range.tree_size(), range.root()) != (head.tree_size, head.root)
    }

    /// How the input says it, behind its first byte: each file behind its length.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (mut rest, mut files) = (bytes, [const { Vec::new() }; 3]);
        for file in &mut files {
            let (length, after) = rest.split_first_chunk::<2>()?;
            let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
            *file = after[..length].to_vec();
            rest = &after[length..];
        }
        let [checkpoint, bundle, hashes] = files;
        Some(Self { checkpoint, bundle, hashes })
    }

    fn to_input(&self, mode: u8) -> Vec<u8> {
        let mut input = vec![mode];
        for file in [&self.checkpoint, &self.bundle, &self.hashes] {
            input.extend((file.len() as u16).to_be_bytes());
            input.extend(file);
        }
        input
    }
}

impl LogFiles for Served {
    fn checkpoint(&self) -> Result<String, FetchError> {
        let failed = |_| FetchError::Failed { path: "checkpoint".into(), reason: "is no text".into() };
        String::from_utf8(self.checkpoint.clone()).map_err(failed)
    }

    fn files(&self, paths: &[TilePath]) -> Result<Vec<Option<Vec<u8>>>, FetchError> {
        let file = |path: &TilePath| match path {
            TilePath::Entries { n: 0, .. } => Some(self.bundle.clone()),
            TilePath::Hashes { level: 0, n: 0, .. } => Some(self.hashes.clone()),
            _ => None,
        };
        Ok(paths.iter().map(file).collect())
    }
}

/// A mirror of the peer's ledger with what it stands on.
struct Copy {
    store: Arc<MemoryStore>,
    seen: Arc<MemoryState>,
    held: Arc<MemoryState>,
    mirror: Mirror,
}

impl Copy {
    fn new() -> Self {
        static WORKERS: OnceLock<Arc<ThreadPool>> = OnceLock::new();
        let workers = WORKERS.get_or_init(|| Arc::new(ThreadPoolBuilder::new().num_threads(1).build().unwrap()));
        let (store, seen, held) =
            (Arc::new(MemoryStore::new()), Arc::new(MemoryState::default()), Arc::new(MemoryState::default()));
        let states = (Box::new(seen.clone()), Box::new(held.clone()));
        let key = peer_key().public();
        let mirror = Mirror::new(store.clone(), states.0, states.1, &peer(), NETWORK, key, workers.clone());
        Self { store, seen, held, mirror }
    }

    fn follow(&self, files: &Served) -> Result<u64, MirrorError> {
        let before = self.entries();
        let outcome = self.mirror.follow(files, u64::MAX, u64::MAX);
        let after = self.entries();
        assert_eq!(after.get(..before.len()), Some(&before[..]), "a copy only grows");
        let key = peer_key().public();
        match verify::run(&*self.store, &*self.held, &peer(), NETWORK, &key, &mut |_, _| {}) {
            Ok(report) => assert_eq!(report.tree_size, after.len() as u64),
            Err(damage) => assert!(damage.what == Disagreement::NoLedger && after.is_empty(), "{damage}"),
        }
        for note in [&self.seen, &self.held].map(|state| state.load().unwrap()).into_iter().flatten() {
            Note::open(&note, &[vkey()]).expect("what is remembered is signed by the peer");
        }
        match &outcome {
            Ok(followed) => {
                assert_eq!((followed.from, followed.to), (before.len() as u64, after.len() as u64));
                assert!(followed.shown <= followed.seen);
            }
            Err(MirrorError::Forked(proof)) => {
                proof.check().expect("who is convicted has signed both");
                assert!(proof.accused == peer() && matches!(proof.contradiction, Contradiction::Checkpoints(..)));
            }
            Err(MirrorError::Ours(error)) => panic!("our own store is in order: {error}"),
            Err(_) => {}
        }
        outcome.map(|followed| followed.to)
    }

    fn entries(&self) -> Vec<Vec<u8>> {
        self.store.scan(ENTRIES, &[], usize::MAX).unwrap().into_iter().map(|(_, entry)| entry).collect()
    }
}

/// A copy follows what is served, then the honest ledger: it never panics, grows by nothing that is not under the peer's
/// signature and by the rules, convicts nobody who has not signed two histories, and our own ledger takes nothing unsigned.
pub(super) fn follower(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let Some(served) = Served::parse(rest) else { return };
    if mode & SEALED == 0 && served.is_signed_otherwise() {
        return;
    }
    let (copy, honest) = (Copy::new(), honest());
    if mode & GOES_ON != 0 {
        copy.follow(&Served::sealed(&honest.entries[..BEGUN])).expect("the honest ledger is followed");
    }
    if mode & SEALED != 0 {
        let served = Served::sealed(&served.entries());
        let outcome = copy.follow(&served);
        let verified = verify::run_files(&served, &vkey(), &mut |_, _| {});
        if mode & GOES_ON == 0 {
            let begun = verified.is_ok_and(|report| report.tree_size > 0);
            assert_eq!(outcome.is_ok(), begun, "a mirror and a verifier take the same: {outcome:?}");
        }
    } else {
        // Whoever is in between has no key: what is taken is the honest ledger.
        let outcome = copy.follow(&served);
        assert!(!matches!(outcome, Err(MirrorError::Forked(_) | MirrorError::Broken { .. })), "{outcome:?}");
        assert!(honest.entries.starts_with(&copy.entries()));
    }
    take_in(&copy);
    match copy.follow(&Served::sealed(&honest.entries[..WHOLE])) {
        Ok(_) => take_in(&copy),
        Err(MirrorError::Forked(_)) => assert!(mode & SEALED != 0),
        Err(error) => panic!("what the honest ledger serves is fine: {error}"),
    }
}

/// What the copy shows is offered to a ledger of ours that knows both peers.
fn take_in(copy: &Copy) {
    let Some(copied) = copy.mirror.reader().unwrap() else { return };
    let (mut ours, store, state) = new_ledger();
    let mut owner = owner(&ours);
    let TestPeer { name, key, .. } = TestPeer::new("a.example");
    let admissions = [(peer(), peer_key()), (name, key)];
    let admit = |(peer, key): (PeerName, SecretKey)| {
        let admit = Admit { peer, peer_key: key.public(), imported: false };
        (Verified::check(owner.say(Body::Admit(admit))).unwrap(), 1_000)
    };
    assert!(ours.append(admissions.map(admit).into()).unwrap().iter().all(Result::is_ok));
    let (reader, name) = (ours.reader(), PeerName::parse(OWNER).unwrap());
    let followed = peer();
    let mut missing = Missing::of_all(&reader, &copied, &followed, &name).unwrap();
    loop {
        let offered = missing.next(2).unwrap();
        if offered.is_empty() {
            break;
        }
        let signed = |(record, from): (_, Provenance)| (Verified::check(record).expect("copied is verified"), from);
        ours.append_copied(offered.into_iter().map(signed).collect(), 3_000).unwrap();
    }
    verify::run(&*store, &*state, &name, NETWORK, &owner_key().public(), &mut |_, _| {}).unwrap();
    for entry in reader.entries(3, usize::MAX).unwrap() {
        let from = entry.provenance.expect("all that came is copied");
        assert_eq!(copied.entry(from.index).unwrap().unwrap().record, entry.record, "and stands where it says");
        assert!(entry.effect == Effect::InForce || entry.record.record().header.author == followed);
    }
}

pub(super) fn follower_seeds() -> Vec<Vec<u8>> {
    let Honest { entries, other, .. } = honest();
    let with = |more: &[usize]| more.iter().map(|n| entries[*n].clone()).collect::<Vec<_>>();
    let fork = [with(&[0, 1, 2]), vec![other.clone()], with(&[4])].concat();
    let longer_fork = [fork.clone(), with(&[6, 7, 8, 9])].concat();
    let honest = Served::sealed(&entries[..WHOLE]);
    let mut seeds: Vec<_> = [0, GOES_ON, SEALED, SEALED | GOES_ON].map(|mode| honest.to_input(mode)).into();
    for entries in
        [with(&[0, 1, 2]), with(&[1, 2]), with(&[0, 2, 1]), with(&[0, 1, 3]), with(&[0, 1, 2, 2, 3]), fork, longer_fork]
    {
        seeds.extend([0, SEALED, SEALED | GOES_ON].map(|mode| Served::sealed(&entries).to_input(mode)));
    }
    seeds.push(Served::default().to_input(0));
    seeds
}

/// A receipt has one spelling, and proves nothing but what stands in the ledger that signed it.
pub(super) fn receipt(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(receipt) = text.parse::<Receipt>() else { return };
    assert_eq!(receipt.to_string(), text, "one spelling for one receipt");
    if let Ok((checkpoint, entry)) = receipt.verify_entry(&[vkey()]) {
        let Honest { reader, entries, .. } = honest();
        assert_eq!((checkpoint.tree_size, checkpoint.root), (reader.tree_size(), reader.root()));
        assert_eq!(entries[usize::try_from(entry.index).unwrap()], entry.to_bytes());
    }
}

pub(super) fn receipt_seeds() -> Vec<Vec<u8>> {
    let reader = &honest().reader;
    let receipt = |entry: &Entry| reader.receipt(&entry.record.id()).unwrap().unwrap().to_string().into_bytes();
    reader.entries(0, 3).unwrap().iter().map(receipt).collect()
}
