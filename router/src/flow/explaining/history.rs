//! What became of the votes about a subject of which none counts: the book remembers only what may count.

use std::collections::HashMap;

use ostrakon_ledger::{Body, Category, LedgerReader, PeerName, RecordId, Subject};
use serde::Serialize;

use crate::error::Error;

/// Entries that a served node looks through for one explanation, the latest: about a second's work. The command line looks
/// through all of them.
pub const ENTRIES_READ_MAX: u64 = 200_000;

/// Entries read at a time.
const CHUNK: usize = 1_000;

/// How many votes there were, and why they do not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct History {
    /// Votes that stand and are too old to weigh anything.
    pub faded: u32,
    /// Votes that ended when they were to.
    pub expired: u32,
    /// Votes that their authors took back.
    pub retracted: u32,
    /// Votes by authors whose votes do not count any more: they told two stories or were sent away.
    pub silenced: u32,
    /// Votes of the subject about itself.
    pub own: u32,
    /// When the latest one was cast, unix ms.
    pub latest_cast_at_ms: u64,
    /// Entries below this ledger index were not looked at.
    pub from_index: u64,
}

/// The latest vote of an author about the subject in a category.
struct Cast {
    id: RecordId,
    cast_at_ms: u64,
    expires_at_ms: u64,
    retracted: bool,
}

impl History {
    /// Reads the last `entries_max` entries of a ledger.
    ///
    /// # Errors
    /// The ledger's.
    pub fn of(reader: &LedgerReader, subject: &Subject, now_ms: u64, entries_max: u64) -> Result<Self, Error> {
        let end = reader.tree_size();
        let mut history = Self { from_index: end.saturating_sub(entries_max), ..Self::default() };
        let mut casts: HashMap<(PeerName, Category), Cast> = HashMap::new();
        let mut at = history.from_index;
        while at < end {
            let entries = reader.entries(at, CHUNK)?;
            if entries.is_empty() {
                break;
            }
            at += entries.len() as u64;
            for entry in &entries {
                note(&mut casts, subject, entry.record.id(), entry.record.record());
            }
        }
        for ((author, _), cast) in &casts {
            history.latest_cast_at_ms = history.latest_cast_at_ms.max(cast.cast_at_ms);
            let ended = cast.expires_at_ms != 0 && cast.expires_at_ms <= now_ms;
            let about_itself = matches!(subject, Subject::Peer(peer) if peer == author);
            *match () {
                () if cast.retracted => &mut history.retracted,
                () if is_silenced(reader, author)? => &mut history.silenced,
                () if about_itself => &mut history.own,
                () if ended => &mut history.expired,
                () => &mut history.faded,
            } += 1;
        }
        Ok(history)
    }

    /// How many votes there were.
    pub fn votes(&self) -> u32 {
        self.faded + self.expired + self.retracted + self.silenced + self.own
    }

    /// The sentence in place of "nobody has voted"; `None` if that is true.
    pub fn sentence(&self, subject: &Subject, now_ms: u64) -> Option<String> {
        let votes = self.votes();
        if votes == 0 {
            return (self.from_index > 0).then(|| {
                format!("Nobody has voted on {subject} since ledger index {}: it is unknown here.", self.from_index)
            });
        }
        let days = match now_ms.saturating_sub(self.latest_cast_at_ms) / 86_400_000 {
            0 => "less than a day ago".to_owned(),
            1 => "1 day ago".to_owned(),
            days => format!("{days} days ago"),
        };
        let why: Vec<_> = [
            (self.faded, "too old to count"),
            (self.expired, "expired"),
            (self.retracted, "taken back"),
            (self.silenced, "by a voter who was convicted or sent away"),
            (self.own, "about itself, which does not count"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| if votes == 1 { why.to_owned() } else { format!("{count} {why}") })
        .collect();
        let why = why.join(", ");
        Some(if votes == 1 {
            format!("1 vote on {subject}, {why}: cast {days}. It is unknown, which is neither good nor bad.")
        } else {
            format!("{votes} votes on {subject}, none of which counts: {why}. The latest was cast {days}.")
        })
    }
}

/// Whether nothing that an author says counts any more: it told two stories, or was sent away.
fn is_silenced(reader: &LedgerReader, author: &PeerName) -> Result<bool, Error> {
    Ok(reader.conviction_of(author)?.is_some() || reader.author(author)?.is_some_and(|head| head.expelled))
}

fn note(
    casts: &mut HashMap<(PeerName, Category), Cast>,
    subject: &Subject,
    id: RecordId,
    record: &ostrakon_ledger::Record,
) {
    match &record.body {
        Body::Vote(vote) if vote.subject == *subject => {
            let (cast_at_ms, expires_at_ms) = (vote.cast_at_ms, vote.expires_at_ms);
            let cast = Cast { id, cast_at_ms, expires_at_ms, retracted: false };
            casts.insert((record.header.author.clone(), vote.category), cast);
        }
        Body::Retract(retract) => {
            casts.values_mut().filter(|cast| cast.id == retract.target).for_each(|cast| cast.retracted = true);
        }
        _ => {}
    }
}
