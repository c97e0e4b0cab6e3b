//! A served node: its parts, how they are put together, and what the handlers may ask of them.

mod descriptors;
mod listening;
mod local_access;
mod own;
mod peers;
mod policy_state;
pub mod start;
mod waiting;
mod watch;

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use ostrakon_ledger::{LedgerReader, PublicKey, Store, note::Note};
use serde::Serialize;
use tokio::sync::Notify;

pub use peers::Standing;
pub use policy_state::PolicyView;
pub use start::{Served, serve};
pub use waiting::Listed;

use self::policy_state::PolicyState;
use crate::server::journal::JournalHandle;
use crate::server::{blocking::blocking, clock::now_ms};
use crate::{
    config::Config,
    error::Error,
    flow::{
        explaining::{ENTRIES_READ_MAX, Question, Told},
        gate::Gate,
        rebuttals::Heard,
    },
    message::Limits,
    server::{
        cosigning::Cosigned, evidence::EvidenceStore, follower::Follower, home::Home, intake::Intake, mirrors::Mirrors,
        process, quotas::Quotas, sequencer::Sequencer, witness::WitnessDesk,
    },
};

/// Everything that handlers share. Each part has its own owner; nothing here is locked.
pub struct Node {
    /// The operator's configuration.
    pub config: Config,
    /// The public key of the node's ledger.
    pub key: PublicKey,
    /// The ledger's verifier key, as in signed notes.
    pub vkey: String,
    /// The published ledger.
    pub reader: LedgerReader,
    /// Writes the ledger.
    pub sequencer: Sequencer,
    /// Explains scores.
    pub follower: Follower,
    /// Judges.
    pub gate: Arc<Gate>,
    /// Judges, records and answers.
    pub intake: Intake,
    /// Writes the messages store.
    pub journal: JournalHandle,
    /// Cosigns the checkpoints of others, if this node is a witness.
    pub witness: Option<WitnessDesk>,
    /// What the witnesses of this node's own ledger have cosigned, if it has any.
    pub cosigned: Option<Arc<Cosigned>>,
    /// Copies of the ledgers of others.
    pub mirrors: Arc<Mirrors>,
    /// Detached bodies.
    pub evidence: Arc<EvidenceStore>,
    /// What each peer may ask.
    pub quotas: Quotas,
    /// Wakes the delivery worker.
    pub wake: Arc<Notify>,
    messages: Arc<dyn Store>,
    message_limits: Limits,
    policy: PolicyState,
    recorder: PrometheusHandle,
    home: Home,
    /// Held while the key is changed.
    rotating: tokio::sync::Mutex<()>,
    /// Held while the ledger is read for an explanation.
    recalling: tokio::sync::Mutex<()>,
}

/// The state of one part, for `/readyz`.
#[derive(Debug, Serialize)]
pub struct PartView {
    part: &'static str,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Node {
    /// How large a message may be.
    pub fn message_limits(&self) -> &Limits {
        &self.message_limits
    }

    /// Who this node is and where its doors are: `/.well-known/ostrakon`.
    pub fn about(&self) -> serde_json::Value {
        let domain = &self.config.node.domain;
        let witness =
            self.witness.as_ref().map(|desk| serde_json::json!({ "vkey": desk.vkey(), "prefix": "/witness" }));
        serde_json::json!({
            "network": self.config.node.network,
            "peer": domain.as_str(),
            "key": self.voice().to_string(),
            "ledger": { "origin": ostrakon_ledger::checkpoint::origin(domain), "vkey": self.vkey, "prefix": "/" },
            "witness": witness,
            "endpoints": {
                "votes": "/v1/votes",
                "messages": "/v1/messages",
                "checkpoint": "/checkpoint",
                "tiles": "/tile/",
                "mirrors": "/mirror/",
            },
        })
    }

    /// The same for operators, with what only they are told: `/v1/about`.
    pub fn about_locally(&self) -> serde_json::Value {
        let mut about = self.about();
        about["version"] = env!("CARGO_PKG_VERSION").into();
        about["policy"] = serde_json::json!(self.policy());
        about
    }

    /// The policy in force, and whether that is what stands in its file.
    pub fn policy(&self) -> PolicyView {
        self.policy.view(self.gate.bench().digest.clone())
    }

    /// The checkpoint to show: the latest that the quorum of witnesses cosigned, or as the ledger signed it while there is
    /// none.
    pub fn checkpoint(&self) -> Result<Note, Error> {
        let published = self.reader.published();
        let cosigned = self.cosigned.as_ref().and_then(|cosigned| cosigned.current(published.tree_size));
        Ok(match cosigned {
            Some(note) => note,
            None => Note::parse(&published.checkpoint)?,
        })
    }

    /// The key of this node's own records, which a rotation changes.
    fn voice(&self) -> PublicKey {
        let head = self.reader.author(&self.config.node.domain);
        head.ok().flatten().map_or(self.key, |head| head.key)
    }

    /// All metrics in Prometheus' text format.
    pub fn metrics(&self) -> String {
        let published = self.journal.published();
        let load = |number: &std::sync::atomic::AtomicU64| number.load(std::sync::atomic::Ordering::Relaxed);
        metrics::gauge!("ostrakon_queue_messages").set(gauge(load(&published.queued)));
        metrics::gauge!("ostrakon_held_messages").set(gauge(load(&published.held)));
        metrics::gauge!("ostrakon_ledger_entries").set(gauge(self.reader.tree_size()));
        let now_ms = now_ms();
        for route in &self.config.routes {
            let age_ms =
                published.waiting.oldest_ms(&route.name).map_or(0, |oldest_ms| now_ms.saturating_sub(oldest_ms));
            let age_s = gauge(age_ms) / 1e3;
            metrics::gauge!("ostrakon_queue_oldest_seconds", "route" => route.name.clone()).set(age_s);
        }
        if let Some(bytes) = process::resident_bytes() {
            metrics::gauge!("process_resident_memory_bytes").set(gauge(bytes));
        }
        if let Some(count) = process::open_descriptors() {
            metrics::gauge!("process_open_fds").set(gauge(count));
        }
        self.recorder.render()
    }

    /// Puts the samples of histograms into their buckets, so that they take no more room.
    pub fn drain_histograms(&self) {
        self.recorder.run_upkeep();
    }

    /// Takes a score apart: the ledger's votes, and for operators the reports of this node's own users.
    ///
    /// # Errors
    /// [`Error::CatchingUp`] when too many ask at once, [`Error::NoSuchViewpoint`].
    pub async fn explain(&self, question: Question) -> Result<Heard, Error> {
        let subject = question.subject.clone();
        let is_own = question.viewpoint.as_ref().is_none_or(|name| *name == self.config.reputation.viewpoint);
        let heard = self.recall(question).await?;
        Ok(if is_own { heard.with_effective(self.gate.effective(&subject, now_ms())) } else { heard })
    }

    async fn recall(&self, question: Question) -> Result<Heard, Error> {
        let told = match self.follower.explain(question).await? {
            Told::All(explanation) => Told::All(Box::new(explanation.with_own(&self.journal.published().experience))),
            redacted @ Told::Redacted(_) => redacted,
        };
        if told.is_known() {
            return Heard::new(told, &self.reader, 0);
        }
        // Off the threads that answer, one at a time: it may read a good part of the ledger.
        let _one_at_a_time = self.recalling.lock().await;
        let reader = self.reader.clone();
        blocking("looking for votes in the ledger", move || Heard::new(told, &reader, ENTRIES_READ_MAX)).await
    }

    /// Whether this node can do all of its work, and which part cannot.
    pub fn readiness(&self) -> (bool, Vec<PartView>) {
        let part = |part, reason: Option<String>| PartView { part, ready: reason.is_none(), reason };
        let parts = vec![
            part("ledger", self.sequencer.stopped().map(|reason| reason.to_string())),
            part("journal", self.journal.stopped().map(|reason| reason.to_string())),
            part("book", (!self.gate.is_ready()).then(|| "still reading the ledger".into())),
        ];
        (parts.iter().all(|part| part.ready), parts)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts beyond 2^53 are out of reach")]
fn gauge(count: u64) -> f64 {
    count as f64
}
