//! How a peer asks for a body: it signs who asks whom for what, and when.
//!
//! ```text
//! Authorization: Ostrakon <peer> <unix ms> <base64 signature>
//! ```
//!
//! The signature is over DSSE's pre-authentication encoding of type `application/vnd.ostrakon.evidence.read.v1` and the text
//! `<network>\n<asked node>\n<asking peer>\n<record id>\n<unix ms>\n`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ostrakon_ledger::{
    PeerName, PublicKey, RecordId, Refusal, SecretKey, Signature, dsse::pre_authentication_encoding,
};

use crate::error::Error;

const TYPE: &str = "application/vnd.ostrakon.evidence.read.v1";
/// How far the asking peer's clock may be from ours: a request that someone overheard is of no use for longer.
const SKEW_MS: u64 = 5 * 60_000;

/// What is asked, by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceQuestion<'a> {
    /// The federation.
    pub network: &'a str,
    /// The node that is asked.
    pub node: &'a PeerName,
    /// The record whose body is asked for.
    pub record: RecordId,
}

/// The header's parts, not yet checked.
#[derive(Debug, Clone)]
pub struct SignedClaim {
    /// Who says to be asking.
    pub peer: PeerName,
    at_ms: u64,
    signature: Signature,
}

impl EvidenceQuestion<'_> {
    /// The header with which `peer` asks.
    pub fn sign(&self, peer: &PeerName, key: &SecretKey, now_ms: u64) -> String {
        let signature = key.sign(&self.message(peer, now_ms));
        format!("Ostrakon {peer} {now_ms} {}", BASE64_STANDARD.encode(signature.0))
    }

    /// Checks that the claim's peer, whose key this is, asks this question now.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Refusal::BadSignature`]
    pub fn check(&self, claim: &SignedClaim, key: &PublicKey, now_ms: u64) -> Result<(), Error> {
        if claim.at_ms.abs_diff(now_ms) > SKEW_MS {
            return Err(Error::Stale);
        }
        if key.verifies(&self.message(&claim.peer, claim.at_ms), &claim.signature) {
            Ok(())
        } else {
            Err(Refusal::BadSignature.into())
        }
    }

    fn message(&self, peer: &PeerName, at_ms: u64) -> Vec<u8> {
        let Self { network, node, record } = self;
        pre_authentication_encoding(TYPE, format!("{network}\n{node}\n{peer}\n{record}\n{at_ms}\n").as_bytes())
    }
}

impl SignedClaim {
    /// Reads the header; `None` when it is none of ours.
    pub fn parse(header: &str) -> Option<Self> {
        let mut words = header.strip_prefix("Ostrakon ")?.split(' ');
        let (peer, at_ms, signature) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() {
            return None;
        }
        Some(Self {
            peer: PeerName::parse(peer).ok()?,
            at_ms: at_ms.parse().ok()?,
            signature: Signature(BASE64_STANDARD.decode(signature).ok()?.try_into().ok()?),
        })
    }
}
