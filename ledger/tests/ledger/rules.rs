//! Which records are taken.

use ostrakon_ledger::{Appended, BATCH_RECORDS_MAX, Blame, LedgerError, RecordId, Refusal, SignedRecord, Verified};
use proptest::prelude::*;

use crate::support::*;

#[test]
fn a_new_ledger_begins_with_its_owner_admitting_itself() {
    let world = World::new();
    let reader = world.ledger.reader();
    assert_eq!(reader.tree_size(), 1);
    let entry = reader.entry(0).unwrap().unwrap();
    assert!(entry.chain.is_zero());
    assert_eq!((entry.received_at_ms, entry.record.record().body.clone()), (NOW_MS, admit(OWNER)));
    let owner = world.ledger.author(&name(OWNER)).unwrap().unwrap();
    assert_eq!((owner.seq, owner.id, owner.admitted_at_index), (1, entry.record.id(), 0));
    assert_eq!(world.verify().unwrap().tree_size, 1);
}

#[test]
fn admitted_peers_vote_and_retract_their_own_votes() {
    let mut world = World::with(&["a.example", "b.example"]);
    let first = world.authors.next("a.example", vote("b.example", -50));
    let taken = world.take(first.clone());
    assert_eq!(taken, Appended { index: 3, id: first.id(), new: true });
    let record = world.authors.next("a.example", retract(first.id()));
    assert_eq!(world.take(record).index, 4);
    let authors: Vec<_> = world.ledger.authors().unwrap().into_iter().map(|(n, h)| (n.to_string(), h.seq)).collect();
    assert_eq!(authors, [("a.example".into(), 2), ("b.example".into(), 0), (OWNER.into(), 3)]);
    assert_eq!(world.verify().unwrap().tree_size, 5);
}

#[test]
fn each_refusal_says_what_is_wrong_and_writes_nothing() {
    let mut world = World::with(&["a.example", "b.example"]);
    let first = world.authors.next("a.example", vote("b.example", -50));
    world.take(first.clone());
    let before = world.ledger.reader().published();

    let next = |body| signed("a.example", 2, first.id(), body);
    let owner = world.ledger.author(&name(OWNER)).unwrap().unwrap();
    let admission = signed(OWNER, 2, world.ledger.reader().entry(0).unwrap().unwrap().record.id(), admit("a.example"));
    let mut foreign = next(vote("b.example", 1)).record().clone();
    foreign.header.network = "other.example".into();
    let foreign = Verified::check(SignedRecord::sign(foreign, &key("a.example")).unwrap()).unwrap();
    let mut stolen = next(vote("b.example", 1)).record().clone();
    stolen.header.key = public("b.example");
    let stolen = Verified::check(SignedRecord::sign(stolen, &key("b.example")).unwrap()).unwrap();

    let unknown = RecordId([5; 32]);
    let cases = [
        (signed("c.example", 1, RecordId::ZERO, vote("a.example", 1)), Refusal::UnknownPeer(name("c.example"))),
        (stolen, Refusal::WrongKey(name("a.example"))),
        (foreign, Refusal::WrongNetwork { expected: NETWORK.into() }),
        (
            signed("a.example", 3, first.id(), vote("b.example", 1)),
            Refusal::OutOfSequence { expected_seq: 2, expected_prev: first.id() },
        ),
        (
            signed("a.example", 2, unknown, vote("b.example", 1)),
            Refusal::OutOfSequence { expected_seq: 2, expected_prev: first.id() },
        ),
        (signed("a.example", 1, RecordId::ZERO, vote("b.example", 1)), Refusal::Conflict { index: 3 }),
        (next(admit("c.example")), Refusal::NotOwner(name(OWNER))),
        (signed(OWNER, 4, owner.id, admit("a.example")), Refusal::AlreadyAdmitted(name("a.example"))),
        (signed(OWNER, 4, owner.id, admit(OWNER)), Refusal::AlreadyAdmitted(name(OWNER))),
        (next(retract(unknown)), Refusal::UnknownTarget(unknown)),
        (signed("b.example", 1, RecordId::ZERO, retract(first.id())), Refusal::NotAuthor(first.id())),
        (signed(OWNER, 4, owner.id, retract(owner.id)), Refusal::NotAVote(owner.id)),
    ];
    let mut codes = std::collections::BTreeSet::new();
    for (record, refusal) in cases {
        assert_eq!(refusal.blame(), Blame::Peer);
        codes.insert(refusal.code());
        assert_eq!(world.append(record), Err(refusal));
    }
    assert_eq!(codes.len(), 10);
    // The owner's own second record, once more: it is there, which is no conflict.
    let again = world.take(admission);
    assert_eq!((again.index, again.new), (1, false));
    assert_eq!(world.ledger.reader().published(), before);
    assert_eq!(world.verify().unwrap().tree_size, 4);
}

#[test]
fn a_batch_sees_its_own_records_and_takes_what_it_can() {
    let mut world = World::new();
    let admission = world.authors.next(OWNER, admit("a.example"));
    let first = world.authors.next("a.example", vote("b.example", -1));
    let cancel = world.authors.next("a.example", retract(first.id()));
    let other = signed("a.example", 1, RecordId::ZERO, vote("b.example", 2));
    let stranger = signed("c.example", 1, RecordId::ZERO, vote("b.example", 2));
    let batch = [&stranger, &admission, &first, &first, &other, &cancel, &cancel];
    let answers = world.ledger.append(batch.iter().map(|record| ((*record).clone(), NOW_MS)).collect()).unwrap();
    let appended = |index, record: &Verified<SignedRecord>, new| Ok(Appended { index, id: record.id(), new });
    assert_eq!(
        answers,
        [
            Err(Refusal::UnknownPeer(name("c.example"))),
            appended(1, &admission, true),
            appended(2, &first, true),
            appended(2, &first, false),
            Err(Refusal::Conflict { index: 2 }),
            appended(3, &cancel, true),
            appended(3, &cancel, false),
        ]
    );
    assert_eq!(world.verify().unwrap().tree_size, 4);
}

#[test]
fn too_large_a_batch_is_the_callers_fault_and_harms_nothing() {
    let mut world = World::with(&["a.example"]);
    let record = world.authors.next("a.example", vote("b.example", 1));
    let batch = vec![(record.clone(), NOW_MS); BATCH_RECORDS_MAX + 1];
    let error = world.ledger.append(batch).unwrap_err();
    assert!(matches!(error, LedgerError::BatchTooLarge { .. }));
    assert_eq!(error.blame(), Blame::Caller);
    assert!(world.ledger.append(vec![]).unwrap().is_empty());
    world.take(record);
}

#[test]
fn a_clock_that_goes_back_does_not_take_entries_back() {
    let mut world = World::with(&["a.example"]);
    for (at_ms, expected) in [(NOW_MS + 10, NOW_MS + 10), (5, NOW_MS + 10), (NOW_MS + 11, NOW_MS + 11)] {
        let record = world.authors.next("a.example", vote("b.example", 1));
        let taken = world.ledger.append(vec![(record, at_ms)]).unwrap().pop().unwrap().unwrap();
        let entry = world.ledger.reader().entry(taken.index).unwrap().unwrap();
        assert_eq!(entry.received_at_ms, expected);
    }
    world.ledger = world.reopen().unwrap();
    assert_eq!(world.ledger.reader().published().received_at_ms, NOW_MS + 11);
    // Started again with a clock a year behind.
    let record = world.authors.next("a.example", vote("b.example", 1));
    let year_ms = 365 * 86_400_000;
    let taken = world.ledger.append(vec![(record, NOW_MS - year_ms)]).unwrap().pop().unwrap().unwrap();
    assert_eq!(world.ledger.reader().entry(taken.index).unwrap().unwrap().received_at_ms, NOW_MS + 11);
    world.verify().unwrap();
}

/// What an author may do next, as an index into its own made-up records.
#[derive(Debug, Clone)]
enum Act {
    Next(usize, bool),
    Again(usize, usize),
    Fork(usize, usize),
    Skip(usize),
}

fn acts() -> impl Strategy<Value = Vec<(Act, bool)>> {
    let act = prop_oneof![
        4 => (0..2usize, any::<bool>()).prop_map(|(who, retract)| Act::Next(who, retract)),
        1 => (0..2usize, 0..8usize).prop_map(|(who, which)| Act::Again(who, which)),
        1 => (0..2usize, 0..8usize).prop_map(|(who, which)| Act::Fork(who, which)),
        1 => (0..2usize).prop_map(Act::Skip),
    ];
    // The flag ends a batch.
    prop::collection::vec((act, any::<bool>()), 1..40)
}

const PEERS: [&str; 2] = ["a.example", "b.example"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// However records are ordered and batched: one record per (author, seq), in sequence, each answer true.
    #[test]
    fn there_is_one_record_per_author_and_seq(acts in acts()) {
        let mut world = World::with(&PEERS);
        let mut told: [Vec<(Verified<SignedRecord>, u64)>; 2] = Default::default();
        let mut size = world.ledger.reader().tree_size();
        let mut batch = vec![];
        let mut expected = vec![];
        for (act, ends) in acts {
            let last = |who: usize, told: &[Vec<(Verified<SignedRecord>, u64)>; 2]| {
                told[who].last().map_or(RecordId::ZERO, |(record, _)| record.id())
            };
            let (record, answer) = match act {
                Act::Next(who, wants_retract) => {
                    let retracted = |id: RecordId| {
                        told[who].iter().any(|(r, _)| r.record().body == retract(id))
                    };
                    let target = told[who]
                        .iter()
                        .find(|(r, _)| r.kind() == ostrakon_ledger::RecordType::Vote && !retracted(r.id()));
                    let body = match target {
                        Some((target, _)) if wants_retract => retract(target.id()),
                        _ => vote("c.example", 1),
                    };
                    let record = signed(PEERS[who], told[who].len() as u64 + 1, last(who, &told), body);
                    told[who].push((record.clone(), size));
                    size += 1;
                    let answer = Ok(Appended { index: size - 1, id: record.id(), new: true });
                    (record, answer)
                }
                Act::Again(who, which) | Act::Fork(who, which) if which >= told[who].len() => continue,
                Act::Again(who, which) => {
                    let (record, index) = told[who][which].clone();
                    let answer = Ok(Appended { index, id: record.id(), new: false });
                    (record, answer)
                }
                Act::Fork(who, which) => {
                    let (original, index) = &told[who][which];
                    let header = &original.record().header;
                    let record = signed(PEERS[who], header.seq, header.prev, vote("other.example", 99));
                    (record, Err(Refusal::Conflict { index: *index }))
                }
                Act::Skip(who) => {
                    let next = told[who].len() as u64 + 1;
                    let record = signed(PEERS[who], next + 1, RecordId([8; 32]), vote("c.example", 1));
                    let refusal = Refusal::OutOfSequence { expected_seq: next, expected_prev: last(who, &told) };
                    (record, Err(refusal))
                }
            };
            batch.push((record, NOW_MS));
            expected.push(answer);
            if ends {
                let answers = world.ledger.append(std::mem::take(&mut batch)).unwrap();
                prop_assert_eq!(answers, std::mem::take(&mut expected));
            }
        }
        prop_assert_eq!(world.ledger.append(batch).unwrap(), expected);
        let reader = world.reopen().unwrap().reader();
        prop_assert_eq!(reader.tree_size(), size);
        for (who, records) in told.iter().enumerate() {
            for (seq, (record, index)) in (1..).zip(records) {
                prop_assert_eq!(reader.by_author(&name(PEERS[who]), seq).unwrap(), Some(*index));
                prop_assert_eq!(reader.record(&record.id()).unwrap(), Some(*index));
            }
        }
        prop_assert_eq!(world.verify().unwrap().tree_size, size);
    }
}
