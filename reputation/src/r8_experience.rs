//! R8 experience: the operator's own users are voters too.
//!
//! A report is about a message and counts for each of its subjects, the more the less familiar the subject is beside
//! the others ([`familiarity`]). An ordinary reporter weighs `own_base`, rising to `own_proven` with its record, times
//! its consistency (R4), spread over its reports beyond `own_budget` (R3); a trusted one (moderator, spam trap) weighs
//! a full vote, always. What reporters weigh is recomputed from the live reports every so many sightings and reports;
//! in between a report changes the tallies of its subjects only.

mod familiarity;
mod places;
mod reports;

use std::collections::BTreeSet;
use std::sync::Arc;

use ostrakon_ledger::Subject;
use serde::Serialize;

pub(crate) use familiarity::by_sight;
pub use places::SEEN_MAX;
pub use reports::REPORTS_MAX;

use crate::engine::Tally;
use crate::fixed::Share;
use crate::parameters::{HALF_LIFE_MS_MIN, Parameters};
use crate::r5_decay::aged;
use crate::table::{Table, hasher};
use places::{Place, Places};
use reports::{LiveReport, Reports};

/// Most subjects of one message: peer, network, domain, account, content and one to spare.
pub const SUBJECTS_MAX: usize = 6;
/// Reporters are weighed again after this many sightings and reports (reference: every 500 messages) …
const EPOCH_EVENTS: usize = 500;
/// … or a sixteenth of the live reports if that is more, so that an event pays for sixteen reports at most …
const EPOCH_REPORTS: usize = 16;
/// … or a 64th of the remembered subjects, so that it pays for 64 of them at most.
const EPOCH_PLACES: usize = 64;

/// How a message turned out, as one of the operator's users says. Times in unix ms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The message, by any identifier of the caller's; shorter ones padded with zeros.
    pub message: [u8; 32],
    /// The account that reports.
    pub reporter: Subject,
    /// The message's subjects; the first [`SUBJECTS_MAX`] count.
    pub subjects: Vec<Subject>,
    /// +100 wanted, −100 unwanted, anything between; 0 takes an earlier report back.
    pub value: i8,
    /// When it was made.
    pub at_ms: u64,
}

/// What the operator's own users say about a subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Own {
    /// `⌊log₂(1 + n)⌋` of the n messages with this subject that came before; 0: never seen.
    pub familiarity: u32,
    /// Live reports.
    pub reports: u32,
    /// Weight of the reports for it, in nano-votes.
    pub positive_nv: u64,
    /// Weight of the reports against it, in nano-votes.
    pub negative_nv: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Known {
    familiarity: u32,
    tally: Tally,
    /// When the tally stands at face value, unix ms.
    reference_ms: u64,
}

/// Sightings and reports. A value that is driven: the same calls give the same bytes.
pub struct Experience {
    parameters: Arc<Parameters>,
    trusted: BTreeSet<Subject>,
    places: Places,
    reports: Reports,
    /// Sightings and reports since reporters were weighed.
    events: usize,
    now_ms: u64,
    /// When tallies stand at face value.
    reference_ms: u64,
    table: Table<Known>,
}

/// What others read of an [`Experience`] while it grows: each answer is as of the latest call that had returned.
/// Cheap to clone.
#[derive(Clone)]
pub struct ExperienceReader {
    parameters: Arc<Parameters>,
    table: Table<Known>,
}

impl Experience {
    /// No experience yet. `trusted`: the accounts whose reports are taken as given.
    pub fn new(parameters: Parameters, trusted: BTreeSet<Subject>) -> Self {
        Self::with_limits(parameters, trusted, SEEN_MAX, REPORTS_MAX)
    }

    /// As [`Experience::new`], remembering less: at most `seen_max` subjects and `reports_max` reports.
    pub fn with_limits(
        parameters: Parameters,
        trusted: BTreeSet<Subject>,
        seen_max: usize,
        reports_max: usize,
    ) -> Self {
        let mut key = blake3::Hasher::new_derive_key("ostrakon reputation experience v1");
        for subject in &trusted {
            key.update(subject.to_string().as_bytes()).update(b"\n");
        }
        let hasher = hasher(key.finalize().as_bytes());
        Self {
            parameters: Arc::new(parameters.bounded()),
            trusted,
            places: Places::new(hasher.clone(), seen_max.min(SEEN_MAX)),
            reports: Reports::new(hasher.clone(), reports_max.min(REPORTS_MAX)),
            events: 0,
            now_ms: 0,
            reference_ms: 0,
            table: Table::new(hasher),
        }
    }

    /// Notes that a message with these subjects came; the first [`SUBJECTS_MAX`] count.
    pub fn sight(&mut self, subjects: &[Subject], at_ms: u64) {
        for subject in subjects.iter().take(SUBJECTS_MAX) {
            let id = self.places.intern(subject);
            if self.places.see(id) {
                self.publish(id);
            }
        }
        while let Some(id) = self.places.forget_one() {
            self.publish(id);
            self.places.release(id);
        }
        self.passed(at_ms);
    }

    /// Takes a report; a later one of the same reporter about the same message replaces it.
    pub fn report(&mut self, report: Report) {
        self.weigh_if_stale(report.at_ms);
        let trusted = self.trusted.contains(&report.reporter);
        let reporter = self.reports.intern(&report.reporter, trusted, &self.parameters);
        if let Some(replaced) = self.reports.take(&report.message, reporter) {
            self.count(&replaced, Tally::remove);
        }
        if report.value != 0 {
            let mut places = Vec::with_capacity(report.subjects.len().min(SUBJECTS_MAX));
            for subject in report.subjects.iter().take(SUBJECTS_MAX) {
                let id = self.places.intern(subject);
                if !places.contains(&id) {
                    places.push(id);
                }
            }
            let places = self.answering(places);
            let value = report.value.clamp(-100, 100);
            let live = LiveReport { message: report.message, reporter, places, value, at_ms: report.at_ms };
            self.count(&live, Tally::add);
            self.reports.push(live);
        }
        while let Some(oldest) = self.reports.take_surplus() {
            self.count(&oldest, Tally::remove);
        }
        self.passed(report.at_ms);
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
        [self.now_ms, self.reference_ms, self.events as u64].iter().for_each(|n| put(&n.to_be_bytes()));
        let mut put_text = |text: String| {
            put(&(text.len() as u64).to_be_bytes());
            put(text.as_bytes());
        };
        for id in self.places.by_sight() {
            let place = self.places.place(id);
            put_text(format!("{} {}", place.subject, place.sightings));
        }
        put_text(String::new());
        for report in self.reports.iter() {
            put_text(self.reports.reporter(report.reporter).subject.to_string());
            for (at, share) in &report.places {
                put_text(format!("{} {share}", self.places.place(*at).subject));
            }
            put_text(format!("{} {} {:?}", report.value, report.at_ms, report.message));
        }
        put_text(String::new());
        for reporter in self.reports.reporters() {
            put_text(format!("{} {} {}", reporter.subject, reporter.consistency, reporter.credibility));
        }
        let mut tallies: Vec<_> = self.places.iter().filter(|place| place.tally.voters > 0).collect();
        tallies.sort_by_key(|place| &place.subject);
        tallies.iter().for_each(|place| put_text(format!("{} {:?}", place.subject, place.tally)));
        out
    }

    /// Each place with the share of a message that it answers for, as things stand.
    fn answering(&self, places: Vec<u32>) -> Vec<(u32, Share)> {
        let seen = places.iter().map(|id| self.places.place(*id)).map(|place| (&place.subject, place.sightings));
        let shares = familiarity::shares(seen, self.parameters.own_spread);
        places.into_iter().zip(shares).collect()
    }

    /// Adds a report to the tallies of its subjects, or takes it out.
    fn count(&mut self, report: &LiveReport, change: fn(&mut Tally, i32, u64)) {
        let credibility = self.reports.reporter(report.reporter).credibility;
        let weight = report.weight(credibility, self.reference_ms, &self.parameters);
        for (id, share) in &report.places {
            let weight = part(weight, *share);
            change(&mut self.places.place_mut(*id).tally, i32::from(report.value), weight);
            self.publish(*id);
            self.places.release(*id);
        }
    }

    /// Shows readers how a subject stands.
    fn publish(&self, id: u32) {
        let Place { subject, seen, sightings, tally } = self.places.place(id);
        if seen.is_none() && tally.voters == 0 {
            self.table.remove(subject);
        } else {
            let familiarity = familiarity::familiarity(*sightings);
            self.table.set(subject, Known { familiarity, tally: *tally, reference_ms: self.reference_ms });
        }
    }

    fn passed(&mut self, at_ms: u64) {
        self.now_ms = self.now_ms.max(at_ms);
        self.events += 1;
        let epoch = EPOCH_EVENTS.max(self.reports.len() / EPOCH_REPORTS).max(self.places.len() / EPOCH_PLACES);
        if self.events >= epoch {
            self.weigh();
        }
    }

    /// Weights may grow at most fourfold beyond the reference time (R5), so that must not lie too far back.
    fn weigh_if_stale(&mut self, at_ms: u64) {
        self.now_ms = self.now_ms.max(at_ms);
        if self.parameters.half_life_ms.is_some() && self.now_ms - self.reference_ms > HALF_LIFE_MS_MIN {
            self.weigh();
        }
    }

    /// Steps: (1) weigh the reporters from the live reports, (2) tally anew, (3) publish. Only what is reported on is
    /// looked at: however many subjects were seen, they cost nothing here.
    fn weigh(&mut self) {
        self.events = 0;
        self.reference_ms = self.now_ms;
        self.reports.weigh_reporters(self.places.len(), self.reference_ms, &self.parameters);
        for report in self.reports.iter() {
            report.places.iter().for_each(|(at, _)| self.places.place_mut(*at).tally = Tally::default());
        }
        for report in self.reports.iter() {
            let credibility = self.reports.reporter(report.reporter).credibility;
            let weight = report.weight(credibility, self.reference_ms, &self.parameters);
            for (at, share) in &report.places {
                self.places.place_mut(*at).tally.add(i32::from(report.value), part(weight, *share));
            }
        }
        for report in self.reports.iter() {
            report.places.iter().for_each(|(at, _)| self.publish(*at));
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
            reports: known.tally.voters,
            positive_nv: aged(known.tally.positive),
            negative_nv: aged(known.tally.negative),
        }
    }
}

/// A share of a report's weight, in nano-votes. A weight is at most four votes (R5): 32 bits, and 30.
fn part(weight_nv: u64, share: Share) -> u64 {
    (weight_nv * u64::from(share)) >> 30
}
