//! The votes of the lists, in order, as the production importer reads them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use anyhow::{Context, Result};
use ostrakon_ledger::{PeerName, RecordId, Subject, Vote};
use ostrakon_reputation::Event;
use ostrakon_router::import::{self, Action, Input, SourceVote};

/// Under which domain the importer files the lists.
const OWN: &str = "sim.invalid";

/// Blocks and un-blocks, oldest first.
pub(super) struct History {
    votes: Vec<SourceVote>,
}

/// What the lists block at a moment.
pub(super) type Blocks = BTreeMap<PeerName, BTreeSet<Subject>>;

impl History {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&bytes).with_context(|| path.display().to_string())
    }

    /// Takes a file's bytes. Rows that name no domain (obfuscated ones) cannot be predicted and are left out.
    pub(super) fn parse(csv: &[u8]) -> Result<Self> {
        let parsed = import::parse(&Input::Fediverse, csv, &PeerName::parse(OWN)?)?;
        Ok(Self { votes: parsed.votes })
    }

    /// Every list with a vote, in the order of their names.
    pub(super) fn lists(&self) -> impl Iterator<Item = PeerName> {
        self.votes.iter().map(|vote| vote.source.clone()).collect::<BTreeSet<_>>().into_iter()
    }

    /// The list's name in the file, if that is a domain.
    pub(super) fn title<'a>(&self, list: &'a PeerName) -> &'a str {
        let suffix = list.as_str().strip_suffix(OWN).and_then(|rest| rest.strip_suffix(".fediverse.imported."));
        suffix.unwrap_or(list.as_str())
    }

    /// The votes up to and including a moment.
    pub(super) fn until(&self, at_ms: u64) -> &[SourceVote] {
        &self.votes[..self.votes.partition_point(|vote| vote.action.at_ms() <= at_ms)]
    }

    /// What the lists block at a moment.
    pub(super) fn blocks(&self, at_ms: u64) -> Blocks {
        let mut blocks = Blocks::new();
        for vote in self.until(at_ms) {
            let list = blocks.entry(vote.source.clone()).or_default();
            match vote.action {
                Action::Cast { .. } => list.insert(vote.subject.clone()),
                Action::Withdraw { .. } => list.remove(&vote.subject),
            };
        }
        blocks
    }

    /// The domains that a list adds after one moment, up to and including another.
    pub(super) fn additions(&self, list: &PeerName, after_ms: u64, until_ms: u64) -> BTreeSet<Subject> {
        let later = &self.until(until_ms)[self.until(after_ms).len()..];
        let adds = |vote: &&SourceVote| vote.source == *list && matches!(vote.action, Action::Cast { .. });
        later.iter().filter(adds).map(|vote| vote.subject.clone()).collect()
    }

    /// The votes up to and including a moment, as events of a ledger.
    pub(super) fn events(&self, at_ms: u64) -> Vec<Event> {
        let mut live: HashMap<(&PeerName, &Subject), u64> = HashMap::new();
        let mut events = Vec::new();
        for entry in self.until(at_ms) {
            let index = events.len() as u64;
            let pair = (&entry.source, &entry.subject);
            match entry.action {
                Action::Cast { value, category, cast_at_ms, expires_at_ms } => {
                    let id = record_id(index);
                    live.insert(pair, index);
                    let vote =
                        Vote { expires_at_ms, ..Vote::plain(entry.subject.clone(), value, category, cast_at_ms) };
                    events.push(Event::Voted { index, at_ms: cast_at_ms, id, voter: entry.source.clone(), vote });
                }
                Action::Withdraw { at_ms } => {
                    events.extend(live.remove(&pair).map(|target| Event::Retracted {
                        index,
                        at_ms,
                        voter: entry.source.clone(),
                        subject: entry.subject.clone(),
                        target,
                    }));
                }
            }
        }
        events
    }
}

fn record_id(index: u64) -> RecordId {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&index.to_be_bytes());
    RecordId(id)
}
