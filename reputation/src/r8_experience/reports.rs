//! The live reports, their reporters, and what each reporter weighs.

use std::collections::{BTreeMap, HashMap};

use ahash::RandomState;
use ostrakon_ledger::Subject;

use super::opinions::{Opinions, Sides};
use crate::fixed::{MILLION, ONE, Share, from_millionths, ratio, times};
use crate::parameters::Parameters;
use crate::r3_budget;
use crate::r4_consistency::{Population, Record, judgement};
use crate::r5_decay::aged;

/// A report about a message, as held.
#[derive(Debug, Clone)]
pub(super) struct LiveReport {
    pub(super) message: [u8; 32],
    pub(super) reporter: u32,
    /// Places of the message's subjects, each with the share of the message that it answers for.
    pub(super) places: Vec<(u32, Share)>,
    /// −100…100, not 0.
    pub(super) value: i8,
    pub(super) at_ms: u64,
}

impl LiveReport {
    /// |x| at the reference time, in millionths.
    pub(super) fn size(&self, reference_ms: u64, half_life_ms: Option<u64>) -> u64 {
        aged(u64::from(self.value.unsigned_abs()) * 10_000, self.at_ms, reference_ms, half_life_ms)
    }
}

/// Somebody who reports.
#[derive(Debug, Clone)]
pub(super) struct Reporter {
    pub(super) subject: Subject,
    pub(super) trusted: bool,
    pub(super) reports: u32,
    pub(super) consistency: Share,
    /// What a report of theirs weighs since the last recomputation.
    pub(super) credibility: Share,
}

/// Reports by their rows in the log, found by message and reporter, and who made them. Numbers of reporters are reused.
pub(super) struct Reports {
    live: BTreeMap<u64, LiveReport>,
    by_message: HashMap<([u8; 32], u32), u64, RandomState>,
    reporters: Vec<Reporter>,
    reporter_ids: HashMap<Subject, u32, RandomState>,
    free: Vec<u32>,
    reports_max: usize,
    /// A tally per place, all zero between recomputations.
    scratch: Vec<Sides>,
}

impl Reports {
    pub(super) fn new(hasher: RandomState, reports_max: usize) -> Self {
        Self {
            live: BTreeMap::new(),
            by_message: HashMap::with_hasher(hasher.clone()),
            reporters: Vec::new(),
            reporter_ids: HashMap::with_hasher(hasher),
            free: Vec::new(),
            reports_max,
            scratch: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// With their rows, oldest first.
    pub(super) fn by_row(&self) -> impl Iterator<Item = (u64, &LiveReport)> {
        self.live.iter().map(|(row, report)| (*row, report))
    }

    /// Oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &LiveReport> {
        self.live.values()
    }

    /// Those with live reports.
    pub(super) fn reporters(&self) -> impl Iterator<Item = &Reporter> {
        self.reporters.iter().filter(|reporter| reporter.reports > 0)
    }

    pub(super) fn reporter(&self, id: u32) -> &Reporter {
        &self.reporters[id as usize]
    }

    /// The number of a reporter, a new one if there is none.
    pub(super) fn intern(&mut self, subject: &Subject, trusted: bool, p: &Parameters) -> u32 {
        if let Some(id) = self.reporter_ids.get(subject) {
            return *id;
        }
        let credibility = if trusted { ONE } else { from_millionths(p.own_base) };
        let reporter = Reporter { subject: subject.clone(), trusted, reports: 0, consistency: ONE, credibility };
        let id = match self.free.pop() {
            Some(id) => {
                self.reporters[id as usize] = reporter;
                id
            }
            None => {
                self.reporters.push(reporter);
                (self.reporters.len() - 1) as u32
            }
        };
        self.reporter_ids.insert(subject.clone(), id);
        id
    }

    /// Forgets a reporter without live reports: what it weighed may not depend on what nobody keeps.
    pub(super) fn release(&mut self, id: u32) {
        let reporter = &self.reporters[id as usize];
        if reporter.reports == 0 && self.reporter_ids.remove(&reporter.subject).is_some() {
            self.free.push(id);
        }
    }

    /// Adds a report; the same reporter's about the same message must be taken out before.
    pub(super) fn push(&mut self, row: u64, report: LiveReport) {
        self.reporters[report.reporter as usize].reports += 1;
        self.by_message.insert((report.message, report.reporter), row);
        self.live.insert(row, report);
    }

    /// Takes out a reporter's report about a message.
    pub(super) fn take(&mut self, message: &[u8; 32], reporter: u32) -> Option<LiveReport> {
        let row = self.by_message.remove(&(*message, reporter))?;
        self.reporters[reporter as usize].reports -= 1;
        self.live.remove(&row)
    }

    /// Takes out the oldest report, if it is from before row `first` or there are too many.
    pub(super) fn take_oldest(&mut self, first: u64) -> Option<LiveReport> {
        let (row, oldest) = self.live.first_key_value()?;
        if *row >= first && self.live.len() <= self.reports_max {
            return None;
        }
        let (message, reporter) = (oldest.message, oldest.reporter);
        self.take(&message, reporter)
    }

    /// R3 and R4 anew from the live reports alone: trusted reporters judge at full weight, the others at `own_judge`
    /// times their consistency of the round before. What is judged is what a reporter says about a subject, without what
    /// it says itself; a message's subjects count alike here.
    pub(super) fn weigh_reporters(&mut self, opinions: &Opinions, places: usize, p: &Parameters) {
        let judge_base = from_millionths(p.own_judge);
        let k_c_nv = p.k_c_nv();
        self.reporters.iter_mut().for_each(|reporter| reporter.consistency = ONE);
        let tallies = &mut self.scratch;
        tallies.resize(places, Sides::default());
        let mut records = vec![Record::default(); self.reporters.len()];
        for _ in 0..p.rounds {
            let judge = |reporter: &Reporter| {
                if reporter.trusted { ONE } else { times(judge_base, reporter.consistency) }
            };
            let judges: Vec<Share> = self.reporters.iter().map(judge).collect();
            for (reporter, place, opinion) in opinions.iter() {
                tallies[place as usize].add(opinion.vote().weights(judges[reporter as usize]));
            }
            records.fill(Record::default());
            for (reporter, place, opinion) in opinions.iter() {
                let vote = opinion.vote();
                let mut others = tallies[place as usize];
                others.remove(vote.weights(judges[reporter as usize]));
                let judgement = judgement(others.positive, others.negative, k_c_nv);
                let record = &mut records[reporter as usize];
                record.judge(true, vote.positive as u32, judgement, 0);
                record.judge(false, vote.negative as u32, judgement, 0);
            }
            opinions.iter().for_each(|(_, place, _)| tallies[place as usize] = Sides::default());
            // Where many are found to lie, whoever nothing is known about is believed less.
            let ordinary = || self.reporters.iter().zip(&records).filter(|(reporter, _)| !reporter.trusted);
            let mut population = Population::default();
            ordinary().for_each(|(_, record)| population.add(record));
            let usual = population.usual();
            for (reporter, record) in self.reporters.iter_mut().zip(&records).filter(|(reporter, _)| !reporter.trusted)
            {
                reporter.consistency = record.consistency(p, usual);
            }
        }
        let (base, proven) = (from_millionths(p.own_base), from_millionths(p.own_proven));
        for (reporter, record) in self.reporters.iter_mut().zip(&records).filter(|(reporter, _)| !reporter.trusted) {
            let price = r3_budget::price(u64::from(reporter.reports) * MILLION, p.own_budget);
            let earned = base + times(proven.saturating_sub(base), record.sure());
            reporter.credibility = times(times(earned, reporter.consistency), ratio(MILLION, price));
        }
    }
}
