//! The message flow in process, without HTTP and disk.

use std::{collections::BTreeSet, sync::Arc};

use ostrakon_ledger::{Category, MemoryStore, PeerName, Pepper, RecordId, SecretKey, Subject, Vote};
use ostrakon_policies::{DEFAULT_POLICY, Judge, Policy};
use ostrakon_reputation::{Book, Event, Experience, Parameters, Viewpoint};
use ostrakon_router::{
    flow::{
        gate::Gate,
        journal::{Bounds, Journal},
    },
    message::{Inquiry, Limits},
    server::{follower::Scores, home::Secrets},
};

use super::{median, rate};

const COUNT: usize = 100_000;
/// Sending servers; half of them have votes.
const PEERS: usize = 10_000;

fn gate() -> Gate {
    let seed = PeerName::parse("seed.example").unwrap();
    let viewpoint = Viewpoint { name: "bench".into(), seeds: [(seed.clone(), 1000)].into() };
    let mut book = Book::new(Parameters::default(), viewpoint);
    book.apply(&Event::Admitted { index: 0, peer: seed.clone() });
    for n in 0..PEERS / 2 {
        let subject = Subject::Peer(PeerName::parse(&format!("p{n}.example")).unwrap());
        let vote = Vote::plain(subject, if n % 3 == 0 { -80 } else { 60 }, Category::Spam, 1);
        let index = n as u64 + 1;
        book.apply(&Event::Voted {
            index,
            at_ms: 1,
            id: RecordId::of(&index.to_be_bytes()),
            voter: seed.clone(),
            vote,
        });
    }
    book.close_epoch();
    let week = 7 * 86_400_000;
    let bounds = Bounds { queue_max: 1, holds_max: 1, decisions_ms: week, reports_ms: week, dead_ms: week };
    let experience = Experience::new(Parameters::default(), BTreeSet::new());
    let journal = Journal::open(Arc::new(MemoryStore::new()), bounds, experience).unwrap();
    let secrets = Secrets { key: SecretKey::from_seed([1; 32]), pepper: Pepper::new([2; 32]), decision_key: [3; 32] };
    let judge = Judge::new(Policy::parse("default.toml", DEFAULT_POLICY).unwrap(), None);
    Gate::new(&secrets, judge, Arc::new(Scores::of(book.snapshot())), journal.published())
}

/// The question about message `n`, as an adapter asks it; every fourth comes from someone the recipient does not know.
pub(crate) fn question(n: usize) -> Vec<u8> {
    let peer = n * 7919 % PEERS;
    format!(
        r#"{{"id":"m{n}","peer":"p{peer}.example","sender":"u{}@p{peer}.example","recipients":["user@node.example"],"kind":"mail","size":{},"network":"192.0.2.{}","links":{},"known_contact":{}}}"#,
        n % 50,
        500 + n % 9000,
        n % 256,
        n % 4,
        !n.is_multiple_of(4)
    )
    .into_bytes()
}

/// Decisions per second on one core under the default policy: most peers stay within their limits.
pub(crate) fn per_second() -> f64 {
    let gate = gate();
    let limits = Limits::default();
    let inquiries: Vec<_> = (0..COUNT).map(|n| Inquiry::parse(&question(n), &limits).unwrap()).collect();
    let mut now_ms = 1_000_000;
    median(|| {
        now_ms += 3_600_000;
        rate(COUNT, || {
            for inquiry in &inquiries {
                std::hint::black_box(gate.judge(inquiry, now_ms));
            }
        })
    })
}
