//! The book: a fold over the ledger.
//!
//! An epoch ([`crate::engine`]) computes the weight of each voter from the votes that are live at the ledger's time. It
//! is a pure function of the ledger prefix. Between epochs a vote changes only its subject's tally, by the weight that
//! its voter had in the last epoch, so the work per vote is bounded.
//!
//! Names and votes are kept once. Each viewpoint adds its own weights of voters and tallies of subjects.
//!
//! The book has no clock of its own but knows two times. The *ledger's time* is the latest `received_at` applied; it
//! decides which votes an epoch sees. *Now* is the later of the ledger's time and the argument of the last
//! [`Book::advance`]; it decides which expired votes no longer count in the tallies that readers see. The book is a
//! function of the prefix and now, and of nothing else.

mod bytes;
mod clock;

use std::collections::BTreeSet;
use std::sync::Arc;

use ostrakon_ledger::{Category, PeerName, Vote};

use crate::ballots::{Activity, Ballots, PairBallots};
use crate::categories::Categories;
use crate::event::{DerivedFrom, Event};
use crate::ids::{Pair, VoterId};
use crate::names::Interner;
use crate::parameters::{Parameters, Viewpoint};
use crate::r5_decay::Decay;
use crate::r6_lineage::{self, DerivedVote, Lineage, Root};
use crate::snapshot::Snapshot;
use crate::table::hasher;
use crate::view::{BallotChange, Copies, Position, View};
use crate::votes::{LiveVote, PairVotes, Votes};
use clock::Clock;

/// The score book of one or several viewpoints.
pub struct Book {
    pub(crate) parameters: Arc<Parameters>,
    pub(crate) names: Interner,
    pub(crate) votes: Votes,
    /// Peers that equivocated or were expelled. Their votes do not count.
    convicted: BTreeSet<VoterId>,
    pub(crate) clock: Clock,
    /// Per voter, as of the last epoch.
    pub(crate) activity: Vec<Activity>,
    /// R6, per voter, as of the last epoch: the voter that it follows, or [`VoterId::NOBODY`].
    pub(crate) leaders: Vec<VoterId>,
    lineage: Lineage,
    /// The operator's own first.
    pub(crate) views: Vec<View>,
    /// An epoch has closed and is not computed yet. Until it is, readers' tallies are not updated.
    due: bool,
}

/// Where and when the ledger received a record.
#[derive(Clone, Copy)]
struct Received {
    index: u64,
    at_ms: u64,
}

impl Book {
    /// An empty book of one viewpoint.
    pub fn new(parameters: Parameters, viewpoint: Viewpoint) -> Self {
        Self::with_others(parameters, viewpoint, Vec::new())
    }

    /// An empty book that computes scores from the operator's `own` viewpoint and from `others`.
    pub fn with_others(parameters: Parameters, own: Viewpoint, others: Vec<Viewpoint>) -> Self {
        let parameters = parameters.bounded();
        let mut names = Interner::new(hasher(&own.digest()));
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

    /// Applies one ledger entry. An entry below [`Book::next_index`] was applied before and changes nothing.
    pub fn apply(&mut self, event: &Event) {
        self.fold(event);
        self.compute_if_due();
    }

    /// Applies many entries in order. The result is the same as with [`Book::apply`], but only the last epoch is
    /// computed.
    pub fn apply_all<'a>(&mut self, events: impl IntoIterator<Item = &'a Event>) {
        events.into_iter().for_each(|event| self.fold(event));
        self.compute_if_due();
    }

    /// As [`Book::apply_all`], for entries that have to be read. The entries before an error are applied.
    ///
    /// # Errors
    /// The first error among `events`.
    pub fn catch_up<E>(&mut self, events: impl IntoIterator<Item = Result<Event, E>>) -> Result<(), E> {
        let result = events.into_iter().try_for_each(|event| event.map(|event| self.fold(&event)));
        self.compute_if_due();
        result
    }

    /// Advances now to `now_ms`: votes that have expired by then no longer count. An earlier time changes nothing.
    pub fn advance(&mut self, now_ms: u64) {
        let before_ms = self.clock.now_ms;
        if now_ms <= before_ms {
            return;
        }
        self.clock.now_ms = now_ms;
        for pair in self.votes.ending(now_ms) {
            let votes = self.votes.of_pair(pair);
            let (before, after) = (self.ballots(pair, &votes, before_ms), self.ballots(pair, &votes, now_ms));
            if before != after {
                let slot = self.names.slot(pair.subject);
                let change = BallotChange { pair, slot, before: &before, after: &after };
                self.views.iter_mut().for_each(|view| view.expire(change));
            }
        }
    }

    /// Closes an epoch now, at a moment that the caller chooses. For evaluations at the end of a file of votes only: a
    /// book that follows a ledger closes its epochs itself, and only then is it equal to every other book of that
    /// ledger.
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

    /// From now on, snapshots of the operator's own viewpoint also have scores for these categories
    /// ([`Snapshot::score_in`]).
    ///
    /// Each category takes 24 bytes per subject, and a pass over all votes now and at every epoch. A book that was read
    /// from bytes watches no categories.
    pub fn watch(&mut self, categories: impl IntoIterator<Item = Category>) {
        let mut kept = self.views[0].take_categories();
        let new = categories.into_iter().filter(|category| kept.keep(*category)).count() > 0;
        if new { self.tally_categories(kept) } else { self.views[0].put_back_categories(kept) }
    }

    /// The ledger index that the book expects next.
    pub fn next_index(&self) -> u64 {
        self.clock.next_index
    }

    /// How many live votes there are, including those that have expired since the last epoch.
    pub fn live_votes(&self) -> usize {
        self.votes.len()
    }

    /// What readers get from one of its viewpoints.
    pub(crate) fn snapshot_of(&self, view: &View) -> Snapshot {
        let Clock { next_index, reference_ms, .. } = self.clock;
        view.snapshot(&self.names, &self.parameters, Position { next_index, reference_ms })
    }

    /// Decay up to the epoch's reference time, at which tallies are at face value.
    pub(crate) fn decay(&self) -> Decay {
        Decay { at_ms: self.clock.reference_ms, half_life_ms: self.parameters.half_life_ms }
    }

    /// What counts of a voter's votes about a subject at a moment.
    fn ballots(&self, pair: Pair, votes: &PairVotes, at_ms: u64) -> PairBallots {
        PairBallots::of(pair.subject, votes, at_ms, &self.decay())
    }

    /// Applies an entry but computes no epoch.
    ///
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
            Event::Convicted { peer, .. } | Event::Expelled { peer, .. } => self.convict(peer),
            // A ledger may admit an expelled peer again, but never a convicted one.
            Event::Admitted { peer, .. } if !self.convicted.is_empty() => {
                if let Some(voter) = self.names.find_peer(peer) {
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
        let Some(pair) = touched else { return };
        let before = self.ballots(pair, &self.votes.of_pair(pair), self.clock.now_ms);
        if self.change_votes(event, touched) {
            self.recast(pair, &before);
        }
    }

    /// The voter and the subject of the vote that an event makes or ends.
    fn pair_of(&mut self, event: &Event) -> Option<Pair> {
        match event {
            Event::Admitted { .. } | Event::Convicted { .. } | Event::Expelled { .. } | Event::Other { .. } => None,
            Event::Voted { voter, vote, .. } | Event::Derived { voter, vote, .. } => {
                let voter = self.names.intern_peer(voter);
                (!self.convicted.contains(&voter)).then(|| Pair { voter, subject: self.names.intern(&vote.subject) })
            }
            Event::Retracted { voter, subject, .. } => {
                Some(Pair { voter: self.names.find_peer(voter)?, subject: self.names.find(subject)? })
            }
        }
    }

    /// Ends all votes of a peer. Its later votes do not count either, until it is admitted again.
    fn convict(&mut self, peer: &PeerName) {
        let voter = self.names.intern_peer(peer);
        self.convicted.insert(voter);
        let mut cast = Vec::new();
        self.votes.for_each(|vote| {
            if vote.voter == voter {
                cast.push(vote);
            }
        });
        for vote in cast {
            self.end(Pair { voter, subject: vote.subject }, vote.index);
        }
    }

    /// Changes the set of live votes and their lineage, and nothing else. Returns false if nothing changes.
    fn change_votes(&mut self, event: &Event, touched: Option<Pair>) -> bool {
        let Some(pair) = touched else { return false };
        match event {
            Event::Admitted { .. } | Event::Convicted { .. } | Event::Expelled { .. } | Event::Other { .. } => false,
            Event::Voted { index, at_ms, vote, .. } => {
                self.cast(pair, Received { index: *index, at_ms: *at_ms }, vote);
                self.lineage.note(DerivedVote { pair, category: vote.category }, None);
                true
            }
            Event::Derived { index, at_ms, vote, source, .. } => {
                self.cast(pair, Received { index: *index, at_ms: *at_ms }, vote);
                let root = self.root_of(source, *index);
                self.lineage.note(DerivedVote { pair, category: vote.category }, Some(root));
                true
            }
            Event::Retracted { target, .. } => self.end(pair, *target),
        }
    }

    /// Ends the vote of a pair at a ledger index. Returns false if none is live there.
    fn end(&mut self, pair: Pair, index: u64) -> bool {
        let ended = self.votes.end(pair, index, self.clock.ledger_ms);
        ended.into_iter().for_each(|category| self.lineage.note(DerivedVote { pair, category }, None));
        ended.is_some()
    }

    fn cast(&mut self, pair: Pair, Received { index, at_ms }: Received, vote: &Vote) {
        self.votes.insert(LiveVote {
            voter: pair.voter,
            subject: pair.subject,
            value: vote.value.clamp(-100, 100),
            category: vote.category,
            since_ms: vote.cast_at_ms.min(at_ms),
            expires_at_ms: vote.expires_at_ms,
            index,
        });
    }

    fn root_of(&mut self, source: &DerivedFrom, derived: u64) -> Root {
        match source {
            DerivedFrom::Vote { index, voter } => {
                Root { key: *index, author: self.names.intern_peer(voter), index: derived }
            }
            DerivedFrom::Record(id) => {
                let head = id.0.first_chunk().map_or(0, |head| u64::from_be_bytes(*head));
                // The highest bit puts the key beyond every ledger index.
                Root { key: head | 1 << 63, author: VoterId::NOBODY, index: derived }
            }
        }
    }

    /// Updates the tallies after a voter has changed its votes about a subject; `before` is what counted of them.
    fn recast(&mut self, pair: Pair, before: &PairBallots) {
        let after = self.ballots(pair, &self.votes.of_pair(pair), self.clock.now_ms);
        let (slot, derived) = (self.names.slot(pair.subject), self.lineage.is_derived(pair));
        let change = BallotChange { pair, slot, before, after: &after };
        self.views.iter_mut().for_each(|view| view.recast(change, derived));
    }

    /// Closes an epoch. It will see the votes of this moment, and its reference time is the ledger's time.
    fn close(&mut self) {
        self.clock.close();
        self.votes.seal(self.clock.reference_ms);
        self.lineage.close();
        self.names.settle();
        self.due = true;
    }

    /// Computes the epoch that has closed, if there is one.
    ///
    /// Steps: (1) the votes that were live at the close, (2) the weights of voters from each viewpoint, (3) the tallies
    /// of the votes that are live now, (4) what has changed since the close.
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
            let copies = Copies { leaders: &self.leaders, lineage: &self.lineage };
            view.weigh(&ballots, &self.activity, copies, &self.parameters);
        }
        if now_ms >= base.first_end_ms() {
            drop(ballots);
            ballots = Ballots::new(base, is_peer, &decay, now_ms);
        }
        self.views.iter_mut().for_each(|view| view.tally(&ballots, &self.names));
        drop(ballots);
        self.votes.look_ahead_from(now_ms);
        let categories = self.views[0].take_categories();
        for pair in self.votes.pairs_since_close() {
            let before = self.ballots(pair, &self.votes.of_pair_at_close(pair), now_ms);
            self.recast(pair, &before);
        }
        self.tally_categories(categories);
    }

    /// Adds up the live votes of the categories that are kept.
    fn tally_categories(&mut self, mut kept: Categories) {
        let (now_ms, decay, view) = (self.clock.now_ms, self.decay(), &self.views[0]);
        kept.clear();
        if !kept.is_empty() {
            self.votes.for_each_pair(|pair, votes| {
                let ballots = PairBallots::of(pair.subject, votes, now_ms, &decay);
                kept.add(self.names.slot(pair.subject), &ballots, |ballot| view.weight(pair, ballot));
            });
        }
        self.views[0].put_back_categories(kept);
    }

    /// Adds up the votes that are live now. All votes must be in the base.
    fn add_up(&mut self) {
        let ballots = Ballots::new(self.votes.base(), self.names.is_peer(), &self.decay(), self.clock.now_ms);
        self.views.iter_mut().for_each(|view| view.tally(&ballots, &self.names));
    }
}
