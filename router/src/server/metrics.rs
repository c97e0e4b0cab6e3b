//! Every metric of a node, once: what `/metrics` says of it as `# HELP` and `# TYPE`. A test compares this table with the code and
//! with the one in `docs/operating.md`.

use ::metrics::{Label as Set, Unit, counter, describe_counter, describe_gauge, describe_histogram};

use ostrakon_policies::{Mode, Policy};

use Kind::{Counter, Gauge, Histogram};
use Unit::{Bytes, Count, Seconds};

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
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
    pub kind: Kind,
    /// What it counts in.
    pub unit: Unit,
    /// What it says.
    pub help: &'static str,
    /// Of a counter: its labels with the values that are known before anything happens, so that it is there, at 0, from the
    /// start: an alert on a counter that does not exist yet misses its first increase. Other values come when they come; of a
    /// label without values here none is known.
    pub labels: &'static [Label],
}

/// A label and the values that are known of it.
pub type Label = (&'static str, &'static [&'static str]);

/// All of them.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    Metric { name: "ostrakon_decisions_total", kind: Counter, unit: Count, help: "New decisions, by verdict; repeated questions are not counted", labels: VERDICT },
    Metric { name: "ostrakon_shadow_verdicts_total", kind: Counter, unit: Count, help: "What shadow rules would have done, by rule and verdict", labels: &[("rule", &[]), ("verdict", &[])] },
    Metric { name: "ostrakon_fallbacks_total", kind: Counter, unit: Count, help: "Checks answered without a decision, by the code of the reason", labels: &[("code", &["catching_up", "deadline", "journal_full", "shutting_down", "starting", "stopped"])] },
    Metric { name: "ostrakon_reports_total", kind: Counter, unit: Count, help: "Feedback taken, by report", labels: &[("report", &["ham", "spam"])] },
    Metric { name: "ostrakon_records_total", kind: Counter, unit: Count, help: "Votes and other records, by outcome: appended, present, or the refusal's code", labels: RECORD },
    Metric { name: "ostrakon_refused_requests_total", kind: Counter, unit: Count, help: "Error answers, by code", labels: &[("code", REFUSALS)] },
    Metric { name: "ostrakon_deliveries_total", kind: Counter, unit: Count, help: "Attempts at routes, by route and outcome: delivered, retry or dead", labels: &[("route", &[]), ("outcome", &["delivered", "retry", "dead"])] },
    Metric { name: "ostrakon_policy_reloads_total", kind: Counter, unit: Count, help: "Changed policy files, by outcome: loaded, refused, not_kept or later", labels: &[("outcome", &["loaded", "refused", "not_kept", "later"])] },
    Metric { name: "ostrakon_policy_loaded", kind: Gauge, unit: Count, help: "1: the policy file as it stands is in force; 0: an earlier one is, alert on it", labels: &[] },
    Metric { name: "ostrakon_policy_info", kind: Gauge, unit: Count, help: "1 for the digest of the policy in force, 0 for earlier ones since the start", labels: &[] },
    Metric { name: "ostrakon_store_failures_total", kind: Counter, unit: Count, help: "Failures of a store, by store: alert on any", labels: &[("store", &["ledger", "messages", "witness"])] },
    Metric { name: "ostrakon_store_reopenings_total", kind: Counter, unit: Count, help: "Tries to open a store again, by store and outcome: opened or failed", labels: &[("store", &["ledger", "messages", "witness", "mirror"]), ("outcome", &["opened", "failed"])] },
    Metric { name: "ostrakon_damaged_rows_total", kind: Counter, unit: Count, help: "Rows of the messages store that cannot be read, by table: alert on any", labels: &[("table", &["log", "reports", "holds", "dead"])] },
    Metric { name: "ostrakon_retention_steps_total", kind: Counter, unit: Count, help: "Looks at what is past its retention", labels: &[] },
    Metric { name: "ostrakon_clock_jumps_total", kind: Counter, unit: Count, help: "Times that the wall clock jumped, or was behind the record at the start", labels: &[] },
    Metric { name: "ostrakon_clock_in_doubt", kind: Gauge, unit: Count, help: "1: the wall clock is not believed at the moment", labels: &[] },
    Metric { name: "ostrakon_decision_seconds", kind: Histogram, unit: Seconds, help: "From the question to the durable answer", labels: &[] },
    Metric { name: "ostrakon_commit_seconds", kind: Histogram, unit: Seconds, help: "One synced commit, by store: ledger or messages", labels: &[] },
    Metric { name: "ostrakon_fold_seconds", kind: Histogram, unit: Seconds, help: "One run of entries into the score book, epochs included", labels: &[] },
    Metric { name: "ostrakon_ledger_batch_size", kind: Histogram, unit: Count, help: "Records that shared one sync of the ledger", labels: &[] },
    Metric { name: "ostrakon_journal_batch_size", kind: Histogram, unit: Count, help: "Commands that shared one sync of the messages store", labels: &[] },
    Metric { name: "ostrakon_ledger_entries", kind: Gauge, unit: Count, help: "Entries published", labels: &[] },
    Metric { name: "ostrakon_book_index", kind: Gauge, unit: Count, help: "Entries read into the scores: less than those published is the lag", labels: &[] },
    Metric { name: "ostrakon_witness_requests_total", kind: Counter, unit: Count, help: "Checkpoints of others that this witness was asked to cosign, by status", labels: &[("status", &["200"])] },
    Metric { name: "ostrakon_cosigning_failures_total", kind: Counter, unit: Count, help: "Times that a witness of this node's ledger did not cosign, by witness", labels: &[("witness", &[])] },
    Metric { name: "ostrakon_mirror_rounds_total", kind: Counter, unit: Count, help: "Rounds of following a ledger, by peer and by what came of them", labels: &[("peer", &[]), ("state", &[])] },
    Metric { name: "ostrakon_mirror_entries", kind: Gauge, unit: Count, help: "Entries in the copy of a peer's ledger", labels: &[] },
    Metric { name: "ostrakon_mirror_lag_entries", kind: Gauge, unit: Count, help: "How many more entries the peer has shown than the copy has", labels: &[] },
    Metric { name: "ostrakon_mirror_forked", kind: Gauge, unit: Count, help: "1: the peer signed two histories; alert on it", labels: &[] },
    Metric { name: "ostrakon_copied_records_total", kind: Counter, unit: Count, help: "Records of followed ledgers that were offered to this one, by outcome", labels: RECORD },
    Metric { name: "ostrakon_cosigned_entries", kind: Gauge, unit: Count, help: "Entries under the latest cosigned checkpoint", labels: &[] },
    Metric { name: "ostrakon_peer_quota_refusals_total", kind: Counter, unit: Count, help: "What peers were refused because of a quota, by quota", labels: &[("quota", &["records_per_day", "messages_per_day", "bytes_per_day"])] },
    Metric { name: "ostrakon_unrecorded_refusals_total", kind: Counter, unit: Count, help: "Messages refused and not written down, beyond the rate of their peer", labels: &[] },
    Metric { name: "ostrakon_connections", kind: Gauge, unit: Count, help: "Open connections, by listener", labels: &[] },
    Metric { name: "ostrakon_closed_connections_total", kind: Counter, unit: Count, help: "Connections that were closed, by listener and by what was too slow or who needed the place", labels: &[("listener", LISTENERS), ("reason", &["idle", "head", "write", "linger", "room", "share", "bytes", "shutdown"])] },
    Metric { name: "ostrakon_refused_connections_total", kind: Counter, unit: Count, help: "Connections that found no place, by listener and reason", labels: &[("listener", LISTENERS), ("reason", &["room", "share"])] },
    Metric { name: "ostrakon_accept_failures_total", kind: Counter, unit: Count, help: "Connections that could not be accepted, by listener", labels: &[("listener", LISTENERS)] },
    Metric { name: "ostrakon_queue_messages", kind: Gauge, unit: Count, help: "Messages that wait for delivery", labels: &[] },
    Metric { name: "ostrakon_queue_oldest_seconds", kind: Gauge, unit: Seconds, help: "How long the oldest message has waited for delivery, by route; 0: none waits", labels: &[] },
    Metric { name: "ostrakon_held_messages", kind: Gauge, unit: Count, help: "Messages that wait for a person", labels: &[] },
    Metric { name: "ostrakon_build_info", kind: Gauge, unit: Count, help: "1, with the version of the program", labels: &[] },
    Metric { name: "process_resident_memory_bytes", kind: Gauge, unit: Bytes, help: "Resident memory of the process", labels: &[] },
    Metric { name: "process_open_fds", kind: Gauge, unit: Count, help: "Open file descriptors of the process", labels: &[] },
    Metric { name: "process_start_time_seconds", kind: Gauge, unit: Seconds, help: "When the process started, Unix seconds", labels: &[] },
];

const VERDICT: &[Label] = &[("verdict", &["accept", "defer", "hold", "reject"])];
const RECORD: &[Label] = &[("outcome", &["appended", "present"])];
const LISTENERS: &[&str] = &["public", "local"];
/// Codes of errors that say something about this node or about who asks it; the codes of everything else come when they come.
#[rustfmt::skip]
const REFUSALS: &[&str] = &[
    "bad_signature", "busy", "catching_up", "clock_in_doubt", "deadline", "evidence_full", "foreign_host", "foreign_origin",
    "holds_full", "id_reused", "journal_full", "no_route", "pool_full", "queue_full", "quota", "share_full", "starting",
    "stopped", "too_large", "unauthorised", "unknown_peer", "unsupported_type",
];

/// Tells the recorder what each metric is, and begins the counters. Once, when it is installed.
pub fn describe() {
    for Metric { name, kind, unit, help, labels } in METRICS {
        match kind {
            Counter => {
                describe_counter!(*name, *unit, *help);
                begin(name, labels, &[]);
            }
            Gauge => describe_gauge!(*name, *unit, *help),
            Histogram => describe_histogram!(*name, *unit, *help),
        }
    }
}

/// Begins the counter of deliveries at these routes.
pub fn begin_routes<'a>(routes: impl Iterator<Item = &'a str>) {
    for route in routes {
        for metric in METRICS.iter().filter(|metric| metric.labels.first().is_some_and(|(label, _)| *label == "route"))
        {
            begin(metric.name, &metric.labels[1..], &[Set::new("route", route.to_owned())]);
        }
    }
}

/// Begins the counters of what the shadow limits and rules of `policy` would have done.
pub fn begin_shadows(policy: &Policy) {
    let limits = policy.limits().iter().map(|limit| (limit.name(), limit.verdict(), limit.mode()));
    let rules = policy.rules().iter().map(|rule| (rule.name(), rule.verdict(), rule.mode()));
    for (name, verdict, _) in limits.chain(rules).filter(|(.., mode)| *mode == Mode::Shadow) {
        let (name, verdict) = (name.to_owned(), verdict.as_str());
        counter!("ostrakon_shadow_verdicts_total", "rule" => name, "verdict" => verdict).increment(0);
    }
}

/// Begins a counter at 0 with every combination of the known values of `labels`, behind the labels in `set`.
fn begin(name: &'static str, labels: &[Label], set: &[Set]) {
    let Some(((label, values), rest)) = labels.split_first() else {
        counter!(name, set.to_vec()).increment(0);
        return;
    };
    for value in *values {
        begin(name, rest, &[set, &[Set::new(*label, *value)]].concat());
    }
}
