//! The subjects of the operator's messages: when they were seen, and the tallies of the reports about them.

use std::collections::{HashMap, VecDeque};

use ahash::RandomState;
use ostrakon_ledger::Subject;

use super::familiarity::familiarity;
use super::reporter_votes::{ReporterVote, Sides};
use crate::fixed::Fraction;

/// Most subjects of one message: peer, network, domain, account, content and one to spare.
pub const SUBJECTS_MAX: usize = 6;

/// The number of a subject in an [`Experience`](super::Experience). It shows in no answer. Numbers of forgotten
/// subjects are used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub(super) struct SubjectNumber(u32);

impl SubjectNumber {
    /// No subject has this number.
    const NONE: Self = Self(u32::MAX);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What is known about one subject.
#[derive(Debug, Clone)]
pub(super) struct KnownSubject {
    pub(super) subject: Subject,
    /// The remembered messages with the subject; 0: never seen, or forgotten.
    pub(super) sightings: u32,
    /// When the first of these messages came, unix ms.
    pub(super) first_ms: u64,
    /// The number of the last of these messages.
    last: u64,
    /// The tally of the live reports.
    pub(super) tally: OwnTally,
}

/// The sums of the reporters' votes on a subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct OwnTally {
    /// The weights of the votes, in nano-votes.
    pub(super) weights: Sides,
    /// Reporters with live reports.
    pub(super) reporters: u32,
    /// Ordinary reporters who are against the subject.
    pub(super) accusers: u32,
    /// Trusted reporters who are against the subject.
    pub(super) trusted_accusers: u32,
}

impl OwnTally {
    /// Adds a reporter's vote.
    pub(super) fn add(&mut self, vote: &ReporterVote, credibility: Fraction, trusted: bool) {
        self.weights.add(vote.shared().weights(credibility));
        self.reporters += 1;
        *self.accusers_of(trusted) += u32::from(vote.accuses());
    }

    /// Takes back what [`OwnTally::add`] added.
    pub(super) fn remove(&mut self, vote: &ReporterVote, credibility: Fraction, trusted: bool) {
        self.weights.remove(vote.shared().weights(credibility));
        self.reporters -= 1;
        *self.accusers_of(trusted) -= u32::from(vote.accuses());
    }

    fn accusers_of(&mut self, trusted: bool) -> &mut u32 {
        if trusted { &mut self.trusted_accusers } else { &mut self.accusers }
    }
}

/// A message that is remembered.
pub(super) struct RememberedMessage {
    /// Its row in the log.
    pub(super) row: u64,
    /// When it came, unix ms.
    pub(super) at_ms: u64,
    /// [`SubjectNumber::NONE`] where there is none.
    subjects: [SubjectNumber; SUBJECTS_MAX],
    /// For each subject, how many messages later it was seen next; 0: this was the last time.
    next: [u32; SUBJECTS_MAX],
}

/// All subjects by number, and the messages in which they were seen, the oldest first.
///
/// The messages that are remembered are the longest tail of the log within the limits. They do not depend on what came
/// before, so they are the same after a restart if the log still has that tail.
pub(super) struct KnownSubjects {
    numbers: HashMap<Subject, SubjectNumber, RandomState>,
    known: Vec<KnownSubject>,
    free: Vec<SubjectNumber>,
    messages: VecDeque<RememberedMessage>,
    /// How many messages were forgotten, which is the number of the oldest that is left.
    forgotten: u64,
    /// How many subjects were seen in the remembered messages, and how many may be.
    seen: usize,
    seen_max: usize,
}

impl KnownSubjects {
    pub(super) fn new(hasher: RandomState, seen_max: usize) -> Self {
        let numbers = HashMap::with_hasher(hasher);
        Self {
            numbers,
            known: Vec::new(),
            free: Vec::new(),
            messages: VecDeque::new(),
            forgotten: 0,
            seen: 0,
            seen_max,
        }
    }

    /// All numbers in use are below this.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn known(&self, number: SubjectNumber) -> &KnownSubject {
        &self.known[number.index()]
    }

    pub(super) fn known_mut(&mut self, number: SubjectNumber) -> &mut KnownSubject {
        &mut self.known[number.index()]
    }

    pub(super) fn find(&self, subject: &Subject) -> Option<&KnownSubject> {
        self.numbers.get(subject).map(|number| self.known(*number))
    }

    /// All subjects, including forgotten ones whose number is not used again yet.
    pub(super) fn iter(&self) -> impl Iterator<Item = &KnownSubject> {
        self.known.iter()
    }

    /// The remembered messages, the oldest first.
    pub(super) fn messages(&self) -> impl Iterator<Item = &RememberedMessage> {
        self.messages.iter()
    }

    /// The subjects of a remembered message.
    pub(super) fn of_message(&self, message: &RememberedMessage) -> impl Iterator<Item = &KnownSubject> {
        let numbers = message.subjects.into_iter().filter(|number| *number != SubjectNumber::NONE);
        numbers.map(|number| self.known(number))
    }

    /// The number of a subject. A new subject gets a free number.
    pub(super) fn intern(&mut self, subject: &Subject) -> SubjectNumber {
        if let Some(number) = self.numbers.get(subject) {
            return *number;
        }
        let known =
            KnownSubject { subject: subject.clone(), sightings: 0, first_ms: 0, last: 0, tally: OwnTally::default() };
        let number = match self.free.pop() {
            Some(number) => {
                self.known[number.index()] = known;
                number
            }
            None => {
                self.known.push(known);
                SubjectNumber((self.known.len() - 1) as u32)
            }
        };
        self.numbers.insert(subject.clone(), number);
        number
    }

    /// Adds a message. Calls `more_familiar` for each subject whose familiarity has grown.
    pub(super) fn see(
        &mut self,
        row: u64,
        at_ms: u64,
        subjects: &[Subject],
        mut more_familiar: impl FnMut(&KnownSubject),
    ) {
        let message = self.forgotten + self.messages.len() as u64;
        let mut numbers = [SubjectNumber::NONE; SUBJECTS_MAX];
        for (at, subject) in (0..SUBJECTS_MAX).zip(subjects) {
            let number = self.intern(subject);
            // A subject that the message names twice counts once.
            if numbers.contains(&number) {
                continue;
            }
            numbers[at] = number;
            let known = &mut self.known[number.index()];
            if known.sightings == 0 {
                self.seen += 1;
                known.first_ms = at_ms;
            } else if let Some(last) = self.messages.get_mut((known.last - self.forgotten) as usize)
                && let Some(at) = last.subjects.iter().position(|other| *other == number)
            {
                last.next[at] = (message - known.last) as u32;
            }
            known.last = message;
            known.sightings += 1;
            if familiarity(known.sightings) > familiarity(known.sightings - 1) {
                more_familiar(known);
            }
        }
        self.messages.push_back(RememberedMessage { row, at_ms, subjects: numbers, next: [0; SUBJECTS_MAX] });
    }

    /// Forgets the messages before row `first`, and the oldest messages while there are too many subjects. Calls
    /// `changed` for each subject of a forgotten message.
    pub(super) fn forget(&mut self, first: u64, mut changed: impl FnMut(&KnownSubject)) {
        let surplus = |it: &Self| it.seen > it.seen_max;
        while self.messages.front().is_some_and(|oldest| oldest.row < first || surplus(self)) {
            let Some(oldest) = self.messages.pop_front() else { return };
            self.forgotten += 1;
            let subjects = oldest.subjects.into_iter().zip(oldest.next);
            for (number, next) in subjects.filter(|(number, _)| *number != SubjectNumber::NONE) {
                // `next` counts from the message that was just removed.
                let next = next.checked_sub(1).and_then(|next| self.messages.get(next as usize));
                let known = &mut self.known[number.index()];
                known.sightings -= 1;
                known.first_ms = next.map_or(0, |next| next.at_ms);
                self.seen -= usize::from(known.sightings == 0);
                changed(known);
                self.release(number);
            }
        }
    }

    /// Forgets a subject if it has neither remembered messages nor reports.
    pub(super) fn release(&mut self, number: SubjectNumber) {
        let known = &self.known[number.index()];
        if known.sightings == 0 && known.tally.reporters == 0 && self.numbers.remove(&known.subject).is_some() {
            self.free.push(number);
        }
    }
}
