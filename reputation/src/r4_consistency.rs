//! R4 consistency: voters who contradict what the judges have established lose weight, and so do those who vouch for
//! such voters.
//!
//! Judges are the seeds and the peers that seeds themselves vouch for ([`mod@bench`]): trust that came
//! further does not judge, so nobody gets a say in this by attack edges from ordinary voters. Every vote is judged
//! without itself; contradiction and agreement count with the judges' score and confidence, and fade with the vote's
//! age (R5). In the first round the seeds judge alone, so that nobody takes a seat by the word of others who take one
//! with it. Some rounds, because who is found inconsistent no longer judges, and who vouched for them is blamed.

mod bench;
mod record;

use rayon::prelude::*;

use crate::ballots::{Activity, Ballots, SPAN, Tiles, by_stripe};
use crate::bits::Bits;
use crate::fixed::{ONE, Share, times};
use crate::parameters::Parameters;
use crate::tally::weight;
use crate::threads::shared_by;
use crate::{r1_flow, r7_posterior};

use bench::Bench;
use record::Sentence;
pub(crate) use record::{Population, Record, judgement};

/// What R4 found out about every number.
pub(crate) struct Findings {
    /// What is left of a voter's weight.
    pub(crate) consistency: Vec<Share>,
    /// R1: how far a peer is open to trust.
    pub(crate) open: Vec<Share>,
}

/// What the judges' votes about one subject add up to, in nano-votes.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    good: u64,
    bad: u64,
}

impl Heard {
    /// Without a vote that weighs `own`.
    fn without(self, positive: bool, own: u64) -> Self {
        let (good, bad) = if positive { (own, 0) } else { (0, own) };
        Self { good: self.good - good, bad: self.bad - bad }
    }
}

/// What that means for those who voted about the subject.
#[derive(Debug, Clone, Copy, Default)]
struct Verdict {
    /// [`judgement`].
    established: i32,
    /// What a vote for it costs.
    blame: Share,
}

impl Verdict {
    fn of(heard: Heard, blame: Share, p: &Parameters) -> Self {
        Self { established: judgement(heard.good, heard.bad, p.k_c_nv()), blame }
    }

    fn on_vote(self, positive: bool) -> Sentence {
        Sentence::of(positive, self.established, if positive { self.blame } else { 0 })
    }
}

/// Judges every voter.
///
/// Steps of a round: (1) who judges, (2) what they establish about each subject, (3) what each voter's votes bring it,
/// (4) what is left of its word, how open it is to trust, and what vouching for it costs.
pub(crate) fn judge(ballots: &Ballots<'_>, activity: &[Activity], seeds: &[(u32, u16)], p: &Parameters) -> Findings {
    let count = ballots.count();
    let bench = Bench::new(ballots, activity, seeds, p);
    let opinions = bench.opinions(ballots);
    let is_seed = Bits::of(count, seeds.iter().map(|(id, _)| *id));
    let mut findings = Findings { consistency: vec![ONE; count], open: vec![ONE; count] };
    let mut blame = vec![0; count];
    let mut heard = vec![Heard::default(); count];
    let mut verdicts = vec![Verdict::default(); count];
    let mut records = vec![Record::default(); count];
    let least = shared_by(SPAN);
    for round in 0..p.rounds {
        let judges =
            if round == 0 { bench.seeds_alone(count) } else { bench.weights(&findings.open, &findings.consistency, p) };
        hear(&opinions, &judges, &mut heard);
        let subjects = verdicts.par_iter_mut().zip(&heard).zip(&blame);
        subjects.with_min_len(least).for_each(|((verdict, heard), blame)| *verdict = Verdict::of(*heard, *blame, p));
        sentence(ballots, &verdicts, &mut records);
        let own = Own { opinions: &opinions, judges: &judges, heard: &heard, verdicts: &verdicts };
        own.correct(&mut records, p);
        let voters = findings.consistency.par_iter_mut().zip(&records).enumerate();
        voters.with_min_len(least).for_each(|(id, (consistency, record))| {
            *consistency = if is_seed.has(id as u32) { ONE } else { record.consistency(p, Share::default()) };
        });
        let peers = findings.open.par_iter_mut().zip(&mut blame).enumerate();
        peers.with_min_len(least).for_each(|(id, (open, blame))| {
            let consistency = findings.consistency[id];
            let score = r7_posterior::share(heard[id].good, heard[id].bad, p.k_c_nv());
            *open = if ballots.is_peer[id] { times(r1_flow::open(score, p.slope), consistency) } else { 0 };
            *blame = records[id].blame(consistency, p);
        });
    }
    findings
}

/// Adds up what the judges say about every subject.
fn hear(opinions: &Tiles, judges: &[Share], heard: &mut [Heard]) {
    by_stripe(heard, |stripe, heard| {
        heard.fill(Heard::default());
        for (first, tile) in opinions.about(stripe) {
            let judges = &judges[first..];
            for cast in tile {
                let (judge, heard) = (judges[cast.voter()], &mut heard[cast.subject()]);
                heard.good += weight(judge, cast.ballot.praise());
                heard.bad += weight(judge, cast.ballot.reproach());
            }
        }
    });
}

/// Notes in the voters' records what their votes bring them, as if nobody were a judge.
fn sentence(ballots: &Ballots<'_>, verdicts: &[Verdict], records: &mut [Record]) {
    by_stripe(records, |stripe, records| {
        records.fill(Record::default());
        for (first, tile) in ballots.tiles.by(stripe) {
            let verdicts = &verdicts[first..];
            for cast in tile {
                let sentence = verdicts[cast.subject()].on_vote(cast.ballot.x() > 0);
                records[cast.voter()].add(sentence, cast.ballot.age());
            }
        }
    });
}

/// What judges say counts for others, not for themselves.
struct Own<'a> {
    opinions: &'a Tiles,
    judges: &'a [Share],
    heard: &'a [Heard],
    verdicts: &'a [Verdict],
}

impl Own<'_> {
    /// Judges each judge's votes without themselves: few have to be looked at twice.
    fn correct(&self, records: &mut [Record], p: &Parameters) {
        for (stripe, (heard, verdicts)) in self.heard.chunks(SPAN).zip(self.verdicts.chunks(SPAN)).enumerate() {
            for (first, tile) in self.opinions.about(stripe) {
                let (judges, records) = (&self.judges[first..], &mut records[first..]);
                for cast in tile {
                    let own = weight(judges[cast.voter()], cast.ballot.size());
                    if own == 0 {
                        continue;
                    }
                    let (positive, age) = (cast.ballot.x() > 0, cast.ballot.age());
                    let common = verdicts[cast.subject()];
                    let others = Verdict::of(heard[cast.subject()].without(positive, own), common.blame, p);
                    let record = &mut records[cast.voter()];
                    record.take_back(common.on_vote(positive), age);
                    record.add(others.on_vote(positive), age);
                }
            }
        }
    }
}
