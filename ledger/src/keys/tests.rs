//! What our Ed25519 verification accepts, pinned on the edge cases collected by C2SP's CCTV, and that it makes no difference
//! how often a key has signed.
#![allow(clippy::unwrap_used)]

mod agreement;

use std::path::PathBuf;

use curve25519_dalek::{EdwardsPoint, Scalar, traits::Identity as _};
use ed25519_dalek::Verifier;
use proptest::prelude::*;
use sha2::{Digest, Sha512};

use super::multiples::Multiples;
use super::*;

#[derive(serde::Deserialize)]
struct Vector {
    key: String,
    sig: String,
    msg: String,
    flags: Option<Vec<String>>,
}

/// The vectors, or a line that says where they would be.
fn vectors() -> Option<Vec<Vector>> {
    let root = match std::env::var_os("OSTRAKON_DATA") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
    };
    let path = root.join("cctv/ed25519vectors.json");
    match std::fs::read(&path) {
        Ok(json) => Some(serde_json::from_slice(&json).unwrap()),
        Err(error) => {
            // Not with `println!`: the test runner keeps that to itself, and `scripts/test.sh` would count the test as passed.
            let line = format!("skipped: {}: {error} (set OSTRAKON_DATA to the folder of data sets)\n", path.display());
            let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
            None
        }
    }
}

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

#[test]
fn strict_verification_accepts_43_of_the_914_vectors_and_none_that_could_divide_verifiers() {
    let Some(vectors) = vectors() else { return };
    assert_eq!(vectors.len(), 914);
    let mut strict = 0;
    for vector in &vectors {
        let (key, sig) = (bytes::<32>(&vector.key), bytes::<64>(&vector.sig));
        let accepted = VerifyingKey::from_bytes(&key).is_ok_and(|key| {
            key.verify_strict(vector.msg.as_bytes(), &ed25519_dalek::Signature::from_bytes(&sig)).is_ok()
        });
        strict += usize::from(accepted);

        // Ours adds the screening of keys: it may only accept less.
        let Ok(screened) = PublicKey::from_bytes(&key) else { continue };
        let ours = screened.verifies(vector.msg.as_bytes(), &Signature(sig));
        assert!(accepted || !ours);
        assert_eq!(Multiples::of(&screened.0).verifies(vector.msg.as_bytes(), &Signature(sig)), ours);
        if ours {
            let flags = vector.flags.as_deref().unwrap_or_default();
            let dividing =
                ["low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R", "low_order_component_A"];
            assert!(!flags.iter().any(|flag| dividing.contains(&flag.as_str())), "{flags:?}");
        }
    }
    assert_eq!(strict, 43);
}

#[test]
fn keys_that_could_divide_verifiers_are_refused() {
    // The identity, small-order points, a non-canonical encoding of one, no point at all.
    let refused = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0200000000000000000000000000000000000000000000000000000000000000",
    ];
    for key in refused {
        assert!(key.parse::<PublicKey>().is_err(), "{key}");
    }
}

/// The bytes of `L`, the order of the base point, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn strict(key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
    key.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
}

/// The signature with `s + L` for `s`, if that fits: the same number to whoever does not look closely.
fn unreduced(signature: &Signature) -> Signature {
    let mut bytes = signature.0;
    let mut carry = 0;
    for (byte, order) in bytes[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    Signature(bytes)
}

proptest! {
    /// Good signatures, and those with a bit flipped anywhere, or a message of another key, or `s` not reduced.
    #[test]
    fn multiples_say_what_verify_strict_says(
        seed: [u8; 32],
        message in proptest::collection::vec(any::<u8>(), 0..200),
        flipped in 0..512_usize,
    ) {
        let secret = SecretKey::from_seed(seed);
        let (key, good) = (secret.public(), secret.sign(&message));
        let multiples = Multiples::of(&key.0);
        prop_assert!(multiples.verifies(&message, &good));
        let mut wrong = good;
        wrong.0[flipped / 8] ^= 1 << (flipped % 8);
        for signature in [wrong, unreduced(&good), SecretKey::from_seed([7; 32]).sign(&message), Signature([0; 64])] {
            prop_assert!(!multiples.verifies(&message, &signature));
            prop_assert!(!strict(&key, &message, &signature));
        }
        prop_assert!(!multiples.verifies(&[&message[..], b"!"].concat(), &good));
    }
}

#[test]
fn a_signer_who_chooses_an_r_of_small_order_is_refused_however_often_the_key_has_signed() {
    let secret = SecretKey::from_seed([3; 32]);
    let key = secret.public();
    // With R = 0, s = k·a makes the equation true: whoever only checks that accepts.
    let r = EdwardsPoint::identity().compress().to_bytes();
    let hash = Sha512::new().chain_update(r).chain_update(key.as_bytes()).chain_update(b"message").finalize();
    let s = Scalar::from_bytes_mod_order_wide(&hash.into()) * secret.0.to_scalar();
    let signature = Signature([r, s.to_bytes()].concat().try_into().unwrap());
    assert!(key.0.verify(b"message", &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok());
    assert!(!strict(&key, b"message", &signature));
    assert!(!Multiples::of(&key.0).verifies(b"message", &signature));
}

#[test]
fn a_key_that_signs_often_is_checked_as_strictly_as_before() {
    let secret = SecretKey::from_seed([4; 32]);
    let key = secret.public();
    for n in 0..200_u32 {
        let (message, other) = (n.to_be_bytes(), (n + 1).to_be_bytes());
        let signature = secret.sign(&message);
        assert!(key.verifies(&message, &signature), "{n}");
        assert!(!key.verifies(&other, &signature), "{n}");
        assert!(!key.verifies(&message, &unreduced(&signature)), "{n}");
    }
}
