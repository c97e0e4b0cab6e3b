//! R8 experience: the operator's own users are voters too.
//!
//! A report is about a message and counts for each subject of the message. It counts the more for a subject, the less
//! familiar the subject is compared with the others ([`familiarity`]). The weight of an ordinary reporter is
//! `own_base`, rising to `own_proven` with its record, times its consistency (R4), and spread over its reports beyond
//! `own_budget` (R3). A trusted reporter (a moderator or a spam trap) always has the weight of a full vote. All reports
//! of one reporter about one subject are one vote ([`reporter_votes`]), as in the ledger. The weights are recomputed
//! from the live reports after a number of rows of the log; between two recomputations a report changes only the
//! tallies of its subjects.
//!
//! Messages and reports are rows of the caller's log, which drops its oldest rows. An experience depends only on the
//! rows that are left, on the familiarity that each report has recorded, and on the latest [`Weighing`]. So it can be
//! folded again with the same bytes, whichever rows the log has dropped.

mod familiarity;
mod known_subjects;
mod reporter_votes;
mod reports;

use std::collections::BTreeSet;
use std::sync::Arc;

use ostrakon_ledger::Subject;
use serde::Serialize;

use crate::parameters::{HALF_LIFE_MS_MIN, Parameters};
use crate::r5_decay::aged;
use crate::table::{SharedMap, hasher};
pub(crate) use familiarity::by_sight;
pub use known_subjects::SUBJECTS_MAX;
use known_subjects::{KnownSubject, KnownSubjects, OwnTally};
use reporter_votes::{ReporterVotes, VoteChange};
use reports::{LiveReport, Reports, SharedReport, SubjectShare};

/// The weights of reporters are recomputed after this many rows (reference: every 500 messages).
const EPOCH_ROWS: u64 = 500;
/// If a sixteenth of the live reports is more rows, they are recomputed after that many, so that a row pays for sixteen
/// reports at most.
const EPOCH_REPORTS: usize = 16;

/// How much an [`Experience`] keeps at most. The oldest is forgotten first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExperienceLimits {
    /// Messages in this many rows at the end of the log; a million take 64 MB.
    pub rows: u64,
    /// Subjects of messages. Half a million are the senders of some weeks on a busy server, and take about 150 MB.
    pub subjects: usize,
    /// Live reports. A hundred thousand are the feedback of some months on a busy server, and take about 70 MB. A
    /// recomputation then takes tens of milliseconds.
    pub reports: usize,
}

impl Default for ExperienceLimits {
    fn default() -> Self {
        Self { rows: 1_000_000, subjects: 1 << 19, reports: 1 << 17 }
    }
}

/// The judgement of one of the operator's users on a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExperienceReport {
    /// The message, by an identifier that the caller chooses; a shorter identifier is padded with zeros.
    pub message: [u8; 32],
    /// The account that reports.
    pub reporter: Subject,
    /// The message's subjects, each with its [`Experience::familiarity`] when the report came. Only the first
    /// [`SUBJECTS_MAX`] count.
    pub subjects: Vec<(Subject, u32)>,
    /// +100 wanted … −100 unwanted; 0 takes an earlier report back.
    pub value: i8,
    /// When the report was made, unix ms.
    pub at_ms: u64,
}

/// When the weights of reporters were computed. This is all that must be kept of reports that the log drops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weighing {
    /// The weights were computed from the reports in the rows before this one.
    pub row: u64,
    /// When the latest of these reports was made, unix ms. At this time the weights are at face value.
    pub at_ms: u64,
}

/// The reports of the operator's own users about a subject, and how often it was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OwnReports {
    /// `⌊log₂(1 + n)⌋` of the n messages with this subject that came before; 0: never seen.
    pub familiarity: u32,
    /// When the first remembered message with the subject came, unix ms; 0: no message is remembered.
    pub first_seen_ms: u64,
    /// Reporters with live reports.
    pub reporters: u32,
    /// Ordinary reporters who are against it.
    pub accusers: u32,
    /// Trusted reporters who are against it.
    pub trusted_accusers: u32,
    /// Weight of the reports for it, in nano-votes.
    pub positive_nv: u64,
    /// Weight of the reports against it, in nano-votes.
    pub negative_nv: u64,
}

/// What readers see of a subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct SubjectSummary {
    /// [`OwnReports::familiarity`].
    familiarity: u32,
    first_ms: u64,
    tally: OwnTally,
    /// When the tally is at face value, unix ms.
    reference_ms: u64,
}

/// The messages seen and the reports of the operator's own users. The same calls give the same bytes.
pub struct Experience {
    parameters: Arc<Parameters>,
    trusted: BTreeSet<Subject>,
    limits: ExperienceLimits,
    subjects: KnownSubjects,
    reports: Reports,
    votes: ReporterVotes,
    /// When the latest report was made, unix ms.
    now_ms: u64,
    /// When the weights of reporters were computed. Tallies are at face value at this time.
    weighed: Weighing,
    table: SharedMap<SubjectSummary>,
}

/// Reads an [`Experience`] from other threads while it changes. Each answer includes all calls that had returned. Cheap
/// to clone.
#[derive(Clone)]
pub struct ExperienceReader {
    parameters: Arc<Parameters>,
    table: SharedMap<SubjectSummary>,
}

/// [`ReporterVotes::add`] or [`ReporterVotes::remove`].
type ChangeVote = fn(&mut ReporterVotes, SharedReport) -> VoteChange;

impl Experience {
    /// An empty experience. `trusted` are the accounts whose reports have full weight.
    pub fn new(parameters: Parameters, trusted: BTreeSet<Subject>) -> Self {
        Self::with_limits(parameters, trusted, ExperienceLimits::default())
    }

    /// As [`Experience::new`], with other limits.
    pub fn with_limits(parameters: Parameters, trusted: BTreeSet<Subject>, limits: ExperienceLimits) -> Self {
        let mut key = blake3::Hasher::new_derive_key("ostrakon reputation experience v1");
        for subject in &trusted {
            key.update(subject.to_string().as_bytes()).update(b"\n");
        }
        let hasher = hasher(key.finalize().as_bytes());
        Self {
            parameters: Arc::new(parameters.bounded()),
            trusted,
            limits,
            subjects: KnownSubjects::new(hasher.clone(), limits.subjects),
            reports: Reports::new(hasher.clone(), limits.reports),
            votes: ReporterVotes::new(hasher.clone()),
            now_ms: 0,
            weighed: Weighing::default(),
            table: SharedMap::new(hasher),
        }
    }

    /// Row `row` of the log is a message that came at `at_ms` with these subjects. Only the first [`SUBJECTS_MAX`]
    /// subjects count. The rows of messages must ascend.
    pub fn sight(&mut self, row: u64, at_ms: u64, subjects: &[Subject]) {
        let (table, weighed_at_ms) = (&self.table, self.weighed.at_ms);
        self.subjects.see(row, at_ms, subjects, |known| publish(table, known, weighed_at_ms));
        self.catch_up(row + 1);
    }

    /// How familiar the subjects of a reported message are: for each subject `⌊log₂(1 + n)⌋` of the n messages in which
    /// it was seen, apart from the reported one. Keep this with the report, because it cannot be computed later.
    pub fn familiarity(&self, subjects: &[Subject]) -> Vec<u32> {
        let others = |subject| self.subjects.find(subject).map_or(0, |known| known.sightings.saturating_sub(1));
        subjects.iter().map(|subject| familiarity::familiarity(others(subject))).collect()
    }

    /// Row `row` of the log is this report. It replaces an earlier report of the same reporter about the same message.
    /// The rows of reports must ascend.
    pub fn report(&mut self, row: u64, report: ExperienceReport) {
        self.catch_up(row);
        self.now_ms = self.now_ms.max(report.at_ms);
        self.weigh_if_stale(row);
        let trusted = self.trusted.contains(&report.reporter);
        let reporter = self.reports.intern(&report.reporter, trusted, &self.parameters);
        if let Some(replaced) = self.reports.take(&report.message, reporter) {
            self.count(&replaced, ReporterVotes::remove);
        }
        if report.value != 0 {
            let subjects = self.shares(&report.subjects);
            let value = report.value.clamp(-100, 100);
            let live = LiveReport { message: report.message, reporter, subjects, value, at_ms: report.at_ms };
            self.count(&live, ReporterVotes::add);
            self.reports.push(row, live);
        }
        self.reports.release(reporter);
        self.drop_reports(0);
        self.catch_up(row + 1);
    }

    /// The log now has this many rows. It may have dropped some of them.
    pub fn catch_up(&mut self, rows: u64) {
        self.forget_sightings(self.first_row(rows));
        let passed = rows.saturating_sub(self.weighed.row);
        let epoch = EPOCH_ROWS.max((self.reports.len() / EPOCH_REPORTS) as u64);
        if passed >= epoch {
            self.weigh(Weighing { row: rows - passed % epoch, at_ms: self.now_ms });
        }
    }

    /// The first row whose message is remembered when the log has this many rows.
    pub fn first_row(&self, rows: u64) -> u64 {
        rows.saturating_sub(self.limits.rows)
    }

    /// The log drops all messages before row `first`.
    pub fn forget_sightings(&mut self, first: u64) {
        let (table, at_ms) = (&self.table, self.weighed.at_ms);
        self.subjects.forget(first, |known| publish(table, known, at_ms));
    }

    /// The log drops all reports before row `first`. The caller keeps `weighing`, from [`Experience::weighing`].
    pub fn drop_reports_before(&mut self, first: u64, weighing: Weighing) {
        self.drop_reports(first);
        self.resume(weighing);
    }

    /// The weighing of this moment; the log has this many rows.
    pub fn weighing(&self, rows: u64) -> Weighing {
        Weighing { row: rows, at_ms: self.now_ms }
    }

    /// Continues from a weighing. When a log is folded again, call this after the reports before the weighing's row and
    /// before the others.
    pub fn resume(&mut self, weighing: Weighing) {
        self.now_ms = weighing.at_ms;
        self.weigh(weighing);
    }

    /// A reader for other threads.
    pub fn reader(&self) -> ExperienceReader {
        ExperienceReader { parameters: Arc::clone(&self.parameters), table: self.table.clone() }
    }

    /// How many live reports there are.
    pub fn live_reports(&self) -> usize {
        self.reports.len()
    }

    /// Everything in the experience, in a fixed order. Equal experiences have equal bytes. Integers are big-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = b"ostrakon experience v1\n".to_vec();
        let mut put = |bytes: &[u8]| out.extend_from_slice(bytes);
        put(&self.parameters.digest());
        [self.now_ms, self.weighed.row, self.weighed.at_ms].iter().for_each(|n| put(&n.to_be_bytes()));
        let mut put_text = |text: String| {
            put(&(text.len() as u64).to_be_bytes());
            put(text.as_bytes());
        };
        for message in self.subjects.messages() {
            put_text(format!("{} {}", message.row, message.at_ms));
            self.subjects.of_message(message).for_each(|known| put_text(known.subject.to_string()));
        }
        put_text(String::new());
        for (row, report) in self.reports.by_row() {
            put_text(format!("{row} {}", self.reports.reporter(report.reporter).subject));
            for SubjectShare { subject, share } in &report.subjects {
                put_text(format!("{} {share}", self.subjects.known(*subject).subject));
            }
            put_text(format!("{} {} {:?}", report.value, report.at_ms, report.message));
        }
        put_text(String::new());
        let mut reporters: Vec<_> = self.reports.reporters().collect();
        reporters.sort_by_key(|reporter| &reporter.subject);
        for reporter in reporters {
            put_text(format!("{} {} {}", reporter.subject, reporter.consistency, reporter.credibility));
        }
        let in_use = |known: &&KnownSubject| known.sightings > 0 || known.tally.reporters > 0;
        let mut subjects: Vec<_> = self.subjects.iter().filter(in_use).collect();
        subjects.sort_by_key(|known| &known.subject);
        for KnownSubject { subject, sightings, first_ms, tally, .. } in subjects {
            put_text(format!("{subject} {sightings} {first_ms} {tally:?}"));
        }
        out
    }

    /// The subjects of a message, each once, with their shares of a report on it.
    fn shares(&mut self, subjects: &[(Subject, u32)]) -> Vec<SubjectShare> {
        let subjects = &subjects[..subjects.len().min(SUBJECTS_MAX)];
        let seen = subjects.iter().map(|(subject, familiarity)| (subject, *familiarity));
        let shares = familiarity::shares(seen, self.parameters.own_spread);
        let mut shared: Vec<SubjectShare> = Vec::with_capacity(subjects.len());
        for ((subject, _), share) in subjects.iter().zip(shares) {
            let subject = self.subjects.intern(subject);
            if shared.iter().all(|other| other.subject != subject) {
                shared.push(SubjectShare { subject, share });
            }
        }
        shared
    }

    /// Adds a report to its reporter's votes on its subjects, or takes it out.
    fn count(&mut self, report: &LiveReport, change: ChangeVote) {
        let reporter = self.reports.reporter(report.reporter);
        let (credibility, trusted) = (reporter.credibility, reporter.trusted);
        let size = report.size(self.weighed.at_ms, self.parameters.half_life_ms);
        for shared in report.shared(size) {
            let VoteChange { before, after } = change(&mut self.votes, shared);
            let known = self.subjects.known_mut(shared.subject);
            if let Some(before) = before {
                known.tally.remove(&before, credibility, trusted);
            }
            if let Some(after) = after {
                known.tally.add(&after, credibility, trusted);
            }
            publish(&self.table, known, self.weighed.at_ms);
            self.subjects.release(shared.subject);
        }
    }

    /// Drops the reports before row `first`, and the oldest reports while there are too many.
    fn drop_reports(&mut self, first: u64) {
        while let Some(oldest) = self.reports.take_oldest(first) {
            self.count(&oldest, ReporterVotes::remove);
            self.reports.release(oldest.reporter);
        }
    }

    /// Recomputes the weights if the reference time is too long ago: beyond it, votes grow at most fourfold (R5).
    fn weigh_if_stale(&mut self, row: u64) {
        if self.parameters.half_life_ms.is_some() && self.now_ms - self.weighed.at_ms > HALF_LIFE_MS_MIN {
            self.weigh(Weighing { row, at_ms: self.now_ms });
        }
    }

    /// Recomputes the weights of reporters and the tallies.
    ///
    /// Steps: (1) the weights, from the live reports, (2) the tallies, (3) publish. The cost depends on the subjects
    /// with reports only, not on the subjects that were seen.
    fn weigh(&mut self, weighing: Weighing) {
        self.weighed = weighing;
        let at_ms = weighing.at_ms;
        self.votes.rebuild(self.reports.iter(), at_ms, &self.parameters);
        self.reports.weigh_reporters(&self.votes, self.subjects.len(), &self.parameters);
        for (key, _) in self.votes.iter() {
            self.subjects.known_mut(key.subject).tally = OwnTally::default();
        }
        for (key, vote) in self.votes.iter() {
            let reporter = self.reports.reporter(key.reporter);
            self.subjects.known_mut(key.subject).tally.add(vote, reporter.credibility, reporter.trusted);
        }
        for (key, _) in self.votes.iter() {
            publish(&self.table, self.subjects.known(key.subject), at_ms);
        }
    }
}

impl ExperienceReader {
    /// The reports of the operator's users about a subject at `now_ms`, with decay (R5).
    pub fn own(&self, subject: &Subject, now_ms: u64) -> OwnReports {
        let Some(known) = self.table.find(subject) else { return OwnReports::default() };
        let now_ms = now_ms.max(known.reference_ms);
        let aged = |amount| aged(amount, known.reference_ms, now_ms, self.parameters.half_life_ms);
        OwnReports {
            familiarity: known.familiarity,
            first_seen_ms: known.first_ms,
            reporters: known.tally.reporters,
            accusers: known.tally.accusers,
            trusted_accusers: known.tally.trusted_accusers,
            positive_nv: aged(known.tally.weights.positive),
            negative_nv: aged(known.tally.weights.negative),
        }
    }
}

/// Shows readers the state of a subject.
fn publish(table: &SharedMap<SubjectSummary>, known: &KnownSubject, reference_ms: u64) {
    if known.sightings == 0 && known.tally.reporters == 0 {
        table.remove(&known.subject);
    } else {
        let familiarity = familiarity::familiarity(known.sightings);
        let summary = SubjectSummary { familiarity, first_ms: known.first_ms, tally: known.tally, reference_ms };
        table.set(&known.subject, summary);
    }
}
