//! Who repeats whom without saying so.
//!
//! A voter follows another if the other said nearly all of what it says, the same way and earlier in the ledger, and it
//! says most of what the other said: a copy of a list, kept up to date or not. Whoever follows a follower follows
//! whom that one follows. Time in proportion to the votes and memory in proportion to the names, whatever they are.

use std::collections::BTreeMap;

use crate::votes::{Base, Row};

/// Nobody's number.
pub(crate) const NOBODY: u32 = u32::MAX;

/// Votes that must be repeated at least: fewer may be chance.
const REPEATED_MIN: u32 = 16;
/// Share of its own votes that a follower repeats, and of the other's votes that it has, in per cent.
const OF_OWN: u64 = 80;
const OF_OTHERS: u64 = 50;
/// Candidates per voter: whoever opened more than a fifth of the subjects it votes on is among them (Misra and Gries, 1982).
const CANDIDATES: usize = 4;
/// Longest chain of followers that is followed.
const CHAIN_MAX: usize = 64;

/// Somebody whom a voter may follow, and a count.
type Candidate = (u32, u32);

/// Per number below `count`: whom it follows, or [`NOBODY`].
pub(crate) fn leaders(base: &Base, count: usize) -> Vec<u32> {
    let mut cast = vec![0u32; count];
    base.by_subject().for_each(|(_, row)| row.iter().for_each(|vote| cast[vote.voter as usize] += 1));
    let mut candidates = candidates(base, &cast);
    repetitions(base, &mut candidates);
    let mut direct = vec![NOBODY; count];
    for (voter, of_voter) in &candidates {
        let follows = |(other, repeated): &&Candidate| {
            let (repeated, own, others) = (u64::from(*repeated) * 100, cast[*voter as usize], cast[*other as usize]);
            repeated >= u64::from(REPEATED_MIN) * 100
                && repeated >= u64::from(own) * OF_OWN
                && repeated >= u64::from(others) * OF_OTHERS
        };
        let most =
            of_voter.iter().filter(follows).max_by_key(|(other, repeated)| (*repeated, std::cmp::Reverse(*other)));
        direct[*voter as usize] = most.map_or(NOBODY, |(other, _)| *other);
    }
    let followers = candidates.into_keys().filter(|voter| direct[*voter as usize] != NOBODY);
    let ends: Vec<(u32, u32)> = followers.map(|voter| (voter, end_of_chain(&direct, voter))).collect();
    for (voter, leader) in ends {
        direct[voter as usize] = leader;
    }
    direct
}

/// Per voter of enough votes: who opened the most of the subjects it votes on, and is not out of question by the number
/// of its own votes (what is repeated is in both). Counts are 0.
fn candidates(base: &Base, cast: &[u32]) -> BTreeMap<u32, Vec<Candidate>> {
    let mut places = vec![NOBODY; cast.len()];
    let mut counters: Vec<(u32, [Candidate; CANDIDATES])> = Vec::new();
    for (voter, _) in cast.iter().enumerate().filter(|(_, cast)| **cast >= REPEATED_MIN) {
        places[voter] = counters.len() as u32;
        counters.push((voter as u32, [(NOBODY, 0); CANDIDATES]));
    }
    for (_, row) in base.by_subject() {
        let Some(first) = row.iter().min_by_key(|vote| vote.index.widened()) else { continue };
        for vote in row.iter().filter(|vote| vote.voter != first.voter) {
            if let Some((_, counters)) = counters.get_mut(places[vote.voter as usize] as usize) {
                count(counters, first.voter);
            }
        }
    }
    let possible = |voter: u32, other: u32| {
        let (own, others) = (u64::from(cast[voter as usize]), u64::from(cast[other as usize]));
        others * 100 >= own * OF_OWN && own * 100 >= others * OF_OTHERS
    };
    let left = counters.into_iter().map(|(voter, counters)| {
        let others = counters.iter().filter(|(other, count)| *count > 0 && possible(voter, *other));
        (voter, others.map(|(other, _)| (*other, 0)).collect::<Vec<_>>())
    });
    left.filter(|(_, others)| !others.is_empty()).collect()
}

/// Misra and Gries: whoever makes up more than a fifth of what is counted is among the four at the end.
fn count(counters: &mut [Candidate; CANDIDATES], voter: u32) {
    if let Some((_, count)) = counters.iter_mut().find(|(counted, count)| *counted == voter && *count > 0) {
        *count += 1;
    } else if let Some(free) = counters.iter_mut().find(|(_, count)| *count == 0) {
        *free = (voter, 1);
    } else {
        counters.iter_mut().for_each(|(_, count)| *count -= 1);
    }
}

/// Counts for each candidate how many votes of the voter it cast earlier and the same way.
fn repetitions(base: &Base, candidates: &mut BTreeMap<u32, Vec<Candidate>>) {
    if candidates.is_empty() {
        return;
    }
    for (_, row) in base.by_subject() {
        for vote in row {
            let Some(of_voter) = candidates.get_mut(&vote.voter) else { continue };
            for (other, repeated) in of_voter {
                let begin = row.partition_point(|said| said.voter < *other);
                let mut said = row[begin..].iter().take_while(|said| said.voter == *other);
                let same =
                    |said: &Row| (said.value > 0) == (vote.value > 0) && said.index.widened() < vote.index.widened();
                *repeated += u32::from(said.any(same));
            }
        }
    }
}

/// Where following leaders ends: at one who follows nobody; if it goes round in circles, at the smallest number of the
/// way, which follows nobody.
fn end_of_chain(direct: &[u32], voter: u32) -> u32 {
    let mut way = vec![voter];
    let mut at = direct[voter as usize];
    while at != NOBODY {
        if way.contains(&at) || way.len() == CHAIN_MAX {
            let smallest = way.iter().copied().min().unwrap_or(NOBODY);
            return if smallest == voter { NOBODY } else { smallest };
        }
        way.push(at);
        at = direct[at as usize];
    }
    way.last().copied().filter(|last| *last != voter).unwrap_or(NOBODY)
}
