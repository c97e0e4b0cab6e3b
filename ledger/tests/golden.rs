//! The bytes printed in `docs/protocol.md` are the bytes that this crate makes.
//!
//! Every block that begins with ` ```golden name ` is compared. `OSTRAKON_GOLDEN=write` writes them anew.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::fmt::Write as _;
use std::sync::Arc;

use ostrakon_ledger::dsse::pre_authentication_encoding;
use ostrakon_ledger::merkle::leaf_hash;
use ostrakon_ledger::note::{NoteKey, NoteSignature};
use ostrakon_ledger::{
    Admit, Body, Category, Digest, Entry, Equivocate, Erase, Evidence, Expel, Header, Ledger, MemoryState, MemoryStore,
    PeerName, Pepper, PolicyInForce, Provenance, Reason, Rebut, RebuttalAnswer, Record, RecordId, Retract, Rotate,
    SecretKey, SignedRecord, Subject, Verified, Vote,
};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/protocol.md");
const NETWORK: &str = "mail.example";
const START_MS: u64 = 1_751_328_000_000;

fn name(text: &str) -> PeerName {
    PeerName::parse(text).unwrap()
}

/// Owner, a.example, b.example, a.example's second key, the witness.
fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 32])
}

/// The ledger of the document: every record type once.
struct Example {
    ledger: Ledger,
    records: Vec<SignedRecord>,
}

impl Example {
    fn new() -> Self {
        let (store, state) = (Arc::new(MemoryStore::new()), Box::new(MemoryState::default()));
        let ledger = Ledger::create(store, state, &name("owner.example"), NETWORK, key(1), START_MS).unwrap();
        let genesis = ledger.reader().entry(0).unwrap().unwrap().record;
        let mut this = Self { ledger, records: vec![genesis] };
        let admit =
            |peer, number| Body::Admit(Admit { peer: name(peer), peer_key: key(number).public(), imported: false });
        this.say("owner.example", &key(1), admit("a.example", 2));
        this.say("owner.example", &key(1), admit("b.example", 3));
        let vote = Vote::plain(Subject::Peer(name("b.example")), -80, Category::Spam, START_MS);
        let vote = Vote { expires_at_ms: START_MS + 7_776_000_000, commitment: evidence().commitment(), ..vote };
        let vote = this.say("a.example", &key(2), Body::Vote(vote));
        let rebut = Rebut { target: vote, answer: RebuttalAnswer::Resolved, commitment: Digest::ZERO };
        let rebut = this.say("b.example", &key(3), Body::Rebut(rebut));
        let header = this.header("a.example", &key(2));
        this.take(SignedRecord::sign(Rotate::record(header, &key(4)), &key(2)).unwrap());
        this.say("a.example", &key(4), Body::Retract(Retract { target: vote }));
        this.say("a.example", &key(4), Body::Erase(Erase { target: vote }));
        let policy = PolicyInForce { digest: Digest([5; 32]), active_from_ms: START_MS };
        this.say("owner.example", &key(1), Body::Policy(policy));
        let first = this.records.iter().find(|record| record.id() == rebut).unwrap().clone();
        let second = Rebut { target: vote, answer: RebuttalAnswer::Denied, commitment: Digest::ZERO };
        let header = Header { seq: 1, prev: RecordId::ZERO, ..this.header("b.example", &key(3)) };
        let second = SignedRecord::sign(Record { header, body: Body::Rebut(second) }, &key(3)).unwrap();
        let equivocate = Equivocate::of_records(first, second);
        this.say("owner.example", &key(1), Body::Equivocate(Box::new(equivocate)));
        this
    }

    fn header(&self, author: &str, key: &SecretKey) -> Header {
        let head = self.ledger.author(&name(author)).unwrap().unwrap();
        Header { network: NETWORK.into(), author: name(author), key: key.public(), seq: head.seq + 1, prev: head.id }
    }

    fn say(&mut self, author: &str, key: &SecretKey, body: Body) -> RecordId {
        let header = self.header(author, key);
        self.take(SignedRecord::sign(Record { header, body }, key).unwrap())
    }

    fn take(&mut self, record: SignedRecord) -> RecordId {
        let at_ms = START_MS + self.records.len() as u64 * 1000;
        let verified = Verified::check(record.clone()).unwrap();
        self.ledger.append(vec![(verified, at_ms)]).unwrap().pop().unwrap().unwrap();
        self.records.push(record);
        self.records.last().unwrap().id()
    }
}

fn evidence() -> Evidence {
    Evidence::new([6; 32], b"Received: from b.example\n").unwrap()
}

/// The first two records of the example in the ledger of b.example, which has admitted their author.
fn copied(example: &Example) -> Vec<Entry> {
    let (store, state) = (Arc::new(MemoryStore::new()), Box::new(MemoryState::default()));
    let (owner, other) = (name("b.example"), name("owner.example"));
    let mut ledger = Ledger::create(store, state, &owner, NETWORK, key(3), START_MS).unwrap();
    let prev = ledger.reader().entry(0).unwrap().unwrap().record.id();
    let header = Header { network: NETWORK.into(), author: owner, key: key(3).public(), seq: 2, prev };
    let admit = Admit { peer: other.clone(), peer_key: key(1).public(), imported: false };
    let admit = SignedRecord::sign(Record { header, body: Body::Admit(admit) }, &key(3)).unwrap();
    ledger.append(vec![(Verified::check(admit).unwrap(), START_MS)]).unwrap().pop().unwrap().unwrap();
    let found = |(record, index)| {
        (Verified::check(SignedRecord::clone(record)).unwrap(), Provenance { ledger: other.clone(), index })
    };
    let batch = example.records.iter().zip(0..).take(2).map(found).collect();
    assert!(ledger.append_copied(batch, START_MS + 60_000).unwrap().iter().all(Result::is_ok));
    ledger.reader().entries(2, 2).unwrap()
}

/// The block of this name, as it must stand in the document.
fn golden(example: &Example, block: &str) -> String {
    let reader = example.ledger.reader();
    let mut out = String::new();
    match block {
        "keys" => {
            for (who, number) in [("owner.example", 1), ("a.example", 2), ("b.example", 3), ("a.example, later", 4)] {
                writeln!(out, "{who}: seed {}, key {}", hex::encode([number; 32]), key(number).public()).unwrap();
            }
            writeln!(out, "ledger: {}", example.ledger.vkey()).unwrap();
            let witness = NoteKey::cosigner("w.example/witness", key(9).public()).unwrap();
            writeln!(out, "witness: {witness}").unwrap();
        }
        "payloads" => {
            for record in &example.records {
                writeln!(out, "{}\n{}\nid {}\n", record.kind().payload_type(), text(record.payload()), record.id())
                    .unwrap();
            }
        }
        "vote" => {
            let vote = &example.records[3];
            let message = pre_authentication_encoding(vote.kind().payload_type(), vote.payload());
            writeln!(out, "signed    {}", text(&message)).unwrap();
            writeln!(out, "signature {}", hex::encode(vote.signature().0)).unwrap();
            writeln!(out, "envelope  {}", text(&vote.to_envelope())).unwrap();
        }
        "rotate" => {
            let rotate = &example.records[5];
            let whole = text(rotate.payload());
            let (before, rest) = whole.split_once(r#""new_signature""#).unwrap();
            let bare = format!("{before}{}", rest.split_once(',').unwrap().1);
            let kind = "application/vnd.ostrakon.peer.rotate.new-key.v1+json";
            let message = pre_authentication_encoding(kind, bare.as_bytes());
            writeln!(out, "signed by the new key  {}", text(&message)).unwrap();
            writeln!(out, "new_signature          {}", hex::encode(key(4).sign(&message).0)).unwrap();
            assert!(whole.contains(&hex::encode(key(4).sign(&message).0)));
        }
        "expel" => {
            let header = example.header("owner.example", &key(1));
            let body = Body::Expel(Expel { peer: name("a.example"), reason: Reason::Flood });
            let expel = Record { header, body };
            writeln!(out, "{}\n{}\nid {}", expel.kind().payload_type(), text(&expel.payload()), expel.id()).unwrap();
        }
        "entries" => {
            for entry in reader.entries(0, 4).unwrap() {
                let bytes = entry.to_bytes();
                writeln!(out, "{}  {}\n   leaf {}", entry.index, hex::encode(&bytes), hex::encode(leaf_hash(&bytes)))
                    .unwrap();
            }
            writeln!(out, "chain after all {} entries {}", reader.tree_size(), reader.published().chain_head).unwrap();
        }
        "copied" => {
            for entry in copied(example) {
                writeln!(out, "{}  {}", entry.index, hex::encode(entry.to_bytes())).unwrap();
            }
        }
        "checkpoint" => out = reader.checkpoint(),
        "cosigned" => {
            let note = ostrakon_ledger::note::Note::parse(&reader.checkpoint()).unwrap();
            let line = NoteSignature::cosign(note.text(), "w.example/witness", &key(9), START_MS / 1000).unwrap();
            out = note.with_signature(line).to_string();
        }
        "receipt" => out = reader.receipt(&example.records[3].id()).unwrap().unwrap().to_string(),
        "hashes" => {
            let pepper = Pepper::new([8; 32]);
            writeln!(out, "pepper 08…08, account user@b.example: {}", pepper.account("user@b.example")).unwrap();
            writeln!(out, "salt 06…06, body \"Received: from b.example\\n\": commitment {}", evidence().commitment())
                .unwrap();
        }
        other => panic!("docs/protocol.md has a block `{other}` that this test does not know"),
    }
    out
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_document_shows_the_bytes_that_are_made() {
    const BLOCKS: [&str; 11] = [
        "keys",
        "payloads",
        "vote",
        "rotate",
        "expel",
        "hashes",
        "entries",
        "copied",
        "checkpoint",
        "receipt",
        "cosigned",
    ];
    let (example, document) = (Example::new(), std::fs::read_to_string(DOCUMENT).unwrap());
    let (mut anew, mut seen) = (String::new(), vec![]);
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        anew += &format!("{line}\n");
        if let Some(block) = line.strip_prefix("```golden ") {
            anew += &golden(&example, block);
            anew += "```\n";
            seen.push(block.to_owned());
            lines.by_ref().find(|line| *line == "```");
        }
    }
    assert_eq!(seen, BLOCKS);
    if std::env::var("OSTRAKON_GOLDEN").as_deref() == Ok("write") {
        std::fs::write(DOCUMENT, anew).unwrap();
    } else {
        assert!(anew == document, "docs/protocol.md is not what the code makes; OSTRAKON_GOLDEN=write writes it anew");
    }
}
