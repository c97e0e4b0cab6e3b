//! What stands in the ledgers of others enters ours: once, in order, and without saying here what only they may say there.

use std::collections::BTreeSet;
use std::sync::Arc;

use ostrakon_ledger::archive::{Archive, export};
use ostrakon_ledger::{
    Admit, Appended, Body, Digest, Effect, Entry, Equivocate, Erase, Header, Ledger, LedgerReader, MemoryState,
    MemoryStore, Missing, PolicyInForce, Provenance, Rebut, RebuttalAnswer, Record, RecordId, Refusal, Rotate,
    SecretKey, SignedRecord, SignedState, Store, Verified, Vote, verify,
};
use proptest::prelude::*;

use crate::support::*;

const US: &str = "us.example";

/// Our ledger, which is not the one that is copied.
struct Ours {
    store: Arc<dyn Store>,
    state: Arc<dyn SignedState>,
    ledger: Ledger,
    seq: u64,
    prev: RecordId,
}

impl Ours {
    fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let state: Arc<dyn SignedState> = Arc::new(MemoryState::default());
        let owner = name(US);
        let ledger = Ledger::create(store.clone(), Box::new(state.clone()), &owner, NETWORK, key(US), NOW_MS).unwrap();
        let prev = ledger.author(&owner).unwrap().unwrap().id;
        Self { store, state, ledger, seq: 1, prev }
    }

    fn with(peers: &[&str]) -> Self {
        let mut this = Self::new();
        for peer in peers {
            this.say(admit(peer));
        }
        this
    }

    fn say(&mut self, body: Body) -> Appended {
        let record = signed(US, self.seq + 1, self.prev, body);
        (self.seq, self.prev) = (self.seq + 1, record.id());
        self.append(record).unwrap()
    }

    fn append(&mut self, record: Verified<SignedRecord>) -> Result<Appended, Refusal> {
        self.ledger.append(vec![(record, NOW_MS)]).unwrap().pop().unwrap()
    }

    fn copy(&mut self, record: &Verified<SignedRecord>, index: u64) -> Result<Appended, Refusal> {
        let provenance = Provenance { ledger: name(OWNER), index };
        self.ledger.append_copied(vec![(record.clone(), provenance)], NOW_MS).unwrap().pop().unwrap()
    }

    /// Takes in what another ledger has, `limit` records at a time; returns what became of each.
    fn take_in(&mut self, copy: &LedgerReader, limit: usize) -> Vec<Result<Appended, Refusal>> {
        let (ours, theirs, us) = (self.ledger.reader(), name(OWNER), name(US));
        let mut missing = Missing::of_all(&ours, copy, &theirs, &us).unwrap();
        let mut outcomes = vec![];
        loop {
            let offered = missing.next(limit).unwrap();
            if offered.is_empty() {
                return outcomes;
            }
            let authors: Vec<_> = offered.iter().map(|(record, _)| record.record().header.author.clone()).collect();
            let check = |(record, provenance)| (Verified::check(record).unwrap(), provenance);
            let answers = self.ledger.append_copied(offered.into_iter().map(check).collect(), NOW_MS).unwrap();
            let refused = authors.into_iter().zip(&answers).filter(|(_, answer)| answer.is_err());
            missing.give_up(&refused.map(|(author, _)| author).collect::<BTreeSet<_>>());
            outcomes.extend(answers);
        }
    }

    fn verify(&self) -> Result<u64, verify::Damage> {
        let report = verify::run(&*self.store, &*self.state, &name(US), NETWORK, &public(US), &mut |_, _| {})?;
        Ok(report.tree_size)
    }

    /// The entries behind those that are ours alone.
    fn copied(&self) -> Vec<Entry> {
        let entries = self.ledger.reader().entries(0, 10_000).unwrap();
        entries.into_iter().filter(|entry| entry.provenance.is_some()).collect()
    }
}

fn erase(target: RecordId) -> Body {
    Body::Erase(Erase { target })
}

fn rebut(target: RecordId) -> Body {
    Body::Rebut(Rebut { target, answer: RebuttalAnswer::Denied, commitment: Digest::ZERO })
}

fn committed(byte: u8) -> Body {
    let Body::Vote(vote) = vote("b.example", -50) else { unreachable!("a vote") };
    Body::Vote(Vote { commitment: Digest([byte; 32]), ..vote })
}

/// A ledger in which every type of record stands, by an owner, by `a.example` and by `c.example`.
fn theirs() -> World {
    let mut world = World::with(&["a.example", "c.example"]);
    let mut say = |author: &str, body: Body| {
        let record = world.authors.next(author, body);
        world.ledger.append(vec![(record.clone(), NOW_MS)]).unwrap().pop().unwrap().unwrap();
        record.id()
    };
    say(OWNER, Body::Policy(PolicyInForce { digest: Digest([1; 32]), active_from_ms: NOW_MS }));
    let about_owner = say("c.example", vote(OWNER, -80));
    let first = say("a.example", committed(7));
    let second = say("a.example", committed(8));
    say(OWNER, rebut(about_owner));
    say(OWNER, erase(first));
    say("a.example", Body::Retract(ostrakon_ledger::Retract { target: second }));
    say("a.example", erase(second));
    say(OWNER, vote("b.example", -10));
    let one = |value| SignedRecord::clone(&signed("c.example", 9, RecordId([2; 32]), vote("b.example", value)));
    say("a.example", Body::Equivocate(Box::new(Equivocate::of_records(one(1), one(2)))));
    world
}

#[test]
fn every_record_of_an_admitted_author_enters_once_in_order_with_the_same_bytes() {
    let world = theirs();
    let copy = world.ledger.reader();
    for limit in [1, 3, 100] {
        let mut ours = Ours::with(&[OWNER, "a.example"]);
        assert!(ours.take_in(&copy, limit).iter().all(Result::is_ok));
        let theirs = copy.entries(0, 100).unwrap();
        let admitted = |entry: &&Entry| entry.record.record().header.author != name("c.example");
        let expected: Vec<_> = theirs.iter().filter(admitted).map(|entry| (entry.index, &entry.record)).collect();
        let copied = ours.copied();
        let found: Vec<_> =
            copied.iter().map(|entry| (entry.provenance.as_ref().unwrap().index, &entry.record)).collect();
        assert_eq!(found, expected);
        assert!(copied.iter().all(|entry| entry.provenance.as_ref().unwrap().ledger == name(OWNER)));
        assert!(ours.take_in(&copy, limit).is_empty(), "once");
        assert_eq!(ours.verify().unwrap(), 3 + expected.len() as u64);
    }
}

#[test]
fn what_only_the_other_owner_may_say_stands_here_without_effect() {
    let (world, mut ours) = (theirs(), Ours::with(&[OWNER, "a.example"]));
    ours.take_in(&world.ledger.reader(), 100);
    let inert = |entry: &Entry| entry.effect == Effect::Inert;
    let copied = ours.copied();
    let kinds: Vec<_> = copied.iter().filter(|entry| inert(entry)).map(|it| it.record.kind().as_str()).collect();
    // Its admissions, its policy, an answer to a vote that is not here, an erasure of someone else's evidence, and the conviction
    // of someone who is nobody here.
    let admit = "peer.admit";
    assert_eq!(kinds, [admit, admit, admit, "policy", "rebut", "erase", "equivocate"]);
    let reader = ours.ledger.reader();
    assert_eq!(reader.author(&name("c.example")).unwrap(), None);
    assert_eq!(reader.policy().unwrap(), None);
    let unerased = |byte| reader.unerased(&Digest([byte; 32]), &name("a.example")).unwrap();
    assert_eq!(unerased(7), Some(1));
    assert_eq!(unerased(8), Some(0), "an author's own erasure counts");
    // Who is admitted later is so by us, and what was inert stays so.
    ours.say(crate::support::admit("c.example"));
    assert_eq!(ours.take_in(&world.ledger.reader(), 100).len(), 1);
    assert_eq!(ours.ledger.reader().conviction_of(&name("c.example")).unwrap(), None);
    ours.verify().unwrap();
}

#[test]
fn a_conviction_that_holds_here_counts_here() {
    let (world, mut ours) = (theirs(), Ours::with(&["a.example", "c.example"]));
    ours.take_in(&world.ledger.reader(), 100);
    let at = ours.ledger.reader().conviction_of(&name("c.example")).unwrap().unwrap();
    assert_eq!(ours.ledger.reader().entry(at).unwrap().unwrap().effect, Effect::InForce);
    ours.verify().unwrap();
}

#[test]
fn from_their_authors_such_records_are_refused_as_before() {
    let (world, mut ours) = (theirs(), Ours::with(&[OWNER, "a.example"]));
    let entries = world.ledger.reader().entries(0, 100).unwrap();
    let genesis = Verified::check(entries[0].record.clone()).unwrap();
    assert_eq!(ours.append(genesis.clone()), Err(Refusal::NotOwner(name(US))));
    let at = ours.copy(&genesis, 0).unwrap().index;
    assert_eq!(ours.append(genesis.clone()), Ok(Appended { index: at, id: genesis.id(), new: false }));
    // Nobody copies into a ledger what its owner says, and nothing comes from the ledger itself.
    let (seq, prev) = (ours.seq + 1, ours.prev);
    let own = signed(US, seq, prev, admit("evil.example"));
    assert_eq!(ours.copy(&own, 9), Err(Refusal::OwnersRecord(name(US))));
    let record = Verified::check(entries[1].record.clone()).unwrap();
    let from_us = (record, Provenance { ledger: name(US), index: 1 });
    let answer = ours.ledger.append_copied(vec![from_us], NOW_MS).unwrap().pop().unwrap();
    assert_eq!(answer, Err(Refusal::OwnersRecord(name(US))));
    // Sequence, key and network are as binding as ever.
    let gap = signed("a.example", 2, RecordId([1; 32]), vote("b.example", 1));
    assert!(matches!(ours.copy(&gap, 9), Err(Refusal::OutOfSequence { .. })));
    let stranger = signed("z.example", 1, RecordId::ZERO, vote("b.example", 1));
    assert_eq!(ours.copy(&stranger, 9), Err(Refusal::UnknownPeer(name("z.example"))));
    ours.verify().unwrap();
}

/// The first record on which the two ledgers differ is offered, whatever came after, and convicts.
#[test]
fn two_stories_in_two_ledgers_are_found_wherever_they_part() {
    for (ours_len, theirs_len, parts) in [(1, 1, 1), (9, 9, 1), (9, 9, 9), (20, 7, 5), (7, 20, 7), (30, 31, 16)] {
        let mut world = World::with(&["a.example"]);
        let mut ours = Ours::with(&["a.example"]);
        let (mut here, mut there) = (Authors::default(), Authors::default());
        for seq in 1..=ours_len.max(theirs_len) {
            let value = |story: i8| if seq < parts { 1 } else { story };
            let (mine, yours) = (
                here.next("a.example", vote("b.example", value(5))),
                there.next("a.example", vote("b.example", value(6))),
            );
            if seq <= ours_len {
                ours.append(mine).unwrap();
            }
            if seq <= theirs_len {
                world.take(yours);
            }
        }
        let outcomes = ours.take_in(&world.ledger.reader(), 100);
        assert_eq!(outcomes.len(), 1, "{outcomes:?}");
        assert_eq!(outcomes[0], Err(Refusal::Conflict { index: 1 + parts }));
        let conflict = ours.ledger.take_conflicts().pop().unwrap();
        assert_eq!(conflict.record.record().header.seq, parts);
        let first = ours.ledger.reader().entry(conflict.index).unwrap().unwrap().record;
        let proof = Equivocate::of_records(first, conflict.record);
        proof.check().unwrap();
        ours.say(Body::Equivocate(Box::new(proof)));
        assert!(ours.take_in(&world.ledger.reader(), 100).is_empty(), "who is convicted is not accused again");
        ours.verify().unwrap();
    }
}

#[test]
fn keys_are_followed_and_an_author_under_another_key_holds_up_nobody() {
    let mut world = World::with(&["a.example", "c.example"]);
    let mut ours = Ours::with(&["a.example"]);
    let wrong = Admit { peer: name("c.example"), peer_key: public("z.example"), imported: false };
    ours.say(Body::Admit(wrong));
    let (old, new) = (key("a.example"), SecretKey::from_seed([9; 32]));
    let header = |seq, prev, key: &SecretKey| Header {
        network: NETWORK.into(),
        author: name("a.example"),
        key: key.public(),
        seq,
        prev,
    };
    for n in 1..=3 {
        let record = world.authors.next("c.example", vote("b.example", n));
        world.take(record);
    }
    let rotation = SignedRecord::sign(Rotate::record(header(1, RecordId::ZERO, &old), &new), &old).unwrap();
    let after = Record { header: header(2, rotation.id(), &new), body: vote("b.example", 5) };
    let after = SignedRecord::sign(after, &new).unwrap();
    for record in [rotation, after] {
        world.take(Verified::check(record).unwrap());
    }
    let outcomes = ours.take_in(&world.ledger.reader(), 2);
    let refused = outcomes.iter().filter(|outcome| **outcome == Err(Refusal::WrongKey(name("c.example")))).count();
    assert!((1..=2).contains(&refused), "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
    assert_eq!(ours.ledger.author(&name("a.example")).unwrap().unwrap().key, new.public());
    ours.verify().unwrap();
}

#[test]
fn our_own_records_are_never_taken_and_forgotten_ones_are_counted() {
    let mut world = World::with(&[US]);
    let mut ours = Ours::with(&[OWNER]);
    let head = ours.ledger.author(&name(US)).unwrap().unwrap();
    let genesis = signed(US, 1, RecordId::ZERO, admit(US));
    let second = signed(US, 2, genesis.id(), admit(OWNER));
    assert_eq!(head.id, second.id());
    let third = signed(US, 3, second.id(), vote("b.example", 1));
    let provenance = |index| Provenance { ledger: name("x.example"), index };
    let batch = [genesis, second, third].into_iter().zip(0..).map(|(record, n)| (record, provenance(n))).collect();
    assert!(world.ledger.append_copied(batch, NOW_MS).unwrap().iter().all(Result::is_ok));
    let (reader, copy, owner) = (ours.ledger.reader(), world.ledger.reader(), name(US));
    let ledger = name(OWNER);
    let missing = Missing::of_all(&reader, &copy, &ledger, &owner).unwrap();
    assert_eq!((missing.forgotten, missing.forged, missing.strangers), (1, 0, 0));
    assert_eq!(ours.take_in(&copy, 100).len(), 2, "the owner's two");
    assert_eq!(ours.ledger.author(&name(US)).unwrap().unwrap().seq, 2);
}

/// The owner of a copied ledger may admit our name with a key of its own, and have it say anything there.
#[test]
fn what_another_key_signed_in_our_name_is_not_forgotten() {
    let (mut world, ours) = (World::with(&[]), Ours::with(&[OWNER]));
    let (them, us) = (name(OWNER), name(US));
    let thief = SecretKey::from_seed([99; 32]);
    let admission = Body::Admit(Admit { peer: name(US), peer_key: thief.public(), imported: false });
    let admission = world.authors.next(OWNER, admission);
    world.ledger.append(vec![(admission, NOW_MS)]).unwrap().pop().unwrap().unwrap();
    let mut prev = RecordId::ZERO;
    for seq in 1..=5 {
        let header = Header { network: NETWORK.into(), author: name(US), key: thief.public(), seq, prev };
        let record = SignedRecord::sign(Record { header, body: vote("b.example", -1) }, &thief).unwrap();
        prev = record.id();
        let verified = Verified::check(record).unwrap();
        assert!(world.ledger.append(vec![(verified, NOW_MS)]).unwrap()[0].is_ok());
        let (reader, copy) = (ours.ledger.reader(), world.ledger.reader());
        let missing = Missing::of_all(&reader, &copy, &them, &us).unwrap();
        assert_eq!((missing.forgotten, missing.forged), (0, seq));
    }
    // One record of ours that our ledger has never seen proves that it was rolled back, also where ours says something else.
    let mut world = World::with(&[US]);
    let other = signed(US, 1, RecordId::ZERO, vote("b.example", -1));
    world.ledger.append(vec![(other, NOW_MS)]).unwrap().pop().unwrap().unwrap();
    let (reader, copy) = (ours.ledger.reader(), world.ledger.reader());
    let missing = Missing::of_all(&reader, &copy, &them, &us).unwrap();
    assert_eq!((missing.forgotten, missing.forged), (1, 0));
}

/// Copied records keep their provenance and effect on every way that a ledger is put back, and a copy of a copy says where it
/// was found last.
#[test]
fn a_ledger_with_copied_records_is_exported_imported_and_copied() {
    let (world, mut ours) = (theirs(), Ours::with(&[OWNER, "a.example"]));
    ours.take_in(&world.ledger.reader(), 100);
    let mut file = vec![];
    export(&ours.ledger.reader(), &mut file, &mut |_, _| {}).unwrap();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let archive = Archive::open(&file[..]).unwrap();
    drop(archive.import(store.clone(), &name(US), NETWORK, &public(US), &mut |_, _| {}).unwrap());
    let again = LedgerReader::over(store, &*ours.state, &name(US), NETWORK, &public(US)).unwrap();
    assert_eq!(again.entries(0, 100).unwrap(), ours.ledger.reader().entries(0, 100).unwrap());

    let mut third = World::with(&[US, "a.example"]);
    let (reader, ledger, owner) = (third.ledger.reader(), name(US), name(OWNER));
    let mut missing = Missing::of_all(&reader, &again, &ledger, &owner).unwrap();
    let offered: Vec<_> = missing.next(100).unwrap();
    assert!(offered.iter().any(|(record, _)| record.record().header.author == name("a.example")));
    for (record, provenance) in offered {
        let from = again.entry(provenance.index).unwrap().unwrap();
        assert_eq!((&provenance.ledger, &from.record), (&ledger, &record));
        let batch = vec![(Verified::check(record).unwrap(), provenance)];
        third.ledger.append_copied(batch, NOW_MS).unwrap().pop().unwrap().unwrap();
    }
    third.verify().unwrap();
}

#[test]
fn what_grew_is_compared_as_well_as_all() {
    let mut world = World::with(&["a.example", "c.example"]);
    let mut ours = Ours::with(&["a.example"]);
    let mut from = 0;
    for n in 1..=4 {
        for author in ["a.example", "c.example"] {
            let record = world.authors.next(author, vote("b.example", n));
            world.take(record);
        }
        let (reader, copy, ledger, owner) = (ours.ledger.reader(), world.ledger.reader(), name(OWNER), name(US));
        let mut all = Missing::of_all(&reader, &copy, &ledger, &owner).unwrap();
        let mut grown = Missing::since(from, &reader, &copy, &ledger, &owner).unwrap();
        assert_eq!(all.strangers, 3 + n as u64, "the owner's three, and the other's");
        assert_eq!(grown.strangers, if from == 0 { 4 } else { 1 });
        let offered = all.next(100).unwrap();
        assert_eq!(offered, grown.next(100).unwrap());
        assert_eq!(offered.len(), 1);
        from = copy.tree_size();
        assert_eq!(ours.take_in(&copy, 100).len(), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever says what in whatever order, whoever is admitted here and whatever was here before: what enters is what the admitted
    /// said, in the copy's order, once; and the ledger verifies.
    #[test]
    fn ours_ends_with_all_that_the_admitted_said(
        said in prop::collection::vec((0usize..4, -100i8..100, any::<bool>()), 0..60),
        admitted in prop::collection::btree_set(0usize..4, 0..4),
        already in 0usize..20,
        limit in 1usize..9,
    ) {
        const PEERS: [&str; 4] = ["a.example", "b.example", "c.example", "d.example"];
        let mut world = World::with(&PEERS);
        let here: Vec<_> = admitted.iter().map(|n| PEERS[*n]).collect();
        let mut ours = Ours::with(&here);
        let (mut last, mut first_hand) = ([None; 4], 0);
        for (n, (peer, value, takes_back)) in said.into_iter().enumerate() {
            let body = match last[peer].take() {
                Some(target) if takes_back => retract(target),
                _ => vote("x.example", if value == 0 { 1 } else { value }),
            };
            let is_vote = matches!(body, Body::Vote(_));
            let record = world.authors.next(PEERS[peer], body);
            last[peer] = is_vote.then(|| record.id());
            world.take(record.clone());
            // Some of it had come from its authors already.
            if n < already && here.contains(&PEERS[peer]) {
                ours.append(record).unwrap();
                first_hand += 1;
            }
        }
        let copy = world.ledger.reader();
        prop_assert!(ours.take_in(&copy, limit).iter().all(Result::is_ok));
        let of_admitted = |entry: &Entry| here.contains(&entry.record.record().header.author.as_str());
        let theirs: Vec<_> = copy.entries(0, 1000).unwrap().into_iter().filter(of_admitted).map(|it| it.record).collect();
        let entries: Vec<_> = ours.ledger.reader().entries(0, 1000).unwrap().into_iter().filter(of_admitted).collect();
        prop_assert_eq!(entries.iter().filter(|entry| entry.provenance.is_none()).count(), first_hand);
        prop_assert_eq!(entries.into_iter().map(|it| it.record).collect::<Vec<_>>(), theirs);
        prop_assert!(ours.take_in(&copy, limit).is_empty());
        prop_assert!(ours.verify().is_ok());
    }
}
