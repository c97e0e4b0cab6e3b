//! Every call to the store and to the signed state fails once, in every way, in a ledger's life from its creation on; what
//! failed is tried again, in batches of the same sizes or of others.
//!
//! Either the ledger comes back with everything that was acknowledged and ends with the same root as if nothing had
//! happened, or it refuses to go on and `verify` says what is wrong. It is never silently another one.

use ostrakon_ledger::{Appended, Ledger, LedgerError, RecordId, SignedRecord, Verified};
use rayon::prelude::*;

use crate::faults::{Call, Fault, faulty_pair};
use crate::support::*;

/// How what failed is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retry {
    SameSize,
    /// The first record alone, then the others.
    OtherSize,
}

/// The batch before which the ledger is closed and opened, so that opening fails in all its calls, too.
const REOPENED_BEFORE: usize = 3;

/// The records of the ledger's life, in their batches.
fn script() -> Vec<Vec<Verified<SignedRecord>>> {
    let mut authors = Authors::after_genesis();
    let mut batches = vec![vec![authors.next(OWNER, admit("a.example")), authors.next(OWNER, admit("b.example"))]];
    let first = authors.next("a.example", vote("c.example", 1));
    let second = authors.next("b.example", vote("c.example", -1));
    batches.push(vec![first.clone(), second, authors.next("a.example", vote("d.example", 5))]);
    batches.push(vec![authors.next("a.example", retract(first.id()))]);
    // Across the border of the first tile.
    batches.push((0..260).map(|_| authors.next("b.example", vote("e.example", 7))).collect());
    batches.push(vec![authors.next(OWNER, vote("a.example", 50)), authors.next("a.example", vote("b.example", 2))]);
    batches
}

/// How a life ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// With this size and root.
    Whole(u64, [u8; 32]),
    /// It refused to go on, and `verify` agrees.
    Refused,
}

struct Life {
    world: World,
    acknowledged: Vec<(u64, RecordId)>,
}

/// A ledger's life with one fault. Reopening after the fault works: one thing fails at a time.
fn live(script: &[Vec<Verified<SignedRecord>>], fault: Option<(usize, Fault)>, retry: Retry) -> (End, Vec<Call>) {
    let (store, state, plan) = faulty_pair();
    if let Some((number, fault)) = fault {
        plan.at_call(number, fault);
    }
    let create = || Ledger::create(store.clone(), Box::new(state.clone()), &name(OWNER), NETWORK, key(OWNER), NOW_MS);
    let created = create().or_else(|_| match open(&store, &state) {
        Err(LedgerError::Missing) => create(),
        opened => opened,
    });
    let Ok(ledger) = created else {
        assert!(check(&*store, &*state).is_err(), "refused, and verify finds nothing");
        return (End::Refused, plan.made());
    };
    let world = World { store, state, ledger, authors: Authors::default() };
    let mut life = Life { world, acknowledged: vec![] };
    for (number, batch) in script.iter().enumerate() {
        if number == REOPENED_BEFORE
            && let Ok(reopened) = life.world.reopen().or_else(|_| life.world.reopen())
        {
            life.world.ledger = reopened;
        }
        if life.append(batch).is_ok() {
            continue;
        }
        let batches = match retry {
            Retry::SameSize => vec![batch.as_slice()],
            Retry::OtherSize => vec![&batch[..1], &batch[1..]],
        };
        let reopened = life.world.reopen().map(|ledger| life.world.ledger = ledger);
        if reopened.and_then(|()| batches.into_iter().try_for_each(|batch| life.append(batch))).is_err() {
            let found = life.world.verify();
            assert!(found.is_err(), "refused, and verify finds nothing");
            return (End::Refused, plan.made());
        }
    }
    let calls = plan.made();
    life.check();
    let published = life.world.ledger.reader().published();
    (End::Whole(published.tree_size, published.root), calls)
}

impl Life {
    fn append(&mut self, batch: &[Verified<SignedRecord>]) -> Result<(), LedgerError> {
        let before = self.world.ledger.reader().published();
        let submitted = self.world.ledger.append(batch.iter().map(|record| (record.clone(), NOW_MS)).collect());
        let answers = submitted.inspect_err(|error| {
            assert!(!matches!(error, LedgerError::Poisoned(_)), "it was reopened");
            assert_eq!(self.world.ledger.reader().published(), before, "nothing is shown that was not acknowledged");
        })?;
        for (answer, record) in answers.into_iter().zip(batch) {
            let Appended { index, id, .. } = answer.expect("the record is in order");
            assert_eq!(id, record.id());
            self.acknowledged.push((index, id));
        }
        Ok(())
    }

    /// The whole state: everything acknowledged is where it was acknowledged, nothing else is there, all agrees.
    fn check(&self) {
        crate::faults::check_all(&self.world, &self.acknowledged);
        let size = self.world.ledger.reader().tree_size();
        assert_eq!(size, self.acknowledged.len() as u64 + 1, "besides the first entry");
        let indexes: std::collections::BTreeSet<_> = self.acknowledged.iter().map(|(index, _)| *index).collect();
        assert_eq!(indexes, (1..size).collect());
    }
}

/// All faults of a call: of a large batch only some of the places to tear it.
fn faults(call: Call) -> Vec<Fault> {
    match call {
        Call::Read => vec![Fault::Lost],
        Call::Commit(rows) => {
            let places = (1..rows).filter(|at| rows < 40 || *at < 6 || at + 6 > rows || at % 97 == 0);
            let torn = places.flat_map(|at| [Fault::Torn(at), Fault::TornSorted(at)]);
            [Fault::Lost, Fault::Kept].into_iter().chain(torn).collect()
        }
        Call::Swap(bytes) => {
            [Fault::Lost, Fault::Kept].into_iter().chain((0..bytes).step_by(11).map(Fault::Torn)).collect()
        }
    }
}

#[test]
fn every_call_may_fail_in_every_way_and_be_retried_in_every_size() {
    let script = script();
    let (whole, calls) = live(&script, None, Retry::SameSize);
    assert!(matches!(whole, End::Whole(269, _)), "{whole:?}");
    let writes = calls.iter().filter(|call| **call != Call::Read).count();
    assert!(writes == 12 && calls.len() >= writes + 14, "{calls:?}");
    let cases: Vec<_> = calls
        .iter()
        .enumerate()
        .flat_map(|(number, call)| faults(*call).into_iter().map(move |fault| (number, fault)))
        .flat_map(|case| [Retry::SameSize, Retry::OtherSize].map(|retry| (case, retry)))
        .collect();
    let ends: Vec<_> = cases
        .par_iter()
        .map(|((number, fault), retry)| {
            let (end, _) = live(&script, Some((*number, *fault)), *retry);
            assert!(end == whole || end == End::Refused, "{fault:?} of call {number}, {retry:?}: {end:?}");
            // A store whose batches are atomic, as they should be, always comes back.
            let torn = matches!(fault, Fault::Torn(_) | Fault::TornSorted(_));
            assert!(torn || end == whole, "{fault:?} of call {number}, {retry:?}: refused");
            end
        })
        .collect();
    let refused = ends.iter().filter(|end| **end == End::Refused).count();
    assert!(refused > 0 && refused < ends.len(), "{refused} of {}", ends.len());
}
