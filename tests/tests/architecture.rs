//! The rules of the house that a machine can check. Each is one test; a failure names file and line.
//!
//! Sources are scanned with comments and literals blanked out, so that a rule may be named where it is explained.

#[path = "architecture/manifest.rs"]
mod manifest;
#[path = "architecture/source.rs"]
mod source;

use std::path::{Path, PathBuf};

use source::{Source, Where};

/// The members, left to right: a crate may use those to its left and nothing else of ours. `sim` and `tests` use all.
const MEMBERS: [&str; 6] = ["ledger", "reputation", "policies", "router", "sim", "tests"];

/// A file is read in one sitting.
const LINES_MAX: usize = 400;
const README_LINES_MAX: usize = 200;

/// The crates whose results depend on their arguments alone.
const CORE: [&str; 3] = ["ledger", "reputation", "policies"];
/// What touches files there: the RocksDB store and the signed state, which lies outside RocksDB on purpose.
const CORE_FILES_ALLOWED: [&str; 3] =
    ["ledger/src/store/rocks.rs", "ledger/src/signed_state.rs", "ledger/src/signed_state/"];
/// Ways to the clock, to randomness, to the environment, to files and to the network.
const IMPURE: [&str; 26] = [
    "SystemTime",
    "Instant::now",
    "time::Instant",
    "UNIX_EPOCH",
    "MonotonicClock",
    "QuantaClock",
    "DefaultClock",
    "SystemClock",
    "rand",
    "rand_chacha",
    "thread_rng",
    "getrandom",
    "OsRng",
    "RandomState::new",
    "hash_map::RandomState",
    "std::env",
    "env::var",
    "env::args",
    "std::fs",
    "fs::read",
    "fs::write",
    "File",
    "OpenOptions",
    "std::net",
    "TcpStream",
    "sleep",
];
/// Crates that bring any of these along.
const IMPURE_CRATES: [&str; 7] = ["rand", "rand_chacha", "getrandom", "chrono", "uuid", "tokio", "ureq"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources() -> Vec<Source> {
    let sources = source::read_all(&root(), &MEMBERS);
    assert!(sources.len() > MEMBERS.len(), "found {} sources: the scan looks in the wrong place", sources.len());
    sources
}

#[track_caller]
fn none(rule: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{rule}:\n  {}\n", found.join("\n  "));
}

#[test]
fn a_crate_uses_only_those_to_its_left() {
    none("ledger <- reputation <- policies <- router", manifest::wrong_directions(&root(), &MEMBERS));
}

#[test]
fn the_simulator_takes_the_router_without_its_server() {
    none("sim must leave the router's default features off", manifest::server_in_sim(&root()));
}

#[test]
fn members_are_the_six_and_none_is_common() {
    let members = manifest::members(&root());
    assert_eq!(members, MEMBERS, "Cargo.toml, [workspace] members; there is no crate for what is common");
}

#[test]
fn rocksdb_stays_under_ledger() {
    let mut found = manifest::users_of(&root(), &MEMBERS, &["rocksdb", "librocksdb-sys"], &["ledger"]);
    found.extend(source::mentions(&sources(), &["rocksdb"], Where::Everywhere, |path| path.starts_with("ledger/")));
    none("RocksDB only under ledger", found);
}

/// `tests` is let off: its bench measures the node against a bare warp echo.
#[test]
fn what_serves_stays_in_the_routers_server() {
    let crates = ["warp", "tokio", "hyper", "hyper_util", "reqwest", "clap"];
    let mut found = manifest::users_of(&root(), &MEMBERS, &["warp", "tokio", "hyper", "reqwest"], &["router", "tests"]);
    let allowed = |path: &str| {
        ["router/src/server/", "router/src/main.rs", "router/tests/", "tests/", "sim/"]
            .iter()
            .any(|at| path.starts_with(at))
    };
    found.extend(source::mentions(&sources(), &crates, Where::OutsideTests, allowed));
    none("what listens, delivers or waits is under router/src/server", found);
}

/// The flow of messages is what `sim` drives: time and seeds are arguments there, too.
#[test]
fn the_flow_has_no_clock_and_no_chance() {
    let clocks =
        ["SystemTime", "Instant::now", "time::Instant", "UNIX_EPOCH", "getrandom", "sleep", "std::env", "TcpStream"];
    let exempt = |path: &str| !["router/src/flow", "router/src/message"].iter().any(|room| path.starts_with(room));
    none(
        "time and seeds are arguments of the flow",
        source::mentions(&sources(), &clocks, Where::OutsideTests, exempt),
    );
}

/// Data flows one way: messages, their flow, what serves it. Configuration and errors are everyone's.
#[test]
fn rooms_of_the_router_do_not_look_back() {
    let room = |name: &'static str| move |path: &str| !path.starts_with(&format!("router/src/{name}"));
    let sources = sources();
    let mut found = source::mentions(&sources, &["crate::server", "server::"], Where::OutsideTests, room("flow"));
    found.extend(source::mentions(
        &sources,
        &["crate::server", "server::", "crate::flow", "flow::"],
        Where::OutsideTests,
        room("message"),
    ));
    none("message <- flow <- server", found);
}

#[test]
fn the_core_has_no_clock_no_chance_no_environment_and_no_files() {
    let mut found = manifest::users_of(&root(), &CORE, &IMPURE_CRATES, &[]);
    let exempt = |path: &str| {
        !CORE.iter().any(|member| path.starts_with(&format!("{member}/src/")))
            || CORE_FILES_ALLOWED.iter().any(|allowed| path.starts_with(allowed))
    };
    found.extend(source::mentions(&sources(), &IMPURE, Where::OutsideTests, exempt));
    none("time, seeds and bytes are arguments of ledger, reputation and policies", found);
}

#[test]
fn no_source_is_longer_than_a_sitting() {
    none("sources have at most 400 lines, tests not counted", source::longer_than(&sources(), LINES_MAX));
}

#[test]
fn modules_are_named_after_themselves() {
    let named = |source: &&Source| source.path.ends_with("/mod.rs");
    none("foo.rs and foo/bar.rs, not mod.rs", sources().iter().filter(named).map(|it| it.path.clone()).collect());
}

#[test]
fn signatures_are_never_verified_in_batches() {
    let found = source::mentions(&sources(), &["verify_batch"], Where::Everywhere, |_| false);
    none("verify_batch lets one malicious signer make honest nodes disagree; use verify_strict", found);
}

#[test]
fn no_test_is_switched_off() {
    none(
        "a test that is ignored tests nothing",
        source::mentions(&sources(), &["ignore"], Where::Attributes, |_| false),
    );
}

#[test]
fn no_test_sleeps() {
    let found = source::mentions(&sources(), &["sleep", "sleep_until"], Where::InTests, |_| false);
    none("a test waits for the event, not for the clock", found);
}

#[test]
fn every_crate_states_its_scope() {
    let mut found = Vec::new();
    for member in MEMBERS.iter().filter(|member| **member != "tests") {
        let path = format!("{member}/src/lib.rs");
        let text = std::fs::read_to_string(root().join(&path)).unwrap_or_default();
        for phrase in ["In scope", "Out of scope"] {
            let doc = text.lines().take_while(|line| line.starts_with("//!") || line.is_empty());
            if !doc.into_iter().any(|line| line.contains(phrase)) {
                found.push(format!("{path}:1: no *{phrase}* in the crate's documentation"));
            }
        }
    }
    none("each crate root says what is in and out of scope", found);
}

#[test]
fn the_readme_is_short_and_names_the_two_commands() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    none("README.md", source::readme_faults(&readme, README_LINES_MAX));
}
