//! The question to every algorithm.

use crate::votes::Row;

/// The question to an algorithm: how trustworthy is every number, given these votes and these trusted voters?
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The votes, the oldest first. Of a voter's votes about one subject the last one counts. Votes of a voter about
    /// itself do not count.
    pub votes: &'a [Row],
    /// The trusted voters, without repetition.
    pub seeds: &'a [usize],
    /// All numbers are below this.
    pub count: usize,
}

impl Question<'_> {
    /// The votes that count, in the order of the file.
    pub fn live_votes(&self) -> Vec<Row> {
        let mut seen = std::collections::HashSet::with_capacity(self.votes.len());
        let mut live: Vec<Row> = self.votes.iter().rev().filter(|row| row.voter != row.subject).copied().collect();
        live.retain(|row| seen.insert((row.voter, row.subject)));
        live.reverse();
        live
    }
}
