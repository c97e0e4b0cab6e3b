//! What waits in the messages store, for operators: held messages, the delivery queue, dead letters.

use base64::{Engine, prelude::BASE64_STANDARD};
use ostrakon_ledger::Table;
use serde::{Serialize, de::DeserializeOwned};

use super::Node;
use crate::{
    config::Route,
    error::Error,
    flow::{
        decision::{Decision, DecisionId},
        journal::{
            Command, Ruling,
            tables::{DEAD, DeadRow, HOLDS, HoldRow, MESSAGES, QUEUE, QueueRow, parse_queue_key, parse_row},
        },
    },
    message::{Address, Kind, MessageHeader, SignedMessage},
};

/// Rows in one answer; what is beyond them is found once these are dealt with.
const LISTED_MAX: usize = 1000;

/// Bytes of messages that are read for one list of holds: senders stand in them alone.
const SENDERS_BYTES_MAX: usize = 32 << 20;

/// Up to [`LISTED_MAX`] rows, and whether there are more.
#[derive(Debug)]
pub struct Listed<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether there are more.
    pub more: bool,
}

/// A held message as operators see it.
#[derive(Debug, Serialize)]
pub struct HoldView {
    decision_id: DecisionId,
    #[serde(flatten)]
    row: HoldRow,
    age_ms: u64,
    /// Its length in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_domain: Option<String>,
    /// The rules and limits that asked for the hold.
    rules: Vec<String>,
}

/// A held message with all that is known of it.
#[derive(Debug, Serialize)]
pub struct HeldMessage {
    #[serde(flatten)]
    view: HoldView,
    sender: Address,
    recipients: Vec<Address>,
    media_type: String,
    sent_at_ms: u64,
    /// In base64.
    body: String,
    decision: Option<Decision>,
}

/// A message that waits for its route.
#[derive(Debug, Serialize)]
pub struct QueueView {
    decision_id: DecisionId,
    due_at_ms: u64,
    age_ms: u64,
    #[serde(flatten)]
    row: QueueRow,
}

/// A message that was given up.
#[derive(Debug, Serialize)]
pub struct DeadView {
    decision_id: DecisionId,
    #[serde(flatten)]
    row: DeadRow,
}

impl Node {
    /// Held messages.
    ///
    /// # Errors
    /// The store's.
    pub fn list_holds(&self, now_ms: u64) -> Result<Listed<HoldView>, Error> {
        let Listed { rows, more } = self.list::<HoldRow>(HOLDS)?;
        let mut left = SENDERS_BYTES_MAX;
        let mut views = Vec::with_capacity(rows.len());
        for (key, row) in rows {
            let id = id_of(HOLDS, &key)?;
            let decision = self.intake.recorded(id).ok().flatten();
            let size = decision.as_ref().map_or(u64::MAX, |decision| decision.size);
            let header = if usize::try_from(size).is_ok_and(|size| size <= left) {
                let bytes = self.messages.get(MESSAGES, id.as_bytes())?.unwrap_or_default();
                left = left.saturating_sub(bytes.len());
                SignedMessage::parse(&bytes, self.message_limits()).ok().map(|message| message.header().clone())
            } else {
                None
            };
            views.push(HoldView::new(id, row, decision.as_ref(), header.as_ref(), now_ms));
        }
        Ok(Listed { rows: views, more })
    }

    /// One held message.
    ///
    /// # Errors
    /// [`Error::NoSuchHold`], and the store's.
    pub fn show_hold(&self, id: DecisionId, now_ms: u64) -> Result<HeldMessage, Error> {
        let row: HoldRow = parse_row(HOLDS, &self.messages.get(HOLDS, id.as_bytes())?.ok_or(Error::NoSuchHold)?)?;
        let bytes = self.messages.get(MESSAGES, id.as_bytes())?.ok_or(Error::NoSuchHold)?;
        let message = SignedMessage::parse(&bytes, self.message_limits())?;
        let (header, decision) = (message.header(), self.intake.recorded(id)?);
        Ok(HeldMessage {
            view: HoldView::new(id, row, decision.as_ref(), Some(header), now_ms),
            sender: header.sender.clone(),
            recipients: header.recipients.clone(),
            media_type: header.content.media_type.to_string(),
            sent_at_ms: header.sent_at_ms,
            body: BASE64_STANDARD.encode(message.body()),
            decision,
        })
    }

    /// Carries out what a person decided on a held message.
    ///
    /// # Errors
    /// [`Error::NoSuchHold`], [`Error::QueueFull`], and the journal's.
    pub async fn rule(&self, id: DecisionId, ruling: Ruling, at_ms: u64) -> Result<(), Error> {
        let row = self.messages.get(HOLDS, id.as_bytes())?.ok_or(Error::NoSuchHold)?;
        let hold: HoldRow = parse_row(HOLDS, &row)?;
        let expires_after_ms = self.route(&hold.route).map_or(0, |route| route.expires_after.ms());
        self.journal.carry_out(Command::Rule { id, ruling, at_ms, expires_after_ms }).await?;
        self.wake.notify_one();
        Ok(())
    }

    /// Messages that wait for their routes, those that are due first at the beginning.
    ///
    /// # Errors
    /// The store's.
    pub fn list_queue(&self, now_ms: u64) -> Result<Listed<QueueView>, Error> {
        let Listed { rows, more } = self.list::<QueueRow>(QUEUE)?;
        let view = |(key, row): (Vec<u8>, QueueRow)| {
            let (due_at_ms, decision_id) = parse_queue_key(&key)?;
            Ok(QueueView { decision_id, due_at_ms, age_ms: now_ms.saturating_sub(row.queued_at_ms), row })
        };
        Ok(Listed { rows: rows.into_iter().map(view).collect::<Result<_, Error>>()?, more })
    }

    /// Messages that were given up.
    ///
    /// # Errors
    /// The store's.
    pub fn list_dead(&self) -> Result<Listed<DeadView>, Error> {
        let Listed { rows, more } = self.list::<DeadRow>(DEAD)?;
        let view = |(key, row): (Vec<u8>, DeadRow)| Ok(DeadView { decision_id: id_of(DEAD, &key)?, row });
        Ok(Listed { rows: rows.into_iter().map(view).collect::<Result<_, Error>>()?, more })
    }

    /// Puts a dead letter back into the queue; returns the name of the route that it goes to: its own, or if that is gone
    /// the one that takes its kind now.
    ///
    /// # Errors
    /// [`Error::NoSuchDeadLetter`], [`Error::RouteGone`], [`Error::QueueFull`], and the journal's.
    pub async fn retry_dead(&self, id: DecisionId, at_ms: u64) -> Result<String, Error> {
        let row = self.messages.get(DEAD, id.as_bytes())?.ok_or(Error::NoSuchDeadLetter)?;
        let dead: DeadRow = parse_row(DEAD, &row)?;
        let route = match self.route(&dead.route) {
            Some(route) => route,
            None => {
                let kind = self.intake.recorded(id)?.map(|decision| decision.kind);
                kind.and_then(|kind| self.config.route_for(kind)).ok_or(Error::RouteGone(dead.route))?
            }
        };
        let (route, expires_after_ms) = (route.name.clone(), route.expires_after.ms());
        self.journal.carry_out(Command::Retry { id, route: route.clone(), at_ms, expires_after_ms }).await?;
        self.wake.notify_one();
        Ok(route)
    }

    fn route(&self, name: &str) -> Option<&Route> {
        self.config.routes.iter().find(|route| route.name == name)
    }

    /// The first rows of a table. Those that cannot be read are left out; retention tells of them.
    fn list<T: DeserializeOwned>(&self, table: Table) -> Result<Listed<(Vec<u8>, T)>, Error> {
        let found = self.messages.scan(table, &[], LISTED_MAX + 1)?;
        let more = found.len() > LISTED_MAX;
        let read = |(key, row): (Vec<u8>, Vec<u8>)| Some((key, parse_row::<T>(table, &row).ok()?));
        Ok(Listed { rows: found.into_iter().take(LISTED_MAX).filter_map(read).collect(), more })
    }
}

impl HoldView {
    fn new(
        decision_id: DecisionId,
        row: HoldRow,
        decision: Option<&Decision>,
        header: Option<&MessageHeader>,
        now_ms: u64,
    ) -> Self {
        let asked = |decision: &Decision| {
            let reasons = decision.reasons.iter();
            let enforced = reasons.filter(|opinion| !opinion.shadow && opinion.verdict == decision.verdict);
            enforced.map(|opinion| opinion.rule.clone()).collect()
        };
        let domain = |header: &MessageHeader| header.sender_domain().map(|domain| domain.to_string());
        Self {
            decision_id,
            age_ms: now_ms.saturating_sub(row.held_at_ms),
            row,
            size: decision.map(|decision| decision.size).or_else(|| Some(header?.content.length)),
            kind: decision.map(|decision| decision.kind).or_else(|| Some(header?.kind)),
            peer: decision.map(|decision| decision.peer.to_string()).or_else(|| Some(header?.peer.to_string())),
            sender_domain: header.and_then(domain),
            rules: decision.map(asked).unwrap_or_default(),
        }
    }
}

fn id_of(table: Table, key: &[u8]) -> Result<DecisionId, Error> {
    key.try_into().map(DecisionId::from_bytes).map_err(|_| Error::DamagedRow { table: table.0 })
}
