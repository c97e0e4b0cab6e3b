//! The book as bytes: equal books, equal bytes, on any machine. Integers are big-endian.
//!
//! ```text
//! "ostrakon book v4\n" ‖ parameters' digest ‖ u64 viewpoints ‖ each one's digest
//! u64 next index ‖ entries since the last close ‖ ledger's time ‖ now ‖ reference time
//! u64 names ‖ each: u8 kind ‖ u8 length ‖ bytes             in the order of their numbers
//! u64 convicted ‖ each: u32 name                            in order
//! u64 votes ‖ per name: u32 votes about it ‖ each vote       by subject, voter, category; those live at the ledger's time
//! per name: u64 cast ‖ u64 outflow ‖ u32 whom it follows
//! u64 derived votes ‖ each: u32 voter ‖ u32 subject ‖ u8 category ‖ u64 root ‖ u32 its author ‖ u64 index      by voter and subject
//! per viewpoint: u64 silent voices ‖ each: u32 voter ‖ u32 subject                  by voter and subject
//! per viewpoint and name: u64 flow ‖ u32 credibility ‖ u32 consistency ‖ u8 hops ‖ u64 P ‖ u64 N ‖ u32 voters
//! 32 B BLAKE3 of all of this
//! vote: u32 voter ‖ u48 index ‖ u48 since ‖ u48 expires ‖ i8 value ‖ u8 category
//! ```

mod read;
mod stream;

use std::io::{self, Write};

use super::Book;
use crate::names::code;
use crate::r6_lineage::NOBODY;
use stream::Sink;

/// First bytes of the form.
const MAGIC: &[u8] = b"ostrakon book v4\n";
/// Bytes of a name before its own, and of a vote.
const NAME_HEAD: u64 = 2;
const VOTE: u64 = 24;
/// Bytes of a derived vote and of a silent voice.
const DERIVED: u64 = 29;
const SILENT: u64 = 8;

impl Book {
    /// Everything the book holds; see [`Book::write_to`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // A vector takes everything.
        let _ = self.write_to(&mut out);
        out
    }

    /// Writes the book, in the form above. It needs some 26 bytes per live vote and 100 per name.
    ///
    /// # Errors
    /// What `out` returns.
    pub fn write_to(&self, out: impl Write) -> io::Result<()> {
        let mut sink = Sink::new(out);
        self.write_head(&mut sink)?;
        let count = self.names.len();
        sink.u64(count as u64)?;
        let mut written = Ok(());
        self.names.for_each(|kind, bytes| {
            if written.is_ok() {
                written = sink.bytes(&[code(kind), bytes.len() as u8]).and_then(|()| sink.bytes(bytes));
            }
        });
        written?;
        sink.u64(self.convicted.len() as u64)?;
        self.convicted.iter().try_for_each(|id| sink.u32(*id))?;
        self.write_votes(&mut sink, count)?;
        for id in 0..count {
            let activity = self.activity.get(id).copied().unwrap_or_default();
            sink.u64(activity.cast)?;
            sink.u64(activity.outflow)?;
            sink.u32(self.leaders.get(id).copied().unwrap_or(NOBODY))?;
        }
        self.write_lineage(&mut sink)?;
        for view in &self.views {
            for id in 0..count as u32 {
                let (standing, tally) = (view.standing(id), view.tally_at(self.names.place(id)));
                sink.u64(standing.flow)?;
                sink.u32(standing.credibility)?;
                sink.u32(standing.consistency)?;
                sink.bytes(&[standing.hops])?;
                sink.u64(tally.positive)?;
                sink.u64(tally.negative)?;
                sink.u32(tally.voters)?;
            }
        }
        sink.finish()
    }

    fn write_head(&self, sink: &mut Sink<impl Write>) -> io::Result<()> {
        sink.bytes(MAGIC)?;
        sink.bytes(&self.views[0].label().parameters_digest)?;
        sink.u64(self.views.len() as u64)?;
        for view in &self.views {
            sink.bytes(&view.label().viewpoint_digest)?;
        }
        let c = &self.clock;
        [c.next_index, c.entries_since, c.ledger_ms, c.now_ms, c.reference_ms].iter().try_for_each(|n| sink.u64(*n))
    }

    fn write_lineage(&self, sink: &mut Sink<impl Write>) -> io::Result<()> {
        let derived = self.lineage.merged();
        sink.u64(derived.len() as u64)?;
        for ((voter, subject, category), root) in derived {
            sink.u32(voter)?;
            sink.u32(subject)?;
            sink.bytes(&[category])?;
            sink.u64(root.key)?;
            sink.u32(root.author)?;
            sink.u64(root.index)?;
        }
        for view in &self.views {
            sink.u64(view.silent().len() as u64)?;
            view.silent().iter().try_for_each(|(voter, subject)| sink.u32(*voter).and_then(|()| sink.u32(*subject)))?;
        }
        Ok(())
    }

    fn write_votes(&self, sink: &mut Sink<impl Write>, count: usize) -> io::Result<()> {
        let ledger_ms = self.clock.ledger_ms;
        let mut about = vec![0u32; count];
        let mut votes = 0;
        self.votes.for_each(|vote| {
            if vote.is_live(ledger_ms) {
                about[vote.subject as usize] += 1;
                votes += 1;
            }
        });
        sink.u64(votes)?;
        about.iter().try_for_each(|count| sink.u32(*count))?;
        let mut written = Ok(());
        self.votes.for_each(|vote| {
            if written.is_ok() && vote.is_live(ledger_ms) {
                let mut row = [0; VOTE as usize];
                row[..4].copy_from_slice(&vote.voter.to_be_bytes());
                for (place, number) in [(4, vote.index), (10, vote.since_ms), (16, vote.expires_at_ms)] {
                    row[place..place + 6].copy_from_slice(&number.to_be_bytes()[2..]);
                }
                row[22] = vote.value.cast_unsigned();
                row[23] = vote.category as u8;
                written = sink.bytes(&row);
            }
        });
        written
    }

    /// BLAKE3 of the book's bytes.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        // A hasher takes everything.
        let _ = self.write_to(&mut hasher);
        *hasher.finalize().as_bytes()
    }
}
