//! The production engine on numbered votes.
//!
//! The votes are folded as if a ledger had received them in one batch at the time of the last vote. They decay from
//! their own time, and one epoch at the end weighs them all.

use std::collections::BTreeMap;

use ostrakon_ledger::{Category, PeerName, RecordId, Subject, Vote};
use ostrakon_reputation::{Book, Event, Parameters, Score, Trust, Viewpoint};

use crate::question::Question;
use crate::votes::Row;

/// A book in which numbers stand for peers.
pub struct Engine {
    book: Book,
    peers: Vec<PeerName>,
    parameters: Parameters,
    next_index: u64,
    at_ms: u64,
}

impl Engine {
    /// An empty book with these seeds, each at full weight. All numbers must be below `count`.
    pub fn new(seeds: &[usize], count: usize, half_life_ms: Option<u64>) -> Self {
        let peers: Vec<PeerName> = (0..count).map(peer).collect();
        let parameters = Parameters { half_life_ms, ..Parameters::default() }.bounded();
        let seeds: BTreeMap<PeerName, u16> = seeds.iter().map(|seed| (peers[*seed].clone(), 1000)).collect();
        let book = Book::new(parameters.clone(), Viewpoint { name: "sim".to_owned(), seeds });
        Self { book, peers, parameters, next_index: 0, at_ms: 0 }
    }

    /// The book of all votes of a question, received at the time of the last one.
    pub fn fold(question: &Question, half_life_ms: Option<u64>) -> Self {
        let mut engine = Self::new(question.seeds, question.count, half_life_ms);
        let at_ms = question.votes.iter().map(|row| row.time_ms).max().unwrap_or(0);
        engine.apply(question.votes, |_| at_ms);
        engine
    }

    /// Plays votes, the oldest first, each received when it was cast. Epochs close as in production, and one more at
    /// the end.
    pub fn play(&mut self, votes: &[Row]) {
        self.apply(votes, |row| row.time_ms);
    }

    fn apply(&mut self, votes: &[Row], received_at_ms: impl Fn(&Row) -> u64) {
        let events: Vec<Event> =
            (self.next_index..).zip(votes).map(|(index, row)| self.event(index, received_at_ms(row), row)).collect();
        self.next_index += events.len() as u64;
        self.at_ms = events.iter().filter_map(Event::at_ms).fold(self.at_ms, u64::max);
        self.book.apply_all(&events);
        self.book.close_epoch();
    }

    fn event(&self, index: u64, at_ms: u64, row: &Row) -> Event {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&index.to_be_bytes());
        // One category for all, so that a voter's later vote replaces the earlier one whatever its sign.
        let vote = Vote::plain(self.subject(row.subject), row.value, Category::Vouch, row.time_ms);
        Event::Voted { index, at_ms, id: RecordId(id), voter: self.peers[row.voter].clone(), vote }
    }

    fn subject(&self, number: usize) -> Subject {
        Subject::Peer(self.peers[number].clone())
    }

    /// The score of every number in [−1, 1], to nine decimals: rankings need more than thousandths.
    pub fn scores(&self) -> Vec<f64> {
        let k_nv = self.parameters.k_nv();
        let billionths = |score: &Score| score.billionths(k_nv).0 as f64 / 1e9;
        self.posteriors().iter().map(billionths).collect()
    }

    /// The score of every number, with its tallies.
    pub fn posteriors(&self) -> Vec<Score> {
        let snapshot = self.book.snapshot();
        (0..self.peers.len()).map(|number| snapshot.score(&self.subject(number), self.at_ms)).collect()
    }

    /// The weight of a number as a voter.
    pub fn trust(&self, number: usize) -> Trust {
        self.book.trust(&self.peers[number])
    }

    /// The parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The latest time of a vote, unix ms.
    pub fn at_ms(&self) -> u64 {
        self.at_ms
    }
}

/// The peer that stands for a number. Names of any bytes stay distinct, because their numbers are used.
fn peer(number: usize) -> PeerName {
    PeerName::parse(&format!("n{number}.sim.invalid")).expect("letters and digits make a domain")
}
