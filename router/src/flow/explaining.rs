//! What is asked about a score, and what is told: operators everything, outsiders less.

mod effective;
mod history;

use ostrakon_ledger::{LedgerReader, Subject};
use ostrakon_reputation::{Book, Explanation, Redacted};
use serde::Serialize;

use crate::error::Error;

pub use effective::Effective;
pub use history::{ENTRIES_READ_MAX, History};

/// Who will read an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Audience {
    /// The operator of this node.
    #[default]
    Operator,
    /// Anybody else, such as whoever was refused.
    Outsider,
}

/// A question about a score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Whom it is about.
    pub subject: Subject,
    /// From whose viewpoint; `None`: this node's own.
    pub viewpoint: Option<String>,
    /// Who asks.
    pub audience: Audience,
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Told {
    /// For operators.
    All(Box<Explanation>),
    /// For outsiders.
    Redacted(Box<Redacted>),
}

impl Question {
    /// What `book` says to it at `now_ms`.
    ///
    /// # Errors
    /// [`Error::NoSuchViewpoint`]
    pub fn answer(&self, book: &Book, now_ms: u64) -> Result<Told, Error> {
        let own = book.snapshot();
        let viewpoint = self.viewpoint.as_deref().unwrap_or(own.viewpoint());
        let told = match self.audience {
            Audience::Outsider => {
                book.redacted_from(viewpoint, &self.subject, now_ms).map(|redacted| Told::Redacted(Box::new(redacted)))
            }
            Audience::Operator => book
                .explain_from(viewpoint, &self.subject, now_ms)
                .map(|explanation| Told::All(Box::new(explanation.beside(book.seen(&self.subject, now_ms))))),
        };
        told.ok_or_else(|| {
            let known =
                book.snapshots().iter().map(|snapshot| format!("`{}`", snapshot.viewpoint())).collect::<Vec<_>>();
            Error::NoSuchViewpoint { name: viewpoint.to_owned(), known: known.join(", ") }
        })
    }
}

impl Told {
    /// Whom it is about.
    pub(crate) fn subject(&self) -> &Subject {
        match self {
            Self::All(explanation) => &explanation.subject,
            Self::Redacted(redacted) => &redacted.subject,
        }
    }

    /// Says first what decides here, if that is more than the ledger's votes. Outsiders are told nothing of it.
    pub(crate) fn lead_with(&mut self, effective: &Effective, history: Option<&History>) {
        let Self::All(explanation) = self else { return };
        let has_votes = explanation.known || history.is_some_and(|history| history.votes() > 0);
        let ledger = has_votes.then_some(explanation.sentence.as_str());
        if let Some(sentence) = effective.sentence(&explanation.subject, ledger) {
            explanation.sentence = sentence;
        }
    }

    /// Whether any vote counts.
    pub(crate) fn is_known(&self) -> bool {
        match self {
            Self::All(explanation) => explanation.known,
            Self::Redacted(redacted) => redacted.known,
        }
    }

    /// Looks up what became of the votes if none counts, and says it in place of "nobody has voted".
    ///
    /// # Errors
    /// The ledger's.
    pub fn recall(&mut self, reader: &LedgerReader, entries_max: u64) -> Result<Option<History>, Error> {
        if self.is_known() {
            return Ok(None);
        }
        let now_ms = match self {
            Self::All(explanation) => explanation.now_ms,
            Self::Redacted(redacted) => redacted.now_ms,
        };
        let history = History::of(reader, self.subject(), now_ms, entries_max)?;
        if let Some(sentence) = history.sentence(self.subject(), now_ms) {
            match self {
                Self::All(explanation) => explanation.sentence = sentence,
                Self::Redacted(redacted) => redacted.sentence = sentence,
            }
        }
        Ok(Some(history))
    }

    /// Ledger indexes of the votes that it lists.
    pub(crate) fn votes(&self) -> Vec<u64> {
        match self {
            Self::All(explanation) => explanation.contributions.iter().map(|part| part.index).collect(),
            Self::Redacted(redacted) => redacted.votes.iter().map(|vote| vote.index).collect(),
        }
    }
}
