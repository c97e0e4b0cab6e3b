//! The book as bytes: equal books, equal bytes, on any machine.

use super::Book;
use crate::votes::LiveVote;

/// First bytes of the form.
const MAGIC: &[u8] = b"ostrakon book v1\n";

impl Book {
    /// Everything the book holds, in a fixed order: digests, times, names, live votes by ledger index, what voters
    /// weigh, tallies. Integers are big-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.label.parameters_digest);
        out.extend_from_slice(&self.label.viewpoint_digest);
        let c = &self.clock;
        [c.next_index, c.entries_since, c.ledger_ms, c.now_ms, c.reference_ms].iter().for_each(|n| put(&mut out, *n));
        put(&mut out, self.names.subjects().len() as u64);
        for subject in self.names.subjects() {
            let text = subject.to_string();
            put(&mut out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
        let mut votes: Vec<&LiveVote> = self.votes.iter().collect();
        votes.sort_unstable_by_key(|vote| vote.index);
        put(&mut out, votes.len() as u64);
        votes.iter().for_each(|vote| put_vote(&mut out, vote));
        for id in 0..self.names.subjects().len() as u32 {
            let standing = self.standing(id);
            let tally = self.tally(id);
            [standing.flow, u64::from(standing.hops), u64::from(standing.credibility), u64::from(standing.consistency)]
                .iter()
                .chain(&[standing.cast, standing.outflow, tally.positive, tally.negative, u64::from(tally.voters)])
                .for_each(|n| put(&mut out, *n));
        }
        out
    }
}

fn put(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_be_bytes());
}

fn put_vote(out: &mut Vec<u8>, vote: &LiveVote) {
    [vote.index, u64::from(vote.voter), u64::from(vote.subject), vote.since_ms, vote.expires_at_ms]
        .iter()
        .for_each(|n| put(out, *n));
    out.extend_from_slice(&vote.value.to_be_bytes());
    out.push(vote.category as u8);
    out.extend_from_slice(&vote.id.0);
}
