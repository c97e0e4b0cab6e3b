//! Every metric of a node, once: what `/metrics` says of it as `# HELP` and `# TYPE`. A test compares this table with the code and
//! with the one in `docs/operating.md`.

use ::metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

use MetricKind::{Counter, Gauge, Histogram};
use Unit::{Count, Seconds};

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Up only, since the start.
    Counter,
    /// Up and down.
    Gauge,
    /// Samples in buckets.
    Histogram,
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it moves.
    pub kind: MetricKind,
    /// What it counts in.
    pub unit: Unit,
    /// What it says.
    pub help: &'static str,
}

/// All of them.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    Metric { name: "ostrakon_decisions_total", kind: Counter, unit: Count, help: "New decisions, by verdict; repeated questions are not counted" },
    Metric { name: "ostrakon_shadow_verdicts_total", kind: Counter, unit: Count, help: "What shadow rules would have done, by rule and verdict" },
    Metric { name: "ostrakon_fallbacks_total", kind: Counter, unit: Count, help: "Checks answered without a decision, by the code of the reason" },
    Metric { name: "ostrakon_reports_total", kind: Counter, unit: Count, help: "Feedback taken, by report" },
    Metric { name: "ostrakon_records_total", kind: Counter, unit: Count, help: "Votes and other records, by outcome: appended, present, or the refusal's code" },
    Metric { name: "ostrakon_refused_requests_total", kind: Counter, unit: Count, help: "Error answers, by code" },
    Metric { name: "ostrakon_deliveries_total", kind: Counter, unit: Count, help: "Attempts at routes, by outcome" },
    Metric { name: "ostrakon_policy_reloads_total", kind: Counter, unit: Count, help: "Changed policy files, by outcome: loaded, refused, not_kept or later" },
    Metric { name: "ostrakon_store_failures_total", kind: Counter, unit: Count, help: "Failures of a store, by store: alert on any" },
    Metric { name: "ostrakon_store_reopenings_total", kind: Counter, unit: Count, help: "Tries to open a store again, by store and outcome: opened or failed" },
    Metric { name: "ostrakon_damaged_rows_total", kind: Counter, unit: Count, help: "Rows of the messages store that cannot be read, by table: alert on any" },
    Metric { name: "ostrakon_retention_steps_total", kind: Counter, unit: Count, help: "Looks at what is past its retention" },
    Metric { name: "ostrakon_clock_jumps_total", kind: Counter, unit: Count, help: "Times that the wall clock jumped, or was behind the record at the start" },
    Metric { name: "ostrakon_clock_in_doubt", kind: Gauge, unit: Count, help: "1: the wall clock is not believed at the moment" },
    Metric { name: "ostrakon_decision_seconds", kind: Histogram, unit: Seconds, help: "From the question to the durable answer" },
    Metric { name: "ostrakon_commit_seconds", kind: Histogram, unit: Seconds, help: "One synced commit, by store: ledger or messages" },
    Metric { name: "ostrakon_fold_seconds", kind: Histogram, unit: Seconds, help: "One run of entries into the score book, epochs included" },
    Metric { name: "ostrakon_ledger_batch_size", kind: Histogram, unit: Count, help: "Records that shared one sync of the ledger" },
    Metric { name: "ostrakon_journal_batch_size", kind: Histogram, unit: Count, help: "Commands that shared one sync of the messages store" },
    Metric { name: "ostrakon_ledger_entries", kind: Gauge, unit: Count, help: "Entries published" },
    Metric { name: "ostrakon_book_index", kind: Gauge, unit: Count, help: "Entries read into the scores: less than those published is the lag" },
    Metric { name: "ostrakon_witness_requests_total", kind: Counter, unit: Count, help: "Checkpoints of others that this witness was asked to cosign, by status" },
    Metric { name: "ostrakon_cosigning_failures_total", kind: Counter, unit: Count, help: "Times that a witness of this node's ledger did not cosign, by witness" },
    Metric { name: "ostrakon_mirror_rounds_total", kind: Counter, unit: Count, help: "Rounds of following a ledger, by peer and by what came of them" },
    Metric { name: "ostrakon_mirror_entries", kind: Gauge, unit: Count, help: "Entries in the copy of a peer's ledger" },
    Metric { name: "ostrakon_mirror_lag_entries", kind: Gauge, unit: Count, help: "How many more entries the peer has shown than the copy has" },
    Metric { name: "ostrakon_mirror_forgotten_records", kind: Gauge, unit: Count, help: "Records of this node that the peer holds and this ledger lacks: alert on any" },
    Metric { name: "ostrakon_convictions_total", kind: Counter, unit: Count, help: "Peers that were convicted here of telling two stories" },
    Metric { name: "ostrakon_mirror_forked", kind: Gauge, unit: Count, help: "1: the peer signed two histories; alert on it" },
    Metric { name: "ostrakon_copied_records_total", kind: Counter, unit: Count, help: "Records of followed ledgers that were offered to this one, by outcome" },
    Metric { name: "ostrakon_cosigned_entries", kind: Gauge, unit: Count, help: "Entries under the latest cosigned checkpoint" },
    Metric { name: "ostrakon_peer_quota_refusals_total", kind: Counter, unit: Count, help: "What peers were refused because of a quota, by quota" },
    Metric { name: "ostrakon_unrecorded_refusals_total", kind: Counter, unit: Count, help: "Messages refused and not written down, beyond the rate of their peer" },
    Metric { name: "ostrakon_connections", kind: Gauge, unit: Count, help: "Open connections, by listener" },
    Metric { name: "ostrakon_closed_connections_total", kind: Counter, unit: Count, help: "Connections that were closed, by listener and by what was too slow or who needed the place" },
    Metric { name: "ostrakon_refused_connections_total", kind: Counter, unit: Count, help: "Connections that found no place, by listener and reason" },
    Metric { name: "ostrakon_accept_failures_total", kind: Counter, unit: Count, help: "Connections that could not be accepted, by listener" },
    Metric { name: "ostrakon_queue_messages", kind: Gauge, unit: Count, help: "Messages that wait for delivery" },
    Metric { name: "ostrakon_held_messages", kind: Gauge, unit: Count, help: "Messages that wait for a person" },
];

/// Tells the recorder what each metric is. Once, when it is installed.
pub fn describe() {
    for Metric { name, kind, unit, help } in METRICS {
        match kind {
            Counter => describe_counter!(*name, *unit, *help),
            Gauge => describe_gauge!(*name, *unit, *help),
            Histogram => describe_histogram!(*name, *unit, *help),
        }
    }
}
