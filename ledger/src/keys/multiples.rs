//! Signature checks for a key that signs often.
//!
//! `verify_strict` finds `[s]B − [k]A` by 256 doublings. With multiples of both points at hand 32 are left. They are laid out
//! as a comb (Lim and Lee, *More Flexible Exponentiation with Precomputation*, CRYPTO '94) of eight teeth, 32 bits apart: the
//! bits `i, i + 32, … i + 224` of a scalar choose one of the 256 sums of `P, 2^32 P, … 2^224 P`, for `i` from 31 down to 0, and both
//! scalars share the doublings in between. Which sums are looked up shows in the time it takes: everything in a signature check is public.

use std::sync::LazyLock;

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::traits::Identity;
use curve25519_dalek::{EdwardsPoint, Scalar};
use ed25519_dalek::VerifyingKey;
use sha2::{Digest, Sha512};

use super::Signature;

const TEETH: usize = 8;
/// Bits from tooth to tooth.
const STRIDE: usize = 32;

static OF_BASE: LazyLock<Comb> = LazyLock::new(|| Comb::of(ED25519_BASEPOINT_POINT));

/// A screened key `A`, and multiples of `−A`: 41 kB.
pub(super) struct Multiples {
    key: [u8; 32],
    of_minus_a: Comb,
}

impl Multiples {
    /// Takes as long as three signature checks.
    pub(super) fn of(key: &VerifyingKey) -> Self {
        Self { key: key.to_bytes(), of_minus_a: Comb::of(-key.to_edwards()) }
    }

    /// Whether the signature `R ‖ s` is this key's (RFC 8032 §5.1.7), as strictly as `verify_strict`:
    ///
    /// 1. `s` is reduced
    /// 2. `R` is the canonical encoding of `[s]B − [H(R ‖ A ‖ message)]A`
    /// 3. `R` is not of small order; that `A` is not either was seen when it was screened
    pub(super) fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        let Some((r, s)) = signature.0.split_first_chunk::<32>() else { return false };
        let Some(s) = s.try_into().ok().and_then(|s| Scalar::from_canonical_bytes(s).into_option()) else {
            return false;
        };
        let hash = Sha512::new().chain_update(r).chain_update(self.key).chain_update(message).finalize();
        let k = Scalar::from_bytes_mod_order_wide(&hash.into());
        let expected = sum_of_products([(&OF_BASE, &s), (&self.of_minus_a, &k)]);
        expected.compress().as_bytes() == r && !expected.is_small_order()
    }
}

/// The sums of the teeth of a point: bit `n` of an index says whether `2^(32 n) P` is in it.
struct Comb(Vec<EdwardsPoint>);

impl Comb {
    fn of(point: EdwardsPoint) -> Self {
        let mut sums = vec![EdwardsPoint::identity()];
        let mut tooth = point;
        for _ in 0..TEETH {
            let with_tooth: Vec<_> = sums.iter().map(|sum| sum + tooth).collect();
            sums.extend(with_tooth);
            tooth = (0..STRIDE).fold(tooth, |tooth, _| tooth + tooth);
        }
        Self(sums)
    }
}

fn sum_of_products(products: [(&Comb, &Scalar); 2]) -> EdwardsPoint {
    let products = products.map(|(comb, scalar)| (comb, choices(scalar)));
    let mut sum = EdwardsPoint::identity();
    for step in (0..STRIDE).rev() {
        sum += sum;
        for (comb, choices) in &products {
            match choices[step] {
                0 => {}
                choice => sum += &comb.0[usize::from(choice)],
            }
        }
    }
    sum
}

/// Which of the sums a scalar chooses at each step.
fn choices(scalar: &Scalar) -> [u8; STRIDE] {
    let (words, _) = scalar.as_bytes().as_chunks::<{ STRIDE / 8 }>();
    let mut choices = [0; STRIDE];
    for (tooth, word) in words.iter().enumerate() {
        let word = u32::from_le_bytes(*word);
        for (step, choice) in choices.iter_mut().enumerate() {
            *choice |= ((word >> step & 1) as u8) << tooth;
        }
    }
    choices
}
