//! Cosignatures, trust files, and the witness: every answer that its protocol has, and what a crash or a race may do.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ostrakon_ledger::checkpoint::Checkpoint;
use ostrakon_ledger::cosignature;
use ostrakon_ledger::merkle::{CompactRange, Hash, Subtree, leaf_hash, node_hash, prove_consistency};
use ostrakon_ledger::note::{KeyKind, Note, NoteKey, NoteSignature};
use ostrakon_ledger::store::Row;
use ostrakon_ledger::witness::{CheckedRequest, REQUEST_BYTES_MAX, WatchedLogs, last_cosigned, log_id};
use ostrakon_ledger::{
    AddCheckpoint, Batch, Malformed, MemoryStore, Quorum, SecretKey, Store, StoreError, Table, Unproven, Witness,
    WitnessRefusal,
};
use proptest::prelude::*;

const LOG: &str = "a.example/ostrakon";
const WITNESS: &str = "w.example/witness";
const NOW_S: u64 = 1_751_328_000;

fn key(of: &str) -> SecretKey {
    SecretKey::from_seed(*blake3_of(of).as_bytes())
}

fn blake3_of(text: &str) -> ostrakon_ledger::RecordId {
    ostrakon_ledger::RecordId::of(text.as_bytes())
}

/// A log that grows, and can prove it.
struct Log(Vec<Hash>);

impl Log {
    fn new(story: &str, size: u64) -> Self {
        Self((0..size).map(|n| leaf_hash(format!("{story} {n}").as_bytes())).collect())
    }

    fn hash(&self, node: Subtree) -> Hash {
        let (first, len) = ((node.n << node.height) as usize, 1 << node.height);
        let mut row = self.0[first..first + len].to_vec();
        while row.len() > 1 {
            row = row.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
        }
        row[0]
    }

    fn note(&self, size: u64) -> Note {
        let mut range = CompactRange::new();
        self.0[..size as usize].iter().for_each(|leaf| range.push(*leaf, |_, _| {}));
        let text = Checkpoint { origin: LOG.into(), tree_size: size, root: range.root() }.to_string();
        Note::sign(&text, LOG, &key(LOG)).unwrap()
    }

    fn request(&self, old: u64, new: u64) -> AddCheckpoint {
        let proof = prove_consistency(old, new, |node| Ok::<_, ()>(self.hash(node))).unwrap();
        AddCheckpoint { old_size: old, proof, note: self.note(new) }
    }
}

fn watched() -> WatchedLogs {
    let vkey = NoteKey::new(LOG, key(LOG).public()).unwrap();
    WatchedLogs::of(&format!("log {vkey}\n").parse().unwrap())
}

fn checked(request: AddCheckpoint) -> CheckedRequest {
    AddCheckpoint::parse(request.to_body().as_bytes()).unwrap().check(&watched()).unwrap()
}

fn witness(store: &Arc<dyn Store>) -> Witness {
    Witness::new(WITNESS, key(WITNESS), store.clone()).unwrap()
}

fn cosigner() -> NoteKey {
    NoteKey::cosigner(WITNESS, key(WITNESS).public()).unwrap()
}

fn ask(witness: &mut Witness, request: AddCheckpoint) -> Result<NoteSignature, WitnessRefusal> {
    witness.cosign(&[checked(request)], NOW_S).unwrap().pop().unwrap()
}

#[test]
fn a_cosignature_covers_its_time_and_the_whole_text() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let line = NoteSignature::cosign(text, WITNESS, &key(WITNESS), 1_679_315_147).unwrap();
    assert_eq!(line.bytes.len(), 72);
    assert_eq!(line.bytes[..8], 1_679_315_147u64.to_be_bytes());
    assert_eq!(cosignature::time_s(&line.bytes), Some(1_679_315_147));
    let message = format!("cosignature/v1\ntime 1679315147\n{text}");
    assert_eq!(line.bytes[8..], key(WITNESS).sign(message.as_bytes()).0);
    assert_eq!(line.key_id, cosigner().id());
    assert_eq!(line.to_string().parse::<NoteSignature>().unwrap(), line);

    let note = Note::sign(text, "example.com/behind-the-sofa", &key(LOG)).unwrap().with_signature(line.clone());
    assert_eq!(note.signers(&[cosigner()]).unwrap().len(), 1);
    assert_eq!(Note::parse(&note.to_string()).unwrap(), note);
    for at in 0..line.bytes.len() {
        let mut bytes = line.bytes.clone();
        bytes[at] ^= 1;
        let changed = note.clone().with_signature(NoteSignature { bytes, ..line.clone() });
        assert!(changed.signers(&[cosigner()]).is_err(), "byte {at}");
    }
    assert!(NoteSignature::cosign(text, WITNESS, &key(WITNESS), u64::MAX).is_err());
}

#[test]
fn a_cosigners_key_is_another_key_than_a_logs() {
    let (log, cosigner) = (NoteKey::new(WITNESS, key(WITNESS).public()).unwrap(), cosigner());
    assert_ne!(log.id(), cosigner.id());
    assert_ne!(log.to_string(), cosigner.to_string());
    assert_eq!(cosigner.to_string().parse::<NoteKey>().unwrap(), cosigner);
    assert_eq!((log.kind(), cosigner.kind()), (KeyKind::Log, KeyKind::Cosigner));
    // A witness that is trusted as a log would vouch for a log of its own name.
    let text = Checkpoint { origin: WITNESS.into(), tree_size: 0, root: [0; 32] }.to_string();
    let note = Note::sign(&text, "x", &key(LOG)).unwrap().signed_only_by("");
    let note = note.with_signature(NoteSignature::cosign(&text, WITNESS, &key(WITNESS), 1).unwrap());
    assert!(matches!(Checkpoint::of(&note, &[cosigner]), Err(Unproven::NotSigned { .. })));
}

#[test]
fn a_growing_log_is_cosigned_step_by_step() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (log, mut witness) = (Log::new("true", 300), witness(&store));
    assert_eq!(last_cosigned(&*store, &log_id(LOG)).unwrap(), None);
    let mut old = 0;
    for new in [0, 0, 1, 1, 2, 7, 8, 255, 256, 300] {
        let line = ask(&mut witness, log.request(old, new)).unwrap();
        let note = log.note(new).with_signature(line);
        assert_eq!(note.signers(&[cosigner()]).unwrap().len(), 1, "{old} to {new}");
        assert_eq!(last_cosigned(&*store, &log_id(LOG)).unwrap().unwrap(), note.to_string());
        old = new;
    }
}

#[test]
fn every_refusal_has_its_status_and_changes_nothing() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (log, other, mut witness) = (Log::new("true", 20), Log::new("false", 20), witness(&store));
    ask(&mut witness, log.request(0, 10)).unwrap();
    let before = last_cosigned(&*store, &log_id(LOG)).unwrap();

    let parse = |request: &str| AddCheckpoint::parse(request.as_bytes());
    let check = |request: AddCheckpoint| request.check(&watched()).map(drop).unwrap_err();
    let good = log.request(10, 20);
    let stranger = WatchedLogs::of(&Quorum::default());
    assert_eq!(good.clone().check(&stranger).map(drop).unwrap_err().status(), 404);

    // 403: nobody trusted signed, or a trusted line is false.
    let unsigned = AddCheckpoint { note: Note::sign(good.note.text(), LOG, &key("x")).unwrap(), ..good.clone() };
    assert_eq!(check(unsigned).status(), 403);
    let mut line = good.note.signatures()[0].clone();
    line.bytes[5] ^= 1;
    assert_eq!(check(AddCheckpoint { note: good.note.clone().with_signature(line), ..good.clone() }).status(), 403);

    // 400: what cannot be read, has extension lines, or goes back.
    assert_eq!(check(AddCheckpoint { old_size: 21, ..good.clone() }).status(), 400);
    let extended = Note::sign(&format!("{}extension\n", good.note.text()), LOG, &key(LOG)).unwrap();
    assert_eq!(check(AddCheckpoint { note: extended, ..good.clone() }).status(), 400);
    let body = good.to_body();
    for bad in [
        body.replace("old 10", "old 010"),
        body.replace("old 10", "new 10"),
        body.replacen('\n', "\n!\n", 1),
        body.replacen("\n\n", "\n", 1),
        String::new(),
    ] {
        assert!(parse(&bad).is_err(), "{bad}");
    }
    let hash = "A".repeat(43) + "=\n";
    assert!(parse(&body.replacen('\n', &format!("\n{}", hash.repeat(64)), 1)).is_err());
    assert!(matches!(parse(&"x".repeat(REQUEST_BYTES_MAX + 1)), Err(Malformed::TooLong { .. })));

    // 409: another size than the last, whichever.
    for old in [0, 9, 11, 20] {
        assert_eq!(ask(&mut witness, log.request(old, 20)), Err(WitnessRefusal::OtherSize(10)), "{old}");
    }
    // 422: no proof, a false one, another tree of the same size, a needless proof.
    let refused = |witness: &mut Witness, request| ask(witness, request).unwrap_err().status();
    assert_eq!(refused(&mut witness, AddCheckpoint { proof: vec![], ..good.clone() }), 422);
    assert_eq!(refused(&mut witness, other.request(10, 20)), 422);
    assert_eq!(refused(&mut witness, other.request(10, 10)), 422);
    assert_eq!(refused(&mut witness, AddCheckpoint { proof: good.proof.clone(), ..log.request(10, 10) }), 422);
    assert_eq!(last_cosigned(&*store, &log_id(LOG)).unwrap(), before);

    let fresh: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut fresh = self::witness(&fresh);
    assert_eq!(refused(&mut fresh, AddCheckpoint { proof: good.proof.clone(), ..log.request(0, 10) }), 422);
    let text = Checkpoint { origin: LOG.into(), tree_size: 0, root: [1; 32] }.to_string();
    let hollow = Note::sign(&text, LOG, &key(LOG)).unwrap();
    assert_eq!(refused(&mut fresh, AddCheckpoint { old_size: 0, proof: vec![], note: hollow }), 422);
    assert!(ask(&mut witness, good).is_ok(), "and the honest log goes on");
}

#[test]
fn of_two_stories_that_race_only_one_is_cosigned() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (log, other, mut witness) = (Log::new("true", 20), Log::new("false", 20), witness(&store));
    let requests = [checked(log.request(0, 20)), checked(other.request(0, 20)), checked(other.request(0, 15))];
    let answers = witness.cosign(&requests, NOW_S).unwrap();
    assert!(answers[0].is_ok());
    assert_eq!(answers[1..], [Err(WitnessRefusal::OtherSize(20)), Err(WitnessRefusal::OtherSize(20))]);
}

#[test]
fn a_witness_remembers_across_restarts() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (log, other) = (Log::new("true", 20), Log::new("false", 20));
    ask(&mut witness(&store), log.request(0, 10)).unwrap();
    let mut again = witness(&store);
    assert_eq!(ask(&mut again, other.request(0, 20)), Err(WitnessRefusal::OtherSize(10)));
    assert!(ask(&mut again, log.request(10, 20)).is_ok());
}

/// A store whose next commit fails, lost or kept.
struct Failing(MemoryStore, AtomicBool, bool);

impl Store for Failing {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(table, key)
    }
    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.0.scan(table, from, limit)
    }
    fn scan_back(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.0.scan_back(table, from, limit)
    }
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if !self.1.swap(false, Ordering::Relaxed) {
            return self.0.commit(batch);
        }
        if self.2 {
            self.0.commit(batch)?;
        }
        Err(StoreError::Failed("as the test asked".into()))
    }
}

#[test]
fn nothing_is_answered_that_was_not_committed() {
    for kept in [false, true] {
        let store: Arc<dyn Store> = Arc::new(Failing(MemoryStore::new(), AtomicBool::new(true), kept));
        let (log, other) = (Log::new("true", 20), Log::new("false", 20));
        let failed = witness(&store).cosign(&[checked(log.request(0, 10))], NOW_S);
        assert!(matches!(failed, Err(StoreError::Failed(_))));
        // Made anew, it goes by what is in the store: the lost request can be made again, the kept one binds.
        let mut again = witness(&store);
        let answer = ask(&mut again, other.request(0, 10));
        assert_eq!(answer.is_ok(), !kept, "{answer:?}");
    }
}

const WORLD: &str = "\
# who is trusted
log @L https://a.example
witness one @1 https://one.example/witness   # near
witness two @2
witness three @3
group pair any two three
group most all one pair
quorum most
";

fn world(text: &str) -> String {
    let mut text = text.replace("@L", &NoteKey::new(LOG, key(LOG).public()).unwrap().to_string());
    for n in 1..=3 {
        let vkey = NoteKey::cosigner(&format!("w{n}.example"), key(&format!("w{n}.example")).public()).unwrap();
        text = text.replace(&format!("@{n}"), &vkey.to_string());
    }
    text
}

#[test]
fn a_quorum_is_met_by_the_right_witnesses_only() {
    let quorum: Quorum = world(WORLD).parse().unwrap();
    assert_eq!((quorum.logs().len(), quorum.witnesses().len()), (1, 3));
    assert_eq!(quorum.witnesses()[0].url.as_deref(), Some("https://one.example/witness"));
    let note = Log::new("true", 3).note(3);
    let by = |names: &[&str]| {
        names.iter().fold(note.clone(), |note, name| {
            let line = NoteSignature::cosign(note.text(), name, &key(name), NOW_S).unwrap();
            note.with_signature(line)
        })
    };
    for (names, met) in [
        (&[][..], false),
        (&["w1.example"], false),
        (&["w2.example", "w3.example"], false),
        (&["w1.example", "w3.example"], true),
        (&["w1.example", "w2.example"], true),
        (&["w1.example", "w2.example", "w3.example"], true),
        (&["w1.example", "w4.example"], false),
    ] {
        assert_eq!(quorum.check(&by(names)).is_ok(), met, "{names:?}");
    }
    // A false line of a trusted witness spoils the note, even when the others are enough.
    let note = by(&["w1.example", "w2.example"]);
    let mut line = NoteSignature::cosign(note.text(), "w3.example", &key("w3.example"), NOW_S).unwrap();
    line.bytes[20] ^= 1;
    assert!(matches!(quorum.check(&note.with_signature(line)), Err(Unproven::BadSignature { .. })));
    let nobody: Quorum = world(&WORLD.replace("quorum most", "quorum none")).parse().unwrap();
    assert!(nobody.check(&by(&[])).is_ok());
}

#[test]
fn trust_files_are_read_strictly_and_within_limits() {
    assert!(world(WORLD).parse::<Quorum>().is_ok());
    for (from, to) in [
        ("quorum most", "quorum most\nquorum most"),
        ("quorum most", "quorum nobody"),
        ("quorum most", "quorum"),
        ("quorum most", "# cut off"),
        ("group most all one pair", "group most all one one"),
        ("group most all one pair", "group most 3 one pair"),
        ("group most all one pair", "group most 0 one pair"),
        ("group most all one pair", "group most some one pair"),
        ("group most all one pair", "group most all one two"),
        ("group most all one pair", "group most all"),
        ("group most all one pair", "group pair all one"),
        ("group pair any two three", "group pair any two later"),
        ("witness two @2", "witness two @1"),
        ("witness two @2", "witness one @2"),
        ("witness two @2", "witness none @2"),
        ("witness two @2", "witness two @L"),
        ("witness two @2", "witness two @2 ftp://two.example"),
        ("witness two @2", "witness two @2 https://two.example more"),
        ("witness two @2", "witness two"),
        ("log @L", "log @1"),
        ("log @L https://a.example", "log @L\nlog @L"),
        ("log @L", "lag @L"),
    ] {
        assert!(WORLD.contains(from), "{from}");
        let text = world(&WORLD.replacen(from, to, 1));
        assert!(text.parse::<Quorum>().is_err(), "{to}");
    }
    for empty in ["", "\n", "# nothing\n"] {
        assert!(empty.parse::<Quorum>().is_err(), "an empty file does not ask for nobody");
    }
    let many = |count: usize| -> String {
        (0..count)
            .map(|n| format!("log {}\n", NoteKey::new(&format!("l{n}.example"), key(LOG).public()).unwrap()))
            .collect()
    };
    assert!(many(32).parse::<Quorum>().is_ok());
    assert!(many(ostrakon_ledger::quorum::LINES_MAX + 1).parse::<Quorum>().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "[a-z0-9+/= \n—#]{0,300}") {
        let _ = AddCheckpoint::parse(&bytes);
        let _ = AddCheckpoint::parse(text.as_bytes());
        let _ = text.parse::<Quorum>();
        let _ = text.parse::<NoteSignature>();
        let _ = text.parse::<ostrakon_ledger::Receipt>();
    }

    /// However requests come, what is cosigned is one growing tree.
    #[test]
    fn what_is_cosigned_never_forks(steps in prop::collection::vec((any::<bool>(), 0..40u64, 0..40u64), 1..60)) {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let (stories, mut witness) = ([Log::new("true", 40), Log::new("false", 40)], witness(&store));
        let mut cosigned: Vec<(u64, Hash)> = vec![];
        for (story, a, b) in steps {
            let request = checked(stories[usize::from(story)].request(a.min(b), a.max(b)));
            let Checkpoint { tree_size, root, .. } = request.checkpoint().clone();
            if witness.cosign(&[request], NOW_S).unwrap()[0].is_ok() {
                cosigned.push((tree_size, root));
            }
        }
        prop_assert!(cosigned.is_sorted_by_key(|(size, _)| *size));
        let of = |story: &Log| cosigned.iter().filter(|(size, _)| *size > 0).all(|(size, root)| {
            story.note(*size).text().parse::<Checkpoint>().unwrap().root == *root
        });
        prop_assert!(stories.iter().any(of), "{cosigned:?}");
    }
}
