//! What is fuzzed: every parser, what a followed peer serves, and sequences of operations on a ledger. Each target takes any bytes, must not panic by
//! itself, and panics when a promise is broken: what is accepted is what would be written, and where an independent crate
//! reads the same format, both say the same.
//!
//! Driven by `tests/tests/fuzz.rs`; any driver that makes bytes can use them.

#[path = "follower.rs"]
mod follower;

use std::collections::HashSet;
use std::sync::Arc;

use ostrakon_ledger::{
    Body, Entry, Expel, Ledger, LedgerError, LedgerReader, MemoryState, MemoryStore, PeerName, Reason, Receipt,
    RecordId, RecordType, SecretKey, SignedRecord, Subject, Verified,
    archive::{Archive, export},
    checkpoint::Checkpoint,
    dsse::{EnvelopeLimits, Signed},
    merkle::{CompactRange, leaf_hash, verify_consistency, verify_inclusion},
    note::{NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX, Note, NoteKey},
    record::Record,
    tile::TilePath,
    verify,
};
use ostrakon_policies::{DEFAULT_POLICY, load_policy};
use ostrakon_router::{
    import::{self, Checks, Format, Input},
    message::{Inquiry, Limits as MessageLimits, SignedMessage},
    server::home::Running,
};
use ostrakon_tests::TestPeer;

/// A target: its name, what it does with an input, and inputs to begin with.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&[u8]),
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub(crate) const TARGETS: &[Target] = &[
    Target { name: "envelope", run: envelope, seeds: envelope_seeds },
    Target { name: "payload", run: payload, seeds: || vec![vote().payload().to_vec(), expulsion().payload().to_vec()] },
    Target { name: "entry", run: entry, seeds: || vec![ledger().reader().entry(1).unwrap().unwrap().to_bytes()] },
    Target { name: "note", run: note, seeds: || vec![ledger().reader().checkpoint().into_bytes()] },
    Target { name: "checkpoint", run: checkpoint, seeds: checkpoint_seeds },
    Target { name: "vkey", run: vkey, seeds: || vec![ledger().vkey().into_bytes()] },
    Target { name: "tile_path", run: tile_path, seeds: tile_path_seeds },
    Target { name: "names", run: names, seeds: || vec![b"xn--bcher-kva.example".into(), b"peer:a.example".into()] },
    Target { name: "archive", run: archive, seeds: || vec![archived(&ledger().reader())] },
    Target { name: "message", run: message, seeds: message_seeds },
    Target { name: "merkle", run: merkle, seeds: || vec![vec![200, 100, 7, 1, 3], vec![9, 8, 8, 0, 0], vec![255; 5]] },
    Target { name: "receipt", run: follower::receipt, seeds: follower::receipt_seeds },
    Target { name: "follower", run: follower::follower, seeds: follower::follower_seeds },
    Target { name: "list", run: list, seeds: list_seeds },
    Target { name: "proof", run: proof, seeds: follower::receipt_seeds },
    Target {
        name: "running",
        run: running,
        seeds: || vec![br#"{"public":"127.0.0.1:1","local":"127.0.0.1:2","pid":3}"#.to_vec()],
    },
    Target { name: "policy", run: policy, seeds: policy_seeds },
    Target { name: "operations", run: operations, seeds: || vec![(0..60).collect(), vec![0; 20], vec![4, 9, 130, 66]] },
];

fn policy_seeds() -> Vec<Vec<u8>> {
    let rule = |when: &str| format!("[[rule]]\nname = \"r\"\nwhen = '''{when}'''\nverdict = \"hold\"\n").into_bytes();
    let sum = |count: usize| vec!["1"; count].join("+");
    vec![
        DEFAULT_POLICY.as_bytes().to_vec(),
        rule(&format!("{} < score", sum(60))),
        rule(&format!("{} < score", sum(2_000))),
        rule(&format!("{}links > 1{}", "!(".repeat(30), ")".repeat(30))),
        rule(&format!("{}true", "known_contact?signed:".repeat(60))),
        rule("kind in ['mail', \"fax\"] && !(sender_domain.endsWith(r'.\\') // '(\n || size / links % 7 > -3)"),
        format!("[[limit]]\nname = \"l\"\nkey = {}\"peer\"{}\n", "[".repeat(400), "]".repeat(400)).into_bytes(),
        b"accept_everything = true\n".to_vec(),
    ]
}

/// What is read as a policy was evaluated on the way and came through, and is read alike again.
fn policy(bytes: &[u8]) {
    if let Ok(policy) = load_policy("policy.toml", bytes) {
        assert!(bytes.ends_with(b"\n"));
        assert_eq!(load_policy("policy.toml", bytes).unwrap().digest(), policy.digest());
    }
}

const OWNER: &str = "node.example";

fn owner_key() -> SecretKey {
    SecretKey::from_seed([7; 32])
}

fn new_ledger() -> (Ledger, Arc<MemoryStore>, Arc<MemoryState>) {
    let (store, state) = (Arc::new(MemoryStore::new()), Arc::new(MemoryState::default()));
    let owner = PeerName::parse(OWNER).unwrap();
    let ledger =
        Ledger::create(store.clone(), Box::new(state.clone()), &owner, "ostrakon", owner_key(), 1_000).unwrap();
    (ledger, store, state)
}

/// The owner at the end of a new ledger.
fn owner(ledger: &Ledger) -> TestPeer {
    let mut owner = TestPeer::new(OWNER);
    let head = ledger.author(&owner.name).unwrap().unwrap();
    (owner.key, owner.seq, owner.prev) = (owner_key(), head.seq, head.id);
    owner
}

fn ledger() -> Ledger {
    let (mut ledger, ..) = new_ledger();
    let mut owner = owner(&ledger);
    let votes = (0..3).map(|n| (Verified::check(owner.vote(&format!("peer:p{n}.example"), -7)).unwrap(), 2_000));
    assert!(ledger.append(votes.collect()).unwrap().iter().all(Result::is_ok));
    ledger
}

fn vote() -> SignedRecord {
    TestPeer::new("a.example").vote("domain:b.example", 5)
}

fn expulsion() -> SignedRecord {
    let peer = PeerName::parse("b.example").unwrap();
    TestPeer::new("a.example").say(Body::Expel(Expel { peer, reason: Reason::Flood }))
}

/// In both alphabets of base64, with and without a `keyid`.
fn envelope_seeds() -> Vec<Vec<u8>> {
    let standard = String::from_utf8(vote().to_envelope()).unwrap();
    let (head, tail) = standard.split_once("\"payload\":\"").unwrap();
    let (payload, tail) = tail.split_once('"').unwrap();
    let url_safe = format!("{head}\"payload\":\"{}\"{tail}", payload.replace('+', "-").replace('/', "_"));
    let keyid = format!("\"keyid\":\"{}\",", vote().record().header.key);
    let bare = standard.replace(&keyid, "");
    assert_ne!(bare, standard);
    let envelopes = [standard.clone(), url_safe, bare, standard.replace(&keyid, "\"keyid\":\"\",")];
    envelopes.iter().for_each(|it| assert!(SignedRecord::parse_envelope(it.as_bytes()).is_ok(), "{it}"));
    envelopes.map(String::into_bytes).to_vec()
}

fn archived(reader: &LedgerReader) -> Vec<u8> {
    let mut file = Vec::new();
    export(reader, &mut file, &mut |_, _| {}).unwrap();
    file
}

fn checkpoint_seeds() -> Vec<Vec<u8>> {
    let checkpoint = Checkpoint { origin: "a.example/ostrakon".into(), tree_size: 1_234_567, root: [9; 32] };
    vec![checkpoint.to_string().into_bytes()]
}

fn tile_path_seeds() -> Vec<Vec<u8>> {
    let paths = ["tile/0/000", "tile/63/x001/x234/067.p/255", "tile/entries/x999/000.p/1", "tile/1/x018/x446/x744/001"];
    paths.into_iter().map(|path| path.as_bytes().to_vec()).collect()
}

fn message_seeds() -> Vec<Vec<u8>> {
    let check = br#"{"id":"m1","peer":"a.example","sender":"u@a.example","recipients":["b@node.example"],"kind":"mail","size":9}"#;
    vec![TestPeer::new("a.example").message(b"hello").to_json(), check.to_vec()]
}

fn envelope(bytes: &[u8]) {
    if let Ok(signed) = Signed::parse(bytes, &EnvelopeLimits::RECORD) {
        assert_eq!(
            Signed::parse(&signed.to_json(), &EnvelopeLimits::RECORD).as_ref(),
            Ok(&signed),
            "however it was spelt"
        );
    }
    let Ok(record) = SignedRecord::parse_envelope(bytes) else { return };
    let again = SignedRecord::parse_envelope(&record.to_envelope()).expect("our own envelope is accepted");
    assert_eq!(again, record);
    let _ = Verified::check(record);
}

fn payload(bytes: &[u8]) {
    for kind in RecordType::ALL {
        if let Ok(record) = Record::parse(kind, bytes) {
            assert_eq!(record.payload(), bytes, "one spelling for one record");
            assert_eq!((record.kind(), record.id()), (kind, RecordId::of(bytes)));
        }
    }
}

fn entry(bytes: &[u8]) {
    if let Ok(entry) = Entry::parse(3, bytes) {
        assert_eq!(entry.to_bytes(), bytes);
    }
}

/// Against `signed_note`, with the key of the seed's ledger.
fn note(bytes: &[u8]) {
    let vkey = ledger_vkey();
    let verifier = signed_note::StandardVerifier::new(&vkey).expect("both read the key");
    let theirs = signed_note::Note::from_bytes(bytes)
        .and_then(|note| note.verify(&signed_note::VerifierList::new(vec![Box::new(verifier)])));
    let key: NoteKey = vkey.parse().unwrap();
    let text = std::str::from_utf8(bytes);
    let ours = text.ok().and_then(|text| Note::open(text, &[key]).ok());
    if let Some(note) = &ours {
        assert_eq!(note.to_string().as_bytes(), bytes, "one spelling for one note");
        assert!(theirs.is_ok(), "signed_note refuses what we accept");
    } else if theirs.is_ok() {
        // What we refuse and they accept: sizes beyond our limits, control characters beyond ASCII in a name, and a second
        // signature by the same key, which they do not look at.
        let text = text.expect("they need UTF-8, too");
        let lines = text.rsplit("\n\n").next().unwrap_or_default().lines();
        let beyond = text.len() > NOTE_BYTES_MAX || lines.clone().count() > NOTE_SIGNATURES_MAX;
        let twice = lines.filter(|line| line.contains(OWNER)).count() > 1;
        assert!(beyond || twice || text.chars().any(|c| c.is_control() && c != '\n'), "we refuse {text:?}");
    }
}

fn ledger_vkey() -> String {
    ostrakon_ledger::ledger::vkey(&PeerName::parse(OWNER).unwrap(), owner_key().public()).to_string()
}

/// Against `tlog_tiles`, which also takes extension lines.
fn checkpoint(bytes: &[u8]) {
    let theirs = tlog_tiles::Checkpoint::from_bytes(bytes).ok();
    let ours = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<Checkpoint>().ok());
    if let Some(ours) = &ours {
        assert_eq!(ours.to_string().as_bytes(), bytes);
        let theirs = theirs.as_ref().expect("tlog_tiles refuses what we accept");
        assert_eq!((ours.origin.as_str(), ours.tree_size), (theirs.origin(), theirs.size()));
        assert_eq!(ours.root, theirs.hash().0);
    }
    if let Some(theirs) = theirs.filter(|theirs| theirs.extension().is_empty() && theirs.to_bytes() == bytes) {
        assert!(ours.is_some(), "we refuse {theirs:?}");
    }
}

fn vkey(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = text.parse::<NoteKey>() {
        assert_eq!(key.to_string(), text);
        assert!(signed_note::StandardVerifier::new(text).is_ok(), "signed_note refuses {text}");
    }
}

/// Against `tlog_tiles`, whose paths have the height 8 and call entries data.
fn tile_path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let ours = text.parse::<TilePath>().ok();
    if let Some(path) = ours {
        assert_eq!(path.to_string(), text, "one spelling for one file");
    }
    let Some(rest) = text.strip_prefix("tile/") else { return assert_eq!(ours, None) };
    let (level, rest) = rest.split_once('/').unwrap_or((rest, ""));
    // These three make tlog_tiles panic, or mean something to it and nothing to us.
    if level == "data" || level.parse::<u8>().is_ok_and(|level| level > 63) || text.ends_with(".p/0") {
        return assert_eq!(ours, None);
    }
    let theirs = tlog_tiles::Tile::from_path(&match level {
        "entries" => format!("tile/8/data/{rest}"),
        level => format!("tile/8/{level}/{rest}"),
    });
    let theirs = theirs.ok().map(|tile| {
        let (n, width) = (tile.level_index(), tile.width() as u16);
        if tile.is_data() { TilePath::Entries { n, width } } else { TilePath::Hashes { level: tile.level(), n, width } }
    });
    assert_eq!(ours, theirs, "{text}");
}

/// Lists of others in every format: each row is a vote or reported, and what passes the checks has a plausible time.
fn list(bytes: &[u8]) {
    let own = PeerName::parse(OWNER).unwrap();
    let checks = Checks { now_ms: 1_795_000_000_000, ..Checks::default() };
    let mastodon = Input::new(Format::Mastodon, Some("a-list"), Some(checks.now_ms)).unwrap();
    for input in [Input::Otc, Input::Fediverse, mastodon] {
        let Ok(parsed) = import::parse(&input, bytes, &own) else { continue };
        assert!(parsed.votes.len() + parsed.skipped.len() > 0);
        assert!(parsed.votes.iter().all(|vote| import::is_pseudo_peer(&vote.source, &own)));
        let rows = parsed.votes.len() + parsed.skipped.len();
        let Ok(checked) = import::check(&input, parsed, &checks) else { continue };
        assert_eq!(checked.votes.len() + checked.skipped.len(), rows, "no row is lost");
        assert!(checked.votes.iter().all(|vote| vote.action.at_ms() >= 946_684_800_000));
    }
}

fn list_seeds() -> Vec<Vec<u8>> {
    [
        "6,2,4,1289241911.72836\n2,6,-10,1289241912\n",
        "unix_time,voter,domain,action,severity,public_comment\n1673587264,a.example,b.example,add,suspend,\"a, b\"\n\
         1673587265,a.example,*.c.example,remove,noop,\n",
        "#domain,#severity,#reject_media\na.example,suspend,true\nb.exa*ple,noop,false\n",
        "# a list\na.example # why\n*.b.example\n",
        "domain,\nb\u{fc}cher.example,\ncom,\n",
    ]
    .map(|seed| seed.as_bytes().to_vec())
    .to_vec()
}

/// What `ledger proof --verify` and `ledger fork --check` read.
fn proof(bytes: &[u8]) {
    if let Some(receipt) = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<Receipt>().ok()) {
        let _ = receipt.verify_entry(&[ledger_vkey().parse().unwrap()]);
        let again: Receipt = receipt.to_string().parse().expect("our own receipt is read");
        assert_eq!(again.to_string(), receipt.to_string());
    }
    if let Ok(record) = SignedRecord::parse_envelope(bytes.trim_ascii_end()) {
        let _ = Verified::check(record);
    }
}

/// `run.json`, by which commands find the node that is served.
fn running(bytes: &[u8]) {
    if let Ok(running) = serde_json::from_slice::<Running>(bytes) {
        let again = serde_json::to_vec(&running).unwrap();
        assert_eq!(serde_json::from_slice::<Running>(&again).unwrap(), running);
    }
}

fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(name) = PeerName::parse(text) {
        assert_eq!(name.as_str(), text);
    }
    if let Ok(name) = PeerName::normalise(text) {
        assert_eq!(PeerName::parse(name.as_str()).as_ref(), Ok(&name), "what is normalised is canonical");
    }
    if let Ok(subject) = text.parse::<Subject>() {
        assert_eq!(subject.to_string(), text);
    }
    let _ = text.parse::<RecordId>();
}

fn archive(bytes: &[u8]) {
    let Ok(archive) = Archive::open(bytes) else { return };
    let store = Arc::new(MemoryStore::new());
    let (name, key, note) = (PeerName::parse(OWNER).unwrap(), owner_key().public(), archive.note.clone());
    if archive.import(store.clone(), &name, "ostrakon", &key, &mut |_, _| {}).is_ok() {
        let reader = LedgerReader::over(store, &MemoryState::new(Some(note)), &name, "ostrakon", &key).unwrap();
        assert_eq!(bytes, archived(&reader), "what is read is what would be written");
    }
}

fn message(bytes: &[u8]) {
    let limits = MessageLimits::default();
    if let Ok(message) = SignedMessage::parse(bytes, &limits) {
        SignedMessage::parse(&message.to_json(), &limits).expect("our own message is accepted");
    }
    let _ = Inquiry::parse(bytes, &limits);
}

/// Proofs about small trees, some of them spoilt: `tlog_tiles` and we agree on each.
fn merkle(bytes: &[u8]) {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let size = u64::from(byte(0)) + 1;
    let (index, old) = (u64::from(byte(1)) % size, u64::from(byte(1)) % size + 1);
    let leaves: Vec<_> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
    let root_of = |count: u64| {
        let mut range = CompactRange::new();
        leaves.iter().take(count as usize).for_each(|leaf| range.push(*leaf, |_, _| {}));
        range.root()
    };
    let stored = Stored(&leaves);
    let mut path: Vec<_> = tlog_tiles::prove_record(size, index, &stored).unwrap().iter().map(|h| h.0).collect();
    let mut proof: Vec<_> = tlog_tiles::prove_tree(size, old, &stored).unwrap().iter().map(|h| h.0).collect();
    assert!(verify_inclusion(index, size, &leaves[index as usize], &path, &root_of(size)));
    assert!(verify_consistency(old, size, &root_of(old), &root_of(size), &proof));
    let (claimed_index, claimed_size) = (index ^ u64::from(byte(3) >> 6), size + u64::from(byte(3) & 1));
    for hashes in [&mut path, &mut proof] {
        match byte(2) % 5 {
            0 => hashes.push([byte(3); 32]),
            1 => drop(hashes.pop()),
            2 => hashes.reverse(),
            3 if !hashes.is_empty() => {
                let at = usize::from(byte(4)) % hashes.len();
                hashes[at][usize::from(byte(3)) % 32] ^= byte(4) | 1;
            }
            _ => {}
        }
    }
    let theirs = |hashes: &[[u8; 32]]| hashes.iter().map(|hash| tlog_tiles::Hash(*hash)).collect::<Vec<_>>();
    let hash = tlog_tiles::Hash;
    let (root, leaf) = (root_of(size), leaves[index as usize]);
    assert_eq!(
        verify_inclusion(claimed_index, claimed_size, &leaf, &path, &root),
        tlog_tiles::check_record(&theirs(&path), claimed_size, hash(root), claimed_index, hash(leaf)).is_ok(),
        "index {claimed_index} of {claimed_size}"
    );
    let old_root = root_of(old);
    assert_eq!(
        verify_consistency(old, claimed_size, &old_root, &root, &proof),
        tlog_tiles::check_tree(&theirs(&proof), claimed_size, hash(root), old, hash(old_root)).is_ok(),
        "{old} of {claimed_size}"
    );
}

/// The nodes of a small tree, for `tlog_tiles`.
struct Stored<'a>(&'a [[u8; 32]]);

impl tlog_tiles::HashReader for Stored<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let root = |index: &u64| {
            let (level, n) = tlog_tiles::split_stored_hash_index(*index);
            let mut range = CompactRange::new();
            let (from, count) = ((n << level) as usize, 1 << level);
            self.0[from..from + count].iter().for_each(|leaf| range.push(*leaf, |_, _| {}));
            tlog_tiles::Hash(range.root())
        };
        Ok(indexes.iter().map(root).collect())
    }
}

/// A ledger under a sequence of good, repeated, forked and misplaced records in batches, reopened on the way: every answer
/// is the one that a simple model gives, and at the end everything verifies.
fn operations(bytes: &[u8]) {
    let (mut ledger, store, state) = new_ledger();
    let name = PeerName::parse(OWNER).unwrap();
    let mut owner = owner(&ledger);
    let mut said: Vec<SignedRecord> = Vec::new();
    let mut retracted = HashSet::new();
    let (mut batch, mut expected) = (Vec::new(), Vec::new());
    // Each byte: what to say (3 bits), about which earlier record (3 bits), whether the batch ends, whether to reopen.
    for byte in bytes.iter().take(200) {
        let which = usize::from(byte >> 3 & 7);
        let place = said.len().checked_sub(1 + which);
        let (record, accepted) = match (byte & 7, place) {
            (0, Some(at)) => (said[at].clone(), Some((at, false))),
            (1, Some(at)) => {
                // The same place in the sequence, another statement.
                let mut fork = TestPeer::new(OWNER);
                let header = &said[at].record().header;
                (fork.key, fork.seq, fork.prev) = (owner_key(), header.seq - 1, header.prev);
                (fork.vote("peer:other.example", 99), None)
            }
            (2, _) => {
                let mut ahead = TestPeer::new(OWNER);
                (ahead.key, ahead.seq, ahead.prev) = (owner_key(), owner.seq + 1, RecordId([1; 32]));
                (ahead.vote("peer:ahead.example", 1), None)
            }
            (3, Some(at)) if retracted.contains(&said[at].id()) => {
                // A vote is taken back once.
                let mut again = TestPeer::new(OWNER);
                (again.key, again.seq, again.prev) = (owner_key(), owner.seq, owner.prev);
                (again.retract(said[at].id()), None)
            }
            (3, Some(at)) if matches!(said[at].record().body, Body::Vote(_)) => {
                retracted.insert(said[at].id());
                said.push(owner.retract(said[at].id()));
                (said[said.len() - 1].clone(), Some((said.len() - 1, true)))
            }
            _ => {
                said.push(owner.vote(&format!("peer:p{which}.example"), 3));
                (said[said.len() - 1].clone(), Some((said.len() - 1, true)))
            }
        };
        batch.push((Verified::check(record).unwrap(), u64::from(*byte)));
        expected.push(accepted);
        if byte & 64 != 0 {
            submit(&mut ledger, &mut batch, &mut expected);
        }
        if byte & 128 != 0 && batch.is_empty() {
            ledger = Ledger::open(store.clone(), Box::new(state.clone()), &name, "ostrakon", owner_key()).unwrap();
        }
    }
    submit(&mut ledger, &mut batch, &mut expected);
    assert_eq!(ledger.reader().tree_size(), said.len() as u64 + 1);
    let report = verify::run(&*store, &*state, &name, "ostrakon", &owner_key().public(), &mut |_, _| {}).unwrap();
    assert_eq!(report.root, ledger.reader().root());
}

type Expected = Option<(usize, bool)>;

fn submit(ledger: &mut Ledger, batch: &mut Vec<(Verified<SignedRecord>, u64)>, expected: &mut Vec<Expected>) {
    let answers: Result<Vec<_>, LedgerError> = ledger.append(std::mem::take(batch));
    for (answer, expected) in answers.unwrap().into_iter().zip(expected.drain(..)) {
        match (answer, expected) {
            (Ok(appended), Some((at, new))) => assert_eq!((appended.index, appended.new), (at as u64 + 1, new)),
            (Err(_), None) => {}
            (answer, expected) => panic!("{answer:?}, expected {expected:?}"),
        }
    }
}
