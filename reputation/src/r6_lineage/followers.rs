//! Which voters repeat another voter without declaring it.
//!
//! Voter A follows voter B if two things hold: B cast nearly all of A's votes before, earlier in the ledger and with
//! the same sign; and A cast most of B's votes. So A is a copy of B's list, kept up to date or not. If B follows C,
//! then A follows C. The time is proportional to the votes and the memory to the names, whatever the votes are.

use std::cmp::Reverse;

use ostrakon_ledger::Category;

use crate::ids::VoterId;
use crate::votes::{Base, VoteRow};

/// Stands for a voter that is not a suspect.
const NO_SUSPECT: u32 = u32::MAX;

/// The least number of votes that must be repeated: fewer may be chance.
const REPEATED_MIN: u32 = 16;
/// The least share of its own votes that a follower repeats, in per cent.
const OF_OWN: u64 = 80;
/// The least share of the leader's votes that a follower repeats, in per cent.
const OF_OTHERS: u64 = 50;
/// Candidates per voter. Every voter that opened more than a fifth of the subjects is among them (Misra and Gries,
/// 1982). A voter opens a subject if it is the first to vote on it.
const CANDIDATES: usize = 4;
/// Longest chain of followers that is searched.
const CHAIN_MAX: usize = 64;

/// The least number of subjects that a leader has opened: more than a fifth of those that a follower repeats.
const OPENED_MIN: u32 = REPEATED_MIN / (CANDIDATES as u32 + 1) + 1;

/// Counts who opened the subjects that a voter votes on, by the method of Misra and Gries.
#[derive(Clone, Copy)]
struct OpenerCounts {
    voter: VoterId,
    counters: [OpenerCount; CANDIDATES],
    /// How often all counters went down.
    lowered: u32,
}

/// A counter of one opener; free at 0.
#[derive(Clone, Copy)]
struct OpenerCount {
    opener: VoterId,
    count: u32,
}

/// A voter that may follow one of the candidates.
struct Suspect {
    voter: VoterId,
    /// Subjects that the voter votes on and another voter opened.
    opened_by_others: u32,
    candidates: Vec<Candidate>,
}

/// A voter that may be followed.
#[derive(Clone, Copy)]
struct Candidate {
    other: VoterId,
    /// Subjects that the voter votes on and the other opened.
    opened: u32,
    /// Votes of the voter that the other cast earlier and the same way.
    repeated: u32,
}

/// Per name, of `count` names: the voter that it follows, or [`VoterId::NOBODY`]. If several fit equally well, it
/// follows the one that voted first.
///
/// Steps: (1) how many votes each voter has, (2) which voters may follow which, (3) how many votes those repeat,
/// (4) chains of followers.
pub(crate) fn leaders(base: &Base, count: usize) -> Vec<VoterId> {
    let mut cast = vec![0u32; count];
    base.rows().for_each(|vote| cast[vote.voter.index()] += 1);
    let mut suspects = suspects(base, &cast);
    count_repetitions(base, count, &mut suspects);
    let mut direct = vec![VoterId::NOBODY; count];
    suspects.iter_mut().for_each(|suspect| suspect.keep_followed(&cast));
    suspects.retain(|suspect| !suspect.candidates.is_empty());
    if suspects.is_empty() {
        return direct;
    }
    let since = since(base, count);
    for suspect in &suspects {
        let first = |it: &&Candidate| (it.repeated, Reverse(since[it.other.index()]));
        let most = suspect.candidates.iter().max_by_key(first);
        direct[suspect.voter.index()] = most.map_or(VoterId::NOBODY, |it| it.other);
    }
    let ends = suspects.iter().map(|suspect| (suspect.voter, end_of_chain(&direct, &since, suspect.voter)));
    for (voter, leader) in ends.collect::<Vec<_>>() {
        direct[voter.index()] = leader;
    }
    direct
}

impl OpenerCounts {
    /// No subjects counted yet.
    fn of(voter: VoterId) -> Self {
        Self { voter, counters: [OpenerCount { opener: VoterId::NOBODY, count: 0 }; CANDIDATES], lowered: 0 }
    }

    /// Counts one subject. At the end, every opener of more than a fifth of the subjects has a counter, which is at
    /// most `lowered` too small.
    fn count(&mut self, opener: VoterId) {
        if let Some(known) = self.counters.iter_mut().find(|it| it.opener == opener && it.count > 0) {
            known.count += 1;
        } else if let Some(free) = self.counters.iter_mut().find(|it| it.count == 0) {
            *free = OpenerCount { opener, count: 1 };
        } else {
            self.counters.iter_mut().for_each(|it| it.count -= 1);
            self.lowered += 1;
        }
    }

    /// The voters that may have opened enough to be followed: more than a fifth of the subjects of nearly all `own`
    /// votes. `None` if there is no such voter.
    fn suspect(&self, own: u32) -> Option<Suspect> {
        let enough = |count: u32| {
            let opened = u64::from(count + self.lowered);
            opened * (CANDIDATES as u64 + 1) * 100 > u64::from(own) * OF_OWN && opened >= u64::from(OPENED_MIN)
        };
        let others = self.counters.iter().filter(|it| it.count > 0 && enough(it.count));
        let candidates: Vec<_> = others.map(|it| Candidate { other: it.opener, opened: 0, repeated: 0 }).collect();
        (!candidates.is_empty()).then_some(Suspect { voter: self.voter, opened_by_others: 0, candidates })
    }
}

impl Suspect {
    /// Drops the candidates that the voter does not follow. `cast` is the number of votes per voter.
    fn keep_followed(&mut self, cast: &[u32]) {
        let own = u64::from(cast[self.voter.index()]);
        let opened_by_others = self.opened_by_others as usize;
        self.candidates.retain(|it| {
            let repeated = u64::from(it.repeated) * 100;
            // A voter that opened fewer is not always among the candidates, so it must never be followed.
            it.opened as usize * (CANDIDATES + 1) > opened_by_others
                && it.repeated >= REPEATED_MIN
                && repeated >= own * OF_OWN
                && repeated >= u64::from(cast[it.other.index()]) * OF_OTHERS
        });
    }
}

/// The voters that may follow another voter: they have enough votes, and a voter with a similar number of votes opened
/// enough of the same subjects. Most voters drop out before anything is counted.
fn suspects(base: &Base, cast: &[u32]) -> Vec<Suspect> {
    let opens = openers(base, cast);
    let mut positions = vec![NO_SUSPECT; cast.len()];
    let mut counts: Vec<OpenerCounts> = Vec::new();
    for ((_, row), opener) in base.by_subject().zip(&opens) {
        if *opener == VoterId::NOBODY {
            continue;
        }
        let others = u64::from(cast[opener.index()]);
        // A voter with a number of votes between these two may repeat the opener.
        let least = (others * OF_OTHERS).div_ceil(100).max(u64::from(REPEATED_MIN)) as u32;
        let most = u32::try_from(others * 100 / OF_OWN).unwrap_or(u32::MAX);
        for vote in row {
            let own = cast[vote.voter.index()];
            if own < least || own > most || vote.voter == *opener {
                continue;
            }
            let position = &mut positions[vote.voter.index()];
            if *position == NO_SUSPECT {
                *position = counts.len() as u32;
                counts.push(OpenerCounts::of(vote.voter));
            }
            counts[*position as usize].count(*opener);
        }
    }
    let mut suspects: Vec<Suspect> = counts.iter().filter_map(|it| it.suspect(cast[it.voter.index()])).collect();
    suspects.sort_unstable_by_key(|suspect| suspect.voter);
    suspects
}

/// Per subject: the voter that opened it; [`VoterId::NOBODY`] if that voter opened or cast too little to be followed.
fn openers(base: &Base, cast: &[u32]) -> Vec<VoterId> {
    // Per voter: how many votes another voter can have on the subjects that it opened, at most.
    let mut opened = vec![0u32; cast.len()];
    let mut openers = Vec::with_capacity(base.subjects());
    for (_, row) in base.by_subject() {
        let (opener, once) = opening(row);
        if let Some(opened) = opened.get_mut(opener.index()) {
            *opened += if once { 1 } else { Category::ALL.len() as u32 };
        }
        openers.push(opener);
    }
    let too_few =
        |opener: usize| opened[opener] < OPENED_MIN || u64::from(cast[opener]) * 100 < u64::from(REPEATED_MIN) * OF_OWN;
    for opener in openers.iter_mut().filter(|opener| **opener != VoterId::NOBODY) {
        if too_few(opener.index()) {
            *opener = VoterId::NOBODY;
        }
    }
    openers
}

/// The voter that voted on a subject first, and whether every voter has only one vote on it.
fn opening(row: &[VoteRow]) -> (VoterId, bool) {
    let (mut opener, mut earliest, mut last, mut once) = (VoterId::NOBODY, u64::MAX, VoterId::NOBODY, true);
    for vote in row {
        let index = vote.index.widened();
        (opener, earliest) = if index < earliest { (vote.voter, index) } else { (opener, earliest) };
        once &= vote.voter != last;
        last = vote.voter;
    }
    (opener, once)
}

/// The first vote on a subject.
fn first(row: &[VoteRow]) -> Option<&VoteRow> {
    row.iter().min_by_key(|vote| vote.index.widened())
}

/// Counts the subjects that the candidates opened, and the votes of theirs that the suspects repeat.
fn count_repetitions(base: &Base, count: usize, suspects: &mut [Suspect]) {
    if suspects.is_empty() {
        return;
    }
    let mut positions = vec![NO_SUSPECT; count];
    (0..).zip(&*suspects).for_each(|(position, suspect)| positions[suspect.voter.index()] = position);
    for (_, row) in base.by_subject() {
        let mut opener = None;
        for vote in row {
            let Some(suspect) = suspects.get_mut(positions[vote.voter.index()] as usize) else { continue };
            let opener = *opener.get_or_insert_with(|| first(row).map_or(VoterId::NOBODY, |vote| vote.voter));
            if opener == vote.voter {
                continue;
            }
            suspect.opened_by_others += 1;
            for it in &mut suspect.candidates {
                let begin = row.partition_point(|theirs| theirs.voter < it.other);
                let mut theirs = row[begin..].iter().take_while(|theirs| theirs.voter == it.other);
                let same = |theirs: &VoteRow| {
                    (theirs.value > 0) == (vote.value > 0) && theirs.index.widened() < vote.index.widened()
                };
                it.opened += u32::from(opener == it.other);
                it.repeated += u32::from(theirs.any(same));
            }
        }
    }
}

/// Per voter: the ledger index of its first live vote.
fn since(base: &Base, count: usize) -> Vec<u64> {
    let mut since = vec![u64::MAX; count];
    for vote in base.rows() {
        let since = &mut since[vote.voter.index()];
        *since = (*since).min(vote.index.widened());
    }
    since
}

/// The voter at the end of a chain of leaders, which follows nobody. If the chain is a circle or too long, the
/// voter in it that voted first is taken as the end.
fn end_of_chain(direct: &[VoterId], since: &[u64], voter: VoterId) -> VoterId {
    let mut chain = vec![voter];
    let mut at = direct[voter.index()];
    while at != VoterId::NOBODY {
        if chain.contains(&at) || chain.len() == CHAIN_MAX {
            let first = chain.iter().copied().min_by_key(|it| since[it.index()]).unwrap_or(voter);
            return if first == voter { VoterId::NOBODY } else { first };
        }
        chain.push(at);
        at = direct[at.index()];
    }
    chain.last().copied().filter(|last| *last != voter).unwrap_or(VoterId::NOBODY)
}

#[cfg(test)]
mod tests;
