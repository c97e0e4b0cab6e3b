//! Ed25519 keys: public keys are screened once, signatures are verified strictly.

mod known;
mod multiples;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};

use crate::malformed::Malformed;
use crate::text::{parse_hex, with_hex};

/// An Ed25519 public key that is canonically encoded, not weak and free of torsion.
#[derive(Clone, Copy)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Screens 32 bytes.
    ///
    /// # Errors
    /// [`Malformed::Key`] when they are no point, not the canonical encoding of it, of small order, or outside the
    /// prime-order subgroup. Any of these would let verifiers disagree (Chalkias et al., *Taming the many EdDSAs*).
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Malformed> {
        known::screened(bytes).map(Self).map_err(|reason| Malformed::Key { key: hex::encode(bytes), reason })
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Whether the signature is this key's: exactly when `verify_strict` of ed25519-dalek says so. A key that signs often
    /// is checked faster, by its multiples.
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        known::verifies(&self.0, message, signature)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}
impl Eq for PublicKey {}
impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}
impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        with_hex(self.as_bytes(), |digits| f.write_str(digits))
    }
}
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}
impl FromStr for PublicKey {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::from_bytes(&parse_hex("public key", text)?)
    }
}
serde_as_text!(PublicKey);

/// The 64 bytes of an Ed25519 signature, not yet checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex::encode(self.0))
    }
}

/// An Ed25519 secret key. Wiped when dropped; never shown.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key of a 32-byte seed (RFC 8032 §5.1.5).
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        // A key made from a seed is a multiple of the base point: it passes the screen by construction.
        PublicKey(self.0.verifying_key())
    }

    /// Signs (deterministically, RFC 8032).
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }

    /// Another secret key that only the holder of this one can derive: BLAKE3 `derive_key(context)` over
    /// `seed ‖ name`. One context string per use.
    pub fn derive(&self, context: &'static str, name: &[u8]) -> SecretKey {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(self.0.as_bytes()).update(name);
        Self::from_seed(*hasher.finalize().as_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

#[cfg(test)]
mod tests;
