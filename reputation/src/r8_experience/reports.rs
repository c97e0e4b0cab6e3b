//! The live reports, their reporters, and the weight of each reporter.

use std::collections::{BTreeMap, HashMap};

use ahash::RandomState;
use ostrakon_ledger::Subject;

use super::known_subjects::SubjectNumber;
use super::reporter_votes::{ReporterVoteKey, ReporterVotes, Sides};
use crate::fixed::{Fraction, MILLION, ONE, from_millionths, ratio, times};
use crate::parameters::Parameters;
use crate::r3_budget;
use crate::r4_consistency::{Population, TrackRecord, judgement};
use crate::r5_decay::aged;

/// [`super::ExperienceReport::message`].
type ReportedMessage = [u8; 32];

/// The number of a reporter. Numbers of reporters without live reports are used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub(super) struct ReporterNumber(u32);

impl ReporterNumber {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// A report about a message, as it is kept.
#[derive(Debug, Clone)]
pub(super) struct LiveReport {
    pub(super) message: ReportedMessage,
    pub(super) reporter: ReporterNumber,
    /// The message's subjects, each once.
    pub(super) subjects: Vec<SubjectShare>,
    /// −100…100, not 0.
    pub(super) value: i8,
    /// When the report was made, unix ms.
    pub(super) at_ms: u64,
}

/// A subject, and its share of a report.
#[derive(Debug, Clone, Copy)]
pub(super) struct SubjectShare {
    pub(super) subject: SubjectNumber,
    pub(super) share: Fraction,
}

/// A report as it counts for one of its subjects.
#[derive(Debug, Clone, Copy)]
pub(super) struct SharedReport {
    pub(super) reporter: ReporterNumber,
    pub(super) subject: SubjectNumber,
    pub(super) share: Fraction,
    /// −100…100, not 0.
    pub(super) value: i8,
    /// [`LiveReport::size`].
    pub(super) size: u64,
}

impl SharedReport {
    /// The vote to which the report belongs.
    pub(super) fn key(self) -> ReporterVoteKey {
        ReporterVoteKey { reporter: self.reporter, subject: self.subject }
    }
}

impl LiveReport {
    /// |x| at the reference time, in millionths of a vote.
    pub(super) fn size(&self, reference_ms: u64, half_life_ms: Option<u64>) -> u64 {
        aged(u64::from(self.value.unsigned_abs()) * 10_000, self.at_ms, reference_ms, half_life_ms)
    }

    /// The report as it counts for each of its subjects, given its [`LiveReport::size`].
    pub(super) fn shared(&self, size: u64) -> impl Iterator<Item = SharedReport> + '_ {
        let &Self { reporter, value, .. } = self;
        self.subjects.iter().map(move |it| SharedReport { reporter, subject: it.subject, share: it.share, value, size })
    }
}

/// A user who reports.
#[derive(Debug, Clone)]
pub(super) struct Reporter {
    pub(super) subject: Subject,
    pub(super) trusted: bool,
    pub(super) reports: u32,
    pub(super) consistency: Fraction,
    /// The weight of a report of this user, as of the last recomputation.
    pub(super) credibility: Fraction,
}

/// The live reports by their rows in the log, found by message and reporter, and the reporters.
pub(super) struct Reports {
    live: BTreeMap<u64, LiveReport>,
    by_message: HashMap<(ReportedMessage, ReporterNumber), u64, RandomState>,
    reporters: Vec<Reporter>,
    numbers: HashMap<Subject, ReporterNumber, RandomState>,
    free: Vec<ReporterNumber>,
    reports_max: usize,
    /// A tally per subject, all zero between recomputations.
    scratch: Vec<Sides>,
}

impl Reports {
    pub(super) fn new(hasher: RandomState, reports_max: usize) -> Self {
        Self {
            live: BTreeMap::new(),
            by_message: HashMap::with_hasher(hasher.clone()),
            reporters: Vec::new(),
            numbers: HashMap::with_hasher(hasher),
            free: Vec::new(),
            reports_max,
            scratch: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// The reports with their rows, the oldest first.
    pub(super) fn by_row(&self) -> impl Iterator<Item = (u64, &LiveReport)> {
        self.live.iter().map(|(row, report)| (*row, report))
    }

    /// The reports, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &LiveReport> {
        self.live.values()
    }

    /// The reporters with live reports.
    pub(super) fn reporters(&self) -> impl Iterator<Item = &Reporter> {
        self.reporters.iter().filter(|reporter| reporter.reports > 0)
    }

    pub(super) fn reporter(&self, number: ReporterNumber) -> &Reporter {
        &self.reporters[number.index()]
    }

    /// The number of a reporter. A new reporter gets a free number.
    pub(super) fn intern(&mut self, subject: &Subject, trusted: bool, p: &Parameters) -> ReporterNumber {
        if let Some(number) = self.numbers.get(subject) {
            return *number;
        }
        let credibility = if trusted { ONE } else { from_millionths(p.own_base) };
        let reporter = Reporter { subject: subject.clone(), trusted, reports: 0, consistency: ONE, credibility };
        let number = match self.free.pop() {
            Some(number) => {
                self.reporters[number.index()] = reporter;
                number
            }
            None => {
                self.reporters.push(reporter);
                ReporterNumber((self.reporters.len() - 1) as u32)
            }
        };
        self.numbers.insert(subject.clone(), number);
        number
    }

    /// Forgets a reporter if it has no live reports, because its weight must not depend on reports that are gone.
    pub(super) fn release(&mut self, number: ReporterNumber) {
        let reporter = &self.reporters[number.index()];
        if reporter.reports == 0 && self.numbers.remove(&reporter.subject).is_some() {
            self.free.push(number);
        }
    }

    /// Adds a report. An earlier report of the same reporter about the same message must be taken out before.
    pub(super) fn push(&mut self, row: u64, report: LiveReport) {
        self.reporters[report.reporter.index()].reports += 1;
        self.by_message.insert((report.message, report.reporter), row);
        self.live.insert(row, report);
    }

    /// Takes out a reporter's report about a message.
    pub(super) fn take(&mut self, message: &ReportedMessage, reporter: ReporterNumber) -> Option<LiveReport> {
        let row = self.by_message.remove(&(*message, reporter))?;
        self.reporters[reporter.index()].reports -= 1;
        self.live.remove(&row)
    }

    /// Takes out the oldest report if it is before row `first`, or if there are too many reports.
    pub(super) fn take_oldest(&mut self, first: u64) -> Option<LiveReport> {
        let (row, oldest) = self.live.first_key_value()?;
        if *row >= first && self.live.len() <= self.reports_max {
            return None;
        }
        let (message, reporter) = (oldest.message, oldest.reporter);
        self.take(&message, reporter)
    }

    /// Computes R3 and R4 anew, from the live reports alone. Trusted reporters judge with full weight, the others with
    /// `own_judge` times their consistency in the round before. Each reporter's vote on a subject is judged by the
    /// votes of the other reporters. The shares of subjects do not matter here. `subjects` is the number of subjects.
    pub(super) fn weigh_reporters(&mut self, votes: &ReporterVotes, subjects: usize, p: &Parameters) {
        let judge_base = from_millionths(p.own_judge);
        let k_c_nv = p.k_c_nv();
        self.reporters.iter_mut().for_each(|reporter| reporter.consistency = ONE);
        let tallies = &mut self.scratch;
        tallies.resize(subjects, Sides::default());
        let mut records = vec![TrackRecord::default(); self.reporters.len()];
        for _ in 0..p.rounds {
            let judge = |reporter: &Reporter| {
                if reporter.trusted { ONE } else { times(judge_base, reporter.consistency) }
            };
            let judges: Vec<Fraction> = self.reporters.iter().map(judge).collect();
            for (key, vote) in votes.iter() {
                tallies[key.subject.index()].add(vote.whole().weights(judges[key.reporter.index()]));
            }
            records.fill(TrackRecord::default());
            for (key, vote) in votes.iter() {
                let vote = vote.whole();
                let mut others = tallies[key.subject.index()];
                others.remove(vote.weights(judges[key.reporter.index()]));
                let judgement = judgement(others.positive, others.negative, k_c_nv);
                let record = &mut records[key.reporter.index()];
                record.judge(true, vote.positive as u32, judgement, 0);
                record.judge(false, vote.negative as u32, judgement, 0);
            }
            votes.iter().for_each(|(key, _)| tallies[key.subject.index()] = Sides::default());
            // If many reporters contradict the others, a reporter about whom nothing is known has less weight.
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
