//! Plays a trace: draws the reports first, then sends the messages one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::reader::{Message, TraceError};
use super::stats::{Outcome, Tally};
use ostrakon_router::message::{CheckRequest, Kind, Proof, ReportKind};

use crate::node::{Node, NodeError, timed};

/// How the reports are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Draw {
    /// Share of the mail that its recipient reports.
    pub feedback: f64,
    /// Share of the recipients that always report the opposite.
    pub liars: f64,
    /// Seed of the generator (ChaCha8).
    pub seed: u64,
}

/// One run against one node.
pub struct Run {
    /// Prefix of the message ids.
    pub id: String,
    /// The node's local listener.
    pub node: Node,
}

impl Draw {
    /// The report of each message's recipient, if any: a pure function of the trace and the seed.
    fn reports(&self, messages: &[Message]) -> Vec<Option<ReportKind>> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let liars = self.choose_liars(messages, &mut rng);
        let report = |message: &Message| match message.ham != liars.contains(message.rcpt.as_str()) {
            true => ReportKind::Ham,
            false => ReportKind::Spam,
        };
        messages.iter().map(|message| rng.random_bool(self.feedback).then(|| report(message))).collect()
    }

    /// The recipients that always lie. The recipient of the most mail is never one of them, because the result would
    /// then depend on that one recipient.
    fn choose_liars<'a>(&self, messages: &'a [Message], rng: &mut ChaCha8Rng) -> BTreeSet<&'a str> {
        let mut mail: BTreeMap<&str, u64> = BTreeMap::new();
        for message in messages {
            *mail.entry(&message.rcpt).or_default() += 1;
        }
        let wanted = (self.liars * mail.len() as f64) as usize;
        let busiest = mail.iter().max_by_key(|(_, mail)| **mail).map(|(rcpt, _)| *rcpt);
        let mut candidates: Vec<&str> = mail.into_keys().filter(|rcpt| Some(*rcpt) != busiest).collect();
        candidates.shuffle(rng);
        candidates.into_iter().take(wanted).collect()
    }
}

/// Plays `messages` in their order and returns the statistics. A message counts once, however often it was sent.
///
/// # Errors
/// [`TraceError::Node`] if there is no answer to the first message, so that the node cannot be used at all.
pub fn play(run: &Run, messages: &[Message], draw: &Draw) -> Result<Tally, TraceError> {
    let reports = draw.reports(messages);
    let bar = ProgressBar::new(messages.len() as u64).with_style(style());
    let start = Instant::now();
    let mut outcomes = Vec::with_capacity(messages.len());
    for (position, (message, report)) in messages.iter().zip(reports).enumerate() {
        let (answer, latency) = timed(|| run.node.check(&request(&run.id, message)));
        match answer {
            Ok(answer) => {
                let (verdict, standing) = (answer.verdict, answer.standing);
                outcomes.push(Outcome { position, ham: message.ham, verdict, standing, latency });
                if let Some(report) = report {
                    let reported = run.node.feedback(&answer.decision_id, &recipient(message), report);
                    warn(&bar, message, "its report was not taken", reported);
                }
            }
            Err(error) if outcomes.is_empty() => return Err(error.into()),
            Err(error) => warn(&bar, message, "unanswered", Err(error)),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Tally::of(messages.len(), &outcomes, start.elapsed()))
}

fn warn(bar: &ProgressBar, message: &Message, what: &str, result: Result<(), NodeError>) {
    if let Err(error) = result {
        bar.suspend(|| ostrakon_router::err!("message {}: {what}: {error}", message.seq));
    }
}

/// The request that an adapter would send for a message. The trace's opaque identifiers become names under `.invalid`
/// (RFC 2606), which belong to nobody.
fn request(run_id: &str, message: &Message) -> CheckRequest {
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let relay = known(&message.relay_16).unwrap_or_else(|| "unknown".to_owned());
    let sender_domain = known(&message.env_domain).map(|domain| format!("{domain}.domain.invalid"));
    let sender = match (&sender_domain, message.env_addr.as_str()) {
        (_, "") => String::new(),
        (Some(domain), addr) => format!("{addr}@{domain}"),
        (None, addr) => format!("{addr}@unknown.invalid"),
    };
    CheckRequest {
        id: format!("trace-{run_id}-{}", message.seq),
        peer: format!("{relay}.relay.invalid"),
        // The trace does not record proofs, contents, links and contacts.
        peer_proof: Proof::None,
        sender,
        sender_proof: Proof::None,
        recipients: vec![recipient(message)],
        kind: Kind::Mail,
        size: message.n_bytes,
        network: known(&message.relay_ip),
        content: None,
        links: 0,
        known_contact: false,
        sender_domain,
    }
}

fn recipient(message: &Message) -> String {
    let local = if message.rcpt.is_empty() { "unknown" } else { &message.rcpt };
    format!("{local}@recipients.invalid")
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:32} {pos}/{len} messages, {per_sec}, {eta} to go")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests;
