//! R4 consistency: voters who contradict what the judges have established lose weight, and so do those who vouch for
//! such voters.
//!
//! Judges are the seeds and the peers that seeds themselves vouch for ([`bench`]): trust that came
//! further does not judge, so nobody gets a say in this by attack edges from ordinary voters. Every vote is judged
//! without itself; contradiction and agreement count with the judges' score and confidence, and fade with the vote's
//! age (R5). In the first round the seeds judge alone, so that nobody takes a seat by the word of others who take one
//! with it. Some rounds, because who is found inconsistent no longer judges, and who vouched for them is blamed.

mod bench;
mod record;

use crate::engine::{About, Ballot, Ballots, weight};
use crate::fixed::{ONE, Share, times};
use crate::parameters::Parameters;
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

/// Judges every voter.
pub(crate) fn judge(ballots: &Ballots<'_>, seeds: &[(u32, u16)], p: &Parameters) -> Findings {
    let count = ballots.count();
    let bench = Bench::new(ballots, seeds, p);
    let mut findings = Findings { consistency: vec![ONE; count], open: vec![ONE; count] };
    // Per peer: what vouching for it costs.
    let mut blame = vec![0; count];
    let opinions = bench.opinions(ballots);
    let mut records = vec![Record::default(); count];
    for round in 0..p.rounds {
        let judges = if round == 0 { bench.seeds_alone(count) } else { bench.weights(&findings, count, p) };
        records.fill(Record::default());
        for (subject, about) in ballots.by_subject().enumerate() {
            let score = hear(about, opinions.about(subject), &judges, blame[subject], &mut records, p);
            findings.open[subject] = r1_flow::open(score, p.slope);
        }
        for (id, record) in records.iter().enumerate() {
            findings.consistency[id] = record.consistency(p, Share::default());
        }
        seeds.iter().for_each(|(id, _)| findings.consistency[*id as usize] = ONE);
        for (id, record) in records.iter().enumerate() {
            let consistency = findings.consistency[id];
            findings.open[id] = if ballots.is_peer[id] { times(findings.open[id], consistency) } else { 0 };
            blame[id] = record.blame(consistency, p);
        }
    }
    findings
}

/// Notes in the voters' records what they say about one subject, each vote judged without itself; returns the judges'
/// score of it. `opinions`: the ballots among those `about` it whose voters may weigh something as `judges`.
///
/// Everybody gets the same sentence first, and the judges then their own instead: few have to be looked at twice.
fn hear(
    about: About<'_>,
    opinions: &[Ballot],
    judges: &[Share],
    blame: Share,
    records: &mut [Record],
    p: &Parameters,
) -> i64 {
    let k_c_nv = p.k_c_nv();
    let own = |ballot: &Ballot| weight(judges[ballot.voter as usize], ballot.size());
    let (mut good, mut bad) = (0, 0);
    for ballot in opinions {
        *(if ballot.x() > 0 { &mut good } else { &mut bad }) += own(ballot);
    }
    if good + bad == 0 && blame == 0 {
        return 0;
    }
    let verdict = judgement(good, bad, k_c_nv);
    let (praise, reproach) = (Sentence::of(true, verdict, blame), Sentence::of(false, verdict, 0));
    for (ballots, sentence) in [(about.positive, praise), (about.negative, reproach)] {
        if sentence != Sentence::default() {
            ballots.iter().for_each(|ballot| records[ballot.voter as usize].add(sentence, ballot.age()));
        }
    }
    for (ballot, own) in opinions.iter().map(|ballot| (ballot, own(ballot))).filter(|(_, own)| *own > 0) {
        let positive = ballot.x() > 0;
        let (common, verdict, blame) = match positive {
            true => (praise, judgement(good - own, bad, k_c_nv), blame),
            false => (reproach, judgement(good, bad - own, k_c_nv), 0),
        };
        let record = &mut records[ballot.voter as usize];
        record.take_back(common, ballot.age());
        record.add(Sentence::of(positive, verdict, blame), ballot.age());
    }
    r7_posterior::share(good, bad, k_c_nv)
}
