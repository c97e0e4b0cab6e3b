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
type Counter = (u32, u32);

/// Somebody whom a voter may follow.
#[derive(Clone, Copy, Default)]
struct Candidate {
    other: u32,
    /// Subjects that the voter votes on and the other opened.
    opened: u32,
    /// Votes of the voter that the other cast earlier and the same way.
    repeated: u32,
}

/// A voter's candidates, and how many of the subjects that it votes on somebody else opened.
type Suspicion = (u32, Vec<Candidate>);

/// Per number below `count`: whom it follows, or [`NOBODY`]. Numbers decide nothing: of equals it is the one who was
/// there first.
pub(crate) fn leaders(base: &Base, count: usize) -> Vec<u32> {
    let mut cast = vec![0u32; count];
    let mut since = vec![u64::MAX; count];
    for vote in base.by_subject().flat_map(|(_, row)| row) {
        cast[vote.voter as usize] += 1;
        since[vote.voter as usize] = since[vote.voter as usize].min(vote.index.widened());
    }
    let mut candidates = candidates(base, &cast);
    repetitions(base, &mut candidates);
    let mut direct = vec![NOBODY; count];
    for (voter, (opened_by_others, of_voter)) in &candidates {
        let follows = |it: &&Candidate| {
            let (own, others) = (u64::from(cast[*voter as usize]), u64::from(cast[it.other as usize]));
            let repeated = u64::from(it.repeated) * 100;
            // Whoever opened no more may or may not be among the candidates.
            it.opened as usize * (CANDIDATES + 1) > *opened_by_others as usize
                && it.repeated >= REPEATED_MIN
                && repeated >= own * OF_OWN
                && repeated >= others * OF_OTHERS
        };
        let most = of_voter.iter().filter(follows);
        let most = most.max_by_key(|it| (it.repeated, std::cmp::Reverse(since[it.other as usize])));
        direct[*voter as usize] = most.map_or(NOBODY, |it| it.other);
    }
    let followers = candidates.into_keys().filter(|voter| direct[*voter as usize] != NOBODY);
    let ends: Vec<(u32, u32)> = followers.map(|voter| (voter, end_of_chain(&direct, &since, voter))).collect();
    for (voter, leader) in ends {
        direct[voter as usize] = leader;
    }
    direct
}

/// Per voter of enough votes: who opened the most of the subjects it votes on, and is not out of question by the number
/// of its own votes (what is repeated is in both). Counts are 0.
fn candidates(base: &Base, cast: &[u32]) -> BTreeMap<u32, Suspicion> {
    let mut places = vec![NOBODY; cast.len()];
    let mut counters: Vec<(u32, [Counter; CANDIDATES])> = Vec::new();
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
        let others = others.map(|(other, _)| Candidate { other: *other, ..Candidate::default() });
        (voter, (0, others.collect::<Vec<_>>()))
    });
    left.filter(|(_, (_, others))| !others.is_empty()).collect()
}

/// Misra and Gries: whoever makes up more than a fifth of what is counted is among the four at the end.
fn count(counters: &mut [Counter; CANDIDATES], voter: u32) {
    if let Some((_, count)) = counters.iter_mut().find(|(counted, count)| *counted == voter && *count > 0) {
        *count += 1;
    } else if let Some(free) = counters.iter_mut().find(|(_, count)| *count == 0) {
        *free = (voter, 1);
    } else {
        counters.iter_mut().for_each(|(_, count)| *count -= 1);
    }
}

/// Counts what the candidates opened and what the voters repeat of them.
fn repetitions(base: &Base, candidates: &mut BTreeMap<u32, Suspicion>) {
    if candidates.is_empty() {
        return;
    }
    for (_, row) in base.by_subject() {
        let Some(first) = row.iter().min_by_key(|vote| vote.index.widened()) else { continue };
        for vote in row.iter().filter(|vote| vote.voter != first.voter) {
            let Some((opened_by_others, of_voter)) = candidates.get_mut(&vote.voter) else { continue };
            *opened_by_others += 1;
            for it in of_voter {
                let begin = row.partition_point(|said| said.voter < it.other);
                let mut said = row[begin..].iter().take_while(|said| said.voter == it.other);
                let same =
                    |said: &Row| (said.value > 0) == (vote.value > 0) && said.index.widened() < vote.index.widened();
                it.opened += u32::from(first.voter == it.other);
                it.repeated += u32::from(said.any(same));
            }
        }
    }
}

/// Where following leaders ends: at one who follows nobody; if it goes round in circles, at the one of the way who was
/// there first, who follows nobody.
fn end_of_chain(direct: &[u32], since: &[u64], voter: u32) -> u32 {
    let mut way = vec![voter];
    let mut at = direct[voter as usize];
    while at != NOBODY {
        if way.contains(&at) || way.len() == CHAIN_MAX {
            let first = way.iter().copied().min_by_key(|it| since[*it as usize]).unwrap_or(voter);
            return if first == voter { NOBODY } else { first };
        }
        way.push(at);
        at = direct[at as usize];
    }
    way.last().copied().filter(|last| *last != voter).unwrap_or(NOBODY)
}
