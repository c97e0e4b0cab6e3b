//! The actors: names, roles and keys, all from the seed.

use ostrakon_ledger::{Body, Header, Malformed, PeerName, Record, RecordId, SecretKey, SignedRecord};

/// How many false identities the ring has.
pub(crate) const RING: usize = 12;

const HONEST: [&str; 3] = ["alder", "birch", "cedar"];
const SPAMMER: &str = "bulk-offers";
/// Index of the spammer among the actors; the honest servers come before it, the ring after it.
pub(crate) const SPAMMER_AT: usize = HONEST.len();

const KEY_CONTEXT: &str = "ostrakon demo actor key v1";

/// The role of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Honest,
    Spammer,
    Ring,
}

impl Role {
    /// The word in the table.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Role::Honest => "honest",
            Role::Spammer => "spammer",
            Role::Ring => "ring",
        }
    }
}

/// A simulated server, and the position in its sequence of records.
pub(crate) struct Actor {
    pub(crate) name: PeerName,
    pub(crate) role: Role,
    key: SecretKey,
    seq: u64,
    prev: RecordId,
}

impl Actor {
    /// Its public key.
    pub(crate) fn key(&self) -> ostrakon_ledger::PublicKey {
        self.key.public()
    }

    /// Continues after the node's last record of this actor, which is `prev` with number `seq`.
    pub(crate) fn continue_from(&mut self, seq: u64, prev: RecordId) {
        (self.seq, self.prev) = (seq, prev);
    }

    /// Signs the next record. Call [`Actor::continue_from`] with the record's position when the node has accepted it.
    pub(crate) fn sign(&self, network: &str, body: Body) -> Result<SignedRecord, Malformed> {
        let header = Header {
            network: network.to_owned(),
            author: self.name.clone(),
            key: self.key(),
            seq: self.seq + 1,
            prev: self.prev,
        };
        SignedRecord::sign(Record { header, body }, &self.key)
    }

    /// The position of the record that [`Actor::sign`] makes next.
    pub(crate) fn next_seq(&self) -> u64 {
        self.seq + 1
    }
}

/// The honest servers, the spammer and the ring. Another seed gives other names, because a node binds every name it
/// knows to one key.
pub(crate) fn actors(seed: u64) -> Result<Vec<Actor>, Malformed> {
    let zone = if seed == 1 { "example".to_owned() } else { format!("seed-{seed}.example") };
    let honest = HONEST.iter().map(|name| (format!("{name}.{zone}"), Role::Honest));
    let spammer = [(format!("{SPAMMER}.{zone}"), Role::Spammer)];
    let ring = (1..=RING).map(|number| (format!("ring-{number:02}.{zone}"), Role::Ring));
    let mut master = [0; 32];
    master[..8].copy_from_slice(&seed.to_be_bytes());
    let master = SecretKey::from_seed(master);
    let named = honest.chain(spammer).chain(ring).map(|(name, role)| {
        let key = master.derive(KEY_CONTEXT, name.as_bytes());
        Ok(Actor { name: PeerName::parse(&name)?, role, key, seq: 0, prev: RecordId::ZERO })
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use ostrakon_ledger::{Retract, Verified};

    use super::*;

    #[test]
    fn names_and_keys_come_from_the_seed() {
        let faces = |seed| -> Vec<String> {
            actors(seed).unwrap().iter().map(|actor| format!("{} {}", actor.name, actor.key())).collect()
        };
        assert_eq!(faces(1), faces(1));
        assert!(faces(1).iter().zip(faces(2)).all(|(one, other)| *one != other));
        assert_eq!(actors(1).unwrap().len(), 3 + 1 + RING);
        assert_eq!(actors(1).unwrap()[SPAMMER_AT].role, Role::Spammer);
    }

    #[test]
    fn records_follow_one_another_and_verify() {
        let mut actor = actors(7).unwrap().remove(0);
        let body = || Body::Retract(Retract { target: RecordId::of(b"x") });
        let first = actor.sign("net", body()).unwrap();
        actor.continue_from(1, first.id());
        let second = actor.sign("net", body()).unwrap();
        assert_eq!((second.record().header.seq, second.record().header.prev), (2, first.id()));
        assert!(Verified::check(second).is_ok());
    }
}
