//! One table of metrics: what the code records, what `/metrics` explains and what `docs/operating.md` lists are the same.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use ostrakon_router::server::metrics::{Kind, METRICS};
use ostrakon_tests::{
    TestNode,
    node::{OPEN_POLICY, get_bytes},
};

/// Ours, and what every exporter calls the same.
const PREFIXES: [&str; 2] = ["ostrakon_", "process_"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("src/metrics.rs") {
            found.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

/// The words in a text that have the form of a metric's name and are quoted in `quote`.
fn names(text: &str, quote: char) -> BTreeSet<String> {
    let words = text.split(quote).filter(|word| {
        let rest = PREFIXES.iter().find_map(|prefix| word.strip_prefix(prefix)).unwrap_or_default();
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    });
    words.map(str::to_owned).collect()
}

#[test]
fn code_table_and_documentation_agree() {
    let table: BTreeSet<_> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!(table.len(), METRICS.len(), "each name once");
    let mut recorded = BTreeMap::new();
    let mut texts = Vec::new();
    for folder in ["router/src", "ledger/src", "reputation/src", "policies/src"] {
        sources(&root().join(folder), &mut texts);
    }
    for text in &texts {
        for (kind, what) in [(Kind::Counter, "counter!("), (Kind::Gauge, "gauge!("), (Kind::Histogram, "histogram!(")] {
            for piece in text.split(what).skip(1) {
                let name = piece.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
                if let Some(name) = name.filter(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix))) {
                    recorded.insert(name.to_owned(), kind);
                }
            }
        }
    }
    assert_eq!(
        recorded.keys().cloned().collect::<BTreeSet<_>>(),
        table,
        "recorded in the code, and in router/src/server/metrics.rs"
    );
    for metric in METRICS {
        assert_eq!(recorded[metric.name], metric.kind, "{}", metric.name);
        assert!(metric.help.len() > 10 && !metric.help.ends_with('.'), "{}: {}", metric.name, metric.help);
        assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
    }
    let documented = std::fs::read_to_string(root().join("docs/operating.md")).unwrap();
    let rows: Vec<_> =
        documented.lines().filter(|line| PREFIXES.iter().any(|it| line.starts_with(&format!("| `{it}")))).collect();
    let listed = rows.iter().flat_map(|row| names(row.split('|').nth(1).unwrap(), '`')).collect::<BTreeSet<_>>();
    assert_eq!(listed, table, "in docs/operating.md, and in router/src/server/metrics.rs");
}

#[test]
fn every_family_on_the_wire_says_what_it_is() {
    let node = TestNode::serving(OPEN_POLICY, "[[route]]\nname = \"all\"\nwebhook = \"http://127.0.0.1:1/\"\n");
    node.check("m1", "a.example");
    let text = String::from_utf8(get_bytes(&format!("{}/metrics", node.local()))).unwrap();
    let described = |what: &str| -> BTreeSet<&str> {
        text.lines().filter_map(|line| line.strip_prefix(what)?.split(' ').next()).collect()
    };
    let (help, types) = (described("# HELP "), described("# TYPE "));
    let samples: BTreeSet<_> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split(['{', ' ']).next().unwrap())
        .collect();
    assert!(samples.contains("ostrakon_decisions_total"), "{text}");
    // What has not happened yet stands at 0, so that an alert sees the first time.
    for line in [
        "ostrakon_deliveries_total{route=\"all\",outcome=\"dead\"} 0",
        "ostrakon_decisions_total{verdict=\"accept\"} 1",
        "ostrakon_decisions_total{verdict=\"reject\"} 0",
        "ostrakon_store_failures_total{store=\"messages\"} 0",
        "ostrakon_fallbacks_total{code=\"stopped\"} 0",
        "ostrakon_policy_reloads_total{outcome=\"refused\"} 0",
        "ostrakon_clock_jumps_total 0",
        "ostrakon_queue_oldest_seconds{route=\"all\"} 0",
        "ostrakon_policy_loaded 1",
        concat!("ostrakon_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
    for name in ["process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"] {
        assert!(node.metric(name) > 1.0, "{name}: {text}");
    }
    for sample in samples {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| sample.strip_suffix(end)).unwrap_or(sample);
        let known = |set: &BTreeSet<&str>| set.contains(family) || set.contains(sample);
        assert!(known(&help) && known(&types), "{sample}: {text}");
    }
}
