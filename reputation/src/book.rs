//! The book: a fold over the ledger.
//!
//! An epoch ([`crate::engine`]) says what each voter weighs, from the votes that are live at the ledger's time; it is
//! a pure function of the ledger prefix. Between epochs a vote changes nothing but its subject's tally, with what its
//! voter weighed in the last epoch: a bounded amount of work, whatever comes.
//!
//! Names and votes are held once; each viewpoint adds what voters weigh and what subjects are worth from there.
//!
//! Two clocks, neither its own: the *ledger's time* is the latest `received_at` applied and decides what an epoch sees;
//! *now* is the later of that and what the caller last told [`Book::advance`], and decides which expired votes
//! no longer count in the tallies that readers see. The book is a function of the prefix and now, nothing else.

mod bytes;
mod clock;

use std::collections::BTreeSet;
use std::sync::Arc;

use ostrakon_ledger::{Category, PeerName, Subject, Vote};

use crate::ballots::{Activity, Ballots, Said};
use crate::categories::Categories;
use crate::event::{Event, Source};
use crate::names::Names;
use crate::parameters::{Parameters, Viewpoint};
use crate::r5_decay::Decay;
use crate::r6_lineage::{self, Lineage, NOBODY, Pair as VoterAndSubject, Root};
use crate::snapshot::Snapshot;
use crate::table::hasher;
use crate::view::View;
use crate::votes::{LiveVote, Pair, Votes};
use clock::Clock;

/// The score book of one or several viewpoints.
pub struct Book {
    pub(crate) parameters: Arc<Parameters>,
    pub(crate) names: Names,
    pub(crate) votes: Votes,
    /// Peers that told two stories: whatever they say, and said, counts for nothing.
    convicted: BTreeSet<u32>,
    pub(crate) clock: Clock,
    /// Per number, as of the last epoch.
    pub(crate) activity: Vec<Activity>,
    /// R6, per number, as of the last epoch: whom it follows, or [`NOBODY`].
    pub(crate) leaders: Vec<u32>,
    lineage: Lineage,
    /// The operator's own first.
    pub(crate) views: Vec<View>,
    /// An epoch has closed and is not computed yet: readers' tallies are not kept until it is.
    due: bool,
}

impl Book {
    /// An empty book of one viewpoint.
    pub fn new(parameters: Parameters, viewpoint: Viewpoint) -> Self {
        Self::with_others(parameters, viewpoint, Vec::new())
    }

    /// An empty book that scores everything from the operator's `own` viewpoint and from `others` besides.
    pub fn with_others(parameters: Parameters, own: Viewpoint, others: Vec<Viewpoint>) -> Self {
        let parameters = parameters.bounded();
        let mut names = Names::new(hasher(&own.digest()));
        let digest = parameters.digest();
        let views = std::iter::once(own).chain(others);
        let views = views.map(|viewpoint| View::new(viewpoint, digest, &mut names)).collect();
        Self {
            parameters: Arc::new(parameters),
            names,
            votes: Votes::new(),
            convicted: BTreeSet::new(),
            clock: Clock::default(),
            activity: Vec::new(),
            leaders: Vec::new(),
            lineage: Lineage::default(),
            views,
            due: false,
        }
    }

    /// Applies one ledger entry. Entries below [`Book::next_index`] were applied before and change nothing.
    pub fn apply(&mut self, event: &Event) {
        self.fold(event);
        self.compute_if_due();
    }

    /// Applies many entries in order; the same book as one by one, but of the epochs only the last is computed.
    pub fn apply_all<'a>(&mut self, events: impl IntoIterator<Item = &'a Event>) {
        events.into_iter().for_each(|event| self.fold(event));
        self.compute_if_due();
    }

    /// [`Book::apply_all`] for entries that have to be read: what came before an error is applied.
    ///
    /// # Errors
    /// The first error among `events`.
    pub fn catch_up<E>(&mut self, events: impl IntoIterator<Item = Result<Event, E>>) -> Result<(), E> {
        let result = events.into_iter().try_for_each(|event| event.map(|event| self.fold(&event)));
        self.compute_if_due();
        result
    }

    /// Lets `now_ms` pass: votes that have expired by then no longer count. Time does not run backwards.
    pub fn advance(&mut self, now_ms: u64) {
        let before_ms = self.clock.now_ms;
        if now_ms <= before_ms {
            return;
        }
        self.clock.now_ms = now_ms;
        for (voter, subject) in self.votes.ending(now_ms) {
            let pair = self.votes.of_pair(voter, subject);
            let (before, after) = (self.said(subject, &pair, before_ms), self.said(subject, &pair, now_ms));
            if before != after {
                let place = self.names.place(subject);
                self.views.iter_mut().for_each(|view| view.change((voter, subject), place, &before, &after));
            }
        }
    }

    /// Closes an epoch here and now, out of turn. For evaluations at the end of a file of votes: a book that follows
    /// a ledger closes its epochs itself, and only then equals every other book of that ledger.
    pub fn close_epoch(&mut self) {
        self.close();
        self.compute_if_due();
    }

    /// What readers get from the operator's own viewpoint. Cheap; earlier snapshots stay as they are.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot_of(&self.views[0])
    }

    /// What readers get from every viewpoint, the operator's own first.
    pub fn snapshots(&self) -> Vec<Snapshot> {
        self.views.iter().map(|view| self.snapshot_of(view)).collect()
    }

    /// From now on snapshots of the operator's own viewpoint have scores for these categories, too ([`Snapshot::score_in`]).
    ///
    /// Each takes 24 bytes per subject, and a pass over all votes now and at every epoch. A book that was read from bytes has
    /// to be told again.
    pub fn watch(&mut self, categories: impl IntoIterator<Item = Category>) {
        let mut kept = self.views[0].set_aside();
        let new = categories.into_iter().filter(|category| kept.keep(*category)).count() > 0;
        if new { self.tally_categories(kept) } else { self.views[0].take_up(kept) }
    }

    /// The ledger index that the book expects next.
    pub fn next_index(&self) -> u64 {
        self.clock.next_index
    }

    /// Live votes, those included that have expired since the last epoch.
    pub fn live_votes(&self) -> usize {
        self.votes.len()
    }

    /// What readers get from one of its viewpoints.
    pub(crate) fn snapshot_of(&self, view: &View) -> Snapshot {
        view.snapshot(&self.names, &self.parameters, (self.clock.next_index, self.clock.reference_ms))
    }

    /// Decay up to the epoch's reference time, at which tallies stand at face value.
    pub(crate) fn decay(&self) -> Decay {
        Decay { at_ms: self.clock.reference_ms, half_life_ms: self.parameters.half_life_ms }
    }

    /// What a voter says about a subject at a moment.
    fn said(&self, subject: u32, pair: &Pair, at_ms: u64) -> Said {
        Said::of(subject, pair, at_ms, &self.decay())
    }

    /// Steps: (1) time passes, (2) the votes change, (3) the tally of the one subject concerned changes, or an epoch
    /// closes and all tallies are due.
    fn fold(&mut self, event: &Event) {
        if event.index() < self.clock.next_index {
            return;
        }
        if !self.due {
            self.advance(event.at_ms().unwrap_or(0));
        }
        let closes = self.clock.follow(event);
        match event {
            Event::Convicted { peer, .. } | Event::Expelled { peer, .. } => self.silence(peer),
            // A ledger admits again whom it has expelled, and nobody who was convicted.
            Event::Admitted { peer, .. } if !self.convicted.is_empty() => {
                if let Some(voter) = self.names.find(&Subject::Peer(peer.clone())) {
                    self.convicted.remove(&voter);
                }
            }
            _ => {}
        }
        let touched = self.pair_of(event);
        if closes || self.due {
            self.change_votes(event, touched);
            if closes {
                self.close();
            }
            return;
        }
        let Some((voter, subject)) = touched else { return };
        let before = self.said(subject, &self.votes.of_pair(voter, subject), self.clock.now_ms);
        if self.change_votes(event, touched) {
            self.recast((voter, subject), &before);
        }
    }

    /// Voter and subject of the vote that an event makes or ends.
    fn pair_of(&mut self, event: &Event) -> Option<(u32, u32)> {
        match event {
            Event::Admitted { .. } | Event::Convicted { .. } | Event::Expelled { .. } | Event::Other { .. } => None,
            Event::Voted { voter, vote, .. } | Event::Derived { voter, vote, .. } => {
                let voter = self.names.intern_peer(voter);
                (!self.convicted.contains(&voter)).then(|| (voter, self.names.intern(&vote.subject)))
            }
            Event::Retracted { voter, subject, .. } => {
                Some((self.names.find(&Subject::Peer(voter.clone()))?, self.names.find(subject)?))
            }
        }
    }

    /// Ends what a peer has said, and lets it say nothing more until it is admitted again.
    fn silence(&mut self, peer: &PeerName) {
        let voter = self.names.intern_peer(peer);
        self.convicted.insert(voter);
        let mut said = Vec::new();
        self.votes.for_each(|vote| {
            if vote.voter == voter {
                said.push((vote.subject, vote.index));
            }
        });
        for (subject, index) in said {
            if let Some(category) = self.votes.end(voter, subject, index, self.clock.ledger_ms) {
                self.lineage.note((voter, subject, category as u8), None);
            }
        }
    }

    /// Changes the set of live votes and what they were derived from, and nothing else; false if it changes nothing.
    fn change_votes(&mut self, event: &Event, touched: Option<VoterAndSubject>) -> bool {
        let Some((voter, subject)) = touched else { return false };
        match event {
            Event::Admitted { .. } | Event::Convicted { .. } | Event::Expelled { .. } | Event::Other { .. } => false,
            Event::Voted { index, at_ms, vote, .. } => {
                self.cast(voter, subject, (*index, *at_ms), vote);
                self.lineage.note((voter, subject, vote.category as u8), None);
                true
            }
            Event::Derived { index, at_ms, vote, source, .. } => {
                self.cast(voter, subject, (*index, *at_ms), vote);
                let root = self.root_of(source, *index);
                self.lineage.note((voter, subject, vote.category as u8), Some(root));
                true
            }
            Event::Retracted { target, .. } => {
                let ended = self.votes.end(voter, subject, *target, self.clock.ledger_ms);
                if let Some(category) = ended {
                    self.lineage.note((voter, subject, category as u8), None);
                }
                ended.is_some()
            }
        }
    }

    fn cast(&mut self, voter: u32, subject: u32, (index, at_ms): (u64, u64), vote: &Vote) {
        self.votes.insert(LiveVote {
            voter,
            subject,
            value: vote.value.clamp(-100, 100),
            category: vote.category,
            since_ms: vote.cast_at_ms.min(at_ms),
            expires_at_ms: vote.expires_at_ms,
            index,
        });
    }

    fn root_of(&mut self, source: &Source, derived: u64) -> Root {
        match source {
            Source::Vote { index, voter } => {
                Root { key: *index, author: self.names.intern_peer(voter), index: derived }
            }
            // Beyond every ledger index.
            Source::Record(id) => {
                let head = id.0.first_chunk().map_or(0, |head| u64::from_be_bytes(*head));
                Root { key: head | 1 << 63, author: NOBODY, index: derived }
            }
        }
    }

    /// A voter has a new last word about a subject, where it said `before`.
    fn recast(&mut self, pair: VoterAndSubject, before: &Said) {
        let after = self.said(pair.1, &self.votes.of_pair(pair.0, pair.1), self.clock.now_ms);
        let (place, derived) = (self.names.place(pair.1), self.lineage.is_derived(pair));
        self.views.iter_mut().for_each(|view| view.recast(pair, place, before, &after, derived));
    }

    /// An epoch closes: from now on tallies count from the ledger's time, and the votes are what it will see.
    fn close(&mut self) {
        self.clock.close();
        self.votes.seal(self.clock.reference_ms);
        self.lineage.close();
        self.names.settle();
        self.due = true;
    }

    /// Steps: (1) the votes that were live at the close, (2) from each viewpoint what voters weigh, (3) tallies of what
    /// is live now, (4) what has changed since the close.
    fn compute_if_due(&mut self) {
        if !std::mem::take(&mut self.due) {
            return;
        }
        self.votes.settle(self.clock.reference_ms);
        let (decay, now_ms) = (self.decay(), self.clock.now_ms);
        let (base, is_peer) = (self.votes.base(), self.names.is_peer());
        let mut ballots = Ballots::new(base, is_peer, &decay, self.clock.reference_ms);
        self.activity = ballots.activity();
        self.leaders = r6_lineage::leaders(base, is_peer.len());
        self.lineage.settle(base);
        for view in &mut self.views {
            view.weigh(&ballots, &self.activity, (&self.leaders, &self.lineage), &self.parameters);
        }
        if now_ms >= base.first_end_ms() {
            drop(ballots);
            ballots = Ballots::new(base, is_peer, &decay, now_ms);
        }
        self.views.iter_mut().for_each(|view| view.tally(&ballots, &self.names));
        drop(ballots);
        self.votes.look_ahead_from(now_ms);
        let categories = self.views[0].set_aside();
        for (voter, subject) in self.votes.pairs_since_close() {
            let before = self.said(subject, &self.votes.of_pair_at_close(voter, subject), now_ms);
            self.recast((voter, subject), &before);
        }
        self.tally_categories(categories);
    }

    /// Adds up what is live now in the categories that are kept.
    fn tally_categories(&mut self, mut kept: Categories) {
        let (now_ms, decay, view) = (self.clock.now_ms, self.decay(), &self.views[0]);
        kept.clear();
        if !kept.is_empty() {
            self.votes.for_each_pair(|(voter, subject), pair| {
                let said = Said::of(subject, pair, now_ms, &decay);
                kept.add(self.names.place(subject), &said, |ballot| view.weight((voter, subject), ballot));
            });
        }
        self.views[0].take_up(kept);
    }

    /// Tallies of what is live now, when all votes rest in the base.
    fn add_up(&mut self) {
        let ballots = Ballots::new(self.votes.base(), self.names.is_peer(), &self.decay(), self.clock.now_ms);
        self.views.iter_mut().for_each(|view| view.tally(&ballots, &self.names));
    }
}
