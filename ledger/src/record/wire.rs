//! Reads payloads: strict structs, then ranges. Whether the bytes are canonical is checked by the caller.

use serde::Deserialize;

use super::{
    Admit, Body, Contradiction, DERIVED_FROM_MAX, Equivocate, Erase, Expel, Header, INTEGER_MAX, NETWORK_BYTES_MAX,
    Policy, Rebut, Record, RecordId, RecordType, Retract, Rotate, Vote,
};
use crate::keys::Signature;
use crate::malformed::Malformed;
use crate::name::PeerName;
use crate::subject::Subject;
use crate::text::parse_hex;

/// A payload's members: its own, and the five that every payload has. `deny_unknown_fields` and flattening exclude each
/// other, so each struct lists them all.
macro_rules! payload {
    ($name:ident { $($(#[$attribute:meta])* $member:ident: $kind:ty,)* }) => {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $name<'a> {
            author: &'a str,
            key: &'a str,
            network: &'a str,
            prev: &'a str,
            seq: u64,
            $($(#[$attribute])* $member: $kind,)*
        }

        impl $name<'_> {
            fn header(&self) -> Result<Header, Malformed> {
                header(self.network, self.author, self.key, self.seq, self.prev)
            }
        }
    };
}

payload!(AdmitWire {
    imported: bool,
    peer: &'a str,
    peer_key: &'a str,
});

payload!(VoteWire {
    cast_at_ms: u64,
    category: &'a str,
    commitment: &'a str,
    derived_from: &'a str,
    detector: &'a str,
    expires_at_ms: u64,
    #[serde(borrow)]
    subject: SubjectWire<'a>,
    value: i8,
});

payload!(TargetWire {
    target: &'a str,
});

payload!(RotateWire {
    new_key: &'a str,
    new_signature: &'a str,
});

payload!(RebutWire {
    answer: &'a str,
    commitment: &'a str,
    target: &'a str,
});

payload!(EquivocateWire {
    accused: &'a str,
    accused_key: &'a str,
    first: &'a str,
    kind: &'a str,
    proof: &'a str,
    second: &'a str,
});

payload!(PolicyWire {
    active_from_ms: u64,
    digest: &'a str,
});

payload!(ExpelWire {
    peer: &'a str,
    reason: &'a str,
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectWire<'a> {
    id: &'a str,
    kind: &'a str,
}

/// Decodes a payload of the given type.
pub(super) fn decode(kind: RecordType, payload: &[u8]) -> Result<Record, Malformed> {
    match kind {
        RecordType::Admit => read::<AdmitWire>(payload)?.try_into(),
        RecordType::Vote => read::<VoteWire>(payload)?.try_into(),
        RecordType::Retract => read::<TargetWire>(payload)?.record(|target| Body::Retract(Retract { target })),
        RecordType::Erase => read::<TargetWire>(payload)?.record(|target| Body::Erase(Erase { target })),
        RecordType::Rotate => read::<RotateWire>(payload)?.try_into(),
        RecordType::Rebut => read::<RebutWire>(payload)?.try_into(),
        RecordType::Equivocate => read::<EquivocateWire>(payload)?.try_into(),
        RecordType::Policy => read::<PolicyWire>(payload)?.try_into(),
        RecordType::Expel => read::<ExpelWire>(payload)?.try_into(),
    }
}

fn read<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Malformed> {
    serde_json::from_slice(payload)
        .map_err(|error| Malformed::Json { what: "record payload", detail: error.to_string() })
}

impl TryFrom<AdmitWire<'_>> for Record {
    type Error = Malformed;
    fn try_from(wire: AdmitWire<'_>) -> Result<Self, Malformed> {
        Ok(Record {
            header: wire.header()?,
            body: Body::Admit(Admit {
                peer: PeerName::parse(wire.peer)?,
                peer_key: wire.peer_key.parse()?,
                imported: wire.imported,
            }),
        })
    }
}

impl TryFrom<VoteWire<'_>> for Record {
    type Error = Malformed;
    fn try_from(wire: VoteWire<'_>) -> Result<Self, Malformed> {
        if wire.value == 0 || !(-100..=100).contains(&wire.value) {
            return Err(Malformed::value("value", &wire.value.to_string(), "must be -100 to 100 and not 0"));
        }
        let cast_at_ms = integer("cast_at_ms", wire.cast_at_ms)?;
        let expires_at_ms = integer("expires_at_ms", wire.expires_at_ms)?;
        if expires_at_ms != 0 && expires_at_ms <= cast_at_ms {
            let text = expires_at_ms.to_string();
            return Err(Malformed::value("expires_at_ms", &text, "must be 0 or later than cast_at_ms"));
        }
        Ok(Record {
            header: wire.header()?,
            body: Body::Vote(Vote {
                subject: Subject::of_record(wire.subject.kind, wire.subject.id)?,
                value: wire.value,
                category: wire.category.parse()?,
                cast_at_ms,
                expires_at_ms,
                detector: wire.detector.parse()?,
                derived_from: sources(wire.derived_from)?,
                commitment: wire.commitment.parse()?,
            }),
        })
    }
}

impl TargetWire<'_> {
    fn record(self, body: impl FnOnce(RecordId) -> Body) -> Result<Record, Malformed> {
        Ok(Record { header: self.header()?, body: body(self.target.parse()?) })
    }
}

impl TryFrom<RotateWire<'_>> for Record {
    type Error = Malformed;
    fn try_from(wire: RotateWire<'_>) -> Result<Self, Malformed> {
        Ok(Record {
            header: wire.header()?,
            body: Body::Rotate(Rotate {
                new_key: wire.new_key.parse()?,
                new_signature: Signature(parse_hex("new_signature", wire.new_signature)?),
            }),
        })
    }
}

impl TryFrom<RebutWire<'_>> for Record {
    type Error = Malformed;
    fn try_from(wire: RebutWire<'_>) -> Result<Self, Malformed> {
        Ok(Record {
            header: wire.header()?,
            body: Body::Rebut(Rebut {
                target: wire.target.parse()?,
                answer: wire.answer.parse()?,
                commitment: wire.commitment.parse()?,
            }),
        })
    }
}

impl TryFrom<EquivocateWire<'_>> for Record {
    type Error = Malformed;
    fn try_from(wire: EquivocateWire<'_>) -> Result<Self, Malformed> {
        Ok(Record {
            header: wire.header()?,
            body: Body::Equivocate(Box::new(Equivocate {
                accused: PeerName::parse(wire.accused)?,
                accused_key: wire.accused_key.parse()?,
                contradiction: Contradiction::from_members(wire.kind, wire.first, wire.second, wire.proof)?,
            })),
        })
    }
}

impl TryFrom<PolicyWire<'_>> for Record {
    type Error = Malformed;
    fn try_from(wire: PolicyWire<'_>) -> Result<Self, Malformed> {
        Ok(Record {
            header: wire.header()?,
            body: Body::Policy(Policy {
                digest: wire.digest.parse()?,
                active_from_ms: integer("active_from_ms", wire.active_from_ms)?,
            }),
        })
    }
}

impl TryFrom<ExpelWire<'_>> for Record {
    type Error = Malformed;
    fn try_from(wire: ExpelWire<'_>) -> Result<Self, Malformed> {
        Ok(Record {
            header: wire.header()?,
            body: Body::Expel(Expel { peer: PeerName::parse(wire.peer)?, reason: wire.reason.parse()? }),
        })
    }
}

fn header(network: &str, author: &str, key: &str, seq: u64, prev: &str) -> Result<Header, Malformed> {
    let seq = integer("seq", seq)?;
    let prev: RecordId = prev.parse()?;
    if seq == 0 || (seq == 1) != prev.is_zero() {
        return Err(Malformed::value("seq", &seq.to_string(), "counts from 1, and prev is zero for the first only"));
    }
    Ok(Header { network: network_name(network)?, author: PeerName::parse(author)?, key: key.parse()?, seq, prev })
}

fn network_name(text: &str) -> Result<String, Malformed> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
    if text.is_empty() || text.len() > NETWORK_BYTES_MAX || !text.bytes().all(allowed) {
        return Err(Malformed::value("network", text, "must be 1 to 64 of a-z, 0-9, dot and hyphen"));
    }
    Ok(text.to_owned())
}

fn integer(what: &'static str, value: u64) -> Result<u64, Malformed> {
    if value > INTEGER_MAX {
        return Err(Malformed::value(what, &value.to_string(), "must be at most 2^53 - 1"));
    }
    Ok(value)
}

fn sources(text: &str) -> Result<Vec<RecordId>, Malformed> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let ids = text.split(',').map(str::parse).collect::<Result<Vec<RecordId>, _>>()?;
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    if ids.len() > DERIVED_FROM_MAX || distinct.len() != ids.len() || ids.iter().any(RecordId::is_zero) {
        return Err(Malformed::value("derived_from", text, "must name at most 8 different records"));
    }
    Ok(ids)
}
