//! That multiples accept exactly what `verify_strict` accepts, on random signatures and on edge cases.
//!
//! `OSTRAKON_SIGNATURES` says how many are compared: 10,000 if it is not set, ten million in `make soak`.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::{EdwardsPoint, Scalar};
use rayon::prelude::*;
use sha2::{Digest, Sha512};

use super::super::multiples::Multiples;
use super::super::{PublicKey, SecretKey, Signature};
use super::{strict, unreduced};

/// Signatures compared for one key: the key's multiples take as long as a few checks.
const SIGNATURES_PER_KEY: u64 = 250;

/// Bytes that are the same in each run: from a counter, so that a failure names its case.
struct Bytes(blake3::OutputReader);

impl Bytes {
    fn of(case: u64) -> Self {
        Self(blake3::Hasher::new().update(b"agreement").update(&case.to_be_bytes()).finalize_xof())
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }

    fn scalar(&mut self) -> Scalar {
        Scalar::from_bytes_mod_order_wide(&self.take())
    }

    fn below(&mut self, limit: u8) -> u8 {
        self.take::<1>()[0] % limit
    }
}

/// Hash of what is signed, reduced (RFC 8032 §5.1.7).
fn challenge(r: &[u8; 32], key: &PublicKey, message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(r).chain_update(key.as_bytes()).chain_update(message).finalize();
    Scalar::from_bytes_mod_order_wide(&hash.into())
}

/// A signature with an `R` of the signer's choice, which solves the equation up to what is added to `R`.
fn with_nonce(secret: &SecretKey, message: &[u8], nonce: Scalar, added: EdwardsPoint) -> Signature {
    let r = (nonce * ED25519_BASEPOINT_POINT + added).compress().to_bytes();
    let s = nonce + challenge(&r, &secret.public(), message) * secret.0.to_scalar();
    Signature([r, s.to_bytes()].concat().try_into().unwrap())
}

/// One of eleven kinds: valid ones and those that verifiers are known to disagree about.
fn signature(secret: &SecretKey, message: &[u8], bytes: &mut Bytes) -> Signature {
    let mut good = secret.sign(message);
    let torsion = EIGHT_TORSION[usize::from(bytes.below(8))];
    match bytes.below(11) {
        0 | 1 => good,
        // A bit flipped anywhere.
        2 => {
            good.0[usize::from(bytes.below(64))] ^= 1 << bytes.below(8);
            good
        }
        // Any bytes; any scalar with the right R.
        3 => Signature(bytes.take()),
        4 => Signature([&good.0[..32], bytes.scalar().as_bytes()].concat().try_into().unwrap()),
        // `s` is not reduced.
        5 => unreduced(&good),
        // `R` of the signer's choice; with a component of small order; of small order.
        6 => with_nonce(secret, message, bytes.scalar(), EdwardsPoint::default()),
        7 => with_nonce(secret, message, bytes.scalar(), torsion),
        8 => with_nonce(secret, message, Scalar::ZERO, torsion),
        // Not the canonical encoding of a small `y`.
        9 => {
            good.0[..32].copy_from_slice(&[0xff; 32]);
            good.0[0] = 0xed + bytes.below(19);
            good.0[31] = [0x7f, 0xff][usize::from(bytes.below(2))];
            good
        }
        // Few bits: `s` is small, and most steps of the comb add nothing.
        _ => with_nonce(secret, message, Scalar::from(u64::from(bytes.below(3))), EdwardsPoint::default()),
    }
}

#[test]
fn multiples_agree_with_verify_strict_on_random_and_edge_case_signatures() {
    let wanted: u64 = std::env::var("OSTRAKON_SIGNATURES").map_or(10_000, |count| count.parse().unwrap());
    let accepted: u64 = (0..wanted.div_ceil(SIGNATURES_PER_KEY)).into_par_iter().map(compare_for_key).sum();
    // Two kinds of eleven are valid, two more are unless something of small order was added.
    assert!(accepted > wanted / 5 && accepted < wanted / 2, "{accepted} of {wanted} were accepted");
}

/// How many of a key's signatures are accepted, by both.
fn compare_for_key(case: u64) -> u64 {
    let mut bytes = Bytes::of(case);
    let secret = SecretKey::from_seed(bytes.take());
    let key = secret.public();
    let multiples = Multiples::of(&key.0);
    let mut accepted = 0;
    for n in 0..SIGNATURES_PER_KEY {
        let length = usize::from(bytes.below(64));
        let message = &bytes.take::<64>()[..length];
        let signature = signature(&secret, message, &mut bytes);
        let (ours, theirs) = (multiples.verifies(message, &signature), strict(&key, message, &signature));
        assert_eq!(ours, theirs, "key {case}, signature {n}: {signature:?} of {message:?}");
        accepted += u64::from(ours);
    }
    accepted
}
