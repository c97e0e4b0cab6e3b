//! What readers see: the tallies of a moment. A snapshot is immutable and cheap to take, and gives scores for any later
//! moment.

use std::sync::Arc;

use ostrakon_ledger::{Category, Subject};

use crate::categories::Categories;
use crate::ids::Slot;
use crate::names::Lookup;
use crate::pages::Pages;
use crate::parameters::Parameters;
use crate::r5_decay::aging;
use crate::r7_posterior::Score;
use crate::tally::Tally;

/// The viewpoint and the parameters of scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The viewpoint's name.
    pub viewpoint: String,
    /// Digest of the viewpoint's seeds and weights.
    pub viewpoint_digest: [u8; 32],
    /// Digest of the parameters.
    pub parameters_digest: [u8; 32],
}

/// The scores after a ledger prefix. Clone, send and keep it; it never changes.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) names: Lookup,
    pub(crate) tallies: Pages<Tally>,
    pub(crate) categories: Categories,
    pub(crate) label: Arc<Label>,
    pub(crate) parameters: Arc<Parameters>,
    pub(crate) next_index: u64,
    pub(crate) reference_ms: u64,
}

impl Snapshot {
    /// The score of a subject at `now_ms`, with decay (R5). For a moment before the last epoch, the score at that
    /// epoch.
    ///
    /// Votes that expire after the snapshot was taken still count. Take a new snapshot after `Book::advance`.
    pub fn score(&self, subject: &Subject, now_ms: u64) -> Score {
        // All of it is inlined here: the less a look-up computes, the sooner the processor starts the next look-up
        // while this one waits for memory.
        let Some(slot) = self.names.find_slot(subject) else { return Score::UNKNOWN };
        self.posterior(self.tallies.at(slot), now_ms)
    }

    /// The score from the votes of one category alone. `None`: the category's tallies are not kept
    /// ([`crate::Book::watch`]).
    ///
    /// A voter's votes count in every category it voted in. Otherwise as [`Snapshot::score`].
    pub fn score_in(&self, category: Category, subject: &Subject, now_ms: u64) -> Option<Score> {
        // The tally of no slot is empty.
        let slot = self.names.find_slot(subject).unwrap_or(Slot::NONE);
        self.categories.tally_at(category, slot).map(|tally| self.posterior(tally, now_ms))
    }

    /// R7 over a tally, with decay.
    #[inline(always)]
    fn posterior(&self, tally: Tally, now_ms: u64) -> Score {
        let now_ms = now_ms.max(self.reference_ms);
        let aging = aging(self.reference_ms, now_ms, self.parameters.half_life_ms);
        let aged = |amount| aging.map_or(amount, |left| left.of(amount));
        Score::of(aged(tally.positive), aged(tally.negative), self.parameters.k_nv(), tally.voters > 0)
    }

    /// The viewpoint and the digests of every score of this snapshot.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// The viewpoint's name.
    pub fn viewpoint(&self) -> &str {
        &self.label.viewpoint
    }

    /// Digest of the parameters.
    pub fn parameters_digest(&self) -> [u8; 32] {
        self.label.parameters_digest
    }

    /// The parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The scores cover all ledger entries below this index.
    pub fn next_index(&self) -> u64 {
        self.next_index
    }
}
