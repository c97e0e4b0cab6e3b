//! What every algorithm is asked.

use crate::votes::Row;

/// What an algorithm is asked: how trustworthy is everybody, given these votes and these trusted voters?
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Oldest first. Of a voter's votes about one subject the last one counts; those about oneself say nothing.
    pub votes: &'a [Row],
    /// The trusted voters, without repetition.
    pub seeds: &'a [usize],
    /// Everybody's number is below this.
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
