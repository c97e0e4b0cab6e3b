//! A made-up federation: a few peers vote much and are voted on much, most little; one vote in five is bad.

use std::ops::Range;

use ostrakon_ledger::{Category, PeerName, RecordId, Subject, Vote};
use ostrakon_reputation::{Event, Viewpoint};

/// When everything happens, unix ms.
pub(crate) const AT_MS: u64 = 1_750_000_000_000;
/// Votes are up to a year old.
const AGE_MS: u64 = 365 * 86_400_000;
/// Votes per peer.
const VOTES_PER_PEER: u64 = 10;
const SEEDS: u64 = 100;

/// The graph of a seed.
pub(crate) struct Graph {
    seed: u64,
    peers: u64,
    pub(crate) votes: u64,
}

impl Graph {
    pub(crate) fn new(seed: u64, votes: u64) -> Self {
        Self { seed, peers: (votes / VOTES_PER_PEER).max(SEEDS * 2), votes }
    }

    pub(crate) fn peers(&self) -> u64 {
        self.peers
    }

    /// The hundred that vote most.
    pub(crate) fn seeds(&self) -> impl Iterator<Item = u64> {
        (0..SEEDS).map(|rank| self.of_rank(rank))
    }

    pub(crate) fn viewpoint(&self) -> Viewpoint {
        Viewpoint { name: "own".to_owned(), seeds: self.seeds().map(|seed| (peer(seed), 1000)).collect() }
    }

    /// Voter, subject and value of a vote.
    pub(crate) fn vote(&self, i: u64) -> (u64, u64, i8) {
        let random = mixed(self.seed ^ mixed(i));
        let (voter, about) = (self.skewed(random), self.skewed(mixed(random)));
        let about = if voter == about { (about + 1) % self.peers } else { about };
        let size = (10 + mixed(!random) % 91) as i8;
        (voter, about, if random.is_multiple_of(5) { -size } else { size })
    }

    pub(crate) fn events(&self, range: Range<u64>) -> impl Iterator<Item = Event> {
        range.map(|index| {
            let (voter, about, value) = self.vote(index);
            let mut id = [0; 32];
            id[..8].copy_from_slice(&index.to_be_bytes());
            let category = if value > 0 { Category::Vouch } else { Category::Spam };
            // One in four ends, some day in the next year.
            let ends = index.is_multiple_of(4);
            let expires_at_ms = if ends { AT_MS + 3_600_000 + mixed(!index) % AGE_MS } else { 0 };
            let subject = Subject::Peer(peer(about));
            let vote = Vote { expires_at_ms, ..Vote::plain(subject, value, category, AT_MS - mixed(index) % AGE_MS) };
            Event::Voted { index, at_ms: AT_MS, id: RecordId(id), voter: peer(voter), vote }
        })
    }

    /// A peer that a message may come from.
    pub(crate) fn any_peer(&self, i: u64) -> PeerName {
        peer(mixed(!i) % self.peers)
    }

    /// Peers in proportion to what their rank is worth: the first hundredth has a tenth of the votes.
    fn skewed(&self, random: u64) -> u64 {
        let share = (u128::from(random) * u128::from(random)) >> 64;
        self.of_rank(((share * u128::from(self.peers)) >> 64) as u64)
    }

    /// Ranks are scattered over the numbers.
    fn of_rank(&self, rank: u64) -> u64 {
        rank * 7_919 % self.peers
    }
}

fn peer(i: u64) -> PeerName {
    PeerName::parse(&format!("peer-{i}.example.org")).expect("a valid name")
}

/// A cheap, well-mixed sequence (SplitMix64).
fn mixed(i: u64) -> u64 {
    let mut z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
