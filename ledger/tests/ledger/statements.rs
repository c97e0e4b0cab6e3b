//! The record types beside admission and vote: rotate, retract, rebut, erase, equivocate, policy.

use ostrakon_ledger::checkpoint::{Checkpoint, origin};
use ostrakon_ledger::merkle::{CompactRange, leaf_hash};
use ostrakon_ledger::note::Note;
use ostrakon_ledger::{
    Appended, Body, Digest, Equivocate, Erase, Evidence, Header, PolicyInForce, ROTATIONS_MAX, Rebut, RebuttalAnswer,
    Record, RecordId, RecordType, Refusal, Rotate, SecretKey, SignedRecord, Unproven, Verified, Vote,
};

use crate::publishing::grow;
use crate::support::*;

fn committed(subject: &str, commitment: Digest) -> Body {
    let Body::Vote(vote) = vote(subject, -50) else { unreachable!("a vote") };
    Body::Vote(Vote { commitment, ..vote })
}

fn rebut(target: RecordId) -> Body {
    Body::Rebut(Rebut { target, answer: RebuttalAnswer::Denied, commitment: Digest::ZERO })
}

fn erase(target: RecordId) -> Body {
    Body::Erase(Erase { target })
}

fn rotation(author: &str, seq: u64, prev: RecordId, old: &SecretKey, new: &SecretKey) -> SignedRecord {
    let header = Header { network: NETWORK.into(), author: name(author), key: old.public(), seq, prev };
    SignedRecord::sign(Rotate::record(header, new), old).unwrap()
}

/// A record of an author under any key.
fn said(author: &str, key: &SecretKey, seq: u64, prev: RecordId, body: Body) -> Verified<SignedRecord> {
    let header = Header { network: NETWORK.into(), author: name(author), key: key.public(), seq, prev };
    Verified::check(SignedRecord::sign(Record { header, body }, key).unwrap()).unwrap()
}

#[test]
fn after_a_rotation_only_the_new_key_counts_and_old_records_stay_good() {
    let mut world = World::with(&["a.example"]);
    let (old, new) = (key("a.example"), SecretKey::from_seed([9; 32]));
    let first = world.authors.next("a.example", vote("b.example", 5));
    world.take(first.clone());
    let rotation = Verified::check(rotation("a.example", 2, first.id(), &old, &new)).unwrap();
    let after = said("a.example", &new, 3, rotation.id(), vote("c.example", 5));
    // In one batch: the second is judged by the key that the first brings.
    let batch = vec![(rotation.clone(), NOW_MS), (after.clone(), NOW_MS)];
    let answers = world.ledger.append(batch).unwrap();
    assert_eq!(answers.iter().map(|answer| answer.as_ref().unwrap().index).collect::<Vec<_>>(), [3, 4]);

    let stale = said("a.example", &old, 4, after.id(), vote("d.example", 5));
    assert_eq!(world.append(stale), Err(Refusal::WrongKey(name("a.example"))));
    let next = said("a.example", &new, 4, after.id(), vote("d.example", 5));
    world.take(next);

    let reader = world.reopen().unwrap().reader();
    let keys: Vec<_> = (0..6).map(|index| reader.key_at(&name("a.example"), index).unwrap()).collect();
    let (old, new) = (Some(old.public()), Some(new.public()));
    assert_eq!(keys, [None, old, old, new, new, new]);
    assert_eq!(reader.key_at(&name("a.example"), 6).unwrap(), None);
    assert_eq!(Some(reader.author(&name("a.example")).unwrap().unwrap().key), new);
    assert_eq!(world.verify().unwrap().tree_size, 6);
}

#[test]
fn a_rotation_needs_both_keys_in_its_own_place_and_another_key() {
    let mut world = World::with(&["a.example", "b.example"]);
    let (old, new) = (key("a.example"), SecretKey::from_seed([9; 32]));
    let header = |author: &str, seq| {
        let (author, key, prev) = (name(author), old.public(), RecordId([1; 32]));
        Header { network: NETWORK.into(), author, key, seq, prev }
    };
    // The new key's signature belongs to this author, place and key.
    for other in [header("b.example", 2), header("a.example", 3)] {
        let Rotate { new_signature, .. } = Rotate::new(&other, &new);
        let body = Body::Rotate(Rotate { new_key: new.public(), new_signature });
        let forged = SignedRecord::sign(Record { header: header("a.example", 2), body }, &old).unwrap();
        assert_eq!(Verified::check(forged), Err(Refusal::BadSignature));
    }
    let same = Verified::check(rotation("a.example", 1, RecordId::ZERO, &old, &old)).unwrap();
    assert_eq!(world.append(same), Err(Refusal::SameKey(name("a.example"))));
    let other = rotation("a.example", 1, RecordId::ZERO, &new, &old);
    assert_eq!(world.append(Verified::check(other).unwrap()), Err(Refusal::WrongKey(name("a.example"))));
    assert_eq!(world.verify().unwrap().tree_size, 3);
}

#[test]
fn a_ledger_remembers_a_bounded_number_of_keys() {
    let mut world = World::with(&["a.example"]);
    let (mut old, mut prev, mut batch) = (key("a.example"), RecordId::ZERO, vec![]);
    for n in 0..=ROTATIONS_MAX as u64 {
        let new = SecretKey::from_seed(*blake3_of(n).as_bytes());
        let record = Verified::check(rotation("a.example", n + 1, prev, &old, &new)).unwrap();
        (old, prev) = (new, record.id());
        batch.push((record, NOW_MS));
    }
    let answers = world.ledger.append(batch).unwrap();
    let (last, rest) = answers.split_last().unwrap();
    assert!(rest.iter().all(Result::is_ok));
    assert_eq!(*last, Err(Refusal::TooManyKeys(name("a.example"))));
    world.verify().unwrap();
}

fn blake3_of(n: u64) -> RecordId {
    RecordId::of(&n.to_be_bytes())
}

#[test]
fn a_vote_is_retracted_once() {
    let mut world = World::with(&["a.example"]);
    let first = world.authors.next("a.example", vote("b.example", 5));
    let taken = world.take(first.clone());
    let cancel = world.authors.next("a.example", retract(first.id()));
    let at = world.take(cancel.clone()).index;
    let again = signed("a.example", 3, cancel.id(), retract(first.id()));
    assert_eq!(world.append(again), Err(Refusal::AlreadyDone { index: at }));
    // The same record once more is no second retraction.
    assert_eq!(world.append(cancel.clone()), Ok(Appended { index: at, id: cancel.id(), new: false }));

    let second = signed("a.example", 3, cancel.id(), vote("b.example", 6));
    let cancels = signed("a.example", 4, second.id(), retract(second.id()));
    let cancels_again = signed("a.example", 5, cancels.id(), retract(second.id()));
    let batch = [&second, &cancels, &cancels_again].map(|record| (record.clone(), NOW_MS)).to_vec();
    let answers = world.ledger.append(batch).unwrap();
    assert_eq!(answers[2], Err(Refusal::AlreadyDone { index: at + 2 }), "in one batch");
    let reader = world.ledger.reader();
    assert_eq!(reader.retraction_of(&first.id()).unwrap(), Some(at));
    assert_eq!(reader.retraction_of(&cancel.id()).unwrap(), None);
    assert_eq!(taken.index, 2);
    world.verify().unwrap();
}

#[test]
fn the_accused_answers_a_vote_about_itself_once() {
    let mut world = World::with(&["a.example", "b.example"]);
    let about_b = world.authors.next("a.example", vote("b.example", -50));
    world.take(about_b.clone());
    let about_c = world.authors.next("a.example", vote("c.example", -50));
    world.take(about_c.clone());
    let mine = |body| signed("b.example", 1, RecordId::ZERO, body);
    assert_eq!(world.append(mine(rebut(about_c.id()))), Err(Refusal::NotAccused(about_c.id())));
    assert_eq!(world.append(mine(rebut(RecordId([3; 32])))), Err(Refusal::UnknownTarget(RecordId([3; 32]))));
    let answer = world.authors.next("b.example", rebut(about_b.id()));
    let at = world.take(answer.clone()).index;
    let again = world.authors.next("b.example", rebut(about_b.id()));
    assert_eq!(world.append(again), Err(Refusal::AlreadyDone { index: at }));
    let of_answer = signed("b.example", 2, answer.id(), rebut(answer.id()));
    assert_eq!(world.append(of_answer), Err(Refusal::NotAVote(answer.id())));
    assert_eq!(world.ledger.reader().rebuttal_of(&about_b.id()).unwrap(), Some(at));
    world.verify().unwrap();
}

#[test]
fn only_the_owner_says_which_policy_is_in_force() {
    let mut world = World::with(&["a.example"]);
    let policy = |byte| Body::Policy(PolicyInForce { digest: Digest([byte; 32]), active_from_ms: NOW_MS });
    let foreign = world.authors.next("a.example", policy(1));
    assert_eq!(world.append(foreign), Err(Refusal::NotOwner(name(OWNER))));
    assert_eq!(world.ledger.reader().policy().unwrap(), None);
    for byte in [1, 2, 1] {
        let record = world.authors.next(OWNER, policy(byte));
        let index = world.take(record).index;
        assert_eq!(world.ledger.reader().policy().unwrap(), Some(index));
    }
    world.verify().unwrap();
}

#[test]
fn evidence_is_bound_by_its_commitment_and_hidden_by_its_salt() {
    let evidence = Evidence::new([7; 32], b"Received: from spam.example").unwrap();
    assert_eq!(Evidence::from_bytes(evidence.as_bytes().to_vec()).unwrap(), evidence);
    let other_salt = Evidence::new([8; 32], evidence.body()).unwrap();
    let other_body = Evidence::new([7; 32], b"Received: from ham.example").unwrap();
    assert_ne!(evidence.commitment(), other_salt.commitment());
    assert_ne!(evidence.commitment(), other_body.commitment());
    assert!(Evidence::from_bytes(vec![0; 31]).is_err());
    assert!(Evidence::new([0; 32], &vec![0; ostrakon_ledger::evidence::BODY_BYTES_MAX]).is_ok());
    assert!(Evidence::new([0; 32], &vec![0; ostrakon_ledger::evidence::BODY_BYTES_MAX + 1]).is_err());
}

#[test]
fn erasure_is_for_author_and_owner_once_and_leaves_every_proof_valid() {
    let mut world = World::with(&["a.example", "b.example"]);
    let evidence = Evidence::new([7; 32], b"Received: from spam.example").unwrap();
    let bare = world.authors.next("a.example", vote("c.example", -50));
    world.take(bare.clone());
    let with = world.authors.next("a.example", committed("c.example", evidence.commitment()));
    world.take(with.clone());
    let second = world.authors.next("a.example", committed("d.example", Digest([3; 32])));
    world.take(second.clone());
    let vkey = [world.ledger.vkey().parse().unwrap()];
    let ids = [bare.id(), with.id(), second.id()];
    let receipts = |world: &World| ids.map(|id| world.ledger.reader().receipt(&id).unwrap().unwrap());
    let before = receipts(&world);

    let foreign = signed("b.example", 1, RecordId::ZERO, erase(with.id()));
    assert_eq!(world.append(foreign), Err(Refusal::NotAuthor(with.id())));
    let nothing = signed("a.example", 4, second.id(), erase(bare.id()));
    assert_eq!(world.append(nothing), Err(Refusal::NothingToErase(bare.id())));
    let erasure = world.authors.next("a.example", erase(with.id()));
    let at = world.take(erasure).index;
    let again = world.authors.next(OWNER, erase(with.id()));
    assert_eq!(world.append(again), Err(Refusal::AlreadyDone { index: at }));
    let owner = world.ledger.author(&name(OWNER)).unwrap().unwrap();
    world.take(signed(OWNER, owner.seq + 1, owner.id, erase(second.id())));

    let reader = world.ledger.reader();
    assert_eq!(reader.erasure_of(&with.id()).unwrap(), Some(at));
    assert_eq!(reader.unerased(&evidence.commitment(), &name("a.example")).unwrap(), Some(0));
    assert_eq!(reader.erasure_of(&bare.id()).unwrap(), None);
    for (receipt, id) in before.iter().chain(&receipts(&world)).zip(ids.iter().cycle()) {
        let (_, entry) = receipt.verify_entry(&vkey).unwrap();
        assert_eq!(entry.record.id(), *id);
    }
    world.verify().unwrap();
}

#[test]
fn two_records_with_one_seq_convict_their_author_before_anyone() {
    let mut world = World::with(&["a.example", "b.example"]);
    let honest = world.authors.next("a.example", vote("c.example", -50));
    world.take(honest.clone());
    let second = signed("a.example", 1, RecordId::ZERO, vote("c.example", 50));
    assert_eq!(world.append(second.clone()), Err(Refusal::Conflict { index: 3 }));
    let conflicts = world.ledger.take_conflicts();
    assert_eq!((conflicts.len(), conflicts[0].index, conflicts[0].record.id()), (1, 3, second.id()));
    assert!(world.ledger.take_conflicts().is_empty());

    let (first, second) = (SignedRecord::clone(&honest), SignedRecord::clone(&second));
    let proof = Equivocate::of_records(first.clone(), second.clone());
    assert_eq!(proof, Equivocate::of_records(second.clone(), first.clone()), "in either order");
    proof.check().unwrap();
    let accusation = world.authors.next("b.example", Body::Equivocate(Box::new(proof.clone())));
    let again = SignedRecord::parse_envelope(&accusation.to_envelope()).unwrap();
    assert_eq!(again, *accusation);
    let at = world.take(accusation).index;
    assert_eq!(world.ledger.reader().conviction_of(&name("a.example")).unwrap(), Some(at));
    assert_eq!(world.ledger.reader().conviction_of(&name("b.example")).unwrap(), None);
    let owner = world.authors.next(OWNER, Body::Equivocate(Box::new(proof.clone())));
    assert_eq!(world.append(owner), Err(Refusal::AlreadyDone { index: at }));
    world.verify().unwrap();

    // What contradicts nothing, or was not said by the accused, convicts nobody.
    let next = SignedRecord::clone(&signed("a.example", 2, first.id(), vote("c.example", 1)));
    let others = SignedRecord::clone(&signed("b.example", 1, RecordId::ZERO, vote("c.example", 1)));
    let mut elsewhere = second.record().clone();
    elsewhere.header.network = "other.example".into();
    let elsewhere = SignedRecord::sign(elsewhere, &key("a.example")).unwrap();
    for other in [first.clone(), next, others, elsewhere] {
        let fault = Equivocate::of_records(first.clone(), other).check().unwrap_err();
        assert!(matches!(fault, Unproven::NoContradiction(_)), "{fault}");
    }
    let forged = SignedRecord::from_parts(RecordType::Vote, second.payload().to_vec(), *first.signature()).unwrap();
    let fault = Equivocate::of_records(first, forged).check().unwrap_err();
    assert!(matches!(fault, Unproven::BadSignature { .. }), "{fault}");
}

#[test]
fn an_accusation_counts_under_any_key_that_the_accused_had_here_and_no_other() {
    let mut world = World::with(&["a.example", "b.example"]);
    let (old, new) = (key("a.example"), SecretKey::from_seed([9; 32]));
    let rotation = Verified::check(rotation("a.example", 1, RecordId::ZERO, &old, &new)).unwrap();
    world.take(rotation);
    let two = |key: &SecretKey| {
        let one = |value| SignedRecord::clone(&said("a.example", key, 9, RecordId([2; 32]), vote("c.example", value)));
        Body::Equivocate(Box::new(Equivocate::of_records(one(1), one(2))))
    };
    let framed = world.authors.clone().next("b.example", two(&SecretKey::from_seed([5; 32])));
    assert_eq!(world.append(framed), Err(Refusal::ForeignKey(name("a.example"))));
    let accusation = world.authors.next("b.example", two(&old));
    world.take(accusation);
    world.verify().unwrap();
}

/// A checkpoint of `a.example`'s ledger over these leaves.
fn head(leaves: &[&str]) -> (Note, CompactRange) {
    let mut range = CompactRange::new();
    for leaf in leaves {
        range.push(leaf_hash(leaf.as_bytes()), |_, _| {});
    }
    let origin = origin(&name("a.example"));
    let text = Checkpoint { origin: origin.clone(), tree_size: leaves.len() as u64, root: range.root() }.to_string();
    (Note::sign(&text, &origin, &key("a.example")).unwrap(), range)
}

#[test]
fn two_checkpoints_of_which_one_is_no_prefix_of_the_other_convict_their_ledger() {
    let accused = || (name("a.example"), public("a.example"));
    let against = |first: &Note, second: &Note, proof| {
        let (name, key) = accused();
        Equivocate::of_checkpoints(name, key, first, second, proof)
    };
    let ((small, small_range), (other, _)) = (head(&["x", "y"]), head(&["x", "z"]));
    against(&small, &other, vec![]).check().unwrap();
    assert_eq!(against(&small, &other, vec![]), against(&other, &small, vec![]));
    assert!(against(&small, &small, vec![]).check().is_err());

    // A larger tree says itself that the smaller one is not its prefix: its own root of that size, proven consistent.
    let (large, _) = head(&["x", "z", "w"]);
    let (_, other_range) = head(&["x", "z"]);
    let proof = vec![other_range.root(), leaf_hash(b"w")];
    against(&small, &large, proof.clone()).check().unwrap();
    assert!(against(&small, &large, vec![]).check().is_err(), "sizes differ");
    assert!(against(&other, &large, proof.clone()).check().is_err(), "that one is its prefix");
    assert!(against(&small, &large, vec![small_range.root(), leaf_hash(b"w")]).check().is_err());
    assert!(against(&small, &large, vec![other_range.root(), leaf_hash(b"v")]).check().is_err());

    let mut world = World::with(&["a.example", "b.example"]);
    let body = Body::Equivocate(Box::new(against(&small, &large, proof)));
    let accusation = world.authors.next("b.example", body);
    assert_eq!(SignedRecord::parse_envelope(&accusation.to_envelope()).unwrap(), *accusation);
    world.take(accusation);
    grow(&mut world, 20);
    world.verify().unwrap();
}

#[test]
fn every_changed_bit_of_an_accusation_spoils_it() {
    let one = |value| SignedRecord::clone(&signed("a.example", 1, RecordId::ZERO, vote("c.example", value)));
    let body = Body::Equivocate(Box::new(Equivocate::of_records(one(1), one(2))));
    let accusation = signed("b.example", 1, RecordId::ZERO, body);
    for at in 0..accusation.payload().len() {
        let mut payload = accusation.payload().to_vec();
        payload[at] ^= 1;
        let Ok(record) = Record::parse(RecordType::Equivocate, &payload) else { continue };
        // Signed again by the accuser: what is left are the signatures within.
        let Body::Equivocate(equivocate) = record.body else { continue };
        let (accused, key) = (equivocate.accused.clone(), equivocate.accused_key);
        if (accused, key) == (name("a.example"), public("a.example")) && equivocate.check().is_ok() {
            assert_eq!(Body::Equivocate(equivocate), accusation.record().body, "byte {at}");
        }
    }
}
