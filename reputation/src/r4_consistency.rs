//! R4 consistency: voters who contradict what the judges have established lose weight, and so do those who vouch for
//! such voters.
//!
//! Judges are the seeds and the peers that seeds themselves vouch for ([`mod@judges`]). Trust that came further does
//! not judge, so attack edges from ordinary voters give nobody a say here. Every vote is judged without itself.
//! Contradiction and agreement count with the judges' score and confidence, and fade with the vote's age (R5). In the
//! first round the seeds judge alone, so that new judges cannot vouch each other in. There are several rounds, because
//! a voter who is found inconsistent no longer judges, and those who vouched for it are blamed.

mod judges;
mod record;

use rayon::prelude::*;

use crate::ballots::{Activity, BallotTiles, Ballots, SPAN, by_stripe};
use crate::bits::NumberSet;
use crate::fixed::{Fraction, ONE, times};
use crate::parameters::Parameters;
use crate::r1_flow::Seed;
use crate::tally::weight;
use crate::threads::shared_by;
use crate::{r1_flow, r7_posterior};

use judges::Judges;
use record::Agreement;
pub(crate) use record::{Population, TrackRecord, judgement};

/// What R4 found out, one value per name.
pub(crate) struct Findings {
    /// What is left of a voter's weight.
    pub(crate) consistency: Vec<Fraction>,
    /// R1: how far a peer is open to trust.
    pub(crate) open: Vec<Fraction>,
}

/// The sums of the judges' votes about one subject, in nano-votes.
#[derive(Debug, Clone, Copy, Default)]
struct JudgesTally {
    good: u64,
    bad: u64,
}

impl JudgesTally {
    /// Without a vote that weighs `own`.
    fn without(self, positive: bool, own: u64) -> Self {
        let (good, bad) = if positive { (own, 0) } else { (0, own) };
        Self { good: self.good - good, bad: self.bad - bad }
    }
}

/// What the judges' tally means for those who voted about the subject.
#[derive(Debug, Clone, Copy, Default)]
struct SubjectJudgement {
    /// [`judgement`].
    established: i32,
    /// What a vote for the subject costs.
    blame: Fraction,
}

impl SubjectJudgement {
    fn of(tally: JudgesTally, blame: Fraction, p: &Parameters) -> Self {
        Self { established: judgement(tally.good, tally.bad, p.k_c_nv()), blame }
    }

    fn on_vote(self, positive: bool) -> Agreement {
        Agreement::of(positive, self.established, if positive { self.blame } else { 0 })
    }
}

/// Judges every voter.
///
/// Steps of a round: (1) who judges, (2) what they establish about each subject, (3) how each voter's votes agree with
/// that, (4) what is left of its weight, how open it is to trust, and what vouching for it costs.
pub(crate) fn judge(ballots: &Ballots<'_>, activity: &[Activity], seeds: &[Seed], p: &Parameters) -> Findings {
    let count = ballots.count();
    let judges = Judges::new(ballots, activity, seeds, p);
    let opinions = judges.ballots(ballots);
    let is_seed = NumberSet::of(count, seeds.iter().map(|seed| seed.voter.number()));
    let mut findings = Findings { consistency: vec![ONE; count], open: vec![ONE; count] };
    let mut blame = vec![0; count];
    let mut tallies = vec![JudgesTally::default(); count];
    let mut judgements = vec![SubjectJudgement::default(); count];
    let mut records = vec![TrackRecord::default(); count];
    let least = shared_by(SPAN);
    for round in 0..p.rounds {
        let weights = if round == 0 { judges.seeds_alone(count) } else { judges.weights(&findings, p) };
        tally_judges(&opinions, &weights, &mut tallies);
        let subjects = judgements.par_iter_mut().zip(&tallies).zip(&blame);
        subjects
            .with_min_len(least)
            .for_each(|((judgement, tally), blame)| *judgement = SubjectJudgement::of(*tally, *blame, p));
        judge_votes(ballots, &judgements, &mut records);
        let own = JudgesOwnVotes { opinions: &opinions, weights: &weights, tallies: &tallies, judgements: &judgements };
        own.correct(&mut records, p);
        let voters = findings.consistency.par_iter_mut().zip(&records).enumerate();
        voters.with_min_len(least).for_each(|(id, (consistency, record))| {
            *consistency = if is_seed.has(id as u32) { ONE } else { record.consistency(p, Fraction::default()) };
        });
        let peers = findings.open.par_iter_mut().zip(&mut blame).enumerate();
        peers.with_min_len(least).for_each(|(id, (open, blame))| {
            let consistency = findings.consistency[id];
            let score = r7_posterior::share(tallies[id].good, tallies[id].bad, p.k_c_nv());
            *open = if ballots.is_peer[id] { times(r1_flow::open(score, p.slope), consistency) } else { 0 };
            *blame = records[id].blame(consistency, p);
        });
    }
    findings
}

/// Adds up the judges' votes about every subject.
fn tally_judges(opinions: &BallotTiles, weights: &[Fraction], tallies: &mut [JudgesTally]) {
    by_stripe(tallies, |stripe, tallies| {
        tallies.fill(JudgesTally::default());
        for (first, tile) in opinions.about(stripe) {
            let weights = &weights[first..];
            for cast in tile {
                let (judge, tally) = (weights[cast.voter_offset()], &mut tallies[cast.subject_offset()]);
                tally.good += weight(judge, cast.ballot.praise());
                tally.bad += weight(judge, cast.ballot.reproach());
            }
        }
    });
}

/// Notes in every voter's record how its votes agree with the judgements, as if the voter were no judge.
fn judge_votes(ballots: &Ballots<'_>, judgements: &[SubjectJudgement], records: &mut [TrackRecord]) {
    by_stripe(records, |stripe, records| {
        records.fill(TrackRecord::default());
        for (first, tile) in ballots.tiles.by(stripe) {
            let judgements = &judgements[first..];
            for cast in tile {
                let agreement = judgements[cast.subject_offset()].on_vote(cast.ballot.x() > 0);
                records[cast.voter_offset()].add(agreement, cast.ballot.age());
            }
        }
    });
}

/// The judges' own votes, which must be judged by the other judges.
struct JudgesOwnVotes<'a> {
    opinions: &'a BallotTiles,
    weights: &'a [Fraction],
    tallies: &'a [JudgesTally],
    judgements: &'a [SubjectJudgement],
}

impl JudgesOwnVotes<'_> {
    /// Judges each judge's votes again, without the judge's own weight. There are few judges, so this costs little.
    fn correct(&self, records: &mut [TrackRecord], p: &Parameters) {
        for (stripe, (tallies, judgements)) in self.tallies.chunks(SPAN).zip(self.judgements.chunks(SPAN)).enumerate() {
            for (first, tile) in self.opinions.about(stripe) {
                let (weights, records) = (&self.weights[first..], &mut records[first..]);
                for cast in tile {
                    let own = weight(weights[cast.voter_offset()], cast.ballot.size());
                    if own == 0 {
                        continue;
                    }
                    let (positive, age) = (cast.ballot.x() > 0, cast.ballot.age());
                    let common = judgements[cast.subject_offset()];
                    let tally = tallies[cast.subject_offset()].without(positive, own);
                    let others = SubjectJudgement::of(tally, common.blame, p);
                    let record = &mut records[cast.voter_offset()];
                    record.take_back(common.on_vote(positive), age);
                    record.add(others.on_vote(positive), age);
                }
            }
        }
    }
}
