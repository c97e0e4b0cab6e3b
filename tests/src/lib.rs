//! The harness of the end-to-end tests: the built binary as a child process, real HTTP, real signatures.
//!
//! *In scope*: starting, asking, killing and restarting nodes; a webhook that records what it is sent; peers with keys.
//!
//! *Out of scope*: knowledge of the node's insides. What a test needs to know it asks over HTTP or the command line.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, missing_docs, reason = "a harness fails by panicking")]

pub mod binary;
pub mod hostile;
pub mod node;
pub mod peer;
pub mod webhook;

pub use node::TestNode;
pub use peer::TestPeer;
pub use webhook::Webhook;

/// Where the real data lies, if it is on this machine.
pub fn data(path: &str) -> Option<std::path::PathBuf> {
    let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let root = std::env::var_os("OSTRAKON_DATA").map_or(beside, Into::into);
    let file = root.join(path);
    if !file.exists() {
        skip(&format!("{path} is not on this machine (OSTRAKON_DATA says where it is)"));
        return None;
    }
    Some(file)
}

/// Says that a test is skipped, and why, in the form that `scripts/test.sh` counts.
pub fn skip(reason: &str) {
    // Not through `eprintln!`, which the test runner would swallow.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("skipped: {reason}\n").as_bytes());
}
