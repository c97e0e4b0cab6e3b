//! Generated ledgers for tests: events without signatures, as the book reads them.
#![allow(dead_code, clippy::unwrap_used)]

use ostrakon_ledger::{Category, PeerName, RecordId, Subject, Tag, Vote};
use ostrakon_reputation::{Book, DerivedFrom, Event, Parameters, Viewpoint};
use proptest::prelude::*;

pub(crate) const HOUR_MS: u64 = 3_600_000;
pub(crate) const START_MS: u64 = 480_000 * HOUR_MS;

pub(crate) fn peer(name: &str) -> PeerName {
    PeerName::parse(name).unwrap()
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::Peer(peer(name))
}

pub(crate) fn record_id(index: u64) -> RecordId {
    let mut id = [7; 32];
    id[..8].copy_from_slice(&index.to_be_bytes());
    RecordId(id)
}

pub(crate) fn vote(subject: Subject, value: i8, cast_at_ms: u64, expires_at_ms: u64, category: Category) -> Vote {
    Vote { expires_at_ms, ..Vote::plain(subject, value, category, cast_at_ms) }
}

/// A vote about a peer that never expires, cast when received.
pub(crate) fn voted(index: u64, at_ms: u64, voter: &str, about: &str, value: i8) -> Event {
    let vote = vote(subject(about), value, at_ms, 0, Category::Vouch);
    Event::Voted { index, at_ms, id: record_id(index), voter: peer(voter), vote }
}

pub(crate) fn viewpoint(seeds: &[(&str, u16)]) -> Viewpoint {
    let seeds = seeds.iter().map(|(name, weight)| (peer(name), *weight)).collect();
    Viewpoint { name: "own".to_owned(), seeds }
}

pub(crate) fn book(half_life_ms: Option<u64>, seeds: &[(&str, u16)]) -> Book {
    Book::new(Parameters { half_life_ms, ..Parameters::default() }, viewpoint(seeds))
}

/// Ten subjects: eight peers and two accounts.
pub(crate) fn any_subject(i: usize) -> Subject {
    match i % 10 {
        8 => Subject::Account(Tag([1; 32])),
        9 => Subject::Account(Tag([2; 32])),
        i => subject(&format!("p{i}.example")),
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Admit,
    Vote {
        voter: usize,
        about: usize,
        value: i8,
        category: usize,
        cast_before_ms: u64,
        lasts_ms: u64,
    },
    Retract {
        back: usize,
    },
    /// A copy of an earlier vote, declared as such.
    Copy {
        voter: usize,
        back: usize,
    },
}

pub(crate) fn steps(max: usize) -> impl Strategy<Value = Vec<(Step, u64)>> {
    let vote = (0usize..8, 0usize..10, -100i8..=100, 0usize..3, 0u64..5 * HOUR_MS, 0u64..8 * HOUR_MS).prop_map(
        |(voter, about, value, category, cast_before_ms, lasts_ms)| Step::Vote {
            voter,
            about,
            value: if value == 0 { 1 } else { value },
            category,
            cast_before_ms,
            // Half of them never expire.
            lasts_ms: lasts_ms.saturating_sub(4 * HOUR_MS),
        },
    );
    let retract = (0usize..30).prop_map(|back| Step::Retract { back });
    let copy = (0usize..8, 1usize..30).prop_map(|(voter, back)| Step::Copy { voter, back });
    let step = prop_oneof![1 => Just(Step::Admit), 12 => vote, 2 => retract, 3 => copy];
    // Mostly within the hour, sometimes hours later.
    let pause = prop_oneof![8 => 0u64..60_000, 1 => 0u64..3 * HOUR_MS];
    prop::collection::vec((step, pause), 1..max)
}

pub(crate) fn events(steps: &[(Step, u64)]) -> Vec<Event> {
    let mut at_ms = START_MS;
    let mut events: Vec<Event> = Vec::with_capacity(steps.len());
    for (index, (step, pause)) in (0u64..).zip(steps) {
        at_ms += pause;
        let event = match step {
            Step::Admit => Event::Admitted { index, peer: peer("p0.example") },
            Step::Retract { back } => match events.get((index as usize).saturating_sub(*back)) {
                Some(vote) => retracted(index, at_ms, vote),
                None => Event::Other { index, at_ms },
            },
            Step::Copy { voter, back } => match events.get((index as usize).saturating_sub(*back)) {
                Some(original) => derived(index, at_ms, &format!("p{voter}.example"), original),
                None => Event::Other { index, at_ms },
            },
            Step::Vote { voter, about, value, category, cast_before_ms, lasts_ms } => {
                let expires_at_ms = if *lasts_ms == 0 { 0 } else { at_ms + lasts_ms };
                let category = Category::ALL[*category];
                let vote = vote(any_subject(*about), *value, at_ms - cast_before_ms, expires_at_ms, category);
                Event::Voted { index, at_ms, id: record_id(index), voter: peer(&format!("p{voter}.example")), vote }
            }
        };
        events.push(event);
    }
    events
}

/// A vote that repeats another one, or its root if that is a copy itself. For any other event, an entry without a vote.
pub(crate) fn derived(index: u64, at_ms: u64, voter: &str, original: &Event) -> Event {
    let (vote, source) = match original {
        Event::Voted { index, voter, vote, .. } => (vote, DerivedFrom::Vote { index: *index, voter: voter.clone() }),
        Event::Derived { vote, source, .. } => (vote, source.clone()),
        _ => return Event::Other { index, at_ms },
    };
    Event::Derived { index, at_ms, voter: peer(voter), vote: vote.clone(), source }
}

/// The retraction of a vote. For any other event, an entry without a vote.
pub(crate) fn retracted(index: u64, at_ms: u64, target: &Event) -> Event {
    match target {
        Event::Voted { index: target, voter, vote, .. } | Event::Derived { index: target, voter, vote, .. } => {
            Event::Retracted { index, at_ms, voter: voter.clone(), subject: vote.subject.clone(), target: *target }
        }
        _ => Event::Other { index, at_ms },
    }
}

pub(crate) const SEEDS: [(&str, u16); 2] = [("p0.example", 1000), ("p1.example", 400)];
