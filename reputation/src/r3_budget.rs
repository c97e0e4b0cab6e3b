//! R3 budget: a voter's influence is spread over its live votes beyond the first B.

use crate::fixed::MILLION;

/// What one vote costs its voter, in millionths of a full vote's trust: `max(1, votes / B)`.
///
/// `cast` is the number of the voter's live votes in millionths, each counted with its decay (R5).
pub(crate) fn price(cast: u64, budget: u32) -> u64 {
    (cast / u64::from(budget)).max(MILLION)
}
