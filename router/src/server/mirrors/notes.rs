//! Comparing notes: what other followed peers have copied of a peer's ledger must be the history that we were shown.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ostrakon_ledger::PeerName;

/// How often one other peer is asked for its copy, each in turn.
const PERIOD: Duration = Duration::from_secs(10);

/// Where the followed peers are.
#[derive(Debug, Default)]
pub(super) struct Addresses(Mutex<BTreeMap<PeerName, String>>);

impl Addresses {
    pub(super) fn put(&self, peer: &PeerName, url: &str) {
        self.change(|known| drop(known.insert(peer.clone(), url.to_owned())));
    }

    pub(super) fn remove(&self, peer: &PeerName) {
        self.change(|known| drop(known.remove(peer)));
    }

    /// The peer behind `last`, and around, without `but`.
    fn next(&self, last: Option<&PeerName>, but: &PeerName) -> Option<(PeerName, String)> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        self.change(|known| {
            let behind = known.range::<PeerName, _>((from, Bound::Unbounded));
            let mut others = behind.chain(known.iter()).filter(|(peer, _)| *peer != but);
            others.next().map(|(peer, url)| (peer.clone(), url.clone()))
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<PeerName, String>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whose turn it is to be asked.
#[derive(Debug, Default)]
pub(super) struct Turn {
    last: Option<PeerName>,
    asked: Option<Instant>,
}

impl Turn {
    /// Where someone else's copy of the ledger of `peer` would be, when it is time to look at one.
    pub(super) fn next(&mut self, addresses: &Addresses, peer: &PeerName) -> Option<(PeerName, String)> {
        if self.asked.is_some_and(|at| at.elapsed() < PERIOD) {
            return None;
        }
        let (other, url) = addresses.next(self.last.as_ref(), peer)?;
        (self.last, self.asked) = (Some(other.clone()), Some(Instant::now()));
        Some((other, format!("{}/mirror/{peer}", url.trim_end_matches('/'))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_peer_has_its_turn() {
        let name = |text: &str| PeerName::parse(text).expect("a name");
        let addresses = Addresses::default();
        let after = |last: Option<&str>, but: &str| {
            addresses.next(last.map(name).as_ref(), &name(but)).map(|(peer, _)| peer.to_string())
        };
        assert_eq!(after(None, "a.example"), None);
        for peer in ["a.example", "b.example", "c.example"] {
            addresses.put(&name(peer), "http://x");
        }
        assert_eq!(after(None, "a.example").as_deref(), Some("b.example"));
        assert_eq!(after(Some("b.example"), "a.example").as_deref(), Some("c.example"));
        assert_eq!(after(Some("c.example"), "a.example").as_deref(), Some("b.example"));
        addresses.remove(&name("b.example"));
        addresses.remove(&name("c.example"));
        assert_eq!(after(Some("c.example"), "a.example"), None);
    }
}
