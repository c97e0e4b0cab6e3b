//! Fixed-point arithmetic: exact integers in, exact integers out, the same on every machine.
//!
//! Fractions in [0, 1] are [`Fraction`]s with 2³⁰ for one. Everything rounds down, so that no rounding ever creates
//! trust.

/// A fraction in [0, 1]; [`ONE`] is one.
pub(crate) type Fraction = u32;

/// One, as a [`Fraction`].
pub(crate) const ONE: Fraction = 1 << 30;

/// One millionth is the unit of parameters, values and ages.
pub(crate) const MILLION: u64 = 1_000_000;

/// `part / whole` as a [`Fraction`]; `part ≤ whole`, and 0/0 is 0. The error is at most one part in 2³⁰.
///
/// Needs a 64-bit division only: wide operands first lose their low bits, both by the same shift.
#[inline]
pub(crate) fn ratio(part: u64, whole: u64) -> Fraction {
    if whole == 0 {
        return 0;
    }
    // The whole is brought below 2³³, so that part · 2³⁰ fits 63 bits.
    let shift = 31u32.saturating_sub(whole.leading_zeros());
    let (part, whole) = (part.min(whole) >> shift, whole >> shift);
    ((part << 30) / whole) as Fraction
}

/// `a · b` for two fractions.
pub(crate) fn times(a: Fraction, b: Fraction) -> Fraction {
    ((u64::from(a) * u64::from(b)) >> 30) as Fraction
}

/// Millionths in units where a million is [`ONE`]; more than a million is allowed.
pub(crate) fn scaled(millionths: u32) -> u64 {
    // As `ratio`, but by a constant: no division.
    (u64::from(millionths) << 30) / MILLION
}

/// Millionths as a [`Fraction`]; more than a million counts as one.
pub(crate) fn from_millionths(value: u32) -> Fraction {
    scaled(value.min(MILLION as u32)) as Fraction
}

/// Root tables: entry `i` of table `t` is 2^(−i/2^(8·(t+1))), scaled by 2⁶².
const ROOTS: [[u64; 256]; 3] = roots();

const fn roots() -> [[u64; 256]; 3] {
    // root[b] = 2^(−2^−(b+1)), scaled by 2⁶²: repeated integer square roots of one half.
    let mut root = [0u64; 24];
    let mut last: u128 = 1 << 61;
    let mut bit = 0;
    while bit < 24 {
        last = (last << 62).isqrt();
        root[bit] = last as u64;
        bit += 1;
    }
    let mut tables = [[0u64; 256]; 3];
    let mut table = 0;
    while table < 3 {
        let mut i = 0;
        while i < 256 {
            let mut product: u128 = 1 << 62;
            let mut bit = 0;
            while bit < 8 {
                if i >> (7 - bit) & 1 == 1 {
                    product = (product * root[table * 8 + bit] as u128) >> 62;
                }
                bit += 1;
            }
            tables[table][i] = product as u64;
            i += 1;
        }
        table += 1;
    }
    tables
}

/// What an amount keeps over a span of time: `2^(−elapsed/half_life)`.
///
/// The exponent has 24 binary places, so the result is exact to about one part in 10⁷.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Halving {
    /// Scaled by 2^`places`.
    factor: u64,
    places: u32,
}

impl Halving {
    /// The decay after `elapsed_ms`. If that is negative, amounts grow, at most fourfold. `half_life_ms` > 0.
    pub(crate) fn after(elapsed_ms: i64, half_life_ms: u64) -> Self {
        // Elapsed half-lives with 24 binary places; within ±17 years a 64-bit division is enough.
        const NARROW: i64 = 1 << 39;
        let half_lives = match i64::try_from(half_life_ms.max(1)) {
            Ok(half_life) if (-NARROW..NARROW).contains(&elapsed_ms) => (elapsed_ms << 24).div_euclid(half_life),
            _ => {
                let half_lives = (i128::from(elapsed_ms) << 24).div_euclid(i128::from(half_life_ms.max(1)));
                half_lives.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
            }
        };
        // Moved up by two so that growth is a smaller halving.
        let exponent = half_lives.saturating_add(2 << 24).max(0);
        let whole = (exponent >> 24) as u64;
        if whole >= 66 {
            return Self { factor: 0, places: 0 };
        }
        let fraction = (exponent & 0xff_ffff) as usize;
        let mut factor = u128::from(ROOTS[0][fraction >> 16]);
        factor = (factor * u128::from(ROOTS[1][fraction >> 8 & 0xff])) >> 62;
        factor = (factor * u128::from(ROOTS[2][fraction & 0xff])) >> 62;
        Self { factor: factor as u64, places: 60 + whole as u32 }
    }

    /// What is left of an amount, rounded down.
    pub(crate) fn of(self, amount: u64) -> u64 {
        u64::try_from((u128::from(amount) * u128::from(self.factor)) >> self.places).unwrap_or(u64::MAX)
    }
}

/// ln(a / b) in thousandths of a nat, rounded down; `a`, `b` > 0.
pub(crate) fn ln_ratio_milli(a: u64, b: u64) -> i64 {
    // ln 2 · 1000, scaled by 2³²: floor(693.147… · 2³²).
    const LN2_MILLI: i128 = 2_977_044_471_838;
    ((i128::from(log2(a) - log2(b)) * LN2_MILLI) >> 64) as i64
}

/// log2(x) with 32 binary places, rounded down; 0 for 0.
fn log2(x: u64) -> i64 {
    let x = x.max(1);
    let whole = i64::from(63 - x.leading_zeros());
    // Mantissa in [1, 2), scaled by 2⁶³; each squaring yields one binary place.
    let mut mantissa = x << x.leading_zeros();
    let mut log = whole << 32;
    for place in (0..32).rev() {
        let square = (u128::from(mantissa) * u128::from(mantissa)) >> 63;
        if square >> 64 != 0 {
            mantissa = (square >> 1) as u64;
            log += 1 << place;
        } else {
            mantissa = square as u64;
        }
    }
    log
}

#[cfg(test)]
#[allow(clippy::float_arithmetic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn halved(amount: u64, elapsed_ms: i64, half_life_ms: u64) -> u64 {
        Halving::after(elapsed_ms, half_life_ms).of(amount)
    }

    proptest! {
        #[test]
        fn ratio_is_the_quotient(part in 0u64.., whole in 1u64..) {
            let part = part % whole;
            let want = part as f64 / whole as f64;
            prop_assert!((f64::from(ratio(part, whole)) / f64::from(ONE) - want).abs() < 3e-9);
        }

        #[test]
        fn halved_is_exp2(amount in 0u64..1 << 50, elapsed in -10_000_000_000i64..100_000_000_000, half_life in 7_776_000_000u64..20_000_000_000) {
            let want = amount as f64 * (-elapsed as f64 / half_life as f64).exp2();
            let got = halved(amount, elapsed, half_life) as f64;
            prop_assert!((got - want).abs() <= 1.0 + want * 1e-7, "{got} {want}");
        }

        #[test]
        fn halved_never_grows_with_time(amount in 0u64..1 << 60, elapsed in 0i64..1 << 45, more in 0i64..1 << 40, half_life in 1u64..1 << 40) {
            prop_assert!(halved(amount, elapsed + more, half_life) <= halved(amount, elapsed, half_life));
        }

        #[test]
        fn ln_is_ln(a in 1u64.., b in 1u64..) {
            let want = 1000.0 * (a as f64 / b as f64).ln();
            let got = ln_ratio_milli(a, b) as f64;
            prop_assert!(got <= want + 1e-3 && got >= want - 1.01, "{got} {want}");
        }
    }

    #[test]
    fn corners() {
        assert_eq!((ratio(0, 0), ratio(5, 5), ratio(u64::MAX, u64::MAX), ratio(1, 2)), (0, ONE, ONE, ONE / 2));
        assert_eq!((halved(1000, 0, 5), halved(1000, 5, 5), halved(1000, 10, 5)), (1000, 500, 250));
        assert_eq!((halved(1000, -5, 5), halved(1000, -500, 5), halved(u64::MAX, i64::MAX, 1)), (2000, 4000, 0));
        assert_eq!((ln_ratio_milli(7, 7), ln_ratio_milli(2, 1), ln_ratio_milli(1, 2)), (0, 693, -694));
        assert_eq!((times(ONE, ONE), times(ONE, 5), from_millionths(500_000)), (ONE, 5, ONE / 2));
    }
}
