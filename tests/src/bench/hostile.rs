//! What a known peer's vote and a local check wait for while strangers hold on to connections, and what that takes of memory.

use std::time::{Duration, Instant};

use ostrakon_tests::{
    TestNode, TestPeer,
    hostile::{Attack, KINDS},
    node::OPEN_POLICY,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::percentile;

/// Connections of one attack, and the descriptors that this takes here, others included.
const CONNECTIONS: usize = 2_000;
const DESCRIPTORS: u64 = 4_096;
/// Votes, and checks, under each attack; each over a connection of its own.
const ASKED: usize = 200;
/// How long the node may take to give memory back after the last attack.
const RETURNS_WITHIN: Duration = Duration::from_secs(120);

/// What one attack did.
pub(crate) struct Attacked {
    pub(crate) name: String,
    pub(crate) vote_p99: Duration,
    pub(crate) check_p99: Duration,
    /// Bytes of resident memory above those before the first attack.
    pub(crate) grown: u64,
}

/// All attacks, one after the other on one node.
pub(crate) struct Hostile {
    pub(crate) quiet_vote_p99: Duration,
    pub(crate) quiet_check_p99: Duration,
    pub(crate) attacks: Vec<Attacked>,
    /// Bytes of resident memory above those before the first attack, and how long after the last one.
    pub(crate) kept: (u64, Duration),
}

/// Measures a node with the default configuration.
pub(crate) fn measure() -> Hostile {
    let limit = getrlimit(Resource::Nofile);
    let raised = limit.maximum.map_or(DESCRIPTORS, |most| most.min(DESCRIPTORS));
    setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }).unwrap();

    let node = TestNode::serving(OPEN_POLICY, "");
    let mut peer = TestPeer::admitted(&node, "a.example");
    asked(&node, &mut peer, "warm");
    let (quiet_vote_p99, quiet_check_p99) = asked(&node, &mut peer, "quiet");
    let before = node.memory();
    let mut attacks = Vec::new();
    for kind in KINDS {
        for addresses in [1, 200] {
            let name = format!("{}, {addresses} addresses", kind.name);
            let attack = Attack::begin(node.public(), kind, CONNECTIONS, addresses);
            let (vote_p99, check_p99) = asked(&node, &mut peer, &name.replace([' ', ','], "-"));
            attacks.push(Attacked { name, vote_p99, check_p99, grown: node.memory().saturating_sub(before) });
            drop(attack);
        }
    }
    assert_eq!(node.get("/readyz").status, 200, "no store has stopped");
    let ended = Instant::now();
    let kept = || node.memory().saturating_sub(before);
    while kept() > before / 10 && ended.elapsed() < RETURNS_WITHIN {
        std::thread::sleep(super::growth::LOOK);
    }
    Hostile { quiet_vote_p99, quiet_check_p99, attacks, kept: (kept(), ended.elapsed()) }
}

/// The slowest but one in a hundred: of votes, of checks.
fn asked(node: &TestNode, peer: &mut TestPeer, name: &str) -> (Duration, Duration) {
    let (mut votes, mut checks) = (Vec::with_capacity(ASKED), Vec::with_capacity(ASKED));
    for n in 0..ASKED {
        let start = Instant::now();
        peer.cast(node, "peer:x.example", -10);
        votes.push(start.elapsed());
        let start = Instant::now();
        node.check(&format!("{name}/{n}"), "x.example");
        checks.push(start.elapsed());
    }
    votes.sort();
    checks.sort();
    (percentile(&votes, 99), percentile(&checks, 99))
}
