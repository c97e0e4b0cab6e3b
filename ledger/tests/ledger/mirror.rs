//! Following someone else's ledger: copies, and what two histories prove.

use std::sync::Arc;

use ostrakon_ledger::checkpoint::{Checkpoint, origin};
use ostrakon_ledger::entry::Chain;
use ostrakon_ledger::merkle::{CompactRange, leaf_hash};
use ostrakon_ledger::note::{Note, NoteKey, NoteSignature};
use ostrakon_ledger::tile::TilePath;
use ostrakon_ledger::{
    Body, Contradiction, Digest, Effect, Entry, FetchError, Followed, LedgerReader, LogFiles, MemoryState, MemoryStore,
    Mirror, MirrorError, PolicyInForce, Provenance, RecordId, SignedRecord, SignedState, Store, StoreError,
};

use crate::faults::{Fault, faulty};
use crate::publishing::grow;
use crate::support::*;

/// A ledger with `common` entries that every story shares and `own` that only this one has.
fn story(common: u64, own: u64, value: i8) -> World {
    let mut world = World::with(&["a.example"]);
    for n in 2..common + own {
        let value = if n < common { 1 } else { value };
        let record = world.authors.next("a.example", vote("b.example", value));
        world.take(record);
    }
    world
}

/// A copy with what it stands on.
struct Kept {
    store: Arc<dyn Store>,
    seen: Arc<MemoryState>,
    held: Arc<MemoryState>,
    mirror: Mirror,
}

impl Kept {
    fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new()))
    }

    fn on(store: Arc<dyn Store>) -> Self {
        let (seen, held) = (Arc::new(MemoryState::default()), Arc::new(MemoryState::default()));
        let workers = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap());
        let (owner, key) = (name(OWNER), public(OWNER));
        let mirror =
            Mirror::new(store.clone(), Box::new(seen.clone()), Box::new(held.clone()), &owner, NETWORK, key, workers);
        Self { store, seen, held, mirror }
    }

    fn follow(&self, files: &dyn LogFiles) -> Result<Followed, MirrorError> {
        self.mirror.follow(files, u64::MAX, u64::MAX)
    }

    fn reader(&self) -> LedgerReader {
        self.mirror.reader().unwrap().unwrap()
    }
}

fn whole(from: u64, to: u64) -> Followed {
    Followed { shown: to, seen: to, from, to }
}

#[test]
fn a_copy_is_the_ledger_and_keeps_up_with_it() {
    let (mut world, copy) = (story(20, 0, 1), Kept::new());
    assert!(copy.mirror.reader().unwrap().is_none());
    assert_eq!(copy.follow(&world.ledger.reader()).unwrap(), whole(0, 20));
    assert_eq!(copy.follow(&world.ledger.reader()).unwrap(), whole(20, 20));
    let mut before = 20;
    for size in [21, 255, 256, 257, 600, 2048, 2049, 5000] {
        grow(&mut world, size);
        assert_eq!(copy.follow(&world.ledger.reader()).unwrap(), whole(before, size));
        assert_eq!(copy.reader().published(), world.ledger.reader().published());
        assert_eq!(copy.reader().entries(0, 5000).unwrap(), world.ledger.reader().entries(0, 5000).unwrap());
        before = size;
    }
    assert_eq!(check(&*copy.store, &*copy.held), world.verify());
}

#[test]
fn a_large_ledger_comes_in_steps_and_is_served_when_it_is_whole() {
    let mut world = story(2, 0, 1);
    grow(&mut world, 5000);
    let copy = Kept::new();
    let step = |from, to| Followed { shown: 5000, seen: 5000, from, to };
    assert_eq!(copy.mirror.follow(&world.ledger.reader(), 1, u64::MAX).unwrap(), step(0, 2048));
    assert!(copy.mirror.reader().unwrap().is_none());
    assert_eq!(copy.mirror.follow(&world.ledger.reader(), 1, u64::MAX).unwrap(), step(2048, 4096));
    assert_eq!(copy.mirror.follow(&world.ledger.reader(), 1, u64::MAX).unwrap(), step(4096, 5000));
    assert_eq!(copy.reader().published(), world.ledger.reader().published());
    // No more is copied than there is room for.
    let copy = Kept::new();
    assert_eq!(copy.mirror.follow(&world.ledger.reader(), u64::MAX, 2000).unwrap(), step(0, 2048));
    assert_eq!(copy.mirror.follow(&world.ledger.reader(), u64::MAX, 2000).unwrap(), step(2048, 2048));
}

/// Whatever prefix two histories share and however long they are: whichever is seen first, the two are proven irreconcilable, and
/// a stranger's ledger takes the proof.
#[test]
fn two_histories_are_proven_from_either_side() {
    let sizes = [1, 2, 3, 6, 7, 8, 14, 15];
    for common in [2, 3, 4, 8, 9] {
        for (mine, yours) in sizes.iter().flat_map(|a| sizes.iter().map(move |b| (*a, *b))) {
            let (first, second) = (story(common, mine, 5), story(common, yours, 6));
            let copy = Kept::new();
            copy.follow(&first.ledger.reader()).unwrap();
            let proof = match copy.follow(&second.ledger.reader()) {
                Err(MirrorError::Forked(proof)) => proof,
                other => panic!("{common} + {mine}, {common} + {yours}: {other:?}"),
            };
            proof.check().unwrap();
            let Contradiction::Checkpoints(_, _, path) = &proof.contradiction else { panic!("{proof:?}") };
            assert_eq!(path.is_empty(), mine == yours, "of one size, the two notes are the whole proof");
            let mut third = World::with(&["c.example"]);
            let record = third.authors.next("c.example", Body::Equivocate(proof));
            assert_eq!(*record, SignedRecord::parse_envelope(&record.to_envelope()).unwrap());
            third.take(record);
            assert_eq!(copy.reader().published(), first.ledger.reader().published(), "the copy stays what it was");
            assert_eq!(copy.follow(&first.ledger.reader()).unwrap().to, common + mine);
        }
    }
}

/// A long ledger, over several tile levels: proofs are made from its tiles.
#[test]
fn two_long_histories_are_proven_too() {
    let (mut first, mut second) = (story(40, 1, 5), story(40, 1, 6));
    grow(&mut first, 700);
    grow(&mut second, 66_000);
    for (a, b) in [(&first, &second), (&second, &first)] {
        let copy = Kept::new();
        copy.follow(&a.ledger.reader()).unwrap();
        match copy.follow(&b.ledger.reader()) {
            Err(MirrorError::Forked(proof)) => proof.check().unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_older_checkpoint_of_the_same_history_is_a_lag_and_no_crime() {
    let (old, new, copy) = (story(10, 0, 1), story(12, 0, 1), Kept::new());
    copy.follow(&new.ledger.reader()).unwrap();
    let behind = Followed { shown: 10, seen: 12, from: 12, to: 12 };
    assert_eq!(copy.follow(&old.ledger.reader()).unwrap(), behind);
    assert_eq!(copy.follow(&new.ledger.reader()).unwrap(), whole(12, 12));
    assert_eq!(copy.reader().tree_size(), 12);
}

/// What was signed is remembered before its entries are had: who then shows another history has signed two.
#[test]
fn a_history_that_was_only_announced_binds_too() {
    let (announced, other) = (story(9, 3, 5), story(9, 5, 6));
    let copy = Kept::new();
    copy.mirror.look(&announced.ledger.reader()).unwrap();
    assert!(copy.mirror.reader().unwrap().is_none());
    assert!(matches!(copy.follow(&other.ledger.reader()), Err(MirrorError::Forked(_))));
    // While the copy still grows towards it, a smaller tree of the other history is compared with what is held.
    let copy = Kept::new();
    copy.follow(&story(9, 1, 5).ledger.reader()).unwrap();
    copy.mirror.look(&story(9, 8, 5).ledger.reader()).unwrap();
    for other in [story(9, 1, 6), story(8, 1, 6), story(9, 4, 6)] {
        assert!(matches!(copy.follow(&other.ledger.reader()), Err(MirrorError::Forked(_))));
    }
    let lags = copy.follow(&story(9, 4, 5).ledger.reader()).unwrap();
    assert_eq!(lags, Followed { shown: 13, seen: 17, from: 10, to: 10 });
}

/// A server that changes what it passes on.
struct Between<F>(LedgerReader, F);

impl<F: Fn(Option<&TilePath>, Vec<u8>) -> Option<Vec<u8>>> LogFiles for Between<F> {
    fn checkpoint(&self) -> Result<String, FetchError> {
        let note = self.1(None, self.0.checkpoint().into_bytes());
        String::from_utf8(note.unwrap_or_default()).map_err(|_| FetchError::Missing("checkpoint".into()))
    }

    fn files(&self, paths: &[TilePath]) -> Result<Vec<Option<Vec<u8>>>, FetchError> {
        let files = self.0.files(paths)?;
        Ok(paths.iter().zip(files).map(|(path, file)| file.and_then(|bytes| self.1(Some(path), bytes))).collect())
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found_and_convicts_nobody() {
    let mut world = story(300, 0, 1);
    let copy = Kept::new();
    copy.follow(&world.ledger.reader()).unwrap();
    grow(&mut world, 700);
    let (before, seen) = (copy.reader().published(), copy.seen.load().unwrap());
    let reader = world.ledger.reader();
    let spoilt = |wanted: Option<TilePath>, at: usize| {
        Between(reader.clone(), move |path: Option<&TilePath>, mut bytes: Vec<u8>| {
            if path.copied() == wanted {
                bytes[at] ^= 1 << (at % 8);
            }
            Some(bytes)
        })
    };
    for at in 0..reader.checkpoint().len() {
        let outcome = copy.follow(&spoilt(None, at));
        assert!(matches!(outcome, Err(MirrorError::NotSigned(_) | MirrorError::Unreachable(_))), "{at}: {outcome:?}");
    }
    assert_eq!(copy.seen.load().unwrap(), seen);
    let bundle = |n, width| TilePath::Entries { n, width };
    let tile = |n, width| TilePath::Hashes { level: 0, n, width };
    for (path, used) in
        [(bundle(1, 256), 44 * 700..), (bundle(2, 188), 0..), (tile(1, 256), 44 * 32..), (tile(2, 188), 0..)]
    {
        let len = reader.files(&[path]).unwrap().pop().flatten().unwrap().len();
        for at in (used.start..len).step_by(977) {
            let copy = Kept::on(crate::faults::faulty(rows_of(&*copy.store)).0);
            copy.seen.compare_and_swap(None, &seen.clone().unwrap()).unwrap();
            copy.held.compare_and_swap(None, &before.checkpoint).unwrap();
            match copy.follow(&spoilt(Some(path), at)) {
                Err(MirrorError::Lies(_)) => {}
                other => panic!("byte {at} of {path}: {other:?}"),
            }
            assert_eq!(copy.reader().published(), before, "byte {at} of {path}");
            assert_eq!(copy.follow(&reader).unwrap().to, 700, "the next honest round makes it good");
        }
    }
}

fn rows_of(store: &dyn Store) -> Vec<Vec<(Vec<u8>, Vec<u8>)>> {
    ostrakon_ledger::TABLES.iter().map(|table| store.scan(*table, &[], usize::MAX).unwrap()).collect()
}

#[test]
fn who_serves_nonsense_nothing_or_someone_elses_ledger_changes_nothing() {
    let (world, copy) = (story(20, 0, 1), Kept::new());
    let reader = world.ledger.reader();
    let says = |note: &'static str| {
        let answer =
            move |path: Option<&TilePath>, bytes: Vec<u8>| Some(if path.is_none() { note.into() } else { bytes });
        copy.follow(&Between(reader.clone(), answer))
    };
    assert!(matches!(says("nonsense"), Err(MirrorError::NotSigned(_))));
    assert!(matches!(says(""), Err(MirrorError::NotSigned(_))));
    let silent =
        copy.follow(&Between(reader.clone(), |path: Option<&TilePath>, bytes| path.is_none().then_some(bytes)));
    assert!(matches!(silent, Err(MirrorError::Unreachable(FetchError::Missing(_)))), "{silent:?}");
    let short = |path: Option<&TilePath>, mut bytes: Vec<u8>| {
        bytes.truncate(if path.is_some() { bytes.len() - 1 } else { bytes.len() });
        Some(bytes)
    };
    assert!(matches!(copy.follow(&Between(reader.clone(), short)), Err(MirrorError::Lies(_))));
    assert!(copy.mirror.reader().unwrap().is_none());
    assert_eq!(copy.follow(&reader).unwrap(), whole(0, 20));
    // A larger tree whose tiles nobody shows proves nothing, whatever it may be.
    let other = story(9, 40, 6).ledger.reader();
    let hidden = copy.follow(&Between(other, |path: Option<&TilePath>, bytes| path.is_none().then_some(bytes)));
    assert!(matches!(hidden, Err(MirrorError::Unreachable(_))), "{hidden:?}");
    assert_eq!(copy.follow(&reader).unwrap(), whole(20, 20));
}

/// More signatures of its own on a checkpoint do not keep a ledger from being convicted.
#[test]
fn a_checkpoint_with_many_signatures_convicts_as_well() {
    let (first, second) = (story(5, 2, 5), story(5, 2, 6));
    let key = NoteKey::new(&origin(&name(OWNER)), public(OWNER)).unwrap();
    let adorned = |path: Option<&TilePath>, bytes: Vec<u8>| {
        if path.is_some() {
            return Some(bytes);
        }
        let note = Note::parse(&String::from_utf8(bytes).unwrap()).unwrap();
        let line = note.signatures()[0].clone();
        let odd = NoteSignature { name: key.name().into(), key_id: [1; 4], bytes: vec![7; 3000] };
        Some(format!("{note}{odd}\n{line}\n").into_bytes())
    };
    let copy = Kept::new();
    copy.follow(&Between(first.ledger.reader(), adorned)).unwrap();
    let Err(MirrorError::Forked(proof)) = copy.follow(&Between(second.ledger.reader(), adorned)) else {
        panic!("no fork")
    };
    proof.check().unwrap();
    let mut third = World::with(&["c.example"]);
    let record = third.authors.next("c.example", Body::Equivocate(proof));
    third.take(record);
}

/// A log of fewer than 257 leaves, whatever they are, under a signed checkpoint.
pub(crate) struct Raw {
    leaves: Vec<Vec<u8>>,
    note: String,
}

impl Raw {
    pub(crate) fn new(leaves: Vec<Vec<u8>>) -> Self {
        let mut range = CompactRange::new();
        leaves.iter().for_each(|leaf| range.push(leaf_hash(leaf), |_, _| {}));
        let origin = origin(&name(OWNER));
        let text =
            Checkpoint { origin: origin.clone(), tree_size: leaves.len() as u64, root: range.root() }.to_string();
        let note = Note::sign(&text, &origin, &key(OWNER)).unwrap().to_string();
        Self { leaves, note }
    }
}

impl LogFiles for Raw {
    fn checkpoint(&self) -> Result<String, FetchError> {
        Ok(self.note.clone())
    }

    fn files(&self, paths: &[TilePath]) -> Result<Vec<Option<Vec<u8>>>, FetchError> {
        let file = |path: &TilePath| match path {
            TilePath::Entries { n: 0, .. } => {
                let framed = |leaf: &Vec<u8>| [&(leaf.len() as u16).to_be_bytes()[..], leaf].concat();
                Some(self.leaves.iter().flat_map(framed).collect())
            }
            TilePath::Hashes { level: 0, n: 0, .. } => {
                Some(self.leaves.iter().flat_map(|leaf| leaf_hash(leaf)).collect())
            }
            _ => None,
        };
        Ok(paths.iter().map(file).collect())
    }
}

/// What a ledger signed although no ledger may hold it is not copied, whoever signed it.
#[test]
fn what_breaks_the_rules_is_not_copied_though_it_was_signed() {
    let mut world = World::with(&["a.example"]);
    let record = world.authors.next("a.example", vote("b.example", 5));
    world.take(record.clone());
    let honest = world.ledger.reader().entries(0, 3).unwrap();
    let policy = Body::Policy(PolicyInForce { digest: Digest([1; 32]), active_from_ms: NOW_MS });
    let foreign = signed("a.example", 1, RecordId::ZERO, policy).into_inner();
    let other = signed("a.example", 1, RecordId::ZERO, vote("b.example", 6)).into_inner();
    let unsigned = SignedRecord::from_parts(record.kind(), record.payload().to_vec(), *other.signature()).unwrap();
    let last = honest[2].clone();
    let elsewhere = Some(Provenance { ledger: name("b.example"), index: 7 });
    let from_here = Some(Provenance { ledger: name(OWNER), index: 7 });
    let spoilt = [
        Entry { chain: Chain([1; 32]), ..last.clone() },
        Entry { received_at_ms: NOW_MS - 1, ..last.clone() },
        Entry { record: unsigned, ..last.clone() },
        Entry { record: foreign.clone(), ..last.clone() },
        Entry { record: honest[1].record.clone(), ..last.clone() },
        Entry { record: foreign, provenance: elsewhere.clone(), effect: Effect::InForce, ..last.clone() },
        Entry { provenance: elsewhere.clone(), effect: Effect::Inert, ..last.clone() },
        Entry { provenance: from_here, ..last.clone() },
    ];
    for (n, entry) in spoilt.into_iter().enumerate() {
        let copy = Kept::new();
        let log = Raw::new(vec![honest[0].to_bytes(), honest[1].to_bytes(), entry.to_bytes()]);
        match copy.follow(&log) {
            Err(MirrorError::Broken { index: 2, .. }) => {}
            other => panic!("case {n}: {other:?}"),
        }
        assert!(copy.mirror.reader().unwrap().is_none());
    }
    let begins = |entry: &Entry| Kept::new().follow(&Raw::new(vec![entry.to_bytes()]));
    let copied_genesis = Entry { provenance: elsewhere.clone(), ..honest[0].clone() };
    for entry in [&honest[1], &copied_genesis] {
        assert!(matches!(begins(entry), Err(MirrorError::Broken { index: 0, .. })));
    }
    assert_eq!(begins(&honest[0]).unwrap(), whole(0, 1));
    assert!(matches!(Kept::new().follow(&Raw::new(vec![])), Err(MirrorError::Broken { .. })));
    let nonsense = Raw::new(vec![honest[0].to_bytes(), vec![1; 70]]);
    assert!(matches!(Kept::new().follow(&nonsense), Err(MirrorError::Broken { index: 1, .. })));
    let copied = Entry { provenance: elsewhere, ..last };
    let log = Raw::new(vec![honest[0].to_bytes(), honest[1].to_bytes(), copied.to_bytes()]);
    assert_eq!(Kept::new().follow(&log).unwrap(), whole(0, 3));
}

/// Every write fails once, with and without effect: the next round goes on.
#[test]
fn an_interrupted_round_goes_on_where_it_was() {
    for fault in [Fault::Lost, Fault::Kept] {
        let mut world = story(20, 0, 1);
        let (store, plan) = faulty(rows_of(&MemoryStore::new()));
        let copy = Kept::on(store);
        plan.at_next_write(fault);
        let failed = copy.follow(&world.ledger.reader());
        assert!(
            matches!(&failed, Err(MirrorError::Ours(ostrakon_ledger::LedgerError::Store(StoreError::Failed(_))))),
            "{failed:?}"
        );
        assert!(copy.mirror.reader().unwrap().is_none());
        assert_eq!(copy.follow(&world.ledger.reader()).unwrap().to, world.ledger.reader().tree_size());
        assert_eq!(check(&*copy.store, &*copy.held), world.verify());
        grow(&mut world, 300);
        plan.at_next_write(fault);
        copy.follow(&world.ledger.reader()).unwrap_err();
        assert!(copy.reader().tree_size() < 300, "readers see what is whole");
        copy.follow(&world.ledger.reader()).unwrap();
        assert_eq!(check(&*copy.store, &*copy.held), world.verify());
    }
}
