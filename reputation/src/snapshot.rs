//! What readers see: the tallies of a moment, immutable, cheap to take, aged to any later moment.

use std::sync::Arc;

use ostrakon_ledger::{Category, Subject};

use crate::categories::Categories;
use crate::names::Lookup;
use crate::pages::Pages;
use crate::parameters::Parameters;
use crate::r5_decay::aging;
use crate::r7_posterior::Score;
use crate::tally::Tally;

/// From where the scores of a book are seen.
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
    /// The score of a subject at `now_ms`, with decay (R5); a moment before the snapshot's last epoch counts as that.
    ///
    /// Votes that expire after the snapshot was taken still count: take a new one after `Book::advance`.
    pub fn score(&self, subject: &Subject, now_ms: u64) -> Score {
        // All of it is inlined here: the less a look-up computes, the further a processor gets into the next one while this one
        // waits for memory.
        let Some(place) = self.names.find_place(subject) else { return Score::UNKNOWN };
        self.posterior(self.tallies.at(place), now_ms)
    }

    /// The score by the votes of one category alone; `None` if its tallies are not kept ([`crate::Book::watch`]).
    ///
    /// A voter speaks in each category it voted in; otherwise as [`Snapshot::score`].
    pub fn score_in(&self, category: Category, subject: &Subject, now_ms: u64) -> Option<Score> {
        // An unknown subject's place reads as an empty tally.
        let place = self.names.find_place(subject).unwrap_or(u32::MAX);
        self.categories.tally_at(category, place).map(|tally| self.posterior(tally, now_ms))
    }

    /// R7 over a tally, with decay.
    #[inline(always)]
    fn posterior(&self, tally: Tally, now_ms: u64) -> Score {
        let now_ms = now_ms.max(self.reference_ms);
        let aging = aging(self.reference_ms, now_ms, self.parameters.half_life_ms);
        let aged = |amount| aging.map_or(amount, |left| left.of(amount));
        Score::of(aged(tally.positive), aged(tally.negative), self.parameters.k_nv(), tally.voters > 0)
    }

    /// Viewpoint and digests that belong to every score of this snapshot.
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
