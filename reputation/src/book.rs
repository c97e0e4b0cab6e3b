//! The book: a fold over the ledger.
//!
//! An epoch ([`crate::engine`]) says what each voter weighs, from the votes that are live at the ledger's time; it is
//! a pure function of the ledger prefix. Between epochs a vote changes nothing but its subject's tally, with what its
//! voter weighed in the last epoch: O(1), whatever comes.
//!
//! Two clocks, neither its own: the *ledger's time* is the latest `received_at` applied and decides what an epoch sees;
//! *now* is the later of that and what the caller last told [`Book::advance`], and decides which expired votes
//! no longer count in the tallies that readers see. The book is a function of the prefix and now, nothing else.

mod bytes;

use std::sync::Arc;

use ostrakon_ledger::{PeerName, Subject};

use crate::engine::{self, Ballot, Standing, Tally};
use crate::event::Event;
use crate::explain::Trust;
use crate::names::Names;
use crate::parameters::{Parameters, Viewpoint};
use crate::r5_decay;
use crate::snapshot::{Label, Snapshot};
use crate::table::{Table, hasher};
use crate::votes::{LiveVote, Votes};

/// An epoch closes after at least this share of all entries is new: 1/64 keeps weights at most 1.6 % of the ledger
/// behind, and makes a ledger of n entries pay for 64·ln n epochs instead of n.
const EPOCH_SHARE: u64 = 64;
/// … or when an entry comes in another hour than the one before it, so that decay and quiet ledgers keep up.
const EPOCH_MS: u64 = 3_600_000;

/// The score book of one viewpoint.
pub struct Book {
    pub(crate) parameters: Arc<Parameters>,
    pub(crate) label: Arc<Label>,
    pub(crate) names: Names,
    pub(crate) votes: Votes,
    /// Weights of the seeds in thousandths; their numbers are the first.
    seeds: Vec<u16>,
    clock: Clock,
    /// What the last epoch found out, for the numbers that existed then.
    standings: Vec<Standing>,
    /// Per number, at the epoch's reference time.
    tallies: Vec<Tally>,
    table: Table<Tally>,
}

/// Position and times of a book.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Clock {
    next_index: u64,
    /// Entries applied since the last epoch closed.
    entries_since: u64,
    ledger_ms: u64,
    now_ms: u64,
    /// The ledger's time when the last epoch closed: tallies and decay count from there.
    reference_ms: u64,
}

impl Clock {
    /// Takes note of an event; true if an epoch closes after it.
    fn follow(&mut self, event: &Event) -> bool {
        let before_ms = self.ledger_ms;
        self.next_index = event.index() + 1;
        self.entries_since += 1;
        self.ledger_ms = before_ms.max(event.at_ms().unwrap_or(0));
        self.now_ms = self.now_ms.max(self.ledger_ms);
        let closes = self.entries_since >= (self.next_index / EPOCH_SHARE).max(1)
            || self.ledger_ms / EPOCH_MS != before_ms / EPOCH_MS;
        if closes {
            self.entries_since = 0;
        }
        closes
    }
}

impl Book {
    /// An empty book.
    pub fn new(parameters: Parameters, viewpoint: Viewpoint) -> Self {
        let parameters = parameters.bounded();
        let digest = viewpoint.digest();
        let hasher = hasher(&digest);
        let label =
            Label { viewpoint: viewpoint.name, viewpoint_digest: digest, parameters_digest: parameters.digest() };
        let mut names = Names::new(hasher.clone());
        for seed in viewpoint.seeds.keys() {
            names.intern_peer(seed);
        }
        Self {
            parameters: Arc::new(parameters),
            label: Arc::new(label),
            seeds: viewpoint.seeds.values().copied().collect(),
            tallies: vec![Tally::default(); names.subjects().len()],
            names,
            votes: Votes::new(hasher.clone()),
            clock: Clock::default(),
            standings: Vec::new(),
            table: Table::new(hasher),
        }
    }

    /// Applies one ledger entry. Entries below [`Book::next_index`] were applied before and change nothing.
    pub fn apply(&mut self, event: &Event) {
        if event.index() < self.clock.next_index {
            return;
        }
        self.advance(event.at_ms().unwrap_or(0));
        let closes = self.clock.follow(event);
        if closes {
            self.fold(event);
            self.compute_epoch();
            return;
        }
        let Some((voter, subject)) = self.pair_of(event) else { return };
        let before = self.voice(voter, subject, self.clock.now_ms);
        self.fold(event);
        let after = self.voice(voter, subject, self.clock.now_ms);
        self.change(voter, subject, before, after);
    }

    /// Applies many entries in order; the same book as one by one, but of the epochs only the last is computed.
    pub fn apply_all(&mut self, events: &[Event]) {
        let mut clock = self.clock;
        let fresh = |clock: &Clock, event: &Event| event.index() >= clock.next_index;
        let mut closed = None;
        for (i, event) in events.iter().enumerate() {
            if fresh(&clock, event) && clock.follow(event) {
                closed = Some(i);
            }
        }
        let (settled, rest) = events.split_at(closed.map_or(0, |i| i + 1));
        for event in settled {
            if fresh(&self.clock, event) {
                self.clock.follow(event);
                self.fold(event);
            }
        }
        if closed.is_some() {
            self.compute_epoch();
        }
        rest.iter().for_each(|event| self.apply(event));
    }

    /// Lets `now_ms` pass: votes that have expired by then no longer count. Time does not run backwards.
    pub fn advance(&mut self, now_ms: u64) {
        let before_ms = self.clock.now_ms;
        if now_ms <= before_ms {
            return;
        }
        self.clock.now_ms = now_ms;
        for (voter, subject) in self.votes.pairs_ending(before_ms, now_ms) {
            let before = self.voice(voter, subject, before_ms);
            let after = self.voice(voter, subject, now_ms);
            self.change(voter, subject, before, after);
        }
    }

    /// Closes an epoch here and now, out of turn. For evaluations at the end of a file of votes: a book that follows
    /// a ledger closes its epochs itself, and only then equals every other book of that ledger.
    pub fn close_epoch(&mut self) {
        self.clock.entries_since = 0;
        self.compute_epoch();
    }

    /// What readers get. Cheap; earlier snapshots stay as they are.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            table: self.table.clone(),
            label: Arc::clone(&self.label),
            parameters: Arc::clone(&self.parameters),
            next_index: self.clock.next_index,
            reference_ms: self.clock.reference_ms,
        }
    }

    /// The ledger index that the book expects next.
    pub fn next_index(&self) -> u64 {
        self.clock.next_index
    }

    /// Live votes, those included that have expired since the last entry.
    pub fn live_votes(&self) -> usize {
        self.votes.len()
    }

    /// Subjects and voters ever named.
    pub fn subjects(&self) -> &[Subject] {
        self.names.subjects()
    }

    /// What the last epoch found out about a peer as a voter.
    pub fn trust(&self, peer: &PeerName) -> Trust {
        let id = self.names.find(&Subject::Peer(peer.clone()));
        Trust::from(id.map_or(Standing::newcomer(None), |id| self.standing(id)))
    }

    fn tally(&self, subject: u32) -> Tally {
        self.tallies.get(subject as usize).copied().unwrap_or_default()
    }

    pub(crate) fn standing(&self, id: u32) -> Standing {
        let newcomer = || Standing::newcomer(self.seeds.get(id as usize).copied());
        self.standings.get(id as usize).copied().unwrap_or_else(newcomer)
    }

    /// A vote's x and age at the epoch's reference time.
    pub(crate) fn ballot(&self, vote: &LiveVote) -> Ballot {
        let (reference_ms, half_life_ms) = (self.clock.reference_ms, self.parameters.half_life_ms);
        let age = r5_decay::left(vote.since_ms, reference_ms, half_life_ms);
        let size = u64::from(vote.value.unsigned_abs()) * 10_000;
        let size = r5_decay::aged(size, vote.since_ms, reference_ms, half_life_ms) as i32;
        let x = if vote.value < 0 { -size } else { size };
        Ballot { voter: vote.voter, subject: vote.subject, x, age, index: vote.index }
    }

    /// The vote that speaks for a voter about a subject at `now_ms`.
    pub(crate) fn voice(&self, voter: u32, subject: u32, now_ms: u64) -> Option<Ballot> {
        let live = self.votes.of_pair(voter, subject).filter(|vote| vote.is_live(now_ms));
        let heard = live.map(|vote| self.ballot(vote)).filter(|b| b.x != 0 && b.voter != b.subject);
        heard.max_by_key(Ballot::strength)
    }

    /// What a ballot weighs in nano-votes.
    pub(crate) fn weight(&self, ballot: &Ballot) -> u64 {
        engine::weight(self.standing(ballot.voter).credibility, u64::from(ballot.x.unsigned_abs()))
    }

    /// When tallies stand at face value.
    pub(crate) fn reference_ms(&self) -> u64 {
        self.clock.reference_ms
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms
    }

    fn pair_of(&mut self, event: &Event) -> Option<(u32, u32)> {
        match event {
            Event::Admitted { .. } => None,
            Event::Voted { voter, vote, .. } => Some((self.names.intern_peer(voter), self.names.intern(&vote.subject))),
            Event::Retracted { target, .. } => self.votes.pair_of(target),
        }
    }

    /// Changes the set of live votes, and nothing else.
    fn fold(&mut self, event: &Event) {
        self.votes.purge(self.clock.ledger_ms);
        match event {
            Event::Admitted { .. } => {}
            Event::Voted { index, at_ms, id, voter, vote } => {
                let (voter, subject) = (self.names.intern_peer(voter), self.names.intern(&vote.subject));
                self.votes.insert(LiveVote {
                    voter,
                    subject,
                    value: vote.value.clamp(-100, 100),
                    category: vote.category,
                    since_ms: vote.cast_at_ms.min(*at_ms),
                    expires_at_ms: vote.expires_at_ms,
                    index: *index,
                    id: *id,
                });
            }
            Event::Retracted { target, .. } => self.votes.remove(target),
        }
    }

    fn change(&mut self, voter: u32, subject: u32, before: Option<Ballot>, after: Option<Ballot>) {
        if before == after {
            return;
        }
        if self.tallies.len() <= subject.max(voter) as usize {
            self.tallies.resize(self.names.subjects().len(), Tally::default());
        }
        let mut tally = self.tallies[subject as usize];
        if let Some(ballot) = before {
            tally.remove(ballot.x, self.weight(&ballot));
        }
        if let Some(ballot) = after {
            tally.add(ballot.x, self.weight(&ballot));
        }
        self.tallies[subject as usize] = tally;
        self.table.set(self.names.subject(subject), tally);
    }

    fn voices(&self, at_ms: u64) -> Vec<Ballot> {
        let live = self.votes.iter().filter(|vote| vote.is_live(at_ms));
        engine::voices(live.map(|vote| self.ballot(vote)).collect())
    }

    /// Steps: (1) weights from what is live at the ledger's time, (2) tallies from what is live now, (3) a new table.
    fn compute_epoch(&mut self) {
        self.clock.reference_ms = self.clock.ledger_ms;
        let mut voices = self.voices(self.clock.ledger_ms);
        let seeds: Vec<(u32, u16)> = self.seeds.iter().enumerate().map(|(id, weight)| (id as u32, *weight)).collect();
        self.standings = engine::run(&voices, self.names.is_peer(), &seeds, &self.parameters);
        if self.clock.now_ms > self.clock.ledger_ms {
            voices = self.voices(self.clock.now_ms);
        }
        let mut tallies = vec![Tally::default(); self.names.subjects().len()];
        for ballot in &voices {
            tallies[ballot.subject as usize].add(ballot.x, self.weight(ballot));
        }
        let index = self.names.freeze();
        let (dense, recent) = tallies.split_at(index.len());
        self.table = Table::from_dense(index, dense.to_vec());
        for (subject, tally) in self.names.subjects()[dense.len()..].iter().zip(recent) {
            self.table.set(subject, *tally);
        }
        self.tallies = tallies;
    }
}
