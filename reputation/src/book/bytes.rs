//! The book as bytes. Equal books have equal bytes on any machine. Integers are big-endian.
//!
//! ```text
//! "ostrakon book v4\n" ‖ parameters' digest ‖ u64 viewpoints ‖ each one's digest
//! u64 next index ‖ entries since the last close ‖ ledger's time ‖ now ‖ reference time
//! u64 names ‖ each: u8 kind ‖ u8 length ‖ bytes             in the order of their numbers
//! u64 convicted ‖ each: u32 name                            in order
//! u64 votes ‖ per name: u32 votes about it ‖ each vote       by subject, voter, category; if live at the ledger's time
//! per name: u64 cast ‖ u64 outflow ‖ u32 the voter it follows
//! u64 derived votes ‖ each: u32 voter ‖ u32 subject ‖ u8 category ‖ u64 root ‖ u32 root's author ‖ u64 index
//!                                                           by voter, subject, category
//! per viewpoint: u64 copies that do not count ‖ each: u32 voter ‖ u32 subject       by voter, subject
//! per viewpoint and name: u64 flow ‖ u32 credibility ‖ u32 consistency ‖ u8 hops ‖ u64 P ‖ u64 N ‖ u32 voters
//! 32 B BLAKE3 of all of this
//! vote: u32 voter ‖ u48 index ‖ u48 since ‖ u48 expires ‖ i8 value ‖ u8 category
//! ```

mod read;
mod stream;

use std::io::{self, Write};

use super::Book;
use crate::ids::{Pair, SubjectId, VoterId};
use crate::names::code;
use stream::BlockWriter;

/// First bytes of the form.
const MAGIC: &[u8] = b"ostrakon book v4\n";
/// Length of a name's kind and length.
const NAME_HEAD: u64 = 2;
/// Length of a vote.
const VOTE: u64 = 24;
/// Length of a derived vote.
const DERIVED: u64 = 29;
/// Length of a voter and a subject.
const PAIR: u64 = 8;

impl Book {
    /// Everything the book holds; see [`Book::write_to`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // Writing to a vector cannot fail.
        let _ = self.write_to(&mut out);
        out
    }

    /// Writes the book in the form above, with some 26 bytes per live vote and 100 bytes per name.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn write_to(&self, out: impl Write) -> io::Result<()> {
        let mut writer = BlockWriter::new(out);
        self.write_head(&mut writer)?;
        let count = self.names.len();
        writer.u64(count as u64)?;
        let mut written = Ok(());
        self.names.for_each(|kind, bytes| {
            if written.is_ok() {
                written = writer.bytes(&[code(kind), bytes.len() as u8]).and_then(|()| writer.bytes(bytes));
            }
        });
        written?;
        writer.u64(self.convicted.len() as u64)?;
        self.convicted.iter().try_for_each(|voter| writer.u32(voter.number()))?;
        self.write_votes(&mut writer, count)?;
        for id in 0..count {
            let activity = self.activity.get(id).copied().unwrap_or_default();
            writer.u64(activity.cast)?;
            writer.u64(activity.outflow)?;
            writer.u32(self.leaders.get(id).copied().unwrap_or(VoterId::NOBODY).number())?;
        }
        self.write_lineage(&mut writer)?;
        for view in &self.views {
            for id in (0..count).map(SubjectId::at) {
                let (trust, tally) = (view.trust(id.as_voter()), view.tally_at(self.names.slot(id)));
                writer.u64(trust.flow)?;
                writer.u32(trust.credibility)?;
                writer.u32(trust.consistency)?;
                writer.bytes(&[trust.hops])?;
                writer.u64(tally.positive)?;
                writer.u64(tally.negative)?;
                writer.u32(tally.voters)?;
            }
        }
        writer.finish()
    }

    fn write_head(&self, writer: &mut BlockWriter<impl Write>) -> io::Result<()> {
        writer.bytes(MAGIC)?;
        writer.bytes(&self.views[0].label().parameters_digest)?;
        writer.u64(self.views.len() as u64)?;
        for view in &self.views {
            writer.bytes(&view.label().viewpoint_digest)?;
        }
        let c = &self.clock;
        [c.next_index, c.entries_since, c.ledger_ms, c.now_ms, c.reference_ms].iter().try_for_each(|n| writer.u64(*n))
    }

    fn write_lineage(&self, writer: &mut BlockWriter<impl Write>) -> io::Result<()> {
        let derived = self.lineage.merged();
        writer.u64(derived.len() as u64)?;
        for (vote, root) in derived {
            write_pair(writer, vote.pair)?;
            writer.bytes(&[vote.category as u8])?;
            writer.u64(root.key)?;
            writer.u32(root.author.number())?;
            writer.u64(root.index)?;
        }
        for view in &self.views {
            writer.u64(view.uncounted().len() as u64)?;
            view.uncounted().iter().try_for_each(|pair| write_pair(writer, *pair))?;
        }
        Ok(())
    }

    fn write_votes(&self, writer: &mut BlockWriter<impl Write>, count: usize) -> io::Result<()> {
        let ledger_ms = self.clock.ledger_ms;
        let mut about = vec![0u32; count];
        let mut votes = 0;
        self.votes.for_each(|vote| {
            if vote.is_live(ledger_ms) {
                about[vote.subject.index()] += 1;
                votes += 1;
            }
        });
        writer.u64(votes)?;
        about.iter().try_for_each(|count| writer.u32(*count))?;
        let mut written = Ok(());
        self.votes.for_each(|vote| {
            if written.is_ok() && vote.is_live(ledger_ms) {
                let mut row = [0; VOTE as usize];
                row[..4].copy_from_slice(&vote.voter.number().to_be_bytes());
                for (at, number) in [(4, vote.index), (10, vote.since_ms), (16, vote.expires_at_ms)] {
                    row[at..at + 6].copy_from_slice(&number.to_be_bytes()[2..]);
                }
                row[22] = vote.value.cast_unsigned();
                row[23] = vote.category as u8;
                written = writer.bytes(&row);
            }
        });
        written
    }

    /// BLAKE3 of the book's bytes.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        // Writing to a hasher cannot fail.
        let _ = self.write_to(&mut hasher);
        *hasher.finalize().as_bytes()
    }
}

fn write_pair(writer: &mut BlockWriter<impl Write>, pair: Pair) -> io::Result<()> {
    writer.u32(pair.voter.number())?;
    writer.u32(pair.subject.number())
}
