//! What the journal makes durable.

use std::sync::Arc;

use super::{
    Report, stage,
    tables::{DeadRow, HoldRow, QueueRow},
};
use crate::{
    error::Error,
    flow::decision::{Decision, DecisionId},
};

/// Where an accepted or held message goes.
#[derive(Debug, Clone)]
pub enum Placement {
    /// Into the delivery queue, due at once.
    Queue(QueueRow),
    /// Before a person.
    Hold(HoldRow),
}

/// What an attempt to deliver came to.
#[derive(Debug, Clone)]
pub enum Attempt {
    /// The route took it.
    Delivered,
    /// Try again at `due_ms`.
    Retry {
        /// Unix milliseconds.
        due_ms: u64,
        /// The queue's row with its new attempt count and error.
        row: QueueRow,
    },
    /// Given up.
    Dead(DeadRow),
}

/// What a person decided on a held message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// Deliver it.
    Release,
    /// Drop it.
    Reject,
}

/// One thing to make durable.
#[derive(Debug)]
pub enum Command {
    /// Records a decision and, if given, its message with the place it goes to, in one step. [`Command::decide`]
    /// makes one.
    Decide {
        /// The record.
        decision: Arc<Decision>,
        /// The record as it will stand in the log.
        row: Vec<u8>,
        /// The bytes of the request and where they go.
        message: Option<(Vec<u8>, Placement)>,
    },
    /// Records a user's word.
    Report(Report),
    /// Records what became of a delivery that was due at `due_ms`.
    Attempted {
        /// The message.
        id: DecisionId,
        /// The due time under which it stood in the queue.
        due_ms: u64,
        /// What came of it.
        attempt: Attempt,
    },
    /// Ends a hold; `at_ms` is when the person spoke.
    Rule {
        /// The message.
        id: DecisionId,
        /// Release or reject.
        ruling: Ruling,
        /// Unix milliseconds.
        at_ms: u64,
        /// How long a released message may take to be delivered, milliseconds.
        expires_after_ms: u64,
    },
    /// Puts a dead letter back into the queue; `at_ms` is when a person asked for it.
    Retry {
        /// The message.
        id: DecisionId,
        /// The route that it goes to now.
        route: String,
        /// Unix milliseconds.
        at_ms: u64,
        /// How long it may take to be delivered, milliseconds.
        expires_after_ms: u64,
    },
}

impl Command {
    /// Records `decision` and, if given, its message. The record is written out here, by the thread that made the
    /// decision and still has it in its cache: the journal's thread serves everyone.
    ///
    /// # Errors
    /// [`Error::DamagedRow`] if it cannot be written out.
    pub fn decide(decision: Arc<Decision>, message: Option<(Vec<u8>, Placement)>) -> Result<Self, Error> {
        let row = stage::decision_row(&decision)?;
        Ok(Self::Decide { decision, row, message })
    }

    pub(super) fn id(&self) -> DecisionId {
        match self {
            Self::Decide { decision, .. } => decision.decision_id,
            Self::Report(report) => report.decision_id,
            Self::Attempted { id, .. } | Self::Rule { id, .. } | Self::Retry { id, .. } => *id,
        }
    }
}
