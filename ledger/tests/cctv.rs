//! What our Ed25519 verification accepts, pinned on the edge cases collected by C2SP's CCTV.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use ed25519_dalek::VerifyingKey;
use ostrakon_ledger::{PublicKey, Signature};

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
            println!("skipped: {}: {error} (set OSTRAKON_DATA to the folder of data sets)", path.display());
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
        let ours = PublicKey::from_bytes(&key).is_ok_and(|key| key.verifies(vector.msg.as_bytes(), &Signature(sig)));
        assert!(accepted || !ours);
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
