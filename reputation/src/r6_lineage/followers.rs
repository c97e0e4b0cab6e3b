//! Who repeats whom without saying so.
//!
//! A voter follows another if the other said nearly all of what it says, the same way and earlier in the ledger, and it
//! says most of what the other said: a copy of a list, kept up to date or not. Whoever follows a follower follows
//! whom that one follows. Time in proportion to the votes and memory in proportion to the names, whatever they are.

use std::cmp::Reverse;

use ostrakon_ledger::Category;

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

/// Subjects that somebody must have opened at least to be followed: more than a fifth of those that a follower repeats.
const OPENED_MIN: u32 = REPEATED_MIN / (CANDIDATES as u32 + 1) + 1;

/// Whom a voter may follow, by the counting of Misra and Gries.
#[derive(Clone, Copy)]
struct Suspicion {
    voter: u32,
    counters: [(u32, u32); CANDIDATES],
    /// How often all counters went down.
    lowered: u32,
}

/// A voter, and who may be followed by it.
struct Suspect {
    voter: u32,
    /// Subjects that the voter votes on and somebody else opened.
    opened_by_others: u32,
    candidates: Vec<Candidate>,
}

/// Somebody whom a voter may follow.
#[derive(Clone, Copy)]
struct Candidate {
    other: u32,
    /// Subjects that the voter votes on and the other opened.
    opened: u32,
    /// Votes of the voter that the other cast earlier and the same way.
    repeated: u32,
}

/// Per number below `count`: whom it follows, or [`NOBODY`]. Numbers decide nothing: of equals it is the one who was
/// there first.
///
/// Steps: (1) how many votes everybody has, (2) who may follow whom, (3) what those repeat, (4) chains.
pub(crate) fn leaders(base: &Base, count: usize) -> Vec<u32> {
    let mut cast = vec![0u32; count];
    base.rows().for_each(|vote| cast[vote.voter as usize] += 1);
    let mut suspects = suspects(base, &cast);
    count_repetitions(base, count, &mut suspects);
    let mut direct = vec![NOBODY; count];
    suspects.iter_mut().for_each(|suspect| suspect.keep_followed(&cast));
    suspects.retain(|suspect| !suspect.candidates.is_empty());
    if suspects.is_empty() {
        return direct;
    }
    let since = since(base, count);
    for suspect in &suspects {
        let first = |it: &&Candidate| (it.repeated, Reverse(since[it.other as usize]));
        let most = suspect.candidates.iter().max_by_key(first);
        direct[suspect.voter as usize] = most.map_or(NOBODY, |it| it.other);
    }
    let ends = suspects.iter().map(|suspect| (suspect.voter, end_of_chain(&direct, &since, suspect.voter)));
    for (voter, leader) in ends.collect::<Vec<_>>() {
        direct[voter as usize] = leader;
    }
    direct
}

impl Suspicion {
    /// Of a voter that has said nothing yet.
    fn of(voter: u32) -> Self {
        Self { voter, counters: [(NOBODY, 0); CANDIDATES], lowered: 0 }
    }

    /// Whoever makes up more than a fifth of what is counted is among the four at the end, with a count that is at most
    /// `lowered` too small.
    fn count(&mut self, opener: u32) {
        if let Some((_, count)) = self.counters.iter_mut().find(|(counted, count)| *counted == opener && *count > 0) {
            *count += 1;
        } else if let Some(free) = self.counters.iter_mut().find(|(_, count)| *count == 0) {
            *free = (opener, 1);
        } else {
            self.counters.iter_mut().for_each(|(_, count)| *count -= 1);
            self.lowered += 1;
        }
    }

    /// Who may have opened enough, if anybody has: more than a fifth of the subjects of nearly all `own` votes.
    fn suspect(&self, own: u32) -> Option<Suspect> {
        let enough = |count: u32| {
            let opened = u64::from(count + self.lowered);
            opened * (CANDIDATES as u64 + 1) * 100 > u64::from(own) * OF_OWN && opened >= u64::from(OPENED_MIN)
        };
        let others = self.counters.iter().filter(|(_, count)| *count > 0 && enough(*count));
        let candidates: Vec<_> = others.map(|(other, _)| Candidate { other: *other, opened: 0, repeated: 0 }).collect();
        (!candidates.is_empty()).then_some(Suspect { voter: self.voter, opened_by_others: 0, candidates })
    }
}

impl Suspect {
    /// Drops the candidates that it does not follow.
    fn keep_followed(&mut self, cast: &[u32]) {
        let own = u64::from(cast[self.voter as usize]);
        let opened_by_others = self.opened_by_others as usize;
        self.candidates.retain(|it| {
            let repeated = u64::from(it.repeated) * 100;
            // Whoever opened no more may or may not be among the candidates.
            it.opened as usize * (CANDIDATES + 1) > opened_by_others
                && it.repeated >= REPEATED_MIN
                && repeated >= own * OF_OWN
                && repeated >= u64::from(cast[it.other as usize]) * OF_OTHERS
        });
    }
}

/// The voters that may follow somebody: of enough votes, and somebody whose number of votes is in question (what is
/// repeated is in both) opened enough of what it votes on. Most voters drop out before anything is counted.
fn suspects(base: &Base, cast: &[u32]) -> Vec<Suspect> {
    let opens = openers(base, cast);
    let mut places = vec![NOBODY; cast.len()];
    let mut suspicions: Vec<Suspicion> = Vec::new();
    for ((_, row), opener) in base.by_subject().zip(&opens) {
        if *opener == NOBODY {
            continue;
        }
        let others = u64::from(cast[*opener as usize]);
        // Whoever has between these numbers of votes may repeat the opener.
        let least = (others * OF_OTHERS).div_ceil(100).max(u64::from(REPEATED_MIN)) as u32;
        let most = u32::try_from(others * 100 / OF_OWN).unwrap_or(u32::MAX);
        for vote in row {
            let own = cast[vote.voter as usize];
            if own < least || own > most || vote.voter == *opener {
                continue;
            }
            let place = &mut places[vote.voter as usize];
            if *place == NOBODY {
                *place = suspicions.len() as u32;
                suspicions.push(Suspicion::of(vote.voter));
            }
            suspicions[*place as usize].count(*opener);
        }
    }
    let mut suspects: Vec<Suspect> = suspicions.iter().filter_map(|it| it.suspect(cast[it.voter as usize])).collect();
    suspects.sort_unstable_by_key(|suspect| suspect.voter);
    suspects
}

/// Per subject: who voted on it first; [`NOBODY`] if that one opened or cast too little to be followed.
fn openers(base: &Base, cast: &[u32]) -> Vec<u32> {
    // Per voter: how many votes of one other voter may stand on what it opened.
    let mut opened = vec![0u32; cast.len()];
    let mut openers = Vec::with_capacity(base.subjects());
    for (_, row) in base.by_subject() {
        let (opener, once) = opening(row);
        if let Some(opened) = opened.get_mut(opener as usize) {
            *opened += if once { 1 } else { Category::ALL.len() as u32 };
        }
        openers.push(opener);
    }
    let too_few =
        |opener: usize| opened[opener] < OPENED_MIN || u64::from(cast[opener]) * 100 < u64::from(REPEATED_MIN) * OF_OWN;
    for opener in openers.iter_mut().filter(|opener| **opener != NOBODY) {
        if too_few(*opener as usize) {
            *opener = NOBODY;
        }
    }
    openers
}

/// Who voted on a subject first, and whether everybody did so once.
fn opening(row: &[Row]) -> (u32, bool) {
    let (mut opener, mut earliest, mut last, mut once) = (NOBODY, u64::MAX, NOBODY, true);
    for vote in row {
        let index = vote.index.widened();
        (opener, earliest) = if index < earliest { (vote.voter, index) } else { (opener, earliest) };
        once &= vote.voter != last;
        last = vote.voter;
    }
    (opener, once)
}

/// The vote on a subject that came first.
fn first(row: &[Row]) -> Option<&Row> {
    row.iter().min_by_key(|vote| vote.index.widened())
}

/// Counts what the candidates opened and what the suspects repeat of them.
fn count_repetitions(base: &Base, count: usize, suspects: &mut [Suspect]) {
    if suspects.is_empty() {
        return;
    }
    let mut places = vec![NOBODY; count];
    (0..).zip(&*suspects).for_each(|(place, suspect)| places[suspect.voter as usize] = place);
    for (_, row) in base.by_subject() {
        let mut opener = None;
        for vote in row {
            let Some(suspect) = suspects.get_mut(places[vote.voter as usize] as usize) else { continue };
            let opener = *opener.get_or_insert_with(|| first(row).map_or(NOBODY, |vote| vote.voter));
            if opener == vote.voter {
                continue;
            }
            suspect.opened_by_others += 1;
            for it in &mut suspect.candidates {
                let begin = row.partition_point(|said| said.voter < it.other);
                let mut said = row[begin..].iter().take_while(|said| said.voter == it.other);
                let same =
                    |said: &Row| (said.value > 0) == (vote.value > 0) && said.index.widened() < vote.index.widened();
                it.opened += u32::from(opener == it.other);
                it.repeated += u32::from(said.any(same));
            }
        }
    }
}

/// Per number: the ledger index of its first live vote.
fn since(base: &Base, count: usize) -> Vec<u64> {
    let mut since = vec![u64::MAX; count];
    for vote in base.rows() {
        let since = &mut since[vote.voter as usize];
        *since = (*since).min(vote.index.widened());
    }
    since
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

#[cfg(test)]
mod tests;
