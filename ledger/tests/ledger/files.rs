//! A log is checked from its files alone: ours, and any other.

use ostrakon_ledger::checkpoint::Checkpoint;
use ostrakon_ledger::merkle::{CompactRange, Hash, leaf_hash};
use ostrakon_ledger::note::{Note, NoteKey};
use ostrakon_ledger::tile::{TILE_WIDTH, TilePath};
use ostrakon_ledger::verify::run_files;
use ostrakon_ledger::{
    Body, Damage, Digest, Disagreement, Effect, Entry, FetchError, FilesReport, Header, LedgerReader, LedgerReport,
    LogFiles, PolicyInForce, Provenance, Rebut, RebuttalAnswer, Record, RecordId, Refusal, SignedRecord, Verified,
    entry::Chain,
};

use crate::mirror::Raw;
use crate::publishing::grown;
use crate::support::*;

const SIZE: u64 = 600;

fn verify(files: &dyn LogFiles, vkey: &str) -> Result<FilesReport, Damage> {
    run_files(files, &vkey.parse().unwrap(), &mut |_, _| {})
}

/// What becomes of a file.
type Spoil<'a> = dyn Fn(&TilePath, Option<Vec<u8>>) -> Option<Vec<u8>> + 'a;

/// A log that flips a bit of one file, or drops files.
struct Spoilt<'a> {
    reader: &'a LedgerReader,
    checkpoint: String,
    spoil: &'a Spoil<'a>,
}

impl LogFiles for Spoilt<'_> {
    fn checkpoint(&self) -> Result<String, FetchError> {
        Ok(self.checkpoint.clone())
    }
    fn files(&self, paths: &[TilePath]) -> Result<Vec<Option<Vec<u8>>>, FetchError> {
        let files = self.reader.files(paths)?;
        Ok(paths.iter().zip(files).map(|(path, bytes)| (self.spoil)(path, bytes)).collect())
    }
}

#[test]
fn our_log_is_accepted_at_every_kind_of_size() {
    for size in [2, 3, 255, 256, 257, 511, 512, SIZE, 4097] {
        let world = grown(size);
        let report = verify(&world.ledger.reader(), &world.ledger.vkey()).unwrap();
        let published = world.ledger.reader().published();
        assert_eq!((report.tree_size, report.root), (size, published.root));
        let ledger = LedgerReport { network: NETWORK.into(), chain_head: published.chain_head };
        assert_eq!(report.ledger, Some(ledger));
        assert_eq!(report.origin, format!("{OWNER}/ostrakon"));
    }
}

/// What tlog-tiles allows: a partial file may be dropped once the full one exists.
#[test]
fn an_earlier_checkpoint_is_accepted_when_its_partial_files_are_gone() {
    let (old, new) = (grown(300), grown(SIZE));
    let drop =
        |path: &TilePath, bytes: Option<Vec<u8>>| bytes.filter(|_| path.width() == TILE_WIDTH || is_level_1(path));
    let log = Spoilt { reader: &new.ledger.reader(), checkpoint: old.ledger.reader().checkpoint(), spoil: &drop };
    assert_eq!(verify(&log, &old.ledger.vkey()).unwrap().tree_size, 300);
}

fn is_level_1(path: &TilePath) -> bool {
    matches!(path, TilePath::Hashes { level: 1, .. })
}

#[test]
fn a_flipped_bit_in_any_file_is_found_where_it_is() {
    let world = grown(SIZE);
    let reader = world.ledger.reader();
    let check = |wanted: TilePath, at: usize, index: std::ops::Range<u64>| {
        let flip = |path: &TilePath, bytes: Option<Vec<u8>>| {
            let mut bytes = bytes?;
            if *path == wanted {
                bytes[at] ^= 1 << (at % 8);
            }
            Some(bytes)
        };
        let log = Spoilt { reader: &reader, checkpoint: reader.checkpoint(), spoil: &flip };
        let damage = verify(&log, &world.ledger.vkey()).unwrap_err();
        assert!(index.contains(&damage.index), "{wanted} byte {at}: {damage}");
    };
    for at in (0..8192).step_by(401) {
        let index = at as u64 / 32;
        check(TilePath::Hashes { level: 0, n: 1, width: 256 }, at, 256 + index..257 + index);
    }
    for at in 0..64 {
        let index = at as u64 / 32 * 256;
        check(TilePath::Hashes { level: 1, n: 0, width: 2 }, at, index..index + 1);
        check(TilePath::Hashes { level: 0, n: 2, width: 88 }, at, 512..514);
    }
    let path = TilePath::Entries { n: 2, width: 88 };
    let bundle = reader.entry_bundle(2, 88).unwrap().unwrap();
    for at in (0..bundle.len()).step_by(499) {
        check(path, at, 512..SIZE);
    }
}

#[test]
fn a_wrong_checkpoint_and_missing_files_are_found() {
    let world = grown(SIZE);
    let (reader, vkey) = (world.ledger.reader(), world.ledger.vkey());
    let keep = |_: &TilePath, bytes: Option<Vec<u8>>| bytes;
    let with = |checkpoint: String| Spoilt { reader: &reader, checkpoint, spoil: &keep };
    for checkpoint in [reader.checkpoint().replace("\n600\n", "\n599\n"), String::new(), "garbage\n".into()] {
        let damage = verify(&with(checkpoint), &vkey).unwrap_err();
        assert!(matches!(damage.what, Disagreement::Checkpoint(_)), "{damage}");
    }
    // Signed by the key, but not what the entries give.
    let origin = format!("{OWNER}/ostrakon");
    let lie = Checkpoint { origin: origin.clone(), tree_size: SIZE, root: [7; 32] }.to_string();
    let lie = Note::sign(&lie, &origin, &key(OWNER)).unwrap().to_string();
    assert_eq!(verify(&with(lie), &vkey).unwrap_err(), Damage { index: SIZE, what: Disagreement::SignedRoot });
    let drop = |path: &TilePath, bytes: Option<Vec<u8>>| bytes.filter(|_| !is_level_1(path));
    let log = Spoilt { reader: &reader, checkpoint: reader.checkpoint(), spoil: &drop };
    let damage = verify(&log, &vkey).unwrap_err();
    assert!(matches!(damage.what, Disagreement::Fetch(FetchError::Missing(_))), "{damage}");
    let other = NoteKey::new(&origin, public("a.example")).unwrap().to_string();
    assert!(matches!(verify(&reader, &other).unwrap_err().what, Disagreement::Checkpoint(_)));
}

/// A log whose entries are not ours: any bytes, also none.
struct Foreign {
    entries: Vec<Vec<u8>>,
    levels: Vec<Vec<Hash>>,
    note: String,
}

impl Foreign {
    fn new(entries: Vec<Vec<u8>>) -> Self {
        let (mut range, mut levels) = (CompactRange::new(), Vec::<Vec<Hash>>::new());
        for entry in &entries {
            range.push(leaf_hash(entry), |height, node| {
                if height.is_multiple_of(8) {
                    levels.resize_with(levels.len().max(height as usize / 8 + 1), Vec::new);
                    levels[height as usize / 8].push(node);
                }
            });
        }
        let (origin, tree_size, root) = ("log.example/other".to_owned(), range.tree_size(), range.root());
        // An extension line, which the specification allows.
        let text = format!("{}extension\n", Checkpoint { origin: origin.clone(), tree_size, root });
        Self { entries, levels, note: Note::sign(&text, &origin, &key("log.example")).unwrap().to_string() }
    }
}

impl LogFiles for Foreign {
    fn checkpoint(&self) -> Result<String, FetchError> {
        Ok(self.note.clone())
    }
    fn files(&self, paths: &[TilePath]) -> Result<Vec<Option<Vec<u8>>>, FetchError> {
        let file = |path: &TilePath| match *path {
            TilePath::Hashes { level, n, width } => {
                let from = n as usize * 256;
                Some(self.levels.get(usize::from(level))?.get(from..from + usize::from(width))?.concat())
            }
            TilePath::Entries { n, width } => {
                let from = n as usize * 256;
                let entries = self.entries.get(from..from + usize::from(width))?;
                let framed = |entry: &Vec<u8>| [&(entry.len() as u16).to_be_bytes()[..], entry].concat();
                Some(entries.iter().flat_map(framed).collect())
            }
        };
        Ok(paths.iter().map(file).collect())
    }
}

#[test]
fn a_foreign_log_is_checked_as_far_as_it_means_something_to_everyone() {
    let vkey = NoteKey::new("log.example/other", public("log.example")).unwrap().to_string();
    for size in [0, 1, 256, 700] {
        let log = Foreign::new((0..size).map(|n: usize| vec![n as u8; n % 300]).collect());
        let report = verify(&log, &vkey).unwrap();
        assert_eq!((report.tree_size, report.ledger), (size as u64, None));
        assert_eq!(report.origin, "log.example/other");
    }
    let mut log = Foreign::new((0..700).map(|n: usize| vec![n as u8; n % 300]).collect());
    log.entries[513][0] ^= 1;
    assert_eq!(verify(&log, &vkey).unwrap_err(), Damage { index: 513, what: Disagreement::Leaf });
}

/// A record as it comes into a ledger.
type Incoming = (Verified<SignedRecord>, Option<Provenance>, Effect);

fn first_hand(record: &Verified<SignedRecord>) -> Incoming {
    (record.clone(), None, Effect::InForce)
}

/// A log in which all is in order that bytes can tell: the tree, the log's signature, chain, times, the authors' signatures.
fn sealed(records: Vec<Incoming>) -> Raw {
    let mut chain = Chain::ZERO;
    let leaves = (0..).zip(records).map(|(index, (record, provenance, effect))| {
        let entry = Entry { index, chain, received_at_ms: NOW_MS, record: record.into_inner(), provenance, effect };
        let bytes = entry.to_bytes();
        chain = Chain::after(&bytes);
        bytes
    });
    Raw::new(leaves.collect())
}

#[test]
fn a_log_that_is_signed_and_sealed_and_breaks_a_rule_is_found_out() {
    let genesis = signed(OWNER, 1, RecordId::ZERO, admit(OWNER));
    let admission = signed(OWNER, 2, genesis.id(), admit("a.example"));
    let a = |seq, prev, body| signed("a.example", seq, prev, body);
    let cast = a(1, RecordId::ZERO, vote("b.example", 5));
    let taken_back = a(2, cast.id(), retract(cast.id()));
    let policy = || Body::Policy(PolicyInForce { digest: Digest([1; 32]), active_from_ms: NOW_MS });
    let rebut = Body::Rebut(Rebut { target: cast.id(), answer: RebuttalAnswer::Denied, commitment: Digest::ZERO });
    let header = Header { network: "other.example".into(), ..cast.record().header.clone() };
    let elsewhere = SignedRecord::sign(Record { header, body: vote("b.example", 5) }, &key("a.example")).unwrap();
    let copied_from = Some(Provenance { ledger: name("b.example"), index: 7 });
    let said = |records: &[&Verified<SignedRecord>]| records.iter().map(|record| first_hand(record)).collect();
    let rule = |refusal: Refusal| Some(Disagreement::Rule(refusal));
    let cases: Vec<(Vec<Incoming>, Option<Disagreement>)> = vec![
        (said(&[&cast, &taken_back]), None),
        (vec![first_hand(&cast), (a(2, cast.id(), policy()), copied_from.clone(), Effect::Inert)], None),
        (said(&[&cast, &cast]), Some(Disagreement::Repeated(2))),
        (said(&[&cast, &a(1, RecordId::ZERO, vote("b.example", 6))]), rule(Refusal::Conflict { index: 2 })),
        (
            said(&[&cast, &a(3, cast.id(), vote("b.example", 6))]),
            rule(Refusal::OutOfSequence { expected_seq: 2, expected_prev: cast.id() }),
        ),
        (
            said(&[&signed("c.example", 1, RecordId::ZERO, vote("b.example", 5))]),
            rule(Refusal::UnknownPeer(name("c.example"))),
        ),
        (said(&[&Verified::check(elsewhere).unwrap()]), rule(Refusal::WrongNetwork { expected: NETWORK.into() })),
        (said(&[&a(1, RecordId::ZERO, policy())]), rule(Refusal::NotOwner(name(OWNER)))),
        (
            said(&[&signed(OWNER, 3, admission.id(), admit("a.example"))]),
            rule(Refusal::AlreadyAdmitted(name("a.example"))),
        ),
        (
            said(&[&cast, &taken_back, &a(3, taken_back.id(), retract(cast.id()))]),
            rule(Refusal::AlreadyDone { index: 3 }),
        ),
        (said(&[&cast, &signed(OWNER, 3, admission.id(), retract(cast.id()))]), rule(Refusal::NotAuthor(cast.id()))),
        (said(&[&a(1, RecordId::ZERO, retract(cast.id()))]), rule(Refusal::UnknownTarget(cast.id()))),
        (said(&[&cast, &a(2, cast.id(), rebut)]), rule(Refusal::NotAccused(cast.id()))),
        (vec![(a(1, RecordId::ZERO, policy()), copied_from, Effect::InForce)], Some(Disagreement::Effect)),
    ];
    let vkey = NoteKey::new(&format!("{OWNER}/ostrakon"), public(OWNER)).unwrap().to_string();
    for (n, (more, expected)) in cases.into_iter().enumerate() {
        let last = 1 + more.len() as u64;
        let records = [first_hand(&genesis), first_hand(&admission)].into_iter().chain(more);
        let found = verify(&sealed(records.collect()), &vkey).err();
        assert_eq!(found, expected.map(|what| Damage { index: last, what }), "case {n}");
    }
    // Nor does a ledger begin with anything but its owner's admission of itself.
    let headless = verify(&sealed(said(&[&cast])), &vkey).unwrap_err();
    assert_eq!(headless, Damage { index: 0, what: Disagreement::Rule(Refusal::UnknownPeer(name("a.example"))) });
}
