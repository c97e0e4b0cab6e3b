//! One prediction: a list, a date, three rankings.

use std::collections::{BTreeMap, BTreeSet};

use ostrakon_ledger::{PeerName, Subject};
use ostrakon_reputation::{Book, Event, Parameters, Viewpoint};
use serde::Serialize;

use super::history::{Blocks, History};
use crate::measure::auc;

/// A prediction and how good it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The date of the prediction.
    pub date: String,
    /// The list.
    pub list: String,
    /// How good it was.
    #[serde(flatten)]
    pub scores: Scores,
}

/// How good a prediction was: each figure is the probability that a domain the list adds ranks above one it does not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scores {
    /// Ranked domains that the list adds within the window.
    pub added: usize,
    /// Ranked domains that it does not add.
    pub not_added: usize,
    /// By the number of lists that block a domain.
    pub vote_count: f64,
    /// By the engine, every list a seed of full weight.
    pub equal_seeds: f64,
    /// By the engine, from the viewpoint of the list.
    pub own_seeds: f64,
}

/// Predicts what `list` adds within `window_ms` after `at_ms`. None if it has no votes yet or adds too few domains.
pub(super) fn predict(
    history: &History,
    list: &PeerName,
    at_ms: u64,
    window_ms: u64,
    additions_min: usize,
) -> Option<Scores> {
    let mut blocks = history.blocks(at_ms);
    let own = blocks.remove(list).filter(|own| !own.is_empty())?;
    let candidates: BTreeSet<&Subject> = blocks.values().flatten().filter(|domain| !own.contains(*domain)).collect();
    let additions = history.additions(list, at_ms, at_ms + window_ms);
    let (added, not_added): (Vec<&Subject>, Vec<&Subject>) =
        candidates.into_iter().partition(|domain| additions.contains(*domain));
    if added.len() < additions_min {
        return None;
    }
    let events = history.events(at_ms);
    let counted = |domain: &Subject| blocks.values().filter(|list| list.contains(domain)).count() as f64;
    let equal = blamed(&events, equal_seeds(list, &blocks), at_ms);
    let seen = blamed(&events, own_seeds(list, &own, &blocks), at_ms);
    let area = |rank: &dyn Fn(&Subject) -> f64| {
        let of = |domains: &[&Subject]| domains.iter().map(|domain| rank(domain)).collect::<Vec<_>>();
        auc(&of(&added), &of(&not_added))
    };
    Some(Scores {
        added: added.len(),
        not_added: not_added.len(),
        vote_count: area(&counted)?,
        equal_seeds: area(&equal)?,
        own_seeds: area(&seen)?,
    })
}

/// How bad a domain is, by the production engine with these seeds.
fn blamed(events: &[Event], seeds: BTreeMap<PeerName, u16>, at_ms: u64) -> impl Fn(&Subject) -> f64 {
    let mut book = Book::new(Parameters::default(), Viewpoint { name: "list".to_owned(), seeds });
    book.apply_all(events);
    book.close_epoch();
    let snapshot = book.snapshot();
    move |domain| {
        let (score, _) = snapshot.score(domain, at_ms).billionths(snapshot.parameters().k_nv());
        -(score as f64)
    }
}

fn equal_seeds(list: &PeerName, others: &Blocks) -> BTreeMap<PeerName, u16> {
    others.keys().chain([list]).map(|list| (list.clone(), 1000)).collect()
}

/// The list itself at full weight, each other one at the share that the two have in common (Jaccard's index: what both
/// block of what either blocks). It is what an operator can tell about a list without knowing who runs it.
fn own_seeds(list: &PeerName, own: &BTreeSet<Subject>, others: &Blocks) -> BTreeMap<PeerName, u16> {
    let likeness = |other: &BTreeSet<Subject>| {
        let both = own.intersection(other).count();
        (1000 * both / (own.len() + other.len() - both).max(1)) as u16
    };
    let neighbours = others.iter().map(|(name, other)| (name.clone(), likeness(other)));
    neighbours.filter(|(_, weight)| *weight > 0).chain([(list.clone(), 1000)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;

    fn history(rows: &str) -> History {
        let rows = rows.split_whitespace().map(|row| {
            let [day, voter, domain, action]: [&str; 4] = row.split(',').collect::<Vec<_>>().try_into().unwrap();
            let seconds = day.parse::<u64>().unwrap() * 86_400;
            format!("{seconds},{voter},{domain}.example,{action},suspend,True\n")
        });
        let header = "unix_time,voter,domain,action,severity,public_comment\n".to_owned();
        History::parse((header + &rows.collect::<String>()).as_bytes()).unwrap()
    }

    fn list(history: &History, title: &str) -> PeerName {
        history.lists().find(|list| history.title(list) == title).unwrap()
    }

    /// `like` shares two domains with `own`, `big` only one and is joined by `twin`; on day 10 `own` adds what `like`
    /// has.
    const WORLD: &str = "1,own,a,add 1,own,b,add 1,like,a,add 1,like,b,add 1,big,a,add 2,twin,a,add
        3,like,good-tip,add 3,big,other,add 3,big,x,add 4,twin,other,add 3,big,gone,add 4,big,gone,remove
        10,own,good-tip,add 11,own,new,add 40,own,other,add";

    #[test]
    fn a_list_follows_those_that_are_like_it() {
        let history = history(WORLD);
        let own = list(&history, "own");
        let scores = predict(&history, &own, 5 * DAY_MS, 20 * DAY_MS, 1).unwrap();
        // Ranked are good-tip, other and x; `gone` is on no list any more, `new` on none yet.
        assert_eq!((scores.added, scores.not_added), (1, 2));
        assert_eq!(scores.vote_count, 0.25, "two lists block `other`, one x as well as good-tip");
        assert_eq!(scores.own_seeds, 1.0, "{scores:?}");
    }

    #[test]
    fn what_cannot_be_told_is_left_out() {
        let history = history(WORLD);
        let own = list(&history, "own");
        assert_eq!(predict(&history, &own, 5 * DAY_MS, 20 * DAY_MS, 2), None, "one addition is fewer than two");
        assert_eq!(predict(&history, &own, 0, 40 * DAY_MS, 1), None, "no votes yet");
        assert_eq!(predict(&history, &list(&history, "twin"), 5 * DAY_MS, 20 * DAY_MS, 1), None, "adds nothing");
    }

    #[test]
    fn the_future_does_not_show() {
        let (whole, past) = (history(WORLD), history(WORLD.split("10,").next().unwrap()));
        assert_eq!(whole.events(5 * DAY_MS), past.events(u64::MAX));
        assert_eq!(whole.blocks(5 * DAY_MS), past.blocks(u64::MAX));
    }

    #[test]
    fn likeness_is_the_common_share() {
        let history = history(WORLD);
        let own = list(&history, "own");
        let mut blocks = history.blocks(5 * DAY_MS);
        let mine = blocks.remove(&own).unwrap();
        let seeds = own_seeds(&own, &mine, &blocks);
        let weights: Vec<_> = seeds.iter().map(|(name, weight)| (history.title(name), *weight)).collect();
        // big: a of {a, b, other, x}; like: a and b of {a, b, good-tip}; twin: a of {a, b, other}.
        assert_eq!(weights, [("big", 250), ("like", 666), ("own", 1000), ("twin", 333)]);
    }
}
