//! R8 experience: the operator's own users are voters too.
//!
//! A report is about a message and counts for each of its subjects, the more the less familiar the subject is beside
//! the others ([`familiarity`]). An ordinary reporter weighs `own_base`, rising to `own_proven` with its record, times
//! its consistency (R4), spread over its reports beyond `own_budget` (R3); a trusted one (moderator, spam trap) weighs
//! a full vote, always. All that one reporter says about one subject is one vote ([`opinions`]), as in the ledger. What reporters weigh is recomputed from the live reports every so many rows of the log; in
//! between a report changes the tallies of its subjects only.
//!
//! Messages and reports are rows of the caller's log, which drops the oldest in time. An experience depends on nothing
//! but the rows that are left, the familiarity that a report has written down, and the latest [`Weighing`]: so it can
//! be folded again, with the same bytes, whatever the log no longer has.

mod familiarity;
mod opinions;
mod places;
mod reports;

use std::collections::BTreeSet;
use std::sync::Arc;

use ostrakon_ledger::Subject;
use serde::Serialize;

use crate::fixed::Share;
use crate::parameters::{HALF_LIFE_MS_MIN, Parameters};
use crate::r5_decay::aged;
use crate::table::{Table, hasher};
pub(crate) use familiarity::by_sight;
use opinions::{Opinion, Opinions};
pub use places::SUBJECTS_MAX;
use places::{OwnTally, Place, Places};
use reports::{LiveReport, Reports};

/// Reporters are weighed again after this many rows (reference: every 500 messages) …
const EPOCH_ROWS: u64 = 500;
/// … or a sixteenth of the live reports if that is more, so that a row pays for sixteen reports at most.
const EPOCH_REPORTS: usize = 16;

/// How much an [`Experience`] remembers at most; what is older is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Messages in the last so many rows of the log; a million take 64 MB.
    pub rows: u64,
    /// Subjects of messages: half a million are the senders of some weeks on a busy server and take about 150 MB.
    pub subjects: usize,
    /// Live reports: a hundred thousand are some months of one busy server's feedback, take about 70 MB, and keep a
    /// recomputation in the tens of milliseconds.
    pub reports: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self { rows: 1_000_000, subjects: 1 << 19, reports: 1 << 17 }
    }
}

/// How a message turned out, as one of the operator's users says. Times in unix ms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The message, by any identifier of the caller's; shorter ones padded with zeros.
    pub message: [u8; 32],
    /// The account that reports.
    pub reporter: Subject,
    /// The message's subjects, each with its [`Experience::familiarity`] when the report came; the first
    /// [`SUBJECTS_MAX`] count.
    pub subjects: Vec<(Subject, u32)>,
    /// +100 wanted, −100 unwanted, anything between; 0 takes an earlier report back.
    pub value: i8,
    /// When it was made.
    pub at_ms: u64,
}

/// When reporters were weighed: all that has to be kept of reports that the log drops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weighing {
    /// From the reports in the rows before this one.
    pub row: u64,
    /// When the latest report had been made, unix ms: the time for which weights are at face value.
    pub at_ms: u64,
}

/// What the operator's own users say about a subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Own {
    /// `⌊log₂(1 + n)⌋` of the n messages with this subject that came before; 0: never seen.
    pub familiarity: u32,
    /// When the first message with it came that is remembered, unix ms; 0: none is.
    pub first_seen_ms: u64,
    /// Reporters with live reports.
    pub reporters: u32,
    /// Ordinary reporters who speak against it.
    pub accusers: u32,
    /// Trusted reporters who speak against it.
    pub trusted_accusers: u32,
    /// Weight of the reports for it, in nano-votes.
    pub positive_nv: u64,
    /// Weight of the reports against it, in nano-votes.
    pub negative_nv: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Known {
    familiarity: u32,
    first_ms: u64,
    tally: OwnTally,
    /// When the tally stands at face value, unix ms.
    reference_ms: u64,
}

/// Messages seen and reports. A value that is driven: the same calls give the same bytes.
pub struct Experience {
    parameters: Arc<Parameters>,
    trusted: BTreeSet<Subject>,
    memory: Memory,
    places: Places,
    reports: Reports,
    opinions: Opinions,
    /// When the latest report was made.
    now_ms: u64,
    /// When reporters were weighed, and tallies stand at face value.
    weighed: Weighing,
    table: Table<Known>,
}

/// What others read of an [`Experience`] while it grows: each answer is as of the latest call that had returned.
/// Cheap to clone.
#[derive(Clone)]
pub struct ExperienceReader {
    parameters: Arc<Parameters>,
    table: Table<Known>,
}

/// [`Opinions::add`] or [`Opinions::remove`].
type Change = fn(&mut Opinions, &LiveReport, u32, Share, u64) -> [Option<Opinion>; 2];

impl Experience {
    /// No experience yet. `trusted`: the accounts whose reports are taken as given.
    pub fn new(parameters: Parameters, trusted: BTreeSet<Subject>) -> Self {
        Self::with_memory(parameters, trusted, Memory::default())
    }

    /// As [`Experience::new`], remembering more or less.
    pub fn with_memory(parameters: Parameters, trusted: BTreeSet<Subject>, memory: Memory) -> Self {
        let mut key = blake3::Hasher::new_derive_key("ostrakon reputation experience v1");
        for subject in &trusted {
            key.update(subject.to_string().as_bytes()).update(b"\n");
        }
        let hasher = hasher(key.finalize().as_bytes());
        Self {
            parameters: Arc::new(parameters.bounded()),
            trusted,
            memory,
            places: Places::new(hasher.clone(), memory.subjects),
            reports: Reports::new(hasher.clone(), memory.reports),
            opinions: Opinions::new(hasher.clone()),
            now_ms: 0,
            weighed: Weighing::default(),
            table: Table::new(hasher),
        }
    }

    /// Row `row` of the log is a message of `at_ms` with these subjects, of which the first [`SUBJECTS_MAX`] count. Rows
    /// of messages ascend.
    pub fn sight(&mut self, row: u64, at_ms: u64, subjects: &[Subject]) {
        let (table, weighed_at_ms) = (&self.table, self.weighed.at_ms);
        self.places.see(row, at_ms, subjects, |place| publish(table, place, weighed_at_ms));
        self.catch_up(row + 1);
    }

    /// How familiar the subjects of a message are that is reported on: `⌊log₂(1 + n)⌋` of the n messages that each was
    /// seen in besides this one. To be kept with the report, since nobody will know later.
    pub fn familiarity(&self, subjects: &[Subject]) -> Vec<u32> {
        let others = |subject| self.places.find(subject).map_or(0, |place| place.sightings.saturating_sub(1));
        subjects.iter().map(|subject| familiarity::familiarity(others(subject))).collect()
    }

    /// Row `row` of the log is this report; a later one of the same reporter about the same message replaces it. Rows
    /// of reports ascend.
    pub fn report(&mut self, row: u64, report: Report) {
        self.catch_up(row);
        self.now_ms = self.now_ms.max(report.at_ms);
        self.weigh_if_stale(row);
        let trusted = self.trusted.contains(&report.reporter);
        let reporter = self.reports.intern(&report.reporter, trusted, &self.parameters);
        if let Some(replaced) = self.reports.take(&report.message, reporter) {
            self.count(&replaced, Opinions::remove);
        }
        if report.value != 0 {
            let places = self.answering(&report.subjects);
            let value = report.value.clamp(-100, 100);
            let live = LiveReport { message: report.message, reporter, places, value, at_ms: report.at_ms };
            self.count(&live, Opinions::add);
            self.reports.push(row, live);
        }
        self.reports.release(reporter);
        self.drop_reports(0);
        self.catch_up(row + 1);
    }

    /// The log has this many rows, of which it may have dropped some.
    pub fn catch_up(&mut self, rows: u64) {
        self.forget_sightings(self.first_row(rows));
        let passed = rows.saturating_sub(self.weighed.row);
        let epoch = EPOCH_ROWS.max((self.reports.len() / EPOCH_REPORTS) as u64);
        if passed >= epoch {
            self.weigh(Weighing { row: rows - passed % epoch, at_ms: self.now_ms });
        }
    }

    /// The first row whose message is remembered when the log has this many.
    pub fn first_row(&self, rows: u64) -> u64 {
        rows.saturating_sub(self.memory.rows)
    }

    /// The log drops all messages before row `first`.
    pub fn forget_sightings(&mut self, first: u64) {
        let (table, at_ms) = (&self.table, self.weighed.at_ms);
        self.places.forget(first, |place| publish(table, place, at_ms));
    }

    /// The log drops all reports before row `first`, and keeps the [`Experience::weighing`] without them.
    pub fn drop_reports_before(&mut self, first: u64, weighing: Weighing) {
        self.drop_reports(first);
        self.resume(weighing);
    }

    /// A weighing now, when the log has this many rows.
    pub fn weighing(&self, rows: u64) -> Weighing {
        Weighing { row: rows, at_ms: self.now_ms }
    }

    /// Goes on from a weighing: to be called between the reports before and behind its row, when a log is folded again.
    pub fn resume(&mut self, weighing: Weighing) {
        self.now_ms = weighing.at_ms;
        self.weigh(weighing);
    }

    /// For those who ask from other threads.
    pub fn reader(&self) -> ExperienceReader {
        ExperienceReader { parameters: Arc::clone(&self.parameters), table: self.table.clone() }
    }

    /// Live reports held.
    pub fn live_reports(&self) -> usize {
        self.reports.len()
    }

    /// Everything held, in a fixed order: equal experiences, equal bytes. Integers are big-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = b"ostrakon experience v1\n".to_vec();
        let mut put = |bytes: &[u8]| out.extend_from_slice(bytes);
        put(&self.parameters.digest());
        [self.now_ms, self.weighed.row, self.weighed.at_ms].iter().for_each(|n| put(&n.to_be_bytes()));
        let mut put_text = |text: String| {
            put(&(text.len() as u64).to_be_bytes());
            put(text.as_bytes());
        };
        for (row, at_ms, places) in self.places.sightings() {
            put_text(format!("{row} {at_ms}"));
            places.for_each(|place| put_text(place.subject.to_string()));
        }
        put_text(String::new());
        for (row, report) in self.reports.by_row() {
            put_text(format!("{row} {}", self.reports.reporter(report.reporter).subject));
            for (at, share) in &report.places {
                put_text(format!("{} {share}", self.places.place(*at).subject));
            }
            put_text(format!("{} {} {:?}", report.value, report.at_ms, report.message));
        }
        put_text(String::new());
        let mut reporters: Vec<_> = self.reports.reporters().collect();
        reporters.sort_by_key(|reporter| &reporter.subject);
        for reporter in reporters {
            put_text(format!("{} {} {}", reporter.subject, reporter.consistency, reporter.credibility));
        }
        let known = |place: &&Place| place.sightings > 0 || place.tally.reporters > 0;
        let mut places: Vec<_> = self.places.iter().filter(known).collect();
        places.sort_by_key(|place| &place.subject);
        for Place { subject, sightings, first_ms, tally, .. } in places {
            put_text(format!("{subject} {sightings} {first_ms} {tally:?}"));
        }
        out
    }

    /// The places of a message's subjects, each with the share of the message that it answers for.
    fn answering(&mut self, subjects: &[(Subject, u32)]) -> Vec<(u32, Share)> {
        let subjects = &subjects[..subjects.len().min(SUBJECTS_MAX)];
        let seen = subjects.iter().map(|(subject, familiarity)| (subject, *familiarity));
        let shares = familiarity::shares(seen, self.parameters.own_spread);
        let mut places: Vec<(u32, Share)> = Vec::with_capacity(subjects.len());
        for ((subject, _), share) in subjects.iter().zip(shares) {
            let id = self.places.intern(subject);
            if places.iter().all(|(other, _)| *other != id) {
                places.push((id, share));
            }
        }
        places
    }

    /// Adds a report to what its reporter says about its subjects, or takes it out.
    fn count(&mut self, report: &LiveReport, change: Change) {
        let reporter = self.reports.reporter(report.reporter);
        let (credibility, trusted) = (reporter.credibility, reporter.trusted);
        let size = report.size(self.weighed.at_ms, self.parameters.half_life_ms);
        for (id, share) in &report.places {
            let [before, after] = change(&mut self.opinions, report, *id, *share, size);
            let place = self.places.place_mut(*id);
            if let Some(before) = before {
                place.tally.remove(&before, credibility, trusted);
            }
            if let Some(after) = after {
                place.tally.add(&after, credibility, trusted);
            }
            publish(&self.table, place, self.weighed.at_ms);
            self.places.release(*id);
        }
    }

    /// Drops the reports before row `first`, and the oldest beyond what is remembered.
    fn drop_reports(&mut self, first: u64) {
        while let Some(oldest) = self.reports.take_oldest(first) {
            self.count(&oldest, Opinions::remove);
            self.reports.release(oldest.reporter);
        }
    }

    /// Weights may grow at most fourfold beyond the reference time (R5), so that must not lie too far back.
    fn weigh_if_stale(&mut self, row: u64) {
        if self.parameters.half_life_ms.is_some() && self.now_ms - self.weighed.at_ms > HALF_LIFE_MS_MIN {
            self.weigh(Weighing { row, at_ms: self.now_ms });
        }
    }

    /// Steps: (1) weigh the reporters from the live reports, (2) tally anew, (3) publish. Only what is reported on is
    /// looked at: however many subjects were seen, they cost nothing here.
    fn weigh(&mut self, weighing: Weighing) {
        self.weighed = weighing;
        let at_ms = weighing.at_ms;
        self.opinions.rebuild(self.reports.iter(), at_ms, &self.parameters);
        self.reports.weigh_reporters(&self.opinions, self.places.len(), &self.parameters);
        for (_, place, _) in self.opinions.iter() {
            self.places.place_mut(place).tally = OwnTally::default();
        }
        for (reporter, place, opinion) in self.opinions.iter() {
            let reporter = self.reports.reporter(reporter);
            self.places.place_mut(place).tally.add(opinion, reporter.credibility, reporter.trusted);
        }
        for (_, place, _) in self.opinions.iter() {
            publish(&self.table, self.places.place(place), at_ms);
        }
    }
}

impl ExperienceReader {
    /// What the operator's users say about a subject at `now_ms`, with decay (R5).
    pub fn own(&self, subject: &Subject, now_ms: u64) -> Own {
        let Some(known) = self.table.find(subject) else { return Own::default() };
        let now_ms = now_ms.max(known.reference_ms);
        let aged = |amount| aged(amount, known.reference_ms, now_ms, self.parameters.half_life_ms);
        Own {
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

/// Shows readers how a subject stands.
fn publish(table: &Table<Known>, place: &Place, reference_ms: u64) {
    if place.sightings == 0 && place.tally.reporters == 0 {
        table.remove(&place.subject);
    } else {
        let familiarity = familiarity::familiarity(place.sightings);
        table.set(&place.subject, Known { familiarity, first_ms: place.first_ms, tally: place.tally, reference_ms });
    }
}
