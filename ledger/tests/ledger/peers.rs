//! What belongs to whom: admissions that end, and commitments that others copy.

use ostrakon_ledger::store::Batch;
use ostrakon_ledger::tables::{MARKS, META};
use ostrakon_ledger::{
    Admit, Body, Digest, Effect, Equivocate, Erase, Expel, Header, Provenance, Reason, Record, RecordId, Refusal,
    SecretKey, SignedRecord, Verified, Vote,
};
use proptest::prelude::*;

use crate::support::*;

fn committed(value: i8, byte: u8) -> Body {
    let Body::Vote(vote) = vote("c.example", value) else { unreachable!("a vote") };
    Body::Vote(Vote { commitment: Digest([byte; 32]), ..vote })
}

fn erase(target: RecordId) -> Body {
    Body::Erase(Erase { target })
}

fn expel(peer: &str) -> Body {
    Body::Expel(Expel { peer: name(peer), reason: Reason::Flood })
}

fn admit_with(peer: &str, key: &SecretKey) -> Body {
    Body::Admit(Admit { peer: name(peer), peer_key: key.public(), imported: false })
}

impl World {
    fn say(&mut self, author: &str, body: Body) -> Result<RecordId, Refusal> {
        let before = self.authors.clone();
        let record = self.authors.next(author, body);
        let outcome = self.append(record.clone());
        if outcome.is_err() {
            self.authors = before;
        }
        outcome.map(|_| record.id())
    }

    fn unerased(&self, byte: u8, peer: &str) -> Option<u64> {
        self.ledger.reader().unerased(&Digest([byte; 32]), &name(peer)).unwrap()
    }
}

#[test]
fn a_copied_commitment_neither_erases_nor_keeps_what_it_copies() {
    let mut world = World::with(&["a.example", "evil.example"]);
    let own = world.say("a.example", committed(-80, 7)).unwrap();
    let copy = world.say("evil.example", committed(1, 7)).unwrap();
    world.say("evil.example", erase(copy)).unwrap();
    assert_eq!(world.say("evil.example", erase(own)), Err(Refusal::NotAuthor(own)));
    let reader = world.ledger.reader();
    assert_eq!(reader.first_commitment(&Digest([7; 32])).unwrap(), Some(3), "the first to commit holds it");
    assert_eq!((world.unerased(7, "a.example"), world.unerased(7, "evil.example")), (Some(1), Some(0)));
    assert_eq!(reader.erasure_of(&own).unwrap(), None);
    // A copy that is not erased does not hold up the erasure of what was copied.
    world.say("evil.example", committed(2, 7)).unwrap();
    world.say("a.example", erase(own)).unwrap();
    assert_eq!((world.unerased(7, "a.example"), world.unerased(7, "evil.example")), (Some(0), Some(1)));
    assert!(matches!(world.say("a.example", erase(own)), Err(Refusal::AlreadyDone { .. })));
    world.verify().unwrap();
}

#[test]
fn a_body_goes_with_the_last_record_of_its_holder_that_commits_to_it() {
    let mut world = World::with(&["a.example"]);
    let first = world.say("a.example", committed(-80, 7)).unwrap();
    let second = world.say("a.example", committed(-70, 7)).unwrap();
    world.say("a.example", erase(first)).unwrap();
    assert_eq!(world.unerased(7, "a.example"), Some(1));
    world.say(OWNER, erase(second)).unwrap();
    assert_eq!(world.unerased(7, "a.example"), Some(0), "the owner erases whatever is kept here");
    world.verify().unwrap();
}

#[test]
fn who_is_expelled_says_nothing_more_and_what_it_said_stays() {
    let mut world = World::with(&["a.example", "b.example"]);
    let said = world.say("a.example", vote("b.example", 5)).unwrap();
    assert_eq!(world.say("b.example", expel("a.example")), Err(Refusal::NotOwner(name(OWNER))));
    assert_eq!(world.say(OWNER, expel("z.example")), Err(Refusal::UnknownPeer(name("z.example"))));
    assert_eq!(world.say(OWNER, expel(OWNER)), Err(Refusal::OwnerStays(name(OWNER))));
    world.say(OWNER, expel("a.example")).unwrap();
    let at = world.ledger.reader().expulsion_of(&name("a.example")).unwrap().unwrap();
    assert_eq!(world.say(OWNER, expel("a.example")), Err(Refusal::AlreadyDone { index: at }));
    assert_eq!(world.say("a.example", vote("c.example", 5)), Err(Refusal::Expelled(name("a.example"))));
    assert_eq!(world.say("a.example", erase(said)), Err(Refusal::Expelled(name("a.example"))));
    let head = world.reopen().unwrap().author(&name("a.example")).unwrap().unwrap();
    assert!(head.expelled && head.seq == 1 && head.id == said);
    // Nor what it said elsewhere.
    let elsewhere = signed("a.example", 2, said, vote("d.example", 1));
    let provenance = Provenance { ledger: name("b.example"), index: 9 };
    let copied = world.ledger.append_copied(vec![(elsewhere, provenance)], NOW_MS).unwrap().pop().unwrap();
    assert_eq!(copied, Err(Refusal::Expelled(name("a.example"))));
    world.verify().unwrap();
}

#[test]
fn who_is_admitted_again_goes_on_where_it_ended_with_the_key_that_is_named() {
    let mut world = World::with(&["a.example"]);
    let said = world.say("a.example", vote("b.example", 5)).unwrap();
    assert_eq!(world.say(OWNER, admit("a.example")), Err(Refusal::AlreadyAdmitted(name("a.example"))));
    world.say(OWNER, expel("a.example")).unwrap();
    world.say(OWNER, admit("a.example")).unwrap();
    let again = world.say("a.example", vote("c.example", 5)).unwrap();
    // Another time, and with another key.
    world.say(OWNER, expel("a.example")).unwrap();
    let new = SecretKey::from_seed([9; 32]);
    world.say(OWNER, admit_with("a.example", &new)).unwrap();
    assert_eq!(world.say("a.example", vote("d.example", 5)), Err(Refusal::WrongKey(name("a.example"))));
    let header = Header { network: NETWORK.into(), author: name("a.example"), key: new.public(), seq: 3, prev: again };
    let record = SignedRecord::sign(Record { header, body: vote("d.example", 5) }, &new).unwrap();
    world.take(Verified::check(record).unwrap());
    let reader = world.reopen().unwrap().reader();
    let first = reader.record(&said).unwrap().unwrap();
    assert_eq!(reader.key_at(&name("a.example"), first).unwrap(), Some(public("a.example")));
    assert_eq!(reader.key_at(&name("a.example"), reader.tree_size() - 1).unwrap(), Some(new.public()));
    world.verify().unwrap();
}

#[test]
fn who_was_convicted_is_not_admitted_again() {
    let mut world = World::with(&["a.example", "b.example"]);
    let first = world.authors.next("a.example", vote("b.example", 5));
    world.take(first.clone());
    let second = signed("a.example", 1, RecordId::ZERO, vote("b.example", -5));
    let proof = Equivocate::of_records(SignedRecord::clone(&first), SignedRecord::clone(&second));
    world.say("b.example", Body::Equivocate(Box::new(proof))).unwrap();
    world.say(OWNER, expel("a.example")).unwrap();
    assert_eq!(world.say(OWNER, admit("a.example")), Err(Refusal::Convicted(name("a.example"))));
    world.verify().unwrap();
}

#[test]
fn the_expulsion_of_another_ledger_stands_here_without_effect() {
    let mut world = World::with(&["a.example", "other.example"]);
    let said = signed("other.example", 1, RecordId::ZERO, expel("a.example"));
    let provenance = Provenance { ledger: name("other.example"), index: 9 };
    let copied = world.ledger.append_copied(vec![(said, provenance)], NOW_MS).unwrap().pop().unwrap().unwrap();
    let reader = world.ledger.reader();
    assert_eq!(reader.entry(copied.index).unwrap().unwrap().effect, Effect::Inert);
    assert!(!reader.author(&name("a.example")).unwrap().unwrap().expelled);
    world.verify().unwrap();
}

/// As an older version left it: erasures by commitment, and nothing about who committed first.
#[test]
fn marks_of_an_older_version_are_written_anew_once() {
    let mut world = World::with(&["a.example"]);
    let kept = world.say("a.example", committed(-80, 7)).unwrap();
    let gone = world.say("a.example", committed(-80, 8)).unwrap();
    world.say("a.example", erase(gone)).unwrap();
    let expected = world.store.scan(MARKS, &[], 100).unwrap();
    let mut old = Batch::new();
    for (key, _) in expected.iter().filter(|(key, _)| matches!(key[0], 3 | 7)) {
        old.delete(MARKS, key.clone());
    }
    old.put(MARKS, [&[7][..], &[8; 32]].concat(), 5u64.to_be_bytes());
    old.delete(META, "marks");
    world.store.commit(old).unwrap();
    assert!(check(&*world.store, &*world.state).unwrap_err().to_string().contains("older version"));
    let reader = world.reopen().unwrap().reader();
    assert_eq!(world.store.scan(MARKS, &[], 100).unwrap(), expected);
    assert_eq!((reader.erasure_of(&kept).unwrap(), reader.erasure_of(&gone).unwrap()), (None, Some(4)));
    world.verify().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever commits to, copies and erases whatever: the body of the first author stays until that author or the owner has
    /// erased each of its records, and the verifier agrees with every step.
    #[test]
    fn only_the_holder_and_the_owner_decide(steps in prop::collection::vec((0..3usize, any::<bool>(), any::<prop::sample::Index>()), 1..40)) {
        const PEERS: [&str; 3] = ["a.example", "b.example", OWNER];
        let mut world = World::with(&["a.example", "b.example"]);
        // Author and id of each record that commits, and whether it is erased.
        let mut records: Vec<(&str, RecordId, bool)> = Vec::new();
        for (at, (who, commits, which)) in steps.into_iter().enumerate() {
            let author = PEERS[who];
            if commits || records.is_empty() {
                let value = i8::try_from(at).unwrap() + 1;
                records.push((author, world.say(author, committed(value, 7)).unwrap(), false));
            } else {
                let at = which.index(records.len());
                let (holder, id, erased) = &mut records[at];
                let allowed = !*erased && (*holder == author || author == OWNER);
                prop_assert_eq!(world.say(author, erase(*id)).is_ok(), allowed);
                *erased |= allowed;
            }
            for peer in PEERS {
                let left = records.iter().filter(|(holder, _, erased)| *holder == peer && !erased).count() as u64;
                prop_assert_eq!(world.unerased(7, peer).unwrap_or(0), left);
            }
        }
        world.verify().unwrap();
    }
}
