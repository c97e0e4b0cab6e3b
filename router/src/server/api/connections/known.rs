//! From where records and messages came of late whose signatures verified: these addresses are no strangers'.

use std::collections::HashMap;

use ostrakon_ledger::PeerName;

use super::address::AddressKey;

/// Addresses that are remembered, about 100 bytes each.
const ADDRESSES_MAX: usize = 4096;
/// Addresses of one peer: one that sends from more is remembered under the latest, and cannot push out the others' addresses.
const ADDRESSES_PER_PEER_MAX: usize = 16;
/// How long an address is remembered after the last verified signature.
const REMEMBERED_MS: u64 = 24 * 3_600_000;

#[derive(Default)]
pub(super) struct KnownAddresses {
    by_address: HashMap<AddressKey, (PeerName, u64)>,
}

impl KnownAddresses {
    pub(super) fn contains(&self, key: &AddressKey, now_ms: u64) -> bool {
        self.by_address.get(key).is_some_and(|(_, seen_ms)| now_ms.saturating_sub(*seen_ms) < REMEMBERED_MS)
    }

    /// Remembers `key`; the address that was heard from least lately makes room.
    pub(super) fn insert(&mut self, key: AddressKey, peer: &PeerName, now_ms: u64) {
        if !self.by_address.contains_key(&key) {
            let of_peer = self.by_address.values().filter(|(owner, _)| owner == peer).count();
            if of_peer >= ADDRESSES_PER_PEER_MAX {
                self.forget_oldest(|owner| owner == peer);
            } else if self.by_address.len() >= ADDRESSES_MAX {
                self.forget_oldest(|_| true);
            }
        }
        self.by_address.insert(key, (peer.clone(), now_ms));
    }

    fn forget_oldest(&mut self, of: impl Fn(&PeerName) -> bool) {
        let of_these = self.by_address.iter().filter(|(_, (owner, _))| of(owner));
        let oldest = of_these.min_by_key(|(key, (_, seen_ms))| (*seen_ms, **key)).map(|(key, _)| *key);
        if let Some(key) = oldest {
            self.by_address.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn key(n: u32) -> AddressKey {
        IpAddr::from(Ipv4Addr::from(n)).into()
    }

    #[test]
    fn a_peer_has_a_share_and_an_address_is_forgotten_after_a_day() {
        let (one, other) = (PeerName::parse("a.example").unwrap(), PeerName::parse("b.example").unwrap());
        let mut known = KnownAddresses::default();
        known.insert(key(1), &one, 0);
        for n in 0..100 {
            known.insert(key(100 + n), &other, 10 + u64::from(n));
        }
        assert_eq!(known.by_address.len(), 1 + ADDRESSES_PER_PEER_MAX);
        assert!(known.contains(&key(1), 1000) && known.contains(&key(199), 1000) && !known.contains(&key(100), 1000));
        assert!(!known.contains(&key(1), REMEMBERED_MS));
    }
}
