//! How much each holder keeps, and how much each may.

use std::collections::BTreeMap;

use ostrakon_ledger::PeerName;

use crate::error::Error;

/// Most bodies kept, so that counting them at start takes no time to speak of; and most bytes of bodies.
const ALL: Share = Share { bodies: 100_000, bytes: 1 << 30 };
/// What of that is kept for the owner of the ledger, whatever its peers store.
const OWNERS: Share = Share { bodies: 25_000, bytes: 256 << 20 };
/// Fewest bytes that a body counts for, so that a peer's share also bounds the number of its files: a file system's block.
const BODY_BYTES_MIN: u64 = 4 << 10;

/// Files, and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Share {
    bodies: u64,
    bytes: u64,
}

impl Share {
    fn add(&mut self, len_bytes: u64) {
        self.bodies += 1;
        self.bytes += len_bytes.max(BODY_BYTES_MIN);
    }

    fn remove(&mut self, len_bytes: u64) {
        self.bodies = self.bodies.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(len_bytes.max(BODY_BYTES_MIN));
    }

    fn has_room(&self, len_bytes: u64, max: Share) -> bool {
        self.bodies < max.bodies && self.bytes + len_bytes.max(BODY_BYTES_MIN) <= max.bytes
    }
}

/// What is kept, by holder.
#[derive(Debug)]
pub(super) struct Shares {
    owner: PeerName,
    peer_bytes_max: u64,
    owners: Share,
    /// Everybody else's together, and what is in nobody's share.
    others: Share,
    peers: BTreeMap<PeerName, Share>,
}

impl Shares {
    pub(super) fn new(owner: PeerName, peer_bytes_max: u64) -> Self {
        Self { owner, peer_bytes_max, owners: Share::default(), others: Share::default(), peers: BTreeMap::new() }
    }

    /// Whether a holder may keep another body of this length.
    ///
    /// # Errors
    /// [`Error::EvidenceFull`], [`Error::ShareFull`]
    pub(super) fn check(&self, holder: &PeerName, len_bytes: u64) -> Result<(), Error> {
        let Self { owner, owners, others, .. } = self;
        if holder == owner {
            let all = Share { bodies: owners.bodies + others.bodies, bytes: owners.bytes + others.bytes };
            let room = owners.has_room(len_bytes, OWNERS) || all.has_room(len_bytes, ALL);
            return if room { Ok(()) } else { Err(Error::EvidenceFull) };
        }
        let own = self.peers.get(holder).copied().unwrap_or_default();
        if !own.has_room(len_bytes, Share { bodies: u64::MAX, bytes: self.peer_bytes_max }) {
            return Err(Error::ShareFull { peer: holder.to_string(), bytes_max: self.peer_bytes_max });
        }
        let reserved = Share { bodies: OWNERS.bodies.max(owners.bodies), bytes: OWNERS.bytes.max(owners.bytes) };
        let rest = Share {
            bodies: ALL.bodies.saturating_sub(reserved.bodies),
            bytes: ALL.bytes.saturating_sub(reserved.bytes),
        };
        if others.has_room(len_bytes, rest) { Ok(()) } else { Err(Error::EvidenceFull) }
    }

    /// Counts a body; one that nobody holds counts among those of the peers.
    pub(super) fn add(&mut self, holder: Option<&PeerName>, len_bytes: u64) {
        match holder {
            Some(holder) if *holder == self.owner => self.owners.add(len_bytes),
            Some(holder) => {
                self.others.add(len_bytes);
                self.peers.entry(holder.clone()).or_default().add(len_bytes);
            }
            None => self.others.add(len_bytes),
        }
    }

    pub(super) fn remove(&mut self, holder: &PeerName, len_bytes: u64) {
        if *holder == self.owner {
            return self.owners.remove(len_bytes);
        }
        self.others.remove(len_bytes);
        if let Some(share) = self.peers.get_mut(holder) {
            share.remove(len_bytes);
            if share.bodies == 0 {
                self.peers.remove(holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PeerName {
        PeerName::parse(text).expect("a name")
    }

    /// Whatever peers store, each stays within its share, all of them within theirs, and the owner keeps its reserve.
    #[test]
    fn peers_fill_their_shares_and_never_the_owners() {
        const BODY: u64 = 64 << 10;
        const PEER_MAX: u64 = 64 << 20;
        let owner = name("owner.example");
        let mut shares = Shares::new(owner.clone(), PEER_MAX);
        let fill = |shares: &mut Shares, holder: &PeerName| {
            let mut bytes = 0;
            let refusal = loop {
                match shares.check(holder, BODY) {
                    Ok(()) => shares.add(Some(holder), BODY),
                    Err(error) => break error,
                }
                bytes += BODY;
            };
            (bytes, refusal)
        };
        let (bytes, refusal) = fill(&mut shares, &name("p0.example"));
        assert_eq!(bytes, PEER_MAX);
        assert!(matches!(refusal, Error::ShareFull { .. }));
        for peer in 1..12 {
            assert_eq!(fill(&mut shares, &name(&format!("p{peer}.example"))).0, PEER_MAX);
        }
        let (bytes, refusal) = fill(&mut shares, &name("late.example"));
        assert_eq!(bytes, 0, "all peers together have taken three quarters");
        assert!(matches!(refusal, Error::EvidenceFull));
        assert_eq!(fill(&mut shares, &owner).0, OWNERS.bytes);
        // What a peer erases, it can use again.
        shares.remove(&name("p0.example"), BODY);
        assert!(shares.check(&name("p0.example"), BODY).is_ok());
    }

    #[test]
    fn small_bodies_count_as_files() {
        let (mut shares, peer) = (Shares::new(name("owner.example"), 1 << 20), name("p.example"));
        let mut bodies = 0;
        while shares.check(&peer, 32).is_ok() {
            shares.add(Some(&peer), 32);
            bodies += 1;
        }
        assert_eq!(bodies, (1 << 20) / BODY_BYTES_MIN);
    }

    #[test]
    fn the_owner_may_use_what_peers_leave() {
        let owner = name("owner.example");
        let mut shares = Shares::new(owner.clone(), 1 << 20);
        for _ in 0..ALL.bodies {
            shares.add(None, 0);
        }
        assert!(shares.check(&owner, 1 << 16).is_ok(), "files of nobody do not touch its reserve");
        assert!(shares.check(&name("p.example"), 1 << 16).is_err());
    }
}
